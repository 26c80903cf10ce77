//! Unknown keys: each is named, with its line and the nearest right one.

use toml::de::{DeTable, DeValue};

/// A table's keys, and the tables below it.
pub(super) struct Known {
    pub(super) keys: &'static [&'static str],
    /// Key of an array of tables, and what its tables may hold.
    pub(super) below: &'static [(&'static str, &'static [&'static str])],
}

/// The unknown keys of `table` and of the tables in its arrays: byte offset and message.
pub(super) fn unknown(table: &DeTable<'_>, known: &Known) -> Vec<(usize, String)> {
    let mut faults = Vec::new();
    for (key, value) in table {
        let name: &str = key.get_ref();
        match known.below.iter().find(|(below, _)| *below == name) {
            Some((_, keys)) => {
                let DeValue::Array(tables) = value.get_ref() else { continue };
                for entry in tables.iter().filter_map(|entry| entry.get_ref().as_table()) {
                    faults.extend(foreign(entry, keys, &format!(" in [[{name}]]")));
                }
            }
            None if known.keys.contains(&name) => {}
            None => {
                let all: Vec<&str> =
                    known.keys.iter().copied().chain(known.below.iter().map(|(below, _)| *below)).collect();
                faults.push((key.span().start, message(name, &all, "")));
            }
        }
    }
    faults
}

/// The keys of `table` that are not `known`; `place` says whose keys they are.
pub(super) fn foreign(table: &DeTable<'_>, known: &[&str], place: &str) -> Vec<(usize, String)> {
    table
        .iter()
        .filter(|(key, _)| !known.contains(&&**key.get_ref()))
        .map(|(key, _)| (key.span().start, message(key.get_ref(), known, place)))
        .collect()
}

fn message(name: &str, known: &[&str], place: &str) -> String {
    format!("unknown key '{}'{place}{}", name.escape_debug(), hint(name, known))
}

/// The nearest of the known names, or all of them.
pub(super) fn hint(name: &str, known: &[&str]) -> String {
    let nearest = known
        .iter()
        .map(|key| (strsim::damerau_levenshtein(&name.to_ascii_lowercase(), key), *key))
        .min()
        .filter(|(distance, key)| *distance <= key.len().max(3) / 2)
        .map(|(_, key)| format!(" (did you mean '{key}'?)"));
    nearest.unwrap_or_else(|| format!(" (known: {})", known.join(", ")))
}
