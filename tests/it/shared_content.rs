//! Blobs that repositories of one mirror share, at depth `content`: their bytes come once, and whether each repository has
//! them is asked of each.

use registry_check::demo::{Behaviour, Failure, Image, Registry, Scope, content};
use serde_json::Value;

use crate::support::embedded::{Check, Report, TAG, start};

const REPOSITORIES: [&str; 3] = ["library/a", "library/b", "library/c"];

/// The same image in three repositories, upstream and at the mirror.
fn shared() -> (Image, Registry, Registry) {
    let image = content::image("shared", "linux/amd64");
    let held: Vec<_> = REPOSITORIES.iter().map(|name| (*name, TAG, &image)).collect();
    let [upstream, mirror] = [start(&held), start(&held)];
    (image, upstream, mirror)
}

fn check(upstream: &Registry, mirror: &Registry, args: &str) -> Report {
    Check::of(&["a:1.0", "b:1.0", "c:1.0"])
        .upstream(&upstream.url())
        .mirror("m", &mirror.url())
        .args(&format!("--depth content {args}"))
        .run()
}

/// How often the mirror was asked for a blob: by HEAD, by GET; of any repository.
fn asked(mirror: &Registry, digest: &str) -> (usize, usize) {
    let count = |method: &str| {
        let is_it = |hit: &&registry_check::demo::Hit| {
            hit.method == method && hit.path.ends_with(&format!("/blobs/{digest}"))
        };
        mirror.hits().iter().filter(is_it).count()
    };
    (count("HEAD"), count("GET"))
}

/// Status, code, and how many blobs were left out, of each image at the mirror, in order.
fn told(report: &Report) -> Vec<(String, u64)> {
    let json: Value = serde_json::from_str(&report.text).expect("JSON");
    let rows = json["results"].as_array().expect("rows").iter().filter(|row| row["role"] == "mirror");
    rows.map(|row| {
        let word = |key: &str| row[key].as_str().expect("a word").to_owned();
        (
            format!("{}/{}", word("status"), word("code")),
            row["parts"]["uncovered_blobs"].as_u64().expect("a number"),
        )
    })
    .collect()
}

fn all_well() -> [(String, u64); 3] {
    [(); 3].map(|()| ("ok/digest-equal".to_owned(), 0))
}

/// The config is read in each repository, for its platform; what it names comes once.
fn hold(image: &Image, mirror: &Registry) {
    let (config, layers) = image.blobs.split_first().expect("a config");
    assert_eq!(asked(mirror, &config.digest.to_string()), (0, 3));
    assert!(!layers.is_empty());
    for layer in layers {
        assert_eq!(asked(mirror, &layer.digest.to_string()), (2, 1), "{}", layer.digest);
    }
}

#[test]
fn bytes_come_once_and_presence_is_asked_of_each_repository() {
    let (image, upstream, mirror) = shared();
    let report = check(&upstream, &mirror, "");
    assert_eq!(told(&report), all_well());
    hold(&image, &mirror);
}

#[test]
fn a_limit_on_bytes_counts_them_once() {
    let (image, upstream, mirror) = shared();
    let all: usize = image.blobs.iter().map(|blob| blob.bytes.len()).sum();
    let report = check(&upstream, &mirror, &format!("--max-bytes {all}"));
    assert_eq!(told(&report), all_well());
    hold(&image, &mirror);
    // The largest is left out everywhere, and still looked for in each; configs are read for their platforms, whatever
    // the bound.
    mirror.forget_hits();
    let layers: usize = image.blobs[1..].iter().map(|blob| blob.bytes.len()).sum();
    let report = check(&upstream, &mirror, &format!("--max-bytes {}", layers - 1));
    assert_eq!(told(&report), [(); 3].map(|()| ("ok/digest-equal".to_owned(), 1)));
    let largest = image.blobs[1..].iter().max_by_key(|blob| blob.bytes.len()).expect("a layer");
    assert_eq!(asked(&mirror, &largest.digest.to_string()), (3, 0));
}

#[test]
fn what_one_repository_lacks_is_missing_there_and_nowhere_else() {
    for args in ["", "--max-bytes 1GB", "--per-host 1"] {
        for lacking in 0..REPOSITORIES.len() {
            let (image, upstream, mirror) = shared();
            let digest = image.blobs[0].digest.to_string();
            let gone = Behaviour::Status(Failure::registry(404, "BLOB_UNKNOWN", "gone"));
            mirror.set_behaviour(Scope::reference(REPOSITORIES[lacking], &digest), gone);
            let report = check(&upstream, &mirror, args);
            let mut expected = all_well();
            expected[lacking].0 = "incomplete/blob-missing".to_owned();
            assert_eq!(told(&report), expected, "{args}");
        }
    }
}

#[test]
fn wrong_bytes_of_one_repository_say_nothing_of_anothers() {
    for args in ["", "--max-bytes 1GB"] {
        let (image, upstream, mirror) = shared();
        let digest = image.blobs[0].digest.to_string();
        for repository in &REPOSITORIES[1..] {
            mirror.set_behaviour(Scope::reference(repository, &digest), Behaviour::WrongByte);
        }
        // Whichever is asked first, `a` has the right ones; the others are found out where they are read.
        let report = check(&upstream, &mirror, args);
        let told = told(&report);
        assert_eq!(told[0].0, "ok/digest-equal", "{args}");
        for (verdict, uncovered) in &told[1..] {
            assert!(["ok/digest-equal", "invalid/blob-corrupt"].contains(&verdict.as_str()), "{verdict}");
            assert_eq!(*uncovered, 0);
        }
    }
}
