//! The program's own embedded registries, with little in them: they count what they are asked.

use registry_check::demo::{Registry, Store, content};

/// A registry with these repositories, each with one image tagged `1.0`.
pub fn registry(repositories: &[&str]) -> Registry {
    let mut store = Store::new();
    for name in repositories {
        store.put(name, "1.0", &content::image(name, "linux/amd64"));
    }
    Registry::start(store).expect("a port of loopback")
}

/// `127.0.0.1:PORT/NAME:1.0`, one a line.
pub fn list(registry: &Registry, repositories: &[&str]) -> String {
    repositories.iter().map(|name| format!("{}/{name}:1.0\n", registry.authority())).collect()
}

/// A mirror of `upstream`, as on the command line.
pub fn mirror(upstream: &Registry, mirror: &Registry) -> String {
    format!("--mirror={}={}", upstream.authority(), mirror.authority())
}

/// # Panics
/// Anybody has so much as connected.
pub fn assert_not_asked(registry: &Registry) {
    assert_eq!(registry.connections(), 0, "{:?}", registry.hits());
}
