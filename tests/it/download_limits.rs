//! `--max-bytes`: of all that a run would download, what is smallest is; the rest is told.

use registry_check::demo::content::{Blob, Document, Image};
use registry_check::demo::{Behaviour, Registry, Scope};
use registry_check::model::manifest::MediaType;
use serde_json::{Value, json};

use crate::support::embedded::{self, Check, Pair, REPOSITORY, Report};
use crate::support::report;

/// A layer of so many bytes.
fn layer(length: usize) -> Blob {
    Blob::new(vec![b'x'; length])
}

/// An image of layers of these lengths, and of a config that is an empty object.
fn image(lengths: &[usize]) -> Image {
    let entry = |blob: &Blob| {
        let media_type = "application/vnd.oci.image.layer.v1.tar";
        json!({"mediaType": media_type, "digest": blob.digest.to_string(), "size": blob.bytes.len()})
    };
    let mut blobs = vec![Blob::new(b"{}".as_slice())];
    blobs.extend(lengths.iter().copied().map(layer));
    let media_type = MediaType::OciManifest.as_str();
    let layers: Vec<_> = blobs[1..].iter().map(entry).collect();
    let json = json!({
        "schemaVersion": 2, "mediaType": media_type, "config": entry(&blobs[0]), "layers": layers,
    });
    Image { document: Document::new(media_type, json.to_string()), children: Vec::new(), blobs }
}

/// Whether the layer of this length was downloaded from a registry.
fn is_downloaded(registry: &Registry, length: usize) -> bool {
    let path = format!("/v2/{REPOSITORY}/blobs/{}", layer(length).digest);
    registry.count(|hit| hit.path == path && hit.method.as_str() == "GET") > 0
}

/// `blobs bytes` that were left out of the image behind `reference`, at the mirror `m`.
fn uncovered(report: &Report, image: &str) -> (u64, u64) {
    let document: Value = serde_json::from_str(&report.text).unwrap();
    let rows = document["results"].as_array().unwrap();
    let row = rows.iter().find(|row| row["mirror"] == "m" && row["input"] == image).unwrap();
    let left = |key: &str| row["parts"].get(key).map_or(0, |left| left.as_u64().unwrap());
    (left("uncovered_blobs"), left("uncovered_bytes"))
}

#[test]
fn a_limit_on_bytes_leaves_out_what_is_largest_and_says_so() {
    let image = image(&[5_000, 10]);
    let pair = Pair::holding(&image, &image);
    let check = || pair.check().args("--depth content --max-bytes 1kB");
    let report = check().run();
    report.expect("ok/digest-equal", 0);
    assert_eq!(uncovered(&report, "app:1.0"), (1, 5_000));
    let table = check().tool().run();
    assert!(
        table.stdout.contains("not downloaded, only looked for: 1 blob of 5.0 kB (--max-bytes"),
        "{}",
        table.stdout
    );
    // What is not downloaded must be there all the same.
    pair.mirror.store().remove_blob(REPOSITORY, &layer(5_000).digest);
    check().run().expect("incomplete/blob-missing", 1);
}

#[test]
fn what_is_smallest_is_downloaded_first_over_all_images_however_slow_one_is() {
    let images = [image(&[20, 5_000]), image(&[10, 3_000])];
    let stored = [(REPOSITORY, "1.0", &images[0]), (REPOSITORY, "2.0", &images[1])];
    let [upstream, mirror] = [(); 2].map(|()| embedded::start(&stored));
    // The first image is known long before the second.
    let late = Behaviour::Delay(std::time::Duration::from_millis(300));
    mirror.set_behaviour(Scope::reference(REPOSITORY, "2.0"), late);
    let check = Check::of(&["app:1.0", "app:2.0"]).upstream(&upstream.url()).mirror("m", &mirror.url());
    let report = check.args("--depth content --max-bytes 6kB").run();
    assert_eq!(report.exit, 0, "{report:#?}");
    assert_eq!(
        [20, 10, 3_000, 5_000].map(|length| is_downloaded(&mirror, length)),
        [true, true, true, false]
    );
    assert_eq!((uncovered(&report, "app:1.0"), uncovered(&report, "app:2.0")), ((1, 5_000), (0, 0)));
}

#[test]
fn what_images_share_is_downloaded_and_counted_once() {
    let images = [image(&[2_000]), image(&[2_000, 30]), image(&[2_000, 40])];
    let [one, two, three] = &images;
    let stored = [(REPOSITORY, "1.0", one), (REPOSITORY, "2.0", two), (REPOSITORY, "3.0", three)];
    let [upstream, mirror] = [(); 2].map(|()| embedded::start(&stored));
    for limit in ["", " --max-bytes 2100B"] {
        mirror.forget_hits();
        let check = Check::of(&["app:1.0", "app:2.0", "app:3.0"]).upstream(&upstream.url());
        let report = check.mirror("m", &mirror.url()).args(&format!("--depth content{limit}")).run();
        assert_eq!(report.exit, 0, "{report:#?}");
        let document: Value = serde_json::from_str(&report.text).unwrap();
        let bytes: usize = 2 + 2_000 + 30 + 40;
        assert_eq!(document["summary"]["hosts"][0]["bytes"], bytes);
        assert_eq!(["app:1.0", "app:2.0", "app:3.0"].map(|image| uncovered(&report, image)), [(0, 0); 3]);
        let path = format!("/v2/{REPOSITORY}/blobs/{}", layer(2_000).digest);
        assert_eq!(mirror.hits_to(&path), 1, "{limit}");
    }
}

#[test]
fn bytes_that_a_mirror_did_not_give_are_there_for_what_is_larger() {
    let image = image(&[3_000, 4_000]);
    let pair = Pair::holding(&image, &image);
    pair.mirror.store().remove_blob(REPOSITORY, &layer(3_000).digest);
    let report = pair.check().args("--depth content --max-bytes 5kB").run();
    report.expect("incomplete/blob-missing", 1);
    assert!(is_downloaded(&pair.mirror, 4_000));
    assert_eq!(uncovered(&report, "app:1.0"), (0, 0));
}

#[test]
fn a_run_that_is_interrupted_before_downloads_begin_says_that_nothing_was_downloaded() {
    let images = [image(&[20]), image(&[10])];
    let stored = [(REPOSITORY, "1.0", &images[0]), (REPOSITORY, "2.0", &images[1])];
    let [upstream, mirror] = [(); 2].map(|()| embedded::start(&stored));
    mirror.set_behaviour(Scope::reference(REPOSITORY, "2.0"), Behaviour::Silent);
    let check = Check::of(&["app:1.0", "app:2.0"]).upstream(&upstream.url()).mirror("m", &mirror.url());
    let patient = "--connect-timeout 1h --first-byte-timeout 1h --timeout 1h --retries 0 -vv";
    let running =
        check.args(&format!("--depth content --max-bytes 6kB {patient}")).args("-f json").tool().start();
    running.wait_for(&format!("debug: GET {}/v2/{REPOSITORY}/manifests/sha256:", mirror.url()));
    running.signal("INT");
    let output = running.wait();
    assert_eq!(output.code, Some(130), "{output:?}");
    let report = report::json(&output.stdout);
    let rows: Vec<_> = report::json_rows(&report).into_iter().filter(|row| row.mirror == "m").collect();
    assert_eq!(rows.len(), 2);
    for row in rows {
        assert_eq!((&*row.status, &*row.code), ("not_checked", "interrupted"), "{row:?}");
    }
    assert_eq!(mirror.count(|hit| hit.path.contains("/blobs/")), 0);
}

#[test]
fn a_list_that_comes_in_has_its_limit_too() {
    let image = image(&[5_000, 10]);
    let pair = Pair::holding(&image, &image);
    let config = format!(
        "[[mirrors]]\nname = \"m\"\nurl = \"{}\"\n[[registries]]\nname = \"docker.io\"\nurl = \"{}\"\n",
        pair.mirror.url(),
        pair.upstream.url()
    );
    let output = crate::support::tool::Tool::new()
        .file("registry-check.toml", config)
        .stdin("app:1.0\n")
        .line("- -f ndjson --depth content --max-bytes 1kB")
        .run();
    assert_eq!(output.code, Some(0), "{output:?}");
    let (results, _) = report::ndjson(&output.stdout);
    let of_mirror = results.iter().find(|result| result["mirror"] == "m").unwrap();
    assert_eq!(of_mirror["parts"]["uncovered_bytes"], 5_000);
    assert!(is_downloaded(&pair.mirror, 10) && !is_downloaded(&pair.mirror, 5_000));
}
