//! What the answers about an image mean. Pure: the same evidence gives the same verdict, live or saved.
//!
//! The order of the rules: could it be asked; is it what it claims to be; is it what upstream has.

mod notes;
mod unserved;

pub use notes::notes;

use std::borrow::Cow;

use crate::model::code::Code;
use crate::model::compare::Relation;
use crate::model::depth::Depth;
use crate::model::digest::Digest;
use crate::model::evidence::{Evidence, MirrorEvidence};
use crate::model::observation::{Breakage, DigestSource, Facts, Observation, Outcome};
use crate::model::run::Verdict;
use crate::plan::followup;

/// What upstream's answer means by itself.
#[must_use]
pub fn upstream(evidence: &Evidence) -> Verdict {
    let upstream = &evidence.upstream;
    let host = &*upstream.endpoint.name;
    let Some(answer) = &upstream.answer else { return unserved::not_asked() };
    let pinned = evidence.image.digest();
    let counted = match (&answer.outcome, pinned) {
        // tag@digest: the digest is the question, the tag is information.
        (Outcome::Found(facts), Some(pinned)) if facts.digest != *pinned => upstream.pinned.as_ref(),
        (Outcome::Missing(_), Some(_)) => upstream.pinned.as_ref(),
        _ => Some(answer),
    };
    let Some(counted) = counted else { return unserved::not_asked() };
    let verdict = match &counted.outcome {
        Outcome::Found(facts) => served(evidence, facts, upstream.own_digest.as_ref(), host)
            .unwrap_or_else(|| verdict(Code::Served, "", Some(facts))),
        Outcome::Missing(answer) => unserved::missing(answer, host),
        _ => unserved::explain(counted, host),
    };
    Verdict { expected: pinned.cloned(), ..verdict }
}

/// What the answers of the mirror with this index mean, beside those of upstream and the other mirrors.
#[must_use]
pub fn mirror(evidence: &Evidence, index: usize) -> Verdict {
    let mirror = &evidence.mirrors[index];
    let verdict = match mirror.answer.as_ref().map(|answer| (answer, &answer.outcome)) {
        None => unserved::not_asked(),
        Some((_, Outcome::Found(facts))) => found(evidence, mirror, facts),
        Some((_, Outcome::Missing(_))) => unserved::missing_on_mirror(evidence, mirror),
        Some((answer, _)) => unserved::explain(answer, &mirror.endpoint.name),
    };
    Verdict { expected: evidence.expected().cloned(), ..verdict }
}

/// Faults of what was served that no comparison is needed for.
fn served(
    evidence: &Evidence,
    facts: &Facts,
    own_digest: Option<&Observation>,
    host: &str,
) -> Option<Verdict> {
    if let DigestSource::Contradicted { header } = &facts.source {
        return Some(header_wrong(header, facts, host, evidence.expected()));
    }
    if evidence.depth < Depth::Manifest {
        return None;
    }
    let own = own_digest.filter(|own| unserved::spared(Some(own)).is_none())?;
    let reason = match &own.outcome {
        Outcome::Found(_) => return None,
        Outcome::Missing(_) => {
            format!("{host} serves the tag, but has no {} by digest", facts.digest.short())
        }
        Outcome::Broken(Breakage::WrongBytes { found, .. }) => format!(
            "{host} serves the tag, but by digest {} other bytes ({})",
            facts.digest.short(),
            found.short()
        ),
        Outcome::Refused(_)
        | Outcome::Broken(
            Breakage::Html { .. }
            | Breakage::Empty
            | Breakage::ErrorDocument(_)
            | Breakage::NotAManifest { .. }
            | Breakage::TooLarge { .. }
            | Breakage::NotARegistry(_)
            | Breakage::OddStatus(_),
        ) => {
            let why = unserved::explain(own, host).reason;
            format!("the tag is served, but its digest {} is not: {why}", facts.digest.short())
        }
        // Throttled, unreached, a failing server: nothing is known of the digest.
        _ => return Some(Verdict { digest: Some(facts.digest.clone()), ..unserved::explain(own, host) }),
    };
    Some(verdict(Code::DigestUnservable, reason, Some(facts)))
}

fn header_wrong(header: &Digest, facts: &Facts, host: &str, expected: Option<&Digest>) -> Verdict {
    let what = if expected == Some(&facts.digest) { " (which is what upstream serves)" } else { "" };
    let reason = format!(
        "the header of {host} says {}, but the bytes hash to {}{what}",
        header.short(),
        facts.digest.short()
    );
    verdict(Code::DigestHeaderWrong, reason, Some(facts))
}

fn found(evidence: &Evidence, mirror: &MirrorEvidence, facts: &Facts) -> Verdict {
    let host = &*mirror.endpoint.name;
    if let Some(fault) = served(evidence, facts, mirror.own_digest.as_ref(), host) {
        return fault;
    }
    let upstream = &evidence.upstream;
    if let Some(pinned) = evidence.image.digest() {
        return if facts.digest == *pinned {
            verdict(Code::DigestEqual, "the pinned digest is served", Some(facts))
        } else {
            let reason = format!("{host} serves {} for the pinned digest", facts.digest.short());
            verdict(Code::DigestMismatch, reason, Some(facts))
        };
    }
    match upstream.answer.as_ref().map(|answer| &answer.outcome) {
        Some(Outcome::Found(_)) => against_upstream(evidence, mirror, facts),
        Some(Outcome::Missing(_)) => verdict(
            Code::UpstreamLacksIt,
            "served here, but upstream says that it has no such image",
            Some(facts),
        ),
        _ => against_mirrors(evidence, facts),
    }
}

fn against_upstream(evidence: &Evidence, mirror: &MirrorEvidence, facts: &Facts) -> Verdict {
    let upstream = &evidence.upstream;
    let first = upstream.answer.as_ref().and_then(Observation::digest);
    let again = upstream.again.as_ref().and_then(Observation::digest);
    if first == Some(&facts.digest) {
        return verdict(Code::DigestEqual, "", Some(facts));
    }
    if again == Some(&facts.digest) {
        return verdict(
            Code::UpstreamMoved,
            "upstream moved the tag during the check; this is the new one",
            Some(facts),
        );
    }
    let facts = match mirror.document.as_ref().map(|document| (document, &document.outcome)) {
        Some((_, Outcome::Found(read))) => {
            if let DigestSource::Contradicted { header } = &read.source {
                return header_wrong(header, read, &mirror.endpoint.name, upstream.digest());
            }
            if first == Some(&read.digest) || again == Some(&read.digest) {
                // HEAD and GET disagree: the mirror was brought up to date in between.
                return verdict(Code::UpstreamMoved, "the mirror was updated during the check", Some(read));
            }
            read
        }
        // HEAD promised a manifest, GET brings none.
        Some((document, Outcome::Broken(breakage))) if is_no_manifest(breakage) => {
            return unserved::explain(document, &mirror.endpoint.name);
        }
        _ => facts,
    };
    let relation = followup::relation(evidence, mirror);
    let verdict = difference(evidence, facts, relation);
    let spared =
        unserved::spared(mirror.document.as_ref()).or_else(|| unserved::spared(upstream.document.as_ref()));
    match spared {
        Some(why) => Verdict { reason: format!("{}{why}", verdict.reason).into(), ..verdict },
        None => verdict,
    }
}

const fn is_no_manifest(breakage: &Breakage) -> bool {
    matches!(
        breakage,
        Breakage::Html { .. }
            | Breakage::Empty
            | Breakage::ErrorDocument(_)
            | Breakage::NotAManifest { .. }
            | Breakage::TooLarge { .. }
    )
}

fn difference(evidence: &Evidence, facts: &Facts, relation: Option<Relation>) -> Verdict {
    let is_index = facts.media_type.is_some_and(|known| known.is_index());
    match relation {
        Some(Relation::SameContent) if is_index => verdict(
            Code::IndexReserialised,
            "other bytes, the same images for the same platforms",
            Some(facts),
        ),
        Some(Relation::SameContent) => {
            verdict(Code::ManifestReserialised, "other bytes, the same config and layers", Some(facts))
        }
        Some(Relation::SinglePlatform { platform, of }) => {
            let platform = platform.map_or_else(|| "one".to_owned(), |platform| platform.to_string());
            let reason = format!("only the {platform} image is served, where upstream has an index of {of}");
            verdict(Code::SinglePlatformCopy, reason, Some(facts))
        }
        Some(Relation::LacksPlatforms(lacking)) => {
            let named = lacking.iter().take(8).map(|name| &**name).collect::<Vec<_>>().join(", ");
            let more = lacking.len().saturating_sub(8);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            verdict(Code::PlatformAbsent, format!("the index lacks {named}{more}"), Some(facts))
        }
        Some(Relation::NotComparable) => {
            verdict(Code::Schema1Unverifiable, "schema 1: its digest says nothing of the bytes", Some(facts))
        }
        Some(Relation::Different) | None => stale(evidence, facts),
    }
}

fn stale(evidence: &Evidence, facts: &Facts) -> Verdict {
    let upstream = &evidence.upstream;
    let expected = upstream.digest().map_or_else(String::new, Digest::short);
    let known = upstream.has.iter().find(|(digest, _)| *digest == facts.digest);
    let history = match known.map(|(_, observation)| &observation.outcome) {
        Some(Outcome::Found(_)) => "; upstream still has the mirror's digest: an older image of this tag",
        Some(Outcome::Missing(_)) => "; upstream does not know the mirror's digest (any more)",
        _ => "",
    };
    let reason = format!("serves {}, upstream has {expected}{history}", facts.digest.short());
    verdict(Code::DigestDiffers, reason, Some(facts))
}

/// Upstream could not be asked: compared with the other mirrors instead.
fn against_mirrors(evidence: &Evidence, facts: &Facts) -> Verdict {
    let Some((majority, most, served)) = evidence.majority() else {
        return verdict(Code::NothingToCompare, "upstream could not be asked", Some(facts));
    };
    if served < 2 {
        return verdict(
            Code::NothingToCompare,
            "upstream could not be asked, and no other mirror serves it",
            Some(facts),
        );
    }
    let same = evidence.mirrors.iter().filter(|mirror| mirror.digest() == Some(&facts.digest)).count();
    if facts.digest == *majority && most > 1 {
        let reason =
            format!("upstream could not be asked; agrees with {} of {} other mirrors", same - 1, served - 1);
        verdict(Code::AgreesWithMirrors, reason, Some(facts))
    } else {
        let reason = format!(
            "upstream could not be asked; serves {}, differs from {} of {} other mirrors",
            facts.digest.short(),
            served - same,
            served - 1
        );
        verdict(Code::DiffersFromMirrors, reason, Some(facts))
    }
}

fn verdict(code: Code, reason: impl Into<Cow<'static, str>>, facts: Option<&Facts>) -> Verdict {
    Verdict { code, reason: reason.into(), digest: facts.map(|facts| facts.digest.clone()), expected: None }
}
