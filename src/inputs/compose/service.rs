//! What a service pulls once all that it is put together of is merged: itself, what it extends, the same service in
//! the earlier files of a list (the Compose specification's `13-merge.md`).
//!
//! What stands nearer replaces what is further; maps are merged by their keys, lists of caches put one behind the
//! other. Each image has the place where its name stands.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::super::dockerfile::{self, Given, Inside, Sort, Unknown};
use super::super::found::{Found, Spot};
use super::super::interpolate::{Fault, interpolate_with};
use super::super::key_path::KeyPath;
use super::super::yaml::Node;
use super::{Built, Compose, OVERRIDE, RESET, Role, cache_image, image_context, named_image_context, part};
use crate::model::platform::Platform;

/// One of those that a service is put together of.
pub(super) struct Level<'a> {
    pub(super) service: &'a Node,
    pub(super) path: KeyPath<'a>,
    pub(super) file: Arc<str>,
    pub(super) document: Option<u32>,
}

/// A value and the level that it stands in.
type Held<'l> = (&'l Level<'l>, &'l Node);

/// What the nodes hold under a key, nearest first, up to what is reset.
fn held<'l>(nodes: impl Iterator<Item = Held<'l>>, key: &str) -> Vec<Held<'l>> {
    let mut all = Vec::new();
    for (level, value) in nodes.filter_map(|(level, node)| Some((level, node.get(key)?))) {
        if value.has_tag(RESET) {
            break;
        }
        all.push((level, value));
        if value.has_tag(OVERRIDE) {
            break;
        }
    }
    all
}

impl Compose<'_> {
    /// Tells what comes of these levels, the nearest of which is first.
    pub(super) fn merged(&self, levels: &[Level<'_>], role: Role, found: &mut Found<'_>) {
        let of = |key: &str| held(levels.iter().map(|level| (level, level.service)), key);
        self.volumes(&of("volumes"), found);
        if !of("provider").is_empty() {
            return;
        }
        let builds = of("build");
        if builds.is_empty() || self.built == Built::Take {
            let platform = of("platform").first().and_then(|held| self.platform(*held, found));
            if let Some((level, image)) = of("image").first() {
                found.turn_to(&level.file, level.document);
                let path = level.path.key("image");
                if !self.is_empty(image) {
                    self.text((Some(image), platform), &path, |text| Some(text), found);
                } else if role == Role::Service && builds.is_empty() {
                    let why = "the image's name is empty, and nothing is built".to_owned();
                    found.bad(Spot::of(image, &path), image.text().unwrap_or_default(), why);
                }
            }
        }
        self.build(&builds, found);
    }

    /// Whether nothing is left of a name.
    fn is_empty(&self, image: &Node) -> bool {
        let done = image.text().and_then(|text| self.variables.fill(text).ok());
        done.is_some_and(|done| done.unset.is_empty() && done.text.trim().is_empty())
    }

    /// For which platform a service is pulled; none where that depends on a variable without a value.
    fn platform(&self, (level, node): Held<'_>, found: &mut Found<'_>) -> Option<Platform> {
        let done = self.variables.fill(node.text()?).ok()?;
        if !done.unset.is_empty() || done.text.is_empty() {
            return None;
        }
        match dockerfile::wanted(&done.text) {
            Ok(platform) => platform,
            Err(fault) => {
                found.turn_to(&level.file, level.document);
                let path = level.path.key("platform");
                found.bad(Spot::of(node, &path), &done.text, fault.to_string());
                None
            }
        }
    }

    /// The images that a build names, put together of these.
    fn build(&self, builds: &[Held<'_>], found: &mut Found<'_>) {
        let of = |key: &str| held(builds.iter().copied(), key);
        let mut contexts = HashSet::new();
        for (level, node) in of("additional_contexts") {
            found.turn_to(&level.file, level.document);
            let build = level.path.key("build");
            self.contexts(node, &build.key("additional_contexts"), &mut contexts, found);
        }
        for (level, caches) in of("cache_from") {
            found.turn_to(&level.file, level.document);
            let build = level.path.key("build");
            let path = build.key("cache_from");
            for (at, cache) in caches.items(self.budget) {
                self.text((Some(cache), None), &path.index(at), cache_image, found);
            }
        }
        if let Some((level, node)) = of("dockerfile_inline").first() {
            found.turn_to(&level.file, level.document);
            let (build, args) = (level.path.key("build"), self.args(&of("args")));
            let spot = Spot { path: Some(&build.key("dockerfile_inline")), ..Spot::line(node.line) };
            self.inline(node, Spot { node: Some(node), ..spot }, (&args, &contexts), found);
        }
    }

    /// Named contexts, those that are `known` from a nearer level left out; lower case, as names of stages are.
    fn contexts(&self, node: &Node, path: &KeyPath<'_>, known: &mut HashSet<String>, found: &mut Found<'_>) {
        for (name, context) in node.pairs(self.budget) {
            if known.insert(name.to_ascii_lowercase()) {
                self.text((Some(context), None), &path.key(name), image_context, found);
            }
        }
        for (at, context) in node.items(self.budget) {
            let name = context.text().and_then(|text| Some(text.split_once('=')?.0));
            if name.is_none_or(|name| known.insert(name.to_ascii_lowercase())) {
                self.text((Some(context), None), &path.index(at), named_image_context, found);
            }
        }
    }

    /// `args`: maps, or lists of `NAME=VALUE`. None for a value that is not known; one that only an environment
    /// would give is left to the Dockerfile.
    fn args(&self, all: &[Held<'_>]) -> BTreeMap<String, Option<String>> {
        let (mut args, mut known) = (BTreeMap::new(), HashSet::new());
        for (_, node) in all {
            let listed = node.items(self.budget).filter_map(|(_, item)| item.text());
            let listed = listed
                .map(|text| text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value))));
            let mapped = node.pairs(self.budget).map(|(name, value)| (name, value.text()));
            for (name, value) in listed.chain(mapped) {
                if !known.insert(name) {
                    continue;
                }
                if let Some(value) = value {
                    let done = self.variables.fill(value).ok().filter(|done| done.unset.is_empty());
                    args.insert(name.to_owned(), done.map(|done| done.text));
                } else if let Some(value) = self.variables.get(name) {
                    args.insert(name.to_owned(), Some(value.to_owned()));
                }
            }
        }
        args
    }

    /// A Dockerfile inside. Compose puts values in before BuildKit sees the text.
    fn inline(
        &self,
        node: &Node,
        spot: Spot<'_>,
        (args, contexts): (&BTreeMap<String, Option<String>>, &HashSet<String>),
        found: &mut Found<'_>,
    ) {
        let Some(typed) = node.text() else { return };
        let room = self.variables.room();
        let lookup = |name: &str| self.variables.get(name);
        // BuildKit has nothing in their place; a name that is made of one is not known.
        let unknown = RefCell::new(Vec::new());
        let stand_in = |typed: &str| {
            let mut unknown = unknown.borrow_mut();
            let name = typed.trim_matches(['$', '{', '}']);
            let why = format!("the variable {name} of Compose without a value");
            unknown.push(Unknown { typed: typed.to_owned(), why, sort: Sort::Open });
            Unknown::stand_in(unknown.len() - 1)
        };
        match interpolate_with(typed, &lookup, &stand_in, room) {
            Ok(done) => {
                let inside = Inside::of(node, spot);
                // A value of several lines moves those below it.
                let is_moved = done.text.matches('\n').count() != typed.matches('\n').count();
                let inside = if is_moved { inside.without_lines() } else { inside };
                let unknown = unknown.borrow();
                let inside = Some(inside.with_unknown(&unknown));
                let given = Given { args: Some(args), contexts: Some(contexts), room: Some(room), inside };
                dockerfile::read(&done.text, given, found);
            }
            Err(fault @ Fault::Required { .. }) => found.dynamic(spot, "", fault.to_string()),
            Err(fault) => found.bad(spot, "", fault.to_string()),
        }
    }

    /// Images that are mounted: of what is mounted at one place, the nearest and last counts.
    fn volumes(&self, all: &[Held<'_>], found: &mut Found<'_>) {
        let mut known = HashSet::new();
        for (level, volumes) in all {
            let mut volumes: Vec<_> = volumes.items(self.budget).collect();
            volumes.reverse();
            volumes.retain(|(_, volume)| self.target(volume).is_none_or(|target| known.insert(target)));
            found.turn_to(&level.file, level.document);
            let path = level.path.key("volumes");
            for (at, volume) in volumes.into_iter().rev() {
                if volume.str("type") == Some("image") {
                    let path = path.index(at);
                    self.text((part(volume, "source"), None), &path.key("source"), |text| Some(text), found);
                }
            }
        }
    }

    /// Where something is mounted, if that can be known.
    fn target(&self, volume: &Node) -> Option<String> {
        let done = self.variables.fill(volume.text().or_else(|| volume.str("target"))?).ok()?;
        let is_known = done.unset.is_empty() && !done.text.is_empty();
        let target = if volume.is_map() { &done.text } else { short_target(&done.text) };
        is_known.then(|| target.to_owned())
    }
}

/// The second part of `SOURCE:TARGET:MODE`, or all of `TARGET`; the colon of a Windows drive parts nothing.
fn short_target(text: &str) -> &str {
    let end = |text: &str| {
        let is_drive = matches!(text.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic());
        let from = if is_drive { 2 } else { 0 };
        text[from..].find(':').map(|at| from + at)
    };
    let Some(at) = end(text).filter(|at| at + 1 < text.len()) else { return text };
    let target = &text[at + 1..];
    end(target).map_or(target, |at| &target[..at])
}
