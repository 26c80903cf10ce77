//! Variables in a Dockerfile's words: `$v`, `${v}` and the operators of BuildKit's shell lexer.
//!
//! Without a value and without a default is not the same as empty: what depends on it cannot be known.

use std::rc::Rc;

use thiserror::Error;

use super::super::interpolate::name_length;
use super::super::room::{Filling, Room, TooLong};
use super::lines::Escape;

/// Operators inside operators, as far as anybody could mean it.
const MAX_DEPTH: usize = 16;
/// Most letters to which a pattern is held: matching takes the product of both lengths.
const MAX_PATTERN: usize = 256;
/// Steps of matching that count as much as one byte that is filled in.
const STEPS: usize = 16;

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Known {
    Value(Rc<str>),
    /// Longer than any value is made.
    TooLong(TooLong),
    /// Declared or builtin, but chosen when it is built.
    Open,
    /// Nowhere declared.
    Unset,
}

/// What became of a word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Expanded {
    pub(super) text: String,
    pub(super) unknown: Vec<String>,
}

/// Why a word is not expanded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum Fault {
    #[error("not a word that can be expanded")]
    NoWord,
    #[error(transparent)]
    TooLong(#[from] TooLong),
}

/// Puts values in and takes quotes away, as long as there is room.
pub(super) fn expand(
    word: &str,
    escape: Escape,
    lookup: &dyn Fn(&str) -> Known,
    room: &Room,
) -> Result<Expanded, Fault> {
    let mut out = Out { text: Filling::new(room), unknown: Vec::new() };
    walk(word, escape, lookup, MAX_DEPTH, &mut out)?;
    Ok(Expanded { text: out.text.done(), unknown: out.unknown })
}

struct Out<'r> {
    text: Filling<'r>,
    unknown: Vec<String>,
}

impl Out<'_> {
    fn letter(&mut self, letter: char) {
        self.text.literal(letter.encode_utf8(&mut [0; 4]));
    }
}

fn walk(
    word: &str,
    escape: Escape,
    lookup: &dyn Fn(&str) -> Known,
    depth: usize,
    out: &mut Out<'_>,
) -> Result<(), Fault> {
    let mut rest = word;
    let mut quote = None;
    while let Some(letter) = rest.chars().next() {
        let behind = &rest[letter.len_utf8()..];
        rest = behind;
        if quote == Some('\'') && letter != '\'' {
            out.letter(letter);
        } else if letter == escape.letter() {
            let next = behind.chars().next().ok_or(Fault::NoWord)?;
            out.letter(next);
            rest = &behind[next.len_utf8()..];
        } else if letter == '"' || letter == '\'' {
            match quote {
                None => quote = Some(letter),
                Some(open) if open == letter => quote = None,
                Some(_) => out.letter(letter),
            }
        } else if letter == '$' {
            rest = dollar(behind, escape, lookup, depth, out)?;
        } else {
            out.letter(letter);
        }
    }
    if quote.is_none() { Ok(()) } else { Err(Fault::NoWord) }
}

/// Returns what stands behind the expression.
fn dollar<'w>(
    behind: &'w str,
    escape: Escape,
    lookup: &dyn Fn(&str) -> Known,
    depth: usize,
    out: &mut Out<'_>,
) -> Result<&'w str, Fault> {
    let Some(inside) = behind.strip_prefix('{') else {
        let (name, rest) = behind.split_at(name_length(behind));
        if name.is_empty() {
            out.letter('$');
        } else {
            put(name, lookup, out)?;
        }
        return Ok(rest);
    };
    let mut open = 1_usize;
    let end = inside.bytes().position(|b| {
        match b {
            b'{' => open += 1,
            b'}' => open -= 1,
            _ => {}
        }
        open == 0
    });
    let end = end.ok_or(Fault::NoWord)?;
    let (name, operation) = inside[..end].split_at(name_length(&inside[..end]));
    if name.is_empty() || depth == 0 {
        return Err(Fault::NoWord);
    }
    if operation.is_empty() {
        put(name, lookup, out)?;
    } else {
        operate(name, operation, &|word, out| walk(word, escape, lookup, depth - 1, out), lookup, out)?;
    }
    Ok(&inside[end + 1..])
}

fn put(name: &str, lookup: &dyn Fn(&str) -> Known, out: &mut Out<'_>) -> Result<(), TooLong> {
    out.text.room().look_up()?;
    match lookup(name) {
        Known::Value(value) => out.text.value(&value)?,
        Known::TooLong(why) => return Err(why),
        Known::Open | Known::Unset => out.unknown.push(name.to_owned()),
    }
    Ok(())
}

fn operate(
    name: &str,
    operation: &str,
    walk: &dyn Fn(&str, &mut Out<'_>) -> Result<(), Fault>,
    lookup: &dyn Fn(&str) -> Known,
    out: &mut Out<'_>,
) -> Result<(), Fault> {
    out.text.room().look_up()?;
    let value = match lookup(name) {
        Known::Open => {
            out.unknown.push(name.to_owned());
            return Ok(());
        }
        Known::TooLong(why) => return Err(why.into()),
        Known::Value(value) => Some(value),
        Known::Unset => None,
    };
    let (has_colon, rest) = operation.strip_prefix(':').map_or((false, operation), |rest| (true, rest));
    let given = value.clone().filter(|value| !(has_colon && value.is_empty()));
    let mut letters = rest.chars();
    match (letters.next().ok_or(Fault::NoWord)?, given) {
        ('-' | '?', Some(value)) => out.text.value(&value)?,
        ('-', None) | ('+', Some(_)) => walk(letters.as_str(), out)?,
        ('+', None) => {}
        ('?', None) => out.unknown.push(name.to_owned()),
        ('#' | '%' | '/', _) if !has_colon => match value {
            Some(value) => {
                let value = changed(&value, operation, out.text.room())?;
                out.text.value(&value)?;
            }
            None => out.unknown.push(name.to_owned()),
        },
        _ => return Err(Fault::NoWord),
    }
    Ok(())
}

/// `#`, `##`, `%`, `%%`, `/`, `//`: the value without or with another part.
fn changed(value: &str, operation: &str, room: &Room) -> Result<String, Fault> {
    if value.chars().nth(MAX_PATTERN).is_some() || operation.len() > MAX_PATTERN {
        return Err(Fault::NoWord);
    }
    let letters: Vec<char> = value.chars().collect();
    let text = |from: usize, to: usize| letters[from..to].iter().collect::<String>();
    let all = letters.len();
    let (sign, is_greedy, rest) = match operation.split_at(1) {
        (sign, rest) if rest.starts_with(sign) => (sign, true, &rest[1..]),
        (sign, rest) => (sign, false, rest),
    };
    let pattern: Vec<char> = rest.split('/').next().unwrap_or_default().chars().collect();
    let whole: Vec<char> = rest.chars().collect();
    // Each end that is tried costs the product of text and pattern, and so does each beginning of a replacement.
    let beginnings = if sign == "/" { all } else { 1 };
    room.spend(beginnings * all * all * (whole.len() + 1) / STEPS)?;
    let fits = |from: usize, to: usize, pattern: &[char]| is_match(&letters[from..to], pattern);
    let lengths: Vec<usize> = if is_greedy { (0..=all).rev().collect() } else { (0..=all).collect() };
    Ok(match sign {
        "#" => match lengths.iter().find(|length| fits(0, **length, &whole)) {
            Some(length) => text(*length, all),
            None => value.to_owned(),
        },
        "%" => match lengths.iter().find(|length| fits(all - **length, all, &whole)) {
            Some(length) => text(0, all - *length),
            None => value.to_owned(),
        },
        _ => {
            let replacement = rest.split_once('/').map_or("", |(_, replacement)| replacement);
            let (mut out, mut at, mut has_replaced) = (String::new(), 0, false);
            while at < all {
                let longest = (at + 1..=all).rev().find(|to| fits(at, *to, &pattern));
                match longest.filter(|_| is_greedy || !has_replaced) {
                    Some(to) => {
                        out.push_str(replacement);
                        (at, has_replaced) = (to, true);
                    }
                    None => {
                        out.push(letters[at]);
                        at += 1;
                    }
                }
            }
            out
        }
    })
}

/// `*` is any text, `?` any letter.
fn is_match(text: &[char], pattern: &[char]) -> bool {
    let (mut at, mut p, mut star) = (0, 0, None);
    while at < text.len() {
        if p < pattern.len() && pattern[p] == '*' {
            star = Some((p, at));
            p += 1;
        } else if p < pattern.len() && (pattern[p] == '?' || pattern[p] == text[at]) {
            (p, at) = (p + 1, at + 1);
        } else if let Some((star_at, taken)) = star {
            star = Some((star_at, taken + 1));
            (p, at) = (star_at + 1, taken + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|letter| *letter == '*')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::super::room::MAX_GROWTH;
    use super::*;

    fn lookup(name: &str) -> Known {
        match name {
            "V" => Known::Value("foobarbaz".into()),
            "EMPTY" => Known::Value("".into()),
            "OPEN" => Known::Open,
            _ => Known::Unset,
        }
    }

    fn text(word: &str) -> String {
        let done = expand(word, Escape::Backslash, &lookup, &Room::default());
        let done = done.unwrap_or_else(|fault| panic!("{word}: {fault}"));
        assert_eq!(done.unknown, [""; 0], "{word}");
        done.text
    }

    #[test]
    fn every_form_gives_what_buildkit_gives() {
        for (word, expected) in [
            ("$V:1", "foobarbaz:1"),
            ("${V}x", "foobarbazx"),
            ("${UNSET:-d}", "d"),
            ("${UNSET-d}", "d"),
            ("${EMPTY:-d}", "d"),
            ("${EMPTY-d}", ""),
            ("${V:+a}", "a"),
            ("${EMPTY:+a}", ""),
            ("${EMPTY+a}", "a"),
            ("${UNSET:-${V}}", "foobarbaz"),
            ("${V#foo}", "barbaz"),
            ("${V#*b}", "arbaz"),
            ("${V##*b}", "az"),
            ("${V%baz}", "foobar"),
            ("${V%b*}", "foobar"),
            ("${V%%b*}", "foo"),
            ("${V/ba/X}", "fooXrbaz"),
            ("${V//ba/X}", "fooXrXz"),
            ("${V/nothing/X}", "foobarbaz"),
            ("\"$V\":1", "foobarbaz:1"),
            ("'$V'", "$V"),
            ("\\$V", "$V"),
            ("a$", "a$"),
        ] {
            assert_eq!(text(word), expected, "{word}");
        }
    }

    #[test]
    fn what_has_no_value_is_named() {
        for (word, name) in
            [("a:$UNSET", "UNSET"), ("${OPEN:-x}", "OPEN"), ("${UNSET:?m}", "UNSET"), ("${X%y}", "X")]
        {
            assert_eq!(
                expand(word, Escape::Backslash, &lookup, &Room::default()).unwrap().unknown,
                [name],
                "{word}"
            );
        }
        for word in ["${V", "${}", "${V!x}", "'a", "${V:#x}"] {
            let done = expand(word, Escape::Backslash, &lookup, &Room::default());
            assert_eq!(done, Err(Fault::NoWord), "{word}");
        }
    }

    proptest! {
        #[test]
        fn no_word_grows_beyond_the_bound(
            word in "(\\$A|\\$\\{A//a/bb\\}|\\$\\{U:-\\$A\\$A\\}|x){0,40}", size in 0_usize..MAX_GROWTH * 2,
        ) {
            let large: Rc<str> = "a".repeat(size).into();
            let lookup = |name: &str| if name == "A" { Known::Value(Rc::clone(&large)) } else { Known::Unset };
            match expand(&word, Escape::Backslash, &lookup, &Room::default()) {
                Ok(done) => prop_assert!(done.text.len() <= word.len() + MAX_GROWTH),
                Err(fault) => {
                    // Patterns may take up the room of the file first.
                    prop_assert!(matches!(fault, Fault::NoWord | Fault::TooLong(_)), "{}", fault);
                }
            }
        }
    }

    #[test]
    fn patterns_that_are_matched_again_and_again_come_to_an_end() {
        let lookup = |_: &str| Known::Value("a".repeat(MAX_PATTERN).into());
        let (room, word) = (Room::default(), format!("${{V//{}b/x}}", "a*".repeat(100)));
        let done = (0..1000).find_map(|_| expand(&word, Escape::Backslash, &lookup, &room).err());
        assert_eq!(done, Some(Fault::TooLong(TooLong::File)));
    }

    proptest! {
        #[test]
        fn arbitrary_words_are_expanded_or_refused(word in "[$VOa{}:?+#%/*\"'\\\\-]{0,40}") {
            let _ = expand(&word, Escape::Backslash, &lookup, &Room::default());
        }
    }
}
