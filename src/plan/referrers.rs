//! What to ask about what refers to an image: upstream first, and mirrors that serve its digest only where there is
//! something to be lacked.
//!
//! A list is not what it lists: of what stands in upstream's list and in a mirror's, the mirror is asked whether it has
//! it, and upstream itself where the mirror has not, or does not list it.

use crate::model::digest::Digest;
use crate::model::evidence::Evidence;
use crate::model::observation::{Observation, Outcome};
use crate::model::plan::{Question, Reference, Want, What, Who};
use crate::model::referrers::{AskReferrers, Referrer, most_asked};

/// What must be asked next; empty when all is known that can be, or nobody wants to know.
#[must_use]
pub(super) fn next(evidence: &Evidence) -> Vec<Question> {
    let upstream = &evidence.upstream;
    // Where the tag is gone, the pinned digest may still be there.
    let answers = [&upstream.answer, &upstream.pinned].into_iter().flatten();
    let is_known = answers.filter_map(Observation::digest).next().is_some();
    let Some(expected) = evidence.expected().filter(|_| is_known) else { return Vec::new() };
    let same = evidence.mirrors.iter().enumerate().filter(|(_, mirror)| mirror.digest() == Some(expected));
    let same: Vec<_> = same.collect();
    if evidence.ask_referrers == AskReferrers::No || same.is_empty() {
        return Vec::new();
    }
    let question = |who| Question {
        who,
        what: What::Referrers,
        reference: Reference::Digest(expected.clone()),
        want: Want::Bytes,
    };
    match &upstream.referrers {
        None => return vec![question(Who::Upstream)],
        Some(known) if known.found.is_empty() => return Vec::new(),
        Some(_) => {}
    }
    let unasked = same.iter().filter(|(_, mirror)| mirror.referrers.is_none());
    let lists: Vec<_> = unasked.map(|(index, _)| question(Who::Mirror(*index))).collect();
    if !lists.is_empty() {
        return lists;
    }
    let mirrors: Vec<_> = same.iter().map(|(index, _)| *index).collect();
    listed(evidence, &mirrors)
}

/// Asks for single ones by digest.
fn listed(evidence: &Evidence, mirrors: &[usize]) -> Vec<Question> {
    let mut questions: Vec<Question> = Vec::new();
    for index in mirrors {
        let here = Who::Mirror(*index);
        for (digest, standing) in sought(evidence, *index).take(most_asked(evidence.depth_at(here))) {
            let is_lost =
                || answer(evidence, here, digest).map(|answer| matches!(answer.outcome, Outcome::Missing(_)));
            let who = match standing {
                Standing::Open => continue,
                Standing::Unlisted => Who::Upstream,
                Standing::Listed => match is_lost() {
                    None => here,
                    Some(true) => Who::Upstream,
                    Some(false) => continue,
                },
            };
            if answer(evidence, who, digest).is_some() {
                continue;
            }
            let reference = Reference::Digest(digest.clone());
            let question = Question { who, what: What::Child, reference, want: Want::Existence };
            if !questions.contains(&question) {
                questions.push(question);
            }
        }
    }
    questions
}

/// What a mirror's list says of one of upstream's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is in it.
    Listed,
    /// It is not, and the list is whole.
    Unlisted,
    /// It is not in what was had of it.
    Open,
}

/// Those of upstream's list, in its order, and how each stands in that of the mirror with this index; none where that
/// was not asked for.
pub fn sought(evidence: &Evidence, index: usize) -> impl Iterator<Item = (&Digest, Standing)> {
    let ours = evidence.mirrors[index].referrers.as_ref();
    let theirs = evidence.upstream.referrers.iter().flat_map(|known| &known.found);
    theirs.filter_map(move |referrer| {
        let Referrer::Listed(digest) = referrer else { return None };
        let ours = ours?;
        let standing = if ours.found.contains(referrer) {
            Standing::Listed
        } else if ours.gaps.iter().any(|(source, _)| referrer.is_of(source)) {
            Standing::Open
        } else {
            Standing::Unlisted
        };
        Some((digest, standing))
    })
}

/// What was answered when it was asked for by digest.
#[must_use]
pub fn answer<'a>(evidence: &'a Evidence, who: Who, digest: &Digest) -> Option<&'a Observation> {
    evidence.parts_at(who).children.get(digest)?.counted()
}
