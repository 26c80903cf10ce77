//! A Dockerfile's text into instructions: directives, comments, continuations, heredocs.
//!
//! As BuildKit's `parser.go` does it. What stands in a heredoc is never an instruction.

use super::super::text;

/// One instruction, its continuations joined, and where each part of it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Instruction {
    pub(super) text: String,
    /// Byte offset in `text` and line, in order; the first is 0.
    lines: Vec<(usize, u32)>,
}

/// A file in its parts.
#[derive(Debug, Default)]
pub(super) struct File {
    /// `# syntax=`: the frontend's image and its line.
    pub(super) syntax: Option<(u32, String)>,
    pub(super) escape: Escape,
    pub(super) instructions: Vec<Instruction>,
    /// The line and name of a heredoc that never ends.
    pub(super) unended: Option<(u32, String)>,
}

/// What continues lines and escapes letters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Escape {
    #[default]
    Backslash,
    Backtick,
}

impl Escape {
    pub(super) const fn letter(self) -> char {
        match self {
            Self::Backslash => '\\',
            Self::Backtick => '`',
        }
    }
}

impl Instruction {
    /// The line on which the byte at `offset` stands.
    pub(super) fn line(&self, offset: usize) -> u32 {
        let at = self.lines.partition_point(|(from, _)| *from <= offset);
        self.lines.get(at.saturating_sub(1)).map_or(1, |(_, line)| *line)
    }
}

/// Reads the whole.
pub(super) fn read(text: &str) -> File {
    let mut file = File::default();
    let mut lines = text::lines(text).peekable();
    if lines.peek().is_some_and(|(_, line)| line.starts_with("#!")) {
        lines.next();
    }
    while let Some((key, value)) = lines.peek().and_then(|(_, line)| directive(line)) {
        match (&*key, value) {
            ("syntax", value) => {
                let image = value.split_whitespace().next().unwrap_or_default();
                file.syntax = lines.peek().map(|(number, _)| (*number, image.to_owned()));
            }
            ("escape", "`") => file.escape = Escape::Backtick,
            ("escape" | "check", _) => {}
            // An unknown directive is a comment, and ends the directives.
            _ => break,
        }
        lines.next();
    }
    while let Some((number, line)) = lines.next() {
        if is_blank(line) {
            continue;
        }
        let mut instruction = Instruction { text: String::new(), lines: vec![(0, number)] };
        let mut part = line;
        while let Some(continued) = continued(part, file.escape) {
            instruction.text.push_str(continued);
            // Comments and blank lines inside are dropped.
            let Some((number, next)) = lines.find(|(_, line)| !is_blank(line)) else {
                part = "";
                break;
            };
            instruction.lines.push((instruction.text.len(), number));
            part = next;
        }
        instruction.text.push_str(part);
        for heredoc in heredocs(&instruction.text) {
            let is_end = |line: &str| {
                let line = if heredoc.strips_tabs { line.trim_start_matches('\t') } else { line };
                line == heredoc.name
            };
            if !lines.by_ref().any(|(_, line)| is_end(line)) {
                file.unended = Some((number, heredoc.name));
                break;
            }
        }
        file.instructions.push(instruction);
    }
    file
}

/// `# key=value`, the key in lower case.
fn directive(line: &str) -> Option<(String, &str)> {
    let (key, value) = line.trim().strip_prefix('#')?.split_once('=')?;
    let (key, value) = (key.trim(), value.trim());
    let is_key = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric());
    (is_key && !value.is_empty()).then(|| (key.to_ascii_lowercase(), value))
}

fn is_blank(line: &str) -> bool {
    let line = line.trim_start();
    line.is_empty() || line.starts_with('#')
}

/// The line without the escape at its end, if one is there that is not escaped itself.
fn continued(line: &str, escape: Escape) -> Option<&str> {
    let body = line.trim_end_matches([' ', '\t']).strip_suffix(escape.letter())?;
    if body.ends_with(escape.letter()) { None } else { Some(body) }
}

struct Heredoc {
    name: String,
    strips_tabs: bool,
}

fn heredocs(text: &str) -> Vec<Heredoc> {
    let all = words(text);
    let mut rest = &all[..];
    while let Some(((_, word), behind)) = rest.split_first()
        && word.eq_ignore_ascii_case("ONBUILD")
    {
        rest = behind;
    }
    let takes_heredocs = ["RUN", "COPY", "ADD"];
    match rest.split_first() {
        Some(((_, word), words)) if takes_heredocs.iter().any(|name| word.eq_ignore_ascii_case(name)) => {
            let beside = |at: usize| words.get(at + 1).map(|(_, word)| *word);
            words.iter().enumerate().filter_map(|(at, (_, word))| heredoc(word, beside(at))).collect()
        }
        _ => Vec::new(),
    }
}

/// `[FD]<<[-]NAME`, as BuildKit's `ParseHeredoc` has it; behind `<<` alone the name may be the next word.
fn heredoc(word: &str, next: Option<&str>) -> Option<Heredoc> {
    let word = word.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix("<<")?;
    let (strips_tabs, word) = word.strip_prefix('-').map_or((false, word), |word| (true, word));
    let word = if word.is_empty() && !strips_tabs { next? } else { word };
    if word.contains('<') {
        return None;
    }
    let name = unquoted(word).filter(|name| !name.is_empty())?;
    Some(Heredoc { name, strips_tabs })
}

/// A word of a shell without its quotes and escapes; variables stay as they are. None for a quote without an end.
fn unquoted(word: &str) -> Option<String> {
    let mut out = String::new();
    let mut quote = None;
    let mut letters = word.chars().peekable();
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            (letter, Some(open)) if letter == open => quote = None,
            ('"' | '\'', None) => quote = Some(letter),
            ('\\', None) => out.extend(letters.next()),
            ('\\', Some('"')) => match letters.next_if(|next| matches!(next, '"' | '$' | '\\')) {
                Some(next) => out.push(next),
                None => out.push('\\'),
            },
            (letter, _) => out.push(letter),
        }
    }
    if quote.is_none() { Some(out) } else { None }
}

/// The words of a shell line with their offsets, quotes left as they are.
pub(super) fn words(text: &str) -> Vec<(usize, &str)> {
    let mut words = Vec::new();
    let (mut begin, mut quote, mut is_escaped) = (None, None, false);
    for (at, letter) in text.char_indices() {
        if is_escaped {
            is_escaped = false;
            continue;
        }
        match (letter, quote) {
            (' ' | '\t', None) => {
                if let Some(from) = begin.take() {
                    words.push((from, &text[from..at]));
                }
                continue;
            }
            ('\\', None | Some('"')) => is_escaped = true,
            ('"' | '\'', None) => quote = Some(letter),
            (_, Some(open)) if open == letter => quote = None,
            _ => {}
        }
        begin.get_or_insert(at);
    }
    words.extend(begin.map(|from| (from, &text[from..])));
    words
}
