//! Which platforms matter where a mirror's image is not upstream's, which of them upstream itself lacks, and why that is
//! not always known.

use super::{blobs, verdict};
use crate::model::blob::Blob;
use crate::model::code::Code;
use crate::model::depth::Depth;
use crate::model::digest::Digest;
use crate::model::evidence::Evidence;
use crate::model::manifest::Manifest;
use crate::model::plan::Who;
use crate::model::platform::Platform;
use crate::model::run::Verdict;
use crate::plan::single::{self, Said};
use crate::plan::tree::{self, Met};

/// Those that are wanted of the platforms that a mirror lacks, by name.
pub(super) fn wanted(evidence: &Evidence, lacking: &[Box<str>]) -> Vec<Box<str>> {
    lacking.iter().filter(|name| is_wanted(evidence, name)).cloned().collect()
}

/// Whether the one platform that is served is all that is wanted of upstream's.
pub(super) fn suffices(evidence: &Evidence, served: Option<&Platform>) -> bool {
    let (Some(served), Some(offered)) = (served, tree::upstream_platforms(evidence)) else { return false };
    if evidence.platforms.is_empty() {
        return false;
    }
    let chosen = tree::choice(&evidence.platforms, &offered);
    offered.iter().all(|platform| *platform == served || !tree::is_chosen(&chosen, platform))
}

fn is_wanted(evidence: &Evidence, name: &str) -> bool {
    if evidence.platforms.is_empty() {
        return true;
    }
    let Some(offered) = tree::upstream_platforms(evidence) else { return true };
    let chosen = tree::choice(&evidence.platforms, &offered);
    // An entry without a platform is known by its digest: nothing says that nobody wants it.
    match offered.iter().find(|platform| platform.to_string() == name) {
        Some(platform) => tree::is_chosen(&chosen, platform),
        None => true,
    }
}

/// Wanted platforms for which upstream has nothing; none where that is not known.
pub(super) fn upstream_lacks(evidence: &Evidence) -> Vec<&Platform> {
    if evidence.platforms.is_empty() {
        return Vec::new();
    }
    let Some(offered) = tree::upstream_platforms(evidence) else { return Vec::new() };
    let chosen = tree::choice(&evidence.platforms, &offered);
    chosen.into_iter().filter(|(_, met)| *met == Met::Not).map(|(platform, _)| platform).collect()
}

/// What upstream has, as the end of a sentence that says what it has not.
pub(super) fn offered(evidence: &Evidence) -> String {
    let offered = tree::upstream_platforms(evidence).unwrap_or_default();
    let names: Vec<_> = offered.iter().take(8).map(ToString::to_string).collect();
    match offered.len().saturating_sub(names.len()) {
        _ if names.is_empty() => String::new(),
        0 => format!(" (it has {})", names.join(", ")),
        more => format!(" (it has {} and {more} more)", names.join(", ")),
    }
}

/// Why it is not known for which platform an image is that says so only in its config, where one is wanted.
pub(super) fn unknown(
    evidence: &Evidence,
    (who, host): (Who, &str),
    (digest, document): (&Digest, &Manifest),
) -> Option<(Blob, (Code, String))> {
    let Said::Config(config) = single::said(evidence, digest, document) else { return None };
    let answer = evidence.parts_at(who).configs.get(&config.digest);
    let silent =
        |why: &str| (Code::PlatformUnknown, format!("for which platform the image is, is not known: {why}"));
    let found = match answer {
        _ if single::is_read(evidence, &config.digest) => silent("its config does not say"),
        _ if !single::is_readable(&config) => {
            silent("its config is too large to be looked into, or has no size")
        }
        Some(answer) => blobs::explain(answer, host)
            .or_else(|| blobs::wrong_size(config.size, blobs::served_bytes(answer)))
            .unwrap_or_else(|| silent("its config could not be read")),
        None => (Code::Interrupted, "not asked for: the run was interrupted".to_owned()),
    };
    Some((config, found))
}

/// Why it is not known for which platform an image without an index is, where nobody asked for one: no fault of it.
pub(super) fn untold(evidence: &Evidence, who: Who) -> Option<String> {
    if !evidence.platforms.is_empty() || evidence.depth_at(who) < Depth::Platforms {
        return None;
    }
    let host = match who {
        Who::Upstream => &*evidence.upstream.endpoint.name,
        Who::Mirror(index) => &*evidence.mirrors[index].endpoint.name,
    };
    let (_, (_, why)) = unknown(evidence, (who, host), tree::first_document(evidence, who)?)?;
    let told = "for which platform the image is, is not known";
    Some(if why.starts_with(told) { why } else { format!("{told}: {why}") })
}

/// Upstream's verdict, where it is known to lack a platform that is wanted.
pub(super) fn of_upstream(evidence: &Evidence, found: Verdict) -> Verdict {
    let lacking = upstream_lacks(evidence);
    if lacking.is_empty() || found.code != Code::Served {
        return found;
    }
    let names: Vec<_> = lacking.iter().take(8).map(ToString::to_string).collect();
    let reason = format!("upstream itself has nothing for {}{}", names.join(", "), offered(evidence));
    Verdict {
        digest: found.digest,
        expected: found.expected,
        ..verdict(Code::UpstreamLacksPlatform, reason, None)
    }
}
