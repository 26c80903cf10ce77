//! `extends`: what a service takes over from one of the same or another file (the Compose specification's
//! `05-services.md`).
//!
//! A service of the same file is read as it stands there. Of another file only the service that is extended counts,
//! and what the nearer one does not say itself.

use std::cell::RefCell;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use super::super::found::{Found, Spot};
use super::super::key_path::KeyPath;
use super::super::repository::LocalFile;
use super::super::yaml::Node;
use super::others::Refusal;
use super::{Compose, RESET, part};
use crate::model::platform::Platform;

/// Services that extend each other, as far as anybody could mean it; Compose has no bound.
const MAX_EXTENDS: usize = 100;

/// What is said by those that extend a service, nearest first.
#[derive(Clone)]
pub(super) struct Heir {
    has_image: bool,
    is_built: bool,
    /// Whether the build of what is extended is taken away.
    has_reset: bool,
    platform: Option<Platform>,
    /// Whether a file was left on the way: what is here is read for the heir only.
    is_elsewhere: bool,
    /// The services on the way, in all that come of one.
    known: Rc<RefCell<HashSet<(PathBuf, String)>>>,
}

impl Heir {
    pub(super) fn new(service: &Node, is_built: bool, platform: Option<Platform>) -> Self {
        Self {
            has_image: service.get("image").is_some(),
            is_built,
            has_reset: is_reset(service),
            platform,
            is_elsewhere: false,
            known: Rc::default(),
        }
    }

    /// The same with what `service`, which stands between, says.
    fn below(&self, service: &Node, platform: Option<Platform>) -> Self {
        Self {
            has_image: self.has_image || service.get("image").is_some(),
            has_reset: self.has_reset || is_reset(service),
            platform: self.platform.clone().or(platform),
            ..self.clone()
        }
    }
}

fn is_reset(service: &Node) -> bool {
    service.get("build").is_some_and(|build| build.has_tag(RESET))
}

/// The name of the service that is extended.
fn base_name(extends: &Node) -> Option<&str> {
    extends.text().or_else(|| extends.str("service"))
}

impl Compose<'_> {
    /// Whether a service, or one that it extends, has a `build`, which it takes over.
    pub(super) fn is_built(&self, service: &Node) -> bool {
        self.is_built_within(service, MAX_EXTENDS)
    }

    fn is_built_within(&self, service: &Node, depth: usize) -> bool {
        if is_reset(service) {
            return false;
        }
        if part(service, "build").is_some() {
            return true;
        }
        let Some(extends) = part(service, "extends").filter(|_| depth > 0) else { return false };
        let Some(name) = base_name(extends) else { return false };
        let in_this = |compose: &Compose<'_>| {
            compose.named(name).is_some_and(|(_, base)| compose.is_built_within(base, depth - 1))
        };
        let Some(written) = part(extends, "file") else { return in_this(self) };
        let done = written.text().and_then(|text| self.variables.fill(text).ok());
        let file = done.and_then(|done| self.others.get(self.project, &done.text).ok());
        file.is_some_and(|(file, _)| in_this(&self.inside(&file)))
    }

    /// What stands in another file.
    fn inside<'s>(&'s self, file: &'s LocalFile) -> Compose<'s> {
        Compose { file, project: file.path.parent().unwrap_or(Path::new("")), ..*self }
    }

    /// The images that a service takes over from those of other files.
    pub(super) fn inherit(&self, service: &Node, heir: &Heir, path: &KeyPath<'_>, found: &mut Found<'_>) {
        let Some(extends) = part(service, "extends") else { return };
        let Some(name) = base_name(extends) else { return };
        let path = path.key("extends");
        if heir.known.borrow().len() >= MAX_EXTENDS {
            let why =
                format!("more than {MAX_EXTENDS} services that extend each other: the rest is left out");
            return self.others.refuse("extends", (extends.line, &path), Refusal::LeftOut(why), found);
        }
        let Some(node) = part(extends, "file") else {
            return self.take(name, (extends.line, &path), heir, found);
        };
        let Some((file, _)) = self.follow("extends", node, self.project, &path, found) else { return };
        let inner = self.inside(&file);
        let elsewhere = Heir { is_elsewhere: true, ..heir.clone() };
        let (back, document) = (Arc::clone(found.file().0), found.file().1);
        if inner.named(name).is_none() {
            let shown = file.path.display().to_string();
            let why = format!("extends: no such service in {}", shown.escape_debug());
            found.bad(Spot { line: extends.line, path: Some(&path), node: None }, name, why);
        }
        inner.take(name, (extends.line, &path), &elsewhere, found);
        found.turn_to(&back, document);
    }

    /// Takes over a service of this file.
    fn take(&self, name: &str, (line, at): (u32, &KeyPath<'_>), heir: &Heir, found: &mut Found<'_>) {
        let Some((part, base)) = self.named(name) else { return };
        let link = (self.file.path.clone(), name.to_owned());
        if !heir.known.borrow_mut().insert(link) {
            if heir.is_elsewhere {
                let why = "extends: a circle".to_owned();
                found.bad(Spot { line, path: Some(at), node: None }, name, why);
            }
            return;
        }
        let top = KeyPath::ROOT.key("services");
        let path = if part.root.get("services").is_some() { top.key(name) } else { KeyPath::ROOT.key(name) };
        if heir.is_elsewhere {
            found.turn_to(&part.file, part.document);
            if !heir.has_image {
                self.image(base, heir.is_built, heir.platform.clone(), &path, found);
            }
            self.volumes(base, &path, found);
            if !heir.has_reset {
                self.build(base, &path, found);
            }
        }
        let below = heir.below(base, self.platform_of(base));
        self.inherit(base, &below, &path, found);
    }
}
