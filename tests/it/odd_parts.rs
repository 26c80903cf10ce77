//! Images whose parts are odd, hostile or out of reach, as a mirror serves them: each has a status, a code and a
//! bound on what it may cost.

use registry_check::demo::content::{self, Blob, Document, Image};
use registry_check::demo::{Behaviour, Failure, Registry, Scope, TokenRules};
use registry_check::model::digest::Digest;
use registry_check::model::manifest::MediaType;
use serde_json::{Value, json};

use crate::support::embedded::{self, Check, PLATFORMS, Pair, REPOSITORY, Report, TAG};
use crate::support::indexes::{entry, index_of};
use crate::support::proxy::Proxy;

fn document(media_type: MediaType, json: &Value) -> Document {
    Document::new(media_type.as_str(), json.to_string())
}

fn manifest_of(config: &Value, layers: &[Value], blobs: Vec<Blob>) -> Image {
    let json = json!({
        "schemaVersion": 2, "mediaType": MediaType::OciManifest.as_str(), "config": config, "layers": layers,
    });
    Image { document: document(MediaType::OciManifest, &json), children: Vec::new(), blobs }
}

fn blob(blob: &Blob) -> Value {
    let digest = blob.digest.to_string();
    json!({"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest, "size": blob.bytes.len()})
}

/// What the report says of the parts at the mirror `m`.
fn parts(report: &Report) -> Value {
    let document: Value = serde_json::from_str(&report.text).unwrap();
    let rows = document["results"].as_array().unwrap();
    rows.iter().find(|row| row["mirror"] == "m").unwrap()["parts"].clone()
}

/// `kind code reason` of each finding at the mirror `m`.
fn findings(report: &Report) -> Vec<String> {
    let parts = parts(report);
    let tell = |finding: &Value| {
        let [kind, code, reason] = ["kind", "code", "reason"].map(|key| finding[key].as_str().unwrap());
        format!("{kind} {code}: {reason}")
    };
    parts["findings"].as_array().unwrap().iter().map(tell).collect()
}

fn blob_hits(registry: &Registry) -> usize {
    registry.count(|hit| hit.path.contains("/blobs/"))
}

#[test]
fn indexes_within_indexes_are_followed_and_what_is_gone_below_them_is_named() {
    let inner = content::index("inner", &["linux/arm64", "linux/riscv64"]);
    let outer = content::image("outer", "linux/amd64");
    let entries = [entry(&outer.document, Some("linux/amd64")), entry(&inner.document, None)];
    let image = index_of(&entries, vec![outer, inner.clone()]);
    let pair = Pair::holding(&image, &image);
    let report = pair.check().args("--depth platforms").run();
    report.expect("ok/digest-equal", 0);
    let platforms: Vec<_> =
        parts(&report)["platforms"].as_array().unwrap().iter().map(|line| line["platform"].clone()).collect();
    assert_eq!(platforms, ["linux/amd64", "linux/arm64", "linux/riscv64"]);

    pair.mirror.store().remove_manifest(REPOSITORY, inner.children[1].digest());
    let report = pair.check().args("--depth platforms").run();
    report.expect("incomplete/child-missing", 1);
    pair.check().args("--depth platforms --platform linux/arm64").run().expect("ok/digest-equal", 0);

    pair.mirror.store().remove_manifest(REPOSITORY, inner.digest());
    let report = pair.check().args("--depth platforms --platform linux/riscv64").run();
    report.expect("incomplete/child-missing", 1);
    assert!(findings(&report)[0].starts_with("index child-missing"), "{report:#?}");
    assert_eq!(parts(&report)["platforms"][0]["state"], "unknown");
}

#[test]
fn indexes_fifty_deep_are_followed_for_eight_levels() {
    let mut image = content::image("deepest", "linux/amd64");
    for _ in 0..50 {
        image = index_of(&[entry(&image.document, None)], vec![image]);
    }
    let pair = Pair::holding(&image, &image);
    let report = pair.check().args("--depth content").run();
    let row = report.expect("not_checked/too-many-parts", 3);
    assert!(row.reason.contains("more than 8 deep"), "{row:?}");
    assert!(findings(&report)[0].starts_with("index too-many-parts"), "{report:#?}");
    // By tag, by digest, and seven levels below.
    assert_eq!(pair.asked(), (0, 9));
}

#[test]
fn an_index_of_ten_thousand_manifests_costs_no_more_than_a_thousand_questions() {
    let real = content::image("real", "linux/amd64");
    let mut entries = vec![entry(&real.document, Some("linux/amd64"))];
    entries.extend((1..10_000).map(|number| {
        json!({
            "mediaType": MediaType::OciManifest.as_str(), "size": 500,
            "digest": Digest::sha256(format!("{number}").as_bytes()).to_string(),
            "platform": {"os": "linux", "architecture": "s390x"},
        })
    }));
    let image = index_of(&entries, vec![real]);
    let pair = Pair::holding(&image, &image);
    let report = pair.check().args("--depth platforms --platform linux/amd64").run();
    report.expect("ok/digest-equal", 0);
    assert_eq!(pair.asked(), (1, 2));
    assert_eq!(parts(&report)["unwanted"], 9_999);

    pair.mirror.forget_hits();
    let report = pair.check().args("--depth platforms").run();
    let row = report.expect("incomplete/child-missing", 1);
    assert!(row.reason.ends_with("; and 998 more"), "{row:?}");
    let left_out = "leads to more than 1000 manifests: 9000 that it names are not asked for";
    assert!(row.reason.contains(left_out), "{row:?}");
    let parts = parts(&report);
    assert_eq!((&parts["manifests"], &parts["findings_total"]), (&json!(1_000), &json!(1_000)));
    assert_eq!(parts["findings"].as_array().unwrap().len(), 50);
    assert!(report.text.len() < 100_000, "{} bytes", report.text.len());
    // Each that is not there is asked for by GET as well, for what the registry says of it.
    let (heads, gets) = pair.asked();
    assert_eq!(heads, 1_000);
    assert!(gets <= 1_002, "{gets}");
}

#[test]
fn more_layers_than_are_asked_for_matter_only_where_layers_are_asked_for() {
    let layers: Vec<_> = (0..10_002)
        .map(|number| {
            let digest = Digest::sha256(format!("{number}").as_bytes()).to_string();
            json!({"mediaType": "application/vnd.oci.image.layer.v1.tar", "size": 1, "digest": digest})
        })
        .collect();
    let image = manifest_of(&layers[0], &layers[1..], Vec::new());
    let pair = Pair::holding(&image, &image);
    let report = pair.check().args("--depth platforms").run();
    report.expect("ok/digest-equal", 0);
    assert_eq!((findings(&report), blob_hits(&pair.mirror)), (vec![], 0));
}

#[test]
fn manifests_of_megabytes_are_read_up_to_a_size() {
    let filling = "x".repeat(1_000_000);
    let large = |number: usize| {
        let mut child = content::image("large", "linux/amd64");
        let mut json: Value = serde_json::from_slice(&child.document.bytes).unwrap();
        json["annotations"] = json!({"number": number.to_string(), "filling": filling});
        child.document = document(MediaType::OciManifest, &json);
        child
    };
    let children: Vec<_> = (0..100).map(large).collect();
    let entries: Vec<_> = children.iter().map(|child| entry(&child.document, Some("linux/amd64"))).collect();
    let image = index_of(&entries, children);
    let pair = Pair::holding(&image, &image);
    let report = pair.check().args("--depth blobs").run();
    let row = report.expect("not_checked/too-many-parts", 3);
    assert!(row.reason.contains("not read: the manifests before it have more than 16.7 MB"), "{row:?}");
    // Thirty-two at once, which are too much already; of the others no more than word.
    assert_eq!(pair.asked(), (68, 34));
}

#[test]
fn a_manifest_that_names_itself_is_read_once_and_found_to_be_another() {
    let claimed = Digest::sha256(b"what no document can hash to");
    for media_type in [MediaType::OciIndex, MediaType::OciManifest] {
        let own = json!({"mediaType": media_type.as_str(), "digest": claimed.to_string(), "size": 400});
        let image = index_of(&[own], Vec::new());
        let pair = Pair::holding(&image, &image);
        let served = Document { digest: claimed.clone(), ..image.document.clone() };
        pair.mirror.store().put_raw(REPOSITORY, served);
        let report = pair.check().args("--depth blobs").run();
        report.expect("invalid/digest-mismatch", 1);
        assert_eq!(pair.asked(), (0, 3), "{media_type}");
    }
}

#[test]
fn sizes_and_digests_that_nothing_can_have_are_invalid_and_known_ones_are_compared() {
    let layer = Blob::new(b"layer".as_slice());
    let config = Blob::new(b"{}".as_slice());
    let with = |size: Value| {
        let mut named = blob(&layer);
        named["size"] = size;
        manifest_of(&blob(&config), &[named], vec![layer.clone(), config.clone()])
    };
    for (size, verdict) in [
        (json!(5), "ok/digest-equal"),
        (json!(-5), "invalid/descriptor-unusable"),
        (json!(1u64 << 63), "invalid/descriptor-unusable"),
        (json!(1e300), "invalid/descriptor-unusable"),
        (json!(1200.0), "invalid/descriptor-unusable"),
        (json!(6), "invalid/size-differs"),
        (json!(i64::MAX), "invalid/size-differs"),
    ] {
        for depth in ["blobs", "content"] {
            let image = with(size.clone());
            let pair = Pair::holding(&image, &image);
            let report = pair.check().args(&format!("--depth {depth}")).run();
            let row = report.expect(verdict, i32::from(!verdict.starts_with("ok")));
            let is_told = row.reason.contains("no size that is a whole number from 0 to 2^63-1");
            assert_eq!(is_told, verdict.contains("unusable"), "{row:?}");
        }
    }
    for (digest, verdict, exit, asked) in [
        ("blake3:00", "unverified/digest-unsupported", 0, 1),
        ("sha256:00", "invalid/descriptor-unusable", 1, 1),
        ("../../../etc", "invalid/descriptor-unusable", 1, 1),
    ] {
        let mut named = blob(&layer);
        named["digest"] = json!(digest);
        let image = manifest_of(&blob(&config), &[named], vec![config.clone()]);
        let pair = Pair::holding(&image, &image);
        let report = pair.check().args("--depth blobs").run();
        report.expect(verdict, exit);
        assert_eq!(blob_hits(&pair.mirror), asked, "{digest}");
        assert_eq!(parts(&report)["findings"][0]["digest"], digest);
    }
}

#[test]
fn a_child_that_is_not_as_large_as_its_index_says_is_told_once_its_bytes_are_known() {
    let child = content::image("child", "linux/amd64");
    let mut named = entry(&child.document, Some("linux/amd64"));
    named["size"] = json!(1);
    let image = index_of(&[named], vec![child]);
    let pair = Pair::holding(&image, &image);
    pair.check().args("--depth platforms").run().expect("ok/digest-equal", 0);
    let report = pair.check().args("--depth blobs").run();
    report.expect("invalid/size-differs", 1);
    assert!(findings(&report)[0].contains("where the image says 1"), "{report:#?}");
}

#[test]
fn layers_that_registries_need_not_have_are_left_out_and_their_urls_never_asked() {
    let elsewhere = embedded::start(&[]);
    let (config, foreign) = (Blob::new(b"{}".as_slice()), Blob::new(b"windows".as_slice()));
    let mut named = blob(&foreign);
    named["mediaType"] = json!("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip");
    named["urls"] = json!([format!("{}/layer", elsewhere.url())]);
    let image = manifest_of(&blob(&config), &[named], vec![config]);
    let pair = Pair::holding(&image, &image);
    let report = pair.check().args("--depth content").run();
    report.expect("ok/digest-equal", 0);
    assert_eq!(parts(&report)["blobs"], 1);
    assert_eq!((blob_hits(&pair.mirror), elsewhere.hits().len()), (1, 0));
}

#[test]
fn attestations_are_counted_apart_and_not_asked_for() {
    let image = content::attested_index("app", &PLATFORMS);
    let pair = Pair::holding(&image, &image);
    let report = pair.check().args("--depth blobs").run();
    report.expect("ok/digest-equal", 0);
    let parts = parts(&report);
    assert_eq!((&parts["attestations"], &parts["manifests"]), (&json!(2), &json!(2)));
    assert_eq!(parts["platforms"].as_array().unwrap().len(), 2);
    assert_eq!(pair.asked(), (0, 4));
}

#[test]
fn a_blob_store_that_will_not_serve_is_named_and_told_as_reached_and_refusing() {
    let (pair, store) = (Pair::new(), embedded::start(&[]));
    pair.mirror.set_behaviour(Scope::Blobs, Behaviour::RedirectTo(store.url()));
    let name = store.url().trim_start_matches("http://").trim_end_matches('/').to_owned();
    let denied = Failure::registry(403, "DENIED", "blocked here");
    store.set_behaviour(Scope::Blobs, Behaviour::Status(denied));
    let report = pair.check().args("--depth blobs").run();
    let row = report.expect("denied/access-denied", 3);
    let said = format!("the blob store {name} that m sends pulls to answered 403 DENIED: blocked here");
    assert!(row.reason.contains(&said), "{row:?}");
    let document: Value = serde_json::from_str(&report.text).unwrap();
    let told: Vec<_> = document["summary"]["hosts"].as_array().unwrap().iter().collect();
    assert_eq!((&told[0]["refused"], &told[0]["refusal"]), (&json!(0), &Value::Null));
    assert_eq!((&told[1]["failed"], &told[1]["reached"]), (&json!(0), &told[1]["refused"]));
    assert_eq!(told[1]["refusal"], json!("403 DENIED: blocked here"));
}

#[test]
fn blobs_that_are_refused_or_out_of_reach_leave_the_image_undecided_and_name_the_host() {
    let pair = Pair::new();
    let denied = Failure::registry(403, "DENIED", "this image is not on the list of allowed ones");
    pair.mirror.set_behaviour(Scope::Blobs, Behaviour::Status(denied));
    let report = pair.check().args("--depth blobs").run();
    let row = report.expect("denied/access-denied", 3);
    assert!(row.reason.contains("not on the list of allowed ones"), "{row:?}");

    let dead = registry_check::demo::ClosedPort::take().unwrap();
    pair.mirror.clear_behaviours();
    pair.mirror.set_behaviour(Scope::Blobs, Behaviour::RedirectTo(format!("http://{}", dead.addr())));
    let report = pair.check().args("--depth blobs").run();
    let row = report.expect("unreachable/connect-refused", 3);
    let store = dead.addr().to_string();
    assert!(row.reason.contains(&format!("{store}: connection refused")), "{row:?}");
    assert!(row.reason.contains(&format!("the blob store {store} that m sends pulls to")), "{row:?}");
    let document: Value = serde_json::from_str(&report.text).unwrap();
    let hosts = document["summary"]["hosts"].as_array().unwrap();
    let told: Vec<_> = hosts
        .iter()
        .map(|host| (host["part"].as_str().unwrap(), host["reached"].as_u64().unwrap() > 0, &host["reason"]))
        .collect();
    assert_eq!(told, [("registry", true, &Value::Null), ("blob_store", false, &json!("connection refused"))]);
    assert_eq!(hosts[1]["port"].to_string(), store.rsplit(':').next().unwrap());

    // The table says it as well.
    let table = pair.check().args("--depth blobs").tool().run();
    assert!(table.stdout.contains("\npulls from m need:\n"), "{}", table.stdout);
    assert!(
        table.stdout.contains(&format!("\n  {store} (blob store): NOT REACHED, connection refused\n")),
        "{}",
        table.stdout
    );
    assert!(
        table.stdout.contains("\nplatforms at m:\n  linux/amd64: 0 of 1, 1 not known\n"),
        "{}",
        table.stdout
    );
}

#[test]
fn content_is_hashed_and_bytes_that_are_others_are_invalid() {
    let pair = Pair::new();
    let report = pair.check().args("--depth content").run();
    report.expect("ok/digest-equal", 0);
    let document: Value = serde_json::from_str(&report.text).unwrap();
    let (summary, parts) = (&document["summary"], parts(&report));
    assert_eq!((&parts["depth"], &parts["blobs"]), (&json!("content"), &json!(4)));
    assert_eq!(summary["hosts"][0]["bytes"], parts["blob_bytes"]);
    assert!(summary["bytes"].as_u64().unwrap() > parts["blob_bytes"].as_u64().unwrap());

    pair.mirror.set_behaviour(Scope::Blobs, Behaviour::WrongByte);
    pair.check().args("--depth blobs").run().expect("ok/digest-equal", 0);
    pair.check().args("--depth content").run().expect("invalid/blob-corrupt", 1);
}

#[test]
fn what_a_mirror_lacks_of_upstreams_platforms_matters_as_far_as_it_is_wanted() {
    let upstream = content::index("app", &["linux/amd64", "linux/arm64", "linux/arm/v6"]);
    let amd = upstream.children[0].clone();
    let entries = [entry(&amd.document, Some("linux/amd64"))];
    let partial = index_of(&entries, vec![amd.clone()]);
    for (copy, lacking) in
        [(&partial, "incomplete/platform-absent"), (&amd, "incomplete/single-platform-copy")]
    {
        let pair = Pair::holding(&upstream, copy);
        for depth in ["head", "platforms", "blobs"] {
            let check = |platform: &str| {
                pair.check().args(&format!("--depth {depth}")).args(&format!("--platform {platform}")).run()
            };
            check("linux/amd64").expect("same_content/wanted-platforms-equal", 0);
            check("linux/arm64").expect(lacking, 1);
            // What upstream has for it is wanted in its place.
            check("linux/arm/v7").expect(lacking, 1);
        }
    }
    // Where nobody says what is wanted, all of upstream's are.
    for depth in ["platforms", "blobs"] {
        let report = Pair::holding(&upstream, &partial).check().args(&format!("--depth {depth}")).run();
        report.expect("incomplete/platform-absent", 1);
        let parts = parts(&report);
        let lines = parts["platforms"].as_array().unwrap().iter();
        let states: Vec<_> = lines.map(|line| format!("{} {}", line["platform"], line["state"])).collect();
        assert_eq!(
            states,
            [r#""linux/amd64" "present""#, r#""linux/arm64" "missing""#, r#""linux/arm/v6" "missing""#]
        );
    }
    let pair = Pair::holding(&upstream, &upstream);
    let report = pair.check().args("--depth blobs --platform linux/arm/v7").run();
    report.expect("ok/digest-equal", 0);
    assert_eq!(parts(&report)["platforms"][0]["platform"], "linux/arm/v6");
}

#[test]
fn where_upstream_cannot_be_asked_a_platform_that_a_mirror_lacks_is_told_without_blaming_upstream() {
    let pair = Pair::new();
    let dead = registry_check::demo::ClosedPort::take().unwrap();
    let check =
        Check::of(&["app:1.0"]).upstream(&format!("http://{}", dead.addr())).mirror("m", &pair.mirror.url());
    let report = check.args("--depth platforms --platform linux/s390x --platform linux/amd64").run();
    let row = report.expect("not_checked/platform-unknown", 3);
    assert!(row.reason.contains("whether upstream has is not known"), "{row:?}");
    let states: Vec<_> =
        parts(&report)["platforms"].as_array().unwrap().iter().map(|line| line["state"].clone()).collect();
    assert_eq!(states, ["present", "missing"]);
}

#[test]
fn without_mirrors_upstream_itself_is_looked_at() {
    let registry = embedded::start(&[(REPOSITORY, TAG, &content::index("app", &PLATFORMS))]);
    let run = |args: &str| Check::of(&["app:1.0"]).upstream(&registry.url()).args(args).run();
    let verdict = |report: &Report| (report.rows[0].verdict(), report.exit);
    assert_eq!(verdict(&run("--depth blobs")), ("ok/served".to_owned(), 0));
    let lacking = run("--depth platforms --platform linux/s390x");
    assert_eq!(verdict(&lacking), ("incomplete/upstream-lacks-platform".to_owned(), 1));
    let layer = content::index("app", &PLATFORMS).children[1].blobs[1].digest.clone();
    registry.store().remove_blob(REPOSITORY, &layer);
    assert_eq!(verdict(&run("--depth blobs")), ("incomplete/blob-missing".to_owned(), 1));
    assert_eq!(verdict(&run("--depth blobs --platform linux/amd64")), ("ok/served".to_owned(), 0));
}

#[test]
fn parts_that_images_share_are_asked_for_once_at_each_mirror() {
    let image = content::index("app", &PLATFORMS);
    let other = index_of(
        &image.children.iter().map(|child| entry(&child.document, Some("linux/amd64"))).collect::<Vec<_>>(),
        image.children.clone(),
    );
    let images = [(REPOSITORY, TAG, &image), (REPOSITORY, "2.0", &other), (REPOSITORY, "3.0", &image)];
    let [upstream, one, two] = [(); 3].map(|()| embedded::start(&images));
    let check = Check::of(&["app:1.0", "app:2.0", "app:3.0"]).upstream(&upstream.url());
    let report = check.mirror("one", &one.url()).mirror("two", &two.url()).args("--depth blobs").run();
    assert_eq!(report.exit, 0, "{report:#?}");
    for mirror in [&one, &two] {
        for child in &image.children {
            let path = format!("/v2/{REPOSITORY}/manifests/{}", child.digest());
            assert_eq!(mirror.hits_to(&path), 1, "{path}");
            for blob in &child.blobs {
                assert_eq!(mirror.hits_to(&format!("/v2/{REPOSITORY}/blobs/{}", blob.digest)), 1);
            }
        }
    }
    // The bytes of a manifest come from one of them.
    for child in &image.children {
        let path = format!("/v2/{REPOSITORY}/manifests/{}", child.digest());
        let gets =
            |registry: &Registry| registry.count(|hit| hit.method.as_str() == "GET" && hit.path == path);
        assert_eq!(gets(&one) + gets(&two), 1, "{path}");
    }
}

#[test]
fn a_token_service_is_among_the_hosts_that_pulls_need() {
    let pair = Pair::new();
    let service = embedded::start(&[]);
    pair.mirror.require_token_of(&service, TokenRules::default());
    let report = pair.check().args("--depth blobs").run();
    report.expect("ok/digest-equal", 0);
    let document: Value = serde_json::from_str(&report.text).unwrap();
    let hosts = document["summary"]["hosts"].as_array().unwrap();
    let port =
        |registry: &Registry| json!(registry.authority().rsplit(':').next().unwrap().parse::<u16>().unwrap());
    let told: Vec<_> =
        hosts.iter().map(|host| (host["part"].as_str().unwrap(), host["port"].clone())).collect();
    assert_eq!(told, [("registry", port(&pair.mirror)), ("token_service", port(&service))]);
    assert!(hosts.iter().all(|host| host["failed"] == 0));
}

#[test]
fn manifests_had_from_docker_hub_by_get_are_counted_as_pulls() {
    let hub = embedded::start(&[(REPOSITORY, TAG, &content::index("app", &PLATFORMS))]);
    let proxy = Proxy::http(hub.authority().parse().unwrap());
    for (depth, pulls) in [("head", 0), ("manifest", 2), ("platforms", 2), ("blobs", 4)] {
        let check = Check::of(&["app:1.0"]).upstream("http://registry-1.docker.io");
        let report = check.env("http_proxy", proxy.authority()).args(&format!("--depth {depth}")).run();
        assert_eq!(report.rows[0].verdict(), "ok/served", "{report:#?}");
        let document: Value = serde_json::from_str(&report.text).unwrap();
        assert_eq!(document["summary"]["docker_hub_pulls"], pulls, "{depth}");
    }
}

#[test]
fn a_platform_that_upstreams_nested_index_lacks_is_upstreams_gap() {
    let inner = content::index("inner", &["linux/arm64"]);
    let outer = content::image("outer", "linux/amd64");
    let entries = [entry(&outer.document, Some("linux/amd64")), entry(&inner.document, None)];
    let image = index_of(&entries, vec![outer, inner.clone()]);
    let pair = Pair::holding(&image, &image);
    let run = |platform: &str| pair.check().args(&format!("--depth platforms --platform {platform}")).run();
    let report = run("linux/s390x");
    report.expect("ok/digest-equal", 0);
    let upstream = report.rows.iter().find(|row| row.mirror != "m").unwrap();
    assert_eq!(upstream.verdict(), "incomplete/upstream-lacks-platform");
    assert!(upstream.reason.contains("it has linux/amd64, linux/arm64"), "{upstream:?}");
    run("linux/arm64").expect("ok/digest-equal", 0);
    // What cannot be read at upstream may have it.
    let pair = Pair::holding(&image, &content::index("older", &["linux/amd64"]));
    pair.upstream.store().remove_manifest(REPOSITORY, inner.digest());
    let report = pair.check().args("--depth platforms --platform linux/s390x").run();
    let row = report.row("m");
    assert_eq!(row.verdict(), "stale/digest-differs");
    assert!(
        row.reason.contains("besides: platform linux/s390x: the mirror does not have it; whether"),
        "{row:?}"
    );
}

#[test]
fn an_index_without_images_has_no_platform_and_one_of_artifacts_is_for_all() {
    let attested = content::attested_index("app", &["linux/amd64"]);
    let attestation = attested.children.iter().skip(1).cloned().collect::<Vec<_>>();
    let text: Value = serde_json::from_slice(&attested.document.bytes).unwrap();
    let named: Vec<_> = text["manifests"].as_array().unwrap().iter().skip(1).cloned().collect();
    let artifact = |name: &str| {
        let config = Blob::new(name.as_bytes().to_vec());
        let mut named = blob(&config);
        named["mediaType"] = json!("application/vnd.cncf.helm.config.v1+json");
        manifest_of(&named, &[], vec![config])
    };
    let charts = [artifact("one"), artifact("two")];
    let entries = charts.each_ref().map(|chart| entry(&chart.document, None));
    for (image, at_upstream) in [
        (index_of(&[], Vec::new()), "incomplete/upstream-lacks-platform"),
        (index_of(&named, attestation), "incomplete/upstream-lacks-platform"),
        (index_of(&entries, charts.to_vec()), "ok/served"),
    ] {
        for depth in ["platforms", "blobs"] {
            let pair = Pair::holding(&image, &image);
            let report = pair.check().args(&format!("--depth {depth} --platform linux/amd64")).run();
            report.expect("ok/digest-equal", 0);
            let upstream = report.rows.iter().find(|row| row.mirror != "m").unwrap();
            assert_eq!(upstream.verdict(), at_upstream, "{report:#?}");
        }
    }
}

#[test]
fn of_an_entry_without_a_platform_its_config_tells() {
    let child = content::image("app", "linux/amd64");
    let image = index_of(&[entry(&child.document, None)], vec![child.clone()]);
    for depth in ["platforms", "blobs", "content"] {
        let pair = Pair::holding(&image, &image);
        let run = |platform: &str| {
            pair.check().args(&format!("--depth {depth} --platform {platform} --retries 0")).run()
        };
        let report = run("linux/amd64");
        report.expect("ok/digest-equal", 0);
        assert_eq!(parts(&report)["platforms"][0]["platform"], "linux/amd64", "{depth}");
        let report = run("linux/s390x");
        report.expect("ok/digest-equal", 0);
        let upstream = report.rows.iter().find(|row| row.mirror != "m").unwrap();
        assert_eq!(upstream.verdict(), "incomplete/upstream-lacks-platform");
        // Where nobody tells, it is not known.
        for registry in [&pair.upstream, &pair.mirror] {
            let denied = Behaviour::Status(Failure::registry(403, "DENIED", "no"));
            registry.set_behaviour(Scope::Blobs, denied);
        }
        let row = run("linux/s390x").row("m").verdict();
        assert_eq!(row, "denied/access-denied", "{depth}");
    }
}

#[test]
fn a_blob_that_is_too_large_to_be_read_is_not_said_to_be_fine() {
    let layer = Blob::new(b"layer".as_slice());
    let config = Blob::new(b"{}".as_slice());
    let mut named = blob(&layer);
    named["size"] = json!(1u64 << 50);
    let image = manifest_of(&blob(&config), &[named], vec![config, layer.clone()]);
    let pair = Pair::holding(&image, &image);
    for registry in [&pair.upstream, &pair.mirror] {
        let scope = Scope::reference(REPOSITORY, &layer.digest.to_string());
        let value = format!("bytes 0-0/{}", 1u64 << 50);
        registry.set_behaviour(scope, Behaviour::Header { name: "Content-Range".to_owned(), value });
    }
    let report = pair.check().args("--depth content --retries 0").run();
    let row = report.expect("not_checked/too-many-parts", 3);
    assert!(row.reason.contains(&layer.digest.short()) && row.reason.contains("no more than"), "{row:?}");
}

#[test]
fn a_size_that_the_server_does_not_tell_is_noted_and_no_fault() {
    let pair = Pair::new();
    pair.mirror.set_behaviour(Scope::Blobs, Behaviour::HeadStatus(405));
    let value = "bytes 0-0/*".to_owned();
    pair.mirror.set_behaviour(Scope::Blobs, Behaviour::Header { name: "Content-Range".to_owned(), value });
    let report = pair.check().args("--depth blobs").run();
    report.expect("ok/digest-equal", 0);
    let json: Value = serde_json::from_str(&report.text).expect("JSON");
    let row = &json["results"].as_array().expect("rows")[1];
    let blobs = row["parts"]["blobs"].as_u64().expect("a number");
    let note = format!("the size of {blobs} blobs could not be compared: the server does not tell it");
    assert!(row["notes"].as_array().expect("notes").contains(&json!(note)), "{row:#}");
}
