//! What was broken already does not fail again: baselines through a pipeline's runs, and bad ones.

use registry_check::demo::{Behaviour, Failure, Registry, Scope, content};
use serde_json::Value;

use crate::support::report;
use crate::support::small::{assert_not_asked, list, mirror, registry};
use crate::support::tool::{Output, Tool};

const IMAGES: [&str; 4] = ["one", "two", "three", "four"];

/// An upstream and its mirror, which lacks `two`.
struct Peers([Registry; 2]);

impl Peers {
    fn new() -> Self {
        let peers = [(); 2].map(|()| registry(&IMAGES));
        peers[1].store().remove_repository("two");
        Self(peers)
    }

    /// A check of all images, each on its line of `images.txt`; with these files beside it.
    fn run(&self, files: &[(&str, &str)], flags: &str) -> Output {
        let Self([upstream, copy]) = self;
        let tool = Tool::new().file("images.txt", list(upstream, &IMAGES));
        let tool = files.iter().fold(tool, |tool, (name, text)| tool.file(name, text));
        tool.args(["images.txt", &mirror(upstream, copy), "--retries", "0"]).line(flags).run()
    }

    fn json(&self, files: &[(&str, &str)], flags: &str) -> (Value, String) {
        let output = self.run(files, &format!("-f json {flags}"));
        let json = report::json(&output.stdout);
        assert_eq!(json["decision"]["exit_code"], output.code.unwrap(), "{output:?}");
        (json, output.stdout)
    }

    fn spoil(&self, repository: &str, seed: &str) {
        self.0[1].store().put(repository, "1.0", &content::image(seed, "linux/amd64"));
    }
}

fn write(files: &[(&str, &str)], args: &str) -> Output {
    let tool = files.iter().fold(Tool::new(), |tool, (name, text)| tool.file(name, text));
    tool.line("baseline write").line(args).run()
}

/// Repository, status, what it was, since when and where it is named.
fn changes(decision: &Value, kind: &str) -> Vec<(String, String, Option<String>, String, String)> {
    let entries = decision["baseline"][kind].as_array().unwrap_or_else(|| panic!("no {kind}: {decision}"));
    let change = |entry: &Value| {
        let text = |key: &str| entry[key].as_str().map(str::to_owned);
        let artifact = text("artifact").unwrap();
        let name = artifact.rsplit('/').next().unwrap().trim_end_matches(":1.0").to_owned();
        let origins = entry["origins"].as_array().unwrap();
        let origins: Vec<_> = origins.iter().map(|origin| origin.as_str().unwrap()).collect();
        (name, text("status").unwrap(), text("was"), text("since").unwrap(), origins.join(","))
    };
    entries.iter().map(change).collect()
}

fn change(
    name: &str,
    status: &str,
    was: Option<&str>,
    since: &str,
    origin: &str,
) -> (String, String, Option<String>, String, String) {
    (name.to_owned(), status.to_owned(), was.map(str::to_owned), since.to_owned(), origin.to_owned())
}

/// The problems of a baseline file: status, code and since when.
fn problems(baseline: &str) -> Vec<(String, String, String)> {
    let value: Value = serde_json::from_str(baseline).unwrap();
    let text = |problem: &Value, key: &str| problem[key].as_str().unwrap().to_owned();
    let problem = |problem| (text(problem, "status"), text(problem, "code"), text(problem, "since"));
    value["problems"].as_array().unwrap().iter().map(problem).collect()
}

fn ended(report: &Value) -> String {
    report["finished_at"].as_str().unwrap().to_owned()
}

#[test]
fn pipeline_fails_only_for_what_is_new_and_on_its_line() {
    let peers = Peers::new();

    // The first run finds what is broken, and its baseline is kept.
    let (first, text) = peers.json(&[], "");
    assert_eq!(first["decision"], serde_json::json!({"outcome": "fail", "exit_code": 1}));
    let written = write(&[("report.json", &text)], "report.json -o baseline.json");
    assert_eq!((written.code, written.stdout.as_str(), written.stderr.as_str()), (Some(0), "", ""));
    let baseline = written.file("baseline.json");

    // The second passes with the old failure, from the baseline and from the report alike.
    let marked = format!("\u{feff}{baseline}");
    for (name, text) in [("baseline.json", &*baseline), ("report.json", &*text), ("marked.json", &*marked)] {
        let flags = format!("--baseline {name}");
        let (second, _) = peers.json(&[(name, text)], &flags);
        let decision = &second["decision"];
        assert_eq!(decision["outcome"], "pass", "{decision}");
        assert_eq!(decision["baseline"]["taken_at"], ended(&first));
        let known = [change("two", "missing", Some("missing"), &ended(&first), "images.txt:2")];
        assert_eq!(changes(decision, "known"), known);
        assert_eq!(changes(decision, "new"), []);
        let table = peers.run(&[(name, text)], &flags).stdout;
        let last = table.lines().last().unwrap();
        let told = format!(
            "PASS: nothing new fails at 4 images; since {}: 0 new, 1 known, 0 better; every mirror must serve its images",
            ended(&first)
        );
        assert_eq!(last, told, "{table}");
        assert!(table.contains(" (known): "), "{table}");
    }

    // A mirror goes stale: the third fails naming only that.
    peers.spoil("three", "old");
    let (third, third_text) = peers.json(&[("baseline.json", &baseline)], "--baseline baseline.json");
    let decision = &third["decision"];
    assert_eq!(decision["outcome"], "fail");
    assert_eq!(changes(decision, "new"), [change("three", "stale", None, &ended(&first), "images.txt:3")]);
    assert_eq!(changes(decision, "known").len(), 1);
    let table = peers.run(&[("baseline.json", &baseline)], "--baseline baseline.json").stdout;
    let new: Vec<_> = table.lines().filter(|line| line.starts_with("✗ NEW ")).collect();
    let [new] = new[..] else { panic!("{table}") };
    assert!(new.contains("/three:1.0 at ") && new.ends_with(": STALE (images.txt:3)"), "{new}");
    assert!(table.contains("\nFAIL: 1 of 4 images failed: 1 stale; since "), "{table}");
    let markdown = peers.run(&[("baseline.json", &baseline)], "--baseline baseline.json -f markdown").stdout;
    let new: Vec<_> = markdown.lines().filter(|line| line.starts_with("- ❌ new: ")).collect();
    assert!(new.len() == 1 && new[0].ends_with(": STALE (`images.txt:3`)"), "{markdown}");

    // Another stale digest is the old failure; each keeps the day on which it was first seen.
    peers.spoil("three", "older");
    let (fourth, fourth_text) = peers.json(&[("third.json", &third_text)], "--baseline third.json");
    assert_eq!(fourth["decision"]["outcome"], "pass");
    let known = [
        change("two", "missing", Some("missing"), &ended(&first), "images.txt:2"),
        change("three", "stale", Some("stale"), &ended(&third), "images.txt:3"),
    ];
    assert_eq!(changes(&fourth["decision"], "known"), known);

    // Worse is new; what is mended is told.
    peers.0[1].store().remove_repository("three");
    peers.0[1].store().put("two", "1.0", &content::image("two", "linux/amd64"));
    let (fifth, _) = peers.json(&[("fourth.json", &fourth_text)], "--baseline fourth.json");
    let decision = &fifth["decision"];
    assert_eq!(decision["outcome"], "fail");
    assert_eq!(
        changes(decision, "new"),
        [change("three", "missing", Some("stale"), &ended(&fourth), "images.txt:3")]
    );
    assert_eq!(
        changes(decision, "better"),
        [change("two", "ok", Some("missing"), &ended(&first), "images.txt:2")]
    );
    let table = peers.run(&[("fourth.json", &fourth_text)], "--baseline fourth.json").stdout;
    assert!(
        table.contains(&format!(": OK, was NOT FOUND since {} (images.txt:2)\n", ended(&first))),
        "{table}"
    );
}

#[test]
fn what_is_not_on_the_list_any_more_is_told_and_a_new_image_is_new() {
    let peers = Peers::new();
    let (_, text) = peers.json(&[], "");
    let Peers([upstream, copy]) = &peers;
    copy.store().remove_repository("four");
    let run = |names: &[&str], baseline: &str| {
        let tool = Tool::new().file("b.json", baseline).stdin(list(upstream, names));
        let output = tool.args(["-", &mirror(upstream, copy), "-f", "json", "--baseline", "b.json"]).run();
        report::json(&output.stdout)["decision"].clone()
    };
    let decision = run(&["one", "three"], &text);
    assert_eq!(decision["outcome"], "pass");
    let gone = decision["baseline"]["gone"].as_array().unwrap();
    assert_eq!(gone.len(), 1);
    assert_eq!(gone[0]["artifact"], format!("{}/two:1.0", upstream.authority()));
    // `four` was fine; here it is as if it had not been asked for.
    let small = run(&["one", "four"], &text.replace("/four:1.0", "/five:1.0"));
    assert_eq!((&small["outcome"], changes(&small, "new").len()), (&"fail".into(), 1));
}

#[test]
fn baseline_that_cannot_be_one_ends_before_anybody_is_asked_and_overwrites_nothing() {
    let peers = Peers::new();
    let (_, good) = peers.json(&[], "");
    let peers = Peers::new();
    let elsewhere = good.replace("127.0.0.1:", "127.0.0.2:");
    let cut = &good[..good.len() - 300];
    let edited = good.replace(
        "\"status\":\"missing\",\"code\":\"manifest-unknown\"",
        "\"status\":\"ok\",\"code\":\"digest-equal\"",
    );
    assert_ne!(edited, good);
    for (name, text, told) in [
        ("cut.json", cut, "cut.json: it ends on line ".to_owned()),
        ("next.json", &good.replace("report/v1", "report/v9"), "next.json: its schema 'registry-check/report/v9' is not known here (known: registry-check/report/v1, registry-check/baseline/v1): it was written by another version or program\n".to_owned()),
        ("foreign.json", "{\"version\": 2}", "foreign.json: it is JSON, but no report of registry-check: it has no \"schema\": \"registry-check/report/v1\"\n".to_owned()),
        ("list.json", "[]", "list.json: it is JSON, but no report of registry-check: it has no \"schema\": \"registry-check/report/v1\"\n".to_owned()),
        ("binary.json", "\u{7f}ELF\u{0}", "binary.json: it is no JSON (line 1: expected value)\n".to_owned()),
        ("rows.json", "{\"artifact\":\"x\"}\n{\"artifact\":\"y\"}\n", "rows.json: it is a stream of results (registry-check/stream/v1), not a report\n".to_owned()),
        ("report.csv", "artifact,input\n", "report.csv: it is no JSON (line 1: expected value)\n".to_owned()),
        ("other.json", &elsewhere, "other.json: is of another list: none of its 4 images is checked here\n".to_owned()),
        ("edited.json", &edited, "edited.json: it cannot be used: ".to_owned()),
        ("field.json", &good.replacen("\"attempts\"", "\"tries\"", 1), "field.json: it cannot be used: line ".to_owned()),
        ("folder/x", "", "folder: Is a directory".to_owned()),
        ("empty.json", "", "empty.json: it is empty: there is no report in it\n".to_owned()),
    ] {
        let file = name.split('/').next().unwrap();
        let output = peers.run(&[(name, text), ("old.csv", "old")], &format!("--baseline {file} -o old.csv"));
        assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""), "{output:?}");
        assert!(output.stderr.starts_with(&told), "{name}: {output:?}");
        assert!(output.stderr.contains("error: 1 baseline that cannot be used\nhint: "), "{output:?}");
        assert_eq!(output.file("old.csv"), "old");
        if file != "folder" && file != "other.json" {
            let output = write(&[(name, text), ("old.json", "old"), ("good.json", &good)], &format!("good.json {file} -o old.json"));
            assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""), "{output:?}");
            assert!(output.stderr.starts_with(&told), "{name}: {output:?}");
            assert_eq!(output.file("old.json"), "old");
        }
    }
    let output = peers.run(&[], "--baseline none.json");
    assert_eq!(output.code, Some(2));
    assert!(output.stderr.starts_with("none.json: No such file or directory"), "{output:?}");
    assert_not_asked(&peers.0[0]);
}

#[test]
fn baseline_of_which_most_is_not_checked_is_told_but_not_in_a_shard() {
    let Peers([upstream, copy]) = Peers::new();
    let check = |images: &[&str], baseline: Option<&str>, flags: &str| {
        let tool = Tool::new().file("images.txt", list(&upstream, images));
        let tool =
            baseline.iter().fold(tool, |tool, text| tool.file("old.json", text).line("--baseline old.json"));
        tool.args(["images.txt", &mirror(&upstream, &copy), "-f", "json"]).line(flags).run()
    };
    let all = check(&IMAGES, None, "").stdout;
    let told =
        "old.json: only 1 of its 4 images are among the 2 checked here: is it the baseline of this list?";
    let few = check(&["two", "other"], Some(&all), "");
    assert!(few.stderr.contains(told), "{few:?}");
    let again = |report: &str| {
        Tool::new()
            .file("old.json", &all)
            .file("r.json", report)
            .line("render r.json --baseline old.json")
            .run()
    };
    assert!(again(&few.stdout).stderr.contains(told), "{few:?}");
    let half = check(&["two", "three"], Some(&all), "");
    assert!(!half.stderr.contains("of its"), "{half:?}");
    for number in 1..=4 {
        let shard = check(&IMAGES, Some(&all), &format!("--shard {number}/4"));
        assert!(!shard.stderr.contains("of its"), "{shard:?}");
        let report = report::json(&shard.stdout);
        if report["summary"]["artifacts"] != 0 {
            assert!(!again(&shard.stdout).stderr.contains("of its"), "{report}");
        }
    }
}

/// The next run would then know every new failure.
#[test]
fn report_is_not_written_over_the_baseline_that_it_is_compared_with() {
    let peers = Peers::new();
    let (_, good) = peers.json(&[], "");
    let output = peers.run(&[("b.json", &good)], "--baseline b.json -o b.json");
    assert_eq!(output.code, Some(2));
    assert!(
        output.stderr.starts_with("cannot write b.json: is read by this run, and would be overwritten\n"),
        "{output:?}"
    );
    assert_eq!(output.file("b.json"), good);
}

#[test]
fn baselines_are_small_sorted_and_made_of_several() {
    let peers = Peers::new();
    let (first, early) = peers.json(&[], "");
    let written = write(&[("a.json", &early)], "a.json");
    assert_eq!(written.code, Some(0));
    let value: Value = serde_json::from_str(&written.stdout).unwrap();
    assert_eq!(value["problems"].as_array().unwrap().len(), 1);
    assert_eq!(value["images"].as_array().unwrap().len(), 4);
    assert!(!written.stdout.contains("sha256:"), "{}", written.stdout);

    // The later run holds, wherever it stands; what is old keeps its day. In place of one that was read.
    peers.spoil("three", "old");
    let (later, late) = peers.json(&[("a.json", &early)], "--baseline a.json");
    let one = write(&[("a.json", &written.stdout), ("b.json", &late)], "a.json b.json -o a.json");
    assert_eq!(one.code, Some(0), "{one:?}");
    let other = write(&[("a.json", &written.stdout), ("b.json", &late)], "b.json a.json -o -");
    assert_eq!(one.file("a.json"), other.stdout);
    let value: Value = serde_json::from_str(&other.stdout).unwrap();
    let problems = value["problems"].as_array().unwrap();
    let since: Vec<_> = problems.iter().map(|problem| (&problem["status"], &problem["since"])).collect();
    let (first, later) = (Value::from(ended(&first)), Value::from(ended(&later)));
    // By name: `three`, then `two`.
    assert_eq!(since, [(&"stale".into(), &later), (&"missing".into(), &first)]);
    assert_eq!(value["taken_at"], later);
}

#[test]
fn known_failure_stays_known_through_a_run_that_could_not_find_out() {
    let peers = Peers::new();
    peers.spoil("three", "old");
    let (first, text) = peers.json(&[], "");
    let known = write(&[("a.json", &text)], "a.json").stdout;
    let old = problems(&known);
    assert_eq!(old.len(), 2, "{known}");
    let fails = |code| Behaviour::Status(Failure::registry(code, "UNKNOWN", "no"));
    let [upstream, copy] = &peers.0;
    for (spoiled, status) in [(copy, "server_error"), (copy, "denied"), (upstream, "unverified")] {
        let code = if status == "denied" { 403 } else { 500 };
        let repositories: &[&str] = if status == "unverified" { &["three"] } else { &["two", "three"] };
        for repository in repositories {
            spoiled.set_behaviour(Scope::repository(repository), fails(code));
        }
        let (second, judged) = peers.json(&[("b.json", &known)], "--baseline b.json");
        let (_, unjudged) = peers.json(&[], "");
        let table = peers.run(&[("b.json", &known)], "--baseline b.json").stdout;
        spoiled.clear_behaviours();
        let decision = &second["decision"];
        assert_eq!((&decision["outcome"], changes(decision, "new")), (&"pass".into(), vec![]), "{status}");
        assert_eq!(changes(decision, "better"), [], "{status}");
        assert!(table.contains(": 0 new, ") && table.contains(" known, 0 better;"), "{table}");
        let three = change("three", status, Some("stale"), &ended(&first), "images.txt:3");
        assert!(changes(decision, "known").contains(&three), "{decision}");
        // Nothing is forgotten, whether the report was judged with the baseline, or is put together with it.
        let rolled = write(&[("r.json", &judged)], "r.json").stdout;
        assert_eq!(problems(&rolled), old, "{status}");
        let together = write(&[("b.json", &known), ("r.json", &unjudged)], "r.json b.json").stdout;
        assert_eq!(problems(&together), old, "{status}");
        // What is found again is as old as it was.
        for baseline in [&rolled, &together, &judged] {
            let (third, _) = peers.json(&[("b.json", baseline)], "--baseline b.json");
            assert_eq!(third["decision"]["outcome"], "pass", "{status}: {third}");
            let since = changes(&third["decision"], "known").into_iter().map(|known| known.3);
            assert_eq!(since.collect::<Vec<_>>(), [ended(&first), ended(&first)]);
        }
    }
}
