//! YAML and JSON as a tree whose every value knows its line, read one document at a time.
//!
//! The text is cut at the document marks first, so that a broken document leaves the others whole. An alias
//! shares the value of its anchor instead of copying it, and every walk spends from a [`Budget`]: aliases
//! that multiply cost neither memory nor time without end. Tags are kept as they are and resolve nothing.

mod json;
mod node;
mod tree;

use std::rc::Rc;

use super::{scalar, text};
pub(super) use node::{Budget, ChildKey, Node};
use tree::Tree;

/// Most bytes of one document: its tree takes many times as much memory.
pub(super) const MAX_DOCUMENT_BYTES: usize = 16 * 1024 * 1024;
/// What stands before what the parser objects to.
const INVALID: &str = "invalid YAML: ";

/// One document of a stream, not read yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chunk<'a> {
    /// Counted from 1, the empty ones not counted.
    pub(super) number: u32,
    /// Where it begins.
    pub(super) line: u32,
    text: &'a str,
}

/// Why a document cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Broken {
    pub(super) line: u32,
    pub(super) why: String,
}

/// Cuts a stream at its document marks, which stand at the beginning of a line, where no text can; and JSON between
/// its values.
pub(super) fn chunks(stream: &str) -> Vec<Chunk<'_>> {
    let mut chunks = Vec::new();
    let (mut begin, mut begin_line, mut has_content) = (0, 1, false);
    let mut push = |from: usize, to: usize, line: u32| {
        let mut push = |line: u32, text| {
            let number = u32::try_from(chunks.len()).map_or(u32::MAX, |count| count.saturating_add(1));
            chunks.push(Chunk { number, line, text });
        };
        let text = &stream[from..to];
        match json::values(text) {
            Some(values) => {
                values.into_iter().for_each(|(before, text)| push(line.saturating_add(before), text))
            }
            None => push(line, text),
        }
    };
    for (number, line) in text::lines(stream) {
        let at = line.as_ptr() as usize - stream.as_ptr() as usize;
        let rest = line.strip_prefix("---").filter(|rest| rest.is_empty() || rest.starts_with([' ', '\t']));
        if let Some(rest) = rest {
            if has_content {
                push(begin, at, begin_line);
                (begin, begin_line) = (at, number);
            } else if !stream[begin..at].contains('%') {
                // Only blanks and comments so far; directives belong to what comes now.
                (begin, begin_line) = (at, number);
            }
            has_content = is_content(rest);
        } else if line.trim_end() == "..." {
            if has_content {
                push(begin, at, begin_line);
            }
            (begin, begin_line, has_content) = (at + line.len(), number, false);
        } else {
            has_content |= is_content(line) && !line.starts_with('%');
        }
    }
    if has_content {
        push(begin, stream.len(), begin_line);
    }
    chunks
}

fn is_content(line: &str) -> bool {
    let line = line.trim_start_matches('\u{feff}').trim();
    !line.is_empty() && !line.starts_with('#')
}

impl Chunk<'_> {
    /// Whether values of it may be found elsewhere than they are written.
    pub(super) fn may_have_aliases(&self) -> bool {
        self.text.contains('*') && self.text.contains('&')
    }

    /// Reads the document.
    pub(super) fn read(&self) -> Result<Rc<Node>, Broken> {
        if self.text.len() > MAX_DOCUMENT_BYTES {
            let why = format!("a document of more than {MAX_DOCUMENT_BYTES} bytes");
            return Err(Broken { line: self.line, why });
        }
        // A cut behind a mark leaves its line's end at the front.
        Tree::from_line(self.line)
            .read(self.text.trim_start_matches('\u{feff}'))
            .map_err(|broken| self.better(broken))
    }

    /// The cause, where it is known better than the parser knows it.
    fn better(&self, broken: Broken) -> Broken {
        if !broken.why.starts_with(INVALID) {
            return broken;
        }
        if let Some(line) = self.template_line() {
            let why = "a template, not YAML: render it first (`helm template`)".to_owned();
            return Broken { line, why };
        }
        match scalar::long_key(self.text) {
            Some(before) => {
                let why = format!(
                    "a key of more than {} characters, which YAML does not have; JSON is read as YAML",
                    scalar::MAX_KEY_CHARS
                );
                Broken { line: self.line.saturating_add(before), why }
            }
            None => broken,
        }
    }

    /// The first line with a template's action that YAML has no use for.
    fn template_line(&self) -> Option<u32> {
        let is_action = |text: &str| {
            let text = text.trim_start();
            text.starts_with("{{") || text.contains(": {{") || text.contains("- {{")
        };
        text::lines(self.text)
            .find(|(_, text)| is_action(text))
            .map(|(number, _)| self.line.saturating_add(number - 1))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use node::MAX_VISITS;
    use tree::MAX_NODES;

    fn only(text: &str) -> Result<Rc<Node>, Broken> {
        let chunks = chunks(text);
        assert_eq!(chunks.len(), 1, "{chunks:?}");
        chunks[0].read()
    }

    #[test]
    fn values_know_their_lines_in_every_document() {
        let text = "# head\n---\na: 1\nb:\n  - x\n  - y\n---\n# nothing\n---\n{\"c\": \"d\"}\n...\n%YAML 1.2\n---\ne: f\n";
        let chunks = chunks(text);
        let places: Vec<_> = chunks.iter().map(|chunk| (chunk.number, chunk.line)).collect();
        assert_eq!(places, [(1, 2), (2, 9), (3, 11)]);
        let (first, second, third) =
            (chunks[0].read().unwrap(), chunks[1].read().unwrap(), chunks[2].read().unwrap());
        let budget = Budget::default();
        let lines: Vec<_> = first.get("b").unwrap().items(&budget).map(|(_, item)| item.line).collect();
        assert_eq!((first.get("a").unwrap().line, lines), (3, vec![5, 6]));
        assert_eq!((second.get("c").unwrap().line, second.str("c")), (10, Some("d")));
        assert_eq!((third.get("e").unwrap().line, third.str("e")), (14, Some("f")));
    }

    #[test]
    fn empty_streams_have_no_documents() {
        for text in ["", "\n", "# a\n", "---\n", "---\n---\n# x\n...\n", "\u{feff}"] {
            assert_eq!(chunks(text), [], "{text:?}");
        }
    }

    #[test]
    fn merge_keys_are_followed_and_own_keys_win() {
        let node = only("x: &x {image: a, tag: 1}\ny: &y {image: b}\nz: {<<: [*x, *y], tag: 2}\nw: {<<: *y}")
            .unwrap();
        assert_eq!(node.at(&["z", "image"]).and_then(Node::text), Some("a"));
        assert_eq!(node.at(&["z", "tag"]).and_then(Node::text), Some("2"));
        assert_eq!(node.at(&["w", "image"]).and_then(Node::text), Some("b"));
        assert_eq!(node.at(&["w", "image"]).unwrap().line, 2);
        let budget = Budget::default();
        let pairs = |key: &str| node.get(key).unwrap().merged_pairs(&budget);
        let texts: Vec<_> = pairs("z").into_iter().map(|(key, value)| (key, value.text().unwrap())).collect();
        assert_eq!(texts, [("tag", "2"), ("image", "a")]);
        assert_eq!(pairs("w").len(), 1);
    }

    #[test]
    fn unknown_tags_are_tolerated_and_kept() {
        let node = only("a: !reference [x, y]\nb: !vault secret\nc: !!str 5\n").unwrap();
        assert!(node.get("a").unwrap().has_tag("reference") && node.get("a").unwrap().is_seq());
        assert_eq!((node.str("b"), node.str("c")), (Some("secret"), Some("5")));
    }

    #[test]
    fn broken_documents_are_told_with_their_line() {
        for (text, line, why) in [
            ("a: 1\nb: [\n", 2, "invalid YAML: "),
            ("a:\n\tb: 1\n", 2, "invalid YAML: "),
            ("a: 1\nb: 2\na: 3\n", 3, "invalid YAML: the key 'a' stands here and on line 1"),
            ("a: &a [*a]\n", 1, ""),
            (
                "x: 1\n{{ if .Values.y }}\nz: 2\n",
                2,
                "a template, not YAML: render it first (`helm template`)",
            ),
        ] {
            let broken = only(text).unwrap_err();
            assert!(broken.line == line && broken.why.starts_with(why), "{text:?}: {broken:?}");
        }
        let deep = format!("a: {}{}", "[".repeat(200), "]".repeat(200));
        assert_eq!(only(&deep).unwrap_err().why, "more than 128 collections inside each other");
    }

    #[test]
    fn documents_of_too_many_values_and_keys_that_are_too_long_are_told_as_such() {
        let values = |count: u32| format!("a: [{}]", "1,".repeat(count as usize));
        let most = MAX_NODES - 3;
        assert_eq!(
            only(&values(most)).unwrap().get("a").unwrap().items(&Budget::default()).count(),
            most as usize
        );
        let many = only(&format!("b: 1\n{}", values(most))).unwrap_err();
        assert_eq!(
            (many.line, &*many.why),
            (2, "a document of more than 1000000 values: cut it into several")
        );
        let long = only(&format!("{{\"a\": 1,\n\"{}\": 2}}", "x".repeat(2000))).unwrap_err();
        let why = "a key of more than 1024 characters, which YAML does not have; JSON is read as YAML";
        assert_eq!((long.line, &*long.why), (2, why));
    }

    #[test]
    fn aliases_that_multiply_cost_no_more_than_the_budget() {
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..40 {
            let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
            bomb.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
        }
        let node = only(&bomb).unwrap();
        let budget = Budget::default();
        fn count(node: &Node, budget: &Budget) -> u64 {
            1 + node.items(budget).map(|(_, item)| count(item, budget)).sum::<u64>()
        }
        assert!(count(node.get("a39").unwrap(), &budget) <= u64::from(MAX_VISITS) + 1);
        assert!(budget.is_spent());
    }

    proptest! {
        #[test]
        fn arbitrary_text_is_read_or_refused(text in "[ a-c:{}\\[\\]&*!|>\"'#%.,?\t\n-]{0,80}") {
            for chunk in chunks(&text) {
                let _ = chunk.read();
            }
        }

        #[test]
        fn chunks_lie_in_the_text_in_order(text in "(a: 1\n|---\n|--- x\n|\\.\\.\\.\n|# c\n|%YAML 1.2\n|\n){0,12}") {
            let mut last = 0;
            for chunk in chunks(&text) {
                prop_assert!(chunk.line > last);
                last = chunk.line;
            }
        }
    }
}
