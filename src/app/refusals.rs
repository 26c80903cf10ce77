//! Tells of images that the runtime of a configuration would not pull, whatever its mirrors serve: blocked
//! registries, and names that come out wrong. A check asks the mirrors all the same.
//!
//! Each rule of a configuration is told of once, with the first of its images: lists have no end.

use std::collections::HashSet;

use crate::model::image::ImageRef;
use crate::model::node::Node;
use crate::model::plan::Plan;
use crate::plan::walk::{self, Refusal};

/// The rules that were told of.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    told: HashSet<(usize, Box<str>)>,
}

impl Refusals {
    /// Warns of what the nodes' runtimes would not pull of `plan`.
    pub(super) fn tell(&mut self, nodes: &[Node], plan: &Plan) {
        for (at, node) in nodes.iter().enumerate() {
            let mut found: Vec<(Refusal<'_>, &ImageRef, usize)> = Vec::new();
            for image in &plan.images {
                let Some(refusal) = walk::refusal(node, &image.image) else { continue };
                match found.iter_mut().find(|(known, ..)| known.route.place == refusal.route.place) {
                    Some((.., more)) => *more += 1,
                    None => found.push((refusal, &image.image, 0)),
                }
            }
            for (refusal, image, more) in found {
                if self.told.insert((at, refusal.route.place.clone())) {
                    let others = match more {
                        0 => String::new(),
                        more => format!(" and {more} more of this list"),
                    };
                    let (place, program, why) = (&refusal.route.place, node.runtime.program(), refusal.why);
                    log::warn!("{place}: {program} would not pull {image}{others}: {why}");
                }
            }
        }
    }
}
