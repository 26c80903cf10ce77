//! `include` of files in the same repository: which they are, read with bounds, each once.
//!
//! Paths start at the repository's root, the nearest folder with a `.git`, else at the folder of the file that
//! was named. Nothing outside of it is opened, wherever links lead. What a pipeline includes from other
//! projects, by URL or as a component only the server knows.

use std::collections::HashSet;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use super::Part;
use crate::inputs::found::{Found, Spot};
use crate::inputs::yaml::{self, Budget, Node};
use crate::inputs::{Source, files};

/// GitLab's own bound on one pipeline.
const MAX_INCLUDES: usize = 150;
/// Most bytes of one included file.
const MAX_BYTES: u64 = 4 * 1024 * 1024;
/// Folders between a file and the root of its repository.
const MAX_FOLDERS: usize = 64;

/// `root` and all that it includes from its repository; what wins stands first.
pub(super) fn follow(
    root: &Rc<Node>,
    path: Option<&Path>,
    budget: &Budget,
    found: &mut Found<'_>,
) -> Vec<Part> {
    let (file, document) = found.file();
    let mut parts = vec![Part { root: Rc::clone(root), file: Arc::clone(file), document }];
    let repository = path.and_then(Repository::of);
    let mut known: HashSet<PathBuf> = path.and_then(|path| path.canonicalize().ok()).into_iter().collect();
    let mut at = 0;
    while let Some(part) = parts.get(at) {
        found.turn_to(&part.file, part.document);
        let mut included = Vec::new();
        for (line, local) in locals(&part.root, budget, found) {
            let files = match &repository {
                Some(repository) => repository.files(&local),
                None => Err("not followed; name those files too"),
            };
            match files {
                Ok(files) => included.extend(files.into_iter().map(|file| (line, file))),
                Err(why) => found.warn(line, &format!("include: {}: {why}", local.escape_debug())),
            }
        }
        let mut here = Vec::new();
        for (line, path) in included {
            if !path.canonicalize().is_ok_and(|path| known.insert(path)) {
                continue;
            }
            found.turn_to(&part.file, part.document);
            if known.len() > MAX_INCLUDES {
                found.warn(line, &format!("include: more than {MAX_INCLUDES} files: the rest is left out"));
                break;
            }
            // Later ones win.
            here.splice(0..0, read(&path, line, found));
        }
        parts.splice(at + 1..at + 1, here);
        at += 1;
    }
    parts
}

/// The `local` entries of `include`, in order; a warning for each that is none.
fn locals(root: &Node, budget: &Budget, found: &mut Found<'_>) -> Vec<(u32, String)> {
    let Some(include) = root.get("include") else { return Vec::new() };
    let entries: Vec<&Node> = if include.is_seq() {
        include.items(budget).map(|(_, entry)| entry).collect()
    } else {
        vec![include]
    };
    let mut locals = Vec::new();
    for entry in entries {
        match entry.text().or_else(|| entry.str("local")) {
            Some(text) if text.contains('$') => {
                found.warn(entry.line, "include: not followed: it depends on variables");
            }
            Some(text) if !text.contains("://") => locals.push((entry.line, text.to_owned())),
            _ => found.warn(entry.line, "include: not followed: it stands outside of this repository"),
        }
    }
    locals
}

fn read(path: &Path, line: u32, found: &mut Found<'_>) -> Vec<Part> {
    let file = Source::File(path.to_owned()).name();
    let Some(text) = files::read_regular(path, MAX_BYTES) else {
        found.warn(line, &format!("include: {}: cannot be read as a file of text", file.escape_debug()));
        return Vec::new();
    };
    found.files().push(path.to_owned());
    let mut parts = Vec::new();
    for chunk in yaml::chunks(&text) {
        match chunk.read() {
            Ok(root) => parts.push(Part { root, file: Arc::clone(&file), document: Some(chunk.number) }),
            Err(broken) => {
                found.turn_to(&file, Some(chunk.number));
                found.bad(Spot::line(broken.line), "", broken.why);
            }
        }
    }
    parts
}

/// The folder that includes start at.
struct Repository {
    /// As it is reached from the file that was named; nothing for the working directory.
    shown: PathBuf,
    canonical: PathBuf,
}

impl Repository {
    fn of(file: &Path) -> Option<Self> {
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
    fn files(&self, local: &str) -> Result<Vec<PathBuf>, &'static str> {
        const OUTSIDE: &str = "not followed: it leads out of the repository";
        let relative = local.trim_start_matches('/');
        if relative.is_empty() || Path::new(relative).components().any(|part| part == Component::ParentDir) {
            return Err(OUTSIDE);
        }
        let joined = self.shown.join(relative);
        let mut paths = match joined.to_str().and_then(|text| Some((text, files::glob(text)?))) {
            Some((text, matcher)) => {
                files::matching(text, &matcher).map_err(|_| "no file of this repository matches")?.files
            }
            None => vec![joined],
        };
        paths.retain(|path| path.exists());
        if paths.is_empty() {
            return Err("no such file in this repository");
        }
        let is_inside = |path: &PathBuf| {
            path.canonicalize().is_ok_and(|canonical| canonical.starts_with(&self.canonical))
        };
        if paths.iter().all(is_inside) { Ok(paths) } else { Err(OUTSIDE) }
    }
}
