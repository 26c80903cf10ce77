//! Values for Compose's variables: the `.env` beside the file, and the environment where the user allows it.
//!
//! The environment wins, as it does with `docker compose`. What a value is, no message tells.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::interpolate::{interpolate, name_length};

/// The file that lies beside a Compose file.
pub(super) const FILE_NAME: &str = ".env";
/// Most bytes of it.
const MAX_BYTES: u64 = 1024 * 1024;

/// Names and values.
#[derive(Clone, Default)]
pub(super) struct Variables {
    environment: Arc<BTreeMap<String, String>>,
    file: BTreeMap<String, String>,
}

impl Variables {
    /// The environment's, and then those of `text`, line by line.
    pub(super) fn new(environment: Arc<BTreeMap<String, String>>, text: &str) -> Self {
        let mut variables = Self { environment, file: BTreeMap::new() };
        variables.add(text);
        variables
    }

    /// With the `.env` beside `path`, if there is one; it is added to the files that were `read`.
    pub(super) fn beside(
        path: &Path,
        environment: Arc<BTreeMap<String, String>>,
        read: &mut Vec<PathBuf>,
    ) -> Self {
        let file = path.parent().unwrap_or(Path::new("")).join(FILE_NAME);
        let text = super::files::read_regular(&file, MAX_BYTES);
        if text.is_some() {
            read.push(file);
        }
        Self::new(environment, &text.unwrap_or_default())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.environment.get(name).or_else(|| self.file.get(name)).map(String::as_str)
    }

    fn add(&mut self, text: &str) {
        let text = text.replace("\r\n", "\n");
        let mut rest = &*text;
        while !rest.is_empty() {
            let line = rest.trim_start();
            let end = line.find('\n').unwrap_or(line.len());
            let assigned = line.strip_prefix("export ").map_or(line, str::trim_start);
            let name = &assigned[..name_length(assigned)];
            let behind = assigned[name.len()..].trim_start_matches([' ', '\t']);
            let value = behind.strip_prefix('=').or_else(|| behind.strip_prefix(':'));
            rest = match value {
                Some(value) if !name.is_empty() && !line.starts_with('#') => {
                    let (value, rest) = self.value(value.trim_start_matches([' ', '\t']));
                    self.file.insert(name.to_owned(), value);
                    rest
                }
                _ => &line[end..],
            };
        }
    }

    /// The value that `text` begins with, and what stands behind it.
    fn value<'t>(&self, text: &'t str) -> (String, &'t str) {
        let end = text.find('\n').unwrap_or(text.len());
        let after = |rest: &'t str| &rest[rest.find('\n').unwrap_or(rest.len())..];
        if let Some(quoted) = text.strip_prefix('\'')
            && let Some(end) = quoted.find('\'')
        {
            return (quoted[..end].to_owned(), after(&quoted[end..]));
        }
        if let Some(quoted) = text.strip_prefix('"')
            && let Some(end) = closing_quote(quoted)
        {
            return (self.interpolated(&unescaped(&quoted[..end])), after(&quoted[end..]));
        }
        let line = &text[..end];
        let comment = line.match_indices('#').find(|(at, _)| *at == 0 || line[..*at].ends_with([' ', '\t']));
        let value = comment.map_or(line, |(at, _)| &line[..at]).trim();
        (self.interpolated(value), &text[end..])
    }

    fn interpolated(&self, text: &str) -> String {
        interpolate(text, &|name| self.get(name)).map_or_else(|_| text.to_owned(), |done| done.text)
    }
}

fn closing_quote(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    text.bytes().position(|b| {
        let is_end = b == b'"' && !is_escaped;
        is_escaped = b == b'\\' && !is_escaped;
        is_end
    })
}

fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (letter, letters.clone().next()) {
            ('\\', Some(next @ ('n' | 'r' | 't' | '"' | '\\'))) => {
                letters.next();
                out.push(match next {
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    other => other,
                });
            }
            _ => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value(text: &str, name: &str) -> Option<String> {
        Variables::new(Arc::default(), text).get(name).map(str::to_owned)
    }

    #[test]
    fn values_are_read_as_compose_reads_them() {
        for (text, expected) in [
            ("V=a", "a"),
            ("V: a", "a"),
            ("V = a ", "a"),
            ("export V=a\r\n", "a"),
            ("# V=x\nV=VAL # comment", "VAL"),
            ("V=VAL# x", "VAL# x"),
            ("V='$X # ${Y}'", "$X # ${Y}"),
            ("V=\"a # b\" # c", "a # b"),
            ("X=1\nV=\"${X}-$X\"", "1-1"),
            ("X=1\nV=${X}.2", "1.2"),
            ("V=\"a\\n\\\"b\"", "a\n\"b"),
            ("V='two\nlines'\nW=1", "two\nlines"),
            ("V=", ""),
            ("V=#x", ""),
            ("V=1\nV=2", "2"),
            ("no assignment\nV=1", "1"),
        ] {
            assert_eq!(value(text, "V").as_deref(), Some(expected), "{text:?}");
        }
        assert_eq!(value("V='a' \nW=2", "W").as_deref(), Some("2"));
        assert_eq!(value("1V=a\n=b", "V"), None);
    }

    #[test]
    fn the_environment_wins_where_it_is_given() {
        let environment = BTreeMap::from([("A".to_owned(), "env".to_owned())]);
        let variables = Variables::new(Arc::new(environment), "A=file\nB=$A\n");
        assert_eq!((variables.get("A"), variables.get("B")), (Some("env"), Some("env")));
    }

    proptest! {
        #[test]
        fn arbitrary_text_is_read(text in "[AB=:'\"\\\\#${} \n]{0,60}") {
            Variables::new(Arc::default(), &text);
        }
    }
}
