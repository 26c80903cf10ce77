//! Which mirrors of a registry are worth having in a runtime's configuration, and in which order.

use std::sync::Arc;

use super::endpoint::Endpoint;
use super::image::ImageRef;

/// The mirrors of one registry, as a check found them.
#[derive(Clone, Debug)]
pub struct Choice {
    /// The registry as it stands in image names, in lower case.
    pub registry: Box<str>,
    /// What was checked.
    pub images: Vec<Arc<ImageRef>>,
    /// How the registry itself was asked, if it was.
    pub upstream: Option<Arc<Endpoint>>,
    /// Those to be asked, in this order.
    pub chosen: Vec<Chosen>,
    /// Those that do more harm than good.
    pub left_out: Vec<LeftOut>,
}

/// A mirror to be asked.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// Where.
    pub endpoint: Arc<Endpoint>,
    /// How well it did.
    pub standing: Standing,
    /// Whether it stands in for all of the registry that was checked.
    pub part: Part,
}

/// How well a mirror did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// It serves all that it is asked for.
    Works,
    /// It serves some of it, and nothing wrong.
    Partly,
    /// That could not be found out.
    Unknown,
}

/// How much of a registry a mirror stands in for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All images that were checked.
    All,
    /// Some of them only.
    Some,
}

/// A mirror that is better not asked.
#[derive(Clone, Debug)]
pub struct LeftOut {
    /// Where.
    pub endpoint: Arc<Endpoint>,
    /// Why, in words; holds what remotes said.
    pub why: Box<str>,
}
