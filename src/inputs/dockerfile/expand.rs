//! Variables in a Dockerfile's words: `$v`, `${v}` and the operators of BuildKit's shell lexer.
//!
//! Without a value and without a default is not the same as empty: what depends on it cannot be known.

use super::super::interpolate::name_length;
use super::lines::Escape;

/// Operators inside operators, as far as anybody could mean it.
const MAX_DEPTH: usize = 16;
/// Most letters to which a pattern is held: matching takes the product of both lengths.
const MAX_PATTERN: usize = 256;

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Known {
    Value(String),
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

/// Puts values in and takes quotes away; none for what is no word.
pub(super) fn expand(word: &str, escape: Escape, lookup: &dyn Fn(&str) -> Known) -> Option<Expanded> {
    let mut out = Expanded::default();
    walk(word, escape, lookup, MAX_DEPTH, &mut out)?;
    Some(out)
}

fn walk(
    word: &str,
    escape: Escape,
    lookup: &dyn Fn(&str) -> Known,
    depth: usize,
    out: &mut Expanded,
) -> Option<()> {
    let mut rest = word;
    let mut quote = None;
    while let Some(letter) = rest.chars().next() {
        let behind = &rest[letter.len_utf8()..];
        rest = behind;
        if quote == Some('\'') && letter != '\'' {
            out.text.push(letter);
        } else if letter == escape.letter() {
            let next = behind.chars().next()?;
            out.text.push(next);
            rest = &behind[next.len_utf8()..];
        } else if letter == '"' || letter == '\'' {
            match quote {
                None => quote = Some(letter),
                Some(open) if open == letter => quote = None,
                Some(_) => out.text.push(letter),
            }
        } else if letter == '$' {
            rest = dollar(behind, escape, lookup, depth, out)?;
        } else {
            out.text.push(letter);
        }
    }
    if quote.is_none() { Some(()) } else { None }
}

/// Returns what stands behind the expression.
fn dollar<'w>(
    behind: &'w str,
    escape: Escape,
    lookup: &dyn Fn(&str) -> Known,
    depth: usize,
    out: &mut Expanded,
) -> Option<&'w str> {
    let Some(inside) = behind.strip_prefix('{') else {
        let (name, rest) = behind.split_at(name_length(behind));
        if name.is_empty() {
            out.text.push('$');
        } else {
            put(name, lookup, out);
        }
        return Some(rest);
    };
    let mut open = 1_usize;
    let end = inside.bytes().position(|b| {
        match b {
            b'{' => open += 1,
            b'}' => open -= 1,
            _ => {}
        }
        open == 0
    })?;
    let (name, operation) = inside[..end].split_at(name_length(&inside[..end]));
    if name.is_empty() || depth == 0 {
        return None;
    }
    if operation.is_empty() {
        put(name, lookup, out);
    } else {
        operate(name, operation, &|word, out| walk(word, escape, lookup, depth - 1, out), lookup, out)?;
    }
    Some(&inside[end + 1..])
}

fn put(name: &str, lookup: &dyn Fn(&str) -> Known, out: &mut Expanded) {
    match lookup(name) {
        Known::Value(value) => out.text.push_str(&value),
        Known::Open | Known::Unset => out.unknown.push(name.to_owned()),
    }
}

fn operate(
    name: &str,
    operation: &str,
    walk: &dyn Fn(&str, &mut Expanded) -> Option<()>,
    lookup: &dyn Fn(&str) -> Known,
    out: &mut Expanded,
) -> Option<()> {
    let value = lookup(name);
    if value == Known::Open {
        out.unknown.push(name.to_owned());
        return Some(());
    }
    let value = if let Known::Value(value) = value { Some(value) } else { None };
    let (has_colon, rest) = operation.strip_prefix(':').map_or((false, operation), |rest| (true, rest));
    let given = value.clone().filter(|value| !(has_colon && value.is_empty()));
    let mut letters = rest.chars();
    match (letters.next()?, given) {
        ('-' | '?', Some(value)) => out.text.push_str(&value),
        ('-', None) | ('+', Some(_)) => walk(letters.as_str(), out)?,
        ('+', None) => {}
        ('?', None) => out.unknown.push(name.to_owned()),
        ('#' | '%' | '/', _) if !has_colon => match value {
            Some(value) => out.text.push_str(&changed(&value, operation)?),
            None => out.unknown.push(name.to_owned()),
        },
        _ => return None,
    }
    Some(())
}

/// `#`, `##`, `%`, `%%`, `/`, `//`: the value without or with another part.
fn changed(value: &str, operation: &str) -> Option<String> {
    let letters: Vec<char> = value.chars().collect();
    if letters.len() > MAX_PATTERN || operation.len() > MAX_PATTERN {
        return None;
    }
    let text = |from: usize, to: usize| letters[from..to].iter().collect::<String>();
    let all = letters.len();
    let (sign, is_greedy, rest) = match operation.split_at(1) {
        (sign, rest) if rest.starts_with(sign) => (sign, true, &rest[1..]),
        (sign, rest) => (sign, false, rest),
    };
    let pattern: Vec<char> = rest.split('/').next()?.chars().collect();
    let whole: Vec<char> = rest.chars().collect();
    let fits = |from: usize, to: usize, pattern: &[char]| is_match(&letters[from..to], pattern);
    let lengths: Vec<usize> = if is_greedy { (0..=all).rev().collect() } else { (0..=all).collect() };
    Some(match sign {
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

    use super::*;

    fn lookup(name: &str) -> Known {
        match name {
            "V" => Known::Value("foobarbaz".to_owned()),
            "EMPTY" => Known::Value(String::new()),
            "OPEN" => Known::Open,
            _ => Known::Unset,
        }
    }

    fn text(word: &str) -> String {
        let done = expand(word, Escape::Backslash, &lookup).unwrap_or_else(|| panic!("{word}"));
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
            assert_eq!(expand(word, Escape::Backslash, &lookup).unwrap().unknown, [name], "{word}");
        }
        for word in ["${V", "${}", "${V!x}", "'a", "${V:#x}"] {
            assert_eq!(expand(word, Escape::Backslash, &lookup), None, "{word}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_words_are_expanded_or_refused(word in "[$VOa{}:?+#%/*\"'\\\\-]{0,40}") {
            let _ = expand(&word, Escape::Backslash, &lookup);
        }
    }
}
