//! The exit code follows from the decision alone: the same for every format.

use registry_check::demo::{Behaviour, Failure, Registry, Scope};

use registry_check::report::Format;

use crate::support::report;
use crate::support::small::{list, mirror, registry};
use crate::support::tool::{Output, Tool};

/// An upstream, and a mirror that is made to behave by `bend`.
fn peers(bend: impl Fn(&Registry)) -> [Registry; 2] {
    let peers = [(); 2].map(|()| registry(&["one", "two"]));
    bend(&peers[1]);
    peers
}

fn check([upstream, copy]: &[Registry; 2], flags: &str) -> Output {
    let tool = Tool::new().stdin(list(upstream, &["one", "two"])).args(["-", &mirror(upstream, copy)]);
    tool.line("--retries 0").line(flags).run()
}

#[test]
fn each_code_is_the_same_in_every_format() {
    let missing = |mirror: &Registry| mirror.store().remove_repository("one");
    let refusing = |mirror: &Registry| {
        let denied = Behaviour::Status(Failure::registry(403, "DENIED", "not for you"));
        mirror.set_behaviour(Scope::repository("one"), denied);
    };
    let both = |mirror: &Registry| {
        mirror.store().remove_repository("two");
        refusing(mirror);
    };
    for (peers, code, outcome) in [
        (peers(|_| {}), 0, "pass"),
        (peers(missing), 1, "fail"),
        (peers(refusing), 3, "undecided"),
        (peers(both), 1, "fail"),
    ] {
        for format in Format::ALL {
            let output = check(&peers, &format!("-f {format}"));
            assert_eq!(output.code, Some(code), "{format}: {output:?}");
            assert_eq!(output.stderr, "", "{format}");
        }
        let table = check(&peers, "").stdout;
        assert!(
            table.lines().last().unwrap().starts_with(&format!("{}: ", outcome.to_uppercase())),
            "{table}"
        );
        let markdown = check(&peers, "-f markdown").stdout;
        assert!(markdown.contains(&format!("**{}**: ", outcome.to_uppercase())), "{markdown}");
        assert!(markdown.contains(&format!(", exit code {code}\n")), "{markdown}");
        let json = report::json(&check(&peers, "-f json").stdout);
        assert_eq!(json["decision"], serde_json::json!({"outcome": outcome, "exit_code": code}));
    }
}

#[test]
fn what_the_gate_finds_itself_has_its_code_in_every_format_too() {
    let peers = peers(|mirror| mirror.store().remove_repository("one"));
    let first = check(&peers, "-f json").stdout;
    let config = |expires: &str| {
        format!(
            "[[gate.exception]]\nimage = \"**/one\"\nlevel = \"pass\"\nreason = \"x\"\nexpires = {expires}\n"
        )
    };
    let [live, over] = ["9999-12-31", "2001-01-01"].map(config);
    for (config, flags, code) in [
        (&*live, "", 0),
        (&*over, "", 2),
        (&*over, "--baseline first.json", 2),
        ("", "--baseline first.json", 0),
        ("", "", 1),
    ] {
        for format in Format::ALL {
            let tool = Tool::new().file("first.json", &first).file("registry-check.toml", config);
            let tool =
                tool.stdin(list(&peers[0], &["one", "two"])).args(["-", &mirror(&peers[0], &peers[1])]);
            let output = tool.line("--retries 0 -f").args([format.as_str()]).line(flags).run();
            assert_eq!(output.code, Some(code), "{format} {config} {flags}: {output:?}");
        }
    }
}

#[test]
fn policy_moves_statuses_between_the_codes() {
    let peers = peers(|mirror| {
        let broken = Behaviour::Status(Failure::registry(500, "UNKNOWN", "oh no"));
        mirror.set_behaviour(Scope::repository("one"), broken);
        mirror.store().remove_repository("two");
    });
    for (flags, code) in [
        ("", 1),
        ("--allow missing", 3),
        ("--allow missing,server_error", 0),
        ("--allow missing --fail-on server_error", 1),
        ("--allow missing --allow server_error --fail-on ok", 0),
    ] {
        assert_eq!(check(&peers, flags).code, Some(code), "{flags}");
    }
}

#[test]
fn registry_without_mirrors_answers_for_itself() {
    let [upstream, _] = peers(|_| {});
    let run = |names: &[&str]| Tool::new().stdin(list(&upstream, names)).line("- -f csv").run();
    let (whole, lacking) = (run(&["one", "two"]), run(&["one", "three"]));
    assert_eq!((whole.code, lacking.code), (Some(0), Some(1)));
    let rows = report::csv(&lacking.stdout);
    let host = upstream.authority();
    assert_eq!(rows[0].verdict(), (&*host, "ok", "served"));
    assert_eq!(rows[1].verdict(), (&*host, "missing", "manifest-unknown"));
}
