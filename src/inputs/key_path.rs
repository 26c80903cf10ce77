//! The keys and indices that lead to a value, as people write them: `spec.containers[0].image`.
//!
//! A path is a chain of borrowed steps; text is made of it only where something was found.

use std::fmt;

/// One step and those before it.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyPath<'a> {
    before: Option<&'a KeyPath<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Step<'a> {
    Root,
    Key(&'a str),
    Index(usize),
}

impl<'a> KeyPath<'a> {
    /// Of the whole document.
    pub(super) const ROOT: KeyPath<'static> = KeyPath { before: None, step: Step::Root };

    /// The value of `key` below this.
    pub(super) const fn key(&'a self, key: &'a str) -> KeyPath<'a> {
        KeyPath { before: Some(self), step: Step::Key(key) }
    }

    /// The key that this ends with, if it does.
    pub(super) const fn last_key(&self) -> Option<&'a str> {
        match self.step {
            Step::Key(key) => Some(key),
            Step::Root | Step::Index(_) => None,
        }
    }

    /// The entry at `index` below this.
    pub(super) const fn index(&'a self, index: usize) -> KeyPath<'a> {
        KeyPath { before: Some(self), step: Step::Index(index) }
    }
}

impl fmt::Display for KeyPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut steps = Vec::new();
        let mut at = Some(self);
        while let Some(path) = at {
            steps.push(path.step);
            at = path.before;
        }
        let mut is_first = true;
        for step in steps.iter().rev() {
            match step {
                Step::Root => continue,
                Step::Key(key) if is_plain(key) => write!(f, "{}{key}", if is_first { "" } else { "." })?,
                Step::Key(key) => write!(f, "[\"{}\"]", key.escape_debug())?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
            is_first = false;
        }
        Ok(())
    }
}

fn is_plain(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_written_with_dots_and_what_is_no_name_in_quotes() {
        let root = KeyPath::ROOT;
        assert_eq!(root.to_string(), "");
        let (spec, hidden) = (root.key("spec"), root.key(".base"));
        let containers = spec.key("containers");
        let first = containers.index(0);
        assert_eq!(first.key("image").to_string(), "spec.containers[0].image");
        assert_eq!(hidden.key("image").to_string(), "[\".base\"].image");
        assert_eq!(root.index(2).key("a\u{1b}").to_string(), "[2][\"a\\u{1b}\"]");
    }
}
