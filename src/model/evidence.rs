//! All answers about one image: what verdicts are made from, and nothing else.

use std::collections::HashMap;
use std::sync::Arc;

use super::age::AskAge;
use super::blob::{BlobObservation, BlobOutcome};
use super::depth::Depth;
use super::digest::Digest;
use super::endpoint::Endpoint;
use super::image::ImageRef;
use super::manifest::Manifest;
use super::observation::Observation;
use super::plan::{Question, Reference, Want, What, Who};
use super::platform::Platform;
use super::referrers::{AskReferrers, ReferrersObservation};

/// What is known about one image so far.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// The image.
    pub image: Arc<ImageRef>,
    /// The platforms that matter; empty for all that there are.
    pub platforms: Arc<[Platform]>,
    /// Whether configs are read where a mirror is behind.
    pub ask_age: AskAge,
    /// Whether signatures and the like are looked for.
    pub ask_referrers: AskReferrers,
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
    /// How far the check goes here.
    pub depth: Depth,
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
    /// What refers to the image.
    pub referrers: Option<ReferrersObservation>,
    /// What the image is made of (depth `platforms` and on, no mirrors).
    pub parts: Parts,
}

/// What one mirror answered about one image.
#[derive(Clone, Debug)]
pub struct MirrorEvidence {
    /// Who was asked.
    pub endpoint: Arc<Endpoint>,
    /// How far the check goes here.
    pub depth: Depth,
    /// To the question itself: the digest if there is one, else the tag.
    pub answer: Option<Observation>,
    /// The document of the same name, read to find out why it differs.
    pub document: Option<Observation>,
    /// Upstream's digest, asked for after the mirror said that it has no such tag.
    pub upstream_digest: Option<Observation>,
    /// The manifest by the digest that the tag stands for (depth `manifest`).
    pub own_digest: Option<Observation>,
    /// What refers to the image, where this is upstream's.
    pub referrers: Option<ReferrersObservation>,
    /// What the image is made of (depth `platforms` and on).
    pub parts: Parts,
}

/// What one endpoint answered about the parts of an image.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    /// Manifests that indexes name.
    pub children: HashMap<Digest, ChildAnswers>,
    /// Configs and layers.
    pub blobs: HashMap<Digest, BlobAnswers>,
    /// Configs that were read for what they say: when the image was made, and for which platform.
    pub configs: HashMap<Digest, BlobObservation>,
    /// For which platform the images of configs are, by the index of another image.
    pub platforms: HashMap<Digest, Box<Platform>>,
}

/// What was answered about one manifest that an index names.
#[derive(Clone, Debug, Default)]
pub struct ChildAnswers {
    /// To the question whether it is there.
    pub existence: Option<Observation>,
    /// To the question for its bytes.
    pub bytes: Option<Observation>,
}

impl ChildAnswers {
    /// What counts: the bytes say more than word of them.
    #[must_use]
    pub fn counted(&self) -> Option<&Observation> {
        self.bytes.as_ref().or(self.existence.as_ref())
    }
}

/// What was answered about one config or layer.
#[derive(Clone, Debug, Default)]
pub struct BlobAnswers {
    /// To the question whether it is there.
    pub existence: Option<BlobObservation>,
    /// To the question for its bytes.
    pub bytes: Option<BlobObservation>,
}

impl BlobAnswers {
    /// Whether its bytes were not read because there were too many.
    #[must_use]
    pub fn is_over_budget(&self) -> bool {
        self.bytes.as_ref().is_some_and(|bytes| bytes.outcome == BlobOutcome::OverBudget)
    }

    /// What counts: the bytes, where they were asked for.
    #[must_use]
    pub fn counted(&self) -> Option<&BlobObservation> {
        if self.is_over_budget() {
            self.existence.as_ref()
        } else {
            self.bytes.as_ref().or(self.existence.as_ref())
        }
    }
}

/// One answer.
#[derive(Clone, Debug)]
pub enum Answer {
    /// About a manifest.
    Manifest(Observation),
    /// About a config or layer.
    Blob(BlobObservation),
    /// About what refers to a manifest.
    Referrers(ReferrersObservation),
}

impl Answer {
    /// The same for another image that asked for the same.
    #[must_use]
    pub fn shared(&self) -> Self {
        match self {
            Self::Blob(observation) => Self::Blob(observation.shared()),
            Self::Manifest(_) | Self::Referrers(_) => self.clone(),
        }
    }
}

impl Evidence {
    /// Nothing known yet.
    #[must_use]
    pub fn new(
        image: Arc<ImageRef>,
        platforms: Arc<[Platform]>,
        (upstream, depth): (Arc<Endpoint>, Depth),
        mirrors: Vec<(Arc<Endpoint>, Depth)>,
    ) -> Self {
        let mirror = |(endpoint, depth)| MirrorEvidence {
            endpoint,
            depth,
            answer: None,
            document: None,
            upstream_digest: None,
            own_digest: None,
            referrers: None,
            parts: Parts::default(),
        };
        let upstream = UpstreamEvidence {
            endpoint: upstream,
            depth,
            answer: None,
            pinned: None,
            again: None,
            document: None,
            own_digest: None,
            has: Vec::new(),
            referrers: None,
            parts: Parts::default(),
        };
        let mirrors = mirrors.into_iter().map(mirror).collect();
        Self {
            image,
            platforms,
            ask_age: AskAge::default(),
            ask_referrers: AskReferrers::default(),
            upstream,
            mirrors,
        }
    }

    /// Puts an answer in its place. An answer to a question that the plan does not know is dropped.
    pub fn record(&mut self, question: &Question, answer: Answer) {
        match (answer, &question.reference) {
            (Answer::Blob(observation), Reference::Blob(blob))
                if question.what == What::Platform && observation.is_told() =>
            {
                let Some(parts) = self.parts_mut(question.who) else { return };
                parts.platforms.extend(observation.platform.map(|platform| (blob.digest.clone(), platform)));
            }
            (Answer::Blob(observation), Reference::Blob(blob))
                if matches!(question.what, What::Config | What::Platform) =>
            {
                let is_part = self.depth_at(question.who) >= Depth::Blobs;
                let Some(parts) = self.parts_mut(question.who) else { return };
                // It is a blob of the image like others: not asked for twice.
                if is_part && observation.outcome != BlobOutcome::OverBudget {
                    let answers = parts.blobs.entry(blob.digest.clone()).or_default();
                    answers.bytes.get_or_insert_with(|| observation.shared());
                }
                parts.configs.insert(blob.digest.clone(), observation);
            }
            (Answer::Blob(observation), Reference::Blob(blob)) => {
                let Some(parts) = self.parts_mut(question.who) else { return };
                let answers = parts.blobs.entry(blob.digest.clone()).or_default();
                match question.want {
                    Want::Existence => answers.existence = Some(observation),
                    Want::Bytes => answers.bytes = Some(observation),
                }
            }
            (Answer::Manifest(observation), Reference::Digest(digest)) if question.what == What::Child => {
                let Some(parts) = self.parts_mut(question.who) else { return };
                let answers = parts.children.entry(digest.clone()).or_default();
                match question.want {
                    Want::Existence => answers.existence = Some(observation),
                    Want::Bytes => answers.bytes = Some(observation),
                }
            }
            (Answer::Referrers(observation), _) => match question.who {
                Who::Upstream => self.upstream.referrers = Some(observation),
                Who::Mirror(index) => {
                    if let Some(mirror) = self.mirrors.get_mut(index) {
                        mirror.referrers = Some(observation);
                    }
                }
            },
            (Answer::Manifest(observation), _) => self.record_manifest(question, observation),
            (Answer::Blob(_), _) => {}
        }
    }

    fn parts_mut(&mut self, who: Who) -> Option<&mut Parts> {
        match who {
            Who::Upstream => Some(&mut self.upstream.parts),
            Who::Mirror(index) => self.mirrors.get_mut(index).map(|mirror| &mut mirror.parts),
        }
    }

    fn record_manifest(&mut self, question: &Question, observation: Observation) {
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
            (
                Who::Upstream,
                What::UpstreamDigest
                | What::Child
                | What::Blob
                | What::Config
                | What::Platform
                | What::Referrers,
            ) => return,
            (Who::Mirror(index), what) => {
                let Some(mirror) = self.mirrors.get_mut(index) else { return };
                match what {
                    What::Answer => &mut mirror.answer,
                    What::Document => &mut mirror.document,
                    What::OwnDigest => &mut mirror.own_digest,
                    What::UpstreamDigest => &mut mirror.upstream_digest,
                    What::Pinned
                    | What::Again
                    | What::Has
                    | What::Child
                    | What::Blob
                    | What::Config
                    | What::Platform
                    | What::Referrers => {
                        return;
                    }
                }
            }
        };
        *slot = Some(observation);
    }

    /// How far the check goes at an endpoint. Upstream is looked at itself only where no mirror stands in for
    /// it: else word of its digest is enough, and on Docker Hub costs no pull.
    #[must_use]
    pub fn depth_at(&self, who: Who) -> Depth {
        match who {
            Who::Upstream if self.mirrors.is_empty() => self.upstream.depth,
            Who::Upstream => Depth::Head,
            Who::Mirror(index) => self.mirrors[index].depth,
        }
    }

    /// What an endpoint answered about the parts of the image.
    #[must_use]
    pub fn parts_at(&self, who: Who) -> &Parts {
        match who {
            Who::Upstream => &self.upstream.parts,
            Who::Mirror(index) => &self.mirrors[index].parts,
        }
    }

    /// Upstream, then the mirrors.
    pub fn everyone(&self) -> impl Iterator<Item = Who> + use<> {
        std::iter::once(Who::Upstream).chain((0..self.mirrors.len()).map(Who::Mirror))
    }

    /// The document with this digest, whoever served it, and how many bytes it has: they were hashed.
    #[must_use]
    pub fn document(&self, digest: &Digest) -> Option<(&Manifest, Option<u64>)> {
        self.everyone().find_map(|who| {
            let facts = self.parts_at(who).children.get(digest)?.bytes.as_ref()?.facts()?;
            Some((facts.manifest.as_deref()?, facts.bytes))
        })
    }

    /// Bytes of all documents that were read of the parts of the image.
    #[must_use]
    pub fn document_bytes(&self) -> u64 {
        let children = self.everyone().flat_map(|who| self.parts_at(who).children.values());
        let facts = children.filter_map(|answers| answers.bytes.as_ref()?.facts());
        facts.filter_map(|facts| facts.bytes).sum()
    }

    /// Bytes of all documents that were read of the image and its parts.
    #[must_use]
    pub fn read_bytes(&self) -> u64 {
        let UpstreamEvidence { answer, pinned, again, document, own_digest, .. } = &self.upstream;
        let of_upstream = [answer, pinned, again, document, own_digest];
        let of_mirrors = self.mirrors.iter().flat_map(|mirror| {
            [&mirror.answer, &mirror.document, &mirror.upstream_digest, &mirror.own_digest]
        });
        let facts = of_upstream.into_iter().chain(of_mirrors).filter_map(|answer| answer.as_ref()?.facts());
        facts.filter_map(|facts| facts.bytes).sum::<u64>() + self.document_bytes()
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
