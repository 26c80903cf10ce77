//! A file that is no report: opened before the first request, and given its name when it is whole.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::OutputError;
use super::interrupt::Interruptions;
use super::output::{self, Target};
use super::reader::{self, Reader};

/// Where it goes.
pub(super) struct Whole {
    target: Target,
    interruptions: Interruptions,
}

impl Whole {
    /// Opens the file, or standard output where none is named. None of the files `read` is written to.
    pub(super) fn open(
        path: Option<&Path>,
        read: &[PathBuf],
        interruptions: &Interruptions,
    ) -> Result<Self, OutputError> {
        let whole = |target| Self { target, interruptions: interruptions.clone() };
        let Some(path) = path.filter(|path| path.as_os_str() != "-") else {
            return Ok(whole(Target::Stdout));
        };
        let fail = |why: String| OutputError { path: path.to_owned(), why };
        let target = output::open(path, interruptions).map_err(|error| fail(error.to_string()))?;
        let is_read = |own: &Path| read.iter().any(|path| path.canonicalize().is_ok_and(|path| path == own));
        match &target {
            Target::File { path, .. } if is_read(path) => {
                Err(fail("is read by this run, and would be overwritten".to_owned()))
            }
            _ => Ok(whole(target)),
        }
    }

    /// Whether it is standard output.
    pub(super) const fn is_stdout(&self) -> bool {
        matches!(self.target, Target::Stdout)
    }

    /// Writes the whole, and then gives the file its name. A reader that has seen enough is no error.
    pub(super) fn write(
        self,
        content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), OutputError> {
        let (name, interruptions) = (self.target.name(), &self.interruptions);
        let (path, written) = match self.target {
            Target::Stdout => {
                let written = reader::stdout().and_then(|out| {
                    let mut out = BufWriter::new(Reader::of(out, name, interruptions));
                    content(&mut out).and_then(|()| out.flush())
                });
                ("standard output".into(), written)
            }
            Target::Special { path, file } => (path, content(&mut Reader::of(file, name, interruptions))),
            Target::File { path, mut temporary } => {
                let written = content(temporary.as_file_mut()).and_then(|()| output::name(temporary, &path));
                (path, written)
            }
        };
        match written {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(OutputError { path, why: error.to_string() })
            }
            _ => Ok(()),
        }
    }
}
