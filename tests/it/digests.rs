//! Digests of every algorithm are held to the bytes; those of schema 1 to nothing.

use registry_check::demo::{Behaviour, Image, Scope, content};
use registry_check::model::digest::Algorithm;

use crate::support::embedded::{Check, Pair, REPOSITORY, TAG, start};

/// An image that a registry knows by such a digest.
fn named_by(algorithm: Algorithm) -> Image {
    let mut image = content::image("app", "linux/amd64");
    image.document.digest = algorithm.digest(&image.document.bytes);
    image
}

fn pair(upstream: Algorithm, mirror: Algorithm) -> Pair {
    Pair::holding(&named_by(upstream), &named_by(mirror))
}

#[test]
fn a_tag_named_by_a_long_digest_is_followed_to_it() {
    for algorithm in [Algorithm::Sha384, Algorithm::Sha512] {
        let pair = pair(algorithm, algorithm);
        for depth in ["head", "manifest"] {
            let report = pair.check().args(&format!("--depth {depth}")).run();
            report.expect("ok/digest-equal", 0);
        }
        let by_digest = format!("/v2/{REPOSITORY}/manifests/{}", pair.image.digest());
        assert_eq!(pair.mirror.hits_to(&by_digest), 1, "{algorithm:?}");
    }
}

#[test]
fn a_pinned_long_digest_is_held_to_the_bytes() {
    for algorithm in [Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512] {
        let pair = pair(algorithm, algorithm);
        let pinned = format!("app@{}", pair.image.digest());
        for depth in ["head", "manifest"] {
            let check = pair.check_of(&[&pinned]).args(&format!("--depth {depth}"));
            let report = check.run();
            let row = report.expect("ok/digest-equal", 0);
            assert_eq!(row.digest, Some(pair.digest()));
        }
        pair.mirror.set_behaviour(Scope::Manifests, Behaviour::WrongBody);
        let report = pair.check_of(&[&pinned]).args("--depth manifest").run();
        report.expect("invalid/digest-mismatch", 1);
    }
}

#[test]
fn a_tag_whose_bytes_are_not_its_long_digest_is_found_out() {
    for algorithm in [Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512] {
        let pair = pair(algorithm, algorithm);
        pair.mirror.set_behaviour(Scope::Manifests, Behaviour::WrongBody);
        let report = pair.check().args("--depth manifest").run();
        let row = report.expect("invalid/digest-mismatch", 1);
        // Two of one algorithm are compared.
        let name = algorithm.name();
        assert!(row.reason.contains(&format!("bytes that hash to {name}:")), "{row:?}");
        assert!(row.reason.contains(&format!("under upstream's digest {name}:")), "{row:?}");
    }
}

#[test]
fn a_long_digest_that_is_not_of_the_bytes_is_compared_by_its_own_algorithm() {
    let pair = pair(Algorithm::Sha256, Algorithm::Sha512);
    pair.mirror.set_behaviour(Scope::Manifests, Behaviour::WrongBody);
    let report = pair.check().args("--depth manifest").run();
    let row = report.expect("invalid/digest-header-wrong", 1);
    let header = row.reason.find("says sha512:").expect("what the header says");
    assert!(row.reason[header..].contains("but the bytes hash to sha512:"), "{row:?}");
}

#[test]
fn bytes_that_both_sides_name_by_a_long_digest_cost_no_more_than_others() {
    let costs = |algorithm| {
        let pair = pair(algorithm, algorithm);
        let report = pair.check().args("--depth content").run();
        let row = report.expect("ok/digest-equal", 0);
        assert_eq!((&*row.reason, row.digest.clone()), ("", Some(pair.image.digest().to_string())));
        (pair.upstream.hits().len(), pair.mirror.hits().len())
    };
    assert_eq!(costs(Algorithm::Sha512), costs(Algorithm::Sha256));
    assert_eq!(costs(Algorithm::Sha384), costs(Algorithm::Sha256));
}

#[test]
fn the_same_bytes_named_by_two_algorithms_are_the_same() {
    for (upstream, mirror) in [(Algorithm::Sha256, Algorithm::Sha512), (Algorithm::Sha512, Algorithm::Sha256)]
    {
        let pair = pair(upstream, mirror);
        let report = pair.check().run();
        let row = report.expect("ok/digest-equal", 0);
        assert_eq!(row.reason, "the same bytes, named by digests of two algorithms");
        let report = pair.check().args("--depth manifest").run();
        let row = report.expect("ok/digest-equal", 0);
        assert_eq!(row.reason, "the same bytes, named by digests of two algorithms");
    }
}

#[test]
fn schema_1_is_never_wrong_and_its_bytes_are_never_right() {
    let image = content::schema1("one");
    let other = content::schema1("two");
    let pinned = format!("app@{}", image.digest());
    let unverified = "unverified/schema1-unverifiable";
    for (named, depth, behaviour, verdict) in [
        ("app:1.0", "head", None, unverified),
        ("app:1.0", "manifest", None, unverified),
        (&*pinned, "head", None, unverified),
        (&*pinned, "manifest", None, unverified),
        ("app:1.0", "head", Some(Behaviour::NoDigestHeader), unverified),
        ("app:1.0", "manifest", Some(Behaviour::NoDigestHeader), unverified),
        (&*pinned, "head", Some(Behaviour::NoDigestHeader), unverified),
        (&*pinned, "manifest", Some(Behaviour::NoDigestHeader), unverified),
        (&*pinned, "head", Some(Behaviour::WrongDigestHeader), unverified),
        (&*pinned, "manifest", Some(Behaviour::WrongDigestHeader), unverified),
        ("app:1.0", "manifest", Some(Behaviour::WrongDigestHeader), unverified),
        ("app:1.0", "manifest", Some(Behaviour::WrongBody), unverified),
    ] {
        let upstream = start(&[(REPOSITORY, TAG, &image)]);
        let mirror = start(&[(REPOSITORY, TAG, &image)]);
        let pair = Pair { upstream, mirror, image: image.clone() };
        if let Some(behaviour) = behaviour.clone() {
            pair.mirror.set_behaviour(Scope::Manifests, behaviour);
        }
        let report = pair.check_of(&[named]).args(&format!("--depth {depth}")).run();
        assert_eq!(report.row("m").verdict(), verdict, "{named} {depth} {behaviour:?} {report:#?}");
        assert_eq!(report.exit, 0, "{named} {depth} {behaviour:?}");
    }
    let pair = Pair::holding(&image, &other);
    for depth in ["head", "manifest", "platforms", "blobs", "content"] {
        pair.check().args(&format!("--depth {depth}")).run().expect(unverified, 0);
    }
    // Nor where the registry itself is looked at: at no depth is more known than that it serves it.
    for named in ["app:1.0", &*pinned] {
        for depth in ["head", "manifest", "platforms", "blobs", "content"] {
            let check = Check::of(&[named]).upstream(&pair.upstream.url());
            let report = check.args(&format!("--depth {depth} --platform linux/arm64")).run();
            assert_eq!((&*report.rows[0].verdict(), report.exit), (unverified, 0), "{named} {depth}");
        }
    }
}

#[test]
fn a_mirror_that_does_not_say_that_it_serves_schema_1_is_known_by_upstreams_answer() {
    let image = content::schema1("one");
    let pair = Pair::holding(&image, &image);
    pair.mirror.set_behaviour(Scope::Manifests, Behaviour::ContentType("application/json".into()));
    let report = pair.check().run();
    report.expect("unverified/schema1-unverifiable", 0);
    assert_eq!((pair.upstream.hits().len(), pair.mirror.hits().len()), (1, 1));
}

#[test]
fn what_is_said_of_schema_1_is_what_its_headers_said() {
    let image = content::schema1("one");
    let pinned = format!("app@{}", image.digest());
    for (named, behaviours, told) in [
        (
            "app:1.0",
            [None, None],
            "schema 1: the digest is the right one by the header, and the bytes cannot be held to it",
        ),
        (
            &*pinned,
            [None, None],
            "schema 1: the digest is the right one by the header, and the bytes cannot be held to it",
        ),
        (
            "app:1.0",
            [Some(Behaviour::NoDigestHeader), Some(Behaviour::NoDigestHeader)],
            "schema 1: no header names its digest; by their hash the bytes are upstream's, which is all that can be said",
        ),
        (
            "app:1.0",
            [None, Some(Behaviour::NoDigestHeader)],
            "schema 1: its digest says nothing of the bytes",
        ),
        (
            &*pinned,
            [None, Some(Behaviour::NoDigestHeader)],
            "schema 1: no header names its digest, and the bytes cannot be held to the one that was asked for",
        ),
    ] {
        for depth in ["head", "manifest"] {
            let pair = Pair::holding(&image, &image);
            for (registry, behaviour) in [&pair.upstream, &pair.mirror].into_iter().zip(behaviours.clone()) {
                if let Some(behaviour) = behaviour {
                    registry.set_behaviour(Scope::Manifests, behaviour);
                }
            }
            let report = pair.check_of(&[named]).args(&format!("--depth {depth}")).run();
            let row = report.expect("unverified/schema1-unverifiable", 0);
            assert_eq!(row.reason, told, "{named} {depth} {behaviours:?}");
            // Nothing was hashed where the digest was asked for.
            let is_hashed = report.text.contains("no usable Docker-Content-Digest; the bytes were hashed");
            assert_eq!(is_hashed, behaviours[1].is_some() && named == "app:1.0", "{named} {depth}");
        }
    }
}
