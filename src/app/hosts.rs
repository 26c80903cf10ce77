//! The hosts that pulls have to reach, gathered from one image after the other.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::blob::{Part, Transfer};
use crate::model::busy::Busy;
use crate::model::endpoint::{Authority, Role};
use crate::model::evidence::Evidence;
use crate::model::plan::Who;
use crate::model::run::HostUse;
use crate::probe::oci::GivenUp;
use crate::verdict::{self, Reach};

/// Most hosts that are kept: each mirror has a few, and a hostile one may redirect to ever new ones.
const MOST_HOSTS: usize = 10_000;

/// The hosts so far.
#[derive(Default)]
pub(super) struct Hosts {
    known: BTreeMap<(Role, Box<str>, Part, Authority), Known>,
}

struct Known {
    told: HostUse,
    busy: Busy,
}

impl Hosts {
    /// Adds those that an image led to.
    pub(super) fn add(&mut self, evidence: &Evidence) {
        for who in evidence.everyone() {
            let endpoint = match who {
                Who::Upstream => &evidence.upstream.endpoint,
                Who::Mirror(index) => &evidence.mirrors[index].endpoint,
            };
            for contacted in verdict::contacts(evidence, who) {
                self.count((endpoint.role, &endpoint.name), contacted);
            }
        }
    }

    /// Adds those that bytes had come from when they were no longer waited for.
    pub(super) fn add_given_up(&mut self, given_up: &[GivenUp]) {
        for GivenUp { endpoint, role, hosts, transfers } in given_up {
            for contact in hosts {
                let from = transfers.iter().filter(|transfer| transfer.from == contact.authority);
                let transfers: Vec<_> = from.cloned().collect();
                if !transfers.is_empty() {
                    let authority = contact.authority.clone();
                    let part = contact.part;
                    let contacted = verdict::Contacted {
                        authority,
                        part,
                        reach: Reach::Reached,
                        refusal: None,
                        transfers,
                    };
                    self.count((*role, endpoint), contacted);
                }
            }
        }
    }

    fn count(&mut self, (role, endpoint): (Role, &str), contacted: verdict::Contacted) {
        let verdict::Contacted { authority, part, reach, refusal, transfers } = contacted;
        let key = (role, endpoint.into(), part, authority);
        if self.known.len() >= MOST_HOSTS && !self.known.contains_key(&key) {
            return;
        }
        let told = HostUse {
            endpoint: endpoint.into(),
            role,
            authority: key.3.clone(),
            part,
            reached: 0,
            refused: 0,
            refusal: None,
            failed: 0,
            fault: None,
            bytes: 0,
            took: Duration::ZERO,
        };
        let Known { told, busy } =
            self.known.entry(key).or_insert_with(|| Known { told, busy: Busy::default() });
        match reach {
            Reach::Reached => told.reached += 1,
            Reach::Failed(fault) => {
                // What it failed at says more than why others left it alone.
                if told.failed == 0 {
                    told.fault = Some(fault.into());
                }
                told.failed += 1;
            }
            Reach::NotAsked(why) => {
                told.fault.get_or_insert_with(|| why.into());
            }
        }
        if let Some(refusal) = refusal {
            told.refused += 1;
            told.refusal.get_or_insert_with(|| refusal.into());
        }
        for Transfer { bytes, began, took, .. } in transfers {
            told.bytes = told.bytes.saturating_add(bytes);
            busy.add(began, took);
        }
    }

    /// Mirrors first, each with its registry before what that leads to.
    pub(super) fn list(&self) -> Vec<HostUse> {
        let of = |role| self.known.values().filter(move |host| host.told.role == role);
        // In what a report can say, so that what is computed from it is the same when it is read again.
        let told = |host: &Known| {
            let micros = u64::try_from(host.busy.total().as_micros()).unwrap_or(u64::MAX);
            let mut told = HostUse { took: Duration::from_micros(micros), ..host.told.clone() };
            // Why it was not asked is of no use where it was.
            if told.failed == 0 && told.reached > 0 {
                told.fault = None;
            }
            told
        };
        of(Role::Mirror).chain(of(Role::Upstream)).map(told).collect()
    }
}
