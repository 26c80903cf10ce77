//! The main job: inputs, plan, questions, verdicts, decision, reports.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Arc;
use std::time::Instant;

use futures::FutureExt;
use futures::future::BoxFuture;
use time::OffsetDateTime;

use super::asker::Asker;
use super::endless;
use super::estimate;
use super::github::{Annotations, Job};
use super::hosts::Hosts;
use super::interrupt::Interruptions;
use super::judge::{self, Judged};
use super::options::{self, CheckOptions};
use super::output::Outputs;
use super::prepare::{self, Prepared, prepare_with};
use super::rows::Rows;
use super::{Error, baseline, policy, template, vantage};
use crate::cli::{CheckArgs, CommonArgs, ReportArgs};
use crate::credentials::Sources;
use crate::exit;
use crate::gate::{self, Decision, GateCode, Outcome, Policy, Terms};
use crate::inputs::STDIN_ARGUMENT;
use crate::model::endpoint::Endpoint;
use crate::model::kind::Kind;
use crate::model::plan::Plan;
use crate::model::run::{Quota, Run};
use crate::plan::part;
use crate::probe::schedule::Event;
use crate::report::gating::{Finding, findings};
use crate::report::ndjson::{self, End};
use crate::report::{Bearing, Format, Places, View, escape};
use crate::ui::progress::Progress;
use crate::verdict;

/// Checks what the command line names.
pub(super) async fn run(args: CheckArgs, common: &CommonArgs) -> Result<u8, Error> {
    let interruptions = Interruptions::listen().map_err(Error::Signals)?;
    if args.plan {
        return estimate::run(&args, common);
    }
    let options = options::resolve(&args, common)?;
    policy::hold_to_day(&options.policy, policy::today())?;
    let forms = template::forms(args.format, args.reports.template.as_deref(), &args.outputs)?;
    let is_whole = args.shard.is_none();
    // Only lines of a list can be told one by one.
    let is_list = args.sources.input_kind.is_none_or(|kind| kind == Kind::List);
    let is_stream = is_whole
        && is_list
        && !args.sources.any_image_key
        && args.sources.inputs == [STDIN_ARGUMENT]
        && Outputs::are_rows_only(&args.outputs, &forms);
    if is_stream && !options.need_whole_run() {
        return endless::run((&args, common), forms, options, &interruptions).await;
    }
    let Prepared { mut options, plan, sources, read } = prepare_with(options, &args)?;
    // Globs and requirements are held to the whole list, not to a part of it.
    hold_to_plan(&mut options, &args, &plan)?;
    let outputs = Outputs::open(&args.outputs, forms, &read, &interruptions).map_err(Error::Outputs)?;
    let job = Job::open(&args.reports, &read, &outputs)?;
    let plan = scoped(plan, &args, &outputs);
    let rows = if outputs.has_rows() { Some(outputs.rows().map_err(Error::Rows)?) } else { None };
    let cancel = interruptions.asking().boxed();
    let run = pass(plan, &options, Arc::clone(&sources), cancel, rows.as_ref()).await?;
    interruptions.writing();
    for warning in sources.warnings() {
        log::warn!("{warning}");
    }
    warn_of_spent_quotas(&run.quotas);
    let tool_version = env!("CARGO_PKG_VERSION");
    let (terms, reports) = (options.terms(), &args.reports);
    let told = Ended { run: &run, terms, tool_version, common, reports, job }.tell(outputs, rows)?;
    Ok(interruptions.code(told))
}

/// A run that is to be judged and told of: one that was just made, or one that was saved.
pub(super) struct Ended<'a> {
    pub(super) run: &'a Run,
    pub(super) terms: Terms<'a>,
    /// The version of the program that made it.
    pub(super) tool_version: &'a str,
    pub(super) common: &'a CommonArgs,
    pub(super) reports: &'a ReportArgs,
    /// The job that is told of it.
    pub(super) job: Option<Job>,
}

impl Ended<'_> {
    /// Writes every report, and tells the exit code.
    pub(super) fn tell(&self, mut outputs: Outputs, rows: Option<Rows>) -> Result<u8, Error> {
        let Self { run, terms, tool_version, common, reports, job } = self;
        let decision = gate::decide(terms, run);
        let exit_code = exit::code(run.ending, decision.outcome);
        let view = View { run, decision: &decision, policy: terms.policy, exit_code, tool_version };
        if !outputs.has_stdout() && !common.quiet {
            tell_decision(decision.outcome, |outcome| decision.count(outcome));
        }
        if !outputs.are_for_people() {
            let is_grave = |finding: &&Finding| {
                finding.bearing() != Bearing::NotCounted || finding.kind == GateCode::JudgedElsewhere
            };
            for finding in findings(&view).iter().filter(is_grave) {
                log::warn!("{}", escape::terminal(&finding.text));
            }
        }
        let annotations =
            if outputs.has_stdout_as(Format::Github) { Annotations::Written } else { Annotations::Wanted };
        let style = options::report_style(common, reports);
        // What nobody reads may hold up the rest.
        let mut errors = outputs.write_files(&view, &style);
        if let Some(rows) = rows {
            rows.put(ndjson::end(&End::of(&view)));
            errors.extend(outputs.finish_rows(rows));
        }
        errors.extend(outputs.write_rest(&view, &style));
        if let Some(job) = job {
            errors.extend(job.tell(&view, annotations).err());
        }
        errors.extend(outputs.write_templates(&view, &style));
        if errors.is_empty() { Ok(exit_code) } else { Err(Error::Outputs(errors)) }
    }
}

/// What of a whole plan this run carries out, and from where.
fn scoped(mut plan: Plan, args: &CheckArgs, outputs: &Outputs) -> Plan {
    if args.shard.is_some() || outputs.are_to_be_merged() {
        plan.scope.list = Some(part::list(&plan));
    }
    if let Some(shard) = args.shard {
        plan = part::cut(plan, shard);
    }
    if let Some(vantage) = &args.vantage {
        plan = part::seen_from(plan, vantage);
    }
    plan
}

/// The frozen picture of a run, for the renderers.
pub(super) fn view<'a>(run: &'a Run, decision: &'a Decision, policy: &'a Policy, exit_code: u8) -> View<'a> {
    View { run, decision, policy, exit_code, tool_version: env!("CARGO_PKG_VERSION") }
}

/// What the policy and the baseline are about must be in the plan.
fn hold_to_plan(options: &mut CheckOptions, args: &CheckArgs, plan: &Plan) -> Result<(), Error> {
    policy::hold_to_requirement(&options.policy, policy::asked(plan))?;
    let images = plan.images.iter().map(|planned| &*planned.image);
    let configured = options.mirrors.mirrors.iter().map(|mirror| &*mirror.endpoint);
    let endpoints = plan.endpoints.iter().map(|endpoint| &**endpoint).chain(configured);
    let known: Vec<_> = endpoints.clone().map(Endpoint::own_name).collect();
    vantage::except_here(&mut options.policy, args.vantage.as_ref(), &known);
    policy::hold_to_images(&options.policy, images.clone(), endpoints)?;
    match (&options.baseline, &args.gate.baseline) {
        (Some(baseline), Some(path)) => {
            baseline::hold_to_images(baseline, path, images.clone())?;
            baseline::warn_of_images(baseline, path, args.shard, images);
            baseline::hold_to_vantages(baseline, path, plan.endpoints.iter().map(|endpoint| &**endpoint))?;
            baseline::warn_of_place(baseline, path, args.vantage.as_ref());
            Ok(())
        }
        _ => Ok(()),
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
    let watch = progress.watch(&plan.endpoints);
    let places = rows.map(|rows| (rows, Places::of(&plan.places)));
    let mut judged = Judged::of(&plan);
    let mut rejections = BTreeSet::new();
    let mut hosts = Hosts::default();
    let on_event = |event| match event {
        Event::Answered { endpoint } => progress.answered(&watch, endpoint),
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
    hosts.add_given_up(&asker.take_given_up());
    let hosts = hosts.list();
    let (cost, quotas) = (asker.cost(), asker.quotas());
    // Its look ahead holds the plan, which is too large for a copy.
    drop((asker, places));
    let results = judged.results();
    let plan = Arc::unwrap_or_clone(plan);
    Ok(Run {
        started_at,
        finished_at: OffsetDateTime::now_utc(),
        duration: clock.elapsed(),
        ending,
        scope: plan.scope,
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
