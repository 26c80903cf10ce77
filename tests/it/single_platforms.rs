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
    let document = document(report);
    let rows = document["results"].as_array().unwrap();
    let row = rows.iter().find(|row| row["mirror"] == mirror).unwrap();
    let lines = row["parts"]["platforms"].as_array().unwrap();
    lines
        .iter()
        .map(|line| format!("{} {}", line["platform"].as_str().unwrap(), line["state"].as_str().unwrap()))
        .collect()
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
        for (written, wanted, state) in [
            ("linux/amd64", "linux/x86_64", "linux/amd64 present"),
            ("linux/arm64/v8", "linux/arm64", "linux/arm64 present"),
            // What runtimes take in its place.
            ("linux/arm/v6", "linux/arm/v7", "linux/arm/v6 present"),
            ("linux/amd64", "linux/arm64", "linux/arm64 not_upstream"),
        ] {
            for image in [content::image("app", written), content::docker_image("app", written)] {
                let pair = Pair::holding(&image, &image);
                let report = pair.check().args(&format!("--depth {depth} --platform {wanted}")).run();
                // What upstream itself lacks is no failure of the mirror.
                report.expect("ok/digest-equal", 0);
                assert_eq!(platforms(&report, "m"), [state], "{depth} {written} {wanted}");
                let upstream = report.rows.iter().find(|row| row.mirror != "m").unwrap();
                if state.ends_with("not_upstream") {
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
    // Nobody asked for a platform.
    registry.forget_hits();
    assert_eq!(run("--depth platforms").exit, 0);
    assert_eq!(asked(&registry, &image.blobs[0]), (0, 0));
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
        pair.mirror.clear_behaviours();
        pair.mirror.set_behaviour(Scope::Blobs, Behaviour::WrongByte);
        assert_eq!(platforms(&run(), "m"), ["linux/arm64 unknown"]);
        pair.mirror.clear_behaviours();
        // A config that is not there is a pull that fails, for whatever platform.
        pair.mirror.store().remove_blob(REPOSITORY, &image.blobs[0].digest);
        let report = run();
        report.expect("incomplete/blob-missing", 1);
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
        usize::try_from(plan["requests"]["at_most_before_parts"].as_u64().unwrap()).unwrap()
    };
    let without = bound("--depth platforms");
    let wanted = "--depth platforms --platform linux/s390x";
    assert_eq!(bound(wanted), without + 2);
    let report = pair.check().args(wanted).run();
    assert_eq!(report.rows.len(), 2);
    assert!(report.requests <= without + 2, "{} of {}", report.requests, without + 2);
    assert_eq!(
        [&pair.upstream, &pair.mirror].map(|registry| registry.count(|hit| hit.path.contains("/blobs/"))),
        [1, 1]
    );
}
