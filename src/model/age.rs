//! How old a difference is: when images were made, since when a mirror has been behind, and how much of that a user
//! puts up with.
//!
//! What a config says of when it was made is a claim (image-spec `config.md`, `created`): builds that are to be
//! reproducible write the epoch, and nobody checks it. It dates a difference only where it makes sense.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use thiserror::Error;
use time::format_description::well_known::Rfc3339;
use time::macros::datetime;
use time::{OffsetDateTime, UtcOffset};

use super::digest::Digest;

/// The largest config that is read for its time, in bytes: they are JSON of some kilobytes.
pub const MAX_CONFIG_BYTES: u64 = 4 * 1024 * 1024;

/// There are no container images from before; whatever is older stands for "not told".
const FIRST_IMAGES: OffsetDateTime = datetime!(2000-01-01 00:00 UTC);

/// When an image was made, as its config says; `None` where it says nothing that can be meant.
#[must_use]
pub fn created(config: &[u8]) -> Option<OffsetDateTime> {
    #[derive(Deserialize)]
    struct Config {
        created: Option<String>,
    }
    let text = serde_json::from_slice::<Config>(config).ok()?.created?;
    let at = OffsetDateTime::parse(&text, &Rfc3339).ok()?;
    // The last hours of the year 9999 lie beyond it elsewhere.
    at.checked_to_offset(UtcOffset::UTC).filter(|at| *at >= FIRST_IMAGES)
}

/// How long a mirror may be behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grace(pub Duration);

/// A text that is no time to wait.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("expected a time such as 90s, 30m, 1h or 2d, up to a year")]
pub struct NoGrace;

impl FromStr for Grace {
    type Err = NoGrace;

    fn from_str(text: &str) -> Result<Self, NoGrace> {
        let split = text.find(|c: char| !c.is_ascii_digit()).ok_or(NoGrace)?;
        let (number, unit) = text.split_at(split);
        let scale = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => return Err(NoGrace),
        };
        let seconds = number.parse::<u64>().ok().and_then(|number| number.checked_mul(scale));
        let seconds = seconds.filter(|seconds| *seconds <= 365 * 86_400).ok_or(NoGrace)?;
        Ok(Self(Duration::from_secs(seconds)))
    }
}

/// Whether configs are read to find out how old differences are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AskAge {
    /// Only where configs are looked at anyway: depth `blobs` and on.
    #[default]
    ByDepth,
    /// Wherever a mirror is behind.
    Always,
}

/// How the age of differences is found out and judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgeRules {
    /// Whether configs are read.
    pub ask: AskAge,
    /// How long mirrors may be behind, where nothing is said of one.
    pub grace: Option<Grace>,
    /// What an earlier report has, if one was given.
    pub history: Option<Arc<History>>,
}

/// What an earlier report says of mirrors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History(pub HashMap<(Box<str>, Box<str>), Earlier>);

impl History {
    /// What it says of an image (by its full name) at a mirror.
    #[must_use]
    pub fn of(&self, artifact: &str, mirror: &str) -> Option<&Earlier> {
        self.0.get(&(artifact.into(), mirror.into()))
    }
}

/// What an earlier report says of an image at a mirror.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Earlier {
    /// When that was.
    pub checked_at: OffsetDateTime,
    /// Since when the mirror had been behind then, and by what that was known; `None` where it was not.
    pub behind_since: Option<(OffsetDateTime, Basis)>,
    /// The digest that upstream had then.
    pub expected: Option<Digest>,
}

/// By what it is known since when a mirror has been behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// An earlier check found it behind: at least since then.
    Report,
    /// An earlier check did not find this difference: the mirror was up to date, or has caught up since. No longer than
    /// since then.
    EqualBefore,
    /// Upstream's image was made then: no longer than since then.
    Created,
}

impl Basis {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Report, Self::EqualBefore, Self::Created];

    /// The word in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Report => "report",
            Self::EqualBefore => "equal_before",
            Self::Created => "created",
        }
    }
}

/// Whether a difference passes because it is young.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excuse {
    /// No grace was granted, the difference is older, or its age is not known; or something else is wrong too.
    None,
    /// It is younger than the grace.
    Young(Grace),
}

/// How old a difference is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Age {
    /// When the mirror's image was made.
    pub created: Option<OffsetDateTime>,
    /// When upstream's image was made.
    pub upstream_created: Option<OffsetDateTime>,
    /// Since when the mirror has been behind, as far as is known.
    pub since: Option<(OffsetDateTime, Basis)>,
    /// How long that is.
    pub age: Option<Duration>,
    /// Whether it passes for that.
    pub excuse: Excuse,
}

impl Age {
    /// The longest that the difference can have lasted; `None` where nothing bounds that.
    #[must_use]
    pub fn longest(&self) -> Option<Duration> {
        let (since, basis) = self.since?;
        match basis {
            Basis::EqualBefore | Basis::Created => self.age,
            Basis::Report => {
                let at = since.checked_add(self.age?.try_into().ok()?)?;
                let is_bound =
                    |made: &OffsetDateTime| *made <= at && self.created.is_none_or(|created| created < *made);
                (at - self.upstream_created.filter(is_bound)?).try_into().ok()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_tells_when_the_image_was_made() {
        let of = |text: &str| created(text.as_bytes());
        let known = datetime!(2024-03-01 12:00:00.5 UTC);
        assert_eq!(of(r#"{"created":"2024-03-01T12:00:00.5Z","os":"linux"}"#), Some(known));
        assert_eq!(of(r#"{"created":"2024-03-01T14:00:00.500+02:00"}"#), Some(known));
        for text in [
            "{}",
            r#"{"created":null}"#,
            r#"{"created":5}"#,
            r#"{"created":"yesterday"}"#,
            r#"{"created":"1970-01-01T00:00:00Z"}"#,
            r#"{"created":"0001-01-01T00:00:00Z"}"#,
            r#"{"created":"9999-12-31T23:59:59-01:00"}"#,
            r#"{"created":"2024-03-01T12:00:00Z""#,
            "<html>",
            "",
        ] {
            assert_eq!(of(text), None, "{text}");
        }
        assert_eq!(of(&"[".repeat(100_000)), None);
    }

    #[test]
    fn a_grace_has_a_unit_and_a_bound() {
        for (text, seconds) in [("0s", 0), ("90s", 90), ("30m", 1_800), ("1h", 3_600), ("365d", 31_536_000)] {
            assert_eq!(text.parse(), Ok(Grace(Duration::from_secs(seconds))), "{text}");
        }
        for text in ["", "1", "h", "-1h", "1.5h", "1 h", "1w", "366d", "99999999999999999999s"] {
            assert_eq!(text.parse::<Grace>(), Err(NoGrace), "{text}");
        }
    }
}
