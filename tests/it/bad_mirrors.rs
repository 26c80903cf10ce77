//! Mirrors that answer, but not with the image: what each earns, and how often it is asked.

use registry_check::demo::{Behaviour, Failure, Scope};

use crate::support::embedded::{Check, Pair, asked};

const JSON: &str = "application/json";

fn ok_page(content_type: &str, body: &str) -> Behaviour {
    Behaviour::Status(Failure::text(200, content_type, body))
}

#[test]
fn success_without_a_manifest_is_invalid() {
    for (behaviour, code, part) in [
        (Behaviour::Html, "html-answer", "\"Sign in to the network\""),
        (ok_page("text/plain", "<!-- x --><html></html>"), "html-answer", "web page"),
        (Behaviour::Empty200, "empty-answer", "answered 200 with nothing"),
        (ok_page(JSON, " \n "), "empty-answer", "nothing"),
        (Behaviour::Errors200, "error-document", "DENIED: requested access is denied"),
        (ok_page(JSON, "{}"), "not-a-manifest", "no manifest"),
        (ok_page(JSON, "[1, 2]"), "not-a-manifest", "no manifest"),
        (ok_page("text/plain", "hello"), "not-a-manifest", "no manifest"),
        (ok_page(JSON, r#"{"schemaVersion":2}"#), "not-a-manifest", "no manifest"),
        (ok_page(JSON, r#"{"schemaVersion":3,"manifests":[]}"#), "not-a-manifest", "no manifest"),
    ] {
        let pair = Pair::misbehaving(behaviour);
        let report = pair.check().run();
        let row = report.expect(&format!("invalid/{code}"), 1);
        assert!(row.reason.contains(part), "{row:#?}");
        assert_eq!((row.digest.as_deref(), row.expected_digest.clone()), (None, Some(pair.digest())));
        assert_eq!((row.http_status, pair.asked()), (Some(200), (1, 1)), "{row:#?}");
    }
}

#[test]
fn a_login_page_behind_a_redirect_is_a_web_page_and_its_address_is_told() {
    let pair = Pair::misbehaving(Behaviour::LoginPage);
    let report = pair.check().run();
    let row = report.expect("invalid/html-answer", 1);
    assert!(row.reason.contains(&format!("(from {}/login)", pair.mirror.url())), "{row:#?}");
    assert_eq!((pair.asked(), pair.mirror.hits_to("/login")), ((1, 1), 2));
}

#[test]
fn a_digest_header_that_is_not_that_of_the_bytes_is_invalid() {
    for (depth, asked) in [("head", (1, 1)), ("manifest", (0, 2))] {
        let pair = Pair::misbehaving(Behaviour::WrongDigestHeader);
        let report = pair.check().args(&format!("--depth {depth}")).run();
        let row = report.expect("invalid/digest-header-wrong", 1);
        assert!(row.reason.contains("sha256:bbbb"), "{row:#?}");
        assert_eq!(row.digest, Some(pair.digest()), "the digest is that of the bytes");
        assert_eq!(pair.asked(), asked);
    }
}

#[test]
fn a_missing_or_unreadable_digest_header_is_made_up_for_by_hashing() {
    let header =
        |value: &str| Behaviour::Header { name: "docker-content-digest".to_owned(), value: value.to_owned() };
    for behaviour in [Behaviour::NoDigestHeader, header("sha256:<script>"), header("deadbeef"), header("")] {
        let pair = Pair::misbehaving(behaviour);
        let report = pair.check().run();
        let row = report.expect("ok/digest-equal", 0);
        assert_eq!((row.digest.clone(), pair.asked()), (Some(pair.digest()), (1, 1)));
        assert!(row.notes_hold("the bytes were hashed"), "{row:#?}");
    }
}

#[test]
fn bytes_that_do_not_match_their_digest_are_a_mismatch_by_tag_and_by_digest() {
    let pair = Pair::misbehaving(Behaviour::WrongBody);
    let report = pair.check().args("--depth manifest").run();
    let by_tag = report.expect("invalid/digest-mismatch", 1);
    assert_ne!(by_tag.digest, Some(pair.digest()));
    assert_eq!(by_tag.expected_digest, Some(pair.digest()));

    let pair = Pair::misbehaving(Behaviour::WrongBody);
    let pinned = format!("app@{}", pair.digest());
    let report = pair.check_of(&[&pinned]).args("--depth manifest").run();
    report.expect("invalid/digest-mismatch", 1);
    assert_eq!(pair.asked(), (0, 1));
}

#[test]
fn bytes_are_not_looked_at_where_head_suffices() {
    for behaviour in [Behaviour::WrongBody, Behaviour::Short(20), Behaviour::Gzip, Behaviour::FalseGzip] {
        let pair = Pair::misbehaving(behaviour);
        pair.check().run().expect("ok/digest-equal", 0);
        assert_eq!(pair.asked(), (1, 0));
    }
}

#[test]
fn a_manifest_over_the_limit_is_invalid_at_every_depth() {
    for (depth, asked) in [("head", (1, 1)), ("manifest", (0, 1))] {
        let pair = Pair::misbehaving(Behaviour::Big(5 << 20));
        let report = pair.check().args(&format!("--depth {depth}")).run();
        let row = report.expect("invalid/manifest-too-large", 1);
        assert!(row.reason.contains("4 MiB"), "{row:#?}");
        assert_eq!(pair.asked(), asked);
    }
}

#[test]
fn odd_content_types_change_nothing_and_are_noted() {
    let other = |text: &str| Behaviour::ContentType(text.to_owned());
    for (behaviour, note) in [
        (other("application/octet-stream"), Some("'application/octet-stream' is none of a manifest")),
        (Behaviour::NoContentType, Some("no content type")),
        (other("text/html"), Some("'text/html' is none of a manifest")),
        (other("application/vnd.oci.image.index.v1+json; charset=utf-8"), None),
        (other("Application/Vnd.OCI.Image.Index.v1+JSON"), None),
    ] {
        for depth in ["head", "manifest"] {
            let pair = Pair::misbehaving(behaviour.clone());
            let report = pair.check().args(&format!("--depth {depth}")).run();
            let row = report.expect("ok/digest-equal", 0);
            match note {
                Some(note) => assert!(row.notes_hold(note), "{row:#?}"),
                None => assert_eq!(row.notes, [""; 0]),
            }
            if depth == "manifest" {
                assert_eq!(row.media_type.as_deref(), Some("application/vnd.oci.image.index.v1+json"));
            }
        }
    }
}

#[test]
fn compression_that_nobody_asked_for_is_undone_and_noted() {
    for behaviour in [Behaviour::Gzip, Behaviour::FalseGzip] {
        let pair = Pair::misbehaving(behaviour);
        let report = pair.check().args("--depth manifest").run();
        let row = report.expect("ok/digest-equal", 0);
        assert_eq!(row.digest, Some(pair.digest()));
        assert!(row.notes_hold("content encoding 'gzip'"), "{row:#?}");
    }
}

#[test]
fn head_that_is_not_served_is_made_up_for_by_get() {
    for status in [400, 401, 403, 404, 405, 501] {
        let pair = Pair::misbehaving(Behaviour::HeadStatus(status));
        let report = pair.check().run();
        let row = report.expect("ok/digest-equal", 0);
        assert!(row.notes_hold(&format!("HEAD answered {status}")), "{row:#?}");
        assert_eq!((row.http_status, row.attempts, pair.asked()), (Some(200), 2, (1, 1)));
    }
}

#[test]
fn head_without_a_length_is_enough() {
    let pair = Pair::misbehaving(Behaviour::HeadLengthZero);
    pair.check().run().expect("ok/digest-equal", 0);
    assert_eq!(pair.asked(), (1, 0));
}

#[test]
fn a_server_that_reads_one_accept_line_sees_every_type_in_it() {
    let pair = Pair::misbehaving(Behaviour::StrictAccept);
    pair.check().run().expect("ok/digest-equal", 0);
    assert_eq!(pair.asked(), (1, 0));
}

#[test]
fn missing_is_believed_of_a_registry_at_once() {
    let pair = Pair::new();
    pair.mirror.store().remove_repository("library/app");
    let report = pair.check().run();
    let row = report.expect("missing/manifest-unknown", 1);
    assert_eq!((row.http_status, row.digest.as_deref()), (Some(404), None));
    assert_eq!(row.expected_digest, Some(pair.digest()));
    // The tag by HEAD, and upstream's digest, in case a cache hides why.
    assert_eq!(pair.asked(), (1, 1));
}

#[test]
fn a_page_that_no_registry_writes_says_nothing_of_the_image() {
    for behaviour in [Behaviour::NotFoundHtml, Behaviour::NotFoundPlain] {
        let pair = Pair::misbehaving(behaviour);
        let report = pair.check().run();
        assert_eq!(report.expect("server_error/not-a-registry", 3).http_status, Some(404));
        assert_eq!(pair.asked(), (1, 1));
    }
}

#[test]
fn not_found_is_read_in_every_shape_that_servers_give_it() {
    for (content_type, body, part) in [
        (JSON, r#"{"details":"nope"}"#, "404: nope"),
        (JSON, r#"{"message":"gone away"}"#, "404: gone away"),
        (JSON, r#"{"errors":[{"code":"NOT_FOUND","message":"artifact x"}]}"#, "NOT_FOUND: artifact x"),
        (JSON, r#"{"errors":[{"code":"TAG_EXPIRED","detail":{"a":1}}]}"#, "TAG_EXPIRED"),
        (JSON, r#"{"errors":[]}"#, "404"),
        ("", "", "404"),
    ] {
        let pair = Pair::misbehaving(Behaviour::Status(Failure::text(404, content_type, body)));
        let report = pair.check().run();
        let row = report.expect("missing/manifest-unknown", 1);
        assert!(row.reason.contains(part), "{row:#?}");
        // HEAD, GET because no registry signed the HEAD, and upstream's digest.
        assert_eq!(pair.asked(), (1, 2));
    }
}

#[test]
fn a_gateway_without_a_route_has_not_said_that_the_image_is_missing() {
    for (content_type, body) in
        [(JSON, r#"{"message":"no Route matched with those values"}"#), ("", ""), (JSON, "{}")]
    {
        let pair = Pair::new();
        pair.mirror.set_behaviour(Scope::All, Behaviour::Status(Failure::text(404, content_type, body)));
        let report = pair.check().run();
        report.expect("server_error/not-a-registry", 3);
        // The root is asked once, to tell such a gateway from a terse registry.
        assert_eq!((pair.asked(), pair.mirror.hits_to("/v2/")), ((1, 1), 1));
    }
}

#[test]
fn refusals_and_odd_statuses_are_undecided_and_show_the_message() {
    let said = |status, message| Behaviour::Status(Failure::registry(status, "DENIED", message));
    let page = |status| Behaviour::Status(Failure::text(status, "text/html", "<title>Portal</title>"));
    for (behaviour, verdict, part) in [
        (said(403, "🚫 这镜像不在白名单"), "denied/access-denied", "🚫 这镜像不在白名单"),
        (page(403), "denied/access-denied", "Portal"),
        (said(451, "for legal reasons"), "denied/access-denied", "for legal reasons"),
        (said(405, "namespace is disabled"), "denied/access-denied", "namespace is disabled"),
        (Behaviour::Challenge(Vec::new()), "denied/no-challenge", "authentication required"),
        (said(400, "no"), "server_error/odd-status", "400 DENIED: no"),
        (said(406, "no"), "server_error/odd-status", "406"),
        (said(418, "teapot"), "server_error/odd-status", "teapot"),
        (page(511), "server_error/server-error", "Portal"),
    ] {
        let pair = Pair::misbehaving(behaviour);
        let report = pair.check().run();
        let row = report.expect(verdict, 3);
        assert!(row.reason.contains(part), "{row:#?}");
        assert_eq!(pair.asked(), (1, 1));
    }
}

#[test]
fn the_gate_can_be_told_to_accept_or_fail_on_any_of_it() {
    for (behaviour, args, exit) in [
        (Behaviour::Html, "--allow invalid", 0),
        (Behaviour::NotFoundHtml, "--fail-on server_error", 1),
        (Behaviour::NotFoundHtml, "--allow server_error", 0),
        (Behaviour::HostileError(403), "--fail-on denied", 1),
    ] {
        let pair = Pair::misbehaving(behaviour);
        assert_eq!(pair.check().args(args).run().exit, exit, "{args}");
    }
}

#[test]
fn one_bad_mirror_leaves_the_verdict_of_another_alone() {
    let [bad, good] = [Pair::misbehaving(Behaviour::Html), Pair::new()];
    let check = || bad.check().mirror("good", &good.mirror.url());
    let report = check().run();
    assert_eq!(report.row("good").verdict(), "ok/digest-equal");
    report.expect("invalid/html-answer", 1);
    assert_eq!(check().args("--require any").run().exit, 0);
    assert_eq!(asked(&bad.upstream), (2, 0), "once for each run");
}

#[test]
fn a_registry_without_mirrors_is_judged_as_a_mirror_would_be() {
    for (behaviour, verdict, exit) in [
        (Behaviour::Html, "invalid/html-answer", 1),
        (Behaviour::WrongDigestHeader, "ok/served", 0),
        (Behaviour::NoDigestHeader, "ok/served", 0),
        (Behaviour::NotFoundPlain, "server_error/not-a-registry", 3),
    ] {
        let pair = Pair::new();
        pair.upstream.set_behaviour(Scope::Manifests, behaviour);
        let report = Check::of(&["app:1.0"]).upstream(&pair.upstream.url()).run();
        assert_eq!((&*report.row("docker.io").verdict(), report.exit), (verdict, exit), "{report:#?}");
    }
}
