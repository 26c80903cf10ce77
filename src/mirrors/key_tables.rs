//! Every documented key of the runtimes' files, and what becomes of it: it changes what would be asked, or it is
//! told in a note, or it has no part in pulls. `docker_daemon/keys.rs` has the table of `daemon.json`.

use super::document::Document;
use super::place::node;
use super::{buildkit, containerd, containers, k3s};
use crate::model::node::{Node, Runtime, Scope};

/// What a key is to a check.
enum Key {
    /// It changes what would be asked, and no note is about it.
    Represented,
    /// A note with these words; what would be asked is the same.
    Told(&'static str),
    /// It changes what would be asked, and a note with these words tells what of it a check does not do.
    Partly(&'static str),
    /// It has no part in pulls.
    Nothing,
}
use Key::{Nothing, Partly, Represented, Told};

/// Holds the file `before` + `key` + `after` to what is said of the key.
fn hold(read: impl Fn(&str) -> Node, table: &[(&str, &str, &str, Key)]) {
    for (before, key, after, expected) in table {
        let without = read(&format!("{before}{after}"));
        let with = read(&format!("{before}{key}{after}"));
        let plain = |node: &Node| {
            // Lines move by the key's own.
            let mut node = Node { notes: Vec::new(), ..node.clone() };
            node.routes.iter_mut().for_each(|route| route.place = "".into());
            node.tls.iter_mut().for_each(|host| host.place = "".into());
            node.headers.iter_mut().for_each(|host| host.place = "".into());
            node.logins.iter_mut().for_each(|host| host.place = "".into());
            node
        };
        let texts = |node: &Node| node.notes.iter().map(|note| note.text.to_string()).collect::<Vec<_>>();
        let new: Vec<_> = texts(&with).into_iter().filter(|text| !texts(&without).contains(text)).collect();
        let is_same = plain(&with) == plain(&without);
        match expected {
            Represented => assert!(!is_same && new.is_empty(), "{key}: {new:?}"),
            Told(words) => {
                assert!(is_same && new.len() == 1 && new[0].contains(words), "{key}: {new:?}");
            }
            Partly(words) => {
                assert!(!is_same && new.len() == 1 && new[0].contains(words), "{key}: {new:?}");
            }
            Nothing => assert!(is_same && new.is_empty(), "{key}: {new:?}"),
        }
    }
}

#[test]
fn every_key_of_a_hosts_toml() {
    let read = |scope: Scope| {
        move |text: &str| {
            let document = Document::of("hosts.toml".to_owned(), "/certs".into(), text);
            let mut node = node(Runtime::Containerd, "certs.d");
            let route = containerd::hosts(&mut node, &document, scope.clone()).unwrap();
            node.routes.push(route);
            node
        }
    };
    const HOST: &str = "[host.\"https://m.example\"]\n";
    const SERVER: &str = "server = \"https://s.example\"\n";
    let table = [
        ("", "[host.\"https://m.example\"]\n", "", Represented),
        ("", "server = \"https://s.example\"\n", "", Represented),
        (HOST, "capabilities = [\"pull\"]\n", "", Represented),
        (HOST, "override_path = true\n", "", Represented),
        (HOST, "ca = \"ca.pem\"\n", "", Represented),
        (HOST, "client = [[\"c\", \"k\"]]\n", "", Represented),
        (HOST, "skip_verify = true\n", "", Represented),
        (HOST, "header = {X-A = \"1\"}\n", "", Represented),
        (HOST, "header = {Host = \"1\"}\n", "", Told("header 'Host' is not sent")),
        (HOST, "dial_timeout = \"3s\"\n", "", Told("dial_timeout is not represented")),
        (HOST, "server = \"https://x\"\n", "", Told("key 'server' is not represented")),
        (
            HOST,
            "capabilites = [\"pull\"]\n",
            "",
            Told("key 'capabilites' is not represented (did you mean 'capabilities'?)"),
        ),
        (HOST, "rewrite = {\"a\" = \"b\"}\n", "", Told("key 'rewrite' is not represented")),
        (SERVER, "capabilities = [\"pull\"]\n", "", Represented),
        (SERVER, "override_path = true\n", "", Represented),
        (SERVER, "ca = \"ca.pem\"\n", "", Represented),
        (SERVER, "header = {X-A = \"1\"}\n", "", Represented),
        (SERVER, "dial_timeout = \"3s\"\n", "", Told("dial_timeout is not represented")),
        ("", "ca = \"ca.pem\"\n", HOST, Represented),
        ("", "client = \"c\"\n", HOST, Represented),
        ("", "skip_verify = true\n", HOST, Represented),
        (
            "",
            "capabilities = [\"pull\"]\n",
            HOST,
            Told("capabilities: holds for 'server', which is not named"),
        ),
        ("", "override_path = true\n", HOST, Told("override_path: holds for 'server', which is not named")),
        ("", "header = {X-A = \"1\"}\n", HOST, Told("headers for the default upstream are not represented")),
        ("", "hosts = 1\n", HOST, Told("key 'hosts' is not represented (did you mean 'host'?)")),
    ];
    hold(read(Scope::Registry("docker.io".into())), &table);
    hold(
        read(Scope::Any),
        &[(
            "",
            "skip_verify = true\n",
            HOST,
            Told("TLS settings for the default upstreams of all registries"),
        )],
    );
}

#[test]
fn every_key_of_a_registries_conf() {
    let read = |text: &str| {
        containers::merge(&[Document::of("registries.conf".to_owned(), "".into(), text)]).unwrap()
    };
    const REGISTRY: &str = "[[registry]]\nlocation = 'a.io'\n";
    const MIRROR: &str = "[[registry]]\nlocation = 'a.io'\n[[registry.mirror]]\nlocation = 'm.io'\n";
    let table = [
        ("", "[[registry]]\nlocation = 'a.io'\n", "", Represented),
        (REGISTRY, "prefix = 'b.io'\n", "", Represented),
        (REGISTRY, "insecure = true\n", "", Partly("a check asks it over https only")),
        (REGISTRY, "blocked = true\n", "", Represented),
        (REGISTRY, "mirror-by-digest-only = true\n", "[[registry.mirror]]\nlocation = 'm.io'\n", Represented),
        (REGISTRY, "[[registry.mirror]]\nlocation = 'm.io'\n", "", Represented),
        (MIRROR, "insecure = true\n", "", Partly("a check asks it over https only")),
        (MIRROR, "pull-from-mirror = 'digest-only'\n", "", Represented),
        (MIRROR, "prefix = 'x.io'\n", "", Told("key 'prefix' is not represented")),
        (REGISTRY, "mirrors = []\n", "", Told("key 'mirrors' is not represented (did you mean 'mirror'?)")),
        ("", "unqualified-search-registries = ['a.io']\n", "", Represented),
        ("", "[aliases]\nx = 'a.io/x'\n", "", Represented),
        ("", "short-name-mode = 'enforcing'\n", "", Told("short-name-mode is not represented")),
        ("", "credential-helpers = ['x']\n", "", Told("credential-helpers is not represented")),
        ("", "additional-layer-store-auth-helper = 'x'\n", "", Told("is not represented")),
        (
            "",
            "unqualified-search-registry = ['a.io']\n",
            "",
            Told("(did you mean 'unqualified-search-registries'?)"),
        ),
    ];
    hold(read, &table);
    let wildcard = read("[[registry]]\nprefix = '*.w.io'\ninsecure = true\n");
    assert!(wildcard.notes[0].text.contains("for a wildcard without location: a check verifies"));
    let twice = read("[[registry]]\nlocation = 'a.io'\n[[registry]]\nlocation = 'a.io'\n");
    assert!(
        twice.notes[0]
            .text
            .contains("not used: a [[registry]] of the same prefix stands at registries.conf:1")
    );
}

#[test]
fn every_key_of_a_registries_yaml() {
    let read =
        |text: &str| k3s::parse(&Document::of("registries.yaml".to_owned(), "/etc".into(), text)).unwrap();
    const MIRROR: &str = "mirrors:\n  docker.io:\n    endpoint: [\"https://m.example\"]\n";
    const TWO: &str = "mirrors:\n  docker.io:\n    endpoint: [\"https://m.example\"";
    const CONFIG: &str = "configs:\n  m.example:\n    tls: {ca_file: /ca";
    const AUTH: &str = "configs:\n  m.example:\n    auth: {username: u";
    const PLAIN: &str = "mirrors:\n  docker.io:\n    endpoint: [\"http://m.example:5000\"]\n";
    let table = [
        ("mirrors:\n  docker.io:\n", "    endpoint: [\"https://m.example\"]\n", "", Represented),
        (MIRROR, "    rewrite: {\"^a\": b}\n", "", Represented),
        (
            MIRROR,
            "    rewrites: {\"^a\": b}\n",
            "",
            Told("k3s does not know `rewrites` (only endpoint, rewrite)"),
        ),
        (MIRROR, "configs:\n  m.example: {auth: {username: u, password: p}}\n", "", Represented),
        (AUTH, ", password: p", "}\n", Represented),
        (AUTH, ", auth: dTpw", "}\n", Represented),
        (AUTH, ", identity_token: t", "}\n", Represented),
        (AUTH, ", token: t", "}\n", Told("k3s does not know `token`")),
        ("configs:\n  m.example:\n    tls: {", "ca_file: /ca", "}\n", Represented),
        (CONFIG, ", cert_file: /c, key_file: /k", "}\n", Represented),
        (CONFIG, ", insecure_skip_verify: true", "}\n", Represented),
        (CONFIG, ", skip_verify: true", "}\n", Told("k3s does not know `skip_verify`")),
        (
            MIRROR,
            "configs:\n  \"*\": {tls: {insecure_skip_verify: true}}\n",
            "",
            Told("configs of '*' are not"),
        ),
        (MIRROR, "auths:\n  m.example: {username: u}\n", "", Told("`auths` is the old place of credentials")),
        (MIRROR, "mirror: {}\n", "", Told("k3s does not know `mirror` (only mirrors, configs")),
        (TWO, ", \"https://m.example/v2\"", "]\n", Told("an endpoint that stands there before is dropped")),
        (TWO, ", \"https://registry-1.docker.io\"", "]\n", Told("equal to the default one is dropped")),
    ];
    hold(read, &table);
    let texts = |text: &str| {
        let notes = read(text).notes;
        notes.into_iter().map(|note| format!("{}: {}", note.place, note.text)).collect::<Vec<_>>().join("\n")
    };
    for (to, missing) in
        [("$1", ""), ("${1}x", ""), ("$1x", "1x"), ("$2", "2"), ("$$2", ""), ("${n}-$0", "n")]
    {
        let told = texts(&format!("{MIRROR}    rewrite: {{\"^(.*)$\": \"{to}\"}}\n"));
        let expected = format!("registries.yaml:4: docker.io: '{to}' names a group '{missing}' that");
        assert_eq!(told.starts_with(&expected), !missing.is_empty(), "{to}: {told}");
    }
    let plain = format!("{PLAIN}configs:\n  \"m.example:5000\":\n    tls: {{insecure_skip_verify: true}}\n");
    let told = texts(&plain);
    assert!(
        told.starts_with("registries.yaml:3: m.example:5000: http, and yet something is said of TLS: containerd asks it over https first"),
        "{told}"
    );
    assert_eq!(texts(&plain.replace("http://", "https://")), "");
    assert!(texts(&plain.replace(":5000", "")).contains("containerd asks it over https first"));
    let port_80 = plain.replace(":5000", ":80");
    assert!(texts(&port_80).contains("asked over plain http: not used"), "{}", texts(&port_80));
}

#[test]
fn every_key_of_a_buildkitd_toml() {
    let read = |text: &str| {
        buildkit::parse(&Document::of("buildkitd.toml".to_owned(), "/etc".into(), text)).unwrap()
    };
    const REGISTRY: &str = "[registry.\"a.io\"]\n";
    const PAIR: &str = "[[registry.\"a.io\".keypair]]\nkey = \"k\"\ncert = \"c\"\n";
    let table = [
        (REGISTRY, "mirrors = [\"m.io\"]\n", "", Represented),
        (REGISTRY, "http = true\n", "", Represented),
        (REGISTRY, "insecure = true\n", "", Represented),
        (REGISTRY, "ca = [\"ca.pem\"]\n", "", Represented),
        ("", "[[registry.\"a.io\".keypair]]\nkey = \"k\"\ncert = \"c\"\n", "", Represented),
        (PAIR, "certs = \"c\"\n", "", Told("key 'certs' is not represented (did you mean 'cert'?)")),
        (REGISTRY, "tlsconfigdir = [\"/x\"]\n", "", Told("tlsconfigdir is not represented")),
        (REGISTRY, "mirror = [\"m.io\"]\n", "", Told("(did you mean 'mirrors'?)")),
        ("[registry.\"a.io\"]\nhttp = true\n", "ca = [\"ca.pem\"]\n", "", Told("plain http: not used")),
        ("", "registries = 1\n", "", Told("BuildKit does not know 'registries'")),
        (
            "",
            "[frontend.\"gateway.v0\"]\nallowedRepositories = []\n",
            "",
            Told("allowedRepositories is not represented"),
        ),
    ];
    hold(read, &table);
    let nothing = [
        "debug = true\n",
        "trace = true\n",
        "root = \"/x\"\n",
        "insecure-entitlements = []\n",
        "provenanceEnvDir = \"/x\"\n",
        "[log]\nformat = \"text\"\n",
        "[dns]\nnameservers = []\n",
        "[grpc]\naddress = []\n",
        "[otel]\nsocketPath = \"x\"\n",
        "[cdi]\ndisabled = true\n",
        "[history]\nmaxAge = 1\n",
        "[worker.oci]\nenabled = true\n",
        "[frontend.\"dockerfile.v0\"]\nenabled = true\n",
        "[system]\nplatformsCacheMaxAge = \"1h\"\n",
    ];
    let table: Vec<_> = nothing.into_iter().map(|key| ("", key, "", Nothing)).collect();
    hold(read, &table);
}
