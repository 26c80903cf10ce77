//! What an answer says of the credentials that it was asked with.

use super::unserved;
use crate::model::observation::{AskedAs, Note, Observation, Outcome, Refusal};
use crate::model::sign_in::Acceptance;

/// How `host` took to us, by its answer to a manifest request; with a line for people.
#[must_use]
pub fn sign_in(answer: &Observation, host: &str) -> (Acceptance, String) {
    let is_user = matches!(answer.asked_as, AskedAs::User { .. });
    let rejected = answer.notes.iter().any(|note| matches!(note, Note::CredentialsRejected(_)));
    match &answer.outcome {
        Outcome::Found(_) if rejected => {
            (Acceptance::Rejected, "credentials rejected, public access works".to_owned())
        }
        // A registry that looks into its store for us has let us in.
        Outcome::Found(_) | Outcome::Missing(_) => served(answer, is_user),
        Outcome::Refused(refusal) => {
            let reason = unserved::explain(answer, host).reason.into_owned();
            let acceptance = match refusal {
                Refusal::Credentials(_) => Acceptance::Rejected,
                Refusal::Registry { asked_as: AskedAs::User { .. }, .. } => Acceptance::NoAccess,
                Refusal::Registry { .. }
                | Refusal::NoChallenge(_)
                | Refusal::CredentialsNeeded { .. }
                | Refusal::Token { .. } => Acceptance::Needed,
                Refusal::Realm { .. } => Acceptance::Unknown,
            };
            (acceptance, reason)
        }
        Outcome::Throttled { .. } | Outcome::Broken(_) | Outcome::Unreached { .. } | Outcome::NotAsked(_) => {
            (Acceptance::Unknown, unserved::explain(answer, host).reason.into_owned())
        }
    }
}

fn served(answer: &Observation, is_user: bool) -> (Acceptance, String) {
    let there = if matches!(answer.outcome, Outcome::Found(_)) { "" } else { " (the image is not there)" };
    match &answer.asked_as {
        _ if is_user => (Acceptance::Accepted, format!("accepted{there}")),
        AskedAs::Anonymous => (Acceptance::NotNeeded, format!("public: anybody gets a token{there}")),
        _ => (Acceptance::NotNeeded, format!("public: no credentials are asked for{there}")),
    }
}
