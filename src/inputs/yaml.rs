//! YAML and JSON as a tree whose every value knows its line, read one document at a time.
//!
//! The text is cut at the document marks first, so that a broken document leaves the others whole. An alias
//! shares the value of its anchor instead of copying it, and every walk spends from a [`Budget`]: aliases
//! that multiply cost neither memory nor time without end. Tags are kept as they are and resolve nothing.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span, Tag};

use super::scalar::{self, is_number};
use super::text;

/// Most bytes of one document: its tree takes many times as much memory.
pub(super) const MAX_DOCUMENT_BYTES: usize = 16 * 1024 * 1024;
/// Most values of one document: short ones take a hundred times the memory of their text.
const MAX_NODES: u32 = 1_000_000;
/// Most collections inside each other, as far as anybody could mean it.
const MAX_DEPTH: usize = 128;
/// Most values that are looked at in one document, those behind aliases counted each time.
const MAX_VISITS: u32 = 2_000_000;

/// What stands before what the parser objects to.
const INVALID: &str = "invalid YAML: ";

/// The key whose maps are merged in.
const MERGE: &str = "<<";
/// Maps merged into maps that are merged in, as far as anybody could mean it.
const MAX_MERGES: usize = 8;
/// Most maps that are looked into for one key: lists of merged maps multiply.
const MAX_MERGED: u32 = 256;

/// A value and where it begins.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) line: u32,
    /// What stands behind the `!`, such as `reference`.
    tag: Option<Box<str>>,
    value: Value,
}

#[derive(Debug)]
enum Value {
    Scalar { text: Box<str>, style: Style },
    Seq(Vec<Rc<Node>>),
    Map { pairs: Vec<(Rc<Node>, Rc<Node>)>, index: HashMap<Box<str>, usize> },
}

/// How a value is reached from the one that it stands in.
#[derive(Debug)]
pub(super) enum ChildKey {
    Key(Rc<Node>),
    Index(usize),
}

/// How a scalar is written, as far as that matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    /// Without quotes and tag: may be a null.
    Plain,
    /// Below a `|`: each of its lines is one of the file.
    Literal,
    /// Quoted, folded, tagged.
    Other,
}

/// How much may still be looked at.
#[derive(Debug)]
pub(super) struct Budget(Cell<u32>);

impl Default for Budget {
    fn default() -> Self {
        Self(Cell::new(MAX_VISITS))
    }
}

impl Budget {
    /// Takes one; false when there is none left.
    pub(super) fn spend(&self) -> bool {
        let left = self.0.get();
        self.0.set(left.saturating_sub(1));
        left > 0
    }

    /// Whether something was left out.
    pub(super) const fn is_spent(&self) -> bool {
        self.0.get() == 0
    }
}

impl Node {
    /// The text of a scalar; none for a null.
    pub(super) fn text(&self) -> Option<&str> {
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
    pub(super) fn kind_of_no_text(&self) -> Option<&'static str> {
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
    pub(super) fn rewritten_number(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { style: Style::Plain, text } if scalar::is_rewritten(text) => Some(text),
            Value::Scalar { .. } | Value::Seq(_) | Value::Map { .. } => None,
        }
    }

    /// The line on which the text begins, where each line of it is one of the file.
    pub(super) fn first_line(&self) -> Option<u32> {
        match &self.value {
            Value::Scalar { style: Style::Literal, text } => {
                // The parser's mark stands behind the blank lines at the beginning.
                let blank = text.bytes().take_while(|b| *b == b'\n').count();
                Some(self.line.saturating_sub(u32::try_from(blank).unwrap_or(u32::MAX)).max(1))
            }
            Value::Scalar { .. } | Value::Seq(_) | Value::Map { .. } => None,
        }
    }

    pub(super) const fn is_map(&self) -> bool {
        matches!(self.value, Value::Map { .. })
    }

    pub(super) const fn is_seq(&self) -> bool {
        matches!(self.value, Value::Seq(_))
    }

    /// Whether it is tagged `!name`.
    pub(super) fn has_tag(&self, name: &str) -> bool {
        self.tag.as_deref() == Some(name)
    }

    /// The value of `key`, written there or merged in by `<<`.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
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
    pub(super) fn at(&self, keys: &[&str]) -> Option<&Self> {
        keys.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The text of the value of `key`.
    pub(super) fn str(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Self::text)
    }

    /// The entries of a sequence, as long as `budget` lasts; none of anything else.
    pub(super) fn items<'a>(&'a self, budget: &'a Budget) -> impl Iterator<Item = (usize, &'a Self)> {
        let items = match &self.value {
            Value::Seq(items) => &items[..],
            Value::Scalar { .. } | Value::Map { .. } => &[],
        };
        items.iter().take_while(|_| budget.spend()).enumerate().map(|(at, item)| (at, &**item))
    }

    /// Every value that stands in this one, in the order of the text, merged maps as they stand there.
    pub(super) fn for_each_child(&self, each: &mut dyn FnMut(ChildKey, &Rc<Self>)) {
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
    pub(super) fn pairs<'a>(&'a self, budget: &'a Budget) -> impl Iterator<Item = (&'a str, &'a Self)> {
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
    pub(super) fn merged_pairs<'a>(&'a self, budget: &'a Budget) -> Vec<(&'a str, &'a Self)> {
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

/// Cuts a stream at its document marks. They stand at the beginning of a line, where no text can.
pub(super) fn chunks(stream: &str) -> Vec<Chunk<'_>> {
    let mut chunks = Vec::new();
    let (mut begin, mut begin_line, mut has_content) = (0, 1, false);
    let mut push = |from: usize, to: usize, line: u32| {
        let number = u32::try_from(chunks.len()).map_or(u32::MAX, |count| count.saturating_add(1));
        chunks.push(Chunk { number, line, text: &stream[from..to] });
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
        Tree { first_line: self.line, anchors: HashMap::new(), open: Vec::new(), nodes: 0 }
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

/// A collection whose end has not come yet.
struct Open {
    line: u32,
    anchor: usize,
    tag: Option<Box<str>>,
    kind: OpenKind,
}

enum OpenKind {
    Seq(Vec<Rc<Node>>),
    Map { pairs: Vec<(Rc<Node>, Rc<Node>)>, index: HashMap<Box<str>, usize>, key: Option<Rc<Node>> },
}

struct Tree {
    first_line: u32,
    anchors: HashMap<usize, Rc<Node>>,
    open: Vec<Open>,
    nodes: u32,
}

impl Tree {
    fn read(mut self, text: &str) -> Result<Rc<Node>, Broken> {
        let options = granit_parser::options! { emit_comments: false };
        let mut parser = Parser::new_from_str_with_options(text, options);
        let mut root = None;
        while let Some(event) = parser.next_event() {
            let (event, span) = event.map_err(|error| self.broken(&error))?;
            if let Some(node) = self.take(event, &span)? {
                root = root.or(Some(node));
            }
        }
        root.ok_or_else(|| Broken { line: self.first_line, why: "an empty document".to_owned() })
    }

    fn line(&self, in_chunk: usize) -> u32 {
        let offset = u32::try_from(in_chunk.saturating_sub(1)).unwrap_or(u32::MAX);
        self.first_line.saturating_add(offset)
    }

    fn broken(&self, error: &ScanError) -> Broken {
        // The messages may quote the text.
        let why = error.info().replace('\n', ", ").escape_debug().to_string().replace("\\'", "'");
        Broken { line: self.line(error.marker().line()), why: format!("{INVALID}{why}") }
    }

    /// Returns a whole value that stands in no other.
    fn take(&mut self, event: Event<'_>, span: &Span) -> Result<Option<Rc<Node>>, Broken> {
        let line = self.line(span.start.line());
        let tag = |tag: Option<std::borrow::Cow<'_, Tag>>| {
            tag.map(|tag| Box::from(tag.suffix().trim_start_matches('!')))
        };
        match event {
            Event::Scalar(text, style, anchor, found) => {
                let style = match style {
                    ScalarStyle::Plain if found.is_none() => Style::Plain,
                    ScalarStyle::Literal => Style::Literal,
                    _ => Style::Other,
                };
                let value = Value::Scalar { text: text.into(), style };
                self.whole(Rc::new(Node { line, tag: tag(found), value }), anchor)
            }
            Event::Alias(anchor) => match self.anchors.get(&anchor) {
                Some(node) => {
                    let node = Rc::clone(node);
                    self.whole(node, 0)
                }
                None => Err(Broken { line, why: "an alias to what it stands in".to_owned() }),
            },
            Event::SequenceStart(_, anchor, found) => {
                self.begin(Open { line, anchor, tag: tag(found), kind: OpenKind::Seq(Vec::new()) })
            }
            Event::MappingStart(_, anchor, found) => {
                let kind = OpenKind::Map { pairs: Vec::new(), index: HashMap::new(), key: None };
                self.begin(Open { line, anchor, tag: tag(found), kind })
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open { line, anchor, tag, kind }) => {
                    let value = match kind {
                        OpenKind::Seq(items) => Value::Seq(items),
                        OpenKind::Map { pairs, index, .. } => Value::Map { pairs, index },
                    };
                    self.whole(Rc::new(Node { line, tag, value }), anchor)
                }
                None => Ok(None),
            },
            _ => Ok(None),
        }
    }

    fn begin(&mut self, open: Open) -> Result<Option<Rc<Node>>, Broken> {
        if self.open.len() >= MAX_DEPTH {
            let why = format!("more than {MAX_DEPTH} collections inside each other");
            return Err(Broken { line: open.line, why });
        }
        self.open.push(open);
        Ok(None)
    }

    fn whole(&mut self, node: Rc<Node>, anchor: usize) -> Result<Option<Rc<Node>>, Broken> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            let why = format!("a document of more than {MAX_NODES} values: cut it into several");
            return Err(Broken { line: node.line, why });
        }
        if anchor > 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        let Some(parent) = self.open.last_mut() else { return Ok(Some(node)) };
        match &mut parent.kind {
            OpenKind::Seq(items) => items.push(node),
            OpenKind::Map { pairs, index, key } => match key.take() {
                None => *key = Some(node),
                Some(key) => {
                    if let Value::Scalar { text, .. } = &key.value
                        && let Some(first) = index.insert(text.clone(), pairs.len())
                    {
                        let shown: String = text.chars().take(60).flat_map(char::escape_debug).collect();
                        let why = format!(
                            "{INVALID}the key '{shown}' stands here and on line {}",
                            pairs[first].0.line
                        );
                        return Err(Broken { line: key.line, why });
                    }
                    pairs.push((key, node));
                }
            },
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
