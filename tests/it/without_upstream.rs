//! Upstream that cannot be asked, or has not got the image: what can still be said of the mirrors.

use registry_check::demo::{Behaviour, ClosedPort, Failure, Image, Registry, Scope, content};

use crate::support::embedded::{Check, PLATFORMS, Pair, REPOSITORY, TAG, start};

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// Mirrors `a`, `b`, … with these images under the same tag, and an upstream that refuses connections.
fn check(images: &[Option<&Image>]) -> (Check, Vec<Registry>, ClosedPort) {
    let closed = ClosedPort::take().unwrap();
    let mut check = Check::of(&["app:1.0"]).upstream(&format!("http://{}", closed.addr()));
    let mut registries = Vec::new();
    for (name, image) in NAMES.iter().zip(images) {
        let registry = match image {
            Some(image) => start(&[(REPOSITORY, TAG, image)]),
            None => start(&[]),
        };
        check = check.mirror(name, &registry.url());
        registries.push(registry);
    }
    (check, registries, closed)
}

fn index(seed: &str) -> Image {
    content::index(seed, &PLATFORMS)
}

#[test]
fn mirrors_that_agree_are_unverified_and_pass() {
    let image = index("app");
    let (check, registries, _closed) = check(&[Some(&image); 4]);
    let report = check.run();
    for name in NAMES {
        let row = report.row(name);
        assert_eq!(row.verdict(), "unverified/agrees-with-mirrors");
        assert!(row.reason.contains("agrees with 4 of 4 mirrors"), "{row:#?}");
        assert_eq!(
            (row.digest.clone(), row.expected_digest.clone()),
            (Some(image.digest().to_string()), None)
        );
    }
    assert_eq!(report.row("docker.io").verdict(), "unreachable/connect-refused");
    assert_eq!(report.exit, 0);
    assert!(registries.iter().all(|registry| registry.manifest_hits("HEAD") == 1));
}

#[test]
fn a_minority_is_said_to_differ() {
    let [new, old] = ["new", "old"].map(index);
    let (check, _registries, _closed) = check(&[Some(&new), Some(&old), Some(&new), Some(&new)]);
    let report = check.run();
    for name in ["a", "c", "d"] {
        let row = report.row(name);
        assert_eq!(row.verdict(), "unverified/agrees-with-mirrors");
        assert!(row.reason.contains("agrees with 3 of 4 mirrors"), "{row:#?}");
    }
    let row = report.row("b");
    assert_eq!(row.verdict(), "unverified/differs-from-mirrors");
    assert!(row.reason.contains("differs from 3 of 4 mirrors"), "{row:#?}");
    assert_eq!(report.exit, 0);
}

#[test]
fn mirrors_without_any_agreement_all_differ() {
    let images = ["one", "two", "three"].map(index);
    let (check, _registries, _closed) = check(&images.each_ref().map(Some));
    let report = check.args("--fail-on unverified").run();
    for name in &NAMES[..3] {
        assert_eq!(report.row(name).verdict(), "unverified/differs-from-mirrors");
    }
    assert_eq!(report.exit, 1);
}

#[test]
fn one_mirror_alone_has_nothing_to_be_compared_with() {
    let image = index("app");
    for images in [&[Some(&image)][..], &[Some(&image), None]] {
        let (check, _registries, _closed) = check(images);
        let report = check.run();
        assert_eq!(report.row("a").verdict(), "unverified/nothing-to-compare");
    }
}

#[test]
fn a_mirror_that_lacks_what_the_others_serve_is_asked_for_their_digest() {
    let image = index("app");
    let (check, registries, _closed) = check(&[Some(&image), Some(&image), None]);
    let report = check.run();
    assert_eq!((&*report.row("c").verdict(), report.exit), ("missing/manifest-unknown", 1));
    assert_eq!(registries[2].hits_to(&format!("/v2/library/app/manifests/{}", image.digest())), 1);
}

#[test]
fn whatever_keeps_upstream_from_answering_leaves_mirrors_unverified() {
    for (behaviour, verdict) in [
        (Behaviour::Html, "invalid/html-answer"),
        (Behaviour::Status(Failure::registry(403, "DENIED", "no")), "denied/access-denied"),
        (Behaviour::Status(Failure::throttled(Some("3600"))), "rate_limited/rate-limited"),
        (Behaviour::NotFoundHtml, "server_error/not-a-registry"),
        (Behaviour::RedirectLoop, "server_error/redirect-loop"),
    ] {
        let pair = Pair::new();
        pair.upstream.set_behaviour(Scope::Manifests, behaviour);
        let report = pair.check().run();
        let row = report.expect("unverified/nothing-to-compare", 0);
        assert_eq!(row.expected_digest, None);
        assert_eq!(report.row("docker.io").verdict(), verdict);
    }
}

#[test]
fn a_mirror_has_what_upstream_lacks() {
    let pair = Pair::new();
    pair.upstream.store().remove_repository(REPOSITORY);
    let report = pair.check().run();
    report.expect("unverified/upstream-lacks-it", 0);
    assert_eq!(report.row("docker.io").verdict(), "missing/manifest-unknown");
}

#[test]
fn what_nobody_has_is_missing_and_asked_for_once() {
    let pair = Pair::new();
    let report = pair.check_of(&["app:9.9"]).run();
    report.expect("missing/missing-upstream-too", 1);
    assert_eq!((report.requests, pair.asked()), (2, (1, 0)));
}

#[test]
fn a_pinned_digest_needs_no_upstream() {
    let image = index("app");
    let (_, registries, closed) = check(&[Some(&image)]);
    let report = Check::of(&[format!("app@{}", image.digest())])
        .upstream(&format!("http://{}", closed.addr()))
        .mirror("m", &registries[0].url())
        .run();
    report.expect("ok/digest-equal", 0);
}
