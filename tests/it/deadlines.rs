//! Servers that do not answer, or do not come to an end, and ports where none is.
//!
//! The time-outs are short, but long enough for a healthy neighbour on a slow machine to answer in.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use registry_check::demo::{Behaviour, ClosedPort};

use crate::support::embedded::{Check, Pair, asked};

#[test]
fn a_silent_server_is_unreachable_after_the_first_byte_timeout() {
    let [silent, good] = [Pair::misbehaving(Behaviour::Silent), Pair::new()];
    let report = silent.check().mirror("good", &good.mirror.url()).args("--first-byte-timeout 2500ms").run();
    let row = report.expect("unreachable/timeout-first-byte", 3);
    assert!(row.reason.contains("no answer within 2.5s"), "{row:#?}");
    assert_eq!((row.http_status, row.attempts, silent.asked()), (None, 1, (1, 0)));
    assert_eq!(report.row("good").verdict(), "ok/digest-equal");
}

#[test]
fn a_body_that_does_not_end_is_unreachable_after_the_timeout() {
    for behaviour in [Behaviour::Trickle(Duration::from_secs(1)), Behaviour::Stall(10)] {
        let pair = Pair::misbehaving(behaviour);
        let report = pair.check().args("--depth manifest --timeout 2500ms").run();
        let row = report.expect("unreachable/timeout-body", 3);
        assert!(row.reason.contains("within 2.5s"), "{row:#?}");
        assert_eq!(pair.asked(), (0, 1), "not tried again");
    }
}

#[test]
fn a_slow_body_does_not_matter_where_head_suffices() {
    let pair = Pair::misbehaving(Behaviour::Trickle(Duration::from_secs(1)));
    pair.check().run().expect("ok/digest-equal", 0);
    assert_eq!(pair.asked(), (1, 0));
}

#[test]
fn a_late_answer_in_time_is_an_answer() {
    let pair = Pair::misbehaving(Behaviour::Delay(Duration::from_millis(300)));
    pair.check().run().expect("ok/digest-equal", 0);
}

#[test]
fn a_refused_connection_is_told_at_once_and_not_tried_again() {
    let pair = Pair::new();
    let closed = ClosedPort::take().unwrap();
    let report = Check::of(&["app:1.0"])
        .upstream(&pair.upstream.url())
        .mirror("m", &format!("http://{}", closed.addr()))
        .run();
    let row = report.expect("unreachable/connect-refused", 3);
    assert!(row.reason.contains(&format!("{}: connection refused", closed.addr())), "{row:#?}");
    assert_eq!((row.http_status, row.attempts), (None, 1));
    assert_eq!((report.requests, asked(&pair.upstream)), (2, (1, 0)));
}

#[test]
fn what_is_not_http_is_told_as_that() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // Ends with the test's process.
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let request = BufReader::new(&stream).lines().map_while(Result::ok);
            let _lines = request.take_while(|line| !line.is_empty()).count();
            stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").ok();
        }
    });
    let pair = Pair::new();
    let report = Check::of(&["app:1.0"])
        .upstream(&pair.upstream.url())
        .mirror("m", &format!("http://{address}"))
        .run();
    report.expect("server_error/http-broken", 3);
}

#[test]
fn a_silent_mirror_holds_up_no_other() {
    let [silent, good] = [Pair::misbehaving(Behaviour::Silent), Pair::new()];
    let pinned = [format!("app@{}", good.digest()), format!("app:1.0@{}", good.digest())];
    let report = silent
        .check_of(&["app:1.0", &pinned[0], &pinned[1]])
        .mirror("good", &good.mirror.url())
        .args("--first-byte-timeout 2500ms --per-host 3 --require any")
        .run();
    assert_eq!(report.verdicts("good"), ["ok/digest-equal"; 3]);
    assert_eq!(report.verdicts("m"), ["unreachable/timeout-first-byte"; 3]);
    assert_eq!(report.exit, 0);
}
