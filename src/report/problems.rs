//! What is not as it should be, grouped: one group for each endpoint and code, and apart for each exception of the policy.
//!
//! Five hundred images that fail alike are one thing to know, not five hundred. Shared by the formats
//! for people; holds indexes into the run, no text.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::model::code::Code;
use crate::model::run::CheckResult;

use super::view::{Bearing, View};

/// From so many results on, an endpoint that always answers alike is told of as a whole.
const WHOLE_FROM: u64 = 3;

/// Results of one endpoint that ended for the same reason.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) code: Code,
    pub(super) endpoint: u32,
    pub(super) bearing: Bearing,
    pub(super) extent: Extent,
    /// The exception by which they are judged, as [`View::excepted`] tells.
    pub(super) exception: Option<usize>,
    /// How many there are.
    pub(super) total: u64,
    /// Whether the reasons are word for word the same.
    pub(super) wording: Wording,
    /// Indexes into the run's results: the first ones, as many as were wanted.
    pub(super) shown: Vec<u32>,
}

/// How much of its endpoint a group covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Extent {
    /// Everything that the endpoint was asked.
    Whole,
    /// Some of it.
    Part,
}

/// How the reasons of a group compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wording {
    /// All the same.
    Same,
    /// They differ.
    Different,
}

impl Group {
    /// The first result, which stands for all; groups are never empty.
    pub(super) fn first<'a>(&self, view: &View<'a>) -> Option<&'a CheckResult> {
        self.shown.first().map(|at| &view.run.results[*at as usize])
    }

    /// Whether nothing is gained by naming each image.
    pub(super) fn is_told_once(&self) -> bool {
        self.extent == Extent::Whole || self.code == Code::Interrupted && self.total >= WHOLE_FROM
    }
}

/// Everything that is not `ok`: what does not pass first, of that endpoints that always answer alike, then the gravest.
///
/// At most `most` results of each group are remembered, and at least one.
pub(super) fn problems(view: &View<'_>, most: usize) -> Vec<Group> {
    let mut asked = vec![0u64; view.run.endpoints.len()];
    let mut groups: BTreeMap<(Bearing, u32, Code, Option<usize>), Group> = BTreeMap::new();
    for (at, result) in (0..).zip(&view.run.results) {
        asked[result.endpoint as usize] += 1;
        let code = result.verdict.code;
        let bearing = view.bearing(result);
        if bearing == Bearing::Fine {
            continue;
        }
        let exception = view.excepted(result);
        let group = groups.entry((bearing, result.endpoint, code, exception)).or_insert_with(|| Group {
            code,
            endpoint: result.endpoint,
            bearing,
            extent: Extent::Part,
            exception,
            total: 0,
            wording: Wording::Same,
            shown: Vec::new(),
        });
        group.total += 1;
        if group.first(view).is_some_and(|first| first.verdict.reason != result.verdict.reason) {
            group.wording = Wording::Different;
        }
        if group.shown.len() < most.max(1) {
            group.shown.push(at);
        }
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    for group in &mut groups {
        if group.total >= WHOLE_FROM && group.total == asked[group.endpoint as usize] {
            group.extent = Extent::Whole;
        }
    }
    groups.sort_by_key(|group| (group.bearing >= Bearing::Warns, group.extent));
    groups
}

/// What to add to a status that does not speak for itself.
pub(super) const fn remark(bearing: Bearing) -> &'static str {
    match bearing {
        Bearing::Fails | Bearing::Undecided | Bearing::Fine => "",
        Bearing::Warns => " (warning)",
        Bearing::Known => " (known)",
        Bearing::Allowed => " (allowed)",
        Bearing::NotCounted => " (not counted)",
    }
}

/// What to add to the status of one result, which may say more than that of its group: ` (worse, was STALE)`.
pub(super) fn remark_of(view: &View<'_>, result: &CheckResult) -> Cow<'static, str> {
    match view.worsened(result) {
        Some(was) => Cow::Owned(worse(was.label())),
        None => Cow::Borrowed(remark(view.bearing(result))),
    }
}

/// ` (worse, was STALE)`
pub(super) fn worse(was: &str) -> String {
    format!(" (worse, was {was})")
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;
    use crate::gate::{Policy, Require};
    use crate::model::status::Status;

    #[test]
    fn a_mirror_that_fails_alike_is_one_group_and_comes_first() {
        let fixture = fixture::many(100);
        let groups = problems(&fixture.view(), 20);
        let told: Vec<_> = groups.iter().map(|group| (group.code, group.extent, group.total)).collect();
        assert_eq!(
            told,
            [(Code::ConnectRefused, Extent::Whole, 100), (Code::ManifestUnknown, Extent::Part, 50)]
        );
        assert_eq!(groups[1].shown.len(), 20);
        assert!(groups.iter().all(|group| group.wording == Wording::Same));
    }

    #[test]
    fn what_fails_comes_before_a_whole_mirror_that_passes() {
        let policy = Policy::new(Require::All, vec![], vec![Status::Unreachable]).unwrap();
        let fixture = fixture::Fixture::new(fixture::many(100).run, policy, 1);
        let codes: Vec<_> = problems(&fixture.view(), 1).iter().map(|group| group.code).collect();
        assert_eq!(codes, [Code::ManifestUnknown, Code::ConnectRefused]);
    }

    #[test]
    fn every_result_that_is_not_ok_is_in_exactly_one_group() {
        let fixture = fixture::all_statuses();
        let mut shown: Vec<_> =
            problems(&fixture.view(), usize::MAX).into_iter().flat_map(|group| group.shown).collect();
        shown.sort_unstable();
        let results = (0..).zip(&fixture.run.results);
        let wanted: Vec<u32> = results
            .filter(|(_, result)| result.verdict.code.status() != Status::Ok)
            .map(|(at, _)| at)
            .collect();
        assert_eq!(shown, wanted);
    }

    #[test]
    fn what_the_user_allows_is_shown_as_allowed() {
        let mut fixture = fixture::many(2);
        fixture.policy = Policy::new(Require::All, vec![Status::Unreachable], vec![Status::Missing]).unwrap();
        let bearings: Vec<_> =
            problems(&fixture.view(), 1).iter().map(|group| (group.code, group.bearing)).collect();
        assert_eq!(
            bearings,
            [(Code::ConnectRefused, Bearing::Fails), (Code::ManifestUnknown, Bearing::Allowed)]
        );
    }
}
