//! Names that cannot be known offline: they are listed with their places, and never guessed.
//!
//! What depends on a run of a pipeline or on a variable that has no value is no image that could be asked for.
//! How many of them a run keeps is bounded here; how many there were is always known.

use std::collections::HashSet;
use std::fmt;

use super::origin::Origin;
use super::shown::Shown;

/// Most names that are kept of one list.
pub const MOST_NAMES: usize = 1000;

/// A name that cannot be known offline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dynamic {
    /// Where it stands.
    pub origin: Origin,
    /// As it was typed, cut behind [`MAX_SHOWN_CHARS`](super::shown::MAX_SHOWN_CHARS) characters. Not escaped.
    pub text: String,
    /// What it depends on. Not escaped.
    pub why: String,
}

impl fmt::Display for Dynamic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Origin { file, line, .. } = &self.origin;
        write!(f, "{}:{line}: {}: {}", Shown(file), Shown(&self.text), Shown(&self.why))
    }
}

/// The names of a list that cannot be known offline.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DynamicNames {
    names: Vec<Dynamic>,
    total: u64,
}

impl DynamicNames {
    /// All of them; only the first [`MOST_NAMES`] are kept.
    #[must_use]
    pub fn of(mut names: Vec<Dynamic>) -> Self {
        let total = names.len() as u64;
        names.truncate(MOST_NAMES);
        Self { names, total }
    }

    /// What is left of `total` names; `None` where that cannot be.
    #[must_use]
    pub fn kept(names: Vec<Dynamic>, total: u64) -> Option<Self> {
        let kept = names.len() as u64;
        let is_all = kept == total && names.len() <= MOST_NAMES;
        let is_cut = kept < total && names.len() == MOST_NAMES;
        (is_all || is_cut).then_some(Self { names, total })
    }

    /// Those that were kept, in the order of the inputs.
    #[must_use]
    pub fn names(&self) -> &[Dynamic] {
        &self.names
    }

    /// How many there were.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// Adds those of another run over the same list: what both have counts once, whatever the file was called.
    pub fn join(&mut self, other: Self) {
        let key = |name: &Dynamic| {
            let Origin { line, document, path, .. } = &name.origin;
            (*line, *document, path.clone(), name.text.clone())
        };
        let known: HashSet<_> = self.names.iter().map(key).collect();
        let new: Vec<_> = other.names.into_iter().filter(|name| !known.contains(&key(name))).collect();
        self.total = other.total.max(self.total.saturating_add(new.len() as u64));
        self.names.extend(new);
        self.names.truncate(MOST_NAMES);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(file: &str, lines: std::ops::Range<u32>) -> Vec<Dynamic> {
        let origin = |line| Origin::line(file.into(), line);
        let name = |line| Dynamic { origin: origin(line), text: "$X".to_owned(), why: "unset".to_owned() };
        lines.map(name).collect()
    }

    #[test]
    fn what_two_runs_over_a_list_leave_open_is_there_once() {
        let mut all = DynamicNames::of(names("a.yaml", 1..4));
        all.join(DynamicNames::of(names("./a.yaml", 1..4)));
        assert_eq!((all.names().len(), all.total()), (3, 3));
        all.join(DynamicNames::of(names("a.yaml", 3..6)));
        assert_eq!((all.names().len(), all.total()), (5, 5));
        let lines: Vec<_> = all.names().iter().map(|name| name.origin.line).collect();
        assert_eq!(lines, [1, 2, 3, 4, 5]);
    }

    #[test]
    fn only_so_many_are_kept_and_all_are_counted() {
        let many = DynamicNames::of(names("a.yaml", 0..5000));
        assert_eq!((many.names().len(), many.total()), (MOST_NAMES, 5000));
        let mut twice = many.clone();
        twice.join(many);
        assert_eq!((twice.names().len(), twice.total()), (MOST_NAMES, 5000));
    }

    #[test]
    fn a_count_that_cannot_be_is_refused() {
        assert_eq!(DynamicNames::kept(names("a", 0..2), 2), Some(DynamicNames::of(names("a", 0..2))));
        assert_eq!(DynamicNames::kept(names("a", 0..2), 3), None);
        assert_eq!(DynamicNames::kept(names("a", 0..2), 1), None);
        assert_eq!(DynamicNames::kept(names("a", 0..2000), 2000), None);
        assert!(DynamicNames::kept(names("a", 0..1000), 2000).is_some());
    }
}
