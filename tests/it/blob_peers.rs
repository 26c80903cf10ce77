//! Depths `blobs` and `content` at real registries: what images are made of, CDNs behind nginx, and 2 GiB.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, Instant};

use registry_check::demo::{ClosedPort, Registry, Store};
use registry_check::model::digest::Digest;
use registry_check::model::manifest::MediaType;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::daemon::{DockerRegistry, Options};
use crate::support::nginx::Nginx;
use crate::support::push::{self, Document, Image};
use crate::support::report;
use crate::support::tool::Tool;

const GIB: u64 = 1 << 30;

/// A zstd frame of nothing (RFC 8878).
const EMPTY_ZSTD: [u8; 9] = [0x28, 0xb5, 0x2f, 0xfd, 0x20, 0, 1, 0, 0];
/// A gzip member of nothing (RFC 1952).
const EMPTY_GZIP: [u8; 20] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0];

fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": Digest::sha256(bytes).to_string(), "size": bytes.len()})
}

/// `library/NAME:1` of this manifest; each of `blobs` is pushed with it.
fn made(name: &str, media_type: MediaType, manifest: &Value, blobs: &[&[u8]]) -> Image {
    Image {
        repository: format!("library/{name}"),
        tag: "1".to_owned(),
        top: Document { media_type, body: manifest.to_string().into_bytes() },
        children: Vec::new(),
        blobs: blobs.iter().map(|blob| blob.to_vec()).collect(),
    }
}

/// An OCI manifest of these.
fn oci(name: &str, more: &Value, config: (&str, &[u8]), layers: &[(&str, &[u8])]) -> Image {
    let media_type = MediaType::OciManifest;
    let mut manifest = json!({
        "schemaVersion": 2,
        "mediaType": media_type.as_str(),
        "config": descriptor(config.0, config.1),
        "layers": layers.iter().map(|(kind, bytes)| descriptor(kind, bytes)).collect::<Vec<_>>(),
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        manifest[key] = value.clone();
    }
    let blobs: Vec<_> = std::iter::once(config.1).chain(layers.iter().map(|(_, bytes)| *bytes)).collect();
    made(name, media_type, &manifest, &blobs)
}

fn zstd_and_gzip() -> Image {
    oci(
        "layers",
        &json!({}),
        ("application/vnd.oci.image.config.v1+json", b"{\"os\":\"linux\",\"architecture\":\"amd64\"}"),
        &[
            ("application/vnd.oci.image.layer.v1.tar+zstd", &EMPTY_ZSTD),
            ("application/vnd.oci.image.layer.v1.tar+gzip", &EMPTY_GZIP),
        ],
    )
}

fn artifact() -> Image {
    oci(
        "artifact",
        &json!({"artifactType": "application/vnd.example.report"}),
        ("application/vnd.oci.empty.v1+json", b"{}"),
        &[("text/html", b"<!DOCTYPE html><title>a report</title>")],
    )
}

fn chart() -> Image {
    oci(
        "chart",
        &json!({}),
        ("application/vnd.cncf.helm.config.v1+json", b"{\"name\":\"chart\",\"apiVersion\":\"v2\"}"),
        &[("application/vnd.cncf.helm.chart.content.v1.tar+gzip", &EMPTY_GZIP)],
    )
}

/// A Windows image: its base layer is elsewhere, at `url`, and was never pushed.
fn with_foreign_layer(url: &str) -> (Image, String) {
    let config = b"{\"os\":\"windows\",\"architecture\":\"amd64\"}";
    let mut foreign = descriptor("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", b"not here");
    foreign["urls"] = json!([url]);
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MediaType::DockerManifest.as_str(),
        "config": descriptor("application/vnd.docker.container.image.v1+json", config),
        "layers": [foreign, descriptor("application/vnd.docker.image.rootfs.diff.tar.gzip", &EMPTY_GZIP)],
    });
    let image = made("windows", MediaType::DockerManifest, &manifest, &[config, &EMPTY_GZIP]);
    (image, Digest::sha256(b"not here").to_string())
}

/// A check of `images`, with one mirror `m` of docker.io.
fn check(upstream: &str, mirror: &str, images: &[&str], args: &str) -> Tool {
    let config = format!(
        "[[registries]]\nname = \"docker.io\"\nurl = \"{upstream}\"\n\
         [[mirrors]]\nname = \"m\"\nurl = \"{mirror}\"\n"
    );
    Tool::new()
        .file("registry-check.toml", config)
        .file("images.txt", images.join("\n"))
        .line("images.txt -f json")
        .line(args)
}

/// The rows of `m`.
fn rows(report: &Value) -> Vec<report::Row> {
    report::json_rows(report).into_iter().filter(|row| row.mirror == "m").collect()
}

/// `part host` of each host that pulls from `m` have to reach.
fn hosts(report: &Value) -> Vec<String> {
    let hosts = report["summary"]["hosts"].as_array().unwrap_or_else(|| panic!("no hosts: {report:#}"));
    let ours = hosts.iter().filter(|host| host["mirror"] == "m");
    let told = |host: &Value| {
        let word = |key: &str| host[key].as_str().unwrap_or_else(|| panic!("{host}")).to_owned();
        format!("{} {}:{}", word("part"), word("host"), host["port"])
    };
    ours.map(told).collect()
}

#[test]
fn everything_that_registries_hold_is_read_and_what_they_need_not_hold_is_left_out() {
    let elsewhere = Registry::start(Store::new()).unwrap();
    let [upstream, mirror] = [(); 2].map(|()| DockerRegistry::start(Options::default()));
    let (windows, foreign) = with_foreign_layer(&format!("{}/base.tar.gz", elsewhere.url()));
    let images = [zstd_and_gzip(), artifact(), chart(), windows];
    for registry in [&upstream, &mirror] {
        push::push(&registry.authority(), &images);
    }
    let names = ["layers:1", "artifact:1", "chart:1", "windows:1"];
    let mut before = 0;
    for depth in ["blobs", "content"] {
        before = mirror.log().len();
        let output = check(&upstream.url(), &mirror.url(), &names, "--depth").args([depth]).run();
        let report = report::json(&output.stdout);
        let verdicts: Vec<_> = rows(&report).iter().map(|row| row.status.clone()).collect();
        assert_eq!((verdicts, output.code), (vec!["ok".to_owned(); 4], Some(0)), "{depth}: {report:#}");
    }
    assert!(!mirror.log().contains(&foreign), "a layer that is not the registry's was asked for");
    assert_eq!(elsewhere.hits().len(), 0);
    // The gzip layer is in three repositories, and its bytes are read in one of them.
    let log = mirror.log().split_off(before);
    let read: Vec<_> = log
        .split("\"GET /v2/")
        .skip(1)
        .filter_map(|line| line.split_once(' ')?.0.split_once("/blobs/"))
        .map(|(_, digest)| digest)
        .collect();
    let distinct: BTreeSet<_> = read.iter().collect();
    assert_eq!(read.len(), distinct.len(), "{read:?}");
    assert!(distinct.len() > 4, "{read:?}");
}

#[test]
fn blobs_behind_a_second_host_are_read_there_and_a_dead_one_is_the_cause() {
    let backend = DockerRegistry::start(Options::default());
    push::push(&backend.authority(), &[zstd_and_gzip()]);
    let pass = format!("proxy_pass http://{}; proxy_set_header Host $http_host;", backend.authority());
    let front = |target: &str| {
        Nginx::start(
            "",
            &format!(
                "location ~ ^/v2/.*/blobs/ {{ return 307 http://{target}$request_uri; }} location / {{ {pass} }}"
            ),
        )
    };
    let cdn = Nginx::start("", &format!("location / {{ {pass} }}"));
    let mirror = front(&cdn.authority());
    for depth in ["blobs", "content"] {
        let url = format!("http://{}", mirror.authority());
        let output = check(&backend.url(), &url, &["layers:1"], "--depth").args([depth]).run();
        let report = report::json(&output.stdout);
        assert_eq!((&*rows(&report)[0].status, output.code), ("ok", Some(0)), "{depth}: {report:#}");
        assert_eq!(
            hosts(&report),
            [format!("registry {}", mirror.authority()), format!("blob_store {}", cdn.authority())]
        );
    }

    let dead = ClosedPort::take().unwrap();
    let mirror = front(&dead.addr().to_string());
    let url = format!("http://{}", mirror.authority());
    let output = check(&backend.url(), &url, &["layers:1"], "--depth blobs").run();
    let report = report::json(&output.stdout);
    let row = &rows(&report)[0];
    assert_eq!(
        (&*row.status, &*row.code, output.code),
        ("unreachable", "connect-refused", Some(3)),
        "{row:?}"
    );
    assert!(row.reason.contains(&dead.addr().to_string()), "{row:?}");
    let dead = format!("blob_store {}", dead.addr());
    assert_eq!(hosts(&report), [format!("registry {}", mirror.authority()), dead]);
}

/// Puts a blob of zeros into a registry's storage, of which the disk holds nothing.
fn store_zeros(storage: &Path, repository: &str, digest: &str, size: u64) {
    let hex = digest.strip_prefix("sha256:").unwrap();
    let root = storage.join("docker/registry/v2");
    let blob = root.join("blobs/sha256").join(&hex[..2]).join(hex);
    fs::create_dir_all(&blob).unwrap();
    File::create(blob.join("data")).unwrap().set_len(size).unwrap();
    let link = root.join("repositories").join(repository).join("_layers/sha256").join(hex);
    fs::create_dir_all(&link).unwrap();
    fs::write(link.join("link"), digest).unwrap();
}

/// `VmHWM` of a process: the most memory that it has had so far, in KiB; `None` once it has ended.
fn peak_kib(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[test]
fn two_gibibytes_are_hashed_in_little_memory() {
    // What `sha256sum` says of 2 GiB of zeros.
    const ZEROS: &str = "sha256:a7c744c13cc101ed66c29f672f92455547889cc586ce6d44fe76ae824958ea51";
    // On a disk: in memory, reading holes may fill them.
    let storage = TempDir::new().unwrap();
    let options = Options { storage: Some(storage.path().to_owned()), ..Options::default() };
    let registry = DockerRegistry::start(options);
    store_zeros(storage.path(), "library/large", ZEROS, 2 * GIB);
    let config = b"{}";
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MediaType::OciManifest.as_str(),
        "config": descriptor("application/vnd.oci.image.config.v1+json", config),
        "layers": [{
            "mediaType": "application/vnd.oci.image.layer.v1.tar",
            "digest": ZEROS,
            "size": 2 * GIB,
        }],
    });
    push::push(&registry.authority(), &[made("large", MediaType::OciManifest, &manifest, &[config])]);
    let running = check(&registry.url(), &registry.url(), &["large:1"], "--depth content").start();
    // What it had at its end is what it had a moment before, or it was not flat.
    let mut most = 0;
    while let Some(peak) = peak_kib(running.id()) {
        most = most.max(peak);
        // Only not to keep a processor busy.
        std::thread::sleep(Duration::from_millis(5));
    }
    let output = running.wait();
    let report = report::json(&output.stdout);
    assert_eq!((&*rows(&report)[0].status, output.code), ("ok", Some(0)), "{report:#}");
    assert!(most > 1024 && most < 64 * 1024, "{most} KiB");
    let asked = || registry.log().matches(&format!("\"GET /v2/library/large/blobs/{ZEROS}")).count();
    // The daemon notes a request when it is done with it, a moment after the last byte has come.
    let deadline = Instant::now() + Duration::from_secs(60);
    while asked() == 0 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(asked(), 1);
}
