//! A body that is read as it comes, however long it takes, as long as it comes fast enough.
//!
//! Bounds nothing but the rate: how much is read is for whoever reads. The place in the host's window is
//! held until the end, or until this is dropped. Nothing is kept.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, timeout_at};

use super::authority::Permit;
use super::classify;
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
    _permit: Permit,
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
    pub(super) fn new(response: reqwest::Response, rate: LeastRate, permit: Permit) -> Self {
        let promised_bytes = response.content_length();
        let window = Window::begin(rate);
        Self { response, promised_bytes, received_bytes: 0, rate, window, _permit: permit }
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
            match timeout_at(self.window.ends, self.response.chunk()).await {
                Ok(Ok(Some(bytes))) => {
                    let count = bytes.len() as u64;
                    self.window.bytes = self.window.bytes.saturating_add(count);
                    self.received_bytes = self.received_bytes.saturating_add(count);
                    return Ok(Some(bytes));
                }
                Ok(Ok(None)) => return Ok(None),
                Ok(Err(error)) => {
                    return Err(classify::body_fault(&error, self.received_bytes, self.promised_bytes));
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
    use super::*;

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
