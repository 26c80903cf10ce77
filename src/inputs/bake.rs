//! `docker buildx bake` files in JSON: named contexts and caches that are images, and Dockerfiles in them.
//!
//! Bake files in HCL are programs; `docker buildx bake --print` makes JSON of them.

use std::collections::{BTreeMap, HashSet};

use super::compose::{cache_image, image_context, variables};
use super::dockerfile::{self, Given};
use super::found::{Found, Spot};
use super::interpolate::{Fault, interpolate};
use super::key_path::KeyPath;
use super::room::Room;
use super::yaml::{Budget, Node};

/// HCL's JSON form puts lists of blocks around blocks.
const MAX_DEPTH: usize = 4;

/// Whether only a bake file has these keys.
pub(super) fn is_it(root: &Node) -> bool {
    root.get("target").is_some_and(|targets| targets.is_map() || targets.is_seq())
        && root.get("apiVersion").is_none()
}

pub(super) fn read(root: &Node, budget: &Budget, found: &mut Found<'_>) {
    let top = KeyPath::ROOT;
    if let Some(targets) = root.get("target") {
        blocks(targets, &top.key("target"), MAX_DEPTH, budget, &mut |named, path| {
            for (name, target) in named.pairs(budget) {
                blocks(target, &path.key(name), MAX_DEPTH, budget, &mut |target, path| {
                    read_target(target, path, root, budget, found);
                });
            }
        });
    }
}

/// Calls `take` with `node`, or with each entry of it.
fn blocks(
    node: &Node,
    path: &KeyPath<'_>,
    depth: usize,
    budget: &Budget,
    take: &mut dyn FnMut(&Node, &KeyPath<'_>),
) {
    if node.is_map() {
        take(node, path);
    } else if depth > 0 {
        for (at, block) in node.items(budget) {
            blocks(block, &path.index(at), depth - 1, budget, take);
        }
    }
}

fn read_target(target: &Node, path: &KeyPath<'_>, root: &Node, budget: &Budget, found: &mut Found<'_>) {
    let room = Room::default();
    let mut named = HashSet::new();
    if let Some(contexts) = target.get("contexts") {
        let path = path.key("contexts");
        for (name, context) in contexts.pairs(budget) {
            named.insert(name.to_ascii_lowercase());
            text(context, &path.key(name), root, image_context, found);
        }
    }
    if let Some(caches) = target.get("cache-from") {
        let path = path.key("cache-from");
        for (at, cache) in caches.items(budget) {
            let path = path.index(at);
            if cache.str("type") == Some("registry")
                && let Some(reference) = cache.get("ref")
            {
                text(reference, &path.key("ref"), root, |text| Some(text), found);
            }
            text(cache, &path, root, cache_image, found);
        }
    }
    let mut args = BTreeMap::new();
    if let Some(given) = target.get("args") {
        for (name, value) in given.pairs(budget) {
            // One that is an expression stays what the Dockerfile says.
            let value =
                value.text().and_then(|text| interpolate(text, &|name| default(root, name), &room).ok());
            if let Some(value) = value.filter(|value| value.unset.is_empty()) {
                args.insert(name.to_owned(), Some(value.text));
            }
        }
    }
    let path = path.key("dockerfile-inline");
    if let Some((node, text)) = target.get("dockerfile-inline").and_then(|node| Some((node, node.text()?))) {
        let inside = Some(dockerfile::Inside::of(node, Spot::of(node, &path)));
        let given = Given { args: Some(&args), contexts: Some(&named), room: Some(&room), inside };
        dockerfile::read(text, given, found);
    }
}

/// A value may be set from outside; what stands in the file is what holds without that.
fn default<'a>(root: &'a Node, name: &str) -> Option<&'a str> {
    root.at(&["variable", name, "default"]).and_then(Node::text)
}

fn text(
    node: &Node,
    path: &KeyPath<'_>,
    root: &Node,
    part: impl Fn(&str) -> Option<&str>,
    found: &mut Found<'_>,
) {
    let Some(typed) = node.text() else { return };
    let spot = Spot::of(node, path);
    match interpolate(typed, &|name| default(root, name), &Room::default()) {
        Ok(done) => match part(&done.text) {
            None => {}
            Some(_) if !done.unset.is_empty() => {
                found.dynamic(spot, typed, format!("{} without a default", variables(&done.unset)));
            }
            Some(image) => found.image(spot, typed, image),
        },
        Err(Fault::Template | Fault::Required { .. } | Fault::TooLong(_)) => {
            found.dynamic(spot, typed, "an expression of HCL".to_owned());
        }
    }
}
