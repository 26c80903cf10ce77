//! The main job: inputs, plan, questions, verdicts, decision, reports.

use std::io::Write;
use std::sync::Arc;
use std::time::Instant;

use futures::FutureExt;
use futures::future::BoxFuture;
use time::OffsetDateTime;

use super::Error;
use super::interrupt::interrupted;
use super::options::{self, CheckOptions};
use super::output::Outputs;
use crate::cli::{CheckArgs, CommonArgs};
use crate::exit;
use crate::gate::{self, Decision, Policy, Require};
use crate::inputs::{self, Inputs, Source};
use crate::model::code::Code;
use crate::model::endpoint::{Endpoint, Role};
use crate::model::evidence::Evidence;
use crate::model::image::ManifestRef;
use crate::model::observation::Observation;
use crate::model::plan::{Plan, Reference, Who};
use crate::model::run::{CheckResult, Cost, Counts, Ending, Run, Verdict};
use crate::model::status::Status;
use crate::net::authority::Limits;
use crate::net::client::{Client, Purpose};
use crate::plan::{self, followup};
use crate::probe::oci::Registries;
use crate::probe::schedule::{self, Event};
use crate::report::View;
use crate::ui::progress::Progress;
use crate::verdict;

/// Checks what the command line names.
pub(super) async fn run(args: CheckArgs, common: &CommonArgs) -> Result<u8, Error> {
    let options = options::resolve(&args, common)?;
    let sources: Vec<Source> = args.inputs.into_iter().map(Source::from).collect();
    let inputs = inputs::read(&sources, std::io::stdin().lock())?;
    let inputs = usable(inputs, if args.skip_invalid { BadLines::Skip } else { BadLines::Refuse })?;
    let plan = plan::expand(inputs.images, &options.mirrors, options.depth).map_err(Error::Registries)?;
    hold_to_requirement(&options.policy, &plan)?;
    warn_of_idle_mirrors(&plan, options.mirrors.mirrors.len());
    let outputs = Outputs::open(&args.outputs, args.format).map_err(Error::Outputs)?;
    let run = pass(plan, &options, interrupted().boxed()).await?;
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

/// What happens to lines that name no image.
enum BadLines {
    Refuse,
    Skip,
}

fn usable(inputs: Inputs, bad_lines: BadLines) -> Result<Inputs, Error> {
    match bad_lines {
        _ if inputs.bad.is_empty() => Ok(inputs),
        BadLines::Refuse => Err(Error::BadLines(inputs.bad)),
        BadLines::Skip => {
            for line in &inputs.bad {
                log::warn!("skipped {line}");
            }
            if inputs.images.is_empty() { Err(Error::NothingLeft) } else { Ok(inputs) }
        }
    }
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

fn warn_of_idle_mirrors(plan: &Plan, mirrors: usize) {
    let mut is_used = vec![false; plan.endpoints.len()];
    for image in &plan.images {
        image.mirrors.iter().for_each(|mirror| is_used[*mirror as usize] = true);
    }
    for (endpoint, _) in plan.endpoints.iter().zip(is_used).take(mirrors).filter(|(_, used)| !used) {
        log::warn!("mirror {} stands in for none of the images' registries: not asked", endpoint.name);
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
/// The HTTP client cannot be set up.
pub async fn pass(plan: Plan, options: &CheckOptions, cancel: BoxFuture<'_, ()>) -> Result<Run, Error> {
    let started_at = OffsetDateTime::now_utc();
    let clock = Instant::now();
    let limits = Limits::new(options.per_host, options.concurrency);
    let client = Arc::new(Client::new(options.timeouts, limits)?);
    let registries = Arc::new(Registries::new(Arc::clone(&client), options.retry.clone()));
    let plan = Arc::new(plan);
    let mut progress = Progress::start(options.progress, plan.images.len());
    let mut judged = Judged::of(&plan);
    let mut not_ok = 0;
    schedule::run(Arc::clone(&plan), registries, options.per_host, cancel, |event| match event {
        Event::Answered { .. } => {}
        Event::Done { image, evidence } => {
            let results = judge(&plan, image, &evidence);
            not_ok += judged.put(image, results);
            progress.done(not_ok);
        }
    })
    .await;
    progress.finish();
    let results = judged.results();
    let is_interrupted = results.iter().any(|result| result.verdict.code == Code::Interrupted);
    let plan = Arc::unwrap_or_clone(plan);
    Ok(Run {
        started_at,
        finished_at: OffsetDateTime::now_utc(),
        duration: clock.elapsed(),
        ending: if is_interrupted { Ending::Interrupted } else { Ending::Complete },
        endpoints: plan.endpoints,
        images: plan.images.into_iter().map(|planned| planned.image).collect(),
        places: plan.places,
        results,
        cost: Cost { requests: client.sent(Purpose::Registry), token_exchanges: client.sent(Purpose::Token) },
    })
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
