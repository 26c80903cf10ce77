//! The main job: inputs, plan, questions, verdicts, decision, reports.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Arc;
use std::time::Instant;

use futures::FutureExt;
use futures::future::BoxFuture;
use time::OffsetDateTime;

use super::Error;
use super::interrupt::Interruptions;
use super::options::{self, CheckOptions};
use super::output::Outputs;
use super::prepare::{self, Prepared, prepare};
use crate::cli::{CheckArgs, CommonArgs};
use crate::credentials::Sources;
use crate::exit;
use crate::gate::{self, Decision, Policy, Require};
use crate::model::endpoint::{Endpoint, Role};
use crate::model::evidence::Evidence;
use crate::model::image::ManifestRef;
use crate::model::observation::Observation;
use crate::model::plan::{Plan, Reference, Who};
use crate::model::run::{CheckResult, Cost, Counts, Run, Verdict};
use crate::model::status::Status;
use crate::net::client::Purpose;
use crate::plan::followup;
use crate::probe::oci::Registries;
use crate::probe::schedule::{self, Event};
use crate::report::View;
use crate::ui::progress::Progress;
use crate::verdict;

/// Checks what the command line names.
pub(super) async fn run(args: CheckArgs, common: &CommonArgs) -> Result<u8, Error> {
    let Prepared { options, plan, sources } = prepare(&args, common)?;
    hold_to_requirement(&options.policy, &plan)?;
    let interruptions = Interruptions::listen().map_err(Error::Signals)?;
    let read = prepare::files_read(&args, &options);
    let outputs = Outputs::open(&args.outputs, args.format, &read, &interruptions).map_err(Error::Outputs)?;
    let cancel = interruptions.first().boxed();
    let run = pass(plan, &options, Arc::clone(&sources), cancel).await?;
    interruptions.leave_at_once();
    for warning in sources.warnings() {
        log::warn!("{warning}");
    }
    warn_of_spent_quotas(&run);
    let decision = gate::decide(&options.policy, &run);
    let exit_code = exit::code(run.ending, decision.outcome);
    let view = view(&run, &decision, &options.policy, exit_code);
    if !outputs.has_stdout() && !common.quiet {
        tell_decision(&run, &decision);
    }
    outputs.write(&view, &options::table_style(common)).map_err(Error::Outputs)?;
    Ok(exit_code)
}

/// The frozen picture of a run, for the renderers.
pub(super) fn view<'a>(run: &'a Run, decision: &'a Decision, policy: &'a Policy, exit_code: u8) -> View<'a> {
    View { run, decision, policy, exit_code, tool_version: env!("CARGO_PKG_VERSION") }
}

/// A requirement that no answer could meet is a mistake, and better told before asking.
fn hold_to_requirement(policy: &Policy, plan: &Plan) -> Result<(), Error> {
    let Require::AtLeast(required) = policy.require else { return Ok(()) };
    let short = |mirrors: usize| mirrors > 0 && mirrors < required.get();
    match plan.images.iter().find(|image| short(image.mirrors.len())) {
        Some(image) => Err(Error::Require {
            required: required.get(),
            available: image.mirrors.len(),
            registry: image.image.registry().to_owned(),
        }),
        None => Ok(()),
    }
}

fn tell_decision(run: &Run, decision: &Decision) {
    let _ = writeln!(
        std::io::stderr().lock(),
        "{}: {} of {} images pass, {} fail, {} undecided",
        decision.outcome.as_str(),
        decision.count(gate::Outcome::Pass),
        run.images.len(),
        decision.count(gate::Outcome::Fail),
        decision.count(gate::Outcome::Undecided),
    );
}

/// Asks everything that `plan` wants to know, and judges it.
///
/// # Errors
/// The HTTP client cannot be set up; files with certificates or keys cannot be used.
pub async fn pass(
    plan: Plan,
    options: &CheckOptions,
    sources: Arc<Sources>,
    cancel: BoxFuture<'_, ()>,
) -> Result<Run, Error> {
    let started_at = OffsetDateTime::now_utc();
    let clock = Instant::now();
    let client = Arc::new(prepare::client(&plan, options)?);
    let plan = Arc::new(plan);
    let registries = Arc::new(Registries::new(
        Arc::clone(&client),
        options.retry.clone(),
        sources,
        Some(Arc::clone(&plan)),
    ));
    let mut progress = Progress::start(options.progress, plan.images.len());
    let mut judged = Judged::of(&plan);
    let mut not_ok = 0;
    let mut rejections = BTreeSet::new();
    let on_event = |event| match event {
        Event::Answered { .. } => {}
        Event::Done { image, evidence } => {
            let results = judge(&plan, image, &evidence);
            rejections.extend(verdict::rejections(&evidence));
            not_ok += judged.put(image, results);
            progress.done(not_ok);
        }
    };
    let ending = schedule::run(Arc::clone(&plan), registries, options.per_host, cancel, on_event).await;
    progress.finish();
    for rejection in rejections {
        log::warn!("{rejection}");
    }
    let results = judged.results();
    let plan = Arc::unwrap_or_clone(plan);
    Ok(Run {
        started_at,
        finished_at: OffsetDateTime::now_utc(),
        duration: clock.elapsed(),
        ending,
        endpoints: plan.endpoints,
        images: plan.images.into_iter().map(|planned| planned.image).collect(),
        places: plan.places,
        results,
        cost: Cost { requests: client.sent(Purpose::Registry), token_exchanges: client.sent(Purpose::Token) },
        quotas: client.quotas(),
    })
}

fn warn_of_spent_quotas(run: &Run) {
    for quota in run.quotas.iter().filter(|quota| quota.is_nearly_spent()) {
        log::warn!("{} has {} of {} pulls left", quota.host, quota.remaining, quota.limit);
    }
}

/// The results so far, each where it belongs in the end: a large run is too large to be put in order by a
/// copy.
struct Judged {
    /// Where the results of each image begin.
    first: Vec<usize>,
    results: Vec<Option<CheckResult>>,
}

impl Judged {
    fn of(plan: &Plan) -> Self {
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
    fn put(&mut self, image: u32, results: impl Iterator<Item = CheckResult>) -> usize {
        let mut not_ok = 0;
        for (place, result) in self.results[self.first[image as usize]..].iter_mut().zip(results) {
            not_ok += usize::from(result.verdict.code.status() != Status::Ok);
            *place = Some(result);
        }
        not_ok
    }

    #[expect(clippy::filter_map_identity, reason = "works in place, where `flatten` would copy")]
    fn results(self) -> Vec<CheckResult> {
        self.results.into_iter().filter_map(|result| result).collect()
    }
}

/// One result for upstream and one for each mirror of the image.
fn judge(plan: &Plan, image: u32, evidence: &Evidence) -> impl Iterator<Item = CheckResult> {
    let planned = &plan.images[image as usize];
    let counts = if planned.mirrors.is_empty() { Counts::ForGate } else { Counts::ShownOnly };
    let upstream = result(
        evidence,
        Who::Upstream,
        (image, planned.upstream, counts),
        &evidence.upstream.endpoint,
        verdict::upstream(evidence),
    );
    let mirrors = planned.mirrors.iter().enumerate().map(move |(index, endpoint)| {
        result(
            evidence,
            Who::Mirror(index),
            (image, *endpoint, Counts::ForGate),
            &evidence.mirrors[index].endpoint,
            verdict::mirror(evidence, index),
        )
    });
    std::iter::once(upstream).chain(mirrors)
}

fn result(
    evidence: &Evidence,
    who: Who,
    (image, endpoint, counts): (u32, u32, Counts),
    asked: &Endpoint,
    verdict: Verdict,
) -> CheckResult {
    debug_assert_eq!(asked.role == Role::Upstream, who == Who::Upstream);
    let (answer, document) = match who {
        Who::Upstream => (&evidence.upstream.answer, &None),
        Who::Mirror(index) => (&evidence.mirrors[index].answer, &evidence.mirrors[index].document),
    };
    let facts = |observation: &Option<Observation>| -> Option<_> {
        observation.as_ref().and_then(Observation::facts).and_then(|facts| facts.media_type)
    };
    let question = followup::opening(&evidence.image, evidence.depth, evidence.mirrors.len(), who);
    let reference = match &question.reference {
        Reference::Tag => ManifestRef::Tag(evidence.image.tag().unwrap_or("latest")),
        Reference::Digest(digest) => ManifestRef::Digest(digest),
    };
    let repository = asked.repository(&evidence.image).ok();
    CheckResult {
        image,
        endpoint,
        counts,
        verdict,
        url: repository.map(|name| asked.manifest_url(&evidence.image, &name, reference).into()),
        media_type: facts(document).or_else(|| facts(answer)),
        http_status: answer.as_ref().and_then(|answer| answer.http_status),
        latency: answer.as_ref().and_then(|answer| answer.latency),
        attempts: answer.as_ref().map_or(0, |answer| answer.attempts),
        checked_at: answer.as_ref().map_or_else(OffsetDateTime::now_utc, |answer| answer.at),
        notes: verdict::notes(evidence, who),
    }
}
