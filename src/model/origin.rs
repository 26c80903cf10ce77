//! Where a thing was written: every finding can point at its line.
//!
//! File and line are for everybody; a structured file's document and key path are for programs, and for
//! people who ask what was found where.

use std::fmt;
use std::sync::Arc;

use super::depth::ImageOptions;

/// A place in an input: file and line, and in a structured file the key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin {
    /// The file as it was named on the command line; standard input is `stdin`.
    pub file: Arc<str>,
    /// Line, counted from 1.
    pub line: u32,
    /// The document of a YAML stream, counted from 1 without the empty ones; none in other files.
    pub document: Option<u32>,
    /// The key that it stands under, such as `spec.containers[0].image`; none in files without keys.
    pub path: Option<Arc<str>>,
}

impl Origin {
    /// A place in a file without documents and keys.
    #[must_use]
    pub const fn line(file: Arc<str>, line: u32) -> Self {
        Self { file, line, document: None, path: None }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// A value, the text that it was read from, and where that text stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located<T> {
    /// What was read.
    pub value: T,
    /// The text as it was typed.
    pub input: Box<str>,
    /// Where it stands.
    pub origin: Origin,
    /// What else is said there of how it is to be checked.
    pub options: Option<Box<ImageOptions>>,
}
