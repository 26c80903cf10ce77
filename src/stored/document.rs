//! A report as it is written: its fields, each value read into its type at once, so that what is wrong
//! is told with its line.
//!
//! Fields that are not known here are refused: what would not be written again would be lost.

mod parts;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

pub(super) use self::parts::{HostLine, PartsLine, ReferrersRow};

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, Visitor};
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

use crate::model::age::Basis;
use crate::model::code::Code;
use crate::model::digest::Digest;
use crate::model::endpoint::Role;
use crate::model::manifest::MediaType;
use crate::model::scope::Vantage;
use crate::model::status::Status;

/// The whole.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document<'a> {
    /// Looked at already.
    #[serde(rename = "schema")]
    _schema: IgnoredAny,
    #[serde(borrow)]
    pub(super) tool_version: Text<'a>,
    pub(super) started_at: Word<OffsetDateTime>,
    pub(super) finished_at: Word<OffsetDateTime>,
    pub(super) duration_ms: Milliseconds,
    pub(super) list: Option<ListLine>,
    pub(super) shard: Option<ShardLine>,
    pub(super) vantage: Option<Word<Vantage>>,
    #[serde(borrow, default)]
    pub(super) dynamic: Vec<DynamicLine<'a>>,
    #[serde(default)]
    pub(super) dynamic_total: u64,
    #[serde(borrow)]
    pub(super) summary: SummaryLine<'a>,
    pub(super) decision: DecisionLine,
    #[serde(borrow)]
    pub(super) mirrors: Vec<MirrorLine<'a>>,
    #[serde(borrow)]
    pub(super) results: Vec<Line<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListLine {
    pub(super) fingerprint: Word<Digest>,
    pub(super) images: u32,
    pub(super) mentions: u32,
    pub(super) settings: Word<Digest>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ShardLine {
    pub(super) number: u32,
    pub(super) count: u32,
    pub(super) places: Vec<u32>,
}

/// A name that was not known.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DynamicLine<'a> {
    #[serde(borrow)]
    pub(super) origin: Text<'a>,
    pub(super) origin_document: Option<u32>,
    #[serde(borrow)]
    pub(super) origin_path: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) input: Text<'a>,
    #[serde(borrow)]
    pub(super) why: Text<'a>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SummaryLine<'a> {
    pub(super) artifacts: usize,
    pub(super) mirrors: usize,
    pub(super) checks: u64,
    pub(super) requests: u64,
    pub(super) token_exchanges: u64,
    /// Not in the oldest reports, and neither is the next.
    #[serde(default)]
    pub(super) bytes: u64,
    #[serde(default)]
    pub(super) docker_hub_pulls: u64,
    pub(super) by_status: ByStatus,
    pub(super) upstream: UpstreamLine,
    #[serde(borrow, default)]
    pub(super) quotas: Vec<QuotaLine<'a>>,
    #[serde(borrow, default)]
    pub(super) hosts: Vec<HostLine<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UpstreamLine {
    pub(super) asked: u64,
    pub(super) by_status: ByStatus,
}

pub(super) type ByStatus = BTreeMap<Word<Status>, u64>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct QuotaLine<'a> {
    #[serde(borrow)]
    pub(super) host: Text<'a>,
    pub(super) limit: u64,
    pub(super) remaining: u64,
    pub(super) window_seconds: Option<u64>,
}

/// Of the decision only how the run ended is read: everything else is decided again.
#[derive(Deserialize)]
pub(super) struct DecisionLine {
    pub(super) exit_code: u8,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MirrorLine<'a> {
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow)]
    pub(super) url: Text<'a>,
    pub(super) role: Word<Role>,
    pub(super) vantage: Option<Word<Vantage>>,
}

/// One result at one place.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Line<'a> {
    #[serde(borrow)]
    pub(super) artifact: Text<'a>,
    #[serde(borrow)]
    pub(super) input: Text<'a>,
    #[serde(borrow)]
    pub(super) origin: Text<'a>,
    pub(super) origin_document: Option<u32>,
    #[serde(borrow)]
    pub(super) origin_path: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) mirror: Text<'a>,
    pub(super) vantage: Option<Word<Vantage>>,
    pub(super) role: Word<Role>,
    /// Not in the oldest reports.
    pub(super) counts: Option<bool>,
    #[serde(borrow)]
    pub(super) url: Option<Text<'a>>,
    pub(super) status: Word<Status>,
    pub(super) code: Word<Code>,
    #[serde(borrow)]
    pub(super) reason: Text<'a>,
    pub(super) digest: Option<Word<Digest>>,
    pub(super) expected_digest: Option<Word<Digest>>,
    pub(super) media_type: Option<Word<MediaType>>,
    pub(super) http_status: Option<u16>,
    pub(super) latency_ms: Option<Milliseconds>,
    pub(super) attempts: u32,
    pub(super) checked_at: Word<OffsetDateTime>,
    #[serde(borrow)]
    pub(super) notes: Vec<Text<'a>>,
    #[serde(borrow)]
    pub(super) parts: Option<PartsLine<'a>>,
    #[serde(borrow)]
    pub(super) referrers: Option<ReferrersRow<'a>>,
    pub(super) created: Option<Word<OffsetDateTime>>,
    pub(super) upstream_created: Option<Word<OffsetDateTime>>,
    pub(super) stale_since: Option<Word<OffsetDateTime>>,
    pub(super) stale_since_by: Option<Word<Basis>>,
    pub(super) age_seconds: Option<u64>,
    /// There is an age where this is there.
    pub(super) within_grace: Option<bool>,
    pub(super) grace_seconds: Option<u64>,
}

/// A text, borrowed from the file wherever it has no escapes.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// A text with a grammar.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Word<T>(pub(super) T);

/// What a text with a grammar is read into.
pub(super) trait Worded: Sized {
    /// Reads it, or tells what is wrong.
    fn of(text: &str) -> Result<Self, String>;
}

impl Worded for Status {
    fn of(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error: crate::model::status::UnknownStatus| error.to_string())
    }
}

impl Worded for Code {
    fn of(text: &str) -> Result<Self, String> {
        let known = Self::ALL.iter().find(|code| code.as_str() == text);
        known.copied().ok_or_else(|| format!("unknown code '{text}'"))
    }
}

impl Worded for Role {
    fn of(text: &str) -> Result<Self, String> {
        let known = [Self::Upstream, Self::Mirror].into_iter().find(|role| role.as_str() == text);
        known.ok_or_else(|| format!("unknown role '{text}'"))
    }
}

impl Worded for Digest {
    fn of(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error| format!("{error}: '{text}'"))
    }
}

impl Worded for MediaType {
    fn of(text: &str) -> Result<Self, String> {
        let known = Self::parse(text).filter(|known| known.as_str() == text);
        known.ok_or_else(|| format!("unknown media type '{text}'"))
    }
}

impl Worded for Vantage {
    fn of(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error| format!("vantage '{text}': {error}"))
    }
}

const TIME: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

impl Worded for OffsetDateTime {
    fn of(text: &str) -> Result<Self, String> {
        let fault = || format!("'{text}' is no time such as 2025-03-09T08:00:00.125Z");
        // A year may have a sign, but not in what is written here.
        if !text.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(fault());
        }
        PrimitiveDateTime::parse(text, TIME).map(PrimitiveDateTime::assume_utc).map_err(|_| fault())
    }
}

impl<'de, T: Worded> Deserialize<'de> for Word<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reader<T>(PhantomData<T>);

        impl<T: Worded> Visitor<'_> for Reader<T> {
            type Value = Word<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Word<T>, E> {
                T::of(text).map(Word).map_err(E::custom)
            }
        }

        from.deserialize_str(Reader(PhantomData))
    }
}

/// A time in milliseconds, with up to three decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Milliseconds(pub(super) Duration);

/// More than thirty years.
const MOST_MILLISECONDS: f64 = 1e12;

impl<'de> Deserialize<'de> for Milliseconds {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let number = f64::deserialize(from)?;
        let fault = || D::Error::custom(format!("{number:?} is no time in milliseconds"));
        if !(0.0..=MOST_MILLISECONDS).contains(&number) {
            return Err(fault());
        }
        let time = Duration::try_from_secs_f64(number / 1000.0).map_err(|_| fault())?;
        let micros = u64::try_from((time.as_nanos() + 500) / 1000).map_err(|_| fault())?;
        Ok(Self(Duration::from_micros(micros)))
    }
}
