//! HCL's templates in a bake file's texts: `${NAME}` is a variable of the file, `$${` and `%%{` are its escapes.
//!
//! All else between `${` or `%{` and its brace is a program, whose outcome nobody guesses here. A `$` alone is a `$`
//! (HCL's native syntax specification, "Templates").

use std::collections::{BTreeMap, HashMap};

use crate::inputs::room::{Filling, Room, TooLong};
use crate::inputs::yaml::Node;

/// Variables whose defaults hold variables, as far as anybody could mean it.
const MAX_DEPTH: usize = 8;
/// What an expression is called.
const EXPRESSION: &str = "an expression of HCL";

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
    /// What is not known is a variable in it that no Dockerfile has.
    pub(super) text: String,
    /// What is not known, in words.
    pub(super) open: Vec<String>,
}

impl Templates<'_> {
    pub(super) fn fill(&self, text: &str) -> Result<Filled, TooLong> {
        self.fill_within(text, MAX_DEPTH)
    }

    fn fill_within(&self, text: &str, depth: usize) -> Result<Filled, TooLong> {
        self.room.spend(text.len())?;
        let (mut out, mut open) = (Filling::new(&self.room), Vec::new());
        let mut rest = text;
        while let Some(at) = opening(rest) {
            let (before, behind) = (&rest[..at], &rest[at + 2..]);
            let sign = &rest[at..=at];
            if let Some(before) = before.strip_suffix(sign) {
                out.literal(before);
                out.literal(&rest[at..at + 2]);
                rest = behind;
                continue;
            }
            out.literal(before);
            let end = closing_brace(behind).unwrap_or(behind.len());
            // What stands between two directives hangs on them.
            rest = if sign == "%" { "" } else { behind.get(end + 1..).unwrap_or_default() };
            let name = behind[..end].trim();
            if sign == "%" || !is_name(name) || end == behind.len() {
                open.push(EXPRESSION.to_owned());
                out.literal("${expression_of_bake}");
                continue;
            }
            match self.value(name, depth)? {
                Some(value) => out.value(&value)?,
                None => {
                    open.push(format!("the variable {name} without a default"));
                    out.literal(&format!(
                        "${{{}_of_bake}}",
                        name.replace(|c: char| !c.is_ascii_alphanumeric(), "_")
                    ));
                }
            }
        }
        out.literal(rest);
        Ok(Filled { text: out.done(), open })
    }

    /// What a variable stands for, if that is known.
    fn value(&self, name: &str, depth: usize) -> Result<Option<String>, TooLong> {
        self.room.look_up()?;
        let Some(default) = self.variables.get(name) else { return Ok(None) };
        if let Some(value) = self.environment.get(name) {
            return Ok(Some(value.clone()));
        }
        let Some(text) = default.and_then(Node::text).filter(|_| depth > 0) else { return Ok(None) };
        let filled = self.fill_within(text, depth - 1)?;
        Ok(filled.open.is_empty().then_some(filled.text))
    }
}

/// A name of HCL: letters, digits, `_` and `-`.
fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-')
}

/// Where `${` or `%{` stands.
fn opening(text: &str) -> Option<usize> {
    let is_sign = |(sign, brace): (u8, u8)| matches!(sign, b'$' | b'%') && brace == b'{';
    text.bytes().zip(text.bytes().skip(1)).position(is_sign)
}

fn closing_brace(text: &str) -> Option<usize> {
    let mut open = 1_usize;
    text.bytes().position(|b| {
        match b {
            b'{' => open += 1,
            b'}' => open -= 1,
            _ => {}
        }
        open == 0
    })
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

    const VARIABLES: &str =
        r#"{"A": "1", "B": "${A}.2", "C": "${D}", "D": "${C}", "N": null, "SET": "no", "E": "", "a-b": "3"}"#;

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
            assert_eq!((&*done.text, done.open.len()), (expected, 0), "{text}");
        }
    }

    #[test]
    fn what_is_not_known_is_told_and_never_guessed() {
        for (text, expected, why) in [
            ("x:${GONE}", "x:${GONE_of_bake}", "the variable GONE without a default"),
            ("x:${OTHER}", "x:${OTHER_of_bake}", "the variable OTHER without a default"),
            ("x:${N}!", "x:${N_of_bake}!", "the variable N without a default"),
            ("x:${C}", "x:${C_of_bake}", "the variable C without a default"),
            ("x:${A:-y}z", "x:${expression_of_bake}z", EXPRESSION),
            ("x:${upper(\"${A}\")}z", "x:${expression_of_bake}z", EXPRESSION),
            ("x:${A", "x:${expression_of_bake}", EXPRESSION),
            ("x:%{if A}y%{endif}", "x:${expression_of_bake}", EXPRESSION),
        ] {
            let done = filled(VARIABLES, text).unwrap();
            assert_eq!((&*done.text, &done.open[..]), (expected, &[why.to_owned()][..]), "{text}");
        }
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
                Ok(done) => prop_assert!(done.text.len() <= text.len() * 12 + MAX_GROWTH),
                Err(fault) => prop_assert_eq!(fault, TooLong::Text),
            }
        }
    }
}
