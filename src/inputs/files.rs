//! Which files are meant: names, globs, folders and what lies below them.
//!
//! A walk is bounded in depth and number, follows links to files but to no folder (so no link can lead in
//! circles), and opens nothing but regular files: a pipe in a folder would never end.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};

use super::error::FileFault;
use super::kind;

/// Most files that a folder or glob may give.
pub(super) const MAX_FILES: usize = 20_000;
/// Most entries that are looked at for them.
const MAX_ENTRIES: usize = 500_000;
/// Folders inside each other.
const MAX_DEPTH: usize = 64;
/// Folders that hold no sources of anybody's own.
const PASSED_OVER: [&str; 4] = [".git", ".hg", ".svn", "node_modules"];

/// Whether folders are gone through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Recursion {
    /// A folder is an error.
    #[default]
    No,
    /// All files in it and below whose names tell what they are.
    Yes,
}

/// What a walk found.
#[derive(Debug, Default)]
pub(super) struct Walk {
    pub(super) files: Vec<PathBuf>,
    /// Folders that could not be read, and links that lead to nothing or are not followed.
    pub(super) faults: Vec<(PathBuf, FileFault)>,
    entries: usize,
    links: Links,
}

/// Whether links that give no file are told of.
#[derive(Debug, Default, PartialEq, Eq)]
enum Links {
    /// A pattern goes through much that it does not mean.
    #[default]
    Passed,
    Told,
}

/// The files below `folder` whose names tell a kind, sorted.
pub(super) fn below(folder: &Path) -> Result<Walk, FileFault> {
    let mut walk = Walk { links: Links::Told, ..Walk::default() };
    fs::read_dir(folder)?;
    walk.folder(folder, MAX_DEPTH, &|path| kind::by_name(path).is_some())?;
    Ok(walk)
}

/// The pattern that `text` is, where no file has that name.
pub(super) fn glob(text: &str) -> Option<GlobMatcher> {
    if !text.contains(['*', '?', '[', '{']) || Path::new(text).exists() {
        return None;
    }
    let glob =
        GlobBuilder::new(text.strip_prefix("./").unwrap_or(text)).literal_separator(true).build().ok()?;
    Some(glob.compile_matcher())
}

/// The files that `matcher`, made of `pattern`, stands for, sorted.
pub(super) fn matching(pattern: &str, matcher: &GlobMatcher) -> Result<Walk, FileFault> {
    let literal = &pattern[..pattern.find(['*', '?', '[', '{']).unwrap_or(pattern.len())];
    let folder = literal.rfind('/').map_or("", |end| &literal[..=end]);
    let mut walk = Walk::default();
    let root = if folder.is_empty() { Path::new(".") } else { Path::new(folder) };
    walk.folder(root, MAX_DEPTH, &|path| matcher.is_match(path.strip_prefix("./").unwrap_or(path)))?;
    for path in &mut walk.files {
        if let Ok(short) = path.strip_prefix("./")
            && !pattern.starts_with("./")
        {
            *path = short.to_owned();
        }
    }
    if walk.files.is_empty() { Err(FileFault::NoMatch) } else { Ok(walk) }
}

impl Walk {
    fn folder(
        &mut self,
        folder: &Path,
        depth: usize,
        is_meant: &dyn Fn(&Path) -> bool,
    ) -> Result<(), FileFault> {
        if depth == 0 {
            self.faults.push((folder.to_owned(), FileFault::TooDeep { most: MAX_DEPTH }));
            return Ok(());
        }
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => {
                self.faults.push((folder.to_owned(), error.into()));
                return Ok(());
            }
        };
        let mut here = Vec::new();
        for entry in entries.flatten() {
            self.entries += 1;
            if self.entries > MAX_ENTRIES {
                return Err(FileFault::TooMany { most: MAX_ENTRIES });
            }
            if let Ok(kind) = entry.file_type() {
                here.push((entry.path(), kind));
            }
        }
        here.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        for (path, kind) in here {
            let is_passed =
                path.file_name().is_some_and(|name| PASSED_OVER.iter().any(|other| name == *other));
            if self.links == Links::Told && kind.is_symlink() && !is_passed {
                self.faults.extend(link_fault(&path, is_meant).map(|fault| (path.clone(), fault)));
            }
            if kind.is_dir() {
                if !is_passed {
                    self.folder(&path, depth - 1, is_meant)?;
                }
            } else if is_meant(&path) && (kind.is_file() || kind.is_symlink() && path.is_file()) {
                self.files.push(path);
                if self.files.len() > MAX_FILES {
                    return Err(FileFault::TooMany { most: MAX_FILES });
                }
            }
        }
        Ok(())
    }
}

/// Why a link in a folder gives no file.
fn link_fault(path: &Path, is_meant: &dyn Fn(&Path) -> bool) -> Option<FileFault> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Some(FileFault::FolderLink),
        Err(_) if !is_meant(path) => None,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Some(FileFault::DanglingLink),
        Err(error) => Some(error.into()),
        Ok(_) => None,
    }
}

/// The text of a regular file of at most `most` bytes; none for anything else.
pub(super) fn read_regular(path: &Path, most: u64) -> Option<String> {
    if !fs::metadata(path).ok()?.is_file() {
        return None;
    }
    let mut text = String::new();
    File::open(path).ok()?.take(most + 1).read_to_string(&mut text).ok()?;
    (text.len() as u64 <= most).then_some(text)
}
