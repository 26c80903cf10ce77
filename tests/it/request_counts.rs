//! What a check costs in requests, beside what the client of `oci_distribution` sends for the same.
//!
//! ARCHITECTURE.md gives these figures as the reason why requests are ours.

use oci_distribution::client::{ClientConfig, ClientProtocol};
use oci_distribution::secrets::RegistryAuth;
use registry_check::demo::{Registry, Store, TokenRules, content};

use crate::support::tool::Tool;

const REPOSITORIES: usize = 4;
const TAGS: usize = 5;

fn filled() -> Registry {
    let mut store = Store::new();
    for (repository, tag) in names() {
        store.put(&repository, &tag, &content::image(&format!("{repository}:{tag}"), "linux/amd64"));
    }
    Registry::start(store).unwrap()
}

fn names() -> impl Iterator<Item = (String, String)> {
    (0..REPOSITORIES)
        .flat_map(|repository| (0..TAGS).map(move |tag| (format!("team/app{repository}"), format!("v{tag}"))))
}

/// HEADs, GETs of manifests, `/v2/` pings, token requests.
fn counts(registry: &Registry) -> [usize; 4] {
    [
        registry.manifest_hits("HEAD"),
        registry.manifest_hits("GET"),
        registry.hits_to("/v2/"),
        registry.hits_to("/token"),
    ]
}

fn checked(registry: &Registry) -> [usize; 4] {
    let list: Vec<_> =
        names().map(|(repository, tag)| format!("{}/{repository}:{tag}", registry.authority())).collect();
    let output = Tool::new().file("images.txt", list.join("\n")).args(["images.txt", "-f", "json"]).run();
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    counts(registry)
}

fn asked_by_the_library(registry: &Registry) -> [usize; 4] {
    // Without a default provider the library's HTTP client cannot be made.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let config = ClientConfig { protocol: ClientProtocol::Http, ..ClientConfig::default() };
    let client = oci_distribution::Client::new(config);
    runtime.block_on(async {
        let digests = names().map(|(repository, tag)| {
            let client = client.clone();
            let reference = oci_distribution::Reference::with_tag(registry.authority(), repository, tag);
            async move { client.fetch_manifest_digest(&reference, &RegistryAuth::Anonymous).await.unwrap() }
        });
        futures::future::join_all(digests).await;
    });
    counts(registry)
}

#[test]
fn an_anonymous_registry_is_asked_one_head_for_each_image() {
    let images = REPOSITORIES * TAGS;
    assert_eq!(checked(&filled()), [images, 0, 0, 0]);
    // The library pings for each image that is asked for at the same time.
    assert_eq!(asked_by_the_library(&filled()), [images, 0, images, 0]);
}

#[test]
fn a_token_registry_is_asked_for_one_token_for_several_repositories() {
    let images = REPOSITORIES * TAGS;
    let ours = filled();
    ours.require_token(TokenRules::default());
    let [heads, gets, pings, tokens] = checked(&ours);
    assert_eq!([gets, pings, tokens], [0, 0, 1]);
    // A 401 for those that asked before the first token came, at most for each image.
    assert!((images + 1..=2 * images).contains(&heads), "{heads} HEADs");
    let theirs = filled();
    theirs.require_token(TokenRules::default());
    assert_eq!(asked_by_the_library(&theirs), [images, 0, images, images]);
}
