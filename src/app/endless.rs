//! A list on standard input that need not end: each result is told as it comes, and none is kept.
//!
//! Lines are taken in batches, each of which is planned and asked like a small list. The next one does not wait for the
//! last: a slow host holds up nobody but itself, until the images that wait for it are as many as may be. An image that comes again in a later batch is asked again, which is what one
//! who sends it again wants. Kept are counters, the hosts, and tokens for a while.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use futures::future::{BoxFuture, Shared};
use futures::{FutureExt, StreamExt, stream};
use time::OffsetDateTime;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::asker::Asker;
use super::check::{tell_decision, warn_of_spent_quotas};
use super::destination::Forms;
use super::divergences::Divergences;
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
use crate::probe::schedule::{self, Event};
use crate::report::ndjson::{self, End};
use crate::report::{Places, Summary, escape, gating};
use crate::ui::progress::Progress;
use crate::verdict;

/// Upstreams that are named in the end, and warnings that are told: the first so many.
const MOST_NAMED: usize = 1_000;
/// Registries that images may be of: nobody knows, so as many files as are allowed are made use of.
const POSSIBLE_UPSTREAMS: usize = 1_000;

/// Images that are not done yet: beyond these, nothing more is read.
const MOST_UNDER_WAY: usize = 4_000;
/// Images of batches that are not done yet; a plan is kept whole for the sake of its last one.
const MOST_HELD: usize = 16_000;
/// Batches that are not done yet: where lines come one by one, each makes a batch.
const MOST_BATCHES: usize = 1_000;

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

/// Everything that all batches go through.
struct Pump<'a> {
    options: &'a CheckOptions,
    bad_lines: BadLines,
    /// Somebody interrupts, or nobody listens.
    stop: Shared<BoxFuture<'static, ()>>,
    is_stopped: Cell<bool>,
    rows: &'a Rows,
    progress: &'a Progress,
    asker: RefCell<Asker>,
    totals: RefCell<Totals>,
    divergences: RefCell<Divergences>,
    under_way: Semaphore,
    held: Semaphore,
    vantage: Option<&'a Vantage>,
}

/// A batch that is to be asked, and what it takes up.
struct Batch<'a> {
    plan: Plan,
    under_way: SemaphorePermit<'a>,
    _held: SemaphorePermit<'a>,
}

/// Checks what comes on standard input.
pub(super) async fn run(
    (args, common): (&CheckArgs, &CommonArgs),
    forms: Forms,
    mut options: CheckOptions,
    interruptions: &Interruptions,
) -> Result<u8, Error> {
    for finding in gating::unjudged(&options.policy) {
        log::warn!("{}", escape::terminal(&finding.text));
    }
    let mut known: Vec<_> =
        options.mirrors.mirrors.iter().map(|mirror| Arc::clone(&mirror.endpoint)).collect();
    let mirrors = known.len();
    known.extend(options.mirrors.upstreams.iter().map(|upstream| Arc::clone(&upstream.endpoint)));
    if args.insecure {
        // Those of the images are not known yet, and the warning must name all for which this holds.
        prepare::take_any_certificate(&mut options.tls, &known);
    }
    let sources = prepare::sources(&options)?;
    let read = prepare::files_read(args, &options);
    let mut outputs = Outputs::open(&args.outputs, forms, &read, interruptions).map_err(Error::Outputs)?;
    let asker = Asker::new(prepare::hosts(&known) + POSSIBLE_UPSTREAMS, &options, Arc::clone(&sources))?;
    let rows = outputs.rows().map_err(Error::Rows)?;
    let stream = Stream::of(std::io::stdin()).map_err(Error::Stdin)?;
    let progress = Progress::start(options.progress, None);
    let (interrupted, closed) = (interruptions.asking(), rows.closed());
    let stop = async move {
        tokio::select! {
            () = interrupted => {}
            () = closed => {}
        }
    };
    let client = asker.client();
    let totals = Totals::new(mirrors, Scope { vantage: args.vantage.clone(), ..Scope::default() });
    let pump = Pump {
        options: &options,
        bad_lines: BadLines::of(&args.sources),
        stop: stop.boxed().shared(),
        is_stopped: Cell::new(false),
        rows: &rows,
        progress: &progress,
        asker: RefCell::new(asker),
        totals: RefCell::new(totals),
        divergences: RefCell::default(),
        under_way: Semaphore::new(MOST_UNDER_WAY),
        held: Semaphore::new(MOST_HELD),
        vantage: args.vantage.as_ref(),
    };
    let ended = tokio::select! {
        ended = pump.work(stream) => ended,
        never = progress.tell(|hosts| client.states(hosts)) => match never {},
    };
    let Pump { totals, asker, .. } = pump;
    let (mut totals, asker) = (totals.into_inner(), asker.into_inner());
    totals.hosts.add_given_up(&asker.take_given_up());
    progress.finish();
    interruptions.writing();
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
    if errors.is_empty() { Ok(interruptions.code(end.exit_code)) } else { Err(Error::Outputs(errors)) }
}

impl Pump<'_> {
    /// Batches as they come, until nothing more does, somebody interrupts, or nobody listens.
    async fn work(&self, input: Stream) -> Result<Ending, Error> {
        let fault = Cell::new(None);
        let batches = stream::unfold(input, async |mut input| match self.next(&mut input).await {
            Ok(batch) => batch.map(|batch| (batch, input)),
            Err(error) => {
                // What was begun before is asked to its end.
                fault.set(Some(error));
                None
            }
        });
        batches.for_each_concurrent(MOST_BATCHES, |batch| self.ask(batch)).await;
        match fault.take() {
            Some(error) => Err(error),
            None if !self.is_stopped.get() => self.ended(),
            None if self.rows.are_closed() => Ok(Ending::Complete),
            None => Ok(Ending::Interrupted),
        }
    }

    /// The next batch that names an image, when there is room for it; `None` if there will be none.
    async fn next(&self, input: &mut Stream) -> Result<Option<Batch<'_>>, Error> {
        loop {
            let Some(batch) = self.unless_stopped(input.batch()).await else { return Ok(None) };
            let Some(inputs) = batch? else { return Ok(None) };
            self.totals.borrow_mut().has_lines = true;
            let plan = self.plan(inputs)?;
            if plan.images.is_empty() {
                continue;
            }
            let room = async {
                // A reader who takes his time holds up the next batch, not requests on the wire.
                self.rows.flushed().await;
                let permits = |most: usize| u32::try_from(plan.images.len().min(most)).unwrap_or(u32::MAX);
                let held = self.held.acquire_many(permits(MOST_HELD)).await;
                (held, self.under_way.acquire_many(permits(MOST_UNDER_WAY)).await)
            };
            let Some((held, under_way)) = self.unless_stopped(room).await else { return Ok(None) };
            // They are closed by nobody.
            let (Ok(held), Ok(under_way)) = (held, under_way) else { return Ok(None) };
            return Ok(Some(Batch { plan, under_way, _held: held }));
        }
    }

    async fn unless_stopped<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.stop.clone() => {
                self.is_stopped.set(true);
                None
            }
            done = work => Some(done),
        }
    }

    fn ended(&self) -> Result<Ending, Error> {
        let totals = self.totals.borrow();
        match (totals.has_lines, totals.summary.artifacts) {
            (false, _) => Err(inputs::Error::Empty {
                files: vec![STDIN_NAME.into()],
                known: Vec::new(),
                warnings: Vec::new(),
            }
            .into()),
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
        self.divergences.borrow_mut().tell(&options.mirrors.nodes, &plan);
        Ok(match self.vantage {
            Some(vantage) => plan::part::seen_from(plan, vantage),
            None => plan,
        })
    }

    async fn ask(&self, batch: Batch<'_>) {
        let Batch { plan, mut under_way, _held } = batch;
        let plan = Arc::new(plan);
        let places = Places::of(&plan.places);
        let Self { options, rows, progress, .. } = self;
        self.totals.borrow_mut().meet(&plan);
        let watch = progress.watch(&plan.endpoints);
        let on_event = |event| match event {
            Event::Answered { endpoint } => progress.answered(&watch, endpoint),
            // What nobody will read was given up: it counts for nothing.
            Event::Done { .. } if rows.are_closed() => {}
            Event::Done { image, evidence } => {
                drop(under_way.split(1));
                let results: Vec<_> = judge::judge(&plan, image, &evidence).collect();
                let mut totals = self.totals.borrow_mut();
                totals.warn(verdict::rejections(&evidence));
                totals.hosts.add(&evidence);
                totals.add(&options.policy, &plan.endpoints, &results);
                rows.put(judge::lines(&plan, &places, &results));
                progress.done(judge::not_ok(&results));
            }
        };
        let means = self.asker.borrow_mut().means(&plan);
        let stop = self.stop.clone().boxed();
        if schedule::run(Arc::clone(&plan), means, stop, on_event).await == Ending::Interrupted {
            self.is_stopped.set(true);
        }
    }
}
