//! Blobs for which a mirror wants a token, where the service that gives tokens cannot be had: that service is the cause,
//! and nothing is said to be missing.

use registry_check::demo::{Behaviour, ClosedPort, Failure, Scope, TokenRules};
use serde_json::{Value, json};

use crate::support::embedded::{Pair, Report, start};

/// A mirror that wants a token of `realm` for blobs alone.
fn guarded(realm: &str) -> Pair {
    let pair = Pair::new();
    let challenge =
        format!("Bearer realm=\"{realm}\",service=\"blobs.test\",scope=\"repository:library/app:pull\"");
    pair.mirror.set_behaviour(Scope::Blobs, Behaviour::Challenge(vec![challenge]));
    pair
}

fn check(pair: &Pair, depth: &str) -> Report {
    let times = "--retries 0 --first-byte-timeout 2s --timeout 3s";
    pair.check().args(&format!("--depth {depth} {times}")).run()
}

/// `part host reached failed refused` of each host that pulls from `m` need.
fn hosts(report: &Report) -> Vec<(String, String, bool, bool, bool)> {
    let document: Value = serde_json::from_str(&report.text).expect("JSON");
    let hosts = document["summary"]["hosts"].as_array().expect("hosts");
    let tell = |host: &Value| {
        let any = |key: &str| host[key].as_u64().expect("a number") > 0;
        let name = format!("{}:{}", host["host"].as_str().expect("a name"), host["port"]);
        let part = host["part"].as_str().expect("a part").to_owned();
        (part, name, any("reached"), any("failed"), any("refused"))
    };
    hosts.iter().filter(|host| host["mirror"] == "m").map(tell).collect()
}

#[test]
fn a_realm_that_nobody_answers_at_is_named_and_the_blob_is_not_missing() {
    let dead = ClosedPort::take().expect("a port");
    let realm = dead.addr().to_string();
    for depth in ["blobs", "content"] {
        let pair = guarded(&format!("http://{realm}/token"));
        // The manifests are served, and shallower depths find nothing wrong.
        check(&pair, "platforms").expect("ok/digest-equal", 0);
        let report = check(&pair, depth);
        let row = report.expect("unreachable/connect-refused", 3);
        assert!(
            row.reason.contains(&format!("the token service {realm} of m: connection refused")),
            "{row:#?}"
        );
        let mirror = pair.mirror.authority();
        assert_eq!(
            hosts(&report),
            [
                ("registry".to_owned(), mirror, true, false, false),
                ("token_service".to_owned(), realm.clone(), false, true, false),
            ]
        );
        let table = pair.check().args(&format!("--depth {depth} --retries 0")).tool().run();
        let line = format!("\n  {realm} (token service): NOT REACHED, connection refused\n");
        assert!(table.stdout.contains(&line), "{}", table.stdout);
    }
}

#[test]
fn a_realm_that_is_silent_fails_or_refuses_is_named_and_leaves_the_image_undecided() {
    for (behaviour, verdict, is_reached) in [
        (Behaviour::Silent, "unreachable/timeout-first-byte", false),
        (Behaviour::Reset, "unreachable/connection-reset", false),
        (Behaviour::Status(Failure::text(503, "text/plain", "down")), "server_error/token-broken", true),
        (Behaviour::Status(Failure::registry(403, "DENIED", "no")), "denied/token-refused", true),
        (Behaviour::Status(Failure::throttled(None)), "rate_limited/rate-limited", true),
    ] {
        let service = start(&[]);
        service.require_token_of(&service, TokenRules::default());
        service.set_behaviour(Scope::Token, behaviour.clone());
        let pair = guarded(&format!("{}/token", service.url().trim_end_matches('/')));
        let report = check(&pair, "blobs");
        let row = report.expect(verdict, 3);
        assert!(row.reason.contains(&service.authority()), "{behaviour:?}: {row:#?}");
        let told = hosts(&report);
        let [_, (part, name, reached, failed, refused)] = &told[..] else { panic!("{told:?}") };
        assert_eq!((part.as_str(), name), ("token_service", &service.authority()));
        assert_eq!((*reached, *failed, *refused), (is_reached, !is_reached, is_reached), "{behaviour:?}");
        // One exchange is asked for, and its failure is shared.
        let asked = service.count(|hit| hit.path.contains("/token"));
        assert!((1..=4).contains(&asked), "{behaviour:?}: {asked}");
    }
}

#[test]
fn a_realm_that_is_dead_costs_no_more_than_its_blobs() {
    let dead = ClosedPort::take().expect("a port");
    let pair = guarded(&format!("http://{}/token", dead.addr()));
    let report = check(&pair, "blobs");
    report.expect("unreachable/connect-refused", 3);
    let blobs = pair.mirror.count(|hit| hit.path.contains("/blobs/"));
    let document: Value = serde_json::from_str(&report.text).expect("JSON");
    let rows = document["results"].as_array().expect("results");
    let parts = &rows.iter().find(|row| row["mirror"] == "m").expect("a mirror")["parts"];
    assert_eq!(parts["blobs"], json!(4));
    assert!(blobs <= 4, "{blobs}");
}
