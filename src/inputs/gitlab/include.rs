//! `include` of files in the same repository: which they are, read with bounds, each once.
//!
//! Paths start at the root of the `Repository`. What a pipeline includes from other projects, by URL or as a
//! component only the server knows.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use crate::inputs::found::Found;
use crate::inputs::repository::{LocalFile, MAX_FILES, Part, Repository};
use crate::inputs::yaml::{Budget, Node};

/// `root` and all that it includes from its repository, what wins first; and whether that is the whole pipeline.
pub(super) fn follow(
    root: &Rc<Node>,
    path: Option<&Path>,
    budget: &Budget,
    found: &mut Found<'_>,
) -> (Vec<Part>, bool) {
    let mut is_whole = true;
    let (file, document) = found.file();
    let mut parts = vec![Part { root: Rc::clone(root), file: Arc::clone(file), document }];
    let repository = path.and_then(Repository::of);
    let mut known: HashSet<PathBuf> = path.and_then(|path| path.canonicalize().ok()).into_iter().collect();
    let mut at = 0;
    while let Some(part) = parts.get(at) {
        found.turn_to(&part.file, part.document);
        let mut included = Vec::new();
        let (locals, are_all) = locals(&part.root, budget, found);
        is_whole &= are_all;
        for (line, local) in locals {
            let files = match &repository {
                Some(repository) => repository.files(&local),
                None => Err("not followed; name those files too"),
            };
            match files {
                Ok(files) => included.extend(files.into_iter().map(|file| (line, file))),
                Err(why) => {
                    is_whole = false;
                    found.warn(line, &format!("include: {}: {why}", local.escape_debug()));
                }
            }
        }
        let mut here = Vec::new();
        for (line, path) in included {
            if !path.canonicalize().is_ok_and(|path| known.insert(path)) {
                continue;
            }
            found.turn_to(&part.file, part.document);
            if known.len() > MAX_FILES {
                is_whole = false;
                found.warn(line, &format!("include: more than {MAX_FILES} files: the rest is left out"));
                break;
            }
            // Later ones win.
            match LocalFile::read(path) {
                Ok(file) => {
                    file.tell(found);
                    here.splice(0..0, file.parts);
                }
                Err((name, why)) => {
                    is_whole = false;
                    found.warn(line, &format!("include: {name}: {why}"));
                }
            }
        }
        parts.splice(at + 1..at + 1, here);
        at += 1;
    }
    (parts, is_whole)
}

/// The `local` entries of `include`, in order, and whether these are all; a warning for each that is none.
fn locals(root: &Node, budget: &Budget, found: &mut Found<'_>) -> (Vec<(u32, String)>, bool) {
    let Some(include) = root.get("include") else { return (Vec::new(), true) };
    let entries: Vec<&Node> = if include.is_seq() {
        include.items(budget).map(|(_, entry)| entry).collect()
    } else {
        vec![include]
    };
    let mut locals = Vec::new();
    let number = entries.len();
    for entry in entries {
        match entry.text().or_else(|| entry.str("local")) {
            Some(text) if text.contains('$') => {
                found.warn(entry.line, "include: not followed: it depends on variables");
            }
            Some(text) if !text.contains("://") => locals.push((entry.line, text.to_owned())),
            _ => found.warn(entry.line, "include: not followed: it stands outside of this repository"),
        }
    }
    let are_all = locals.len() == number;
    (locals, are_all)
}
