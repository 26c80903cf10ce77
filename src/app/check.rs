//! The main job: inputs, plan, questions, verdicts, decision, reports.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Arc;
use std::time::Instant;

use futures::FutureExt;
use futures::future::BoxFuture;
use time::OffsetDateTime;

use super::Error;
use super::asker::Asker;
use super::endless;
use super::estimate;
use super::hosts::Hosts;
use super::interrupt::Interruptions;
use super::judge::{self, Judged};
use super::options::{self, CheckOptions};
use super::output::Outputs;
use super::prepare::{self, Prepared, prepare};
use super::rows::Rows;
use crate::cli::{CheckArgs, CommonArgs};
use crate::credentials::Sources;
use crate::exit;
use crate::gate::{self, Decision, Outcome, Policy, Require};
use crate::inputs::STDIN_ARGUMENT;
use crate::model::plan::Plan;
use crate::model::run::{Quota, Run};
use crate::probe::schedule::Event;
use crate::report::ndjson::{self, End};
use crate::report::{Places, View};
use crate::ui::progress::Progress;
use crate::verdict;

/// Checks what the command line names.
pub(super) async fn run(args: CheckArgs, common: &CommonArgs) -> Result<u8, Error> {
    if args.plan {
        return estimate::run(&args, common);
    }
    if args.sources.inputs == [STDIN_ARGUMENT] && Outputs::are_rows_only(&args.outputs, args.format) {
        return endless::run(&args, common).await;
    }
    let Prepared { options, plan, sources } = prepare(&args, common)?;
    hold_to_requirement(&options.policy, &plan)?;
    let interruptions = Interruptions::listen().map_err(Error::Signals)?;
    let read = prepare::files_read(&args, &options);
    let mut outputs =
        Outputs::open(&args.outputs, args.format, &read, &interruptions).map_err(Error::Outputs)?;
    let rows = if outputs.has_rows() { Some(outputs.rows().map_err(Error::Rows)?) } else { None };
    let cancel = interruptions.first().boxed();
    let run = pass(plan, &options, Arc::clone(&sources), cancel, rows.as_ref()).await?;
    interruptions.leave_at_once();
    for warning in sources.warnings() {
        log::warn!("{warning}");
    }
    warn_of_spent_quotas(&run.quotas);
    let decision = gate::decide(&options.policy, &run);
    let exit_code = exit::code(run.ending, decision.outcome);
    let view = view(&run, &decision, &options.policy, exit_code);
    if !outputs.has_stdout() && !common.quiet {
        tell_decision(decision.outcome, |outcome| decision.count(outcome));
    }
    let mut errors = Vec::new();
    if let Some(rows) = rows {
        rows.put(ndjson::end(&End::of(&view)));
        errors.extend(outputs.finish_rows(rows));
    }
    errors.extend(outputs.write(&view, &options::table_style(common)).err().into_iter().flatten());
    if errors.is_empty() { Ok(exit_code) } else { Err(Error::Outputs(errors)) }
}

/// The frozen picture of a run, for the renderers.
pub(super) fn view<'a>(run: &'a Run, decision: &'a Decision, policy: &'a Policy, exit_code: u8) -> View<'a> {
    View { run, decision, policy, exit_code, tool_version: env!("CARGO_PKG_VERSION") }
}

/// A requirement that no answer could meet is a mistake, and better told before asking.
pub(super) fn hold_to_requirement(policy: &Policy, plan: &Plan) -> Result<(), Error> {
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

/// Tells on standard error what no report on standard output does.
pub(super) fn tell_decision(outcome: Outcome, count: impl Fn(Outcome) -> usize) {
    let [pass, fail, undecided] = [Outcome::Pass, Outcome::Fail, Outcome::Undecided].map(count);
    let _ = writeln!(
        std::io::stderr().lock(),
        "{}: {pass} of {} images pass, {fail} fail, {undecided} undecided",
        outcome.as_str(),
        pass + fail + undecided,
    );
}

/// Asks everything that `plan` wants to know, and judges it; `rows` is told of each image at once.
///
/// # Errors
/// The HTTP client cannot be set up; files with certificates or keys cannot be used.
pub(super) async fn pass(
    plan: Plan,
    options: &CheckOptions,
    sources: Arc<Sources>,
    cancel: BoxFuture<'_, ()>,
    rows: Option<&Rows>,
) -> Result<Run, Error> {
    let started_at = OffsetDateTime::now_utc();
    let clock = Instant::now();
    let mut asker = Asker::new(prepare::hosts(&plan.endpoints), options, sources)?;
    let plan = Arc::new(plan);
    let progress = Progress::start(options.progress, Some(plan.images.len()));
    progress.watch(&plan.endpoints);
    let places = rows.map(|rows| (rows, Places::of(&plan.places)));
    let mut judged = Judged::of(&plan);
    let mut rejections = BTreeSet::new();
    let mut hosts = Hosts::default();
    let on_event = |event| match event {
        Event::Answered { endpoint } => progress.answered(endpoint),
        Event::Done { image, evidence } => {
            let results: Vec<_> = judge::judge(&plan, image, &evidence).collect();
            rejections.extend(verdict::rejections(&evidence));
            hosts.add(&evidence);
            if let Some((rows, places)) = &places {
                rows.put(judge::lines(&plan, places, &results));
            }
            progress.done(judged.put(image, results));
        }
    };
    let client = asker.client();
    let ending = tokio::select! {
        ending = asker.ask(&plan, cancel, on_event) => ending,
        never = progress.tell(|hosts| client.states(hosts)) => match never {},
    };
    progress.finish();
    for rejection in rejections {
        log::warn!("{rejection}");
    }
    let hosts = hosts.list();
    let (cost, quotas) = (asker.cost(&hosts), asker.quotas());
    // Its look ahead holds the plan, which is too large for a copy.
    drop((asker, places));
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
        cost,
        quotas,
        hosts,
    })
}

pub(super) fn warn_of_spent_quotas(quotas: &[Quota]) {
    for quota in quotas.iter().filter(|quota| quota.is_nearly_spent()) {
        log::warn!("{} has {} of {} pulls left", quota.host, quota.remaining, quota.limit);
    }
}
