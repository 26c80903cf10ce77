//! Applies this user's policy to verdicts: pass, fail or undecided. Pure; knows no report format.

mod policy;

pub use policy::{Level, Policy, PolicyError, Require};

use crate::model::run::{CheckResult, Counts, Run};
use crate::model::status::Status;

/// How the gate came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Every image can be had as the policy demands.
    Pass,
    /// Nothing failed, but for some image it could not be found out.
    Undecided,
    /// Some image cannot be had as the policy demands.
    Fail,
}

impl Outcome {
    /// The word in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Undecided => "undecided",
            Self::Fail => "fail",
        }
    }
}

/// What the policy says of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The run as a whole: the worst of its images.
    pub outcome: Outcome,
    /// One outcome for each image, in the order of [`Run::images`].
    pub images: Vec<Outcome>,
}

impl Decision {
    /// How many images came out so.
    #[must_use]
    pub fn count(&self, outcome: Outcome) -> usize {
        self.images.iter().filter(|image| **image == outcome).count()
    }
}

/// Judges a run by `policy`.
#[must_use]
pub fn decide(policy: &Policy, run: &Run) -> Decision {
    let mut tallies = vec![Tally::default(); run.images.len()];
    for result in &run.results {
        if result.counts == Counts::ForGate {
            tallies[result.image as usize].add(policy.level_of(result));
        }
    }
    let images: Vec<_> = tallies.iter().map(|tally| tally.outcome(policy.require)).collect();
    let outcome = images.iter().copied().max().unwrap_or(Outcome::Pass);
    Decision { outcome, images }
}

/// Judges one image by `policy`, from all its results.
#[must_use]
pub fn decide_image<'a>(policy: &Policy, results: impl IntoIterator<Item = &'a CheckResult>) -> Outcome {
    let mut tally = Tally::default();
    for result in results.into_iter().filter(|result| result.counts == Counts::ForGate) {
        tally.add(policy.level_of(result));
    }
    tally.outcome(policy.require)
}

#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    passed: usize,
    undecided: usize,
    failed: usize,
}

impl Tally {
    fn add(&mut self, level: Level) {
        match level {
            Level::Pass | Level::Warn => self.passed += 1,
            Level::Undecided => self.undecided += 1,
            Level::Fail => self.failed += 1,
        }
    }

    fn outcome(self, require: Require) -> Outcome {
        let asked = self.passed + self.undecided + self.failed;
        let needed = match require {
            Require::All => asked,
            Require::Any => asked.min(1),
            Require::AtLeast(number) => number.get().min(asked),
        };
        if self.passed >= needed {
            Outcome::Pass
        } else if self.passed + self.undecided >= needed {
            Outcome::Undecided
        } else {
            Outcome::Fail
        }
    }
}

/// What a status means under the default policy.
#[must_use]
pub const fn default_level(status: Status) -> Level {
    match status {
        Status::Ok => Level::Pass,
        Status::SameContent | Status::Unverified => Level::Warn,
        Status::Stale | Status::Missing | Status::Incomplete | Status::Invalid => Level::Fail,
        Status::Denied
        | Status::RateLimited
        | Status::ServerError
        | Status::Unreachable
        | Status::NotChecked => Level::Undecided,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroUsize;

    #[test]
    fn requirements_count_what_may_still_pass() {
        let two = Require::AtLeast(NonZeroUsize::new(2).unwrap());
        for (levels, require, outcome) in [
            (&[Level::Pass, Level::Warn][..], Require::All, Outcome::Pass),
            (&[Level::Pass, Level::Undecided], Require::All, Outcome::Undecided),
            (&[Level::Undecided, Level::Fail], Require::All, Outcome::Fail),
            (&[Level::Pass, Level::Fail], Require::Any, Outcome::Pass),
            (&[Level::Undecided, Level::Fail], Require::Any, Outcome::Undecided),
            (&[Level::Fail, Level::Fail], Require::Any, Outcome::Fail),
            (&[Level::Pass, Level::Pass, Level::Fail], two, Outcome::Pass),
            (&[Level::Pass, Level::Undecided, Level::Fail], two, Outcome::Undecided),
            (&[Level::Pass, Level::Fail, Level::Fail], two, Outcome::Fail),
            // Images without a mirror are asked at upstream alone.
            (&[Level::Pass], two, Outcome::Pass),
        ] {
            let mut tally = Tally::default();
            levels.iter().for_each(|level| tally.add(*level));
            assert_eq!(tally.outcome(require), outcome, "{levels:?} {require:?}");
        }
    }
}
