//! Indexes within upstream's index that a mirror's index does not name: what is in them decides whether anything is
//! lacked, and only upstream can tell.
//!
//! Asked for where platforms are looked at; elsewhere, and where upstream does not serve them, that stays open.

use super::followup;
use super::tree::first_document;
use crate::model::compare::Relation;
use crate::model::depth::Depth;
use crate::model::digest::Digest;
use crate::model::evidence::{Evidence, MirrorEvidence};
use crate::model::manifest::{Child, Content};
use crate::model::plan::{Question, Reference, Want, What, Who};

/// Most of them that upstream is asked for, of one image; hardly any image has one.
const MOST_ASKED: usize = 8;

/// What must be asked next; empty where all is known that can be.
#[must_use]
pub(super) fn next(evidence: &Evidence) -> Vec<Question> {
    let known = &evidence.upstream.parts.children;
    let deep = evidence.mirrors.iter().filter(|mirror| mirror.depth >= Depth::Platforms);
    let mut questions: Vec<Question> = Vec::new();
    for digest in deep.flat_map(|mirror| dropped(evidence, mirror)) {
        let is_asked = known.get(&digest).is_some_and(|answers| answers.bytes.is_some());
        let reference = Reference::Digest(digest);
        let question = Question { who: Who::Upstream, what: What::Child, reference, want: Want::Bytes };
        if !is_asked && !questions.contains(&question) {
            questions.push(question);
        }
    }
    let asked = known.values().filter(|answers| answers.bytes.is_some()).count();
    questions.truncate(MOST_ASKED.saturating_sub(asked));
    questions
}

/// Those that nobody has read.
fn dropped(evidence: &Evidence, mirror: &MirrorEvidence) -> Vec<Digest> {
    let Some(Relation::LacksPlatforms(names)) = followup::relation(evidence, mirror) else {
        return Vec::new();
    };
    let indexes = names.iter().filter_map(|name| {
        let entry = entry(evidence, name)?;
        let digest = entry.digest.as_deref()?.parse::<Digest>().ok()?;
        (is_index(evidence, entry) && evidence.document(&digest).is_none()).then_some(digest)
    });
    indexes.collect()
}

/// The entry of upstream's index that is for no platform, and is known by its digest.
#[must_use]
pub fn entry<'a>(evidence: &'a Evidence, name: &str) -> Option<&'a Child> {
    let (_, index) = first_document(evidence, Who::Upstream)?;
    index.images().find(|child| child.platform.is_none() && child.digest.as_deref() == Some(name))
}

/// Whether an entry is for an index, as the one that names it says, or its own bytes.
#[must_use]
pub fn is_index(evidence: &Evidence, entry: &Child) -> bool {
    let digest = entry.digest.as_deref().and_then(|text| text.parse::<Digest>().ok());
    match digest.and_then(|digest| evidence.document(&digest).map(|(document, _)| &document.content)) {
        Some(content) => matches!(content, Content::Index(_)),
        None => entry.media_type.is_some_and(|known| known.is_index()),
    }
}
