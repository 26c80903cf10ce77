//! BuildKit's `buildkitd.toml` (`docs/buildkitd.toml.md`, `util/resolver`): mirrors of each registry, and
//! how hosts are asked.

use std::path::Path;

use toml::de::DeTable;

use super::document::{Document, Flaw, Single, array, entries, flag, get, strings, table, text};
use super::place::{api_host, endpoint, hop, https, node, route, secure, url};
use super::{Error, advice, keys};
use crate::model::endpoint::{Endpoint, Namespace, is_loopback};
use crate::model::node::{End, Node, Part, Runtime, Scope};
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
        let is_plain = flag(settings, "http")?;
        let mut route = route(document, at, Scope::Registry(name.to_ascii_lowercase().into()));
        for (mirror, at) in strings(settings, "mirrors", Single::Refused)? {
            let host = mirror.split_once("://").map_or(mirror, |(_, rest)| rest);
            let host = host.split('/').next().unwrap_or(host);
            // As BuildKit does: this machine is asked over http unless `http = false` is said of it.
            let is_local = https(host).and_then(|url| Some(is_loopback(&url.host()?))).unwrap_or(false);
            let of_host = get(registries, host).map(table).transpose()?;
            let is_plain = match of_host {
                Some(of_host) if get(of_host, "http").is_some() => flag(of_host, "http")?,
                _ => is_local,
            };
            let endpoint = mirrored(mirror, at, is_plain)?;
            let written = mirror.split_once("://").map(|(scheme, _)| scheme);
            if written.is_some_and(|written| *written != *endpoint.authority.scheme) {
                let text = format!(
                    "BuildKit does not look at the scheme of a mirror: asked over {}, unless http says otherwise in \
                     [registry.\"{}\"]",
                    endpoint.authority.scheme,
                    keys::shown(host)
                );
                node.notes.push(document.note(at, text));
            }
            // Where `http = true` is said of it, its own entry tells.
            if let Some(of_host) = of_host.filter(|of_host| is_local && get(of_host, "http").is_none()) {
                let tls = tls(&mut Node { notes: Vec::new(), ..node.clone() }, document, of_host)?;
                secure(&mut node, document, at, &endpoint.url, tls);
            }
            route.hops.push(hop(endpoint, Part::Mirror, "mirrors, in listed order"));
        }
        let host = api_host(name);
        let bad = || Flaw::new(at, format!("'{}' is not a registry", name.escape_debug()));
        if is_plain {
            let url = url(&format!("http://{host}"), at)?;
            let own = endpoint(&url, "/v2", Namespace::Never, Rewrite::default()).ok_or_else(bad)?;
            let tls = tls(&mut node, document, settings)?;
            secure(&mut node, document, at, &url, tls);
            route.hops.push(hop(own, Part::Primary, "the registry itself, http = true"));
            route.end = End::Nothing;
        } else {
            let url = https(host).ok_or_else(bad)?;
            let tls = tls(&mut node, document, settings)?;
            secure(&mut node, document, at, &url, tls);
        }
        let unknown: Vec<_> = entries(settings).into_iter().map(|(key, at, _)| (key, at)).collect();
        node.notes.extend(keys::unrepresented(document, &unknown, &KEYS));
        if let Some(folder) = get(settings, "tlsconfigdir") {
            let text = "tlsconfigdir is not represented: name its files as ca and keypair, or the folder with --certs-dir";
            node.notes.push(document.note(folder.span().start, text));
        }
        node.routes.push(route);
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

/// A path goes behind `/v2`; a scheme counts for nothing.
fn mirrored(text: &str, at: usize, is_plain: bool) -> Result<Endpoint, Flaw> {
    let scheme = if is_plain { "http" } else { "https" };
    if text.contains("://") {
        url(text, at)?;
    }
    let place = text.split_once("://").map_or(text, |(_, place)| place);
    let url = url(&format!("{scheme}://{place}"), at)?;
    let root = format!("/v2{}", url.path().trim_end_matches('/'));
    endpoint(&url, &root, Namespace::Always, Rewrite::default()).ok_or_else(|| Flaw::new(at, "no host"))
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

    fn parsed(text: &str) -> Result<Node, Error> {
        let document = Document::of("buildkitd.toml".to_owned(), "/etc".into(), text);
        parse(&document).map_err(|flaw| document.error(flaw))
    }

    #[test]
    fn a_mirror_on_this_machine_is_asked_over_http_unless_something_else_is_said() {
        for (text, root) in [
            ("mirrors = [\"localhost:5000\"]", "http://localhost:5000/v2"),
            ("mirrors = [\"127.0.0.1:5000/p\"]", "http://127.0.0.1:5000/v2/p"),
            ("mirrors = [\"https://localhost:5000\"]", "http://localhost:5000/v2"),
            ("mirrors = [\"http://m.example\"]", "https://m.example/v2"),
            (
                "mirrors = [\"https://m.example\"]\n[registry.\"m.example\"]\nhttp = true",
                "http://m.example/v2",
            ),
            (
                "mirrors = [\"localhost:5000\"]\n[registry.\"localhost:5000\"]\nhttp = false",
                "https://localhost:5000/v2",
            ),
            (
                "mirrors = [\"localhost:5000\"]\n[registry.\"localhost:5000\"]\ninsecure = true",
                "http://localhost:5000/v2",
            ),
            ("mirrors = [\"m.example:5000\"]", "https://m.example:5000/v2"),
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
    fn what_cannot_be_meant_is_told_with_its_line() {
        for (text, part) in [
            ("[registry.\"docker.io\"]\nmirrors = \"x\"\n", "buildkitd.toml:2: expected a list"),
            ("[registry.\"docker.io\"]\nmirrors = [\"ftp://x\"]\n", "buildkitd.toml:2: unsupported scheme"),
            ("[[registry.\"a.io\".keypair]]\nkey = \"k\"\n", "buildkitd.toml:1: a keypair has cert and key"),
        ] {
            assert!(parsed(text).unwrap_err().to_string().starts_with(part), "{text}");
        }
    }
}
