//! Verdicts on one image after the other, as soon as all answers about it are there.

use time::OffsetDateTime;

use crate::model::anatomy::Anatomy;
use crate::model::endpoint::{Endpoint, Role};
use crate::model::evidence::Evidence;
use crate::model::image::ManifestRef;
use crate::model::observation::Observation;
use crate::model::plan::{Plan, Reference, Who};
use crate::model::run::{CheckResult, Counts, Verdict};
use crate::model::status::Status;
use crate::plan::followup;
use crate::report::{Places, Row, ndjson};
use crate::verdict::{self, AgeTerms, Referrers};

/// The results so far, each where it belongs in the end: a large run is too large to be put in order by a
/// copy.
pub(super) struct Judged {
    /// Where the results of each image begin.
    first: Vec<usize>,
    results: Vec<Option<CheckResult>>,
}

impl Judged {
    pub(super) fn of(plan: &Plan) -> Self {
        let mut all = 0;
        let first = plan.images.iter().map(|image| {
            let first = all;
            all += 1 + image.mirrors.len();
            first
        });
        let first = first.collect();
        Self { first, results: std::iter::repeat_with(|| None).take(all).collect() }
    }

    /// Keeps the results of an image, and tells how many of them are not what they should be.
    pub(super) fn put(&mut self, image: u32, results: Vec<CheckResult>) -> usize {
        let not_ok = not_ok(&results);
        for (place, result) in self.results[self.first[image as usize]..].iter_mut().zip(results) {
            *place = Some(result);
        }
        not_ok
    }

    #[expect(clippy::filter_map_identity, reason = "works in place, where `flatten` would copy")]
    pub(super) fn results(self) -> Vec<CheckResult> {
        self.results.into_iter().filter_map(|result| result).collect()
    }
}

/// How many results are not what they should be.
pub(super) fn not_ok(results: &[CheckResult]) -> usize {
    results.iter().filter(|result| result.verdict.code.status() != Status::Ok).count()
}

/// The lines of an image's results: one for each place that names it and each result.
pub(super) fn lines(plan: &Plan, places: &Places<'_>, results: &[CheckResult]) -> Vec<u8> {
    let mut lines = Vec::new();
    let Some(first) = results.first() else { return lines };
    let image = &plan.images[first.image as usize].image;
    for place in places.at(first.image) {
        for result in results {
            let row = Row::new(image, place, &plan.endpoints[result.endpoint as usize], result);
            ndjson::row(&row, &mut lines);
        }
    }
    lines
}

/// One result for upstream and one for each mirror of the image.
pub(super) fn judge(plan: &Plan, image: u32, evidence: &Evidence) -> impl Iterator<Item = CheckResult> {
    let planned = &plan.images[image as usize];
    let counts = if planned.mirrors.is_empty() { Counts::ForGate } else { Counts::ShownOnly };
    let upstream = result(
        evidence,
        Who::Upstream,
        (image, planned.upstream, counts),
        &evidence.upstream.endpoint,
        (verdict::upstream(evidence), verdict::anatomy(evidence, Who::Upstream)),
    );
    let artifact = plan.reach.age.history.as_ref().map(|history| (history, planned.image.to_string()));
    let mirrors = planned.mirrors.iter().enumerate().map(move |(index, endpoint)| {
        let mirror = &evidence.mirrors[index];
        let earlier = artifact.as_ref().and_then(|(history, name)| history.of(name, &mirror.endpoint.name));
        let anatomy = verdict::anatomy(evidence, Who::Mirror(index));
        let terms = AgeTerms {
            earlier,
            grace: plan.grace_at(*endpoint),
            at: mirror.answer.as_ref().map_or_else(OffsetDateTime::now_utc, |answer| answer.at),
            anatomy: anatomy.as_deref(),
        };
        let (verdict, age) = verdict::with_age(evidence, index, terms, verdict::mirror(evidence, index));
        let result = result(
            evidence,
            Who::Mirror(index),
            (image, *endpoint, Counts::ForGate),
            &mirror.endpoint,
            (verdict, anatomy),
        );
        let (verdict, Referrers { line, note }) = verdict::with_referrers(evidence, index, result.verdict);
        let mut notes = result.notes;
        notes.extend(note);
        CheckResult { age: age.map(Box::new), verdict, notes, referrers: line.map(Box::new), ..result }
    });
    std::iter::once(upstream).chain(mirrors)
}

fn result(
    evidence: &Evidence,
    who: Who,
    (image, endpoint, counts): (u32, u32, Counts),
    asked: &Endpoint,
    (verdict, anatomy): (Verdict, Option<Box<Anatomy>>),
) -> CheckResult {
    debug_assert_eq!(asked.role == Role::Upstream, who == Who::Upstream);
    let (answer, document) = match who {
        Who::Upstream => (&evidence.upstream.answer, &None),
        Who::Mirror(index) => (&evidence.mirrors[index].answer, &evidence.mirrors[index].document),
    };
    let facts = |observation: &Option<Observation>| -> Option<_> {
        observation.as_ref().and_then(Observation::facts).and_then(|facts| facts.media_type)
    };
    let question = followup::opening(&evidence.image, evidence.depth_at(who), who);
    let reference = match &question.reference {
        Reference::Tag => ManifestRef::Tag(evidence.image.tag().unwrap_or("latest")),
        Reference::Digest(digest) => ManifestRef::Digest(digest),
        Reference::Blob(blob) => ManifestRef::Digest(&blob.digest),
    };
    let repository = asked.repository(&evidence.image).ok();
    CheckResult {
        image,
        endpoint,
        counts,
        verdict: verdict::with_fallbacks(evidence, who, verdict::with_parts(verdict, anatomy.as_deref())),
        url: repository.map(|name| asked.manifest_url(&evidence.image, &name, reference).into()),
        media_type: facts(document).or_else(|| facts(answer)),
        http_status: answer.as_ref().and_then(|answer| answer.http_status),
        latency: answer.as_ref().and_then(|answer| answer.latency),
        attempts: answer.as_ref().map_or(0, |answer| answer.attempts),
        checked_at: answer.as_ref().map_or_else(OffsetDateTime::now_utc, |answer| answer.at),
        notes: verdict::notes(evidence, who),
        anatomy,
        age: None,
        referrers: None,
    }
}
