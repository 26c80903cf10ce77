//! Kubernetes manifests, Helm's output and kustomizations: all places where a pod's images stand.
//!
//! Objects of other kinds hold none that could be known: custom resources put images where they like. Only
//! where the user asks for it is every key `image` taken for one.

use super::found::{Found, Spot};
use super::key_path::KeyPath;
use super::yaml::{Budget, Node};

/// Whether keys named `image` count wherever they stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AnyImageKey {
    /// Only where a pod's images stand.
    #[default]
    No,
    /// Anywhere: a text, or a map of repository, tag and digest.
    Yes,
}

/// Lists inside lists, as far as anybody could mean it.
const MAX_DEPTH: usize = 16;
/// Collections inside each other, where any key counts.
const MAX_ANY_DEPTH: usize = 128;

/// Where the pod spec stands in an object of a kind.
const POD_SPECS: [(&str, &[&str]); 10] = [
    ("Pod", &["spec"]),
    ("PodTemplate", &["template", "spec"]),
    ("Deployment", &["spec", "template", "spec"]),
    ("ReplicaSet", &["spec", "template", "spec"]),
    ("StatefulSet", &["spec", "template", "spec"]),
    ("DaemonSet", &["spec", "template", "spec"]),
    ("Job", &["spec", "template", "spec"]),
    ("ReplicationController", &["spec", "template", "spec"]),
    ("CronJob", &["spec", "jobTemplate", "spec", "template", "spec"]),
    ("DeploymentConfig", &["spec", "template", "spec"]),
];

const CONTAINERS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];

/// Whether it is an object of an API.
pub(super) fn is_it(root: &Node) -> bool {
    root.str("apiVersion").is_some() && root.str("kind").is_some()
}

pub(super) struct Kubernetes<'a> {
    pub(super) any_image_key: AnyImageKey,
    pub(super) budget: &'a Budget,
}

impl Kubernetes<'_> {
    pub(super) fn read(&self, root: &Node, found: &mut Found<'_>) {
        let top = KeyPath::ROOT;
        let kind = root.str("kind");
        if kind == Some("Kustomization") || kind == Some("Component") || kind.is_none() {
            self.kustomize(root, &top, found);
        }
        self.object(root, kind, &top, MAX_DEPTH, found);
        for (at, item) in root.items(self.budget) {
            self.object(item, item.str("kind"), &top.index(at), MAX_DEPTH, found);
        }
        if self.any_image_key == AnyImageKey::Yes {
            self.any(root, &top, MAX_ANY_DEPTH, found);
        }
    }

    fn object(
        &self,
        object: &Node,
        kind: Option<&str>,
        path: &KeyPath<'_>,
        depth: usize,
        found: &mut Found<'_>,
    ) {
        let Some(kind) = kind else { return };
        if let Some(of) = kind.strip_suffix("List")
            && let Some(items) = object.get("items")
            && depth > 0
        {
            let path = path.key("items");
            for (at, item) in items.items(self.budget) {
                // In a typed list, such as PodList, the items need not say what they are.
                let kind = item.str("kind").or(if of.is_empty() { None } else { Some(of) });
                self.object(item, kind, &path.index(at), depth - 1, found);
            }
            return;
        }
        let Some((_, keys)) = POD_SPECS.iter().find(|(name, _)| *name == kind) else { return };
        self.below(object, keys, path, found);
    }

    /// Goes down `keys`, and reads the pod spec that stands there.
    fn below(&self, node: &Node, keys: &[&str], path: &KeyPath<'_>, found: &mut Found<'_>) {
        match keys.split_first() {
            None => self.pod(node, path, found),
            Some((key, rest)) => {
                if let Some(node) = node.get(key) {
                    self.below(node, rest, &path.key(key), found);
                }
            }
        }
    }

    fn pod(&self, spec: &Node, path: &KeyPath<'_>, found: &mut Found<'_>) {
        for key in CONTAINERS {
            let Some(containers) = spec.get(key) else { continue };
            let path = path.key(key);
            for (at, container) in containers.items(self.budget) {
                image(container.get("image"), &path.index(at).key("image"), found);
            }
        }
        let Some(volumes) = spec.get("volumes") else { return };
        let path = path.key("volumes");
        for (at, volume) in volumes.items(self.budget) {
            let reference = volume.at(&["image", "reference"]);
            image(reference, &path.index(at).key("image").key("reference"), found);
        }
    }

    /// `images:` of a kustomization: what names are changed into.
    fn kustomize(&self, root: &Node, path: &KeyPath<'_>, found: &mut Found<'_>) {
        let Some(images) = root.get("images") else { return };
        let path = path.key("images");
        for (at, entry) in images.items(self.budget) {
            let part = |key: &str| entry.get(key).and_then(|node| Some((node.line, node.text()?)));
            let (new_name, tag, digest) = (part("newName"), part("newTag"), part("digest"));
            let Some((_, name)) = new_name.or_else(|| part("name")) else { continue };
            let Some(line) = new_name.or(tag).or(digest).map(|(line, _)| line) else { continue };
            let path = path.index(at);
            let spot = Spot { line, path: Some(&path), node: Some(entry) };
            if tag.is_none() && digest.is_none() {
                let why = "the tag is that of the manifests whose images are renamed";
                found.dynamic(spot, name, why.to_owned());
                continue;
            }
            let whole = assembled(name, tag.map(|(_, tag)| tag), digest.map(|(_, digest)| digest));
            found.image(spot, &whole, &whole);
        }
    }

    fn any(&self, node: &Node, path: &KeyPath<'_>, depth: usize, found: &mut Found<'_>) {
        if depth == 0 {
            return;
        }
        for (key, value) in node.pairs(self.budget) {
            let path = path.key(key);
            if key == "image" && value.text().is_some() {
                image(Some(value), &path, found);
            } else if key == "image" && value.get("repository").is_some() {
                parts(value, &path, found);
            } else {
                self.any(value, &path, depth - 1, found);
            }
        }
        for (at, item) in node.items(self.budget) {
            self.any(item, &path.index(at), depth - 1, found);
        }
    }
}

fn image(node: Option<&Node>, path: &KeyPath<'_>, found: &mut Found<'_>) {
    let Some(node) = node else { return };
    let spot = Spot::of(node, path);
    // `{{ .Values.image }}` without quotes is a map in a map.
    if node.is_map() || node.is_seq() {
        let why = "no text: if it is a template, render it first (`helm template`)".to_owned();
        found.dynamic(spot, "{…}", why);
        return;
    }
    if found.no_text(node, path) {
        return;
    }
    if let Some(text) = node.text() {
        found.image(spot, text, text);
    }
}

/// `image: {registry, repository, tag, digest}`, as charts' values and custom resources have it.
fn parts(map: &Node, path: &KeyPath<'_>, found: &mut Found<'_>) {
    let part = |key: &str| map.str(key).filter(|text| !text.is_empty());
    let Some((line, repository)) = map.get("repository").and_then(|node| Some((node.line, node.text()?)))
    else {
        return;
    };
    let name = match part("registry") {
        Some(registry) => format!("{registry}/{repository}"),
        None => repository.to_owned(),
    };
    let spot = Spot { line, path: Some(path), node: Some(map) };
    if part("tag").is_none() && part("digest").is_none() {
        found.dynamic(spot, &name, "no tag stands beside it: the chart or operator has one".to_owned());
        return;
    }
    let whole = assembled(&name, part("tag"), part("digest"));
    found.image(spot, &whole, &whole);
}

fn assembled(name: &str, tag: Option<&str>, digest: Option<&str>) -> String {
    let mut whole = name.to_owned();
    if let Some(tag) = tag {
        whole.extend([":", tag]);
    }
    if let Some(digest) = digest {
        whole.extend(["@", digest]);
    }
    whole
}
