//! `registries.conf` version 2: the `[[registry.mirror]]` tables of one `[[registry]]`, or the lists that people write in their
//! place (`inline`).

mod inline;

use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, TableLike, Value, value};

use super::super::document::{Document, Flaw};
use super::blocks::{self, Gone};
use super::entry::{Entry, is_unverified};
use super::own::Own;
use super::renewed::LEFT_OUT;
use super::{Target, Wanted};
use crate::model::endpoint::Accepts;

pub(super) fn edit(document: &Document, wanted: &Wanted<'_>) -> Result<String, Flaw> {
    let mut edited: DocumentMut = document.text.parse().map_err(|error: toml_edit::TomlError| {
        Flaw::new(error.span().map_or(0, |span| span.start), error.message().replace('\n', ", "))
    })?;
    let registries = edited.entry("registry").or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
    let gone = match registries {
        Item::ArrayOfTables(registries) => {
            let at = registries.iter().position(|table| is_of(table, wanted.registry));
            let at = at.unwrap_or_else(|| {
                let mut table = Table::new();
                table.decor_mut().set_prefix(if document.text.trim().is_empty() { "" } else { "\n" });
                table.insert("location", value(wanted.registry));
                registries.push(table);
                registries.len() - 1
            });
            registries.get_mut(at).and_then(|table| reorder(table, wanted))
        }
        Item::Value(Value::Array(registries)) => within(registries, wanted),
        _ => None,
    };
    let gone = gone.ok_or_else(|| {
        let why = "'registry' and 'mirror' are neither tables nor a list of tables";
        Flaw::new(document.find("registry"), why)
    })?;
    let mut text = edited.to_string();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    blocks::append(&mut text, &gone, Target::RegistriesConf);
    Ok(text)
}

/// Puts the wanted mirrors into a `[[registry]]`; what is left out, for a comment.
fn reorder(registry: &mut Table, wanted: &Wanted<'_>) -> Option<Vec<Gone>> {
    let position = registry.position();
    say_insecure(registry, wanted);
    let mirrors = registry.entry("mirror").or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
    let (gone, is_empty) = match mirrors {
        Item::ArrayOfTables(mirrors) => {
            let old: Vec<Table> = mirrors.iter().cloned().collect();
            mirrors.clear();
            let (new, gone) = order(old, wanted);
            for mut table in new {
                table.set_position(position);
                mirrors.push(table);
            }
            (gone, mirrors.is_empty())
        }
        Item::Value(Value::Array(mirrors)) => (inline::reorder(mirrors, wanted)?, mirrors.is_empty()),
        _ => return None,
    };
    if is_empty {
        registry.remove("mirror");
    }
    Some(gone)
}

/// The same where all registries stand in one list.
fn within(registries: &mut Array, wanted: &Wanted<'_>) -> Option<Vec<Gone>> {
    let is_it = |value: &Value| value.as_inline_table().is_some_and(|table| is_of(table, wanted.registry));
    let known = registries.iter().position(is_it);
    let at = match known {
        Some(at) => at,
        None => {
            let mut table = InlineTable::new();
            table.insert("location", wanted.registry.into());
            inline::push(registries, table)?;
            registries.len() - 1
        }
    };
    let registry = registries.get_mut(at)?.as_inline_table_mut()?;
    say_insecure(registry, wanted);
    let mirrors = registry.entry("mirror").or_insert_with(|| Array::new().into()).as_array_mut()?;
    let gone = inline::reorder(mirrors, wanted)?;
    if mirrors.is_empty() {
        registry.remove("mirror");
    }
    Some(gone)
}

/// Http, and https without a look at the certificate, are one word here. Only of the registry itself, where it is asked
/// under its own name.
fn say_insecure(registry: &mut dyn TableLike, wanted: &Wanted<'_>) {
    let location = registry.get("location").and_then(Item::as_str).unwrap_or_default();
    let is_itself =
        location.is_empty() || location.trim_end_matches('/').eq_ignore_ascii_case(wanted.registry);
    let is_wanted = matches!(wanted.own, Own::Plain | Own::Unverified) && !wanted.entries.is_empty();
    if is_wanted && is_itself && !registry.contains_key("insecure") {
        registry.insert("insecure", value(true));
    }
}

/// Whether this `[[registry]]` is about the whole of `registry`; a prefix's letter case counts.
fn is_of(table: &dyn TableLike, registry: &str) -> bool {
    let text = |key: &str| table.get(key).and_then(Item::as_str).filter(|text| !text.is_empty());
    let prefix = text("prefix").or_else(|| text("location")).unwrap_or_default();
    prefix.trim_end_matches('/') == registry
}

fn order(mut old: Vec<Table>, wanted: &Wanted<'_>) -> (Vec<Table>, Vec<Gone>) {
    let find = |old: &[Table], entry: &Entry| {
        old.iter().position(|table| {
            let location = table.get("location").and_then(Item::as_str).unwrap_or_default();
            same_location(location, &entry.written)
        })
    };
    let mut new = Vec::new();
    for entry in &wanted.entries {
        let known = find(&old, entry).map(|at| old.remove(at));
        match known.or_else(|| back(entry, wanted)) {
            Some(mut known) => {
                if is_insecure(entry, wanted) {
                    set_insecure(&mut known);
                }
                new.push(known);
            }
            None => new.push(table(entry, wanted)),
        }
    }
    let mut gone = Vec::new();
    for (entry, why) in &wanted.left_out {
        let table = find(&old, entry).map(|at| old.remove(at));
        let body = table.map_or(String::new(), |table| commented(&table));
        gone.push(Gone { reason: format!("{LEFT_OUT}{}: {why}", entry.written), body });
    }
    new.extend(old);
    (new, gone)
}

/// The table of a mirror that an earlier export left out.
fn back(entry: &Entry, wanted: &Wanted<'_>) -> Option<Table> {
    let read: DocumentMut = wanted.back(entry)?.parse().ok()?;
    let mut table = read.get("registry")?.get("mirror")?.as_array_of_tables()?.get(0)?.clone();
    if !same_location(table.get("location")?.as_str()?, &entry.written) {
        return None;
    }
    let above = table.decor().prefix().and_then(toml_edit::RawString::as_str).unwrap_or_default().to_owned();
    table.decor_mut().set_prefix(format!("\n{above}"));
    Some(table)
}

/// A mirror that is there no more, as a comment, with what people wrote above it.
fn commented(gone: &Table) -> String {
    let around = |text: Option<&toml_edit::RawString>| {
        text.and_then(toml_edit::RawString::as_str).unwrap_or_default().to_owned()
    };
    let (above, behind) = (around(gone.decor().prefix()), around(gone.decor().suffix()));
    let text = format!("{above}\n[[registry.mirror]]{behind}\n{gone}");
    text.lines().map(str::trim_end).filter(|line| !line.trim().is_empty()).fold(String::new(), |all, line| {
        if line.trim_start().starts_with('#') { format!("{all}{line}\n") } else { format!("{all}# {line}\n") }
    })
}

/// Whether it was asked in a way that this format has to be told of.
fn is_insecure(entry: &Entry, wanted: &Wanted<'_>) -> bool {
    entry.is_plain || is_unverified(entry.host(), wanted.tls)
}

/// `insecure = true`, with the comments and blanks around what stood there.
fn set_insecure(table: &mut dyn TableLike) {
    let known = table.get_mut("insecure").and_then(Item::as_value_mut);
    if known.as_ref().is_some_and(|known| known.as_bool() == Some(true)) {
        return;
    }
    let mut new = Value::from(true);
    if let Some(known) = known {
        *new.decor_mut() = known.decor().clone();
        *known = new;
        return;
    }
    // In a table on one line the blank before its bracket belongs to the last value.
    let last = table.iter_mut().last().and_then(|(_, item)| item.as_value_mut().map(Value::decor_mut));
    if let Some(decor) = last
        && let Some(blank) = decor.suffix().and_then(|suffix| suffix.as_str())
        && blank.chars().all(|letter| letter == ' ')
    {
        let blank = blank.to_owned();
        decor.set_suffix("");
        *new.decor_mut() = toml_edit::Decor::new(" ", blank);
    }
    table.insert("insecure", Item::Value(new));
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
    if is_insecure(entry, wanted) {
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
