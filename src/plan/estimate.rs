//! What a plan is going to cost: its first questions, counted, and the most that can follow from their answers.
//!
//! Follows the rules of `followup`; what `parts` will ask is told by manifests that nobody has read yet.

use std::collections::{BTreeMap, HashSet};

use super::{DOCKER_HUB_ENDPOINT, followup};
use crate::model::age::AskAge;
use crate::model::depth::Depth;
use crate::model::endpoint::{Authority, Endpoint, Namespace};
use crate::model::estimate::{Estimate, HostEstimate};
use crate::model::image::ManifestRef;
use crate::model::plan::{Plan, PlannedImage, Question, Reference, Want, Who};
use crate::model::referrers::{AskReferrers, COSIGN_SUFFIXES, MAX_PAGES, most_asked};

/// What `plan` is going to cost.
#[must_use]
pub fn estimate(plan: &Plan, max_bytes: Option<u64>) -> Estimate {
    let mut count = Count {
        plan,
        hosts: BTreeMap::new(),
        urls: HashSet::new(),
        tokens: HashSet::new(),
        roots: HashSet::new(),
    };
    let mut not_asked = 0;
    for image in &plan.images {
        let mirrors = image.mirrors.iter().enumerate().map(|(at, endpoint)| (Who::Mirror(at), *endpoint));
        for (who, endpoint) in std::iter::once((Who::Upstream, image.upstream)).chain(mirrors) {
            not_asked += u64::from(!count.add(image, who, endpoint));
        }
    }
    Estimate {
        images: plan.images.len() as u64,
        not_asked,
        hosts: count.hosts.into_values().collect(),
        deepest: plan.deepest(),
        is_narrowed: plan.images.iter().any(|image| !plan.platforms_of(image).is_empty()),
        max_bytes,
    }
}

/// Requests about signatures and the like.
#[derive(Default)]
struct ForReferrers {
    heads: u64,
    /// Those that may count as pulls.
    gets: u64,
    /// Those that no registry counts as pulls.
    lists: u64,
}

impl ForReferrers {
    /// Those of them that come to pass wherever all is well: upstream is asked also where it has none.
    fn sure(&self, who: Who) -> Self {
        match who {
            Who::Upstream => Self {
                heads: self.heads.min(COSIGN_SUFFIXES.len() as u64),
                gets: 0,
                lists: self.lists.min(1),
            },
            Who::Mirror(_) => Self::default(),
        }
    }
}

struct Count<'a> {
    plan: &'a Plan,
    hosts: BTreeMap<(Box<str>, Authority), HostEstimate>,
    /// What is asked for first: two images may be one there, and are asked for once.
    urls: HashSet<(Want, String)>,
    tokens: HashSet<(u32, String)>,
    /// Endpoints whose API root may be asked for.
    roots: HashSet<u32>,
}

impl Count<'_> {
    /// Adds an image at an endpoint; `false` where that will not be asked.
    fn add(&mut self, image: &PlannedImage, who: Who, index: u32) -> bool {
        let endpoint = &*self.plan.endpoints[index as usize];
        let Ok(repository) = endpoint.repository(&image.image) else { return false };
        if !endpoint.accepts.takes(image.image.manifest_ref()) {
            return false;
        }
        let is_alone = image.mirrors.is_empty();
        let depth = match who {
            Who::Upstream if !is_alone => Depth::Head,
            _ => self.plan.depth_at(image, index),
        };
        let first = followup::opening(&image.image, depth, who);
        let url = url(endpoint, image, &repository, &first);
        let is_new = self.urls.insert((first.want, url));
        let is_new_repository = self.tokens.insert((index, repository.into_owned()));
        // How old a difference is: a manifest of an index, and its config.
        let is_deep = |endpoint: &u32| self.plan.depth_at(image, *endpoint) >= Depth::Blobs;
        let is_dated = self.plan.ask_age() == AskAge::Always
            || match who {
                Who::Upstream => image.mirrors.iter().any(is_deep),
                Who::Mirror(_) => depth >= Depth::Blobs,
            };
        let dates = u64::from(is_dated);
        let is_matched = self.is_matched(image, who, depth);
        let referrers = self.referrers(image, who, index);
        let host = self.host(endpoint);
        host.token_exchanges += u64::from(is_new_repository);
        if !host.roles.contains(&endpoint.role) {
            host.roles.push(endpoint.role);
        }
        let is_pinned = image.image.digest().is_some();
        let may_be_behind = !is_pinned && !is_alone;
        host.more_configs += u64::from(is_matched || is_dated && may_be_behind);
        match first.want {
            Want::Existence => host.heads += u64::from(is_new),
            Want::Bytes => host.gets += u64::from(is_new) + u64::from(!is_pinned),
        }
        let sure = referrers.sure(who);
        host.heads += sure.heads;
        host.lists += sure.lists;
        host.more_heads += referrers.heads - sure.heads;
        host.more_gets += referrers.gets;
        host.more_lists += referrers.lists - sure.lists;
        host.referrers += referrers.heads + referrers.gets + referrers.lists;
        match who {
            // tag@digest: the digest itself, once the tag has moved on.
            Who::Upstream if is_pinned && image.image.tag().is_some() => match first.want {
                Want::Existence => host.more_heads += 1,
                Want::Bytes => host.more_gets += 1,
            },
            // The tag again, its document, and what each mirror serves in its place.
            Who::Upstream if !is_alone && !is_pinned => {
                host.more_heads += 1 + image.mirrors.len() as u64;
                host.more_gets += 1 + dates;
            }
            // The document, or upstream's digest.
            Who::Mirror(_) if !is_pinned => {
                host.more_gets += u64::from(first.want == Want::Existence) + dates;
            }
            Who::Upstream | Who::Mirror(_) => {}
        }
        true
    }

    /// Whether it may come to a config that tells for which platform an image without an index is; upstream's only where
    /// mirrors have not got it, or to tell whether it is upstream's own gap that a wanted one is not there.
    fn is_matched(&self, image: &PlannedImage, who: Who, depth: Depth) -> bool {
        let is_deep = |endpoint: &u32| self.plan.depth_at(image, *endpoint) >= Depth::Platforms;
        match who {
            Who::Upstream if !image.mirrors.is_empty() => image.mirrors.iter().any(is_deep),
            Who::Upstream | Who::Mirror(_) => depth >= Depth::Platforms,
        }
    }

    /// What is asked about signatures and the like, at most.
    fn referrers(&mut self, image: &PlannedImage, who: Who, index: u32) -> ForReferrers {
        if self.plan.reach.referrers == AskReferrers::No || image.mirrors.is_empty() {
            return ForReferrers::default();
        }
        let listed = |endpoint: u32| most_asked(self.plan.depth_at(image, endpoint)) as u64;
        // Cosign's tags; and what is listed, at upstream what any mirror does not list, or lacks.
        let heads = COSIGN_SUFFIXES.len() as u64
            + match who {
                Who::Upstream => image.mirrors.iter().map(|mirror| listed(*mirror)).sum(),
                Who::Mirror(_) => listed(index),
            };
        let again = match self.plan.endpoints[index as usize].namespace {
            // What is not there with `?ns=` is asked for once more without it: by HEAD, by GET, and the tag in the
            // list's place.
            Namespace::Always => 2 * heads + 1,
            Namespace::Auto | Namespace::AsProxy | Namespace::Never => 0,
        };
        let root = u64::from(self.roots.insert(index));
        // The pages of the list. A 404 that no registry seems to have written is asked for by GET as well, and for that
        // the API root once.
        let lists = MAX_PAGES as u64 + heads + again + root;
        // The tag in the list's place.
        ForReferrers { heads, gets: 1, lists }
    }

    fn host(&mut self, endpoint: &Endpoint) -> &mut HostEstimate {
        let authority = &endpoint.authority;
        self.hosts.entry((authority.host.clone(), authority.clone())).or_insert_with(|| HostEstimate {
            authority: authority.clone(),
            roles: Vec::new(),
            heads: 0,
            gets: 0,
            lists: 0,
            more_heads: 0,
            more_gets: 0,
            more_configs: 0,
            more_lists: 0,
            referrers: 0,
            token_exchanges: 0,
            is_docker_hub: &*authority.host == DOCKER_HUB_ENDPOINT,
        })
    }
}

fn url(endpoint: &Endpoint, image: &PlannedImage, repository: &str, first: &Question) -> String {
    let reference = match &first.reference {
        Reference::Digest(digest) => ManifestRef::Digest(digest),
        Reference::Tag | Reference::Blob(_) => ManifestRef::Tag(image.image.tag().unwrap_or("latest")),
    };
    endpoint.manifest_url(&image.image, repository, reference)
}
