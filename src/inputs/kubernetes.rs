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
/// Collections inside each other, where an image may stand in a document of no kind.
const MAX_STRAY_DEPTH: usize = 16;
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

/// The APIs of these kinds: custom resources may call theirs alike.
const OWN_APIS: [&str; 4] = ["v1", "apps/", "batch/", "extensions/"];
/// That of kustomizations.
const KUSTOMIZE_API: &str = "kustomize.config.k8s.io/";

/// Whose an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Api {
    /// Kubernetes' own, which refuses what has another shape.
    Own,
    /// Anybody's: what has another shape is something else.
    Custom,
}

impl Api {
    /// Of an object; of one that says nothing, as those in a list may, that of what it stands `inside`.
    fn of(object: &Node, inside: Self) -> Self {
        let Some(version) = object.str("apiVersion") else { return inside };
        let is_own = |api: &str| version == api || api.ends_with('/') && version.starts_with(api);
        if OWN_APIS.iter().any(|api| is_own(api)) { Self::Own } else { Self::Custom }
    }

    /// Tells what is no such collection; nothing at all may stand there.
    fn must_be(
        self,
        (is_it, what): (impl Fn(&Node) -> bool, &str),
        node: &Node,
        path: &KeyPath<'_>,
        found: &mut Found<'_>,
    ) {
        let is_nothing = node.text().is_none() && !node.is_map() && !node.is_seq();
        if self == Self::Own && !is_it(node) && !is_nothing {
            let name = path.last_key().map(|key| format!("{key}: ")).unwrap_or_default();
            found.bad(
                Spot::of(node, path),
                node.text().unwrap_or_default(),
                format!("{name}{what} must stand here"),
            );
        }
    }
}

const CONTAINERS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];

/// Whether it is an object of an API.
pub(super) fn is_it(root: &Node) -> bool {
    root.str("apiVersion").is_some() && root.str("kind").is_some()
}

/// Whether it would be one of a kind that holds images, if it said of which API.
pub(super) fn lacks_version(root: &Node) -> bool {
    let is_known = |kind: &str| POD_SPECS.iter().any(|(name, _)| *name == kind);
    root.get("apiVersion").is_none()
        && root.str("kind").is_some_and(is_known)
        && ["metadata", "spec", "template"].into_iter().any(|key| root.get(key).is_some_and(Node::is_map))
}

/// Where an image stands in a document of which nobody knows what it is, if one does.
pub(super) fn stray_image(root: &Node, budget: &Budget) -> Option<u32> {
    if root.get("kind").is_some() || root.get("apiVersion").is_some() {
        return None;
    }
    stray_below(root, MAX_STRAY_DEPTH, budget)
}

fn stray_below(node: &Node, depth: usize, budget: &Budget) -> Option<u32> {
    if depth == 0 {
        return None;
    }
    let own = node.get("image").filter(|image| image.text().is_some_and(|text| !text.is_empty()));
    let mut pairs = node.pairs(budget).map(|(_, value)| value);
    own.map(|image| image.line)
        .or_else(|| pairs.find_map(|value| stray_below(value, depth - 1, budget)))
        .or_else(|| node.items(budget).find_map(|(_, item)| stray_below(item, depth - 1, budget)))
}

pub(super) struct Kubernetes<'a> {
    pub(super) any_image_key: AnyImageKey,
    pub(super) budget: &'a Budget,
}

impl Kubernetes<'_> {
    pub(super) fn read(&self, root: &Node, found: &mut Found<'_>) {
        let top = KeyPath::ROOT;
        let kind = root.str("kind");
        if matches!(kind, Some("Kustomization" | "Component") | None) {
            let is_kustomize = root.str("apiVersion").is_none_or(|api| api.starts_with(KUSTOMIZE_API));
            self.kustomize(root, if is_kustomize { Api::Own } else { Api::Custom }, &top, found);
        }
        if lacks_version(root) {
            let why = "no apiVersion stands beside kind: Kubernetes refuses it".to_owned();
            found.bad(Spot::line(root.line), kind.unwrap_or_default(), why);
        }
        self.object(root, (kind, Api::Own), &top, MAX_DEPTH, found);
        for (at, item) in root.items(self.budget) {
            self.object(item, (item.str("kind"), Api::Own), &top.index(at), MAX_DEPTH, found);
        }
        if self.any_image_key == AnyImageKey::Yes {
            self.any(root, &top, MAX_ANY_DEPTH, found);
        }
    }

    fn object(
        &self,
        object: &Node,
        (kind, inside): (Option<&str>, Api),
        path: &KeyPath<'_>,
        depth: usize,
        found: &mut Found<'_>,
    ) {
        let Some(kind) = kind else { return };
        let api = Api::of(object, inside);
        if let Some(of) = kind.strip_suffix("List")
            && let Some(items) = object.get("items")
            && depth > 0
        {
            let path = path.key("items");
            api.must_be((Node::is_seq, "a list"), items, &path, found);
            for (at, item) in items.items(self.budget) {
                // In a typed list, such as PodList, the items need not say what they are.
                let kind = item.str("kind").or(if of.is_empty() { None } else { Some(of) });
                self.object(item, (kind, api), &path.index(at), depth - 1, found);
            }
            return;
        }
        match POD_SPECS.iter().find(|(name, _)| name.eq_ignore_ascii_case(kind)) {
            None => {}
            Some((name, keys)) if *name == kind => self.below(object, (keys, api), path, found),
            Some((name, _)) if object.get("apiVersion").is_some() && api == Api::Own => {
                let spot = object.get("kind").map_or(object.line, |node| node.line);
                let why = format!("no such kind: {name} is meant");
                let path = path.key("kind");
                found.bad(Spot { line: spot, path: Some(&path), node: object.get("kind") }, kind, why);
            }
            Some(_) => {}
        }
    }

    /// Goes down `keys`, and reads the pod spec that stands there.
    fn below(&self, node: &Node, (keys, api): (&[&str], Api), path: &KeyPath<'_>, found: &mut Found<'_>) {
        match keys.split_first() {
            None => self.pod(node, api, path, found),
            Some((key, rest)) => {
                if let Some(node) = node.get(key) {
                    let path = path.key(key);
                    api.must_be((Node::is_map, "a map"), node, &path, found);
                    self.below(node, (rest, api), &path, found);
                }
            }
        }
    }

    fn pod(&self, spec: &Node, api: Api, path: &KeyPath<'_>, found: &mut Found<'_>) {
        let is_meant = |node: &&Node| api == Api::Own || node.kind_of_no_text().is_none_or(|_| node.is_map());
        for key in CONTAINERS {
            let Some(containers) = spec.get(key) else { continue };
            let path = path.key(key);
            api.must_be((Node::is_seq, "a list"), containers, &path, found);
            for (at, container) in containers.items(self.budget) {
                let path = path.index(at);
                api.must_be((Node::is_map, "a map"), container, &path, found);
                let (node, path) = (container.get("image").filter(is_meant), path.key("image"));
                if let Some(node) = node.filter(|node| api == Api::Own && node.text() == Some("")) {
                    found.bad(Spot::of(node, &path), "", "the name of the image is empty".to_owned());
                }
                image(node, &path, found);
            }
        }
        let Some(volumes) = spec.get("volumes") else { return };
        let path = path.key("volumes");
        api.must_be((Node::is_seq, "a list"), volumes, &path, found);
        for (at, volume) in volumes.items(self.budget) {
            let reference = volume.at(&["image", "reference"]).filter(is_meant);
            image(reference, &path.index(at).key("image").key("reference"), found);
        }
    }

    /// `images:` of a kustomization: what names are changed into.
    fn kustomize(&self, root: &Node, api: Api, path: &KeyPath<'_>, found: &mut Found<'_>) {
        let Some(images) = root.get("images") else { return };
        let path = path.key("images");
        for (at, entry) in images.items(self.budget) {
            let path = path.index(at);
            api.must_be((Node::is_map, "a map"), entry, &path, found);
            let values =
                ["name", "newName", "newTag", "digest", "tagSuffix"].map(|key| (key, entry.get(key)));
            let mut is_bad = false;
            for (key, node) in values.iter().filter_map(|(key, node)| Some((key, (*node)?))) {
                let is_text = !node.is_map() && !node.is_seq();
                is_bad |=
                    rewritten(node, &path.key(key), found) || !is_text && found.no_text(node, &path.key(key));
            }
            if is_bad {
                continue;
            }
            let [name, new_name, tag, digest, suffix] = values.map(|(_, node)| {
                node.and_then(|node| Some((node.line, node.text().filter(|text| !text.is_empty())?)))
            });
            let Some((_, name)) = new_name.or(name) else { continue };
            let Some(line) = new_name.or(tag).or(digest).or(suffix).map(|(line, _)| line) else { continue };
            let spot = Spot { line, path: Some(&path), node: Some(entry) };
            if tag.is_none() && digest.is_none() {
                let why = match suffix {
                    Some(_) => "the tag is that of the manifests, with the suffix behind it",
                    None => "the tag is that of the manifests whose images are renamed",
                };
                let typed = suffix.map_or(name.to_owned(), |(_, suffix)| format!("{name}:…{suffix}"));
                found.dynamic(spot, &typed, why.to_owned());
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

/// Tells a number whose text is not kept: the tag that is pulled is not the one that is written.
fn rewritten(node: &Node, path: &KeyPath<'_>, found: &mut Found<'_>) -> bool {
    let Some(text) = node.rewritten_number() else { return false };
    let why = "a number to YAML, whose readers may change its text (1.10 becomes 1.1): write it in quotes"
        .to_owned();
    found.bad(Spot::of(node, path), text, why);
    true
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
    if map.get("tag").is_some_and(|tag| rewritten(tag, &path.key("tag"), found)) {
        return;
    }
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
