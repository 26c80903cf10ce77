//! Pull-through caches answer 404 to a tag whatever their trouble was: asked for upstream's digest, they tell.

use registry_check::demo::{Behaviour, Failure, Scope};

use crate::support::embedded::{Pair, REPOSITORY, TAG, asked};

#[test]
fn what_is_hidden_behind_a_404_is_found_by_asking_for_upstreams_digest() {
    for (status, verdict, exit, part) in [
        (401, "denied/hidden-denied", 3, "401 UNAUTHORIZED"),
        (403, "denied/hidden-denied", 3, "403 DENIED: requested access to the resource is denied"),
        (429, "rate_limited/hidden-rate-limit", 3, "429 TOOMANYREQUESTS"),
        (500, "server_error/hidden-server-error", 3, "500 UNKNOWN"),
        (503, "server_error/hidden-server-error", 3, "503"),
        (404, "missing/manifest-unknown", 1, "404"),
    ] {
        let pair = Pair::misbehaving(Behaviour::HideBehind404 { digest_status: status });
        let report = pair.check().args("--retries 0").run();
        let row = report.expect(verdict, exit);
        assert!(row.reason.contains(part), "{row:#?}");
        assert_eq!((row.digest.as_deref(), row.expected_digest.clone()), (None, Some(pair.digest())));
        assert_eq!((pair.asked(), asked(&pair.upstream)), ((1, 1), (1, 0)));
        assert_eq!(pair.mirror.hits_to(&format!("/v2/library/app/manifests/{}", pair.digest())), 1);
    }
}

#[test]
fn a_500_around_upstreams_clear_word_is_that_word() {
    for (inner, verdict, exit) in [
        ("manifest unknown: unknown tag", "missing/manifest-unknown", 1),
        ("denied: requested access to the resource is denied", "denied/hidden-denied", 3),
        ("unauthorized: authentication required", "denied/hidden-denied", 3),
    ] {
        let pair = Pair::new();
        let body =
            serde_json::json!({"errors": [{"code": "UNKNOWN", "message": "unknown error", "detail": inner}]});
        pair.mirror.store().remove_tag(REPOSITORY, TAG);
        pair.mirror.set_behaviour(
            Scope::reference(REPOSITORY, &pair.digest()),
            Behaviour::Status(Failure::text(500, "application/json", &body.to_string())),
        );
        pair.check().run().expect(verdict, exit);
        assert_eq!(pair.asked(), (1, 1), "a clear word is not asked for again");
    }
}

#[test]
fn a_mirror_with_the_image_but_not_its_tag_is_told_as_that() {
    let pair = Pair::new();
    pair.mirror.store().remove_tag(REPOSITORY, TAG);
    let report = pair.check().run();
    let row = report.expect("missing/tag-absent", 1);
    assert_eq!(row.digest, Some(pair.digest()));
}

#[test]
fn a_digest_that_is_never_answered_leaves_the_image_undecided() {
    let pair = Pair::new();
    pair.mirror.store().remove_tag(REPOSITORY, TAG);
    pair.mirror.set_behaviour(Scope::reference(REPOSITORY, &pair.digest()), Behaviour::Silent);
    pair.check().args("--first-byte-timeout 2500ms").run().expect("unreachable/timeout-first-byte", 3);
}

#[test]
fn a_digest_that_a_mirror_never_had_hides_nothing() {
    let pair = Pair::misbehaving(Behaviour::HideBehind404 { digest_status: 403 });
    let report = pair.check_of(&[&format!("app@{}", pair.digest())]).run();
    report.expect("denied/access-denied", 3);
}
