//! What all importers make of a host: an endpoint, and its TLS settings.

use std::sync::Arc;

use ::url::Url;

use super::advice;
use super::document::{Document, Flaw};
use crate::model::endpoint::{Accepts, Authority, Endpoint, Namespace, Role, Scheme};
use crate::model::image::DOCKER_HUB;
use crate::model::node::{End, Hop, Node, Part, Route, Rules, Runtime, Schemes, Scope, ShortNames};
use crate::model::rewrite::Rewrite;
use crate::model::tls::{HostTls, TlsSettings};

/// Where Docker Hub's API is.
pub(super) const HUB_HOST: &str = "registry-1.docker.io";

pub(super) fn node(runtime: Runtime, source: &str) -> Node {
    let rules = match runtime {
        Runtime::Containerd | Runtime::K3s | Runtime::Buildkit => Rules::Containerd,
        Runtime::Docker => Rules::Dockerd,
        Runtime::Containers => Rules::Containers,
    };
    Node {
        runtime,
        rules,
        source: source.into(),
        routes: Vec::new(),
        short_names: ShortNames::default(),
        tls: Vec::new(),
        networks: Vec::new(),
        headers: Vec::new(),
        logins: Vec::new(),
        notes: Vec::new(),
    }
}

pub(super) fn route(document: &Document, at: usize, scope: Scope) -> Route {
    Route {
        place: document.place(at).into(),
        scope,
        hops: Vec::new(),
        end: End::OwnRegistry,
        own: Schemes::AsWritten,
    }
}

/// The host that has the API of `registry`.
pub(super) fn api_host(registry: &str) -> &str {
    if registry == DOCKER_HUB { HUB_HOST } else { registry }
}

/// What stands between scheme and path, as it is written.
pub(super) fn host_of(text: &str) -> &str {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

/// Whether containerd's resolver sends `?ns=` to a host of `scope`: it compares the hosts as they are written, with
/// their ports (`RegistryHost.isProxy`).
pub(super) fn namespace(text: &str, scope: &Scope) -> Namespace {
    let host = host_of(text);
    match scope {
        Scope::Registry(registry) if host.eq_ignore_ascii_case(registry) => Namespace::Never,
        Scope::Registry(registry) if **registry == *DOCKER_HUB && host == HUB_HOST => Namespace::Never,
        Scope::Registry(_) => Namespace::Always,
        _ => Namespace::AsProxy,
    }
}

/// Reads an http or https URL with nothing in it that an API root cannot have. No secret is repeated.
pub(super) fn url(text: &str, at: usize) -> Result<Url, Flaw> {
    let flaw = |why: &str| Flaw::new(at, why.to_owned()).advising(advice::URL);
    // What reads URLs for browsers passes over these, and takes `https:///x` for the host x; Go does neither.
    if text.trim() != text || text.contains(|letter: char| letter.is_control()) {
        return Err(flaw("not a URL: a blank in front of it or behind it, or a control character"));
    }
    if text.split_once("://").is_some_and(|(_, rest)| rest.starts_with(['/', '\\', '?', '#'])) {
        return Err(flaw("not a URL: no host"));
    }
    let url = Url::parse(text)
        .map_err(|error| Flaw::new(at, format!("not a URL: {error}")).advising(advice::URL))?;
    match url.scheme() {
        "http" | "https" => {}
        other => return Err(flaw(&format!("unsupported scheme '{other}': use http:// or https://"))),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(flaw("the URL holds user-info"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(flaw("the URL has a query or fragment"));
    }
    Ok(url)
}

/// An endpoint whose API root is `path` on the host of `url`.
pub(super) fn endpoint(url: &Url, path: &str, namespace: Namespace, rewrite: Rewrite) -> Option<Endpoint> {
    let authority = Authority::of(url)?;
    let mut shown = url.clone();
    let trimmed = url.path().trim_end_matches('/').to_owned();
    shown.set_path(&trimmed);
    Some(Endpoint {
        name: format!("{authority}{trimmed}").into(),
        api_root: format!("{}{path}", url.origin().ascii_serialization()).into(),
        url: shown,
        authority,
        role: Role::Mirror,
        rewrite,
        namespace,
        accepts: Accepts::All,
        seen: None,
    })
}

pub(super) fn hop(endpoint: Endpoint, part: Part, why: impl Into<Box<str>>) -> Hop {
    Hop {
        endpoint: Arc::new(endpoint),
        part,
        why: why.into(),
        headers: Vec::new(),
        schemes: Schemes::AsWritten,
        registry: None,
    }
}

/// Notes how a host is asked over TLS; the first word on a host counts.
pub(super) fn secure(node: &mut Node, document: &Document, at: usize, host: &Url, settings: TlsSettings) {
    let Some(authority) = Authority::of(host) else { return };
    if settings == TlsSettings::default() {
        return;
    }
    if host.scheme() != "https" {
        let text = format!("{authority}: TLS settings for a host that is asked over plain http: not used");
        node.notes.push(document.note(at, text));
        return;
    }
    match node.tls.iter().find(|known| known.authority == authority) {
        Some(known) if known.settings == settings => {}
        Some(known) => {
            let text = format!("{authority} has other TLS settings at {}: those are used", known.place);
            node.notes.push(document.note(at, text));
        }
        None => node.tls.push(HostTls { place: document.place(at).into(), authority, settings }),
    }
}

/// Turns an endpoint that is written as http into one that the runtime asks over https first: what is said of
/// TLS holds for that, and a check asks it as it is written.
pub(super) fn https_first(
    node: &mut Node,
    document: &Document,
    at: usize,
    hop: &mut Hop,
    settings: TlsSettings,
) {
    let Some(secured) = hop.endpoint.over(Scheme::Https) else { return };
    hop.schemes = Schemes::HttpsFirst;
    let text = format!(
        "{}: http, and yet something is said of TLS: {} asks it over https first, then over http; a check asks it over \
         http only",
        hop.endpoint.authority,
        node.runtime.program()
    );
    node.notes.push(document.note(at, text));
    secure(node, document, at, &secured.url, settings);
}

/// The URL of a host that stands in a configuration without scheme or path.
pub(super) fn https(host: &str) -> Option<Url> {
    Url::parse(&format!("https://{host}")).ok().filter(|url| matches!(url.path(), "" | "/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_browser_would_mend_is_no_url() {
        for (text, why) in [
            ("https:///x", "no host"),
            ("https://\\x", "no host"),
            (" https://x", "a blank"),
            ("https://x ", "a blank"),
            ("https://x\t.example", "a blank"),
            ("https://", "empty host"),
        ] {
            let flaw = url(text, 0).unwrap_err();
            assert!(flaw.why.starts_with("not a URL: ") && flaw.why.contains(why), "{text}: {}", flaw.why);
        }
        assert!(url("https://x/a//b", 0).is_ok());
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
}
