//! The hosts that a pull from an endpoint would have to reach, and whether they were reached: what the rules of
//! a firewall are made from.
//!
//! Told where blobs are looked at: those that its manifests lead to, and those of its blobs.

use super::unserved;
use crate::model::blob::{BlobBreakage, BlobObservation, BlobOutcome, Contact, Part, Transfer};
use crate::model::depth::Depth;
use crate::model::endpoint::{Authority, Endpoint};
use crate::model::evidence::Evidence;
use crate::model::fault::{NetFault, Shut};
use crate::model::observation::{Answer, Breakage, NotAsked, Observation, Outcome, Refusal};
use crate::model::plan::Who;

/// One contact with one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contacted {
    /// The host.
    pub authority: Authority,
    /// What it is there for.
    pub part: Part,
    /// Whether it was reached.
    pub reach: Reach,
    /// How it said that it would not serve; `None` where it did not.
    pub refusal: Option<String>,
    /// What came from it.
    pub transfers: Vec<Transfer>,
}

/// Whether a host was reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It was.
    Reached,
    /// It was not, for this.
    Failed(String),
    /// It was not asked, for this.
    NotAsked(String),
}

/// Every contact that an image led to. Empty above depth `blobs`: what pulls need is not known then.
#[must_use]
pub fn contacts(evidence: &Evidence, who: Who) -> Vec<Contacted> {
    let parts = evidence.parts_at(who);
    let of_blobs = parts.blobs.values().flat_map(|answers| answers.existence.iter().chain(&answers.bytes));
    let mut contacts: Vec<_> = of_blobs.flat_map(of_blob).collect();
    if evidence.depth_at(who) < Depth::Blobs {
        return contacts;
    }
    let (endpoint, own) = match who {
        Who::Upstream => {
            let upstream = &evidence.upstream;
            let asked = [&upstream.answer, &upstream.pinned, &upstream.again, &upstream.own_digest];
            (&upstream.endpoint, asked)
        }
        Who::Mirror(index) => {
            let mirror = &evidence.mirrors[index];
            let asked = [&mirror.answer, &mirror.document, &mirror.upstream_digest, &mirror.own_digest];
            (&mirror.endpoint, asked)
        }
    };
    let children = parts.children.values().flat_map(|answers| answers.existence.iter().chain(&answers.bytes));
    let of_manifests = own.into_iter().flatten().chain(children);
    contacts.extend(of_manifests.flat_map(|answer| of_manifest(answer, endpoint)));
    contacts
}

fn of_blob(answer: &BlobObservation) -> Vec<Contacted> {
    let told = Told {
        end: End::of_blob(&answer.outcome),
        answered_by: answer.answered_by.as_ref(),
        transfers: &answer.transfers,
        store: Part::BlobStore,
    };
    told.contacts(&answer.hosts)
}

fn of_manifest(answer: &Observation, endpoint: &Endpoint) -> Vec<Contacted> {
    // What somebody else's answer tells is no contact; neither is what was not asked for.
    let is_shut = matches!(answer.outcome, Outcome::NotAsked(NotAsked::Shut { .. }));
    if answer.attempts == 0 && !is_shut {
        return Vec::new();
    }
    let end = End::of_manifest(&answer.outcome);
    let of_way = answer.way.as_deref().and_then(|way| way.answered_by.as_ref());
    let answered_by = Some(of_way.unwrap_or(&endpoint.authority));
    let told = Told { end, answered_by, transfers: &[], store: Part::ManifestStore };
    match answer.way.as_deref() {
        Some(way) => told.contacts(&way.hosts),
        None => told.contacts(&[Contact { authority: endpoint.authority.clone(), part: Part::Registry }]),
    }
}

/// One answer, as far as hosts go.
struct Told<'a> {
    end: End<'a>,
    answered_by: Option<&'a Authority>,
    transfers: &'a [Transfer],
    /// What a host is there for that a redirect led to.
    store: Part,
}

/// How an answer was come by, or not.
enum End<'a> {
    Unreached {
        fault: &'a NetFault,
        host: &'a str,
    },
    Shut {
        host: &'a str,
        shut: &'a Shut,
    },
    Refused(&'a Refusal),
    Throttled {
        service: Option<&'a str>,
        answer: &'a Answer,
    },
    Broken(&'a Breakage),
    /// Nothing that speaks of a host.
    Plain,
}

impl<'a> End<'a> {
    fn of_blob(outcome: &'a BlobOutcome) -> Self {
        match outcome {
            BlobOutcome::Unreached { fault, host } => Self::Unreached { fault, host },
            BlobOutcome::NotAsked(NotAsked::Shut { host, shut }) => Self::Shut { host, shut },
            BlobOutcome::Refused(refusal) => Self::Refused(refusal),
            BlobOutcome::Throttled { service, answer, .. } => {
                Self::Throttled { service: service.as_deref(), answer }
            }
            BlobOutcome::Broken(BlobBreakage::Answer(breakage)) => Self::Broken(breakage),
            _ => Self::Plain,
        }
    }

    fn of_manifest(outcome: &'a Outcome) -> Self {
        match outcome {
            Outcome::Unreached { fault, host } => Self::Unreached { fault, host },
            Outcome::NotAsked(NotAsked::Shut { host, shut }) => Self::Shut { host, shut },
            Outcome::Refused(refusal) => Self::Refused(refusal),
            Outcome::Throttled { service, answer, .. } => {
                Self::Throttled { service: service.as_deref(), answer }
            }
            Outcome::Broken(breakage) => Self::Broken(breakage),
            Outcome::Found(_) | Outcome::Missing(_) | Outcome::NotAsked(_) => Self::Plain,
        }
    }
}

impl Told<'_> {
    fn contacts(&self, hosts: &[Contact]) -> Vec<Contacted> {
        let mut contacts: Vec<_> = hosts.iter().map(|contact| self.contact(contact)).collect();
        contacts.extend(self.avoided(hosts));
        contacts
    }

    fn contact(&self, contact: &Contact) -> Contacted {
        let host = contact.authority.to_string();
        // Each host is among the contacts once.
        let from = self.transfers.iter().filter(|transfer| transfer.from == contact.authority);
        let reach = match self.end {
            End::Unreached { fault, host: failed } if failed == host => Reach::Failed(fault.to_string()),
            // One that is left alone, since it was down or throttled before, was neither reached nor tried.
            End::Shut { host: left_alone, shut } if left_alone == host => {
                Reach::NotAsked(why_shut(shut, &host))
            }
            _ => Reach::Reached,
        };
        Contacted {
            authority: contact.authority.clone(),
            part: contact.part,
            reach,
            refusal: self.refusal(contact, &host),
            transfers: from.cloned().collect(),
        }
    }

    /// A host to which the way would have led on, and that is not asked.
    fn avoided(&self, hosts: &[Contact]) -> Option<Contacted> {
        let (authority, part, why) = match self.end {
            End::Broken(Breakage::Redirect { fault, by }) => {
                let (authority, why) = fault.target()?;
                let is_service = |contact: &&Contact| {
                    contact.part == Part::TokenService
                        && by.as_deref() == Some(&*contact.authority.to_string())
                };
                let part = hosts.iter().find(is_service).map_or(self.store, |contact| contact.part);
                (authority, part, why)
            }
            End::Refused(Refusal::Realm { realm, why }) => {
                (Authority::of(&realm.parse().ok()?)?, Part::TokenService, *why)
            }
            _ => return None,
        };
        let reach = Reach::NotAsked(why.to_owned());
        Some(Contacted { authority, part, reach, refusal: None, transfers: Vec::new() })
    }

    /// How this host said that it would not serve what was asked for, or give a token for it.
    fn refusal(&self, contact: &Contact, host: &str) -> Option<String> {
        let is_answerer = self.answered_by == Some(&contact.authority);
        let of = |speaker: &str, said: String| (speaker == host).then_some(said);
        match self.end {
            End::Refused(Refusal::Token { host: service, answer }) => of(service, unserved::said(answer)),
            End::Refused(Refusal::Credentials(rejection)) => {
                of(&rejection.host, unserved::said(&rejection.answer))
            }
            End::Throttled { service: Some(service), answer } => of(service, unserved::said(answer)),
            End::Broken(Breakage::TokenService { host: service, why }) => of(service, why.to_string()),
            End::Broken(Breakage::Redirect { fault, by }) if fault.target().is_none() => match by {
                Some(by) => of(by, fault.to_string()),
                None => (contact.part == Part::Registry).then(|| fault.to_string()),
            },
            End::Refused(
                Refusal::Registry { answer: said, .. }
                | Refusal::NoChallenge(said)
                | Refusal::CredentialsNeeded { answer: said, .. },
            )
            | End::Throttled { service: None, answer: said }
            | End::Broken(
                Breakage::ServerError(said)
                | Breakage::OddStatus(said)
                | Breakage::NotARegistry(said)
                | Breakage::ErrorDocument(said),
            ) => is_answerer.then(|| unserved::said(said)),
            End::Broken(Breakage::Html { .. }) => is_answerer.then(|| "a web page".to_owned()),
            _ => None,
        }
    }
}

/// Why nothing more was asked of a host.
fn why_shut(shut: &Shut, host: &str) -> String {
    match shut {
        Shut::Down { fault, .. } => format!("it was down before: {fault}"),
        _ => shut.about(host),
    }
}
