//! A list on standard input that need not end: each result is told as it comes, and none is kept.
//!
//! Lines are taken in batches, each of which is planned and asked like a small list, one after the other:
//! a batch ends with its slowest host, which is no more than its time-outs, and a host that is down is
//! known to be from then on. An image that comes again in a later batch is asked again, which is what one
//! who sends it again wants. Kept are counters, the hosts, and tokens for a while.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use time::OffsetDateTime;

use super::asker::Asker;
use super::check::{tell_decision, warn_of_spent_quotas};
use super::destination::Forms;
use super::hosts::Hosts;
use super::interrupt::Interruptions;
use super::judge;
use super::options::CheckOptions;
use super::output::Outputs;
use super::prepare;
use super::rows::Rows;
use super::sources::BadLines;
use super::{Error, policy};
use crate::cli::{CheckArgs, CommonArgs};
use crate::exit;
use crate::gate::{self, Outcome, Policy};
use crate::inputs::stream::Stream;
use crate::inputs::{self, Inputs, STDIN_NAME};
use crate::model::endpoint::{Endpoint, Role};
use crate::model::plan::Plan;
use crate::model::run::{CheckResult, Cost, Ending, HostUse, Quota};
use crate::model::scope::{Scope, Vantage};
use crate::plan;
use crate::probe::schedule::Event;
use crate::report::ndjson::{self, End};
use crate::report::{Places, Summary};
use crate::ui::progress::Progress;
use crate::verdict;

/// Upstreams that are named in the end, and warnings that are told: the first so many.
const MOST_NAMED: usize = 1_000;
/// Registries that images are likely to be of, for the share of open files that each host gets.
const LIKELY_UPSTREAMS: usize = 4;

/// What is kept of what was asked.
struct Totals {
    started_at: OffsetDateTime,
    clock: Instant,
    scope: Scope,
    summary: Summary,
    images: BTreeMap<Outcome, usize>,
    upstreams: BTreeMap<Box<str>, Arc<Endpoint>>,
    rejections: BTreeSet<String>,
    hosts: Hosts,
    /// Whether any line named an image or was meant to.
    has_lines: bool,
}

impl Totals {
    /// Nothing asked so far, from now on.
    fn new(mirrors: usize, scope: Scope) -> Self {
        Self {
            started_at: OffsetDateTime::now_utc(),
            clock: Instant::now(),
            scope,
            summary: Summary { mirrors, ..Summary::default() },
            images: BTreeMap::new(),
            upstreams: BTreeMap::new(),
            rejections: BTreeSet::new(),
            hosts: Hosts::default(),
            has_lines: false,
        }
    }

    /// How it ended, now.
    fn end<'a>(
        &'a self,
        ending: Ending,
        cost: Cost,
        (quotas, hosts): (&'a [Quota], &'a [HostUse]),
        who: &'a [Arc<Endpoint>],
    ) -> End<'a> {
        let Cost { requests, token_exchanges, bytes, hub_pulls } = cost;
        End {
            tool_version: env!("CARGO_PKG_VERSION"),
            started_at: self.started_at,
            finished_at: OffsetDateTime::now_utc(),
            duration: self.clock.elapsed(),
            scope: &self.scope,
            summary: Summary { requests, token_exchanges, bytes, hub_pulls, ..self.summary },
            quotas,
            hosts,
            outcome: self.outcome(),
            exit_code: exit::code(ending, self.outcome()),
            endpoints: who,
            view: None,
        }
    }

    fn outcome(&self) -> Outcome {
        self.images.keys().next_back().copied().unwrap_or(Outcome::Pass)
    }

    /// Notes who is asked; those beyond the first are asked all the same.
    fn meet(&mut self, plan: &Plan) {
        for endpoint in plan.endpoints.iter().filter(|endpoint| endpoint.role == Role::Upstream) {
            if self.upstreams.len() < MOST_NAMED && !self.upstreams.contains_key(&endpoint.name) {
                self.upstreams.insert(endpoint.name.clone(), Arc::clone(endpoint));
            }
        }
    }

    fn add(&mut self, policy: &Policy, endpoints: &[Arc<Endpoint>], results: &[CheckResult]) {
        self.summary.artifacts += 1;
        results.iter().for_each(|result| self.summary.add(result));
        *self.images.entry(gate::decide_image(policy, endpoints, results)).or_default() += 1;
    }

    /// At once: the end may be far.
    fn warn(&mut self, rejections: BTreeSet<String>) {
        for rejection in rejections {
            if self.rejections.len() < MOST_NAMED && !self.rejections.contains(&rejection) {
                log::warn!("{rejection}");
                self.rejections.insert(rejection);
            }
        }
    }
}

/// Everything that one batch after the other goes through.
struct Pump<'a> {
    options: &'a CheckOptions,
    bad_lines: BadLines,
    cancel: Shared<BoxFuture<'static, ()>>,
    rows: &'a Rows,
    progress: &'a Progress,
    totals: Totals,
    vantage: Option<&'a Vantage>,
}

/// Checks what comes on standard input.
pub(super) async fn run(
    args: &CheckArgs,
    forms: Forms,
    common: &CommonArgs,
    mut options: CheckOptions,
) -> Result<u8, Error> {
    let mut known: Vec<_> =
        options.mirrors.mirrors.iter().map(|mirror| Arc::clone(&mirror.endpoint)).collect();
    let mirrors = known.len();
    known.extend(options.mirrors.upstreams.iter().map(|upstream| Arc::clone(&upstream.endpoint)));
    if args.insecure {
        // Those of the images are not known yet, and the warning must name all for which this holds.
        prepare::take_any_certificate(&mut options.tls, &known);
    }
    let sources = prepare::sources(&options)?;
    let interruptions = Interruptions::listen().map_err(Error::Signals)?;
    let read = prepare::files_read(args, &options);
    let mut outputs = Outputs::open(&args.outputs, forms, &read, &interruptions).map_err(Error::Outputs)?;
    let mut asker = Asker::new(prepare::hosts(&known) + LIKELY_UPSTREAMS, &options, Arc::clone(&sources))?;
    let rows = outputs.rows().map_err(Error::Rows)?;
    let stream = Stream::of(std::io::stdin()).map_err(Error::Stdin)?;
    let progress = Progress::start(options.progress, None);
    let cancel = interruptions.first().boxed().shared();
    let mut pump = Pump {
        options: &options,
        bad_lines: BadLines::of(&args.sources),
        cancel,
        rows: &rows,
        progress: &progress,
        totals: Totals::new(mirrors, Scope { vantage: args.vantage.clone(), ..Scope::default() }),
        vantage: args.vantage.as_ref(),
    };
    let client = asker.client();
    let ended = tokio::select! {
        ended = pump.work(stream, &mut asker) => ended,
        never = progress.tell(|hosts| client.states(hosts)) => match never {},
    };
    let Pump { mut totals, .. } = pump;
    totals.hosts.add_given_up(&asker.take_given_up());
    progress.finish();
    interruptions.leave_at_once();
    for warning in sources.warnings() {
        log::warn!("{warning}");
    }
    let quotas = asker.quotas();
    warn_of_spent_quotas(&quotas);
    let ending = match ended {
        Ok(ending) => ending,
        Err(error) => {
            // What was asked is told; files stay without their name, as they have no end.
            drop(rows.finish());
            return Err(error);
        }
    };
    if !outputs.has_stdout() && !common.quiet {
        tell_decision(totals.outcome(), |outcome| totals.images.get(&outcome).copied().unwrap_or(0));
    }
    known.truncate(mirrors);
    if let Some(vantage) = &args.vantage {
        known.iter_mut().for_each(|endpoint| plan::part::ask_from(endpoint, vantage));
    }
    known.extend(totals.upstreams.values().cloned());
    let hosts = totals.hosts.list();
    let end = totals.end(ending, asker.cost(), (&quotas, &hosts), &known);
    rows.put(ndjson::end(&end));
    let errors = outputs.finish_rows(rows);
    if errors.is_empty() { Ok(end.exit_code) } else { Err(Error::Outputs(errors)) }
}

impl Pump<'_> {
    /// One batch after the other, until nothing more comes, somebody interrupts, or nobody listens.
    async fn work(&mut self, mut stream: Stream, asker: &mut Asker) -> Result<Ending, Error> {
        loop {
            let batch = tokio::select! {
                biased;
                () = self.cancel.clone() => return Ok(Ending::Interrupted),
                () = self.rows.closed() => return Ok(Ending::Complete),
                batch = stream.batch() => batch?,
            };
            let Some(inputs) = batch else { return self.ended() };
            self.totals.has_lines = true;
            let plan = self.plan(inputs)?;
            if plan.images.is_empty() {
                continue;
            }
            if self.ask(plan, asker).await == Ending::Interrupted {
                return Ok(Ending::Interrupted);
            }
            // A reader who takes his time holds up the next batch, not requests on the wire.
            tokio::select! {
                biased;
                () = self.cancel.clone() => return Ok(Ending::Interrupted),
                () = self.rows.flushed() => {}
            }
        }
    }

    fn ended(&self) -> Result<Ending, Error> {
        match (self.totals.has_lines, self.totals.summary.artifacts) {
            (false, _) => {
                Err(inputs::Error::Empty { files: vec![STDIN_NAME.into()], warnings: Vec::new() }.into())
            }
            (true, 0) => Err(Error::NothingLeft),
            (true, _) => Ok(Ending::Complete),
        }
    }

    fn plan(&self, inputs: Inputs) -> Result<Plan, Error> {
        let inputs = prepare::good_lines(inputs, self.bad_lines)?;
        let options = self.options;
        let plan = plan::expand(inputs.images, &options.mirrors, options.reach.clone())
            .map_err(Error::Registries)?;
        policy::hold_to_requirement(&options.policy, policy::asked(&plan))?;
        Ok(match self.vantage {
            Some(vantage) => plan::part::seen_from(plan, vantage),
            None => plan,
        })
    }

    async fn ask(&mut self, plan: Plan, asker: &mut Asker) -> Ending {
        let plan = Arc::new(plan);
        let places = Places::of(&plan.places);
        let Self { options, cancel, rows, progress, totals, .. } = self;
        totals.meet(&plan);
        progress.watch(&plan.endpoints);
        let on_event = |event| match event {
            Event::Answered { endpoint } => progress.answered(endpoint),
            // What nobody will read was given up: it counts for nothing.
            Event::Done { .. } if rows.are_closed() => {}
            Event::Done { image, evidence } => {
                let results: Vec<_> = judge::judge(&plan, image, &evidence).collect();
                totals.warn(verdict::rejections(&evidence));
                totals.hosts.add(&evidence);
                totals.add(&options.policy, &plan.endpoints, &results);
                rows.put(judge::lines(&plan, &places, &results));
                progress.done(judge::not_ok(&results));
            }
        };
        let cancel = cancel.clone();
        let closed = rows.closed();
        let stop = async move {
            tokio::select! {
                () = cancel => {}
                () = closed => {}
            }
        };
        let ending = asker.ask(&plan, stop.boxed(), on_event).await;
        if rows.are_closed() { Ending::Complete } else { ending }
    }
}
