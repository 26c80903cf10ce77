//! What to ask about what refers to an image: upstream first, and mirrors that serve its digest only where there is
//! something to be lacked.

use crate::model::evidence::Evidence;
use crate::model::observation::Observation;
use crate::model::plan::{Question, Reference, Want, What, Who};
use crate::model::referrers::AskReferrers;

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
        None => vec![question(Who::Upstream)],
        Some(known) if known.found.is_empty() => Vec::new(),
        Some(_) => {
            let unasked = same.into_iter().filter(|(_, mirror)| mirror.referrers.is_none());
            unasked.map(|(index, _)| question(Who::Mirror(index))).collect()
        }
    }
}
