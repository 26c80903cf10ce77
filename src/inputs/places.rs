//! Where in its document each value is written: behind an alias, a merge key or a template it is not where it is used.
//!
//! A line and a key path must name the same place. Documents without aliases need nothing of this: there every value
//! is written where it is found.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::rc::Rc;

use super::key_path::{self, Step};
use super::yaml::{ChildKey, Node};

/// The documents whose values may be found elsewhere, gone through once somebody asks.
#[derive(Debug, Default)]
pub(super) struct Places {
    waiting: Vec<Rc<Node>>,
    /// Keeps what `parents` points at.
    read: Vec<Rc<Node>>,
    /// By the address of each value that stands in another: that one's, and the step from there.
    parents: HashMap<usize, (usize, ChildKey)>,
}

impl Places {
    /// Adds a document.
    pub(super) fn add(&mut self, root: &Rc<Node>) {
        self.waiting.push(Rc::clone(root));
    }

    /// The path at which `node` is written; none where its document is not known, or it is the whole of it.
    pub(super) fn path(&mut self, node: &Node) -> Option<String> {
        for root in std::mem::take(&mut self.waiting) {
            self.go_through(&root);
            self.read.push(root);
        }
        let mut steps = Vec::new();
        let mut at = address(node);
        while let Some((parent, key)) = self.parents.get(&at) {
            steps.push(match key {
                ChildKey::Key(key) => Step::Key(key.text().unwrap_or_default()),
                ChildKey::Index(index) => Step::Index(*index),
            });
            at = *parent;
        }
        steps.reverse();
        (!steps.is_empty()).then(|| key_path::shown(&steps))
    }

    /// In the order of the text, in which an anchor stands before its aliases: so deep at most as the text is.
    fn go_through(&mut self, node: &Node) {
        let parent = address(node);
        node.for_each_child(&mut |key, child| {
            if let Entry::Vacant(place) = self.parents.entry(address(child)) {
                place.insert((parent, key));
                self.go_through(child);
            }
        });
    }
}

fn address(node: &Node) -> usize {
    std::ptr::from_ref(node).addr()
}

#[cfg(test)]
mod tests {
    use super::super::yaml::chunks;
    use super::*;

    #[test]
    fn a_value_is_written_where_its_anchor_stands() {
        let text = "x: &x {a: [&b one, two]}\ny: *x\nz: {<<: *x, c: *b, d: {<<: {e: &f three}}}\nw: [*f]\n";
        let root = chunks(text)[0].read().unwrap();
        let mut places = Places::default();
        let budget = super::super::yaml::Budget::default();
        assert_eq!(places.path(root.get("y").unwrap()), None);
        places.add(&root);
        for (keys, expected) in [
            (&["y"][..], "x"),
            (&["y", "a"], "x.a"),
            (&["z", "a"], "x.a"),
            (&["z", "c"], "x.a[0]"),
            (&["z"], "z"),
            (&["z", "d", "e"], "z.d[\"<<\"].e"),
        ] {
            assert_eq!(places.path(root.at(keys).unwrap()).as_deref(), Some(expected), "{keys:?}");
        }
        let (_, last) = root.get("w").unwrap().items(&budget).next().unwrap();
        assert_eq!(places.path(last).as_deref(), Some("z.d[\"<<\"].e"));
        assert_eq!(places.path(&root), None);
    }
}
