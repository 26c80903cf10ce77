//! Oddities that change no verdict, in words.

use std::collections::BTreeSet;

use super::platforms;
use super::unserved::{self, whose};
use crate::model::blob::BlobOutcome;
use crate::model::evidence::Evidence;
use crate::model::observation::{Note, Observation, Outcome};
use crate::model::plan::Who;

/// What else is worth telling of an endpoint's answers. May hold what a server said: escape when printing.
#[must_use]
pub fn notes(evidence: &Evidence, who: Who) -> Vec<String> {
    let answer = match who {
        Who::Upstream => &evidence.upstream.answer,
        Who::Mirror(index) => &evidence.mirrors[index].answer,
    };
    let Some(answer) = answer else { return Vec::new() };
    let mut notes: Vec<String> = answer.notes.iter().map(in_words).collect();
    let own_digest = match who {
        Who::Upstream => &evidence.upstream.own_digest,
        Who::Mirror(index) => &evidence.mirrors[index].own_digest,
    };
    if let Some(why) = unserved::spared(own_digest.as_ref()) {
        notes.push(format!("the tag's digest was not asked for{why}"));
    }
    let unsized_blobs = unsized_blobs(evidence, who);
    if unsized_blobs > 0 {
        let blobs = if unsized_blobs == 1 { "1 blob".to_owned() } else { format!("{unsized_blobs} blobs") };
        notes.push(format!("the size of {blobs} could not be compared: the server does not tell it"));
    }
    if let Some(url) = &answer.redirected_to {
        notes.push(format!("answered from {url}"));
    }
    notes.extend(platforms::untold(evidence, who));
    if who == Who::Upstream {
        notes.extend(moved_tag(evidence, answer));
    }
    notes
}

/// Blobs that are there, and of which neither HEAD nor GET says how large they are.
fn unsized_blobs(evidence: &Evidence, who: Who) -> usize {
    let counted = evidence.parts_at(who).blobs.values().filter_map(|answers| answers.counted());
    counted.filter(|answer| answer.outcome == BlobOutcome::Present { size: None }).count()
}

/// Credentials that were refused where access without them works, each said once.
#[must_use]
pub fn rejections(evidence: &Evidence) -> BTreeSet<String> {
    let mirrors = evidence.mirrors.iter().map(|mirror| &mirror.answer);
    let answers = std::iter::once(&evidence.upstream.answer).chain(mirrors).flatten();
    let notes = answers.flat_map(|answer| &answer.notes);
    notes.filter(|note| matches!(note, Note::CredentialsRejected(_))).map(in_words).collect()
}

/// tag@digest: the digest is what counts, but the tag is there to be read.
fn moved_tag(evidence: &Evidence, answer: &Observation) -> Option<String> {
    let (tag, pinned) = (evidence.image.tag()?, evidence.image.digest()?);
    match &answer.outcome {
        Outcome::Found(facts) if !facts.goes_by(pinned) => {
            Some(format!("the tag '{tag}' now stands for {}, not for the pinned digest", facts.digest))
        }
        Outcome::Missing(_) => Some(format!("upstream has no tag '{tag}' any more")),
        _ => None,
    }
}

fn in_words(note: &Note) -> String {
    match note {
        Note::ContentType(text) if text.is_empty() => {
            "no content type; the media type was taken from the body".to_owned()
        }
        Note::ContentType(text) => format!("content type '{text}' is none of a manifest"),
        Note::HeadUnsupported(status) => format!("HEAD answered {status}; asked again with GET"),
        Note::NoDigestHeader => "no usable Docker-Content-Digest; the bytes were hashed".to_owned(),
        Note::Encoded(name) => format!("content encoding '{name}', although none was asked for"),
        Note::Warning(text) => format!("the registry warns: {text}"),
        Note::CredentialsRejected(rejection) => format!(
            "credentials rejected, public access works: {} answered {} to {}",
            rejection.host,
            rejection.answer.status,
            whose(&rejection.credentials)
        ),
        Note::WithoutNamespace => "answered only after ?ns= was left out (set ns = \"never\")".to_owned(),
    }
}
