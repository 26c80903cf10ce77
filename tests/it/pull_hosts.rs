//! The hosts that pulls have to reach, by the built program: each is listed, also where it is what keeps the image from
//! being had at all.

use registry_check::demo::{Behaviour, ClosedPort, Failure, Registry, Scope, TokenRules};
use serde_json::Value;

use crate::support::embedded::{Check, Pair, REPOSITORY, Report, TAG, start};
use crate::support::nginx::Nginx;

/// `part scheme://host:port: reached, refused, failed; why`, of the hosts of `m`.
fn hosts(report: &Report) -> Vec<String> {
    let json: Value = serde_json::from_str(&report.text).expect("JSON");
    let hosts = json["summary"]["hosts"].as_array().unwrap_or_else(|| panic!("no hosts: {report:#?}"));
    let mine = hosts.iter().filter(|host| host["mirror"] == "m");
    let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let sign = |value: &Value, word: &str| if value == 0 { "-".to_owned() } else { word.to_owned() };
    mine.map(|host| {
        format!(
            "{} {}://{}:{}: {} {} {}; {}",
            word(&host["part"]),
            word(&host["scheme"]),
            word(&host["host"]),
            host["port"],
            sign(&host["reached"], "reached"),
            sign(&host["refused"], "refused"),
            sign(&host["failed"], "failed"),
            word(if host["reason"].is_null() { &host["refusal"] } else { &host["reason"] }),
        )
    })
    .collect()
}

fn table(check: Check) -> String {
    check.args("-f table").tool().run().stdout
}

/// A mirror whose manifests are at another host, as those of registry.k8s.io are.
fn led_on() -> (Pair, Registry) {
    let pair = Pair::new();
    let behind = start(&[(REPOSITORY, TAG, &pair.image)]);
    pair.mirror.set_behaviour(Scope::Manifests, Behaviour::RedirectTo(behind.localhost_url()));
    (pair, behind)
}

#[test]
fn a_host_that_serves_the_manifests_is_listed_as_such() {
    let (pair, behind) = led_on();
    for depth in ["blobs", "content"] {
        let report = pair.check().args(&format!("--depth {depth}")).run();
        report.expect("ok/digest-equal", 0);
        assert_eq!(
            hosts(&report),
            [
                format!("registry {}: reached - -; -", pair.mirror.url().trim_end_matches('/')),
                format!("manifest_store {}: reached - -; -", behind.localhost_url()),
            ],
            "{depth}"
        );
    }
    let text = table(pair.check().args("--depth blobs"));
    let port = behind.addr().port();
    assert!(text.contains(&format!("\n  localhost:{port} (manifest store): reached\n")), "{text}");
    // No blob is looked at, and what a pull needs is not known.
    let report = pair.check().args("--depth platforms").run();
    assert!(!report.text.contains("\"hosts\""), "{report:#?}");
}

#[test]
fn a_host_that_serves_manifests_and_blobs_is_listed_for_both_behind_a_real_server() {
    let pair = Pair::new();
    let behind = start(&[(REPOSITORY, TAG, &pair.image)]);
    let front =
        Nginx::start("", &format!("location / {{ return 307 {}$request_uri; }}", behind.localhost_url()));
    let url = format!("http://{}", front.authority());
    let report =
        Check::of(&["app:1.0"]).upstream(&pair.upstream.url()).mirror("m", &url).args("--depth blobs").run();
    report.expect("ok/digest-equal", 0);
    let store = behind.localhost_url();
    assert_eq!(
        hosts(&report),
        [
            format!("registry {url}: reached - -; -"),
            format!("blob_store {store}: reached - -; -"),
            format!("manifest_store {store}: reached - -; -"),
        ]
    );
}

#[test]
fn a_dead_host_in_the_way_of_the_manifest_is_listed_as_not_reached() {
    let dead = ClosedPort::take().expect("a port");
    let dead_url = format!("http://{}", dead.addr());
    let refused = "- - failed; connection refused";

    // Where manifests are.
    let pair = Pair::misbehaving(Behaviour::RedirectTo(dead_url.clone()));
    let own = format!("registry {}: reached - -; -", pair.mirror.url().trim_end_matches('/'));
    let report = pair.check().args("--depth blobs").run();
    report.expect("unreachable/connect-refused", 3);
    assert_eq!(hosts(&report), [own, format!("manifest_store {dead_url}: {refused}")]);

    // Where tokens are.
    let challenge = format!("Bearer realm=\"{dead_url}/token\",service=\"s\"");
    let pair = Pair::misbehaving(Behaviour::Challenge(vec![challenge]));
    let own = format!("registry {}: reached - -; -", pair.mirror.url().trim_end_matches('/'));
    let report = pair.check().args("--depth blobs").run();
    report.expect("unreachable/connect-refused", 3);
    assert_eq!(hosts(&report), [own, format!("token_service {dead_url}: {refused}")]);
    let text = table(pair.check().args("--depth content"));
    let line = format!("\n  {} (token service): NOT REACHED, connection refused\n", dead.addr());
    assert!(text.contains(&line), "{text}");

    // The mirror itself.
    let check = || Check::of(&["app:1.0"]).upstream(&pair.upstream.url()).mirror("m", &dead_url);
    let report = check().args("--depth blobs").run();
    report.expect("unreachable/connect-refused", 3);
    assert_eq!(hosts(&report), [format!("registry {dead_url}: {refused}")]);
}

#[test]
fn a_host_without_a_name_is_listed_as_not_reached() {
    let challenge = "Bearer realm=\"https://auth.invalid/token\",service=\"s\"".to_owned();
    let pair = Pair::misbehaving(Behaviour::Challenge(vec![challenge]));
    let report = pair.check().args("--depth blobs").run();
    report.expect("unreachable/dns-failed", 3);
    let told = hosts(&report);
    assert!(
        told[1].starts_with("token_service https://auth.invalid:443: - - failed; name not resolved"),
        "{told:?}"
    );
}

#[test]
fn a_token_service_that_gives_no_token_is_listed_as_refusing() {
    let pair = Pair::new();
    let service = start(&[]);
    pair.mirror.require_token_of(&service, TokenRules::default());
    service.set_behaviour(Scope::Token, Behaviour::Status(Failure::text(503, "text/plain", "busy")));
    let report = pair.check().args("--depth blobs --retries 0").run();
    report.expect("server_error/token-broken", 3);
    let told = hosts(&report);
    assert!(told[0].ends_with(": reached - -; -"), "{told:?}");
    assert!(told[1].starts_with("token_service "), "{told:?}");
    assert!(told[1].contains(": reached refused -; it answered 503"), "{told:?}");
}

#[test]
fn a_host_that_was_found_to_be_down_before_is_listed_for_every_mirror_that_needs_it() {
    let dead = ClosedPort::take().expect("a port");
    let dead_url = format!("http://{}", dead.addr());
    let pair = Pair::misbehaving(Behaviour::RedirectTo(dead_url.clone()));
    let other = start(&[(REPOSITORY, TAG, &pair.image)]);
    other.set_behaviour(Scope::Manifests, Behaviour::RedirectTo(dead_url));
    let names: Vec<_> = (0..30).map(|at| format!("app:{at}")).collect();
    let report = Check::of(&names)
        .upstream(&pair.upstream.url())
        .mirror("m", &pair.mirror.url())
        .mirror("n", &other.url())
        .args("--depth blobs --retries 0 --per-host 1")
        .run();
    let json: Value = serde_json::from_str(&report.text).expect("JSON");
    let all = json["summary"]["hosts"].as_array().expect("hosts");
    let dead: Vec<_> = all.iter().filter(|host| host["part"] == "manifest_store").collect();
    assert_eq!(dead.len(), 2, "{all:#?}");
    for host in dead {
        assert_eq!(host["reached"], 0, "{host}");
        assert!(host["reason"].as_str().is_some_and(|why| why.contains("connection refused")), "{host}");
    }
}

#[test]
fn a_store_that_only_leads_on_is_the_cause_and_is_told_to_refuse() {
    let pair = Pair::new();
    let behind = start(&[(REPOSITORY, TAG, &pair.image)]);
    pair.mirror.set_behaviour(Scope::Blobs, Behaviour::RedirectTo(behind.localhost_url()));
    behind.set_behaviour(Scope::Blobs, Behaviour::RedirectLoop);
    let report = pair.check().args("--depth blobs").run();
    let row = report.expect("server_error/redirect-loop", 3);
    let store = format!("localhost:{}", behind.addr().port());
    let cause = format!("{store}, to which m leads: still redirected after 10 hops");
    assert!(row.reason.contains(&cause), "{row:#?}");
    let mirror = pair.mirror.url();
    assert_eq!(
        hosts(&report),
        [
            format!("registry {}: reached - -; -", mirror.trim_end_matches('/')),
            format!("blob_store http://{store}: reached refused -; still redirected after 10 hops"),
        ]
    );
}

#[test]
fn a_redirect_to_something_that_is_not_http_is_told_with_its_scheme() {
    for (location, scheme) in [("file:///etc/passwd", "file"), ("ftp://ftp.example/a?sig=S3CRET", "ftp")] {
        let pair = Pair::new();
        pair.mirror.set_behaviour(Scope::Blobs, Behaviour::Status(Failure::text(307, "", "")));
        let to = Behaviour::Header { name: "Location".to_owned(), value: location.to_owned() };
        pair.mirror.set_behaviour(Scope::Blobs, to);
        let report = pair.check().args("--depth blobs").run();
        let row = report.expect("server_error/redirect-refused", 3);
        let cause = format!("redirected to a URL of scheme '{scheme}', not http or https");
        assert!(row.reason.contains(&cause), "{row:#?}");
        assert!(!report.text.contains("S3CRET"), "{report:#?}");
    }
}

#[test]
fn a_host_that_says_something_else_than_blobs_is_told_to_refuse_whether_or_not_it_says_how_long_it_is() {
    for (behaviour, verdict) in [
        (Behaviour::Html, "invalid/html-answer"),
        (Behaviour::Errors200, "invalid/error-document"),
        (Behaviour::Empty200, "invalid/empty-answer"),
    ] {
        for depth in ["blobs", "content"] {
            let seen = [false, true].map(|is_chunked| {
                let pair = Pair::new();
                pair.mirror.set_behaviour(Scope::Blobs, behaviour.clone());
                if is_chunked {
                    pair.mirror.set_behaviour(Scope::Blobs, Behaviour::NoLength);
                }
                let report = pair.check().args(&format!("--depth {depth}")).run();
                assert_eq!(report.row("m").verdict(), verdict, "{depth} {is_chunked} {report:#?}");
                let url = pair.mirror.url();
                hosts(&report)
                    .iter()
                    .map(|host| host.replace(url.trim_end_matches('/'), "m"))
                    .collect::<Vec<_>>()
            });
            assert_eq!(seen[0], seen[1], "{behaviour:?} {depth}");
            // Nothing at all is no refusal.
            let end = if matches!(behaviour, Behaviour::Empty200) { "- -; -" } else { "refused -; " };
            assert!(seen[1][0].starts_with(&format!("registry m: reached {end}")), "{seen:?}");
        }
    }
}
