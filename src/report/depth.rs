//! What formats for people tell of what images are made of: the platforms at each mirror, the hosts that pulls
//! have to reach, and what is wrong with which part.
//!
//! Holds text from outside as it came: whoever prints it escapes it.

use std::collections::{BTreeMap, BTreeSet};

use super::escape::{MAX_REMOTE_CHARS, bounded};
use super::matrix::who;
use super::view::{Bearing, View};
use crate::model::anatomy::{Anatomy, Finding, MAX_PLATFORMS, PlatformLine, PlatformState, in_bytes};
use crate::model::endpoint::Role;
use crate::model::referrers::NOT_FOUND_OUT;
use crate::model::run::HostUse;

/// Most platforms that are told of one endpoint.
const MOST_PLATFORMS: usize = 40;
/// Most platforms that are named as taken in the place of one.
const MOST_FALLBACKS: usize = 4;

/// What the images at one endpoint have for one platform.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PlatformCount {
    by_state: [u64; PlatformState::ALL.len()],
    /// What runtimes take in its place, wherever it is not there.
    met_by: BTreeSet<Box<str>>,
}

impl PlatformCount {
    fn add(&mut self, line: &PlatformLine) {
        self.by_state[line.state as usize] += 1;
        self.met_by.extend(line.met_by.clone().filter(|_| line.is_fallback()));
    }

    pub(super) const fn of(&self, state: PlatformState) -> u64 {
        self.by_state[state as usize]
    }

    fn total(&self) -> u64 {
        self.by_state.iter().sum()
    }

    /// `197 of 200, 2 by fallback linux/arm/v6, 1 missing`; not escaped.
    pub(super) fn words(&self) -> String {
        let mut text = format!("{} of {}", self.of(PlatformState::Present), self.total());
        if self.of(PlatformState::Fallback) > 0 {
            let named: Vec<&str> = self.met_by.iter().take(MOST_FALLBACKS).map(|name| &**name).collect();
            let more = if self.met_by.len() > named.len() { " and others" } else { "" };
            text +=
                &format!(", {} by fallback {}{more}", self.of(PlatformState::Fallback), named.join(" or "));
        }
        for (state, word) in [
            (PlatformState::Damaged, "damaged"),
            (PlatformState::Missing, "missing"),
            (PlatformState::NotUpstream, "not upstream's either"),
            (PlatformState::Unknown, "not known"),
        ] {
            if self.of(state) > 0 {
                text += &format!(", {} {word}", self.of(state));
            }
        }
        text
    }
}

/// The platforms at one endpoint.
pub(super) struct Platforms {
    /// Who that is; not escaped.
    pub(super) endpoint: String,
    /// Each with its counts; not escaped.
    pub(super) counts: Vec<(Box<str>, PlatformCount)>,
    /// How many more names there are, which the JSON report has.
    more: usize,
    /// Entries of images with more than [`MAX_PLATFORMS`], of which only the number is known.
    counted: usize,
}

impl Platforms {
    /// What is not told here, and where to find it; `None` where that is nothing.
    pub(super) fn rest(&self) -> Option<String> {
        let counted = format!(
            "{} of images with more than {MAX_PLATFORMS}, which are only counted",
            if self.counted == 1 { "1 entry".to_owned() } else { format!("{} entries", self.counted) }
        );
        match (self.more, self.counted) {
            (0, 0) => None,
            (more, 0) => Some(format!("and {more} more (all of them: --format json)")),
            (0, _) => Some(format!("and {counted}")),
            (more, _) => Some(format!("and {more} more (--format json), and {counted}")),
        }
    }
}

/// Of findings of which so many are told, how many there are besides, and where to find them; `None` where all are told.
pub(super) fn more_findings(anatomy: &Anatomy, told: usize) -> Option<String> {
    let kept = anatomy.findings.len();
    let more = anatomy.findings_total.saturating_sub(told.min(kept));
    match (more, kept.saturating_sub(told)) {
        (0, _) => None,
        (_, 0) => Some(format!("and {more} more, which are only counted")),
        (_, listed) if listed == more => Some(format!("and {more} more (all of them: --format json)")),
        (_, listed) => {
            Some(format!("and {more} more ({listed} of them: --format json; the others are only counted)"))
        }
    }
}

/// The platforms at each endpoint where images with several were looked at, in the order of the run.
pub(super) fn platforms(view: &View<'_>) -> Vec<Platforms> {
    let mut counts: BTreeMap<u32, (usize, BTreeMap<Box<str>, PlatformCount>)> = BTreeMap::new();
    for result in &view.run.results {
        let Some(anatomy) = &result.anatomy else { continue };
        let (counted, known) = counts.entry(result.endpoint).or_default();
        *counted += anatomy.platforms_total.saturating_sub(anatomy.platforms.len());
        for line in anatomy.platforms.iter().filter(|line| !line.platform.is_empty()) {
            known.entry(line.platform.clone()).or_default().add(line);
        }
    }
    let told = counts.into_iter().filter(|(_, (_, known))| !known.is_empty());
    let told = told.map(|(endpoint, (counted, known))| Platforms {
        endpoint: who(&view.run.endpoints[endpoint as usize]),
        more: known.len().saturating_sub(MOST_PLATFORMS),
        counted,
        counts: known.into_iter().take(MOST_PLATFORMS).collect(),
    });
    told.collect()
}

/// `cdn.example:8443 (blob_store): reached, 3.1 MB at 1.0 MB/s`; not escaped.
pub(super) fn host(host: &HostUse) -> String {
    let mut text = format!("{} ({}): ", host.authority, host.part.as_str().replace('_', " "));
    match (&host.fault, host.reached, host.failed) {
        (None, ..) => text += "reached",
        (Some(why), 0, 0) => text += &format!("NOT ASKED, {why}"),
        (Some(fault), 0, _) => text += &format!("NOT REACHED, {fault}"),
        (Some(fault), ..) => text += &format!("reached, but failed {}: {fault}", times(host.failed)),
    }
    if let Some(refusal) = &host.refusal {
        text += &format!(", REFUSED {}: {refusal}", times(host.refused));
    }
    if host.bytes > 0 && host.rate().is_none() {
        text += &format!(", {}", in_bytes(host.bytes));
    }
    if let Some(rate) = host.rate() {
        text += &format!(", {} at {}/s", in_bytes(host.bytes), in_bytes(rate));
    }
    bounded(&text, MAX_REMOTE_CHARS).into_owned()
}

/// `once`, `3 times`
fn times(count: u64) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

/// Whose pulls a host is for; not escaped.
pub(super) fn whose(host: &HostUse) -> String {
    match host.role {
        Role::Upstream => format!("upstream {}", host.endpoint),
        Role::Mirror => host.endpoint.to_string(),
    }
}

/// Where nothing is wrong, and yet it was not found out which signatures and the like there are: a line for each
/// endpoint; not escaped.
pub(super) fn referrers_unknown(view: &View<'_>) -> Vec<String> {
    let mut by_endpoint: BTreeMap<u32, (u64, &str)> = BTreeMap::new();
    for result in view.run.results.iter().filter(|result| view.bearing(result) == Bearing::Fine) {
        if let Some(note) = result.notes.iter().find(|note| note.starts_with(NOT_FOUND_OUT)) {
            by_endpoint.entry(result.endpoint).or_insert((0, note)).0 += 1;
        }
    }
    let line = |(endpoint, (images, note)): (u32, (u64, &str))| {
        let who = who(&view.run.endpoints[endpoint as usize]);
        let note = bounded(note, MAX_REMOTE_CHARS);
        format!("{who}: of {}: {note}", super::summary::count(images, "sound image"))
    };
    by_endpoint.into_iter().map(line).collect()
}

/// The first findings, a line each; not escaped.
pub(super) fn findings(anatomy: &Anatomy, most: usize) -> impl Iterator<Item = String> + '_ {
    anatomy.findings.iter().take(most).map(finding)
}

fn finding(finding: &Finding) -> String {
    let text = format!("{}: {} [{}]", finding.subject(), finding.cause, finding.code);
    bounded(&text, MAX_REMOTE_CHARS).into_owned()
}

/// What a limit on bytes left out, over all results; `None` where it left out nothing.
pub(super) fn uncovered(view: &View<'_>) -> Option<String> {
    let left = view.run.results.iter().filter_map(|result| result.anatomy.as_ref()).map(|it| it.uncovered);
    let (blobs, bytes) = left
        .fold((0, 0u64), |(blobs, bytes), one| (blobs + one.blobs as u64, bytes.saturating_add(one.bytes)));
    (blobs > 0).then(|| {
        let blobs = super::summary::count(blobs, "blob");
        // Without the flag, what is larger than any image's.
        format!(
            "not downloaded, only looked for: {blobs} of {} (--max-bytes, or above all bounds)",
            in_bytes(bytes)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;
    use crate::model::anatomy::PlatformLine;

    fn rest(names: usize, total: usize) -> Option<String> {
        let mut fixture = fixture::with_parts();
        for result in &mut fixture.run.results {
            let Some(anatomy) = &mut result.anatomy else { continue };
            let line = |number| PlatformLine {
                platform: format!("linux/a{number}").into(),
                ..anatomy.platforms[0].clone()
            };
            anatomy.platforms = (0..names).map(line).collect();
            anatomy.platforms_total = total;
        }
        platforms(&fixture.view())[0].rest()
    }

    #[test]
    fn what_is_cut_off_a_list_of_platforms_is_told_by_its_true_number_and_where_it_stands() {
        assert_eq!(rest(40, 40), None);
        assert_eq!(rest(60, 60).as_deref(), Some("and 20 more (all of them: --format json)"));
        let beyond = "of images with more than 100, which are only counted";
        assert_eq!(rest(100, 300), Some(format!("and 60 more (--format json), and 200 entries {beyond}")));
        assert_eq!(rest(40, 41), Some(format!("and 1 entry {beyond}")));
    }

    #[test]
    fn what_is_cut_off_a_list_of_findings_is_told_by_its_true_number_and_where_it_stands() {
        let fixture = fixture::with_parts();
        let mut anatomy = fixture.run.results.iter().find_map(|result| result.anatomy.clone()).unwrap();
        for (total, told, text) in [
            (3, 3, None),
            (3, 2, Some("and 1 more (all of them: --format json)")),
            (60, 2, Some("and 58 more (1 of them: --format json; the others are only counted)")),
            (60, 5, Some("and 57 more, which are only counted")),
        ] {
            anatomy.findings_total = total;
            assert_eq!(more_findings(&anatomy, told).as_deref(), text, "{total} {told}");
        }
    }
}
