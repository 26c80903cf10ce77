//! k3s' and rke2's `registries.yaml` (k3s `docs`, `pkg/agent/containerd/config.go`): it becomes
//! containerd's `hosts.toml` when the node starts.

mod shape;

use std::collections::HashSet;
use std::fmt;
use std::marker::PhantomData;
use std::path::Path;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_saphyr::Spanned;

use super::document::{Document, Flaw};
use super::place::{api_host, endpoint, hop, host_of, https, https_first, namespace, node, secure, url};
use super::{Error, advice, keys};
use crate::model::access::HostLogin;
use crate::model::endpoint::{Authority, is_loopback};
use crate::model::node::{End, Hop, Node, Note, Part, Route, Runtime, Schemes, Scope};
use crate::model::rewrite::{Pattern, Rewrite};
use crate::model::secret::Secret;
use crate::model::tls::{ClientFiles, TlsSettings, Verification};
pub(super) use shape::{first_document, is_it};

/// A map in the order of the file.
struct Ordered<T>(Vec<(String, T)>);

impl<T> Default for Ordered<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Ordered<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = Ordered<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered<T>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Ordered(entries))
            }

            fn visit_unit<E>(self) -> Result<Ordered<T>, E> {
                Ok(Ordered(Vec::new()))
            }
        }
        deserializer.deserialize_any(Entries(PhantomData))
    }
}

#[derive(Default, Deserialize)]
#[serde(expecting = "a map")]
struct Settings {
    #[serde(default)]
    mirrors: Ordered<Option<Mirror>>,
    #[serde(default)]
    configs: Ordered<Option<Config>>,
}

#[derive(Default, Deserialize)]
#[serde(expecting = "a map")]
struct Mirror {
    #[serde(default)]
    endpoint: Vec<Spanned<String>>,
    #[serde(default)]
    rewrite: Ordered<Spanned<String>>,
}

#[derive(Default, Deserialize)]
#[serde(expecting = "a map")]
struct Config {
    auth: Option<Auth>,
    #[serde(default)]
    tls: Tls,
}

/// Secrets in the open: no `Debug`.
#[derive(Default, Deserialize)]
#[serde(expecting = "a map")]
struct Auth {
    username: Option<String>,
    password: Option<String>,
    auth: Option<String>,
    identity_token: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(expecting = "a map")]
struct Tls {
    cert_file: Option<String>,
    key_file: Option<String>,
    ca_file: Option<String>,
    insecure_skip_verify: Option<Spanned<bool>>,
}

impl Tls {
    fn skips(&self) -> bool {
        self.insecure_skip_verify.as_ref().is_some_and(|flag| flag.value)
    }
}

/// Reads the file.
pub(super) fn read(path: &Path) -> Result<Node, Vec<Error>> {
    let document = Document::read(path).map_err(|error| vec![error])?.advising(advice::K3S);
    parse(&document)
}

pub(super) fn parse(document: &Document) -> Result<Node, Vec<Error>> {
    let (text, next) = first_document(&document.text);
    let alone = Document::of(document.name.clone(), document.folder.clone(), text);
    let mut node = first(&alone.advising(document.hint()))?;
    let text = "not read: k3s reads the first document only, and another one begins here";
    node.notes.extend(next.map(|at| document.note(at, text)));
    Ok(node)
}

/// The first document, which is the only one in `document`.
fn first(document: &Document) -> Result<Node, Vec<Error>> {
    let settings = serde_saphyr::from_str::<Settings>(&document.text).map_err(|error| {
        let place = match error.location().map(|location| location.line()).filter(|line| *line > 0) {
            Some(line) => document.line(usize::try_from(line).unwrap_or(usize::MAX)),
            None => document.name.clone(),
        };
        vec![Error::unusable(place, shape::reason(document, &error), advice::K3S)]
    })?;
    let mut node = node(Runtime::K3s, &document.name);
    node.notes.extend(shape::unknown(document));
    let mut errors = Vec::new();
    let explicit = explicit(&settings.configs);
    for (registry, mirror) in settings.mirrors.0 {
        let unmatched = keys::unmatched(&registry, "k3s");
        if let Some(text) = &unmatched {
            node.notes.push(document.note(document.find(&registry), text.as_str()));
        }
        match route(&mut node, document, (&registry, &explicit), mirror.unwrap_or_default()) {
            Ok(route) => node.routes.extend(Some(route).filter(|_| unmatched.is_none())),
            Err(error) => errors.push(error),
        }
    }
    for (host, config) in settings.configs.0 {
        let at = document.find("configs:");
        let at = at + document.text.get(at..).and_then(|text| text.find(&host)).unwrap_or(0);
        let config = config.unwrap_or_default();
        if let Some(line) = shape::quoted(document, config.tls.insecure_skip_verify.as_ref()) {
            let why = "insecure_skip_verify: expected true or false, found a text in quotes";
            errors.push(Error::unusable(document.line(line), why, advice::K3S));
        }
        if let Err(flaw) = configure(&mut node, document, (&host, at), config) {
            errors.push(document.error(Flaw::new(at, flaw)));
        }
    }
    if errors.is_empty() { Ok(node) } else { Err(errors) }
}

/// Hosts of which something is said about TLS; in lower case.
fn explicit(configs: &Ordered<Option<Config>>) -> HashSet<String> {
    let is_said = |config: &Option<Config>| {
        config.as_ref().is_some_and(|Config { tls, .. }| {
            let files = [&tls.cert_file, &tls.key_file, &tls.ca_file];
            tls.skips() || files.into_iter().any(Option::is_some)
        })
    };
    let said = configs.0.iter().filter(|(_, config)| is_said(config));
    said.map(|(host, _)| host.to_ascii_lowercase()).collect()
}

fn patterns(
    node: &mut Node,
    document: &Document,
    key: &str,
    rules: &Ordered<Spanned<String>>,
) -> Result<Vec<Pattern>, Error> {
    let mut patterns = Vec::new();
    for (expression, to) in &rules.0 {
        let line = line_of(to);
        if let Some(group) =
            Pattern::new(expression, &to.value).ok().and_then(|pattern| pattern.missing_group())
        {
            let text = format!(
                "{key}: '{}' names a group '{}' that '{}' has not, so nothing is put there: a digit or letter \
                 behind a group needs ${{1}}",
                keys::shown(&to.value),
                keys::shown(&group),
                keys::shown(expression)
            );
            node.notes.push(Note { place: document.line(line).into(), text: text.into() });
        }
        let pattern = Pattern::new(expression, &to.value).map_err(|error| {
            let why = format!(
                "rewrite '{}' is no regular expression: {}",
                expression.escape_debug(),
                error.to_string().lines().last().unwrap_or_default().trim()
            );
            Error::unusable(document.line(line), why, advice::REGEX)
        })?;
        patterns.push(pattern);
    }
    Ok(patterns)
}

fn route(
    node: &mut Node,
    document: &Document,
    (registry, explicit): (&str, &HashSet<String>),
    mirror: Mirror,
) -> Result<Route, Error> {
    let key = registry.to_ascii_lowercase();
    let at = document.find(registry);
    let patterns = patterns(node, document, &key, &mirror.rewrite)?;
    if patterns.len() > 1 {
        let text =
            format!("{key}: k3s applies several rewrite rules in no fixed order; here in that of the file");
        node.notes.push(document.note(at, text));
    }
    if let Some((_, to)) = mirror.rewrite.0.first().filter(|_| mirror.endpoint.is_empty()) {
        let text =
            format!("{key}: a rewrite without an endpoint changes nothing: it is for the endpoints listed");
        node.notes.push(Note { place: document.line(line_of(to)).into(), text: text.into() });
    }
    if key.ends_with(":443") || key.ends_with(":80") {
        let text = format!("{key} is looked up only for images that are named with this port");
        node.notes.push(document.note(at, text));
    }
    let scope = if key == "*" { Scope::Any } else { Scope::Registry(key.clone().into()) };
    let own = normalise(api_host(&key)).ok().map(|(full, _)| full).filter(|_| key != "*");
    let mut route = Route {
        place: document.place(at).into(),
        scope,
        hops: Vec::new(),
        end: End::OwnRegistry,
        own: Schemes::AsWritten,
    };
    let mut seen = HashSet::new();
    for written in &mirror.endpoint {
        let line = line_of(written);
        let error = |why: String| Error::unusable(document.line(line), why, advice::URL);
        let (full, path) = normalise(&written.value).map_err(&error)?;
        if own.as_ref() == Some(&full) {
            let text = format!("{key}: an endpoint equal to the default one is dropped, with its rewrites");
            node.notes.push(Note { place: document.line(line).into(), text: text.into() });
            continue;
        }
        let url = url(&full, 0).map_err(|flaw| error(flaw.why))?;
        let namespace = namespace(&full, &route.scope);
        let rewrite = Rewrite { patterns: patterns.clone(), ..Rewrite::default() };
        let Some(found) = endpoint(&url, &path, namespace, rewrite) else {
            return Err(error("no host".to_owned()));
        };
        if !seen.insert(full.clone()) {
            let text = format!("{key}: an endpoint that stands there before is dropped");
            node.notes.push(Note { place: document.line(line).into(), text: text.into() });
            continue;
        }
        let mut hop = hop(found, Part::Mirror, "endpoints, in listed order");
        if url.scheme() == "http" && explicit.contains(&host_of(&full).to_ascii_lowercase()) {
            said_of_tls(node, document, (document.start_of(line), &full), &mut hop);
        }
        route.hops.push(hop);
    }
    Ok(route)
}

/// An http endpoint with TLS settings: only a port 80 that is written keeps containerd from https.
fn said_of_tls(node: &mut Node, document: &Document, (at, full): (usize, &str), hop: &mut Hop) {
    if host_of(full).ends_with(":80") {
        let text = format!("{full}: TLS settings for a host that is asked over plain http: not used");
        node.notes.push(document.note(at, text));
    } else {
        https_first(node, document, at, hop, TlsSettings::default());
    }
}

fn line_of(value: &Spanned<String>) -> usize {
    usize::try_from(value.referenced.line()).unwrap_or(usize::MAX)
}

/// The URL with its scheme, and its API root; every path but the usual ones stands for `/v2`.
fn normalise(text: &str) -> Result<(String, String), String> {
    let full = if text.contains("://") {
        text.to_owned()
    } else {
        let host = https(host_of(text)).ok_or("not a host")?;
        let has_other_port = host.port().is_some();
        let is_local = host.host().is_some_and(|host| is_loopback(&host));
        format!("{}://{text}", if is_local && has_other_port { "http" } else { "https" })
    };
    let (scheme, rest) = full.split_once("://").ok_or("not a URL")?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    // k3s compares what is written: `/v2/` is another place than the default one, and gets its rewrites.
    let written = if matches!(path, "" | "v2") { "v2" } else { path };
    let root = written.trim_end_matches('/');
    let root = if root.is_empty() { String::new() } else { format!("/{root}") };
    Ok((format!("{scheme}://{host}/{written}"), root))
}

fn configure(
    node: &mut Node,
    document: &Document,
    (host, at): (&str, usize),
    config: Config,
) -> Result<(), String> {
    let (place, key) = (document.place(at), host.to_ascii_lowercase());
    let asked = https(api_host(&key)).filter(|_| key != "*");
    if let (Some(auth), Some(url)) = (config.auth, &asked)
        && let Some(authority) = Authority::of(url)
    {
        let secret = |text: Option<String>| text.filter(|text| !text.is_empty()).map(Secret::new);
        node.logins.push(HostLogin {
            place: format!("{place} (configs)").into(),
            host: authority.to_string().into(),
            user: auth.username.filter(|name| !name.is_empty()).map(Into::into),
            password: secret(auth.password),
            auth: secret(auth.auth),
            identity_token: secret(auth.identity_token),
        });
    }
    let file = |name: String| document.folder.join(name);
    let verification = if config.tls.skips() { Verification::Off } else { Verification::Full };
    let client = match (config.tls.cert_file, config.tls.key_file) {
        (Some(certificate), Some(key)) => {
            Some(ClientFiles { certificate: file(certificate), key: file(key) })
        }
        (None, None) => None,
        _ => return Err(format!("{host}: cert_file and key_file belong together")),
    };
    let settings =
        TlsSettings { ca_files: config.tls.ca_file.map(file).into_iter().collect(), client, verification };
    match asked {
        Some(url) => secure(node, document, at, &url, settings),
        None => {
            let text = format!("configs of '{}' are not represented: no host[:port]", keys::shown(host));
            node.notes.push(document.note(at, text));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Node, Vec<Error>> {
        parse(&Document::of("registries.yaml".to_owned(), "/etc".into(), text))
    }

    fn told(text: &str) -> Vec<String> {
        let notes = parsed(text).unwrap().notes;
        notes.iter().map(|note| format!("{}: {}", note.place, note.text)).collect()
    }

    #[test]
    fn keys_that_match_no_image_and_rewrites_of_no_endpoint_are_told() {
        let notes = told(
            "mirrors:\n  \"https://quay.io\": {endpoint: [\"https://x.example\"]}\n  index.docker.io: {endpoint: [x]}\n  \
             Gcr.io: {endpoint: [x]}\n  ghcr.io:\n    rewrite:\n      \"a\": \"b\"\n",
        );
        let expected = [
            "registries.yaml:2: k3s finds this for no image: a registry is a host without a scheme; write 'quay.io'",
            "registries.yaml:3: k3s finds this for no image: images of Docker Hub are looked up as docker.io",
            "registries.yaml:4: k3s finds this for no image: capitals count",
            "registries.yaml:7: ghcr.io: a rewrite without an endpoint changes nothing",
        ];
        assert_eq!(notes.len(), expected.len(), "{notes:#?}");
        for (note, expected) in notes.iter().zip(expected) {
            assert!(note.starts_with(expected), "{note}");
        }
        let node = parsed("mirrors:\n  Gcr.io: {endpoint: [x]}\n").unwrap();
        assert!(node.route(&"gcr.io/a/b".parse().unwrap()).is_none());
    }

    #[test]
    fn only_the_first_document_is_read_and_the_next_one_told() {
        let one = "mirrors:\n  quay.io: {endpoint: [x.example]}\n";
        for (text, line) in [
            (format!("{one}---\nmirrors: {{}}\n"), Some(3)),
            (format!("%YAML 1.1\n--- # first\n{one}--- {{}}\n"), Some(5)),
            (format!("{one}...\n# done\nmirrors: {{}}\n"), Some(3)),
            (format!("# none\n---\n{one}---\n# nothing\n"), None),
            (format!("---\n{one}...\n"), None),
            (format!("{one}  a.io: {{endpoint: [a]}} # ---\n"), None),
        ] {
            let node = parsed(&text).unwrap();
            assert_eq!(node.route(&"quay.io/a/b".parse().unwrap()).unwrap().hops.len(), 1, "{text}");
            let told = told(&text);
            let expected = line.map(|line| {
                format!("registries.yaml:{line}: not read: k3s reads the first document only, and another one begins here")
            });
            assert_eq!(told, expected.into_iter().collect::<Vec<_>>(), "{text}");
        }
    }

    #[test]
    fn what_is_over_the_bound_and_what_is_no_flag_is_told_as_such() {
        let levels = "abcdefghi".as_bytes().windows(2).map(|two| {
            let [above, name] = [two[0] as char, two[1] as char];
            format!("{name}: &{name} [{}]\n", vec![format!("*{above}"); 9].join(","))
        });
        let bomb = format!(
            "a: &a [x,x,x,x,x,x,x,x,x]\n{}mirrors: {{quay.io: {{endpoint: *i}}}}\n",
            levels.collect::<String>()
        );
        let error = |text: &str| parsed(text).unwrap_err()[0].to_string();
        assert!(
            error(&bomb).ends_with("over the bound: aliases or nesting make more of it than is read"),
            "{}",
            error(&bomb)
        );
        for (flag, is_read) in
            [("yes", true), ("true", true), ("\"yes\"", false), ("'true'", false), ("\"no\"", false)]
        {
            let text = format!("configs:\n  x.example:\n    tls: {{insecure_skip_verify: {flag}}}\n");
            match parsed(&text) {
                Ok(node) => assert!(is_read && node.tls.len() == 1, "{flag}"),
                Err(errors) => {
                    let expected = "registries.yaml:3: insecure_skip_verify: expected true or false, found a text in quotes";
                    assert!(!is_read, "{flag}");
                    assert_eq!(errors[0].to_string(), expected);
                }
            }
        }
    }

    #[test]
    fn a_path_stands_for_v2_unless_it_is_none() {
        for (text, full) in [
            ("https://h", "https://h/v2"),
            ("https://h/", "https://h/v2"),
            ("https://h/v2", "https://h/v2"),
            ("https://h/v2/", "https://h/v2/"),
            ("https://b.example/hub", "https://b.example/hub"),
            ("https://b.example/v2/hub", "https://b.example/v2/hub"),
            ("reg.example:5000", "https://reg.example:5000/v2"),
            ("localhost:5000", "http://localhost:5000/v2"),
            ("127.0.0.1:5000/x", "http://127.0.0.1:5000/x"),
            ("localhost:443", "https://localhost:443/v2"),
            ("localhost", "https://localhost/v2"),
        ] {
            assert_eq!(normalise(text).unwrap().0, full, "{text}");
        }
    }

    const NODE: &str = r#"
mirrors:
  docker.io:
    endpoint: ["https://reg.example:5000", "https://b.example/v2/hub", "https://registry-1.docker.io/v2"]
    rewrite: {"^rancher/(.*)": "mirrorproject/rancher-images/$1"}
  quay.io:
    endpoint:
      - https://quay.io:443/v2
    rewrite:
      "^(.*)$": "${1}x"
  "*": {endpoint: ["https://any.example"]}
configs:
  "reg.example:5000":
    auth: {username: u, password: hunter2}
    tls: {cert_file: /c, key_file: /k, ca_file: /ca, insecure_skip_verify: true}
"#;

    #[test]
    fn endpoints_rewrites_and_configs_reach_their_places() {
        let node = parsed(NODE).unwrap();
        let asked = |image: &str| {
            let image: crate::model::image::ImageRef = image.parse().unwrap();
            let hops = node.route(&image).unwrap().hops.iter();
            hops.map(|hop| {
                let name = hop.endpoint.repository(&image).unwrap();
                hop.endpoint.manifest_url(&image, &name, image.manifest_ref())
            })
            .collect::<Vec<_>>()
        };
        assert_eq!(
            asked("rancher/pause:1"),
            [
                "https://reg.example:5000/v2/mirrorproject/rancher-images/pause/manifests/1?ns=docker.io",
                "https://b.example/v2/hub/mirrorproject/rancher-images/pause/manifests/1?ns=docker.io",
            ]
        );
        assert_eq!(asked("nginx:1")[0], "https://reg.example:5000/v2/library/nginx/manifests/1?ns=docker.io");
        assert_eq!(asked("quay.io/a/b:1"), ["https://quay.io/v2/a/bx/manifests/1?ns=quay.io"]);
        assert_eq!(asked("ghcr.io/a/b:1"), ["https://any.example/v2/a/b/manifests/1?ns=ghcr.io"]);
        let [tls] = &node.tls[..] else { panic!("{:?}", node.tls) };
        assert_eq!(tls.authority.to_string(), "reg.example:5000");
        assert_eq!((tls.settings.verification, tls.settings.ca_files.len()), (Verification::Off, 1));
        let [login] = &node.logins[..] else { panic!("{:?}", node.logins) };
        assert_eq!((&*login.place, &*login.host), ("registries.yaml:13 (configs)", "reg.example:5000"));
        assert_eq!(login.password.as_ref().map(Secret::expose), Some("hunter2"));
        assert!(!format!("{node:?}").contains("hunter2"));
        let notes = format!("{:?}", node.notes);
        assert!(notes.contains("registries.yaml:4") && notes.contains("equal to the default"), "{notes}");
    }

    #[test]
    fn broken_files_are_told_with_their_line_and_no_secret() {
        for (text, part) in [
            (
                "mirrors:\n  a.io:\n    rewrite:\n      \"^(\": \"x\"\n",
                "registries.yaml:4: rewrite '^(' is no regular expression",
            ),
            (
                "mirrors:\n  a.io:\n    endpoint: [\"ftp://x\"]\n",
                "registries.yaml:3: unsupported scheme 'ftp'",
            ),
            (
                "mirrors:\n  a.io:\n    endpoint: 5: 6\n",
                "registries.yaml:3: a value of the wrong kind: expected a list",
            ),
            ("mirrors:\n\ta.io: {}\n", "registries.yaml:2: a tab in front"),
            (
                "configs:\n  a.io:\n    tls: {cert_file: /c}\n",
                "registries.yaml:2: a.io: cert_file and key_file",
            ),
            ("configs:\n  a.io:\n    auth: {password: hunter2\n", "registries.yaml"),
            ("mirrors:\n  a.io:\n    endpoint: \"https://m\n", "registries.yaml:4: invalid YAML: "),
            ("mirrors: {}\nmirrors: {}\n", "registries.yaml:2: the same key twice"),
            (
                "mirrors:\n  a.io:\n    endpoint: https://x\n",
                "registries.yaml:3: a value of the wrong kind: expected a list",
            ),
        ] {
            let Err(errors) = parsed(text) else { panic!("{text}") };
            let shown = errors[0].to_string();
            assert!(shown.starts_with(part) && !shown.contains("hunter2"), "{text}\n{shown}");
        }
    }

    #[test]
    fn keys_that_k3s_drops_are_notes_and_not_used() {
        let node = parsed(
            "mirror: {}\nmirrors:\n  docker.io:\n    endpoints: [https://m.example]\n    bogus: 1\n\
             configs:\n  m.example:\n    auth: {identityToken: hunter2}\n    tls:\n      bogus: true\n",
        )
        .unwrap();
        assert!(node.routes[0].hops.is_empty(), "{:?}", node.routes);
        assert!(node.logins[0].identity_token.is_none());
        let told: Vec<_> = node.notes.iter().map(|note| format!("{}: {}", note.place, note.text)).collect();
        let rest = |known: &str| format!("(only {known}): what it says is not used");
        assert_eq!(
            told,
            [
                format!("registries.yaml:1: k3s does not know `mirror` {}", rest("mirrors, configs")),
                format!("registries.yaml:4: k3s does not know `endpoints` {}", rest("endpoint, rewrite")),
                format!("registries.yaml:5: k3s does not know `bogus` {}", rest("endpoint, rewrite")),
                format!(
                    "registries.yaml:8: k3s does not know `identityToken` {}",
                    rest("username, password, auth, identity_token")
                ),
                format!(
                    "registries.yaml:10: k3s does not know `bogus` {}",
                    rest("cert_file, key_file, ca_file, insecure_skip_verify")
                ),
            ]
        );
        assert!(parsed(NODE).unwrap().notes.iter().all(|note| !note.text.contains("does not know")));
    }

    #[test]
    fn empty_files_and_entries_ask_the_default_endpoint() {
        assert!(parsed("mirrors:\nconfigs:\n").unwrap().routes.is_empty());
        let node = parsed("mirrors:\n  docker.io:\n").unwrap();
        assert_eq!((node.routes[0].hops.len(), node.routes[0].end), (0, End::OwnRegistry));
    }
}
