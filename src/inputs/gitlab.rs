//! GitLab CI: `image` and `services` at the top, under `default` and in every job, hidden ones included.
//!
//! `extends` and `!reference` are followed in the file and in those of the same repository that it includes;
//! what it includes from elsewhere is not, which a warning says. An image is what the jobs make of its name, each
//! with its own variables ([`values`]); what hangs on rules, or on what stands elsewhere, is never guessed.

mod include;
mod job;
mod values;

use std::borrow::Cow;
use std::collections::HashSet;
use std::path::Path;
use std::rc::Rc;

use self::job::{Held, Job};
use self::values::Scope;
use super::bad_line::BadLine;
use super::found::{Found, Spot};
use super::repository::Part;
use super::room::Room;
use super::yaml::{Budget, Node};

/// Keys at the top that are no jobs.
const NO_JOBS: [&str; 11] = [
    "stages",
    "variables",
    "workflow",
    "default",
    "include",
    "spec",
    "image",
    "services",
    "cache",
    "before_script",
    "after_script",
];
/// GitLab's own bounds: extends 11 deep, references 10.
const MAX_DEPTH: usize = 11;

/// Where names of images stand.
const KEYS: [&str; 2] = ["image", "services"];
/// What the variables of a template hang on.
const NO_JOB: &str = "the jobs that use this template, of which none is here";
const A_LIST: &str = "a list is no image's name: a text, or a map with `name`, must stand here";
const NO_TEXT: &str =
    "no image's name but a number, true or false: if it is meant as a name, write it in quotes";
const NAMELESS: &str = "no `name` stands in this map, nor in those that it is merged with";
const UNKNOWN_JOBS: &str = "the jobs that use it, of which none is known here";

/// Whether only a pipeline looks like this.
pub(super) fn is_it(root: &Node, budget: &Budget) -> bool {
    let is_job = |node: &Node| node.get("script").is_some() || node.get("trigger").is_some();
    !super::kubernetes::is_it(root)
        && (root.get("stages").is_some_and(Node::is_seq) || root.pairs(budget).any(|(_, node)| is_job(node)))
}

/// Whether it is the header of a pipeline's file, with the inputs that others give it: jobs stand in what follows.
pub(super) fn is_header(root: &Node) -> bool {
    root.at(&["spec", "inputs"]).is_some_and(Node::is_map) && root.get("kind").is_none()
}

/// Reads the pipeline that the document `root` of the file at `path` begins.
pub(super) fn read(root: &Rc<Node>, path: Option<&Path>, budget: &Budget, found: &mut Found<'_>) {
    let (parts, is_whole) = include::follow(root, path, budget, found);
    Gitlab { parts: &parts, is_whole, budget, room: Room::default() }.read(found);
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

    fn is_null(self) -> bool {
        !self.node.is_map() && !self.node.is_seq() && self.node.text().is_none()
    }

    fn address(self) -> usize {
        std::ptr::from_ref(self.node).addr()
    }
}

struct Gitlab<'a> {
    /// The file itself, then what it includes; earlier ones win.
    parts: &'a [Part],
    /// Whether nothing else is included.
    is_whole: bool,
    budget: &'a Budget,
    room: Room,
}

/// What stands where an image's name does.
#[derive(Clone, Copy)]
enum Leaf<'a> {
    /// A name, and the reference that led to it, if one did.
    Name(At<'a>, Option<At<'a>>),
    /// A reference to what is not in these files.
    Lost(At<'a>),
    /// A value that is no name.
    Wrong(At<'a>, &'static str),
    /// A map without a name, which whoever takes it may bring.
    Nameless(At<'a>),
}

/// What the jobs of these files take.
#[derive(Default)]
struct Taken<'a> {
    has_jobs: bool,
    /// Names of images, by address.
    used: HashSet<usize>,
    /// Jobs and templates, by address, of which all that counts is what jobs take.
    decided: HashSet<usize>,
    /// What jobs extend, whether or not it decides anything.
    reached: HashSet<&'a str>,
    /// Keys of which a job may have the default: a template decides that is not here.
    open: HashSet<&'static str>,
}

/// What is to be told of a place.
struct Told<'a> {
    at: At<'a>,
    typed: Cow<'a, str>,
    name: Name,
}

impl<'a> Told<'a> {
    fn fault(at: At<'a>, why: &str) -> Self {
        let typed = at.node.text().unwrap_or_default().into();
        Self { at, typed, name: Name::Fault(why.to_owned()) }
    }
}

/// What comes of a name.
#[derive(Clone, PartialEq, Eq)]
enum Name {
    /// The image.
    Image(String),
    /// What it hangs on.
    Open(String),
    /// What is wrong with it.
    Fault(String),
}

impl<'a> Gitlab<'a> {
    fn read(&self, found: &mut Found<'_>) {
        for part in self.parts {
            found.know(&part.root);
        }
        let mut told = Vec::new();
        let mut taken = Taken::default();
        let mut known = HashSet::new();
        let mut templates = Vec::new();
        let defaults = Job::defaults(self);
        for root in self.roots() {
            for (name, job) in root.node.pairs(self.budget).filter(|(name, _)| !NO_JOBS.contains(name)) {
                if !job.is_map() || !known.insert(name) {
                    continue;
                }
                if name.starts_with('.') {
                    templates.push(name);
                } else {
                    taken.has_jobs = true;
                    self.reach(name, &mut taken.reached);
                    self.job(&Job::named(self, name), &defaults, &mut taken, &mut told);
                }
            }
        }
        // What no job of these files uses, others may: the names in it count as they stand there.
        for name in templates {
            let template = Job::alone(self, name);
            if !template.deciding().any(|at| taken.decided.contains(&at.address())) {
                let why = if taken.reached.contains(name) { UNKNOWN_JOBS } else { NO_JOB };
                self.template((&template, &KEYS, why), &taken.used, &mut told);
            }
        }
        // Where every job decides for itself, nobody pulls these.
        let is_open = |key: &str| !taken.has_jobs || !self.is_whole || taken.open.contains(key);
        let keys: Vec<&str> = KEYS.into_iter().filter(|key| is_open(key)).collect();
        let why = if taken.has_jobs { UNKNOWN_JOBS } else { NO_JOB };
        for defaults in [Job::default_keys(self), Job::top(self)] {
            self.template((&defaults, &keys, why), &taken.used, &mut told);
        }
        told.sort_by_key(|told| (told.at.part, told.at.node.line));
        for Told { at, typed, name } in &told {
            let part = &self.parts[at.part];
            found.turn_to(&part.file, part.document);
            let spot = Spot { line: at.node.line, path: None, node: Some(at.node) };
            match name {
                Name::Image(name) => found.image(spot, typed, name),
                Name::Open(why) => found.dynamic(spot, typed, why.clone()),
                Name::Fault(why) => found.bad(spot, typed, why.clone()),
            }
        }
    }

    fn roots(&self) -> impl Iterator<Item = At<'a>> + use<'a> {
        self.parts.iter().enumerate().map(|(part, of)| At { node: &of.root, part })
    }

    /// Adds all that a job extends, however deep.
    fn reach(&self, name: &'a str, reached: &mut HashSet<&'a str>) {
        let mut names = vec![name];
        while let Some(name) = names.pop() {
            let parents = job::parents(self, name).into_iter().filter_map(|at| at.node.text());
            names.extend(parents.filter(|name| self.budget.spend() && reached.insert(name)));
        }
    }

    /// What a job pulls.
    fn job(&self, job: &Job<'a>, defaults: &Job<'a>, taken: &mut Taken<'a>, told: &mut Vec<Told<'a>>) {
        taken.decided.extend(job.deciding().map(At::address));
        // Jobs that start another pipeline run nothing themselves.
        if matches!(job.own(self, "trigger"), Held::Value(_)) {
            return;
        }
        let mut scope = None;
        for key in KEYS {
            let mut leaves = Vec::new();
            match self.leaves(job, key, &mut leaves) {
                Held::Value(()) => {}
                Held::Elsewhere(at, name) => {
                    taken.open.insert(key);
                    let place = match self.has(name) {
                        true => format!("stands deeper than the {MAX_DEPTH} levels that GitLab follows"),
                        false => format!("is not in {}", self.here()),
                    };
                    let why = format!("what the template {name} says, which {place}");
                    told.push(Told { at, typed: format!("extends: {name}").into(), name: Name::Open(why) });
                }
                Held::Nothing => {
                    if job.inherits(self, "default", key) {
                        self.leaves(defaults, key, &mut leaves);
                    }
                }
            }
            for leaf in leaves {
                if let Leaf::Name(at, _) = leaf {
                    taken.used.insert(at.address());
                }
                self.tell(leaf, scope.get_or_insert_with(|| Scope::of(self, job)), told);
            }
        }
    }

    /// What stands under `keys` of what no job is known to use; `why` its variables are open.
    fn template(
        &self,
        (job, keys, why): (&Job<'a>, &[&str], &'static str),
        used: &HashSet<usize>,
        told: &mut Vec<Told<'a>>,
    ) {
        for key in keys {
            let mut leaves = Vec::new();
            self.leaves(job, key, &mut leaves);
            for leaf in leaves {
                match leaf {
                    Leaf::Name(at, _) if used.contains(&at.address()) => {}
                    Leaf::Name(at, _) => self.tell(Leaf::Name(at, None), &Scope::Template(why), told),
                    Leaf::Nameless(_) => {}
                    Leaf::Lost(_) | Leaf::Wrong(..) => self.tell(leaf, &Scope::Template(why), told),
                }
            }
        }
    }

    /// The names that stand under `key` of a job.
    fn leaves(&self, job: &Job<'a>, key: &str, out: &mut Vec<Leaf<'a>>) -> Held<'a, ()> {
        let mut map = None;
        for held in job.all(key) {
            match held {
                Held::Value(at) if key == "services" => {
                    self.services(at, None, MAX_DEPTH, out);
                    return Held::Value(());
                }
                // A map is merged with those below it: `name` may stand there.
                Held::Value(at) if map.is_some() && !at.node.is_map() => break,
                Held::Value(at) if self.image(at, None, MAX_DEPTH, out) => return Held::Value(()),
                Held::Value(at) => map = map.or(Some(at)),
                Held::Elsewhere(at, name) => return Held::Elsewhere(at, name),
                Held::Nothing => {}
            }
        }
        out.extend(map.map(Leaf::Nameless));
        map.map_or(Held::Nothing, |_| Held::Value(()))
    }

    /// A text, a map with `name`, or a reference to one of these; whether that is there.
    fn image(&self, at: At<'a>, via: Option<At<'a>>, depth: usize, out: &mut Vec<Leaf<'a>>) -> bool {
        let Some((at, via, depth)) = self.followed(at, via, depth, out) else { return true };
        match at.get("name") {
            Some(name) if depth > 0 && !name.is_null() => self.image(name, via, depth - 1, out),
            Some(name) => !name.is_null(),
            None if at.node.is_map() => false,
            None => {
                match at.node.kind_of_no_text() {
                    Some("a list") => out.push(Leaf::Wrong(at, A_LIST)),
                    Some(_) => out.push(Leaf::Wrong(at, NO_TEXT)),
                    None => out.extend(at.node.text().map(|_| Leaf::Name(at, via))),
                }
                true
            }
        }
    }

    /// A list of images; a reference in it may stand for several.
    fn services(&self, at: At<'a>, via: Option<At<'a>>, depth: usize, out: &mut Vec<Leaf<'a>>) {
        let Some((at, via, depth)) = self.followed(at, via, depth, out) else { return };
        if !at.node.is_seq() {
            if !self.image(at, via, depth, out) {
                out.push(Leaf::Nameless(at));
            }
        } else if depth > 0 {
            for (_, service) in at.items(self.budget) {
                self.services(service, via, depth - 1, out);
            }
        }
    }

    /// What `at` stands for, and the first reference on the way; what leads nowhere is noted.
    fn followed(
        &self,
        at: At<'a>,
        via: Option<At<'a>>,
        depth: usize,
        out: &mut Vec<Leaf<'a>>,
    ) -> Option<(At<'a>, Option<At<'a>>, usize)> {
        let mut left = depth;
        match self.resolved(at, &mut left) {
            Some(target) if target.is(at) => Some((at, via, left)),
            Some(target) => Some((target, via.or(Some(at)), left)),
            None => {
                out.push(Leaf::Lost(at));
                None
            }
        }
    }

    /// What `at` stands for, itself where it is no reference; nothing where one leads nowhere.
    fn resolved(&self, mut at: At<'a>, depth: &mut usize) -> Option<At<'a>> {
        while at.node.has_tag("reference") {
            *depth = depth.checked_sub(1)?;
            at = self.referenced(at.node)?;
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

    /// Tells what comes of a name, at its own place and where a reference stands for it.
    fn tell(&self, leaf: Leaf<'a>, scope: &Scope<'a>, told: &mut Vec<Told<'a>>) {
        let (at, via) = match leaf {
            Leaf::Name(at, via) => (at, via),
            Leaf::Wrong(at, why) => return told.push(Told::fault(at, why)),
            Leaf::Nameless(at) => return told.push(Told::fault(at, NAMELESS)),
            // Where not all was looked at, that is told already.
            Leaf::Lost(_) if self.budget.is_spent() => return,
            Leaf::Lost(at) => {
                let why = format!("a reference to what is not in {}", self.here());
                told.push(Told { at, typed: self.as_typed(at.node).into(), name: Name::Open(why) });
                return;
            }
        };
        let Some(typed) = at.node.text() else { return };
        for name in scope.names(self, typed) {
            if let (Name::Image(_), Some(via)) = (&name, via) {
                told.push(Told { at: via, typed: self.as_typed(via.node).into(), name: name.clone() });
            }
            told.push(Told { at, typed: typed.into(), name });
        }
    }

    fn as_typed(&self, reference: &'a Node) -> String {
        let keys: Vec<&str> =
            reference.items(self.budget).take(10).filter_map(|(_, key)| key.text()).collect();
        BadLine::cut(&format!("!reference [{}]", keys.join(", ")))
    }

    /// Whether a job or template of this name stands in these files.
    fn has(&self, name: &str) -> bool {
        self.roots().any(|root| root.get(name).is_some())
    }

    /// What a value hangs on that a template decides which is not followed.
    fn lost_template(&self, name: &str) -> &'static str {
        if self.has(name) { "a template deeper than GitLab follows" } else { "a template that is not here" }
    }

    const fn here(&self) -> &'static str {
        if self.parts.len() > 1 { "these files" } else { "this file" }
    }
}
