//! Lists of images to copy: `skopeo sync --src yaml` and regsync.
//!
//! Where tags are chosen by a pattern, or all are meant, only the registry knows what that is.

use super::found::{Found, Spot};
use super::key_path::KeyPath;
use super::list;
use super::yaml::{Budget, Node};

/// What skopeo knows under a registry's name.
const SKOPEO_KEYS: [&str; 3] = ["images", "images-by-tag-regex", "images-by-semver"];

/// The schemes of regsync that are no registry's.
const LOCAL: [&str; 2] = ["ocidir", "ocifile"];

/// Whether it is either.
pub(super) fn is_it(root: &Node, budget: &Budget) -> bool {
    let is_registry = |node: &Node| SKOPEO_KEYS.iter().any(|key| node.get(key).is_some_and(Node::is_map));
    is_regsync(root) || root.pairs(budget).any(|(_, node)| is_registry(node))
}

fn is_regsync(root: &Node) -> bool {
    root.get("sync").is_some_and(Node::is_seq)
}

pub(super) fn read(root: &Node, budget: &Budget, found: &mut Found<'_>) {
    let top = KeyPath::ROOT;
    if is_regsync(root) {
        let Some(entries) = root.get("sync") else { return };
        let path = top.key("sync");
        for (at, entry) in entries.items(budget) {
            regsync(entry, &path.index(at), found);
        }
        return;
    }
    for (key, entry) in root.pairs(budget) {
        let (path, registry) = (top.key(key), list::bare(key));
        for key in SKOPEO_KEYS {
            let Some(images) = entry.get(key) else { continue };
            let path = path.key(key);
            for (name, tags) in images.pairs(budget) {
                let path = path.key(name);
                let whole = format!("{registry}/{name}");
                if key == "images" {
                    skopeo(&whole, tags, &path, budget, found);
                } else {
                    let typed = format!("{whole}: {}", tags.text().unwrap_or_default());
                    let why = "a pattern chooses the tags: the registry alone knows them".to_owned();
                    found.dynamic(Spot::of(tags, &path), &typed, why);
                }
            }
        }
    }
}

fn skopeo(name: &str, tags: &Node, path: &KeyPath<'_>, budget: &Budget, found: &mut Found<'_>) {
    let mut has_tags = false;
    for (at, tag) in tags.items(budget) {
        let Some(text) = tag.text() else { continue };
        has_tags = true;
        let separator = if text.contains(':') { '@' } else { ':' };
        let whole = format!("{name}{separator}{text}");
        found.image(Spot::of(tag, &path.index(at)), &whole, &whole);
    }
    if !has_tags {
        let why = "all tags: the registry alone knows them".to_owned();
        found.dynamic(Spot::of(tags, path), name, why);
    }
}

fn regsync(entry: &Node, path: &KeyPath<'_>, found: &mut Found<'_>) {
    let Some((node, text)) = entry.get("source").and_then(|node| Some((node, node.text()?))) else { return };
    let path = path.key("source");
    let spot = Spot::of(node, &path);
    // A folder on this machine (regclient's `ocidir` and `ocifile`), which no registry serves.
    if let Some((scheme, _)) = text.split_once("://").filter(|(scheme, _)| LOCAL.contains(scheme)) {
        found.warn(node.line, &format!("source: {scheme} is a folder, no registry: left out"));
        return;
    }
    match entry.str("type") {
        Some("repository") => {
            found.dynamic(spot, text, "a whole repository: the registry alone knows its tags".to_owned());
        }
        Some("registry") => {
            found.dynamic(spot, text, "a whole registry: it alone knows what it holds".to_owned());
        }
        _ => found.image(spot, text, text),
    }
}
