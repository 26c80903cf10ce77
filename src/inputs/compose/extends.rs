//! `extends`: what a service takes over from one of the same or another file (the Compose specification's
//! `05-services.md`).
//!
//! Only where these services stand is gathered here; what comes of them all, `service` tells. Of another file only
//! the service that is extended counts.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use super::super::found::{Found, Spot};
use super::super::key_path::KeyPath;
use super::super::repository::LocalFile;
use super::super::yaml::Node;
use super::others::Refusal;
use super::service::Level;
use super::{Compose, OVERRIDE, RESET, Role, part};

/// Services that extend each other, as far as anybody could mean it; Compose has no bound.
const MAX_EXTENDS: usize = 100;

/// The names of the services on the way, with their files.
type Known = HashSet<(PathBuf, String)>;

/// A service that another is put together of, by its place.
pub(super) struct Base {
    file: Rc<LocalFile>,
    part: usize,
    name: String,
}

impl Base {
    pub(super) fn level(&self) -> Option<Level<'_>> {
        let part = self.file.parts.get(self.part)?;
        let (services, top) = match part.root.get("services") {
            Some(services) => (services, &SERVICES),
            None => (&*part.root, &TOP),
        };
        let (service, path) = (services.get(&self.name)?, top.key(&self.name));
        Some(Level { service, path, file: Arc::clone(&part.file), document: part.document })
    }
}

static TOP: KeyPath<'static> = KeyPath::ROOT;
static SERVICES: KeyPath<'static> = TOP.key("services");

/// The service of this name, and the number of the document that it stands in.
pub(super) fn named<'f>(file: &'f LocalFile, name: &str) -> Option<(usize, &'f Node)> {
    file.parts.iter().enumerate().find_map(|(at, part)| {
        let services = part.root.get("services").unwrap_or(&part.root);
        Some((at, services.get(name)?))
    })
}

/// The same, if it can be extended: what is taken away is not there.
fn extended<'f>(file: &'f LocalFile, name: &str) -> Option<(usize, &'f Node)> {
    named(file, name).filter(|(_, service)| !service.has_tag(RESET))
}

/// Where a service is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    SameFile,
    /// A file was left on the way.
    Elsewhere,
}

/// The name of the service that is extended.
fn base_name(extends: &Node) -> Option<&str> {
    extends.text().or_else(|| extends.str("service"))
}

impl Compose<'_> {
    /// What a service is put together of besides itself, nearest first: what it extends, then the same service in
    /// the earlier files of a list, with what that extends.
    pub(super) fn bases(
        &self,
        service: &Node,
        path: &KeyPath<'_>,
        role: Role,
        found: &mut Found<'_>,
    ) -> Vec<Base> {
        let mut bases = Vec::new();
        let mut chain = Chain { known: Known::new(), role, bases: &mut bases };
        self.inherit(service, From::SameFile, path, &mut chain, found);
        let Some(name) = path.last_key().filter(|_| role == Role::Service) else { return bases };
        let (back, document) = (Arc::clone(found.file().0), found.file().1);
        // The tag of a whole service is about those of earlier files: what it extends itself still counts.
        let mut is_whole = service.has_tag(OVERRIDE);
        for (file, _) in self.earlier.iter().rev() {
            let Some((part, service)) = named(file, name) else { continue };
            if is_whole || service.has_tag(RESET) {
                break;
            }
            is_whole = service.has_tag(OVERRIDE);
            bases.push(Base { file: Rc::clone(file), part, name: name.to_owned() });
            found.turn_to(&file.parts[part].file, file.parts[part].document);
            let mut chain = Chain { known: Known::new(), role, bases: &mut bases };
            let path = SERVICES.key(name);
            Compose { file, ..*self }.inherit(service, From::SameFile, &path, &mut chain, found);
        }
        found.turn_to(&back, document);
        bases
    }

    /// What stands in another file.
    fn inside<'s>(&'s self, file: &'s Rc<LocalFile>) -> Compose<'s> {
        Compose { file, project: file.path.parent().unwrap_or(Path::new("")), ..*self }
    }

    /// Adds what a service extends.
    fn inherit(
        &self,
        service: &Node,
        from: From,
        path: &KeyPath<'_>,
        chain: &mut Chain<'_>,
        found: &mut Found<'_>,
    ) {
        let Some(extends) = part(service, "extends") else { return };
        let Some(name) = base_name(extends) else { return };
        let path = path.key("extends");
        if chain.known.len() >= MAX_EXTENDS {
            let why =
                format!("more than {MAX_EXTENDS} services that extend each other: the rest is left out");
            return self.others.refuse("extends", (extends.line, &path), Refusal::LeftOut(why), found);
        }
        let at = Spot { line: extends.line, path: Some(&path), node: None };
        let Some(node) = part(extends, "file") else {
            if extended(self.file, name).is_none() && chain.role == Role::Service {
                let why = "no such service in this file".to_owned();
                found.bad(at, &format!("extends: {name}"), why);
            }
            return self.take(name, from, at, chain, found);
        };
        let Some((file, _)) = self.follow("extends", node, self.project, &path, found) else { return };
        let inner = self.inside(&file);
        let (back, document) = (Arc::clone(found.file().0), found.file().1);
        if extended(&file, name).is_none() {
            let shown = file.path.display().to_string();
            let why = format!("extends: no such service in {}", shown.escape_debug());
            found.bad(at, name, why);
        }
        inner.take(name, From::Elsewhere, at, chain, found);
        found.turn_to(&back, document);
    }

    /// Adds a service of this file.
    fn take(&self, name: &str, from: From, at: Spot<'_>, chain: &mut Chain<'_>, found: &mut Found<'_>) {
        let Some((part, base)) = extended(self.file, name).filter(|_| self.budget.spend()) else { return };
        if !chain.known.insert((self.file.path.clone(), name.to_owned())) {
            if from == From::Elsewhere || chain.role == Role::Service {
                found.bad(at, name, "extends: a circle".to_owned());
            }
            return;
        }
        chain.bases.push(Base { file: Rc::clone(self.file), part, name: name.to_owned() });
        if from == From::Elsewhere {
            found.turn_to(&self.file.parts[part].file, self.file.parts[part].document);
        }
        let top = if self.file.parts[part].root.get("services").is_some() { &SERVICES } else { &TOP };
        self.inherit(base, from, &top.key(name), chain, found);
    }
}

/// What is gathered along a chain of `extends`.
struct Chain<'a> {
    known: Known,
    role: Role,
    bases: &'a mut Vec<Base>,
}
