//! `certs.d/<host>/hosts.toml`.

use std::path::{Path, PathBuf};

use toml_edit::{Array, DocumentMut, Item, Table, value};

use super::super::document::{Document, Flaw};
use super::super::place::{api_host, node};
use super::super::{Error, advice, containerd};
use super::blocks::{self, Gone};
use super::entry::Entry;
use super::own::Own;
use super::renewed::LEFT_OUT;
use super::{Target, Wanted};
use crate::model::endpoint::Accepts;
use crate::model::image::ImageRef;
use crate::model::node::{Hop, Node, Runtime, Scope};
use crate::model::tls::{HostTls, Verification};

const FILE: &str = "hosts.toml";

/// The file of `registry`: that which containerd would find, else the one it looks for first.
pub(super) fn file(base: Option<&Path>, registry: &str) -> Result<(PathBuf, Document), Error> {
    let safe = match registry.rsplit_once(':') {
        Some((host, port)) => format!("{host}_{port}_"),
        None => registry.to_owned(),
    };
    let folders = [safe.as_str(), registry];
    let existing = base.and_then(|base| folders.into_iter().find(|folder| base.join(folder).is_dir()));
    let name = Path::new(existing.unwrap_or(&safe)).join(FILE);
    let path = base.unwrap_or(Path::new("")).join(&name);
    let document = if path.exists() {
        Document::read(&path)?.advising(advice::HOSTS)
    } else {
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        Document::of(path.display().to_string(), folder, "")
    };
    Ok((name, document))
}

/// What containerd reads for `registry` as long as the folder of the file `name` is not there.
pub(super) fn default_of(base: &Path, name: &Path, registry: &str) -> Option<Node> {
    let folder = base.join(name.parent()?);
    let default = base.join("_default").join(FILE);
    if folder.is_dir() || !default.is_file() {
        return None;
    }
    // An invalid one is ignored by containerd as well.
    read(&Document::read(&default).ok()?, registry).ok()
}

pub(super) fn read(document: &Document, registry: &str) -> Result<Node, Error> {
    let mut node = node(Runtime::Containerd, &document.name);
    let scope = Scope::Registry(registry.into());
    let route = containerd::hosts(&mut node, document, scope).map_err(|flaw| document.error(flaw))?;
    node.routes.push(route);
    Ok(node)
}

pub(super) fn edit(document: &Document, wanted: &Wanted<'_>) -> Result<String, Flaw> {
    let mut edited: DocumentMut = document.text.parse().map_err(|error: toml_edit::TomlError| {
        Flaw::new(error.span().map_or(0, |span| span.start), error.message().replace('\n', ", "))
    })?;
    let probe: ImageRef =
        format!("{}/zz9-one/zz9-two", wanted.registry).parse().map_err(|_| Flaw::new(0, "not a registry"))?;
    if wanted.own == Own::Plain && !wanted.entries.is_empty() && !edited.contains_key("server") {
        edited.insert("server", value(format!("http://{}", api_host(wanted.registry))));
    }
    let hosts = edited.entry("host").or_insert_with(|| {
        let mut table = Table::new();
        table.set_implicit(true);
        Item::Table(table)
    });
    let by_hand = || Flaw::new(document.find("host"), "'host' is not written as [host.\"…\"] tables");
    let hosts = hosts.as_table_mut().ok_or_else(by_hand)?;
    let mut old: Vec<(String, Table)> = Vec::new();
    let names: Vec<String> = hosts.iter().map(|(name, _)| name.to_owned()).collect();
    let position = hosts.iter().filter_map(|(_, host)| host.as_table()?.position()).min();
    for name in names {
        let Some(Item::Table(table)) = hosts.remove(&name) else { return Err(by_hand()) };
        old.push((name, table));
    }
    let position = position.or_else(|| last_position(edited.as_table()).map(|last| last + 1));
    let mut new: Vec<(String, Table)> = Vec::new();
    for entry in &wanted.entries {
        let at = old.iter().position(|(name, table)| {
            asked(document, (name, table), &probe).is_some_and(|hop| entry.is_asked(&hop, &probe))
        });
        new.push(match at {
            Some(at) => old.remove(at),
            None => back(wanted.back(entry))
                .filter(|(name, table)| {
                    let is_free = !old.iter().chain(&new).any(|(known, _)| known == name);
                    let hop = asked(document, (name, table), &probe);
                    is_free && hop.is_some_and(|hop| entry.is_asked(&hop, &probe))
                })
                .unwrap_or_else(|| (entry.written.clone(), table(entry, wanted.tls))),
        });
    }
    let mut gone = Vec::new();
    for (entry, why) in &wanted.left_out {
        let at = old.iter().position(|(name, table)| {
            asked(document, (name, table), &probe).is_some_and(|hop| entry.is_asked_somehow(&hop, &probe))
        });
        let body = at.map(|at| old.remove(at)).map_or(String::new(), |(name, table)| commented(&name, table));
        gone.push(Gone { reason: format!("{LEFT_OUT}{}: {why}", entry.written), body });
    }
    new.extend(old);
    let hosts = edited.entry("host").or_insert(Item::Table(Table::new()));
    let hosts = hosts.as_table_mut().ok_or_else(by_hand)?;
    for (name, mut table) in new {
        move_to(&mut table, position);
        hosts.insert(&name, Item::Table(table));
    }
    let is_bare = hosts.is_empty();
    if is_bare {
        edited.remove("host");
    }
    let mut text = edited.to_string();
    if document.text.is_empty() {
        text = text.trim_start().to_owned();
    }
    blocks::append(&mut text, &gone, Target::Containerd);
    Ok(text)
}

/// The table of a mirror that an earlier export left out.
fn back(table: Option<&str>) -> Option<(String, Table)> {
    let read: DocumentMut = table?.parse().ok()?;
    let (name, item) = read.get("host")?.as_table()?.iter().next()?;
    let mut table = item.as_table()?.clone();
    let above = table.decor().prefix().and_then(toml_edit::RawString::as_str).unwrap_or_default().to_owned();
    table.decor_mut().set_prefix(format!("\n{above}"));
    Some((name.to_owned(), table))
}

/// What containerd makes of a table that is there.
fn asked(document: &Document, (name, table): (&str, &Table), probe: &ImageRef) -> Option<Hop> {
    let mut alone = DocumentMut::new();
    let mut hosts = Table::new();
    hosts.set_implicit(true);
    hosts.insert(name, Item::Table(table.clone()));
    alone.insert("host", Item::Table(hosts));
    let alone = Document::of(document.name.clone(), document.folder.clone(), &alone.to_string());
    read(&alone, probe.registry()).ok()?.routes.into_iter().next()?.hops.into_iter().next()
}

fn table(entry: &Entry, tls: &[HostTls]) -> Table {
    let mut table = Table::new();
    table.decor_mut().set_prefix("\n");
    let words = match entry.accepts {
        Accepts::Digests => &["pull"][..],
        Accepts::All | Accepts::Tags | Accepts::Nothing => &["pull", "resolve"],
    };
    table.insert("capabilities", value(words.iter().copied().collect::<Array>()));
    if entry.overrides_path {
        table.insert("override_path", value(true));
    }
    let host = entry.url().and_then(|url| crate::model::endpoint::Authority::of(&url));
    let Some(settings) = tls.iter().find(|known| Some(&known.authority) == host.as_ref()) else {
        return table;
    };
    let settings = &settings.settings;
    // A relative path in this file starts from its folder, and these do not.
    let shown =
        |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string();
    if !settings.ca_files.is_empty() {
        table.insert("ca", value(settings.ca_files.iter().map(|path| shown(path)).collect::<Array>()));
    }
    if let Some(client) = &settings.client {
        let pair: Array = [shown(&client.certificate), shown(&client.key)].into_iter().collect();
        table.insert("client", value([pair].into_iter().collect::<Array>()));
    }
    if settings.verification == Verification::Off {
        table.insert("skip_verify", value(true));
    }
    table
}

/// All tables of one host at one place: they are written in the order in which they stand in the map.
fn move_to(table: &mut Table, position: Option<isize>) {
    table.set_position(position);
    for (_, item) in table.iter_mut() {
        if let Some(inner) = item.as_table_mut() {
            move_to(inner, position);
        }
    }
}

fn last_position(table: &Table) -> Option<isize> {
    let below = table.iter().filter_map(|(_, item)| last_position(item.as_table()?)).max();
    below.max(table.position())
}

/// A table that is there no more, as a comment: what it said is not lost.
fn commented(name: &str, table: Table) -> String {
    let mut alone = DocumentMut::new();
    let mut hosts = Table::new();
    hosts.set_implicit(true);
    hosts.insert(name, Item::Table(table));
    alone.insert("host", Item::Table(hosts));
    alone.to_string().lines().filter(|line| !line.trim().is_empty()).fold(String::new(), |all, line| {
        let line = line.trim_end();
        if line.trim_start().starts_with('#') { format!("{all}{line}\n") } else { format!("{all}# {line}\n") }
    })
}
