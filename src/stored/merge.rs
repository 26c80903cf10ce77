//! Several runs into one: the shards of a list, then the vantage points from which it was checked.
//!
//! Shards give what one run over the whole list would have given, but for times. Vantage points give one
//! run in which each endpoint is there once for each of them, its name saying from where. Whatever does not
//! belong together is refused.

mod shards;
mod vantages;

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use thiserror::Error;

use super::Saved;
use crate::model::endpoint::{Endpoint, Role};
use crate::model::run::{Ending, HostUse, Quota, Run};
use crate::model::scope::{List, Shard, Vantage};

/// A report and what its file is called.
#[derive(Clone, Debug)]
pub struct Named {
    /// The file's name, as it can be printed.
    pub name: String,
    /// What it tells of.
    pub saved: Saved,
}

/// Why reports do not belong together.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MergeError {
    /// No report.
    #[error("there is no report to merge")]
    Nothing,
    /// A report that cannot be put together with any.
    #[error("{name} does not say of which list it is")]
    NoList {
        /// The report.
        name: String,
    },
    /// It is made of several already.
    #[error("{name} is put together from several vantage points already")]
    Merged {
        /// The report.
        name: String,
    },
    /// Two lists.
    #[error("{one} and {other} are of different lists")]
    Lists {
        /// A report.
        one: String,
        /// Another.
        other: String,
    },
    /// Two versions of the program.
    #[error("{one} was written by registry-check {one_version}, {other} by {other_version}")]
    Versions {
        /// A report.
        one: String,
        /// Its version.
        one_version: Box<str>,
        /// Another.
        other: String,
        /// Its version.
        other_version: Box<str>,
    },
    /// Two configurations.
    #[error("{one} and {other} were checked with different settings: {what}")]
    Settings {
        /// A report.
        one: String,
        /// Another.
        other: String,
        /// What differs.
        what: String,
    },
    /// Numbers of shards.
    #[error("{one} is shard {one_shard}, {other} is shard {other_shard}: of another count")]
    Counts {
        /// A report.
        one: String,
        /// Which it is.
        one_shard: Shard,
        /// Another.
        other: String,
        /// Which that is.
        other_shard: Shard,
    },
    /// One shard twice, or the whole list and more.
    #[error("{one} and {other} overlap: {what}")]
    Overlap {
        /// A report.
        one: String,
        /// Another.
        other: String,
        /// In what.
        what: String,
    },
    /// Not all shards.
    #[error("{}{}", among(.missing), from(.vantage.as_ref()))]
    Missing {
        /// Those that are not there.
        missing: Vec<Shard>,
        /// From where, if that was said.
        vantage: Option<Vantage>,
    },
    /// Without a place, where others have one.
    #[error("{name} does not say from where it was made, and {other} was made from {vantage}")]
    NoVantage {
        /// The report.
        name: String,
        /// Another.
        other: String,
        /// From where that was made.
        vantage: Vantage,
    },
    /// What marks say is not what is there.
    #[error("{name} is not what it says to be part of: {what}")]
    Unfit {
        /// The report.
        name: String,
        /// What does not fit.
        what: &'static str,
    },
}

fn from(vantage: Option<&Vantage>) -> String {
    vantage.map(|vantage| format!(" of those from {vantage}")).unwrap_or_default()
}

/// The first of them.
fn among(missing: &[Shard]) -> String {
    const SHOWN: usize = 10;
    let mut names: Vec<_> = missing.iter().take(SHOWN).map(ToString::to_string).collect();
    if missing.len() > SHOWN {
        names.push(format!("{} more", missing.len() - SHOWN));
    }
    match names.pop() {
        Some(last) if !names.is_empty() => format!("shards {} and {last} are missing", names.join(", ")),
        Some(only) => format!("shard {only} is missing"),
        None => "no shard is missing".to_owned(),
    }
}

impl MergeError {
    /// What to try.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Nothing | Self::Missing { .. } => "name the reports of all shards: --shard 1/5 to 5/5",
            Self::NoList { .. } | Self::Unfit { .. } => "check again with this version of registry-check",
            Self::Merged { .. } => "merge the reports of all vantage points at once",
            Self::Lists { .. } => "check the same list, with the same --skip-invalid, in each run",
            Self::Versions { .. } => "check with the same version of registry-check in each run",
            Self::Settings { .. } => "check with the same mirrors, configuration and depth in each run",
            Self::Counts { .. } | Self::Overlap { .. } => {
                "name each shard once; where runs differ by place, give each its --vantage"
            }
            Self::NoVantage { .. } => "give each run its --vantage",
        }
    }
}

/// Puts reports together.
///
/// # Errors
/// They do not belong together, or some are missing.
pub fn merge(reports: Vec<Named>) -> Result<Saved, MergeError> {
    hold_together(&reports)?;
    let mut groups: Vec<(Option<Vantage>, Vec<Named>)> = Vec::new();
    for report in reports {
        let vantage = report.saved.run.scope.vantage.clone();
        match groups.iter_mut().find(|(known, _)| *known == vantage) {
            Some((_, group)) => group.push(report),
            None => groups.push((vantage, vec![report])),
        }
    }
    let whole = groups.into_iter().map(|(_, group)| shards::join(group)).collect::<Result<Vec<_>, _>>()?;
    vantages::join(whole)
}

/// What must be the same of all.
fn hold_together(reports: &[Named]) -> Result<(), MergeError> {
    let first = reports.first().ok_or(MergeError::Nothing)?;
    for report in reports {
        let run = &report.saved.run;
        let name = report.name.clone();
        if run.scope.list.is_none() {
            return Err(MergeError::NoList { name });
        }
        if run.scope.vantage.is_none() && run.endpoints.iter().any(|endpoint| endpoint.seen.is_some()) {
            return Err(MergeError::Merged { name });
        }
        if report.saved.tool_version != first.saved.tool_version {
            return Err(MergeError::Versions {
                one: first.name.clone(),
                one_version: first.saved.tool_version.clone(),
                other: name,
                other_version: report.saved.tool_version.clone(),
            });
        }
        let mark = |run: &Run| {
            let list = run.scope.list.as_ref();
            list.map(|List { fingerprint, images, mentions, .. }| (fingerprint.clone(), *images, *mentions))
        };
        if mark(run) != mark(&first.saved.run) {
            return Err(MergeError::Lists { one: first.name.clone(), other: name });
        }
    }
    Ok(())
}

/// What all runs together took, with `duration` from the first start to the last end: they may have been at
/// work at the same time.
fn add_times(to: &mut Run, other: &Run) {
    to.started_at = to.started_at.min(other.started_at);
    to.finished_at = to.finished_at.max(other.finished_at);
    let span = (to.finished_at - to.started_at).try_into().unwrap_or_default();
    to.duration = to.duration.max(other.duration).max(span);
    to.cost.requests = to.cost.requests.saturating_add(other.cost.requests);
    to.cost.token_exchanges = to.cost.token_exchanges.saturating_add(other.cost.token_exchanges);
    to.cost.bytes = to.cost.bytes.saturating_add(other.cost.bytes);
    to.cost.hub_pulls = to.cost.hub_pulls.saturating_add(other.cost.hub_pulls);
    if other.ending == Ending::Interrupted {
        to.ending = Ending::Interrupted;
    }
}

/// Each host once, with what all say of it; ordered as in a run.
fn hosts(all: impl IntoIterator<Item = HostUse>) -> Vec<HostUse> {
    let mut hosts: Vec<HostUse> = Vec::new();
    let mut known: HashMap<_, usize> = HashMap::new();
    for host in all {
        let key = (host.role, host.endpoint.clone(), host.part, host.authority.clone());
        match known.entry(key) {
            Entry::Vacant(new) => {
                new.insert(hosts.len());
                hosts.push(host);
            }
            Entry::Occupied(known) => {
                let known = &mut hosts[*known.get()];
                // What it failed at says more than why it was not asked, and that nothing where it was reached.
                let (first, other) = (known.fault.take(), host.fault);
                known.fault = if known.failed == 0 && host.failed > 0 { other } else { first.or(other) };
                known.reached = known.reached.saturating_add(host.reached);
                known.refused = known.refused.saturating_add(host.refused);
                known.refusal = known.refusal.take().or(host.refusal);
                known.failed = known.failed.saturating_add(host.failed);
                known.bytes = known.bytes.saturating_add(host.bytes);
                known.took = known.took.saturating_add(host.took);
                if known.reached > 0 && known.failed == 0 {
                    known.fault = None;
                }
            }
        }
    }
    let place = |host: &HostUse| (host.role == Role::Upstream, host.endpoint.clone(), host.part);
    hosts.sort_by(|one, other| {
        place(one).cmp(&place(other)).then_with(|| one.authority.cmp(&other.authority))
    });
    hosts
}

/// Of each host what was heard last: `later` goes before `earlier`. By host.
fn quotas(earlier: Vec<Quota>, later: Vec<Quota>) -> Vec<Quota> {
    let mut quotas = later;
    let known: HashSet<_> = quotas.iter().map(|quota| quota.host.clone()).collect();
    quotas.extend(earlier.into_iter().filter(|quota| !known.contains(&quota.host)));
    quotas.sort_by(|one, other| one.host.cmp(&other.host));
    quotas
}

/// Whether the same were asked: of what a report says of them.
fn are_same(one: &[Arc<Endpoint>], other: &[Arc<Endpoint>]) -> bool {
    let face = |endpoint: &Arc<Endpoint>| (endpoint.role, endpoint.name.clone(), endpoint.url.clone());
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| face(one) == face(other))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::blob::Part;
    use crate::model::endpoint::Authority;

    fn host(reached: u64, failed: u64, fault: Option<&str>) -> HostUse {
        HostUse {
            endpoint: "m".into(),
            role: Role::Mirror,
            authority: Authority::of(&"https://cdn.example".parse().unwrap()).unwrap(),
            part: Part::ManifestStore,
            reached,
            refused: 0,
            refusal: None,
            failed,
            fault: fault.map(Into::into),
            bytes: 0,
            took: Duration::ZERO,
        }
    }

    #[test]
    fn why_a_host_was_not_asked_gives_way_to_what_others_met_with() {
        let avoided = || host(0, 0, Some("not followed"));
        let refused = || host(0, 2, Some("connection refused"));
        for (parts, merged) in [
            ([avoided(), avoided()], avoided()),
            ([avoided(), refused()], refused()),
            ([refused(), avoided()], refused()),
            ([avoided(), host(3, 0, None)], host(3, 0, None)),
            ([host(3, 0, None), avoided()], host(3, 0, None)),
            ([host(3, 0, None), refused()], host(3, 2, Some("connection refused"))),
        ] {
            assert_eq!(hosts(parts.clone()), [merged], "{parts:#?}");
        }
    }
}
