//! The small world of `registry-check demo`: one upstream, five mirrors, and what each was built to earn.

use std::io;
use std::net::SocketAddr;

use super::content::{self, Image};
use super::{Behaviour, ClosedPort, Recording, Registry, Scope, Store};
use crate::model::code::Code;

/// One upstream and its mirrors, running.
#[derive(Debug)]
pub struct World {
    upstream: Registry,
    mirrors: Vec<(&'static str, Registry)>,
    dead: ClosedPort,
    pinned: String,
}

/// One mirror of the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MirrorOf {
    /// What it is like.
    pub name: &'static str,
    /// Where it is.
    pub url: String,
}

/// The images: repository and tag. Every second one is an index.
const IMAGES: [(&str, &str); 5] = [
    ("library/nginx", "1.25"),
    ("library/redis", "7.2"),
    ("library/mysql", "8.0"),
    ("library/alpine", "3.20"),
    ("grafana/grafana", "11.0.0"),
];

/// The image that the list pins by digest.
const PINNED: &str = "library/busybox";

fn made(repository: &str, revision: &str) -> Image {
    let seed = format!("{repository} {revision}");
    match repository {
        "library/nginx" => content::attested_index(&seed, &["linux/amd64", "linux/arm64"]),
        "library/redis" => content::index(&seed, &["linux/amd64", "linux/arm64", "linux/arm/v7"]),
        "library/alpine" => content::docker_list(&seed, &["linux/amd64", "linux/arm64"]),
        "library/mysql" => content::docker_image(&seed, "linux/amd64"),
        _ => content::image(&seed, "linux/amd64"),
    }
}

impl World {
    /// Makes the images and starts the registries.
    ///
    /// # Errors
    /// No port is free.
    pub fn start() -> io::Result<Self> {
        let mut store = Store::new();
        for (repository, tag) in IMAGES {
            // What the tag stood for before: upstreams keep it, and stale mirrors still serve it.
            store.put_untagged(repository, &made(repository, "old"));
            store.put(repository, tag, &made(repository, "new"));
        }
        let pinned = content::index("busybox", &["linux/amd64", "linux/arm64"]);
        store.put(PINNED, "1.36", &pinned);
        let stale = Registry::start(stale(store.clone()))?;
        let patchy = Registry::start(patchy(store.clone()))?;
        patchy
            .set_behaviour(Scope::repository("library/alpine"), Behaviour::ChildOf("linux/amd64".to_owned()));
        patchy.set_behaviour(Scope::repository("grafana/grafana"), Behaviour::Reserialised);
        let web = Registry::start(Store::new())?;
        web.set_behaviour(Scope::All, Behaviour::Html);
        let healthy = Registry::start(store.clone())?;
        let upstream = Registry::start(store)?;
        // They may be kept up for days, and nobody reads what they were asked.
        for registry in [&upstream, &healthy, &stale, &patchy, &web] {
            registry.record(Recording::Off);
        }
        Ok(Self {
            upstream,
            mirrors: vec![("healthy", healthy), ("stale", stale), ("patchy", patchy), ("web-page", web)],
            dead: ClosedPort::take()?,
            pinned: pinned.document.digest.to_string(),
        })
    }

    /// Where upstream is.
    #[must_use]
    pub fn upstream(&self) -> String {
        self.upstream.url()
    }

    /// The mirrors, the dead one last.
    #[must_use]
    pub fn mirrors(&self) -> Vec<MirrorOf> {
        let dead: SocketAddr = self.dead.addr();
        let alive = self.mirrors.iter().map(|(name, registry)| MirrorOf { name, url: registry.url() });
        alive.chain([MirrorOf { name: "dead", url: format!("http://{dead}") }]).collect()
    }

    /// The list to check, as a user would write it.
    #[must_use]
    pub fn images(&self) -> Vec<String> {
        let short = |repository: &str| repository.strip_prefix("library/").unwrap_or(repository).to_owned();
        let tagged = IMAGES.iter().map(|(repository, tag)| format!("{}:{tag}", short(repository)));
        tagged.chain([format!("{}@{}", short(PINNED), self.pinned)]).collect()
    }

    /// What the mirror of this name was built to earn with this repository.
    #[must_use]
    pub fn earned(mirror: &str, repository: &str) -> Code {
        match (mirror, repository) {
            ("web-page", _) => Code::HtmlAnswer,
            ("dead", _) => Code::ConnectRefused,
            ("stale", "library/nginx" | "library/mysql") => Code::DigestDiffers,
            ("patchy", "library/redis") => Code::ManifestUnknown,
            ("patchy", "library/alpine") => Code::SinglePlatformCopy,
            ("patchy", "grafana/grafana") => Code::ManifestReserialised,
            ("patchy", "library/mysql") => Code::TagAbsent,
            _ => Code::DigestEqual,
        }
    }
}

/// Two tags that nobody has brought up to date.
fn stale(mut store: Store) -> Store {
    for (repository, tag) in [("library/nginx", "1.25"), ("library/mysql", "8.0")] {
        store.retag(repository, tag, &made(repository, "old").document.digest);
    }
    store
}

/// Copied by hand, and not all of it.
fn patchy(mut store: Store) -> Store {
    store.remove_repository("library/redis");
    store.remove_tag("library/mysql", "8.0");
    store
}
