//! Baselines: read for a check, and `registry-check baseline write`, which makes small ones.

use std::collections::{BTreeSet, HashSet};
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use super::interrupt::Interruptions;
use super::{Error, OutputError, output};
use crate::cli::{BaselineCommand, BaselineWriteArgs};
use crate::exit;
use crate::gate::Baseline;
use crate::model::endpoint::Endpoint;
use crate::model::image::ImageRef;
use crate::model::scope::{Shard, Vantage};
use crate::report::baseline::{Kind, Unusable};
use crate::report::{self, escape};
use crate::stored;

/// A report of some hundred thousand rows is smaller.
const MAX_BYTES: u64 = 1024 * 1024 * 1024;

/// Reads a baseline, or a report as one.
///
/// # Errors
/// It cannot be read, or is neither.
pub(super) fn load(path: &Path) -> Result<Baseline, Error> {
    read(path).map_err(|why| Error::Baseline(vec![format!("{}: {why}", path.display())]))
}

fn read(path: &Path) -> Result<Baseline, String> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(format!("larger than {MAX_BYTES} bytes: no report of ours"));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    // A report is held to what every command holds it to: one that does not add up would let through what it lacks.
    match report::baseline::kind(bytes) {
        Ok(Kind::Baseline) => {}
        Err(unknown @ Unusable::UnknownSchema(_)) => return Err(unknown.to_string()),
        // What is nothing of ours is told as every command tells it.
        Ok(Kind::Report) | Err(_) => drop(stored::read(bytes).map_err(|error| format!("it {error}"))?),
    }
    report::baseline::read(bytes).map_err(|error| error.to_string())
}

/// A baseline of other images would let nothing pass, and tell everything to be new.
///
/// # Errors
/// No image is in both.
pub(super) fn hold_to_images<'a>(
    baseline: &Baseline,
    path: &Path,
    mut images: impl Iterator<Item = &'a ImageRef>,
) -> Result<(), Error> {
    if images.any(|image| baseline.images.contains(&*image.to_string())) {
        return Ok(());
    }
    let checked = baseline.images.len();
    Err(Error::Baseline(vec![format!(
        "{}: is of another list: none of its {checked} images is checked here",
        path.display()
    )]))
}

/// Warns where most of a baseline is about images that are not checked here: it may be that of another list, or of an old one.
/// Of a shard nothing is told, as the others have the rest.
pub(super) fn warn_of_images<'a>(
    baseline: &Baseline,
    path: &Path,
    part: Option<Shard>,
    images: impl Iterator<Item = &'a ImageRef>,
) {
    let checked: HashSet<String> = images.map(ToString::to_string).collect();
    let shared = baseline.images.iter().filter(|image| checked.contains(&***image)).count();
    let all = baseline.images.len();
    if part.is_none() && shared * 2 < all {
        log::warn!(
            "{}: only {shared} of its {all} images are among the {} checked here: is it the baseline of this list?",
            escape::terminal(&path.display().to_string()),
            checked.len()
        );
    }
}

/// What is put together from several vantage points names its mirrors by them: held against a baseline that does not,
/// every old problem would be new.
///
/// # Errors
/// Only one of the two is of several vantage points.
pub(super) fn hold_to_vantages<'a>(
    baseline: &Baseline,
    path: &Path,
    endpoints: impl Iterator<Item = &'a Endpoint> + Clone,
) -> Result<(), Error> {
    if endpoints.clone().any(|endpoint| baseline.mirrors.contains(&endpoint.name)) {
        return Ok(());
    }
    let shown = path.display();
    let fault = endpoints.clone().find_map(|Endpoint { name, seen, .. }| {
        let own = seen.as_ref().map_or(name, |seen| &seen.own_name);
        if own != name && baseline.mirrors.contains(own) {
            return Some(format!(
                "{shown}: is of one place ('{own}'), and this report of several vantage points ('{name}'): \
                 take a merged report of the same vantage points"
            ));
        }
        let is_of_this = |known: &&str| {
            known.strip_prefix(&**own).is_some_and(|rest| rest.starts_with(" (") && rest.ends_with(')'))
        };
        baseline.mirrors.iter().map(|known| &**known).find(is_of_this).map(|known| {
            format!(
                "{shown}: is of several vantage points ('{known}'), and this check of one ('{own}'): take a report \
                 that is not merged, or merge first and hold the merged report against it"
            )
        })
    });
    fault.map_or(Ok(()), |fault| Err(Error::Baseline(vec![escape::terminal(&fault).into_owned()])))
}

/// Warns where a run was made somewhere else than the baseline: mirrors have the same names everywhere, and what is
/// broken at one place may be well at another.
pub(super) fn warn_of_place(baseline: &Baseline, path: &Path, vantage: Option<&Vantage>) {
    if baseline.vantages.is_empty() || vantage.is_some_and(|here| baseline.vantages.contains(here)) {
        return;
    }
    let here = match vantage {
        Some(vantage) => format!("is from {vantage}"),
        None => "does not say from where (--vantage)".to_owned(),
    };
    let path = path.display().to_string();
    log::warn!(
        "{}: was made from {}, and this run {here}: what is broken at only one of both counts as known or as new",
        escape::terminal(&path),
        names(&baseline.vantages)
    );
}

fn names(vantages: &BTreeSet<Vantage>) -> String {
    let names: Vec<_> = vantages.iter().map(Vantage::as_str).collect();
    names.join(", ")
}

/// Makes one baseline of all that are named.
pub(super) fn run(command: BaselineCommand) -> Result<u8, Error> {
    let interruptions = Interruptions::listen().map_err(Error::Signals)?;
    let BaselineCommand::Write(BaselineWriteArgs { reports, output }) = command;
    let (mut all, mut faults) = (Vec::new(), Vec::new());
    for path in &reports {
        match read(path) {
            Ok(baseline) => all.push(baseline),
            Err(why) => faults.push(format!("{}: {why}", path.display())),
        }
    }
    // In the order of the runs: what one of them could not find out is as the run before it left it.
    all.sort_by_key(|baseline| baseline.taken_at);
    let whole = all.into_iter().reduce(|mut whole, later| {
        whole.merge(later);
        whole
    });
    let whole = match whole {
        Some(whole) if faults.is_empty() => whole,
        _ => return Err(Error::Baseline(faults)),
    };
    if whole.vantages.len() > 1 {
        log::warn!(
            "the runs were made from {}: of the same image at the same mirror the latest holds, wherever it was made; \
             'registry-check merge' keeps them apart",
            names(&whole.vantages)
        );
    }
    let mut text = Vec::new();
    let fail = |path: &Path, error: std::io::Error| {
        Error::Outputs(vec![OutputError { path: path.to_owned(), why: error.to_string() }])
    };
    let stdout = Path::new("standard output");
    report::baseline::write(&whole, &mut text).map_err(|error| fail(stdout, error))?;
    match output.filter(|path| path.as_os_str() != "-") {
        Some(path) => {
            output::replace(&path, &text, &interruptions).map_err(|error| fail(&path, error))?;
        }
        None => {
            interruptions.writing();
            let mut out = std::io::stdout().lock();
            match out.write_all(&text).and_then(|()| out.flush()) {
                Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                    return Err(fail(stdout, error));
                }
                _ => {}
            }
        }
    }
    Ok(interruptions.code(exit::PASSED))
}
