//! GitLab CI: `image` and `services` at the top, under `default` and in every job, hidden ones included.
//!
//! `extends` and `!reference` are followed in the file and in those of the same repository that it includes;
//! what it includes from elsewhere is not, which a warning says. Variables of these files have their values;
//! those of the server are known to it alone.

mod include;

use std::collections::HashSet;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use super::compose::variables;
use super::found::{Found, Spot};
use super::interpolate::name_length;
use super::key_path::KeyPath;
use super::repository::Part;
use super::yaml::{Budget, Node};

/// Keys at the top that are no jobs.
const NO_JOBS: [&str; 8] =
    ["stages", "variables", "workflow", "default", "include", "spec", "image", "services"];
/// GitLab's own bounds: extends 11 deep, references 10.
const MAX_DEPTH: usize = 11;
/// The proxies through which GitLab pulls from Docker Hub.
const HUB_PROXIES: [&str; 2] =
    ["CI_DEPENDENCY_PROXY_GROUP_IMAGE_PREFIX", "CI_DEPENDENCY_PROXY_DIRECT_GROUP_IMAGE_PREFIX"];

/// Whether only a pipeline looks like this.
pub(super) fn is_it(root: &Node, budget: &Budget) -> bool {
    let is_job = |node: &Node| node.get("script").is_some() || node.get("trigger").is_some();
    !super::kubernetes::is_it(root)
        && (root.get("stages").is_some_and(Node::is_seq) || root.pairs(budget).any(|(_, node)| is_job(node)))
}

/// Reads the pipeline that the document `root` of the file at `path` begins.
pub(super) fn read(root: &Rc<Node>, path: Option<&Path>, budget: &Budget, found: &mut Found<'_>) {
    let parts = include::follow(root, path, budget, found);
    Gitlab { parts: &parts, budget }.read(found);
}

/// A value and the part that it stands in.
#[derive(Clone, Copy)]
struct At<'a> {
    node: &'a Node,
    part: usize,
}

impl<'a> At<'a> {
    fn get(self, key: &str) -> Option<Self> {
        self.node.get(key).map(|node| Self { node, ..self })
    }

    fn items(self, budget: &'a Budget) -> impl Iterator<Item = (usize, Self)> {
        self.node.items(budget).map(move |(at, node)| (at, Self { node, ..self }))
    }

    fn is(self, other: Self) -> bool {
        std::ptr::eq(self.node, other.node)
    }
}

struct Gitlab<'a> {
    /// The file itself, then what it includes; earlier ones win.
    parts: &'a [Part],
    budget: &'a Budget,
}

/// A job and those that it extends, itself first.
type Ancestry<'a> = Vec<At<'a>>;

impl<'a> Gitlab<'a> {
    fn read(&self, found: &mut Found<'_>) {
        let top = KeyPath::ROOT;
        for root in self.roots() {
            self.job(&vec![root], &top, found);
            if let Some(default) = root.get("default") {
                self.job(&vec![default], &top.key("default"), found);
            }
        }
        let mut hidden_lines = HashSet::new();
        let mut known = HashSet::new();
        for root in self.roots() {
            for (name, job) in root.node.pairs(self.budget).filter(|(name, _)| !NO_JOBS.contains(name)) {
                if !job.is_map() {
                    continue;
                }
                if name.starts_with('.') {
                    let file = &self.parts[root.part].file;
                    hidden_lines.extend(self.lines(job).into_iter().map(|line| (Arc::clone(file), line)));
                }
                if known.insert(name) {
                    let mut ancestry = Vec::new();
                    self.ancestry(name, MAX_DEPTH, &mut ancestry);
                    self.job(&ancestry, &top.key(name), found);
                }
            }
        }
        // A hidden job is a template: what it leaves open, those that extend it may fill.
        found.drop_dynamic_at_lines_with_images(&hidden_lines);
    }

    fn roots(&self) -> impl Iterator<Item = At<'a>> + use<'a> {
        self.parts.iter().enumerate().map(|(part, of)| At { node: &of.root, part })
    }

    fn lines(&self, job: &'a Node) -> Vec<u32> {
        let mut lines = Vec::new();
        for node in [job.get("image"), job.get("services")].into_iter().flatten() {
            lines.push(node.line);
            lines.extend(node.get("name").map(|name| name.line));
            for (_, item) in node.items(self.budget) {
                lines.push(item.line);
                lines.extend(item.get("name").map(|name| name.line));
            }
        }
        lines
    }

    /// The job of this name in every part, and then those that it extends: later parents win.
    fn ancestry(&self, name: &str, depth: usize, out: &mut Ancestry<'a>) {
        let jobs: Vec<At<'a>> = self.roots().filter_map(|root| root.get(name)).collect();
        if !self.budget.spend() || jobs.iter().any(|job| out.iter().any(|known| known.is(*job))) {
            return;
        }
        out.extend(&jobs);
        let extends = jobs.iter().find_map(|job| job.get("extends")).filter(|_| depth > 0);
        let Some(extends) = extends else { return };
        let mut parents: Vec<&str> =
            extends.node.items(self.budget).filter_map(|(_, parent)| parent.text()).collect();
        parents.extend(extends.node.text());
        for parent in parents.into_iter().rev() {
            self.ancestry(parent, depth - 1, out);
        }
    }

    fn job(&self, ancestry: &Ancestry<'a>, path: &KeyPath<'_>, found: &mut Found<'_>) {
        let own = |key: &str| ancestry.iter().find_map(|job| job.get(key));
        if let Some(image) = own("image") {
            self.image(image, ancestry, &path.key("image"), MAX_DEPTH, found);
        }
        if let Some(services) = own("services") {
            self.services(services, ancestry, &path.key("services"), MAX_DEPTH, found);
        }
    }

    /// A text, a map with `name`, or a reference to one of these.
    fn image(
        &self,
        at: At<'a>,
        jobs: &Ancestry<'a>,
        path: &KeyPath<'_>,
        mut depth: usize,
        found: &mut Found<'_>,
    ) {
        let Some(at) = self.resolved(at, path, &mut depth, found) else { return };
        match at.get("name") {
            Some(name) if name.node.has_tag("reference") => {
                self.image(name, jobs, &path.key("name"), depth.saturating_sub(1), found);
            }
            Some(name) => self.text(name, jobs, &path.key("name"), found),
            None => self.text(at, jobs, path, found),
        }
    }

    fn services(
        &self,
        at: At<'a>,
        jobs: &Ancestry<'a>,
        path: &KeyPath<'_>,
        mut depth: usize,
        found: &mut Found<'_>,
    ) {
        let is_reference = at.node.has_tag("reference");
        let Some(at) = self.resolved(at, path, &mut depth, found) else { return };
        if is_reference && !at.node.is_seq() {
            self.image(at, jobs, path, depth, found);
        }
        for (at, service) in at.items(self.budget) {
            let path = path.index(at);
            // A reference in a list may stand for several entries.
            if service.node.has_tag("reference") {
                self.services(service, jobs, &path, depth.saturating_sub(1), found);
            } else {
                self.image(service, jobs, &path, depth, found);
            }
        }
    }

    /// What `at` stands for, itself where it is no reference; what leads nowhere is told.
    fn resolved(
        &self,
        mut at: At<'a>,
        path: &KeyPath<'_>,
        depth: &mut usize,
        found: &mut Found<'_>,
    ) -> Option<At<'a>> {
        while at.node.has_tag("reference") {
            let Some(target) = self.referenced(at.node).filter(|_| *depth > 0) else {
                self.unresolved(at, path, found);
                return None;
            };
            at = target;
            *depth -= 1;
        }
        Some(at)
    }

    /// What `!reference [job, key, …]` stands for, if that is in one of these files.
    fn referenced(&self, node: &'a Node) -> Option<At<'a>> {
        self.roots().find_map(|root| {
            let mut at = root;
            for (_, key) in node.items(self.budget) {
                at = at.get(key.text()?)?;
            }
            if at.is(root) { None } else { Some(at) }
        })
    }

    fn text(&self, at: At<'a>, jobs: &Ancestry<'a>, path: &KeyPath<'_>, found: &mut Found<'_>) {
        let Some(typed) = at.node.text() else { return };
        self.turn(at, found);
        let spot = Spot { line: at.node.line, path: Some(path) };
        if typed.contains("$[[") {
            found.dynamic(spot, typed, "an input of the pipeline that includes it".to_owned());
            return;
        }
        let mut unknown = Vec::new();
        let name = self.expanded(typed, jobs, MAX_DEPTH, &mut unknown);
        if unknown.is_empty() {
            found.image(spot, typed, &name);
        } else {
            let place = if self.parts.len() > 1 { "these files" } else { "this file" };
            found.dynamic(spot, typed, format!("{} without a value in {place}", variables(&unknown)));
        }
    }

    /// Puts in the values of `$V`, `${V}` and `%V%`; GitLab has no defaults in names.
    fn expanded(&self, text: &str, jobs: &Ancestry<'a>, depth: usize, unknown: &mut Vec<String>) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['$', '%']) {
            out.push_str(&rest[..at]);
            let sign = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(behind) = rest.strip_prefix('$').filter(|_| sign == "$") {
                out.push('$');
                rest = behind;
                continue;
            }
            let (open, close) = match sign {
                "%" => ("", "%"),
                _ if rest.starts_with('{') => ("{", "}"),
                _ => ("", ""),
            };
            let inner = &rest[open.len()..];
            let name = &inner[..name_length(inner)];
            let Some(behind) = inner[name.len()..].strip_prefix(close).filter(|_| !name.is_empty()) else {
                out.push_str(sign);
                continue;
            };
            rest = behind;
            if HUB_PROXIES.contains(&name) && out.is_empty() && rest.starts_with('/') {
                rest = &rest[1..];
                continue;
            }
            match self.value(name, jobs).filter(|_| depth > 0) {
                Some(value) => out.push_str(&self.expanded(value, jobs, depth.saturating_sub(4), unknown)),
                None if unknown.iter().any(|known| known == name) => {}
                None => unknown.push(name.to_owned()),
            }
        }
        out.push_str(rest);
        out
    }

    /// `variables:` of the job and those that it extends, then of the file.
    fn value(&self, name: &str, jobs: &Ancestry<'a>) -> Option<&'a str> {
        jobs.iter().copied().chain(self.roots()).find_map(|job| {
            let variable = job.node.get("variables")?.get(name)?;
            variable.text().or_else(|| variable.str("value"))
        })
    }

    fn unresolved(&self, at: At<'a>, path: &KeyPath<'_>, found: &mut Found<'_>) {
        self.turn(at, found);
        let keys: Vec<&str> = at.node.items(self.budget).take(10).filter_map(|(_, key)| key.text()).collect();
        let typed = format!("!reference [{}]", keys.join(", "));
        let spot = Spot { line: at.node.line, path: Some(path) };
        found.dynamic(spot, &typed, "a reference to what is not in this file".to_owned());
    }

    /// What is found from now on stands in the file of `at`.
    fn turn(&self, at: At<'a>, found: &mut Found<'_>) {
        let part = &self.parts[at.part];
        found.turn_to(&part.file, part.document);
    }
}
