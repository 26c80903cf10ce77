//! Keys of runtimes' files for which nothing here stands: each is told, with its line and the key that it may have
//! been meant for. Files are hostile: long keys are cut, and the first few of many are told.

use super::document::Document;
use crate::model::node::Note;

/// Most letters of a key that are repeated.
const MAX_SHOWN: usize = 60;
/// Most keys of one table that are told one by one.
pub(super) const MAX_TOLD: usize = 20;

/// A key as it is shown.
pub(super) fn shown(key: &str) -> String {
    key.chars().take(MAX_SHOWN).flat_map(char::escape_debug).collect()
}

/// ` (did you mean 'x'?)`, where one of `known` is near enough to `key`; else nothing.
pub(super) fn meant(key: &str, known: &[&str]) -> String {
    let plain = |text: &str| text.replace(['_', '-', '.'], "").to_ascii_lowercase();
    if key.len() > MAX_SHOWN {
        return String::new();
    }
    let near = |known: &&str| strsim::damerau_levenshtein(&plain(key), &plain(known));
    let nearest = known.iter().map(|known| (near(known), *known)).min();
    nearest
        .filter(|(distance, known)| *distance <= (known.len() / 4).max(1))
        .map(|(_, known)| format!(" (did you mean '{known}'?)"))
        .unwrap_or_default()
}

/// A note for each of `keys`, which stand at a byte each; `say` has the words.
pub(super) fn tell(document: &Document, keys: &[(&str, usize)], say: impl Fn(&str) -> String) -> Vec<Note> {
    let mut notes: Vec<_> =
        keys.iter().take(MAX_TOLD).map(|(key, at)| document.note(*at, say(key))).collect();
    if let Some((_, at)) = keys.get(MAX_TOLD) {
        let text = format!("{} more keys like those before", keys.len() - MAX_TOLD);
        notes.push(document.note(*at, text));
    }
    notes
}

/// The same of the keys that are not `known`: a check does not represent them.
pub(super) fn unrepresented(document: &Document, keys: &[(&str, usize)], known: &[&str]) -> Vec<Note> {
    let keys: Vec<_> = keys.iter().copied().filter(|(key, _)| !known.contains(key)).collect();
    tell(document, &keys, |key| format!("key '{}' is not represented{}", shown(key), meant(key, known)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_that_was_meant_is_named_where_one_is_near() {
        for (key, expected) in [
            ("registry-mirror", " (did you mean 'registry-mirrors'?)"),
            ("registry_mirrors", " (did you mean 'registry-mirrors'?)"),
            ("registryMirrors", " (did you mean 'registry-mirrors'?)"),
            ("regsitry-mirrors", " (did you mean 'registry-mirrors'?)"),
            ("mirrors", ""),
            ("ca2", " (did you mean 'ca'?)"),
            ("", ""),
        ] {
            assert_eq!(meant(key, &["registry-mirrors", "proxies", "ca"]), expected, "{key}");
        }
    }

    #[test]
    fn of_many_keys_the_first_are_told_and_the_rest_counted() {
        let document = Document::of("f".to_owned(), "".into(), &"x\n".repeat(100));
        let long = "k".repeat(500);
        let keys: Vec<_> = (0..50).map(|at| (&*long, at * 2)).collect();
        let notes = unrepresented(&document, &keys, &["known"]);
        assert_eq!(notes.len(), MAX_TOLD + 1);
        assert_eq!(&*notes[MAX_TOLD].text, "30 more keys like those before");
        assert!(notes.iter().all(|note| note.text.len() < 200), "{notes:?}");
    }
}
