//! Tells where the runtime of a configuration does otherwise than a check: images that it would not pull, whatever its
//! mirrors serve (blocked registries, names that come out wrong), mirrors that are blocked themselves, and short names that
//! it looks for elsewhere.
//!
//! Each rule of a configuration is told of once, with the first of its images: lists have no end.

use std::collections::HashSet;

use crate::model::image::ImageRef;
use crate::model::node::Node;
use crate::model::plan::Plan;
use crate::plan::walk::{self, Barred, Refusal};

/// What was told.
#[derive(Debug, Default)]
pub(super) struct Divergences {
    /// Of which node, and where its rule stands.
    refusals: HashSet<(usize, Box<str>)>,
    /// The same of its places.
    barred: HashSet<(usize, Box<str>, Box<str>)>,
    short_names: HashSet<usize>,
}

impl Divergences {
    /// Warns of where the nodes' runtimes do otherwise with `plan`.
    pub(super) fn tell(&mut self, nodes: &[Node], plan: &Plan) {
        for (at, node) in nodes.iter().enumerate() {
            self.tell_refusals((at, node), plan);
            self.tell_barred((at, node), plan);
            if !self.short_names.contains(&at)
                && let Some(told) = short_names(node, plan)
            {
                self.short_names.insert(at);
                log::warn!("{told}");
            }
        }
    }

    fn tell_refusals(&mut self, (at, node): (usize, &Node), plan: &Plan) {
        let mut found: Vec<(Refusal<'_>, &ImageRef, usize)> = Vec::new();
        for image in &plan.images {
            let Some(refusal) = walk::refusal(node, &image.image) else { continue };
            match found.iter_mut().find(|(known, ..)| known.route.place == refusal.route.place) {
                Some((.., more)) => *more += 1,
                None => found.push((refusal, &image.image, 0)),
            }
        }
        for (refusal, image, more) in found {
            if self.refusals.insert((at, refusal.route.place.clone())) {
                let (place, program, why) = (&refusal.route.place, node.runtime.program(), refusal.why);
                log::warn!("{place}: {program} would not pull {image}{}: {why}", others(more));
            }
        }
    }

    fn tell_barred(&mut self, (at, node): (usize, &Node), plan: &Plan) {
        let mut found: Vec<(Barred<'_>, &ImageRef, usize)> = Vec::new();
        for image in &plan.images {
            for barred in walk::barred(node, &image.image) {
                let is_it = |known: &Barred<'_>| {
                    (&known.route.place, known.name) == (&barred.route.place, barred.name)
                };
                match found.iter_mut().find(|(known, ..)| is_it(known)) {
                    Some((.., more)) => *more += 1,
                    None => found.push((barred, &image.image, 0)),
                }
            }
        }
        for (Barred { route, name, blocked_at }, image, more) in found {
            if self.barred.insert((at, route.place.clone(), name.into())) {
                let (place, program) = (&route.place, node.runtime.program());
                log::warn!(
                    "{place}: {program} would not ask {name} for {image}{}: blocked at {blocked_at}; by this file a \
                     check does not ask it either",
                    others(more)
                );
            }
        }
    }
}

/// The first image that the runtime takes for another one, as it is written without a registry.
fn short_names(node: &Node, plan: &Plan) -> Option<String> {
    if node.short_names.aliases.is_empty() && node.short_names.search.is_empty() {
        return None;
    }
    let mut first = None;
    let mut more = 0;
    for place in &plan.places {
        let image = &*plan.images.get(place.image as usize)?.image;
        let Some(name) = node.names(&place.input).into_iter().next() else { continue };
        match (name.parse::<ImageRef>(), &first) {
            (Ok(named), _) if named == *image => {}
            // What was written for this list alone, such as `docker://` in front, is no short name.
            (Err(_), _) => {}
            (Ok(named), None) => first = Some((place, named, image)),
            (Ok(_), Some(_)) => more += 1,
        }
    }
    let (place, named, image) = first?;
    Some(format!(
        "{}: by its aliases and unqualified-search-registries '{}' ({}){} is {named} to {}, and not {image}, which this \
         check asks for: write names with their registry",
        node.source,
        place.input,
        place.origin,
        others(more),
        node.runtime.program()
    ))
}

fn others(more: usize) -> String {
    match more {
        0 => String::new(),
        more => format!(" and {more} more of this list"),
    }
}
