//! Real registries, started and filled by what the integration tests use for it.

#[path = "../../tests/it/support"]
mod support {
    #![allow(dead_code, reason = "the tests need more of it")]

    pub mod daemon;
    pub mod http;
    pub mod process;
    pub mod push;

    pub const DEADLINE: std::time::Duration = std::time::Duration::from_secs(60);
}

pub use support::daemon::DockerRegistry;

/// So many daemons with the same images; `None` where Debian's `docker-registry` is not installed.
pub fn daemons(count: usize, images: usize) -> Option<Vec<DockerRegistry>> {
    let program = std::path::Path::new("/usr/bin/docker-registry");
    program.exists().then(|| {
        let start = |_| {
            let daemon = DockerRegistry::start(support::daemon::Options::default());
            support::push::fill(&daemon.authority(), images);
            daemon
        };
        (0..count).map(start).collect()
    })
}
