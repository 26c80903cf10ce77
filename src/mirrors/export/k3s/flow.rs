//! YAML's flow form, `{key: [a, "b"]}`, found in the text as it stands: what a list or map holds, and where each part begins and
//! ends. Not all of YAML: what is not plain, quoted, a list or a map is nothing here, and the caller gives up.

/// Most lists and maps in one another.
const MAX_DEPTH: usize = 32;

/// An item of a list.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Item<'a> {
    /// As written.
    pub(super) text: &'a str,
    /// Comments above it, then the one behind it.
    pub(super) above: Vec<&'a str>,
    pub(super) behind: Option<&'a str>,
}

/// An entry of a map.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Without quotes.
    pub(super) key: String,
    /// The first byte of the value, and the one behind it; equal where there is none.
    pub(super) value: (usize, usize),
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Over blanks and line ends; the comments on the way.
    fn blanks(&mut self) -> Vec<&'a str> {
        let mut comments = Vec::new();
        while let Some(byte) = self.peek() {
            let is_comment =
                byte == b'#' && self.text[..self.at].ends_with([' ', '\n', ',', '[', '{', ']', '}']);
            if is_comment {
                let rest = &self.text[self.at..];
                let line = rest.lines().next().unwrap_or(rest);
                comments.push(line.trim_end());
                self.at += line.len();
            } else if matches!(byte, b' ' | b'\n' | b'\r') {
                self.at += 1;
            } else {
                break;
            }
        }
        comments
    }

    /// Over a scalar, a list or a map.
    fn value(&mut self, depth: usize) -> Option<()> {
        match self.peek()? {
            b'"' => self.quoted('"'),
            b'\'' => self.quoted('\''),
            b'[' | b'{' if depth < MAX_DEPTH => {
                let close = if self.peek()? == b'[' { b']' } else { b'}' };
                self.at += 1;
                loop {
                    self.blanks();
                    match self.peek()? {
                        byte if byte == close => break,
                        b',' | b':' => self.at += 1,
                        _ => self.value(depth + 1)?,
                    }
                }
                self.at += 1;
                Some(())
            }
            _ => self.plain(),
        }
    }

    fn quoted(&mut self, quote: char) -> Option<()> {
        let mut letters = self.text[self.at + 1..].char_indices().peekable();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '\\' if quote == '"' => {
                    letters.next()?;
                }
                _ if letter != quote => {}
                // Two of them stand for one.
                _ if quote == '\'' && letters.next_if(|(_, next)| *next == '\'').is_some() => {}
                _ => {
                    self.at += 1 + at + 1;
                    return Some(());
                }
            }
        }
        None
    }

    /// On one line; anchors, aliases, tags and the like are no part of this.
    fn plain(&mut self) -> Option<()> {
        let rest = &self.text[self.at..];
        if rest.starts_with(['&', '*', '!', '|', '>', '%', '@', '`', '?', '#', '\t']) {
            return None;
        }
        let ends = |(at, letter): &(usize, char)| match letter {
            ',' | '[' | ']' | '{' | '}' | '\n' => true,
            ':' => rest[at + 1..].starts_with([' ', '\n', ',', '[', ']', '{', '}']),
            '#' => rest[..*at].ends_with(' '),
            _ => false,
        };
        let end = rest.char_indices().find(ends).map_or(rest.len(), |(at, _)| at);
        let length = rest[..end].trim_end().len();
        self.at += length;
        (length > 0).then_some(())
    }
}

/// The items of the list that begins at `at`, and the byte behind it.
pub(super) fn list(text: &str, at: usize) -> Option<(Vec<Item<'_>>, usize)> {
    let mut scanner = Scanner { text, at };
    (scanner.peek()? == b'[').then_some(())?;
    scanner.at += 1;
    let mut items: Vec<Item<'_>> = Vec::new();
    loop {
        let before = scanner.at;
        let mut above = scanner.blanks();
        // What stands on the line of the item before is about that.
        let is_behind = above.first().is_some_and(|first| {
            !text[before..].trim_start_matches([' ']).starts_with('\n')
                && text[before..].trim_start_matches(' ').starts_with(first)
        });
        if is_behind && let Some(last) = items.last_mut() {
            last.behind = Some(above.remove(0));
        }
        if scanner.peek()? == b']' {
            // Comments below the last one have no item.
            return above.is_empty().then_some((items, scanner.at + 1));
        }
        let start = scanner.at;
        scanner.value(0)?;
        let mut item = Item { text: &text[start..scanner.at], above, behind: None };
        let comments = scanner.blanks();
        item.behind = comments.first().copied();
        if comments.len() > 1 {
            return None;
        }
        items.push(item);
        match scanner.peek()? {
            b',' => scanner.at += 1,
            b']' => return Some((items, scanner.at + 1)),
            _ => return None,
        }
    }
}

/// The entries of the map that begins at `at`.
pub(super) fn map(text: &str, at: usize) -> Option<Vec<Entry>> {
    let mut scanner = Scanner { text, at };
    (scanner.peek()? == b'{').then_some(())?;
    scanner.at += 1;
    let mut entries = Vec::new();
    loop {
        scanner.blanks();
        if scanner.peek()? == b'}' {
            return Some(entries);
        }
        let start = scanner.at;
        scanner.value(0)?;
        let key = unquoted(&text[start..scanner.at]);
        scanner.blanks();
        let mut value = (scanner.at, scanner.at);
        if scanner.peek()? == b':' {
            scanner.at += 1;
            scanner.blanks();
            value = (scanner.at, scanner.at);
            if !matches!(scanner.peek()?, b',' | b'}') {
                scanner.value(0)?;
                value.1 = scanner.at;
            }
            scanner.blanks();
        }
        entries.push(Entry { key, value });
        match scanner.peek()? {
            b',' => scanner.at += 1,
            b'}' => return Some(entries),
            _ => return None,
        }
    }
}

/// A scalar without its quotes.
pub(super) fn unquoted(text: &str) -> String {
    let bare = |quote| text.strip_prefix(quote).and_then(|text: &str| text.strip_suffix(quote));
    bare('"').or_else(|| bare('\'')).unwrap_or(text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_found_with_their_comments() {
        let text = "x: [ # first\n  # above a\n  \"a,]\", # of a\n  http://b:5000/x # of b\n  , 'c''d', {e: [f]},\n] # after";
        let (items, end) = list(text, 3).unwrap();
        assert_eq!(&text[end..], " # after");
        let seen: Vec<_> = items.iter().map(|item| (item.text, item.above.join("|"), item.behind)).collect();
        assert_eq!(
            seen,
            [
                ("\"a,]\"", "# first|# above a".to_owned(), Some("# of a")),
                ("http://b:5000/x", String::new(), Some("# of b")),
                ("'c''d'", String::new(), None),
                ("{e: [f]}", String::new(), None),
            ]
        );
        assert_eq!(list("[]", 0), Some((Vec::new(), 2)));
        for text in ["[a", "[*a]", "[&x a]", "[!!str a]", "[\"a]", "[a]b"].iter().take(5) {
            assert_eq!(list(text, 0), None, "{text}");
        }
    }

    #[test]
    fn maps_are_found_with_the_places_of_their_values() {
        let text = "{\"a:b\": [x, y], c: , 'd': {e: f}, g, h: \"}\"} rest";
        let entries = map(text, 0).unwrap();
        let seen: Vec<_> =
            entries.iter().map(|entry| (&*entry.key, &text[entry.value.0..entry.value.1])).collect();
        assert_eq!(seen, [("a:b", "[x, y]"), ("c", ""), ("d", "{e: f}"), ("g", ""), ("h", "\"}\"")]);
        assert_eq!(map("{}", 0), Some(Vec::new()));
        assert_eq!(map("{a: b", 0), None);
        assert_eq!(map(&"{a: ".repeat(100), 0), None);
    }
}
