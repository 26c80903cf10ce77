//! Images without an index, where a platform is wanted: their config says for which one they are.

use registry_check::demo::content::{self, Blob, Document, Image};
use registry_check::demo::{Behaviour, Failure, Registry, Scope};
use registry_check::model::manifest::MediaType;
use serde_json::{Value, json};

use crate::support::embedded::{self, Check, Pair, REPOSITORY, Report, TAG};

const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// An image with this config, of this type, and one layer.
fn image(config_type: &str, config: &str) -> Image {
    let blobs = vec![Blob::new(config.as_bytes().to_vec()), Blob::new(b"layer".as_slice())];
    let entry = |media_type: &str, blob: &Blob| json!({"mediaType": media_type, "digest": blob.digest.to_string(), "size": blob.bytes.len()});
    let json = json!({
        "schemaVersion": 2, "mediaType": MediaType::OciManifest.as_str(),
        "config": entry(config_type, &blobs[0]),
        "layers": [entry("application/vnd.oci.image.layer.v1.tar", &blobs[1])],
    });
    let document = Document::new(MediaType::OciManifest.as_str(), json.to_string());
    Image { document, children: Vec::new(), blobs }
}

fn document(report: &Report) -> Value {
    serde_json::from_str(&report.text).unwrap()
}

/// `platform state` of each line at an endpoint.
fn platforms(report: &Report, mirror: &str) -> Vec<String> {
    let row = row(report, mirror);
    let lines = row["parts"]["platforms"].as_array().unwrap();
    lines
        .iter()
        .map(|line| format!("{} {}", line["platform"].as_str().unwrap(), line["state"].as_str().unwrap()))
        .collect()
}

fn row(report: &Report, mirror: &str) -> Value {
    let document = document(report);
    let rows = document["results"].as_array().unwrap();
    rows.iter().find(|row| row["mirror"] == mirror).unwrap().clone()
}

/// Requests for a blob: all, and those by GET.
fn asked(registry: &Registry, blob: &Blob) -> (usize, usize) {
    let path = format!("/v2/{REPOSITORY}/blobs/{}", blob.digest);
    let gets = registry.count(|hit| hit.path == path && hit.method.as_str() == "GET");
    (registry.hits_to(&path), gets)
}

#[test]
fn an_image_without_an_index_is_held_to_what_its_config_says() {
    for depth in ["platforms", "blobs", "content"] {
        for (written, wanted, states) in [
            ("linux/amd64", "linux/x86_64", &["linux/amd64 present"][..]),
            ("linux/arm64/v8", "linux/arm64", &["linux/arm64 present"]),
            // What runtimes take in its place.
            ("linux/arm/v6", "linux/arm/v7", &["linux/arm/v6 present", "linux/arm/v7 fallback"]),
            ("linux/amd64", "linux/arm64", &["linux/arm64 not_upstream"]),
        ] {
            for image in [content::image("app", written), content::docker_image("app", written)] {
                let pair = Pair::holding(&image, &image);
                let report = pair.check().args(&format!("--depth {depth} --platform {wanted}")).run();
                // What upstream itself lacks is no failure of the mirror.
                report.expect("ok/digest-equal", 0);
                assert_eq!(platforms(&report, "m"), states, "{depth} {written} {wanted}");
                let upstream = report.rows.iter().find(|row| row.mirror != "m").unwrap();
                if states[0].ends_with("not_upstream") {
                    assert_eq!(upstream.verdict(), "incomplete/upstream-lacks-platform");
                    let told = "upstream itself has nothing for linux/arm64 (it has linux/amd64)";
                    assert!(upstream.reason.starts_with(told), "{upstream:?}");
                } else {
                    assert_eq!(upstream.verdict(), "ok/served");
                }
            }
        }
    }
}

#[test]
fn without_mirrors_a_platform_that_the_image_is_not_for_fails() {
    let image = content::image("app", "linux/amd64");
    let registry = embedded::start(&[(REPOSITORY, TAG, &image)]);
    let run = |args: &str| Check::of(&["app:1.0"]).upstream(&registry.url()).args(args).run();
    let report = run("--depth platforms --platform linux/arm64 --platform linux/amd64");
    assert_eq!((report.rows[0].verdict().as_str(), report.exit), ("incomplete/upstream-lacks-platform", 1));
    assert_eq!(report.rows[0].reason, "upstream itself has nothing for linux/arm64 (it has linux/amd64)");
    let report = run("--depth blobs --platform linux/amd64");
    assert_eq!((report.rows[0].verdict().as_str(), report.exit), ("ok/served", 0));
}

#[test]
fn which_platform_an_image_without_an_index_has_is_told_though_nobody_asked_for_one() {
    let image = content::image("app", "linux/arm64/v8");
    // Requests for the config: at `platforms` one more, and then in place of those that there would be anyway.
    for (depth, configs) in
        [("manifest", (0, 0)), ("platforms", (1, 1)), ("blobs", (1, 1)), ("content", (1, 1))]
    {
        let registry = embedded::start(&[(REPOSITORY, TAG, &image)]);
        let report =
            Check::of(&["app:1.0"]).upstream(&registry.url()).args(&format!("--depth {depth}")).run();
        assert_eq!((report.rows[0].verdict().as_str(), report.exit), ("ok/served", 0));
        assert_eq!(asked(&registry, &image.blobs[0]), configs, "{depth}");
        let pair = Pair::holding(&image, &image);
        let report = pair.check().args(&format!("--depth {depth}")).run();
        report.expect("ok/digest-equal", 0);
        assert_eq!(asked(&pair.mirror, &image.blobs[0]), configs, "{depth}");
        assert_eq!(asked(&pair.upstream, &image.blobs[0]), (0, 0), "{depth}");
        if depth != "manifest" {
            assert_eq!(platforms(&report, "m"), ["linux/arm64 present"], "{depth}");
        }
    }
    // Of two mirrors one is asked.
    let [upstream, one, two] = [(); 3].map(|()| embedded::start(&[(REPOSITORY, TAG, &image)]));
    let check = Check::of(&["app:1.0"]).upstream(&upstream.url()).mirror("one", &one.url());
    let report = check.mirror("two", &two.url()).args("--depth platforms").run();
    let gets: usize = [&one, &two].iter().map(|mirror| asked(mirror, &image.blobs[0]).0).sum();
    assert_eq!((gets, report.exit), (1, 0));
    for mirror in ["one", "two"] {
        assert_eq!(platforms(&report, mirror), ["linux/arm64 present"]);
    }
}

#[test]
fn a_damaged_image_without_an_index_is_named_with_its_platform() {
    let image = content::image("app", "linux/arm64");
    for (args, blob, kind) in [
        ("blobs", 1, "layer"),
        ("content", 1, "layer"),
        ("blobs", 0, "config"),
        ("content", 0, "config"),
        ("blobs --platform linux/arm64", 0, "config"),
        ("content --platform linux/arm64", 0, "config"),
    ] {
        let pair = Pair::holding(&image, &image);
        pair.mirror.store().remove_blob(REPOSITORY, &image.blobs[blob].digest);
        let report = pair.check().args(&format!("--depth {args}")).run();
        let found = report.expect("incomplete/blob-missing", 1);
        let subject = format!("{kind} {} (linux/arm64, ", image.blobs[blob].digest);
        assert!(found.reason.starts_with(&subject), "{args} {found:?}");
        assert_eq!(platforms(&report, "m"), ["linux/arm64 damaged"], "{args}");
        // The mirror cannot tell what it has not got: upstream is asked, for that alone.
        let at_upstream = usize::from(kind == "config");
        assert_eq!(asked(&pair.upstream, &image.blobs[0]), (at_upstream, at_upstream), "{args}");
    }
}

/// Takes the config away at a registry, or spoils it.
fn damage(registry: &Registry, image: &Image, how: &str) {
    match how {
        "gone" => registry.store().remove_blob(REPOSITORY, &image.blobs[0].digest),
        _ => registry.set_behaviour(Scope::Blobs, Behaviour::WrongByte),
    }
}

#[test]
fn at_depth_platforms_a_config_is_no_finding_about_the_mirror_where_it_was_looked_for() {
    let image = content::image("app", "linux/amd64");
    for (how, args) in [
        ("gone", "--depth platforms"),
        ("gone", "--depth platforms --platform linux/amd64"),
        ("spoilt", "--depth platforms"),
        ("spoilt", "--depth platforms --platform linux/amd64"),
    ] {
        // Whichever mirror is asked first.
        for names in [["good", "broken"], ["broken", "good"]] {
            let [upstream, one, two] = [(); 3].map(|()| embedded::start(&[(REPOSITORY, TAG, &image)]));
            damage(if names[0] == "broken" { &one } else { &two }, &image, how);
            let check = Check::of(&["app:1.0"]).upstream(&upstream.url());
            let check = check.mirror(names[0], &one.url()).mirror(names[1], &two.url());
            let report = check.args(args).args("--retries 0").run();
            for name in names {
                let found = report.rows.iter().find(|row| row.mirror == name).unwrap();
                assert_eq!(found.verdict(), "ok/digest-equal", "{how} {args} {names:?} {found:?}");
                assert_eq!(platforms(&report, name), ["linux/amd64 present"]);
            }
            assert_eq!((report.exit, asked(&upstream, &image.blobs[0])), (0, (0, 0)));
        }
        // Where no mirror has it, upstream tells.
        let pair = Pair::holding(&image, &image);
        damage(&pair.mirror, &image, how);
        let report = pair.check().args(args).args("--retries 0").run();
        report.expect("ok/digest-equal", 0);
        assert_eq!(platforms(&report, "m"), ["linux/amd64 present"]);
        assert_eq!(asked(&pair.upstream, &image.blobs[0]), (1, 1));
    }
}

#[test]
fn a_platform_that_nobody_asked_for_and_that_cannot_be_told_is_a_note() {
    let image = content::image("app", "linux/amd64");
    let pair = Pair::holding(&image, &image);
    pair.mirror
        .set_behaviour(Scope::Blobs, Behaviour::Status(Failure::registry(403, "DENIED", "not on the list")));
    let report = pair.check().args("--depth platforms --retries 0").run();
    report.expect("ok/digest-equal", 0);
    assert_eq!(platforms(&report, "m"), [""; 0]);
    let notes = row(&report, "m")["notes"].clone();
    let note = notes[0].as_str().unwrap();
    assert!(
        note.starts_with("for which platform the image is, is not known: ") && note.contains("403"),
        "{note}"
    );
    pair.mirror.clear_behaviours();
    // Nobody has it: at this depth the manifest is all that was asked about.
    for registry in [&pair.mirror, &pair.upstream] {
        damage(registry, &image, "gone");
    }
    let report = pair.check().args("--depth platforms").run();
    report.expect("ok/digest-equal", 0);
    let notes = row(&report, "m")["notes"].clone();
    assert!(
        notes[0].as_str().unwrap().starts_with("for which platform the image is, is not known: "),
        "{notes}"
    );
    // One that says nothing is fine.
    let silent = self::image(CONFIG, "{}");
    let pair = Pair::holding(&silent, &silent);
    let report = pair.check().args("--depth platforms").run();
    report.expect("ok/digest-equal", 0);
    let told = "for which platform the image is, is not known: its config does not say";
    assert_eq!(row(&report, "m")["notes"], json!([told]));
}

#[test]
fn a_mirror_whose_image_is_for_another_platform_than_upstreams_is_told_so() {
    let [upstreams, copy] = ["linux/amd64", "linux/arm64"].map(|platform| content::image("app", platform));
    let pair = Pair::holding(&upstreams, &copy);
    let report = pair.check().args("--depth platforms --platform linux/amd64").run();
    let row = report.expect("incomplete/platform-absent", 1);
    let lacking = "platform linux/amd64: upstream has it, the mirror has not; besides: stale: serves ";
    assert!(row.reason.starts_with(lacking), "{row:?}");
    assert_eq!(platforms(&report, "m"), ["linux/amd64 missing"]);
    let report = pair.check().args("--depth platforms --platform linux/arm64").run();
    assert_eq!(platforms(&report, "m"), ["linux/arm64 present"]);
    let report = pair.check().args("--depth platforms --platform linux/s390x").run();
    report.expect("stale/digest-differs", 1);
    assert_eq!(platforms(&report, "m"), ["linux/s390x not_upstream"]);
    // Where upstream cannot be asked, nobody is blamed.
    let dead = registry_check::demo::ClosedPort::take().unwrap();
    let alone = Check::of(&["app:1.0"]).upstream(&format!("http://{}", dead.addr()));
    let report = alone.mirror("m", &pair.mirror.url()).args("--depth platforms --platform linux/amd64").run();
    let row = report.expect("not_checked/platform-unknown", 3);
    assert!(
        row.reason.ends_with("the mirror does not have it; whether upstream has is not known"),
        "{row:?}"
    );
}

#[test]
fn what_upstreams_index_says_of_one_of_its_images_is_believed_without_its_config() {
    let index = content::index("app", &["linux/amd64", "linux/arm64"]);
    let pair = Pair::holding(&index, &index.children[0]);
    let report = pair.check().args("--depth platforms --platform linux/amd64").run();
    report.expect("same_content/wanted-platforms-equal", 0);
    assert_eq!(platforms(&report, "m"), ["linux/amd64 present"]);
    let report = pair.check().args("--depth platforms --platform linux/arm64").run();
    report.expect("incomplete/single-platform-copy", 1);
    assert_eq!(platforms(&report, "m"), ["linux/arm64 missing"]);
    assert_eq!(asked(&pair.mirror, &index.children[0].blobs[0]), (0, 0));
}

#[test]
fn a_config_that_cannot_be_had_leaves_the_platform_unknown() {
    let image = content::image("app", "linux/amd64");
    for depth in ["platforms", "blobs", "content"] {
        let pair = Pair::holding(&image, &image);
        let run = || pair.check().args(&format!("--depth {depth} --platform linux/arm64 --retries 0")).run();
        pair.mirror.set_behaviour(
            Scope::Blobs,
            Behaviour::Status(Failure::registry(403, "DENIED", "not on the list")),
        );
        let report = run();
        let row = report.expect("denied/access-denied", 3);
        assert!(row.reason.starts_with("config sha256:"), "{row:?}");
        assert_eq!(platforms(&report, "m"), ["linux/arm64 unknown"]);
        assert_eq!(asked(&pair.upstream, &image.blobs[0]), (0, 0));
        pair.mirror.clear_behaviours();
        // Upstream's config tells that it is upstream's own gap.
        for how in ["spoilt", "gone"] {
            damage(&pair.mirror, &image, how);
            let report = run();
            report.expect("ok/digest-equal", 0);
            assert_eq!(platforms(&report, "m"), ["linux/arm64 not_upstream"], "{depth} {how}");
            pair.mirror.clear_behaviours();
        }
        // Where upstream has not got it either, a pull fails, for whatever platform.
        damage(&pair.upstream, &image, "gone");
        let report = run();
        if depth == "platforms" {
            let row = report.expect("not_checked/platform-unknown", 3);
            assert!(row.reason.contains("for which platform the image is, is not known: "), "{row:?}");
        } else {
            report.expect("incomplete/blob-missing", 1);
        }
        assert_eq!(platforms(&report, "m"), ["linux/arm64 unknown"]);
    }
}

#[test]
fn a_config_that_does_not_tell_leaves_the_platform_unknown() {
    for config in ["{}", "no JSON", r#"{"os": "linux"}"#, r#"{"os": 1, "architecture": []}"#] {
        let image = image(CONFIG, config);
        let pair = Pair::holding(&image, &image);
        for depth in ["platforms", "blobs", "content"] {
            let report = pair.check().args(&format!("--depth {depth} --platform linux/amd64")).run();
            let row = report.expect("not_checked/platform-unknown", 3);
            assert!(row.reason.ends_with("is not known: its config does not say"), "{row:?}");
            pair.check().args(&format!("--depth {depth}")).run().expect("ok/digest-equal", 0);
        }
    }
    let mut large = image(CONFIG, "{}");
    let json: Value = serde_json::from_slice(&large.document.bytes).unwrap();
    for size in [json!(5_000_000), json!(-1)] {
        let mut json = json.clone();
        json["config"]["size"] = size;
        large.document = Document::new(MediaType::OciManifest.as_str(), json.to_string());
        let pair = Pair::holding(&large, &large);
        let report = pair.check().args("--depth platforms --platform linux/amd64").run();
        report.expect("not_checked/platform-unknown", 3);
        assert_eq!(asked(&pair.mirror, &large.blobs[0]), (0, 0));
    }
}

#[test]
fn what_is_no_container_image_is_for_every_platform() {
    for config_type in ["application/vnd.cncf.helm.config.v1+json", "application/vnd.oci.empty.v1+json"] {
        let chart = image(config_type, "{}");
        let pair = Pair::holding(&chart, &chart);
        let report = pair.check().args("--depth platforms --platform linux/s390x").run();
        report.expect("ok/digest-equal", 0);
        assert_eq!(platforms(&report, "m"), [""; 0]);
        assert_eq!(asked(&pair.mirror, &chart.blobs[0]), (0, 0));
        // Its parts are looked at all the same.
        pair.mirror.store().remove_blob(REPOSITORY, &chart.blobs[1].digest);
        let report = pair.check().args("--depth blobs --platform linux/s390x").run();
        report.expect("incomplete/blob-missing", 1);
    }
}

#[test]
fn a_config_is_read_once_and_not_asked_for_again_as_a_part() {
    let image = content::image("app", "linux/amd64");
    let stored = [(REPOSITORY, "1.0", &image), (REPOSITORY, "2.0", &image)];
    for (depth, of_layer) in [("platforms", 0), ("blobs", 1), ("content", 1)] {
        let [upstream, one, two] = [(); 3].map(|()| embedded::start(&stored));
        let check = Check::of(&["app:1.0", "app:2.0"]).upstream(&upstream.url());
        let check = check.mirror("one", &one.url()).mirror("two", &two.url());
        let report = check.args(&format!("--depth {depth} --platform linux/amd64")).run();
        assert_eq!(report.exit, 0, "{report:#?}");
        // Read at one mirror; at the other only there, from the depth on that looks for it.
        let mut configs = [&one, &two].map(|mirror| asked(mirror, &image.blobs[0]));
        configs.sort_unstable();
        let other = match depth {
            "platforms" => (0, 0),
            "blobs" => (1, 0),
            _ => (1, 1),
        };
        assert_eq!(configs, [other, (1, 1)], "{depth}");
        assert_eq!([&one, &two].map(|mirror| asked(mirror, &image.blobs[1]).0), [of_layer; 2]);
        assert_eq!(asked(&upstream, &image.blobs[0]), (0, 0));
    }
}

#[test]
fn the_plan_counts_configs_that_tell_platforms() {
    let [upstreams, copy] = ["linux/amd64", "linux/arm64"].map(|platform| content::image("app", platform));
    let pair = Pair::holding(&upstreams, &copy);
    let bound = |args: &str| {
        let output = pair.check().args(args).args("--plan -f json").tool().run();
        let plan: Value = serde_json::from_str(&output.stdout).unwrap();
        let requests = &plan["requests"];
        let most = requests["at_most"].as_u64().or(requests["at_most_before_parts"].as_u64());
        usize::try_from(most.unwrap()).unwrap()
    };
    let without = bound("--depth manifest");
    for (args, configs) in
        [("--depth platforms --platform linux/s390x", [1, 1]), ("--depth platforms", [0, 1])]
    {
        [&pair.upstream, &pair.mirror].iter().for_each(|registry| registry.forget_hits());
        // Whether a mirror has not got its config, so that upstream's is read, nobody knows before.
        assert_eq!(bound(args), without + 2, "{args}");
        let report = pair.check().args(args).run();
        assert_eq!(report.rows.len(), 2);
        assert!(report.requests <= without + 2, "{} of {}", report.requests, without + 2);
        let asked =
            [&pair.upstream, &pair.mirror].map(|registry| registry.count(|hit| hit.path.contains("/blobs/")));
        assert_eq!(asked, configs, "{args}");
    }
    // One that the mirror has not got.
    let pair = Pair::holding(&upstreams, &upstreams);
    damage(&pair.mirror, &upstreams, "gone");
    for args in ["--depth platforms --platform linux/amd64", "--depth platforms"] {
        [&pair.upstream, &pair.mirror].iter().for_each(|registry| registry.forget_hits());
        let report = pair.check().args(args).run();
        assert!(report.requests <= without + 2, "{} of {}", report.requests, without + 2);
        assert_eq!(asked(&pair.upstream, &upstreams.blobs[0]), (1, 1), "{args}");
    }
}
