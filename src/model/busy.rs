//! When somebody was busy: stretches of time that may overlap, and how long they are together.
//!
//! Held in bounded room. Where there are more pauses than are kept apart, the shortest of them count as busy too.

use std::time::Duration;

/// Most stretches that are kept apart.
const MOST_STRETCHES: usize = 512;

/// The time covered by any of the stretches that were added. All times count from the same moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Busy {
    /// In order, with a pause between any two.
    stretches: Vec<(Duration, Duration)>,
}

impl Busy {
    /// From `began`, for so long.
    pub fn add(&mut self, began: Duration, took: Duration) {
        let (mut began, mut ended) = (began, began.saturating_add(took));
        let first = self.stretches.partition_point(|(_, end)| *end < began);
        let behind = self.stretches.partition_point(|(start, _)| *start <= ended);
        for (start, end) in self.stretches.drain(first..behind) {
            began = began.min(start);
            ended = ended.max(end);
        }
        self.stretches.insert(first, (began, ended));
        if self.stretches.len() > MOST_STRETCHES {
            self.close_shortest_pauses();
        }
    }

    /// How long that is.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.stretches.iter().map(|(began, ended)| ended.saturating_sub(*began)).sum()
    }

    /// Half of them at once, so that this is seldom done.
    fn close_shortest_pauses(&mut self) {
        let pause = |pair: &[(Duration, Duration)]| pair[1].0.saturating_sub(pair[0].1);
        let mut pauses: Vec<_> = self.stretches.windows(2).map(pause).collect();
        pauses.sort_unstable();
        let longest_closed = pauses[pauses.len() / 2];
        let mut kept: Vec<(Duration, Duration)> = Vec::with_capacity(MOST_STRETCHES);
        for (began, ended) in self.stretches.drain(..) {
            match kept.last_mut() {
                Some((_, last)) if began.saturating_sub(*last) <= longest_closed => *last = ended,
                _ => kept.push((began, ended)),
            }
        }
        self.stretches = kept;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn total(stretches: &[(u64, u64)]) -> u64 {
        let mut busy = Busy::default();
        for (began, took) in stretches {
            busy.add(seconds(*began), seconds(*took));
        }
        busy.total().as_secs()
    }

    #[test]
    fn time_that_two_share_counts_once_in_whatever_order_they_are_told() {
        for (stretches, expected) in [
            (&[][..], 0),
            (&[(5, 10)], 10),
            (&[(0, 10), (0, 10), (0, 10)], 10),
            (&[(0, 10), (5, 10)], 15),
            (&[(0, 10), (10, 10)], 20),
            (&[(0, 10), (20, 10)], 20),
            (&[(20, 10), (0, 10)], 20),
            (&[(0, 1), (4, 1), (8, 1), (0, 9)], 9),
            (&[(0, 9), (4, 1)], 9),
            (&[(0, 1), (4, 1), (8, 1), (1, 4)], 6),
            (&[(3, 0)], 0),
        ] {
            assert_eq!(total(stretches), expected, "{stretches:?}");
        }
    }

    #[test]
    fn endlessly_many_pauses_are_kept_in_bounded_room_and_the_long_ones_stay_pauses() {
        let mut busy = Busy::default();
        for number in 0..10_000 {
            // A second of work in two; and an hour's pause after each thousand.
            busy.add(seconds(number * 2 + number / 1000 * 3600), seconds(1));
            assert!(busy.stretches.len() <= MOST_STRETCHES);
        }
        let total = busy.total().as_secs();
        assert!((10_000..=20_000).contains(&total), "{total}");
    }

    #[test]
    fn a_stretch_beyond_all_time_ends_with_it() {
        let mut busy = Busy::default();
        busy.add(Duration::MAX, Duration::MAX);
        assert_eq!(busy.total(), Duration::ZERO);
    }
}
