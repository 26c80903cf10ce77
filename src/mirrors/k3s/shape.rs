//! What stands in a `registries.yaml` besides what k3s knows, and why one cannot be read.
//!
//! k3s drops keys that it does not know without a word; here each is a note.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Error, Spanned};

use super::super::document::Document;
use super::super::keys;
use crate::model::node::Note;

/// What k3s reads and does nothing with (wharfie `pkg/registries`, k3s `pkg/agent/templates`).
const AUTHS: &str = "auths";

/// The keys of a file, with their lines.
enum Shape {
    Map(Vec<(Spanned<String>, Self)>),
    Other,
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Shape;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Shape, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Shape::Map(entries))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Shape, A::Error> {
                while items.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Shape::Other)
            }

            fn visit_bool<E>(self, _: bool) -> Result<Shape, E> {
                Ok(Shape::Other)
            }

            fn visit_i64<E>(self, _: i64) -> Result<Shape, E> {
                Ok(Shape::Other)
            }

            fn visit_u64<E>(self, _: u64) -> Result<Shape, E> {
                Ok(Shape::Other)
            }

            fn visit_f64<E>(self, _: f64) -> Result<Shape, E> {
                Ok(Shape::Other)
            }

            fn visit_str<E>(self, _: &str) -> Result<Shape, E> {
                Ok(Shape::Other)
            }

            fn visit_unit<E>(self) -> Result<Shape, E> {
                Ok(Shape::Other)
            }
        }
        deserializer.deserialize_any(Any)
    }
}

impl Shape {
    fn entries(&self) -> &[(Spanned<String>, Self)] {
        match self {
            Self::Map(entries) => entries,
            Self::Other => &[],
        }
    }

    fn get(&self, key: &str) -> &[(Spanned<String>, Self)] {
        let found = self.entries().iter().find(|(name, _)| name.value == key);
        found.map_or(&[], |(_, value)| value.entries())
    }
}

/// Whether it is a map with one of the two keys that matter.
pub(in super::super) fn is_it(document: &Document) -> bool {
    serde_saphyr::from_str::<Shape>(first_document(&document.text).0)
        .map_or(true, |root| root.entries().iter().any(|(key, _)| is_top(&key.value)))
}

/// The first document, which is all that k3s reads (`yaml.v2`), and the first byte of the next one if that says anything.
pub(in super::super) fn first_document(text: &str) -> (&str, Option<usize>) {
    let says_nothing = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
    let is_marker =
        |line: &str, marker| line.strip_prefix(marker).is_some_and(|rest: &str| says_nothing(rest));
    let begins = |line: &str| {
        line.strip_prefix("---")
            .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
    };
    let mut at = 0;
    let mut has_begun = false;
    for line in text.split_inclusive('\n') {
        let is_end = has_begun && (begins(line) || is_marker(line, "..."));
        if is_end {
            let (first, rest) = text.split_at(at);
            let is_empty =
                |line: &str| says_nothing(line) || is_marker(line, "---") || is_marker(line, "...");
            return (first, (!rest.lines().all(is_empty)).then_some(at));
        }
        has_begun |= begins(line) || !says_nothing(line) && !line.starts_with('%');
        at += line.len();
    }
    (text, None)
}

/// The line of a flag that is written in quotes: a text to k3s, which is not taken for true or false.
pub(super) fn quoted(document: &Document, flag: Option<&Spanned<bool>>) -> Option<usize> {
    let place = &flag?.referenced;
    let line = usize::try_from(place.line()).ok()?;
    let column = usize::try_from(place.column()).ok()?;
    let written = document.text.lines().nth(line.checked_sub(1)?)?.chars().nth(column.checked_sub(1)?)?;
    matches!(written, '"' | '\'').then_some(line)
}

fn is_top(key: &str) -> bool {
    matches!(key, "mirrors" | "configs" | AUTHS)
}

/// A note for each key that k3s does not know.
pub(super) fn unknown(document: &Document) -> Vec<Note> {
    let Ok(root) = serde_saphyr::from_str::<Shape>(&document.text) else {
        let text = "keys that k3s does not know could not be looked for".into();
        return vec![Note { place: document.name.clone().into(), text }];
    };
    let mut notes = Vec::new();
    let line = |key: &Spanned<String>| {
        document.line(usize::try_from(key.referenced.line()).unwrap_or(usize::MAX)).into_boxed_str()
    };
    let mut tell = |entries: &[(Spanned<String>, Shape)], known: &[&str]| {
        let is_known = |key: &str| known.contains(&key);
        let unknown = || entries.iter().filter(|(key, _)| !is_known(&key.value));
        let of_use: Vec<_> = known.iter().copied().filter(|key| *key != AUTHS).collect();
        for (key, _) in unknown().take(keys::MAX_TOLD) {
            let (shown, known) = (keys::shown(&key.value), of_use.join(", "));
            let text = format!("k3s does not know `{shown}` (only {known}): what it says is not used");
            notes.push(Note { place: line(key), text: text.into() });
        }
        if let Some((key, _)) = unknown().nth(keys::MAX_TOLD) {
            let text = format!("{} more keys like those before", unknown().count() - keys::MAX_TOLD);
            notes.push(Note { place: line(key), text: text.into() });
        }
    };
    tell(root.entries(), &["mirrors", "configs", AUTHS]);
    for (_, mirror) in root.get("mirrors") {
        tell(mirror.entries(), &["endpoint", "rewrite"]);
    }
    for (_, config) in root.get("configs") {
        tell(config.entries(), &["auth", "tls"]);
        tell(config.get("auth"), &["username", "password", "auth", "identity_token"]);
        tell(config.get("tls"), &["cert_file", "key_file", "ca_file", "insecure_skip_verify"]);
    }
    if let Some((key, _)) = root.entries().iter().find(|(key, _)| key.value == AUTHS) {
        let text = "`auths` is the old place of credentials: k3s gives containerd only what stands in \
                    `configs` below HOST as `auth`, so these are not used";
        notes.push(Note { place: line(key), text: text.into() });
    }
    notes
}

/// What is wrong, without a word of the text: passwords stand in it.
pub(super) fn reason(document: &Document, error: &Error) -> String {
    let line = error.location().and_then(|location| usize::try_from(location.line()).ok()).unwrap_or(0);
    let text = document.text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    if text.trim_start_matches(' ').starts_with('\t') {
        return "a tab in front of the text: YAML is indented with blanks".to_owned();
    }
    match error.without_snippet() {
        Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. }
        | Error::AliasReplayCounterOverflow { .. }
        | Error::Budget { .. } => OVER_BOUND.to_owned(),
        // Behind an alias only the words of the same faults are left.
        Error::AliasError { msg, .. }
            if ["budget breached", "limit exceeded", "too complex"]
                .iter()
                .any(|words| msg.contains(words)) =>
        {
            OVER_BOUND.to_owned()
        }
        Error::DuplicateMappingKey { .. } => "the same key twice in one map".to_owned(),
        Error::SerdeInvalidType { expected, .. } | Error::SerdeInvalidValue { expected, .. } => {
            wrong_kind(expected)
        }
        Error::Unexpected { expected, .. } => wrong_kind(expected),
        Error::InvalidScalar { ty, .. } => wrong_kind(ty),
        _ => match serde_saphyr::from_str::<IgnoredAny>(&document.text) {
            // The scanner's own words; it quotes nothing.
            Err(broken) => match broken.without_snippet() {
                Error::Eof { .. } => "invalid YAML: it ends in the middle of something".to_owned(),
                Error::Message { msg, .. } | Error::ExternalMessage { msg, .. } => {
                    format!("invalid YAML: {}", msg.replace('\n', ", "))
                }
                _ => "invalid YAML".to_owned(),
            },
            Ok(_) => "not what registries.yaml holds: a value of the wrong kind".to_owned(),
        },
    }
}

const OVER_BOUND: &str = "over the bound: aliases or nesting make more of it than is read";

fn wrong_kind(expected: &str) -> String {
    let expected = match expected {
        "sequence start" | "a sequence" => "a list",
        "mapping start" => "a map",
        "string scalar" => "a text",
        "boolean" => "true or false",
        other => other,
    };
    format!("a value of the wrong kind: expected {expected}")
}
