//! What a run comes to: counts, and the sentences that every format for people shares.
//!
//! Nothing here holds text from outside, so nothing here is escaped.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::gate::{Outcome, Require};
use crate::model::anatomy::in_bytes;
use crate::model::endpoint::Role;
use crate::model::fault::seconds;
use crate::model::run::{CheckResult, Counts, Ending, Quota, Run};
use crate::model::scope::Part;
use crate::model::status::Status;

use super::gating;
use super::view::{Bearing, View};

/// How often each status occurs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatusCounts([u64; Status::ALL.len()]);

impl StatusCounts {
    pub(super) const fn add(&mut self, status: Status) {
        self.0[status as usize] += 1;
    }

    /// How often `status` occurs.
    #[must_use]
    pub const fn of(&self, status: Status) -> u64 {
        self.0[status as usize]
    }

    /// The statuses that occur, in the order of [`Status::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Status, u64)> + '_ {
        Status::ALL.into_iter().map(|status| (status, self.of(status))).filter(|(_, count)| *count > 0)
    }

    /// How many there are in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// `9 ok, 1 not found`; `nothing` where there is nothing.
    #[must_use]
    pub fn words(&self) -> String {
        let words: Vec<_> =
            self.iter().map(|(status, count)| format!("{count} {}", status.label().to_lowercase())).collect();
        if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
    }
}

/// What upstreams answered for images whose mirrors decide.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UpstreamSummary {
    /// Images for which upstream was asked.
    pub asked: u64,
    /// What came of it.
    pub by_status: StatusCounts,
}

/// The counts of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Images, each once.
    pub artifacts: usize,
    /// Endpoints that are mirrors.
    pub mirrors: usize,
    /// Results that count for the gate: image × endpoint.
    pub checks: u64,
    /// Requests to manifest endpoints.
    pub requests: u64,
    /// Requests to token services.
    pub token_exchanges: u64,
    /// Bytes of bodies that came.
    pub bytes: u64,
    /// Manifests had from Docker Hub by GET, which is what it counts as pulls.
    pub hub_pulls: u64,
    /// The checks by status.
    pub by_status: StatusCounts,
    /// Results that are shown only.
    pub upstream: UpstreamSummary,
}

impl Summary {
    /// Counts a run.
    #[must_use]
    pub fn of(run: &Run) -> Self {
        let mut summary = Self {
            artifacts: run.images.len(),
            mirrors: run.endpoints.iter().filter(|endpoint| endpoint.role == Role::Mirror).count(),
            requests: run.cost.requests,
            token_exchanges: run.cost.token_exchanges,
            bytes: run.cost.bytes,
            hub_pulls: run.cost.hub_pulls,
            ..Self::default()
        };
        run.results.iter().for_each(|result| summary.add(result));
        summary
    }

    /// Counts one result more.
    pub fn add(&mut self, result: &CheckResult) {
        let (by_status, all) = match result.counts {
            Counts::ForGate => (&mut self.by_status, &mut self.checks),
            Counts::ShownOnly => (&mut self.upstream.by_status, &mut self.upstream.asked),
        };
        by_status.add(result.verdict.code.status());
        *all += 1;
    }
}

/// `1 image`, `2 images`.
pub(super) fn count(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// `4 images (5 mentions), 3 mirrors, shard 2/5 of a list of 31 images, from cn-east`
pub(super) fn scope(view: &View<'_>, summary: &Summary) -> String {
    let mut text = count(summary.artifacts as u64, "image");
    if view.run.places.len() != summary.artifacts {
        text += &format!(" ({})", count(view.run.places.len() as u64, "mention"));
    }
    let endpoints = view.run.endpoints.iter();
    let mirrors = endpoints.filter(|asked| asked.role == Role::Mirror).map(|asked| asked.own_name());
    // Each once, from wherever it was asked.
    match mirrors.collect::<BTreeSet<_>>().len() {
        0 => text += ", no mirrors",
        mirrors => text += &format!(", {}", count(mirrors as u64, "mirror")),
    }
    let scope = &view.run.scope;
    if let Some(Part { shard, .. }) = &scope.part {
        text += &format!(", shard {shard}");
        if let Some(list) = &scope.list {
            text += &format!(" of a list of {}", count(list.images.into(), "image"));
        }
    }
    match &scope.vantage {
        Some(vantage) => text += &format!(", from {vantage}"),
        None => {
            let seen: BTreeSet<_> = view.run.endpoints.iter().filter_map(|asked| asked.vantage()).collect();
            if !seen.is_empty() {
                let names: Vec<_> = seen.iter().map(ToString::to_string).collect();
                text +=
                    &format!(", from {} ({})", count(names.len() as u64, "vantage point"), names.join(", "));
            }
        }
    }
    text
}

/// `14 requests and 2 token exchanges in 334ms`
pub(super) fn cost(view: &View<'_>) -> String {
    let mut text = count(view.run.cost.requests, "request");
    if view.run.cost.token_exchanges > 0 {
        text += &format!(" and {}", count(view.run.cost.token_exchanges, "token exchange"));
    }
    text += &format!(" in {}", seconds(view.run.duration));
    if view.run.cost.bytes > 0 {
        text += &format!(", {}", in_bytes(view.run.cost.bytes));
    }
    if view.run.cost.hub_pulls > 0 {
        text += &format!(", about {}", count(view.run.cost.hub_pulls, "Docker Hub pull"));
    }
    text
}

/// `9 of 100 pulls left (counted over 6h): nearly spent`
pub(super) fn quota(quota: &Quota) -> String {
    let mut text = format!("{} of {} left", quota.remaining, count(quota.limit, "pull"));
    if let Some(window) = quota.window {
        text += &format!(" (counted over {})", span(window));
    }
    if quota.is_nearly_spent() {
        text += ": nearly spent";
    }
    text
}

/// `6h`, `90s`: whole hours and minutes by their own name.
fn span(window: Duration) -> String {
    match window.as_secs() {
        seconds if seconds > 0 && seconds % 3600 == 0 => format!("{}h", seconds / 3600),
        seconds if seconds > 0 && seconds % 60 == 0 => format!("{}m", seconds / 60),
        seconds => format!("{seconds}s"),
    }
}

/// The decision as one word, in capitals.
pub(super) const fn decision_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "PASS",
        Outcome::Undecided => "UNDECIDED",
        Outcome::Fail => "FAIL",
    }
}

/// Counts and why, as what follows [`decision_word`].
pub(super) fn decision_sentence(view: &View<'_>) -> String {
    let decision = view.decision;
    let all = decision.images.len();
    let images = count(all as u64, "image");
    let number = decision.count(decision.outcome);
    let mut text = match decision.outcome {
        Outcome::Pass => match (all, &decision.comparison) {
            (0, _) if view.run.scope.part.is_some() => {
                "no image of the list falls into this shard, so there was nothing to check".to_owned()
            }
            (0, _) => "there was nothing to check".to_owned(),
            (_, None) => format!("{number} of {images} served as required"),
            (_, Some(_)) => format!("nothing new fails at {images}"),
        },
        Outcome::Undecided => format!(
            "nothing failed, but for {number} of {images} it could not be found out: {}",
            deciding(view, Bearing::Undecided).words()
        ),
        Outcome::Fail => failure(view, number, &images),
    };
    let warned = warnings(view);
    if decision.outcome == Outcome::Pass && warned.total() > 0 {
        text += &format!(", with {} ({})", count(warned.total(), "warning"), warned.words());
    }
    if let Some(comparison) = gating::comparison(view) {
        text += &format!("; {comparison}");
    }
    let has_mirrors = view.run.endpoints.iter().any(|endpoint| endpoint.role == Role::Mirror);
    if has_mirrors && all > 0 {
        text += &format!("; {}", requirement(view));
    }
    if view.run.ending == Ending::Interrupted {
        text += "; interrupted before everything was asked";
    }
    text
}

/// What failed: images, and what the gate itself found.
fn failure(view: &View<'_>, number: usize, images: &str) -> String {
    let undecided = view.decision.count(Outcome::Undecided);
    let also = if undecided > 0 { format!(" ({undecided} more undecided)") } else { String::new() };
    let what = deciding(view, Bearing::Fails).words();
    let of_images = (number > 0).then(|| format!("{number} of {images} failed{also}: {what}"));
    let parts: Vec<_> = of_images.into_iter().chain(gating::own_failures(view)).collect();
    parts.join(", and ")
}

fn requirement(view: &View<'_>) -> String {
    let mut text = match &view.policy.require {
        Require::All => "every mirror must serve its images".to_owned(),
        Require::Any => "at least 1 mirror must serve each image".to_owned(),
        Require::AtLeast(needed) => {
            format!("at least {} must serve each image", count(needed.get() as u64, "mirror"))
        }
        Require::Elsewhere(names) if names.is_empty() => {
            "which mirrors must serve each image is judged with the reports of other places".to_owned()
        }
        Require::Named(names) | Require::Elsewhere(names) => {
            format!("the {} that the policy names must serve each image", count(names.len() as u64, "mirror"))
        }
    };
    let groups = view.policy.groups.len() as u64;
    if groups > 0 {
        let own =
            if groups == 1 { "has a requirement of its own" } else { "have a requirement of their own" };
        text += &format!(" ({} {own})", count(groups, "group"));
    }
    text
}

/// The statuses that made images come out as the run as a whole did.
fn deciding(view: &View<'_>, bearing: Bearing) -> StatusCounts {
    let mut counts = StatusCounts::default();
    for result in view.checks() {
        let status = result.verdict.code.status();
        let image = view.decision.images.get(result.image as usize);
        if image == Some(&view.decision.outcome) && view.bearing(result) == bearing {
            counts.add(status);
        }
    }
    counts
}

fn warnings(view: &View<'_>) -> StatusCounts {
    let mut counts = StatusCounts::default();
    for result in view.checks() {
        let status = result.verdict.code.status();
        if view.bearing(result) == Bearing::Warns {
            counts.add(status);
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::super::fixture::{self, Fixture};
    use super::*;
    use crate::gate::Policy;

    fn sentence(fixture: Fixture, require: Require, fail_on: &[Status], allow: &[Status]) -> String {
        let policy = Policy::new(require, fail_on.to_vec(), allow.to_vec()).unwrap();
        let fixture = Fixture::new(fixture.run, policy, 0);
        let view = fixture.view();
        format!("{}: {}", decision_word(view.decision.outcome), decision_sentence(&view))
    }

    #[test]
    fn counts_stand_in_the_order_of_the_statuses() {
        assert!(Status::ALL.into_iter().enumerate().all(|(at, status)| status as usize == at));
        let mut counts = StatusCounts::default();
        assert_eq!(counts.words(), "nothing");
        for status in [Status::Unreachable, Status::Ok, Status::Missing, Status::Ok] {
            counts.add(status);
        }
        assert_eq!(counts.words(), "2 ok, 1 not found, 1 unreachable");
        assert_eq!(counts.total(), 4);
    }

    #[test]
    fn the_decision_tells_what_it_comes_from() {
        use Status::{Missing, Unreachable};
        let two = Require::AtLeast(NonZeroUsize::new(2).unwrap());
        let every = "; every mirror must serve its images";
        for (require, fail_on, allow, text) in [
            (Require::All, &[][..], &[][..], format!("FAIL: 2 of 4 images failed (2 more undecided): 2 not found{every}")),
            (
                Require::All,
                &[],
                &[Missing],
                format!("UNDECIDED: nothing failed, but for 4 of 4 images it could not be found out: 4 unreachable{every}"),
            ),
            (Require::All, &[], &[Missing, Unreachable], format!("PASS: 4 of 4 images served as required{every}")),
            (Require::All, &[Unreachable], &[], format!("FAIL: 4 of 4 images failed: 2 not found, 4 unreachable{every}")),
            (
                Require::Any,
                &[Unreachable],
                &[],
                "FAIL: 2 of 4 images failed: 2 not found, 2 unreachable; at least 1 mirror must serve each image"
                    .to_owned(),
            ),
            (
                two,
                &[],
                &[Unreachable],
                "FAIL: 2 of 4 images failed: 2 not found; at least 2 mirrors must serve each image".to_owned(),
            ),
        ] {
            assert_eq!(sentence(fixture::many(4), require, fail_on, allow), text);
        }
    }

    #[test]
    fn a_quota_tells_what_is_left_and_when_that_is_little() {
        let said = |limit, remaining, seconds: Option<u64>| {
            let window = seconds.map(Duration::from_secs);
            quota(&Quota { host: "h".into(), limit, remaining, window })
        };
        assert_eq!(said(100, 76, Some(21_600)), "76 of 100 pulls left (counted over 6h)");
        assert_eq!(said(100, 10, None), "10 of 100 pulls left");
        assert_eq!(said(100, 9, Some(300)), "9 of 100 pulls left (counted over 5m): nearly spent");
        assert_eq!(said(1, 0, Some(61)), "0 of 1 pull left (counted over 61s): nearly spent");
        assert_eq!(said(0, 0, Some(0)), "0 of 0 pulls left (counted over 0s)");
    }

    #[test]
    fn an_interrupted_run_says_so() {
        let mut fixture = fixture::many(1);
        fixture.run.ending = Ending::Interrupted;
        assert!(decision_sentence(&fixture.view()).ends_with("; interrupted before everything was asked"));
    }

    #[test]
    fn a_passing_run_counts_its_warnings() {
        use Status::{Denied, Incomplete, Invalid, Missing, NotChecked, ServerError, Stale, Unreachable};
        let allow = [Stale, Missing, Incomplete, Invalid, Denied, ServerError, Unreachable, NotChecked];
        assert_eq!(
            sentence(fixture::all_statuses(), Require::All, &[], &allow),
            "PASS: 6 of 6 images served as required, with 3 warnings (1 same content, 2 unverified); \
             every mirror must serve its images"
        );
    }

    #[test]
    fn singular_and_plural_are_told_apart() {
        assert_eq!((count(1, "image"), count(0, "image")), ("1 image".to_owned(), "0 images".to_owned()));
        let fixture = fixture::all_statuses();
        let summary = Summary::of(&fixture.run);
        assert_eq!(scope(&fixture.view(), &summary), "6 images (7 mentions), 3 mirrors");
        assert_eq!(cost(&fixture.view()), "17 requests and 3 token exchanges in 334ms");
    }
}
