//! dockerd's `daemon.json`: mirrors of Docker Hub, and hosts whose certificates are not verified
//! (moby `daemon/pkg/registry`, `daemon/hosts.go`).

mod keys;

use std::collections::HashMap;
use std::path::Path;

use serde_json::{Map, Value};

use super::document::{Document, Flaw};
use super::place::{endpoint, hop, https, node, route, secure, url};
use super::{Error, advice};
use crate::model::endpoint::Namespace;
use crate::model::image::DOCKER_HUB;
use crate::model::node::{Hop, Network, Node, Part, Rules, Runtime, Schemes, Scope};
use crate::model::rewrite::Rewrite;
use crate::model::tls::{TlsSettings, Verification};

/// What dockerd takes for insecure without being told.
const LOOPBACK: [&str; 2] = ["127.0.0.0/8", "::1/128"];

/// What the file says, as far as it matters here.
struct Settings {
    /// All of it.
    root: Map<String, Value>,
    registry_mirrors: Vec<String>,
    insecure_registries: Vec<String>,
    containerd_snapshotter: Option<bool>,
}

impl Settings {
    /// Values are looked at one by one: where one is of the wrong kind, the reader's own words would quote it, and
    /// a URL may hold a password.
    fn read(document: &Document) -> Result<Self, Vec<Error>> {
        let root: Value = serde_json::from_str(&document.text).map_err(|error| {
            vec![Error::unusable(document.line(error.line()), error.to_string(), advice::JSON)]
        })?;
        let Value::Object(root) = root else {
            let why = format!("expected an object, found {}", kind_of(&root));
            return Err(vec![document.error(Flaw::new(0, why).advising(advice::DOCKER_KIND))]);
        };
        let (mirrors, insecure) =
            (strings(document, &root, "registry-mirrors"), strings(document, &root, "insecure-registries"));
        let snapshotter = snapshotter(document, &root);
        match (mirrors, insecure, snapshotter) {
            (Ok(registry_mirrors), Ok(insecure_registries), Ok(containerd_snapshotter)) => {
                Ok(Self { root, registry_mirrors, insecure_registries, containerd_snapshotter })
            }
            (mirrors, insecure, snapshotter) => {
                let flaws = [mirrors.err(), insecure.err(), snapshotter.err()];
                Err(flaws.into_iter().flatten().map(|flaw| document.error(flaw)).collect())
            }
        }
    }
}

/// Which image store pulls: only that of containerd reads a `hosts.toml` (moby `daemon/hosts.go`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Store {
    /// `containerd-snapshotter` is true.
    Containerd,
    /// It is false: dockerd's own, the graph drivers.
    Own,
    /// Nothing is said: it depends on dockerd's version, and since when it has been there.
    Unsaid,
}

impl Store {
    const fn of(snapshotter: Option<bool>) -> Self {
        match snapshotter {
            Some(true) => Self::Containerd,
            Some(false) => Self::Own,
            None => Self::Unsaid,
        }
    }
}

/// What the file says of the image store.
pub(super) fn store(document: &Document) -> Store {
    Store::of(Settings::read(document).ok().and_then(|settings| settings.containerd_snapshotter))
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}

fn wrong(document: &Document, key: &str, expected: &str, found: &Value) -> Flaw {
    let name = key.rsplit('.').next().unwrap_or(key);
    let why = format!("{key}: expected {expected}, found {}", kind_of(found));
    Flaw::new(document.find(&format!("\"{name}\"")), why).advising(advice::DOCKER_KIND)
}

fn strings(document: &Document, root: &Map<String, Value>, key: &str) -> Result<Vec<String>, Flaw> {
    // Go takes a null for nothing.
    let items = match root.get(key) {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(items)) => items,
        Some(other) => return Err(wrong(document, key, "a list of texts", other)),
    };
    let text = |item: &Value| match item {
        Value::String(text) => Ok(text.clone()),
        other => Err(wrong(document, key, "a list of texts", other)),
    };
    items.iter().map(text).collect()
}

fn snapshotter(document: &Document, root: &Map<String, Value>) -> Result<Option<bool>, Flaw> {
    let features = match root.get("features") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Object(features)) => features,
        Some(other) => return Err(wrong(document, "features", "a map", other)),
    };
    match features.get("containerd-snapshotter") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(is_on)) => Ok(Some(*is_on)),
        Some(other) => Err(wrong(document, "features.containerd-snapshotter", "true or false", other)),
    }
}

/// Reads the file; every mirror that dockerd would refuse is an error, as it is to dockerd.
pub(super) fn read(path: &Path) -> Result<(Node, Store), Vec<Error>> {
    let document = Document::read(path).map_err(|error| vec![error])?.advising(advice::DOCKER);
    Ok((parse(&document)?, store(&document)))
}

pub(super) fn parse(document: &Document) -> Result<Node, Vec<Error>> {
    let settings = Settings::read(document)?;
    let mut node = node(Runtime::Docker, &document.name);
    let mut errors = Vec::new();
    let mut mirrors =
        route(document, document.find("\"registry-mirrors\""), Scope::Registry(DOCKER_HUB.into()));
    let (namespace, why) = match settings.containerd_snapshotter {
        Some(true) => (Namespace::Always, "registry-mirrors, in listed order"),
        Some(false) => (Namespace::Never, "registry-mirrors, in listed order"),
        None => (
            Namespace::Never,
            "registry-mirrors, in listed order (with the containerd image store, ?ns=docker.io is added)",
        ),
    };
    if settings.containerd_snapshotter == Some(true) {
        node.rules = Rules::Containerd;
    }
    let mut seen: HashMap<&str, String> = HashMap::new();
    let mut from = document.find("\"registry-mirrors\"");
    for mirror in &settings.registry_mirrors {
        let quoted = format!("\"{mirror}\"");
        let found = document.text.get(from..).and_then(|rest| rest.find(&quoted)).map(|found| from + found);
        let at = found.unwrap_or_else(|| document.find(&quoted));
        from = found.map_or(from, |found| found + quoted.len());
        let url = match validate(mirror, at) {
            Ok(url) => url,
            Err(flaw) => {
                errors.push(document.error(flaw));
                continue;
            }
        };
        if let Some(first) = seen.get(one_slash_less(mirror)) {
            let text = format!("not used: the same mirror stands at {first}, and dockerd asks it once");
            node.notes.push(document.note(at, text));
            continue;
        }
        seen.insert(one_slash_less(mirror), document.place(at));
        let found = endpoint(&url, &base(url.path()), namespace, Rewrite::default());
        mirrors.hops.extend(found.map(|endpoint| hop(endpoint, Part::Mirror, why)));
    }
    node.routes.push(mirrors);
    keys::tell(&mut node, document, &settings.root);
    // With the containerd image store, none of this counts where nothing is configured (`RegistryHosts`).
    let counts = node.rules == Rules::Dockerd
        || !settings.registry_mirrors.is_empty()
        || !settings.insecure_registries.is_empty();
    let implied = LOOPBACK.into_iter().filter(|_| counts);
    for text in settings.insecure_registries.iter().map(String::as_str).chain(implied) {
        let at = document.find(&format!("\"{text}\""));
        if let Err(flaw) = insecure(&mut node, document, text, at) {
            errors.push(document.error(flaw));
        }
    }
    if node.rules == Rules::Containerd {
        falls_back(&mut node);
    }
    if errors.is_empty() { Ok(node) } else { Err(errors) }
}

/// The containerd image store asks every insecure host over http where https does not work, mirrors too; dockerd's own
/// keeps to the scheme that is written (`mergeLegacyConfig`, `lookupV2Endpoints`).
fn falls_back(node: &mut Node) {
    let is_insecure = |node: &Node, hop: &Hop| {
        let tls = node.tls_of(&hop.endpoint.authority);
        tls.is_some_and(|tls| tls.settings.verification == Verification::Off)
    };
    let mut routes = std::mem::take(&mut node.routes);
    for hop in routes.iter_mut().flat_map(|route| &mut route.hops).filter(|hop| is_insecure(node, hop)) {
        hop.schemes = Schemes::HttpsFirst;
        hop.why = format!("{}; insecure: https without verification, then http", hop.why).into();
    }
    node.routes = routes;
}

/// `ValidateMirror`: a scheme, and nothing that a mirror cannot have.
fn validate(mirror: &str, at: usize) -> Result<::url::Url, Flaw> {
    if !mirror.contains("://") {
        let why = "no scheme specified for registry mirror: it must begin with http:// or https://";
        let why = format!("'{}': {why}", mirror.escape_debug());
        return Err(Flaw::new(at, why).advising(advice::DOCKER_SCHEME));
    }
    url(mirror, at)
        .map_err(|flaw| Flaw::new(at, format!("registry mirror: {}", flaw.why)).advising(advice::URL))
}

/// A slash at the end makes no other mirror (`loadMirrors`).
fn one_slash_less(mirror: &str) -> &str {
    mirror.strip_suffix('/').unwrap_or(mirror)
}

/// `mirrorsToRegistryHosts`: `/v2` goes behind every path but those that end in it.
fn base(path: &str) -> String {
    let path = path.trim_end_matches('/');
    if path.ends_with("/v2") { path.to_owned() } else { format!("{path}/v2") }
}

fn insecure(node: &mut Node, document: &Document, text: &str, at: usize) -> Result<(), Flaw> {
    if text.contains('/') && !text.contains("://") {
        let network = Network::parse(text).ok_or_else(|| {
            Flaw::new(at, format!("insecure registry '{}' is no CIDR block", text.escape_debug()))
        })?;
        node.networks.push(network);
        if !LOOPBACK.contains(&text) {
            let text = format!("{text} holds for hosts written as addresses; names are not resolved here");
            node.notes.push(document.note(at, text));
        }
        return Ok(());
    }
    let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://")).unwrap_or(text);
    let host = host.trim_end_matches('/');
    let url = https(host)
        .ok_or_else(|| Flaw::new(at, format!("insecure registry '{}' is no host", text.escape_debug())))?;
    let settings = TlsSettings { verification: Verification::Off, ..TlsSettings::default() };
    secure(node, document, at, &url, settings);
    let but = if node.rules == Rules::Dockerd { ", but for registry-mirrors" } else { "" };
    let text = format!(
        "{host}: dockerd falls back to plain http where https fails{but}; only resolve --try does so"
    );
    node.notes.push(document.note(at, text));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Node, Vec<Error>> {
        parse(&Document::of("daemon.json".to_owned(), "".into(), text))
    }

    #[test]
    fn a_key_that_stands_twice_is_a_note_and_its_last_value_counts() {
        let text = "{\n\"registry-mirrors\": [\"https://a.example\"],\n\"registry-mirrors\": [\"https://b.example\"]}";
        let node = parsed(text).unwrap();
        let names: Vec<_> = node.routes[0].hops.iter().map(|hop| &*hop.endpoint.name).collect();
        assert_eq!(names, ["b.example"]);
        let [note] = &node.notes[..] else { panic!("{:?}", node.notes) };
        assert_eq!(&*note.place, "daemon.json:3");
        assert!(note.text.contains("registry-mirrors stands here a second time"), "{note:?}");
    }

    fn lines(errors: &[Error]) -> Vec<String> {
        errors.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_mirrors_path_comes_before_v2() {
        for (path, expected) in [
            ("", "/v2"),
            ("/", "/v2"),
            ("/v2", "/v2"),
            ("/trailingslash/", "/trailingslash/v2"),
            ("/base", "/base/v2"),
            ("/2trailingslash//", "/2trailingslash/v2"),
            ("/v2/base", "/v2/base/v2"),
            ("/v1/", "/v1/v2"),
        ] {
            assert_eq!(base(path), expected, "{path}");
        }
    }

    #[test]
    fn mirrors_are_for_docker_hub_only_and_in_order() {
        let node = parsed(
            r#"{"registry-mirrors": ["https://a.example", "http://mirror-1.example.com:5000/"], "debug": true,
                "features": {"containerd-snapshotter": true}}"#,
        )
        .unwrap();
        let route = node.route(&"nginx".parse().unwrap()).unwrap();
        let roots: Vec<_> = route.hops.iter().map(|hop| &*hop.endpoint.api_root).collect();
        assert_eq!(roots, ["https://a.example/v2", "http://mirror-1.example.com:5000/v2"]);
        assert_eq!(route.hops[0].endpoint.namespace, Namespace::Always);
        assert!(node.route(&"quay.io/a/b".parse().unwrap()).is_none());
    }

    #[test]
    fn a_mirror_that_stands_twice_is_asked_once_whatever_slash_it_ends_in() {
        let node = parsed(
            "{\"registry-mirrors\": [\"https://m.example\",\n\"https://n.example/\",\n\"https://m.example/\",\n\
             \"https://n.example/\"]}",
        )
        .unwrap();
        let names: Vec<_> = node.routes[0].hops.iter().map(|hop| &*hop.endpoint.name).collect();
        assert_eq!(names, ["m.example", "n.example"]);
        let told: Vec<_> = node.notes.iter().map(|note| format!("{}: {}", note.place, note.text)).collect();
        let same = |line, first| {
            format!(
                "daemon.json:{line}: not used: the same mirror stands at daemon.json:{first}, and dockerd asks it once"
            )
        };
        assert_eq!(told, [same(3, 1), same(4, 2)]);
    }

    #[test]
    fn what_dockerd_refuses_is_refused_with_its_line() {
        let errors = parsed(
            "{\"registry-mirrors\": [\n\"mirror-1.example.com\",\n\"mirror-1.example.com:5000\",\n\
             \"ftp://x\",\n\"https://u:hunter2@x\",\n\"https://x/?q=hunter2\",\n\"https:///x\",\n\" https://x\",\n\"https://ok/v1/\"],\n\
             \"insecure-registries\": [\"10.0.0.0/99\"]}",
        )
        .unwrap_err();
        let lines = lines(&errors);
        for (at, part) in [
            (0, "daemon.json:2: 'mirror-1.example.com': no scheme"),
            (1, "daemon.json:3: 'mirror-1.example.com:5000': no scheme"),
            (2, "daemon.json:4: registry mirror: unsupported scheme 'ftp'"),
            (3, "daemon.json:5: registry mirror: the URL holds user-info"),
            (4, "daemon.json:6: registry mirror: the URL has a query"),
            (5, "daemon.json:7: registry mirror: not a URL: no host"),
            (6, "daemon.json:8: registry mirror: not a URL: a blank in front"),
            (7, "daemon.json:10: insecure registry '10.0.0.0/99' is no CIDR"),
        ] {
            assert!(lines[at].starts_with(part), "{lines:#?}");
        }
        assert!(!lines.concat().contains("hunter2"));
        let broken = lines_of("{\n\"registry-mirrors\": \"https://u:hunter2@x\"}");
        assert_eq!(broken, "daemon.json:2: registry-mirrors: expected a list of texts, found a text");
        assert!(lines_of("{\n\"registry-mirrors\": [}").starts_with("daemon.json:2: expected value"));
    }

    fn lines_of(text: &str) -> String {
        lines(&parsed(text).unwrap_err()).concat()
    }

    #[test]
    fn insecure_registries_are_hosts_and_networks() {
        let node = parsed(r#"{"insecure-registries": ["reg.lan:5000", "10.0.0.0/8"]}"#).unwrap();
        for (host, off) in [
            ("reg.lan:5000", true),
            ("reg.lan", false),
            ("10.1.2.3:5000", true),
            ("127.0.0.1:5000", true),
            ("11.1.2.3", false),
        ] {
            let authority = crate::model::endpoint::Authority::of(&https(host).unwrap()).unwrap();
            assert_eq!(node.tls_of(&authority).is_some(), off, "{host}");
        }
        assert_eq!(node.notes.len(), 2);
    }
}
