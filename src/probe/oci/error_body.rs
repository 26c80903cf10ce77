//! Reads what a server says when it does not give what was asked for.
//!
//! The form is `{"errors":[{"code","message","detail"}]}` (distribution-spec "Error Codes"), but what stands
//! before a registry answers in its own way: other JSON, text, a web page. Everything is read that can be, to
//! a limit; nothing here fails. Texts are as sent, not escaped. Pure.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::model::observation::Answer;

/// Bytes of a body that are looked at.
const MAX_BODY_BYTES: usize = 64 * 1024;
const MAX_MESSAGE_CHARS: usize = 500;
const MAX_TITLE_CHARS: usize = 200;
const MAX_CODE_CHARS: usize = 64;

/// Codes of the distribution-spec.
const SPEC_CODES: [&str; 14] = [
    "BLOB_UNKNOWN",
    "BLOB_UPLOAD_INVALID",
    "BLOB_UPLOAD_UNKNOWN",
    "DENIED",
    "DIGEST_INVALID",
    "MANIFEST_BLOB_UNKNOWN",
    "MANIFEST_INVALID",
    "MANIFEST_UNKNOWN",
    "NAME_INVALID",
    "NAME_UNKNOWN",
    "SIZE_INVALID",
    "TOOMANYREQUESTS",
    "UNAUTHORIZED",
    "UNSUPPORTED",
];

/// Codes that some registries use besides: CNCF distribution, Harbor, Quay. In lower case they are ordinary
/// English, and are looked for in capitals only.
const OTHER_CODES: [&str; 6] =
    ["INVALID_REQUEST", "MANIFEST_UNVERIFIED", "NOT_FOUND", "TAG_EXPIRED", "TAG_INVALID", "UNAVAILABLE"];

/// An error answer, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorBody {
    /// Status, first code, first message.
    pub answer: Answer,
    /// What the body is.
    pub shape: Shape,
    /// Known codes that the body mentions elsewhere than as its first code, each once: what a pull-through
    /// cache was told by its upstream and passes on inside another error.
    pub inner_codes: Vec<Box<str>>,
}

/// What an error body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `{"errors":…}`: a registry speaks.
    Registry,
    /// Other JSON.
    Json,
    /// A web page.
    Html,
    /// Anything else.
    Text,
    /// Nothing but blanks.
    Empty,
}

/// Reads the body of an answer with `status`.
#[must_use]
pub fn parse(status: u16, content_type: Option<&[u8]>, body: &[u8]) -> ErrorBody {
    let text = considered(body);
    let text = text.trim();
    if text.is_empty() {
        return said(status, Shape::Empty, None, "");
    }
    if looks_like_html(content_type, body) {
        // Some frameworks call everything text/html.
        let plain = if text.contains('<') { "" } else { text };
        return said(status, Shape::Html, None, title_of(text).as_deref().unwrap_or(plain));
    }
    let (shape, code, message, texts) = match serde_json::from_str(text) {
        Ok(document @ (Value::Object(_) | Value::Array(_) | Value::String(_))) => {
            let (shape, code, message) = read_document(&document);
            let mut texts = Vec::new();
            collect_texts(&document, &mut texts);
            (shape, code, message, texts)
        }
        _ => (Shape::Text, None, text.to_owned(), vec![text.to_owned()]),
    };
    let mut read = said(status, shape, code.as_deref(), &message);
    read.inner_codes = inner_codes(&texts, code.as_deref());
    read
}

fn said(status: u16, shape: Shape, code: Option<&str>, message: &str) -> ErrorBody {
    let code = code.map(|code| clipped(code, MAX_CODE_CHARS));
    let answer = Answer { status, code, message: clipped(message.trim(), MAX_MESSAGE_CHARS) };
    ErrorBody { answer, shape, inner_codes: Vec::new() }
}

/// Whether a body is a web page: by its beginning, or because the content type says so and it is no JSON.
#[must_use]
pub fn looks_like_html(content_type: Option<&[u8]>, body: &[u8]) -> bool {
    let text = considered(body);
    let mut text = text.trim_start();
    while let Some(comment) = text.strip_prefix("<!--") {
        let Some((_, after)) = comment.split_once("-->") else { return true };
        text = after.trim_start();
    }
    let tag = text.chars().take(if text.starts_with('<') { 14 } else { 0 });
    let tag: String = tag.map(|c| c.to_ascii_lowercase()).collect();
    let begins = |name: &str| tag.strip_prefix(name).is_some_and(|rest| !rest.starts_with(is_name_char));
    if ["<!doctype html", "<html", "<head", "<body", "<title", "<script", "<meta", "<center", "<h1"]
        .iter()
        .any(|name| begins(name))
    {
        return true;
    }
    let content_type = content_type.map(String::from_utf8_lossy).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let says_html =
        ["text/html", "application/xhtml+xml"].iter().any(|html| essence.eq_ignore_ascii_case(html));
    says_html && !text.starts_with(['{', '['])
}

/// The text of the first `<title>`, blanks joined; `None` if there is none or it is empty. Not escaped.
#[must_use]
pub fn html_title(body: &[u8]) -> Option<Box<str>> {
    title_of(&considered(body))
}

fn title_of(text: &str) -> Option<Box<str>> {
    let lower = text.to_ascii_lowercase();
    let start = lower
        .match_indices("<title")
        .map(|(at, tag)| at + tag.len())
        .find(|after| lower[*after..].starts_with(|c: char| c == '>' || c.is_whitespace()))?;
    let start = start + lower[start..].find('>')? + 1;
    let end = lower[start..].find('<').map_or(text.len(), |at| start + at);
    let title = text[start..end].split_whitespace().collect::<Vec<_>>().join(" ");
    let title =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&nbsp;", " "), ("&amp;", "&")]
            .iter()
            .fold(title, |title, (entity, plain)| title.replace(entity, plain));
    let title = title.trim();
    (!title.is_empty()).then(|| clipped(title, MAX_TITLE_CHARS))
}

/// The part of a body that is looked at, as text, without a byte order mark.
fn considered(body: &[u8]) -> Cow<'_, str> {
    let body = &body[..body.len().min(MAX_BODY_BYTES)];
    String::from_utf8_lossy(body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body))
}

fn clipped(text: &str, max_chars: usize) -> Box<str> {
    text.chars().take(max_chars).collect()
}

fn read_document(document: &Value) -> (Shape, Option<String>, String) {
    match document {
        Value::Object(object) => match object.get("errors") {
            Some(Value::Array(errors)) => read_errors(errors),
            Some(error @ Value::Object(_)) => read_errors(std::slice::from_ref(error)),
            _ => (Shape::Json, code_of(object), text_of(object)),
        },
        Value::Array(items) => {
            let (_, code, message) = read_errors(items);
            (Shape::Json, code, message)
        }
        other => (Shape::Json, None, other.as_str().unwrap_or_default().to_owned()),
    }
}

fn read_errors(errors: &[Value]) -> (Shape, Option<String>, String) {
    let code = errors.iter().find_map(|error| code_of(error.as_object()?));
    let message = errors.iter().map(in_words).find(|message| !message.is_empty()).unwrap_or_default();
    (Shape::Registry, code, message)
}

fn code_of(object: &Map<String, Value>) -> Option<String> {
    object.get("code")?.as_str().map(str::trim).filter(|code| !code.is_empty()).map(str::to_owned)
}

/// What `value` says to people: itself, if it is text, else the text in it, else its JSON.
fn in_words(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.trim().to_owned(),
        Value::Object(object) => text_of(object),
        Value::Array(items) => items.iter().map(in_words).find(|text| !text.is_empty()).unwrap_or_default(),
        other => other.to_string(),
    }
}

/// The first of the members in which servers put their words that has any; all of it, if it is a `detail`
/// without such a member.
fn text_of(object: &Map<String, Value>) -> String {
    let named = ["message", "details", "detail", "error_description", "error", "errors", "msg", "title"]
        .iter()
        .filter_map(|name| {
            let (_, value) = object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
            let words = in_words(value);
            match value {
                Value::Object(inner) if words.is_empty() && !inner.is_empty() => Some(value.to_string()),
                _ => Some(words),
            }
        })
        .find(|text| !text.is_empty());
    named.unwrap_or_default()
}

fn collect_texts(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) => texts.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| collect_texts(item, texts)),
        Value::Object(object) => object.values().for_each(|member| collect_texts(member, texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn inner_codes(texts: &[String], outer: Option<&str>) -> Vec<Box<str>> {
    let mentioned = |code: &str, in_lower_case: bool| {
        // CNCF distribution prints its errors as `manifest unknown: text`.
        let spoken = in_lower_case.then(|| format!("{}:", code.to_ascii_lowercase().replace('_', " ")));
        texts.iter().any(|text| {
            has_word(text, code) || spoken.as_deref().is_some_and(|spoken| has_clause(text, spoken))
        })
    };
    SPEC_CODES
        .iter()
        .map(|code| (code, true))
        .chain(OTHER_CODES.iter().map(|code| (code, false)))
        .filter(|(code, in_lower_case)| Some(**code) != outer && mentioned(code, *in_lower_case))
        .map(|(code, _)| Box::from(*code))
        .collect()
}

fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        !text[..at].ends_with(is_name_char) && !text[at + word.len()..].starts_with(is_name_char)
    })
}

/// Whether `clause` begins a clause of `text`: `denied:` does in `error: denied: x`, not in `permission
/// denied: x`, which is what a file system says.
fn has_clause(text: &str, clause: &str) -> bool {
    text.match_indices(clause).any(|(at, _)| {
        let before = text[..at].trim_end_matches([' ', '\t']);
        before.is_empty() || before.ends_with([':', '\n', '\r', '"', '\'', '[', '(', '{', ',', ';'])
    })
}

const fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;
    use oci_distribution::errors::OciErrorCode;
    use proptest::prelude::*;

    #[test]
    fn each_kind_of_body_is_read() {
        use Shape::{Empty, Html, Json, Registry, Text};
        // (content type, body, shape, code, message)
        let cases: &[(&str, &str, Shape, &str, &str)] = &[
            (
                "application/json",
                r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":{"Tag":"x"}}]}"#,
                Registry,
                "MANIFEST_UNKNOWN",
                "manifest unknown",
            ),
            ("", r#"{"errors":[{"code":"TAG_EXPIRED"}]}"#, Registry, "TAG_EXPIRED", ""),
            (
                "",
                r#"{"errors":[{"code":"DENIED","detail":"only campus"}]}"#,
                Registry,
                "DENIED",
                "only campus",
            ),
            (
                "",
                r#"{"errors":[{"code":"DENIED","message":"","detail":{"message":"inner"}}]}"#,
                Registry,
                "DENIED",
                "inner",
            ),
            (
                "",
                r#"{"errors":[{"code":"UNAUTHORIZED","detail":[{"Type":"repository"},{"message":"m"}]}]}"#,
                Registry,
                "UNAUTHORIZED",
                "m",
            ),
            (
                "",
                r#"{"errors":[{"code":"NAME_UNKNOWN","detail":{"name":"a/b"}}]}"#,
                Registry,
                "NAME_UNKNOWN",
                r#"{"name":"a/b"}"#,
            ),
            (
                "",
                r#"{"errors":[{"code":"A","message":null},{"code":"B","message":"b"}]}"#,
                Registry,
                "A",
                "b",
            ),
            (
                "",
                r#"{"errors":[{"status":404,"message":"File not found."}]}"#,
                Registry,
                "",
                "File not found.",
            ),
            ("", r#"{"errors":[{"code":404,"message":"m"}]}"#, Registry, "", "m"),
            ("", r#"{"errors":["plain"]}"#, Registry, "", "plain"),
            ("", r#"{"errors":{"code":"DENIED","message":"m"}}"#, Registry, "DENIED", "m"),
            ("", r#"{"errors":[]}"#, Registry, "", ""),
            ("", r#"{"errors":[null,1]}"#, Registry, "", "1"),
            ("text/html", r#"{"errors":[{"code":"DENIED","message":"m"}]}"#, Registry, "DENIED", "m"),
            ("", "\u{feff} {\"errors\":[{\"code\":\"DENIED\"}]}\n", Registry, "DENIED", ""),
            (
                "",
                r#"{"details":"incorrect username or password"}"#,
                Json,
                "",
                "incorrect username or password",
            ),
            ("", r#"{"message":"no such host"}"#, Json, "", "no such host"),
            ("", r#"{"Message":"Rate exceeded"}"#, Json, "", "Rate exceeded"),
            ("", r#"{"code":"DENIED","message":"m"}"#, Json, "DENIED", "m"),
            ("", r#"{"code":403,"message":"m"}"#, Json, "", "m"),
            ("", r#"{"error":"forbidden"}"#, Json, "", "forbidden"),
            ("", r#"{"error":"invalid_grant","error_description":"bad password"}"#, Json, "", "bad password"),
            ("", r#"{"error":{"code":403,"message":"m"}}"#, Json, "", "m"),
            ("", r#"{"detail":"Not Found"}"#, Json, "", "Not Found"),
            ("", r#"{"errors":"bad"}"#, Json, "", "bad"),
            ("", r#"{"token":"secret"}"#, Json, "", ""),
            ("", r#"[{"code":"DENIED","message":"m"}]"#, Json, "DENIED", "m"),
            ("", r#""just text""#, Json, "", "just text"),
            ("text/plain", "404 page not found\n", Text, "", "404 page not found"),
            ("", "404", Text, "", "404"),
            ("application/json", "{broken", Text, "", "{broken"),
            ("", "<?xml version=\"1.0\"?><Error/>", Text, "", "<?xml version=\"1.0\"?><Error/>"),
            ("text/html", "<html><head><title>Log in</title>", Html, "", "Log in"),
            ("", "<!DOCTYPE html><TITLE>a\n b</TITLE>", Html, "", "a b"),
            ("text/html", "<p>no title</p>", Html, "", ""),
            ("text/html", "Not allowed here", Html, "", "Not allowed here"),
            ("text/plain", "", Empty, "", ""),
            ("text/html", " \r\n", Empty, "", ""),
        ];
        for (content_type, body, shape, code, message) in cases {
            let read = parse(404, Some(content_type.as_bytes()), body.as_bytes());
            let found = (read.shape, read.answer.code.as_deref().unwrap_or(""), &*read.answer.message);
            assert_eq!(found, (*shape, *code, *message), "{body}");
            assert_eq!(read.answer.status, 404);
        }
    }

    #[test]
    fn a_denial_hidden_in_another_error_is_found() {
        for (body, expected) in [
            (
                r#"{"errors":[{"code":"UNKNOWN","message":"unknown error","detail":"denied: denied"}]}"#,
                "DENIED",
            ),
            (
                r#"{"errors":[{"code":"UNKNOWN","detail":[{"code":"DENIED"},{"code":"UNAUTHORIZED"}]}]}"#,
                "DENIED UNAUTHORIZED",
            ),
            (
                r#"{"errors":[{"code":"UNKNOWN","detail":{"errors":[{"code":"TOOMANYREQUESTS"}]}}]}"#,
                "TOOMANYREQUESTS",
            ),
            (r#"{"errors":[{"code":"UNKNOWN","detail":"{\"errors\":[{\"code\":\"DENIED\"}]}"}]}"#, "DENIED"),
            (
                r#"{"errors":[{"code":"UNKNOWN","detail":"errors:\ndenied: requested access\nunauthorized: authentication required\n"}]}"#,
                "DENIED UNAUTHORIZED",
            ),
            (
                r#"{"errors":[{"code":"UNKNOWN","message":"get x: toomanyrequests: slow down"}]}"#,
                "TOOMANYREQUESTS",
            ),
            (r#"{"errors":[{"code":"UNKNOWN","message":"manifest unknown: tag v1"}]}"#, "MANIFEST_UNKNOWN"),
            (
                r#"{"errors":[{"code":"DENIED","message":"denied: x"},{"code":"UNAUTHORIZED"}]}"#,
                "UNAUTHORIZED",
            ),
            (r#"{"errors":[{"code":"DENIED","message":"denied: DENIED"}]}"#, ""),
            (r#"{"errors":[{"code":"UNKNOWN","message":"open /var: permission denied: x"}]}"#, ""),
            (r#"{"errors":[{"code":"UNKNOWN","message":"the tag was not found: x"}]}"#, ""),
            (r#"{"errors":[{"code":"UNKNOWN","message":"MANIFEST_BLOB_UNKNOWN"}]}"#, "MANIFEST_BLOB_UNKNOWN"),
            (r#"{"errors":[{"code":"UNKNOWN","message":"UNDENIED NOT_DENIED DENIEDS"}]}"#, ""),
            (r#"{"details":"UNAVAILABLE: try later"}"#, "UNAVAILABLE"),
            ("denied: not on the list", "DENIED"),
            ("<html>DENIED", ""),
            ("", ""),
        ] {
            assert_eq!(parse(500, None, body.as_bytes()).inner_codes.join(" "), expected, "{body}");
        }
    }

    #[test]
    fn the_codes_of_the_client_library_are_known_here() {
        for code in SPEC_CODES {
            assert!(serde_json::from_value::<OciErrorCode>(code.into()).is_ok(), "{code}");
        }
        for code in [OciErrorCode::ManifestUnverified, OciErrorCode::NotFound, OciErrorCode::TagInvalid]
            .map(|code| serde_json::to_value(code).unwrap())
        {
            assert!(OTHER_CODES.contains(&code.as_str().unwrap()), "{code}");
        }
    }

    #[test]
    fn texts_are_cut_at_a_character() {
        let long = "é".repeat(2000);
        for body in [
            format!(r#"{{"errors":[{{"code":"{long}","message":"{long}"}}]}}"#),
            format!("<html><title>{long}</title>"),
            long.clone(),
        ] {
            let answer = parse(500, None, body.as_bytes()).answer;
            assert!(answer.message.chars().count() <= MAX_MESSAGE_CHARS);
            assert!(answer.message.starts_with("éé"));
            assert!(answer.code.is_none_or(|code| code.chars().count() == MAX_CODE_CHARS));
        }
    }

    #[test]
    fn only_the_beginning_of_a_large_body_is_read() {
        let body = format!("{}DENIED", "a ".repeat(MAX_BODY_BYTES / 2));
        let read = parse(403, None, body.as_bytes());
        assert_eq!((read.shape, read.inner_codes.len()), (Shape::Text, 0));
    }

    #[test]
    fn deeply_nested_json_is_text() {
        let body = "[".repeat(60_000);
        assert_eq!(parse(500, None, body.as_bytes()).shape, Shape::Text);
        let body = format!("{}1{}", r#"{"detail":"#.repeat(5000), "}".repeat(5000));
        assert_eq!(parse(500, None, body.as_bytes()).shape, Shape::Text);
        let body = format!("{}\"x\"{}", r#"{"detail":"#.repeat(100), "}".repeat(100));
        assert_eq!(&*parse(500, None, body.as_bytes()).answer.message, "x");
    }

    #[test]
    fn bytes_that_are_no_utf8_are_replaced() {
        assert_eq!(&*parse(500, None, b"caf\xe9").answer.message, "caf\u{fffd}");
    }

    #[test]
    fn a_title_is_found_where_there_is_one() {
        for (body, title) in [
            ("<title>Sign in &amp; go</title>", Some("Sign in & go")),
            ("<html><head><TITLE lang=en>\n a \t b </TITLE>", Some("a b")),
            ("<titles>x</titles><title>y</title>", Some("y")),
            ("<title>never closed", Some("never closed")),
            ("<title>&amp;lt;</title>", Some("&lt;")),
            ("<title></title>", None),
            ("<title> &nbsp; </title>", None),
            ("<title", None),
            ("<h1>x</h1>", None),
            ("", None),
        ] {
            assert_eq!(html_title(body.as_bytes()).as_deref(), title, "{body}");
        }
        // `İ` is longer in lower case by the rules of Unicode.
        assert_eq!(html_title("İİ<title>İ</title>".as_bytes()).as_deref(), Some("İ"));
    }

    #[test]
    fn web_pages_are_told_by_type_or_beginning() {
        for (content_type, body, html) in [
            ("text/html", "", true),
            ("Text/HTML; charset=utf-8", "anything", true),
            ("application/xhtml+xml", "<?xml?>", true),
            ("text/html", " {\"schemaVersion\":2}", false),
            ("text/html", "[]", false),
            ("application/json", "<html>", true),
            ("", "\u{feff}\r\n <!DOCTYPE HTML PUBLIC>", true),
            ("", "<HTML lang=en>", true),
            ("", "<!-- a --> <!-- b --><body>", true),
            ("", "<!-- never closed", true),
            ("", "<h1>Bad gateway</h1>", true),
            ("", "<header>", false),
            ("", "<?xml?><Error/>", false),
            ("", "{}", false),
            ("text/plain", "not <html>", false),
            ("", "", false),
        ] {
            assert_eq!(looks_like_html(Some(content_type.as_bytes()), body.as_bytes()), html, "{body}");
        }
        assert!(!looks_like_html(None, b"\xff\xfe"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(
            content_type in prop::option::of(prop::collection::vec(any::<u8>(), 0..20)),
            body in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            let read = parse(500, content_type.as_deref(), &body);
            prop_assert!(read.answer.message.chars().count() <= MAX_MESSAGE_CHARS);
            let _ = html_title(&body);
        }

        #[test]
        fn text_made_of_the_forms_is_survived(
            body in r#"(<title|<!--|-->|</?html>|>|denied:|DENIED|é|İ|\{"errors":\[|\{"code":|\{"detail":|"x"|[\]}:, &;]){0,30}"#,
        ) {
            let read = parse(500, None, body.as_bytes());
            prop_assert!(read.inner_codes.len() <= SPEC_CODES.len() + OTHER_CODES.len());
            let _ = html_title(body.as_bytes());
        }
    }
}
