//! What was known before: the problems of an earlier run, so that only what is new or worse fails.
//!
//! Whether a problem is known depends on statuses alone, not on the policy: accepting more can then never
//! make an old problem a new one.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use time::OffsetDateTime;

use crate::model::endpoint::Role;
use crate::model::scope::Vantage;
use crate::model::status::Status;

/// Which question a result answers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The image's normalised name.
    pub artifact: Box<str>,
    /// The endpoint's name.
    pub mirror: Box<str>,
    /// Upstream or mirror.
    pub role: Role,
}

/// A result that was not `ok`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What it was.
    pub status: Status,
    /// Why, as a code; one of a newer version may be among them.
    pub code: Box<str>,
    /// When it was first seen.
    pub since: OffsetDateTime,
}

impl Problem {
    /// Whether it is still what is known after a run that came to `now`: that run could not find out whether the worse
    /// thing is mended.
    #[must_use]
    pub const fn outlasts(&self, now: Status) -> bool {
        !is_found_out(now) && severity(self.status) > severity(now)
    }
}

/// How fast a mirror was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Answers that were timed.
    pub samples: u64,
    /// Median time to the first byte.
    pub median: Duration,
}

/// The problems of an earlier run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Baseline {
    /// When that run ended.
    pub taken_at: OffsetDateTime,
    /// Every image that it checked.
    pub images: BTreeSet<Box<str>>,
    /// Names of all who were asked.
    pub mirrors: BTreeSet<Box<str>>,
    /// What was not `ok` of all that counts for the gate.
    pub problems: BTreeMap<Key, Problem>,
    /// How fast each mirror was.
    pub paces: BTreeMap<Box<str>, Pace>,
    /// From where it was made, as far as that was said; not of what is put together from several vantage points, whose
    /// mirrors are named by them.
    pub vantages: BTreeSet<Vantage>,
    /// What an interrupted run left out: it says nothing of these. In no file, since there they are as if unknown.
    pub unasked: BTreeSet<Key>,
}

impl Baseline {
    /// Adds what another run found; of the same question the later run's answer holds.
    pub fn merge(&mut self, other: Self) {
        let (earlier, later) = if other.taken_at >= self.taken_at {
            (std::mem::replace(self, other), self)
        } else {
            (other, self)
        };
        for (key, problem) in earlier.problems {
            // What the later run found to be fine is no problem any more.
            let was_asked = !later.unasked.contains(&key)
                && later.images.contains(&key.artifact)
                && later.mirrors.contains(&key.mirror);
            let holds = match later.problems.get_mut(&key) {
                Some(now) if problem.outlasts(now.status) => true,
                // As old as it is, though the later run was not held against the earlier one.
                Some(now) => {
                    if severity(problem.status) >= severity(now.status) {
                        now.since = now.since.min(problem.since);
                    }
                    false
                }
                None => !was_asked,
            };
            if holds {
                later.problems.insert(key, problem);
            }
        }
        later.images.extend(earlier.images);
        later.mirrors.extend(earlier.mirrors);
        later.vantages.extend(earlier.vantages);
        for (mirror, pace) in earlier.paces {
            later.paces.entry(mirror).or_insert(pace);
        }
    }
}

/// How bad a status is, for comparing with an earlier one: equal or less is nothing new.
///
/// All ways of not finding out are alike. An image that cannot be pulled is worse than one that is old.
#[must_use]
pub const fn severity(status: Status) -> u8 {
    match status {
        Status::Ok => 0,
        Status::SameContent => 1,
        Status::Unverified => 2,
        Status::Denied
        | Status::RateLimited
        | Status::ServerError
        | Status::Unreachable
        | Status::NotChecked => 3,
        Status::Stale => 4,
        Status::Incomplete => 5,
        Status::Missing | Status::Invalid => 6,
    }
}

/// Whether the status says what the endpoint has; all others say that this is not known.
#[must_use]
pub const fn is_found_out(status: Status) -> bool {
    match status {
        Status::Ok
        | Status::SameContent
        | Status::Stale
        | Status::Missing
        | Status::Incomplete
        | Status::Invalid => true,
        Status::Unverified
        | Status::Denied
        | Status::RateLimited
        | Status::ServerError
        | Status::Unreachable
        | Status::NotChecked => false,
    }
}

/// How a problem compares with the baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The baseline has none like it.
    New {
        /// What it was, if it was not fine, and one of both says nothing of what the endpoint has.
        was: Option<Status>,
        /// When the baseline was taken.
        since: OffsetDateTime,
    },
    /// The baseline has a lesser one, and both say what the endpoint has.
    Worse {
        /// What it was.
        was: Status,
        /// When the baseline was taken.
        since: OffsetDateTime,
    },
    /// The baseline has it, or a worse one.
    Known {
        /// What it was.
        was: Status,
        /// When it was first seen.
        since: OffsetDateTime,
    },
}

impl Change {
    /// How `now`, which is not `ok`, compares with what the baseline has of the same question.
    #[must_use]
    pub fn of(baseline: &Baseline, earlier: Option<&Problem>, now: Status) -> Self {
        match earlier {
            Some(earlier) if severity(earlier.status) >= severity(now) => {
                Self::Known { was: earlier.status, since: earlier.since }
            }
            // Whoever could not find out, then or now, cannot say that it got worse.
            Some(earlier) if is_found_out(earlier.status) && is_found_out(now) => {
                Self::Worse { was: earlier.status, since: baseline.taken_at }
            }
            earlier => Self::New { was: earlier.map(|earlier| earlier.status), since: baseline.taken_at },
        }
    }

    /// Whether the baseline has it, so that it is not held against the image.
    #[must_use]
    pub const fn is_known(&self) -> bool {
        matches!(self, Self::Known { .. })
    }

    /// What it was, where it is no better and was not fine.
    #[must_use]
    pub const fn was(&self) -> Option<Status> {
        match self {
            Self::New { was, .. } => *was,
            Self::Worse { was, .. } | Self::Known { was, .. } => Some(*was),
        }
    }
}

/// A result that is better than in the baseline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Better {
    /// Index into [`crate::model::run::Run::results`].
    pub result: usize,
    /// What it was.
    pub was: Status,
    /// Since when it had been so.
    pub since: OffsetDateTime,
}

/// How a run compares with its baseline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// When the baseline was taken.
    pub taken_at: OffsetDateTime,
    /// What got better, in the order of the results.
    pub better: Vec<Better>,
    /// Problems of the baseline that nobody was asked about any more.
    pub gone: Vec<Key>,
}
