//! Ctrl-C and SIGTERM: what is known by then is written, what is not is said not to be.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Write as _, pipe};
use std::path::Path;
use std::process::Command;

use registry_check::demo::{Behaviour, Failure, Registry, Scope};

use crate::support::report::{self, Row};
use crate::support::small::{assert_not_asked, list, mirror, registry};
use crate::support::tool::Tool;

/// Far longer than any test may take.
const PATIENT: &str = "--connect-timeout 1h --first-byte-timeout 1h --timeout 1h --retries 0 -vv";
const NAMES: [&str; 3] = ["one", "two", "three"];
const FIRST: &str = "warn: interrupted: writing what is known (once more to leave at once)\n";
const ALL_ASKED: &str = "warn: interrupted: the rest is still written (once more to leave at once)\n";
const BEFORE: &str = "warn: interrupted before anything was asked or written\n";

/// A registry that never answers.
fn silent() -> Registry {
    let registry = registry(&NAMES);
    registry.set_behaviour(Scope::All, Behaviour::Silent);
    registry
}

fn pipes(dir: &Path, names: &[String]) {
    let made = Command::new("mkfifo").current_dir(dir).args(names).status().expect("mkfifo");
    assert!(made.success(), "{made}");
}

/// A pipe of this name that is full, and that nobody reads as long as this is kept.
fn unread(dir: &Path, name: &str) -> File {
    pipes(dir, &[name.to_owned()]);
    let path = dir.join(name);
    let mut both = File::options().read(true).write(true).open(path).expect("both its ends");
    rustix::io::ioctl_fionbio(&both, true).expect("a pipe can be asked without waiting");
    // By bytes, so that nothing at all fits any more.
    let full = std::iter::repeat_with(|| both.write(b"x")).find_map(Result::err);
    assert_eq!(full.map(|error| error.kind()), Some(ErrorKind::WouldBlock));
    both
}

fn counted(rows: &[Row], role: &str) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for row in rows.iter().filter(|row| row.role == role) {
        *counts.entry(row.status.clone()).or_default() += 1;
    }
    counts
}

#[test]
fn interrupted_run_reports_what_it_knows_and_what_it_does_not() {
    for signal in ["INT", "TERM"] {
        let [upstream, copy] = [registry(&NAMES), silent()];
        // Its own registry, so that one image is done.
        let done = registry(&["done"]);
        let running = Tool::new()
            .file("images.txt", list(&done, &["done"]) + &list(&upstream, &NAMES))
            .file("report.json", "old")
            .args(["images.txt", &mirror(&upstream, &copy)])
            .line("-o report.json -o report.csv -o report.md")
            .line(PATIENT)
            .start();
        for asked in [format!("{}/v2/done/", done.url()), format!("{}/v2/one/", upstream.url())] {
            running.wait_for(&format!("debug: HEAD {asked}manifests/1.0: 200 in "));
        }
        assert_eq!(running.file("report.json"), "old", "a report appears only when it is whole");
        running.signal(signal);
        let output = running.wait();

        assert_eq!(output.code, Some(130), "{signal}: {output:?}");
        assert!(output.stderr.contains(FIRST), "{output:?}");
        assert_eq!(output.files(), ["images.txt", "report.csv", "report.json", "report.md"]);
        let report = report::json(&output.file("report.json"));
        let rows = report::json_rows(&report);
        assert_eq!(report::csv(&output.file("report.csv")), rows);
        assert_eq!(rows.len(), 1 + 2 * NAMES.len());
        let by_mirror: Vec<_> = rows.iter().filter(|row| row.mirror == copy.authority()).collect();
        assert_eq!(by_mirror.len(), NAMES.len());
        for row in by_mirror {
            assert_eq!((&*row.status, &*row.code), ("not_checked", "interrupted"));
            assert_eq!((&*row.digest, &*row.http_status, &*row.attempts), ("", "", "0"));
        }
        // What upstream said may or may not have been heard; a row says which.
        for row in rows.iter().filter(|row| row.role == "upstream") {
            assert_eq!(row.digest.is_empty(), row.status == "not_checked", "{row:?}");
            assert!(["ok", "not_checked"].contains(&&*row.status), "{row:?}");
        }
        let upstream_rows: Vec<_> =
            rows.iter().filter(|row| row.mirror == upstream.authority()).cloned().collect();
        let mut gate = counted(&rows, "mirror");
        *gate.entry(rows[0].status.clone()).or_default() += 1;
        assert_eq!(report["summary"]["by_status"], serde_json::json!(gate));
        assert_eq!(report["summary"]["checks"], 1 + NAMES.len());
        assert_eq!(
            report["summary"]["upstream"],
            serde_json::json!({"asked": NAMES.len(), "by_status": counted(&upstream_rows, "upstream")})
        );
        assert_eq!(report["decision"], serde_json::json!({"outcome": "undecided", "exit_code": 130}));
        let markdown = output.file("report.md");
        assert!(markdown.contains("; interrupted before everything was asked."), "{markdown}");
        assert!(markdown.contains(", exit code 130\n"), "{markdown}");
    }
}

#[test]
fn interruption_shows_in_the_exit_code_also_when_something_had_failed_already() {
    let [upstream, copy] = [registry(&NAMES), silent()];
    let lacking = registry(&[]);
    let running = Tool::new()
        .stdin(format!("{}/gone:1.0\n{}", lacking.authority(), list(&upstream, &NAMES)))
        .args(["-", &mirror(&upstream, &copy), "-f", "json"])
        .line(PATIENT)
        .start();
    running.wait_for(&format!("debug: HEAD {}/v2/gone/manifests/1.0: 404 in ", lacking.url()));
    running.signal("INT");
    let output = running.wait();
    assert_eq!(output.code, Some(130), "{output:?}");
    assert_eq!(report::json(&output.stdout)["decision"]["exit_code"], 130);
}

#[test]
fn interruption_while_a_reason_is_looked_for_is_an_interruption() {
    let [upstream, copy] = [registry(&["one"]), registry(&["one"])];
    let other = registry_check::demo::content::image("other", "linux/amd64");
    copy.store().put("one", "1.0", &other);
    // The tags are answered, and say that the digests differ; whether upstream knows the other one is not.
    let others = other.digest().to_string();
    upstream.set_behaviour(Scope::reference("one", &others), Behaviour::Silent);
    let running = Tool::new()
        .stdin(list(&upstream, &["one"]))
        .args(["-", &mirror(&upstream, &copy), "-f", "json"])
        .line(PATIENT)
        .start();
    running.wait_for(&format!("debug: GET {}/v2/one/manifests/1.0: 200 in ", copy.url()));
    running.signal("INT");
    let output = running.wait();
    assert_eq!(output.code, Some(130), "{output:?}");
    let report = report::json(&output.stdout);
    assert_eq!(report["decision"]["exit_code"], 130);
    assert_eq!(report::json_rows(&report)[1].mirror, copy.authority());
}

#[test]
fn second_interruption_leaves_at_once_and_leaves_nothing_behind() {
    let silent = silent();
    let answering = registry(&["answering"]);
    let tool = Tool::new().file("images.txt", list(&silent, &NAMES) + &list(&answering, &["answering"]));
    // Each is waited for on its own: all of them longer than any test may take.
    let names: Vec<_> = (10..50).map(|number| format!("pipe{number}.ndjson")).collect();
    let _unread: Vec<_> = names.iter().map(|name| unread(tool.dir(), name)).collect();
    let running = tool
        .line("images.txt -o rows.ndjson")
        .args(names.iter().flat_map(|name| ["-o", name]))
        .line(PATIENT)
        .start();
    running.wait_for(&format!("debug: HEAD {}/v2/answering/manifests/1.0: 200 in ", answering.url()));
    running.signal("INT");
    running.wait_for(FIRST);
    running.signal("INT");
    let output = running.wait();
    assert_eq!(output.code, Some(130), "{output:?}");
    assert_eq!(output.files(), [vec!["images.txt".to_owned()], names].concat(), "{output:?}");
}

#[test]
fn interruption_before_anything_was_asked_leaves_at_once_and_leaves_nothing_behind() {
    for signal in ["INT", "TERM"] {
        let registry = registry(&["one"]);
        let tool = Tool::new().file("images.txt", list(&registry, &["one"])).file("report.json", "old");
        // Nobody reads from it, so that it cannot be opened.
        pipes(tool.dir(), &["pipe.csv".to_owned()]);
        let running = tool.line("images.txt -o report.json -o pipe.csv -vv").start();
        running.wait_for("debug: opening pipe.csv\n");
        running.signal(signal);
        let output = running.wait();
        assert_eq!(output.code, Some(130), "{signal}: {output:?}");
        assert!(output.stderr.ends_with(BEFORE), "{output:?}");
        assert_eq!(output.files(), ["images.txt", "pipe.csv", "report.json"]);
        assert_eq!(output.file("report.json"), "old");
        assert_not_asked(&registry);
    }
}

#[test]
fn interruption_while_the_list_is_still_written_leaves_at_once() {
    for command in ["- -o report.json -vv", "- --plan -vv", "lock - -o images.lock -vv"] {
        for signal in ["INT", "TERM"] {
            let (list, mut writer) = pipe().unwrap();
            writer.write_all(b"127.0.0.1:1/one:1.0\n").unwrap();
            let running = Tool::new().stdin_from(list).line(command).start();
            running.wait_for("debug: reading -\n");
            running.signal(signal);
            let output = running.wait();
            assert_eq!(output.code, Some(130), "{command}, {signal}: {output:?}");
            assert!(output.stderr.ends_with(BEFORE), "{output:?}");
            assert!(output.files().is_empty(), "{output:?}");
            drop(writer);
        }
    }
}

#[test]
fn first_interruption_while_reports_are_written_lets_all_be_written_but_those_that_nobody_reads() {
    let lacking = registry(&[]);
    for signal in ["INT", "TERM"] {
        let tool = Tool::new().file("images.txt", list(&lacking, &NAMES));
        let names = ["pipe.csv", "pipe.md"];
        let unread = names.map(|name| unread(tool.dir(), name));
        let running = tool.line("images.txt -o pipe.csv -o pipe.md -o report.json -o rows.ndjson").start();
        running.wait_for("fail: 0 of 3 images pass");
        running.signal(signal);
        let output = running.wait();
        assert_eq!(output.code, Some(130), "{signal}: {output:?}");
        assert!(output.stderr.contains(ALL_ASKED), "{output:?}");
        for name in names {
            let given_up = format!("{name}: the rest of it is not written\n");
            assert!(output.stderr.contains(&given_up), "{output:?}");
        }
        assert_eq!(output.files(), ["images.txt", "pipe.csv", "pipe.md", "report.json", "rows.ndjson"]);
        // All was asked, and the reports tell of that.
        let report = report::json(&output.file("report.json"));
        assert_eq!(report["decision"], serde_json::json!({"outcome": "fail", "exit_code": 1}));
        assert_eq!(report::json_rows(&report).len(), NAMES.len());
        let rows = output.file("rows.ndjson");
        assert_eq!(rows.matches("registry-check/stream/v1").count(), 1, "{rows}");
        drop(unread);
    }
}

#[test]
fn one_interruption_is_enough_where_nobody_reads_what_is_told_while_it_comes() {
    let registry = registry(&["one"]);
    let tool = Tool::new();
    let stdout = unread(tool.dir(), "stdout");
    let (list_end, mut writer) = pipe().unwrap();
    writer.write_all(list(&registry, &["one"]).as_bytes()).unwrap();
    let running = tool
        .stdin_from(list_end)
        .stdout(stdout.try_clone().unwrap())
        .line("- -f ndjson -o - -o rows.ndjson -vv")
        .start();
    running.wait_for(&format!("debug: HEAD {}/v2/one/manifests/1.0: 200 in ", registry.url()));
    running.signal("INT");
    let output = running.wait();
    assert_eq!(output.code, Some(130), "{output:?}");
    let given_up = "nobody reads standard output: the rest of it is not written\n";
    assert!(output.stderr.contains(given_up), "{output:?}");
    let told = output.file("rows.ndjson");
    let end: serde_json::Value = serde_json::from_str(told.lines().last().unwrap()).unwrap();
    assert_eq!(end["decision"]["exit_code"], 130, "{told}");
    drop((writer, stdout));
}

#[test]
fn run_that_waits_to_try_again_is_interrupted_too() {
    let busy = registry(&["one"]);
    busy.set_behaviour(Scope::All, Behaviour::Status(Failure::throttled(Some("30"))));
    let running = Tool::new().stdin(list(&busy, &["one"])).line("- -f json -vv").start();
    running.wait_for(&format!("debug: HEAD {}/v2/one/manifests/1.0: 429 in ", busy.url()));
    running.signal("TERM");
    let output = running.wait();
    assert_eq!(output.code, Some(130), "{output:?}");
    let rows = report::json_rows(&report::json(&output.stdout));
    assert_eq!((rows.len(), &*rows[0].status), (1, "not_checked"));
}
