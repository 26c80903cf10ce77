//! Indexes within upstream's index that a mirror's does not name: what is in them decides, and where nobody can tell, it
//! stays open.

use registry_check::demo::{Behaviour, Failure, Image, Scope, content};

use crate::support::embedded::{Pair, REPOSITORY};
use crate::support::indexes::{entry, index_of};

/// Upstream's index has amd64 and an index within it; the mirror's only amd64.
fn pair() -> (Pair, Image) {
    let outer = content::image("outer", "linux/amd64");
    let inner = content::index("inner", &["linux/arm64", "linux/s390x"]);
    let own = entry(&outer.document, Some("linux/amd64"));
    let whole = index_of(&[own.clone(), entry(&inner.document, None)], vec![outer.clone(), inner.clone()]);
    (Pair::holding(&whole, &index_of(&[own], vec![outer])), inner)
}

#[test]
fn what_is_in_it_is_read_at_upstream_and_decides() {
    let (pair, inner) = pair();
    for (args, verdict, exit, lacking) in [
        ("", "incomplete/platform-absent", 1, "the index lacks linux/arm64, linux/s390x"),
        ("--platform linux/arm64", "incomplete/platform-absent", 1, "the index lacks linux/arm64"),
        ("--platform linux/amd64", "same_content/wanted-platforms-equal", 0, "nobody wants"),
    ] {
        for depth in ["platforms", "blobs"] {
            pair.upstream.forget_hits();
            let report = pair.check().args(&format!("--depth {depth} {args}")).run();
            let row = report.expect(verdict, exit);
            assert!(row.reason.contains(lacking), "{args}: {row:#?}");
            // Once, whatever comes of it.
            let path = format!("/v2/{REPOSITORY}/manifests/{}", inner.digest());
            assert_eq!(pair.upstream.hits_to(&path), 1);
        }
    }
}

#[test]
fn where_nobody_could_read_it_the_mirror_is_not_said_to_lack_a_platform() {
    let denied = Behaviour::Status(Failure::registry(403, "DENIED", "not for you"));
    for (behaviour, why) in [(None, "404"), (Some(denied), "403")] {
        let (pair, inner) = pair();
        match behaviour {
            None => pair.upstream.store().remove_manifest(REPOSITORY, inner.digest()),
            Some(behaviour) => {
                let scope = Scope::reference(REPOSITORY, &inner.digest().to_string());
                pair.upstream.set_behaviour(scope, behaviour);
            }
        }
        for args in ["--depth platforms", "--depth blobs", "--depth platforms --platform linux/arm64"] {
            let report = pair.check().args(args).run();
            let row = report.expect("not_checked/platform-unknown", 3);
            assert!(row.reason.contains(&inner.digest().to_string()), "{args}: {row:#?}");
            assert!(row.reason.contains(why), "{args}: {row:#?}");
        }
        // What is wanted is there, whatever else may be.
        let report = pair.check().args("--depth platforms --platform linux/amd64").run();
        report.expect("same_content/wanted-platforms-equal", 0);
    }
}

#[test]
fn where_platforms_are_not_looked_at_it_is_not_read_and_stays_open() {
    let (pair, inner) = pair();
    for depth in ["head", "manifest"] {
        let report = pair.check().args(&format!("--depth {depth}")).run();
        let row = report.expect("not_checked/platform-unknown", 3);
        assert!(row.reason.contains("--depth platforms reads indexes"), "{row:#?}");
        let report = pair.check().args(&format!("--depth {depth} --platform linux/amd64")).run();
        report.expect("same_content/wanted-platforms-equal", 0);
    }
    let path = format!("/v2/{REPOSITORY}/manifests/{}", inner.digest());
    assert_eq!(pair.upstream.hits_to(&path), 0);
}

#[test]
fn a_platform_that_is_certainly_lacking_is_told_whatever_else_is_open() {
    let [amd, arm] = ["linux/amd64", "linux/arm64"].map(|platform| content::image("app", platform));
    let inner = content::index("inner", &["linux/s390x"]);
    let entries = [entry(&amd.document, Some("linux/amd64")), entry(&arm.document, Some("linux/arm64"))];
    let all = [entries.to_vec(), vec![entry(&inner.document, None)]].concat();
    let whole = index_of(&all, vec![amd.clone(), arm, inner.clone()]);
    let pair = Pair::holding(&whole, &index_of(&entries[..1], vec![amd]));
    pair.upstream.store().remove_manifest(REPOSITORY, inner.digest());
    for (wanted, verdict, exit) in [
        ("", "incomplete/platform-absent", 1),
        ("--platform linux/arm64", "incomplete/platform-absent", 1),
        ("--platform linux/s390x", "not_checked/platform-unknown", 3),
        ("--platform linux/amd64", "same_content/wanted-platforms-equal", 0),
    ] {
        for depth in ["head", "platforms", "blobs"] {
            let report = pair.check().args(&format!("--depth {depth} {wanted}")).run();
            let row = report.row("m");
            assert_eq!((row.verdict().as_str(), report.exit), (verdict, exit), "{depth} {wanted}: {row:#?}");
        }
    }
}
