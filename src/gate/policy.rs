//! What a user accepts.
//!
//! Levels belong to statuses; an [`Exception`] changes them for one image or mirror and a while. How many
//! mirrors must be fine is said for all of them, or for groups.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

use super::exception::Exception;
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

impl Level {
    /// The word in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Undecided => "undecided",
            Self::Fail => "fail",
        }
    }

    /// Whether a result of this level is held against its image.
    #[must_use]
    pub const fn is_problem(self) -> bool {
        matches!(self, Self::Undecided | Self::Fail)
    }
}

/// Which of an image's mirrors must be fine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Require {
    /// Every one.
    #[default]
    All,
    /// At least one.
    Any,
    /// At least so many.
    AtLeast(NonZeroUsize),
    /// These; where none of them stands in for an image's registry, every one.
    Named(Vec<Box<str>>),
    /// These, and mirrors as they are seen from somewhere else: where none of these stands in for an image's registry,
    /// none.
    Elsewhere(Vec<Box<str>>),
}

impl FromStr for Require {
    type Err = PolicyError;

    /// `all`, `any`, a number from 1, or names with commas between them.
    fn from_str(text: &str) -> Result<Self, PolicyError> {
        let is_number = text.trim_start_matches(['-', '+']).bytes().all(|b| b.is_ascii_digit());
        match text {
            "all" => Ok(Self::All),
            "any" => Ok(Self::Any),
            number if is_number => {
                number.parse().map(Self::AtLeast).map_err(|_| PolicyError::Require(text.to_owned()))
            }
            names => {
                let names: Vec<Box<str>> = names.split(',').map(|name| name.trim().into()).collect();
                match names.iter().any(|name| name.is_empty()) {
                    true => Err(PolicyError::Require(text.to_owned())),
                    false => Ok(Self::Named(names)),
                }
            }
        }
    }
}

/// Contradictions in a policy.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PolicyError {
    /// Not `all`, `any`, a number from 1 or names.
    #[error("'{0}' is neither 'all' nor 'any' nor a number from 1 nor names of mirrors, with commas between")]
    Require(String),
    /// The same status in both lists.
    #[error("status '{0}' is both to fail and to be allowed")]
    Contradiction(Status),
    /// The same status in two lists.
    #[error("status '{status}' has two levels: '{}' and '{}'", one.as_str(), other.as_str())]
    TwoLevels {
        /// The status.
        status: Status,
        /// The level of one list.
        one: Level,
        /// The level of the other.
        other: Level,
    },
    /// Not a share of one hundred.
    #[error("'{0}' is no share such as 15%")]
    Slowdown(String),
    /// A share without its sign: 0.15 may be meant as either.
    #[error("'{text}' has no sign, and means nothing without: write {meant}")]
    Unsigned {
        /// What was typed.
        text: String,
        /// What may have been meant.
        meant: String,
    },
}

/// Mirrors with a requirement of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// What it is called.
    pub name: Box<str>,
    /// Names of its mirrors.
    pub mirrors: Vec<Box<str>>,
    /// Which of them must be fine.
    pub require: Require,
    /// Where it is said.
    pub place: Box<str>,
}

/// How much slower a mirror may get: hundredths of a percent of its earlier median.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slowdown(pub u32);

impl FromStr for Slowdown {
    type Err = PolicyError;

    /// `15%`, `7.5%`: never without the sign.
    fn from_str(text: &str) -> Result<Self, PolicyError> {
        let fault = || PolicyError::Slowdown(text.to_owned());
        let number = text.strip_suffix('%').unwrap_or(text).trim();
        let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
        let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !is_digits(whole) || !is_digits(part) || part.len() > 2 || whole.len() > 5 {
            return Err(fault());
        }
        let hundredths: u32 = format!("{part:0<2}").parse().map_err(|_| fault())?;
        let whole: u32 = whole.parse().map_err(|_| fault())?;
        let slowdown = Self(whole * 100 + hundredths);
        match (text.ends_with('%'), slowdown.0) {
            (true, _) => Ok(slowdown),
            (false, 1..100) => {
                let meant = format!("{slowdown} or {}", Self(slowdown.0 * 100));
                Err(PolicyError::Unsigned { text: text.to_owned(), meant })
            }
            (false, _) => Err(PolicyError::Unsigned { text: text.to_owned(), meant: slowdown.to_string() }),
        }
    }
}

impl std::fmt::Display for Slowdown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.0 / 100, self.0 % 100) {
            (whole, 0) => write!(f, "{whole}%"),
            (whole, part) if part % 10 == 0 => write!(f, "{whole}.{}%", part / 10),
            (whole, part) => write!(f, "{whole}.{part:02}%"),
        }
    }
}

/// How slow mirrors may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LatencyLimits {
    /// Longest time to the first byte for 95 of 100 answers of a mirror.
    pub max: Option<Duration>,
    /// How much the median may grow beyond that of the baseline.
    pub max_slowdown: Option<Slowdown>,
}

impl LatencyLimits {
    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.max.is_none() && self.max_slowdown.is_none()
    }
}

/// The gate's rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Which of an image's mirrors must be fine, but for those in [`Self::groups`].
    pub require: Require,
    /// Where that is said.
    pub require_place: Box<str>,
    /// Mirrors with a requirement of their own.
    pub groups: Vec<Group>,
    /// What is judged otherwise for a while; the first that matches a result holds.
    pub exceptions: Vec<Exception>,
    /// How slow mirrors may be.
    pub latency: LatencyLimits,
    /// Where mirrors are configured, by their own names, as `file:line`.
    pub mirror_places: BTreeMap<Box<str>, Box<str>>,
    /// What each status does, exceptions aside.
    pub levels: Levels,
    /// What of the policy is not judged in this run.
    pub unjudged: Vec<Unjudged>,
}

/// A requirement that hangs on mirrors as they are seen from somewhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unjudged {
    /// `require`, or the name of the group.
    pub what: Box<str>,
    /// Where it is said.
    pub place: Box<str>,
    /// The mirrors that are seen from elsewhere, as the policy names them.
    pub elsewhere: Vec<Box<str>>,
}

/// What each status does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Levels([Level; Status::ALL.len()]);

impl Default for Levels {
    fn default() -> Self {
        Self(Status::ALL.map(super::default_level))
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            require: Require::All,
            require_place: "--require".into(),
            groups: Vec::new(),
            exceptions: Vec::new(),
            latency: LatencyLimits::default(),
            mirror_places: BTreeMap::new(),
            levels: Levels::default(),
            unjudged: Vec::new(),
        }
    }
}

impl Policy {
    /// The default levels, with `fail_on` made to fail and `allow` made to pass.
    ///
    /// # Errors
    /// A status stands in both lists.
    pub fn new(require: Require, fail_on: Vec<Status>, allow: Vec<Status>) -> Result<Self, PolicyError> {
        if let Some(status) = fail_on.iter().find(|status| allow.contains(status)) {
            return Err(PolicyError::Contradiction(*status));
        }
        let mut policy = Self { require, ..Self::default() };
        fail_on.into_iter().for_each(|status| policy.set_level(status, Level::Fail));
        allow.into_iter().for_each(|status| policy.set_level(status, Level::Pass));
        Ok(policy)
    }

    /// Makes `status` do this.
    pub const fn set_level(&mut self, status: Status, level: Level) {
        self.levels.0[status as usize] = level;
    }

    /// Makes every status that is undecided so far do this.
    pub fn set_undecided(&mut self, level: Level) {
        for known in self.levels.0.iter_mut().filter(|known| **known == Level::Undecided) {
            *known = level;
        }
    }

    /// What a result does, exceptions aside: as its status says, but for a mirror that is behind for less than
    /// the grace.
    #[must_use]
    pub fn level_of(&self, result: &CheckResult) -> Level {
        let level = self.level(result.verdict.code.status());
        if result.is_within_grace() { level.min(Level::Warn) } else { level }
    }

    /// What `status` does under this policy, exceptions aside.
    #[must_use]
    pub const fn level(&self, status: Status) -> Level {
        self.levels.0[status as usize]
    }

    /// Whether it can be applied only to a run as a whole.
    #[must_use]
    pub fn needs_whole_run(&self) -> bool {
        !self.exceptions.is_empty() || !self.latency.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements_are_words_numbers_or_names() {
        let named = |names: &[&str]| Ok(Require::Named(names.iter().map(|name| (*name).into()).collect()));
        let two = NonZeroUsize::new(2).unwrap();
        for (text, require) in [
            ("all", Ok(Require::All)),
            ("any", Ok(Require::Any)),
            ("2", Ok(Require::AtLeast(two))),
            ("harbor", named(&["harbor"])),
            ("10.0.0.1", named(&["10.0.0.1"])),
            ("harbor, m.example:5000/a", named(&["harbor", "m.example:5000/a"])),
        ] {
            assert_eq!(text.parse(), require, "{text}");
        }
        for text in ["", "0", "-1", "-", "a,,b", ",", "99999999999999999999999"] {
            assert_eq!(text.parse::<Require>(), Err(PolicyError::Require(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn slowdowns_are_shares() {
        for (text, hundredths, shown) in
            [("15%", 1500, "15%"), ("7.5%", 750, "7.5%"), ("0.25%", 25, "0.25%"), ("0%", 0, "0%")]
        {
            let slowdown: Slowdown = text.parse().unwrap();
            assert_eq!((slowdown.0, &*slowdown.to_string()), (hundredths, shown));
        }
        for text in ["", "%", "-5%", "1e3%", "15 percent", "1.234%", ".5%", "5.%", "999999%"] {
            assert_eq!(text.parse::<Slowdown>(), Err(PolicyError::Slowdown(text.to_owned())), "{text}");
        }
        for (text, told) in [
            ("0.15", "'0.15' has no sign, and means nothing without: write 0.15% or 15%"),
            ("15", "'15' has no sign, and means nothing without: write 15%"),
            ("0", "'0' has no sign, and means nothing without: write 0%"),
            ("1.5", "'1.5' has no sign, and means nothing without: write 1.5%"),
        ] {
            assert_eq!(text.parse::<Slowdown>().unwrap_err().to_string(), told);
        }
    }

    #[test]
    fn undecided_statuses_are_those_without_a_level_of_their_own() {
        let mut policy = Policy::new(Require::All, vec![Status::Denied], vec![]).unwrap();
        policy.set_undecided(Level::Warn);
        assert_eq!(policy.level(Status::Denied), Level::Fail);
        assert_eq!(policy.level(Status::Unreachable), Level::Warn);
        assert_eq!(policy.level(Status::Missing), Level::Fail);
    }
}
