//! Other files that a file leads to, in the same repository: found and read with bounds.
//!
//! The repository is the nearest folder with a `.git`, else the folder of the file that was named. Nothing outside of
//! it is opened, wherever links lead.

use std::path::{Component, Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use super::found::{Found, Spot};
use super::yaml::{self, Broken, Node};
use super::{Source, files};

/// Most files that one file may lead to: GitLab's own bound on one pipeline.
pub(super) const MAX_FILES: usize = 150;
/// Most bytes of one of them.
const MAX_BYTES: u64 = 4 * 1024 * 1024;
/// Folders between a file and the root of its repository.
const MAX_FOLDERS: usize = 64;

/// A document of a file.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) root: Rc<Node>,
    /// The file it stands in, and which of its documents it is.
    pub(super) file: Arc<str>,
    pub(super) document: Option<u32>,
}

/// One file of YAML.
#[derive(Debug)]
pub(super) struct LocalFile {
    pub(super) path: PathBuf,
    pub(super) parts: Vec<Part>,
    name: Arc<str>,
    broken: Vec<(u32, Broken)>,
}

impl LocalFile {
    /// Reads it; else its name as it is shown, and why not.
    pub(super) fn read(path: PathBuf) -> Result<Self, (String, &'static str)> {
        let name = Source::File(path.clone()).name();
        let Some(text) = files::read_regular(&path, MAX_BYTES) else {
            return Err((name.escape_debug().to_string(), "cannot be read as a file of text"));
        };
        let (mut parts, mut broken) = (Vec::new(), Vec::new());
        for chunk in yaml::chunks(&text) {
            match chunk.read() {
                Ok(root) => parts.push(Part { root, file: Arc::clone(&name), document: Some(chunk.number) }),
                Err(fault) => broken.push((chunk.number, fault)),
            }
        }
        Ok(Self { path, parts, name, broken })
    }

    /// The document that a file was named for.
    pub(super) fn named(path: PathBuf, part: Part) -> Self {
        Self { path, name: Arc::clone(&part.file), parts: vec![part], broken: Vec::new() }
    }

    /// Notes that it was read, and what of it could not be.
    pub(super) fn tell(&self, found: &mut Found<'_>) {
        found.files().push(self.path.clone());
        for part in &self.parts {
            found.know(&part.root);
        }
        for (document, broken) in &self.broken {
            found.turn_to(&self.name, Some(*document));
            found.bad(Spot::line(broken.line), "", broken.why.clone());
        }
    }
}

/// The folder that other files are looked for in.
#[derive(Debug)]
pub(super) struct Repository {
    /// As it is reached from the file that was named; nothing for the working directory.
    shown: PathBuf,
    canonical: PathBuf,
}

impl Repository {
    pub(super) fn of(file: &Path) -> Option<Self> {
        let folder = file.parent()?;
        let open = |folder: &Path| if folder.as_os_str().is_empty() { ".".into() } else { folder.to_owned() };
        let own = Self { shown: folder.to_owned(), canonical: open(folder).canonicalize().ok()? };
        let (mut shown, mut canonical) = (own.shown.clone(), own.canonical.clone());
        for _ in 0..MAX_FOLDERS {
            if canonical.join(".git").exists() {
                return Some(Self { shown, canonical });
            }
            if !canonical.pop() {
                break;
            }
            match shown.components().next_back() {
                Some(Component::Normal(_)) => drop(shown.pop()),
                Some(Component::CurDir) | None => shown = "..".into(),
                Some(_) => shown.push(".."),
            }
            // Where links are among the folders, one up by name is not one up.
            if open(&shown).canonicalize().ok()? != canonical {
                break;
            }
        }
        Some(own)
    }

    /// The files that `local` stands for, by name or by pattern.
    pub(super) fn files(&self, local: &str) -> Result<Vec<PathBuf>, &'static str> {
        const OUTSIDE: &str = "not followed: it leads out of the repository";
        let relative = local.trim_start_matches('/');
        if relative.is_empty() || Path::new(relative).components().any(|part| part == Component::ParentDir) {
            return Err(OUTSIDE);
        }
        let joined = self.shown.join(relative);
        let mut paths = match joined.to_str().and_then(|text| Some((text, files::glob(text)?))) {
            Some((text, matcher)) => {
                let found = files::matching(text, &matcher, files::Links::Tell);
                found.map_err(|_| "no file of this repository matches")?.files
            }
            None => vec![joined],
        };
        paths.retain(|path| path.exists());
        if paths.is_empty() {
            return Err("no such file in this repository");
        }
        let is_inside = |path: &PathBuf| path.canonicalize().is_ok_and(|canonical| self.holds(&canonical));
        if paths.iter().all(is_inside) { Ok(paths) } else { Err(OUTSIDE) }
    }

    /// Whether a file is below this folder, by its canonical path.
    pub(super) fn holds(&self, canonical: &Path) -> bool {
        canonical.starts_with(&self.canonical)
    }
}
