//! Depths `platforms` and `blobs` at Debian's registry: as a pull-through cache of another one, and with images that
//! carry attestations.

use std::fs;

use registry_check::demo::{self, content};
use registry_check::model::manifest::MediaType;
use serde_json::{Value, json};

use crate::support::daemon::{DockerRegistry, Options};
use crate::support::embedded::{Check, PLATFORMS, REPOSITORY, Report, TAG};
use crate::support::push::{self, Document, Image};

/// An image of the demo as it is pushed.
fn pushable(image: &demo::Image) -> Image {
    let document = |from: &demo::Document| Document {
        media_type: MediaType::parse(&from.media_type).expect("a manifest's"),
        body: from.bytes.to_vec(),
    };
    let parts = image.children.iter().flat_map(|child| &child.blobs).chain(&image.blobs);
    Image {
        repository: REPOSITORY.to_owned(),
        tag: TAG.to_owned(),
        top: document(&image.document),
        children: image.children.iter().map(|child| document(&child.document)).collect(),
        blobs: parts.map(|blob| blob.bytes.to_vec()).collect(),
    }
}

/// Loses a blob or a manifest on the disk.
fn lose(registry: &DockerRegistry, digest: &str) {
    let hex = digest.strip_prefix("sha256:").expect("a digest");
    let blobs = registry.storage().join("docker/registry/v2/blobs/sha256");
    fs::remove_dir_all(blobs.join(&hex[..2]).join(hex)).expect("it was there");
}

fn check(upstream: &str, mirror: &str, args: &str) -> Report {
    Check::of(&["app:1.0"]).upstream(upstream).mirror("m", mirror).args("--retries 0").args(args).run()
}

fn parts(report: &Report) -> Value {
    let document: Value = serde_json::from_str(&report.text).expect("JSON");
    let rows = document["results"].as_array().expect("results");
    rows.iter().find(|row| row["mirror"] == "m").expect("a mirror")["parts"].clone()
}

/// `kind digest platforms code` of each finding.
fn findings(report: &Report) -> Vec<String> {
    let parts = parts(report);
    let tell = |finding: &Value| {
        let [kind, digest, code] =
            ["kind", "digest", "code"].map(|key| finding[key].as_str().expect("a word"));
        let platforms = finding["platforms"].as_array().expect("a list").iter();
        let platforms: Vec<_> = platforms.map(|name| name.as_str().expect("a word")).collect();
        format!("{kind} {digest} {} {code}", platforms.join(","))
    };
    parts["findings"].as_array().expect("a list").iter().map(tell).collect()
}

/// Lines of an access log about this digest.
fn asked(registry: &DockerRegistry, digest: &str) -> usize {
    registry.log().matches(&format!("/{digest}")).count()
}

#[test]
fn a_pull_through_cache_is_looked_at_as_far_as_its_upstream_has_the_parts() {
    let upstream = DockerRegistry::start(Options::default());
    let demo = content::index("app", &PLATFORMS);
    push::push(&upstream.authority(), &[pushable(&demo)]);
    let cache_of = || DockerRegistry::start(Options { proxy: Some(upstream.url()), ..Options::default() });
    for depth in ["platforms", "blobs"] {
        let cache = cache_of();
        let report = check(&upstream.url(), &cache.url(), &format!("--depth {depth}"));
        report.expect("ok/digest-equal", 0);
        let parts = parts(&report);
        let states: Vec<_> =
            parts["platforms"].as_array().unwrap().iter().map(|line| line["state"].clone()).collect();
        assert_eq!(states, ["present", "present"]);
        assert_eq!((&parts["manifests"], &parts["findings"]), (&json!(2), &json!([])), "{depth}");
        let blobs = demo.children.iter().flat_map(|child| &child.blobs);
        for digest in blobs.map(|blob| blob.digest.to_string()) {
            assert_eq!(asked(&cache, &digest), usize::from(depth == "blobs"), "{digest}");
        }
    }

    // A layer that its upstream has lost, and a platform's manifest: neither is there behind a fresh cache.
    let [amd, arm] = &demo.children[..] else { panic!("two platforms") };
    let layer = amd.blobs[1].digest.to_string();
    lose(&upstream, &layer);
    let cache = cache_of();
    check(&upstream.url(), &cache.url(), "--depth platforms").expect("ok/digest-equal", 0);
    let report = check(&upstream.url(), &cache.url(), "--depth blobs");
    report.expect("incomplete/blob-missing", 1);
    assert_eq!(findings(&report), [format!("layer {layer} linux/amd64 blob-missing")]);
    // The cache answers 500 where its upstream says 404 to a digest: that is not known to be missing.
    lose(&upstream, &arm.digest().to_string());
    let cache = cache_of();
    for depth in ["platforms", "blobs"] {
        let report = check(&upstream.url(), &cache.url(), &format!("--depth {depth} --platform linux/arm64"));
        let row = report.expect("server_error/server-error", 3);
        assert!(row.reason.contains("m answered 500"), "{row:#?}");
        assert_eq!(
            findings(&report),
            [format!("manifest {} linux/arm64 server-error", arm.digest())],
            "{depth}"
        );
    }
}

#[test]
fn a_cache_that_has_everything_serves_it_when_its_upstream_is_gone() {
    let mut upstream = DockerRegistry::start(Options::default());
    push::push(&upstream.authority(), &[pushable(&content::index("app", &PLATFORMS))]);
    let cache = DockerRegistry::start(Options { proxy: Some(upstream.url()), ..Options::default() });
    check(&upstream.url(), &cache.url(), "--depth content").expect("ok/digest-equal", 0);
    upstream.stop();
    for depth in ["platforms", "blobs"] {
        let report = check(&upstream.url(), &cache.url(), &format!("--depth {depth}"));
        let row = report.expect("unverified/nothing-to-compare", 0);
        assert_eq!(findings(&report), [""; 0], "{row:#?}");
    }
}

#[test]
fn attestations_on_a_real_registry_are_counted_and_neither_asked_for_nor_missed() {
    let [upstream, mirror] = [(); 2].map(|()| DockerRegistry::start(Options::default()));
    let demo = content::attested_index("app", &PLATFORMS);
    let image = pushable(&demo);
    for registry in [&upstream, &mirror] {
        push::push(&registry.authority(), std::slice::from_ref(&image));
    }
    let [amd, arm, attestations @ ..] = &demo.children[..] else { panic!("two platforms") };
    assert_eq!(attestations.len(), 2);
    let pushed = mirror.log().len();
    let sound = |depth: &str| {
        let report = check(&upstream.url(), &mirror.url(), &format!("--depth {depth}"));
        report.expect("ok/digest-equal", 0);
        let parts = parts(&report);
        let lines = parts["platforms"].as_array().unwrap().iter();
        let told: Vec<_> = lines.map(|line| (line["platform"].clone(), line["state"].clone())).collect();
        let present = |name: &str| (json!(name), json!("present"));
        assert_eq!(told, PLATFORMS.map(present));
        assert_eq!((&parts["attestations"], &parts["manifests"]), (&json!(2), &json!(2)));
        assert_eq!(&parts["findings"], &json!([]));
    };
    for depth in ["platforms", "blobs", "content"] {
        sound(depth);
    }
    for attestation in attestations {
        let blobs = attestation.blobs.iter().map(|blob| blob.digest.to_string());
        for digest in blobs.chain([attestation.digest().to_string()]) {
            assert_eq!(mirror.log()[pushed..].matches(&format!("/{digest}")).count(), 0, "{digest}");
        }
    }
    // A mirror that has lost one still serves every platform.
    lose(&mirror, &attestations[0].digest().to_string());
    for depth in ["platforms", "blobs"] {
        sound(depth);
    }
    // What is lost of a platform is told as ever.
    let layer = arm.blobs[1].digest.to_string();
    lose(&mirror, &layer);
    let report = check(&upstream.url(), &mirror.url(), "--depth blobs");
    report.expect("incomplete/blob-missing", 1);
    assert_eq!(findings(&report), [format!("layer {layer} linux/arm64 blob-missing")]);
    lose(&mirror, &amd.digest().to_string());
    let report = check(&upstream.url(), &mirror.url(), "--depth platforms");
    report.expect("incomplete/child-missing", 1);
    assert_eq!(findings(&report), [format!("manifest {} linux/amd64 child-missing", amd.digest())]);
}
