//! One `hosts.toml`: its hosts in the order of the file, then the server (containerd `parseHostsFile`, `parseHostConfig`). A flaw in it
//! makes the whole file invalid.

use http::{HeaderName, HeaderValue};
use toml::de::{DeTable, DeValue};

use super::super::document::{
    Document, Flaw, Single, Value, array, entries, flag, get, string, strings, table, text,
};
use super::super::place::{
    api_host, endpoint, hop, host_of, https, https_first, namespace, route, secure, url,
};
use super::super::{duration, keys};
use crate::model::access::HostHeaders;
use crate::model::endpoint::{Accepts, Scheme};
use crate::model::node::{End, Hop, Node, Part, Route, Schemes, Scope};
use crate::model::rewrite::Rewrite;
use crate::model::secret::Secret;
use crate::model::tls::{ClientFiles, TlsSettings, Verification};

/// The route that the file is for the images of `scope`.
pub(in crate::mirrors) fn hosts(node: &mut Node, document: &Document, scope: Scope) -> Result<Route, Flaw> {
    let root = document.toml()?;
    let mut route = route(document, 0, scope);
    if let Some(hosts) = get(&root, "host") {
        for (name, at, value) in entries(table(hosts)?) {
            if !has_header(document, value) {
                let text = format!(
                    "host left out: '{}' stands behind a key or a =, and containerd (since 2.0) asks only hosts with a \
                     line [host.\"…\"]",
                    keys::shown(host_of(&asked(name)))
                );
                node.notes.push(document.note(at, text));
                let unasked = table(value)?;
                // Values of the wrong kind make the file invalid all the same.
                strings(unasked, "capabilities", Single::Refused)?;
                flag(unasked, "override_path")?;
                flag(unasked, "skip_verify")?;
                continue;
            }
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

/// Whether containerd finds the host of this table: it goes by the headers `[host."…"]` and those of tables within
/// (`getSortedHosts`), not by what stands behind a `=`.
fn has_header(document: &Document, value: &Value<'_>) -> bool {
    let Some(table) = value.get_ref().as_table() else { return false };
    document.text.get(value.span().start..).is_some_and(|text| text.starts_with('['))
        || entries(table).into_iter().any(|(_, _, inner)| has_header(document, inner))
}

/// Of a URL as it is written, what containerd asks: neither user-info nor query (`parseHostConfig`).
fn asked(written: &str) -> String {
    let full = if written.starts_with("http") { written.to_owned() } else { format!("https://{written}") };
    let Some((scheme, rest)) = full.split_once("://") else {
        return full.rsplit('@').next().unwrap_or_default().to_owned();
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = authority.rsplit('@').next().unwrap_or(authority);
    let path = path.find(['?', '#']).map_or(path, |end| &path[..end]);
    format!("{scheme}://{host}{path}")
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
    let full = asked(written);
    let url = match url(&full, at) {
        Ok(url) => url,
        Err(flaw) => {
            node.notes.push(document.note(at, format!("host left out: {}", flaw.why)));
            return Ok(None);
        }
    };
    if !full.ends_with(written) {
        let text = format!(
            "{full}: containerd drops user-info, query and fragment of a URL; credentials are told to it elsewhere"
        );
        node.notes.push(document.note(at, text));
    }
    let path = clean(url.path());
    let path = if overridden || path.ends_with("/v2") { path } else { format!("{path}/v2") };
    let namespace = namespace(&full, scope);
    let Some(mut endpoint) = endpoint(&url, &path, namespace, Rewrite::default()) else { return Ok(None) };
    endpoint.accepts = accepts;
    if accepts == Accepts::Nothing {
        let text =
            format!("{}: not used for pulls: its capabilities do not name \"pull\"", endpoint.authority);
        node.notes.push(document.note(at, text));
    }
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
