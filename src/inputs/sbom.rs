//! SBOMs in JSON: CycloneDX components of the type `container`, SPDX 2 packages, by their package URL or name.
//!
//! The package URLs are `pkg:oci/NAME@DIGEST?repository_url=…&tag=…` and `pkg:docker/…` (purl-spec,
//! `types/oci` and `types/docker`). Where the repository is not named, only the maker of the SBOM knows it.

use super::found::{Found, Spot};
use super::key_path::KeyPath;
use super::yaml::{Budget, Node};

/// Components inside components, as far as anybody could mean it.
const MAX_DEPTH: usize = 16;

/// Whether it says that it is one.
pub(super) fn is_it(root: &Node) -> bool {
    root.str("bomFormat") == Some("CycloneDX") || root.str("spdxVersion").is_some()
}

pub(super) fn read(root: &Node, budget: &Budget, found: &mut Found<'_>) {
    let top = KeyPath::ROOT;
    if let Some(component) = root.at(&["metadata", "component"]) {
        self::component(component, &top.key("metadata").key("component"), MAX_DEPTH, budget, found);
    }
    components(root, &top, MAX_DEPTH, budget, found);
    let Some(packages) = root.get("packages") else { return };
    let path = top.key("packages");
    for (at, package) in packages.items(budget) {
        self::package(package, &path.index(at), budget, found);
    }
}

fn components(node: &Node, path: &KeyPath<'_>, depth: usize, budget: &Budget, found: &mut Found<'_>) {
    let Some(components) = node.get("components").filter(|_| depth > 0) else { return };
    let path = path.key("components");
    for (at, component) in components.items(budget) {
        self::component(component, &path.index(at), depth - 1, budget, found);
    }
}

fn component(node: &Node, path: &KeyPath<'_>, depth: usize, budget: &Budget, found: &mut Found<'_>) {
    let is_taken = node.get("purl").is_some_and(|purl| take_purl(purl, &path.key("purl"), found));
    if !is_taken && node.str("type") == Some("container") {
        named(node, node.str("version"), &path.key("name"), found);
    }
    components(node, path, depth, budget, found);
}

fn package(node: &Node, path: &KeyPath<'_>, budget: &Budget, found: &mut Found<'_>) {
    let mut is_taken = false;
    if let Some(references) = node.get("externalRefs") {
        let path = path.key("externalRefs");
        for (at, reference) in references.items(budget) {
            if reference.str("referenceType") == Some("purl")
                && let Some(purl) = reference.get("referenceLocator")
            {
                is_taken |= take_purl(purl, &path.index(at).key("referenceLocator"), found);
            }
        }
    }
    if !is_taken && node.str("primaryPackagePurpose") == Some("CONTAINER") {
        named(node, node.str("versionInfo"), &path.key("name"), found);
    }
}

/// `name` is the image, with its tag or without, below CycloneDX's `group`; the version is a tag or a digest.
fn named(node: &Node, version: Option<&str>, path: &KeyPath<'_>, found: &mut Found<'_>) {
    let Some((name, text)) = node.get("name").and_then(|name| Some((name, name.text()?))) else { return };
    let grouped = match node.str("group").map(|group| group.trim_end_matches('/')) {
        Some(group) if !group.is_empty() && !text.starts_with(&format!("{group}/")) => {
            format!("{group}/{text}")
        }
        _ => text.to_owned(),
    };
    let has_tag = text.rsplit('/').next().is_some_and(|last| last.contains([':', '@']));
    let whole = match version {
        Some(digest) if is_digest(digest) && !text.contains('@') => format!("{grouped}@{digest}"),
        Some(tag) if !has_tag && !tag.is_empty() => format!("{grouped}:{tag}"),
        _ => grouped,
    };
    found.image(Spot::of(name, path), text, &whole);
}

fn is_digest(text: &str) -> bool {
    text.starts_with("sha256:") || text.starts_with("sha512:")
}

/// Whether it is the package URL of an image.
fn take_purl(node: &Node, path: &KeyPath<'_>, found: &mut Found<'_>) -> bool {
    let Some(text) = node.text() else { return false };
    let Some((kind, rest)) = text.strip_prefix("pkg:").and_then(|rest| rest.split_once('/')) else {
        return false;
    };
    let spot = Spot::of(node, path);
    match purl(kind, rest) {
        None => return false,
        Some(Some(name)) => found.image(spot, text, &name),
        Some(None) => found.dynamic(spot, text, "its repository is not named".to_owned()),
    }
    true
}

/// The image; nothing inside where its repository is not named, nothing at all for other packages.
fn purl(kind: &str, rest: &str) -> Option<Option<String>> {
    let rest = rest.split('#').next()?;
    let (path, qualifiers) = rest.split_once('?').unwrap_or((rest, ""));
    let (name, version) = match path.rsplit_once('@') {
        Some((name, version)) => (decoded(name), decoded(version)),
        None => (decoded(path), String::new()),
    };
    let qualifier = |key: &str| {
        let values = qualifiers.split('&').filter_map(|pair| pair.split_once('='));
        values.filter(|(name, _)| *name == key).map(|(_, value)| decoded(value)).next()
    };
    let registry = qualifier("repository_url").map(|url| {
        let bare = url.split_once("://").map_or(&*url, |(_, bare)| bare);
        bare.trim_end_matches('/').to_owned()
    });
    let whole = match (kind, registry) {
        // The whole name with its registry stands there.
        ("oci", Some(repository)) => repository,
        ("oci", None) => return Some(None),
        ("docker", None) => name,
        ("docker", Some(registry)) => format!("{registry}/{name}"),
        _ => return None,
    };
    let tag = qualifier("tag").or_else(|| (!is_digest(&version)).then(|| version.clone()));
    let mut whole = whole;
    if let Some(tag) = tag.filter(|tag| !tag.is_empty()) {
        whole.extend([":", &tag]);
    }
    if is_digest(&version) {
        whole.extend(["@", &version]);
    }
    Some(Some(whole))
}

/// Without its percent signs (RFC 3986 section 2.1); what is no such escape stays.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let digit = |at: usize| behind.get(at).and_then(|b| char::from(*b).to_digit(16));
        match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(u8::try_from(high * 16 + low).unwrap_or_default());
                rest = &behind[2..];
            }
            _ => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_urls_are_images_where_they_name_a_repository() {
        let digest = "a".repeat(64);
        let read = |text: &str| {
            let (kind, rest) = text.split_once('/').unwrap();
            purl(kind, rest)
        };
        for (text, expected) in [
            (
                format!("oci/app@sha256%3A{digest}?arch=amd64&repository_url=ghcr.io/org/app&tag=1.2"),
                format!("ghcr.io/org/app:1.2@sha256:{digest}"),
            ),
            (
                format!("oci/debian@sha256:{digest}?repository_url=docker.io%2Flibrary%2Fdebian"),
                format!("docker.io/library/debian@sha256:{digest}"),
            ),
            ("docker/cassandra@4".to_owned(), "cassandra:4".to_owned()),
            ("docker/org/app".to_owned(), "org/app".to_owned()),
            ("docker/org/app@1?repository_url=https://gcr.io/#x".to_owned(), "gcr.io/org/app:1".to_owned()),
        ] {
            assert_eq!(read(&text), Some(Some(expected)), "{text}");
        }
        assert_eq!(read("oci/app@sha256:aa"), Some(None));
        assert_eq!(read("npm/app@1"), None);
        assert_eq!(decoded("%41%4g%"), "A%4g%");
    }
}
