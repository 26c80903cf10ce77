//! NDJSON: results while others are still asked for, and lists that need not end.

use std::io::{BufRead as _, BufReader, PipeReader, Write as _, pipe};
use std::ops::Range;

use registry_check::demo::{Behaviour, Registry, Scope};
use serde_json::{Value, json};

use crate::support::report;
use crate::support::small::{assert_not_asked, list, mirror, registry};
use crate::support::tool::{Running, Tool};

/// Far longer than any test may take.
const PATIENT: &str = "--connect-timeout 1h --first-byte-timeout 1h --timeout 1h --retries 0";

/// Without what differs from run to run.
fn settled(mut results: Vec<Value>) -> Vec<Value> {
    for result in &mut results {
        result["latency_ms"].take();
        result["checked_at"].take();
    }
    results.sort_by_key(|result| format!("{}{}", result["origin"], result["mirror"]));
    results
}

/// A run whose standard output is read line by line.
fn followed(tool: Tool) -> (Running, BufReader<PipeReader>) {
    let (reader, writer) = pipe().unwrap();
    (tool.stdout(writer).start(), BufReader::new(reader))
}

fn next(lines: &mut BufReader<PipeReader>) -> String {
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    line
}

#[test]
fn lines_are_the_results_of_the_json_report_of_the_same_run() {
    let [upstream, copy] = [registry(&["one", "two"]), registry(&["one"])];
    let images = list(&upstream, &["one", "two", "one"]);
    let output = Tool::new()
        .file("images.txt", images)
        .args(["images.txt", &mirror(&upstream, &copy)])
        .line("-f ndjson -o - -o report.json -o report.ndjson -o report.jsonl")
        .run();
    assert_eq!((output.code, output.stderr.as_str()), (Some(1), ""), "{output:?}");
    let mut report = report::json(&output.file("report.json"));
    let (results, mut end) = report::ndjson(&output.stdout);
    assert_eq!(results.len(), 6);
    let wanted = report["results"].take().as_array().unwrap().clone();
    // The very same run: times too.
    let sorted = |mut results: Vec<Value>| {
        results.sort_by_key(ToString::to_string);
        results
    };
    assert_eq!(sorted(results), sorted(wanted));
    report.as_object_mut().unwrap().remove("results");
    report["schema"] = json!("registry-check/stream/v1");
    assert_eq!(end, report);
    assert_eq!(end["decision"].take(), json!({"outcome": "fail", "exit_code": 1}));
    assert_eq!(output.file("report.ndjson"), output.stdout);
    assert_eq!(output.file("report.jsonl"), output.stdout);
    assert_eq!(output.files(), ["images.txt", "report.json", "report.jsonl", "report.ndjson"]);
}

#[test]
fn list_on_standard_input_comes_to_the_same_as_in_a_file() {
    let [upstream, copy] = [registry(&["one", "two"]), registry(&["one"])];
    let images = list(&upstream, &["one", "two", "one"]);
    let run = |input: &str| {
        let tool = Tool::new().file("stdin", &images).stdin(&images);
        tool.args([input, &mirror(&upstream, &copy), "-f", "ndjson"]).run()
    };
    let [whole, lazy] = ["stdin", "-"].map(run);
    assert_eq!((whole.code, lazy.code), (Some(1), Some(1)), "{lazy:?}");
    let [(whole, whole_end), (lazy, lazy_end)] = [&whole, &lazy].map(|output| report::ndjson(&output.stdout));
    assert_eq!(settled(lazy), settled(whole));
    for part in ["summary", "decision", "mirrors"] {
        assert_eq!(lazy_end[part], whole_end[part], "{part}");
    }
}

#[test]
fn results_are_told_while_another_host_is_silent() {
    let [fast, silent] = [registry(&["one", "two"]), registry(&["three"])];
    silent.set_behaviour(Scope::All, Behaviour::Silent);
    for input in ["images.txt", "-"] {
        let images = list(&silent, &["three"]) + &list(&fast, &["one", "two"]);
        let tool = Tool::new().file("images.txt", &images).stdin(&images);
        let (running, mut lines) = followed(tool.args([input, "-f", "ndjson"]).line(PATIENT));
        for _ in ["one", "two"] {
            assert_eq!(report::ndjson_result(&next(&mut lines))["status"], "ok");
        }
        running.signal("INT");
        let rest = next(&mut lines) + &next(&mut lines);
        let (results, end) = report::ndjson(&rest);
        assert_eq!((results.len(), &results[0]["code"]), (1, &json!("interrupted")));
        assert_eq!(end["decision"], json!({"outcome": "undecided", "exit_code": 130}));
        assert_eq!(end["summary"]["by_status"], json!({"ok": 2, "not_checked": 1}));
        assert_eq!(running.wait().code, Some(130));
    }
}

/// So many images of `registry`, which it does not have.
fn names(registry: &Registry, numbers: Range<u32>) -> String {
    numbers.map(|number| format!("{}/app{number}:1.0\n", registry.authority())).collect()
}

#[test]
fn a_silent_host_holds_up_no_batch_but_for_its_own_images() {
    let [fast, silent] = [registry(&["one"]), registry(&["two"])];
    silent.set_behaviour(Scope::All, Behaviour::Silent);
    let bad = list(&silent, &["two"]);
    // A batch has no more than a thousand lines.
    let images = bad.clone() + &names(&fast, 0..1_200) + &bad + &names(&fast, 1_200..2_500);
    let (running, mut lines) = followed(Tool::new().stdin(&images).line("- -f ndjson").line(PATIENT));
    for _ in 0..2_500 {
        assert_eq!(report::ndjson_result(&next(&mut lines))["status"], "missing");
    }
    running.signal("INT");
    let rest = next(&mut lines) + &next(&mut lines) + &next(&mut lines);
    let (results, end) = report::ndjson(&rest);
    assert!(results.iter().all(|result| result["code"] == "interrupted"), "{results:?}");
    assert_eq!(end["decision"], json!({"outcome": "fail", "exit_code": 130}));
    assert_eq!(end["summary"]["by_status"], json!({"missing": 2_500, "not_checked": 2}));
    assert_eq!(end["summary"]["checks"], 2_502);
    assert_eq!(running.wait().code, Some(130));
}

#[test]
fn more_images_than_may_wait_for_a_silent_host_are_all_told() {
    let silent = registry(&["two"]);
    silent.set_behaviour(Scope::All, Behaviour::Silent);
    let images = names(&silent, 0..12_000);
    let tool =
        Tool::new().stdin(images).line("- -f ndjson --first-byte-timeout 50ms --timeout 50ms --retries 0");
    let (running, mut lines) = followed(tool);
    // What is down is told at once from then on, and room comes free: all are told in the end.
    let mut told = 0;
    let end = loop {
        let line = next(&mut lines);
        if line.contains("\"summary\"") {
            break serde_json::from_str::<Value>(&line).unwrap();
        }
        told += 1;
    };
    assert_eq!((told, &end["summary"]["checks"]), (12_000, &json!(12_000)));
    assert_eq!(running.wait().code, Some(3));
}

#[test]
fn each_line_of_input_is_answered_before_the_next_is_written() {
    let registry = registry(&["one"]);
    let (reader, mut writer) = pipe().unwrap();
    let (running, mut lines) = followed(Tool::new().stdin_from(reader).line("- -f ndjson"));
    for number in 1..=3 {
        writer.write_all(list(&registry, &["one"]).as_bytes()).unwrap();
        let result = report::ndjson_result(&next(&mut lines));
        assert_eq!(result["origin"], format!("stdin:{number}"));
        assert_eq!(result["status"], "ok");
    }
    assert_eq!(registry.connections(), 1, "connections are kept from batch to batch");
    drop(writer);
    let (results, end) = report::ndjson(&next(&mut lines));
    assert!(results.is_empty());
    assert_eq!(end["summary"]["by_status"], json!({"ok": 3}));
    assert_eq!(end["decision"]["exit_code"], 0);
    assert_eq!(running.wait().code, Some(0));
}

#[test]
fn interruption_while_nothing_comes_tells_what_was_done() {
    let registry = registry(&["one"]);
    for signal in ["INT", "TERM"] {
        let (reader, mut writer) = pipe().unwrap();
        let (running, mut lines) = followed(Tool::new().stdin_from(reader).line("- -f ndjson"));
        writer.write_all(list(&registry, &["one"]).as_bytes()).unwrap();
        report::ndjson_result(&next(&mut lines));
        running.signal(signal);
        let (_, end) = report::ndjson(&next(&mut lines));
        assert_eq!(end["decision"], json!({"outcome": "pass", "exit_code": 130}));
        assert_eq!(end["summary"]["checks"], 1);
        assert_eq!(running.wait().code, Some(130));
    }
}

#[test]
fn input_without_end_goes_on_being_answered_until_nobody_reads() {
    let registry = registry(&["one"]);
    let script = format!("yes {}/one:1.0 | head -c 100000000 | \"$0\" - -f ndjson", registry.authority());
    let tool = Tool::of("/bin/sh").args(["-c", &script, env!("CARGO_BIN_EXE_registry-check")]);
    let (running, mut lines) = followed(tool);
    let mut last = Value::Null;
    for _ in 0..5_000 {
        last = report::ndjson_result(&next(&mut lines));
    }
    assert_eq!(last["origin"], "stdin:5000");
    drop(lines);
    // A reader who has seen enough is no error, and what was asked was fine.
    let output = running.wait();
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{output:?}");
}

#[test]
fn bad_line_ends_the_run_after_what_was_asked_is_told() {
    let registry = registry(&["one"]);
    let (reader, mut writer) = pipe().unwrap();
    let (running, mut lines) =
        followed(Tool::new().stdin_from(reader).line("- -f ndjson -o - -o report.ndjson"));
    writer.write_all(list(&registry, &["one"]).as_bytes()).unwrap();
    report::ndjson_result(&next(&mut lines));
    writeln!(writer, "NO IMAGE").unwrap();
    assert_eq!(next(&mut lines), "", "no last line: the stream is not whole");
    let output = running.wait();
    assert_eq!(output.code, Some(2));
    assert!(output.stderr.starts_with("stdin:2: NO IMAGE: "), "{output:?}");
    assert!(output.stderr.contains("error: 1 line that names no image\n"), "{output:?}");
    assert!(output.files().is_empty(), "no half report: {output:?}");

    let images = format!("NO IMAGE\n{}", list(&registry, &["one"]));
    let output = Tool::new().stdin(images).line("- -f ndjson --skip-invalid").run();
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(output.stderr.starts_with("warn: skipped stdin:1: NO IMAGE: "), "{output:?}");
    assert_eq!(report::ndjson(&output.stdout).0.len(), 1);
}

#[test]
fn nothing_on_standard_input_is_an_error() {
    for (text, flags, told) in [
        ("", "", "error: no image to check in stdin\n"),
        ("# none\n\n", "", "error: no image to check in stdin\n"),
        ("NONE\n", "--skip-invalid", "error: no image left to check: every line was skipped\n"),
    ] {
        let output = Tool::new().stdin(text).line("- -f ndjson").line(flags).run();
        assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""), "{text:?}");
        assert!(output.stderr.contains(told), "{output:?}");
    }
}

#[test]
fn requirement_that_no_mirror_can_meet_ends_a_list_without_end_too() {
    let [upstream, copy] = [registry(&["one"]), registry(&["one"])];
    let output = Tool::new()
        .stdin(list(&upstream, &["one"]))
        .args(["-", "-f", "ndjson", "--require", "2", &mirror(&upstream, &copy)])
        .run();
    assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""), "{output:?}");
    [&upstream, &copy].into_iter().for_each(assert_not_asked);
}
