//! `registries.conf` version 2 with its drop-ins: podman, buildah, skopeo, CRI-O
//! (containers-registries.conf(5), `pkg/sysregistriesv2`).

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::de::DeTable;

use super::document::{Document, Flaw, Single, array, entries, flag, get, string, strings, table, text};
use super::place::{api_host, endpoint, hop, https, node, route, secure};
use super::{Error, advice, keys};
use crate::model::endpoint::{Accepts, Namespace, is_loopback};
use crate::model::image::is_repository;
use crate::model::node::{End, Hop, Node, Note, Part, Route, Runtime, Schemes, Scope};
use crate::model::rewrite::{PrefixRule, Rewrite};
use crate::model::tls::{TlsSettings, Verification};

/// One `[[registry]]`, and what must agree with others.
struct Entry {
    route: Route,
    location: String,
    insecure: bool,
    at: Error,
    hosts: Vec<Host>,
    /// What is told of it if it counts.
    notes: Vec<Note>,
}

/// A host that an entry names, and whether it may show any certificate.
struct Host {
    name: String,
    insecure: bool,
    at: usize,
}

/// What is read of one `[[registry]]`.
struct Reading<'a> {
    document: &'a Document,
    scope: Scope,
    hosts: Vec<Host>,
    notes: Vec<Note>,
}

/// Reads the files in their order: what a later one says of a prefix replaces what was said before.
pub(super) fn read(files: &[PathBuf]) -> Result<Node, Error> {
    let documents = files
        .iter()
        .map(|path| Ok(Document::read(path)?.advising(advice::REGISTRIES_CONF)))
        .collect::<Result<Vec<_>, _>>()?;
    merge(&documents)
}

pub(super) fn merge(documents: &[Document]) -> Result<Node, Error> {
    let names: Vec<_> = documents.iter().map(|document| document.name.as_str()).collect();
    let mut node = node(Runtime::Containers, &names.join(", "));
    let mut all: Vec<(&Document, Entry)> = Vec::new();
    let mut said = Said::default();
    for document in documents {
        let entries = file(&mut node, document, &mut said).map_err(|flaw| document.error(flaw))?;
        for entry in entries {
            match all.iter_mut().find(|(_, known)| known.route.scope == entry.route.scope) {
                Some(known) => {
                    let text =
                        format!("replaces the [[registry]] of the same prefix at {}", known.1.route.place);
                    node.notes.push(Note { place: entry.route.place.clone(), text: text.into() });
                    *known = (document, entry);
                }
                None => all.push((document, entry)),
            }
        }
    }
    verify(&mut node, &all);
    let mut all: Vec<Entry> = all.into_iter().map(|(_, entry)| entry).collect();
    for entry in &mut all {
        node.notes.append(&mut entry.notes);
    }
    for (index, entry) in all.iter().enumerate() {
        let is_blocked = |entry: &Entry| entry.route.end == End::Blocked;
        let conflicts = |other: &&Entry| {
            !entry.location.is_empty()
                && other.location == entry.location
                && (other.insecure != entry.insecure || is_blocked(other) != is_blocked(entry))
        };
        if all[..index].iter().any(|other| conflicts(&other)) {
            return Err(entry.at.clone());
        }
    }
    node.routes = all.into_iter().map(|entry| entry.route).collect();
    Ok(node)
}

/// How the hosts of what counts are asked over TLS. Here that holds for a host, in the format for each place.
fn verify(node: &mut Node, entries: &[(&Document, Entry)]) {
    let all =
        || entries.iter().flat_map(|(document, entry)| entry.hosts.iter().map(move |host| (document, host)));
    let mut told = HashSet::new();
    for (document, host) in all().filter(|(_, host)| host.insecure) {
        let Some(url) = https(&host.name) else { continue };
        let settings = TlsSettings { verification: Verification::Off, ..TlsSettings::default() };
        secure(node, document, host.at, &url, settings);
        let strict = all().find(|(_, other)| !other.insecure && other.name == host.name);
        if let Some((other, strict)) = strict
            && told.insert(&host.name)
        {
            let text = format!(
                "{}: insecure here and not at {}; a check verifies it at neither",
                host.name,
                other.place(strict.at)
            );
            node.notes.push(document.note(host.at, text));
        }
    }
}

/// Where what only one file can say was said before.
#[derive(Default)]
struct Said {
    search: Option<String>,
    aliases: HashMap<String, String>,
}

fn file(node: &mut Node, document: &Document, said: &mut Said) -> Result<Vec<Entry>, Flaw> {
    let root = document.toml()?;
    let mut found: Vec<Entry> = Vec::new();
    for (name, at, value) in entries(&root) {
        match name {
            "registry" => {
                for item in array(value)? {
                    let entry = entry(document, table(item)?, item.span().start)?;
                    // Inside one file the first of two equal prefixes wins.
                    match found.iter().find(|known| known.route.scope == entry.route.scope) {
                        None => found.push(entry),
                        Some(first) => {
                            let text = format!(
                                "not used: a [[registry]] of the same prefix stands at {}",
                                first.route.place
                            );
                            node.notes.push(document.note(item.span().start, text));
                        }
                    }
                }
            }
            "registries" => {
                let why = if get(&root, "registry").is_some()
                    || get(&root, "unqualified-search-registries").is_some()
                {
                    "[registries.…] is version 1 of this format and cannot be mixed with version 2"
                } else {
                    "[registries.…] is version 1 of this format, which is not read: write [[registry]]"
                };
                return Err(Flaw::new(at, why).advising(advice::VERSION_1));
            }
            "unqualified-search-registries" => {
                let hosts = strings(&root, name, Single::Refused)?;
                node.short_names.search = hosts.into_iter().map(|(host, _)| host.into()).collect();
                if let Some(before) = said.search.replace(document.place(at)) {
                    node.notes.push(document.note(at, format!("replaces the {name} at {before}")));
                }
            }
            "aliases" => aliases(node, document, table(value)?, said)?,
            "short-name-mode" => {
                string(value)?;
                let text = "short-name-mode is not represented: names without a registry are looked for in all of \
                            unqualified-search-registries, and nobody is asked which is meant";
                node.notes.push(document.note(at, text));
            }
            "credential-helpers" => {
                let text = "credential-helpers is not represented: a check finds credentials where `registry-check auth` says";
                node.notes.push(document.note(at, text));
            }
            _ => node.notes.extend(keys::unrepresented(document, &[(name, at)], &ROOT_KEYS)),
        }
    }
    Ok(found)
}

const ROOT_KEYS: [&str; 5] =
    ["registry", "unqualified-search-registries", "aliases", "short-name-mode", "credential-helpers"];
const REGISTRY_KEYS: [&str; 6] =
    ["prefix", "location", "insecure", "blocked", "mirror-by-digest-only", "mirror"];
const MIRROR_KEYS: [&str; 3] = ["location", "insecure", "pull-from-mirror"];

fn aliases(node: &mut Node, document: &Document, table: &DeTable<'_>, said: &mut Said) -> Result<(), Flaw> {
    for (short, at, full) in entries(table) {
        let full = string(full)?;
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

fn entry(document: &Document, table: &DeTable<'_>, at: usize) -> Result<Entry, Flaw> {
    let own = text(table, "location")?.map_or(Ok(String::new()), |(text, at)| location(text, at))?;
    let prefix = match text(table, "prefix")? {
        Some((prefix, at)) if !prefix.is_empty() => location(prefix, at)?,
        _ => own.clone(),
    };
    let scope = scope(&prefix, at)?;
    if own.is_empty() && !matches!(scope, Scope::Subdomains(_)) {
        let why = "[[registry]] has no location, and its prefix is not of the form *.example.com";
        return Err(Flaw::new(at, why));
    }
    if let Some(value) = get(table, "pull-from-mirror") {
        let why = "pull-from-mirror belongs to a [[registry.mirror]], not to a [[registry]]";
        return Err(Flaw::new(value.span().start, why));
    }
    let mut reading = Reading { document, scope: scope.clone(), hosts: Vec::new(), notes: Vec::new() };
    reading.unknown(table, &REGISTRY_KEYS);
    if prefix.strip_prefix("*.").unwrap_or(&prefix).contains('*') || prefix == "*." {
        let text = format!(
            "no image matches the prefix '{}', so nothing here is used: a wildcard is *.example.com",
            keys::shown(&prefix)
        );
        reading.notes.push(document.note(at, text));
    }
    let (insecure, digests) = (flag(table, "insecure")?, flag(table, "mirror-by-digest-only")?);
    let mut route = route(document, at, scope);
    for mirror in get(table, "mirror").map(array).transpose()?.unwrap_or_default() {
        route.hops.push(reading.mirrored(self::table(mirror)?, digests, mirror.span().start)?);
    }
    if flag(table, "blocked")? {
        route.end = End::Blocked;
    } else if own == prefix || own.is_empty() {
        match own.split('/').next().filter(|host| !host.is_empty()) {
            Some(host) => reading.host(host, insecure, at),
            None if insecure => {
                let text = "insecure = true for a wildcard without location is not represented";
                reading.notes.push(document.note(at, text));
            }
            None => {}
        }
    } else {
        let why = format!("location of {prefix}: the registry itself, to this runtime");
        route.hops.push(reading.target((&own, insecure, at), (Part::Primary, why))?);
        route.end = End::Nothing;
    }
    let differs = Flaw::new(at, format!("'{own}' stands twice, with different insecure or blocked"));
    let Reading { hosts, notes, .. } = reading;
    Ok(Entry { route, location: own, insecure, at: document.error(differs), hosts, notes })
}

impl Reading<'_> {
    fn mirrored(&mut self, table: &DeTable<'_>, digests: bool, at: usize) -> Result<Hop, Flaw> {
        self.unknown(table, &MIRROR_KEYS);
        let (written, place) =
            text(table, "location")?.ok_or_else(|| Flaw::new(at, "[[registry.mirror]] has no location"))?;
        let location = location(written, place)?;
        let accepts = match text(table, "pull-from-mirror")? {
            Some((_, at)) if digests => {
                return Err(Flaw::new(at, "pull-from-mirror and mirror-by-digest-only cannot both be set"));
            }
            None if digests => Accepts::Digests,
            None | Some(("all" | "", _)) => Accepts::All,
            Some(("digest-only", _)) => Accepts::Digests,
            Some(("tag-only", _)) => Accepts::Tags,
            Some((other, at)) => {
                let why =
                    format!("pull-from-mirror is '{}': all, digest-only or tag-only", other.escape_debug());
                return Err(Flaw::new(at, why));
            }
        };
        let why = "[[registry.mirror]] in file order".to_owned();
        let insecure = flag(table, "insecure")?;
        let mut hop = self.target((&location, insecure, place), (Part::Mirror, why))?;
        let endpoint = Arc::unwrap_or_clone(hop.endpoint);
        hop.endpoint = Arc::new(crate::model::endpoint::Endpoint { accepts, ..endpoint });
        Ok(hop)
    }

    fn unknown(&mut self, table: &DeTable<'_>, known: &[&str]) {
        let entries: Vec<_> = entries(table).into_iter().map(|(name, at, _)| (name, at)).collect();
        self.notes.extend(keys::unrepresented(self.document, &entries, known));
    }

    fn host(&mut self, host: &str, insecure: bool, at: usize) {
        self.hosts.push(Host { name: api_host(&host.to_ascii_lowercase()).to_owned(), insecure, at });
    }

    /// The endpoint that a matched prefix is replaced by.
    fn target(
        &mut self,
        (location, insecure, at): (&str, bool, usize),
        (part, why): (Part, String),
    ) -> Result<Hop, Flaw> {
        let (host, path) = location.split_once('/').unwrap_or((location, ""));
        let invalid = || Flaw::new(at, format!("invalid location '{}'", location.escape_debug()));
        if !path.is_empty() && !is_repository(path) {
            return Err(invalid());
        }
        let mut url = https(api_host(host)).filter(|_| !host.is_empty()).ok_or_else(invalid)?;
        self.host(host, insecure, at);
        // A check asks a place on this machine over http.
        if insecure && url.host().is_some_and(|host| is_loopback(&host)) {
            url = ::url::Url::parse(&format!("http://{host}")).map_err(|_| invalid())?;
        }
        let (why, schemes) = match insecure {
            false => (why, Schemes::AsWritten),
            true => (format!("{why}; insecure: https without verification, then http"), Schemes::HttpsFirst),
        };
        let rewrite = match &self.scope {
            Scope::Prefix(prefix) if prefix.contains('/') => Rewrite {
                prefixes: vec![PrefixRule { prefix: prefix.clone(), to: path.into() }],
                ..Rewrite::default()
            },
            _ if path.is_empty() => Rewrite::default(),
            _ => Rewrite {
                template: format!("{path}/{{repository}}").parse().map_err(|_| invalid())?,
                ..Rewrite::default()
            },
        };
        let mut endpoint = endpoint(&url, "/v2", Namespace::Never, rewrite).ok_or_else(invalid)?;
        if !path.is_empty() {
            endpoint.name = format!("{}/{path}", endpoint.name).into();
        }
        Ok(Hop { schemes, registry: Some(host.into()), ..hop(endpoint, part, why) })
    }
}

/// `host[:port][/path]`, without the slash at its end.
fn location(text: &str, at: usize) -> Result<String, Flaw> {
    let text = text.trim_end_matches('/');
    if text.contains("://") {
        let why = format!("invalid location '{}': no scheme here", text.escape_debug());
        return Err(Flaw::new(at, why).advising(advice::LOCATION));
    }
    Ok(text.to_owned())
}

/// Only what begins with `*.` is a wildcard; any other star is a letter, which no name has.
fn scope(prefix: &str, at: usize) -> Result<Scope, Flaw> {
    let (host, path) = prefix.split_once('/').map_or((prefix, ""), |(host, path)| (host, path));
    let host = host.to_ascii_lowercase();
    match host.strip_prefix('*').filter(|domain| domain.starts_with('.')) {
        None if path.is_empty() => Ok(Scope::Prefix(host.into())),
        None => Ok(Scope::Prefix(format!("{host}/{path}").into())),
        Some(domain) if path.is_empty() && !domain.contains([':', '@']) => {
            Ok(Scope::Subdomains(domain.into()))
        }
        Some(_) => {
            let why = format!(
                "invalid prefix '{}': a wildcard is *.example.com, no port, no path",
                prefix.escape_debug()
            );
            Err(Flaw::new(at, why))
        }
    }
}

/// The drop-ins of a folder, in the order of their names.
pub(super) fn drop_ins(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        // What cannot be read is one too: the runtime fails with it, and so does what reads it here.
        if path.extension().is_some_and(|extension| extension == "conf") && super::document::is_there(&path) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(texts: &[&str]) -> Result<Node, Error> {
        let document = |(at, text): (usize, &&str)| Document::of(format!("{at}.conf"), "".into(), text);
        merge(&texts.iter().enumerate().map(document).collect::<Vec<_>>())
    }

    #[test]
    fn the_matched_prefix_is_replaced_by_the_location() {
        for (image, prefix, location, result) in [
            ("example.com/foo/image:latest", "example.com/foo", "example.com", "example.com/image"),
            ("example.com/foo/image:latest", "example.com/foo", "example.com/path", "example.com/path/image"),
            ("docker.io/library/image", "docker.io/library", "example.com", "example.com/image"),
            ("docker.io/library/image", "docker.io", "example.com", "example.com/library/image"),
            (
                "docker.io/library/prefix/image",
                "docker.io/library/prefix",
                "example.com",
                "example.com/image",
            ),
            ("docker.io/namespace/image", "*.io", "example.com", "example.com/namespace/image"),
            (
                "sub.example.io/library/prefix/image",
                "*.example.io",
                "example.com",
                "example.com/library/prefix/image",
            ),
            ("foo.bar.io/ns1/ns2", "*.bar.io", "omg.bbq.com/roflmao", "omg.bbq.com/roflmao/ns1/ns2"),
        ] {
            let text = format!("[[registry]]\nprefix = \"{prefix}\"\nlocation = \"{location}/\"\n");
            let node = parsed(&[&text]).unwrap();
            let image = image.parse().unwrap();
            let hop = &node.route(&image).unwrap().hops[0];
            let name = format!("{}/{}", hop.endpoint.authority, hop.endpoint.repository(&image).unwrap());
            assert_eq!(name, result, "{prefix} {location}");
        }
    }

    #[test]
    fn mirrors_may_be_for_tags_or_digests_only() {
        let node = parsed(&["
[[registry]]
location = 'registry-g.com'
[[registry.mirror]]
location = 'mirror-1.com'
pull-from-mirror = 'digest-only'
[[registry.mirror]]
location = 'mirror-2.com'
pull-from-mirror = 'tag-only'
[[registry.mirror]]
location = 'mirror-3.com'
[[registry.mirror]]
location = 'mirror-4.com'
pull-from-mirror = 'all'
"])
        .unwrap();
        let used = |image: &str| {
            let image: crate::model::image::ImageRef = image.parse().unwrap();
            let hops = node.route(&image).unwrap().hops.iter();
            hops.filter(|hop| hop.endpoint.accepts.takes(image.manifest_ref()))
                .map(|hop| hop.endpoint.name.to_string())
                .collect::<Vec<_>>()
        };
        let pinned = format!("registry-g.com/x@sha256:{}", "0".repeat(64));
        assert_eq!(used(&pinned), ["mirror-1.com", "mirror-3.com", "mirror-4.com"]);
        assert_eq!(used("registry-g.com/x:1"), ["mirror-2.com", "mirror-3.com", "mirror-4.com"]);
    }

    #[test]
    fn drop_ins_replace_by_prefix_and_in_a_file_the_first_wins() {
        let node = parsed(&[
            "unqualified-search-registries = ['a.io']\n[aliases]\nnginx = 'quay.io/x/nginx'\nold = 'a.io/old'\n\
             [[registry]]\nlocation='r.io'\n[[registry.mirror]]\nlocation='first.io'\n\
             [[registry]]\nlocation='r.io'\n[[registry.mirror]]\nlocation='second.io'\n\
             [[registry]]\nprefix='q.io'\nlocation='p.io'\n",
            "unqualified-search-registries = ['b.io', 'c.io']\n[aliases]\nold = ''\n\
             [[registry]]\nprefix='q.io'\nlocation='z.io'\nblocked=true\n",
        ])
        .unwrap();
        let route = |image: &str| node.route(&image.parse().unwrap()).unwrap();
        assert_eq!(&*route("r.io/x").hops[0].endpoint.name, "first.io");
        assert_eq!((route("q.io/x").end, &*route("q.io/x").place), (End::Blocked, "1.conf:4"));
        assert_eq!(node.names("nginx:1.21"), ["quay.io/x/nginx:1.21"]);
        assert_eq!(node.names("old"), ["b.io/old", "c.io/old"]);
        assert_eq!(node.names("localhost/x"), ["localhost/x"]);
        assert_eq!(node.names("team/x:2"), ["b.io/team/x:2", "c.io/team/x:2"]);
    }

    #[test]
    fn what_a_later_file_replaces_is_told_and_nothing_of_it_holds() {
        let base = "unqualified-search-registries = ['a.io']\n[aliases]\nx = 'a.io/x'\ny = 'a.io/y'\n\
                    [[registry]]\nlocation = 'r.io'\ninsecure = true\nbogus = 1\n\
                    [[registry.mirror]]\nlocation = 'old.io'\ninsecure = true\n";
        let later = "unqualified-search-registries = ['b.io']\n[aliases]\nx = 'b.io/x'\ny = 'a.io/y'\n\
                     [[registry]]\nlocation = 'r.io'\n[[registry.mirror]]\nlocation = 'new.io'\n";
        let node = parsed(&[base, later]).unwrap();
        let told: Vec<_> = node.notes.iter().map(|note| format!("{}: {}", note.place, note.text)).collect();
        assert_eq!(
            told,
            [
                "1.conf:1: replaces the unqualified-search-registries at 0.conf:1",
                "1.conf:3: replaces the alias 'x' at 0.conf:3",
                "1.conf:5: replaces the [[registry]] of the same prefix at 0.conf:5",
            ]
        );
        assert!(node.tls.is_empty(), "{:?}", node.tls);
        let names: Vec<_> = node.routes[0].hops.iter().map(|hop| &*hop.endpoint.name).collect();
        assert_eq!(names, ["new.io"]);
    }

    #[test]
    fn prefixes_that_match_no_image_are_told_and_the_rest_of_the_file_counts() {
        for prefix in ["**.example.com", "*", "*example.com", "*.*.com", "*.", "a.*.com", "*/x"] {
            let text = format!(
                "[[registry]]\nprefix='{prefix}'\nlocation='x.y'\n[[registry]]\nprefix='a.io'\nlocation='b.io'\n"
            );
            let node = parsed(&[&text]).unwrap();
            assert!(node.route(&"yet.another.example.com/foo".parse().unwrap()).is_none(), "{prefix}");
            assert!(node.route(&"a.io/x".parse().unwrap()).is_some(), "{prefix}");
            let [note] = &node.notes[..] else { panic!("{prefix}: {:?}", node.notes) };
            assert!(note.text.contains(&format!("no image matches the prefix '{prefix}'")), "{note:?}");
        }
        assert!(parsed(&["[[registry]]\nprefix='*.a.io'\nlocation='b.io'\n"]).unwrap().notes.is_empty());
    }

    #[test]
    fn a_host_that_is_insecure_at_one_place_only_is_told() {
        let node = parsed(&[
            "[[registry]]\nlocation = 'a.io'\n[[registry.mirror]]\nlocation = 'm.io/x'\ninsecure = true\n\
                             [[registry]]\nlocation = 'b.io'\n[[registry.mirror]]\nlocation = 'm.io/y'\n",
        ])
        .unwrap();
        let [note] = &node.notes[..] else { panic!("{:?}", node.notes) };
        assert_eq!(
            (&*note.place, &*note.text),
            ("0.conf:4", "m.io: insecure here and not at 0.conf:9; a check verifies it at neither")
        );
    }

    #[test]
    fn what_the_format_forbids_is_refused_with_its_line() {
        for (text, part) in [
            (
                "[registries.search]\nregistries = ['x']\n[[registry]]\nlocation='a.io'\n",
                ":1: [registries.…] is version 1 of this format and cannot be mixed",
            ),
            ("[registries.search]\nregistries = ['x']\n", "which is not read"),
            ("[[registry]]\nprefix='a.io'\n", ":1: [[registry]] has no location"),
            ("[[registry]]\nlocation='https://a.io'\n", ":2: invalid location 'https://a.io'"),
            ("[[registry]]\nlocation='a.io'\npull-from-mirror='all'\n", ":3: pull-from-mirror belongs"),
            (
                "[[registry]]\nlocation='a.io'\nmirror-by-digest-only=true\n[[registry.mirror]]\nlocation='b.io'\npull-from-mirror='all'\n",
                ":6: pull-from-mirror and mirror-by-digest-only",
            ),
            (
                "[[registry]]\nlocation='a.io'\n[[registry.mirror]]\nlocation='b.io'\npull-from-mirror='x'\n",
                ":5: pull-from-mirror is 'x'",
            ),
            (
                "[[registry]]\nlocation='a.io'\n[[registry.mirror]]\ninsecure=true\n",
                ":3: [[registry.mirror]] has no location",
            ),
            ("[[registry]]\nprefix='*.a.io:5000'\nlocation='b.io'\n", "invalid prefix '*.a.io:5000'"),
            ("[[registry]]\nprefix='*.a.io/x'\nlocation='b.io'\n", "invalid prefix"),
            ("[[registry]]\nprefix='**.a.io'\n", ":1: [[registry]] has no location"),
            (
                "[[registry]]\nlocation='a.io'\n[[registry]]\nprefix='b.io'\nlocation='a.io'\ninsecure=true\n",
                ":3: 'a.io' stands twice",
            ),
            ("[[registry]]\nlocation='a.io'\ninsecure='no'\n", ":3: expected true or false"),
            ("[[registry]\n", "0.conf:1: "),
        ] {
            let error = parsed(&[text]).unwrap_err().to_string();
            assert!(error.starts_with("0.conf:") && error.contains(part), "{text}\n{error}");
        }
    }
}
