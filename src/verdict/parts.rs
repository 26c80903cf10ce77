//! What the answers about an image's manifests and blobs mean: what is wrong with which part, and for which
//! platform.
//!
//! A pull fails at the first part that is missing, so that the gravest finding decides; what could not be found
//! out about a part is never said to be missing. What a mirror faithfully copies of an upstream that has it no
//! better is the same fault at both, and said at both.

use std::collections::{HashMap, HashSet};

use super::blobs;
use super::fallbacks::{self, Gap};
use super::platforms;
use super::unserved;
use crate::model::anatomy::{
    Anatomy, Finding, MAX_FINDINGS, MAX_PLATFORMS, PartKind, PlatformLine, PlatformState, Uncovered, in_bytes,
};
use crate::model::code::Code;
use crate::model::depth::Depth;
use crate::model::digest::Digest;
use crate::model::evidence::Evidence;
use crate::model::manifest::{BlobKind, BlobRef};
use crate::model::observation::Outcome;
use crate::model::plan::Who;
use crate::model::platform::Platform;
use crate::model::run::Verdict;
use crate::model::status::Status;
use crate::plan::parts::blobs_of;
use crate::plan::tree::{self, Fault, FaultKind, MAX_BLOBS, Met, Node, Standing, Tree};

/// Findings that a reason names; the report has them all.
const NAMED: usize = 2;
/// Platforms that a finding names.
const MAX_NAMED_PLATFORMS: usize = 8;
/// Between the reason for a verdict and what else is wrong.
pub(super) const BESIDES: &str = "; besides: ";

/// What is known of the parts of the image at `who`; `None` where they were not looked at.
#[must_use]
pub fn anatomy(evidence: &Evidence, who: Who) -> Option<Box<Anatomy>> {
    let tree = Tree::of(evidence, who)?;
    let mut inquest = Inquest::of(evidence, who, &tree);
    inquest.look();
    Some(Box::new(inquest.into_anatomy()))
}

/// How much a code weighs against another: what a pull fails on before what it would bring, which is old.
pub(super) const fn gravity(code: Code) -> u8 {
    match code.status() {
        Status::Ok => 0,
        Status::SameContent | Status::Unverified => 1,
        Status::Denied
        | Status::RateLimited
        | Status::ServerError
        | Status::Unreachable
        | Status::NotChecked => 2,
        Status::Stale => 3,
        Status::Missing | Status::Incomplete => 4,
        Status::Invalid => 5,
    }
}

/// `found` is the verdict on the image's own manifest; what is known of its parts may be graver.
#[must_use]
pub fn with_parts(found: Verdict, anatomy: Option<&Anatomy>) -> Verdict {
    let findings = anatomy.map_or(&[][..], |anatomy| &anatomy.findings);
    let (Some(gravest), Some(anatomy)) = (findings.first(), anatomy) else { return found };
    // Its wanted platforms are all that is wrong, and the verdict names them.
    let is_told = |finding: &Finding| finding.code == Code::UpstreamLacksPlatform;
    if found.code == Code::UpstreamLacksPlatform && findings.iter().all(is_told) {
        return found;
    }
    let mut told: Vec<String> = findings.iter().take(NAMED).map(in_words).collect();
    let more = anatomy.findings_total.saturating_sub(told.len());
    if more > 0 {
        told.push(format!("and {more} more"));
    }
    let told = told.join("; ");
    let reason = match (gravity(gravest.code) > gravity(found.code), &*found.reason) {
        (false, "") => told,
        (false, reason) => format!("{reason}{BESIDES}{told}"),
        // Nobody may learn of a fault alone what they would learn without it.
        (true, reason) if found.code.status() == Status::Stale => format!("{told}{BESIDES}stale: {reason}"),
        (true, reason) if gravity(found.code) > gravity(Code::DigestDiffers) => {
            format!("{told}{BESIDES}{reason}")
        }
        (true, _) => told,
    };
    let code = if gravity(gravest.code) > gravity(found.code) { gravest.code } else { found.code };
    Verdict { code, reason: reason.into(), ..found }
}

fn in_words(finding: &Finding) -> String {
    format!("{}: {}", finding.subject(), finding.cause)
}

/// Goes through the parts of one image at one endpoint.
struct Inquest<'a, 'b> {
    evidence: &'a Evidence,
    who: Who,
    host: &'a str,
    tree: &'b Tree<'a>,
    findings: Vec<Finding>,
    /// The finding on a part, so that one that many platforms share is told once.
    by_part: HashMap<(PartKind, Box<str>), usize>,
    /// The gravest that was found for an image, by its place in the tree.
    damage: Vec<Option<Code>>,
    blobs: usize,
    blob_bytes: u64,
    uncovered: Uncovered,
}

impl<'a, 'b> Inquest<'a, 'b> {
    fn of(evidence: &'a Evidence, who: Who, tree: &'b Tree<'a>) -> Self {
        let host = match who {
            Who::Upstream => &*evidence.upstream.endpoint.name,
            Who::Mirror(index) => &*evidence.mirrors[index].endpoint.name,
        };
        Self {
            evidence,
            who,
            host,
            tree,
            findings: Vec::new(),
            by_part: HashMap::new(),
            damage: vec![None; tree.images.len()],
            blobs: 0,
            blob_bytes: 0,
            uncovered: Uncovered::default(),
        }
    }

    fn look(&mut self) {
        for fault in &self.tree.faults {
            self.fault(fault);
        }
        for index in &self.tree.indexes {
            self.manifest(PartKind::Index, index);
        }
        for (at, image) in self.tree.images.iter().enumerate() {
            if let Some(code) = self.manifest(PartKind::Manifest, image) {
                self.damage(at, code);
            }
        }
        self.look_at_blobs();
        self.look_for_wanted();
    }

    fn damage(&mut self, image: usize, code: Code) {
        let known = &mut self.damage[image];
        if known.is_none_or(|known| gravity(known) < gravity(code)) {
            *known = Some(code);
        }
    }

    /// Adds a finding, or another platform to one that is known.
    fn find(
        &mut self,
        (kind, digest): (PartKind, Option<&str>),
        platform: Option<&Platform>,
        size: Option<u64>,
        (code, cause): (Code, String),
    ) {
        let shown = platform.map(|platform| Box::from(platform.to_string()));
        // What stands there may be no digest at all, and of any length.
        let digest = digest.map(|text| Box::<str>::from(text.chars().take(140).collect::<String>()));
        if let Some(digest) = &digest {
            let next = self.findings.len();
            let at = *self.by_part.entry((kind, digest.clone())).or_insert(next);
            if let Some(known) = self.findings.get_mut(at) {
                let is_new = shown.as_ref().is_some_and(|shown| !known.platforms.contains(shown));
                if is_new && known.platforms.len() < MAX_NAMED_PLATFORMS {
                    known.platforms.extend(shown);
                }
                return;
            }
        }
        let platforms = shown.into_iter().collect();
        self.findings.push(Finding { kind, digest, platforms, size, code, cause: cause.into() });
    }

    fn fault(&mut self, fault: &Fault<'_>) {
        let (code, cause) = match fault.why {
            FaultKind::Digest => {
                (Code::DescriptorUnusable, "the index names it by something that is no digest".to_owned())
            }
            FaultKind::Algorithm => {
                (Code::DigestUnsupported, "a digest of an unknown algorithm: not asked for".to_owned())
            }
            FaultKind::TooDeep => (
                Code::TooManyParts,
                format!("indexes within indexes, more than {} deep: not followed", tree::MAX_LEVELS),
            ),
            FaultKind::TooMany { left_out } => (
                Code::TooManyParts,
                format!(
                    "the image leads to more than {} manifests: {left_out} that it names are not asked for",
                    tree::MAX_MANIFESTS
                ),
            ),
        };
        self.find((fault.kind, fault.digest), fault.platform, None, (code, cause));
    }

    /// What is wrong with a manifest, if anything.
    fn manifest(&mut self, kind: PartKind, node: &Node<'_>) -> Option<Code> {
        let (code, cause) = match node.standing {
            Standing::First => return None,
            Standing::Unasked => (Code::Interrupted, "not asked for: the run was interrupted".to_owned()),
            Standing::Answered(answer) => match &answer.outcome {
                Outcome::Found(_) if self.was_left_unread(node) => (
                    Code::TooManyParts,
                    format!(
                        "not read: the manifests before it have more than {}",
                        in_bytes(tree::MAX_DOCUMENT_BYTES)
                    ),
                ),
                Outcome::Found(_) => blobs::wrong_size(node.size, node.found)?,
                Outcome::Missing(_) => {
                    let verdict = unserved::explain(answer, self.host);
                    (Code::ChildMissing, verdict.reason.into_owned())
                }
                _ => {
                    let verdict = unserved::explain(answer, self.host);
                    (verdict.code, verdict.reason.into_owned())
                }
            },
        };
        self.find((kind, Some(&node.digest.to_string())), node.platform, node.size, (code, cause));
        Some(code)
    }

    /// Whether it is there, and what it names would be looked at, but its bytes were not asked for.
    fn was_left_unread(&self, node: &Node<'_>) -> bool {
        let depth = self.evidence.depth_at(self.who);
        depth >= Depth::Blobs && node.document.is_none() && node.is_served()
    }

    fn look_at_blobs(&mut self) {
        let (evidence, tree) = (self.evidence, self.tree);
        let answers = &evidence.parts_at(self.who).blobs;
        let is_asked = evidence.depth_at(self.who) >= Depth::Blobs;
        let mut seen: HashMap<Digest, Option<(Code, String)>> = HashMap::new();
        for (place, kind, blob) in blobs_of(tree) {
            let part = match kind {
                BlobKind::Config => PartKind::Config,
                BlobKind::Layer => PartKind::Layer,
            };
            let digest = match blob.digest.parse::<Digest>() {
                Ok(digest) => digest,
                Err(error) => {
                    let found = blobs::no_digest(&error);
                    self.found(place, (part, blob), found);
                    continue;
                }
            };
            if !seen.contains_key(&digest) {
                if is_asked && seen.len() == MAX_BLOBS {
                    let why =
                        format!("the image has more than {MAX_BLOBS} layers: the rest is not asked for");
                    self.find((part, None), None, None, (Code::TooManyParts, why));
                    break;
                }
                self.blobs += 1;
                self.blob_bytes = self.blob_bytes.saturating_add(blob.size.unwrap_or(0));
                let answer = answers.get(&digest);
                if answer.is_some_and(|answer| answer.is_over_budget()) {
                    self.uncovered.blobs += 1;
                    self.uncovered.bytes = self.uncovered.bytes.saturating_add(blob.size.unwrap_or(0));
                }
                let found = match answer.and_then(|answer| answer.counted()) {
                    _ if !is_asked => None,
                    Some(answer) => blobs::explain(answer, self.host),
                    None => Some((Code::Interrupted, "not asked for: the run was interrupted".to_owned())),
                };
                seen.insert(digest.clone(), found);
            }
            let sized =
                answers.get(&digest).and_then(|answer| answer.counted()).and_then(blobs::served_bytes);
            let found = match seen.get(&digest) {
                Some(Some(found)) => Some(found.clone()),
                _ if is_asked => {
                    let answer = answers.get(&digest);
                    let is_unread = answer.is_some_and(|answer| answer.is_over_budget());
                    blobs::wrong_size(blob.size, sized)
                        .or_else(|| blobs::too_large(blob.size).filter(|_| is_unread))
                }
                _ => None,
            };
            if let Some(found) = found {
                self.found(place, (part, blob), found);
            }
        }
    }

    /// Notes what is wrong with a blob of an image.
    fn found(&mut self, place: usize, (part, blob): (PartKind, &BlobRef), found: (Code, String)) {
        self.damage(place, found.0);
        self.find((part, Some(&blob.digest)), self.tree.images[place].platform, blob.size, found);
    }

    /// Wanted platforms that are not there, or of which that is not known.
    fn look_for_wanted(&mut self) {
        let has_unknown = self.tree.wanted.iter().any(|(_, met)| *met == Met::Unknown);
        let tree = self.tree;
        let silent = tree.images.iter().filter(|image| has_unknown && image.may_be_for_a_platform());
        for image in silent.filter(|image| image.is_served()) {
            let Some(document) = image.document else {
                let why =
                    "for which platform it is, is not known: the index does not say, and it was not read";
                let found = (Code::PlatformUnknown, why.to_owned());
                let part = (PartKind::Manifest, Some(&*image.digest.to_string()));
                self.find(part, None, image.size, found);
                continue;
            };
            let (here, this) = ((self.who, self.host), (&image.digest, document));
            if let Some((config, found)) = platforms::unknown(self.evidence, here, this) {
                self.find((PartKind::Config, Some(&config.digest.to_string())), None, config.size, found);
            }
        }
        let lacking = platforms::upstream_lacks(self.evidence);
        let is_known = tree::upstream_platforms(self.evidence).is_some();
        for (wanted, met) in &self.tree.wanted {
            if let Met::Instead(other) = met
                && let Gap::Mirrors(better) = fallbacks::gap(self.evidence, self.who, wanted, other)
            {
                let has = if better == **wanted { "it".to_owned() } else { format!("{better} for it") };
                let cause =
                    format!("upstream has {has}, the mirror only {other}, which runtimes take in its place");
                self.find((PartKind::Platform, None), Some(wanted), None, (Code::PlatformAbsent, cause));
            }
            if *met != Met::Not {
                continue;
            }
            let is_upstreams_gap = lacking.contains(wanted);
            let found = match self.who {
                // No failure of the mirror: told by its platforms.
                Who::Mirror(_) if is_upstreams_gap => continue,
                Who::Mirror(_) if is_known => {
                    (Code::PlatformAbsent, "upstream has it, the mirror has not".to_owned())
                }
                Who::Mirror(_) => (
                    Code::PlatformUnknown,
                    "the mirror does not have it; whether upstream has is not known".to_owned(),
                ),
                Who::Upstream => {
                    let offered = platforms::offered(self.evidence);
                    (Code::UpstreamLacksPlatform, format!("upstream itself has nothing for it{offered}"))
                }
            };
            self.find((PartKind::Platform, None), Some(wanted), None, found);
        }
    }

    fn into_anatomy(mut self) -> Anatomy {
        let lines = self.lines();
        // Of what is equally grave, in the order of the image.
        self.findings.sort_by_key(|finding| std::cmp::Reverse(gravity(finding.code)));
        // That there is more which nobody looked at is told at once, however much else is wrong.
        let is_rest =
            |finding: &Finding| finding.code == Code::TooManyParts && finding.kind != PartKind::Layer;
        if let Some(rest) = self.findings.iter().position(is_rest).filter(|at| *at > 1) {
            self.findings[1..=rest].rotate_right(1);
        }
        let findings_total = self.findings.len();
        self.findings.truncate(MAX_FINDINGS);
        let first_is_image =
            self.tree.images.iter().filter(|image| matches!(image.standing, Standing::First));
        Anatomy {
            depth: self.evidence.depth_at(self.who),
            platforms_total: lines.len(),
            platforms: lines.into_iter().take(MAX_PLATFORMS).collect(),
            unwanted: self.tree.unwanted,
            attestations: self.tree.attestations,
            manifests: self.tree.indexes.len() + self.tree.images.len() - first_is_image.count(),
            blobs: self.blobs,
            blob_bytes: self.blob_bytes,
            uncovered: self.uncovered,
            findings: self.findings,
            findings_total,
        }
    }

    fn lines(&self) -> Vec<PlatformLine> {
        let images = self.tree.images.iter().zip(&self.damage);
        let mut lines: Vec<_> = images
            // Of an image without an index it is told only where it matters.
            .filter(|(image, _)| !matches!(image.standing, Standing::First) || image.platform.is_some())
            .map(|(image, damage)| PlatformLine {
                platform: image.platform.map_or_else(String::new, ToString::to_string).into(),
                digest: Some(image.digest.clone()),
                state: state(image, *damage),
                met_by: None,
            })
            .collect();
        let lacking = platforms::upstream_lacks(self.evidence);
        for (wanted, met) in &self.tree.wanted {
            let state = match met {
                Met::Exactly => continue,
                Met::Instead(other) => {
                    lines.push(self.instead(wanted, other));
                    continue;
                }
                Met::Unknown => PlatformState::Unknown,
                Met::Not if lacking.contains(wanted) || self.who == Who::Upstream => {
                    PlatformState::NotUpstream
                }
                Met::Not => PlatformState::Missing,
            };
            let platform = wanted.to_string().into();
            lines.push(PlatformLine { platform, digest: None, state, met_by: None });
        }
        lines.extend(self.absent());
        lines
    }

    /// A wanted platform that is met by another.
    fn instead(&self, wanted: &Platform, other: &Platform) -> PlatformLine {
        let images = self.tree.images.iter().zip(&self.damage);
        let taken = images.into_iter().find(|(image, _)| image.platform == Some(other));
        let state = match (taken, fallbacks::gap(self.evidence, self.who, wanted, other)) {
            (_, Gap::Mirrors(_)) => PlatformState::Missing,
            (Some((image, damage)), Gap::Upstreams | Gap::Unknown) => match state(image, *damage) {
                PlatformState::Present => PlatformState::Fallback,
                other => other,
            },
            // Beyond the number of manifests that are asked for.
            (None, _) => PlatformState::Unknown,
        };
        let digest = taken.map(|(image, _)| image.digest.clone());
        PlatformLine {
            platform: wanted.to_string().into(),
            digest,
            state,
            met_by: Some(other.to_string().into()),
        }
    }

    /// Where all platforms are wanted: those of upstream's that the mirror's index, wholly read, does not name.
    fn absent(&self) -> Vec<PlatformLine> {
        let Tree { images, indexes, faults, .. } = self.tree;
        let is_index = !images.iter().any(|image| matches!(image.standing, Standing::First));
        let is_whole = is_index && faults.is_empty() && indexes.iter().all(Node::is_served);
        if !self.evidence.platforms.is_empty() || self.who == Who::Upstream || !is_whole {
            return Vec::new();
        }
        let named: HashSet<String> =
            images.iter().filter_map(|image| image.platform.map(ToString::to_string)).collect();
        let offered = tree::upstream_platforms(self.evidence).unwrap_or_default();
        let names = offered.into_iter().map(ToString::to_string).filter(|name| !named.contains(name));
        let line = |name: String| PlatformLine {
            platform: name.into(),
            digest: None,
            state: PlatformState::Missing,
            met_by: None,
        };
        names.map(line).collect()
    }
}

fn state(image: &Node<'_>, damage: Option<Code>) -> PlatformState {
    match (damage, image.is_served()) {
        (None, true) => PlatformState::Present,
        (Some(code), true) if gravity(code) >= 3 => PlatformState::Damaged,
        (Some(Code::ChildMissing), false) => PlatformState::Missing,
        (Some(code), false) if gravity(code) >= 3 => PlatformState::Damaged,
        (Some(code), true) if gravity(code) < 2 => PlatformState::Present,
        _ => PlatformState::Unknown,
    }
}
