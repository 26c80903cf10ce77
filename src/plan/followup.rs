//! What to ask about an image: first of everyone, then of whoever's answer leaves the reason open.
//!
//! Healthy images cost one question for each endpoint; everything else here is asked only where digests
//! differ or a mirror says that it has not got what upstream has.

use super::{age, dropped, parts, referrers};
use crate::model::compare::{Relation, relate};
use crate::model::depth::Depth;
use crate::model::digest::Digest;
use crate::model::evidence::{Evidence, MirrorEvidence};
use crate::model::image::ImageRef;
use crate::model::observation::{Observation, Outcome};
use crate::model::plan::{Question, Reference, Want, What, Who};

/// The question that is put first to `who` about `image`, which is looked at there as far as `depth`.
#[must_use]
pub fn opening(image: &ImageRef, depth: Depth, who: Who) -> Question {
    let reference = match (who, image.digest()) {
        // tag@digest: the tag tells upstream's digest and whether it has moved, in one question.
        (Who::Upstream, _) if image.tag().is_some() => Reference::Tag,
        (_, Some(digest)) => Reference::Digest(digest.clone()),
        (_, None) => Reference::Tag,
    };
    Question { who, what: What::Answer, reference, want: want(depth) }
}

const fn want(depth: Depth) -> Want {
    match depth {
        Depth::Head => Want::Existence,
        Depth::Manifest | Depth::Platforms | Depth::Blobs | Depth::Content => Want::Bytes,
    }
}

/// What else must be asked before the image can be judged; empty when it can be.
///
/// To be called when every question so far has its answer. What the image is made of is asked about when
/// all else is known.
#[must_use]
pub fn next(evidence: &Evidence) -> Vec<Question> {
    let questions = about_manifests(evidence);
    if !questions.is_empty() {
        return questions;
    }
    let mut parts = parts::next(evidence);
    parts.extend(dropped::next(evidence));
    if !parts.is_empty() {
        return parts;
    }
    let mut beside = age::next(evidence);
    beside.extend(referrers::next(evidence));
    beside
}

fn about_manifests(evidence: &Evidence) -> Vec<Question> {
    let mut questions = Questions(Vec::new());
    upstream(evidence, &mut questions);
    for (index, mirror) in evidence.mirrors.iter().enumerate() {
        own_digest(
            evidence,
            mirror.answer.as_ref(),
            mirror.own_digest.as_ref(),
            Who::Mirror(index),
            &mut questions,
        );
        let Some(answer) = &mirror.answer else { continue };
        match &answer.outcome {
            Outcome::Found(_) => difference(evidence, index, mirror, &mut questions),
            Outcome::Missing(_) => hidden_cause(evidence, index, mirror, &mut questions),
            _ => {}
        }
    }
    questions.0
}

struct Questions(Vec<Question>);

impl Questions {
    fn ask(&mut self, who: Who, what: What, reference: Reference, want: Want) {
        let question = Question { who, what, reference, want };
        if !self.0.contains(&question) {
            self.0.push(question);
        }
    }
}

fn upstream(evidence: &Evidence, questions: &mut Questions) {
    let upstream = &evidence.upstream;
    if evidence.mirrors.is_empty() {
        own_digest(
            evidence,
            upstream.answer.as_ref(),
            upstream.own_digest.as_ref(),
            Who::Upstream,
            questions,
        );
    }
    let (Some(pinned), Some(_), Some(answer)) =
        (evidence.image.digest(), evidence.image.tag(), &upstream.answer)
    else {
        return;
    };
    let has_moved = match &answer.outcome {
        Outcome::Found(facts) => !facts.goes_by(pinned),
        Outcome::Missing(_) => true,
        _ => false,
    };
    if has_moved && upstream.pinned.is_none() {
        let reference = Reference::Digest(pinned.clone());
        let want = want(evidence.depth_at(Who::Upstream));
        questions.ask(Who::Upstream, What::Pinned, reference, want);
    }
}

/// Depth `manifest`: a tag is worth nothing where its digest cannot be had, because that is what runtimes
/// pull.
fn own_digest(
    evidence: &Evidence,
    answer: Option<&Observation>,
    own_digest: Option<&Observation>,
    who: Who,
    questions: &mut Questions,
) {
    if evidence.depth_at(who) < Depth::Manifest || evidence.image.digest().is_some() || own_digest.is_some() {
        return;
    }
    let Some(facts) = answer.and_then(Observation::facts) else { return };
    if !facts.media_type.is_some_and(|known| known.is_schema1()) {
        questions.ask(who, What::OwnDigest, Reference::Digest(facts.digest.clone()), Want::Bytes);
    }
}

/// The mirror serves something else than upstream: why?
fn difference(evidence: &Evidence, index: usize, mirror: &MirrorEvidence, questions: &mut Questions) {
    let upstream = &evidence.upstream;
    let (Some(expected), Some(served)) = (upstream.digest(), mirror.digest()) else { return };
    let is_expected =
        mirror.answer.as_ref().and_then(Observation::facts).is_some_and(|facts| facts.goes_by(expected));
    if evidence.image.digest().is_some() || served == expected || is_expected {
        return;
    }
    // Upstream may have moved the tag since it was asked.
    if upstream.again.is_none() {
        return questions.ask(Who::Upstream, What::Again, Reference::Tag, Want::Existence);
    }
    let has_document = mirror.document.is_some() || has_manifest(mirror.answer.as_ref());
    if !has_document {
        questions.ask(Who::Mirror(index), What::Document, Reference::Tag, Want::Bytes);
    }
    if upstream.document.is_none() {
        // By tag: upstream's header may name a digest that it does not serve.
        questions.ask(Who::Upstream, What::Document, Reference::Tag, Want::Bytes);
    }
    if has_document && upstream.document.is_some() {
        let is_known = |digest: &Digest| upstream.has.iter().any(|(known, _)| known == digest);
        if relation(evidence, mirror).is_none_or(|relation| relation == Relation::Different)
            && !is_known(served)
        {
            questions.ask(Who::Upstream, What::Has, Reference::Digest(served.clone()), Want::Existence);
        }
    }
}

fn has_manifest(observation: Option<&Observation>) -> bool {
    observation.is_some_and(|observation| observation.manifest().is_some())
}

/// How the mirror's document relates to upstream's, where both have been read.
#[must_use]
pub fn relation(evidence: &Evidence, mirror: &MirrorEvidence) -> Option<Relation> {
    let theirs = evidence.upstream.document.as_ref()?.manifest()?;
    let read = |observation: &Option<Observation>| -> Option<Relation> {
        let observation = observation.as_ref()?;
        Some(relate(observation.manifest()?, observation.digest()?, theirs))
    };
    read(&mirror.document).or_else(|| read(&mirror.answer))
}

/// The mirror says that it has no such tag. Pull-through caches say so whatever upstream's trouble was,
/// but are frank when asked for a digest.
fn hidden_cause(evidence: &Evidence, index: usize, mirror: &MirrorEvidence, questions: &mut Questions) {
    if evidence.image.digest().is_some() || mirror.upstream_digest.is_some() {
        return;
    }
    let upstream = evidence.upstream.answer.as_ref().map(|answer| &answer.outcome);
    let wanted = match (evidence.upstream.digest(), upstream) {
        (Some(digest), _) => digest.clone(),
        (None, None | Some(Outcome::Missing(_))) => return,
        // Upstream could not be asked. What most mirrors serve will do, and else a digest that no manifest
        // has: a plain registry says 404 to it as well, a cache that cannot reach its upstream does not.
        (None, Some(_)) => {
            evidence.majority().map_or_else(|| Digest::sha256(b""), |(digest, _, _)| digest.clone())
        }
    };
    questions.ask(Who::Mirror(index), What::UpstreamDigest, Reference::Digest(wanted), Want::Bytes);
}
