//! Parts of images that lie about themselves or have no end: each has a status, a code, and a bound on the requests and
//! bytes that it may cost.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use registry_check::demo::content::{self, Blob, Document, Image};
use registry_check::demo::{Behaviour, Registry, Scope};
use registry_check::model::digest::Digest;
use registry_check::model::manifest::MediaType;
use serde_json::{Value, json};

use crate::support::embedded::{Pair, REPOSITORY, Report};

fn named(blob: &Blob, size: &Value) -> Value {
    json!({"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": blob.digest.to_string(), "size": size})
}

/// An image of these layers, each with the size that it is said to have.
fn image_of(layers: &[(Blob, Value)]) -> Image {
    let config = Blob::new(b"{}".as_slice());
    let media_type = MediaType::OciManifest.as_str();
    let text = json!({
        "schemaVersion": 2, "mediaType": media_type, "config": named(&config, &json!(2)),
        "layers": layers.iter().map(|(layer, size)| named(layer, size)).collect::<Vec<_>>(),
    });
    let blobs = layers.iter().map(|(layer, _)| layer.clone()).chain([config]).collect();
    Image { document: Document::new(media_type, text.to_string()), children: Vec::new(), blobs }
}

fn path(digest: &Digest) -> String {
    format!("/v2/{REPOSITORY}/blobs/{digest}")
}

/// Requests for a blob by HEAD and by GET.
fn asked(registry: &Registry, digest: &Digest) -> (usize, usize) {
    let of = |method: &str| registry.count(|hit| hit.path == path(digest) && hit.method.as_str() == method);
    (of("HEAD"), of("GET"))
}

/// The bytes of all bodies that the run has read.
fn bytes(report: &Report) -> u64 {
    let document: Value = serde_json::from_str(&report.text).expect("JSON");
    document["summary"]["bytes"].as_u64().expect("a number")
}

fn check(pair: &Pair, args: &str) -> Report {
    pair.mirror.forget_hits();
    pair.check().args(&format!("--retries 1 {args}")).run()
}

/// What else than blobs a run reads here, and more.
const DOCUMENTS: u64 = 20_000;

#[test]
fn a_size_that_lies_costs_no_more_than_a_look_or_what_it_claims() {
    let layer = Blob::new(vec![7; 3_000_000]);
    let beyond = json!(9_223_372_036_854_775_808_u64);
    for (size, verdict, exit, looks, reads, most) in [
        // Twice: HEAD is not believed alone.
        (json!(3_000_001), "invalid/size-differs", 1, (1, 1), (0, 1), 0),
        (json!(2_999_999), "invalid/size-differs", 1, (1, 1), (0, 1), 0),
        (json!(1), "invalid/size-differs", 1, (1, 1), (0, 1), 0),
        (json!(0), "invalid/size-differs", 1, (1, 1), (0, 1), 0),
        (json!(-1), "invalid/descriptor-unusable", 1, (1, 0), (1, 0), 0),
        (beyond, "invalid/descriptor-unusable", 1, (1, 0), (1, 0), 0),
        (json!(3_000_000), "ok/digest-equal", 0, (1, 0), (0, 1), 3_000_000),
    ] {
        let image = image_of(&[(layer.clone(), size.clone())]);
        let pair = Pair::holding(&image, &image);
        for (depth, requests) in [("blobs", looks), ("content", reads)] {
            let report = check(&pair, &format!("--depth {depth}"));
            report.expect(verdict, exit);
            assert_eq!(asked(&pair.mirror, &layer.digest), requests, "{size} {depth}");
            // An answer that announces another size is not read, but for what has come along with its head.
            let most = if depth == "content" { most + (1 << 20) } else { 0 };
            assert!(bytes(&report) <= most + DOCUMENTS, "{size} {depth}: {}", bytes(&report));
        }
    }
}

#[test]
fn a_layer_whose_bytes_are_not_its_digest_is_read_once_and_corrupt() {
    let layers = [1, 2].map(|byte| (Blob::new(vec![byte; 100_000]), json!(100_000)));
    let image = image_of(&layers);
    let pair = Pair::holding(&image, &image);
    let (wrong, right) = (&layers[0].0.digest, &layers[1].0.digest);
    pair.mirror.set_behaviour(Scope::reference(REPOSITORY, &wrong.to_string()), Behaviour::WrongByte);
    let report = check(&pair, "--depth content");
    let row = report.expect("invalid/blob-corrupt", 1);
    assert!(row.reason.contains(&wrong.to_string()), "{row:#?}");
    assert_eq!([wrong, right].map(|digest| asked(&pair.mirror, digest)), [(0, 1), (0, 1)]);
    assert!((200_000..=200_000 + DOCUMENTS).contains(&bytes(&report)), "{}", bytes(&report));
}

/// A server that answers everything with zeros without end, and counts what it got rid of.
fn endless() -> (String, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("its address"));
    let sent = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&sent);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let counter = Arc::clone(&counter);
            thread::spawn(move || pour(stream, &counter));
        }
    });
    (url, sent)
}

fn pour(mut stream: TcpStream, sent: &AtomicU64) -> Option<()> {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        request.push(byte[0]);
    }
    // No length: the end of the body would tell it.
    stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n").ok()?;
    if request.starts_with(b"HEAD") {
        return Some(());
    }
    let piece = [0; 64 << 10];
    loop {
        stream.write_all(&piece).ok()?;
        sent.fetch_add(piece.len() as u64, Ordering::Relaxed);
    }
}

#[test]
fn a_blob_that_never_ends_is_left_where_its_size_says_that_it_ends() {
    const SIZE: u64 = 200_000;
    let layer = Blob::new(vec![0; usize::try_from(SIZE).unwrap()]);
    let image = image_of(&[(layer.clone(), json!(SIZE))]);
    let pair = Pair::holding(&image, &image);
    let (url, sent) = endless();
    pair.mirror.set_behaviour(
        Scope::reference(REPOSITORY, &layer.digest.to_string()),
        Behaviour::RedirectTo(url.clone()),
    );
    for depth in ["blobs", "content"] {
        let report = check(&pair, &format!("--depth {depth}"));
        let row = report.row("m");
        if depth == "content" {
            let row = report.expect("invalid/size-differs", 1);
            assert!(row.reason.contains("more than the 200.0 kB that the manifest declares"), "{row:#?}");
            assert_eq!(asked(&pair.mirror, &layer.digest), (0, 1));
        } else {
            // What HEAD says without a length, and a GET of one byte that gets all: it is there, for all that is known.
            assert_eq!((row.verdict().as_str(), report.exit), ("ok/digest-equal", 0), "{row:#?}");
            let (heads, gets) = asked(&pair.mirror, &layer.digest);
            assert!(heads == 1 && gets <= 1, "{heads} {gets}");
        }
        // A piece more than declared is read; of what is sent, the rest is the kernel's.
        assert!(bytes(&report) <= SIZE + (1 << 20), "{depth}: {}", bytes(&report));
        assert!(sent.load(Ordering::Relaxed) <= SIZE + (32 << 20), "{depth}");
    }
}

#[test]
fn a_blob_that_stops_coming_is_a_timeout_and_asked_for_once_more_at_most() {
    let layer = Blob::new(vec![0; 50_000]);
    let image = image_of(&[(layer.clone(), json!(50_000))]);
    let pair = Pair::holding(&image, &image);
    let scope = Scope::reference(REPOSITORY, &layer.digest.to_string());
    pair.mirror.set_behaviour(scope, Behaviour::Stall(1_000));
    check(&pair, "--depth blobs").expect("ok/digest-equal", 0);
    let report = check(&pair, "--depth content --first-byte-timeout 1s");
    let row = report.expect("unreachable/timeout-body", 3);
    assert!(row.reason.contains(&layer.digest.to_string()), "{row:#?}");
    let (heads, gets) = asked(&pair.mirror, &layer.digest);
    assert!(heads == 0 && gets <= 2, "{heads} {gets}");
    assert!(bytes(&report) <= 2_000 + DOCUMENTS, "{}", bytes(&report));
}

#[test]
fn more_layers_than_any_image_has_are_asked_for_up_to_a_bound() {
    let layers: Vec<_> =
        (0..10_002_u32).map(|number| (Blob::new(number.to_le_bytes().to_vec()), json!(4))).collect();
    let image = image_of(&layers);
    let pair = Pair::holding(&image, &image);
    let report = check(&pair, "--depth blobs");
    let row = report.expect("not_checked/too-many-parts", 3);
    assert!(row.reason.contains("more than 10000 layers: the rest is not asked for"), "{row:#?}");
    let asked =
        |method: &str| pair.mirror.count(|hit| hit.path.contains("/blobs/") && hit.method.as_str() == method);
    assert_eq!((asked("HEAD"), asked("GET")), (10_000, 0));
}

#[test]
fn ten_thousand_children_that_are_there_cost_a_thousand_questions_at_every_depth() {
    // All of one blob, so that what is counted is manifests.
    let config = Blob::new(b"{\"os\":\"linux\",\"architecture\":\"amd64\"}".as_slice());
    let media_type = MediaType::OciManifest.as_str();
    let child = |number: usize| {
        let text = json!({
            "schemaVersion": 2, "mediaType": media_type, "config": named(&config, &json!(config.bytes.len())),
            "layers": [], "annotations": {"number": number.to_string()},
        });
        let document = Document::new(media_type, text.to_string());
        Image { document, children: Vec::new(), blobs: vec![config.clone()] }
    };
    let children: Vec<_> = (0..10_000).map(child).collect();
    let entries: Vec<_> = children
        .iter()
        .map(|child| {
            json!({
                "mediaType": media_type, "digest": child.digest().to_string(),
                "size": child.document.bytes.len(),
                "platform": {"os": "linux", "architecture": "amd64"},
            })
        })
        .collect();
    let index = MediaType::OciIndex.as_str();
    let text = json!({"schemaVersion": 2, "mediaType": index, "manifests": entries});
    let image = Image { document: Document::new(index, text.to_string()), children, blobs: Vec::new() };
    let pair = Pair::holding(&image, &image);
    let length = image.document.bytes.len() as u64;
    for depth in ["platforms", "blobs", "content"] {
        let report = check(&pair, &format!("--depth {depth}"));
        let row = report.expect("not_checked/too-many-parts", 3);
        assert!(row.reason.contains("more than 1000 manifests"), "{row:#?}");
        let asked = pair.mirror.count(|hit| hit.path.contains("/manifests/"));
        assert_eq!(asked, 1_002, "{depth}");
        let blobs = pair.mirror.count(|hit| hit.path.contains("/blobs/"));
        assert_eq!(blobs, usize::from(depth != "platforms"), "{depth}");
        // The index by tag and by digest, and a thousand manifests of half a kilobyte.
        assert!(bytes(&report) <= 2 * length + 1_000_000, "{depth}: {}", bytes(&report));
    }
}

#[test]
fn a_manifest_that_names_itself_and_one_that_names_its_index_are_not_followed_round() {
    let outer = content::index("outer", &["linux/amd64"]);
    let media_type = MediaType::OciIndex.as_str();
    // Under a digest that its bytes do not have, as no other way leads round.
    let claimed = Digest::sha256(b"a circle");
    let entry = |digest: &Digest| json!({"mediaType": media_type, "digest": digest.to_string(), "size": 400});
    let text = json!({"schemaVersion": 2, "mediaType": media_type, "manifests": [entry(&claimed), entry(outer.digest())]});
    let circle = Document { digest: claimed.clone(), ..Document::new(media_type, text.to_string()) };
    let top = json!({"schemaVersion": 2, "mediaType": media_type, "manifests": [entry(&claimed)]});
    let document = Document::new(media_type, top.to_string());
    let image = Image { document, children: vec![outer], blobs: Vec::new() };
    let pair = Pair::holding(&image, &image);
    pair.mirror.store().put_raw(REPOSITORY, circle);
    for depth in ["platforms", "blobs", "content"] {
        let report = check(&pair, &format!("--depth {depth}"));
        report.expect("invalid/digest-mismatch", 1);
        // By tag, by digest, and what it names, of which nothing is believed.
        assert_eq!(pair.mirror.count(|hit| hit.is_manifest()), 3, "{depth}");
        assert!(bytes(&report) <= DOCUMENTS);
    }
}
