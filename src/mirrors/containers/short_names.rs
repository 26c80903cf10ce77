//! What `registries.conf` says of names without a registry: aliases, and the registries that are tried
//! (`pkg/sysregistriesv2/shortnames.go`). What containers/image refuses is refused here: it pulls nothing with such a
//! file.

use std::collections::HashMap;

use toml::de::DeTable;

use super::super::document::{Document, Flaw, Single, Value, entries, string, strings};
use super::super::{advice, keys};
use crate::model::image::{ImageRef, is_registry, is_repository};
use crate::model::node::Node;

/// Where what only one file can say was said before.
#[derive(Default)]
pub(super) struct Said {
    search: Option<String>,
    aliases: HashMap<String, String>,
}

/// `unqualified-search-registries`, whose key stands at byte `at`.
pub(super) fn search(
    node: &mut Node,
    document: &Document,
    root: &DeTable<'_>,
    at: usize,
    said: &mut Said,
) -> Result<(), Flaw> {
    let name = "unqualified-search-registries";
    let mut search = Vec::new();
    for (written, at) in strings(root, name, Single::Refused)? {
        let host = written.trim_end_matches('/');
        if !is_registry(host) {
            let why = format!("'{}' in {name} is not host[:port]", keys::shown(written));
            return Err(Flaw::new(at, why).advising(advice::SEARCH));
        }
        search.push(host.into());
    }
    node.short_names.search = search;
    if let Some(before) = said.search.replace(document.place(at)) {
        node.notes.push(document.note(at, format!("replaces the {name} at {before}")));
    }
    Ok(())
}

/// `short-name-mode`
pub(super) fn mode(node: &mut Node, document: &Document, value: &Value<'_>, at: usize) -> Result<(), Flaw> {
    let mode = string(value)?;
    if !matches!(mode, "" | "enforcing" | "permissive" | "disabled") {
        let known = ["enforcing", "permissive", "disabled"];
        let why =
            format!("short-name-mode is '{}', which is none{}", keys::shown(mode), keys::meant(mode, &known));
        return Err(Flaw::new(value.span().start, why).advising(advice::SHORT_NAME_MODE));
    }
    let text = "short-name-mode is not represented: names without a registry are looked for in all of \
                unqualified-search-registries, and nobody is asked which is meant";
    node.notes.push(document.note(at, text));
    Ok(())
}

/// `[aliases]`
pub(super) fn aliases(
    node: &mut Node,
    document: &Document,
    table: &DeTable<'_>,
    said: &mut Said,
) -> Result<(), Flaw> {
    for (short, at, value) in entries(table) {
        let full = string(value)?;
        let fault = short_fault(short).or_else(|| full_fault(full));
        if let Some(fault) = fault {
            let (short, full) = (keys::shown(short), keys::shown(full));
            return Err(Flaw::new(at, format!("alias '{short}' = '{full}': {fault}")).advising(advice::ALIAS));
        }
        let known = &mut node.short_names.aliases;
        let before = known.iter().position(|(known, _)| **known == *short).map(|at| known.remove(at));
        if !full.is_empty() {
            known.push((short.into(), full.into()));
        }
        let place = said.aliases.insert(short.to_owned(), document.place(at));
        if let (Some((_, old)), Some(place)) = (before, place)
            && *old != *full
        {
            let text = format!("replaces the alias '{}' at {place}", keys::shown(short));
            node.notes.push(document.note(at, text));
        }
    }
    Ok(())
}

const MARKED: &str = "holds a tag or digest";

fn is_with_registry(first: &str) -> bool {
    first.contains(['.', ':']) || first == "localhost"
}

fn is_marked(name: &str) -> bool {
    name.contains('@') || name.rsplit('/').next().is_some_and(|last| last.contains(':'))
}

/// Why the left side is no short name (`validateShortName`).
fn short_fault(short: &str) -> Option<String> {
    match short.split_once('/') {
        _ if is_marked(short) => Some(format!("the left side {MARKED}")),
        Some((first, _)) if is_with_registry(first) => Some("the left side holds a registry".to_owned()),
        // A host without dots may be in capitals.
        Some((first, rest)) if is_registry(first) && is_repository(rest) => None,
        _ if is_repository(short) => None,
        _ => Some("the left side is no name of an image".to_owned()),
    }
}

/// Why the right side is no name with its registry (`parseShortNameValue`); nothing takes an alias away.
fn full_fault(full: &str) -> Option<String> {
    match full.split_once('/') {
        _ if full.is_empty() => None,
        _ if full.contains("://") => Some("the right side has a scheme".to_owned()),
        _ if is_marked(full) => Some(format!("the right side {MARKED}")),
        Some((first, _)) if is_with_registry(first) => {
            full.parse::<ImageRef>().err().map(|error| format!("the right side: {error}"))
        }
        _ => Some("the right side has no registry".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::Error;
    use super::super::merge;
    use super::*;

    fn parsed(text: &str) -> Result<Node, Error> {
        merge(&[Document::of("0.conf".to_owned(), "".into(), text).advising(advice::REGISTRIES_CONF)])
    }

    const DIGEST: &str = "@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    #[test]
    fn aliases_that_the_runtime_refuses_are_refused_with_their_line() {
        for (alias, part) in [
            ("'bad:1'='reg.example.com/x'", "the left side holds a tag or digest"),
            (&format!("'x{DIGEST}'='a.io/x'"), "the left side holds a tag or digest"),
            ("'localhost/z'='a.io/z'", "the left side holds a registry"),
            ("'a.io/z'='a.io/z'", "the left side holds a registry"),
            ("'foo:5000/z'='a.io/z'", "the left side holds a registry"),
            ("'Up'='a.io/x'", "the left side is no name of an image"),
            ("'x/'='a.io/x'", "the left side is no name of an image"),
            ("''='a.io/x'", "the left side is no name of an image"),
            ("'bad:1'=''", "the left side holds a tag or digest"),
            ("'x'='reg.example.com/x:tagged'", "the right side holds a tag or digest"),
            (&format!("'x'='a.io/x{DIGEST}'"), "the right side holds a tag or digest"),
            ("'y'='y'", "the right side has no registry"),
            ("'y'='library/y'", "the right side has no registry"),
            ("'y'='a.io'", "the right side has no registry"),
            ("'y'='a.io/Up'", "the right side: repository name must be lowercase"),
            ("'y'=' '", "the right side has no registry"),
            ("'y'='https://a.io/y'", "the right side has a scheme"),
        ] {
            let error = parsed(&format!("[aliases]\nok = 'a.io/ok'\n{alias}\n")).unwrap_err();
            assert_eq!((&*error.place, error.hint()), ("0.conf:3", advice::ALIAS), "{alias}");
            assert!(error.to_string().contains(part), "{alias}: {error}");
        }
    }

    #[test]
    fn aliases_that_the_runtime_takes_are_taken() {
        for (short, full) in [
            ("ns/img", "a.io/a/b/c"),
            ("a/b/c", "a.io/x"),
            ("x", "localhost:5000/x"),
            ("x", "localhost/x"),
            ("x", "docker.io/x"),
            ("x", "foo:5000/x"),
            ("x", "REG.io/x"),
            ("localhost", "a.io/x"),
            ("a.io", "a.io/x"),
            ("UP/x", "a.io/x"),
        ] {
            let node = parsed(&format!("[aliases]\n'{short}' = '{full}'\n")).unwrap();
            assert_eq!(node.short_names.aliases, [(short.into(), full.into())]);
        }
        assert_eq!(parsed("[aliases]\nx = ''\n").unwrap().short_names.aliases, []);
    }

    #[test]
    fn search_registries_are_hosts_with_or_without_a_port() {
        for refused in [
            "reg.example.com/ns",
            "https://reg.example.com",
            "",
            "//",
            "*.a.io",
            "a_b.io",
            "a.io ",
            "a.io:tag",
            "-a.io",
            "a..io",
            "a.io.",
        ] {
            let text = format!("unqualified-search-registries = [\n'ok.io',\n'{refused}']\n");
            let error = parsed(&text).unwrap_err();
            assert_eq!((&*error.place, error.hint()), ("0.conf:3", advice::SEARCH), "{refused}");
            let part = format!("'{refused}' in unqualified-search-registries is not host[:port]");
            assert!(error.to_string().contains(&part), "{error}");
        }
        let text = "unqualified-search-registries = ['a.io:5000', 'b.io/', 'localhost', 'foo', 'A.IO', '1.2.3.4:5']\n";
        let found = parsed(text).unwrap().short_names.search;
        let found: Vec<_> = found.iter().map(|host| &**host).collect();
        assert_eq!(found, ["a.io:5000", "b.io", "localhost", "foo", "A.IO", "1.2.3.4:5"]);
        assert!(parsed("unqualified-search-registries = []\n").unwrap().short_names.search.is_empty());
    }

    #[test]
    fn a_mode_for_short_names_that_is_none_is_refused() {
        for mode in ["bogus", "ENFORCING", "enforced"] {
            let error = parsed(&format!("\nshort-name-mode = '{mode}'\n")).unwrap_err();
            assert_eq!((&*error.place, error.hint()), ("0.conf:2", advice::SHORT_NAME_MODE), "{mode}");
            assert!(error.to_string().contains(&format!("short-name-mode is '{mode}'")), "{error}");
        }
        for mode in ["enforcing", "permissive", "disabled", ""] {
            let node = parsed(&format!("short-name-mode = '{mode}'\n")).unwrap();
            let [note] = &node.notes[..] else { panic!("{:?}", node.notes) };
            assert!(note.text.starts_with("short-name-mode is not represented"), "{note:?}");
        }
    }

    #[test]
    fn an_alias_holds_for_its_name_with_whatever_tag_and_digest() {
        let node =
            parsed("unqualified-search-registries = ['s.io']\n[aliases]\nalpine = 'a.io/lib/alpine'\n")
                .unwrap();
        for rest in ["", ":3", DIGEST, &format!(":3{DIGEST}")] {
            assert_eq!(node.names(&format!("alpine{rest}")), [format!("a.io/lib/alpine{rest}")]);
            assert_eq!(node.names(&format!("other{rest}")), [format!("s.io/other{rest}")]);
        }
    }
}
