//! What GitHub Actions gets without being asked for: annotations, and the job's summary.
//!
//! Annotations go to standard error, which the runner reads as well as standard output: there they cannot
//! come between the lines of a report. Forgejo and Gitea set the same variables.

use std::env;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::output::{self, Outputs};
use super::{Error, OutputError};
use crate::cli::ReportArgs;
use crate::report::View;
use crate::report::github::annotate;
use crate::report::step_summary::{MOST_BYTES, step_summary};

/// A job of GitHub Actions.
#[derive(Debug)]
pub(super) struct Job {
    /// Where the step's summary goes, opened behind what is there.
    summary: Option<(PathBuf, File)>,
    /// Where the working directory lies in the repository; empty for its root.
    folder: String,
}

/// Who writes the annotations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Annotations {
    /// This module.
    Wanted,
    /// The report on standard output consists of them.
    Written,
}

impl Job {
    /// The job that this process runs in, if it does and is to be told.
    ///
    /// # Errors
    /// The summary cannot be written to, or is a file that this run reads or writes a report to: better said before
    /// anything is asked or overwritten.
    pub(super) fn open(
        args: &ReportArgs,
        read: &[PathBuf],
        outputs: &Outputs,
    ) -> Result<Option<Self>, Error> {
        if args.no_github || env::var_os("GITHUB_ACTIONS").is_none_or(|value| value != "true") {
            return Ok(None);
        }
        let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let here = env::current_dir().ok();
        let folder = here.zip(set("GITHUB_WORKSPACE")).and_then(|(here, root)| inside(&here, &root));
        let summary = set("GITHUB_STEP_SUMMARY").map(|path| {
            if let Some(why) = conflict(&path, read, outputs) {
                return Err(Error::Outputs(vec![unwritable(&path, &why)]));
            }
            let open = || {
                let file = OpenOptions::new().append(true).create(true).open(&path)?;
                try_room(&file).map(|()| file)
            };
            match open() {
                Ok(file) => Ok((path, file)),
                Err(error) => Err(Error::Outputs(vec![unwritable(&path, &error)])),
            }
        });
        Ok(Some(Self { summary: summary.transpose()?, folder: folder.unwrap_or_default() }))
    }

    /// Tells of a run.
    ///
    /// # Errors
    /// The summary cannot be written to.
    pub(super) fn tell(&self, view: &View<'_>, annotations: Annotations) -> Result<(), OutputError> {
        if annotations == Annotations::Wanted {
            let mut lines = Vec::new();
            // Memory takes every line, and with standard error closed there is nobody to tell.
            let _ = annotate(view, &self.folder, &mut lines);
            let _ = io::stderr().lock().write_all(&lines);
        }
        let Some((path, file)) = &self.summary else { return Ok(()) };
        append(path, file, view).map_err(|error| unwritable(path, &error))
    }
}

/// Puts a blank line into the summary and takes it out again: a full disk is better known before anybody is asked.
fn try_room(mut file: &File) -> io::Result<()> {
    let before = file.metadata()?;
    file.write_all(b"\n")?;
    // In a pipe or device it stays, and in a file that somebody else has written to meanwhile.
    if before.is_file() && file.metadata()?.len() == before.len() + 1 {
        file.set_len(before.len())?;
    }
    Ok(())
}

/// What else this run does with the file.
fn conflict(path: &Path, read: &[PathBuf], outputs: &Outputs) -> Option<&'static str> {
    let file = output::place(path).ok().filter(|place| !place.exists() || place.is_file())?;
    if read.iter().any(|read| read.canonicalize().is_ok_and(|read| read == file)) {
        return Some("is read by this run, and would be changed");
    }
    outputs.replace(&file).then_some("a report takes its place")
}

fn unwritable(path: &Path, error: &impl std::fmt::Display) -> OutputError {
    OutputError {
        path: path.to_owned(),
        why: format!("{error} (the job summary, GITHUB_STEP_SUMMARY; --no-github leaves it out)"),
    }
}

/// Behind what earlier commands of the step have written, within what GitHub shows.
fn append(path: &Path, mut file: &File, view: &View<'_>) -> io::Result<()> {
    let taken = usize::try_from(file.metadata()?.len()).unwrap_or(MOST_BYTES);
    let gap: &[u8] = if taken > 0 { b"\n" } else { b"" };
    let text = step_summary(view, MOST_BYTES.saturating_sub(taken + gap.len()));
    if text.is_empty() {
        log::warn!("{}: no room left for the job summary: GitHub shows 1 MiB", path.display());
        return Ok(());
    }
    let before = file.metadata()?;
    let written = file.write_all(&[gap, &text].concat());
    if written.is_err() && before.is_file() {
        // Half of it would open what it does not close. What went wrong is told already.
        let _ = file.set_len(before.len());
    }
    written
}

/// The path from `root` to `here`, with `/` between its parts.
fn inside(here: &Path, root: &Path) -> Option<String> {
    let parts: Option<Vec<_>> = here.strip_prefix(root).ok()?.iter().map(|part| part.to_str()).collect();
    Some(parts?.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_working_directory_is_told_from_the_repositorys_root() {
        let folder = |here, root| inside(Path::new(here), Path::new(root));
        assert_eq!(folder("/w/app", "/w/app").as_deref(), Some(""));
        assert_eq!(folder("/w/app/deploy/prod", "/w/app/").as_deref(), Some("deploy/prod"));
        assert_eq!(folder("/tmp", "/w/app"), None);
        assert_eq!(folder("/w/apple", "/w/app"), None);
    }
}
