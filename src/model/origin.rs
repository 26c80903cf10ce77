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

impl Origin {
    /// Where in its file, beyond the line: `document 2, spec.containers[0].image`; none in files without keys.
    #[must_use]
    pub fn within(&self) -> Option<Within<'_>> {
        (self.document.is_some() || self.path.is_some()).then_some(Within(self))
    }

    /// File, line, document and key path: `web.yaml:42 (document 2, spec.containers[0].image)`. Not escaped.
    #[must_use]
    pub fn in_full(&self) -> String {
        match self.within() {
            Some(within) => format!("{self} ({within})"),
            None => self.to_string(),
        }
    }
}

/// Document and key path of an [`Origin`], as people read them. Not escaped.
#[derive(Clone, Copy, Debug)]
pub struct Within<'a>(&'a Origin);

impl fmt::Display for Within<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Origin { document, path, .. } = self.0;
        if let Some(document) = document {
            write!(f, "document {document}{}", if path.is_some() { ", " } else { "" })?;
        }
        path.as_deref().map_or(Ok(()), |path| f.write_str(path))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_told_with_as_much_as_is_known_of_it() {
        let mut origin = Origin::line("web.yaml".into(), 42);
        assert_eq!((origin.in_full().as_str(), origin.within().is_none()), ("web.yaml:42", true));
        origin.document = Some(2);
        assert_eq!(origin.in_full(), "web.yaml:42 (document 2)");
        origin.path = Some("services.web.image".into());
        assert_eq!(origin.in_full(), "web.yaml:42 (document 2, services.web.image)");
        origin.document = None;
        assert_eq!(origin.in_full(), "web.yaml:42 (services.web.image)");
    }
}
