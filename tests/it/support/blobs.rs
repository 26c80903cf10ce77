//! Asks embedded registries for blobs through the library, as a run does.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use registry_check::credentials::{self, Environment, Sources};
use registry_check::demo::{self, Image, Registry, Store};
use registry_check::model::blob::{Blob, BlobObservation, BlobOutcome, Part};
use registry_check::model::budget::ByteBudget;
use registry_check::model::digest::{Algorithm, Digest};
use registry_check::model::endpoint::{Accepts, Authority, Endpoint, Namespace, Role};
use registry_check::model::image::ImageRef;
use registry_check::model::rewrite::Rewrite;
use registry_check::net::authority::{LimitPolicy, Limits};
use registry_check::net::client::{Client, Timeouts};
use registry_check::net::retry::RetryPolicy;
use registry_check::net::tls::{Policies, TlsOptions};
use registry_check::probe::oci::{BlobAsk, Registries};
use url::Url;

use super::embedded::{REPOSITORY, TAG};

/// One who asks for blobs.
pub struct Asker {
    registries: Registries,
    pub namespace: Namespace,
}

impl Asker {
    /// With the usual times.
    pub fn new() -> Self {
        Self::with(Timeouts::default())
    }

    /// With these.
    pub fn with(timeouts: Timeouts) -> Self {
        let limits = Limits::new(LimitPolicy {
            per_authority: 4,
            all: 8,
            paces: HashMap::new(),
            reserve: None,
            max_retry_after: Duration::from_secs(30),
        });
        let policies = Policies::load(&TlsOptions::default()).unwrap();
        let client = Arc::new(Client::new(timeouts, limits, policies, 4).unwrap());
        let retry = RetryPolicy { base: Duration::from_millis(1), ..RetryPolicy::default() };
        let sources = Sources::new(credentials::Options::default(), &Environment::default()).unwrap();
        let registries = Registries::new(client, retry, Arc::new(sources), None);
        Self { registries, namespace: Namespace::Auto }
    }

    /// With so many bytes for what is read twice.
    pub fn within(budget: &Arc<ByteBudget>) -> Self {
        let Self { registries, namespace } = Self::new();
        Self { registries: registries.within(Some(Arc::clone(budget))), namespace }
    }

    pub async fn ask(&self, url: &str, blob: &Blob, ask: BlobAsk) -> BlobObservation {
        let image: ImageRef = format!("docker.io/{REPOSITORY}:{TAG}").parse().unwrap();
        let url = Url::parse(url).unwrap();
        let endpoint = Endpoint {
            name: "m".into(),
            api_root: format!("{}v2", url).into(),
            authority: Authority::of(&url).unwrap(),
            url,
            role: Role::Mirror,
            rewrite: Rewrite::default(),
            namespace: self.namespace,
            accepts: Accepts::All,
            seen: None,
        };
        self.registries.blob(&endpoint, &image, blob, ask).await
    }

    /// Whether it is there.
    pub async fn presence(&self, registry: &Registry, blob: &Blob) -> BlobObservation {
        self.ask(&registry.url(), blob, BlobAsk::Presence).await
    }

    /// All of it.
    pub async fn content(&self, registry: &Registry, blob: &Blob) -> BlobObservation {
        self.ask(&registry.url(), blob, BlobAsk::Content).await
    }
}

/// A registry that holds these bytes as a blob, and the blob as a manifest would name it.
pub fn holding(bytes: &[u8], algorithm: Algorithm) -> (Registry, Blob) {
    let registry = Registry::start(store(bytes, algorithm)).unwrap();
    (registry, named(bytes, algorithm))
}

/// The same store once more: for where a redirect leads.
pub fn store(bytes: &[u8], algorithm: Algorithm) -> Store {
    let blob = demo::Blob { digest: algorithm.digest(bytes), bytes: bytes.to_vec().into() };
    let image = Image { blobs: vec![blob], ..demo::content::image("app", "linux/amd64") };
    let mut store = Store::new();
    store.put(REPOSITORY, TAG, &image);
    store
}

/// A blob as a manifest names it.
pub fn named(bytes: &[u8], algorithm: Algorithm) -> Blob {
    Blob { digest: algorithm.digest(bytes), size: Some(bytes.len() as u64), platform: None }
}

/// Bytes that do not repeat soon.
pub fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}

/// `part host`, in the order of first contact.
pub fn hosts(observation: &BlobObservation) -> Vec<String> {
    observation.hosts.iter().map(|host| format!("{} {}", host.part.as_str(), host.authority)).collect()
}

/// The same of one host.
pub fn host(part: Part, authority: &str) -> String {
    format!("{} {authority}", part.as_str())
}

/// Method, `Range` and status of each request in turn.
pub fn story(registry: &Registry) -> Vec<String> {
    let tell = |hit: &demo::Hit| {
        let range = hit.header("range").map(|range| format!(" {range}")).unwrap_or_default();
        let status = hit.status.map_or_else(|| "-".to_owned(), |status| status.to_string());
        format!("{}{range} {status}", hit.method)
    };
    registry.hits().iter().map(tell).collect()
}

/// What a present blob of this size is told as.
pub const fn present(size: usize) -> BlobOutcome {
    BlobOutcome::Present { size: Some(size as u64) }
}

/// What a blob that was read is told as.
pub const fn read(size: usize) -> BlobOutcome {
    BlobOutcome::Read { bytes: size as u64 }
}

/// A digest that nothing has.
pub fn unknown() -> Digest {
    Digest::sha256(b"nothing has this")
}
