//! Where a registry sends pulls for its blobs, by the built program: what is followed, what is refused, and what goes
//! along.

use registry_check::demo::{Behaviour, ClosedPort, Failure, Registry, Scope, User, content};

use crate::support::authority::{Authority, LOOPBACK};
use crate::support::credentials::auths;
use crate::support::embedded::{Check, Pair, REPOSITORY, Report, TAG, start};
use crate::support::proxy::Proxy;
use crate::support::tls_front::{Offer, TlsFront};

const SIGNATURE: &str = "S1GNATURE0F0THE0BLOB";

/// A mirror whose blobs are somewhere else, and that place, which holds them.
fn redirected() -> (Pair, Registry) {
    let pair = Pair::new();
    let behind = start(&[(REPOSITORY, TAG, &pair.image)]);
    pair.mirror.set_behaviour(Scope::Blobs, Behaviour::RedirectTo(behind.localhost_url()));
    (pair, behind)
}

#[test]
fn a_host_that_is_left_alone_since_it_is_down_counts_as_not_reached() {
    let names: Vec<_> = (0..30).map(|at| format!("app-{at}")).collect();
    let images: Vec<_> = names.iter().map(|name| content::image(name, "linux/amd64")).collect();
    let repositories: Vec<_> = names.iter().map(|name| format!("library/{name}")).collect();
    let held: Vec<_> =
        repositories.iter().zip(&images).map(|(name, image)| (name.as_str(), TAG, image)).collect();
    let [upstream, mirror] = [start(&held), start(&held)];
    let dead = ClosedPort::take().expect("a port");
    mirror.set_behaviour(Scope::Blobs, Behaviour::RedirectTo(format!("http://{}", dead.addr())));
    let images: Vec<_> = names.iter().map(|name| format!("{name}:{TAG}")).collect();
    let report = Check::of(&images)
        .upstream(&upstream.url())
        .mirror("m", &mirror.url())
        .args("--depth blobs --retries 0 --per-host 1")
        .run();
    // Three blobs of each would be asked for there, had it not been found down.
    let asked = names.len() * 3 + upstream.hits().len() + mirror.hits().len();
    assert!(report.requests < asked, "{} of {asked}", report.requests);
    assert_eq!(
        hosts(&report),
        [
            format!("registry {} reached -", mirror.url()),
            format!("blob_store http://{} - failed", dead.addr())
        ]
    );
}

/// `part scheme://host:port reached failed`, of the hosts of `m`.
fn hosts(report: &Report) -> Vec<String> {
    let json: serde_json::Value = serde_json::from_str(&report.text).expect("JSON");
    let hosts = json["summary"]["hosts"].as_array().expect("hosts").iter();
    let word = |host: &serde_json::Value, key: &str| host[key].as_str().expect("a word").to_owned();
    hosts
        .filter(|host| host["mirror"] == "m")
        .map(|host| {
            let times = |key: &str| host[key].as_u64().expect("a number") > 0;
            format!(
                "{} {}://{}:{} {} {}",
                word(host, "part"),
                word(host, "scheme"),
                word(host, "host"),
                host["port"],
                if times("reached") { "reached" } else { "-" },
                if times("failed") { "failed" } else { "-" },
            )
        })
        .collect()
}

#[test]
fn credentials_stay_with_the_registry_and_both_hosts_are_listed() {
    let (pair, behind) = redirected();
    pair.mirror.require_basic(vec![User::new("ada", "s3cret")]);
    let config = auths(&[(&pair.mirror.authority(), "ada", "s3cret")]);
    let report = pair.check().docker_config(config).args("--depth content").run();
    report.expect("ok/digest-equal", 0);
    assert!(pair.mirror.hits().iter().any(|hit| hit.authorization.is_some() && hit.status == Some(307)));
    assert!(!behind.hits().is_empty());
    for hit in behind.hits() {
        assert_eq!(hit.authorization, None, "{hit:?}");
    }
    assert_eq!(
        hosts(&report),
        [
            format!("registry {} reached -", pair.mirror.url()),
            format!("blob_store {} reached -", behind.localhost_url()),
        ]
    );
}

/// Requests for blobs.
fn blob_hits(registry: &Registry) -> usize {
    registry.count(|hit| hit.path.contains("/blobs/"))
}

#[test]
fn a_redirect_into_this_machine_is_refused_and_nothing_is_sent_there() {
    let (pair, behind) = redirected();
    // The mirror is out there, as far as can be told from here: the proxy leads every name to it.
    let proxy = Proxy::http(pair.mirror.addr());
    let report = Check::of(&["app:1.0"])
        .upstream(&pair.upstream.url())
        .mirror("m", "http://mirror.test")
        .env("http_proxy", format!("http://{}", proxy.authority()))
        .args("--depth blobs")
        .run();
    let row = report.expect("server_error/redirect-refused", 3);
    assert!(row.reason.contains("redirected to a local address"), "{row:#?}");
    assert_eq!(behind.hits().len(), 0);
    // Four blobs, each asked for once: that it was sent elsewhere is no reason to ask again.
    assert_eq!(blob_hits(&pair.mirror), 4);
    assert_eq!(
        hosts(&report),
        [
            "registry http://mirror.test:80 reached -".to_owned(),
            format!("blob_store {} - -", behind.localhost_url()),
        ]
    );
    assert!(report.text.contains("a redirect from another host to a local address is not followed"));
}

#[test]
fn a_redirect_to_plain_http_is_refused_and_nothing_is_sent_there() {
    let (pair, behind) = redirected();
    let ca = Authority::new("Firm CA");
    let front = TlsFront::start(pair.mirror.addr(), &ca.issue("front", &LOOPBACK), None, Offer::Http1);
    let mirror = format!("https://localhost:{}", front.port());
    let check = || {
        Check::of(&["app:1.0"])
            .upstream(&pair.upstream.url())
            .mirror("m", &mirror)
            .args(&format!("--depth blobs --ca-file {}", ca.file().display()))
    };
    let report = check().run();
    let row = report.expect("server_error/redirect-refused", 3);
    assert!(row.reason.contains("redirected from https to plain http"), "{row:#?}");
    assert_eq!(behind.hits().len(), 0);
    assert_eq!(blob_hits(&pair.mirror), 4);
    let avoided = format!("blob_store {} - -", behind.localhost_url());
    assert_eq!(hosts(&report), [format!("registry {mirror} reached -"), avoided]);
    let table = check().args("-f table").tool().run().stdout;
    let store = format!("localhost:{}", behind.addr().port());
    let line =
        format!("\n  {store} (blob store): NOT ASKED, a redirect from https to plain http is not followed\n");
    assert!(table.contains(&line), "{table}");
}

#[test]
fn what_signs_the_url_of_a_dead_host_is_told_to_nobody() {
    let pair = Pair::new();
    let dead = ClosedPort::take().expect("a port");
    let location = format!("http://{}/blob?X-Amz-Signature={SIGNATURE}", dead.addr());
    pair.mirror.set_behaviour(Scope::Blobs, Behaviour::Status(Failure::text(307, "", "")));
    let to = Behaviour::Header { name: "Location".to_owned(), value: location };
    pair.mirror.set_behaviour(Scope::Blobs, to);
    let check = || pair.check().args("--depth content -vvv");
    let report = check().run();
    let row = report.expect("unreachable/connect-refused", 3);
    assert!(row.reason.contains(&dead.addr().to_string()), "{row:#?}");
    assert!(!report.text.contains(SIGNATURE) && !report.stderr.contains(SIGNATURE), "{report:#?}");
    assert_eq!(
        hosts(&report),
        [
            format!("registry {} reached -", pair.mirror.url()),
            format!("blob_store http://{} - failed", dead.addr()),
        ]
    );
    for format in ["table", "csv", "markdown", "ndjson"] {
        let output = check().args(&format!("-f {format}")).tool().run();
        assert!(!output.stdout.contains(SIGNATURE) && !output.stderr.contains(SIGNATURE), "{output:?}");
    }
}

#[test]
fn a_page_in_the_place_of_a_store_does_not_say_that_a_blob_is_missing() {
    for (kind, body, verdict, exit) in [
        ("text/html", "<html><title>Sign in</title></html>", "server_error/not-a-registry", 3),
        ("application/xml", "<Error><Code>NoSuchKey</Code></Error>", "incomplete/blob-missing", 1),
    ] {
        let (pair, behind) = redirected();
        behind.set_behaviour(Scope::Blobs, Behaviour::Status(Failure::text(404, kind, body)));
        for depth in ["blobs", "content"] {
            let report = pair.check().args(&format!("--depth {depth} --retries 0")).run();
            report.expect(verdict, exit);
        }
    }
}
