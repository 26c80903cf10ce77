//! Signatures, SBOMs and attestations beside an image: those that upstream has and a mirror lacks.

use registry_check::demo::{Behaviour, Document, Failure, Image, Registry, Scope, content};
use registry_check::model::manifest::MediaType;
use serde_json::{Value, json};

use crate::support::daemon::{DockerRegistry, Options};
use crate::support::embedded::{Check, PLATFORMS, Pair, REPOSITORY, Report};
use crate::support::push;

const PAGE: usize = 2;

fn pair() -> Pair {
    let pair = Pair::new();
    for registry in [&pair.upstream, &pair.mirror] {
        registry.store().serve_referrers(PAGE);
    }
    pair
}

fn signature(number: usize) -> Document {
    content::image(&format!("signature {number}"), "linux/amd64").document
}

/// Lets these refer to the image.
fn refer(pair: &Pair, registry: &Registry, numbers: impl IntoIterator<Item = usize>) {
    for number in numbers {
        registry.store().refer(REPOSITORY, pair.image.digest(), signature(number));
    }
}

/// The tag that stands in for the API.
fn fallback(pair: &Pair) -> String {
    pair.digest().replace(':', "-")
}

/// An index of these, as it stands under that tag.
fn list(numbers: impl IntoIterator<Item = usize>) -> Image {
    let numbers: Vec<_> = numbers.into_iter().collect();
    let entries = numbers.iter().map(|number| {
        let document = signature(*number);
        json!({"mediaType": MediaType::OciManifest.as_str(), "digest": document.digest.to_string(),
               "size": document.bytes.len()})
    });
    let text = json!({"schemaVersion": 2, "mediaType": MediaType::OciIndex.as_str(),
                      "manifests": entries.collect::<Vec<_>>()});
    let document = Document::new(MediaType::OciIndex.as_str(), text.to_string());
    let children = numbers.iter().map(|number| content::image(&format!("signature {number}"), "linux/amd64"));
    Image { document, children: children.collect(), blobs: Vec::new() }
}

fn check(pair: &Pair) -> Report {
    pair.check().args("--referrers").run()
}

fn told(report: &Report) -> Value {
    let document: Value = serde_json::from_str(&report.text).expect("JSON");
    let rows = document["results"].as_array().expect("results");
    rows.iter().find(|row| row["role"] == "mirror").expect("a mirror")["referrers"].clone()
}

fn absent(number: usize) -> String {
    signature(number).digest.to_string()
}

#[test]
fn a_mirror_that_has_them_all_is_fine() {
    let pair = pair();
    refer(&pair, &pair.upstream, 0..5);
    refer(&pair, &pair.mirror, (0..6).rev());
    let report = check(&pair);
    report.expect("ok/digest-equal", 0);
    assert_eq!(told(&report), json!({"upstream": 5, "absent": [], "absent_total": 0}));
    // Three pages and three tags of cosign's at each, and the image itself; and at the mirror what it lists.
    assert_eq!(report.requests, 2 * (1 + 3 + 3) + 5);
}

#[test]
fn what_a_mirror_lacks_is_named_and_not_said_to_be_verified() {
    let pair = pair();
    refer(&pair, &pair.upstream, 0..5);
    refer(&pair, &pair.mirror, 0..4);
    let report = check(&pair);
    let row = report.expect("incomplete/referrer-absent", 1);
    assert!(row.reason.starts_with("lacks 1 of 5 signatures, SBOMs or attestations"), "{row:#?}");
    assert!(row.reason.contains(&absent(4)) && row.reason.contains("nothing is verified"), "{row:#?}");
    assert_eq!(told(&report), json!({"upstream": 5, "absent": [absent(4)], "absent_total": 1}));
}

#[test]
fn without_the_api_the_tag_in_its_place_counts() {
    // Neither registry has the API; then only upstream has, and the mirror keeps the same under the tag.
    let pair = Pair::new();
    pair.upstream.store().put(REPOSITORY, &fallback(&pair), &list(0..2));
    check(&pair).expect("incomplete/referrer-absent", 1);
    pair.mirror.store().put(REPOSITORY, &fallback(&pair), &list(0..2));
    check(&pair).expect("ok/digest-equal", 0);
    pair.upstream.store().serve_referrers(PAGE);
    refer(&pair, &pair.upstream, 0..2);
    let report = check(&pair);
    report.expect("ok/digest-equal", 0);
    assert_eq!(told(&report)["upstream"], 2);
}

#[test]
fn tags_of_cosign_count_each_for_itself() {
    let pair = pair();
    for suffix in [".sig", ".att", ".sbom"] {
        let image = content::image(suffix, "linux/amd64");
        pair.upstream.store().put(REPOSITORY, &format!("{}{suffix}", fallback(&pair)), &image);
    }
    let other = content::image("an older signature", "linux/amd64");
    pair.mirror.store().put(REPOSITORY, &format!("{}.sig", fallback(&pair)), &other);
    let report = check(&pair);
    report.expect("incomplete/referrer-absent", 1);
    let lacking = [".att", ".sbom"].map(|suffix| format!("{}{suffix}", fallback(&pair)));
    assert_eq!(told(&report), json!({"upstream": 3, "absent": lacking, "absent_total": 2}));
}

#[test]
fn mirrors_are_asked_only_where_they_could_lack_something() {
    let none = pair();
    let report = check(&none);
    report.expect("ok/digest-equal", 0);
    assert_eq!(told(&report), json!({"upstream": 0, "absent": [], "absent_total": 0}));
    assert_eq!((none.upstream.hits().len(), none.mirror.hits().len()), (1 + 1 + 3, 1));
    let [new, old] = ["new", "old"].map(|seed| content::index(seed, &PLATFORMS));
    let stale = Pair::holding(&new, &old);
    let report = check(&stale);
    report.expect("stale/digest-differs", 1);
    assert_eq!((told(&report), report.requests), (Value::Null, 6));
    let unwanted = pair();
    refer(&unwanted, &unwanted.upstream, 0..1);
    assert_eq!(unwanted.check().run().requests, 2);
}

#[test]
fn what_could_not_be_found_out_is_a_note_and_never_a_lack() {
    for (behaviour, why) in [
        (Behaviour::Status(Failure::registry(403, "DENIED", "no")), "403"),
        (Behaviour::Status(Failure::text(400, "text/plain", "what?")), "400"),
        (Behaviour::Html, "web page"),
        (Behaviour::Empty200, "could not be found out"),
        (Behaviour::Big(5 << 20), "4 MiB"),
        (
            Behaviour::Body(b"{\"schemaVersion\":2,\"config\":{},\"layers\":[]}".to_vec()),
            "could not be found out",
        ),
    ] {
        for is_mirror in [true, false] {
            let pair = pair();
            refer(&pair, &pair.upstream, 0..1);
            let registry = if is_mirror { &pair.mirror } else { &pair.upstream };
            registry.set_behaviour(Scope::Referrers, behaviour.clone());
            let report = check(&pair);
            let row = report.expect("ok/digest-equal", 0);
            assert!(row.notes_hold("signatures, SBOMs and attestations"), "{behaviour:?}: {row:#?}");
            assert!(row.notes_hold(why), "{behaviour:?}: {row:#?}");
            assert!(row.reason.contains(why) && row.reason.contains("could not be found out"), "{row:#?}");
            assert_eq!(told(&report), Value::Null);
            for format in ["table", "markdown", "csv"] {
                let text = pair.check().args(&format!("--referrers --retries 0 -f {format}")).tool().run();
                let text = text.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
                assert!(text.contains("attestations there are could not be found out"), "{format}: {text}");
            }
        }
    }
}

#[test]
fn what_is_not_known_of_one_place_leaves_what_is_certain_of_the_others() {
    let (tag, list) = (|pair: &Pair, suffix: &str| format!("{}{suffix}", fallback(pair)), "the list");
    for denied in [list, ".sig"] {
        let pair = pair();
        refer(&pair, &pair.upstream, 0..1);
        for suffix in [".sig", ".att"] {
            let image = content::image(suffix, "linux/amd64");
            pair.upstream.store().put(REPOSITORY, &tag(&pair, suffix), &image);
        }
        let (scope, certain) = if denied == list {
            (Scope::Referrers, [tag(&pair, ".sig"), tag(&pair, ".att")])
        } else {
            let scope = Scope::reference(REPOSITORY, &tag(&pair, ".sig"));
            (scope, [absent(0), tag(&pair, ".att")])
        };
        pair.mirror.set_behaviour(scope, Behaviour::Status(Failure::registry(403, "DENIED", "no")));
        let report = check(&pair);
        let row = report.expect("incomplete/referrer-absent", 1);
        assert!(row.reason.starts_with("lacks 2 of 3 ") && row.reason.contains("403"), "{row:#?}");
        assert_eq!(told(&report), json!({"upstream": 3, "absent": certain, "absent_total": 2}));
    }
}

#[test]
fn where_upstream_cannot_be_asked_it_is_said_that_its_list_was_not_had() {
    let dead = registry_check::demo::ClosedPort::take().unwrap();
    let pair = pair();
    let pinned = format!("app@{}", pair.digest());
    for image in ["app:1.0", &pinned] {
        let check = Check::of(&[image]).upstream(&format!("http://{}", dead.addr()));
        let report = check.mirror("m", &pair.mirror.url()).args("--referrers --retries 0").run();
        let row = report.rows.iter().find(|row| row.mirror == "m").unwrap();
        assert!(row.notes_hold("attestations there are could not be found out: "), "{row:#?}");
        assert!(row.notes_hold("refused"), "{row:#?}");
        assert_eq!(told(&report), Value::Null);
    }
    // Nobody asked, nothing is said; nor of an image that upstream has not got, or a mirror has not.
    let check = Check::of(&["app:1.0"]).upstream(&format!("http://{}", dead.addr()));
    let report = check.mirror("m", &pair.mirror.url()).args("--retries 0").run();
    assert!(!report.row("m").notes_hold("attestations"), "{report:#?}");
    let none = Registry::start(registry_check::demo::Store::new()).unwrap();
    for (upstream, mirror) in [(&none, &pair.mirror), (&pair.upstream, &none)] {
        let check = Check::of(&["app:1.0"]).upstream(&upstream.url()).mirror("m", &mirror.url());
        let report = check.args("--referrers").run();
        assert!(!report.row("m").notes_hold("attestations"), "{report:#?}");
    }
}

#[test]
fn where_only_the_pinned_digest_is_left_its_signatures_count() {
    let pair = pair();
    refer(&pair, &pair.upstream, 0..2);
    let image = format!("app:gone@{}", pair.digest());
    let report = pair.check_of(&[&image]).args("--referrers").run();
    report.expect("incomplete/referrer-absent", 1);
    assert_eq!(told(&report)["absent_total"], 2);
}

#[test]
fn a_run_that_is_interrupted_before_the_list_was_had_says_so() {
    let pair = pair();
    pair.upstream.set_behaviour(Scope::Referrers, Behaviour::NotFoundPlain);
    pair.upstream.set_behaviour(Scope::reference(REPOSITORY, &fallback(&pair)), Behaviour::Silent);
    let patient = "--first-byte-timeout 1h --timeout 1h --retries 0 -vv";
    let running = pair.check().args(&format!("--referrers {patient} -f json")).tool().start();
    let list = format!("{}/v2/{REPOSITORY}/referrers/{}", pair.upstream.url(), pair.digest());
    running.wait_for(&format!("debug: GET {list}: 404 in "));
    running.signal("INT");
    let output = running.wait();
    assert_eq!(output.code, Some(130), "{output:?}");
    let report: Value = serde_json::from_str(&output.stdout).expect("JSON");
    let rows = report["results"].as_array().unwrap();
    let row = rows.iter().find(|row| row["mirror"] == "m").unwrap();
    assert_eq!((&row["code"], &row["referrers"]), (&json!("digest-equal"), &Value::Null));
    let notes = row["notes"].to_string();
    assert!(notes.contains("could not be found out: the run was interrupted"), "{row:#}");
}

#[test]
fn pages_are_followed_within_the_list_and_so_many_times() {
    for (link, asked) in [
        // To itself, round in a circle for ever, and away.
        ("</v2/library/app/referrers/DIGEST>; rel=\"next\"", 1),
        ("<?last=0>; rel=\"next\"", 2),
        ("<http://127.0.0.1:1/v2/library/app/referrers/DIGEST?last=2>; rel=\"next\"", 1),
        ("</v2/library/other/referrers/DIGEST>; rel=\"next\"", 1),
    ] {
        let pair = pair();
        refer(&pair, &pair.upstream, 0..1);
        let value = link.replace("DIGEST", &pair.digest());
        pair.mirror.set_behaviour(Scope::Referrers, Behaviour::Header { name: "Link".to_owned(), value });
        let report = check(&pair);
        let row = report.expect("ok/digest-equal", 0);
        assert!(row.notes_hold("could not be found out"), "{link}: {row:#?}");
        let pages = pair.mirror.hits().iter().filter(|hit| hit.path.contains("/referrers/")).count();
        assert_eq!(pages, asked, "{link}");
    }
    // A list that is long is read so far, and what was read counts.
    let long = pair();
    refer(&long, &long.upstream, 0..100);
    let report = check(&long);
    let row = report.expect("incomplete/referrer-absent", 1);
    assert!(row.notes_hold("no end that is in sight"), "{row:#?}");
    let pages = long.upstream.hits().iter().filter(|hit| hit.path.contains("/referrers/")).count();
    assert_eq!(pages, 20);
    assert_eq!(told(&report)["absent"].as_array().map(Vec::len), Some(20));
    // Upstream was asked for so many of the forty.
    assert_eq!(told(&report)["absent_total"], 20);
}

#[test]
fn the_plan_counts_what_is_asked_for_it() {
    let pair = pair();
    refer(&pair, &pair.upstream, 0..1);
    let plan = pair.check().args("--referrers --plan -f json").tool().run();
    let plan: Value = serde_json::from_str(&plan.stdout).expect("JSON");
    let plain = pair.check().args("--plan -f json").tool().run();
    let plain: Value = serde_json::from_str(&plain.stdout).expect("JSON");
    let most = |plan: &Value| plan["requests"]["at_most"].as_u64().expect("a number");
    // At each: twenty pages, the tag in their place, three tags of cosign's and twenty entries by HEAD and, where that
    // is not answered by a registry, by GET, and the API root.
    let each = 20 + 1 + 2 * (3 + 20) + 1;
    assert_eq!(most(&plan), most(&plain) + 2 * each);
    assert_eq!(plan["referrers"], json!({"at_most": 2 * each}));
    assert_eq!(plain["referrers"], json!({"at_most": 0}));
    // Where upstream has none: the image at both, and at upstream the list and three tags.
    assert_eq!(plan["requests"]["planned"], 2 + 1 + 3);
    assert_eq!(pair.upstream.hits().len() + pair.mirror.hits().len(), 0);
}

#[test]
fn real_registries_without_the_api_are_asked_by_tag() {
    let [upstream, mirror] = [(); 2].map(|()| DockerRegistry::start(Options::default()));
    let images = push::fill(&upstream.authority(), 2);
    push::push(&mirror.authority(), &images);
    let digest = images[0].top.digest();
    let signature = push::Image { tag: format!("{}.sig", digest.replace(':', "-")), ..images[1].clone() };
    let signature = push::Image { repository: images[0].repository.clone(), ..signature };
    push::push(&upstream.authority(), std::slice::from_ref(&signature));
    let image = format!("{}:{}", images[0].repository, images[0].tag);
    let check =
        || Check::of(&[&image]).upstream(&upstream.url()).mirror("m", &mirror.url()).args("--referrers");
    let report = check().run();
    let row = report.expect("incomplete/referrer-absent", 1);
    assert!(row.reason.contains(&signature.tag), "{row:#?}");
    assert!(row.notes.is_empty(), "{row:#?}");
    push::push(&mirror.authority(), &[signature]);
    check().run().expect("ok/digest-equal", 0);
}
