//! What images are made of, and the hosts that pulls need, as JSON.

use serde::Serialize;
use serde::ser::{SerializeStruct as _, Serializer};

use super::super::escape::{MAX_REMOTE_CHARS, bounded};
use super::super::view::milliseconds;
use crate::model::anatomy::{Anatomy, Finding, PlatformLine};
use crate::model::run::HostUse;

pub(in super::super) struct Parts<'a>(pub(super) &'a Anatomy);

impl Serialize for Parts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(anatomy) = self;
        let mut parts = serializer.serialize_struct("Parts", 12)?;
        parts.serialize_field("depth", anatomy.depth.as_str())?;
        parts.serialize_field("platforms", &Platforms(&anatomy.platforms))?;
        parts.serialize_field("platforms_total", &anatomy.platforms_total)?;
        parts.serialize_field("unwanted", &anatomy.unwanted)?;
        parts.serialize_field("attestations", &anatomy.attestations)?;
        parts.serialize_field("manifests", &anatomy.manifests)?;
        parts.serialize_field("blobs", &anatomy.blobs)?;
        parts.serialize_field("blob_bytes", &anatomy.blob_bytes)?;
        parts.serialize_field("uncovered_blobs", &anatomy.uncovered.blobs)?;
        parts.serialize_field("uncovered_bytes", &anatomy.uncovered.bytes)?;
        parts.serialize_field("findings", &Findings(&anatomy.findings))?;
        parts.serialize_field("findings_total", &anatomy.findings_total)?;
        parts.end()
    }
}

#[derive(Serialize)]
struct PlatformRow<'a> {
    platform: Option<&'a str>,
    digest: Option<String>,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    met_by: Option<&'a str>,
}

struct Platforms<'a>(&'a [PlatformLine]);

impl Serialize for Platforms<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|line| PlatformRow {
            platform: Some(&*line.platform).filter(|platform| !platform.is_empty()),
            digest: line.digest.as_ref().map(ToString::to_string),
            state: line.state.as_str(),
            met_by: line.met_by.as_deref(),
        }))
    }
}

#[derive(Serialize)]
struct FindingRow<'a> {
    kind: &'static str,
    digest: Option<&'a str>,
    platforms: &'a [Box<str>],
    size: Option<u64>,
    status: &'static str,
    code: &'static str,
    reason: String,
}

struct Findings<'a>(&'a [Finding]);

impl Serialize for Findings<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|finding| FindingRow {
            kind: finding.kind.as_str(),
            digest: finding.digest.as_deref(),
            platforms: &finding.platforms,
            size: finding.size,
            status: finding.code.status().as_str(),
            code: finding.code.as_str(),
            reason: bounded(&finding.cause, MAX_REMOTE_CHARS).into_owned(),
        }))
    }
}

#[derive(Serialize)]
struct HostRow<'a> {
    mirror: &'a str,
    role: &'static str,
    part: &'static str,
    scheme: &'a str,
    host: &'a str,
    port: u16,
    reached: u64,
    refused: u64,
    refusal: Option<&'a str>,
    failed: u64,
    reason: Option<&'a str>,
    bytes: u64,
    transfer_ms: f64,
    bytes_per_second: Option<u64>,
}

pub(super) struct Hosts<'a>(pub(super) &'a [HostUse]);

impl Serialize for Hosts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|host| HostRow {
            mirror: &host.endpoint,
            role: host.role.as_str(),
            part: host.part.as_str(),
            scheme: &host.authority.scheme,
            host: &host.authority.host,
            port: host.authority.port,
            reached: host.reached,
            refused: host.refused,
            refusal: host.refusal.as_deref(),
            failed: host.failed,
            reason: host.fault.as_deref(),
            bytes: host.bytes,
            transfer_ms: milliseconds(host.took),
            bytes_per_second: host.rate(),
        }))
    }
}
