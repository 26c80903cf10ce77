//! A configured number of requests a minute, as a token bucket.
//!
//! A few may go at once, the others evenly; in no minute are there more than were configured, because the
//! limits that this is for count so (DaoCloud once allowed 20 a minute). Pure: the time is an argument.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

/// The most requests that may go at once.
const MOST_AT_ONCE: u32 = 3;

/// The pace of one authority.
#[derive(Debug)]
pub(super) struct Pace {
    interval: Duration,
    /// How far ahead of an even pace requests may run.
    ahead: Duration,
    /// When the next one would go at an even pace.
    due: Option<Instant>,
}

impl Pace {
    /// So many requests in any minute.
    pub(super) fn new(per_minute: NonZeroU32) -> Self {
        let at_once = (per_minute.get() / 4).clamp(1, MOST_AT_ONCE);
        // What may go at once comes on top of what goes evenly in the same minute.
        let interval = Duration::from_secs(60) / (per_minute.get() - at_once + 1);
        Self { interval, ahead: interval * (at_once - 1), due: None }
    }

    /// When the next request may go, if that is not now.
    pub(super) fn wait_until(&self, now: Instant) -> Option<Instant> {
        // `due - ahead` might lie before the first instant there is.
        let due = self.due.filter(|due| *due > now + self.ahead)?;
        due.checked_sub(self.ahead)
    }

    /// A request goes.
    pub(super) fn sent(&mut self, now: Instant) {
        self.due = Some(self.due.map_or(now, |due| due.max(now)) + self.interval);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    fn pace(per_minute: u32) -> Pace {
        Pace::new(NonZeroU32::new(per_minute).unwrap())
    }

    /// Milliseconds at which `count` requests go that are all there from the start.
    fn times(pace: &mut Pace, count: usize) -> Vec<u128> {
        let start = Instant::now();
        let mut now = start;
        let mut send = || {
            now = pace.wait_until(now).unwrap_or(now);
            pace.sent(now);
            now.duration_since(start).as_millis()
        };
        (0..count).map(|_| send()).collect()
    }

    #[test]
    fn a_few_go_at_once_and_the_others_evenly() {
        for (per_minute, expected) in [
            (1, [0, 60_000, 120_000, 180_000, 240_000]),
            (2, [0, 30_000, 60_000, 90_000, 120_000]),
            (8, [0, 0, 8_571, 17_142, 25_714]),
            (20, [0, 0, 0, 3_333, 6_666]),
            (6000, [0, 0, 0, 10, 20]),
        ] {
            assert_eq!(times(&mut pace(per_minute), 5), expected, "{per_minute}");
        }
    }

    #[test]
    fn no_minute_has_more_than_was_configured() {
        for per_minute in [1u32, 2, 3, 5, 20, 61, 300] {
            let mut last_minute = VecDeque::new();
            for time in times(&mut pace(per_minute), 1_000) {
                last_minute.push_back(time);
                // Times are cut to milliseconds.
                while last_minute.front().is_some_and(|first| first + 59_998 < time) {
                    last_minute.pop_front();
                }
                assert!(last_minute.len() <= per_minute as usize, "{per_minute} at {time}");
            }
        }
    }

    #[test]
    fn a_pause_gives_back_no_more_than_what_may_go_at_once() {
        let mut pace = pace(20);
        times(&mut pace, 10);
        let mut now = Instant::now() + Duration::from_secs(3600);
        let mut at_once = 0;
        while pace.wait_until(now).is_none() {
            pace.sent(now);
            at_once += 1;
        }
        assert_eq!(at_once, 3);
        now = pace.wait_until(now).unwrap();
        assert_eq!(pace.wait_until(now), None);
    }
}
