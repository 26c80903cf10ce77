//! `registries.conf` version 2: the `[[registry.mirror]]` tables of one `[[registry]]`.

use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, value};

use super::super::document::{Document, Flaw};
use super::Wanted;
use super::entry::{Entry, is_unverified};
use crate::model::endpoint::Accepts;

pub(super) fn edit(document: &Document, wanted: &Wanted<'_>) -> Result<String, Flaw> {
    let mut edited: DocumentMut = document.text.parse().map_err(|error: toml_edit::TomlError| {
        Flaw::new(error.span().map_or(0, |span| span.start), error.message().replace('\n', ", "))
    })?;
    let by_hand = |what: &str| {
        let why = format!("'{what}' is not written as [[{what}]] tables");
        Flaw::new(document.find("registry"), why)
    };
    let registries = edited
        .entry("registry")
        .or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()))
        .as_array_of_tables_mut()
        .ok_or_else(|| by_hand("registry"))?;
    let at = registries.iter().position(|table| is_of(table, wanted.registry));
    let at = at.unwrap_or_else(|| {
        let mut table = Table::new();
        table.decor_mut().set_prefix(if document.text.trim().is_empty() { "" } else { "\n" });
        table.insert("location", value(wanted.registry));
        registries.push(table);
        registries.len() - 1
    });
    let registry = registries.get_mut(at).ok_or_else(|| by_hand("registry"))?;
    let position = registry.position();
    let (mut new, comments) = {
        let mirrors = registry
            .entry("mirror")
            .or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()))
            .as_array_of_tables_mut()
            .ok_or_else(|| by_hand("registry.mirror"))?;
        let old: Vec<Table> = mirrors.iter().cloned().collect();
        mirrors.clear();
        order(old, wanted)
    };
    let mirrors = registry.get_mut("mirror").and_then(Item::as_array_of_tables_mut);
    let mirrors = mirrors.ok_or_else(|| by_hand("registry.mirror"))?;
    for table in &mut new {
        table.set_position(position);
        mirrors.push(table.clone());
    }
    if mirrors.is_empty() {
        registry.remove("mirror");
    }
    let mut text = edited.to_string();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    for line in comments.lines().filter(|line| !document.text.contains(line)) {
        text.push_str(line);
        text.push('\n');
    }
    Ok(text)
}

/// Whether this `[[registry]]` is about the whole of `registry`.
fn is_of(table: &Table, registry: &str) -> bool {
    let text = |key: &str| table.get(key).and_then(Item::as_str).filter(|text| !text.is_empty());
    let prefix = text("prefix").or_else(|| text("location")).unwrap_or_default();
    prefix.trim_end_matches('/').eq_ignore_ascii_case(registry)
}

fn order(mut old: Vec<Table>, wanted: &Wanted<'_>) -> (Vec<Table>, String) {
    let find = |old: &[Table], entry: &Entry| {
        old.iter().position(|table| {
            let location = table.get("location").and_then(Item::as_str).unwrap_or_default();
            same_location(location, &entry.written)
        })
    };
    let mut new = Vec::new();
    for entry in &wanted.entries {
        match find(&old, entry) {
            Some(at) => new.push(old.remove(at)),
            None => new.push(table(entry, wanted)),
        }
    }
    let mut comments = String::new();
    for (entry, why) in &wanted.left_out {
        comments.push_str(&format!("# left out by registry-check: {}: {why}\n", entry.written));
        if let Some(at) = find(&old, entry) {
            let gone = old.remove(at);
            let kept = gone.to_string();
            let lines = kept.lines().filter(|line| !line.trim().is_empty());
            comments.push_str("# [[registry.mirror]]\n");
            comments.extend(lines.map(|line| format!("# {}\n", line.trim_end())));
        }
    }
    new.extend(old);
    (new, comments)
}

fn same_location(one: &str, other: &str) -> bool {
    let plain = |text: &str| {
        let text = text.trim_end_matches('/').to_ascii_lowercase();
        let (host, path) = text.split_once('/').map_or((text.as_str(), ""), |(host, path)| (host, path));
        let host = if host.contains(':') { host.to_owned() } else { format!("{host}:443") };
        format!("{host}/{path}")
    };
    plain(one) == plain(other)
}

fn table(entry: &Entry, wanted: &Wanted<'_>) -> Table {
    let mut table = Table::new();
    table.decor_mut().set_prefix("\n");
    table.insert("location", value(entry.written.as_str()));
    if entry.is_plain || is_unverified(entry.host(), wanted.tls) {
        table.insert("insecure", value(true));
    }
    match entry.accepts {
        Accepts::All | Accepts::Nothing => {}
        Accepts::Digests => {
            table.insert("pull-from-mirror", value("digest-only"));
        }
        Accepts::Tags => {
            table.insert("pull-from-mirror", value("tag-only"));
        }
    }
    table
}
