//! `registry-check render` and `registry-check merge`: saved runs, judged and told again. Nobody is asked.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::check::Ended;
use super::github::Job;
use super::interrupt::Interruptions;
use super::output::Outputs;
use super::{Error, SavedError, SavedFault, baseline, policy, template, vantage};
use crate::cli::{AgainArgs, CommonArgs, MergeArgs, RenderArgs};
use crate::config::{self, Config};
use crate::gate::{Policy, Terms};
use crate::inputs::{STDIN_ARGUMENT, STDIN_NAME};
use crate::mirrors;
use crate::model::age::{Grace, History};
use crate::model::code::Code;
use crate::model::endpoint::{Endpoint, Role};
use crate::model::run::{CheckResult, Run};
use crate::report::escape;
use crate::stored::{self, Named, Saved};
use crate::verdict;

/// Most bytes of a report: some two million results.
const MAX_BYTES: u64 = 1024 * 1024 * 1024;

/// Writes a saved run anew.
pub(super) fn render(args: &RenderArgs, common: &CommonArgs) -> Result<u8, Error> {
    let paths = std::slice::from_ref(&args.report);
    again(&args.again, common, paths, |mut reports| {
        let report = reports.pop().ok_or(stored::MergeError::Nothing)?;
        Ok(report.saved)
    })
}

/// Puts saved runs together.
pub(super) fn merge(args: &MergeArgs, common: &CommonArgs) -> Result<u8, Error> {
    again(&args.again, common, &args.reports, stored::merge)
}

/// Whatever can be wrong is found before a report is opened for writing.
fn again(
    args: &AgainArgs,
    common: &CommonArgs,
    paths: &[PathBuf],
    one: impl FnOnce(Vec<Named>) -> Result<Saved, stored::MergeError>,
) -> Result<u8, Error> {
    let interruptions = Interruptions::listen().map_err(Error::Signals)?;
    let config = config::load(args.config.as_deref())?;
    let forms = template::forms(args.format, args.reports.template.as_deref(), &args.outputs)?;
    let graces = Graces::of(args.grace, &config);
    let mut policy = policy::resolve(&args.gate, config.gate)?;
    policy::hold_to_day(&policy, policy::today())?;
    let baseline = args.gate.baseline.as_deref().map(baseline::load).transpose()?;
    let Saved { mut run, tool_version } = one(read_all(paths)?)?;
    hold_to_run(&mut policy, &run)?;
    graces.grant(&mut run)?;
    if let (Some(baseline), Some(path)) = (&baseline, &args.gate.baseline) {
        let images = run.images.iter().map(|image| &**image);
        baseline::hold_to_images(baseline, path, images.clone())?;
        baseline::warn_of_images(baseline, path, run.scope.part.as_ref().map(|part| part.shard), images);
        baseline::hold_to_vantages(baseline, path, run.endpoints.iter().map(|endpoint| &**endpoint))?;
        baseline::warn_of_place(baseline, path, run.scope.vantage.as_ref());
    }
    let stdin = |path: &PathBuf| if is_stdin(path) { "/dev/stdin".into() } else { path.clone() };
    let config = config::place(args.config.as_deref()).map(Path::to_owned);
    let read: Vec<PathBuf> = paths
        .iter()
        .map(stdin)
        .chain(config)
        .chain(args.gate.baseline.clone())
        .chain(args.reports.template.clone())
        .collect();
    let outputs = Outputs::open(&args.outputs, forms, &read, &interruptions).map_err(Error::Outputs)?;
    let job = Job::open(&args.reports, &read, &outputs)?;
    interruptions.writing();
    let terms = Terms { policy: &policy, baseline: baseline.as_ref() };
    let ended = Ended { run: &run, terms, tool_version: &tool_version, common, reports: &args.reports, job };
    ended.tell(outputs, None).map(|code| interruptions.code(code))
}

/// How long mirrors may have been behind: where nothing is said, what the check granted stays.
struct Graces {
    typed: Option<Grace>,
    default: Option<Grace>,
    of_mirrors: BTreeMap<Box<str>, Grace>,
}

impl Graces {
    /// As in a check: what the file says of one mirror, then the flag, then the file.
    fn of(typed: Option<Grace>, config: &Config) -> Self {
        Self { typed, default: typed.or(config.grace), of_mirrors: mirrors::graces(&config.mirrors) }
    }

    /// Judges every difference by them.
    ///
    /// # Errors
    /// A grace was typed, and the report dates no difference: nobody is asked when images were made.
    fn grant(&self, run: &mut Run) -> Result<(), Error> {
        let is_behind = |result: &&CheckResult| result.verdict.code == Code::DigestDiffers;
        let mut behind = run.results.iter().filter(is_behind).peekable();
        if self.typed.is_some() && behind.peek().is_some() && behind.all(|result| result.age.is_none()) {
            return Err(Error::Undated);
        }
        for result in &mut run.results {
            let name = run.endpoints[result.endpoint as usize].own_name();
            if let Some(grace) = self.of_mirrors.get(name).copied().or(self.default) {
                verdict::with_grace(result, grace);
            }
        }
        Ok(())
    }
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == STDIN_ARGUMENT
}

/// All of them, or everything that is wrong with any.
fn read_all(paths: &[PathBuf]) -> Result<Vec<Named>, Error> {
    let (mut reports, mut errors) = (Vec::new(), Vec::new());
    for path in paths {
        let shown = if is_stdin(path) { STDIN_NAME.into() } else { path.display().to_string() };
        let name = escape::terminal(&shown).into_owned();
        match read(path) {
            Ok(saved) => reports.push(Named { name, saved }),
            Err(why) => errors.push(SavedError { name, why }),
        }
    }
    if errors.is_empty() { Ok(reports) } else { Err(Error::Saved(errors)) }
}

fn read(path: &Path) -> Result<Saved, SavedFault> {
    let text = match is_stdin(path) {
        true => bytes(io::stdin().lock()),
        false => bytes(File::open(path).map_err(SavedFault::Bytes)?),
    };
    Ok(stored::read(&text?)?)
}

/// The report of an earlier check, for how long mirrors have been behind.
///
/// # Errors
/// It cannot be read, or does not add up.
pub(super) fn earlier(path: &Path) -> Result<History, Error> {
    let fault = |why: &SavedFault| config::Error::Earlier { path: path.to_owned(), why: format!("it {why}") };
    let text = match File::open(path).map_err(SavedFault::Bytes).and_then(bytes) {
        Ok(text) => text,
        Err(SavedFault::Bytes(cause)) => {
            return Err(config::Error::Unreadable { path: path.to_owned(), cause }.into());
        }
        Err(why) => return Err(fault(&why).into()),
    };
    stored::read(&text).map_err(|why| fault(&why.into()))?;
    Ok(config::read_earlier(path, &text)?)
}

fn bytes(from: impl Read) -> Result<Vec<u8>, SavedFault> {
    let mut text = Vec::new();
    from.take(MAX_BYTES + 1).read_to_end(&mut text).map_err(SavedFault::Bytes)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(SavedFault::TooLarge { limit_bytes: MAX_BYTES });
    }
    Ok(text)
}

/// A policy that speaks of nothing in the run is a mistake, as it is in a check.
fn hold_to_run(policy: &mut Policy, run: &Run) -> Result<(), Error> {
    let endpoints = run.endpoints.iter().map(|endpoint| &**endpoint);
    let (here, mirrors) = (run.scope.vantage.as_ref(), policy::names(endpoints.clone()));
    vantage::require_here(policy, here, &mirrors);
    vantage::except_here(policy, here, &endpoints.clone().map(Endpoint::own_name).collect::<Vec<_>>());
    policy::hold_to_mirrors(policy, &mirrors)?;
    let asked = run.results.chunk_by(|one, other| one.image == other.image).filter_map(|results| {
        let mirrors = results.iter().filter(|result| result.role(run) == Role::Mirror);
        let mirrors = mirrors.map(|result| &*run.endpoints[result.endpoint as usize]).collect();
        Some((run.images[results.first()?.image as usize].registry(), mirrors))
    });
    policy::hold_to_requirement(policy, asked)?;
    let images = run.images.iter().map(|image| &**image);
    policy::hold_to_images(policy, images, endpoints)
}
