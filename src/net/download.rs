//! A body that is read as it comes, however long it takes, as long as it comes fast enough.
//!
//! Bounds the rate, and the time where that is asked for: how much is read is for whoever reads. Its place (in the
//! host's window, and among the connections) is held until the end, or until this is dropped. Nothing is kept.

use std::any::Any;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, timeout_at};

use super::classify;
use super::meter::Flow;
use crate::model::fault::NetFault;

/// The least rate: so many bytes in each stretch of time, or the transfer counts as timed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeastRate {
    /// How long a stretch is.
    pub window: Duration,
    /// The least that must come in one.
    pub window_bytes: u64,
}

impl LeastRate {
    /// So many bytes a second, looked at after each `window`.
    #[must_use]
    pub const fn new(bytes_per_second: u64, window: Duration) -> Self {
        // Without milliseconds a short window would ask for nothing.
        #[allow(clippy::cast_possible_truncation)] // A window of so many years never ends.
        let millis = window.as_millis() as u64;
        Self { window, window_bytes: bytes_per_second.saturating_mul(millis) / 1000 }
    }
}

/// A body on its way.
#[derive(Debug)]
pub struct Download {
    response: reqwest::Response,
    promised_bytes: Option<u64>,
    received_bytes: u64,
    rate: LeastRate,
    window: Window,
    /// The most that any may take.
    longest: Duration,
    /// When this one must have ended, and how long that was from its beginning.
    deadline: Option<Deadline>,
    flow: Flow,
    _place: Box<dyn Any + Send + Sync>,
}

/// When a transfer must have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    at: Instant,
    within: Duration,
}

/// One stretch of time, and what came in it.
#[derive(Debug)]
struct Window {
    ends: Instant,
    bytes: u64,
}

impl Window {
    fn begin(rate: LeastRate) -> Self {
        let now = Instant::now();
        // One that is too long to be counted never ends.
        let ends = now.checked_add(rate.window).unwrap_or(now + Duration::from_secs(86_400 * 365));
        Self { ends, bytes: 0 }
    }
}

impl Download {
    pub(super) fn new(
        response: reqwest::Response,
        rate: LeastRate,
        longest: Duration,
        flow: Flow,
        place: impl Any + Send + Sync,
    ) -> Self {
        let promised_bytes = response.content_length();
        let window = Window::begin(rate);
        Self {
            response,
            promised_bytes,
            received_bytes: 0,
            rate,
            window,
            longest,
            deadline: None,
            flow,
            _place: Box::new(place),
        }
    }

    /// When so many bytes, from now on, must all be there: after the time that they take at the least rate, or after
    /// the longest that any may take.
    #[must_use]
    pub fn deadline(&self, bytes: u64) -> Deadline {
        let windows = bytes / self.rate.window_bytes.max(1);
        let windows = u32::try_from(windows.saturating_add(1)).unwrap_or(u32::MAX);
        let within = self.rate.window.saturating_mul(windows).min(self.longest);
        let now = Instant::now();
        Deadline { at: now.checked_add(within).unwrap_or(now + Duration::from_secs(86_400 * 365)), within }
    }

    /// Ends it at this time.
    pub const fn end_by(&mut self, deadline: Deadline) {
        self.deadline = Some(deadline);
    }

    /// When it was asked for, counted from the same moment for all of one client.
    #[must_use]
    pub fn began(&self) -> Duration {
        self.flow.began()
    }

    /// How long ago it was asked for.
    #[must_use]
    pub fn took(&self) -> Duration {
        self.flow.took()
    }

    /// Bytes that came so far.
    #[must_use]
    pub const fn received_bytes(&self) -> u64 {
        self.received_bytes
    }

    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// The body broke off, or came too slowly.
    pub async fn next(&mut self) -> Result<Option<Bytes>, NetFault> {
        loop {
            let until = self.deadline.map_or(self.window.ends, |deadline| deadline.at.min(self.window.ends));
            match timeout_at(until, self.response.chunk()).await {
                Ok(Ok(Some(bytes))) => {
                    self.flow.count(bytes.len());
                    let count = bytes.len() as u64;
                    self.window.bytes = self.window.bytes.saturating_add(count);
                    self.received_bytes = self.received_bytes.saturating_add(count);
                    return Ok(Some(bytes));
                }
                Ok(Ok(None)) => return Ok(None),
                Ok(Err(error)) => {
                    return Err(classify::body_fault(&error, self.received_bytes, self.promised_bytes));
                }
                Err(_) if until < self.window.ends => {
                    let within = self.deadline.map_or(self.longest, |deadline| deadline.within);
                    return Err(NetFault::TooLong { received_bytes: self.received_bytes, within });
                }
                Err(_) if self.window.bytes < self.rate.window_bytes.max(1) => {
                    return Err(NetFault::TooSlow {
                        received_bytes: self.window.bytes,
                        within: self.rate.window,
                    });
                }
                Err(_) => self.window = Window::begin(self.rate),
            }
        }
    }
}

impl Download {
    /// The next bytes, at least `limit` of them if there are so many, and why they ended early.
    pub async fn take(&mut self, limit: usize) -> (Vec<u8>, Option<NetFault>) {
        let mut taken = Vec::new();
        while taken.len() < limit {
            match self.next().await {
                Ok(Some(bytes)) => taken.extend_from_slice(&bytes),
                Ok(None) => break,
                Err(fault) => return (taken, Some(fault)),
            }
        }
        (taken, None)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, VecDeque};
    use std::convert::Infallible;
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use hyper::body::Frame;
    use tokio::time::Sleep;

    use super::super::authority::{Kind, LimitPolicy, Limits};
    use super::super::meter::Meter;
    use super::*;
    use crate::model::endpoint::Authority;

    const WINDOW: Duration = Duration::from_secs(15);

    /// Pieces that come after so many seconds each, and then the end or nothing.
    struct Slow {
        pieces: VecDeque<(u64, usize)>,
        sleep: Option<Pin<Box<Sleep>>>,
        ends: bool,
    }

    impl hyper::body::Body for Slow {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            let Some((seconds, bytes)) = self.pieces.front().copied() else {
                return if self.ends { Poll::Ready(None) } else { Poll::Pending };
            };
            let pause = Duration::from_secs(seconds);
            let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep(pause)));
            if sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.sleep = None;
            self.pieces.pop_front();
            Poll::Ready(Some(Ok(Frame::data(vec![0; bytes].into()))))
        }
    }

    fn limits() -> Limits {
        Limits::new(LimitPolicy {
            per_authority: 1,
            all: 1,
            paces: HashMap::new(),
            reserve: None,
            max_retry_after: Duration::ZERO,
        })
    }

    fn authority() -> Authority {
        Authority { scheme: "https".into(), host: "h".into(), port: 443 }
    }

    const LONGEST: Duration = Duration::from_secs(7200);

    fn of(response: reqwest::Response, rate: LeastRate, permit: crate::net::authority::Permit) -> Download {
        Download::new(response, rate, LONGEST, Meter::new().flow(Instant::now()), permit)
    }

    async fn download(pieces: &[(u64, usize)], ends: bool) -> Download {
        let body = Slow { pieces: pieces.iter().copied().collect(), sleep: None, ends };
        let response = http::Response::new(reqwest::Body::wrap(body)).into();
        let permit = limits().acquire(&authority(), Kind::Other).await.unwrap();
        of(response, LeastRate::new(10_240, WINDOW), permit)
    }

    /// Bytes that came, and the fault.
    async fn read(pieces: &[(u64, usize)], ends: bool) -> (u64, Option<NetFault>) {
        let mut download = download(pieces, ends).await;
        let (_, fault) = download.take(usize::MAX).await;
        (download.received_bytes(), fault)
    }

    fn too_slow(received_bytes: u64) -> Option<NetFault> {
        Some(NetFault::TooSlow { received_bytes, within: WINDOW })
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_transfer_that_keeps_its_rate_is_read_to_its_end() {
        // 16 KiB each second, for an hour.
        assert_eq!(read(&[(1, 16 << 10); 3600], true).await, (3600 * (16 << 10), None));
        // All at once at the end of each window is no less.
        assert_eq!(read(&[(14, 160_000); 20], true).await, (20 * 160_000, None));
        // What is soon over need not be fast.
        assert_eq!(read(&[(14, 1)], true).await, (1, None));
    }

    #[tokio::test(start_paused = true)]
    async fn a_transfer_below_the_rate_has_timed_out_after_one_window() {
        let began = Instant::now();
        // Seven pieces: at two seconds, four, … fourteen.
        let came = 7 * (16 << 10);
        assert_eq!(read(&[(2, 16 << 10); 3600], true).await, (came, too_slow(came)));
        assert_eq!(began.elapsed(), WINDOW);
    }

    #[tokio::test(start_paused = true)]
    async fn a_transfer_that_stops_has_timed_out_however_fast_it_was() {
        for (pieces, received) in [(&[][..], 0), (&[(1, 10 << 20)][..], 10 << 20)] {
            let began = Instant::now();
            assert_eq!(read(pieces, false).await, (received, too_slow(0)));
            assert!(began.elapsed() <= 2 * WINDOW);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_transfer_has_the_time_that_its_bytes_take_at_the_least_rate_and_never_more_than_the_longest() {
        for (declared, seconds) in
            [(0, 15), (1, 15), (153_600, 30), (100 * 153_600, 1515), (100 << 30, 7200), (u64::MAX, 7200)]
        {
            let began = Instant::now();
            // 16 KiB each second, without end.
            let mut download = download(&[(1, 16 << 10); 10_000], false).await;
            download.end_by(download.deadline(declared));
            let (_, fault) = download.take(usize::MAX).await;
            let within = Duration::from_secs(seconds);
            let received_bytes = download.received_bytes();
            assert_eq!(fault, Some(NetFault::TooLong { received_bytes, within }), "{declared}");
            assert_eq!(began.elapsed(), within, "{declared}");
            assert!(received_bytes >= (seconds - 1) * (16 << 10), "{declared}: {received_bytes}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_came_is_counted_whether_or_not_it_is_read_to_its_end() {
        let meter = Meter::new();
        tokio::time::sleep(WINDOW).await;
        let mut download = download(&[(1, 5), (1, 7), (1, 9)], true).await;
        download.flow = meter.flow(Instant::now());
        for _ in 0..2 {
            assert!(download.next().await.unwrap().is_some());
        }
        assert_eq!((download.began(), download.took()), (WINDOW, Duration::from_secs(2)));
        drop(download);
        assert_eq!(meter.bytes(), 12);
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_that_a_reader_takes_is_not_the_senders() {
        let mut download = download(&[(0, 1), (0, 1), (0, 1)], true).await;
        for _ in 0..3 {
            assert_eq!(download.next().await.unwrap().unwrap().len(), 1);
            tokio::time::sleep(10 * WINDOW).await;
        }
        assert_eq!(download.next().await, Ok(None));
    }

    #[tokio::test(start_paused = true)]
    async fn the_place_is_held_until_the_download_is_gone() {
        let limits = limits();
        let host = authority();
        let permit = limits.acquire(&host, Kind::Other).await.unwrap();
        let response = http::Response::new(reqwest::Body::wrap(Slow {
            pieces: VecDeque::new(),
            sleep: None,
            ends: true,
        }));
        let mut download = of(response.into(), LeastRate::new(1, WINDOW), permit);
        let mut other = Box::pin(limits.acquire(&host, Kind::Other));
        assert_eq!(download.next().await, Ok(None));
        assert!(tokio::time::timeout(WINDOW, &mut other).await.is_err());
        drop(download);
        assert!(other.await.is_ok());
    }

    #[test]
    fn a_rate_asks_for_its_bytes_in_each_window() {
        for (per_second, millis, bytes) in
            [(10_240, 15_000, 153_600), (10_240, 500, 5_120), (1, 999, 0), (u64::MAX, 2_000, u64::MAX / 1000)]
        {
            let rate = LeastRate::new(per_second, Duration::from_millis(millis));
            assert_eq!(rate.window_bytes, bytes, "{per_second} {millis}");
        }
    }
}
