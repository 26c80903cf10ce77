//! What to ask about the manifests and blobs that an image is made of.
//!
//! A manifest's bytes are the same wherever they come from, so that one endpoint is asked for them, and the
//! others only whether they have it: presence is never concluded from another's answer.

use std::collections::HashSet;
use std::sync::Arc;

use super::single;
use super::tree::{MAX_BLOBS, MAX_DOCUMENT_BYTES, Node, Standing, Tree};
use crate::model::blob::Blob;
use crate::model::depth::Depth;
use crate::model::digest::Digest;
use crate::model::evidence::Evidence;
use crate::model::manifest::{BlobKind, BlobRef, Distribution};
use crate::model::plan::{Question, Reference, Want, What, Who};

/// Most documents of one image that are read at the same time: each may have 4 MiB.
const READ_AT_ONCE: usize = 32;

/// What must be asked next about the parts of the image; empty when all is known that can be.
#[must_use]
pub(super) fn next(evidence: &Evidence) -> Vec<Question> {
    let trees: Vec<_> = evidence.everyone().filter_map(|who| Some((who, Tree::of(evidence, who)?))).collect();
    let mut questions = manifests(evidence, &trees);
    questions.extend(single::next(evidence, &trees));
    // A limit on bytes leaves out the largest only where all blobs are known before the first is read.
    if !questions.is_empty() {
        return questions;
    }
    for (who, tree) in &trees {
        blobs(evidence, *who, tree, &mut questions);
    }
    questions
}

fn manifests(evidence: &Evidence, trees: &[(Who, Tree<'_>)]) -> Vec<Question> {
    let mut questions = Vec::new();
    let has_room = evidence.document_bytes() < MAX_DOCUMENT_BYTES;
    // Whose bytes are asked for in this round.
    let mut is_read: HashSet<&Digest> = HashSet::new();
    for (who, tree) in trees {
        let mut asked: HashSet<&Digest> = HashSet::new();
        let wants_images = evidence.depth_at(*who) >= Depth::Blobs;
        let indexes = tree.indexes.iter().map(|node| (node, true));
        for (node, wants_bytes) in indexes.chain(tree.images.iter().map(|node| (node, wants_images))) {
            let question = |want| Question {
                who: *who,
                what: What::Child,
                reference: Reference::Digest(node.digest.clone()),
                want,
            };
            // Where a platform is wanted and the index does not say, the image does.
            let wants_bytes = wants_bytes || !evidence.platforms.is_empty() && node.may_be_for_a_platform();
            let is_candidate =
                has_room && wants_bytes && node.document.is_none() && may_give_bytes(evidence, *who, node);
            if is_candidate && !is_read.contains(&node.digest) {
                // What is left is for the next round.
                if is_read.len() < READ_AT_ONCE {
                    is_read.insert(&node.digest);
                    asked.insert(&node.digest);
                    questions.push(question(Want::Bytes));
                }
            } else if matches!(node.standing, Standing::Unasked) && asked.insert(&node.digest) {
                questions.push(question(Want::Existence));
            }
        }
    }
    questions
}

/// Whether it makes sense to ask for the bytes of a manifest here.
fn may_give_bytes(evidence: &Evidence, who: Who, node: &Node<'_>) -> bool {
    let answers = evidence.parts_at(who).children.get(&node.digest);
    let is_new = answers.is_none_or(|answers| answers.bytes.is_none());
    is_new && (node.is_served() || matches!(node.standing, Standing::Unasked))
}

fn blobs(evidence: &Evidence, who: Who, tree: &Tree<'_>, questions: &mut Vec<Question>) {
    let depth = evidence.depth_at(who);
    let want = match depth {
        Depth::Head | Depth::Manifest | Depth::Platforms => return,
        Depth::Blobs => Want::Existence,
        Depth::Content => Want::Bytes,
    };
    let known = &evidence.parts_at(who).blobs;
    let first = questions.len();
    for blob in askable(tree) {
        let want = match known.get(&blob.digest) {
            None => want,
            // Too large to be read: whether it is there can still be told.
            Some(answers) if answers.is_over_budget() && answers.existence.is_none() => Want::Existence,
            Some(_) => continue,
        };
        questions.push(Question { who, what: What::Blob, reference: Reference::Blob(blob), want });
    }
    // What a limit on bytes leaves out is then what is largest.
    if depth == Depth::Content {
        let size = |question: &Question| match &question.reference {
            Reference::Blob(blob) => blob.size,
            Reference::Tag | Reference::Digest(_) => None,
        };
        questions[first..].sort_by_key(|question| size(question).unwrap_or(u64::MAX));
    }
}

/// The blobs of all images that are served, each once, as many as are asked for.
fn askable(tree: &Tree<'_>) -> impl Iterator<Item = Blob> {
    let mut seen = HashSet::new();
    blobs_of(tree)
        .filter_map(|(place, kind, blob)| {
            let digest: Digest = blob.digest.parse().ok()?;
            let platform = tree.images[place].platform.filter(|_| kind == BlobKind::Config);
            Some(Blob { digest, size: blob.size, platform: platform.cloned().map(Arc::new) })
        })
        .filter(move |blob| seen.insert(blob.digest.clone()))
        .take(MAX_BLOBS)
}

/// Every config and layer that registries should have, of every image that this endpoint serves, with the place
/// of the image in the tree.
pub fn blobs_of<'a, 'b>(
    tree: &'b Tree<'a>,
) -> impl Iterator<Item = (usize, BlobKind, &'a BlobRef)> + use<'a, 'b> {
    let served = tree.images.iter().enumerate().filter(|(_, image)| image.is_served());
    served.flat_map(|(place, image)| {
        let blobs = image.document.into_iter().flat_map(|document| document.blobs());
        let ours = blobs.filter(|(_, blob)| blob.distribution == Distribution::Registry);
        ours.map(move |(kind, blob)| (place, kind, blob))
    })
}
