//! Prefixes and locations of `registries.conf`: what they stand for, and which of them no image's name begins with
//! (`sysregistriesv2`: `parseLocation`, `refMatchingPrefix`).

use super::super::document::Flaw;
use super::super::{advice, keys};
use crate::model::image::ImageRef;
use crate::model::node::Scope;

/// `host[:port][/path]`, without the slash at its end.
pub(super) fn location(text: &str, at: usize) -> Result<String, Flaw> {
    let text = text.trim_end_matches('/');
    if text.contains("://") {
        let why = format!("invalid location '{}': no scheme here", text.escape_debug());
        return Err(Flaw::new(at, why).advising(advice::LOCATION));
    }
    Ok(text.to_owned())
}

/// Only what begins with `*.` is a wildcard; any other star is a letter, which no name has.
pub(super) fn scope(prefix: &str, at: usize) -> Result<Scope, Flaw> {
    match prefix.strip_prefix('*').filter(|domain| domain.starts_with('.')) {
        None => Ok(Scope::Prefix(prefix.into())),
        Some(domain) if !domain.contains(['/', ':', '@']) => Ok(Scope::Subdomains(domain.into())),
        Some(_) => {
            let why = format!(
                "invalid prefix '{}': a wildcard is *.example.com, no port, no path",
                prefix.escape_debug()
            );
            Err(Flaw::new(at, why))
        }
    }
}

/// What to tell of a prefix that no image's name begins with: the file is read, and this does nothing.
pub(super) fn unmatched(prefix: &str, scope: &Scope) -> Option<String> {
    let is_matched = |name: &str| {
        name.parse::<ImageRef>().is_ok_and(|image| {
            scope.matched(&format!("{}/{}", image.registry(), image.repository())).is_some()
        })
    };
    let found = match scope {
        Scope::Subdomains(domain) => is_matched(&format!("a{domain}/x")),
        _ => is_matched(prefix) || is_matched(&format!("{prefix}/x")),
    };
    if found {
        return None;
    }
    let path = prefix.split_once('/').map_or("", |(_, path)| path);
    let why = if prefix.contains('*') {
        "a wildcard is *.example.com"
    } else if prefix.contains('@') || path.contains(':') {
        "names are matched without tag and digest"
    } else if path.bytes().any(|byte| byte.is_ascii_uppercase()) {
        "repositories are in lower case"
    } else if prefix == "index.docker.io" || prefix.starts_with("index.docker.io/") {
        "in names it is docker.io"
    } else if !prefix.contains(':') && format!("docker.io/{prefix}").parse::<ImageRef>().is_ok() {
        "names begin with their registry, such as docker.io/"
    } else {
        "a prefix is host[:port][/path]"
    };
    let prefix = keys::shown(prefix);
    // A port ends a prefix as well (`sysregistriesv2`).
    let used = match is_matched(&format!("{prefix}:1/x")) {
        true => format!(" but those of {prefix}:PORT"),
        false => ", so nothing here is used".to_owned(),
    };
    Some(format!("no image matches the prefix '{prefix}'{used}: {why}"))
}
