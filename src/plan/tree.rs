//! What an endpoint's image leads to: the manifests that its indexes name, and of those the ones that matter.
//!
//! Made anew from the evidence whenever it is wanted, by those who ask and by those who judge. What an index
//! names is told by whoever is asked, so that depth and number are bounded here: beyond the bounds nothing
//! is asked, and that is told. Sources: image-spec `image-index.md`; containerd/platforms for what is taken.

use std::collections::HashSet;

use super::single::{self, Said};
use crate::model::anatomy::PartKind;
use crate::model::depth::Depth;
use crate::model::digest::{Digest, DigestError};
use crate::model::evidence::Evidence;
use crate::model::manifest::{Child, ChildKind, Content, Manifest};
use crate::model::observation::Observation;
use crate::model::plan::Who;
use crate::model::platform::Platform;

/// Most levels of indexes within indexes that are followed; one is what nearly all images have.
pub const MAX_LEVELS: usize = 8;
/// Most manifests of one image that an endpoint is asked for; the largest known have some hundreds.
pub const MAX_MANIFESTS: usize = 1_000;
/// Most configs and layers of one image that an endpoint is asked for.
pub const MAX_BLOBS: usize = 10_000;
/// Most bytes of documents that are read of the parts of one image: beyond that no more are begun.
pub const MAX_DOCUMENT_BYTES: u64 = 16 * 1024 * 1024;
/// Most entries of all indexes of one image that are looked at.
const MAX_ENTRIES: usize = 20_000;

/// What an endpoint's image leads to, as far as is known.
#[derive(Clone, Debug)]
pub struct Tree<'a> {
    /// The indexes below the first document.
    pub indexes: Vec<Node<'a>>,
    /// The images that matter. Where the first document is no index, that is the one, unless it is for a platform that
    /// nobody wants.
    pub images: Vec<Node<'a>>,
    /// How each wanted platform is met; empty where all are wanted, and where nothing says which there are.
    pub wanted: Vec<(&'a Platform, Met<'a>)>,
    /// Entries that nobody wants.
    pub unwanted: usize,
    /// Attestations: they are about an image, and no platform.
    pub attestations: usize,
    /// Entries of kinds that no manifest has.
    pub others: usize,
    /// What cannot be followed.
    pub faults: Vec<Fault<'a>>,
}

/// One manifest in it.
#[derive(Clone, Debug)]
pub struct Node<'a> {
    /// Its digest.
    pub digest: Digest,
    /// For which platform, if the index says.
    pub platform: Option<&'a Platform>,
    /// Its size in bytes, as the index says.
    pub size: Option<u64>,
    /// The document, whoever served it.
    pub document: Option<&'a Manifest>,
    /// How many bytes that has.
    pub found: Option<u64>,
    /// What this endpoint says of it.
    pub standing: Standing<'a>,
}

/// What an endpoint says of a manifest.
#[derive(Clone, Copy, Debug)]
pub enum Standing<'a> {
    /// It serves it: the first document, read before.
    First,
    /// Not asked yet.
    Unasked,
    /// This. Where it is `Found`, the bytes may not have been read.
    Answered(&'a Observation),
}

/// How a wanted platform is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Met<'a> {
    /// It is there.
    Exactly,
    /// It is not there; runtimes take this.
    Instead(&'a Platform),
    /// Neither it nor what runtimes take in its place.
    Not,
    /// Part of the list could not be read.
    Unknown,
}

/// An entry that cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault<'a> {
    /// Why.
    pub why: FaultKind,
    /// What it is, as the index says.
    pub kind: PartKind,
    /// Its digest as written; `None` where there is none.
    pub digest: Option<&'a str>,
    /// For which platform, if the index says.
    pub platform: Option<&'a Platform>,
}

/// Why an entry cannot be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// What stands there is no digest.
    Digest,
    /// A digest of an algorithm that is not known here.
    Algorithm,
    /// Indexes within indexes, more than [`MAX_LEVELS`].
    TooDeep,
    /// More than [`MAX_MANIFESTS`], or more entries than are looked at; this is the first left out.
    TooMany {
        /// How many entries that is; what indexes among them lead to is not known.
        left_out: usize,
    },
}

impl Node<'_> {
    /// Whether it may be for a platform that nothing has told yet: its manifest is not read, or is an image's.
    #[must_use]
    pub fn may_be_for_a_platform(&self) -> bool {
        self.platform.is_none() && self.document.is_none_or(single::is_container)
    }

    /// Whether this endpoint serves it.
    #[must_use]
    pub fn is_served(&self) -> bool {
        match self.standing {
            Standing::First => true,
            Standing::Unasked => false,
            Standing::Answered(answer) => answer.facts().is_some(),
        }
    }
}

impl<'a> Tree<'a> {
    /// The tree at `who`; `None` where nothing is to be looked at, or there is no document to begin with.
    #[must_use]
    pub fn of(evidence: &'a Evidence, who: Who) -> Option<Self> {
        if evidence.depth_at(who) < Depth::Platforms {
            return None;
        }
        let (digest, document) = first_document(evidence, who)?;
        let (seen, tree) = (HashSet::new(), Self::empty());
        let mut growth = Growth { evidence, who, seen, entries: 0, left_out: None, tree };
        match &document.content {
            Content::Index(children) => {
                growth.seen.insert(digest.clone());
                growth.follow(children, 1);
                if let Some((left_out, first)) = growth.left_out.take() {
                    growth.tree.leave_out(left_out, first);
                }
                growth.tree.choose(&evidence.platforms);
            }
            Content::Image { .. } | Content::Schema1 => growth.tree.stand_alone(evidence, digest, document),
        }
        growth.tree.limit();
        Some(growth.tree)
    }

    const fn empty() -> Self {
        Self {
            indexes: Vec::new(),
            images: Vec::new(),
            wanted: Vec::new(),
            unwanted: 0,
            attestations: 0,
            others: 0,
            faults: Vec::new(),
        }
    }

    /// The tree of an image without an index.
    fn stand_alone(&mut self, evidence: &'a Evidence, digest: &Digest, document: &'a Manifest) {
        let wanted = &*evidence.platforms;
        let said = single::said(evidence, digest, document);
        let platform = if let Said::For(platform) = said { Some(platform) } else { None };
        self.images.push(Node {
            digest: digest.clone(),
            platform,
            size: None,
            document: Some(document),
            found: None,
            standing: Standing::First,
        });
        match said {
            Said::For(_) => self.choose(wanted),
            Said::Config(_) => self.wanted = wanted.iter().map(|wanted| (wanted, Met::Unknown)).collect(),
            Said::Nothing => {}
        }
    }

    /// Whether every index in it is there and has been read.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.faults.is_empty()
            && self.indexes.iter().all(|index| index.is_served() && index.document.is_some())
    }

    /// Keeps the images that are wanted.
    fn choose(&mut self, wanted: &'a [Platform]) {
        let has_platforms = self.images.iter().any(|image| image.platform.is_some());
        let has_artifacts = !self.images.is_empty() || self.others > 0;
        let is_whole = self.is_whole() && !self.images.iter().any(Node::may_be_for_a_platform);
        // Artifacts and the like: nothing there is for one platform rather than another.
        if wanted.is_empty() || !has_platforms && has_artifacts && is_whole {
            return;
        }
        let offered: Vec<&Platform> = self.images.iter().filter_map(|image| image.platform).collect();
        self.wanted = wanted.iter().map(|platform| (platform, met(platform, &offered, is_whole))).collect();
        let all = self.images.len();
        let chosen = &self.wanted;
        // What may be the one that is wanted stays until that is known.
        let is_open = chosen.iter().any(|(_, met)| *met != Met::Exactly);
        self.images.retain(|image| match image.platform {
            Some(offered) => is_chosen(chosen, offered),
            None => is_open && image.may_be_for_a_platform(),
        });
        self.unwanted = all - self.images.len();
    }

    /// Keeps to the number of manifests that are asked for.
    fn limit(&mut self) {
        let room = MAX_MANIFESTS.saturating_sub(self.indexes.len());
        if let Some(first) = self.images.get(room) {
            let (platform, left_out) = (first.platform, self.images.len() - room);
            self.images.truncate(room);
            let why = FaultKind::TooMany { left_out: 0 };
            self.leave_out(left_out, Fault { why, kind: PartKind::Manifest, digest: None, platform });
        }
    }

    /// So many more are not asked for, of which this is the first: told once for all of them.
    fn leave_out(&mut self, more: usize, first: Fault<'a>) {
        for fault in &mut self.faults {
            if let FaultKind::TooMany { left_out } = &mut fault.why {
                *left_out += more;
                return;
            }
        }
        self.faults.push(Fault { why: FaultKind::TooMany { left_out: more }, ..first });
    }
}

/// How wanted platforms are met by all that are offered.
#[must_use]
pub fn choice<'a>(wanted: &'a [Platform], offered: &[&'a Platform]) -> Vec<(&'a Platform, Met<'a>)> {
    wanted.iter().map(|platform| (platform, met(platform, offered, true))).collect()
}

/// Whether an offered platform is one of those that were chosen.
#[must_use]
pub fn is_chosen(chosen: &[(&Platform, Met<'_>)], offered: &Platform) -> bool {
    chosen.iter().any(|(wanted, met)| match met {
        Met::Exactly => wanted.is_met_by(offered),
        Met::Instead(other) => other.is_met_by(offered),
        Met::Not | Met::Unknown => false,
    })
}

fn met<'a>(wanted: &Platform, offered: &[&'a Platform], is_whole: bool) -> Met<'a> {
    if offered.iter().any(|offered| wanted.is_met_by(offered)) {
        return Met::Exactly;
    }
    if !is_whole {
        return Met::Unknown;
    }
    let taken = |other: &Platform| offered.iter().find(|offered| other.is_met_by(offered)).copied();
    wanted.stand_ins().iter().find_map(taken).map_or(Met::Not, Met::Instead)
}

struct Growth<'a> {
    evidence: &'a Evidence,
    who: Who,
    /// Indexes that were followed: one that is named again, or that names itself, is not followed again.
    seen: HashSet<Digest>,
    entries: usize,
    /// How many entries are not looked at, and the first of them.
    left_out: Option<(usize, Fault<'a>)>,
    tree: Tree<'a>,
}

impl<'a> Growth<'a> {
    fn follow(&mut self, children: &'a [Child], level: usize) {
        for child in children {
            match child.kind {
                ChildKind::Attestation => self.tree.attestations += 1,
                ChildKind::Unknown => self.tree.others += 1,
                ChildKind::Image => self.add(child, level),
            }
        }
    }

    fn leave_out(&mut self, fault: Fault<'a>) {
        self.left_out.get_or_insert((0, fault)).0 += 1;
    }

    fn add(&mut self, child: &'a Child, level: usize) {
        let named = match child.media_type {
            Some(known) if known.is_index() => PartKind::Index,
            _ => PartKind::Manifest,
        };
        let fault = |kind, why| Fault {
            why,
            kind,
            digest: child.digest.as_deref(),
            platform: child.platform.as_ref(),
        };
        let too_many = FaultKind::TooMany { left_out: 0 };
        self.entries += 1;
        if self.entries > MAX_ENTRIES {
            return self.leave_out(fault(named, too_many));
        }
        let digest: Digest = match child.digest.as_deref().map(str::parse) {
            Some(Ok(digest)) => digest,
            Some(Err(DigestError::Algorithm)) => {
                return self.tree.faults.push(fault(named, FaultKind::Algorithm));
            }
            Some(Err(_)) | None => return self.tree.faults.push(fault(named, FaultKind::Digest)),
        };
        let (document, found) = match self.evidence.document(&digest) {
            Some((document, found)) => (Some(document), found),
            None => (None, None),
        };
        let answer = self.evidence.parts_at(self.who).children.get(&digest);
        let standing = match answer.and_then(|answers| answers.counted()) {
            Some(answer) => Standing::Answered(answer),
            None => Standing::Unasked,
        };
        let platform = child.platform.as_ref().or_else(|| single::platform(self.evidence, &digest, document));
        let size = child.size;
        let node = Node { digest, platform, size, document, found, standing };
        let is_index = match document {
            Some(document) => document.media_type.is_index(),
            None => child.media_type.is_some_and(|known| known.is_index()),
        };
        if !is_index {
            return self.tree.images.push(node);
        }
        if !self.seen.insert(node.digest.clone()) {
            return;
        }
        if level >= MAX_LEVELS {
            return self.tree.faults.push(fault(PartKind::Index, FaultKind::TooDeep));
        }
        if self.tree.indexes.len() == MAX_MANIFESTS {
            return self.leave_out(fault(PartKind::Index, too_many));
        }
        let is_refused = matches!(standing, Standing::Answered(answer) if answer.facts().is_none());
        self.tree.indexes.push(node);
        if let Some(Manifest { content: Content::Index(children), .. }) = document
            && !is_refused
        {
            self.follow(children, level + 1);
        }
    }
}

/// The document that a pull from `who` begins with, and the digest of its bytes.
#[must_use]
pub fn first_document(evidence: &Evidence, who: Who) -> Option<(&Digest, &Manifest)> {
    let read = match who {
        Who::Upstream => {
            let upstream = &evidence.upstream;
            [&upstream.pinned, &upstream.own_digest, &upstream.document, &upstream.answer]
        }
        Who::Mirror(index) => {
            let mirror = &evidence.mirrors[index];
            [&mirror.document, &mirror.own_digest, &mirror.answer, &None]
        }
    };
    let read = read.into_iter().flatten();
    read.filter_map(|observation| Some((observation.digest()?, observation.manifest()?))).next()
}

/// The platforms that upstream's image has; `None` where that is not known, or it is for none.
#[must_use]
pub fn upstream_platforms(evidence: &Evidence) -> Option<Vec<&Platform>> {
    let upstream = first_document(evidence, Who::Upstream);
    let expected = evidence.expected();
    let same = evidence.everyone().filter_map(|who| first_document(evidence, who));
    let known = same.filter(|(digest, _)| Some(*digest) == expected);
    let (digest, document) =
        upstream.filter(|(digest, _)| Some(*digest) == expected).into_iter().chain(known).next()?;
    if let Said::For(platform) = single::said(evidence, digest, document) {
        return Some(vec![platform]);
    }
    let Content::Index(children) = &document.content else { return None };
    let mut offer =
        Offer { evidence, seen: HashSet::from([digest.clone()]), entries: 0, platforms: Vec::new() };
    let artifacts = offer.add(children, 1)?;
    (artifacts == 0 || !offer.platforms.is_empty()).then_some(offer.platforms)
}

/// The platforms that an index within upstream's has; `None` where that is not known of all of it.
#[must_use]
pub fn platforms_below<'a>(evidence: &'a Evidence, index: &Digest) -> Option<Vec<&'a Platform>> {
    let Content::Index(children) = &evidence.document(index)?.0.content else { return None };
    let mut offer =
        Offer { evidence, seen: HashSet::from([index.clone()]), entries: 0, platforms: Vec::new() };
    offer.add(children, 2)?;
    Some(offer.platforms)
}

/// What upstream's index, and those within it, have.
struct Offer<'a> {
    evidence: &'a Evidence,
    seen: HashSet<Digest>,
    entries: usize,
    platforms: Vec<&'a Platform>,
}

impl<'a> Offer<'a> {
    /// Adds what these entries are for, and tells how many are for no platform; `None` where that is not known of all.
    fn add(&mut self, children: &'a [Child], level: usize) -> Option<usize> {
        let mut artifacts = 0;
        for child in children {
            match child.kind {
                ChildKind::Attestation => continue,
                ChildKind::Unknown => {
                    artifacts += 1;
                    continue;
                }
                ChildKind::Image => {}
            }
            self.entries += 1;
            if self.entries > MAX_ENTRIES {
                return None;
            }
            let digest: Option<Digest> = child.digest.as_deref().and_then(|text| text.parse().ok());
            let document = digest.as_ref().and_then(|digest| Some(self.evidence.document(digest)?.0));
            match (document.map(|document| &document.content), child.media_type) {
                (Some(Content::Index(inner)), _) => {
                    if self.seen.insert(digest?) {
                        if level >= MAX_LEVELS {
                            return None;
                        }
                        artifacts += self.add(inner, level + 1)?;
                    }
                    continue;
                }
                // What indexes below it have is not known where they are not read.
                (None, Some(known)) if known.is_index() => return None,
                _ => {}
            }
            let told = || single::platform(self.evidence, digest.as_ref()?, document);
            match child.platform.as_ref().or_else(told) {
                Some(platform) => self.platforms.push(platform),
                // Nobody asks for it where all platforms are wanted.
                None if self.evidence.platforms.is_empty() => {}
                None if document.is_none_or(single::is_container) => return None,
                None => artifacts += 1,
            }
        }
        Some(artifacts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(text: &str) -> Platform {
        text.parse().unwrap()
    }

    fn chosen(wanted: &[&str], offered: &[&str]) -> Vec<String> {
        let wanted: Vec<_> = wanted.iter().map(|text| platform(text)).collect();
        let offered: Vec<_> = offered.iter().map(|text| platform(text)).collect();
        let offered: Vec<_> = offered.iter().collect();
        let chosen = choice(&wanted, &offered);
        offered.iter().filter(|it| is_chosen(&chosen, it)).map(ToString::to_string).collect()
    }

    #[test]
    fn the_exact_platform_is_chosen_before_what_runtimes_take_in_its_place() {
        let all = ["linux/amd64", "linux/amd64/v2", "linux/arm/v6", "linux/arm/v7", "linux/386"];
        assert_eq!(chosen(&["linux/amd64"], &all), ["linux/amd64"]);
        assert_eq!(chosen(&["linux/amd64/v3"], &all), ["linux/amd64/v2"]);
        assert_eq!(chosen(&["linux/arm64", "linux/386"], &all), ["linux/arm/v7", "linux/386"]);
        assert_eq!(chosen(&["linux/s390x"], &all), [""; 0]);
        assert_eq!(chosen(&["linux/amd64"], &["linux/386"]), ["linux/386"]);
    }

    #[test]
    fn what_is_not_there_is_not_known_to_be_lacking_while_part_of_the_list_is_unread() {
        let (amd64, arm64) = (platform("linux/amd64"), platform("linux/arm64"));
        assert_eq!(met(&arm64, &[&amd64], false), Met::Unknown);
        assert_eq!(met(&arm64, &[&amd64], true), Met::Not);
        assert_eq!(met(&amd64, &[&amd64], false), Met::Exactly);
        let old = platform("linux/386");
        // Something better may stand in what was not read.
        assert_eq!(met(&amd64, &[&old], false), Met::Unknown);
        assert_eq!(met(&amd64, &[&old], true), Met::Instead(&old));
    }
}
