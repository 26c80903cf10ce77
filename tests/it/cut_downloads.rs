//! Downloads that do not come to their end: the bytes that came were paid for, and are counted.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use registry_check::demo::content::{Blob, Document, Image};
use registry_check::demo::{Behaviour, Scope};
use registry_check::model::digest::Digest;
use registry_check::model::manifest::MediaType;
use serde_json::{Value, json};

use crate::support::embedded::Pair;
use crate::support::report;

/// What the store sends of a layer before it falls silent.
const SENT: usize = 64 << 20;
/// What may be on its way all the same: more than the kernel keeps of one connection.
const ON_ITS_WAY: u64 = 24 << 20;

/// An image of one layer that is declared to be of this size.
fn image_of(layer: &Digest, size: usize, blobs: Vec<Blob>) -> Image {
    let media_type = MediaType::OciManifest.as_str();
    let config = Blob::new(b"{}".as_slice());
    let entry = |digest: &Digest, size: usize| {
        json!({"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest.to_string(),
               "size": size})
    };
    let text = json!({
        "schemaVersion": 2, "mediaType": media_type,
        "config": entry(&config.digest, config.bytes.len()), "layers": [entry(layer, size)],
    });
    let document = Document::new(media_type, text.to_string());
    Image { document, children: Vec::new(), blobs: blobs.into_iter().chain([config]).collect() }
}

/// A store that sends the beginning of whatever is asked for, says so, and waits until nobody listens.
fn store() -> (String, Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("its address"));
    let (said, heard) = channel();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let said = said.clone();
            thread::spawn(move || serve(stream, &said));
        }
    });
    (url, heard)
}

fn serve(mut stream: TcpStream, said: &Sender<()>) -> Option<()> {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        request.push(byte[0]);
    }
    stream.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 4 * SENT).as_bytes()).ok()?;
    let piece = vec![0; 1 << 20];
    for _ in 0..SENT / piece.len() {
        stream.write_all(&piece).ok()?;
    }
    said.send(()).ok()?;
    stream.read_exact(&mut byte).ok()
}

#[test]
fn what_came_of_a_download_before_an_interruption_is_counted_and_told_of_its_host() {
    let image = image_of(&Digest::sha256(b"large"), 4 * SENT, Vec::new());
    let pair = Pair::holding(&image, &image);
    let (url, sent) = store();
    let layer = Scope::reference("library/app", &Digest::sha256(b"large").to_string());
    pair.mirror.set_behaviour(layer, Behaviour::RedirectTo(url.clone()));
    let patient = "--first-byte-timeout 1h --timeout 1h --retries 0 -f json";
    let running = pair.check().args(&format!("--depth content {patient}")).tool().start();
    sent.recv().expect("the store was asked");
    running.signal("INT");
    let output = running.wait();
    assert_eq!(output.code, Some(130), "{output:?}");
    let document = report::json(&output.stdout);
    let row = document["results"].as_array().unwrap().iter().find(|row| row["mirror"] == "m").unwrap();
    assert_eq!((&row["status"], &row["code"]), (&json!("not_checked"), &json!("interrupted")));
    let came = document["summary"]["bytes"].as_u64().expect("a number");
    assert!((SENT as u64 - ON_ITS_WAY..=SENT as u64 + 100_000).contains(&came), "{came}");
    let hosts = document["summary"]["hosts"].as_array().expect("hosts");
    let store = hosts.iter().find(|host| host["part"] == "blob_store").expect("the store");
    assert!(url.ends_with(&store["port"].to_string()), "{store}");
    let bytes = store["bytes"].as_u64().expect("a number");
    assert!(bytes >= SENT as u64 - ON_ITS_WAY && bytes <= came, "{bytes} of {came}");
}

#[test]
fn what_came_of_a_download_that_a_server_cut_twice_is_counted_once_each() {
    let layer = Blob::new(vec![7; 50_000]);
    let image = image_of(&layer.digest, 50_000, vec![layer.clone()]);
    let pair = Pair::holding(&image, &image);
    let bytes = |document: &Value| document["summary"]["bytes"].as_u64().expect("a number");
    let run = || {
        let report = pair.check().args("--depth content --retries 1").run();
        let document: Value = serde_json::from_str(&report.text).expect("JSON");
        (report, document)
    };
    let (report, whole) = run();
    report.expect("ok/digest-equal", 0);
    pair.mirror.forget_hits();
    let scope = Scope::reference("library/app", &layer.digest.to_string());
    pair.mirror.set_behaviour(scope, Behaviour::Short(20_000));
    let (report, cut) = run();
    let row = report.row("m");
    assert_eq!((row.verdict().as_str(), report.exit), ("server_error/truncated-body", 3), "{row:#?}");
    // Thirty thousand bytes, and of the twenty thousand that are left, nothing but the promise.
    assert_eq!(bytes(&whole) - bytes(&cut), 20_000);
    let path = format!("/v2/library/app/blobs/{}", layer.digest);
    assert_eq!(pair.mirror.hits_to(&path), 2);
    assert_eq!(cut["summary"]["hosts"][0]["bytes"], 30_000 + 2);
}
