//! Values for Compose's variables: the `.env` beside the file, and the environment where the user allows it.
//!
//! The environment wins, as it does with `docker compose`. What a value is, no message tells. A value that depends on
//! a variable without one is as unknown.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use super::bad_line::BadLine;
use super::interpolate::{Fault, Interpolated, interpolate, name_length};
use super::room::Room;
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
    /// Shared by all that one file leads to.
    room: Rc<Room>,
}

/// Most lines of one file that are told one by one.
const MAX_MALFORMED: usize = 20;

/// A line that Compose would refuse. The text is not kept: it may be a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Malformed {
    pub(super) line: u32,
    pub(super) why: String,
}

const NO_NAME: &str = "no name stands before the = (expected NAME=VALUE)";
const BAD_NAME: &str = "not NAME=VALUE: a name has letters, digits, _, . and -, no blanks";
const OPEN_QUOTE: &str = "the quote that begins here has no end";

impl Variables {
    /// The environment's alone.
    pub(super) fn of(environment: Arc<BTreeMap<String, String>>) -> Self {
        Self { environment, ..Self::default() }
    }

    /// With the `.env` beside `path`, if there is one; it is added to the files that were `read`. What is wrong
    /// with it comes besides, and what can be read of it counts all the same.
    pub(super) fn beside(
        path: &Path,
        environment: Arc<BTreeMap<String, String>>,
        read: &mut Vec<PathBuf>,
    ) -> (Self, Vec<BadLine>) {
        let mut variables = Self::of(environment);
        let file = path.parent().unwrap_or(Path::new("")).join(FILE_NAME);
        let bad = variables.add_file(file, read);
        (variables, bad)
    }

    /// Adds what a file assigns, if it is one; what was assigned before by another of these files is replaced.
    pub(super) fn add_file(&mut self, file: PathBuf, read: &mut Vec<PathBuf>) -> Vec<BadLine> {
        // A folder of that name is a virtual environment of Python, and no fault.
        if !file.is_file() {
            return Vec::new();
        }
        let bad =
            |line: u32, why: String| BadLine::new(Origin::line(file.to_string_lossy().into(), line), "", why);
        let bad = match super::files::read_regular(&file, MAX_BYTES) {
            Some(text) => self.add(&text).into_iter().map(|Malformed { line, why }| bad(line, why)).collect(),
            None => vec![bad(1, UNREADABLE.to_owned())],
        };
        read.push(file);
        bad
    }

    /// All of these values as an environment: other files add to them and change none.
    pub(super) fn fixed(&self) -> Self {
        let size: usize = self.file.iter().map(|(name, value)| name.len() + value.len()).sum();
        let has_room = self.room.spend(size).is_ok();
        let mut all = if has_room { self.file.clone() } else { BTreeMap::new() };
        all.extend(self.environment.iter().map(|(name, value)| (name.clone(), value.clone())));
        Self { environment: Arc::new(all), file: BTreeMap::new(), room: Rc::clone(&self.room) }
    }

    pub(super) fn room(&self) -> &Room {
        &self.room
    }

    /// Puts the values into a text.
    pub(super) fn fill(&self, text: &str) -> Result<Interpolated, Fault> {
        interpolate(text, &|name| self.get(name), &self.room)
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.environment.get(name).or_else(|| self.file.get(name)).map(String::as_str)
    }

    /// Adds what `text` assigns, line by line; returns the first lines that are no assignment.
    pub(super) fn add(&mut self, text: &str) -> Vec<Malformed> {
        let text = text.replace("\r\n", "\n");
        let mut malformed: Vec<Malformed> = Vec::new();
        let mut more = 0_usize;
        let mut rest = &*text;
        let (mut counted, mut number) = (0, 1_u32);
        while !rest.is_empty() {
            let line = rest.trim_start();
            let end = line.find('\n').unwrap_or(line.len());
            let start = text.len() - line.len();
            let passed = text[counted..start].matches('\n').count();
            number = number.saturating_add(u32::try_from(passed).unwrap_or(u32::MAX));
            counted = start;
            rest = &line[end..];
            if end == 0 || line.starts_with('#') {
                continue;
            }
            match self.take(line, &line[..end]) {
                Ok(behind) => rest = behind,
                Err(why) if malformed.len() < MAX_MALFORMED => {
                    malformed.push(Malformed { line: number, why })
                }
                Err(_) => more += 1,
            }
        }
        if let Some(last) = malformed.last_mut().filter(|_| more > 0) {
            last.why = format!("{}; {more} more such lines behind it", last.why);
        }
        malformed
    }

    /// Takes the assignment that `text` begins with, and returns what stands behind it. (compose-go's
    /// `dotenv/parser.go`.)
    fn take<'t>(&mut self, text: &'t str, line: &'t str) -> Result<&'t str, String> {
        let assigned = line.strip_prefix("export ").map_or(line, str::trim_start);
        let end = assigned.find(['=', ':']).unwrap_or(assigned.len());
        let name = assigned[..end].trim_end();
        if name.is_empty() {
            return Err(NO_NAME.to_owned());
        }
        if !name.chars().all(|c| c.is_alphanumeric() || "_.-[]".contains(c)) {
            return Err(BAD_NAME.to_owned());
        }
        let behind_name = line.len() - assigned.len() + end;
        // A name alone has the value that the environment gives it.
        let Some(value) = text[behind_name..].strip_prefix(['=', ':']) else {
            return Ok(&text[line.len()..]);
        };
        let value = value.trim_start_matches([' ', '\t']);
        let (value, rest) = self.value(value)?;
        if name_length(name) == name.len() {
            match value {
                Some(value) => drop(self.file.insert(name.to_owned(), value)),
                None => drop(self.file.remove(name)),
            }
        }
        Ok(rest)
    }

    /// The value that `text` begins with, if it can be known, and what stands behind it.
    fn value<'t>(&self, text: &'t str) -> Result<(Option<String>, &'t str), String> {
        let end = text.find('\n').unwrap_or(text.len());
        let after = |rest: &'t str| &rest[rest.find('\n').unwrap_or(rest.len())..];
        for quote in ['\'', '"'] {
            let Some(quoted) = text.strip_prefix(quote) else { continue };
            let end = closing_quote(quoted, quote).ok_or(OPEN_QUOTE)?;
            let (inside, rest) = (&quoted[..end], after(&quoted[end..]));
            return match quote {
                '\'' => Ok((Some(inside.replace("\\'", "'")), rest)),
                _ => Ok((self.interpolated(&unescaped(inside))?, rest)),
            };
        }
        let line = &text[..end];
        let comment = line.match_indices('#').find(|(at, _)| *at == 0 || line[..*at].ends_with([' ', '\t']));
        let value = comment.map_or(line, |(at, _)| &line[..at]).trim();
        Ok((self.interpolated(value)?, &text[end..]))
    }

    /// Nothing where a variable has no value.
    fn interpolated(&self, text: &str) -> Result<Option<String>, String> {
        match self.fill(text) {
            Ok(done) => Ok(done.unset.is_empty().then_some(done.text)),
            Err(fault @ Fault::TooLong(_)) => Err(format!("the value {fault}")),
            Err(fault @ (Fault::Template | Fault::Required { .. })) => Err(fault.to_string()),
        }
    }
}

fn closing_quote(text: &str, quote: char) -> Option<usize> {
    let mut is_escaped = false;
    text.char_indices().find_map(|(at, letter)| {
        let is_end = letter == quote && !is_escaped;
        is_escaped = letter == '\\' && !is_escaped;
        is_end.then_some(at)
    })
}

/// The escapes of Go, and `\$` for a `$` that names no variable (compose-go's `dotenv/parser.go`).
fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        let next = letters.clone().next().filter(|_| letter == '\\');
        let meant = match next {
            Some('n') => "\n",
            Some('r') => "\r",
            Some('t') => "\t",
            Some('a') => "\u{7}",
            Some('b') => "\u{8}",
            Some('f') => "\u{c}",
            Some('v') => "\u{b}",
            Some('"') => "\"",
            Some('\\') => "\\",
            Some('$') => "$$",
            _ => {
                out.push(letter);
                continue;
            }
        };
        letters.next();
        out.push_str(meant);
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
            ("V='it\\'s \\n'", "it's \\n"),
            ("X=1\nV=\"\\$X $$X \\\\\"", "$X $X \\"),
            ("X=1\nV=$$X", "$X"),
            ("V=${UND:-d}", "d"),
            ("V=${UND-}", ""),
            ("export  V = \"a\"", "a"),
            ("V=\"a\"# c", "a"),
            ("V=", ""),
            ("V=#x", ""),
            ("V=1\nV=2", "2"),
            ("no assignment\nV=1", "1"),
        ] {
            assert_eq!(value(text, "V").as_deref(), Some(expected), "{text:?}");
        }
        assert_eq!(value("V='a' \nW=2", "W").as_deref(), Some("2"));
        assert_eq!(value("1V=a\n=b", "V"), None);
        for unknown in
            ["V=1\nV=${UND}.2", "V=$UND", "V=\"a$UND\"", "U=$UND\nV=$U", "V=${UND:?boom}", "V=${U!}"]
        {
            assert_eq!(value(unknown, "V"), None, "{unknown}");
        }
    }

    #[test]
    fn every_line_that_compose_would_refuse_is_told_and_the_others_count() {
        let malformed = |text: &str| -> Vec<(u32, String)> {
            Variables::default().add(text).into_iter().map(|found| (found.line, found.why)).collect()
        };
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
            assert_eq!(malformed(text), [], "{text:?}");
        }
        let required = "the variable UND must have a value";
        let template = "invalid template: a literal $ is written $$";
        for (text, expected) in [
            ("A=1\nno assignment\nV=1\nnor this", &[(2, BAD_NAME), (4, BAD_NAME)][..]),
            ("A=1\r\n\r\n=hunter2\r\n", &[(3, NO_NAME)]),
            ("A B=1", &[(1, BAD_NAME)]),
            ("A='x\ny\nB=\"1", &[(1, OPEN_QUOTE), (3, OPEN_QUOTE)]),
            ("A='1\n2'\n$V=1", &[(3, BAD_NAME)]),
            (
                "O=${UND:?boom}\nP=\"${UND?hunter2}\"\nQ=${a b}\n",
                &[(1, required), (2, required), (3, template)],
            ),
        ] {
            let expected: Vec<_> = expected.iter().map(|(line, why)| (*line, (*why).to_owned())).collect();
            assert_eq!(malformed(text), expected, "{text:?}");
        }
        let many = malformed(&"no name\n".repeat(50));
        assert_eq!((many.len(), many[19].0), (20, 20));
        assert_eq!(many[19].1, format!("{BAD_NAME}; 30 more such lines behind it"));
    }

    #[test]
    fn the_environment_wins_where_it_is_given() {
        let environment = BTreeMap::from([("A".to_owned(), "env".to_owned())]);
        let mut variables = Variables::of(Arc::new(environment));
        assert_eq!(variables.add("A=file\nB=$A\n"), []);
        assert_eq!((variables.get("A"), variables.get("B")), (Some("env"), Some("env")));
    }

    proptest! {
        #[test]
        fn arbitrary_text_is_read(text in "[AB=:'\"\\\\#${} \n]{0,60}") {
            let lines = u32::try_from(text.lines().count()).unwrap();
            let malformed = Variables::default().add(&text);
            prop_assert!(malformed.iter().all(|malformed| (1..=lines).contains(&malformed.line)));
        }
    }
}
