//! A job as it is put together: itself, then the templates that it extends, in every file of the pipeline.
//!
//! A template that is in none of these files could hold anything: what it might decide is known to nobody here, and
//! looking for a key ends there.

use super::{At, Gitlab, MAX_DEPTH};

/// A job and those that it extends; what wins stands first.
pub(super) struct Job<'a> {
    links: Vec<Link<'a>>,
}

#[derive(Clone, Copy)]
enum Link<'a> {
    Here(At<'a>),
    /// The template of this name, which is in none of these files or too deep, and where it is named.
    Elsewhere(At<'a>, &'a str),
}

/// What a job holds under a key.
#[derive(Clone, Copy)]
pub(super) enum Held<'a, T> {
    Value(T),
    /// A template decides that is in none of these files, or deeper than GitLab follows.
    Elsewhere(At<'a>, &'a str),
    Nothing,
}

impl<'a> Job<'a> {
    /// The job of this name in every part, and what it extends.
    pub(super) fn named(of: &Gitlab<'a>, name: &'a str) -> Self {
        let mut job = Self { links: Vec::new() };
        job.add(of, name, None, MAX_DEPTH);
        job
    }

    /// Without what it extends.
    pub(super) fn alone(of: &Gitlab<'a>, name: &str) -> Self {
        Self { links: of.roots().filter_map(|root| root.get(name)).map(Link::Here).collect() }
    }

    /// What jobs have that say nothing themselves: `default`, then the keys at the top.
    pub(super) fn defaults(of: &Gitlab<'a>) -> Self {
        let (mut keys, top) = (Self::default_keys(of), Self::top(of));
        keys.links.extend(top.links);
        keys
    }

    /// `default` of every part.
    pub(super) fn default_keys(of: &Gitlab<'a>) -> Self {
        Self { links: of.roots().filter_map(|root| root.get("default")).map(Link::Here).collect() }
    }

    /// The top of every part.
    pub(super) fn top(of: &Gitlab<'a>) -> Self {
        Self { links: of.roots().map(Link::Here).collect() }
    }

    /// Later parents win.
    fn add(&mut self, of: &Gitlab<'a>, name: &'a str, by: Option<At<'a>>, depth: usize) {
        let jobs: Vec<At<'a>> = of.roots().filter_map(|root| root.get(name)).collect();
        if jobs.is_empty() {
            self.links.extend(by.map(|by| Link::Elsewhere(by, name)));
        }
        let is_known =
            |job: &At<'a>| self.links.iter().any(|link| matches!(link, Link::Here(known) if known.is(*job)));
        if !of.budget.spend() || jobs.iter().any(is_known) {
            return;
        }
        self.links.extend(jobs.iter().copied().map(Link::Here));
        for parent in parents(of, name) {
            match parent.node.text() {
                Some(name) if depth > 0 => self.add(of, name, Some(parent), depth - 1),
                // GitLab follows no further: what stands there is not known to decide anything.
                Some(name) => self.links.push(Link::Elsewhere(parent, name)),
                None => {}
            }
        }
    }

    /// The jobs and templates that decide what it is: those up to one that is known to nobody here.
    pub(super) fn deciding(&self) -> impl Iterator<Item = At<'a>> {
        self.links.iter().map_while(|link| match *link {
            Link::Here(at) => Some(at),
            Link::Elsewhere(..) => None,
        })
    }

    /// All that stands under `key`, what wins first.
    pub(super) fn all(&self, key: &str) -> impl Iterator<Item = Held<'a, At<'a>>> {
        self.links.iter().map(move |link| match *link {
            Link::Here(at) => at.get(key).map_or(Held::Nothing, Held::Value),
            Link::Elsewhere(at, name) => Held::Elsewhere(at, name),
        })
    }

    /// What stands under `key`. A reference is followed; one that leads nowhere stays as it is.
    pub(super) fn own(&self, of: &Gitlab<'a>, key: &str) -> Held<'a, At<'a>> {
        match self.all(key).find(|held| !matches!(held, Held::Nothing)) {
            Some(Held::Value(at)) => Held::Value(of.resolved(at, &mut { MAX_DEPTH }).unwrap_or(at)),
            Some(other) => other,
            None => Held::Nothing,
        }
    }

    /// Whether it takes `name` from what `inherit` calls `default` or `variables`.
    pub(super) fn inherits(&self, of: &Gitlab<'a>, what: &str, name: &str) -> bool {
        let told = self.all("inherit").find_map(|held| match held {
            Held::Value(at) => of.resolved(at, &mut { MAX_DEPTH })?.get(what),
            Held::Elsewhere(..) | Held::Nothing => None,
        });
        let Some(told) = told else { return true };
        if told.node.is_seq() {
            return told.items(of.budget).any(|(_, item)| item.node.text() == Some(name));
        }
        told.node.text() != Some("false")
    }
}

/// Where those are named that the job of this name extends, what wins first.
pub(super) fn parents<'a>(of: &Gitlab<'a>, name: &str) -> Vec<At<'a>> {
    let Some(extends) = of.roots().find_map(|root| root.get(name)?.get("extends")) else { return Vec::new() };
    let mut parents: Vec<At<'a>> = extends.items(of.budget).map(|(_, parent)| parent).collect();
    parents.extend(extends.node.text().map(|_| extends));
    parents.reverse();
    parents
}
