//! Mirrors that are there and of no use: connections that break, proxies that are down, bodies that stall, 5xx for
//! ever. However many images there are, it is found out at the cost of a few.
//!
//! Nothing is timed here: a registry's own count says what it was asked.

use std::time::Duration;

use registry_check::demo::{Behaviour, Failure, Scope, Times};

use crate::load::{Report, World};
use crate::support::proxy::Proxy;
use crate::support::tool::Tool;

#[test]
fn a_mirror_that_breaks_every_connection_is_asked_a_few_times_however_many_images_there_are() {
    for images in [10, 400] {
        let world = World::new(images, 2);
        world.mirrors[0].set_behaviour(Scope::All, Behaviour::Reset);
        let report = world.check(&[]);
        assert_eq!(report.count("m0", "connection-reset"), images);
        // Those that were out when the fourth broke may have broken as well.
        let hits = world.mirrors[0].manifest_hits("HEAD");
        assert!((4..=8).contains(&hits), "{hits}");
        let (not_asked, reason) = report.not_asked("m0");
        assert!(not_asked >= images - hits, "{not_asked}");
        assert!(reason.contains(": connection closed before an answer: "), "{reason}");
        assert!(!reason.contains("not asked"), "{reason}");
        assert_eq!(report.count("m1", "digest-equal"), images);
        assert_eq!(report.output.code, Some(3), "{}", report.output.stderr);
    }
}

#[test]
fn a_mirror_that_begins_to_break_connections_half_way_costs_a_window_and_a_few() {
    let world = World::new(600, 1);
    world.mirrors[0].set_behaviour_times(Scope::All, Behaviour::Reset, Times::After(500));
    let report = world.check(&[]);
    assert_eq!(report.count("m0", "digest-equal"), 500);
    assert_eq!(report.count("m0", "connection-reset"), 100);
    let hits = world.mirrors[0].manifest_hits("HEAD");
    assert!((504..=520).contains(&hits), "{hits}");
}

#[test]
fn connections_that_break_together_once_are_asked_for_again_and_all_is_answered() {
    let world = World::new(200, 1);
    let slow = Behaviour::Delay(Duration::from_millis(30));
    world.mirrors[0].set_behaviour_times(Scope::All, slow, Times::First(100));
    for name in ["team/app100", "team/app101", "team/app102", "team/app103"] {
        world.mirrors[0].set_behaviour_times(Scope::repository(name), Behaviour::Reset, Times::First(1));
    }
    let report = world.check(&[]);
    assert_eq!(report.count("m0", "digest-equal"), 200);
}

#[test]
fn a_silent_proxy_is_asked_four_times_for_each_host_behind_it() {
    let world = World::new(200, 1);
    let proxy = Proxy::silent();
    let mut config = world.config("");
    for name in ["one", "two"] {
        config += &format!("[[mirrors]]\nname = \"{name}\"\nurl = \"https://{name}.test\"\n");
    }
    let tool = Tool::new()
        .file("registry-check.toml", config)
        .file("images.txt", world.list())
        .env("HTTPS_PROXY", format!("http://{}", proxy.authority()));
    let report = Report::of(tool.args(["images.txt", "-f", "json", "--connect-timeout", "2s"]).run());
    for name in ["one", "two"] {
        assert_eq!(report.count(name, "proxy-failed"), 200);
        let (not_asked, reason) = report.not_asked(name);
        assert_eq!(not_asked, 196);
        assert!(reason.contains("no connection through the proxy "), "{reason}");
        let heads = proxy.heard();
        let asked = heads.iter().filter(|head| head.starts_with(&format!("CONNECT {name}.test:443 ")));
        assert_eq!(asked.count(), 4, "{heads:?}");
    }
    assert_eq!(report.count("m0", "digest-equal"), 200);
}

#[test]
fn bodies_that_all_stall_cost_one_time_out_however_many_images_there_are() {
    let world = World::new(200, 2);
    world.mirrors[0].set_behaviour(Scope::All, Behaviour::Stall(10));
    let report = world.check(&["--depth", "manifest", "--timeout", "3s"]);
    assert_eq!(report.count("m0", "timeout-body"), 200);
    // Headers came in time, so that the window has grown.
    let hits = world.mirrors[0].manifest_hits("GET");
    assert!((4..=16).contains(&hits), "{hits}");
    let (not_asked, reason) = report.not_asked("m0");
    assert_eq!(not_asked, 200 - hits);
    let host = world.mirrors[0].authority();
    assert_eq!(reason, format!("{host}: the answer began but did not end within 3s"));
    assert_eq!(report.count("m1", "digest-equal"), 200);
}

#[test]
fn one_body_that_stalls_among_many_is_the_only_one_that_is_not_there() {
    let world = World::new(100, 1);
    world.mirrors[0].set_behaviour(Scope::repository("team/app50"), Behaviour::Stall(10));
    let report = world.check(&["--depth", "manifest", "--timeout", "3s"]);
    assert_eq!((report.count("m0", "timeout-body"), report.count("m0", "digest-equal")), (1, 99));
}

#[test]
fn a_mirror_that_fails_for_ever_is_asked_once_each_when_five_images_have_come_to_nothing() {
    let world = World::new(300, 1);
    world.mirrors[0].set_behaviour(Scope::All, failing(500, None));
    let report = world.check(&[]);
    assert_eq!(report.count("m0", "server-error"), 300);
    assert_eq!(report.not_asked("m0").0, 0);
    // At most a window had begun when the fifth came to nothing.
    let hits = world.mirrors[0].manifest_hits("HEAD");
    assert!((310..=340).contains(&hits), "{hits}");
    let tries: Vec<_> = report.results("m0").iter().map(|row| row["attempts"].as_u64().unwrap()).collect();
    assert!(tries[40..].iter().all(|tries| *tries == 1), "{tries:?}");
}

#[test]
fn a_mirror_that_is_unavailable_for_ever_is_left_alone_after_twenty_images() {
    let world = World::new(400, 2);
    world.mirrors[0].set_behaviour(Scope::All, failing(503, None));
    let report = world.check(&[]);
    assert_eq!(report.count("m0", "server-error"), 400);
    let hits = world.mirrors[0].manifest_hits("HEAD");
    assert!((30..=90).contains(&hits), "{hits}");
    let (not_asked, reason) = report.not_asked("m0");
    assert!((340..=380).contains(&not_asked), "{not_asked}");
    let host = world.mirrors[0].authority();
    assert_eq!(reason, format!("{host} answered 503, and 5xx to 20 questions in a row; not asked"));
    assert_eq!(report.count("m1", "digest-equal"), 400);
    assert_eq!(report.output.code, Some(3), "{}", report.output.stderr);
}

#[test]
fn a_503_that_says_how_long_cools_the_host_down_twice_and_then_nobody_asks() {
    let world = World::new(200, 2);
    world.mirrors[0].set_behaviour(Scope::All, failing(503, Some("1")));
    let report = world.check(&[]);
    assert_eq!(report.count("m0", "server-error"), 200);
    let hits = world.mirrors[0].manifest_hits("HEAD");
    assert!((3..=7).contains(&hits), "{hits}");
    let host = world.mirrors[0].authority();
    assert_eq!(report.not_asked("m0").1, format!("{host} still answers 503 after 2 cool-downs; not asked"));
    assert_eq!(report.count("m1", "digest-equal"), 200);
}

#[test]
fn images_that_are_broken_on_a_healthy_host_keep_their_tries_and_no_other_suffers() {
    for (status, retry_after) in [(500, None), (503, None), (503, Some("0")), (503, Some("3600"))] {
        let world = World::new(200, 1);
        for broken in ["team/app30", "team/app90", "team/app150"] {
            world.mirrors[0].set_behaviour(Scope::repository(broken), failing(status, retry_after));
        }
        let report = world.check(&[]);
        assert_eq!(report.count("m0", "digest-equal"), 197, "{status} {retry_after:?}");
        let results = report.results("m0");
        let broken = results.iter().filter(|row| row["code"] == "server-error");
        let tries: Vec<_> = broken.map(|row| row["attempts"].as_u64().unwrap()).collect();
        let each = if retry_after == Some("3600") { 1 } else { 3 };
        assert_eq!(tries, [each; 3], "{status} {retry_after:?}");
    }
}

fn failing(status: u16, retry_after: Option<&str>) -> Behaviour {
    let retry_after = retry_after.map(str::to_owned);
    Behaviour::Status(Failure { retry_after, ..Failure::registry(status, "UNAVAILABLE", "not now") })
}
