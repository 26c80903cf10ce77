//! Which endpoints stand in for which upstream.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use super::age::Grace;
use super::depth::Depth;
use super::endpoint::{Authority, Endpoint};
use super::image::ImageRef;
use super::node::Node;
use super::rewrite::strip_components;
use super::tls::HostTls;

/// A mirror and the registries, or parts of registries, that it stands in for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirror {
    /// Where to ask.
    pub endpoint: Arc<Endpoint>,
    /// Lower-case `registry` or `registry/path`, matched by whole components.
    pub serves: Vec<Box<str>>,
    /// How far checks go at this mirror, where nothing is said of the image.
    pub depth: Option<Depth>,
    /// How long it may be behind, if not as long as any other.
    pub grace: Option<Grace>,
}

/// Settings of one upstream that differ from what its name says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// The registry as it stands in image names, in lower case.
    pub registry: Box<str>,
    /// Where to ask instead.
    pub endpoint: Arc<Endpoint>,
}

/// All mirrors of a run, in configured order, and the upstreams with settings of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MirrorMap {
    /// Mirrors in the order of the configuration, then of the command line.
    pub mirrors: Vec<Mirror>,
    /// Upstreams that are not simply asked under their own name.
    pub upstreams: Vec<Upstream>,
    /// TLS settings, each host once; hosts that are neither mirror nor upstream among them.
    pub tls: Vec<HostTls>,
    /// What runtimes were told; their mirrors come behind our own.
    pub nodes: Vec<Node>,
    /// Most requests in any minute, at hosts where that is configured.
    pub paces: HashMap<Authority, NonZeroU32>,
}

impl MirrorMap {
    /// Sets the most requests in any minute to a host; of several, the lowest holds.
    pub fn set_pace(&mut self, authority: &Authority, per_minute: Option<NonZeroU32>) {
        if let Some(per_minute) = per_minute {
            let pace = self.paces.entry(authority.clone()).or_insert(per_minute);
            *pace = (*pace).min(per_minute);
        }
    }
}

impl Mirror {
    /// Whether this mirror stands in for the registry of `image`.
    #[must_use]
    pub fn serves(&self, image: &ImageRef) -> bool {
        let registry = image.registry_key();
        self.serves.iter().any(|prefix| match prefix.split_once('/') {
            None => **prefix == *registry,
            Some((host, path)) => host == registry && strip_components(image.repository(), path).is_some(),
        })
    }
}
