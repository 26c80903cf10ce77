//! `registries.yaml`: the lines of one `endpoint` list. No YAML library writes a file back as it was, so this
//! edits lines, in the plain block form that people write, and lists and maps in flow form within it (`flow`). Whatever is
//! written otherwise is refused; and what comes out must hold all that was there before, but for that list.

mod flow;

use serde_json::Value;

use super::super::document::{Document, Flaw};
use super::super::k3s;
use super::Wanted;
use super::entry::Entry;
use super::renewed::LEFT_OUT;
use crate::model::image::ImageRef;
use flow::unquoted;

pub(super) fn edit(document: &Document, wanted: &Wanted<'_>) -> Result<String, Flaw> {
    if let (_, Some(at)) = k3s::first_document(&document.text) {
        return Err(Flaw::new(at, "another document begins here: not edited"));
    }
    let mut lines = Lines(document.text.lines().map(str::to_owned).collect());
    let text = lines.edit(wanted)?;
    hold(document, &text, wanted)?;
    Ok(text)
}

/// Everything but the list must be as it was.
fn hold(document: &Document, text: &str, wanted: &Wanted<'_>) -> Result<(), Flaw> {
    let flaw = || Flaw::new(document.find("mirrors"), "cannot be edited safely");
    let read = |text: &str| -> Result<Value, Flaw> {
        let text = if text.trim().is_empty() { "{}" } else { text };
        let mut value: Value = serde_saphyr::from_str(text).map_err(|_| flaw())?;
        let Some(root) = value.as_object_mut() else { return Err(flaw()) };
        let mirrors = root.entry("mirrors").or_insert(Value::Null);
        if mirrors.is_null() {
            *mirrors = Value::Object(serde_json::Map::new());
        }
        let mirrors = mirrors.as_object_mut().ok_or_else(flaw)?;
        let entry = mirrors.entry(wanted.registry.to_owned()).or_insert(Value::Null);
        if entry.is_null() {
            *entry = Value::Object(serde_json::Map::new());
        }
        let entry = entry.as_object_mut().ok_or_else(flaw)?;
        entry.remove("endpoint");
        Ok(value)
    };
    if read(&document.text)? == read(text)? { Ok(()) } else { Err(flaw()) }
}

/// Takes the sign of a comment from the endpoint at the end of `lines`, if it is that of `place` and stands in a list;
/// `all` are the lines of the file.
pub(super) fn bring_back(lines: &mut [String], all: &[&str], place: &str) {
    let url = |line: &str| {
        let text = line.trim_start().strip_prefix("- ")?;
        Some(unquoted(text.split(" #").next().unwrap_or(text).trim()).trim_end_matches('/').to_owned())
    };
    let Some((last, before)) = lines.split_last_mut() else { return };
    let own = last.trim_start();
    let said =
        own.strip_prefix("# ").filter(|said| url(said).as_deref() == Some(place.trim_end_matches('/')));
    let Some(said) = said else { return };
    let above = before.iter().rev().find(|line| !says_nothing(line)).map_or("", |line| line.trim_start());
    let is_in_list = above.starts_with("- ") || above.starts_with("endpoint:");
    if is_in_list && !all.iter().any(|line| url(line) == url(said)) {
        *last = format!("{}{said}", &last[..last.len() - own.len()]);
    }
}

struct Lines(Vec<String>);

/// Which lines of the file belong to a key, the key's own line first.
#[derive(Clone, Copy)]
struct Block {
    at: usize,
    end: usize,
    indent: usize,
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

fn says_nothing(line: &str) -> bool {
    let text = line.trim();
    text.is_empty() || text.starts_with('#')
}

/// The key of a line, and what stands behind it but for comments.
fn key_of(line: &str) -> Option<(String, &str)> {
    let text = line.trim_start_matches(' ');
    let (key, rest) = match text.chars().next()? {
        quote @ ('"' | '\'') => {
            let (key, rest) = text[1..].split_once(quote)?;
            (key, rest.strip_prefix(':')?)
        }
        _ => {
            let at = text.find(": ").or_else(|| text.strip_suffix(':').map(str::len))?;
            (&text[..at], &text[at + 1..])
        }
    };
    let rest = rest.trim();
    Some((key.to_owned(), if rest.starts_with('#') { "" } else { rest }))
}

impl Lines {
    fn edit(&mut self, wanted: &Wanted<'_>) -> Result<String, Flaw> {
        let by_hand = |lines: &Self, at: usize| {
            let before: usize = lines.0[..at].iter().map(|line| line.len() + 1).sum();
            Flaw::new(before, "not in the plain block form of YAML, and so not edited")
        };
        if let Some(at) = self.0.iter().position(|line| line.contains('\t') || line.starts_with("...")) {
            return Err(by_hand(self, at));
        }
        let first = self.0.iter().position(|line| !says_nothing(line) && line.trim_end() != "---");
        if let Some(at) = first.filter(|at| self.0[*at].starts_with('{')) {
            return self.in_flow(at, 0, &["mirrors", wanted.registry, "endpoint"], wanted);
        }
        let whole = Block { at: 0, end: self.0.len(), indent: 0 };
        let Some(mirrors) = self.child(whole, 0, "mirrors") else {
            let mut added = vec!["mirrors:".to_owned(), format!("  {}:", quoted_key(wanted.registry))];
            added.push("    endpoint:".to_owned());
            added.extend(items(&[], &self.0, wanted, "      "));
            let end = self.0.len();
            return Ok(self.insert(end, added));
        };
        self.clear_null(mirrors.at);
        if let Some(column) = self.behind(mirrors.at) {
            return self.in_flow(mirrors.at, column, &[wanted.registry, "endpoint"], wanted);
        }
        let inner = self.inner_indent(mirrors).unwrap_or(2);
        let Some(registry) = self.child(mirrors, inner, wanted.registry) else {
            let blanks = " ".repeat(inner);
            let mut added = vec![format!("{blanks}{}:", quoted_key(wanted.registry))];
            added.push(format!("{blanks}  endpoint:"));
            added.extend(items(&[], &self.0, wanted, &format!("{blanks}    ")));
            return Ok(self.insert(self.last_line(mirrors), added));
        };
        self.clear_null(registry.at);
        if let Some(column) = self.behind(registry.at) {
            return self.in_flow(registry.at, column, &["endpoint"], wanted);
        }
        let deeper = self.inner_indent(registry).unwrap_or(inner + 2);
        let list = self.child(registry, deeper, "endpoint");
        let Some(list) = list else {
            let blanks = " ".repeat(deeper);
            let mut added = vec![format!("{blanks}endpoint:")];
            added.extend(items(&[], &self.0, wanted, &format!("{blanks}  ")));
            return Ok(self.insert(registry.at + 1, added));
        };
        self.clear_null(list.at);
        self.replace(list, wanted).ok_or_else(|| by_hand(self, list.at))
    }

    /// Puts the wanted list where `list` is.
    fn replace(&mut self, list: Block, wanted: &Wanted<'_>) -> Option<String> {
        let (key, rest) = key_of(&self.0[list.at])?;
        if !rest.is_empty() {
            return self.replace_flow(list, key, wanted);
        }
        let mut old: Vec<Item> = Vec::new();
        let mut pending = Vec::new();
        let mut at = list.at + 1;
        let mut end = at;
        let mut depth = None;
        while at < self.0.len() {
            let line = &self.0[at];
            if says_nothing(line) {
                pending.push(line.clone());
            } else if let Some(text) = line.trim_start().strip_prefix("- ")
                && indent_of(line) >= list.indent
                && *depth.get_or_insert(indent_of(line)) == indent_of(line)
            {
                let mut lines = std::mem::take(&mut pending);
                lines.push(line.clone());
                old.push(Item { lines, url: unquoted(text.split(" #").next().unwrap_or(text).trim()) });
                end = at + 1;
            } else if indent_of(line) > list.indent {
                return None;
            } else {
                break;
            }
            at += 1;
        }
        let depth = " ".repeat(depth.unwrap_or(list.indent + 2));
        let new = items(&old, &self.0, wanted, &depth);
        self.0.splice(list.at + 1..end, new);
        Some(self.text())
    }

    /// Puts the wanted list where one in flow form is: as one of lines, which has room for comments.
    fn replace_flow(&mut self, list: Block, key: String, wanted: &Wanted<'_>) -> Option<String> {
        let blanks = " ".repeat(list.indent);
        let text = self.text();
        let (found, end) = flow::list(&text, self.start_of(list.at) + self.behind(list.at)?)?;
        let rest = text[end..].lines().next().unwrap_or_default();
        if !says_nothing(rest) {
            return None;
        }
        let written = |item: &flow::Item<'_>| {
            let behind = item.behind.map_or(String::new(), |comment| format!(" {comment}"));
            let mut lines: Vec<_> = item.above.iter().map(|comment| format!("{blanks}  {comment}")).collect();
            lines.push(format!("{blanks}  - {}{behind}", item.text));
            Item { lines, url: unquoted(item.text) }
        };
        let old: Vec<Item> = found.iter().map(written).collect();
        let mut new = vec![format!("{blanks}{key}:{}", rest.trim_end())];
        new.extend(items(&old, &self.0, wanted, &format!("{blanks}  ")));
        let last = text[..end].matches('\n').count();
        self.0.splice(list.at..=last, new);
        Some(self.text())
    }

    /// Puts the wanted list where `path` leads in the map that begins in this column of this line.
    fn in_flow(
        &self,
        line: usize,
        column: usize,
        path: &[&str],
        wanted: &Wanted<'_>,
    ) -> Result<String, Flaw> {
        let text = self.text();
        let start = self.start_of(line);
        let refuse = |why: &str| Flaw::new(start, format!("not edited: {why}"));
        let mut at = start + column;
        for (depth, name) in path.iter().enumerate() {
            let other = || {
                refuse("neither lines of its own nor a plain {…}: anchors, aliases and tags are not followed")
            };
            let entries = flow::map(&text, at).ok_or_else(other)?;
            let found = entries.iter().find(|entry| entry.key == *name);
            let is_nothing = |value: &str| matches!(value, "" | "~" | "null" | "{}" | "[]");
            match found.map(|entry| (entry, &text[entry.value.0..entry.value.1])) {
                Some((entry, value)) if is_nothing(value) => {
                    let (new, notes) = in_place(&[], &text, wanted);
                    let value = nested(&path[depth + 1..], &new);
                    let (before, behind) = (&text[..entry.value.0], &text[entry.value.1..]);
                    let blank = if before.ends_with(' ') { "" } else { " " };
                    return Ok(format!("{before}{blank}{value}{behind}{notes}"));
                }
                Some((entry, value)) if depth + 1 == path.len() => {
                    let list = flow::list(&text, entry.value.0).filter(|(_, end)| *end == entry.value.1);
                    let (old, _) = list.ok_or_else(|| refuse("the endpoints are no plain list"))?;
                    if value.contains('\n')
                        || old.iter().any(|item| !item.above.is_empty() || item.behind.is_some())
                    {
                        return Err(refuse(
                            "a list of several lines within {…}: write `endpoint:` on a line of its own",
                        ));
                    }
                    let (new, notes) = in_place(&old, &text, wanted);
                    return Ok(format!("{}{new}{}{notes}", &text[..entry.value.0], &text[entry.value.1..]));
                }
                Some((entry, _)) => at = entry.value.0,
                None => {
                    let (new, notes) = in_place(&[], &text, wanted);
                    let key = if depth + 1 == path.len() { (*name).to_owned() } else { quoted_key(name) };
                    let comma = if entries.is_empty() { "" } else { ", " };
                    let added = format!("{key}: {}{comma}", nested(&path[depth + 1..], &new));
                    return Ok(format!("{}{added}{}{notes}", &text[..=at], &text[at + 1..]));
                }
            }
        }
        Err(refuse("no place for the endpoints was found"))
    }

    /// The byte at which a line begins.
    fn start_of(&self, line: usize) -> usize {
        self.0[..line].iter().map(|line| line.len() + 1).sum()
    }

    /// The column of what stands behind the key of a line, if anything does.
    fn behind(&self, line: usize) -> Option<usize> {
        let line = &self.0[line];
        let (_, rest) = key_of(line)?;
        // Both are parts of the same text.
        (!rest.is_empty()).then(|| rest.as_ptr() as usize - line.as_ptr() as usize)
    }

    /// Takes a written null from behind the key of a line: what is put there stands on lines of its own.
    fn clear_null(&mut self, line: usize) {
        let Some(column) = self.behind(line) else { return };
        let rest = &self.0[line][column..];
        let scalar = rest.split(" #").next().unwrap_or(rest).trim_end();
        if matches!(scalar, "~" | "null" | "Null" | "NULL") {
            let end = column + scalar.len();
            self.0[line].replace_range(column..end, "");
            let kept = self.0[line].trim_end().len();
            self.0[line].truncate(kept);
        }
    }

    /// The key of this name among those at `indent` inside `parent`.
    fn child(&self, parent: Block, indent: usize, name: &str) -> Option<Block> {
        let first = if indent == 0 { parent.at } else { parent.at + 1 };
        let is_it = |line: &String| {
            !says_nothing(line)
                && indent_of(line) == indent
                && key_of(line).is_some_and(|(key, _)| key == name)
        };
        let at = (first..parent.end).find(|at| is_it(&self.0[*at]))?;
        let is_next = |line: &String| {
            !says_nothing(line)
                && (indent_of(line) < indent
                    || indent_of(line) == indent && !line.trim_start().starts_with("- "))
        };
        let end = (at + 1..parent.end).find(|next| is_next(&self.0[*next])).unwrap_or(parent.end);
        Some(Block { at, end, indent })
    }

    fn inner_indent(&self, block: Block) -> Option<usize> {
        let inside = &self.0[block.at + 1..block.end];
        inside.iter().find(|line| !says_nothing(line)).map(|line| indent_of(line))
    }

    /// Behind the last line of a block that says something.
    fn last_line(&self, block: Block) -> usize {
        (block.at..block.end).rev().find(|at| !says_nothing(&self.0[*at])).map_or(block.end, |at| at + 1)
    }

    fn insert(&mut self, at: usize, added: Vec<String>) -> String {
        self.0.splice(at..at, added);
        self.text()
    }

    fn text(&self) -> String {
        self.0.iter().fold(String::new(), |all, line| all + line + "\n")
    }
}

/// One endpoint, with the comments above it.
struct Item {
    lines: Vec<String>,
    url: String,
}

/// The new list in flow form, and the notes, which have no room in it and go to the end of the file.
fn in_place(old: &[flow::Item<'_>], text: &str, wanted: &Wanted<'_>) -> (String, String) {
    let old: Vec<Item> =
        old.iter().map(|item| Item { lines: vec![item.text.to_owned()], url: unquoted(item.text) }).collect();
    let known: Vec<String> = text.lines().map(str::to_owned).collect();
    let lines = items(&old, &known, wanted, "");
    let (notes, urls): (Vec<_>, Vec<_>) = lines.into_iter().partition(|line| line.starts_with('#'));
    let urls: Vec<_> = urls.iter().map(|line| line.strip_prefix("- ").unwrap_or(line)).collect();
    let notes = notes.into_iter().fold(String::new(), |all, note| all + &note + "\n");
    (format!("[{}]", urls.join(", ")), notes)
}

/// `value` within maps of one entry each.
fn nested(path: &[&str], value: &str) -> String {
    let wrap = |value: String, name: &&str| format!("{{{}: {value}}}", quoted_key(name));
    path.iter().rev().fold(value.to_owned(), wrap)
}

fn quoted_key(registry: &str) -> String {
    if registry.contains([':', '[']) { format!("\"{registry}\"") } else { registry.to_owned() }
}

/// The lines of the new list; what is `known` is not noted again.
fn items(old: &[Item], known: &[String], wanted: &Wanted<'_>, blanks: &str) -> Vec<String> {
    let probe = format!("{}/zz9-one/zz9-two", wanted.registry).parse::<ImageRef>().ok();
    let asked = |item: &Item| {
        let text =
            format!("mirrors:\n  {}:\n    endpoint:\n    - {:?}\n", quoted_key(wanted.registry), item.url);
        let node = k3s::parse(&Document::of(String::new(), "".into(), &text)).ok()?;
        let hop = node.routes.into_iter().next()?.hops.into_iter().next()?;
        Some((hop, probe.as_ref()?))
    };
    let is_it =
        |item: &Item, entry: &Entry| asked(item).is_some_and(|(hop, probe)| entry.is_asked(&hop, probe));
    let is_at = |item: &Item, entry: &Entry| {
        asked(item).is_some_and(|(hop, probe)| entry.is_asked_somehow(&hop, probe))
    };
    let mut rest: Vec<&Item> = old.iter().collect();
    let mut lines = Vec::new();
    for entry in &wanted.entries {
        match rest.iter().position(|item| is_it(item, entry)) {
            Some(at) => lines.extend(rest.remove(at).lines.iter().cloned()),
            None => lines.push(format!("{blanks}- \"{}\"", entry.written)),
        }
    }
    for (entry, why) in &wanted.left_out {
        let note = format!("{blanks}{LEFT_OUT}{}: {why}", entry.written);
        if let Some(at) = rest.iter().position(|item| is_at(item, entry)) {
            lines.extend(rest.remove(at).lines.iter().filter_map(|line| match line.trim_start() {
                _ if says_nothing(line) => Some(line.clone()),
                // Somebody's words about it stay; the note has the URL.
                text if text.contains(" #") => Some(format!("{blanks}# {text}")),
                _ => None,
            }));
        }
        if !known.contains(&note) {
            lines.push(note);
        }
    }
    lines.extend(rest.iter().flat_map(|item| item.lines.iter().cloned()));
    lines
}
