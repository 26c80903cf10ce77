//! How many requests to one authority may be on the wire at once: found out, not fixed.
//!
//! It starts small and grows fourfold with each round trip while answers come, up to its limit; 429 and 503
//! halve it, once for all that were sent before (TCP's congestion window, with HTTP's own words for loss).
//! Latency that doubles means a queue at the other end: growth stops, and the window shrinks gently. Pure.

use std::time::Duration;

/// The window of an unknown host, up to the usual limit. Whoever allows more than that has said that the
/// host can take it, and begins at half: each doubling costs a round trip.
const FIRST: usize = 4;
/// The usual limit.
const USUAL: usize = 16;
/// What each answer adds while the window is still being found out.
const GROWTH: f64 = 3.0;
/// Latency above so many times the best is rising.
const RISING: f64 = 2.0;
/// Below this, latency is noise: a loopback answer takes 1 ms or 5 without meaning anything by it.
const NOISE_SECONDS: f64 = 0.020;
/// Answers without which nothing is said of latency.
const SAMPLES: u32 = 8;
/// Weight of a new answer in the smoothed latency.
const WEIGHT: f64 = 1.0 / 8.0;
/// How quickly a lastingly slower host becomes the new normal.
const DRIFT: f64 = 1.0 / 256.0;

/// The window of one authority.
#[derive(Debug)]
pub(super) struct Window {
    size: f64,
    first: f64,
    limit: f64,
    /// From here on it grows by one for each window of answers.
    steep_below: f64,
    /// Requests with a ticket below this belong to a burst that was answered for already.
    burst_end: u64,
    smoothed: Option<f64>,
    best: f64,
    samples: u32,
    /// Answers since it last shrank for latency.
    slow_answers: f64,
}

impl Window {
    /// A window of at most `limit` requests.
    pub(super) fn new(limit: usize) -> Self {
        let limit = limit.max(1);
        let first = if limit <= USUAL { FIRST.min(limit) } else { limit / 2 };
        Self {
            size: as_float(first),
            first: as_float(first),
            limit: as_float(limit),
            steep_below: as_float(limit),
            burst_end: 0,
            smoothed: None,
            best: f64::INFINITY,
            samples: 0,
            slow_answers: 0.0,
        }
    }

    /// How many requests may be on the wire now; at least one.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 1 to the limit")]
    pub(super) const fn size(&self) -> usize {
        self.size as usize
    }

    /// An answer that says nothing against more.
    pub(super) fn answered(&mut self, latency: Duration) {
        self.learn(latency.as_secs_f64());
        if self.is_rising() {
            self.steep_below = self.steep_below.min(self.size);
            self.slow_answers += 1.0;
            if self.slow_answers >= self.size {
                self.slow_answers = 0.0;
                // What was given to begin with is only taken by a server that says so.
                self.size = (self.size - 1.0).max(self.first.min(self.size));
            }
            return;
        }
        self.slow_answers = 0.0;
        self.size = if self.size < self.steep_below {
            (self.size + GROWTH).min(self.steep_below)
        } else {
            (self.size + 1.0 / self.size).min(self.limit)
        };
    }

    /// 429 or 503 to the request with this ticket; the next request will have the ticket `next`.
    pub(super) fn pushed_back(&mut self, ticket: u64, next: u64) {
        if ticket < self.burst_end {
            return;
        }
        self.burst_end = next;
        self.size = (self.size / 2.0).floor().max(1.0);
        self.steep_below = self.size;
    }

    fn learn(&mut self, seconds: f64) {
        let smoothed = self.smoothed.map_or(seconds, |before| before + (seconds - before) * WEIGHT);
        self.smoothed = Some(smoothed);
        self.samples = self.samples.saturating_add(1);
        if self.samples >= SAMPLES {
            self.best = self.best.min(smoothed);
            self.best += (smoothed - self.best) * DRIFT;
        }
    }

    fn is_rising(&self) -> bool {
        self.smoothed.is_some_and(|smoothed| smoothed > self.best * RISING + NOISE_SECONDS)
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of requests are far below 2^52")]
const fn as_float(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const QUICK: Duration = Duration::from_millis(50);

    /// The sizes after each of `rounds` full windows of answers.
    fn grown(limit: usize, rounds: usize) -> Vec<usize> {
        let mut window = Window::new(limit);
        let round = |window: &mut Window| {
            (0..window.size()).for_each(|_| window.answered(QUICK));
            window.size()
        };
        std::iter::once(window.size())
            .chain((0..rounds).map(|_| round(&mut window)).collect::<Vec<_>>())
            .collect()
    }

    #[test]
    fn a_window_starts_small_and_grows_fourfold_with_each_round_trip() {
        for (limit, sizes) in [
            (1, [1, 1, 1]),
            (3, [3, 3, 3]),
            (4, [4, 4, 4]),
            (16, [4, 16, 16]),
            (17, [8, 17, 17]),
            (40, [20, 40, 40]),
            (64, [32, 64, 64]),
            (256, [128, 256, 256]),
        ] {
            assert_eq!(grown(limit, 2), sizes, "limit {limit}");
        }
        assert_eq!(Window::new(0).size(), 1);
    }

    #[test]
    fn a_window_halves_once_for_each_burst_and_never_below_one() {
        let mut window = Window::new(16);
        (0..4).for_each(|_| window.answered(QUICK));
        assert_eq!(window.size(), 16);
        // (ticket that is pushed back, next ticket, size then)
        for (ticket, next, size) in [
            (4, 20, 8),
            (5, 20, 8),
            (19, 28, 8),
            (20, 28, 4),
            (27, 32, 4),
            (28, 32, 2),
            (32, 34, 1),
            (34, 35, 1),
        ] {
            window.pushed_back(ticket, next);
            assert_eq!(window.size(), size, "ticket {ticket}");
        }
    }

    #[test]
    fn after_a_push_back_a_window_grows_by_one_for_each_window_of_answers() {
        let mut window = Window::new(16);
        (0..4).for_each(|_| window.answered(QUICK));
        window.pushed_back(4, 20);
        let mut sizes = Vec::new();
        for _ in 0..4 {
            (0..=window.size()).for_each(|_| window.answered(QUICK));
            sizes.push(window.size());
        }
        assert_eq!(sizes, [9, 10, 11, 12]);
        (0..1000).for_each(|_| window.answered(QUICK));
        assert_eq!(window.size(), 16);
    }

    #[test]
    fn rising_latency_stops_growth_and_shrinks_gently_to_where_it_began() {
        let mut window = Window::new(128);
        (0..12).for_each(|_| window.answered(QUICK));
        let before = window.size();
        assert_eq!(before, 100);
        let slow = Duration::from_millis(400);
        (0..10).for_each(|_| window.answered(slow));
        assert!((before..before + 9).contains(&window.size()), "{}", window.size());
        let at_most = window.size();
        (0..at_most * 2).for_each(|_| window.answered(slow));
        assert!((at_most - 3..at_most).contains(&window.size()), "{}", window.size());
        // Ever slower: down to the first window, and no further.
        let mut latency = 0.4;
        for _ in 0..20_000 {
            latency *= 1.01;
            window.answered(Duration::from_secs_f64(f64::min(latency, 1e6)));
            assert!(window.size() >= 64);
        }
    }

    #[test]
    fn a_host_that_is_slower_for_good_is_not_held_down_for_good() {
        let mut window = Window::new(64);
        (0..12).for_each(|_| window.answered(QUICK));
        (0..5_000).for_each(|_| window.answered(Duration::from_millis(400)));
        assert_eq!(window.size(), 64);
    }

    #[test]
    fn jitter_on_loopback_is_not_rising_latency() {
        let mut window = Window::new(64);
        for answer in 0..1_000u64 {
            window.answered(Duration::from_micros(300 + (answer * 7_919) % 19_000));
        }
        assert_eq!(window.size(), 64);
    }

    proptest! {
        #[test]
        fn a_window_stays_between_one_and_its_limit(
            limit in 0usize..500,
            events in prop::collection::vec((any::<bool>(), 0u64..10_000_000, 0u64..4), 0..300),
        ) {
            let mut window = Window::new(limit);
            let mut next = 0;
            for (is_good, micros, age) in events {
                next += 1;
                if is_good {
                    window.answered(Duration::from_micros(micros));
                } else {
                    window.pushed_back(next - age.min(next), next);
                }
                prop_assert!((1..=limit.max(1)).contains(&window.size()));
            }
        }
    }
}
