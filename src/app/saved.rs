//! `registry-check render` and `registry-check merge`: saved runs, judged and told again. Nobody is asked.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::check::Ended;
use super::interrupt::Interruptions;
use super::options;
use super::output::Outputs;
use super::{Error, SavedError, SavedFault};
use crate::cli::{AgainArgs, CommonArgs, MergeArgs, RenderArgs};
use crate::config;
use crate::gate::{Policy, Require};
use crate::inputs::{STDIN_ARGUMENT, STDIN_NAME};
use crate::model::endpoint::Role;
use crate::model::run::Run;
use crate::report::escape;
use crate::stored::{self, Named, Saved};

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
    // Read for its faults too: it is the same file as that of a check.
    config::load(args.config.as_deref())?;
    let policy = options::policy(&args.gate)?;
    let Saved { run, tool_version } = one(read_all(paths)?)?;
    hold_to_requirement(&policy, &run)?;
    let interruptions = Interruptions::listen().map_err(Error::Signals)?;
    let stdin = |path: &PathBuf| if is_stdin(path) { "/dev/stdin".into() } else { path.clone() };
    let config = config::place(args.config.as_deref()).map(Path::to_owned);
    let read: Vec<PathBuf> = paths.iter().map(stdin).chain(config).collect();
    let outputs = Outputs::open(&args.outputs, args.format, &read, &interruptions).map_err(Error::Outputs)?;
    interruptions.leave_at_once();
    Ended { run: &run, policy: &policy, tool_version: &tool_version, common }.tell(outputs, None)
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
    let mut text = Vec::new();
    let from: Box<dyn Read> = if is_stdin(path) {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(path).map_err(SavedFault::Bytes)?)
    };
    from.take(MAX_BYTES + 1).read_to_end(&mut text).map_err(SavedFault::Bytes)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(SavedFault::TooLarge { limit_bytes: MAX_BYTES });
    }
    Ok(stored::read(&text)?)
}

/// A requirement that no image could meet is a mistake, as it is in a check.
fn hold_to_requirement(policy: &Policy, run: &Run) -> Result<(), Error> {
    let Require::AtLeast(required) = policy.require else { return Ok(()) };
    for results in run.results.chunk_by(|one, other| one.image == other.image) {
        let available = results.iter().filter(|result| result.role(run) == Role::Mirror).count();
        if let (1.., true, Some(first)) = (available, available < required.get(), results.first()) {
            return Err(Error::Require {
                required: required.get(),
                available,
                registry: run.images[first.image as usize].registry().to_owned(),
            });
        }
    }
    Ok(())
}
