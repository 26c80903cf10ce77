//! The hosts that pulls have to reach, gathered from one image after the other.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::blob::Part;
use crate::model::endpoint::{Authority, Endpoint, Role};
use crate::model::evidence::Evidence;
use crate::model::plan::Who;
use crate::model::run::HostUse;
use crate::verdict;

/// Most hosts that are kept: each mirror has a few, and a hostile one may redirect to ever new ones.
const MOST_HOSTS: usize = 10_000;

/// The hosts so far.
#[derive(Default)]
pub(super) struct Hosts {
    known: BTreeMap<(Role, Box<str>, Part, Authority), HostUse>,
}

impl Hosts {
    /// Adds those that the blobs of an image led to.
    pub(super) fn add(&mut self, evidence: &Evidence) {
        for who in evidence.everyone() {
            let endpoint = match who {
                Who::Upstream => &evidence.upstream.endpoint,
                Who::Mirror(index) => &evidence.mirrors[index].endpoint,
            };
            for contacted in verdict::contacts(evidence, who) {
                self.count(endpoint, contacted);
            }
        }
    }

    fn count(&mut self, endpoint: &Endpoint, contacted: verdict::Contacted) {
        let verdict::Contacted { authority, part, fault, bytes, took } = contacted;
        let key = (endpoint.role, endpoint.name.clone(), part, authority.clone());
        if self.known.len() >= MOST_HOSTS && !self.known.contains_key(&key) {
            return;
        }
        let known = self.known.entry(key).or_insert_with(|| HostUse {
            endpoint: endpoint.name.clone(),
            role: endpoint.role,
            authority,
            part,
            reached: 0,
            failed: 0,
            fault: None,
            bytes: 0,
            took: Duration::ZERO,
        });
        match fault {
            None => known.reached += 1,
            Some(fault) => {
                known.failed += 1;
                known.fault.get_or_insert_with(|| fault.into());
            }
        }
        known.bytes = known.bytes.saturating_add(bytes);
        known.took += took;
    }

    /// Mirrors first, each with its registry before what that leads to.
    pub(super) fn list(&self) -> Vec<HostUse> {
        let of = |role| self.known.values().filter(move |host| host.role == role);
        // In what a report can say, so that what is computed from it is the same when it is read again.
        let told = |host: &HostUse| {
            let micros = u64::try_from(host.took.as_micros()).unwrap_or(u64::MAX);
            HostUse { took: Duration::from_micros(micros), ..host.clone() }
        };
        of(Role::Mirror).chain(of(Role::Upstream)).map(told).collect()
    }
}
