//! Values for Compose's variables: the `.env` beside the file, and the environment where the user allows it.
//!
//! The environment wins, as it does with `docker compose`. What a value is, no message tells.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::bad_line::BadLine;
use super::interpolate::{interpolate, name_length};
use crate::model::origin::Origin;

/// The file that lies beside a Compose file.
pub(super) const FILE_NAME: &str = ".env";
const UNREADABLE: &str = "cannot be read as a text file of at most 1 MiB";
/// Most bytes of it.
const MAX_BYTES: u64 = 1024 * 1024;

/// Names and values.
#[derive(Clone, Default)]
pub(super) struct Variables {
    environment: Arc<BTreeMap<String, String>>,
    file: BTreeMap<String, String>,
}

/// A line that Compose would refuse. The text is not kept: it may be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed {
    pub(super) line: u32,
    pub(super) why: &'static str,
}

const NO_NAME: &str = "no name stands before the = (expected NAME=VALUE)";
const BAD_NAME: &str = "not NAME=VALUE: a name has letters, digits, _, . and -, no blanks";
const OPEN_QUOTE: &str = "the quote that begins here has no end";

impl Variables {
    /// The environment's alone.
    pub(super) fn of(environment: Arc<BTreeMap<String, String>>) -> Self {
        Self { environment, file: BTreeMap::new() }
    }

    /// With the `.env` beside `path`, if there is one; it is added to the files that were `read`. What is wrong
    /// with it comes besides, and what can be read of it counts all the same.
    pub(super) fn beside(
        path: &Path,
        environment: Arc<BTreeMap<String, String>>,
        read: &mut Vec<PathBuf>,
    ) -> (Self, Option<BadLine>) {
        let mut variables = Self::of(environment);
        let file = path.parent().unwrap_or(Path::new("")).join(FILE_NAME);
        // A folder of that name is a virtual environment of Python, and no fault.
        if !file.is_file() {
            return (variables, None);
        }
        let bad = |line: u32, why: &str| {
            BadLine::new(Origin::line(file.to_string_lossy().into(), line), "", why.to_owned())
        };
        let bad = match super::files::read_regular(&file, MAX_BYTES) {
            Some(text) => variables.add(&text).map(|Malformed { line, why }| bad(line, why)),
            None => Some(bad(1, UNREADABLE)),
        };
        read.push(file);
        (variables, bad)
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.environment.get(name).or_else(|| self.file.get(name)).map(String::as_str)
    }

    /// Adds what `text` assigns, line by line; returns the first line that is no assignment.
    pub(super) fn add(&mut self, text: &str) -> Option<Malformed> {
        let text = text.replace("\r\n", "\n");
        let mut first = None;
        let mut rest = &*text;
        while !rest.is_empty() {
            let line = rest.trim_start();
            let end = line.find('\n').unwrap_or(line.len());
            let number = || {
                let before = text[..text.len() - line.len()].matches('\n').count();
                u32::try_from(before).unwrap_or(u32::MAX).saturating_add(1)
            };
            rest = &line[end..];
            if end == 0 || line.starts_with('#') {
                continue;
            }
            let why = match self.take(line, &line[..end]) {
                Ok(behind) => {
                    rest = behind;
                    continue;
                }
                Err(why) => why,
            };
            first = first.or_else(|| Some(Malformed { line: number(), why }));
        }
        first
    }

    /// Takes the assignment that `text` begins with, and returns what stands behind it. (compose-go's
    /// `dotenv/parser.go`.)
    fn take<'t>(&mut self, text: &'t str, line: &'t str) -> Result<&'t str, &'static str> {
        let assigned = line.strip_prefix("export ").map_or(line, str::trim_start);
        let end = assigned.find(['=', ':']).unwrap_or(assigned.len());
        let name = assigned[..end].trim_end();
        if name.is_empty() {
            return Err(NO_NAME);
        }
        if !name.chars().all(|c| c.is_alphanumeric() || "_.-[]".contains(c)) {
            return Err(BAD_NAME);
        }
        let behind_name = line.len() - assigned.len() + end;
        // A name alone has the value that the environment gives it.
        let Some(value) = text[behind_name..].strip_prefix(['=', ':']) else {
            return Ok(&text[line.len()..]);
        };
        let value = value.trim_start_matches([' ', '\t']);
        let (value, rest) = self.value(value)?;
        if name_length(name) == name.len() {
            self.file.insert(name.to_owned(), value);
        }
        Ok(rest)
    }

    /// The value that `text` begins with, and what stands behind it.
    fn value<'t>(&self, text: &'t str) -> Result<(String, &'t str), &'static str> {
        let end = text.find('\n').unwrap_or(text.len());
        let after = |rest: &'t str| &rest[rest.find('\n').unwrap_or(rest.len())..];
        if let Some(quoted) = text.strip_prefix('\'') {
            let end = quoted.find('\'').ok_or(OPEN_QUOTE)?;
            return Ok((quoted[..end].to_owned(), after(&quoted[end..])));
        }
        if let Some(quoted) = text.strip_prefix('"') {
            let end = closing_quote(quoted).ok_or(OPEN_QUOTE)?;
            return Ok((self.interpolated(&unescaped(&quoted[..end])), after(&quoted[end..])));
        }
        let line = &text[..end];
        let comment = line.match_indices('#').find(|(at, _)| *at == 0 || line[..*at].ends_with([' ', '\t']));
        let value = comment.map_or(line, |(at, _)| &line[..at]).trim();
        Ok((self.interpolated(value), &text[end..]))
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
        let mut variables = Variables::default();
        variables.add(text);
        variables.get(name).map(str::to_owned)
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
    fn the_first_line_that_compose_would_refuse_is_told_and_the_others_count() {
        let malformed = |text: &str| Variables::default().add(text).map(|found| (found.line, found.why));
        for text in [
            "",
            "# a b\n\n",
            "A",
            "export A\n B = 1\n",
            "a.b-c[0]=\"x\ny z\"\nV=1",
            "1A=2\r\n",
            "ä: 1",
            "V=\n",
        ] {
            assert_eq!(malformed(text), None, "{text:?}");
        }
        for (text, line, why) in [
            ("A=1\nno assignment\nV=1\nnor this", 2, BAD_NAME),
            ("A=1\r\n\r\n=hunter2\r\n", 3, NO_NAME),
            ("A B=1", 1, BAD_NAME),
            ("A='x\ny\nB=\"1", 1, OPEN_QUOTE),
            ("A='1\n2'\n$V=1", 3, BAD_NAME),
        ] {
            assert_eq!(malformed(text), Some((line, why)), "{text:?}");
        }
    }

    #[test]
    fn the_environment_wins_where_it_is_given() {
        let environment = BTreeMap::from([("A".to_owned(), "env".to_owned())]);
        let mut variables = Variables::of(Arc::new(environment));
        assert_eq!(variables.add("A=file\nB=$A\n"), None);
        assert_eq!((variables.get("A"), variables.get("B")), (Some("env"), Some("env")));
    }

    proptest! {
        #[test]
        fn arbitrary_text_is_read(text in "[AB=:'\"\\\\#${} \n]{0,60}") {
            let lines = u32::try_from(text.lines().count()).unwrap();
            let malformed = Variables::default().add(&text);
            prop_assert!(malformed.is_none_or(|malformed| (1..=lines).contains(&malformed.line)));
        }
    }
}
