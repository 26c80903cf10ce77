//! Compose files: the images of services, build contexts and caches, and `x-` extensions.
//!
//! `include` and `extends` are followed to other files of the same repository. `docker compose config --images` stays
//! the exact answer where several files are merged. An image that is built here is left out unless asked for: its
//! name is what the build makes.

mod extends;
mod include;
mod others;

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use self::extends::Heir;
use self::others::Others;

use super::dockerfile::{self, Given, Inside};
use super::found::{Found, Spot};
use super::interpolate::Fault;
use super::key_path::KeyPath;
use super::repository::{LocalFile, Part};
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

/// Collections inside an extension, as far as anybody could mean it.
const MAX_EXTENSION_DEPTH: usize = 16;

/// Whether only a Compose file has these keys.
pub(super) fn is_it(root: &Node) -> bool {
    root.get("services").is_some_and(Node::is_map) && root.get("jobs").is_none()
}

/// What a file is read with.
#[derive(Clone, Copy)]
pub(super) struct Settings<'a> {
    pub(super) variables: &'a Variables,
    pub(super) built: Built,
    pub(super) budget: &'a Budget,
}

/// Reads the document `root` of the file at `path`, and what it leads to.
pub(super) fn read(root: &Rc<Node>, path: Option<&Path>, given: Settings<'_>, found: &mut Found<'_>) {
    let (name, document) = found.file();
    let part = Part { root: Rc::clone(root), file: Arc::clone(name), document };
    let file = LocalFile::named(path.map(Path::to_owned).unwrap_or_default(), part);
    let compose = Compose {
        project: file.path.parent().unwrap_or(Path::new("")),
        file: &file,
        others: &Others::of(path),
        variables: given.variables,
        built: given.built,
        budget: given.budget,
        above: &path.and_then(|path| path.canonicalize().ok()).into_iter().collect::<Vec<_>>(),
        overridden: &HashSet::new(),
    };
    compose.read(found);
}

#[derive(Clone, Copy)]
struct Compose<'a> {
    file: &'a LocalFile,
    /// The folder that paths in it start at.
    project: &'a Path,
    others: &'a Others,
    variables: &'a Variables,
    built: Built,
    budget: &'a Budget,
    /// The files through which it is included, and itself.
    above: &'a [PathBuf],
    /// Services whose image another file decides.
    overridden: &'a HashSet<String>,
}

impl Compose<'_> {
    fn read(&self, found: &mut Found<'_>) {
        for part in &self.file.parts {
            found.turn_to(&part.file, part.document);
            self.document(&part.root, found);
        }
    }

    fn document(&self, root: &Node, found: &mut Found<'_>) {
        let top = KeyPath::ROOT;
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
        if let Some(include) = root.get("include") {
            self.include(include, &top.key("include"), found);
        }
    }

    /// The service of this name, and the document that it stands in.
    fn named(&self, name: &str) -> Option<(&Part, &Node)> {
        self.file.parts.iter().find_map(|part| {
            let services = part.root.get("services").unwrap_or(&part.root);
            Some((part, services.get(name)?))
        })
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
        let is_built = self.is_built(service);
        if !path.last_key().is_some_and(|name| self.overridden.contains(name)) {
            self.image(service, is_built, None, path, found);
        }
        self.build(service, path, found);
        self.inherit(service, &Heir::new(service, is_built, self.platform_of(service)), path, found);
    }

    /// The image of a service; `platform` is that of one that extends it.
    fn image(
        &self,
        service: &Node,
        is_built: bool,
        platform: Option<Platform>,
        path: &KeyPath<'_>,
        found: &mut Found<'_>,
    ) {
        if !is_built || self.built == Built::Take {
            let platform = platform.or_else(|| self.platform_of(service));
            self.text((part(service, "image"), platform), &path.key("image"), |text| Some(text), found);
        }
    }

    /// The images that the build of a service names.
    fn build(&self, service: &Node, path: &KeyPath<'_>, found: &mut Found<'_>) {
        let Some(build) = part(service, "build") else { return };
        let path = path.key("build");
        let mut named = HashSet::new();
        if let Some(contexts) = part(build, "additional_contexts") {
            let path = path.key("additional_contexts");
            for (name, context) in contexts.pairs(self.budget) {
                named.insert(name.to_ascii_lowercase());
                self.text((Some(context), None), &path.key(name), image_context, found);
            }
            for (at, context) in contexts.items(self.budget) {
                named.extend(
                    context.text().and_then(|text| Some(text.split_once('=')?.0.to_ascii_lowercase())),
                );
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
        let room = Some(self.variables.room());
        let given = Given { args: Some(&args), contexts: Some(&named), room, inside: None };
        let path = path.key("dockerfile_inline");
        match part(build, "dockerfile_inline").and_then(|node| Some((node, node.text()?))) {
            None => {}
            // Compose puts values in before BuildKit sees the text.
            Some((node, typed)) => match self.variables.fill(typed) {
                // What has no value here, the Dockerfile has none for either, and says so where it matters.
                Ok(done) => {
                    let text = if done.unset.is_empty() { &*done.text } else { typed };
                    let inside = Inside::of(node, Spot::of(node, &path));
                    // A value of several lines moves those below it.
                    let is_moved = text.lines().count() != typed.lines().count();
                    let inside = if is_moved { inside.without_lines() } else { inside };
                    dockerfile::read(text, Given { inside: Some(inside), ..given }, found);
                }
                Err(fault @ Fault::Required { .. }) => {
                    found.dynamic(Spot::of(node, &path), "", fault.to_string());
                }
                Err(fault) => found.bad(Spot::of(node, &path), "", fault.to_string()),
            },
        }
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
    fn build_args(&self, build: &Node) -> BTreeMap<String, Option<String>> {
        let Some(args) = part(build, "args") else { return BTreeMap::new() };
        let listed = args.items(self.budget).filter_map(|(_, item)| item.text()?.split_once('='));
        let mapped = args.pairs(self.budget).filter_map(|(name, value)| Some((name, value.text()?)));
        let known = listed.chain(mapped).map(|(name, value)| {
            let done = self.variables.fill(value).ok().filter(|done| done.unset.is_empty());
            (name.to_owned(), done.map(|done| done.text))
        });
        known.collect()
    }

    /// For which platform a service is pulled; none where that depends on a variable without a value.
    fn platform_of(&self, service: &Node) -> Option<Platform> {
        let done = self.variables.fill(service.str("platform")?).ok()?;
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
        match self.variables.fill(typed) {
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
            Err(fault @ (Fault::Template | Fault::TooLong(_))) => found.bad(spot, typed, fault.to_string()),
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
