//! Who is asked for what: the questions of a run before any is put.

use std::sync::Arc;

use super::depth::Depth;
use super::digest::Digest;
use super::endpoint::Endpoint;
use super::image::ImageRef;
use super::run::Place;
use super::scope::Scope;

/// A run before it begins.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Everyone who may be asked: mirrors in configured order, then upstreams.
    pub endpoints: Vec<Arc<Endpoint>>,
    /// The images, each once, in the order of first mention.
    pub images: Vec<PlannedImage>,
    /// Every mention.
    pub places: Vec<Place>,
    /// How far the check goes.
    pub depth: Depth,
    /// Which part of which list, and where it is made.
    pub scope: Scope,
}

/// One image and those who are asked for it, as indexes into [`Plan::endpoints`].
#[derive(Clone, Debug)]
pub struct PlannedImage {
    /// The image.
    pub image: Arc<ImageRef>,
    /// Its own registry.
    pub upstream: u32,
    /// The mirrors that stand in for its registry; shared between images with the same ones.
    pub mirrors: Arc<[u32]>,
}

/// One question about one image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// To whom.
    pub who: Who,
    /// What for: where the answer belongs.
    pub what: What,
    /// What is asked for.
    pub reference: Reference,
    /// How much is wanted.
    pub want: Want,
}

/// To whom a question goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The image's own registry.
    Upstream,
    /// The mirror with this index in [`PlannedImage::mirrors`].
    Mirror(usize),
}

/// What an answer is for; each is a place in the evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The question itself.
    Answer,
    /// Upstream: the pinned digest, after the tag was found to have moved.
    Pinned,
    /// Upstream: the tag once more.
    Again,
    /// The document, to find out why it differs.
    Document,
    /// The digest that the tag stands for.
    OwnDigest,
    /// Upstream: whether it has a digest that a mirror serves.
    Has,
    /// Mirror: upstream's digest, after the tag was said to be missing.
    UpstreamDigest,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// The image's tag.
    Tag,
    /// A digest.
    Digest(Digest),
}

/// How much is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Want {
    /// Word of it.
    Existence,
    /// Its bytes.
    Bytes,
}
