//! What the command line names: a file, a folder, the files that a pattern stands for, each file read once.
//!
//! What is wrong with a file that was named, by a pattern too, is a fault; what a walk through a folder met is a
//! warning. A file that both lead to is held to the stricter.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::path::{Path, PathBuf};

use super::error::{FileError, FileFault};
use super::files::{self, Links, Recursion};
use super::kind::{self, Reading};
use super::{Inputs, MAX_INPUT_BYTES, Options, Source, read_bounded, read_text, text};
use crate::model::kind::Kind;

/// How a file was come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Named,
    Met,
}

/// What makes two names the same input: the file; how the name has it read; and, where a file beside it matters,
/// the folder that it was found in.
type Identity = (PathBuf, Option<Reading>, Option<PathBuf>);

/// The files that were read, and the warnings that were told of those that a walk met.
#[derive(Debug, Default)]
pub(super) struct Known {
    files: HashMap<Identity, Way>,
    told: HashSet<String>,
}

/// Reads what is named into `inputs`.
pub(super) struct Named<'a> {
    pub(super) options: &'a Options,
    pub(super) inputs: &'a mut Inputs,
    /// Of single files among several.
    pub(super) faults: &'a mut Vec<FileError>,
    pub(super) known: &'a mut Known,
}

impl Named<'_> {
    /// Reads a file, a folder, or the files that a pattern stands for.
    pub(super) fn read(&mut self, path: &Path) -> Result<(), FileFault> {
        if self.options.recursion == Recursion::Yes && path.is_dir() {
            return self.folder(path);
        }
        let Some((pattern, matcher)) = path.to_str().and_then(|text| Some((text, files::glob(text)?))) else {
            return self.file(path);
        };
        let walk = files::matching(pattern, &matcher, Links::Follow)?;
        for (path, fault) in walk.faults {
            let error = FileError { file: Source::File(path).name(), fault };
            match error.fault {
                // A shell's `**` leaves them out too.
                FileFault::FolderLink => self.warn(error.to_string()),
                _ => self.faults.push(error),
            }
        }
        for file in walk.files {
            if let Err(fault) = self.file(&file) {
                self.faults.push(FileError { file: Source::File(file).name(), fault });
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path) -> Result<(), FileFault> {
        let identity = identity(path, self.options);
        match identity.as_ref().and_then(|identity| self.known.files.get(identity)) {
            Some(Way::Named) => return Ok(()),
            // Its images are there; its faults were only warned of.
            Some(Way::Met) => {
                let mut again = Inputs::default();
                open(path, self.options, &mut again)?;
                self.inputs.bad.append(&mut again.bad);
            }
            None => open(path, self.options, self.inputs)?,
        }
        self.known.files.extend(identity.map(|identity| (identity, Way::Named)));
        Ok(())
    }

    /// Nobody has named these files: what is wrong with one of them is a warning.
    fn folder(&mut self, folder: &Path) -> Result<(), FileFault> {
        let walk = files::below(folder)?;
        for (path, fault) in walk.faults {
            self.warn(FileError { file: Source::File(path).name(), fault }.to_string());
        }
        for path in walk.files {
            let identity = identity(&path, self.options);
            if identity.as_ref().is_some_and(|identity| self.known.files.contains_key(identity)) {
                continue;
            }
            let mut here = Inputs::default();
            match open(&path, self.options, &mut here) {
                Ok(()) => self.known.files.extend(identity.map(|identity| (identity, Way::Met))),
                Err(FileFault::UnknownKind) => {}
                Err(fault) => {
                    self.warn(FileError { file: Source::File(path).name(), fault }.to_string());
                }
            }
            self.inputs.images.append(&mut here.images);
            self.inputs.dynamic.append(&mut here.dynamic);
            self.inputs.warnings.append(&mut here.warnings);
            self.inputs.files.append(&mut here.files);
            for bad in here.bad {
                self.warn(bad.to_string());
            }
        }
        Ok(())
    }

    /// Of a file that belongs to several, once.
    fn warn(&mut self, text: String) {
        if self.known.told.insert(text.clone()) {
            self.inputs.warnings.push(text);
        }
    }
}

/// None of what is no regular file: a pipe is read as often as it is named.
fn identity(path: &Path, options: &Options) -> Option<Identity> {
    let canonical = path.canonicalize().ok().filter(|path| path.is_file())?;
    let reading = match options.kind {
        Some(Kind::List) => Some(Reading::List),
        Some(Kind::Dockerfile) => Some(Reading::Dockerfile),
        Some(kind) => Some(Reading::Structured(Some(kind))),
        None => kind::by_name(path),
    };
    let folder = match reading {
        Some(Reading::Structured(_)) => {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            Some(folder.unwrap_or(Path::new(".")).canonicalize().ok()?)
        }
        Some(Reading::List | Reading::Dockerfile) | None => None,
    };
    Some((canonical, reading, folder))
}

/// Reads one file, and notes it.
pub(super) fn open(path: &Path, options: &Options, inputs: &mut Inputs) -> Result<(), FileFault> {
    let mut file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(FileFault::Directory);
    }
    let text = text::decode(read_bounded(&mut file, MAX_INPUT_BYTES)?)?;
    read_text(&text, Some(path), options, &Source::File(path.to_owned()).name(), inputs)?;
    inputs.files.push(path.to_owned());
    Ok(())
}
