//! The shards of one list into the run over all of it.

use std::collections::HashSet;
use std::sync::Arc;

use super::{MergeError, Named, add_times, are_same, hosts, quotas};
use crate::model::image::ImageRef;
use crate::model::run::{CheckResult, Place, Run};
use crate::model::scope::{List, Part, Shard};

/// All shards, or the one run over the whole list.
pub(super) fn join(mut reports: Vec<Named>) -> Result<Named, MergeError> {
    hold_shards(&reports)?;
    if reports.len() == 1 && reports[0].saved.run.scope.part.is_none() {
        return reports.pop().ok_or(MergeError::Nothing);
    }
    reports.sort_by_key(|report| report.saved.run.scope.part.as_ref().map(|part| part.shard));
    let order = order(&reports)?;
    let name = reports.iter().map(|report| report.name.as_str()).collect::<Vec<_>>().join(", ");
    let mut images: Vec<Arc<ImageRef>> = Vec::new();
    let mut known = HashSet::new();
    let mut places = Vec::with_capacity(order.len());
    let mut results: Vec<CheckResult> = Vec::new();
    // Where each image of each shard went.
    let mut moved: Vec<Vec<Option<u32>>> =
        reports.iter().map(|report| vec![None; report.saved.run.images.len()]).collect();
    let mut left: Vec<Vec<Vec<CheckResult>>> =
        reports.iter_mut().map(|report| by_image(&mut report.saved.run)).collect();
    for (shard, place) in order {
        let report = &reports[shard];
        let Place { image, input, origin } = report.saved.run.places[place].clone();
        let at = image as usize;
        let image = match moved[shard][at] {
            Some(image) => image,
            None => {
                let unfit =
                    || MergeError::Unfit { name: report.name.clone(), what: "an image is in two shards" };
                let image = &report.saved.run.images[at];
                if !known.insert(Arc::clone(image)) {
                    return Err(unfit());
                }
                let new = u32::try_from(images.len()).map_err(|_| unfit())?;
                images.push(Arc::clone(image));
                let own = std::mem::take(&mut left[shard][at]);
                results.extend(own.into_iter().map(|result| CheckResult { image: new, ..result }));
                moved[shard][at] = Some(new);
                new
            }
        };
        places.push(Place { image, input, origin });
    }
    let mut reports = reports.into_iter();
    let mut saved = reports.next().ok_or(MergeError::Nothing)?.saved;
    for other in reports {
        let mut other = other.saved.run;
        let known = std::mem::take(&mut saved.run.hosts);
        saved.run.hosts = hosts(known.into_iter().chain(std::mem::take(&mut other.hosts)));
        let is_later = other.finished_at >= saved.run.finished_at;
        add_times(&mut saved.run, &other);
        saved.run.scope.dynamic.join(std::mem::take(&mut other.scope.dynamic));
        let own = std::mem::take(&mut saved.run.quotas);
        saved.run.quotas = if is_later { quotas(own, other.quotas) } else { quotas(other.quotas, own) };
    }
    saved.run.scope.part = None;
    saved.run = Run { images, places, results, ..saved.run };
    Ok(Named { name, saved })
}

/// The results of a run, image by image, taken out of it.
fn by_image(run: &mut Run) -> Vec<Vec<CheckResult>> {
    let mut all: Vec<Vec<CheckResult>> = run.images.iter().map(|_| Vec::new()).collect();
    for result in std::mem::take(&mut run.results) {
        all[result.image as usize].push(result);
    }
    all
}

/// Which (report, place) stands where in the whole list.
fn order(reports: &[Named]) -> Result<Vec<(usize, usize)>, MergeError> {
    let unfit = |report: &Named, what| MergeError::Unfit { name: report.name.clone(), what };
    let mentions = |report: &Named| report.saved.run.scope.list.as_ref().map_or(0, |list| list.mentions);
    let all: usize = reports.iter().map(|report| report.saved.run.places.len()).sum();
    let first = reports.first().ok_or(MergeError::Nothing)?;
    if u32::try_from(all) != Ok(mentions(first)) {
        return Err(unfit(first, "the shards together are not as long as the list"));
    }
    let mut order = vec![None; all];
    for (shard, report) in reports.iter().enumerate() {
        let places = report.saved.run.scope.part.iter().flat_map(|part| &part.places);
        for (place, number) in places.enumerate() {
            match order.get_mut(*number as usize) {
                Some(slot @ None) => *slot = Some((shard, place)),
                _ => return Err(unfit(report, "a line of the list is in two shards")),
            }
        }
    }
    let whole: Option<Vec<_>> = order.into_iter().collect();
    whole.ok_or_else(|| unfit(first, "a line of the list is in no shard"))
}

/// Each shard is there, and once; all are made in the same way.
fn hold_shards(reports: &[Named]) -> Result<(), MergeError> {
    let Some(first) = reports.first() else { return Err(MergeError::Nothing) };
    let part = |report: &Named| report.saved.run.scope.part.as_ref().map(|Part { shard, .. }| *shard);
    let mut seen: Vec<(Shard, &str)> = Vec::new();
    for (at, report) in reports.iter().enumerate() {
        let (one, other) = (first.name.clone(), report.name.clone());
        let Some(shard) = part(report) else {
            // Whatever the others have, this has as well.
            return match reports.iter().enumerate().find(|(index, _)| *index != at) {
                None => Ok(()),
                Some((_, another)) => Err(MergeError::Overlap {
                    one: another.name.clone(),
                    other,
                    what: format!("{} is of the whole list", report.name),
                }),
            };
        };
        if let Some((_, known)) = seen.iter().find(|(known, _)| *known == shard) {
            let what = format!("both are shard {shard}");
            return Err(MergeError::Overlap { one: (*known).to_owned(), other, what });
        }
        seen.push((shard, &report.name));
        if let Some(one_shard) = part(first).filter(|first| first.count() != shard.count()) {
            return Err(MergeError::Counts { one, one_shard, other, other_shard: shard });
        }
        hold_settings(first, report)?;
    }
    let Some(count) = part(first).map(Shard::count) else { return Ok(()) };
    let all = (1..=count).filter_map(|number| Shard::new(number, count).ok());
    let missing: Vec<_> = all.filter(|shard| seen.iter().all(|(known, _)| known != shard)).collect();
    let vantage = first.saved.run.scope.vantage.clone();
    if missing.is_empty() { Ok(()) } else { Err(MergeError::Missing { missing, vantage }) }
}

fn hold_settings(first: &Named, report: &Named) -> Result<(), MergeError> {
    let settings = |what: &str| MergeError::Settings {
        one: first.name.clone(),
        other: report.name.clone(),
        what: what.to_owned(),
    };
    let (one, other) = (&first.saved.run, &report.saved.run);
    if !are_same(&one.endpoints, &other.endpoints) {
        return Err(settings("they asked other mirrors or upstreams"));
    }
    let mark = |run: &Run| run.scope.list.as_ref().map(|List { settings, .. }| settings.clone());
    if mark(one) != mark(other) {
        return Err(settings("the depth, or what mirrors stand in for and how they call images"));
    }
    Ok(())
}
