//! Where a thing was written: every finding can point at its line.

use std::fmt;
use std::sync::Arc;

/// A place in an input: file and line.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin {
    /// The file as it was named on the command line; standard input is `stdin`.
    pub file: Arc<str>,
    /// Line, counted from 1.
    pub line: u32,
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
}
