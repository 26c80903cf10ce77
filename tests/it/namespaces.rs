//! `?ns=`: mirrors that need it, and mirrors that break on it.

use registry_check::demo::Behaviour;

use crate::support::embedded::{Check, Pair};

fn check(pair: &Pair, ns: &str) -> Check {
    let settings = format!("ns = {ns:?}");
    Check::of(&["app:1.0"]).upstream(&pair.upstream.url()).mirror_with("m", &pair.mirror.url(), &settings)
}

#[test]
fn a_mirror_that_needs_the_namespace_gets_it_where_it_is_set() {
    let pair = Pair::misbehaving(Behaviour::RequireNamespace);
    check(&pair, "always").run().expect("ok/digest-equal", 0);
    let hits = pair.mirror.hits();
    assert_eq!((hits.len(), hits[0].query.as_deref()), (1, Some("ns=docker.io")));
    assert!(pair.upstream.hits().iter().all(|hit| hit.query.is_none()));
}

#[test]
fn a_mirror_that_needs_the_namespace_and_does_not_get_it_lacks_the_image() {
    for ns in ["never", "auto"] {
        let pair = Pair::misbehaving(Behaviour::RequireNamespace);
        check(&pair, ns).run().expect("missing/manifest-unknown", 1);
    }
}

#[test]
fn a_mirror_that_breaks_on_the_namespace_is_asked_once_more_without_it() {
    let pair = Pair::misbehaving(Behaviour::HateNamespace);
    let report = check(&pair, "always").run();
    let row = report.expect("ok/digest-equal", 0);
    assert!(row.notes_hold("?ns= was left out"), "{row:#?}");
    // HEAD, GET for the reason of the 400, HEAD without.
    let told: Vec<_> =
        pair.mirror.hits().iter().map(|hit| (hit.method.clone(), hit.query.is_some())).collect();
    assert_eq!(told, [("HEAD".to_owned(), true), ("GET".to_owned(), true), ("HEAD".to_owned(), false)]);
}

#[test]
fn an_image_that_is_missing_either_way_is_missing() {
    let pair = Pair::new();
    pair.mirror.store().remove_repository("library/app");
    check(&pair, "always").run().expect("missing/manifest-unknown", 1);
}
