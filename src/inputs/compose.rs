//! Compose files: the images of services, build contexts and caches, and `x-` extensions.
//!
//! `docker compose config --images` stays the exact answer: `extends` and `include` of other files are not
//! followed, which a warning says. An image that is built here is left out unless asked for: its name is
//! what the build makes.

use std::collections::BTreeMap;

use super::dockerfile::{self, Given, Inside};
use super::found::{Found, Spot};
use super::interpolate::{Fault, interpolate};
use super::key_path::KeyPath;
use super::variables::Variables;
use super::yaml::{Budget, Node};
use crate::model::platform::Platform;

/// What happens to `image` where `build` stands beside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Built {
    /// It is the name of what is built: left out.
    #[default]
    Skip,
    /// Compose tries to pull it first: taken.
    Take,
}

/// Keys at the top that are no services of a version 1 file.
const NO_SERVICES: [&str; 9] =
    ["version", "name", "services", "networks", "volumes", "configs", "secrets", "include", "models"];

/// The tag of a value that Compose takes away, whatever stands behind it.
const RESET: &str = "reset";

/// Services that extend each other, as far as anybody could mean it.
const MAX_EXTENDS: usize = 16;

/// Collections inside an extension, as far as anybody could mean it.
const MAX_EXTENSION_DEPTH: usize = 16;

/// Whether only a Compose file has these keys.
pub(super) fn is_it(root: &Node) -> bool {
    root.get("services").is_some_and(Node::is_map) && root.get("jobs").is_none()
}

pub(super) struct Compose<'a> {
    /// The services of this file, for those that extend another.
    pub(super) services: Option<&'a Node>,
    pub(super) variables: &'a Variables,
    pub(super) built: Built,
    pub(super) budget: &'a Budget,
}

impl Compose<'_> {
    pub(super) fn read(&self, root: &Node, found: &mut Found<'_>) {
        let top = KeyPath::ROOT;
        if let Some(include) = root.get("include") {
            found.warn(include.line, "include: not followed; name those files too");
        }
        match root.get("services") {
            Some(services) => {
                let path = top.key("services");
                for (name, service) in services.merged_pairs(self.budget) {
                    self.service(service, &path.key(name), found);
                }
            }
            None => {
                let is_service = |name: &str| !NO_SERVICES.contains(&name) && !name.starts_with("x-");
                let services = root.merged_pairs(self.budget);
                for (name, service) in services.into_iter().filter(|(name, _)| is_service(name)) {
                    self.service(service, &top.key(name), found);
                }
            }
        }
        for (name, extension) in root.pairs(self.budget).filter(|(name, _)| name.starts_with("x-")) {
            self.extension(extension, &top.key(name), MAX_EXTENSION_DEPTH, found);
        }
    }

    /// Services, or parts of them, wherever they stand in an extension.
    fn extension(&self, node: &Node, path: &KeyPath<'_>, depth: usize, found: &mut Found<'_>) {
        if node.has_tag(RESET) {
            return;
        }
        // Other programs' settings may call other things an image.
        if node.get("image").is_none_or(|image| !image.is_map() && !image.is_seq()) {
            self.service(node, path, found);
        }
        if depth == 0 {
            return;
        }
        for (key, value) in node.pairs(self.budget) {
            self.extension(value, &path.key(key), depth - 1, found);
        }
        for (at, value) in node.items(self.budget) {
            self.extension(value, &path.index(at), depth - 1, found);
        }
    }

    fn service(&self, service: &Node, path: &KeyPath<'_>, found: &mut Found<'_>) {
        self.volumes(service, path, found);
        if part(service, "provider").is_some() || service.has_tag(RESET) {
            return;
        }
        if let Some(extends) = service.get("extends")
            && extends.get("file").is_some()
        {
            found
                .warn(extends.line, "extends: a service of another file is not followed; name that file too");
        }
        let build = part(service, "build");
        if build.is_none() && !self.is_built_by_another(service) || self.built == Built::Take {
            let platform = service.str("platform").and_then(|text| self.platform(text));
            self.text((part(service, "image"), platform), &path.key("image"), |text| Some(text), found);
        }
        let Some(build) = build else { return };
        let path = path.key("build");
        let mut named = Vec::new();
        if let Some(contexts) = part(build, "additional_contexts") {
            let path = path.key("additional_contexts");
            for (name, context) in contexts.pairs(self.budget) {
                named.push(name.to_owned());
                self.text((Some(context), None), &path.key(name), image_context, found);
            }
            for (at, context) in contexts.items(self.budget) {
                named.extend(context.text().and_then(|text| Some(text.split_once('=')?.0.to_owned())));
                self.text((Some(context), None), &path.index(at), named_image_context, found);
            }
        }
        if let Some(caches) = part(build, "cache_from") {
            let path = path.key("cache_from");
            for (at, cache) in caches.items(self.budget) {
                self.text((Some(cache), None), &path.index(at), cache_image, found);
            }
        }
        let args = self.build_args(build);
        let given = Given { args: Some(&args), contexts: &named, inside: None };
        let path = path.key("dockerfile_inline");
        match part(build, "dockerfile_inline").and_then(|node| Some((node, node.text()?))) {
            None => {}
            // Compose puts values in before BuildKit sees the text.
            Some((node, typed)) => match interpolate(typed, &|name| self.variables.get(name)) {
                // What has no value here, the Dockerfile has none for either, and says so where it matters.
                Ok(done) => {
                    let text = if done.unset.is_empty() { &*done.text } else { typed };
                    let inside = Inside::of(node, &path);
                    // A value of several lines moves those below it.
                    let is_moved = text.lines().count() != typed.lines().count();
                    let inside = if is_moved { inside.without_lines() } else { inside };
                    dockerfile::read(text, Given { inside: Some(inside), ..given }, found);
                }
                Err(fault) => found.dynamic(Spot::of(node, &path), "", fault.to_string()),
            },
        }
    }

    /// Whether a service of this file that it extends has a `build`, which it takes over.
    fn is_built_by_another(&self, service: &Node) -> bool {
        let mut current = service;
        for _ in 0..MAX_EXTENDS {
            if current.get("build").is_some_and(|build| build.has_tag(RESET)) {
                return false;
            }
            let Some(extends) = part(current, "extends").filter(|extends| extends.get("file").is_none())
            else {
                return false;
            };
            let name = extends.text().or_else(|| extends.str("service"));
            let Some(base) = name.and_then(|name| self.services?.get(name)) else { return false };
            if part(base, "build").is_some() {
                return true;
            }
            current = base;
        }
        false
    }

    /// Images that are mounted.
    fn volumes(&self, service: &Node, path: &KeyPath<'_>, found: &mut Found<'_>) {
        let Some(volumes) = part(service, "volumes").filter(|_| !service.has_tag(RESET)) else { return };
        let path = path.key("volumes");
        for (at, volume) in volumes.items(self.budget) {
            if volume.str("type") == Some("image") {
                let path = path.index(at);
                self.text((part(volume, "source"), None), &path.key("source"), |text| Some(text), found);
            }
        }
    }

    /// `args` of a build: a map, or a list of `NAME=VALUE`. What has no value here is left to the Dockerfile.
    fn build_args(&self, build: &Node) -> BTreeMap<String, String> {
        let Some(args) = part(build, "args") else { return BTreeMap::new() };
        let listed = args.items(self.budget).filter_map(|(_, item)| item.text()?.split_once('='));
        let mapped = args.pairs(self.budget).filter_map(|(name, value)| Some((name, value.text()?)));
        let known = listed.chain(mapped).filter_map(|(name, value)| {
            let done = interpolate(value, &|name| self.variables.get(name)).ok()?;
            done.unset.is_empty().then(|| (name.to_owned(), done.text))
        });
        known.collect()
    }

    /// For which platform a service is pulled; none where that depends on a variable without a value.
    fn platform(&self, typed: &str) -> Option<Platform> {
        let done = interpolate(typed, &|name| self.variables.get(name)).ok()?;
        if done.unset.is_empty() { done.text.parse().ok() } else { None }
    }

    /// `part` cuts the image out of the text once the variables have their values.
    fn text(
        &self,
        (node, platform): (Option<&Node>, Option<Platform>),
        path: &KeyPath<'_>,
        part: impl Fn(&str) -> Option<&str>,
        found: &mut Found<'_>,
    ) {
        let Some(node) = node else { return };
        if found.no_text(node, path) {
            return;
        }
        let Some(typed) = node.text() else { return };
        let spot = Spot::of(node, path);
        match interpolate(typed, &|name| self.variables.get(name)) {
            Ok(done) => match part(&done.text) {
                // Where no image can stand, no variable matters.
                None => {}
                Some(_) if !done.unset.is_empty() => {
                    found.dynamic(spot, typed, format!("{} without a value", variables(&done.unset)));
                }
                // No variable is left: this `$` came of `$$`, or of a value.
                Some(image) if image.contains('$') => {
                    found.bad(spot, typed, "invalid name: a literal $ stands in it".to_owned());
                }
                Some(image) => found.image_for(spot, typed, image, platform),
            },
            Err(fault @ Fault::Required { .. }) => found.dynamic(spot, typed, fault.to_string()),
            Err(fault @ Fault::Template) => found.bad(spot, typed, fault.to_string()),
        }
    }
}

/// The value of a key; none where it is reset, as if the key were not there.
fn part<'n>(map: &'n Node, key: &str) -> Option<&'n Node> {
    map.get(key).filter(|value| !value.has_tag(RESET))
}

/// `the variable A`, `the variables A, B`
pub(super) fn variables(names: &[String]) -> String {
    format!("the {} {}", if names.len() == 1 { "variable" } else { "variables" }, names.join(", "))
}

/// The image that a build context names, if it names one.
pub(super) fn image_context(text: &str) -> Option<&str> {
    text.strip_prefix("docker-image://")
}

/// The same behind `NAME=`.
fn named_image_context(text: &str) -> Option<&str> {
    image_context(text.split_once('=')?.1)
}

/// The image of a cache: a bare name, or `type=registry,ref=NAME`.
pub(super) fn cache_image(text: &str) -> Option<&str> {
    if !text.contains('=') {
        return Some(text);
    }
    let value = |key: &str| text.split(',').find_map(|part| part.trim().strip_prefix(key));
    if value("type=")? == "registry" { value("ref=") } else { None }
}
