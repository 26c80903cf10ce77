//! Signatures and the like that a mirror lists: a list is not what it lists, and each is asked for by its digest.

use std::fs;

use registry_check::demo::{Behaviour, Document, Failure, Registry, Scope, content};
use registry_check::model::manifest::MediaType;
use serde_json::{Value, json};

use crate::support::daemon::{DockerRegistry, Options};
use crate::support::embedded::{Check, Pair, REPOSITORY, Report, TAG, start};
use crate::support::push::{self, Shape};
use crate::support::tool::Tool;

fn signature(number: usize) -> Document {
    content::image(&format!("signature {number}"), "linux/amd64").document
}

fn digest(number: usize) -> String {
    signature(number).digest.to_string()
}

/// Both list so many.
fn pair(count: usize) -> Pair {
    let pair = Pair::new();
    for registry in [&pair.upstream, &pair.mirror] {
        registry.store().serve_referrers(100);
        for number in 0..count {
            registry.store().refer(REPOSITORY, pair.image.digest(), signature(number));
        }
    }
    pair
}

fn path(number: usize) -> String {
    format!("/v2/{REPOSITORY}/manifests/{}", digest(number))
}

fn lose(registry: &Registry, number: usize) {
    registry.store().remove_manifest(REPOSITORY, &signature(number).digest);
}

fn check(pair: &Pair, args: &str) -> Report {
    pair.check().args(&format!("--referrers --retries 0 {args}")).run()
}

fn told(report: &Report) -> Value {
    let document: Value = serde_json::from_str(&report.text).expect("JSON");
    let rows = document["results"].as_array().expect("results");
    rows.iter().find(|row| row["mirror"] == "m").expect("a mirror")["referrers"].clone()
}

#[test]
fn one_that_is_listed_and_gone_is_lacking_and_named_by_its_digest() {
    let pair = pair(3);
    lose(&pair.mirror, 1);
    for depth in ["head", "manifest", "platforms", "blobs"] {
        let report = check(&pair, &format!("--depth {depth}"));
        let row = report.expect("incomplete/referrer-absent", 1);
        assert!(row.reason.starts_with("lacks 1 of 3 signatures"), "{row:#?}");
        assert!(row.reason.contains(&format!("{} (listed, but gone)", digest(1))), "{row:#?}");
        let gone = json!({"upstream": 3, "absent": [digest(1)], "absent_total": 1, "gone_total": 1});
        assert_eq!(told(&report), gone);
    }
    // Upstream is asked for that one alone.
    assert_eq!([0, 1, 2].map(|number| pair.upstream.hits_to(&path(number))), [0, 4, 0]);
    // One that the mirror does not even list stands behind it.
    pair.upstream.store().refer(REPOSITORY, pair.image.digest(), signature(7));
    let report = check(&pair, "");
    let absent = json!({"upstream": 4, "absent": [digest(1), digest(7)], "absent_total": 2, "gone_total": 1});
    assert_eq!(told(&report), absent);
    // A saved report says the same when it is read again; one that says what cannot be is refused.
    let render = |text: &str| Tool::new().file("saved.json", text).line("render saved.json -f json").run();
    assert_eq!(render(&report.text).stdout, report.text);
    let odd = render(&report.text.replace("\"gone_total\":1", "\"gone_total\":3"));
    assert_eq!((odd.code, &*odd.stdout), (Some(2), ""), "{odd:?}");
    assert!(odd.stderr.contains("referrers: more of them than is said or can be"), "{odd:?}");
    for format in ["table", "markdown", "csv", "ndjson"] {
        let output = pair.check().args(&format!("--referrers -f {format}")).tool().run();
        let text = output.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(&digest(1)), "{format}: {text}");
    }
}

#[test]
fn what_upstream_itself_has_lost_is_no_lack_of_a_mirror() {
    let pair = pair(3);
    lose(&pair.mirror, 1);
    lose(&pair.upstream, 1);
    let report = check(&pair, "");
    let row = report.expect("ok/digest-equal", 0);
    assert!(row.notes_hold(&format!("upstream lists 1 that it does not have itself, such as {}", digest(1))));
    assert_eq!(told(&report), json!({"upstream": 2, "absent": [], "absent_total": 0}));
}

/// Upstream lists three, and the mirror the first of them.
fn shorter() -> Pair {
    let pair = pair(1);
    for number in 1..3 {
        pair.upstream.store().refer(REPOSITORY, pair.image.digest(), signature(number));
    }
    pair
}

#[test]
fn what_only_upstream_lists_is_lacking_where_upstream_has_it() {
    let pair = shorter();
    let absent = |numbers: &[usize], upstream: usize| {
        let named: Vec<_> = numbers.iter().map(|number| digest(*number)).collect();
        json!({"upstream": upstream, "absent": named, "absent_total": numbers.len()})
    };
    let report = check(&pair, "");
    report.expect("incomplete/referrer-absent", 1);
    assert_eq!(told(&report), absent(&[1, 2], 3));
    assert_eq!([0, 1, 2].map(|number| pair.upstream.hits_to(&path(number))), [0, 1, 1]);
    assert_eq!([0, 1, 2].map(|number| pair.mirror.hits_to(&path(number))), [1, 0, 0]);
    lose(&pair.upstream, 1);
    let report = check(&pair, "");
    report.expect("incomplete/referrer-absent", 1);
    assert_eq!(told(&report), absent(&[2], 2));
    lose(&pair.upstream, 2);
    let report = check(&pair, "");
    let row = report.expect("ok/digest-equal", 0);
    assert!(row.notes_hold(&format!("upstream lists 2 that it does not have itself, such as {}", digest(1))));
    assert_eq!(told(&report), absent(&[], 1));
}

#[test]
fn what_only_upstream_lists_is_not_known_to_be_lacking_where_it_does_not_tell_whether_it_has_it() {
    let pair = shorter();
    let refused = Behaviour::Status(Failure::registry(403, "DENIED", "no"));
    pair.upstream.set_behaviour(Scope::reference(REPOSITORY, &digest(1)), refused);
    lose(&pair.upstream, 2);
    let report = check(&pair, "");
    let row = report.expect("ok/digest-equal", 0);
    assert!(row.reason.contains("could not be found out") && row.reason.contains("403"), "{row:#?}");
    assert_eq!(told(&report), Value::Null);
    // As many are asked for as of what both list.
    let pair = self::pair(0);
    for number in 0..30 {
        pair.upstream.store().refer(REPOSITORY, pair.image.digest(), signature(number));
    }
    let report = check(&pair, "");
    let row = report.expect("incomplete/referrer-absent", 1);
    assert!(row.reason.starts_with("lacks 20 of 30 signatures"), "{row:#?}");
    let asked = (0..30).filter(|number| pair.upstream.hits_to(&path(*number)) > 0).count();
    assert_eq!(asked, 20);
    assert!(row.reason.contains("of 30 that docker.io lists, only the first 20 were asked for"), "{row:#?}");
}

#[test]
fn what_could_not_be_asked_of_either_is_not_known_and_never_a_lack() {
    let failures = [
        (Behaviour::Status(Failure::registry(403, "DENIED", "no")), "403"),
        (Behaviour::Status(Failure::registry(503, "UNAVAILABLE", "later")), "503"),
        (Behaviour::Reset, "could not be found out"),
        (Behaviour::Html, "web page"),
    ];
    for (behaviour, why) in failures {
        for is_mirror in [true, false] {
            let pair = pair(2);
            // Upstream is asked only for what the mirror has not.
            let registry = if is_mirror {
                &pair.mirror
            } else {
                lose(&pair.mirror, 1);
                &pair.upstream
            };
            registry.set_behaviour(Scope::reference(REPOSITORY, &digest(1)), behaviour.clone());
            let report = check(&pair, "");
            let row = report.expect("ok/digest-equal", 0);
            assert!(row.reason.contains("could not be found out") && row.reason.contains(why), "{row:#?}");
            assert_eq!(told(&report), Value::Null, "{behaviour:?}");
        }
    }
}

#[test]
fn images_of_one_digest_share_the_answers_at_each_mirror_and_repository() {
    let image = content::index("app", &["linux/amd64"]);
    let names = [TAG, "2.0", "3.0"];
    let held = names.map(|tag| (REPOSITORY, tag, &image));
    let registries = [(); 3].map(|()| start(&held));
    for registry in &registries {
        registry.store().serve_referrers(100);
        for number in 0..3 {
            registry.store().refer(REPOSITORY, image.digest(), signature(number));
        }
    }
    let [upstream, one, two] = &registries;
    lose(one, 2);
    lose(two, 2);
    let check = Check::of(&names.map(|tag| format!("app:{tag}"))).upstream(&upstream.url());
    let check = check.mirror("one", &one.url()).mirror("two", &two.url());
    let report = check.args("--referrers").run();
    for name in ["one", "two"] {
        assert_eq!(report.verdicts(name), ["incomplete/referrer-absent"; 3]);
    }
    for mirror in [one, two] {
        assert_eq!([0, 1, 2].map(|number| mirror.hits_to(&path(number))), [1, 1, 1]);
    }
    assert_eq!([0, 1, 2].map(|number| upstream.hits_to(&path(number))), [0, 0, 1]);
}

#[test]
fn of_a_long_list_so_many_are_asked_for_and_the_rest_is_not_known() {
    let pair = pair(130);
    for (depth, most) in [("head", 20), ("manifest", 20), ("platforms", 100)] {
        pair.mirror.forget_hits();
        let report = check(&pair, &format!("--depth {depth}"));
        let row = report.expect("ok/digest-equal", 0);
        assert!(
            row.reason.contains(&format!("of 130 that docker.io lists, only the first {most}")),
            "{row:#?}"
        );
        assert_eq!(told(&report), Value::Null);
        let asked = (0..130).filter(|number| pair.mirror.hits_to(&path(*number)) > 0).count();
        assert_eq!(asked, most, "{depth}");
    }
    // What is certain is told all the same.
    lose(&pair.mirror, 19);
    lose(&pair.mirror, 20);
    let report = check(&pair, "");
    let row = report.expect("incomplete/referrer-absent", 1);
    assert!(row.reason.contains(&digest(19)) && !row.reason.contains(&digest(20)), "{row:#?}");
}

#[test]
fn a_run_that_is_interrupted_before_they_were_asked_for_says_so() {
    let pair = pair(2);
    pair.mirror.set_behaviour(Scope::reference(REPOSITORY, &digest(1)), Behaviour::Silent);
    let patient = "--first-byte-timeout 1h --timeout 1h --retries 0 -vv -f json";
    let running = pair.check().args(&format!("--referrers {patient}")).tool().start();
    running.wait_for(&format!("debug: HEAD {}{}: 200 in ", pair.mirror.url().trim_end_matches('/'), path(0)));
    running.signal("INT");
    let output = running.wait();
    assert_eq!(output.code, Some(130), "{output:?}");
    let report: Value = serde_json::from_str(&output.stdout).expect("JSON");
    let rows = report["results"].as_array().unwrap();
    let row = rows.iter().find(|row| row["mirror"] == "m").unwrap();
    assert_eq!((&row["code"], &row["referrers"]), (&json!("digest-equal"), &Value::Null));
    assert!(row["notes"].to_string().contains("could not be found out: the run was interrupted"), "{row:#}");
}

/// Signatures of an image, and the list of them under the tag that stands in for the API.
fn signed(image: &push::Image) -> Vec<push::Image> {
    let signatures: Vec<_> = (0..2)
        .map(|number| push::Image::new(&image.repository, &format!("s{number}"), Shape::Single, "signature"))
        .collect();
    let entries: Vec<_> = signatures
        .iter()
        .map(|signature| {
            json!({"mediaType": signature.top.media_type.as_str(), "digest": signature.digest(),
                   "size": signature.top.body.len()})
        })
        .collect();
    let media_type = MediaType::OciIndex;
    let text = json!({"schemaVersion": 2, "mediaType": media_type.as_str(), "manifests": entries});
    let list = push::Image {
        repository: image.repository.clone(),
        tag: image.digest().replace(':', "-"),
        top: push::Document { media_type, body: text.to_string().into_bytes() },
        children: Vec::new(),
        blobs: Vec::new(),
    };
    signatures.into_iter().chain([list]).collect()
}

#[test]
fn on_a_real_registry_a_signature_that_was_removed_under_its_list_is_found() {
    let [upstream, mirror] = [(); 2].map(|()| DockerRegistry::start(Options::default()));
    let images = push::fill(&upstream.authority(), 1);
    push::push(&mirror.authority(), &images);
    let signed = signed(&images[0]);
    for registry in [&upstream, &mirror] {
        push::push(&registry.authority(), &signed);
    }
    let image = format!("{}:{}", images[0].repository, images[0].tag);
    let check =
        || Check::of(&[&image]).upstream(&upstream.url()).mirror("m", &mirror.url()).args("--referrers");
    check().run().expect("ok/digest-equal", 0);
    let lost = signed[0].digest();
    let hex = lost.strip_prefix("sha256:").unwrap();
    fs::remove_dir_all(mirror.storage().join("docker/registry/v2/blobs/sha256").join(&hex[..2]).join(hex))
        .unwrap();
    let report = check().run();
    let row = report.expect("incomplete/referrer-absent", 1);
    assert!(row.reason.contains("lacks 1 of 2 signatures, SBOMs or attestations"), "{row:#?}");
    assert!(row.reason.contains(&format!("{lost} (listed, but gone)")), "{row:#?}");
}
