//! `include`: whole Compose files, each with its own folder and variables (the Compose specification's `14-include.md`).
//!
//! Variables of the including file go before those of an `env_file`, which is the `.env` of the included file's
//! folder where none is named.

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use super::super::found::{Found, Spot};
use super::super::key_path::KeyPath;
use super::super::repository::LocalFile;
use super::super::variables::{FILE_NAME, Variables};
use super::super::yaml::Node;
use super::others::Refusal;
use super::{Compose, part, variables};

/// Files that include each other, as far as anybody could mean it.
const MAX_DEPTH: usize = 16;
/// What stands for no variables at all.
const NO_FILE: &str = "/dev/null";

impl Compose<'_> {
    pub(super) fn include(&self, include: &Node, path: &KeyPath<'_>, found: &mut Found<'_>) {
        if !include.is_seq() {
            let why = "include: expected a list".to_owned();
            found.bad(Spot { line: include.line, path: Some(path), node: None }, "", why);
            return;
        }
        let (file, document) = (Arc::clone(found.file().0), found.file().1);
        for (at, entry) in include.items(self.budget) {
            self.entry(entry, &path.index(at), found);
            found.turn_to(&file, document);
        }
    }

    fn entry(&self, entry: &Node, path: &KeyPath<'_>, found: &mut Found<'_>) {
        let paths = if entry.is_map() { self.texts(entry.get("path")) } else { self.texts(Some(entry)) };
        if paths.is_empty() {
            let why = "include: no path is named".to_owned();
            found.bad(Spot { line: entry.line, path: Some(path), node: None }, "", why);
        }
        let mut files = Vec::new();
        for node in paths {
            if let Some((file, canonical)) = self.follow("include", node, self.project, path, found) {
                if self.above.contains(&canonical) {
                    let why =
                        format!("include: {}: a circle", file.path.display().to_string().escape_debug());
                    found.bad(Spot { line: node.line, path: Some(path), node: None }, "", why);
                    return;
                }
                files.push((file, canonical));
            }
        }
        let Some((first, _)) = files.first() else { return };
        if self.above.len() >= MAX_DEPTH {
            let why = format!("more than {MAX_DEPTH} files that include each other: the rest is left out");
            self.others.refuse("include", (entry.line, path), Refusal::LeftOut(why), found);
            return;
        }
        let Some(project) = self.project_of(entry, first, path, found) else { return };
        let variables = self.variables_of(entry, &project, path, found);
        files.retain(|(_, canonical)| self.others.is_first(canonical));
        for (at, (file, canonical)) in files.iter().enumerate() {
            let mut above = self.above.to_vec();
            above.push(canonical.clone());
            let (earlier, later) = (&files[..at], &files[at + 1..]);
            Compose {
                file,
                project: &project,
                variables: &variables,
                above: &above,
                earlier,
                later,
                ..*self
            }
            .read(found);
        }
    }

    /// The folder that the included file's paths start at.
    fn project_of(
        &self,
        entry: &Node,
        first: &LocalFile,
        path: &KeyPath<'_>,
        found: &mut Found<'_>,
    ) -> Option<PathBuf> {
        let Some(named) = entry.get("project_directory") else {
            return Some(first.path.parent().unwrap_or(Path::new("")).to_owned());
        };
        let written = self.written("include: project_directory", named, path, found)?;
        match self.others.locate(self.project, &written) {
            Ok((shown, _)) => Some(shown),
            Err(refusal) => {
                self.others.refuse("include: project_directory", (named.line, path), refusal, found);
                None
            }
        }
    }

    /// The variables of an included file.
    fn variables_of(
        &self,
        entry: &Node,
        project: &Path,
        path: &KeyPath<'_>,
        found: &mut Found<'_>,
    ) -> Variables {
        let mut variables = self.variables.fixed();
        let Some(named) = part(entry, "env_file") else {
            // That of the same folder is known already.
            if project != self.project && self.others.locate(project, FILE_NAME).is_ok() {
                found.add_variables(project.join(FILE_NAME), &mut variables);
            }
            return variables;
        };
        for node in self.texts(Some(named)) {
            let Some(written) = self.written("include: env_file", node, path, found) else { continue };
            if written == NO_FILE {
                continue;
            }
            match self.others.locate(self.project, &written) {
                Ok((shown, canonical)) if canonical.is_file() => found.add_variables(shown, &mut variables),
                Ok((shown, _)) => {
                    let why = format!("{}: is no file", shown.display().to_string().escape_debug());
                    self.others.refuse("include: env_file", (node.line, path), Refusal::Fault(why), found);
                }
                Err(refusal) => self.others.refuse("include: env_file", (node.line, path), refusal, found),
            }
        }
        variables
    }

    /// A text, or a list of them.
    fn texts<'n>(&'n self, node: Option<&'n Node>) -> Vec<&'n Node> {
        let Some(node) = node else { return Vec::new() };
        if node.text().is_some() {
            return vec![node];
        }
        node.items(self.budget).map(|(_, item)| item).filter(|item| item.text().is_some()).collect()
    }

    /// A text with its values put in.
    fn written(&self, what: &str, node: &Node, path: &KeyPath<'_>, found: &mut Found<'_>) -> Option<String> {
        let refusal = match self.variables.fill(node.text()?) {
            Ok(done) if done.unset.is_empty() => return Some(done.text),
            Ok(done) => Refusal::LeftOut(format!(
                "not followed: it depends on {} without a value",
                variables(&done.unset)
            )),
            Err(fault) => Refusal::Fault(fault.to_string()),
        };
        self.others.refuse(what, (node.line, path), refusal, found);
        None
    }

    /// The file that a text names, told of if it cannot be read.
    pub(super) fn follow(
        &self,
        what: &str,
        node: &Node,
        folder: &Path,
        path: &KeyPath<'_>,
        found: &mut Found<'_>,
    ) -> Option<(Rc<LocalFile>, PathBuf)> {
        let written = self.written(what, node, path, found)?;
        match self.others.get(folder, &written) {
            Ok((file, canonical)) => {
                self.others.tell(&file, found);
                Some((file, canonical))
            }
            Err(refusal) => {
                self.others.refuse(what, (node.line, path), refusal, found);
                None
            }
        }
    }
}
