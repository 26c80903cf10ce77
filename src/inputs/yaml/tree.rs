//! The parser's events into values. Collections inside each other and values in all are bounded, keys that stand twice and aliases
//! of what they stand in are refused.

use std::collections::HashMap;
use std::rc::Rc;

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span, Tag};

use super::node::{Node, Style, Value};
use super::{Broken, INVALID};

/// Most values of one document: short ones take a hundred times the memory of their text.
pub(super) const MAX_NODES: u32 = 1_000_000;
/// Most collections inside each other, as far as anybody could mean it.
const MAX_DEPTH: usize = 128;

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

/// What is read of a document so far.
pub(super) struct Tree {
    first_line: u32,
    anchors: HashMap<usize, Rc<Node>>,
    open: Vec<Open>,
    nodes: u32,
}

impl Tree {
    /// Of a document that begins on this line.
    pub(super) fn from_line(line: u32) -> Self {
        Self { first_line: line, anchors: HashMap::new(), open: Vec::new(), nodes: 0 }
    }

    /// Reads it to its end.
    pub(super) fn read(mut self, text: &str) -> Result<Rc<Node>, Broken> {
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
