//! Saved reports: reads what `-f json` writes back into the run that it tells of, and puts runs together.
//!
//! Pure: gets bytes and runs, opens nothing. What a file says is hostile: nothing in it makes this panic, and it
//! takes memory in proportion to the file, whose size its reader bounds. A report that does not add up is
//! refused, never guessed at: a run that comes out writes the very bytes again that it was read from.

mod document;
mod merge;
mod rebuild;
#[cfg(test)]
mod tests;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::error::Category;
use serde_json::value::RawValue;
use thiserror::Error;

use crate::model::run::Run;
use crate::report::escape::{bounded, terminal};
use crate::report::{SCHEMA_ID, baseline, ndjson};

pub use merge::{MergeError, Named, merge};

/// This program's version.
const OWN_VERSION: &str = env!("CARGO_PKG_VERSION");
/// Most characters of a report's text in an error.
const MAX_SHOWN_CHARS: usize = 200;

/// What a report tells of.
#[derive(Clone, Debug)]
pub struct Saved {
    /// The run.
    pub run: Run,
    /// The version of the program that made it.
    pub tool_version: Box<str>,
}

/// Why a file is no report that can be read. Texts follow the file's name, and are safe to print.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ReadError {
    /// Nothing in it.
    #[error("is empty: there is no report in it")]
    Empty,
    /// No JSON.
    #[error("is no JSON (line {line}: {why})")]
    NotJson {
        /// From 1.
        line: usize,
        /// What is wrong there.
        why: String,
    },
    /// The beginning of a report.
    #[error("ends on line {line}, in the middle of what it says: it was cut off")]
    CutOff {
        /// From 1.
        line: usize,
    },
    /// What `-f ndjson` writes.
    #[error("is a stream of results ({}), not a report", ndjson::SCHEMA_ID)]
    Stream,
    /// What `baseline write` makes.
    #[error("is a baseline ({}), not a report", baseline::SCHEMA_ID)]
    Baseline,
    /// JSON of something else.
    #[error("is JSON, but no report of registry-check: it has no \"schema\": \"{SCHEMA_ID}\"")]
    NotOurs,
    /// A report in a form that is not known here.
    #[error("is of another form, {schema}{}: this is registry-check {OWN_VERSION}, which reads {SCHEMA_ID}", by(.written_by.as_deref()))]
    OtherForm {
        /// What it says of itself.
        schema: String,
        /// The version that wrote it, if it says so.
        written_by: Option<String>,
    },
    /// A report that says something impossible, or unknown here.
    #[error("cannot be used: {place}: {why}{}", version_note(.written_by.as_deref()))]
    Fault {
        /// A line, or a part of the document.
        place: String,
        /// What is wrong there.
        why: String,
        /// The version that wrote it, if it is another.
        written_by: Option<String>,
    },
}

fn by(version: Option<&str>) -> String {
    version.map(|version| format!(", written by registry-check {version}")).unwrap_or_default()
}

fn version_note(version: Option<&str>) -> String {
    let note = |version| format!(" (written by registry-check {version}, and this is {OWN_VERSION})");
    version.map(note).unwrap_or_default()
}

impl ReadError {
    /// What to try.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Empty | Self::CutOff { .. } => "write the report again: registry-check … -o report.json",
            Self::NotJson { .. } | Self::Stream | Self::NotOurs => {
                "name a report that a check wrote with -f json or -o FILE.json"
            }
            Self::Baseline => {
                "hold a check or a report against it (--baseline FILE), or join it to others: registry-check baseline write"
            }
            Self::OtherForm { .. } | Self::Fault { written_by: Some(_), .. } => {
                "read it with the version that wrote it, or a newer one"
            }
            Self::Fault { written_by: None, .. } => {
                "take the report as the check wrote it: reports that were edited are not read"
            }
        }
    }
}

/// What is looked at before all else.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow, default)]
    schema: Option<&'a RawValue>,
    #[serde(borrow, default)]
    tool_version: Option<&'a RawValue>,
    /// What the lines of a stream begin with.
    #[serde(default)]
    artifact: Option<IgnoredAny>,
}

/// Reads a report as `-f json` writes it.
///
/// # Errors
/// It is none, or one that does not add up.
pub fn read(text: &[u8]) -> Result<Saved, ReadError> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let Some(first) = text.iter().find(|byte| !byte.is_ascii_whitespace()) else {
        return Err(ReadError::Empty);
    };
    if *first != b'{' {
        serde_json::from_slice::<IgnoredAny>(text).map_err(|error| not_json(&error))?;
        return Err(ReadError::NotOurs);
    }
    let head: Head<'_> = serde_json::from_slice(text).map_err(|error| no_head(text, &error))?;
    let written_by = string(head.tool_version).filter(|version| version != OWN_VERSION);
    match string(head.schema) {
        Some(schema) if schema == SCHEMA_ID => {}
        Some(schema) if schema == ndjson::SCHEMA_ID => return Err(ReadError::Stream),
        Some(schema) if schema == baseline::SCHEMA_ID => return Err(ReadError::Baseline),
        Some(schema) if schema.starts_with("registry-check/") => {
            return Err(ReadError::OtherForm { schema, written_by: string(head.tool_version) });
        }
        _ if head.artifact.is_some() => return Err(ReadError::Stream),
        Some(_) | None => return Err(ReadError::NotOurs),
    }
    let fault =
        |place, why: &str| ReadError::Fault { place, why: shown(why), written_by: written_by.clone() };
    let document = serde_json::from_slice(text)
        .map_err(|error| fault(format!("line {}", error.line()), &without_place(&error)))?;
    rebuild::rebuild(document).map_err(|error| fault(error.place, &error.why))
}

/// What is wrong with a text that begins like an object.
fn no_head(text: &[u8], error: &serde_json::Error) -> ReadError {
    match error.classify() {
        // The first of several lines may be whole.
        Category::Syntax | Category::Eof => {
            let first_line = text.split(|byte| *byte == b'\n').next().unwrap_or(text);
            match serde_json::from_slice::<Head<'_>>(first_line) {
                Ok(head) if head.artifact.is_some() => ReadError::Stream,
                _ if error.is_eof() || is_at_end(text, error) => ReadError::CutOff { line: error.line() },
                _ => not_json(error),
            }
        }
        Category::Data | Category::Io => ReadError::Fault {
            place: format!("line {}", error.line()),
            why: without_place(error),
            written_by: None,
        },
    }
}

/// Whether nothing stands behind what is wrong: `12.` might have gone on.
fn is_at_end(text: &[u8], error: &serde_json::Error) -> bool {
    let mut lines = text.split(|byte| *byte == b'\n').skip(error.line().saturating_sub(1));
    lines.next().is_none_or(|line| line.len() <= error.column()) && lines.next().is_none()
}

fn not_json(error: &serde_json::Error) -> ReadError {
    ReadError::NotJson { line: error.line(), why: without_place(error) }
}

/// The text alone: where it is, is told in front of it.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    shown(&in_words(text.strip_suffix(&place).unwrap_or(&text)))
}

/// Without the name that a part of the document has in this program.
fn in_words(text: &str) -> String {
    let Some((before, behind)) = text.split_once("expected struct ") else { return text.to_owned() };
    let rest = behind.find(' ').map_or("", |end| &behind[end..]);
    format!("{before}expected an object{rest}")
}

/// A string of the report, safe to print.
fn string(value: Option<&RawValue>) -> Option<String> {
    let text: String = serde_json::from_str(value?.get()).ok()?;
    Some(shown(&text))
}

fn shown(text: &str) -> String {
    terminal(&bounded(text, MAX_SHOWN_CHARS)).into_owned()
}
