//! Drop-ins: a `registries.conf` is read with the files of the `registries.conf.d` beside it, of which a later one
//! replaces what an earlier one says of a prefix, and any one may have a longer prefix. An export into a file that
//! does not decide would change nothing.

use std::path::{Path, PathBuf};

use super::super::document::{Document, unreadable};
use super::super::{Error, advice, containers};
use crate::model::choice::Choice;

const FILE: &str = "registries.conf";
const FOLDER: &str = "registries.conf.d";

/// The other files of the configuration that a file belongs to.
pub(super) struct Neighbours {
    file: PathBuf,
    earlier: Vec<Document>,
    later: Vec<Document>,
}

impl Neighbours {
    /// Those of each of `files`, in this order; none of a file that stands for itself.
    ///
    /// # Errors
    /// One of them cannot be read, or the runtime would not take them.
    pub(super) fn of(files: &[&Path]) -> Result<Vec<Self>, Error> {
        let mut all: Vec<Self> = Vec::new();
        for file in files {
            if !all.iter().any(|known| known.file == *file) {
                let found = Self::around(file)?;
                // Whether the others alone can be used is found out before anybody is asked.
                containers::merge(&found.with(None))?;
                all.push(found);
            }
        }
        all.retain(|found| !found.earlier.is_empty() || !found.later.is_empty());
        Ok(all)
    }

    fn around(file: &Path) -> Result<Self, Error> {
        let name = file.file_name().unwrap_or_default();
        let folder = file.parent().unwrap_or(Path::new(""));
        // A drop-in may be named from within its folder.
        let real = std::path::absolute(here(folder)).unwrap_or_else(|_| folder.to_owned());
        let is_drop_in = real.file_name().is_some_and(|name| name == FOLDER)
            && file.extension().is_some_and(|extension| extension == "conf");
        let mut found = Self { file: file.to_owned(), earlier: Vec::new(), later: Vec::new() };
        if is_drop_in {
            let main = match folder.parent() {
                Some(above) if folder.file_name().is_some() => above.join(FILE),
                _ => folder.join("..").join(FILE),
            };
            if super::super::document::is_there(&main) {
                found.earlier.push(read(&main)?);
            }
            for path in drop_ins(folder)? {
                match path.file_name().unwrap_or_default().cmp(name) {
                    std::cmp::Ordering::Less => found.earlier.push(read(&path)?),
                    std::cmp::Ordering::Equal => {}
                    std::cmp::Ordering::Greater => found.later.push(read(&path)?),
                }
            }
        } else if name == FILE {
            for path in drop_ins(&folder.join(FOLDER))? {
                found.later.push(read(&path)?);
            }
        }
        Ok(found)
    }

    /// All of them in their order, `own` in the place of the file.
    fn with(&self, own: Option<&str>) -> Vec<Document> {
        let copy = |document: &Document| super::with_text(document, &document.text);
        let folder = self.file.parent().unwrap_or(Path::new("")).to_owned();
        let own = own.map(|text| Document::of(self.file.display().to_string(), folder, text));
        self.earlier.iter().map(copy).chain(own).chain(self.later.iter().map(copy)).collect()
    }

    /// Whether the file decides for the images of `choices` with this text in it.
    ///
    /// # Errors
    /// Another one does, or the runtime would not take them together.
    pub(super) fn hold(&self, text: &str, choices: &[Choice]) -> Result<(), Error> {
        let node = containers::merge(&self.with(Some(text)))?;
        let others = || self.earlier.iter().chain(&self.later);
        let is_written = |choice: &&Choice| !choice.chosen.is_empty() || !choice.left_out.is_empty();
        for image in choices.iter().filter(is_written).flat_map(|choice| &choice.images) {
            let Some(route) = node.route(image) else { continue };
            let decides = |other: &Document| {
                route.place.strip_prefix(other.name.as_str()).is_some_and(|rest| rest.starts_with(':'))
            };
            if others().any(decides) {
                let why = format!(
                    "this entry decides for {image}, not that of {}: what is exported there would change nothing",
                    self.file.display()
                );
                return Err(Error::unusable(&*route.place, why, advice::DROP_IN));
            }
        }
        Ok(())
    }
}

fn read(path: &Path) -> Result<Document, Error> {
    Ok(Document::read(path)?.advising(advice::REGISTRIES_CONF))
}

fn drop_ins(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    match containers::drop_ins(here(folder)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(unreadable(folder, &error)),
        files => Ok(files.unwrap_or_default()),
    }
}

/// No name of a folder at all means the one we are in, but not to the system.
fn here(folder: &Path) -> &Path {
    if folder.as_os_str().is_empty() { Path::new(".") } else { folder }
}
