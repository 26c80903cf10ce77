//! The values of a document, and walks over them: what is behind an alias or merged in counts each time that it is looked
//! at, and every walk spends from a [`Budget`].

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::super::scalar::{self, is_number};

/// Most values that are looked at in one document, those behind aliases counted each time.
pub(super) const MAX_VISITS: u32 = 2_000_000;

/// The key whose maps are merged in.
const MERGE: &str = "<<";
/// Maps merged into maps that are merged in, as far as anybody could mean it.
const MAX_MERGES: usize = 8;
/// Most maps that are looked into for one key: lists of merged maps multiply.
const MAX_MERGED: u32 = 256;

/// A value and where it begins.
#[derive(Debug)]
pub(in crate::inputs) struct Node {
    pub(in crate::inputs) line: u32,
    /// What stands behind the `!`, such as `reference`.
    pub(super) tag: Option<Box<str>>,
    pub(super) value: Value,
}

#[derive(Debug)]
pub(super) enum Value {
    Scalar { text: Box<str>, style: Style },
    Seq(Vec<Rc<Node>>),
    Map { pairs: Vec<(Rc<Node>, Rc<Node>)>, index: HashMap<Box<str>, usize> },
}

/// How a value is reached from the one that it stands in.
#[derive(Debug)]
pub(in crate::inputs) enum ChildKey {
    Key(Rc<Node>),
    Index(usize),
}

/// How a scalar is written, as far as that matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// Without quotes and tag: may be a null.
    Plain,
    /// Below a `|`: each of its lines is one of the file.
    Literal,
    /// Quoted, folded, tagged.
    Other,
}

/// How much may still be looked at.
#[derive(Debug)]
pub(in crate::inputs) struct Budget(Cell<u32>);

impl Default for Budget {
    fn default() -> Self {
        Self(Cell::new(MAX_VISITS))
    }
}

impl Budget {
    /// Takes one; false when there is none left.
    pub(in crate::inputs) fn spend(&self) -> bool {
        let left = self.0.get();
        self.0.set(left.saturating_sub(1));
        left > 0
    }

    /// Whether something was left out.
    pub(in crate::inputs) const fn is_spent(&self) -> bool {
        self.0.get() == 0
    }
}

impl Node {
    /// The text of a scalar; none for a null.
    pub(in crate::inputs) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { style: Style::Plain, text }
                if matches!(&**text, "" | "~" | "null" | "Null" | "NULL") =>
            {
                None
            }
            Value::Scalar { text, .. } => Some(text),
            Value::Seq(_) | Value::Map { .. } => None,
        }
    }

    /// What a value is that is no text: YAML's core schema makes more than texts of plain scalars.
    pub(in crate::inputs) fn kind_of_no_text(&self) -> Option<&'static str> {
        let text = match &self.value {
            Value::Scalar { style: Style::Plain, text } => text,
            Value::Scalar { .. } => return None,
            Value::Seq(_) => return Some("a list"),
            Value::Map { .. } => return Some("a map"),
        };
        match &**text {
            "true" | "True" | "TRUE" | "false" | "False" | "FALSE" => Some("true or false"),
            text if is_number(text) => Some("a number"),
            _ => None,
        }
    }

    /// A number without quotes that is written back as another text by whoever reads it as one.
    pub(in crate::inputs) fn rewritten_number(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { style: Style::Plain, text } if scalar::is_rewritten(text) => Some(text),
            Value::Scalar { .. } | Value::Seq(_) | Value::Map { .. } => None,
        }
    }

    /// The line on which the text begins, where each line of it is one of the file.
    pub(in crate::inputs) fn first_line(&self) -> Option<u32> {
        match &self.value {
            Value::Scalar { style: Style::Literal, text } => {
                // The parser's mark stands behind the blank lines at the beginning.
                let blank = text.bytes().take_while(|b| *b == b'\n').count();
                Some(self.line.saturating_sub(u32::try_from(blank).unwrap_or(u32::MAX)).max(1))
            }
            Value::Scalar { .. } | Value::Seq(_) | Value::Map { .. } => None,
        }
    }

    pub(in crate::inputs) const fn is_map(&self) -> bool {
        matches!(self.value, Value::Map { .. })
    }

    pub(in crate::inputs) const fn is_seq(&self) -> bool {
        matches!(self.value, Value::Seq(_))
    }

    /// Whether it is tagged `!name`.
    pub(in crate::inputs) fn has_tag(&self, name: &str) -> bool {
        self.tag.as_deref() == Some(name)
    }

    /// The value of `key`, written there or merged in by `<<`.
    pub(in crate::inputs) fn get(&self, key: &str) -> Option<&Self> {
        self.get_merged(key, MAX_MERGES, &mut { MAX_MERGED })
    }

    fn get_merged(&self, key: &str, depth: usize, left: &mut u32) -> Option<&Self> {
        let own = self.own(key);
        if own.is_some() || depth == 0 || *left == 0 {
            return own;
        }
        *left -= 1;
        let merged = self.own(MERGE)?;
        match &merged.value {
            Value::Map { .. } => merged.get_merged(key, depth - 1, left),
            // YAML's merge type: earlier maps of a list win.
            Value::Seq(maps) => maps.iter().find_map(|map| map.get_merged(key, depth - 1, left)),
            Value::Scalar { .. } => None,
        }
    }

    fn own(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Map { pairs, index } => index.get(key).map(|at| &*pairs[*at].1),
            Value::Scalar { .. } | Value::Seq(_) => None,
        }
    }

    /// The value behind several keys.
    pub(in crate::inputs) fn at(&self, keys: &[&str]) -> Option<&Self> {
        keys.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The text of the value of `key`.
    pub(in crate::inputs) fn str(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Self::text)
    }

    /// The entries of a sequence, as long as `budget` lasts; none of anything else.
    pub(in crate::inputs) fn items<'a>(
        &'a self,
        budget: &'a Budget,
    ) -> impl Iterator<Item = (usize, &'a Self)> {
        let items = match &self.value {
            Value::Seq(items) => &items[..],
            Value::Scalar { .. } | Value::Map { .. } => &[],
        };
        items.iter().take_while(|_| budget.spend()).enumerate().map(|(at, item)| (at, &**item))
    }

    /// Every value that stands in this one, in the order of the text, merged maps as they stand there.
    pub(in crate::inputs) fn for_each_child(&self, each: &mut dyn FnMut(ChildKey, &Rc<Self>)) {
        match &self.value {
            Value::Scalar { .. } => {}
            Value::Seq(items) => {
                items.iter().enumerate().for_each(|(at, item)| each(ChildKey::Index(at), item));
            }
            Value::Map { pairs, .. } => {
                pairs.iter().for_each(|(key, value)| each(ChildKey::Key(Rc::clone(key)), value));
            }
        }
    }

    /// The pairs of a map whose keys are text, as long as `budget` lasts; merged ones not.
    pub(in crate::inputs) fn pairs<'a>(
        &'a self,
        budget: &'a Budget,
    ) -> impl Iterator<Item = (&'a str, &'a Self)> {
        let pairs = match &self.value {
            Value::Map { pairs, .. } => &pairs[..],
            Value::Scalar { .. } | Value::Seq(_) => &[],
        };
        pairs.iter().take_while(|_| budget.spend()).filter_map(|(key, value)| Some((key.text()?, &**value)))
    }
}

impl Node {
    /// The pairs of a map as [`Self::pairs`] has them, and those merged in by `<<`: own ones win, then earlier
    /// ones.
    pub(in crate::inputs) fn merged_pairs<'a>(&'a self, budget: &'a Budget) -> Vec<(&'a str, &'a Self)> {
        let mut pairs = Vec::new();
        self.merge_pairs(budget, MAX_MERGES, &mut HashSet::new(), &mut pairs);
        pairs
    }

    fn merge_pairs<'a>(
        &'a self,
        budget: &'a Budget,
        depth: usize,
        known: &mut HashSet<&'a str>,
        out: &mut Vec<(&'a str, &'a Self)>,
    ) {
        out.extend(self.pairs(budget).filter(|(key, _)| *key != MERGE && known.insert(key)));
        let Some(merged) = self.own(MERGE).filter(|_| depth > 0) else { return };
        merged.merge_pairs(budget, depth - 1, known, out);
        for (_, map) in merged.items(budget) {
            map.merge_pairs(budget, depth - 1, known, out);
        }
    }
}
