//! The record of one pass: what every report is made from.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;

use super::age::{Age, Excuse};
use super::anatomy::Anatomy;
use super::blob::Part;
use super::code::Code;
use super::digest::Digest;
use super::endpoint::{Authority, Endpoint, Role};
use super::image::ImageRef;
use super::manifest::MediaType;
use super::origin::Origin;
use super::referrers::ReferrersLine;
use super::scope::Scope;

/// What an endpoint's answer means for an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Why; its status follows from it.
    pub code: Code,
    /// One line for people. May hold what a server said: escape it where it is printed.
    pub reason: Cow<'static, str>,
    /// The digest that was served.
    pub digest: Option<Digest>,
    /// The digest that should have been.
    pub expected: Option<Digest>,
}

/// Whether a result counts for the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counts {
    /// It is one of the places from which the image will be pulled.
    ForGate,
    /// It is upstream, shown beside its mirrors.
    ShownOnly,
}

/// One image at one endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckResult {
    /// Index into [`Run::images`].
    pub image: u32,
    /// Index into [`Run::endpoints`].
    pub endpoint: u32,
    /// Whether it counts for the gate.
    pub counts: Counts,
    /// What the answers mean.
    pub verdict: Verdict,
    /// URL that was asked; `None` where the name cannot be expressed there.
    pub url: Option<Box<str>>,
    /// Media type of what was served.
    pub media_type: Option<MediaType>,
    /// Status of the last HTTP answer.
    pub http_status: Option<u16>,
    /// Time to first byte of the answer that counted.
    pub latency: Option<Duration>,
    /// How often the question was put.
    pub attempts: u32,
    /// When the answer was complete.
    pub checked_at: OffsetDateTime,
    /// Oddities that change no verdict, as sentences. Escape where printed.
    pub notes: Vec<String>,
    /// What the image is made of, where that was looked at (depth `platforms` and on).
    pub anatomy: Option<Box<Anatomy>>,
    /// How old the difference from upstream is, where anything is known of that.
    pub age: Option<Box<Age>>,
    /// What the mirror lacks beside the image, where that was found out.
    pub referrers: Option<Box<ReferrersLine>>,
}

/// One place in the inputs that names an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Index into [`Run::images`].
    pub image: u32,
    /// The text as typed.
    pub input: Box<str>,
    /// File and line.
    pub origin: Origin,
}

/// What a pass cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Requests sent to registries' manifest and blob endpoints, redirects included.
    pub requests: u64,
    /// Requests sent to token services.
    pub token_exchanges: u64,
    /// Bytes of bodies that came.
    pub bytes: u64,
    /// Manifests had from Docker Hub by GET, which is what it counts as pulls.
    pub hub_pulls: u64,
}

/// A host that pulls from an endpoint have to reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostUse {
    /// The endpoint's name.
    pub endpoint: Box<str>,
    /// What the endpoint is.
    pub role: Role,
    /// The host.
    pub authority: Authority,
    /// What it is there for.
    pub part: Part,
    /// How often it was reached.
    pub reached: u64,
    /// How often it then would not serve: 403, 503, a web page, …
    pub refused: u64,
    /// How it said so, the first time.
    pub refusal: Option<Box<str>>,
    /// How often it was not reached.
    pub failed: u64,
    /// Why it was not reached, the first time; of one that was neither reached nor tried, why it was not asked.
    pub fault: Option<Box<str>>,
    /// Bytes of blobs that came from it.
    pub bytes: u64,
    /// How long any of them were on their way: the time from asking for a blob to its last byte, and time that
    /// several shared counts once.
    pub took: Duration,
}

/// The fewest bytes of which a rate is told.
const LEAST_RATED_BYTES: u64 = 64 << 10;
/// The shortest time.
const LEAST_RATED_TIME: Duration = Duration::from_millis(10);

impl HostUse {
    /// Bytes a second while blobs were on their way; `None` below 64 KiB or 10 ms, which tell nothing.
    #[must_use]
    pub fn rate(&self) -> Option<u64> {
        let is_enough = self.bytes >= LEAST_RATED_BYTES && self.took >= LEAST_RATED_TIME;
        let rate = u128::from(self.bytes) * 1_000_000_000 / self.took.as_nanos().max(1);
        is_enough.then(|| u64::try_from(rate).unwrap_or(u64::MAX))
    }
}

/// What a host said last of its pull quota.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quota {
    /// The host.
    pub host: Box<str>,
    /// Pulls allowed.
    pub limit: u64,
    /// Pulls left.
    pub remaining: u64,
    /// In what time, if it said.
    pub window: Option<Duration>,
}

impl Quota {
    /// Whether less than a tenth is left.
    #[must_use]
    pub const fn is_nearly_spent(&self) -> bool {
        self.remaining.saturating_mul(10) < self.limit
    }
}

/// How a pass ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Everything was asked.
    Complete,
    /// Stopped by the user.
    Interrupted,
}

/// One pass over a list of images.
#[derive(Clone, Debug)]
pub struct Run {
    /// When it began.
    pub started_at: OffsetDateTime,
    /// When it ended.
    pub finished_at: OffsetDateTime,
    /// How long it took, by the monotonic clock.
    pub duration: Duration,
    /// How it ended.
    pub ending: Ending,
    /// Which part of which list, and where it was made.
    pub scope: Scope,
    /// Everyone who was asked: mirrors in configured order, then upstreams.
    pub endpoints: Vec<Arc<Endpoint>>,
    /// The images, each once, in the order of first mention.
    pub images: Vec<Arc<ImageRef>>,
    /// Every mention, in the order of the inputs.
    pub places: Vec<Place>,
    /// Results, ordered by image, then upstreams before mirrors, then as in `endpoints`.
    pub results: Vec<CheckResult>,
    /// What it cost.
    pub cost: Cost,
    /// The pull quotas that hosts told of, by host.
    pub quotas: Vec<Quota>,
    /// The hosts that pulls have to reach, by endpoint (depth `blobs` and on).
    pub hosts: Vec<HostUse>,
}

impl CheckResult {
    /// Whether it is a difference that is younger than the grace.
    #[must_use]
    pub fn is_within_grace(&self) -> bool {
        self.age.as_ref().is_some_and(|age| matches!(age.excuse, Excuse::Young(_)))
    }

    /// Upstream or mirror.
    #[must_use]
    pub fn role(&self, run: &Run) -> Role {
        run.endpoints[self.endpoint as usize].role
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_told_of_enough_bytes_in_enough_time_and_of_nothing_less() {
        let millis = Duration::from_millis;
        for (bytes, took, rate) in [
            (12_000_000, millis(1000), Some(12_000_000)),
            (65_536, millis(10), Some(6_553_600)),
            (65_535, millis(1000), None),
            (1 << 30, Duration::from_micros(9_999), None),
            (200, Duration::from_nanos(1), None),
            (0, Duration::ZERO, None),
            (u64::MAX, millis(10), Some(u64::MAX)),
        ] {
            let host = HostUse {
                endpoint: "m".into(),
                role: Role::Mirror,
                authority: Authority { scheme: "https".into(), host: "h".into(), port: 443 },
                part: Part::Registry,
                reached: 1,
                refused: 0,
                refusal: None,
                failed: 0,
                fault: None,
                bytes,
                took,
            };
            assert_eq!(host.rate(), rate, "{bytes} {took:?}");
        }
    }
}
