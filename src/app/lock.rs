//! `registry-check lock`: each image pinned to the digest that its own registry serves now.
//!
//! A check of upstream alone, by HEAD, through the same plan, limits and credentials. What is pinned already is
//! asked for by its digest and stays as it is. A lock that lacks images gets no file's name: who uses it would
//! not know. Names that cannot be known offline stand in it as comments.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use futures::FutureExt;

use super::check::{pass, warn_of_spent_quotas};
use super::interrupt::Interruptions;
use super::prepare::{Prepared, prepare_upstreams};
use super::whole::Whole;
use super::{Error, OutputError, count};
use crate::cli::{CheckArgs, CommonArgs, LockArgs};
use crate::exit;
use crate::gate::{self, Policy, Terms};
use crate::model::digest::Digest;
use crate::model::origin::Origin;
use crate::model::run::{CheckResult, Ending, Run};
use crate::model::status::Status;
use crate::report::lock::{self, Entry};
use crate::report::{Format, escape};

/// Exits 0 when all are pinned, 1 when a registry has not got one, 3 when it could not be found out.
pub(super) async fn run(args: &LockArgs, common: &CommonArgs) -> Result<u8, Error> {
    let interruptions = Interruptions::listen().map_err(Error::Signals)?;
    let path = hold_to_flags(&args.check)?;
    let Prepared { options, plan, sources, read } = prepare_upstreams(&args.check, common)?;
    let wanted: Vec<_> = plan.images.iter().map(|planned| planned.options.clone()).collect();
    let whole = Whole::open(path, &read, &interruptions).map_err(|error| Error::Outputs(vec![error]))?;
    let cancel = interruptions.asking().boxed();
    let run = pass(plan, &options, Arc::clone(&sources), cancel, None).await?;
    interruptions.writing();
    for warning in sources.warnings() {
        log::warn!("{warning}");
    }
    warn_of_spent_quotas(&run.quotas);
    let places = places(&run);
    let mut entries = Vec::new();
    for result in &run.results {
        let (image, places) = (&*run.images[result.image as usize], &*places[result.image as usize]);
        let options = wanted.get(result.image as usize).and_then(Option::as_deref);
        match pinned(&run, result) {
            Some(digest) => entries.push(Entry { image, digest, options, places }),
            None => tell(&run, result, places),
        }
    }
    let is_whole = entries.len() == run.images.len() && run.ending == Ending::Complete;
    let all = run.images.len();
    if is_whole || whole.is_stdout() {
        let open = &run.scope.dynamic;
        whole.write(|out| lock::write(&entries, open, out)).map_err(|error| Error::Outputs(vec![error]))?;
    }
    if !is_whole {
        let kept = if path.is_some() { ": no lock is written" } else { "" };
        log::error!("{} of {} not pinned{kept}", all - entries.len(), count(all, "image"));
    }
    let policy = Policy::default();
    let terms = Terms { policy: &policy, baseline: None };
    Ok(interruptions.code(exit::code(run.ending, gate::decide(&terms, &run).outcome)))
}

/// The file to write, once no flag is there that this command has no use for.
fn hold_to_flags(args: &CheckArgs) -> Result<Option<&Path>, Error> {
    let useless = [
        ("--mirror", !args.mirrors.is_empty()),
        ("--mirrors-from", !args.mirrors_from.is_empty()),
        ("--depth", args.depth.is_some()),
        ("--platform", !args.platforms.is_empty()),
        ("--max-bytes", args.max_bytes.is_some()),
        ("--shard", args.shard.is_some()),
        ("--vantage", args.vantage.is_some()),
        ("--require", args.gate.require.is_some()),
        ("--fail-on", !args.gate.fail_on.is_empty()),
        ("--warn-on", !args.gate.warn_on.is_empty()),
        ("--allow", !args.gate.allow.is_empty()),
        ("--undecided", args.gate.undecided.is_some()),
        ("--baseline", args.gate.baseline.is_some()),
        ("--max-latency", args.gate.max_latency.is_some()),
        ("--max-slowdown", args.gate.max_slowdown.is_some()),
        ("--template", args.reports.template.is_some()),
    ];
    if let Some((flag, _)) = useless.into_iter().find(|(_, is_given)| *is_given) {
        return Err(Error::Flag { command: "lock", flag });
    }
    if let Some(format) = args.format.filter(|format| *format != Format::Table) {
        return Err(Error::Format { command: "lock", format: format.as_str() });
    }
    match &args.outputs[..] {
        [] => Ok(None),
        [path] => Ok(Some(path)),
        [_, path, ..] => {
            let why = "a lock goes to one file".to_owned();
            Err(Error::Outputs(vec![OutputError { path: path.clone(), why }]))
        }
    }
}

/// Where each image stands.
fn places(run: &Run) -> Vec<Vec<&Origin>> {
    let mut places = vec![Vec::new(); run.images.len()];
    for place in &run.places {
        places[place.image as usize].push(&place.origin);
    }
    places
}

/// The digest that pins the image, if its registry serves it.
fn pinned<'a>(run: &'a Run, result: &'a CheckResult) -> Option<&'a Digest> {
    let own = run.images[result.image as usize].digest();
    match result.verdict.code.status() {
        Status::Ok => own.or(result.verdict.digest.as_ref()),
        _ => None,
    }
}

fn tell(run: &Run, result: &CheckResult, places: &[&Origin]) {
    let place = places.first().map(ToString::to_string).unwrap_or_default();
    let line = format!(
        "{place}: {}: not pinned: {} [{}]",
        run.images[result.image as usize], result.verdict.reason, result.verdict.code
    );
    // With stderr closed there is nobody to tell; the exit code stands.
    let _ = writeln!(std::io::stderr().lock(), "{}", escape::terminal(&line));
}
