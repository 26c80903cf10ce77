//! The hosts that a pull from an endpoint would have to reach, and whether they were reached: what the rules of
//! a firewall are made from.

use std::time::Duration;

use crate::model::blob::{BlobObservation, BlobOutcome, Part};
use crate::model::endpoint::Authority;
use crate::model::evidence::Evidence;
use crate::model::observation::NotAsked;
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
    /// Bytes of blobs that came from it.
    pub bytes: u64,
    /// In what time.
    pub took: Duration,
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
        let from = answer.transfers.iter().filter(|transfer| transfer.from == contact.authority);
        // A host that is there for two things has served its bytes once.
        let is_first =
            answer.hosts.iter().find(|other| other.authority == contact.authority) == Some(contact);
        let from: Vec<_> = from.filter(|_| is_first).collect();
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
            bytes: from.iter().map(|transfer| transfer.bytes).sum(),
            took: from.iter().map(|transfer| transfer.took).sum(),
        }
    })
}
