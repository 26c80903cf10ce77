//! Compose's interpolation: `$V`, `${V}`, and the four operators with and without a colon.
//!
//! The Compose specification's `12-interpolation.md`, and where that is silent compose-go's
//! `template.go`. Nothing else of a shell is understood: `${V/a/b}` is an error there, and here.

use thiserror::Error;

use super::room::{Filling, Room, TooLong};

/// Most defaults inside defaults, as far as anybody could mean it.
const MAX_DEPTH: usize = 32;

/// A text that cannot be interpolated.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum Fault {
    /// `${` with something that is no expression behind it.
    #[error("invalid template: a literal $ is written $$")]
    Template,
    /// `${V:?message}` without a value.
    #[error("the variable {name} must have a value")]
    Required {
        /// The variable.
        name: String,
    },
    /// More than any name needs.
    #[error(transparent)]
    TooLong(#[from] TooLong),
}

/// What became of a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Interpolated {
    pub(super) text: String,
    /// The variables that had neither a value nor a default: they became nothing.
    pub(super) unset: Vec<String>,
}

/// Puts values in, as long as there is room.
pub(super) fn interpolate<'v>(
    text: &str,
    lookup: &dyn Fn(&str) -> Option<&'v str>,
    room: &Room,
) -> Result<Interpolated, Fault> {
    interpolate_with(text, lookup, &|_| String::new(), room)
}

/// The same, where `stand_in` of a variable as it is typed is put in for it where it has neither a value nor a default.
pub(super) fn interpolate_with<'v>(
    text: &str,
    lookup: &dyn Fn(&str) -> Option<&'v str>,
    stand_in: &dyn Fn(&str) -> String,
    room: &Room,
) -> Result<Interpolated, Fault> {
    // Aliases lead to the same text again and again. What has no variables counts however much others took.
    if !text.contains('$') {
        return Ok(Interpolated { text: text.to_owned(), unset: Vec::new() });
    }
    room.spend(text.len())?;
    let mut out = Out { text: Filling::new(room), unset: Vec::new(), stand_in };
    expand(text, lookup, MAX_DEPTH, &mut out)?;
    Ok(Interpolated { text: out.text.done(), unset: out.unset })
}

struct Out<'r> {
    text: Filling<'r>,
    unset: Vec<String>,
    stand_in: &'r dyn Fn(&str) -> String,
}

fn expand<'v>(
    text: &str,
    lookup: &dyn Fn(&str) -> Option<&'v str>,
    depth: usize,
    out: &mut Out<'_>,
) -> Result<(), Fault> {
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.text.literal(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(behind) = rest.strip_prefix('$') {
            out.text.literal("$");
            rest = behind;
        } else if let Some(behind) = rest.strip_prefix('{') {
            let end = closing_brace(behind).ok_or(Fault::Template)?;
            braced(&behind[..end], lookup, depth, out)?;
            rest = &behind[end + 1..];
        } else {
            let length = name_length(rest);
            if length == 0 {
                out.text.literal("$");
            } else {
                plain((&rest[..length], |name| format!("${name}")), lookup, out)?;
                rest = &rest[length..];
            }
        }
    }
    out.text.literal(rest);
    Ok(())
}

/// The bytes of the name that `text` begins with.
pub(super) fn name_length(text: &str) -> usize {
    let is_part = |at: usize, b: u8| b == b'_' || b.is_ascii_alphabetic() || at > 0 && b.is_ascii_digit();
    text.bytes().enumerate().take_while(|(at, b)| is_part(*at, *b)).count()
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

/// `typed` makes of the name what stands in the text.
fn plain<'v>(
    (name, typed): (&str, fn(&str) -> String),
    lookup: &dyn Fn(&str) -> Option<&'v str>,
    out: &mut Out<'_>,
) -> Result<(), TooLong> {
    out.text.room().look_up()?;
    match lookup(name) {
        Some(value) => out.text.value(value)?,
        None => {
            out.text.value(&(out.stand_in)(&typed(name)))?;
            out.unset.push(name.to_owned());
        }
    }
    Ok(())
}

fn braced<'v>(
    inside: &str,
    lookup: &dyn Fn(&str) -> Option<&'v str>,
    depth: usize,
    out: &mut Out<'_>,
) -> Result<(), Fault> {
    let (name, rest) = inside.split_at(name_length(inside));
    if name.is_empty() || depth == 0 {
        return Err(Fault::Template);
    }
    if rest.is_empty() {
        return Ok(plain((name, |name| format!("${{{name}}}")), lookup, out)?);
    }
    let (has_colon, rest) = rest.strip_prefix(':').map_or((false, rest), |rest| (true, rest));
    out.text.room().look_up()?;
    let value = lookup(name).filter(|value| !(has_colon && value.is_empty()));
    let mut letters = rest.chars();
    match (letters.next(), value) {
        (Some('-' | '?'), Some(value)) => out.text.value(value)?,
        (Some('-'), None) | (Some('+'), Some(_)) => expand(letters.as_str(), lookup, depth - 1, out)?,
        (Some('?'), None) => return Err(Fault::Required { name: name.to_owned() }),
        (Some('+'), None) => {}
        _ => return Err(Fault::Template),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::room::MAX_GROWTH;
    use super::*;

    fn lookup(name: &str) -> Option<&'static str> {
        match name {
            "FOO" => Some("first"),
            "BAR" => Some(""),
            _ => None,
        }
    }

    fn text(input: &str) -> String {
        interpolate(input, &lookup, &Room::default()).unwrap_or_else(|fault| panic!("{input}: {fault}")).text
    }

    #[test]
    fn every_form_gives_what_compose_gives() {
        for (input, expected) in [
            ("$${foo}", "${foo}"),
            ("$FOO-bar", "first-bar"),
            ("${missing}", ""),
            ("${BAR}", ""),
            ("$missing", ""),
            ("${missing:-def}", "def"),
            ("${missing-def}", "def"),
            ("${BAR:-def}", "def"),
            ("${BAR-def}", ""),
            ("${FOO:-def}", "first"),
            ("${FOO-def}", "first"),
            ("${FOO+x}", "x"),
            ("${FOO:+x}", "x"),
            ("${BAR+x}", "x"),
            ("${BAR:+x}", ""),
            ("${UNSET+x}", ""),
            ("${UNSET:+x}", ""),
            ("${missing:-{\"json\":1}}", "{\"json\":1}"),
            ("${UNSET-${FOO} ${FOO}}", "first first"),
            ("${UNSET:-${BAR-d}}", ""),
            ("${BAR:-/non:-alphanumeric}", "/non:-alphanumeric"),
            ("${UNSET-myerror?msg}", "myerror?msg"),
            ("a $ string", "a $ string"),
            ("$", "$"),
            ("$}", "$}"),
            ("$$$FOO", "$first"),
            ("${FOO}/${UNSET:-${UNSET2:-x}}:1", "first/x:1"),
            ("${FOO:?m}", "first"),
            ("${BAR?m}", ""),
            ("$1", "$1"),
        ] {
            assert_eq!(text(input), expected, "{input}");
        }
    }

    #[test]
    fn what_compose_refuses_is_refused() {
        for input in [
            "${", "${}", "${ }", "${ foo}", "${foo }", "${foo!}", "${V/a/b}", "${V:}", "${V:0:1}", "${1A}",
            "a${b",
        ] {
            assert_eq!(interpolate(input, &lookup, &Room::default()), Err(Fault::Template), "{input}");
        }
        for (input, name) in [("${UNSET:?m}", "UNSET"), ("${BAR:?m}", "BAR"), ("${UNSET?m}", "UNSET")] {
            assert_eq!(
                interpolate(input, &lookup, &Room::default()),
                Err(Fault::Required { name: name.to_owned() }),
                "{input}"
            );
        }
    }

    #[test]
    fn variables_without_value_and_default_are_told() {
        let unset = |input: &str| interpolate(input, &lookup, &Room::default()).unwrap().unset;
        assert_eq!(unset("a:$TAG-${B}"), ["TAG", "B"]);
        assert_eq!(unset("${UNSET:-${DEEP}}"), ["DEEP"]);
        for known in ["${BAR}", "${UNSET:-x}", "${UNSET+x}", "$${UNSET}", "${FOO:-${UNSET}}"] {
            assert_eq!(unset(known), [""; 0], "{known}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_text_is_interpolated_or_refused(input in "[$a-c{}:?+-]{0,60}") {
            let _ = interpolate(&input, &lookup, &Room::default());
        }

        #[test]
        fn text_without_dollars_stays(input in "[^$]{0,40}") {
            prop_assert_eq!(text(&input), input);
        }
    }

    proptest! {
        #[test]
        fn no_text_grows_beyond_the_bound(
            input in "(\\$A|\\$B|\\$\\{C:-\\$A\\$B\\}|x){0,40}", size in 0_usize..MAX_GROWTH * 2, small in 0_usize..4000,
        ) {
            let (large, small) = ("a".repeat(size), "b".repeat(small));
            let lookup = |name: &str| match name {
                "A" => Some(&*large),
                "B" => Some(&*small),
                _ => None,
            };
            match interpolate(&input, &lookup, &Room::default()) {
                Ok(done) => prop_assert!(done.text.len() <= input.len() + MAX_GROWTH),
                Err(fault) => prop_assert_eq!(fault, Fault::TooLong(TooLong::Text)),
            }
        }
    }

    #[test]
    fn defaults_inside_defaults_have_an_end() {
        let deep = format!("{}x{}", "${U:-".repeat(100_000), "}".repeat(100_000));
        assert_eq!(interpolate(&deep, &lookup, &Room::default()), Err(Fault::Template));
    }
}
