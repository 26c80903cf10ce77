//! How long answers took: their spread, and the classes of a histogram.
//!
//! Times of registries span four orders of magnitude, so the classes grow (1, 2, 5, 10, …), and all
//! endpoints of a run share them, so that their histograms can be compared by eye.

use std::ops::RangeInclusive;
use std::time::Duration;

/// Upper ends of the classes, in milliseconds; one more class is above the last.
const LIMITS_MS: [u64; 13] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000];
/// How many classes there are.
pub(super) const CLASSES: usize = LIMITS_MS.len() + 1;
/// A histogram of fewer looks like a bar.
const FEWEST_CLASSES: usize = 6;

/// The times of one endpoint, the shortest first; never empty.
#[derive(Clone, Debug)]
pub(super) struct Latencies(Vec<Duration>);

impl Latencies {
    /// `None` where nothing was timed.
    pub(super) fn of(mut times: Vec<Duration>) -> Option<Self> {
        times.sort_unstable();
        (!times.is_empty()).then_some(Self(times))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The time within which so many hundredths of the answers came (nearest rank).
    pub(super) fn percentile(&self, hundredths: usize) -> Duration {
        let rank = (self.0.len() * hundredths).div_ceil(100).max(1);
        self.0[rank.min(self.0.len()) - 1]
    }

    /// How many there are in each class.
    pub(super) fn classes(&self) -> [u64; CLASSES] {
        let mut counts = [0; CLASSES];
        for time in &self.0 {
            counts[class(*time)] += 1;
        }
        counts
    }
}

fn class(time: Duration) -> usize {
    LIMITS_MS.partition_point(|limit| Duration::from_millis(*limit) < time)
}

/// The classes that are shown: those in use by anybody, and some more where these are few.
pub(super) fn shown_classes<'a>(all: impl Iterator<Item = &'a Latencies>) -> RangeInclusive<usize> {
    let (mut first, mut last) = (CLASSES - 1, 0);
    for latencies in all {
        first = first.min(class(latencies.percentile(0)));
        last = last.max(class(latencies.percentile(100)));
    }
    while first > last || last - first + 1 < FEWEST_CLASSES {
        if last + 1 < CLASSES {
            last += 1;
        }
        first = first.min(last).saturating_sub(1);
    }
    first..=last
}

/// `10`, `2s`: where a class ends; empty for the last, which has no end.
pub(super) fn end(class: usize) -> String {
    match LIMITS_MS.get(class) {
        None => String::new(),
        Some(limit) if *limit >= 1000 => format!("{}s", limit / 1000),
        Some(limit) => limit.to_string(),
    }
}

/// `10 to 20 ms`
pub(super) fn span(class: usize) -> String {
    match (class.checked_sub(1).and_then(|before| LIMITS_MS.get(before)), LIMITS_MS.get(class)) {
        (None, Some(to)) => format!("up to {to} ms"),
        (Some(from), Some(to)) => format!("{from} to {to} ms"),
        (Some(from), None) => format!("more than {from} ms"),
        (None, None) => String::new(),
    }
}

/// `0.4 ms`, `12.3 ms`, `334 ms`, `2.50 s`: three digits or so.
pub(super) fn time(duration: Duration) -> String {
    match duration.as_micros() {
        micros @ ..100_000 => {
            let tenths = (micros + 50) / 100;
            format!("{}.{} ms", tenths / 10, tenths % 10)
        }
        micros @ ..1_000_000 => format!("{} ms", micros / 1000),
        micros => {
            let hundredths = micros / 10_000;
            format!("{}.{:02} s", hundredths / 100, hundredths % 100)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(millis: &[u64]) -> Latencies {
        Latencies::of(millis.iter().copied().map(Duration::from_millis).collect()).unwrap()
    }

    #[test]
    fn percentiles_are_times_that_were_measured() {
        let hundred: Vec<u64> = (1..=100).rev().collect();
        let times = of(&hundred);
        for (hundredths, millis) in [(0, 1), (1, 1), (50, 50), (95, 95), (100, 100)] {
            assert_eq!(times.percentile(hundredths), Duration::from_millis(millis));
        }
        assert_eq!(of(&[7]).percentile(50), Duration::from_millis(7));
        assert_eq!(of(&[7, 9]).percentile(50), Duration::from_millis(7));
        assert!(Latencies::of(Vec::new()).is_none());
    }

    #[test]
    fn a_time_belongs_to_the_class_that_ends_with_it() {
        let counts = of(&[0, 1, 2, 3, 10, 11, 10_000, 10_001]).classes();
        assert_eq!(counts, [2, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
        assert_eq!(
            (span(0), span(4), span(13)),
            ("up to 1 ms".into(), "10 to 20 ms".into(), "more than 10000 ms".into())
        );
        assert_eq!((end(0), end(9), end(13)), ("1".into(), "1s".into(), String::new()));
    }

    #[test]
    fn histograms_show_the_classes_in_use_and_at_least_six() {
        for (times, shown) in [
            (&[&[15u64][..]][..], 1..=7),
            (&[&[1]], 0..=5),
            (&[&[60_000]], 8..=13),
            (&[&[15], &[700, 30]], 4..=9),
            (&[&[0, 60_000]], 0..=13),
            (&[], 0..=5),
        ] {
            let times: Vec<_> = times.iter().map(|times| of(times)).collect();
            let classes = shown_classes(times.iter());
            assert!(classes.clone().count() >= FEWEST_CLASSES, "{classes:?}");
            assert!(times.iter().all(|times| {
                let counts = times.classes();
                (0..CLASSES).all(|class| counts[class] == 0 || classes.contains(&class))
            }));
            assert_eq!(classes, shown);
        }
    }

    #[test]
    fn times_have_about_three_digits() {
        for (micros, shown) in [
            (0, "0.0 ms"),
            (449, "0.4 ms"),
            (12_345, "12.3 ms"),
            (99_999, "100.0 ms"),
            (334_251, "334 ms"),
            (999_999, "999 ms"),
            (2_500_000, "2.50 s"),
            (61_234_567, "61.23 s"),
        ] {
            assert_eq!(time(Duration::from_micros(micros)), shown);
        }
    }
}
