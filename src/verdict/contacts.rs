//! The hosts that a pull from an endpoint would have to reach, and whether they were reached: what the rules of
//! a firewall are made from.

use super::unserved;
use crate::model::blob::{BlobBreakage, BlobObservation, BlobOutcome, Contact, Part, Transfer};
use crate::model::endpoint::Authority;
use crate::model::evidence::Evidence;
use crate::model::observation::{Breakage, NotAsked, Refusal};
use crate::model::plan::Who;

/// One contact with one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contacted {
    /// The host.
    pub authority: Authority,
    /// What it is there for.
    pub part: Part,
    /// Why it was not reached; `None` where it was.
    pub fault: Option<String>,
    /// How it said that it would not serve; `None` where it did not.
    pub refusal: Option<String>,
    /// What came from it.
    pub transfers: Vec<Transfer>,
}

/// Every contact that the blobs of an image led to. Empty above depth `blobs`: what pulls need is not known then.
#[must_use]
pub fn contacts(evidence: &Evidence, who: Who) -> Vec<Contacted> {
    let answers = evidence.parts_at(who).blobs.values();
    answers.flat_map(|answers| answers.existence.iter().chain(&answers.bytes)).flat_map(of_answer).collect()
}

fn of_answer(answer: &BlobObservation) -> impl Iterator<Item = Contacted> + '_ {
    // One that is left alone, since it was down or throttled before, was neither reached nor tried.
    let left_alone = match &answer.outcome {
        BlobOutcome::NotAsked(NotAsked::Shut { host, .. }) => Some(&**host),
        _ => None,
    };
    let tried = answer
        .hosts
        .iter()
        .filter(move |contact| left_alone.is_none_or(|host| *host != *contact.authority.to_string()));
    tried.map(|contact| {
        // Each host is among the contacts once.
        let from = answer.transfers.iter().filter(|transfer| transfer.from == contact.authority);
        let fault = match &answer.outcome {
            BlobOutcome::Unreached { fault, host } if **host == *contact.authority.to_string() => {
                Some(fault.to_string())
            }
            _ => None,
        };
        Contacted {
            authority: contact.authority.clone(),
            part: contact.part,
            fault,
            refusal: refusal(answer, contact),
            transfers: from.cloned().collect(),
        }
    })
}

/// How this host said that it would not serve the blob, or give a token for it.
fn refusal(answer: &BlobObservation, contact: &Contact) -> Option<String> {
    let host = contact.authority.to_string();
    match &answer.outcome {
        BlobOutcome::Refused(Refusal::Token { host: service, answer }) => {
            (**service == *host).then(|| unserved::said(answer))
        }
        BlobOutcome::Throttled { service: Some(service), answer, .. } => {
            (**service == *host).then(|| unserved::said(answer))
        }
        BlobOutcome::Broken(BlobBreakage::Answer(Breakage::TokenService { host: service, why })) => {
            (**service == *host).then(|| why.to_string())
        }
        BlobOutcome::Refused(Refusal::Credentials(rejection)) => {
            (*rejection.host == *host).then(|| unserved::said(&rejection.answer))
        }
        BlobOutcome::Refused(
            Refusal::Registry { answer: said, .. }
            | Refusal::NoChallenge(said)
            | Refusal::CredentialsNeeded { answer: said, .. },
        )
        | BlobOutcome::Throttled { service: None, answer: said, .. }
        | BlobOutcome::Broken(BlobBreakage::Answer(
            Breakage::ServerError(said)
            | Breakage::OddStatus(said)
            | Breakage::NotARegistry(said)
            | Breakage::ErrorDocument(said),
        )) => (answer.answered_by.as_ref() == Some(&contact.authority)).then(|| unserved::said(said)),
        BlobOutcome::Broken(BlobBreakage::Answer(Breakage::Html { .. })) => {
            (answer.answered_by.as_ref() == Some(&contact.authority)).then(|| "a web page".to_owned())
        }
        _ => None,
    }
}
