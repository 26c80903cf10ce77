//! HTTP/2: one connection for many questions, and no more of them at once than the server allows.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use registry_check::demo::{Behaviour, Scope};

use crate::support::authority::{Authority, LOOPBACK};
use crate::support::nginx::Nginx;
use crate::support::report;
use crate::support::small::{list, registry};
use crate::support::tool::Tool;

/// Passes connections on to `to` and counts them.
fn relay(to: String) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, count) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let counter = Arc::clone(&count);
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            counter.fetch_add(1, Ordering::SeqCst);
            let server = TcpStream::connect(&to).unwrap();
            let mut there = (client.try_clone().unwrap(), server.try_clone().unwrap());
            let mut back = (server, client);
            // One side that closes early is the other's affair.
            thread::spawn(move || io::copy(&mut there.0, &mut there.1));
            thread::spawn(move || io::copy(&mut back.0, &mut back.1));
        }
    });
    (address, count)
}

#[test]
fn many_questions_share_a_connection_and_wait_for_the_servers_limit_without_timing_out() {
    const NAMES: [&str; 16] =
        ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p"];
    let [upstream, mirror] = [registry(&NAMES), registry(&NAMES)];
    mirror.set_behaviour(Scope::All, Behaviour::Delay(Duration::from_millis(500)));
    let ca = Authority::new("test");
    let issued = ca.issue("nginx", &LOOPBACK);
    let nginx = Nginx::start(
        "ssl http2",
        &format!(
            "http2_max_concurrent_streams 2; ssl_certificate {}; ssl_certificate_key {}; \
             location / {{ proxy_pass http://{}; }}",
            issued.certificate.display(),
            issued.key.display(),
            mirror.authority()
        ),
    );
    let (address, connections) = relay(nginx.authority());
    let mirror_flag = format!("--mirror={}=https://{address}", upstream.authority());
    // Two at a time take four seconds for all.
    let output = Tool::new()
        .file("images.txt", list(&upstream, &NAMES))
        .args(["images.txt", &mirror_flag, "--ca-file"])
        .args([ca.file()])
        .line("-f json --first-byte-timeout 2s")
        .run();
    assert_eq!(output.code, Some(0), "{output:?}");
    let report = report::json(&output.stdout);
    let equal = |row: &&serde_json::Value| row["code"] == "digest-equal";
    assert_eq!(report["results"].as_array().unwrap().iter().filter(equal).count(), NAMES.len());
    // The first four may each begin to connect before one knows that it is HTTP/2.
    assert!((1..=4).contains(&connections.load(Ordering::SeqCst)), "{connections:?}");
    // The limit is each connection's: one carries all.
    assert_eq!(mirror.most_at_once(), 2);
}
