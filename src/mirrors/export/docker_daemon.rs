//! `daemon.json`: only the text of `registry-mirrors` changes; JSON has no comments to tell of more.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::super::docker_daemon;
use super::super::document::{Document, Flaw};
use super::Wanted;
use crate::model::image::ImageRef;
use crate::model::node::Hop;

const KEY: &str = "registry-mirrors";

pub(super) fn edit(document: &Document, wanted: &Wanted<'_>) -> Result<String, Flaw> {
    let text = &document.text;
    if text.trim().is_empty() {
        return Ok(format!("{{\n  \"{KEY}\": {}\n}}\n", list(&urls(&[], document, wanted)?, "  ")));
    }
    let members: BTreeMap<String, &RawValue> =
        serde_json::from_str(text).map_err(|error| Flaw::new(0, error.to_string()))?;
    // Slices of the text itself, so that their places are known.
    let start = |raw: &RawValue| raw.get().as_ptr() as usize - text.as_ptr() as usize;
    let indent = indent(text);
    if let Some(raw) = members.get(KEY) {
        // A null is a list that is not there, as it is to dockerd.
        let old: Option<Vec<String>> =
            serde_json::from_str(raw.get()).map_err(|_| Flaw::new(start(raw), "not a list of texts"))?;
        let old = old.unwrap_or_default();
        let new = urls(&old, document, wanted)?;
        let (at, end) = (start(raw), start(raw) + raw.get().len());
        let is_tall = raw.get().contains('\n') || old.is_empty();
        let list = match &indent {
            Some(indent) if is_tall => list(&new, indent),
            _ => one_line(&new),
        };
        return Ok(format!("{}{list}{}", &text[..at], &text[end..]));
    }
    let new = urls(&[], document, wanted)?;
    let last = members.values().map(|raw| start(raw) + raw.get().len()).max();
    let by_hand = || Flaw::new(0, "not an object of JSON");
    let (at, comma) = match last {
        Some(end) => (end, ","),
        None => (text.find('{').ok_or_else(by_hand)? + 1, ""),
    };
    let member = match &indent {
        Some(indent) => format!("{comma}\n{indent}\"{KEY}\": {}", list(&new, indent)),
        None if last.is_some() => format!("{comma} \"{KEY}\": {}", one_line(&new)),
        None => format!("\n  \"{KEY}\": {}\n", list(&new, "  ")),
    };
    let rest = &text[at..];
    let rest = if last.is_some() { rest } else { rest.trim_start() };
    Ok(format!("{}{member}{rest}", &text[..at]))
}

/// Those that are wanted, then those that were there and of which nothing is known.
fn urls(old: &[String], document: &Document, wanted: &Wanted<'_>) -> Result<Vec<String>, Flaw> {
    let probe: ImageRef = "docker.io/zz9-one/zz9-two".parse().map_err(|_| Flaw::new(0, "not a registry"))?;
    let mut kept: Vec<(String, Option<Hop>)> = Vec::new();
    for url in old {
        let alone = serde_json::json!({ KEY: [url] }).to_string();
        let alone = Document::of(document.name.clone(), document.folder.clone(), &alone);
        let node = docker_daemon::parse(&alone).ok();
        let hop = node.and_then(|node| node.routes.into_iter().next()?.hops.into_iter().next());
        kept.push((url.clone(), hop));
    }
    let mut new = Vec::new();
    for entry in &wanted.entries {
        let is_it = |hop: &Option<Hop>| hop.as_ref().is_some_and(|hop| entry.is_asked(hop, &probe));
        match kept.iter().position(|(_, hop)| is_it(hop)) {
            Some(at) => new.push(kept.remove(at).0),
            None => new.push(entry.written.clone()),
        }
    }
    kept.retain(|(_, hop)| {
        !wanted
            .left_out
            .iter()
            .any(|(entry, _)| hop.as_ref().is_some_and(|hop| entry.is_asked_somehow(hop, &probe)))
    });
    new.extend(kept.into_iter().map(|(url, _)| url));
    Ok(new)
}

/// The blanks before the first key, where keys stand on lines of their own.
fn indent(text: &str) -> Option<String> {
    let (_, inside) = text.split_once('{')?;
    let blanks = &inside[..inside.find(|letter: char| !letter.is_whitespace())?];
    let (_, last) = blanks.rsplit_once('\n')?;
    Some(if last.is_empty() { "  ".to_owned() } else { last.to_owned() })
}

fn quoted(url: &str) -> String {
    serde_json::Value::from(url).to_string()
}

fn one_line(urls: &[String]) -> String {
    format!("[{}]", urls.iter().map(|url| quoted(url)).collect::<Vec<_>>().join(", "))
}

fn list(urls: &[String], indent: &str) -> String {
    if urls.is_empty() {
        return "[]".to_owned();
    }
    let lines: Vec<_> = urls.iter().map(|url| format!("{indent}{indent}{}", quoted(url))).collect();
    format!("[\n{}\n{indent}]", lines.join(",\n"))
}
