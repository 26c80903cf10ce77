//! What the answers about an image mean. Pure: the same evidence gives the same verdict, live or saved.
//!
//! The order of the rules: could it be asked; is it what it claims to be; is it what upstream has.

mod age;
mod blobs;
pub mod choice;
mod contacts;
mod fallbacks;
mod notes;
mod parts;
mod platforms;
pub mod pull;
mod referrers;
mod schema1;
mod sign_in;
mod unserved;

pub use age::{AgeTerms, with_age, with_grace};
pub use contacts::{Contacted, Reach, contacts};
pub use fallbacks::with_fallbacks;
pub use notes::{notes, rejections};
pub use parts::{anatomy, with_parts};
pub use referrers::{Referrers, with_referrers};
pub use sign_in::sign_in;

use std::borrow::Cow;

use crate::model::code::Code;
use crate::model::compare::Relation;
use crate::model::digest::Digest;
use crate::model::evidence::{Evidence, MirrorEvidence};
use crate::model::observation::{Breakage, DigestSource, Facts, NotAsked, Observation, Outcome};
use crate::model::run::Verdict;
use crate::plan::followup;

/// Compared by the digest of the bytes, where one side's header names them by another.
const OTHER_ALGORITHM: &str = "the same bytes, named by digests of two algorithms";

/// What upstream's answer means by itself.
#[must_use]
pub fn upstream(evidence: &Evidence) -> Verdict {
    let upstream = &evidence.upstream;
    let host = &*upstream.endpoint.name;
    let Some(answer) = &upstream.answer else { return unserved::not_asked() };
    let pinned = evidence.image.digest();
    // tag@digest: the digest is the question, the tag is information. Where there is no tag, the digest was asked.
    let counted = match (&answer.outcome, pinned.filter(|_| evidence.image.tag().is_some())) {
        (Outcome::Found(facts), Some(pinned)) if !facts.goes_by(pinned) => upstream.pinned.as_ref(),
        (Outcome::Missing(_), Some(_)) => upstream.pinned.as_ref(),
        _ => Some(answer),
    };
    let Some(counted) = counted else { return unserved::not_asked() };
    let verdict = match &counted.outcome {
        Outcome::Found(facts) => match contradicted(upstream.document.as_ref()) {
            // Believed by its header until a mirror differed and the bytes were read.
            Some((header, read)) => header_wrong(header, read, host, None),
            None => {
                let fault = served(evidence, facts, upstream.own_digest.as_ref(), host);
                schema1::weigh(fault.unwrap_or_else(|| verdict(Code::Served, "", Some(facts))), facts, None)
            }
        },
        Outcome::Missing(answer) => unserved::missing(answer, counted, host),
        _ => unserved::explain(counted, host),
    };
    platforms::of_upstream(evidence, Verdict { expected: pinned.cloned(), ..verdict })
}

/// What the answers of the mirror with this index mean, beside those of upstream and the other mirrors.
#[must_use]
pub fn mirror(evidence: &Evidence, index: usize) -> Verdict {
    let mirror = &evidence.mirrors[index];
    let verdict = match mirror.answer.as_ref().map(|answer| (answer, &answer.outcome)) {
        None => unserved::not_asked(),
        Some((_, Outcome::Found(facts))) => {
            let upstream = evidence.upstream.answer.as_ref().and_then(Observation::facts);
            schema1::weigh(found(evidence, mirror, facts), facts, upstream)
        }
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
    if expected == Some(header) {
        let reason = format!(
            "{host} serves bytes that hash to {} under upstream's digest {}",
            facts.digest.short(),
            header.short()
        );
        return verdict(Code::DigestMismatch, reason, Some(facts));
    }
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
        return if facts.goes_by(pinned) {
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
    let is_upstreams = |facts: &Facts| {
        let answers = [&upstream.answer, &upstream.again, &upstream.document].into_iter().flatten();
        answers.filter_map(Observation::facts).any(|theirs| theirs.is_same_as(facts))
    };
    if upstream.answer.as_ref().and_then(Observation::digest) == Some(&facts.digest) {
        return verdict(Code::DigestEqual, "", Some(facts));
    }
    let algorithm = upstream.answer.as_ref().and_then(Observation::digest).map(Digest::algorithm);
    if is_upstreams(facts) {
        if contradicted(upstream.document.as_ref()).is_some() {
            return verdict(Code::DigestEqual, "the bytes are upstream's; its header is wrong", Some(facts));
        }
        if algorithm.is_some_and(|algorithm| algorithm != facts.digest.algorithm()) {
            return verdict(Code::DigestEqual, OTHER_ALGORITHM, Some(facts));
        }
        return verdict(
            Code::UpstreamMoved,
            "upstream moved the tag during the check; this is the new one",
            Some(facts),
        );
    }
    // An older copy, or the same in other bytes? The run ended before that was looked into.
    let is_interrupted = [&upstream.again, &upstream.document, &mirror.document]
        .into_iter()
        .flatten()
        .any(|followup| followup.outcome == Outcome::NotAsked(NotAsked::Interrupted));
    if is_interrupted {
        return Verdict { digest: Some(facts.digest.clone()), ..unserved::not_asked() };
    }
    if let Some((header, read)) = contradicted(mirror.document.as_ref()) {
        return header_wrong(header, read, &mirror.endpoint.name, upstream.digest());
    }
    let facts = match mirror.document.as_ref().map(|document| (document, &document.outcome)) {
        Some((_, Outcome::Found(read)))
            if is_upstreams(read) && Some(read.digest.algorithm()) != algorithm =>
        {
            return verdict(Code::DigestEqual, OTHER_ALGORITHM, Some(read));
        }
        // HEAD and GET disagree: the mirror was brought up to date in between.
        Some((_, Outcome::Found(read))) if is_upstreams(read) => {
            return verdict(Code::UpstreamMoved, "the mirror was updated during the check", Some(read));
        }
        Some((_, Outcome::Found(read))) => read,
        // HEAD promised a manifest, GET brings none.
        Some((document, Outcome::Broken(breakage))) if is_no_manifest(breakage) => {
            return unserved::explain(document, &mirror.endpoint.name);
        }
        _ => facts,
    };
    let verdict = difference(evidence, mirror, facts);
    let unread = unserved::unread(mirror.document.as_ref(), &mirror.endpoint.name)
        .or_else(|| unserved::unread(upstream.document.as_ref(), &upstream.endpoint.name));
    match unread {
        Some(why) => Verdict { reason: format!("{}{why}", verdict.reason).into(), ..verdict },
        None => verdict,
    }
}

/// What the header said and what was found, where the two disagree.
fn contradicted(observation: Option<&Observation>) -> Option<(&Digest, &Facts)> {
    let facts = observation.and_then(Observation::facts)?;
    match &facts.source {
        DigestSource::Contradicted { header } => Some((header, facts)),
        _ => None,
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

fn difference(evidence: &Evidence, mirror: &MirrorEvidence, facts: &Facts) -> Verdict {
    let is_index = facts.media_type.is_some_and(|known| known.is_index());
    match followup::relation(evidence, mirror) {
        Some(Relation::SameContent) if is_index => verdict(
            Code::IndexReserialised,
            "other bytes, the same images for the same platforms",
            Some(facts),
        ),
        Some(Relation::SameContent) => {
            verdict(Code::ManifestReserialised, "other bytes, the same config and layers", Some(facts))
        }
        // Nothing is lacking where the index had but this one (and attestations, say).
        Some(Relation::SinglePlatform { of: 1, .. }) => verdict(
            Code::IndexUnwrapped,
            "the one image of upstream's index is served in place of the index",
            Some(facts),
        ),
        Some(Relation::SinglePlatform { platform, .. })
            if platforms::suffices(evidence, platform.as_ref()) =>
        {
            wanted_are_equal(facts)
        }
        Some(Relation::SinglePlatform { platform, of }) => {
            let platform = platform.map_or_else(|| "one".to_owned(), |platform| platform.to_string());
            let reason = format!("only the {platform} image is served, where upstream has an index of {of}");
            verdict(Code::SinglePlatformCopy, reason, Some(facts))
        }
        Some(Relation::LacksPlatforms(lacking)) => platforms::lacks(evidence, mirror, facts, &lacking),
        Some(Relation::NotComparable) => {
            verdict(Code::Schema1Unverifiable, "schema 1: its digest says nothing of the bytes", Some(facts))
        }
        Some(Relation::Different) | None => stale(evidence, facts),
    }
}

fn wanted_are_equal(facts: &Facts) -> Verdict {
    let reason = "platforms that nobody wants here are lacking; the wanted ones are upstream's";
    verdict(Code::WantedPlatformsEqual, reason, Some(facts))
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
        let reason = format!("upstream could not be asked; agrees with {same} of {served} mirrors");
        verdict(Code::AgreesWithMirrors, reason, Some(facts))
    } else {
        let reason = format!(
            "upstream could not be asked; serves {}, differs from {} of {served} mirrors",
            facts.digest.short(),
            served - same,
        );
        verdict(Code::DiffersFromMirrors, reason, Some(facts))
    }
}

fn verdict(code: Code, reason: impl Into<Cow<'static, str>>, facts: Option<&Facts>) -> Verdict {
    Verdict { code, reason: reason.into(), digest: facts.map(|facts| facts.digest.clone()), expected: None }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use time::OffsetDateTime;
    use url::Url;

    use super::*;
    use crate::model::depth::Depth;
    use crate::model::endpoint::{Accepts, Authority, Endpoint, Namespace, Role};
    use crate::model::observation::{Answer, Refusal};
    use crate::model::rewrite::Rewrite;
    use crate::model::status::Status;

    fn endpoint(role: Role) -> Arc<Endpoint> {
        let url = Url::parse("https://h.example").unwrap();
        Arc::new(Endpoint {
            name: role.as_str().into(),
            authority: Authority::of(&url).unwrap(),
            url,
            api_root: "https://h.example/v2".into(),
            role,
            rewrite: Rewrite::default(),
            namespace: Namespace::Never,
            accepts: Accepts::All,
            seen: None,
        })
    }

    fn observed(outcome: Outcome) -> Option<Observation> {
        let unasked = Observation::unasked(outcome, OffsetDateTime::UNIX_EPOCH);
        Some(Observation { http_status: Some(200), attempts: 1, ..unasked })
    }

    fn digest(seed: &str) -> Digest {
        Digest::sha256(seed.as_bytes())
    }

    fn found(seed: &str, source: DigestSource) -> Option<Observation> {
        observed(Outcome::Found(Facts {
            digest: digest(seed),
            source,
            media_type: None,
            manifest: None,
            bytes: None,
        }))
    }

    fn under(seed: &str) -> DigestSource {
        DigestSource::Contradicted { header: digest(seed) }
    }

    fn evidence() -> Evidence {
        let image = Arc::new("nginx:1.25".parse().unwrap());
        let head = |role| (endpoint(role), Depth::Head);
        Evidence::new(image, Arc::default(), head(Role::Upstream), vec![head(Role::Mirror)])
    }

    #[test]
    fn bytes_under_upstreams_digest_that_are_others_are_a_mismatch_and_else_the_header_is_wrong() {
        for (header, code) in [("right", Code::DigestMismatch), ("wrong", Code::DigestHeaderWrong)] {
            let mut evidence = evidence();
            evidence.upstream.answer = found("right", DigestSource::Header);
            evidence.mirrors[0].answer = found("bytes", under(header));
            let verdict = mirror(&evidence, 0);
            assert_eq!((verdict.code, verdict.digest), (code, Some(digest("bytes"))));
            assert_eq!(verdict.expected, Some(digest("right")));
        }
    }

    #[test]
    fn a_wrong_header_of_upstream_is_upstreams_fault() {
        let mut evidence = evidence();
        evidence.upstream.answer = found("wrong", DigestSource::Header);
        evidence.upstream.again = found("wrong", DigestSource::Header);
        evidence.upstream.document = found("bytes", under("wrong"));
        for (served, code) in [("bytes", Code::DigestEqual), ("other", Code::DigestDiffers)] {
            evidence.mirrors[0].answer = found(served, DigestSource::Header);
            let verdict = mirror(&evidence, 0);
            assert_eq!((verdict.code, verdict.expected), (code, Some(digest("bytes"))));
        }
        let verdict = upstream(&evidence);
        assert_eq!((verdict.code, verdict.digest), (Code::DigestHeaderWrong, Some(digest("bytes"))));
    }

    #[test]
    fn what_upstream_serves_by_now_is_no_difference_whenever_it_was_seen() {
        for at_the_last_moment in [false, true] {
            let mut evidence = evidence();
            evidence.upstream.answer = found("old", DigestSource::Header);
            let now = found("new", DigestSource::Both);
            if at_the_last_moment {
                evidence.upstream.again = found("old", DigestSource::Header);
                evidence.upstream.document = now;
            } else {
                evidence.upstream.again = now;
            }
            evidence.mirrors[0].answer = found("new", DigestSource::Header);
            assert_eq!(mirror(&evidence, 0).code, Code::UpstreamMoved);
        }
    }

    #[test]
    fn a_digest_that_upstream_has_not_got_is_missing_with_and_without_a_tag() {
        for (name, is_tagged) in [("nginx", false), ("nginx:1.25", true)] {
            let mut evidence = evidence();
            evidence.image = Arc::new(format!("{name}@{}", digest("gone")).parse().unwrap());
            evidence.upstream.answer =
                observed(Outcome::Missing(Answer { status: 404, ..Answer::default() }));
            if is_tagged {
                // The tag's 404 says nothing of the digest.
                assert_eq!(upstream(&evidence).code, Code::Interrupted);
                evidence.upstream.pinned = evidence.upstream.answer.clone();
            }
            let verdict = upstream(&evidence);
            assert_eq!((verdict.code.status(), verdict.expected), (Status::Missing, Some(digest("gone"))));
        }
    }

    #[test]
    fn a_refusal_names_the_place_that_it_was_redirected_from() {
        let mut evidence = evidence();
        let answer = Answer { status: 403, ..Answer::default() };
        let mut refused = observed(Outcome::Refused(Refusal::NoChallenge(answer))).unwrap();
        refused.redirected_to = Some("https://cdn.example/x".into());
        evidence.mirrors[0].answer = Some(refused);
        let verdict = mirror(&evidence, 0);
        assert_eq!(verdict.code, Code::NoChallenge);
        assert!(verdict.reason.ends_with(" (from https://cdn.example/x)"), "{}", verdict.reason);
    }
}
