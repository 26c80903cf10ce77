//! Files of runtimes: read with a bound, and with the line of whatever is wrong in them.
//!
//! TOML is walked by hand where order or lines matter: `toml` keeps the place of every key.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Error, advice};
use crate::model::node::Note;

const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// One file.
#[derive(Debug)]
pub(super) struct Document {
    /// As people are told of it.
    pub(super) name: String,
    /// What paths in it start from.
    pub(super) folder: PathBuf,
    pub(super) text: String,
    /// What to do about a flaw that has no advice of its own.
    hint: &'static str,
}

/// Why there is no text of a file: runtimes differ in what they make of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// Nothing is there, or a link that leads nowhere.
    Missing,
    /// It is no file, or cannot be read by this user.
    Unreadable,
    /// It is not read to its end.
    TooLarge,
    /// It is not UTF-8.
    NotText,
}

/// What is wrong, and at which byte.
#[derive(Debug)]
pub(super) struct Flaw {
    pub(super) at: usize,
    pub(super) why: String,
    hint: Option<&'static str>,
}

impl Flaw {
    pub(super) fn new(at: usize, why: impl Into<String>) -> Self {
        Self { at, why: why.into(), hint: None }
    }

    /// With what to do about it.
    pub(super) fn advising(self, hint: &'static str) -> Self {
        Self { hint: Some(hint), ..self }
    }

    /// The same, where no better advice is known.
    pub(super) fn advising_else(self, hint: &'static str) -> Self {
        Self { hint: self.hint.or(Some(hint)), ..self }
    }
}

pub(super) type Value<'a> = Spanned<DeValue<'a>>;

impl Document {
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        Self::read_or_why(path).map_err(|(_, error)| error)
    }

    /// The same, telling also what kind of trouble there is.
    pub(super) fn read_or_why(path: &Path) -> Result<Self, (Unread, Error)> {
        let name = path.display().to_string();
        let unreadable = |error: std::io::Error| {
            let what = if error.kind() == ErrorKind::NotFound { Unread::Missing } else { Unread::Unreadable };
            (what, unreadable(path, &error))
        };
        // To open a pipe is to wait for somebody who writes into it; so this comes first.
        let found = fs::metadata(path).map_err(unreadable)?.file_type();
        if !found.is_file() {
            let why = format!("is {}, not a file", kind_of(found));
            return Err((Unread::Unreadable, Error::unusable(&name, why, advice::NOT_A_FILE)));
        }
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(unreadable)?;
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > MAX_BYTES {
            let why = format!("is larger than {MAX_BYTES} bytes: not a configuration");
            return Err((Unread::TooLarge, Error::unusable(&name, why, advice::TOO_LARGE)));
        }
        let text = String::from_utf8(bytes).map_err(|error| {
            let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
            let place = format!("{name}:{line}");
            (Unread::NotText, Error::unusable(place, "not UTF-8 text", advice::UTF_8))
        })?;
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        Ok(Self::of(name, folder, &text))
    }

    pub(super) fn of(name: String, folder: PathBuf, text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).to_owned();
        Self { name, folder, text, hint: advice::UNKNOWN }
    }

    /// With what to do about flaws, as the format goes.
    pub(super) fn advising(self, hint: &'static str) -> Self {
        Self { hint, ..self }
    }

    /// What to do about flaws without advice of their own.
    pub(super) const fn hint(&self) -> &'static str {
        self.hint
    }

    /// `file:line` of a byte.
    pub(super) fn place(&self, at: usize) -> String {
        let before = self.text.get(..at).unwrap_or(&self.text);
        self.line(before.matches('\n').count() + 1)
    }

    pub(super) fn line(&self, line: usize) -> String {
        format!("{}:{line}", self.name)
    }

    /// The first byte of a line, counted from 1.
    pub(super) fn start_of(&self, line: usize) -> usize {
        self.text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum()
    }

    /// The first byte of `words`, for readers that keep no places.
    pub(super) fn find(&self, words: &str) -> usize {
        self.text.find(words).unwrap_or(0)
    }

    pub(super) fn error(&self, flaw: Flaw) -> Error {
        Error::unusable(self.place(flaw.at), flaw.why, flaw.hint.unwrap_or(self.hint))
    }

    pub(super) fn note(&self, at: usize, text: impl Into<Box<str>>) -> Note {
        Note { place: self.place(at).into(), text: text.into() }
    }

    pub(super) fn toml(&self) -> Result<DeTable<'_>, Flaw> {
        DeTable::parse(&self.text).map(Spanned::into_inner).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            Flaw::new(at, error.message().trim().replace('\n', ", ")).advising(advice::TOML)
        })
    }
}

/// What `path` is that cannot be opened or read.
pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    let place = path.display().to_string();
    if error.kind() == ErrorKind::NotFound && path.is_symlink() {
        return Error::unusable(place, "is a link that leads nowhere", advice::LINK);
    }
    Error::unusable(place, format!("cannot be read: {error}"), advice::of_io(error))
}

/// Whether something is there that is no folder, even if it cannot be read.
pub(super) fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok() && !path.is_dir()
}

/// In words, with the article.
fn kind_of(found: fs::FileType) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if found.is_fifo() {
            return "a pipe";
        }
        if found.is_socket() {
            return "a socket";
        }
        if found.is_char_device() || found.is_block_device() {
            return "a device";
        }
    }
    if found.is_dir() { "a folder" } else { "something else" }
}

/// The keys of a table in the order of the file, each with its byte.
pub(super) fn entries<'t, 'a>(table: &'t DeTable<'a>) -> Vec<(&'t str, usize, &'t Value<'a>)> {
    let mut entries: Vec<_> =
        table.iter().map(|(key, value)| (&**key.get_ref(), key.span().start, value)).collect();
    entries.sort_by_key(|(_, at, _)| *at);
    entries
}

pub(super) fn get<'t, 'a>(table: &'t DeTable<'a>, key: &str) -> Option<&'t Value<'a>> {
    table.iter().find(|(name, _)| **name.get_ref() == *key).map(|(_, value)| value)
}

fn wrong(value: &Value<'_>, expected: &str) -> Flaw {
    Flaw::new(value.span().start, format!("expected {expected}"))
}

pub(super) fn table<'t, 'a>(value: &'t Value<'a>) -> Result<&'t DeTable<'a>, Flaw> {
    value.get_ref().as_table().ok_or_else(|| wrong(value, "a table"))
}

pub(super) fn string<'t>(value: &'t Value<'_>) -> Result<&'t str, Flaw> {
    value.get_ref().as_str().ok_or_else(|| wrong(value, "a string"))
}

pub(super) fn flag(table: &DeTable<'_>, key: &str) -> Result<bool, Flaw> {
    match get(table, key) {
        None => Ok(false),
        Some(value) => value.get_ref().as_bool().ok_or_else(|| wrong(value, "true or false")),
    }
}

pub(super) fn text<'t>(table: &'t DeTable<'_>, key: &str) -> Result<Option<(&'t str, usize)>, Flaw> {
    get(table, key).map(|value| Ok((string(value)?, value.span().start))).transpose()
}

pub(super) fn array<'t, 'a>(value: &'t Value<'a>) -> Result<&'t [Value<'a>], Flaw> {
    value.get_ref().as_array().map(|array| &**array).ok_or_else(|| wrong(value, "a list"))
}

/// The strings under `key`; a single string is a list of one where `one` says so.
pub(super) fn strings<'t>(
    table: &'t DeTable<'_>,
    key: &str,
    single: Single,
) -> Result<Vec<(&'t str, usize)>, Flaw> {
    let Some(value) = get(table, key) else { return Ok(Vec::new()) };
    if single == Single::Allowed
        && let Some(text) = value.get_ref().as_str()
    {
        return Ok(vec![(text, value.span().start)]);
    }
    array(value)?.iter().map(|item| Ok((string(item)?, item.span().start))).collect()
}

/// Whether one string may stand for a list of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Single {
    Allowed,
    Refused,
}
