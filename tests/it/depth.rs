//! What a pull would really find: parts of images that are gone from real registries, told by digest, platform and
//! image.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::daemon::{DockerRegistry, Options};
use crate::support::push::{self, Image};
use crate::support::report;
use crate::support::tool::{Output, Tool};

const IMAGES: usize = 200;

/// Where a registry keeps a blob; manifests are blobs too.
fn blob_path(registry: &DockerRegistry, digest: &str) -> PathBuf {
    let hex = digest.strip_prefix("sha256:").expect("a digest");
    registry.storage().join("docker/registry/v2/blobs/sha256").join(&hex[..2]).join(hex)
}

/// Where a registry notes that a repository has a blob or a manifest.
fn link_path(registry: &DockerRegistry, repository: &str, kind: &str, digest: &str) -> PathBuf {
    let hex = digest.strip_prefix("sha256:").expect("a digest");
    let root = registry.storage().join("docker/registry/v2/repositories").join(repository);
    root.join(kind).join("sha256").join(hex)
}

struct Three {
    upstream: DockerRegistry,
    mirrors: [DockerRegistry; 2],
    images: Vec<Image>,
}

impl Three {
    fn start() -> Self {
        let [upstream, one, two] = [(); 3].map(|()| DockerRegistry::start(Options::default()));
        let images = push::fill(&upstream.authority(), IMAGES);
        for mirror in [&one, &two] {
            push::push(&mirror.authority(), &images);
        }
        Self { upstream, mirrors: [one, two], images }
    }

    fn config(&self) -> String {
        let [one, two] = self.mirrors.each_ref().map(DockerRegistry::url);
        format!(
            "[[registries]]\nname = \"docker.io\"\nurl = \"{}\"\n\
             [[mirrors]]\nname = \"one\"\nurl = \"{one}\"\n[[mirrors]]\nname = \"two\"\nurl = \"{two}\"\n",
            self.upstream.url()
        )
    }

    fn list(&self) -> String {
        let lines = self.images.iter().map(|image| format!("{}:{}\n", image.repository, image.tag));
        lines.collect()
    }

    fn check(&self, args: &str) -> Output {
        let tool = Tool::new().file("c.toml", self.config()).file("images.txt", self.list());
        tool.line("--config c.toml images.txt -f json").line(args).run()
    }

    /// The place of the blobs of an image: shared by all of its repository.
    fn image(&self, number: usize) -> &Image {
        &self.images[number]
    }
}

fn layer_of(image: &Image) -> String {
    let manifest = image.children.first().unwrap_or(&image.top);
    let manifest: Value = serde_json::from_slice(&manifest.body).expect("JSON");
    manifest["layers"][0]["digest"].as_str().expect("a digest").to_owned()
}

fn config_of(manifest: &push::Document) -> String {
    let manifest: Value = serde_json::from_slice(&manifest.body).expect("JSON");
    manifest["config"]["digest"].as_str().expect("a digest").to_owned()
}

/// Every finding of a report: mirror, artifact, kind, digest, platforms, code.
fn findings(text: &str) -> Vec<(String, String, String, String, String, String)> {
    let document: Value = serde_json::from_str(text).expect("JSON");
    let of_row = |row: &Value| -> Vec<_> {
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (mirror, artifact) = (word(&row["mirror"]), word(&row["artifact"]));
        let findings = row["parts"]["findings"].as_array().cloned().unwrap_or_default();
        let told = findings.into_iter().map(|finding| {
            let platforms: Vec<_> =
                finding["platforms"].as_array().expect("a list").iter().map(word).collect();
            let [kind, digest, code] = ["kind", "digest", "code"].map(|key| word(&finding[key]));
            (mirror.clone(), artifact.clone(), kind, digest, platforms.join(","), code)
        });
        told.collect()
    };
    document["results"].as_array().expect("results").iter().flat_map(of_row).collect()
}

#[test]
fn a_layer_a_child_and_a_config_that_are_gone_are_named_by_digest_platform_and_image() {
    let three = Three::start();
    let [one, two] = &three.mirrors;
    // The second image of a repository is an index, the first one is not.
    let (layered, indexed, configured) = (three.image(20), three.image(41), three.image(71));
    let layer = layer_of(layered);
    fs::remove_file(link_path(one, &layered.repository, "_layers", &layer).join("link")).unwrap();
    let child = indexed.children[1].digest();
    fs::remove_dir_all(blob_path(two, &child)).unwrap();
    let config = config_of(&configured.children[1]);
    fs::remove_dir_all(blob_path(two, &config)).unwrap();

    let head = three.check("--depth head");
    assert_eq!(head.code, Some(0), "{}{}", head.stdout, head.stderr);
    let rows = report::json_rows(&report::json(&head.stdout));
    assert!(rows.iter().all(|row| row.status == "ok"), "{}", head.stdout);

    let before: Vec<_> = three.mirrors.iter().map(|mirror| mirror.log().len()).collect();
    let blobs = three.check("--depth blobs");
    assert_eq!(blobs.code, Some(1), "{}{}", blobs.stdout, blobs.stderr);
    let rows = report::json_rows(&report::json(&blobs.stdout));
    let name = |image: &Image| format!("docker.io/{}:{}", image.repository, image.tag);
    let mut expected = Vec::new();
    // A layer and a config are shared by the images of a repository, in which each child is of its own.
    for (at, image) in three.images.iter().enumerate().filter(|(at, _)| at / 10 == 2) {
        let platforms = if at % 2 == 0 { "linux/amd64" } else { "linux/amd64,linux/arm64" };
        expected.push(("one", name(image), "layer", layer.clone(), platforms, "blob-missing"));
    }
    expected.push(("two", name(indexed), "manifest", child, "linux/arm64", "child-missing"));
    for image in three.images.iter().skip(70).take(10).filter(|image| !image.children.is_empty()) {
        expected.push(("two", name(image), "config", config.clone(), "linux/arm64", "blob-missing"));
    }
    let expected: Vec<_> = expected
        .into_iter()
        .map(|(mirror, image, kind, digest, platforms, code)| {
            (mirror.to_owned(), image, kind.to_owned(), digest, platforms.to_owned(), code.to_owned())
        })
        .collect();
    let mut found = findings(&blobs.stdout);
    found.sort();
    let mut sorted = expected.clone();
    sorted.sort();
    assert_eq!(found, sorted);
    for row in rows.iter().filter(|row| row.status != "ok") {
        assert!(expected.iter().any(|(mirror, image, ..)| (mirror, image) == (&row.mirror, &row.artifact)));
        assert_eq!(row.status, "incomplete", "{row:?}");
    }

    for (mirror, before) in three.mirrors.iter().zip(before) {
        let log = mirror.log();
        let mut asked: HashMap<&str, usize> = HashMap::new();
        for line in log[before..].lines().filter(|line| line.contains("/blobs/sha256:")) {
            let (_, request) = line.split_once('"').expect("a request");
            let path = request.split(' ').nth(1).expect("a path");
            *asked.entry(path).or_default() += 1;
        }
        // A layer and two configs for each of twenty repositories; what is missing is asked for by GET as well.
        assert_eq!(asked.len(), 60, "{}", mirror.url());
        let twice: Vec<_> = asked.iter().filter(|(_, times)| **times > 1).collect();
        assert_eq!(twice.len(), 1, "{twice:?}");
        assert!(twice.iter().all(|(path, _)| path.contains(&layer) || path.contains(&config)));
    }
}

/// What a row of the JSON report says of the parts of an image.
fn parts<'a>(document: &'a Value, mirror: &str, artifact: &str) -> &'a Value {
    let rows = document["results"].as_array().expect("results");
    let row = rows.iter().find(|row| row["mirror"] == mirror && row["artifact"] == artifact);
    &row.unwrap_or_else(|| panic!("no row for {artifact} at {mirror}"))["parts"]
}

#[test]
fn only_wanted_platforms_are_looked_at_and_images_and_mirrors_may_differ() {
    let [upstream, one, two] = [(); 3].map(|()| DockerRegistry::start(Options::default()));
    let images = push::fill(&upstream.authority(), 4);
    for mirror in [&one, &two] {
        push::push(&mirror.authority(), &images);
    }
    let arm = images[1].children[1].digest();
    fs::remove_dir_all(blob_path(&one, &arm)).unwrap();
    let config = format!(
        "depth = \"platforms\"\nplatforms = [\"linux/amd64\"]\n[[registries]]\nname = \"docker.io\"\nurl = \"{}\"\n\
         [[mirrors]]\nname = \"one\"\nurl = \"{}\"\n[[mirrors]]\nname = \"two\"\nurl = \"{}\"\ndepth = \"head\"\n",
        upstream.url(),
        one.url(),
        two.url()
    );
    let list = "library/app-000:1.1\nlibrary/app-000:1.3 depth=blobs platform=linux/arm64,linux/s390x\n";
    let run = |args: &str| {
        let tool = Tool::new().file("registry-check.toml", &config).file("images.txt", list);
        tool.line("images.txt -f json").line(args).run()
    };
    let output = run("");
    assert_eq!(output.code, Some(0), "{}{}", output.stdout, output.stderr);
    report::json(&output.stdout);
    let document: Value = serde_json::from_str(&output.stdout).unwrap();
    let (first, second) = ("docker.io/library/app-000:1.1", "docker.io/library/app-000:1.3");
    let amd = images[1].children[0].digest();
    assert_eq!(
        parts(&document, "one", first)["platforms"],
        json!([{"platform": "linux/amd64", "digest": amd, "state": "present"}])
    );
    assert_eq!(parts(&document, "one", first)["unwanted"], 1);
    assert_eq!(parts(&document, "two", first), &Value::Null);
    // What is said of the image holds at every mirror; what upstream lacks is no fault of theirs.
    for mirror in ["one", "two"] {
        let parts = parts(&document, mirror, second);
        assert_eq!(parts["depth"], "blobs");
        assert_eq!(
            parts["platforms"],
            json!([
                {"platform": "linux/arm64", "digest": images[3].children[1].digest(), "state": "present"},
                {"platform": "linux/s390x", "digest": null, "state": "not_upstream"},
            ])
        );
        assert_eq!((&parts["blobs"], &parts["findings"]), (&json!(2), &json!([])));
    }
    let upstreams = document["results"].as_array().unwrap().iter().filter(|row| row["role"] == "upstream");
    let codes: Vec<_> = upstreams.map(|row| row["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["served", "upstream-lacks-platform"]);

    // The flag is for what nothing else is said of.
    let output = run("--platform linux/arm64");
    assert_eq!(output.code, Some(1), "{}{}", output.stdout, output.stderr);
    let found = findings(&output.stdout);
    let words = |text: &str| text.to_owned();
    let expected =
        (words("one"), words(first), words("manifest"), arm, words("linux/arm64"), words("child-missing"));
    assert_eq!(found, [expected]);
}
