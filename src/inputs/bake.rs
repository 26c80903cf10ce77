//! `docker buildx bake` files in JSON: named contexts and caches that are images, and Dockerfiles in them.
//!
//! Bake files in HCL are programs; `docker buildx bake --print` makes JSON of them. A target is read once with all
//! that it inherits: later parents win, and what it says itself.

mod template;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;

use self::template::{Filled, Templates};
use super::compose::{cache_image, image_context};
use super::dockerfile::{self, Given, Inside, Sort, Unknown};
use super::found::{Found, Spot};
use super::room::Room;
use super::yaml::{Budget, Node};

/// HCL's JSON form puts lists of blocks around blocks.
const MAX_DEPTH: usize = 4;
/// What a target of bake holds that says what is built, and no job of a pipeline.
const TARGET_KEYS: [&str; 30] = [
    "context",
    "contexts",
    "dockerfile",
    "dockerfile-inline",
    "args",
    "tags",
    "inherits",
    "cache-from",
    "cache-to",
    "platforms",
    "output",
    "target",
    "labels",
    "matrix",
    "no-cache",
    "no-cache-filter",
    "secret",
    "annotations",
    "attest",
    "call",
    "cgroup-parent",
    "description",
    "entitlements",
    "extra-hosts",
    "network",
    "policy",
    "pull",
    "shm-size",
    "ssh",
    "ulimits",
];

/// Whether only a bake file has these keys.
pub(super) fn is_it(root: &Node) -> bool {
    let budget = Budget::default();
    let Some(targets) = root.get("target").filter(|_| root.get("apiVersion").is_none()) else { return false };
    let mut all = Vec::new();
    for named in blocks(targets, &budget) {
        all.extend(named.pairs(&budget).map(|(_, target)| target));
    }
    // A pipeline may have a job of that name.
    let is_target = |target: &Node| {
        let mut blocks = blocks(target, &budget).into_iter().peekable();
        blocks.peek().is_some()
            && blocks.all(|block| {
                block.pairs(&budget).next().is_none()
                    || TARGET_KEYS.iter().any(|key| block.get(key).is_some())
            })
    };
    let is_pipeline = root.get("stages").is_some_and(Node::is_seq);
    !is_pipeline && (targets.is_map() || targets.is_seq()) && all.into_iter().all(is_target)
}

/// A map, or the maps of a list of them.
fn blocks<'n>(node: &'n Node, budget: &'n Budget) -> Vec<&'n Node> {
    fn gather<'n>(node: &'n Node, depth: usize, budget: &'n Budget, out: &mut Vec<&'n Node>) {
        if node.is_map() {
            out.push(node);
        } else if depth > 0 {
            node.items(budget).for_each(|(_, block)| gather(block, depth - 1, budget, out));
        }
    }
    let mut out = Vec::new();
    gather(node, MAX_DEPTH, budget, &mut out);
    out
}

/// Reads a file; `environment` goes before the defaults of variables.
pub(super) fn read(
    root: &Rc<Node>,
    environment: &BTreeMap<String, String>,
    budget: &Budget,
    found: &mut Found<'_>,
) {
    let Some(targets) = root.get("target") else { return };
    found.know(root);
    let mut variables = HashMap::new();
    let declared = root.get("variable").into_iter().flat_map(|node| blocks(node, budget));
    for (name, variable) in declared.flat_map(|named| named.pairs(budget)) {
        let default = blocks(variable, budget).into_iter().rev().find_map(|block| block.get("default"));
        variables.insert(name, default);
    }
    let templates = Templates { variables, environment, room: Room::default() };
    let mut bake = Bake { targets: HashMap::new(), templates, budget };
    let mut names = Vec::new();
    for (name, target) in blocks(targets, budget).into_iter().flat_map(|named| named.pairs(budget)) {
        let known = bake.targets.entry(name).or_insert_with(|| {
            names.push(name);
            Vec::new()
        });
        known.extend(blocks(target, budget));
    }
    for name in names {
        let mut levels = Levels::default();
        bake.gather(name, &mut levels, found);
        bake.target(&levels.blocks, found);
    }
}

struct Bake<'a> {
    /// The blocks of each target, of which later ones win.
    targets: HashMap<&'a str, Vec<&'a Node>>,
    templates: Templates<'a>,
    budget: &'a Budget,
}

/// What a target is put together of, what wins first.
#[derive(Default)]
struct Levels<'a> {
    blocks: Vec<&'a Node>,
    known: HashSet<&'a str>,
}

impl<'a> Bake<'a> {
    /// Adds a target and all that it inherits. What is there already, from nearer, could change nothing.
    fn gather(&self, name: &str, levels: &mut Levels<'a>, found: &mut Found<'_>) {
        let mut names = vec![name.to_owned()];
        while let Some(name) = names.pop() {
            let Some((name, blocks)) = self.targets.get_key_value(&*name).filter(|_| self.budget.spend())
            else {
                return;
            };
            if !levels.known.insert(name) {
                continue;
            }
            levels.blocks.extend(blocks.iter().rev());
            // The last parent wins: it is taken first.
            if let Some(inherits) = blocks.iter().rev().find_map(|block| block.get("inherits")) {
                self.parents(inherits, &mut names, found);
            }
        }
    }

    fn parents(&self, inherits: &Node, names: &mut Vec<String>, found: &mut Found<'_>) {
        for (_, parent) in inherits.items(self.budget) {
            let Some(typed) = parent.text() else { continue };
            let shown = format!("inherits: {typed}");
            match self.templates.fill(typed) {
                Ok(done) => match done.told() {
                    None if self.targets.contains_key(&*done.text) => names.push(done.text),
                    None => {
                        // Another file of the same call may have it.
                        let why = format!("what the target {} says, which is not in this file", done.text);
                        found.dynamic(spot(parent), &shown, why);
                    }
                    Some((Sort::Open, why)) => found.dynamic(spot(parent), &shown, why),
                    Some((Sort::Fault, why)) => found.bad(spot(parent), typed, why),
                },
                Err(fault) => found.bad(spot(parent), typed, fault.to_string()),
            }
        }
    }

    /// Tells what comes of a target.
    fn target(&self, levels: &[&'a Node], found: &mut Found<'_>) {
        let mut contexts = HashSet::new();
        for all in levels.iter().filter_map(|block| block.get("contexts")) {
            for (name, context) in all.pairs(self.budget) {
                if contexts.insert(name.to_ascii_lowercase()) {
                    self.text(context, image_context, found);
                }
            }
        }
        for caches in levels.iter().filter_map(|block| block.get("cache-from")) {
            for (_, cache) in caches.items(self.budget) {
                if cache.str("type") == Some("registry")
                    && let Some(reference) = cache.get("ref")
                {
                    self.text(reference, |text| Some(text), found);
                }
                self.text(cache, cache_image, found);
            }
        }
        let inline = levels
            .iter()
            .find_map(|block| block.get("dockerfile-inline").filter(|node| node.text().is_some()));
        if let Some(node) = inline {
            self.inline(node, (levels, &contexts), found);
        }
    }

    /// The arguments of a build; none for a value that is not known, a stand-in for one that is wrong.
    fn args(&self, levels: &[&'a Node], unknown: &mut Vec<Unknown>) -> BTreeMap<String, Option<String>> {
        let mut args = BTreeMap::new();
        for all in levels.iter().filter_map(|block| block.get("args")) {
            for (name, node) in all.pairs(self.budget) {
                // A null is no argument.
                let Some(value) = node.text().filter(|_| !args.contains_key(name)) else { continue };
                let value = if node.rewritten_number().is_some() {
                    unknown.push(template::rewritten(name, value));
                    Some(Unknown::stand_in(unknown.len() - 1))
                } else {
                    self.templates.fill(value).ok().and_then(Filled::known)
                };
                args.insert(name.to_owned(), value);
            }
        }
        args
    }

    fn inline(
        &self,
        node: &Node,
        (levels, contexts): (&[&'a Node], &HashSet<String>),
        found: &mut Found<'_>,
    ) {
        let typed = node.text().unwrap_or_default();
        let mut done = match self.templates.fill(typed) {
            Ok(done) => done,
            Err(fault) => return found.bad(spot(node), "", fault.to_string()),
        };
        let inside = Inside::of(node, spot(node));
        if let Some(at) = done.unclosed {
            let line = typed[..at].matches('\n').count() + 1;
            let place = inside.spot(u32::try_from(line).unwrap_or(u32::MAX));
            let why = format!("{}, in line {line} of the Dockerfile", template::UNCLOSED);
            found.bad(place, typed[at..].lines().next().unwrap_or_default(), why);
        }
        // Whole instructions may stand in these.
        let mut wide =
            done.unknown.iter().filter(|part| part.typed.starts_with('%') || part.typed.contains('\n'));
        if let Some(part) = wide.next() {
            found.dynamic(spot(node), &part.typed, format!("{}: what it makes of the Dockerfile", part.why));
        }
        let args = self.args(levels, &mut done.unknown);
        // A value of several lines moves those below it.
        let is_moved = done.text != typed && done.text.lines().count() != typed.lines().count();
        let inside = if is_moved { inside.without_lines() } else { inside };
        let inside = Some(inside.with_unknown(&done.unknown));
        let room = Some(&self.templates.room);
        let given = Given { args: Some(&args), contexts: Some(contexts), room, inside };
        dockerfile::read(&done.text, given, found);
    }

    /// `part` cuts the image out of the text once the variables have their values.
    fn text(&self, node: &Node, part: impl Fn(&str) -> Option<&str>, found: &mut Found<'_>) {
        let Some(typed) = node.text() else { return };
        match self.templates.fill(typed) {
            Ok(done) => match (part(&done.text), done.told()) {
                (None, _) => {}
                (Some(_), Some((Sort::Open, why))) => found.dynamic(spot(node), typed, why),
                (Some(_), Some((Sort::Fault, why))) => found.bad(spot(node), typed, why),
                (Some(image), None) if image.contains('$') => {
                    found.bad(spot(node), typed, "invalid name: a literal $ stands in it".to_owned());
                }
                (Some(image), None) => found.image(spot(node), typed, image),
            },
            Err(fault) => found.bad(spot(node), typed, fault.to_string()),
        }
    }
}

/// Where a value is written: the document is known.
const fn spot(node: &Node) -> Spot<'_> {
    Spot { line: node.line, path: None, node: Some(node) }
}
