//! Mirrors that are there and of no use: connections that break, proxies that are down, bodies that stall, 5xx for
//! ever. However many images there are, it is found out at the cost of a few.
//!
//! Nothing is timed here: a registry's own count says what it was asked.

use std::time::Duration;

use registry_check::demo::{Behaviour, Scope, Times};

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
        assert!(reason.ends_with("; not asked: host was down for 4 earlier requests"), "{reason}");
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
        assert!(reason.ends_with("; not asked: host was down for 4 earlier requests"), "{reason}");
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
    let stalled =
        format!("{host}: the answer began but did not end within 3s; not asked: host was down for ");
    assert!(reason.starts_with(&stalled), "{reason}");
    assert_eq!(report.count("m1", "digest-equal"), 200);
}

#[test]
fn one_body_that_stalls_among_many_is_the_only_one_that_is_not_there() {
    let world = World::new(100, 1);
    world.mirrors[0].set_behaviour(Scope::repository("team/app50"), Behaviour::Stall(10));
    let report = world.check(&["--depth", "manifest", "--timeout", "3s"]);
    assert_eq!((report.count("m0", "timeout-body"), report.count("m0", "digest-equal")), (1, 99));
}
