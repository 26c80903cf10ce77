//! The other files that a Compose file leads to: each is read once, and what is wrong with one is told once.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use super::super::found::{Found, Spot};
use super::super::key_path::KeyPath;
use super::super::repository::{LocalFile, MAX_FILES, Repository};

/// How the names of places begin that only a network knows.
const REMOTE: [&str; 3] = ["git@", "github.com/", "oci:"];

/// Why a file is not there to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Compose would read it; here it is left out.
    LeftOut(String),
    /// Compose refuses it as well.
    Fault(String),
}

pub(super) struct Others {
    /// None for what has no folder, such as standard input.
    repository: Option<Repository>,
    read: RefCell<HashMap<PathBuf, Rc<LocalFile>>>,
    /// Files that were included, by canonical path.
    included: RefCell<HashSet<PathBuf>>,
    /// Files that were told of, and warnings.
    told: RefCell<HashSet<String>>,
}

impl Others {
    pub(super) fn of(path: Option<&Path>) -> Self {
        Self {
            repository: path.and_then(Repository::of),
            read: RefCell::default(),
            included: RefCell::default(),
            told: RefCell::default(),
        }
    }

    /// Whether a file is included for the first time.
    pub(super) fn is_first(&self, canonical: &Path) -> bool {
        self.included.borrow_mut().insert(canonical.to_owned())
    }

    /// Where a path leads that stands in a file and starts at `folder`: as it is shown, and canonical.
    pub(super) fn locate(&self, folder: &Path, written: &str) -> Result<(PathBuf, PathBuf), Refusal> {
        let left_out = |why: &str| Err(Refusal::LeftOut(format!("{}: {why}", written.escape_debug())));
        let Some(repository) = &self.repository else {
            return left_out("not followed; name those files too");
        };
        if written.contains("://") || REMOTE.iter().any(|start| written.starts_with(start)) {
            return left_out("not followed: it stands outside of this repository");
        }
        let shown = tidy(&folder.join(written.trim_start_matches("./")));
        match shown.canonicalize() {
            Ok(canonical) if repository.holds(&canonical) => Ok((shown, canonical)),
            Ok(_) => left_out("not followed: it leads out of the repository; name that file too"),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(Refusal::Fault(format!("{}: no such file", shown.display().to_string().escape_debug())))
            }
            Err(error) => {
                Err(Refusal::Fault(format!("{}: {error}", shown.display().to_string().escape_debug())))
            }
        }
    }

    /// The file at a path that stands in a file and starts at `folder`, and its canonical path.
    pub(super) fn get(&self, folder: &Path, written: &str) -> Result<(Rc<LocalFile>, PathBuf), Refusal> {
        let (shown, canonical) = self.locate(folder, written)?;
        let mut read = self.read.borrow_mut();
        if let Some(file) = read.get(&canonical) {
            return Ok((Rc::clone(file), canonical));
        }
        if read.len() >= MAX_FILES {
            return Err(Refusal::LeftOut(format!("more than {MAX_FILES} files: the rest is left out")));
        }
        let file = LocalFile::read(shown)
            .map_err(|(name, why)| Refusal::Fault(format!("{name}: {why}")))
            .map(Rc::new)?;
        read.insert(canonical.clone(), Rc::clone(&file));
        Ok((file, canonical))
    }

    /// Tells of a file that was read, once.
    pub(super) fn tell(&self, file: &LocalFile, found: &mut Found<'_>) {
        if self.told.borrow_mut().insert(file.path.display().to_string()) {
            let (name, document) = (found.file().0.clone(), found.file().1);
            file.tell(found);
            found.turn_to(&name, document);
        }
    }

    /// Tells why a file that `what` names is not there.
    pub(super) fn refuse(
        &self,
        what: &str,
        (line, path): (u32, &KeyPath<'_>),
        refusal: Refusal,
        found: &mut Found<'_>,
    ) {
        match refusal {
            Refusal::LeftOut(why) => {
                let text = format!("{what}: {why}");
                if self.told.borrow_mut().insert(format!("{}:{line}: {text}", found.file().0)) {
                    found.warn(line, &text);
                }
            }
            Refusal::Fault(why) => {
                found.bad(Spot { line, path: Some(path) }, "", format!("{what}: {why}"));
            }
        }
    }
}

/// Without `.`, and without `..` where that leads to the same place, as it does where no link is among the folders.
fn tidy(path: &Path) -> PathBuf {
    let mut short = PathBuf::new();
    for part in path.components() {
        match (part, short.components().next_back()) {
            (Component::ParentDir, Some(Component::Normal(_))) => drop(short.pop()),
            _ => short.push(part),
        }
    }
    let is_same = || path.canonicalize().ok() == short.canonicalize().ok();
    if short.as_os_str().is_empty() || !is_same() { path.to_owned() } else { short }
}
