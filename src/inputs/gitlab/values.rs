//! Variables in an image's name, as one job has them: `$V`, `${V}` and `%V%`; GitLab has no defaults in names.
//!
//! In GitLab's order: rules, the matrix, the job and what it extends, `workflow:rules`, the top. Which rule matches only
//! the server knows, so that what a rule sets is known to nobody here. A matrix gives each of its jobs' images.

use std::collections::{BTreeSet, HashSet};

use super::job::{Held, Job};
use super::{At, Gitlab, MAX_DEPTH, Name};
use crate::inputs::compose::variables;
use crate::inputs::interpolate::name_length;
use crate::inputs::room::{Filling, TooLong};
use crate::inputs::yaml::Node;

/// The proxies through which GitLab pulls from Docker Hub.
const HUB_PROXIES: [&str; 2] =
    ["CI_DEPENDENCY_PROXY_GROUP_IMAGE_PREFIX", "CI_DEPENDENCY_PROXY_DIRECT_GROUP_IMAGE_PREFIX"];
/// What is wrong with a name of which nothing is left.
pub(super) const EMPTY: &str = "the image's name is empty";
/// Variables whose values hold variables, as far as anybody could mean it; GitLab has no bound.
const MAX_NESTED: usize = 100;
/// What a variable hangs on that is in its own value, which GitLab refuses.
const HOLDS_ITSELF: &str = "itself";
const TOO_DEEP: &str = "variables in variables more than 100 deep";
/// GitLab's own bound on the jobs of a matrix.
const MAX_JOBS: usize = 200;

/// Who a name is put together for.
pub(super) enum Scope<'a> {
    /// A job of the pipeline.
    Job(Box<Values<'a>>),
    /// Nobody who is known: whoever uses it brings variables along. What a variable in it hangs on.
    Template(&'static str),
}

/// Where a job's variables come from.
pub(super) struct Values<'a> {
    /// Set by its rules.
    rules: Names<'a>,
    /// The variables of each job that a matrix makes.
    matrix: Result<Vec<Row<'a>>, &'static str>,
    /// `variables` of the job and what it extends, what wins first.
    own: Vec<Held<'a, At<'a>>>,
    /// Set by `workflow:rules`.
    workflow: Names<'a>,
    /// `variables` at the top.
    top: Vec<At<'a>>,
    inherited: Inherited,
}

type Row<'a> = Vec<(&'a str, &'a Node)>;

/// Names that rules set.
#[derive(Default)]
struct Names<'a> {
    names: HashSet<&'a str>,
    /// What else may set any, where that is not in these files.
    open: Option<&'static str>,
}

/// Which variables of the top a job takes.
enum Inherited {
    All,
    Only(HashSet<String>),
}

/// What is known of a variable.
enum Known<'a> {
    Value(&'a str),
    /// What is not looked through for variables.
    Raw(&'a str),
    /// A number that is written back as another text than this.
    Rewritten(&'a str),
    /// What it hangs on.
    Open(&'static str),
    Unset,
}

impl<'a> Known<'a> {
    fn of(node: &'a Node) -> Self {
        let text = node.rewritten_number().map(Self::Rewritten);
        text.or_else(|| node.text().map(Self::Value)).unwrap_or(Self::Unset)
    }
}

/// Why a name is not known.
#[derive(Default)]
struct Unknown {
    unset: Vec<String>,
    open: BTreeSet<String>,
    /// A variable that is a number, and its text.
    rewritten: Option<(String, String)>,
}

impl<'a> Scope<'a> {
    pub(super) fn of(gitlab: &Gitlab<'a>, job: &Job<'a>) -> Self {
        let rules = match job.own(gitlab, "rules") {
            Held::Value(rules) => Names::of(gitlab, rules),
            Held::Elsewhere(_, name) => Names { open: Some(gitlab.lost_template(name)), ..Names::default() },
            Held::Nothing => Names::default(),
        };
        let workflow = gitlab.roots().find_map(|root| root.get("workflow")?.get("rules"));
        let top: Vec<At<'a>> = gitlab.roots().filter_map(|root| root.get("variables")).collect();
        Self::Job(Box::new(Values {
            rules,
            matrix: matrix(gitlab, job),
            own: job.all("variables").collect(),
            workflow: workflow.map(|rules| Names::of(gitlab, rules)).unwrap_or_default(),
            inherited: Inherited::of(gitlab, job, &top),
            top,
        }))
    }

    /// What comes of `typed`: one name, or one for each job of a matrix; or why there is none.
    pub(super) fn names(&self, gitlab: &Gitlab<'a>, typed: &str) -> Vec<Name> {
        let rows: &[Row<'a>] = match self {
            Self::Job(values) => values.matrix.as_deref().unwrap_or_default(),
            Self::Template(_) => &[],
        };
        if rows.is_empty() || !typed.contains(['$', '%']) {
            return vec![self.name(gitlab, typed, &[])];
        }
        let mut names = Vec::new();
        for row in rows.iter().take_while(|_| gitlab.budget.spend()) {
            let name = self.name(gitlab, typed, row);
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    fn name(&self, gitlab: &Gitlab<'a>, typed: &str, row: &[(&'a str, &'a Node)]) -> Name {
        // What has no variables counts however much others took.
        if !typed.contains(['$', '%']) {
            return match typed.trim().is_empty() {
                true => Name::Fault(EMPTY.to_owned()),
                false => Name::Image(typed.to_owned()),
            };
        }
        let mut unknown = Unknown::default();
        let mut out = Filling::new(&gitlab.room);
        // Jobs come by the same text again and again.
        let done = gitlab.room.spend(typed.len());
        if let Err(why) =
            done.and_then(|()| self.expand(gitlab, typed, (row, &mut Vec::new()), (&mut out, &mut unknown)))
        {
            return Name::Fault(why.to_string());
        }
        let name = out.done();
        if name.contains("$[[") {
            return Name::Open("an input of the pipeline that includes it".to_owned());
        }
        let Unknown { unset, open, rewritten } = unknown;
        if let Some((name, text)) = rewritten {
            let why = format!(
                "{name} is the number {text}, whose text YAML's readers may change (1.10 becomes 1.1): write it in quotes"
            );
            return Name::Fault(why);
        }
        let unset = (!unset.is_empty())
            .then(|| format!("{} without a value in {}", variables(&unset), gitlab.here()));
        let why: Vec<String> = open.into_iter().chain(unset).collect();
        match why.is_empty() {
            false => Name::Open(why.join("; ")),
            true if name.trim().is_empty() => Name::Fault(EMPTY.to_owned()),
            true => Name::Image(name),
        }
    }

    fn expand(
        &self,
        gitlab: &Gitlab<'a>,
        text: &str,
        (row, holders): (&[(&'a str, &'a Node)], &mut Vec<usize>),
        (out, unknown): (&mut Filling<'_>, &mut Unknown),
    ) -> Result<(), TooLong> {
        let is_typed = holders.is_empty();
        let put = |out: &mut Filling<'_>, text: &str| {
            if is_typed {
                out.literal(text);
                return Ok(());
            }
            out.value(text)
        };
        let mut rest = text;
        while let Some(at) = rest.find(['$', '%']) {
            put(out, &rest[..at])?;
            let sign = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(behind) = rest.strip_prefix('$').filter(|_| sign == "$") {
                put(out, "$")?;
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
                put(out, sign)?;
                continue;
            };
            rest = behind;
            if HUB_PROXIES.contains(&name) && out.is_empty() && rest.starts_with('/') {
                rest = &rest[1..];
                continue;
            }
            out.room().look_up()?;
            match self.value(gitlab, name, row) {
                // By its address: names are those of one job throughout.
                Known::Value(value) if holders.contains(&value.as_ptr().addr()) => {
                    unknown.open.insert(format!("{name} hangs on {HOLDS_ITSELF}"));
                }
                Known::Value(_) if holders.len() >= MAX_NESTED => {
                    unknown.open.insert(format!("{name} hangs on {TOO_DEEP}"));
                }
                Known::Value(value) => {
                    holders.push(value.as_ptr().addr());
                    self.expand(gitlab, value, (row, holders), (out, unknown))?;
                    holders.pop();
                }
                Known::Rewritten(text) => {
                    unknown.rewritten.get_or_insert_with(|| (name.to_owned(), text.to_owned()));
                }
                Known::Raw(value) => out.value(value)?,
                Known::Open(why) => drop(unknown.open.insert(format!("{name} hangs on {why}"))),
                _ if unknown.unset.iter().any(|known| known == name) => {}
                _ => unknown.unset.push(name.to_owned()),
            }
        }
        put(out, rest)
    }

    fn value(&self, gitlab: &Gitlab<'a>, name: &str, row: &[(&'a str, &'a Node)]) -> Known<'a> {
        let values = match self {
            Self::Job(values) => values,
            Self::Template(why) => return Known::Open(why),
        };
        if let Some(why) = values.rules.setting(name, "the rules of a job") {
            return Known::Open(why);
        }
        if let Some((_, value)) = row.iter().find(|(known, _)| *known == name) {
            return Known::of(value);
        }
        if let Err(why) = values.matrix {
            return Known::Open(why);
        }
        for held in &values.own {
            match held {
                Held::Value(at) => match variable(gitlab, *at, name) {
                    Known::Unset => {}
                    known => return known,
                },
                Held::Elsewhere(_, name) => return Known::Open(gitlab.lost_template(name)),
                Held::Nothing => {}
            }
        }
        match &values.inherited {
            Inherited::Only(names) if !names.contains(name) => return Known::Unset,
            _ => {}
        }
        if let Some(why) = values.workflow.setting(name, "the rules of the workflow") {
            return Known::Open(why);
        }
        let known = values.top.iter().map(|at| variable(gitlab, *at, name));
        known.into_iter().find(|known| !matches!(known, Known::Unset)).unwrap_or(Known::Unset)
    }
}

/// The variable of this name in a map of them.
fn variable<'a>(gitlab: &Gitlab<'a>, variables: At<'a>, name: &str) -> Known<'a> {
    const LOST: &str = "a reference to what is not here";
    let mut depth = MAX_DEPTH;
    let Some(variables) = gitlab.resolved(variables, &mut depth) else { return Known::Open(LOST) };
    let Some(value) = variables.get(name) else { return Known::Unset };
    let Some(value) = gitlab.resolved(value, &mut depth) else { return Known::Open(LOST) };
    let of_map = value.node.get("value");
    match Known::of(of_map.unwrap_or(value.node)) {
        Known::Value(text) if value.node.str("expand") == Some("false") => Known::Raw(text),
        known => known,
    }
}

impl<'a> Names<'a> {
    fn of(gitlab: &Gitlab<'a>, rules: At<'a>) -> Self {
        let mut names = Self::default();
        names.add(gitlab, rules, MAX_DEPTH);
        names
    }

    fn add(&mut self, gitlab: &Gitlab<'a>, at: At<'a>, depth: usize) {
        let mut left = depth;
        let Some(at) = gitlab.resolved(at, &mut left).filter(|_| left > 0) else {
            self.open = Some("rules that are not here");
            return;
        };
        for (_, rule) in at.items(gitlab.budget) {
            self.add(gitlab, rule, left - 1);
        }
        let Some(variables) = at.get("variables") else { return };
        match gitlab.resolved(variables, &mut left) {
            Some(variables) => {
                self.names
                    .extend(variables.node.merged_pairs(gitlab.budget).into_iter().map(|(name, _)| name));
            }
            None => self.open = Some("rules that are not here"),
        }
    }

    /// What may set this variable, if anything does; `these` are the rules themselves.
    fn setting(&self, name: &str, these: &'static str) -> Option<&'static str> {
        if self.names.contains(name) { Some(these) } else { self.open }
    }
}

impl Inherited {
    fn of<'a>(gitlab: &Gitlab<'a>, job: &Job<'a>, top: &[At<'a>]) -> Self {
        if !job.all("inherit").any(|held| matches!(held, Held::Value(_))) {
            return Self::All;
        }
        let names = top.iter().flat_map(|at| at.node.merged_pairs(gitlab.budget)).map(|(name, _)| name);
        let taken = names.filter(|name| job.inherits(gitlab, "variables", name));
        Self::Only(taken.map(str::to_owned).collect())
    }
}

/// The variables of each job of `parallel:matrix`, none where there is no matrix; or what they hang on.
fn matrix<'a>(gitlab: &Gitlab<'a>, job: &Job<'a>) -> Result<Vec<Row<'a>>, &'static str> {
    const LOST: &str = "a matrix that is not here";
    let parallel = match job.own(gitlab, "parallel") {
        Held::Value(parallel) => parallel,
        Held::Elsewhere(_, name) => return Err(gitlab.lost_template(name)),
        Held::Nothing => return Ok(Vec::new()),
    };
    if parallel.node.has_tag("reference") {
        return Err(LOST);
    }
    let Some(matrix) = parallel.get("matrix") else { return Ok(Vec::new()) };
    let mut maps = Vec::new();
    if !flat(gitlab, matrix, MAX_DEPTH, &mut maps) {
        return Err(LOST);
    }
    let mut rows = Vec::new();
    for map in maps {
        rows.extend(product(gitlab, map)?);
        if rows.len() > MAX_JOBS {
            return Err("a matrix of more than 200 jobs, which GitLab refuses");
        }
    }
    Ok(rows)
}

/// The values in a list, those behind references and in lists of it too; false where one is not here.
fn flat<'a>(gitlab: &Gitlab<'a>, at: At<'a>, depth: usize, out: &mut Vec<At<'a>>) -> bool {
    let mut left = depth;
    let Some(at) = gitlab.resolved(at, &mut left).filter(|_| left > 0) else { return false };
    if !at.node.is_seq() {
        out.push(at);
        return true;
    }
    at.items(gitlab.budget).all(|(_, item)| flat(gitlab, item, left - 1, out))
}

/// Every way to choose one value of each variable.
fn product<'a>(gitlab: &Gitlab<'a>, map: At<'a>) -> Result<Vec<Row<'a>>, &'static str> {
    const UNREADABLE: &str = "a matrix that holds more than texts";
    if !map.node.is_map() {
        return Err(UNREADABLE);
    }
    let mut rows: Vec<Row<'a>> = vec![Vec::new()];
    for (name, value) in map.node.merged_pairs(gitlab.budget) {
        let mut values = Vec::new();
        if !flat(gitlab, At { node: value, ..map }, MAX_DEPTH, &mut values) {
            return Err("a matrix that is not here");
        }
        let texts: Option<Vec<&'a Node>> = values.iter().map(|at| at.node.text().map(|_| at.node)).collect();
        let texts = texts.ok_or(UNREADABLE)?;
        if rows.len().saturating_mul(texts.len()) > MAX_JOBS {
            return Err("a matrix of more than 200 jobs, which GitLab refuses");
        }
        rows = rows
            .iter()
            .flat_map(|row| texts.iter().map(|text| row.iter().copied().chain([(name, *text)]).collect()))
            .collect();
    }
    Ok(rows)
}
