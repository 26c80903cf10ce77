//! Saved reports: rendered in other formats and judged by other policies, without asking anybody.

use registry_check::demo::World;
use registry_check::report::Format;

use crate::support::embedded::Check;
use crate::support::report;
use crate::support::small::{list, mirror, registry};
use crate::support::tool::{Output, Tool};

/// Endings of file names, one of which stands for each format.
const EXTENSIONS: [&str; 12] =
    ["txt", "csv", "md", "json", "ndjson", "html", "xml", "sarif", "prom", "github", "gitlab", "junit"];

fn extension(format: Format) -> Option<&'static str> {
    EXTENSIONS
        .into_iter()
        .find(|extension| Format::from_extension(format!("report.{extension}").as_ref()) == Some(format))
}

/// A check of the demo's registries, in every format that a file's name can choose.
fn demo() -> (World, Output) {
    let world = World::start().expect("ports of loopback");
    let check = world
        .mirrors()
        .iter()
        .fold(Check::of(&world.images()).upstream(&world.upstream()), |check, mirror| {
            check.mirror(mirror.name, &mirror.url)
        });
    let files =
        Format::ALL.into_iter().filter_map(extension).map(|extension| format!("-o report.{extension} "));
    let output = check.args(&files.collect::<String>()).tool().run();
    assert_eq!(output.code, Some(1), "{output:?}");
    (world, output)
}

fn render(report: &str, flags: &str) -> Output {
    Tool::new().file("saved.json", report).line("render saved.json").line(flags).run()
}

#[test]
fn every_format_of_a_saved_run_is_what_the_check_itself_wrote() {
    let (world, first) = demo();
    let saved = first.file("report.json");
    drop(world);
    for format in Format::ALL {
        let told = render(&saved, &format!("-f {format}"));
        assert_eq!(told.code, Some(1), "{format}: {told:?}");
        assert!(!told.stdout.is_empty(), "{format}");
        let Some(extension) = extension(format) else { continue };
        let name = format!("again.{extension}");
        let written = render(&saved, &format!("-o {name}"));
        assert_eq!((written.code, written.stdout.as_str()), (Some(1), ""), "{format}: {written:?}");
        let (again, first) = (written.file(&name), first.file(&format!("report.{extension}")));
        if format == Format::Ndjson {
            // A check tells results as they come.
            let sorted = |text: &str| {
                let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
                lines.sort_unstable();
                lines
            };
            assert_eq!(sorted(&again), sorted(&first));
        } else {
            assert_eq!(again, first, "{format}");
        }
    }
}

#[test]
fn another_policy_decides_otherwise_and_nobody_is_asked() {
    let [upstream, copy] = [(); 2].map(|()| registry(&["one", "two"]));
    copy.store().remove_repository("two");
    let flags = mirror(&upstream, &copy);
    let first = Tool::new().stdin(list(&upstream, &["one", "two"])).args(["-", &flags]).line("-f json").run();
    assert_eq!(first.code, Some(1), "{first:?}");
    let hits = || [&upstream, &copy].map(|registry| (registry.connections(), registry.hits().len()));
    let before = hits();
    for (flags, code, outcome) in [
        ("", 1, "fail"),
        ("--allow missing", 0, "pass"),
        ("--allow missing --fail-on ok", 1, "fail"),
        ("--require any", 1, "fail"),
    ] {
        let again = render(&first.stdout, &format!("-f json {flags}"));
        assert_eq!(again.code, Some(code), "{flags}: {again:?}");
        let document = report::json(&again.stdout);
        assert_eq!(document["decision"]["outcome"], outcome, "{flags}");
        assert_eq!(document["decision"]["exit_code"], code, "{flags}");
        let table = render(&first.stdout, flags).stdout;
        assert!(
            table.lines().last().unwrap().starts_with(&format!("{}: ", outcome.to_uppercase())),
            "{table}"
        );
    }
    assert_eq!(hits(), before);
    let impossible = render(&first.stdout, "--require 2");
    assert_eq!((impossible.code, impossible.stdout.as_str()), (Some(2), ""));
    assert!(impossible.stderr.contains("has only 1 mirror"), "{impossible:?}");
}

#[test]
fn an_interrupted_run_stays_one() {
    let (_, first) = demo();
    let saved = first.file("report.json").replace("\"exit_code\":1}", "\"exit_code\":130}");
    let again = render(&saved, "--allow ok,stale,missing,incomplete,invalid,unreachable");
    assert_eq!(again.code, Some(130), "{again:?}");
    assert!(again.stdout.trim_end().ends_with("; interrupted before everything was asked"), "{again:?}");
}

#[test]
fn a_report_may_come_on_standard_input() {
    let (_, first) = demo();
    let saved = first.file("report.json");
    let output = Tool::new().stdin(&saved).line("render - -f json").run();
    assert_eq!((output.code, output.stdout), (Some(1), saved));
}

#[test]
fn a_report_is_not_written_over_itself() {
    let (_, first) = demo();
    let saved = first.file("report.json");
    for command in ["render saved.json -o saved.json", "merge saved.json -o ./saved.json"] {
        let output = Tool::new().file("saved.json", &saved).line(command).run();
        assert_eq!(output.code, Some(2), "{output:?}");
        assert!(
            output.stderr.contains("saved.json: is read by this run, and would be overwritten"),
            "{output:?}"
        );
        assert_eq!(
            (output.file("saved.json"), output.files()),
            (saved.clone(), vec!["saved.json".to_owned()])
        );
    }
}

#[test]
fn what_is_no_report_is_told_with_what_to_do_and_nothing_is_overwritten() {
    let (_, first) = demo();
    let (saved, stream) = (first.file("report.json"), first.file("report.ndjson"));
    for (text, said, hint) in [
        ("", "bad.json is empty: there is no report in it\n", "write the report again"),
        (&saved[..saved.len() / 3], "bad.json ends on line ", "write the report again"),
        ("<html>", "bad.json is no JSON (line 1: expected value)\n", "name a report that a check wrote"),
        ("{\"version\":\"2.1.0\"}", "bad.json is JSON, but no report of registry-check: ", "name a report"),
        (
            &stream,
            "bad.json is a stream of results (registry-check/stream/v1), not a report\n",
            "name a report",
        ),
        (
            &saved.replace("registry-check/report/v1", "registry-check/baseline/v1"),
            "bad.json is a baseline (registry-check/baseline/v1), not a report\n",
            "hold a check or a report against it (--baseline FILE)",
        ),
        (
            &saved.replace("registry-check/report/v1", "registry-check/report/v9"),
            "bad.json is of another form, registry-check/report/v9, written by registry-check ",
            "read it with the version that wrote it",
        ),
        (
            &saved.replace("\"code\":\"html-answer\"", "\"code\":\"\\u001b[2J\""),
            "unknown code '\\u{1b}[2J'",
            "take the report as the check wrote it",
        ),
    ] {
        let tool = Tool::new().file("bad.json", text).file("old.md", "old");
        let output = tool.line("render bad.json -o old.md").run();
        assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""), "{output:?}");
        assert!(output.stderr.contains(said), "{said}: {output:?}");
        assert!(output.stderr.contains("\nerror: 1 report that cannot be read\nhint: "), "{output:?}");
        assert!(output.stderr.contains(hint), "{hint}: {output:?}");
        assert!(!output.stderr.contains('\u{1b}'), "{output:?}");
        assert_eq!((output.file("old.md").as_str(), output.files().len()), ("old", 2));
    }
    let output = Tool::new().line("merge no.json . ").run();
    assert_eq!(output.code, Some(2));
    assert!(
        output.stderr.starts_with("no.json cannot be read: ")
            && output.stderr.contains("\n. cannot be read: ")
    );
    assert!(output.stderr.ends_with("error: 2 reports that cannot be read\n"), "{output:?}");
}
