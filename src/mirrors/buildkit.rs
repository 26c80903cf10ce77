//! BuildKit's `buildkitd.toml` (`docs/buildkitd.toml.md`, `util/resolver`): mirrors of each registry, and
//! how hosts are asked.

use std::path::Path;

use ::url::{Host, Url};
use toml::de::DeTable;

use super::document::{Document, Flaw, Single, array, entries, flag, get, strings, table, text};
use super::place::{
    api_host, endpoint, hop, host_of, https, https_first, namespace, node, route, secure, url,
};
use super::{Error, advice, keys};
use crate::model::endpoint::{Namespace, Scheme, is_loopback};
use crate::model::node::{End, Hop, Node, Part, Runtime, Scope};
use crate::model::rewrite::Rewrite;
use crate::model::tls::{ClientFiles, TlsSettings, Verification};

/// What a file may hold at its top; all but the registries has no part in where images come from.
const TOP: [&str; 15] = [
    "registry",
    "debug",
    "trace",
    "root",
    "insecure-entitlements",
    "provenanceEnvDir",
    "log",
    "grpc",
    "otel",
    "worker",
    "dns",
    "cdi",
    "history",
    "frontend",
    "system",
];
const KEYS: [&str; 6] = ["mirrors", "http", "insecure", "ca", "keypair", "tlsconfigdir"];

/// Reads the file.
pub(super) fn read(path: &Path) -> Result<Node, Error> {
    let document = Document::read(path)?.advising(advice::BUILDKIT);
    parse(&document).map_err(|flaw| document.error(flaw))
}

pub(super) fn parse(document: &Document) -> Result<Node, Flaw> {
    let root = document.toml()?;
    let mut node = node(Runtime::Buildkit, &document.name);
    let unknown: Vec<_> = entries(&root).into_iter().map(|(name, at, _)| (name, at)).collect();
    let unknown: Vec<_> = unknown.into_iter().filter(|(name, _)| !TOP.contains(name)).collect();
    node.notes.extend(keys::tell(document, &unknown, |key| {
        let (shown, meant) = (keys::shown(key), keys::meant(key, &TOP));
        format!("BuildKit does not know '{shown}'{meant}: what it says is not used")
    }));
    frontends(&mut node, document, &root);
    let Some(registries) = get(&root, "registry") else { return Ok(node) };
    let registries = table(registries)?;
    for (name, at, value) in entries(registries) {
        let settings = table(value)?;
        let unmatched = keys::unmatched(name, "BuildKit");
        if let Some(text) = &unmatched {
            node.notes.push(document.note(at, text.as_str()));
            if name.contains('/') {
                continue;
            }
        }
        let mut route = route(document, at, Scope::Registry(name.to_ascii_lowercase().into()));
        for (mirror, at) in strings(settings, "mirrors", Single::Refused)? {
            let url = mirrored(mirror, at)?;
            let host = host_of(mirror);
            let root = format!("/v2{}", url.path().trim_end_matches('/'));
            let namespace = namespace(mirror, &route.scope);
            let asked = Asked { url, root, part: Part::Mirror, namespace, at };
            let of_host = get(registries, host).map(table).transpose()?;
            // What its own entry says of TLS is noted and told there.
            let mut aside = self::node(Runtime::Buildkit, &document.name);
            let hop = hosted(&mut aside, document, of_host, asked)?;
            let written = mirror.split_once("://").map(|(scheme, _)| scheme);
            let scheme = &hop.endpoint.authority.scheme;
            if written.is_some_and(|written| *written != **scheme) {
                let text = format!(
                    "BuildKit does not look at the scheme of a mirror: asked over {scheme}, unless http says otherwise in \
                     [registry.\"{}\"]",
                    keys::shown(host)
                );
                node.notes.push(document.note(at, text));
            }
            route.hops.push(hop);
        }
        let bad = || Flaw::new(at, format!("'{}' is not a registry", name.escape_debug()));
        let url = https(api_host(name)).ok_or_else(bad)?;
        let (root, namespace) = ("/v2".to_owned(), Namespace::Never);
        let asked = Asked { url, root, part: Part::Primary, namespace, at };
        let own = hosted(&mut node, document, Some(settings), asked)?;
        if get(settings, "http").is_some() || &*own.endpoint.authority.scheme == "http" {
            route.hops.push(own);
            route.end = End::Nothing;
        }
        let unknown: Vec<_> = entries(settings).into_iter().map(|(key, at, _)| (key, at)).collect();
        node.notes.extend(keys::unrepresented(document, &unknown, &KEYS));
        if let Some(folder) = get(settings, "tlsconfigdir") {
            let text = "tlsconfigdir is not represented: name its files as ca and keypair, or the folder with --certs-dir";
            node.notes.push(document.note(folder.span().start, text));
        }
        // What it says of the host itself counts where that is a mirror.
        node.routes.extend(Some(route).filter(|_| unmatched.is_none()));
    }
    Ok(node)
}

/// Where images named by `# syntax=` may come from.
fn frontends(node: &mut Node, document: &Document, root: &DeTable<'_>) {
    fn below<'t, 'a>(table: &'t DeTable<'a>, key: &str) -> Option<&'t DeTable<'a>> {
        get(table, key)?.get_ref().as_table()
    }
    let gateway = below(root, "frontend").and_then(|frontends| below(frontends, "gateway.v0"));
    if let Some(allowed) = gateway.and_then(|gateway| get(gateway, "allowedRepositories")) {
        let text =
            "allowedRepositories is not represented: BuildKit refuses images of `# syntax=` from elsewhere";
        node.notes.push(document.note(allowed.span().start, text));
    }
}

/// Its scheme is dropped (`extractMirrorHostAndPath`), whatever it is.
fn mirrored(text: &str, at: usize) -> Result<Url, Flaw> {
    url(&format!("https://{}", text.split_once("://").map_or(text, |(_, rest)| rest)), at)
}

/// A host with the path of its API, as it is written but for the scheme.
struct Asked {
    url: Url,
    root: String,
    part: Part,
    namespace: Namespace,
    at: usize,
}

/// How a host is asked by what its own entry says (`fillInsecureOpts`): this machine over http unless
/// `http = false` is said of it; what is insecure besides, over https first.
fn hosted(
    node: &mut Node,
    document: &Document,
    entry: Option<&DeTable<'_>>,
    Asked { url, root, part, namespace, at }: Asked,
) -> Result<Hop, Flaw> {
    let no_host = || Flaw::new(at, "no host");
    let what = match part {
        Part::Mirror => "mirrors, in listed order",
        Part::Primary => "the registry itself",
    };
    let settings = entry.map(|entry| tls(node, document, entry)).transpose()?.unwrap_or_default();
    let is_plain = match entry.filter(|entry| get(entry, "http").is_some()) {
        Some(entry) => flag(entry, "http")?,
        None => url.host().is_some_and(|host| is_this_machine(&host)),
    };
    let secured = endpoint(&url, &root, namespace, Rewrite::default()).ok_or_else(no_host)?;
    if !is_plain {
        secure(node, document, at, &url, settings);
        return Ok(hop(secured, part, what));
    }
    let plain = secured.over(Scheme::Http).ok_or_else(no_host)?;
    if settings.verification == Verification::Full {
        secure(node, document, at, &plain.url, settings);
        return Ok(hop(plain, part, format!("{what}, over http")));
    }
    let why = format!(
        "{what}; http and insecure: https without verification, then http (BuildKit of old: http only, or first)"
    );
    let mut both = hop(plain, part, why);
    https_first(node, document, at, &mut both, settings);
    Ok(both)
}

/// As `MatchLocalhost` sees it: names below `localhost` are none.
fn is_this_machine(host: &Host<&str>) -> bool {
    is_loopback(host) && !matches!(host, Host::Domain(name) if *name != "localhost")
}

fn tls(node: &mut Node, document: &Document, settings: &DeTable<'_>) -> Result<TlsSettings, Flaw> {
    let file = |name: &str| document.folder.join(name);
    let mut clients = Vec::new();
    if let Some(pairs) = get(settings, "keypair") {
        for pair in array(pairs)? {
            let at = pair.span().start;
            let pair = table(pair)?;
            let unknown: Vec<_> = entries(pair).into_iter().map(|(key, at, _)| (key, at)).collect();
            node.notes.extend(keys::unrepresented(document, &unknown, &["key", "cert"]));
            match (text(pair, "cert")?, text(pair, "key")?) {
                (Some((certificate, _)), Some((key, _))) => {
                    clients.push(ClientFiles { certificate: file(certificate), key: file(key) });
                }
                _ => return Err(Flaw::new(at, "a keypair has cert and key")),
            }
        }
        if clients.len() > 1 {
            let text = "only the first of several key pairs is shown by a check";
            node.notes.push(document.note(pairs.span().start, text));
        }
    }
    let ca_files = strings(settings, "ca", Single::Refused)?;
    Ok(TlsSettings {
        ca_files: ca_files.into_iter().map(|(name, _)| file(name)).collect(),
        client: clients.into_iter().next(),
        verification: if flag(settings, "insecure")? { Verification::Off } else { Verification::Full },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::node::Schemes;

    fn parsed(text: &str) -> Result<Node, Error> {
        let document = Document::of("buildkitd.toml".to_owned(), "/etc".into(), text);
        parse(&document).map_err(|flaw| document.error(flaw))
    }

    #[test]
    fn registries_that_no_image_can_be_of_are_told_and_match_none() {
        let document = Document::of(
            "buildkitd.toml".to_owned(),
            "".into(),
            "[registry.\"https://quay.io\"]\nmirrors = [\"m.example\"]\n[registry.\"Ghcr.io\"]\nmirrors = [\"m.example\"]\n\
             [registry.\"index.docker.io\"]\nmirrors = [\"m.example\"]\n[registry.\"gcr.io/x\"]\nca = [\"a\"]\n",
        );
        let node = parse(&document).unwrap();
        assert!(node.routes.is_empty() && node.tls.is_empty(), "{:?}", node.routes);
        let told: Vec<_> = node.notes.iter().map(|note| format!("{}: {}", note.place, note.text)).collect();
        for (note, (line, write)) in
            told.iter().zip([(1, "quay.io"), (3, "ghcr.io"), (5, "docker.io"), (7, "gcr.io")])
        {
            assert!(
                note.starts_with(&format!("buildkitd.toml:{line}: BuildKit finds this for no image: ")),
                "{note}"
            );
            assert!(note.contains(&format!("; write '{write}' in place of")), "{note}");
        }
        assert_eq!(told.len(), 4, "{told:#?}");
    }

    #[test]
    fn a_mirror_on_this_machine_is_asked_over_http_unless_something_else_is_said() {
        for (text, root) in [
            ("mirrors = [\"localhost:5000\"]", "http://localhost:5000/v2"),
            ("mirrors = [\"127.0.0.1:5000/p\"]", "http://127.0.0.1:5000/v2/p"),
            ("mirrors = [\"https://localhost:5000\"]", "http://localhost:5000/v2"),
            (
                "mirrors = [\"localhost:5000\"]\n[registry.\"localhost:5000\"]\nhttp = false",
                "https://localhost:5000/v2",
            ),
            (
                "mirrors = [\"localhost:5000\"]\n[registry.\"localhost:5000\"]\ninsecure = true",
                "http://localhost:5000/v2",
            ),
            ("mirrors = [\"m.example:5000\"]", "https://m.example:5000/v2"),
            ("mirrors = [\"http://m.example/x\"]", "https://m.example/v2/x"),
            (
                "mirrors = [\"https://m.example/x/\"]\n[registry.\"m.example\"]\nhttp = true",
                "http://m.example/v2/x",
            ),
            ("mirrors = [\"ftp://m.example\"]", "https://m.example/v2"),
        ] {
            let node = parsed(&format!("[registry.\"docker.io\"]\n{text}\n")).unwrap();
            assert_eq!(&*node.routes[0].hops[0].endpoint.api_root, root, "{text}");
            let said = text.split_once("[\"").and_then(|(_, rest)| rest.split_once("://"));
            let is_other = said.is_some_and(|(scheme, _)| !root.starts_with(&format!("{scheme}://")));
            let notes = format!("{:?}", node.notes);
            assert_eq!(notes.contains("does not look at the scheme"), is_other, "{text}: {notes}");
        }
    }

    #[test]
    fn what_is_insecure_and_http_is_asked_over_https_first() {
        let node = parsed(
            "[registry.\"docker.io\"]\nmirrors = [\"http://m.example/x\", \"n.example\", \"localhost:5000\"]\n\
             [registry.\"n.example\"]\ninsecure = true\nhttp = true\n[registry.\"localhost:5000\"]\ninsecure = true\n",
        )
        .unwrap();
        let hops = &node.route(&"nginx".parse().unwrap()).unwrap().hops;
        let schemes: Vec<_> = hops.iter().map(|hop| hop.schemes).collect();
        assert_eq!(schemes, [Schemes::AsWritten, Schemes::HttpsFirst, Schemes::HttpsFirst]);
        assert!(hops[1].why.starts_with("mirrors, in listed order; http and insecure: https"), "{hops:?}");
        let off = node.tls.iter().filter(|host| host.settings.verification == Verification::Off);
        assert_eq!(
            off.map(|host| host.authority.to_string()).collect::<Vec<_>>(),
            ["n.example", "localhost:5000"]
        );
        let told: Vec<_> = node.notes.iter().map(|note| format!("{}: {}", note.place, note.text)).collect();
        for (told, expected) in told.iter().zip([
            "buildkitd.toml:2: BuildKit does not look at the scheme of a mirror: asked over https, unless http says",
            "buildkitd.toml:3: n.example: http, and yet something is said of TLS: BuildKit asks it over https first",
            "buildkitd.toml:6: localhost:5000: http, and yet something",
        ]) {
            assert!(told.starts_with(expected), "{told}");
        }
        assert_eq!(told.len(), 3, "{told:?}");
    }

    #[test]
    fn a_mirrors_path_goes_behind_v2() {
        let node = parsed(
            "[registry.\"docker.io\"]\nmirrors = [\"yourmirror.local:5000/proxy.docker.io\", \"https://url/path/\", \"core.lan\"]\n\
             [registry.\"core.lan\"]\nhttp = true\n[registry.\"url\"]\ninsecure = true\nca = [\"ca.pem\"]\n\
             [[registry.\"url\".keypair]]\nkey = \"k\"\ncert = \"c\"\n",
        )
        .unwrap();
        let route = node.route(&"nginx".parse().unwrap()).unwrap();
        let roots: Vec<_> = route.hops.iter().map(|hop| &*hop.endpoint.api_root).collect();
        assert_eq!(
            roots,
            ["https://yourmirror.local:5000/v2/proxy.docker.io", "https://url/v2/path", "http://core.lan/v2"]
        );
        let [tls] = &node.tls[..] else { panic!("{:?}", node.tls) };
        assert_eq!((tls.settings.verification, tls.settings.client.is_some()), (Verification::Off, true));
        let own = node.route(&"core.lan/x".parse().unwrap()).unwrap();
        assert_eq!((&*own.hops[0].endpoint.api_root, own.end), ("http://core.lan/v2", End::Nothing));
    }

    #[test]
    fn a_mirror_on_the_registrys_own_host_is_not_told_the_namespace() {
        let of = |registry: &str, mirror: &str| {
            let node = parsed(&format!("[registry.\"{registry}\"]\nmirrors = [\"{mirror}\"]\n")).unwrap();
            node.routes[0].hops[0].endpoint.namespace
        };
        assert_eq!(of("m.io", "https://m.io/q"), Namespace::Never);
        assert_eq!(of("m.io", "m.io:443/q"), Namespace::Always);
        assert_eq!(of("docker.io", "registry-1.docker.io"), Namespace::Never);
        assert_eq!(of("docker.io", "mirror.gcr.io"), Namespace::Always);
    }

    #[test]
    fn what_cannot_be_meant_is_told_with_its_line() {
        for (text, part) in [
            ("[registry.\"docker.io\"]\nmirrors = \"x\"\n", "buildkitd.toml:2: expected a list"),
            (
                "[registry.\"docker.io\"]\nmirrors = [\"https://u:p@x\"]\n",
                "buildkitd.toml:2: the URL holds user-info",
            ),
            ("[[registry.\"a.io\".keypair]]\nkey = \"k\"\n", "buildkitd.toml:1: a keypair has cert and key"),
        ] {
            assert!(parsed(text).unwrap_err().to_string().starts_with(part), "{text}");
        }
    }
}
