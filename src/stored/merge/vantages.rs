//! One list, checked from several places, into one run with the endpoints of each.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::Saved;
use super::{MergeError, Named, add_times, hosts};
use crate::model::digest::Digest;
use crate::model::endpoint::{Endpoint, Role};
use crate::model::run::{CheckResult, HostUse, Quota, Run};
use crate::model::scope::Vantage;

/// The run of all of them; of one it is that one.
pub(super) fn join(mut reports: Vec<Named>) -> Result<Saved, MergeError> {
    if reports.len() <= 1 {
        return reports.pop().map(|report| report.saved).ok_or(MergeError::Nothing);
    }
    let places = hold_vantages(&reports)?;
    let (endpoints, moved) = columns(&reports, &places);
    let settings = settings(&reports);
    let mut results: Vec<CheckResult> = Vec::new();
    let mut quotas: Vec<Quota> = Vec::new();
    let mut reached: Vec<HostUse> = Vec::new();
    for ((report, moved), place) in reports.iter_mut().zip(&moved).zip(&places) {
        let own = std::mem::take(&mut report.saved.run.results);
        results.extend(
            own.into_iter().map(|result| CheckResult { endpoint: moved[result.endpoint as usize], ..result }),
        );
        // Hosts count by who asks.
        let own = std::mem::take(&mut report.saved.run.quotas);
        quotas.extend(own.into_iter().map(|quota| Quota { host: at(&quota.host, place), ..quota }));
        let own = std::mem::take(&mut report.saved.run.hosts);
        reached.extend(own.into_iter().map(|host| HostUse { endpoint: at(&host.endpoint, place), ..host }));
    }
    results.sort_by_key(|result| (result.image, endpoints[result.endpoint as usize].role, result.endpoint));
    quotas.sort_by(|one, other| one.host.cmp(&other.host));
    let mut reports = reports.into_iter();
    let mut saved = reports.next().ok_or(MergeError::Nothing)?.saved;
    for other in reports {
        add_times(&mut saved.run, &other.saved.run);
        saved.run.scope.dynamic.join(other.saved.run.scope.dynamic);
    }
    saved.run.scope.vantage = None;
    if let Some(list) = &mut saved.run.scope.list {
        list.settings = settings;
    }
    saved.run = Run { endpoints, results, quotas, hosts: hosts(reached), ..saved.run };
    Ok(saved)
}

/// Whoever was asked in whatever way, as one mark: that of all where all are alike.
fn settings(reports: &[Named]) -> Digest {
    let marks = reports.iter().filter_map(|report| report.saved.run.scope.list.as_ref());
    let marks: Vec<_> = marks.map(|list| &list.settings).collect();
    match marks.first() {
        Some(first) if marks.iter().all(|mark| mark == first) => (*first).clone(),
        _ => Digest::sha256_of(marks.iter().map(|mark| mark.to_string())),
    }
}

/// From where each was made. All must say so, and be about the same images in the same order.
fn hold_vantages(reports: &[Named]) -> Result<Vec<Vantage>, MergeError> {
    let known = reports.iter().find_map(|report| Some((report, report.saved.run.scope.vantage.clone()?)));
    let (other, vantage) = known.ok_or(MergeError::Nothing)?;
    let first = reports.first().ok_or(MergeError::Nothing)?;
    let mut places = Vec::new();
    for report in reports {
        let run = &report.saved.run;
        match &run.scope.vantage {
            Some(place) => places.push(place.clone()),
            None => {
                return Err(MergeError::NoVantage {
                    name: report.name.clone(),
                    other: other.name.clone(),
                    vantage,
                });
            }
        }
        let mentions = |run: &Run| -> Vec<u32> { run.places.iter().map(|place| place.image).collect() };
        if run.images != first.saved.run.images || mentions(run) != mentions(&first.saved.run) {
            return Err(MergeError::Unfit {
                name: report.name.clone(),
                what: "its images are not the list's",
            });
        }
    }
    Ok(places)
}

fn at(name: &str, vantage: &Vantage) -> Box<str> {
    format!("{name} ({vantage})").into()
}

/// The endpoints of all, those of one name beside each other, mirrors before upstreams; and where those of each
/// report went.
fn columns(reports: &[Named], places: &[Vantage]) -> (Vec<Arc<Endpoint>>, Vec<Vec<u32>>) {
    type Name = (Role, Box<str>);
    let mut names: Vec<Name> = Vec::new();
    // Of each name, where it stands in each report that has it.
    let mut having: HashMap<Name, Vec<(usize, usize)>> = HashMap::new();
    for (at, report) in reports.iter().enumerate() {
        for (index, endpoint) in report.saved.run.endpoints.iter().enumerate() {
            let name: Name = (endpoint.role, endpoint.own_name().into());
            let those = having.entry(name).or_insert_with_key(|name| {
                names.push(name.clone());
                Vec::new()
            });
            those.push((at, index));
        }
    }
    names.sort_by_key(|(role, _)| *role == Role::Upstream);
    let mut endpoints = Vec::new();
    let mut moved: Vec<Vec<u32>> =
        reports.iter().map(|report| vec![0; report.saved.run.endpoints.len()]).collect();
    for name in names {
        for (report, index) in having.remove(&name).into_iter().flatten() {
            moved[report][index] = u32::try_from(endpoints.len()).unwrap_or(u32::MAX);
            let mut endpoint = Endpoint::clone(&reports[report].saved.run.endpoints[index]);
            endpoint.name = at(&name.1, &places[report]);
            endpoints.push(Arc::new(endpoint));
        }
    }
    (endpoints, moved)
}
