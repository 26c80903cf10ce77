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

/// Whether what stands before the first slash of an image's name is never taken for this registry.
pub(super) fn is_no_host(registry: &str) -> bool {
    !registry.contains(['.', ':', '*', '[']) && registry != "localhost"
}

/// Why there is no such registry.
pub(super) fn no_host(registry: &str) -> String {
    let name = shown(registry);
    format!("a registry has a dot or a port, or is localhost, and '{name}/x' is an image of Docker Hub")
}

/// Why no image is of the registry `key`, where that is so, and what to write; `program` looks it up as it is written.
pub(super) fn unmatched(key: &str, program: &str) -> Option<String> {
    let rest = key.split_once("://").map_or(key, |(_, rest)| rest);
    let host = rest.split('/').next().unwrap_or(rest).to_ascii_lowercase();
    let host = if host == "index.docker.io" { "docker.io" } else { &host };
    if host == key {
        return is_no_host(key).then(|| format!("{program} finds this for no image: {}", no_host(key)));
    }
    let why = match key {
        _ if key.contains("://") => "a registry is a host without a scheme",
        _ if key.contains('/') => "a registry is a host without a path",
        "index.docker.io" => "images of Docker Hub are looked up as docker.io",
        _ => "capitals count, and registries are named in small letters",
    };
    Some(format!(
        "{program} finds this for no image: {why}; write '{}' in place of '{}'",
        shown(host),
        shown(key)
    ))
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
    fn registries_of_which_no_image_can_be_are_told_with_what_to_write() {
        for (key, write) in [
            ("https://quay.io", "without a scheme; write 'quay.io' in"),
            ("http://Reg.lan:5000/v2", "without a scheme; write 'reg.lan:5000' in"),
            ("quay.io/team", "without a path; write 'quay.io' in"),
            ("index.docker.io", "looked up as docker.io; write 'docker.io' in"),
            ("Quay.io", "in small letters; write 'quay.io' in"),
        ] {
            let told = unmatched(key, "k3s").unwrap();
            assert!(told.starts_with("k3s finds this for no image: ") && told.contains(write), "{told}");
        }
        let told = unmatched("harbor", "k3s").unwrap();
        assert!(told.starts_with("k3s finds this for no image: a registry has a dot or a port"), "{told}");
        for key in ["quay.io", "docker.io", "reg.lan:5000", "localhost", "reg:5000", "*", "[::1]:5000"] {
            assert_eq!(unmatched(key, "k3s"), None, "{key}");
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
