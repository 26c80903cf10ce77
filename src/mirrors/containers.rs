//! `registries.conf` version 2 with its drop-ins: podman, buildah, skopeo, CRI-O
//! (containers-registries.conf(5), `pkg/sysregistriesv2`).

mod entry;
mod prefix;
mod short_names;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::document::{Document, Flaw, array, entries, get, table};
use super::place::{https, node, secure};
use super::{Error, advice, keys};
use crate::model::endpoint::is_loopback;
use crate::model::node::{Node, Note, Runtime};
use crate::model::tls::{TlsSettings, Verification};
use entry::{AskedAs, Entry, Host, Settled, entry};
use short_names::Said;

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
    node.routes = all.into_iter().map(|entry| entry.route).collect();
    Ok(node)
}

/// What a check does not do with an insecure host, and how it can be had.
fn no_fallback(host: &Host) -> String {
    let name = &host.name;
    let instead = match host.asked_as {
        AskedAs::Place => format!("name http://{name}[/PATH] with --mirror or in [[mirrors]]"),
        AskedAs::Itself => "give it plain_http = true in [[registries]] of registry-check.toml".to_owned(),
    };
    format!(
        "{name}: insecure: {} asks it over https without verification, then over http; a check asks it over https only \
         (resolve --try over both): where it has http only, {instead}",
        Runtime::Containers.program()
    )
}

/// How the hosts of what counts are asked over TLS. Here that holds for a host, in the format for each place.
fn verify(node: &mut Node, entries: &[(&Document, Entry)]) {
    let all =
        || entries.iter().flat_map(|(document, entry)| entry.hosts.iter().map(move |host| (document, host)));
    let (mut told, mut secured_only) = (HashSet::new(), HashSet::new());
    for (document, host) in all().filter(|(_, host)| host.insecure) {
        let Some(url) = https(&host.name) else { continue };
        let settings = TlsSettings { verification: Verification::Off, ..TlsSettings::default() };
        secure(node, document, host.at, &url, settings);
        let is_plain = url.host().is_some_and(|host| is_loopback(&host));
        if !is_plain && secured_only.insert(&host.name) {
            node.notes.push(document.note(host.at, no_fallback(host)));
        }
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

fn file(node: &mut Node, document: &Document, said: &mut Said) -> Result<Vec<Entry>, Flaw> {
    let root = document.toml()?;
    let mut found: Vec<Entry> = Vec::new();
    let mut settled: Vec<Settled> = Vec::new();
    for (name, at, value) in entries(&root) {
        match name {
            "registry" => {
                for item in array(value)? {
                    let (entry, said) = entry(document, table(item)?, item.span().start)?;
                    if let Some(why) = settled.iter().find_map(|known| known.contradicts(&said)) {
                        return Err(Flaw::new(item.span().start, why).advising(advice::CONTRADICTION));
                    }
                    settled.push(said);
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
                short_names::search(node, document, &root, at, said)?;
            }
            "aliases" => short_names::aliases(node, document, table(value)?, said)?,
            "short-name-mode" => short_names::mode(node, document, value, at)?,
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
    use crate::model::node::End;

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
    fn the_longest_prefix_as_it_is_written_decides_and_a_star_comes_before_a_name() {
        let entry = |prefix: &str| {
            format!("[[registry]]\nprefix='{prefix}'\nlocation='m.example/{}'\n", prefix.len())
        };
        for (image, prefixes, decides) in [
            ("a.sub.example.com/x", &["*.example.com", "*.sub.example.com", "reg.example.com"][..], 1),
            ("reg.example.com/x", &["*.example.com", "*.sub.example.com", "reg.example.com"], 2),
            ("other.example.com/x", &["*.example.com", "*.sub.example.com", "reg.example.com"], 0),
            ("x.example.com/x", &["*.example.com", "x.example.com"], 0),
            ("x.b.example.com/x", &["*.example.com", "x.b.example.com"], 1),
            ("x.example.com:5000/x", &["*.example.com", "x.example.com:5000"], 1),
            ("a.io/x", &["*.io", "a.io"], 0),
            ("a.io/x/y", &["*.io", "a.io/x"], 1),
            ("REG.a.io/x", &["*.io", "reg.a.io"], 0),
            ("REG.a.io/x", &["*.io", "REG.a.io"], 1),
        ] {
            let image = image.parse().unwrap();
            let mut found: Vec<_> = prefixes.iter().map(|prefix| entry(prefix)).collect();
            for _ in 0..2 {
                let node = parsed(&[&found.concat()]).unwrap();
                let route = node.route(&image).unwrap();
                let place = format!("m.example/{}", prefixes[decides].len());
                assert_eq!(&*route.hops[0].endpoint.name, place, "{image} {prefixes:?}");
                found.reverse();
            }
        }
    }

    #[test]
    fn a_prefix_with_capitals_is_replaced_where_the_image_has_them() {
        let text = "[[registry]]\nprefix='REG.example.com/Up'\nlocation='a.io'\n\
                    [[registry]]\nprefix='REG.example.com/foo'\nlocation='b.io/bar'\n";
        let node = parsed(&[text]).unwrap();
        let image = "REG.example.com/foo/x:1".parse().unwrap();
        let hop = &node.route(&image).unwrap().hops[0];
        assert_eq!(hop.endpoint.repository(&image).unwrap(), "bar/x");
        assert!(node.route(&"reg.example.com/foo/x:1".parse().unwrap()).is_none());
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
        let digest = format!("docker.io/library/x@sha256:{}", "0".repeat(64));
        for (prefix, why) in [
            ("**.example.com", "a wildcard is *.example.com"),
            ("*", "a wildcard is *.example.com"),
            ("*example.com", "a wildcard is *.example.com"),
            ("*.*.com", "a wildcard is *.example.com"),
            ("*.", "a wildcard is *.example.com"),
            ("a.*.com", "a wildcard is *.example.com"),
            ("*/x", "a wildcard is *.example.com"),
            ("docker.io/library/busybox:1", "names are matched without tag and digest"),
            ("localhost:5000/x:1", "names are matched without tag and digest"),
            (&digest, "names are matched without tag and digest"),
            ("docker.io@sha256", "names are matched without tag and digest"),
            ("a.example/Up", "repositories are in lower case"),
            ("index.docker.io", "in names it is docker.io"),
            ("library/busybox", "names begin with their registry, such as docker.io/"),
            ("busybox", "names begin with their registry, such as docker.io/"),
            ("a.example:x", "a prefix is host[:port][/path]"),
        ] {
            let text = format!(
                "[[registry]]\nprefix='{prefix}'\nlocation='x.y'\n[[registry]]\nprefix='a.io'\nlocation='b.io'\n"
            );
            let node = parsed(&[&text]).unwrap();
            assert!(node.route(&"yet.another.example.com/foo".parse().unwrap()).is_none(), "{prefix}");
            assert!(node.route(&"busybox:1".parse().unwrap()).is_none(), "{prefix}");
            assert!(node.route(&"a.io/x".parse().unwrap()).is_some(), "{prefix}");
            let [note] = &node.notes[..] else { panic!("{prefix}: {:?}", node.notes) };
            let told: String = prefix.chars().take(60).collect();
            let used = match prefix {
                "index.docker.io" | "busybox" => format!(" but those of {prefix}:PORT"),
                _ => ", so nothing here is used".to_owned(),
            };
            let told = format!("no image matches the prefix '{told}'{used}: {why}");
            assert_eq!((&*note.place, &*note.text), ("0.conf:1", &*told));
        }
        for prefix in [
            "*.a.io",
            "*.io",
            "a.io:5000",
            "a.io/x/y",
            "localhost",
            "localhost/x",
            "docker.io/library/x",
            "[::1]:5000",
            "REG.io",
            "FOO/x",
        ] {
            let text = format!("[[registry]]\nprefix='{prefix}'\nlocation='b.io'\n");
            assert!(parsed(&[&text]).unwrap().notes.is_empty(), "{prefix}");
        }
    }

    #[test]
    fn a_host_that_is_insecure_at_one_place_only_is_told() {
        let node = parsed(&[
            "[[registry]]\nlocation = 'a.io'\n[[registry.mirror]]\nlocation = 'm.io/x'\ninsecure = true\n\
                             [[registry]]\nlocation = 'b.io'\n[[registry.mirror]]\nlocation = 'm.io/y'\n",
        ])
        .unwrap();
        let [_, note] = &node.notes[..] else { panic!("{:?}", node.notes) };
        assert_eq!(
            (&*note.place, &*note.text),
            ("0.conf:4", "m.io: insecure here and not at 0.conf:9; a check verifies it at neither")
        );
    }

    #[test]
    fn that_a_check_asks_an_insecure_host_over_https_only_is_told_once_for_each() {
        let node = parsed(&["[[registry]]\nlocation = 'a.io:5000'\ninsecure = true\n\
                             [[registry.mirror]]\nlocation = 'm.io/x'\ninsecure = true\n\
                             [[registry.mirror]]\nlocation = 'm.io/y'\ninsecure = true\n\
                             [[registry.mirror]]\nlocation = 'localhost:5000/x'\ninsecure = true\n\
                             [[registry.mirror]]\nlocation = '127.0.0.1:5001'\ninsecure = true\n\
                             [[registry.mirror]]\nlocation = 'secure.io'\n\
                             [[registry]]\nlocation = 'localhost:5002'\ninsecure = true\n\
                             [[registry]]\nprefix = 'b.io'\nlocation = 'p.io'\ninsecure = true\n"])
        .unwrap();
        let told: Vec<_> = node.notes.iter().map(|note| (&*note.place, &*note.text)).collect();
        let say = |host: &str, instead: &str| {
            format!(
                "{host}: insecure: containers/image asks it over https without verification, then over http; a check asks \
                 it over https only (resolve --try over both): where it has http only, {instead}"
            )
        };
        let own = "give it plain_http = true in [[registries]] of registry-check.toml";
        let expected = [
            ("0.conf:5", say("m.io", "name http://m.io[/PATH] with --mirror or in [[mirrors]]")),
            ("0.conf:2", say("a.io:5000", own)),
            ("0.conf:23", say("p.io", "name http://p.io[/PATH] with --mirror or in [[mirrors]]")),
        ];
        let expected: Vec<_> = expected.iter().map(|(place, text)| (*place, &**text)).collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn a_location_that_no_name_can_begin_with_is_told_and_refuses_its_images() {
        for (entry, line, shown) in [
            ("location='a.io'\n[[registry.mirror]]\nlocation='m.example/foo:1'\n", 4, "m.example/foo:1"),
            (
                "prefix='a.io/x'\nlocation='a.io/x'\n[[registry.mirror]]\nlocation='m.example/foo:1'\n",
                5,
                "m.example/foo:1",
            ),
            ("prefix='a.io'\nlocation='m.example/foo:1'\n", 3, "m.example/foo:1"),
            ("prefix='a.io'\nlocation='m.example:latest'\n", 3, "m.example:latest"),
            ("prefix='a.io'\nlocation='m.example:latest/x'\n", 3, "m.example:latest/x"),
            ("prefix='a.io'\nlocation='m_1.example'\n", 3, "m_1.example"),
            ("prefix='*.io'\nlocation='m.example/{repository}/Up'\n", 3, "m.example/{repository}/Up"),
            ("location='*.io'\n", 2, "*.io"),
            ("location='*.io/'\ninsecure=true\n", 2, "*.io"),
            ("prefix='*.io'\nlocation='*.io'\n", 3, "*.io"),
            ("prefix='a.io'\nlocation='*.io'\n", 3, "*.io"),
            ("location='a.io'\n[[registry.mirror]]\nlocation='*.m.example'\n", 4, "*.m.example"),
            (
                "location='a.io'\n[[registry.mirror]]\nlocation=\"m.example/\\u001b[31m\"\n",
                4,
                "m.example/\\u{1b}[31m",
            ),
        ] {
            let node = parsed(&[&format!("[[registry]]\n{entry}[[registry]]\nlocation='b.com'\n")]).unwrap();
            let [note] = &node.notes[..] else { panic!("{entry}: {:?}", node.notes) };
            let text = format!(
                "no name can begin with the location '{shown}': containers/image pulls no image that it is for"
            );
            assert_eq!((&*note.place, &*note.text), (&*format!("0.conf:{line}"), &*text));
            for name in ["a.io/x:1", "a.io/x/y"] {
                let refusal =
                    crate::plan::walk::refusal(&node, &name.parse().unwrap()).map(|refusal| refusal.why);
                let why = refusal.unwrap_or_default();
                let place = format!("{shown}: '{}/…' is", shown.replace("\\u{1b}", "\u{1b}"));
                assert!(
                    why.starts_with(&place) && why.contains("not a legal repository name: the pull fails"),
                    "{name}: {why}"
                );
            }
            assert_eq!(crate::plan::walk::refusal(&node, &"b.com/x".parse().unwrap()), None);
        }
        for host in ["m example", "m.example:99999", "/x", ""] {
            let error = parsed(&[&format!(
                "[[registry]]\nlocation='a.io'\n[[registry.mirror]]\nlocation='{host}'\n"
            )]);
            let error = error.unwrap_err();
            assert_eq!(error.to_string(), format!("0.conf:4: invalid location '{host}'"));
            assert_eq!(error.hint(), advice::LOCATION);
        }
    }

    #[test]
    fn entries_of_one_location_agree_within_a_file_and_may_differ_across_files() {
        let one = "[[registry]]\nprefix='b.io'\nlocation='b.io'\n";
        for (other, key) in [
            ("[[registry]]\nprefix='b.io'\nlocation='b.io'\nblocked=true\n", "blocked"),
            ("[[registry]]\nprefix='b.io'\nlocation='b.io/'\ninsecure=true\n", "insecure"),
            ("[[registry]]\nprefix='c.io'\nlocation='b.io'\nblocked=true\n", "blocked"),
        ] {
            for (texts, line) in [([one, other].concat(), 4), (format!("{one}{one}{other}"), 7)] {
                let error = parsed(&[&texts]).unwrap_err();
                let why = format!("'b.io' stands twice, with different {key}: the other is at 0.conf:1");
                assert_eq!(error.to_string(), format!("0.conf:{line}: {why}"));
                assert_eq!(error.hint(), advice::CONTRADICTION);
            }
            assert_eq!(
                parsed(&[one, other]).unwrap().routes.len(),
                if other.contains("c.io") { 2 } else { 1 }
            );
        }
        let wild = "[[registry]]\nprefix='*.b.io'\n";
        let error = parsed(&[&format!("{wild}{wild}blocked=true\n")]).unwrap_err().to_string();
        assert!(error.starts_with("0.conf:3: '*.b.io' stands twice, with different blocked"), "{error}");
        // Letter case counts.
        let capital = "[[registry]]\nlocation='B.io'\nblocked=true\n";
        assert_eq!(parsed(&[&format!("{one}{capital}")]).unwrap().routes.len(), 2);
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
