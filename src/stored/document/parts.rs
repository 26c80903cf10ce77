//! What a report says of the parts of images and of hosts, as it is written, and what of the model that becomes.

use serde::Deserialize;

use super::{Milliseconds, Text, Word, Worded};
use crate::model::age::Basis;
use crate::model::anatomy::{
    Anatomy, Finding, MAX_FINDINGS, MAX_PLATFORMS, PartKind, PlatformLine, PlatformState, Uncovered,
};
use crate::model::blob::Part;
use crate::model::code::Code;
use crate::model::depth::Depth;
use crate::model::digest::Digest;
use crate::model::endpoint::{Authority, Role};
use crate::model::referrers::{MAX_NAMED, ReferrersLine};
use crate::model::run::HostUse;
use crate::model::status::Status;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct PartsLine<'a> {
    depth: Word<Depth>,
    #[serde(borrow)]
    platforms: Vec<PlatformRow<'a>>,
    platforms_total: usize,
    unwanted: usize,
    attestations: usize,
    manifests: usize,
    blobs: usize,
    blob_bytes: u64,
    uncovered_blobs: usize,
    uncovered_bytes: u64,
    #[serde(borrow)]
    findings: Vec<FindingRow<'a>>,
    findings_total: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlatformRow<'a> {
    #[serde(borrow)]
    platform: Option<Text<'a>>,
    digest: Option<Word<Digest>>,
    state: Word<PlatformState>,
    #[serde(borrow, default)]
    met_by: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FindingRow<'a> {
    kind: Word<PartKind>,
    #[serde(borrow)]
    digest: Option<Text<'a>>,
    #[serde(borrow)]
    platforms: Vec<Text<'a>>,
    size: Option<u64>,
    status: Word<Status>,
    code: Word<Code>,
    #[serde(borrow)]
    reason: Text<'a>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct HostLine<'a> {
    #[serde(borrow)]
    mirror: Text<'a>,
    role: Word<Role>,
    part: Word<Part>,
    #[serde(borrow)]
    scheme: Text<'a>,
    #[serde(borrow)]
    host: Text<'a>,
    port: u16,
    reached: u64,
    /// Reports of earlier versions do not tell.
    #[serde(default)]
    refused: u64,
    #[serde(borrow, default)]
    refusal: Option<Text<'a>>,
    failed: u64,
    #[serde(borrow)]
    reason: Option<Text<'a>>,
    bytes: u64,
    transfer_ms: Milliseconds,
    /// Follows from the two before.
    bytes_per_second: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct ReferrersRow<'a> {
    upstream: usize,
    #[serde(borrow)]
    absent: Vec<Text<'a>>,
    absent_total: usize,
    #[serde(default)]
    gone_total: usize,
}

impl ReferrersRow<'_> {
    /// # Errors
    /// More are named than a report names, or than are said to be there.
    pub(in super::super) fn line(self) -> Result<ReferrersLine, String> {
        if self.absent.len() > MAX_NAMED.min(self.absent_total) || self.gone_total > self.absent_total {
            return Err("referrers: more of them than is said or can be".to_owned());
        }
        let absent = self.absent.into_iter().map(|name| name.0.into()).collect();
        let Self { upstream, absent_total, gone_total, .. } = self;
        Ok(ReferrersLine { upstream, absent, absent_total, gone_total })
    }
}

/// The one of `all` that is called `text`.
fn named<T: Copy>(what: &str, all: &[T], name: impl Fn(T) -> &'static str, text: &str) -> Result<T, String> {
    let known = all.iter().copied().find(|known| name(*known) == text);
    known.ok_or_else(|| format!("unknown {what} '{text}'"))
}

impl Worded for Depth {
    fn of(text: &str) -> Result<Self, String> {
        named("depth", &Self::ALL, Self::as_str, text)
    }
}

impl Worded for Basis {
    fn of(text: &str) -> Result<Self, String> {
        named("basis", &Self::ALL, Self::as_str, text)
    }
}

impl Worded for PlatformState {
    fn of(text: &str) -> Result<Self, String> {
        named("state", &Self::ALL, Self::as_str, text)
    }
}

impl Worded for PartKind {
    fn of(text: &str) -> Result<Self, String> {
        named("kind", &Self::ALL, Self::as_str, text)
    }
}

impl Worded for Part {
    fn of(text: &str) -> Result<Self, String> {
        named("part", &Self::ALL, Self::as_str, text)
    }
}

impl PartsLine<'_> {
    /// # Errors
    /// More is there than a report holds, or a finding contradicts itself.
    pub(in super::super) fn anatomy(self) -> Result<Anatomy, String> {
        if self.platforms.len() > MAX_PLATFORMS.min(self.platforms_total)
            || self.findings.len() > MAX_FINDINGS.min(self.findings_total)
        {
            return Err("parts: more of them than is said or can be".to_owned());
        }
        let platforms = self.platforms.into_iter().map(|row| PlatformLine {
            platform: row.platform.map(|platform| platform.0.into()).unwrap_or_default(),
            digest: row.digest.map(|digest| digest.0),
            state: row.state.0,
            met_by: row.met_by.map(|platform| platform.0.into()),
        });
        let findings = self.findings.into_iter().map(|row| {
            let (code, status) = (row.code.0, row.status.0);
            if code.status() != status {
                return Err(format!(
                    "parts: the code '{code}' is of the status '{}', not '{status}'",
                    code.status()
                ));
            }
            Ok(Finding {
                kind: row.kind.0,
                digest: row.digest.map(|digest| digest.0.into()),
                platforms: row.platforms.into_iter().map(|platform| platform.0.into()).collect(),
                size: row.size,
                code,
                cause: row.reason.0.into(),
            })
        });
        Ok(Anatomy {
            depth: self.depth.0,
            platforms: platforms.collect(),
            platforms_total: self.platforms_total,
            unwanted: self.unwanted,
            attestations: self.attestations,
            manifests: self.manifests,
            blobs: self.blobs,
            blob_bytes: self.blob_bytes,
            uncovered: Uncovered { blobs: self.uncovered_blobs, bytes: self.uncovered_bytes },
            findings: findings.collect::<Result<_, _>>()?,
            findings_total: self.findings_total,
        })
    }
}

impl HostLine<'_> {
    /// # Errors
    /// The rate is not that of the bytes in their time.
    pub(in super::super) fn host(&self) -> Result<HostUse, String> {
        let host = HostUse {
            endpoint: (*self.mirror.0).into(),
            role: self.role.0,
            authority: Authority {
                scheme: (*self.scheme.0).into(),
                host: (*self.host.0).into(),
                port: self.port,
            },
            part: self.part.0,
            reached: self.reached,
            refused: self.refused,
            refusal: self.refusal.as_ref().map(|refusal| (*refusal.0).into()),
            failed: self.failed,
            fault: self.reason.as_ref().map(|reason| (*reason.0).into()),
            bytes: self.bytes,
            took: self.transfer_ms.0,
        };
        if host.rate() != self.bytes_per_second {
            return Err(format!("bytes_per_second of '{}' does not follow from its bytes", self.host.0));
        }
        Ok(host)
    }
}
