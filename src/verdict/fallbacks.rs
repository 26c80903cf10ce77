//! Wanted platforms that an image does not have, and for which runtimes take another in their place: a pull succeeds, and
//! brings something else than was asked for.
//!
//! "Present" is an exact match. Where upstream has no better, the gap is upstream's, and no fault of the mirror.

use super::parts::BESIDES;
use crate::model::evidence::Evidence;
use crate::model::plan::Who;
use crate::model::platform::Platform;
use crate::model::run::Verdict;
use crate::plan::tree::{self, Met, Tree};

/// Most platforms that a reason names.
const NAMED: usize = 4;

/// Who is to blame that a wanted platform is only met by another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Gap {
    /// Upstream has no better.
    Upstreams,
    /// Upstream has this, which the mirror has not.
    Mirrors(Platform),
    /// What upstream has is not known.
    Unknown,
}

/// Whose gap it is that `wanted` is met by `other` at `who`.
pub(super) fn gap(evidence: &Evidence, who: Who, wanted: &Platform, other: &Platform) -> Gap {
    if who == Who::Upstream {
        return Gap::Upstreams;
    }
    let Some(offered) = tree::upstream_platforms(evidence) else { return Gap::Unknown };
    let has = |platform: &Platform| offered.iter().any(|offered| platform.is_met_by(offered));
    // Best first: what upstream has before it comes to what the mirror has.
    let best = std::iter::once(wanted.clone()).chain(wanted.stand_ins());
    let mut better = best.take_while(|platform| !platform.is_met_by(other));
    better.find(|platform| has(platform)).map_or(Gap::Upstreams, Gap::Mirrors)
}

/// Says in the reason which wanted platforms a pull would meet by others, where that is not told as a fault.
#[must_use]
pub fn with_fallbacks(evidence: &Evidence, who: Who, found: Verdict) -> Verdict {
    let told = in_words(evidence, who);
    if told.is_empty() {
        return found;
    }
    let reason = match &*found.reason {
        "" => told,
        // What stands before it may be judged anew later, and is known by where it ends.
        reason => format!("{reason}{BESIDES}{told}"),
    };
    Verdict { reason: reason.into(), ..found }
}

fn in_words(evidence: &Evidence, who: Who) -> String {
    if evidence.platforms.is_empty() {
        return String::new();
    }
    let met = match who {
        Who::Upstream => {
            let offered = tree::upstream_platforms(evidence);
            offered.map(|offered| tree::choice(&evidence.platforms, &offered))
        }
        Who::Mirror(_) => Tree::of(evidence, who).map(|tree| tree.wanted),
    };
    let instead = met.into_iter().flatten().filter_map(|(wanted, met)| match met {
        Met::Instead(other) => Some((wanted, other)),
        Met::Exactly | Met::Not | Met::Unknown => None,
    });
    let lines = instead.filter_map(|(wanted, other)| {
        let taken = format!("runtimes take {other} in its place");
        Some(match (gap(evidence, who, wanted, other), who) {
            (Gap::Mirrors(_), _) => return None,
            (Gap::Unknown, _) => {
                format!("{wanted} itself is not there, and whether upstream has it is not known: {taken}")
            }
            (Gap::Upstreams, Who::Upstream) => format!("upstream itself has no {wanted}: {taken}"),
            (Gap::Upstreams, Who::Mirror(_)) => {
                format!("{wanted} itself is not there, which is upstream's gap: {taken}")
            }
        })
    });
    let lines: Vec<String> = lines.collect();
    let more = lines.len().saturating_sub(NAMED);
    let more = if more > 0 { format!("; and so for {more} more") } else { String::new() };
    format!("{}{more}", lines[..lines.len().min(NAMED)].join("; "))
}
