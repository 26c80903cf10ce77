//! Workflows and actions of GitHub, Forgejo and Gitea: job containers, services, steps, runners.
//!
//! Expressions (`${{ … }}`) get their values from a run; credentials that stand beside an image are never
//! looked at.

use std::path::Path;

use super::found::{Found, Spot};
use super::key_path::KeyPath;
use super::yaml::{Budget, Node};

/// Where GitHub has its workflows.
const GITHUB: &str = ".github/workflows";
const TRANSPORT: &str = "docker://";

/// Steps inside `parallel` groups inside each other.
const MAX_DEPTH: usize = 8;

/// Whether it is a workflow or an action.
pub(super) fn is_it(root: &Node) -> bool {
    let budget = Budget::default();
    let is_workflow = |jobs: &Node| {
        jobs.is_map() && (root.get("on").is_some() || jobs.pairs(&budget).any(|(_, job)| is_job(job)))
    };
    root.get("jobs").is_some_and(is_workflow) || root.at(&["runs", "using"]).is_some()
}

/// Whether it is a job as it stands here, and not one of CircleCI's, which have `jobs` and `steps` too.
fn is_job(job: &Node) -> bool {
    let has = |key: &str| job.get(key).is_some();
    let is_of_others = ["docker", "machine", "macos", "executor"].into_iter().any(has);
    !is_of_others && ["runs-on", "container", "steps", "uses"].into_iter().any(has)
}

/// Whose runners a workflow is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Forge {
    /// By its folder.
    GitHub,
    /// Forgejo, Gitea, or nobody knows.
    Other,
}

impl Forge {
    pub(super) fn of(path: Option<&Path>) -> Self {
        let folder = path.and_then(Path::parent).map(|folder| folder.to_string_lossy().replace('\\', "/"));
        let is_github = |folder: &str| folder == GITHUB || folder.ends_with(&format!("/{GITHUB}"));
        if folder.as_deref().is_some_and(is_github) { Self::GitHub } else { Self::Other }
    }
}

pub(super) fn read(root: &Node, forge: Forge, budget: &Budget, found: &mut Found<'_>) {
    let top = KeyPath::ROOT;
    if let Some(jobs) = root.get("jobs") {
        let path = top.key("jobs");
        for (name, job) in jobs.pairs(budget) {
            read_job(job, &path.key(name), (forge, budget), found);
        }
    }
    let Some(runs) = root.get("runs") else { return };
    let path = top.key("runs");
    // Any other value is a Dockerfile in the action's own folder.
    docker(runs.get("image"), &path.key("image"), found);
    steps(runs, &path, MAX_DEPTH, budget, found);
}

fn read_job(job: &Node, path: &KeyPath<'_>, (forge, budget): (Forge, &Budget), found: &mut Found<'_>) {
    image(job.get("container"), &path.key("container"), found);
    if let Some(services) = job.get("services") {
        let path = path.key("services");
        for (name, service) in services.pairs(budget) {
            image(Some(service), &path.key(name), found);
        }
        let spot = Spot::of(services, &path);
        if let Some(text) = services.text() {
            found.dynamic(spot, text, "the services are known only when it runs".to_owned());
        } else if services.is_seq() {
            found.bad(spot, "", "services: a list stands where a map of services must".to_owned());
        }
    }
    if let Some(label) = job.get("runs-on") {
        let path = path.key("runs-on");
        runner(label, forge, &path, found);
        for (at, label) in label.items(budget) {
            runner(label, forge, &path.index(at), found);
        }
    }
    steps(job, path, MAX_DEPTH, budget, found);
}

/// A text, or a map with `image`.
fn image(node: Option<&Node>, path: &KeyPath<'_>, found: &mut Found<'_>) {
    let Some(node) = node else { return };
    let take = |node: &Node, path: &KeyPath<'_>, found: &mut Found<'_>| {
        if let Some(text) = node.text() {
            // Runners cut it off here too.
            let name = text.trim();
            found.image(Spot::of(node, path), text, name.strip_prefix(TRANSPORT).unwrap_or(name));
        }
    };
    match node.get("image") {
        Some(inner) if inner.is_map() || inner.is_seq() => {
            found.no_text(inner, &path.key("image"));
        }
        Some(inner) => take(inner, &path.key("image"), found),
        None if node.is_seq() => {
            found.no_text(node, path);
        }
        // An expression as a key may stand for all of them.
        None if node.is_map() && !node.pairs(&Budget::default()).any(|(key, _)| key.contains("${{")) => {
            found.bad(Spot::of(node, path), "", "no image is named: `image` is missing".to_owned());
        }
        None => take(node, path, found),
    }
}

fn docker(node: Option<&Node>, path: &KeyPath<'_>, found: &mut Found<'_>) {
    let Some((node, text)) = node.and_then(|node| Some((node, node.text()?))) else { return };
    if let Some(name) = text.strip_prefix(TRANSPORT) {
        found.image(Spot::of(node, path), text, name.trim());
    }
}

/// Forgejo's and Gitea's `docker://IMAGE` and `label:docker://IMAGE`.
fn runner(node: &Node, forge: Forge, path: &KeyPath<'_>, found: &mut Found<'_>) {
    let Some(text) = node.text() else { return };
    let name = match text.split_once(TRANSPORT) {
        Some(("", name)) => name,
        Some((label, name)) if label.ends_with(':') => name,
        _ => return,
    };
    if forge == Forge::GitHub {
        found.warn(node.line, "runs-on: an image as a runner is Forgejo's and Gitea's: left out");
        return;
    }
    found.image(Spot::of(node, path), text, name.trim());
}

fn steps(node: &Node, path: &KeyPath<'_>, depth: usize, budget: &Budget, found: &mut Found<'_>) {
    for key in ["steps", "parallel"] {
        let Some(steps_here) = node.get(key).filter(|_| depth > 0) else { continue };
        let path = path.key(key);
        for (at, step) in steps_here.items(budget) {
            let path = path.index(at);
            docker(step.get("uses"), &path.key("uses"), found);
            steps(step, &path, depth - 1, budget, found);
        }
    }
}
