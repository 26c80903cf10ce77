//! What a run is going to cost, as far as that can be known before anything is asked.
//!
//! First questions are certain; what follows from answers has an upper bound, but for what only manifests tell.

use super::depth::Depth;
use super::endpoint::{Authority, Role};

/// What one host is going to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostEstimate {
    /// The host.
    pub authority: Authority,
    /// What it is to the images.
    pub roles: Vec<Role>,
    /// HEADs of manifests where all is well.
    pub heads: u64,
    /// GETs of manifests where all is well.
    pub gets: u64,
    /// GETs of lists of signatures and the like where all is well; none counts as a pull.
    pub lists: u64,
    /// HEADs that differences and gaps may lead to, at most.
    pub more_heads: u64,
    /// GETs that they may lead to, at most.
    pub more_gets: u64,
    /// Configs that are read to date differences, at most; no registry counts them as pulls.
    pub more_configs: u64,
    /// GETs of lists of signatures and the like, and of what a HEAD had no answer to, at most; none counts as a pull.
    pub more_lists: u64,
    /// How many of all that follows may be asked about signatures and the like.
    pub referrers: u64,
    /// Token exchanges, at most: one for each repository.
    pub token_exchanges: u64,
    /// Whether GETs of manifests count as pulls there.
    pub is_docker_hub: bool,
}

impl HostEstimate {
    /// Requests for manifests where all is well.
    #[must_use]
    pub const fn requests(&self) -> u64 {
        self.heads + self.gets + self.lists
    }

    /// Requests for manifests, with those that differences and gaps may lead to.
    #[must_use]
    pub const fn most_requests(&self) -> u64 {
        self.requests() + self.more_heads + self.more_gets + self.more_configs + self.more_lists
    }

    /// Pulls that Docker Hub will count: where all is well, and at most.
    #[must_use]
    pub const fn hub_pulls(&self) -> (u64, u64) {
        if self.is_docker_hub { (self.gets, self.gets + self.more_gets) } else { (0, 0) }
    }
}

/// What a run is going to cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// Images, each once.
    pub images: u64,
    /// Images at endpoints that will not be asked for them: names that cannot be expressed there, and mirrors that
    /// their runtime does not take such images from.
    pub not_asked: u64,
    /// The hosts, by name.
    pub hosts: Vec<HostEstimate>,
    /// The deepest that any image is looked at.
    pub deepest: Depth,
    /// Whether any image is narrowed to platforms.
    pub is_narrowed: bool,
    /// Most bytes of blobs that are read at depth `content`.
    pub max_bytes: Option<u64>,
}

impl Estimate {
    /// What can be known only once manifests are read, and comes on top of everything else here.
    #[must_use]
    pub const fn unknown(&self) -> &'static [&'static str] {
        match self.deepest {
            Depth::Head | Depth::Manifest => &[],
            // An entry that does not say for which platform it is has a config that does.
            Depth::Platforms if self.is_narrowed => &["platform_manifests", "configs"],
            Depth::Platforms => &["platform_manifests"],
            Depth::Blobs => &["platform_manifests", "blobs"],
            Depth::Content => &["platform_manifests", "blobs", "bytes"],
        }
    }

    /// The sum over all hosts.
    #[must_use]
    pub fn sum(&self, of: impl Fn(&HostEstimate) -> u64) -> u64 {
        self.hosts.iter().map(of).sum()
    }
}
