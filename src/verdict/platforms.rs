//! Which platforms matter where a mirror's index is not upstream's, and which of them upstream itself lacks.

use super::verdict;
use crate::model::code::Code;
use crate::model::evidence::Evidence;
use crate::model::platform::Platform;
use crate::model::run::Verdict;
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

/// Wanted platforms for which upstream's index has nothing; none where that is not known.
pub(super) fn upstream_lacks(evidence: &Evidence) -> Vec<&Platform> {
    if evidence.platforms.is_empty() {
        return Vec::new();
    }
    let Some(offered) = tree::upstream_platforms(evidence).filter(|offered| !offered.is_empty()) else {
        return Vec::new();
    };
    let chosen = tree::choice(&evidence.platforms, &offered);
    chosen.into_iter().filter(|(_, met)| *met == Met::Not).map(|(platform, _)| platform).collect()
}

/// Upstream's verdict, where its index is known to lack a platform that is wanted.
pub(super) fn of_upstream(evidence: &Evidence, found: Verdict) -> Verdict {
    let lacking = upstream_lacks(evidence);
    if lacking.is_empty() || found.code != Code::Served {
        return found;
    }
    let names: Vec<_> = lacking.iter().take(8).map(ToString::to_string).collect();
    let reason = format!("upstream's own index has nothing for {}", names.join(", "));
    Verdict {
        digest: found.digest,
        expected: found.expected,
        ..verdict(Code::UpstreamLacksPlatform, reason, None)
    }
}
