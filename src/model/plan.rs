//! Who is asked for what: the questions of a run before any is put.

use std::sync::Arc;

use super::age::{AskAge, Grace};
use super::blob::Blob;
use super::depth::{Depth, ImageOptions, Reach};
use super::digest::Digest;
use super::endpoint::Endpoint;
use super::image::ImageRef;
use super::platform::Platform;
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
    /// How far the check goes, and for which platforms, where nothing else is said.
    pub reach: Reach,
    /// What is said of single endpoints, in the order of `endpoints`; those behind its end have nothing.
    pub depths: Vec<Option<Depth>>,
    /// The same of how long they may be behind.
    pub graces: Vec<Option<Grace>>,
    /// Which part of which list, and where it is made.
    pub scope: Scope,
}

impl Plan {
    /// How far the check of an image goes at one of its endpoints: as the image says, else the endpoint,
    /// else the run.
    #[must_use]
    pub fn depth_at(&self, image: &PlannedImage, endpoint: u32) -> Depth {
        let of_image = image.options.as_ref().and_then(|options| options.depth);
        let of_endpoint = || self.depths.get(endpoint as usize).copied().flatten();
        of_image.or_else(of_endpoint).unwrap_or(self.reach.depth)
    }

    /// The platforms that matter for an image; empty for all that there are.
    #[must_use]
    pub fn platforms_of(&self, image: &PlannedImage) -> Arc<[Platform]> {
        let of_image = image.options.as_ref().and_then(|options| options.platforms.as_ref());
        Arc::clone(of_image.unwrap_or(&self.reach.platforms))
    }

    /// How long an endpoint may be behind.
    #[must_use]
    pub fn grace_at(&self, endpoint: u32) -> Option<Grace> {
        self.graces.get(endpoint as usize).copied().flatten().or(self.reach.age.grace)
    }

    /// Whether configs are read wherever a mirror is behind: to grant a grace, one must know.
    #[must_use]
    pub fn ask_age(&self) -> AskAge {
        let has_grace = self.reach.age.grace.is_some() || self.graces.iter().any(Option::is_some);
        if has_grace { AskAge::Always } else { self.reach.age.ask }
    }

    /// The deepest that any image is looked at anywhere.
    #[must_use]
    pub fn deepest(&self) -> Depth {
        let of_images = self.images.iter().filter_map(|image| image.options.as_ref()?.depth);
        let of_endpoints = self.depths.iter().copied().flatten();
        of_images.chain(of_endpoints).fold(self.reach.depth, Depth::max)
    }
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
    /// What is said of this image alone.
    pub options: Option<Box<ImageOptions>>,
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
    /// A manifest that an index names.
    Child,
    /// A config or layer that a manifest names.
    Blob,
    /// What refers to the manifest.
    Referrers,
    /// A config, for what it says of the image: when it was made, and for which platform.
    Config,
    /// The same, where only the platform is wanted: what an index of another image says of it will do.
    Platform,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// The image's tag.
    Tag,
    /// A manifest's digest.
    Digest(Digest),
    /// A blob's digest and size.
    Blob(Blob),
}

/// How much is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Want {
    /// Word of it.
    Existence,
    /// Its bytes.
    Bytes,
}
