//! How fast mirrors are, judged on many answers and never on one.

use std::time::Duration;

use super::baseline::{Baseline, Pace};
use super::policy::LatencyLimits;

/// Answers of a mirror below which its times are told and not judged.
pub const MIN_SAMPLES: u64 = 20;
/// A median that grew by less is not slower, whatever its share: that much is noise.
pub const NOISE: Duration = Duration::from_millis(5);

/// How fast one mirror was, and what that is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MirrorLatency {
    /// Index into [`crate::model::run::Run::endpoints`].
    pub endpoint: u32,
    /// Answers that were timed.
    pub samples: u64,
    /// Median time to the first byte.
    pub median: Duration,
    /// The time within which 95 of 100 first bytes came.
    pub p95: Duration,
    /// How fast it was before, where that is to be compared.
    pub before: Option<Pace>,
    /// How that was judged.
    pub ruling: Ruling,
}

/// How a mirror's times were judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// Within all limits.
    Within,
    /// Its 95th percentile is above the limit.
    TooSlow,
    /// Its median grew by more than allowed.
    Slower,
    /// Too few answers, now.
    TooFew,
    /// Too few answers in the baseline, or none.
    TooFewBefore,
}

impl Ruling {
    /// The word in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Within => "within",
            Self::TooSlow => "too_slow",
            Self::Slower => "slower",
            Self::TooFew => "too_few",
            Self::TooFewBefore => "too_few_before",
        }
    }

    /// Whether it fails the gate.
    #[must_use]
    pub const fn fails(self) -> bool {
        matches!(self, Self::TooSlow | Self::Slower)
    }
}

/// The time within which `percent` of 100 came (nearest rank). `sorted` is; of nothing it is zero.
#[must_use]
pub fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

/// The pace of these times, in whatever order.
#[must_use]
pub fn pace(mut times: Vec<Duration>) -> Pace {
    times.sort_unstable();
    Pace { samples: times.len() as u64, median: percentile(&times, 50) }
}

/// Judges the `times` of one mirror, called `name`.
pub(super) fn judge(
    limits: LatencyLimits,
    baseline: Option<&Baseline>,
    (endpoint, name): (u32, &str),
    mut times: Vec<Duration>,
) -> MirrorLatency {
    times.sort_unstable();
    let (samples, median, p95) = (times.len() as u64, percentile(&times, 50), percentile(&times, 95));
    let before = limits.max_slowdown.and(baseline).and_then(|baseline| baseline.paces.get(name)).copied();
    let may_compare = before.is_some_and(|before| before.samples >= MIN_SAMPLES);
    let ruling = if samples < MIN_SAMPLES {
        Ruling::TooFew
    } else if limits.max.is_some_and(|most| p95 > most) {
        Ruling::TooSlow
    } else {
        match (limits.max_slowdown.filter(|_| baseline.is_some()), before.filter(|_| may_compare)) {
            (Some(slowdown), Some(before)) => {
                let most = before.median.as_nanos() * (10_000 + u128::from(slowdown.0)) / 10_000;
                let is_noise = median <= before.median + NOISE;
                if median.as_nanos() > most && !is_noise { Ruling::Slower } else { Ruling::Within }
            }
            (Some(_), None) => Ruling::TooFewBefore,
            (None, _) => Ruling::Within,
        }
    };
    MirrorLatency { endpoint, samples, median, p95, before, ruling }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use time::macros::datetime;

    use super::super::policy::Slowdown;
    use super::*;

    fn millis(numbers: &[u64]) -> Vec<Duration> {
        numbers.iter().map(|number| Duration::from_millis(*number)).collect()
    }

    #[test]
    fn percentiles_are_times_that_occurred() {
        let times = millis(&(1..=20).collect::<Vec<_>>());
        for (percent, expected) in [(50, 10), (95, 19), (100, 20), (1, 1)] {
            assert_eq!(percentile(&times, percent), Duration::from_millis(expected), "{percent}");
        }
        assert_eq!(percentile(&[], 95), Duration::ZERO);
        assert_eq!(percentile(&millis(&[7]), 95), Duration::from_millis(7));
    }

    fn ruling(
        times: Vec<Duration>,
        max: Option<u64>,
        slowdown: Option<u32>,
        before: Option<(u64, u64)>,
    ) -> Ruling {
        let limits =
            LatencyLimits { max: max.map(Duration::from_millis), max_slowdown: slowdown.map(Slowdown) };
        let pace = |(samples, median)| Pace { samples, median: Duration::from_millis(median) };
        let baseline = Baseline {
            taken_at: datetime!(2025-01-01 0:00 UTC),
            images: BTreeSet::new(),
            mirrors: BTreeSet::new(),
            problems: BTreeMap::new(),
            paces: before.map(|before| ("m".into(), pace(before))).into_iter().collect(),
            vantages: BTreeSet::new(),
            unasked: BTreeSet::new(),
        };
        judge(limits, Some(&baseline), (0, "m"), times).ruling
    }

    #[test]
    fn times_are_judged_on_twenty_answers_or_more() {
        let slow = |count| millis(&vec![100; count]);
        let one_slow: Vec<_> = millis(&[&[10; 19][..], &[9_000]].concat());
        let two_slow: Vec<_> = millis(&[&[10; 18][..], &[9_000, 9_000]].concat());
        for (times, max, slowdown, before, expected) in [
            (slow(20), Some(99), None, None, Ruling::TooSlow),
            (slow(20), Some(100), None, None, Ruling::Within),
            (slow(19), Some(99), None, None, Ruling::TooFew),
            (slow(1), Some(1), Some(0), Some((20, 1)), Ruling::TooFew),
            (vec![], Some(1), None, None, Ruling::TooFew),
            // One slow answer of twenty is never what decides.
            (one_slow.clone(), Some(20), None, None, Ruling::Within),
            (two_slow, Some(20), None, None, Ruling::TooSlow),
            (one_slow, None, Some(1500), Some((20, 10)), Ruling::Within),
            (slow(20), None, Some(1500), Some((20, 86)), Ruling::Slower),
            (slow(20), None, Some(1500), Some((20, 87)), Ruling::Within),
            (slow(20), None, Some(0), Some((20, 95)), Ruling::Within),
            (slow(20), None, Some(0), Some((20, 94)), Ruling::Slower),
            (slow(20), None, Some(1500), Some((19, 1)), Ruling::TooFewBefore),
            (slow(20), None, Some(1500), None, Ruling::TooFewBefore),
            (slow(20), Some(99), Some(1500), None, Ruling::TooSlow),
        ] {
            assert_eq!(
                ruling(times.clone(), max, slowdown, before),
                expected,
                "{max:?} {slowdown:?} {before:?}"
            );
        }
    }
}
