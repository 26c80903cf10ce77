//! All answers about one image: what verdicts are made from, and nothing else.

use std::collections::HashMap;
use std::sync::Arc;

use super::depth::Depth;
use super::digest::Digest;
use super::endpoint::Endpoint;
use super::image::ImageRef;
use super::observation::Observation;
use super::plan::{Question, Reference, What, Who};

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
#[derive(Clone, Debug)]
pub struct UpstreamEvidence {
    /// Who was asked.
    pub endpoint: Arc<Endpoint>,
    /// To the question itself: the tag, or the digest where there is no tag.
    pub answer: Option<Observation>,
    /// tag@digest, and the tag has moved: the pinned digest itself.
    pub pinned: Option<Observation>,
    /// The tag once more, after a mirror differed.
    pub again: Option<Observation>,
    /// The document of the tag, read to find out why a mirror's differs.
    pub document: Option<Observation>,
    /// The manifest by the digest that the tag stands for (depth `manifest`, no mirrors).
    pub own_digest: Option<Observation>,
    /// Whether it has a digest that a mirror serves for the tag.
    pub has: Vec<(Digest, Observation)>,
}

/// What one mirror answered about one image.
#[derive(Clone, Debug)]
pub struct MirrorEvidence {
    /// Who was asked.
    pub endpoint: Arc<Endpoint>,
    /// To the question itself: the digest if there is one, else the tag.
    pub answer: Option<Observation>,
    /// The document of the same name, read to find out why it differs.
    pub document: Option<Observation>,
    /// Upstream's digest, asked for after the mirror said that it has no such tag.
    pub upstream_digest: Option<Observation>,
    /// The manifest by the digest that the tag stands for (depth `manifest`).
    pub own_digest: Option<Observation>,
}

impl Evidence {
    /// Nothing known yet.
    #[must_use]
    pub fn new(
        image: Arc<ImageRef>,
        depth: Depth,
        upstream: Arc<Endpoint>,
        mirrors: Vec<Arc<Endpoint>>,
    ) -> Self {
        let mirror = |endpoint| MirrorEvidence {
            endpoint,
            answer: None,
            document: None,
            upstream_digest: None,
            own_digest: None,
        };
        let upstream = UpstreamEvidence {
            endpoint: upstream,
            answer: None,
            pinned: None,
            again: None,
            document: None,
            own_digest: None,
            has: Vec::new(),
        };
        Self { image, depth, upstream, mirrors: mirrors.into_iter().map(mirror).collect() }
    }

    /// Puts an answer in its place. An answer to a question that the plan does not know is dropped.
    pub fn record(&mut self, question: &Question, observation: Observation) {
        let upstream = &mut self.upstream;
        let slot = match (question.who, question.what) {
            (Who::Upstream, What::Answer) => &mut upstream.answer,
            (Who::Upstream, What::Pinned) => &mut upstream.pinned,
            (Who::Upstream, What::Again) => &mut upstream.again,
            (Who::Upstream, What::Document) => &mut upstream.document,
            (Who::Upstream, What::OwnDigest) => &mut upstream.own_digest,
            (Who::Upstream, What::Has) => {
                if let Reference::Digest(digest) = &question.reference {
                    upstream.has.push((digest.clone(), observation));
                }
                return;
            }
            (Who::Upstream, What::UpstreamDigest) => return,
            (Who::Mirror(index), what) => {
                let Some(mirror) = self.mirrors.get_mut(index) else { return };
                match what {
                    What::Answer => &mut mirror.answer,
                    What::Document => &mut mirror.document,
                    What::OwnDigest => &mut mirror.own_digest,
                    What::UpstreamDigest => &mut mirror.upstream_digest,
                    What::Pinned | What::Again | What::Has => return,
                }
            }
        };
        *slot = Some(observation);
    }

    /// The digest that every mirror should serve: the pinned one, else upstream's.
    #[must_use]
    pub fn expected(&self) -> Option<&Digest> {
        self.image.digest().or_else(|| self.upstream.digest())
    }

    /// The digest that most mirrors serve, and how many do, out of how many that serve any.
    ///
    /// Of several with equally many, the first mirror's counts: the order is the user's preference.
    #[must_use]
    pub fn majority(&self) -> Option<(&Digest, usize, usize)> {
        let served: Vec<&Digest> = self.mirrors.iter().filter_map(MirrorEvidence::digest).collect();
        let mut votes: HashMap<&Digest, usize> = HashMap::new();
        for digest in &served {
            *votes.entry(digest).or_default() += 1;
        }
        let most = votes.values().copied().max()?;
        let digest = served.iter().find(|digest| votes[**digest] == most)?;
        Some((digest, most, served.len()))
    }
}

impl UpstreamEvidence {
    /// The digest that upstream serves for the image now, as far as it is known: of the bytes where they
    /// were read, else as its header says.
    #[must_use]
    pub fn digest(&self) -> Option<&Digest> {
        [&self.document, &self.again, &self.answer].into_iter().flatten().find_map(Observation::digest)
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
