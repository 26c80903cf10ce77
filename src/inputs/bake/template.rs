//! HCL's templates in a bake file's texts: `${NAME}` is a variable of the file, `$${` and `%%{` are its escapes.
//!
//! All else between `${` or `%{` and its brace is a program, whose outcome nobody guesses here: it is unknown, and what
//! stands behind it is read. A `$` alone is a `$` (HCL's native syntax specification, "Templates").

use std::collections::{BTreeMap, HashMap};

use crate::inputs::dockerfile::{Sort, Unknown};
use crate::inputs::room::{Filling, Room, TooLong};
use crate::inputs::yaml::Node;

/// Variables whose defaults hold variables, as far as anybody could mean it.
const MAX_DEPTH: usize = 100;
/// What an expression is called.
const EXPRESSION: &str = "an expression of HCL";
/// What a directive is called.
const DIRECTIVE: &str = "a directive of HCL (a literal %{ is written %%{)";
/// What is wrong with a number without quotes.
const REWRITTEN: &str = "is a number, whose text HCL may change (1.10 becomes 1.1): write it in quotes";

/// Values for the variables of a file.
pub(super) struct Templates<'a> {
    /// Declared, with their defaults.
    pub(super) variables: HashMap<&'a str, Option<&'a Node>>,
    /// What goes before defaults.
    pub(super) environment: &'a BTreeMap<String, String>,
    pub(super) room: Room,
}

/// A text whose variables have their values.
pub(super) struct Filled {
    /// What is not known has its stand-in.
    pub(super) text: String,
    /// What is not known, by the number of its stand-in.
    pub(super) unknown: Vec<Unknown>,
    /// Where a template begins that has no end: all from there on stays as it is typed.
    pub(super) unclosed: Option<usize>,
}

impl Filled {
    /// The text, if all of it is known.
    pub(super) fn known(self) -> Option<String> {
        (self.unknown.is_empty() && self.unclosed.is_none()).then_some(self.text)
    }

    /// What is said of a name that is not known.
    pub(super) fn told(&self) -> Option<(Sort, String)> {
        let unclosed = self.unclosed.map(|_| (Sort::Fault, UNCLOSED.to_owned()));
        unclosed.or_else(|| Unknown::told(&self.unknown))
    }
}

/// What is wrong with a template that has no end.
pub(super) const UNCLOSED: &str = "the template that begins here has no closing brace";

/// A value, or why there is none.
type Value = Result<String, (Sort, String)>;

impl<'a> Templates<'a> {
    pub(super) fn fill(&self, text: &str) -> Result<Filled, TooLong> {
        self.fill_within(text, &mut Vec::new())
    }

    /// `names` are the variables in whose defaults the text stands.
    fn fill_within(&self, text: &str, names: &mut Vec<&'a str>) -> Result<Filled, TooLong> {
        let (mut unknown, mut unclosed) = (Vec::new(), None);
        // What has no variables costs nothing: it counts however much others took.
        if opening(text).is_none() {
            return Ok(Filled { text: text.to_owned(), unknown, unclosed });
        }
        self.room.spend(text.len())?;
        let mut out = Filling::new(&self.room);
        let mut rest = text;
        let mut ends = Ends::default();
        while let Some(at) = opening(rest) {
            let (before, behind) = (&rest[..at], &rest[at + 2..]);
            let sign = &rest[at..=at];
            if let Some(before) = before.strip_suffix(sign) {
                out.literal(before);
                out.literal(&rest[at..at + 2]);
                rest = behind;
                continue;
            }
            let end = if sign == "%" { ends.of_directive(behind) } else { closing_brace(behind) };
            let Some(end) = end else {
                unclosed = Some(text.len() - rest.len() + at);
                break;
            };
            out.literal(before);
            let typed = &rest[at..at + 3 + end];
            rest = &behind[end + 1..];
            let name = behind[..end].trim();
            let value = match sign {
                "%" => Err((Sort::Open, DIRECTIVE.to_owned())),
                _ if !is_name(name) => Err((Sort::Open, EXPRESSION.to_owned())),
                _ => self.value(name, names)?,
            };
            match value {
                Ok(value) => out.value(&value)?,
                Err((sort, why)) => {
                    out.literal(&Unknown::stand_in(unknown.len()));
                    unknown.push(Unknown { typed: typed.to_owned(), why, sort });
                }
            }
        }
        out.literal(rest);
        Ok(Filled { text: out.done(), unknown, unclosed })
    }

    /// What a variable stands for, or why that is not known.
    fn value(&self, name: &str, names: &mut Vec<&'a str>) -> Result<Value, TooLong> {
        self.room.look_up()?;
        let open = |why: &str| Ok(Err((Sort::Open, format!("the variable {name} of bake {why}"))));
        let Some((name, default)) = self.variables.get_key_value(name) else {
            return open("without a default");
        };
        if let Some(value) = self.environment.get(*name) {
            return Ok(Ok(value.clone()));
        }
        let Some(default) = default else { return open("without a default") };
        if default.is_seq() || default.is_map() {
            return open(if default.is_seq() { "whose default is a list" } else { "whose default is a map" });
        }
        if default.rewritten_number().is_some() {
            return Ok(Err((Sort::Fault, format!("the variable {name} of bake {REWRITTEN}"))));
        }
        let Some(text) = default.text() else { return open("without a default") };
        if names.contains(name) {
            return open("whose default holds itself");
        }
        if names.len() >= MAX_DEPTH {
            return open(&format!("more than {MAX_DEPTH} defaults deep"));
        }
        names.push(name);
        let filled = self.fill_within(text, names);
        names.pop();
        let filled = filled?;
        Ok(filled.told().map_or(Ok(filled.text), Err))
    }
}

/// An argument that is a number and is not kept as it is written.
pub(super) fn rewritten(name: &str, typed: &str) -> Unknown {
    let why = format!("the argument {name} of bake {REWRITTEN}");
    Unknown { typed: typed.to_owned(), why, sort: Sort::Fault }
}

/// A name of HCL: letters, digits, `_` and `-`.
fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-')
}

/// Where `${` or `%{` stands.
fn opening(text: &str) -> Option<usize> {
    let mut braces = text.match_indices('{').map(|(at, _)| at);
    braces.find(|at| text[..*at].ends_with(['$', '%'])).map(|at| at - 1)
}

/// Braces in HCL's texts are none, unless a quote in it has no end.
fn closing_brace(text: &str) -> Option<usize> {
    let find = |has_quotes: bool| {
        let (mut open, mut is_quoted, mut is_escaped) = (1_usize, false, false);
        text.bytes().position(|b| {
            match b {
                _ if is_escaped => is_escaped = false,
                b'\\' if is_quoted => is_escaped = true,
                b'"' if has_quotes => is_quoted = !is_quoted,
                b'{' if !is_quoted => open += 1,
                b'}' if !is_quoted => open -= 1,
                _ => {}
            }
            open == 0
        })
    };
    find(true).or_else(|| find(false))
}

/// Where directives end.
#[derive(Default)]
struct Ends {
    /// A block without an end was met: looking again and again to the end of the text would take the square of it.
    has_no_end: bool,
}

impl Ends {
    /// The last brace of `%{ if … }…%{ endif }` or `%{ for … }…%{ endfor }`; of anything else, and of a block
    /// without an end, that of the directive.
    fn of_directive(&mut self, behind: &str) -> Option<usize> {
        let first = closing_brace(behind)?;
        if self.has_no_end || !matches!(keyword(&behind[..first]), "if" | "for") {
            return Some(first);
        }
        let (mut open, mut from) = (1_usize, first + 1);
        while let Some(at) = behind[from..].find("%{").map(|at| from + at) {
            from = at + 2;
            if behind[..at].ends_with('%') {
                continue;
            }
            let Some(end) = closing_brace(&behind[from..]) else { break };
            match keyword(&behind[from..from + end]) {
                "if" | "for" => open += 1,
                "endif" | "endfor" => open -= 1,
                _ => {}
            }
            from += end;
            if open == 0 {
                return Some(from);
            }
        }
        self.has_no_end = true;
        Some(first)
    }
}

/// What a directive begins with; `~` takes blanks away.
fn keyword(directive: &str) -> &str {
    let inside = directive.strip_prefix('~').unwrap_or(directive).trim();
    inside.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::inputs::room::MAX_GROWTH;
    use crate::inputs::yaml::chunks;

    fn filled(json: &str, text: &str) -> Result<Filled, TooLong> {
        let root = chunks(json)[0].read().unwrap();
        let budget = crate::inputs::yaml::Budget::default();
        let variables = root.pairs(&budget).map(|(name, default)| (name, Some(default))).collect();
        let environment =
            BTreeMap::from([("SET".to_owned(), "${raw}".to_owned()), ("OTHER".to_owned(), "x".to_owned())]);
        Templates { variables, environment: &environment, room: Room::default() }.fill(text)
    }

    const VARIABLES: &str = r#"{"A": "1", "B": "${A}.2", "C": "${D}", "D": "${C}", "N": null, "SET": "no", "E": "", "a-b": "3", "L": ["a"], "F": 3.20, "M": "${F}"}"#;

    #[test]
    fn variables_have_their_values_and_escapes_their_meaning() {
        for (text, expected) in [
            ("x:${A}", "x:1"),
            ("x:${ A }-${B}", "x:1-1.2"),
            ("x:$A", "x:$A"),
            ("$${A} %%{if}", "${A} %{if}"),
            ("$$A $", "$$A $"),
            ("${SET}", "${raw}"),
            ("[${E}]", "[]"),
            ("${a-b}", "3"),
        ] {
            let done = filled(VARIABLES, text).unwrap();
            assert_eq!((done.unknown.len(), done.unclosed), (0, None), "{text}");
            assert_eq!(done.text, expected, "{text}");
        }
    }

    #[test]
    fn what_is_not_known_is_told_and_never_guessed() {
        let open = |why: &str| (Sort::Open, why.to_owned());
        for (text, expected, why) in [
            ("x:${GONE}", "x:_", open("the variable GONE of bake without a default")),
            ("x:${OTHER}", "x:_", open("the variable OTHER of bake without a default")),
            ("x:${N}!", "x:_!", open("the variable N of bake without a default")),
            ("x:${C}", "x:_", open("the variable C of bake whose default holds itself")),
            ("x:${L}", "x:_", open("the variable L of bake whose default is a list")),
            ("x:${A:-y}z", "x:_z", open(EXPRESSION)),
            ("x:${upper(\"${A}}\")}z${A}", "x:_z1", open(EXPRESSION)),
            ("x:%{if A}y%{ for a in L }%%{endif}%{ endfor ~}%{else}%{~ endif}z", "x:_z", open(DIRECTIVE)),
            ("x:%{http_code}z", "x:_z", open(DIRECTIVE)),
            ("x:%{if A}y${A}", "x:_y1", open(DIRECTIVE)),
            ("x:${M}", "x:_", (Sort::Fault, format!("the variable F of bake {REWRITTEN}"))),
        ] {
            let done = filled(VARIABLES, text).unwrap();
            assert_eq!(done.told(), Some(why), "{text}");
            assert_eq!(done.text.replace(&Unknown::stand_in(0), "_"), expected, "{text}");
        }
        for (text, at) in [("x:${A", 2), ("${A}%{if A\n${A}", 4), ("${A}\n${ \"", 5)] {
            let done = filled(VARIABLES, text).unwrap();
            assert_eq!(
                (done.unclosed, done.told().map(|(sort, _)| sort)),
                (Some(at), Some(Sort::Fault)),
                "{text}"
            );
            assert!(done.text.ends_with(&text[at..]), "{text}");
        }
    }

    #[test]
    fn defaults_in_defaults_are_followed_however_deep_anybody_means_it() {
        let deep =
            |n: usize| (1..n).map(|at| format!("\"V{at}\": \"${{V{}}}.\", ", at - 1)).collect::<String>();
        let json = format!("{{{} \"V0\": \"x\"}}", deep(102));
        assert_eq!(filled(&json, "${V99}").unwrap().known(), Some(format!("x{}", ".".repeat(99))));
        let why = "the variable V0 of bake more than 100 defaults deep".to_owned();
        assert_eq!(filled(&json, "${V100}").unwrap().told(), Some((Sort::Open, why)));
    }

    #[test]
    fn defaults_that_multiply_come_to_an_end() {
        let twice = |name: &str, of: &str| format!("\"{name}\": \"{}\"", format!("${{{of}}}").repeat(1000));
        for first in ["a".repeat(1000), String::new()] {
            let json = format!(
                "{{\"A\": \"{first}\", {}, {}, {}}}",
                twice("B", "A"),
                twice("C", "B"),
                twice("D", "C")
            );
            let expected = if first.is_empty() { TooLong::File } else { TooLong::Text };
            assert_eq!(filled(&json, "${D}").map(|done| done.text), Err(expected));
        }
    }

    proptest! {
        #[test]
        fn no_text_grows_beyond_the_bound(text in "(\\$\\{A\\}|%\\{|\\$|\\{|\\}|A|é){0,40}", size in 0_usize..MAX_GROWTH * 2) {
            match filled(&format!("{{\"A\": \"{}\"}}", "a".repeat(size)), &text) {
                Ok(done) => prop_assert!(done.text.len() <= text.len() * 16 + MAX_GROWTH),
                Err(fault) => prop_assert_eq!(fault, TooLong::Text),
            }
        }
    }
}
