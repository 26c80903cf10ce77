//! What an answer about a config or layer means: what is wrong with it, in a code and in words.

use super::unserved;
use crate::model::anatomy::in_bytes;
use crate::model::blob::{BlobBreakage, BlobObservation, BlobOutcome, MAX_BLOB_BYTES, Part};
use crate::model::code::Code;
use crate::model::digest::DigestError;
use crate::model::observation::{Observation, Outcome};

/// What is wrong with a blob, if anything but its size.
pub(super) fn explain(answer: &BlobObservation, host: &str) -> Option<(Code, String)> {
    let store = store_that_answered(answer, host);
    let answerer = store.as_deref().unwrap_or(host);
    let outcome = match &answer.outcome {
        BlobOutcome::Present { .. } | BlobOutcome::Read { .. } | BlobOutcome::OverBudget => return None,
        BlobOutcome::Broken(BlobBreakage::WrongSize { .. }) => return None,
        BlobOutcome::Broken(BlobBreakage::Endless { declared }) => {
            let cause = format!(
                "more than the {} that the manifest declares came from {answerer}",
                in_bytes(*declared)
            );
            return Some((Code::SizeDiffers, cause));
        }
        BlobOutcome::Broken(BlobBreakage::WrongBytes { found }) => {
            return Some((Code::BlobCorrupt, format!("the bytes that {answerer} serves hash to {found}")));
        }
        BlobOutcome::Missing(answer) => Outcome::Missing(answer.clone()),
        BlobOutcome::Refused(refusal) => Outcome::Refused(refusal.clone()),
        BlobOutcome::Throttled { answer, retry_after, service } => {
            Outcome::Throttled { answer: answer.clone(), retry_after: *retry_after, service: service.clone() }
        }
        BlobOutcome::Broken(BlobBreakage::Answer(breakage)) => Outcome::Broken(breakage.clone()),
        BlobOutcome::Unreached { fault, host } => {
            Outcome::Unreached { fault: fault.clone(), host: host.clone() }
        }
        BlobOutcome::NotAsked(why) => Outcome::NotAsked(why.clone()),
    };
    let is_missing = matches!(outcome, Outcome::Missing(_));
    let led_to = led_to(answer, &outcome, host);
    let speaker = if answer.outcome.is_of_answerer() { answerer } else { host };
    let verdict = unserved::explain(&as_observation(answer, outcome), speaker);
    let code = if is_missing { Code::BlobMissing } else { verdict.code };
    Some((code, format!("{}{led_to}", verdict.reason)))
}

/// The blob store that gave the last answer, if one did.
fn store_that_answered(answer: &BlobObservation, asked: &str) -> Option<String> {
    let answerer = answer.answered_by.as_ref()?;
    answer
        .hosts
        .iter()
        .any(|contact| contact.part == Part::BlobStore && contact.authority == *answerer)
        .then(|| format!("the blob store {answerer} that {asked} sends pulls to"))
}

/// What the host is that did not answer, where the request was sent on to it.
fn led_to(answer: &BlobObservation, outcome: &Outcome, asked: &str) -> String {
    let Outcome::Unreached { host, .. } = outcome else { return String::new() };
    let mut stores = answer.hosts.iter().filter(|contact| contact.part == Part::BlobStore);
    match stores.find(|store| store.authority.to_string() == **host) {
        Some(store) => format!(" (the blob store {} that {} sends pulls to)", store.authority, asked),
        None => String::new(),
    }
}

/// What is wrong with a size, as far as both are known.
pub(super) fn wrong_size(declared: Option<u64>, found: Option<u64>) -> Option<(Code, String)> {
    match (declared, found) {
        (None, _) => Some((
            Code::DescriptorUnusable,
            "the image gives it no size that is a whole number from 0 to 2^63-1".to_owned(),
        )),
        (Some(declared), Some(found)) if declared != found => {
            Some((Code::SizeDiffers, format!("it has {found} bytes, where the image says {declared}")))
        }
        _ => None,
    }
}

/// Its bytes were not read, though nobody limited them.
pub(super) fn too_large(declared: Option<u64>) -> Option<(Code, String)> {
    let declared = declared.filter(|bytes| *bytes > MAX_BLOB_BYTES)?;
    let cause = format!(
        "not read, only looked for: the image gives it {}, and of a blob no more than {} are read",
        in_bytes(declared),
        in_bytes(MAX_BLOB_BYTES)
    );
    Some((Code::TooManyParts, cause))
}

pub(super) fn no_digest(error: &DigestError) -> (Code, String) {
    match error {
        DigestError::Algorithm => {
            (Code::DigestUnsupported, "a digest of an unknown algorithm: not asked for".to_owned())
        }
        DigestError::Format | DigestError::Length { .. } => (
            Code::DescriptorUnusable,
            format!("the manifest names it by something that is no digest ({error})"),
        ),
    }
}

/// The size that was served, as far as it was told.
pub(super) const fn served_bytes(answer: &BlobObservation) -> Option<u64> {
    match answer.outcome {
        BlobOutcome::Present { size } => size,
        BlobOutcome::Read { bytes } => Some(bytes),
        BlobOutcome::Broken(BlobBreakage::WrongSize { found, .. }) => Some(found),
        _ => None,
    }
}

/// The answer in the form in which answers about manifests are explained.
fn as_observation(answer: &BlobObservation, outcome: Outcome) -> Observation {
    Observation {
        outcome,
        http_status: answer.http_status,
        head_status: None,
        attempts: answer.attempts,
        latency: answer.latency,
        asked_as: answer.asked_as.clone(),
        redirected_to: None,
        way: None,
        notes: Vec::new(),
        at: answer.at,
    }
}
