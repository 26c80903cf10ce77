//! Lists of tables on one line or several: `mirror = [{ location = "m" }]`. A comment behind the comma is about the
//! table before it, though the format has it in front of the next.

use toml_edit::{Array, InlineTable, Item, Table, Value};

use super::super::Wanted;
use super::super::blocks::Gone;
use super::{order, set_insecure};

/// A table of a list with what stands around it.
struct Kept {
    table: InlineTable,
    /// From the line end on; empty where it stands on the line of the one before.
    above: String,
    /// Up to the line end.
    behind: String,
}

/// A list apart: what stands behind its bracket, its tables, and what stands in front of the other bracket.
struct Parts {
    start: String,
    tables: Vec<Kept>,
    end: String,
}

fn cut(text: &str) -> (&str, &str) {
    text.split_at(text.find('\n').unwrap_or(0))
}

impl Parts {
    fn of(list: &Array) -> Option<Self> {
        let mut parts = Self { start: String::new(), tables: Vec::new(), end: String::new() };
        // What stands behind a table, on either side of its comma.
        let mut behind = String::new();
        for value in list {
            let mut table = value.as_inline_table()?.clone();
            let decor = table.decor();
            behind += decor.prefix().and_then(|prefix| prefix.as_str()).unwrap_or_default();
            let after = decor.suffix().and_then(|suffix| suffix.as_str()).unwrap_or_default().to_owned();
            table.decor_mut().clear();
            let (head, above) = cut(&behind);
            parts.ends(head);
            parts.tables.push(Kept { table, above: above.to_owned(), behind: String::new() });
            behind = after;
        }
        behind += list.trailing().as_str()?;
        let (head, end) = cut(&behind);
        parts.ends(head);
        end.clone_into(&mut parts.end);
        Some(parts)
    }

    fn ends(&mut self, head: &str) {
        let place = self.tables.last_mut().map_or(&mut self.start, |last| &mut last.behind);
        head.clone_into(place);
    }

    fn write(self, list: &mut Array) {
        list.clear();
        let is_tall = self.end.contains('\n');
        let mut before = self.start;
        for (number, mut kept) in self.tables.into_iter().enumerate() {
            let blank = match &*kept.above {
                "" if before.contains('#') => "\n  ",
                "" if number > 0 => " ",
                _ => "",
            };
            kept.table.decor_mut().set_prefix(format!("{before}{}{blank}", kept.above));
            list.push_formatted(Value::InlineTable(kept.table));
            before = kept.behind;
        }
        let blank = if before.contains('#') && self.end.is_empty() { "\n" } else { "" };
        list.set_trailing(format!("{before}{blank}{}", self.end));
        list.set_trailing_comma((is_tall || !blank.is_empty()) && !list.is_empty());
    }

    /// What stands above a new one: a line end where the others have lines of their own.
    fn line(&self) -> String {
        let above = |text: &str| text.rsplit_once('\n').map(|(_, blanks)| format!("\n{blanks}"));
        let known = self.tables.iter().find_map(|kept| above(&kept.above));
        let alone = || above(&self.end).filter(|_| self.tables.is_empty()).map(|line| line + "  ");
        known.or_else(alone).unwrap_or_default()
    }
}

impl From<InlineTable> for Kept {
    fn from(table: InlineTable) -> Self {
        Self { table, above: String::new(), behind: String::new() }
    }
}

impl Kept {
    /// As a table on lines of its own, below what people wrote around it.
    fn alone(&self) -> Table {
        let mut table = self.table.clone().into_table();
        let lines = self.above.lines().chain(self.behind.lines()).map(str::trim);
        let words = lines.filter(|line| line.starts_with('#')).map(|line| format!("{line}\n"));
        table.decor_mut().set_prefix(words.collect::<String>());
        table
    }

    /// A table on one line, which has its comments above it; `line` is where the others begin.
    fn new(table: &Table, line: &str) -> Option<Self> {
        let mut said = String::new();
        let mut around = |decor: &toml_edit::Decor| {
            for text in [decor.prefix(), decor.suffix()].into_iter().flatten() {
                said += text.as_str().unwrap_or_default();
                said.push('\n');
            }
        };
        around(table.decor());
        let mut inline = InlineTable::new();
        for (name, item) in table {
            let mut value = item.as_value()?.clone();
            around(table.key(name)?.leaf_decor());
            around(value.decor());
            value.decor_mut().clear();
            inline.insert(name, value);
        }
        let mut above = String::new();
        let own = if line.is_empty() { "\n  " } else { line };
        for word in said.lines().map(str::trim).filter(|word| word.starts_with('#')) {
            above = format!("{above}{own}{word}");
        }
        let last = if above.is_empty() { line } else { own };
        Some(Self { above: above + last, ..Self::from(inline) })
    }
}

/// Puts the wanted mirrors first; what is left out, for a comment. Nothing where it is no list of tables.
pub(super) fn reorder(mirrors: &mut Array, wanted: &Wanted<'_>) -> Option<Vec<Gone>> {
    let mut parts = Parts::of(mirrors)?;
    let located = |table: &Table| table.get("location").and_then(|item| item.as_str().map(str::to_owned));
    let (new, gone) = order(parts.tables.iter().map(Kept::alone).collect(), wanted);
    let line = parts.line();
    let mut tables = Vec::new();
    for table in new {
        let is_it = |kept: &Kept| located(&kept.table.clone().into_table()) == located(&table);
        tables.push(match parts.tables.iter().position(is_it) {
            Some(at) => {
                let mut kept = parts.tables.remove(at);
                if table.get("insecure").and_then(Item::as_bool) == Some(true) {
                    set_insecure(&mut kept.table);
                }
                kept
            }
            None => Kept::new(&table, &line)?,
        });
    }
    parts.tables = tables;
    parts.write(mirrors);
    Some(gone)
}

/// Adds a table behind the others.
pub(super) fn push(list: &mut Array, table: InlineTable) -> Option<()> {
    let mut parts = Parts::of(list)?;
    parts.tables.push(Kept { above: parts.line(), ..Kept::from(table) });
    parts.write(list);
    Some(())
}
