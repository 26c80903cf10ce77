//! containerd's `certs.d`: a folder for each registry, with `hosts.toml` or certificates
//! (containerd `docs/hosts.md`, `core/remotes/docker/config/hosts.go`).
//!
//! The first existing folder for a registry counts; so folders become routes in the order of the look-up.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use http::{HeaderName, HeaderValue};
use toml::de::{DeTable, DeValue};

use super::document::{Document, Flaw, Single, array, entries, flag, get, string, strings, table, text};
use super::place::{api_host, endpoint, hop, https, https_first, node, route, secure, url};
use super::{Error, advice, duration, keys};
use crate::model::access::HostHeaders;
use crate::model::endpoint::{Accepts, Namespace, Scheme};
use crate::model::image::DOCKER_HUB;
use crate::model::node::{End, Hop, Node, Note, Part, Route, Runtime, Schemes, Scope};
use crate::model::rewrite::Rewrite;
use crate::model::secret::Secret;
use crate::model::tls::{ClientFiles, TlsSettings, Verification};

const FILE: &str = "hosts.toml";
const DEFAULT: &str = "_default";
const MAX_FOLDERS: usize = 10_000;

/// Reads all folders below `roots`, which stand in the order of `config_path`.
pub(super) fn read(roots: &[PathBuf]) -> Result<Node, Error> {
    let names: Vec<_> = roots.iter().map(|root| root.display().to_string()).collect();
    let mut node = node(Runtime::Containerd, &names.join(":"));
    let mut known = HashSet::new();
    for root in roots {
        let mut folders = folders(root)?;
        // `host_port_` is looked for before `host:port`, and `_default` last.
        folders.sort_by_key(|name| (name == DEFAULT, !name.ends_with('_'), name.clone()));
        if !folders.iter().any(|name| root.join(name).join(FILE).exists()) {
            node.notes.push(Note {
                place: root.display().to_string().into(),
                text: "no folder here has a hosts.toml: no mirrors".into(),
            });
        }
        if root.join(FILE).is_file() {
            node.notes.push(Note {
                place: root.join(FILE).display().to_string().into(),
                text: "not read here: containerd looks for it in a folder that is named for the registry"
                    .into(),
            });
        }
        let is_hidden = node.routes.iter().any(|route| route.scope == Scope::Any);
        for name in folders {
            let folder = root.join(&name);
            let scope = scope(&name);
            if is_hidden || !known.insert(registry(&name)) {
                node.notes.push(Note {
                    place: folder.display().to_string().into(),
                    text: "containerd never looks here: an earlier folder wins".into(),
                });
                continue;
            }
            let route = self::folder(&mut node, &folder, scope);
            node.routes.push(route);
        }
    }
    Ok(node)
}

/// Reads one `hosts.toml`; its folder's name is the registry.
pub(super) fn read_file(path: &Path) -> Result<Node, Error> {
    let document = Document::read(path)?.advising(advice::HOSTS);
    let name = path
        .canonicalize()
        .ok()
        .and_then(|path| Some(path.parent()?.file_name()?.to_string_lossy().into_owned()));
    let mut node = node(Runtime::Containerd, &document.name);
    let scope = scope(name.as_deref().unwrap_or(DEFAULT));
    let route = hosts(&mut node, &document, scope).map_err(|flaw| document.error(flaw))?;
    node.routes.push(route);
    Ok(node)
}

fn folders(root: &Path) -> Result<Vec<String>, Error> {
    let name = root.display().to_string();
    let unreadable = |cause: std::io::Error| {
        Error::unusable(&name, format!("cannot be read: {cause}"), advice::of_io(&cause))
    };
    let mut names = Vec::new();
    for entry in fs::read_dir(root).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        if entry.path().is_dir() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
        if names.len() > MAX_FOLDERS {
            let why = format!("has more than {MAX_FOLDERS} folders");
            return Err(Error::unusable(&name, why, advice::TOO_LARGE));
        }
    }
    Ok(names)
}

/// `host_port_` is `host:port`; the cut is at the last one, so `[fc00:_1]_` is `[fc00::1]`.
fn registry(folder: &str) -> String {
    let name = folder.to_ascii_lowercase();
    match name.strip_suffix('_').and_then(|name| name.rsplit_once('_')) {
        Some((host, port)) if !host.is_empty() => format!("{host}:{port}"),
        _ => name,
    }
}

fn scope(folder: &str) -> Scope {
    if folder == DEFAULT { Scope::Any } else { Scope::Registry(registry(folder).into()) }
}

fn folder(node: &mut Node, folder: &Path, scope: Scope) -> Route {
    let path = folder.join(FILE);
    let place: Box<str> = folder.display().to_string().into();
    let bare = Route { place: place.clone(), scope: scope.clone(), hops: Vec::new(), end: End::OwnRegistry };
    if path.exists() {
        let read = Document::read(&path).and_then(|document| {
            // What a file that turns out invalid had said does not hold.
            let mut trial = self::node(Runtime::Containerd, &node.source);
            trial.tls.clone_from(&node.tls);
            let route = hosts(&mut trial, &document, scope.clone()).map_err(|flaw| document.error(flaw))?;
            node.tls = trial.tls;
            node.headers.extend(trial.headers);
            node.notes.extend(trial.notes);
            Ok(route)
        });
        match read {
            Ok(route) => return route,
            Err(error) => node.notes.push(Note {
                place: error.place.into(),
                text: format!(
                    "INVALID: {}; containerd ignores this file: the mirrors in it are not used, only the default upstream is",
                    error.fault
                )
                .into(),
            }),
        }
    }
    certificates(node, folder, &scope);
    bare
}

/// Files of a folder without a valid `hosts.toml`, as docker has them.
fn certificates(node: &mut Node, folder: &Path, scope: &Scope) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut files: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.sort();
    let with = |extension: &'static str| {
        files.iter().filter(move |path| path.extension().is_some_and(|e| e == extension))
    };
    let (mut clients, mut keyless) = (Vec::new(), Vec::new());
    for certificate in with("cert") {
        let key = certificate.with_extension("key");
        match files.contains(&key) {
            true => clients.push(ClientFiles { certificate: certificate.clone(), key }),
            false => keyless.push(certificate),
        }
    }
    let mut tell = |path: &Path, text: &str| {
        node.notes.push(Note { place: path.display().to_string().into(), text: text.into() });
    };
    if let Some(certificate) = keyless.first() {
        tell(certificate, "not used: the .key of the same name is missing");
    }
    if let Some(second) = clients.get(1) {
        tell(
            &second.certificate,
            "not used: only the first of several client certificates is shown by a check",
        );
    }
    for path in with("toml").filter(|path| !path.ends_with(FILE)).take(keys::MAX_TOLD) {
        tell(path, "not read: containerd reads hosts.toml");
    }
    let settings = TlsSettings {
        ca_files: with("crt").cloned().collect(),
        client: clients.into_iter().next(),
        verification: Verification::Full,
    };
    let document = Document::of(folder.display().to_string(), folder.to_owned(), "");
    match scope {
        Scope::Registry(registry) => {
            if let Some(host) = https(api_host(registry)) {
                secure(node, &document, 0, &host, settings);
            }
        }
        _ if settings != TlsSettings::default() => node
            .notes
            .push(document.note(0, "certificates for all registries are not represented: use --ca-file")),
        _ => {}
    }
}

pub(super) fn hosts(node: &mut Node, document: &Document, scope: Scope) -> Result<Route, Flaw> {
    let root = document.toml()?;
    let mut route = route(document, 0, scope);
    if let Some(hosts) = get(&root, "host") {
        for (name, at, value) in entries(table(hosts)?) {
            let host = host(node, document, &route.scope, (name, at, table(value)?, Part::Mirror))?;
            route.hops.extend(host);
        }
    }
    if let Some((server, at)) = text(&root, "server")?.filter(|(server, _)| !server.is_empty()) {
        let host = host(node, document, &route.scope, (server, at, &root, Part::Primary))?;
        route.hops.extend(host);
        route.end = End::Nothing;
    } else {
        default_upstream(node, document, &root, &route.scope)?;
    }
    Ok(route)
}

/// One `[host."…"]`, or what the root says of `server`.
fn host(
    node: &mut Node,
    document: &Document,
    scope: &Scope,
    (written, at, table, part): (&str, usize, &DeTable<'_>, Part),
) -> Result<Option<Hop>, Flaw> {
    let accepts = capabilities(table)?;
    let overridden = flag(table, "override_path")?;
    let settings = tls(node, document, table)?;
    let headers = headers(node, document, table)?;
    others(node, document, table, part)?;
    let full = if written.starts_with("http") { written.to_owned() } else { format!("https://{written}") };
    let url = match url(&full, at) {
        Ok(url) => url,
        Err(flaw) => {
            node.notes.push(document.note(at, format!("host left out: {}", flaw.why)));
            return Ok(None);
        }
    };
    let path = clean(url.path());
    let path = if overridden || path.ends_with("/v2") { path } else { format!("{path}/v2") };
    let namespace = namespace(&full, scope);
    let Some(mut endpoint) = endpoint(&url, &path, namespace, Rewrite::default()) else { return Ok(None) };
    endpoint.accepts = accepts;
    let what = match part {
        Part::Mirror => "[host] in file order",
        Part::Primary => "server, asked last",
    };
    let mut hop = hop(endpoint, part, what);
    // Only a port 80 that is written keeps the runtime from asking over https what has settings for it.
    let is_explicit = ["ca", "client", "skip_verify"].iter().any(|key| get(table, key).is_some());
    if url.scheme() == "http" && is_explicit && !host_of(&full).ends_with(":80") {
        https_first(node, document, at, &mut hop, settings);
    } else {
        secure(node, document, at, &url, settings);
    }
    for (name, _) in &headers {
        if !hop.headers.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            hop.headers.push(name.clone());
        }
    }
    if !headers.is_empty() {
        let secured = hop.endpoint.over(Scheme::Https).filter(|_| hop.schemes == Schemes::HttpsFirst);
        let roots =
            secured.map(|secured| secured.api_root).into_iter().chain([hop.endpoint.api_root.clone()]);
        for api_root in roots {
            node.headers.push(HostHeaders {
                place: document.place(at).into(),
                api_root,
                registry: match scope {
                    Scope::Registry(registry) => Some(registry.clone()),
                    _ => None,
                },
                headers: headers.clone(),
            });
        }
    }
    Ok(Some(hop))
}

/// The host as it is written, with its port, is what containerd compares.
fn namespace(url: &str, scope: &Scope) -> Namespace {
    let host = host_of(url);
    match scope {
        Scope::Registry(registry) if host.eq_ignore_ascii_case(registry) => Namespace::Never,
        Scope::Registry(registry) if **registry == *DOCKER_HUB && host == api_host(DOCKER_HUB) => {
            Namespace::Never
        }
        Scope::Registry(_) => Namespace::Always,
        _ => Namespace::AsProxy,
    }
}

fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

/// Go's `path.Clean`, without a slash at the end; empty for the root.
fn clean(path: &str) -> String {
    path.split('/').filter(|part| !part.is_empty()).fold(String::new(), |path, part| path + "/" + part)
}

/// A tag needs `pull` and `resolve`, a digest `pull` only.
fn capabilities(table: &DeTable<'_>) -> Result<Accepts, Flaw> {
    let words = strings(table, "capabilities", Single::Refused)?;
    let (mut pull, mut resolve) = (words.is_empty(), words.is_empty());
    for (word, at) in words {
        match word.to_ascii_lowercase().as_str() {
            "pull" => pull = true,
            "resolve" => resolve = true,
            "push" | "referrers" => {}
            _ => return Err(Flaw::new(at, format!("unknown capability '{}'", word.escape_debug()))),
        }
    }
    Ok(match (pull, resolve) {
        (true, true) => Accepts::All,
        (true, false) => Accepts::Digests,
        (false, _) => Accepts::Nothing,
    })
}

fn tls(node: &mut Node, document: &Document, table: &DeTable<'_>) -> Result<TlsSettings, Flaw> {
    let file = |name: &str| document.folder.join(name);
    let ca_files = strings(table, "ca", Single::Allowed)?;
    let mut clients = Vec::new();
    if let Some(value) = get(table, "client") {
        let items = match value.get_ref() {
            DeValue::String(_) => std::slice::from_ref(value),
            _ => array(value)?,
        };
        for item in items {
            clients.push(match item.get_ref() {
                DeValue::String(both) => ClientFiles { certificate: file(both), key: file(both) },
                _ => match array(item)? {
                    [certificate, key] => {
                        let (certificate, key) = (string(certificate)?, string(key)?);
                        let key = if key.is_empty() { certificate } else { key };
                        ClientFiles { certificate: file(certificate), key: file(key) }
                    }
                    _ => return Err(Flaw::new(item.span().start, "expected a pair [certificate, key]")),
                },
            });
        }
        if clients.len() > 1 {
            let text = "only the first of several client certificates is shown by a check";
            node.notes.push(document.note(value.span().start, text));
        }
    }
    let verification = if flag(table, "skip_verify")? { Verification::Off } else { Verification::Full };
    Ok(TlsSettings {
        ca_files: ca_files.into_iter().map(|(name, _)| file(name)).collect(),
        client: clients.into_iter().next(),
        verification,
    })
}

/// Headers about the connection, and those that a request has from us.
const OURS: [&str; 9] = [
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "accept",
    "accept-encoding",
];

fn headers(
    node: &mut Node,
    document: &Document,
    host: &DeTable<'_>,
) -> Result<Vec<(Box<str>, Secret)>, Flaw> {
    let Some(header) = get(host, "header") else { return Ok(Vec::new()) };
    let header = table(header)?;
    let mut found = Vec::new();
    for (name, at, _) in entries(header) {
        let values = strings(header, name, Single::Allowed)?;
        let is_name = HeaderName::from_bytes(name.as_bytes()).is_ok();
        let are_values = values.iter().all(|(value, _)| HeaderValue::from_str(value).is_ok());
        let shown = name.escape_debug();
        if OURS.iter().any(|ours| name.eq_ignore_ascii_case(ours)) {
            node.notes.push(document.note(at, format!("header '{shown}' is not sent: a check sets its own")));
        } else if is_name && are_values {
            found.extend(values.into_iter().map(|(value, _)| (name.into(), Secret::new(value))));
        } else {
            let text = format!("header '{shown}' cannot be sent: not the name or value of a header");
            node.notes.push(document.note(at, text));
        }
    }
    Ok(found)
}

/// Keys of a host, and with `server` and `host` those of the root.
const KEYS: [&str; 9] = [
    "capabilities",
    "override_path",
    "ca",
    "client",
    "skip_verify",
    "header",
    "dial_timeout",
    "server",
    "host",
];

/// What is known and not represented, and what nobody knows.
fn others(node: &mut Node, document: &Document, table: &DeTable<'_>, part: Part) -> Result<(), Flaw> {
    let known = if part == Part::Primary { &KEYS[..] } else { &KEYS[..7] };
    let entries = entries(table);
    if let Some((_, at, value)) = entries.iter().find(|(name, ..)| *name == "dial_timeout") {
        let written = string(value)?;
        if !written.is_empty() && !duration::is_duration(written) {
            let why = format!("dial_timeout '{}' is no duration, such as \"3s\"", keys::shown(written));
            return Err(Flaw::new(value.span().start, why));
        }
        let text = "dial_timeout is not represented: --connect-timeout holds for all hosts";
        node.notes.push(document.note(*at, text));
    }
    let entries: Vec<_> = entries.into_iter().map(|(name, at, _)| (name, at)).collect();
    node.notes.extend(keys::unrepresented(document, &entries, known));
    Ok(())
}

/// What the root says of the default upstream, where no `server` is named.
fn default_upstream(
    node: &mut Node,
    document: &Document,
    root: &DeTable<'_>,
    scope: &Scope,
) -> Result<(), Flaw> {
    capabilities(root)?;
    flag(root, "override_path")?;
    others(node, document, root, Part::Primary)?;
    for (name, at, _) in entries(root) {
        let text = match name {
            "header" => "headers for the default upstream are not represented: name it as server",
            "capabilities" | "override_path" => {
                "holds for 'server', which is not named: the default upstream is asked for all, at /v2"
            }
            _ => continue,
        };
        node.notes.push(document.note(at, format!("{name}: {text}")));
    }
    let settings = tls(node, document, root)?;
    match scope {
        Scope::Registry(registry) => {
            if let Some(host) = https(api_host(registry)) {
                secure(node, document, 0, &host, settings);
            }
        }
        _ if settings != TlsSettings::default() => {
            let text =
                "TLS settings for the default upstreams of all registries are not represented: use --ca-file";
            node.notes.push(document.note(0, text));
        }
        _ => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<(Route, Node), Error> {
        let document = Document::of("hosts.toml".to_owned(), PathBuf::from("/certs"), text);
        let mut node = node(Runtime::Containerd, "certs.d");
        let scope = Scope::Registry("docker.io".into());
        let route = hosts(&mut node, &document, scope).map_err(|flaw| document.error(flaw))?;
        Ok((route, node))
    }

    /// The shape of containerd's own `TestParseHostFile`.
    const ALL_FORMS: &str = r#"
server = "https://test-default.registry"

[host."https://mirror.registry"]
  capabilities = ["pull"]
  ca = "/etc/certs/mirror.pem"
[host."https://mirror-bak.registry/us"]
  capabilities = ["PULL"]
  skip_verify = true
[host."http://mirror.registry"]
  capabilities = ["pull"]
[host."https://test-1.registry"]
  capabilities = ["pull", "resolve", "push", "referrers"]
  ca = ["a.pem", "/b.pem"]
  client = [["c", "k"], ["pem", ""]]
[host."no-referrers.registry"]
  capabilities = ["pull", "resolve", "push"]
  client = "both.pem"
[host."https://noncompliantmirror.registry/v2/namespaceprefix"]
  capabilities = ["pull"]
  override_path = true
[host."https://noprefixnoncompliant.registry"]
  override_path = true
  dial_timeout = "3s"
[host."https://onlyheader.registry".header]
  X-B = ["v1", "v2"]
  X-A = "hunter2"
"#;

    #[test]
    fn every_form_of_containerds_own_test_file_is_read() {
        let (route, node) = parsed(ALL_FORMS).unwrap();
        let seen: Vec<_> =
            route.hops.iter().map(|hop| (&*hop.endpoint.api_root, hop.endpoint.accepts)).collect();
        assert_eq!(
            seen,
            [
                ("https://mirror.registry/v2", Accepts::Digests),
                ("https://mirror-bak.registry/us/v2", Accepts::Digests),
                ("http://mirror.registry/v2", Accepts::Digests),
                ("https://test-1.registry/v2", Accepts::All),
                ("https://no-referrers.registry/v2", Accepts::All),
                ("https://noncompliantmirror.registry/v2/namespaceprefix", Accepts::Digests),
                ("https://noprefixnoncompliant.registry", Accepts::All),
                ("https://onlyheader.registry/v2", Accepts::All),
                ("https://test-default.registry/v2", Accepts::All),
            ]
        );
        assert_eq!((route.hops[8].part, route.end), (Part::Primary, End::Nothing));
        assert_eq!(*route.hops[7].headers, ["X-B".into(), "X-A".into()]);
        let tls: Vec<_> = node.tls.iter().map(|host| (&*host.authority.host, &host.settings)).collect();
        assert_eq!(tls[0].1.ca_files, [Path::new("/etc/certs/mirror.pem")]);
        assert_eq!((tls[1].0, tls[1].1.verification), ("mirror-bak.registry", Verification::Off));
        assert_eq!(tls[2].1.ca_files, [Path::new("/certs/a.pem"), Path::new("/b.pem")]);
        let client = ClientFiles { certificate: "/certs/c".into(), key: "/certs/k".into() };
        assert_eq!(tls[2].1.client, Some(client));
        let notes = format!("{:?}", node.notes);
        for part in ["hosts.toml:15", "dial_timeout is not represented"] {
            assert!(notes.contains(part), "{part}: {notes}");
        }
        let [headers] = &node.headers[..] else { panic!("{:?}", node.headers) };
        assert_eq!(&*headers.api_root, "https://onlyheader.registry/v2");
        let sent: Vec<_> = headers.headers.iter().map(|(name, value)| (&**name, value.expose())).collect();
        assert_eq!(sent, [("X-B", "v1"), ("X-B", "v2"), ("X-A", "hunter2")]);
        assert!(!format!("{node:?}{route:?}").contains("hunter2"));
    }

    #[test]
    fn a_dial_timeout_that_is_no_duration_makes_the_file_invalid() {
        for written in ["abc", "3 seconds", "3"] {
            let error = parsed(&format!("[host.\"https://m\"]\ndial_timeout = \"{written}\"\n")).unwrap_err();
            let expected = format!("hosts.toml:2: dial_timeout '{written}' is no duration, such as \"3s\"");
            assert_eq!(error.to_string(), expected);
        }
        assert!(parsed("dial_timeout = \"x\"\n").is_err(), "that of the server counts as well");
        let (_, node) = parsed("[host.\"https://m\"]\ndial_timeout = \"\"\n").unwrap();
        assert_eq!(node.notes.len(), 1);
    }

    #[test]
    fn headers_that_cannot_or_must_not_be_sent_are_told_of() {
        let (_, node) = parsed(
            "[host.\"https://h\".header]\nHost = \"other\"\n\"b d\" = \"x\"\nX = \"hunter2\\n\"\nContent-Length = \"9\"\n",
        )
        .unwrap();
        assert!(node.headers.is_empty(), "{:?}", node.headers);
        let notes: Vec<_> = node.notes.iter().map(|note| format!("{}: {}", note.place, note.text)).collect();
        for (at, part) in [
            (0, "hosts.toml:2: header 'Host' is not sent"),
            (1, "hosts.toml:3: header 'b d' cannot be sent"),
            (2, "hosts.toml:4: header 'X' cannot be sent"),
            (3, "hosts.toml:5: header 'Content-Length' is not sent"),
        ] {
            assert!(notes[at].contains(part), "{notes:#?}");
        }
        assert!(!notes.concat().contains("hunter2"));
    }

    #[test]
    fn paths_are_behind_by_v2_unless_they_end_in_it_or_override_it() {
        for (host, overridden, root) in [
            ("https://h/p", false, "https://h/p/v2"),
            ("https://h/p/", true, "https://h/p"),
            ("https://h/v2/p", false, "https://h/v2/p/v2"),
            ("https://h/p/v2", false, "https://h/p/v2"),
            ("https://h//a//b/", false, "https://h/a/b/v2"),
            ("h:5000", false, "https://h:5000/v2"),
            ("http://h", true, "http://h"),
        ] {
            let (route, _) = parsed(&format!("[host.\"{host}\"]\noverride_path = {overridden}\n")).unwrap();
            assert_eq!(&*route.hops[0].endpoint.api_root, root, "{host}");
            assert_eq!(route.end, End::OwnRegistry);
        }
    }

    #[test]
    fn the_image_host_is_told_to_every_host_but_itself() {
        let of = |url, registry: &str| namespace(url, &Scope::Registry(registry.into()));
        assert_eq!(of("https://m.example/x", "docker.io"), Namespace::Always);
        assert_eq!(of("https://registry-1.docker.io", "docker.io"), Namespace::Never);
        assert_eq!(of("https://quay.io", "quay.io"), Namespace::Never);
        assert_eq!(of("https://quay.io:443", "quay.io"), Namespace::Always);
        assert_eq!(namespace("https://quay.io", &Scope::Any), Namespace::AsProxy);
    }

    #[test]
    fn folders_are_the_registries_that_containerd_looks_them_up_for() {
        for (folder, name) in [
            ("docker.io", "docker.io"),
            ("test.registry_5000_", "test.registry:5000"),
            ("test.registry:5000", "test.registry:5000"),
            ("[::1]_5000_", "[::1]:5000"),
            ("[fc00:_1]_", "[fc00::1]"),
            ("[fc00::1]", "[fc00::1]"),
        ] {
            assert_eq!(registry(folder), name, "{folder}");
        }
    }

    #[test]
    fn the_first_existing_folder_wins_even_if_it_is_empty() {
        let dir = tempfile::tempdir().unwrap();
        let write = |path: &str, host: &str| {
            let folder = dir.path().join(path);
            fs::create_dir_all(&folder).unwrap();
            if !host.is_empty() {
                fs::write(folder.join(FILE), format!("[host.\"https://{host}\"]\n")).unwrap();
            }
        };
        write("a/reg.lan_5000_", "");
        write("a/reg.lan:5000", "colon.example");
        write("a/quay.io", "first.example");
        write("b/quay.io", "second.example");
        write("b/ghcr.io", "ghcr.example");
        write("b/_default", "any.example");
        write("c/gcr.io", "hidden.example");
        let roots = ["a", "b", "c"].map(|name| dir.path().join(name));
        let node = read(&roots).unwrap();
        let first = |image: &str| {
            let route = node.route(&image.parse().unwrap()).unwrap();
            route.hops.first().map(|hop| hop.endpoint.name.to_string()).unwrap_or_default()
        };
        for (image, host) in [
            ("reg.lan:5000/x", ""),
            ("quay.io/a/b", "first.example"),
            ("ghcr.io/a/b", "ghcr.example"),
            ("gcr.io/a/b", "any.example"),
            ("nginx", "any.example"),
        ] {
            assert_eq!(first(image), host, "{image}");
        }
        assert_eq!(node.notes.len(), 3, "{:?}", node.notes);
    }

    #[test]
    fn an_invalid_file_is_ignored_as_containerd_does_and_loudly() {
        for (text, part) in [
            ("server = \"https://x\"\n[host.\"https://m\"]\ncapabilities = [\"fly\"]\n", ":3"),
            ("[host\n", ":1"),
            ("[host.\"https://m\"]\nskip_verify = \"yes\"\n", ":2"),
            ("[host.\"https://m\"]\nca = 5\n", ":2"),
        ] {
            let dir = tempfile::tempdir().unwrap();
            fs::create_dir(dir.path().join("docker.io")).unwrap();
            fs::write(dir.path().join("docker.io/hosts.toml"), text).unwrap();
            fs::write(dir.path().join("docker.io/ca.crt"), "").unwrap();
            let node = read(&[dir.path().to_owned()]).unwrap();
            assert_eq!((node.routes[0].hops.len(), node.routes[0].end), (0, End::OwnRegistry));
            let note = &node.notes[0];
            assert!(note.place.ends_with(part), "{note:?}");
            assert!(note.text.starts_with("INVALID") && note.text.contains("not used"), "{note:?}");
            assert_eq!(&*node.tls[0].authority.host, "registry-1.docker.io");
        }
    }
}
