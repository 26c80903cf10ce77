//! Which files are meant: names, globs, folders and what lies below them.
//!
//! A walk is bounded in depth and number, follows links to files, to folders only where a pattern names them (so
//! no link can lead in circles), and opens nothing but regular files: a pipe in a folder would never end.

use std::fs::{self, File, FileType};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};

use super::error::FileFault;
use super::kind;

/// Most files that a folder or glob may give.
pub(super) const MAX_FILES: usize = 20_000;
/// Most entries that are looked at for them.
const MAX_ENTRIES: usize = 500_000;
/// Most patterns that braces with `/` between them may stand for.
const MAX_ALTERNATIVES: usize = 1_000;
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
    /// What could not be read, and links that lead to nothing or are not followed.
    pub(super) faults: Vec<(PathBuf, FileFault)>,
    entries: usize,
}

/// What a pattern does with links to the folders that it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Links {
    Follow,
    /// They are told of.
    Tell,
}

/// What a walk does with a folder, or with a link to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Folder {
    /// Not meant.
    Pass,
    /// Gone into; where it is a link, that is told of instead.
    Enter,
    /// Gone into, link or not.
    Follow,
}

/// What a walk looks for.
struct Meant<'a> {
    file: &'a dyn Fn(&Path) -> bool,
    folder: &'a dyn Fn(&Path) -> Folder,
}

/// The files below `folder` whose names tell a kind, sorted.
pub(super) fn below(folder: &Path) -> Result<Walk, FileFault> {
    let mut walk = Walk::default();
    fs::read_dir(folder)?;
    let meant = Meant { file: &|path| kind::by_name(path).is_some(), folder: &|_| Folder::Enter };
    walk.folder(folder, MAX_DEPTH, &meant)?;
    Ok(walk)
}

/// The pattern that `text` is, where no file has that name.
pub(super) fn glob(text: &str) -> Option<GlobMatcher> {
    if !text.contains(['*', '?', '[', '{']) || Path::new(text).exists() {
        return None;
    }
    glob_of(text.strip_prefix("./").unwrap_or(text))
}

fn glob_of(text: &str) -> Option<GlobMatcher> {
    Some(GlobBuilder::new(text).literal_separator(true).build().ok()?.compile_matcher())
}

/// The files that `matcher`, made of `pattern`, stands for, sorted. Links to folders that only its `**` goes through
/// are never followed, so no link can lead in circles.
pub(super) fn matching(pattern: &str, matcher: &GlobMatcher, links: Links) -> Result<Walk, FileFault> {
    let literal = &pattern[..pattern.find(['*', '?', '[', '{']).unwrap_or(pattern.len())];
    let folder = literal.rfind('/').map_or("", |end| &literal[..=end]);
    let mut walk = Walk::default();
    let root = if folder.is_empty() { Path::new(".") } else { Path::new(folder) };
    let folders = folders(pattern.strip_prefix("./").unwrap_or(pattern), links)?;
    let bare = |path: &Path| path.strip_prefix("./").unwrap_or(path).to_owned();
    let meant = Meant {
        file: &|path| matcher.is_match(bare(path)),
        folder: &|path| {
            let path = bare(path);
            let here = folders.iter().filter(|(folder, _)| folder.is_match(&path)).map(|(_, what)| *what);
            here.max_by_key(|what| *what == Folder::Follow).unwrap_or(Folder::Pass)
        },
    };
    match fs::metadata(root) {
        Ok(found) if found.is_dir() => walk.folder(root, MAX_DEPTH, &meant)?,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Err(error.into()),
        _ => {}
    }
    let is_bare = !pattern.starts_with("./");
    let shown = |path: &mut PathBuf| {
        if let Ok(short) = path.strip_prefix("./")
            && is_bare
            && !short.as_os_str().is_empty()
        {
            *path = short.to_owned();
        }
    };
    walk.files.iter_mut().for_each(shown);
    walk.faults.iter_mut().for_each(|(path, _)| shown(path));
    if walk.files.is_empty() && walk.faults.is_empty() { Err(FileFault::NoMatch) } else { Ok(walk) }
}

/// The patterns of the folders on the way to what `pattern` stands for.
fn folders(pattern: &str, links: Links) -> Result<Vec<(GlobMatcher, Folder)>, FileFault> {
    let mut folders = Vec::new();
    for pattern in alternatives(pattern)? {
        for (end, _) in pattern.match_indices('/') {
            let text = &pattern[..end];
            let is_any = text.split('/').any(|part| part == "**");
            let what = if is_any || links == Links::Tell { Folder::Enter } else { Folder::Follow };
            folders.extend(glob_of(text).map(|matcher| (matcher, what)));
        }
        // A `**` at the end goes through folders too.
        if pattern.rsplit('/').next() == Some("**") {
            folders.extend(glob_of(&pattern).map(|matcher| (matcher, Folder::Enter)));
        }
    }
    Ok(folders)
}

/// The patterns that `pattern` is short for, as far as there are `/` between its braces.
fn alternatives(pattern: &str) -> Result<Vec<String>, FileFault> {
    let mut done = Vec::new();
    let mut open = vec![(pattern.to_owned(), 0)];
    while let Some((pattern, from)) = open.pop() {
        let Some((begin, end)) = group(&pattern, from) else {
            done.push(pattern);
            if done.len() + open.len() > MAX_ALTERNATIVES {
                return Err(FileFault::TooMany { most: MAX_ALTERNATIVES });
            }
            continue;
        };
        if !pattern[begin..end].contains('/') {
            open.push((pattern, end));
            continue;
        }
        for part in parts(&pattern[begin + 1..end]) {
            open.push((format!("{}{part}{}", &pattern[..begin], &pattern[end + 1..]), begin));
        }
        if done.len() + open.len() > MAX_ALTERNATIVES {
            return Err(FileFault::TooMany { most: MAX_ALTERNATIVES });
        }
    }
    Ok(done)
}

/// The first braces from `from` on, and those that close them.
fn group(pattern: &str, from: usize) -> Option<(usize, usize)> {
    let begin = from + pattern.get(from..)?.find('{')?;
    let mut depth = 0_usize;
    for (at, byte) in pattern.bytes().enumerate().skip(begin) {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 1 => return Some((begin, at)),
            b'}' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// What commas part, those in inner braces not counted.
fn parts(text: &str) -> Vec<&str> {
    let (mut parts, mut begin, mut depth) = (Vec::new(), 0, 0_usize);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                parts.push(&text[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[begin..]);
    parts
}

impl Walk {
    fn folder(&mut self, folder: &Path, depth: usize, meant: &Meant<'_>) -> Result<(), FileFault> {
        if depth == 0 {
            self.faults.push((folder.to_owned(), FileFault::TooDeep { most: MAX_DEPTH }));
            return Ok(());
        }
        for (path, kind) in self.entries(folder)? {
            let is_passed =
                path.file_name().is_some_and(|name| PASSED_OVER.iter().any(|other| name == *other));
            if is_passed && !kind.is_file() {
                continue;
            }
            if kind.is_dir() {
                if (meant.folder)(&path) != Folder::Pass {
                    self.folder(&path, depth - 1, meant)?;
                }
            } else if kind.is_symlink() {
                self.link(path, depth, meant)?;
            } else if kind.is_file() && (meant.file)(&path) {
                self.file(path)?;
            }
        }
        Ok(())
    }

    /// What stands in a folder, sorted.
    fn entries(&mut self, folder: &Path) -> Result<Vec<(PathBuf, FileType)>, FileFault> {
        let mut here = Vec::new();
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => {
                self.faults.push((folder.to_owned(), error.into()));
                return Ok(here);
            }
        };
        for entry in entries {
            self.entries += 1;
            if self.entries > MAX_ENTRIES {
                return Err(FileFault::TooMany { most: MAX_ENTRIES });
            }
            match entry.and_then(|entry| Ok((entry.path(), entry.file_type()?))) {
                Ok(entry) => here.push(entry),
                // The rest of a folder that fails midway would fail too.
                Err(error) => {
                    self.faults.push((folder.to_owned(), error.into()));
                    break;
                }
            }
        }
        here.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        Ok(here)
    }

    fn link(&mut self, path: PathBuf, depth: usize, meant: &Meant<'_>) -> Result<(), FileFault> {
        let is_file = (meant.file)(&path);
        match fs::metadata(&path) {
            Ok(found) if found.is_dir() => match (meant.folder)(&path) {
                Folder::Pass => {}
                Folder::Enter => self.faults.push((path, FileFault::FolderLink)),
                Folder::Follow => return self.folder(&path, depth - 1, meant),
            },
            Ok(found) if is_file && found.is_file() => return self.file(path),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if is_file {
                    self.faults.push((path, FileFault::DanglingLink));
                }
            }
            Err(error) => {
                if is_file || (meant.folder)(&path) == Folder::Follow {
                    self.faults.push((path, error.into()));
                }
            }
        }
        Ok(())
    }

    fn file(&mut self, path: PathBuf) -> Result<(), FileFault> {
        self.files.push(path);
        if self.files.len() > MAX_FILES { Err(FileFault::TooMany { most: MAX_FILES }) } else { Ok(()) }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_with_folders_in_them_are_taken_apart_and_only_so_many() {
        let taken = |pattern: &str| {
            let mut all = alternatives(pattern).unwrap();
            all.sort();
            all
        };
        assert_eq!(taken("{a,b}/x"), ["{a,b}/x"]);
        assert_eq!(
            taken("{a/{b,c/d},e}/*.{yml,yaml}"),
            ["a/b/*.{yml,yaml}", "a/c/d/*.{yml,yaml}", "e/*.{yml,yaml}"]
        );
        assert_eq!(taken("{a/b"), ["{a/b"]);
        let many = "{a/,b/}".repeat(30);
        assert!(matches!(alternatives(&many), Err(FileFault::TooMany { most: MAX_ALTERNATIVES })));
    }

    #[test]
    fn a_folder_that_cannot_be_read_is_a_fault_and_not_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut walk = Walk::default();
        let meant = Meant { file: &|_| true, folder: &|_| Folder::Enter };
        // A file stands for a folder that cannot be listed: an administrator may list all others.
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        walk.folder(&file, MAX_DEPTH, &meant).unwrap();
        assert!(matches!(&walk.faults[..], [(path, FileFault::Io(_))] if *path == file), "{walk:?}");
    }
}
