//! What a user accepts.

use std::num::NonZeroUsize;
use std::str::FromStr;

use thiserror::Error;

use crate::model::run::CheckResult;
use crate::model::status::Status;

/// What a status does to the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Fine.
    Pass,
    /// Fine, but told.
    Warn,
    /// Could not find out.
    Undecided,
    /// Not fine.
    Fail,
}

/// How many of an image's mirrors must be fine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Require {
    /// Every one.
    #[default]
    All,
    /// At least one.
    Any,
    /// At least so many.
    AtLeast(NonZeroUsize),
}

impl FromStr for Require {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        match text {
            "all" => Ok(Self::All),
            "any" => Ok(Self::Any),
            number => number.parse().map(Self::AtLeast).map_err(|_| PolicyError::Require(text.to_owned())),
        }
    }
}

/// Contradictions in a policy.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PolicyError {
    /// Not `all`, `any` or a number from 1.
    #[error("'{0}' is neither 'all' nor 'any' nor a number from 1")]
    Require(String),
    /// The same status in both lists.
    #[error("status '{0}' is both to fail and to be allowed")]
    Contradiction(Status),
}

/// The gate's rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// How many of an image's mirrors must be fine.
    pub require: Require,
    fail_on: Vec<Status>,
    allow: Vec<Status>,
}

impl Policy {
    /// The default levels, with `fail_on` made to fail and `allow` made to pass.
    ///
    /// # Errors
    /// A status stands in both lists.
    pub fn new(require: Require, fail_on: Vec<Status>, allow: Vec<Status>) -> Result<Self, PolicyError> {
        match fail_on.iter().find(|status| allow.contains(status)) {
            Some(status) => Err(PolicyError::Contradiction(*status)),
            None => Ok(Self { require, fail_on, allow }),
        }
    }

    /// What a result does: as its status says, but for a mirror that is behind for less than the grace.
    #[must_use]
    pub fn level_of(&self, result: &CheckResult) -> Level {
        let level = self.level(result.verdict.code.status());
        if result.is_within_grace() { level.min(Level::Warn) } else { level }
    }

    /// What `status` does under this policy.
    #[must_use]
    pub fn level(&self, status: Status) -> Level {
        if self.fail_on.contains(&status) {
            Level::Fail
        } else if self.allow.contains(&status) {
            Level::Pass
        } else {
            super::default_level(status)
        }
    }
}
