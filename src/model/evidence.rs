//! All answers about one image: what verdicts are made from, and nothing else.

use std::sync::Arc;

use super::depth::Depth;
use super::digest::Digest;
use super::image::ImageRef;
use super::observation::Observation;

/// What is known about one image so far.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// The image.
    pub image: Arc<ImageRef>,
    /// How far the check goes.
    pub depth: Depth,
    /// What upstream answered.
    pub upstream: UpstreamEvidence,
    /// What each mirror answered, in the order of the plan.
    pub mirrors: Vec<MirrorEvidence>,
}

/// What upstream answered about one image.
#[derive(Clone, Debug, Default)]
pub struct UpstreamEvidence {
    /// To the question itself: the tag, or the digest where there is no tag.
    pub answer: Option<Observation>,
    /// tag@digest, and the tag has moved: the pinned digest itself.
    pub pinned: Option<Observation>,
    /// The tag once more, after a mirror differed.
    pub again: Option<Observation>,
    /// The document, read by digest.
    pub document: Option<Observation>,
    /// The manifest by the digest that the tag stands for (depth `manifest`, no mirrors).
    pub own_digest: Option<Observation>,
    /// Whether it has a digest that a mirror serves for the tag.
    pub has: Vec<(Digest, Observation)>,
}

/// What one mirror answered about one image.
#[derive(Clone, Debug, Default)]
pub struct MirrorEvidence {
    /// To the question itself: the digest if there is one, else the tag.
    pub answer: Option<Observation>,
    /// The document of the same name, read to find out why it differs.
    pub document: Option<Observation>,
    /// Upstream's digest, asked for after the mirror said that it has no such tag.
    pub upstream_digest: Option<Observation>,
    /// The manifest by the digest that the tag stands for (depth `manifest`).
    pub own_digest: Option<Observation>,
}

impl UpstreamEvidence {
    /// The digest that upstream serves for the image now, as far as it is known.
    #[must_use]
    pub fn digest(&self) -> Option<&Digest> {
        self.again
            .as_ref()
            .and_then(Observation::digest)
            .or_else(|| self.answer.as_ref().and_then(Observation::digest))
    }
}

impl MirrorEvidence {
    /// The digest that the mirror serves: of the bytes where they were read, else as its header says.
    #[must_use]
    pub fn digest(&self) -> Option<&Digest> {
        self.document
            .as_ref()
            .and_then(Observation::digest)
            .or_else(|| self.answer.as_ref().and_then(Observation::digest))
    }
}
