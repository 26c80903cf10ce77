//! GitLab CI: `image` and `services` at the top, under `default` and in every job, hidden ones included.
//!
//! `extends`, `!reference` and anchors are followed inside the file; `include` is not, which a warning
//! says. Variables of the file have their values; those of the server are known to it alone.

use std::collections::HashSet;

use super::compose::variables;
use super::found::{Found, Spot};
use super::interpolate::name_length;
use super::key_path::KeyPath;
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

pub(super) struct Gitlab<'a> {
    root: &'a Node,
    budget: &'a Budget,
}

/// A job and those that it extends, itself first.
type Ancestry<'a> = Vec<&'a Node>;

impl<'a> Gitlab<'a> {
    pub(super) const fn new(root: &'a Node, budget: &'a Budget) -> Self {
        Self { root, budget }
    }

    pub(super) fn read(&self, found: &mut Found<'_>) {
        let top = KeyPath::ROOT;
        if let Some(include) = self.root.get("include") {
            found.warn(include.line, "include: not followed; name those files too");
        }
        self.job(&vec![self.root], &top, found);
        if let Some(default) = self.root.get("default") {
            self.job(&vec![default], &top.key("default"), found);
        }
        let mut hidden_lines = HashSet::new();
        for (name, job) in self.root.pairs(self.budget).filter(|(name, _)| !NO_JOBS.contains(name)) {
            if !job.is_map() {
                continue;
            }
            if name.starts_with('.') {
                hidden_lines.extend(self.lines(job));
            }
            let mut ancestry = Vec::new();
            self.ancestry(job, MAX_DEPTH, &mut ancestry);
            self.job(&ancestry, &top.key(name), found);
        }
        // A hidden job is a template: what it leaves open, those that extend it may fill.
        found.drop_dynamic_at_lines_with_images(&hidden_lines);
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

    /// Later parents win over earlier ones.
    fn ancestry(&self, job: &'a Node, depth: usize, out: &mut Ancestry<'a>) {
        if !self.budget.spend() {
            return;
        }
        out.push(job);
        let Some(extends) = job.get("extends").filter(|_| depth > 0) else { return };
        let mut parents: Vec<&str> =
            extends.items(self.budget).filter_map(|(_, parent)| parent.text()).collect();
        parents.extend(extends.text());
        for parent in parents.into_iter().rev().filter_map(|name| self.root.get(name)) {
            if !out.iter().any(|known| std::ptr::eq(*known, parent)) {
                self.ancestry(parent, depth - 1, out);
            }
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
        node: &'a Node,
        jobs: &Ancestry<'a>,
        path: &KeyPath<'_>,
        depth: usize,
        found: &mut Found<'_>,
    ) {
        if node.has_tag("reference") {
            match self.referenced(node).filter(|_| depth > 0) {
                Some(target) => self.image(target, jobs, path, depth - 1, found),
                None => unresolved(node, self.budget, path, found),
            }
            return;
        }
        match node.get("name") {
            Some(name) if name.has_tag("reference") => {
                self.image(name, jobs, &path.key("name"), depth.saturating_sub(1), found);
            }
            Some(name) => self.text(name, jobs, &path.key("name"), found),
            None => self.text(node, jobs, path, found),
        }
    }

    fn services(
        &self,
        node: &'a Node,
        jobs: &Ancestry<'a>,
        path: &KeyPath<'_>,
        depth: usize,
        found: &mut Found<'_>,
    ) {
        if node.has_tag("reference") {
            match self.referenced(node).filter(|_| depth > 0) {
                Some(target) if target.is_seq() => self.services(target, jobs, path, depth - 1, found),
                Some(target) => self.image(target, jobs, path, depth - 1, found),
                None => unresolved(node, self.budget, path, found),
            }
            return;
        }
        for (at, service) in node.items(self.budget) {
            let path = path.index(at);
            // A reference in a list may stand for several entries.
            if service.has_tag("reference") {
                self.services(service, jobs, &path, depth.saturating_sub(1), found);
            } else {
                self.image(service, jobs, &path, depth, found);
            }
        }
    }

    /// What `!reference [job, key, …]` stands for, if that is in this file.
    fn referenced(&self, node: &'a Node) -> Option<&'a Node> {
        let mut at = self.root;
        for (_, key) in node.items(self.budget) {
            at = at.get(key.text()?)?;
        }
        if std::ptr::eq(at, self.root) { None } else { Some(at) }
    }

    fn text(&self, node: &Node, jobs: &Ancestry<'a>, path: &KeyPath<'_>, found: &mut Found<'_>) {
        let Some(typed) = node.text() else { return };
        let spot = Spot { line: node.line, path: Some(path) };
        if typed.contains("$[[") {
            found.dynamic(spot, typed, "an input of the pipeline that includes it".to_owned());
            return;
        }
        let mut unknown = Vec::new();
        let name = self.expanded(typed, jobs, MAX_DEPTH, &mut unknown);
        if unknown.is_empty() {
            found.image(spot, typed, &name);
        } else {
            found.dynamic(spot, typed, format!("{} without a value in this file", variables(&unknown)));
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
        jobs.iter().copied().chain([self.root]).find_map(|job| {
            let variable = job.get("variables")?.get(name)?;
            variable.text().or_else(|| variable.str("value"))
        })
    }
}

fn unresolved(node: &Node, budget: &Budget, path: &KeyPath<'_>, found: &mut Found<'_>) {
    let keys: Vec<&str> = node.items(budget).take(10).filter_map(|(_, key)| key.text()).collect();
    let typed = format!("!reference [{}]", keys.join(", "));
    let spot = Spot { line: node.line, path: Some(path) };
    found.dynamic(spot, &typed, "a reference to what is not in this file".to_owned());
}
