//! Reads `WWW-Authenticate`: what a registry wants to be shown before it answers.
//!
//! Grammar: RFC 9110 section 11.6.1, read leniently, because registries write it by hand: several lines,
//! several challenges in one line, blanks anywhere, commas missing, values without quotes. What cannot be
//! read at all (a quote that never closes) loses only the challenge it stands in. Bounded and pure.

use std::borrow::Cow;

/// Bytes of one header line that are looked at.
const MAX_LINE_BYTES: usize = 16 * 1024;
/// Challenges and header lines that are looked at.
pub const MAX_CHALLENGES: usize = 32;
const MAX_PARAMS: usize = 32;

/// One way to authenticate that the server offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Challenge {
    /// Authentication scheme, in lower case.
    pub scheme: Box<str>,
    /// Parameters in the order sent; names in lower case, values unquoted.
    pub params: Vec<(Box<str>, Box<str>)>,
}

impl Challenge {
    /// The first value of the parameter `name` (in lower case).
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(key, _)| &**key == name).map(|(_, value)| &**value)
    }

    /// The verdict on the token that was sent, where this is one and no fresh challenge (RFC 6750 section 3.1).
    #[must_use]
    pub fn is_verdict(&self) -> Option<&str> {
        self.param("error").filter(|error| matches!(*error, "invalid_token" | "insufficient_scope"))
    }

    fn rank(&self) -> u8 {
        match &*self.scheme {
            "bearer" if self.param("realm").is_some_and(|realm| !realm.trim().is_empty()) => 2,
            "basic" => 1,
            _ => 0,
        }
    }
}

/// All challenges in the lines of a `WWW-Authenticate` header, in the order sent.
pub fn parse<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Vec<Challenge> {
    let mut challenges = Vec::new();
    for value in values.into_iter().take(MAX_CHALLENGES) {
        let text = String::from_utf8_lossy(&value[..value.len().min(MAX_LINE_BYTES)]);
        Line { rest: &text, current: None, done: &mut challenges }.read();
    }
    challenges.truncate(MAX_CHALLENGES);
    challenges
}

/// The challenge to answer: Bearer that names a realm, else Basic, else the first.
#[must_use]
pub fn preferred(challenges: &[Challenge]) -> Option<&Challenge> {
    // `max_by_key` keeps the last of equals; the server's order is its preference.
    challenges.iter().rev().max_by_key(|challenge| challenge.rank())
}

struct Line<'a, 'd> {
    rest: &'a str,
    current: Option<Challenge>,
    done: &'d mut Vec<Challenge>,
}

impl<'a> Line<'a, '_> {
    fn read(mut self) {
        while self.done.len() < MAX_CHALLENGES {
            self.rest = self.rest.trim_start_matches(is_separator);
            if self.rest.is_empty() {
                break;
            }
            let token = self.token();
            if token.is_empty() {
                self.skip_item();
            } else if let Some(after) = self.rest.trim_start_matches(is_blank).strip_prefix('=') {
                self.rest = after.trim_start_matches(is_blank);
                let Some(value) = self.value() else {
                    // The quote never closes: where the challenge would end is anybody's guess.
                    self.current = None;
                    return;
                };
                self.param(token, &value);
            } else if self.at_item_end() {
                self.finish();
                self.current = Some(Challenge { scheme: token.to_lowercase().into(), params: Vec::new() });
            } else {
                // Neither scheme nor parameter, such as the credentials of `Negotiate a/b+c==`.
                self.skip_item();
            }
        }
        self.finish();
    }

    fn finish(&mut self) {
        self.done.extend(self.current.take());
    }

    fn param(&mut self, name: &str, value: &str) {
        if let Some(challenge) = &mut self.current
            && challenge.params.len() < MAX_PARAMS
        {
            challenge.params.push((name.to_lowercase().into(), value.into()));
        }
    }

    fn at_item_end(&self) -> bool {
        self.rest.chars().next().is_none_or(is_separator)
    }

    fn token(&mut self) -> &'a str {
        let end = self.rest.find(|c| !is_token_char(c)).unwrap_or(self.rest.len());
        self.split_off(end)
    }

    /// The value of a parameter, `None` if it opens a quote and does not close it.
    fn value(&mut self) -> Option<Cow<'a, str>> {
        if let Some(quoted) = self.rest.strip_prefix('"') {
            self.rest = quoted;
            return self.quoted();
        }
        // Wider than the grammar: some send `realm=http://h/token` without quotes.
        let end = self.rest.find(is_separator).unwrap_or(self.rest.len());
        Some(Cow::Borrowed(self.split_off(end)))
    }

    fn quoted(&mut self) -> Option<Cow<'a, str>> {
        let end = self.rest.find(['"', '\\'])?;
        if self.rest[end..].starts_with('"') {
            let value = &self.rest[..end];
            self.rest = &self.rest[end + 1..];
            return Some(Cow::Borrowed(value));
        }
        let mut value = String::new();
        let mut chars = self.rest.chars();
        loop {
            match chars.next()? {
                '"' => break,
                '\\' => value.push(chars.next()?),
                plain => value.push(plain),
            }
        }
        self.rest = chars.as_str();
        Some(Cow::Owned(value))
    }

    /// Moves on to the next separator outside quotes.
    fn skip_item(&mut self) {
        let Some(at) = self.rest.find(|c| c == '"' || is_separator(c)) else {
            self.rest = "";
            return;
        };
        self.rest = &self.rest[at..];
        if let Some(quoted) = self.rest.strip_prefix('"') {
            self.rest = quoted;
            if self.quoted().is_none() {
                self.rest = "";
            }
        }
    }

    fn split_off(&mut self, end: usize) -> &'a str {
        let (head, tail) = self.rest.split_at(end);
        self.rest = tail;
        head
    }
}

const fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t')
}

const fn is_separator(c: char) -> bool {
    c == ',' || is_blank(c)
}

/// `tchar` of RFC 9110 section 5.6.2.
const fn is_token_char(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || matches!(
            c,
            '!' | '#' | '$' | '%' | '&' | '\'' | '*' | '+' | '-' | '.' | '^' | '_' | '`' | '|' | '~'
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(lines: &[&str]) -> Vec<Challenge> {
        parse(lines.iter().map(|line| line.as_bytes()))
    }

    fn show(challenges: &[Challenge]) -> String {
        let one = |challenge: &Challenge| {
            let params: String =
                challenge.params.iter().map(|(name, value)| format!(" {name}=<{value}>")).collect();
            format!("{}{params}", challenge.scheme)
        };
        challenges.iter().map(one).collect::<Vec<_>>().join(" & ")
    }

    #[test]
    fn what_registries_send_is_read() {
        // (name, header lines, challenges, scheme of the preferred one)
        let cases: &[(&str, &[&str], &str, &str)] = &[
            (
                "C1",
                &[
                    r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:docker/docker:pull""#,
                ],
                "bearer realm=<https://auth.docker.io/token> service=<registry.docker.io> scope=<repository:docker/docker:pull>",
                "bearer",
            ),
            (
                "C2",
                &[r#"Basic realm="GitHub Package Registry""#],
                "basic realm=<GitHub Package Registry>",
                "basic",
            ),
            ("C3", &[r#"BaSiC ReAlM="Case insensitive key""#], "basic realm=<Case insensitive key>", "basic"),
            (
                "C4",
                &[r#"bearer REALM="https://h/t",service="s""#],
                "bearer realm=<https://h/t> service=<s>",
                "bearer",
            ),
            ("C5 word", &["Basic realm=unquoted"], "basic realm=<unquoted>", "basic"),
            ("C5 slash", &["Basic realm=/"], "basic realm=</>", "basic"),
            ("C6", &[r#"Basic realm="Dev", charset="UTF-8""#], "basic realm=<Dev> charset=<UTF-8>", "basic"),
            (
                "C7",
                &[
                    r#"Bearer realm="https://h/t", service="s", scope="repository:a:pull", Basic realm="GitHub Package Registry""#,
                ],
                "bearer realm=<https://h/t> service=<s> scope=<repository:a:pull> & basic realm=<GitHub Package Registry>",
                "bearer",
            ),
            (
                "C8",
                &[
                    r#"Bearer realm="https://codeberg.org/v2/token",service="container_registry",scope="*",Basic realm="https://codeberg.org/v2",service="container_registry",scope="*""#,
                ],
                "bearer realm=<https://codeberg.org/v2/token> service=<container_registry> scope=<*> & basic realm=<https://codeberg.org/v2> service=<container_registry> scope=<*>",
                "bearer",
            ),
            (
                "C9",
                &[r#"Basic realm="r""#, r#"Bearer realm="https://h/t",service="s""#],
                "basic realm=<r> & bearer realm=<https://h/t> service=<s>",
                "bearer",
            ),
            (
                "C10",
                &[r#"Bearer realm="https://h/t",error="",service="late""#],
                "bearer realm=<https://h/t> error=<> service=<late>",
                "bearer",
            ),
            (
                "C10 bare",
                &[r#"Bearer realm="https://h/t",error=,service="late""#],
                "bearer realm=<https://h/t> error=<> service=<late>",
                "bearer",
            ),
            (
                "C11",
                &["Bearer realm=http://h:5000/token,service=s"],
                "bearer realm=<http://h:5000/token> service=<s>",
                "bearer",
            ),
            (
                "C12",
                &[r#"Digest realm="x", nonce="a,b", Bearer realm="https://h/t""#],
                "digest realm=<x> nonce=<a,b> & bearer realm=<https://h/t>",
                "bearer",
            ),
            ("C13", &[r#"Bearer realm="/token",service="s""#], "bearer realm=</token> service=<s>", "bearer"),
            (
                "C14",
                &[r#"Bearer realm="https://h/token?a=1",service="s""#],
                "bearer realm=<https://h/token?a=1> service=<s>",
                "bearer",
            ),
            (
                "C15",
                &["Bearer  realm=\"https://h/t\" , service = \"s\" ,\tscope =\t\"x\" "],
                "bearer realm=<https://h/t> service=<s> scope=<x>",
                "bearer",
            ),
            (
                "C16",
                &[r#"Bearer realm="http://127.0.0.1:5000/openshift/token""#],
                "bearer realm=<http://127.0.0.1:5000/openshift/token>",
                "bearer",
            ),
            (
                "C17",
                &[r#"Bearer realm="https://h/t",scope="repository:a:pull repository:b:pull""#],
                "bearer realm=<https://h/t> scope=<repository:a:pull repository:b:pull>",
                "bearer",
            ),
            ("C18", &[r#"Basic realm="Dev" charset="UTF-8""#], "basic realm=<Dev> charset=<UTF-8>", "basic"),
            ("C19", &[r#"Basic realm="GitHub Package Registry"#], "", ""),
            (
                "C20",
                &[r#"Bearer realm="https://h/t",error="invalid_token""#],
                "bearer realm=<https://h/t> error=<invalid_token>",
                "bearer",
            ),
            ("C21 empty", &[""], "", ""),
            ("C21 none", &[], "", ""),
            (
                "C22",
                &[r#"Bearer realm="https://h/t",slashed="he\"\l\lo""#],
                r#"bearer realm=<https://h/t> slashed=<he"llo>"#,
                "bearer",
            ),
        ];
        for (name, lines, expected, scheme) in cases {
            let challenges = read(lines);
            assert_eq!(show(&challenges), *expected, "{name}");
            assert_eq!(preferred(&challenges).map_or("", |challenge| &challenge.scheme), *scheme, "{name}");
        }
    }

    #[test]
    fn odd_but_readable_lines_are_read() {
        for (line, expected) in [
            ("Negotiate", "negotiate"),
            (r#"Negotiate, Basic realm="r""#, "negotiate & basic realm=<r>"),
            (r#"Negotiate a/b+c==, Basic realm="r""#, "negotiate & basic realm=<r>"),
            (r#"Basic realm="r" Bearer realm="t""#, "basic realm=<r> & bearer realm=<t>"),
            (r#", ,Basic ,, realm="r",,"#, "basic realm=<r>"),
            (r#"Basic realm="r"charset="UTF-8""#, "basic realm=<r> charset=<UTF-8>"),
            (r#"Basic realm="a", Bearer realm="t"#, "basic realm=<a>"),
            (r#"Basic realm="a\"#, ""),
            (r#"realm="orphan""#, ""),
            (r#"="x", Basic realm="r""#, "basic realm=<r>"),
            (r#"Basic @"a, b" realm="r""#, "basic realm=<r>"),
            (r#"Basic realm="a", REALM="b""#, "basic realm=<a> realm=<b>"),
        ] {
            assert_eq!(show(&read(&[line])), expected, "{line}");
        }
        let broken: &[u8] = b"Basic realm=\"caf\xe9\"";
        assert_eq!(show(&parse([broken])), "basic realm=<caf\u{fffd}>");
    }

    #[test]
    fn a_line_that_cannot_be_read_does_not_hide_the_next() {
        assert_eq!(show(&read(&[r#"Basic realm="r"#, r#"Bearer realm="t""#])), "bearer realm=<t>");
    }

    #[test]
    fn a_bearer_without_a_realm_is_no_choice_over_basic() {
        for bearer in ["Bearer", r#"Bearer realm="""#, r#"Bearer service="s""#] {
            let challenges = read(&[bearer, r#"Basic realm="r""#]);
            assert_eq!(preferred(&challenges).map(|c| &*c.scheme), Some("basic"), "{bearer}");
        }
        let challenges = read(&["Negotiate", "Digest realm=x"]);
        assert_eq!(preferred(&challenges).map(|c| &*c.scheme), Some("negotiate"));
        let challenges = read(&["Bearer realm=a", "Bearer realm=b"]);
        assert_eq!(preferred(&challenges).and_then(|c| c.param("realm")), Some("a"));
    }

    #[test]
    fn an_error_about_the_token_is_a_verdict() {
        for (error, verdict) in [
            ("invalid_token", Some("invalid_token")),
            ("insufficient_scope", Some("insufficient_scope")),
            ("", None),
            ("invalid_request", None),
        ] {
            let challenges = read(&[&format!(r#"Bearer realm="t",error="{error}""#)]);
            assert_eq!(challenges[0].is_verdict(), verdict, "{error}");
        }
        assert_eq!(read(&["Bearer realm=t"])[0].is_verdict(), None);
    }

    #[test]
    fn what_is_read_is_bounded() {
        assert_eq!(read(&[&"Basic realm=x,".repeat(100)]).len(), MAX_CHALLENGES);
        assert_eq!(read(&["Basic realm=x"; 100]).len(), MAX_CHALLENGES);
        let many = format!("Basic {}", "a=b,".repeat(100));
        assert_eq!(read(&[&many])[0].params.len(), MAX_PARAMS);
        let long = format!("Basic realm=x, Bearer realm=\"{}\"", "y".repeat(MAX_LINE_BYTES));
        assert_eq!(show(&read(&[&long])), "basic realm=<x>");
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..4)) {
            let challenges = parse(lines.iter().map(Vec::as_slice));
            prop_assert!(preferred(&challenges).is_some() != challenges.is_empty());
        }

        #[test]
        fn text_made_of_the_grammar_is_survived(line in r#"([Bb]asic|Bearer|realm|[ ,="\\]|[a-zé/:]){0,60}"#) {
            for challenge in parse([line.as_bytes()]) {
                prop_assert!(!challenge.scheme.is_empty());
                prop_assert!(challenge.params.iter().all(|(name, _)| !name.is_empty()));
            }
        }

        #[test]
        fn a_well_formed_challenge_is_read_back(realm in r"[ -~]{0,40}", service in r"[ -~]{0,40}") {
            let quote = |text: &str| text.replace('\\', r"\\").replace('"', "\\\"");
            let line = format!("Bearer realm=\"{}\",service=\"{}\"", quote(&realm), quote(&service));
            let challenges = parse([line.as_bytes()]);
            prop_assert_eq!(challenges.len(), 1);
            prop_assert_eq!(challenges[0].param("realm"), Some(&*realm));
            prop_assert_eq!(challenges[0].param("service"), Some(&*service));
        }
    }
}
