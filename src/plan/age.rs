//! What to ask where a mirror is behind, to find out how old its image and upstream's are: the config of one
//! manifest on each side, and no more.
//!
//! Of an index it is the first wanted platform's manifest, else the first that there is: images of one build are
//! made together.

use super::followup;
use super::tree::first_document;
use crate::model::age::{AskAge, MAX_CONFIG_BYTES};
use crate::model::blob::Blob;
use crate::model::compare::Relation;
use crate::model::depth::Depth;
use crate::model::digest::Digest;
use crate::model::evidence::Evidence;
use crate::model::manifest::{Child, Content, Manifest};
use crate::model::plan::{Question, Reference, Want, What, Who};

/// What must be asked next; empty where all is known that can be, or nobody wants to know.
#[must_use]
pub(super) fn next(evidence: &Evidence) -> Vec<Question> {
    let behind: Vec<Who> = (0..evidence.mirrors.len())
        .filter(|index| is_wanted(evidence, *index) && is_behind(evidence, *index))
        .map(Who::Mirror)
        .collect();
    if behind.is_empty() {
        return Vec::new();
    }
    std::iter::once(Who::Upstream).chain(behind).filter_map(|who| question(evidence, who)).collect()
}

fn is_wanted(evidence: &Evidence, index: usize) -> bool {
    evidence.ask_age == AskAge::Always || evidence.mirrors[index].depth >= Depth::Blobs
}

fn is_behind(evidence: &Evidence, index: usize) -> bool {
    let mirror = &evidence.mirrors[index];
    evidence.image.digest().is_none()
        && mirror.digest() != evidence.upstream.digest()
        && followup::relation(evidence, mirror) == Some(Relation::Different)
}

fn question(evidence: &Evidence, who: Who) -> Option<Question> {
    let known = evidence.parts_at(who);
    let question = |what, reference| Some(Question { who, what, reference, want: Want::Bytes });
    match dated(evidence, who)? {
        Dated::Unread(digest) => {
            let is_new = known.children.get(&digest).is_none_or(|answers| answers.bytes.is_none());
            is_new.then(|| question(What::Child, Reference::Digest(digest)))?
        }
        Dated::Config(config) => {
            let is_small = config.size.is_some_and(|size| size <= MAX_CONFIG_BYTES);
            let is_new = is_small && !known.configs.contains_key(&config.digest);
            is_new.then(|| question(What::Config, Reference::Blob(config)))?
        }
    }
}

/// What tells the age of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dated {
    /// This manifest, which has not been read, names it.
    Unread(Digest),
    /// This config.
    Config(Blob),
}

/// What tells the age of the image at `who`; `None` where nothing does.
#[must_use]
pub fn dated(evidence: &Evidence, who: Who) -> Option<Dated> {
    let (_, first) = first_document(evidence, who)?;
    let manifest = match &first.content {
        Content::Image { .. } => first,
        Content::Schema1 => return None,
        Content::Index(_) => {
            let child = chosen(evidence, first)?;
            let digest: Digest = child.digest.as_deref()?.parse().ok()?;
            match evidence.document(&digest) {
                Some((document, _)) => document,
                None => return Some(Dated::Unread(digest)),
            }
        }
    };
    // An index within an index is not followed: what is asked for stays bounded.
    let Content::Image { config, .. } = &manifest.content else { return None };
    Some(Dated::Config(Blob { digest: config.digest.parse().ok()?, size: config.size, platform: None }))
}

fn chosen<'a>(evidence: &Evidence, index: &'a Manifest) -> Option<&'a Child> {
    let wanted = evidence.platforms.first();
    let is_wanted = |child: &&Child| {
        wanted.zip(child.platform.as_ref()).is_some_and(|(wanted, offered)| wanted.is_met_by(offered))
    };
    index.images().find(is_wanted).or_else(|| index.images().next())
}
