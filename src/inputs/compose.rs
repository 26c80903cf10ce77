//! Compose files: the images of services, build contexts and caches, and `x-` extensions.
//!
//! `include` and `extends` are followed to other files of the same repository. `docker compose config --images` stays
//! the exact answer where several files are merged. An image that is built here is left out unless asked for: its
//! name is what the build makes.

mod extends;
mod include;
mod others;
mod service;

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use self::extends::{Base, named};
use self::others::Others;
use self::service::Level;

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
/// The tag of a value that takes the place of all below it.
const OVERRIDE: &str = "override";

/// Collections inside an extension, as far as anybody could mean it.
const MAX_EXTENSION_DEPTH: usize = 16;

/// What a map with the keys of a service stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Service,
    /// Part of an extension, which Compose itself does not look at.
    Template,
}

/// Keys of services as only Compose has them.
const SERVICE_KEYS: [&str; 17] = [
    "image",
    "build",
    "extends",
    "provider",
    "command",
    "container_name",
    "depends_on",
    "deploy",
    "entrypoint",
    "env_file",
    "environment",
    "healthcheck",
    "network_mode",
    "networks",
    "ports",
    "restart",
    "volumes",
];

/// Whether only a Compose file has these keys: other programs have services as well, such as Symfony.
pub(super) fn is_it(root: &Node, budget: &Budget) -> bool {
    let is_service =
        |service: &Node| service.has_tag(RESET) || SERVICE_KEYS.iter().any(|key| service.get(key).is_some());
    let services = root.get("services").filter(|_| root.get("jobs").is_none());
    services.is_some_and(|services| {
        services.merged_pairs(budget).into_iter().any(|(_, service)| is_service(service))
    })
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
    let file = Rc::new(LocalFile::named(path.map(Path::to_owned).unwrap_or_default(), part));
    let compose = Compose {
        project: file.path.parent().unwrap_or(Path::new("")),
        file: &file,
        others: &Others::of(path),
        variables: given.variables,
        built: given.built,
        budget: given.budget,
        above: &path.and_then(|path| path.canonicalize().ok()).into_iter().collect::<Vec<_>>(),
        earlier: &[],
        later: &[],
    };
    compose.read(found);
}

#[derive(Clone, Copy)]
struct Compose<'a> {
    file: &'a Rc<LocalFile>,
    /// The folder that paths in it start at.
    project: &'a Path,
    others: &'a Others,
    variables: &'a Variables,
    built: Built,
    budget: &'a Budget,
    /// The files through which it is included, and itself.
    above: &'a [PathBuf],
    /// The files before and behind it in a list that is merged.
    earlier: &'a [(Rc<LocalFile>, PathBuf)],
    later: &'a [(Rc<LocalFile>, PathBuf)],
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
                    let path = path.key(name);
                    if !service.has_tag(RESET) && (service.is_seq() || service.text().is_some()) {
                        let why = "a service is a map: nothing is read of this".to_owned();
                        found.bad(Spot::of(service, &path), "", why);
                    }
                    self.service(service, &path, Role::Service, found);
                }
            }
            None => {
                let is_service = |name: &str| !NO_SERVICES.contains(&name) && !name.starts_with("x-");
                let services = root.merged_pairs(self.budget);
                for (name, service) in services.into_iter().filter(|(name, _)| is_service(name)) {
                    self.service(service, &top.key(name), Role::Service, found);
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

    /// Services, or parts of them, wherever they stand in an extension.
    fn extension(&self, node: &Node, path: &KeyPath<'_>, depth: usize, found: &mut Found<'_>) {
        if node.has_tag(RESET) {
            return;
        }
        // Other programs' settings may call other things an image.
        if node.get("image").is_none_or(|image| !image.is_map() && !image.is_seq()) {
            self.service(node, path, Role::Template, found);
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

    fn service(&self, service: &Node, path: &KeyPath<'_>, role: Role, found: &mut Found<'_>) {
        let is_later = |name: &str| self.later.iter().any(|(file, _)| named(file, name).is_some());
        // Where a later file of a list has it as well, it is put together there.
        if service.has_tag(RESET) || role == Role::Service && path.last_key().is_some_and(is_later) {
            return;
        }
        let (file, document) = (Arc::clone(found.file().0), found.file().1);
        let bases = self.bases(service, path, role, found);
        let own = Level { service, path: *path, file: Arc::clone(&file), document };
        let levels: Vec<Level<'_>> = [own].into_iter().chain(bases.iter().filter_map(Base::level)).collect();
        self.merged(&levels, role, found);
        found.turn_to(&file, document);
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
