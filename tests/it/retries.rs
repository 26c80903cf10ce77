//! What is tried again, how often, and what is not.
//!
//! Back-off is half a second and more, so each test here waits for a moment; none measures how long.

use std::time::Duration;

use registry_check::demo::{Behaviour, Failure, Scope, Times};

use crate::support::embedded::Pair;

fn throttled(retry_after: Option<&str>) -> Behaviour {
    Behaviour::Status(Failure::throttled(retry_after))
}

fn failing(status: u16) -> Behaviour {
    Behaviour::Status(Failure::registry(status, "UNKNOWN", "unknown error"))
}

fn once(behaviour: Behaviour) -> Pair {
    let pair = Pair::new();
    pair.mirror.set_behaviour_times(Scope::Manifests, behaviour, Times::First(1));
    pair
}

#[test]
fn what_passes_at_the_second_try_is_ok() {
    for behaviour in [
        throttled(Some("0")),
        throttled(None),
        throttled(Some("880.092µs")),
        throttled(Some("Sun, 06 Nov 1994 08:49:37 GMT")),
        failing(500),
        failing(408),
        failing(521),
        Behaviour::Reset,
    ] {
        let pair = once(behaviour.clone());
        let report = pair.check().run();
        let row = report.expect("ok/digest-equal", 0);
        assert_eq!((row.attempts, pair.asked()), (2, (2, 0)), "{behaviour:?}");
    }
}

#[test]
fn retry_after_is_waited_for() {
    let pair = once(throttled(Some("1")));
    pair.check().run().expect("ok/digest-equal", 0);
    let hits = pair.mirror.hits();
    assert!(hits[1].at - hits[0].at >= Duration::from_secs(1));
}

#[test]
fn what_lasts_is_tried_three_times() {
    for (behaviour, verdict) in [
        (throttled(Some("0")), "rate_limited/rate-limited"),
        (failing(500), "server_error/server-error"),
        (failing(408), "server_error/server-error"),
        (Behaviour::Reset, "unreachable/connection-reset"),
    ] {
        let pair = Pair::misbehaving(behaviour.clone());
        let report = pair.check().run();
        let row = report.expect(verdict, 3);
        assert_eq!((row.attempts, pair.asked()), (3, (3, 0)), "{behaviour:?}");
    }
}

#[test]
fn a_cut_body_is_read_once_more_and_no_oftener() {
    let pair = Pair::misbehaving(Behaviour::Short(20));
    let report = pair.check().args("--depth manifest").run();
    let row = report.expect("server_error/truncated-body", 3);
    let length = pair.image.document.bytes.len();
    assert!(row.reason.contains(&format!("after {} of {length} bytes", length - 20)), "{row:#?}");
    assert_eq!(pair.asked(), (0, 2));

    let pair = once(Behaviour::Short(20));
    pair.check().args("--depth manifest").run().expect("ok/digest-equal", 0);
    assert_eq!(pair.asked(), (0, 3), "twice by tag, once by digest");
}

#[test]
fn a_long_wait_is_told_and_not_slept() {
    for (behaviour, verdict, part) in [
        (throttled(Some("3600")), "rate_limited/rate-limited", Some("asks to wait 3600s")),
        (throttled(Some("Fri, 31 Dec 9999 23:59:59 GMT")), "rate_limited/rate-limited", Some("asks to wait")),
        (
            Behaviour::Status(Failure { retry_after: Some("3600".to_owned()), ..Failure::text(503, "", "") }),
            "server_error/server-error",
            None,
        ),
    ] {
        let pair = Pair::misbehaving(behaviour);
        let report = pair.check().run();
        let row = report.expect(verdict, 3);
        assert!(part.is_none_or(|part| row.reason.contains(part)), "{row:#?}");
        assert_eq!(pair.asked(), (1, 0));
    }
}

#[test]
fn nothing_is_tried_again_where_the_user_says_so() {
    for status in [408, 429, 500, 502, 503, 504, 520, 530] {
        let pair = Pair::misbehaving(failing(status));
        let report = pair.check().args("--retries 0").run();
        let row = report.row("m");
        assert_eq!((row.http_status, row.attempts, pair.asked()), (Some(status), 1, (1, 0)), "{row:#?}");
        assert_eq!(report.exit, 3);
    }
}

#[test]
fn statuses_that_last_are_asked_for_their_reason_and_not_again() {
    for status in [501, 505, 525] {
        let pair = Pair::misbehaving(failing(status));
        let report = pair.check().run();
        report.expect("server_error/server-error", 3);
        assert!(pair.asked().0 == 1 && pair.asked().1 <= 1, "{status}: {:?}", pair.asked());
    }
}

#[test]
fn upstream_is_tried_again_as_well() {
    let pair = Pair::new();
    pair.upstream.set_behaviour_times(Scope::Manifests, failing(503), Times::First(2));
    let report = pair.check().run();
    report.expect("ok/digest-equal", 0);
    assert_eq!(report.row("docker.io").attempts, 3);
}
