//! For which platform an image is that has no index: where upstream's index names it, that says so, and else its own
//! config does (image-spec `config.md`).
//!
//! Only images for containers are for a platform: a Helm chart's config, or an artifact's, says nothing of the kind.

use std::collections::HashSet;

use super::tree::{Met, Tree, first_document};
use crate::model::age::MAX_CONFIG_BYTES;
use crate::model::blob::{Blob, BlobObservation, BlobOutcome};
use crate::model::digest::Digest;
use crate::model::evidence::Evidence;
use crate::model::manifest::{Content, ImageKind, Manifest};
use crate::model::plan::{Question, Reference, Want, What, Who};
use crate::model::platform::Platform;

/// What tells the platform of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said<'a> {
    /// It is for this one.
    For(&'a Platform),
    /// This config would tell, and has not.
    Config(Blob),
    /// Nothing: it is for no platform, or has an index.
    Nothing,
}

/// What tells the platform of the image with this digest and document.
#[must_use]
pub fn said<'a>(evidence: &'a Evidence, digest: &Digest, document: &Manifest) -> Said<'a> {
    let Content::Image { config, kind: ImageKind::Container, .. } = &document.content else {
        return Said::Nothing;
    };
    let named = first_document(evidence, Who::Upstream).and_then(|(_, index)| {
        let is_it = |text: &str| text.parse::<Digest>().is_ok_and(|named| named == *digest);
        index.images().find(|child| child.digest.as_deref().is_some_and(is_it))?.platform.as_ref()
    });
    if let Some(platform) = named {
        return Said::For(platform);
    }
    let Ok(digest) = config.digest.parse() else { return Said::Nothing };
    let told = evidence.everyone().find_map(|who| {
        let parts = evidence.parts_at(who);
        let by_itself = parts.configs.get(&digest).and_then(|answer| answer.platform.as_deref());
        by_itself.or_else(|| parts.platforms.get(&digest).map(|platform| &**platform))
    });
    match told {
        Some(platform) => Said::For(platform),
        None => Said::Config(Blob { digest, size: config.size, platform: None }),
    }
}

/// The platform that an entry of an index, without a platform beside it, is known to be for, where one is wanted.
#[must_use]
pub(super) fn platform<'a>(
    evidence: &'a Evidence,
    digest: &Digest,
    document: Option<&Manifest>,
) -> Option<&'a Platform> {
    match said(evidence, digest, document.filter(|_| !evidence.platforms.is_empty())?) {
        Said::For(platform) => Some(platform),
        Said::Config(_) | Said::Nothing => None,
    }
}

/// Whether it is an image to run, whose config says for which platform it is.
#[must_use]
pub(super) const fn is_container(document: &Manifest) -> bool {
    matches!(&document.content, Content::Image { kind: ImageKind::Container, .. })
}

/// The configs that must be asked for next, so that it is known for which platform images are: those without an index
/// always, since nothing else tells; entries of indexes that do not say it where a platform is wanted.
#[must_use]
pub(super) fn next(evidence: &Evidence, trees: &[(Who, Tree<'_>)]) -> Vec<Question> {
    let is_lacking = |tree: &Tree<'_>| tree.wanted.iter().any(|(_, met)| *met == Met::Not);
    let mut everyone: Vec<Who> = trees.iter().map(|(who, _)| *who).collect();
    // Is that upstream's gap?
    if !everyone.contains(&Who::Upstream) && trees.iter().any(|(_, tree)| is_lacking(tree)) {
        everyone.push(Who::Upstream);
    }
    // The same bytes wherever they come from: read at one endpoint, and elsewhere only where that failed.
    let mut asked = HashSet::new();
    let first = everyone.into_iter().filter_map(|who| Some((who, first_document(evidence, who)?)));
    // Entries of indexes that do not say what they are for.
    let with_entries = if evidence.platforms.is_empty() { &[] } else { trees };
    let entries = with_entries.iter().flat_map(|(who, tree)| {
        let silent = tree.images.iter().filter(|image| image.is_served() && image.may_be_for_a_platform());
        silent.filter_map(|image| Some((*who, (&image.digest, image.document?))))
    });
    let questions = first.chain(entries).filter_map(|(who, (digest, document))| {
        let Said::Config(config) = said(evidence, digest, document) else { return None };
        let is_wanted = is_readable(&config)
            && !is_read(evidence, &config.digest)
            && !evidence.parts_at(who).configs.contains_key(&config.digest)
            && asked.insert(config.digest.clone());
        let reference = Reference::Blob(config);
        is_wanted.then(|| Question { who, what: what(evidence), reference, want: Want::Bytes })
    });
    let mut questions: Vec<Question> = questions.collect();
    questions.extend(at_upstream(evidence, trees).filter(|_| questions.is_empty()));
    questions
}

/// The config that mirrors with upstream's image have not got, or have other bytes for: upstream's tells what they cannot.
fn at_upstream(evidence: &Evidence, trees: &[(Who, Tree<'_>)]) -> Option<Question> {
    let upstreams = evidence.upstream.answer.as_ref()?.facts()?;
    let mirrors = trees.iter().filter(|(who, _)| *who != Who::Upstream);
    let documents = mirrors.filter_map(|(who, _)| first_document(evidence, *who));
    let (digest, document) = documents.into_iter().find(|(digest, _)| upstreams.goes_by(digest))?;
    let Said::Config(config) = said(evidence, digest, document) else { return None };
    let mut answers =
        evidence.everyone().filter_map(|who| evidence.parts_at(who).configs.get(&config.digest));
    let is_lacked =
        answers.any(|answer| matches!(answer.outcome, BlobOutcome::Missing(_) | BlobOutcome::Broken(_)));
    let is_new = !evidence.upstream.parts.configs.contains_key(&config.digest);
    let is_wanted = is_lacked && is_new && !is_read(evidence, &config.digest);
    let reference = Reference::Blob(config);
    is_wanted.then(|| Question { who: Who::Upstream, what: what(evidence), reference, want: Want::Bytes })
}

/// What a config is read for. Where a platform is wanted, what an index of another image says is not enough.
fn what(evidence: &Evidence) -> What {
    if evidence.platforms.is_empty() { What::Platform } else { What::Config }
}

/// Whether a config is of a size that is read.
#[must_use]
pub fn is_readable(config: &Blob) -> bool {
    config.size.is_some_and(|size| size <= MAX_CONFIG_BYTES)
}

/// Whether anybody's answer had the bytes of a config.
#[must_use]
pub fn is_read(evidence: &Evidence, config: &Digest) -> bool {
    let is_read = |answer: &BlobObservation| matches!(answer.outcome, BlobOutcome::Read { .. });
    evidence.everyone().any(|who| evidence.parts_at(who).configs.get(config).is_some_and(is_read))
}
