//! What CI systems, monitoring and templates get, through the built program.

use std::collections::HashSet;
use std::fs;

use quick_junit::Report;
use registry_check::demo::Registry;
use serde_json::Value;

use crate::support::report;
use crate::support::small::{assert_not_asked, list, mirror, registry};
use crate::support::tool::{Output, Tool};

/// An upstream with two images, and a mirror that lacks one of them.
fn peers() -> [Registry; 2] {
    let peers = [(); 2].map(|()| registry(&["one", "two"]));
    peers[1].store().remove_repository("two");
    peers
}

/// A run over `images.txt`, whose second line names what the mirror lacks.
fn tool([upstream, copy]: &[Registry; 2]) -> Tool {
    let list = list(upstream, &["one", "two"]);
    Tool::new().file("images.txt", list).args(["images.txt", &mirror(upstream, copy)]).line("--retries 0")
}

/// The same as a step of a GitHub job whose workspace is the working directory.
fn step(peers: &[Registry; 2]) -> Tool {
    let tool = tool(peers);
    let here = tool.dir().to_owned();
    let summary = here.join("summary.md");
    tool.env("GITHUB_ACTIONS", "true").env("GITHUB_WORKSPACE", &here).env("GITHUB_STEP_SUMMARY", summary)
}

fn json(output: &Output, name: &str) -> Value {
    serde_json::from_str(&output.file(name)).unwrap()
}

#[test]
fn one_run_writes_every_report_and_all_say_the_same() {
    let peers = peers();
    let output = tool(&peers)
        .line("-o a.xml -o a.sarif -o a.prom -o gitlab:quality.json -o github:annotations -o a.json -o -")
        .run();
    assert_eq!((output.code, output.stderr.as_str()), (Some(1), ""), "{output:?}");
    let junit = Report::deserialize_from_str(&output.file("a.xml")).unwrap();
    assert_eq!((junit.tests, junit.failures, junit.errors, junit.skipped), (2, 1, 0, 0));
    let failed = &junit.test_suites[0].test_cases[1];
    assert_eq!((failed.extra["file"].as_str(), failed.extra["line"].as_str()), ("images.txt", "2"));

    let sarif = json(&output, "a.sarif");
    let results = sarif.pointer("/runs/0/results").unwrap().as_array().unwrap();
    assert_eq!(results.len(), 1);
    assert_eq!((&results[0]["ruleId"], &results[0]["level"]), (&"manifest-unknown".into(), &"error".into()));
    assert_eq!(results[0].pointer("/locations/0/physicalLocation/region/startLine"), Some(&2.into()));

    let quality = json(&output, "quality.json");
    assert_eq!(quality.as_array().unwrap().len(), 1);
    assert_eq!(quality[0]["location"], serde_json::json!({"path": "images.txt", "lines": {"begin": 2}}));
    assert_eq!(quality[0]["severity"], "critical");

    let annotations = output.file("annotations");
    assert_eq!(annotations.lines().count(), 1);
    assert!(annotations.starts_with("::error file=images.txt,line=2,title="), "{annotations}");

    let metrics = output.file("a.prom");
    assert!(metrics.contains("\nregistry_check_last_run_exit_code 1\n"), "{metrics}");
    assert!(metrics.contains(",status=\"missing\"} 1\n"), "{metrics}");
    let report = report::json(&output.file("a.json"));
    assert_eq!(report["decision"]["outcome"], "fail");
    let asked = peers.iter().map(|peer| peer.hits().len()).sum::<usize>();
    assert_eq!(report["summary"]["requests"], asked, "all of one run");
}

#[test]
fn fingerprints_are_the_same_in_the_next_run_though_lines_move() {
    let peers = peers();
    let prints = |list: String| -> HashSet<String> {
        let output = tool(&peers).file("images.txt", list).line("-o gitlab:q.json").run();
        let quality = json(&output, "q.json");
        quality.as_array().unwrap().iter().map(|issue| issue["fingerprint"].to_string()).collect()
    };
    let list = list(&peers[0], &["one", "two"]);
    let first = prints(list.clone());
    assert_eq!(first.len(), 1);
    assert_eq!(prints(format!("# moved\n\n{list}")), first);
}

#[test]
fn a_step_of_github_gets_annotations_and_a_summary_by_itself() {
    let peers = peers();
    let output = step(&peers).file("summary.md", "earlier\n").run();
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.stdout.lines().last().unwrap().starts_with("FAIL: "), "{output:?}");
    assert_eq!(output.stderr.lines().count(), 1, "{output:?}");
    assert!(output.stderr.starts_with("::error file=images.txt,line=2,title="), "{output:?}");
    assert!(output.file("summary.md").starts_with("earlier\n\n# Registry check: failed\n"));

    // A format for programs on standard output stays one; nothing is said twice; and all can be left out.
    let output = step(&peers).line("-f json").run();
    report::json(&output.stdout);
    assert!(output.stderr.starts_with("::error "), "{output:?}");
    let output = step(&peers).line("-f github").run();
    assert!(output.stdout.starts_with("::error "), "{output:?}");
    assert_eq!(output.stderr, "");
    let output = step(&peers).line("--no-github").run();
    assert_eq!((output.stderr.as_str(), output.files()), ("", vec!["images.txt".to_owned()]));
    let output = step(&peers).env("GITHUB_ACTIONS", "false").run();
    assert_eq!((output.stderr.as_str(), output.files()), ("", vec!["images.txt".to_owned()]));
}

#[test]
fn annotations_point_into_the_repository_from_a_folder_of_it() {
    let peers = peers();
    let tool = step(&peers);
    let root = tool.dir().parent().unwrap().to_owned();
    let folder = tool.dir().file_name().unwrap().to_str().unwrap().to_owned();
    let output = tool.env("GITHUB_WORKSPACE", root).run();
    assert!(output.stderr.starts_with(&format!("::error file={folder}/images.txt,line=2,")), "{output:?}");
}

#[test]
fn a_summary_that_cannot_be_opened_ends_the_run_before_anybody_is_asked_and_nothing_is_overwritten() {
    let peers = peers();
    let saved = step(&peers).line("-f json").run().stdout;
    let asked = peers.each_ref().map(|peer| peer.hits().len());
    for (path, why) in [
        ("/no/such/summary.md", "No such file or directory"),
        ("/", "Is a directory"),
        ("/dev/full", "No space left on device"),
    ] {
        let check = step(&peers).line("-o a.json -q");
        let again = Tool::new().file("saved.json", &saved).line("render saved.json -o a.json -q");
        let again = again.env("GITHUB_ACTIONS", "true");
        for tool in [check, again] {
            let output = tool.file("a.json", "old").env("GITHUB_STEP_SUMMARY", path).run();
            assert_eq!((output.code, &*output.stdout), (Some(2), ""), "{output:?}");
            let told = format!("cannot write {path}: {why}");
            assert!(output.stderr.starts_with(&told), "{output:?}");
            assert!(output.stderr.contains("GITHUB_STEP_SUMMARY; --no-github leaves it out"), "{output:?}");
            assert_eq!(output.file("a.json"), "old");
        }
    }
    assert_eq!(peers.each_ref().map(|peer| peer.hits().len()), asked);
    let output = step(&peers).env("GITHUB_STEP_SUMMARY", "/no/such").line("--no-github").run();
    assert_eq!(output.code, Some(1), "{output:?}");
}

#[test]
fn a_summary_is_no_file_that_the_run_reads_or_writes_otherwise() {
    let peers = peers();
    let good = tool(&peers).line("-f json").run().stdout;
    let asked = peers[0].hits().len();
    let render = Tool::new().env("GITHUB_ACTIONS", "true").line("render r.json -f csv");
    for (tool, flags, name, why) in [
        (step(&peers), "", "images.txt", "is read by this run"),
        (step(&peers), "--baseline b.json", "b.json", "is read by this run"),
        (step(&peers), "-o a.json", "a.json", "a report takes its place"),
        (step(&peers), "-o new.json", "new.json", "a report takes its place"),
        (render, "", "r.json", "is read by this run"),
    ] {
        let tool = ["a.json", "b.json", "r.json"].iter().fold(tool, |tool, name| tool.file(name, &good));
        let path = tool.dir().join(name);
        let before = std::fs::read_to_string(&path).unwrap_or_default();
        let output = tool.env("GITHUB_STEP_SUMMARY", &path).line(flags).run();
        assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""), "{name}: {output:?}");
        assert!(output.stderr.contains(why), "{name}: {output:?}");
        assert!(output.stderr.contains("GITHUB_STEP_SUMMARY; --no-github leaves it out"), "{output:?}");
        assert_eq!(output.files().iter().any(|file| file == name), name != "new.json");
        assert!(name == "new.json" || output.file(name) == before, "{name}");
    }
    assert_eq!(peers[0].hits().len(), asked);
}

#[test]
fn a_summary_keeps_what_earlier_commands_wrote_and_nothing_is_added_when_the_run_is_refused() {
    let peers = peers();
    let output = step(&peers).file("summary.md", "earlier").line("-o no/such/a.json").run();
    assert_eq!((output.code, &*output.file("summary.md")), (Some(2), "earlier"), "{output:?}");
    let output = step(&peers).file("summary.md", "earlier").line("-o a.json").run();
    let summary = output.file("summary.md");
    assert!(summary.starts_with("earlier\n# Registry check: failed\n"), "{summary}");
}

#[test]
fn a_summary_for_which_there_is_no_room_after_all_is_an_error_and_loses_no_report() {
    let registry = registry(&["one"]);
    let images: Vec<_> = (0..200).map(|at| format!("not-there-{at}")).collect();
    let images: Vec<_> = images.iter().map(String::as_str).collect();
    let tool = Tool::with_file_size(4)
        .file("images.txt", list(&registry, &images))
        .file("summary.md", "earlier")
        .file("short.jinja", "{{ decision.outcome }}\n")
        .env("GITHUB_ACTIONS", "true");
    let summary = tool.dir().join("summary.md");
    let output = tool
        .env("GITHUB_STEP_SUMMARY", summary)
        .line("images.txt --template short.jinja -o template:a.txt -q --retries 0")
        .run();
    assert_eq!(output.code, Some(2), "{output:?}");
    assert!(output.stderr.contains("summary.md: File too large"), "{output:?}");
    assert!(output.stderr.contains("GITHUB_STEP_SUMMARY; --no-github leaves it out"), "{output:?}");
    assert_eq!(output.file("summary.md"), "earlier", "no half of a summary is left behind");
    assert_eq!(output.file("a.txt"), "fail\n");
}

#[test]
fn a_summary_never_grows_beyond_what_github_shows() {
    const MOST: usize = 1024 * 1024;
    let peers = peers();
    let nearly_full = "x".repeat(MOST - 700);
    let output = step(&peers).file("summary.md", &nearly_full).run();
    let summary = output.file("summary.md");
    assert!(summary.len() <= MOST && summary.len() > nearly_full.len(), "{}", summary.len());
    assert!(summary.ends_with("The other reports tell all.\n"), "{}", &summary[MOST - 700..]);

    let full = "x".repeat(MOST);
    let output = step(&peers).file("summary.md", &full).run();
    assert_eq!((output.code, output.file("summary.md") == full), (Some(1), true));
    assert!(output.stderr.contains("no room left for the job summary"), "{output:?}");
}

#[test]
fn a_template_writes_standard_output_or_the_file_that_is_named() {
    let peers = peers();
    let source = "{{ decision.outcome }}\n{% for result in results if result.role == 'mirror' %}\n\
                  {{ result.origin|csv }},{{ result.status|csv }}\n{% endfor %}\n";
    let wanted = "fail\nimages.txt:1,ok\nimages.txt:2,missing\n";
    let run =
        |flags: &str| tool(&peers).file("my.jinja", source).line("--template my.jinja").line(flags).run();
    let output = run("");
    assert_eq!((output.code, output.stdout.as_str()), (Some(1), wanted), "{output:?}");
    let output = run("-f json -o template:out/../a.csv -o -");
    assert_eq!(output.code, Some(2), "there is no such folder: {output:?}");
    let output = run("-f json -o template:a.csv -o -");
    assert_eq!((output.code, output.file("a.csv").as_str()), (Some(1), wanted), "{output:?}");
    report::json(&output.stdout);
    let output = run("-o my.jinja -f csv -o template:a");
    assert!(output.stderr.contains("cannot write my.jinja: is read by this run"), "{output:?}");
    assert_eq!(output.file("my.jinja"), source);
}

#[test]
fn a_bad_template_ends_the_run_before_anybody_is_asked() {
    let peers = peers();
    for (source, flags, told) in [
        ("\n{% for x in", "", "error: my.jinja:2: syntax error: "),
        ("{{ x|no_such_filter }}", "-o a.json", "error: --template is used by no report\nhint: "),
        ("x", "-f json", "error: --template is used by no report\nhint: leave -f out, or name its file: "),
    ] {
        let output = tool(&peers).file("my.jinja", source).line("--template my.jinja").line(flags).run();
        assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""), "{output:?}");
        assert!(output.stderr.starts_with(told), "{output:?}");
        assert_eq!(output.files(), ["images.txt", "my.jinja"]);
    }
    let output = tool(&peers).line("--template none.jinja").run();
    assert_eq!(output.code, Some(2));
    assert!(
        output.stderr.starts_with("error: cannot read the template none.jinja: No such file"),
        "{output:?}"
    );
    assert_not_asked(&peers[0]);
    assert_not_asked(&peers[1]);
}

#[test]
fn a_template_that_fails_with_the_run_names_its_line_and_keeps_no_report_from_being_written() {
    let peers = peers();
    let output = tool(&peers)
        .file("my.jinja", "a\n\n{{ resluts }}")
        .file("old", "old")
        .line("--template my.jinja -o old -o a.json")
        .run();
    assert_eq!(output.code, Some(2), "{output:?}");
    assert!(output.stderr.contains("old: my.jinja:3: undefined value"), "{output:?}");
    assert_eq!(output.file("old"), "old");
    assert_eq!(report::json(&output.file("a.json"))["decision"]["outcome"], "fail");
}

/// Each would take all the memory there is, and the process with it.
#[test]
fn a_template_that_takes_too_much_memory_costs_no_other_report_and_is_told() {
    let peers = peers();
    let report = tool(&peers).line("-f json").run().stdout;
    let told = "my.jinja: needs more memory or time than there is for it: does something in it grow with every turn?";
    for source in [
        "{% set ns=namespace(x='a') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x|length }}",
        &format!("{{% set a = 'a' %}}{}", "{% set a = a ~ a %}".repeat(60)),
        "{% set ns=namespace(x='a') %}{% for i in range(60) %}{% set y %}{{ ns.x }}{{ ns.x }}{% endset %}\
         {% set ns.x = y %}{% endfor %}",
    ] {
        let output = Tool::with_memory(300_000)
            .file("report.json", &report)
            .file("my.jinja", source)
            .file("old", "old")
            .line("render report.json --template my.jinja -o template:old -o a.csv -f table -o -")
            .run();
        assert_eq!(output.code, Some(2), "{source}: {output:?}");
        assert!(output.stderr.contains(&format!("/old: {told}\n")), "{output:?}");
        assert_eq!(output.file("old"), "old");
        assert_eq!(report::csv(&output.file("a.csv")).len(), 4);
        assert!(output.stdout.contains("NOT FOUND"), "{output:?}");
    }
    // Already reading it would: constants are put together then.
    let parts = vec!["'a' * 90000000"; 100].join(" ~ ");
    let output = Tool::with_memory(300_000)
        .file("report.json", &report)
        .file("my.jinja", format!("{{{{ {parts} }}}}"))
        .line("render report.json --template my.jinja -o template:x -o a.csv")
        .run();
    assert_eq!((output.code, &*output.stderr), (Some(2), &*format!("error: {told}\n")));
}

#[test]
fn a_format_that_does_not_exist_is_refused_and_no_file_of_that_name_is_made() {
    let peers = peers();
    let output = tool(&peers).line("-o gitlb:quality.json -o template:x").run();
    assert_eq!(output.code, Some(2), "{output:?}");
    assert!(
        output.stderr.starts_with("cannot write gitlb:quality.json: unknown format 'gitlb' (known: table, ")
    );
    assert!(
        output.stderr.contains("cannot write template:x: needs a template: --template FILE\n"),
        "{output:?}"
    );
    assert_eq!(output.files(), ["images.txt"]);
    assert_not_asked(&peers[0]);
    let output = tool(&peers).line("-o ./gitlb:quality.json -q").run();
    assert_eq!(output.files(), ["gitlb:quality.json", "images.txt"]);
}

#[test]
fn metrics_take_their_place_whole() {
    use std::os::unix::fs::MetadataExt as _;
    let peers = peers();
    let tool = tool(&peers).file("registry_check.prom", "old");
    let place = tool.dir().join("registry_check.prom");
    let before = fs::metadata(&place).unwrap().ino();
    let output = tool.line("-o registry_check.prom -q").run();
    assert!(output.file("registry_check.prom").starts_with("# HELP registry_check_build_info "));
    assert_ne!(fs::metadata(&place).unwrap().ino(), before, "another file, renamed over it");
    assert_eq!(output.files(), ["images.txt", "registry_check.prom"]);
}

#[test]
fn only_problems_and_their_order_are_the_users() {
    let peers = peers();
    let output = tool(&peers).line("--only problems --sort status").run();
    let matrix: Vec<_> = output.stdout.lines().take_while(|line| !line.starts_with("2 images")).collect();
    assert_eq!(matrix.len(), 5, "{output:?}");
    assert!(
        matrix[1].contains("/two:1.0 ") && matrix[1].ends_with("  ✓ OK      ✗ NOT FOUND      images.txt:2"),
        "{output:?}"
    );
    assert_eq!(matrix[3], "1 image without problems not shown");
    let output = tool(&peers).line("--only some").run();
    assert_eq!(output.code, Some(2));
    assert!(output.stderr.contains("[possible values: all, problems]"), "{output:?}");
}

#[test]
fn names_that_are_not_known_are_notes_at_their_lines_and_fail_nothing() {
    let peers = [(); 2].map(|()| registry(&["one"]));
    let compose =
        format!("services:\n  a: {{image: '{}/one:1.0'}}\n  b:\n    image: two:$TAG\n", peers[0].authority());
    let output = Tool::new()
        .file("compose.yaml", compose)
        .args(["compose.yaml", &mirror(&peers[0], &peers[1])])
        .line("-o a.csv -o a.sarif -o a.prom -o gitlab:quality.json -o github:annotations -o a.xml")
        .run();
    assert_eq!(output.code, Some(0), "{output:?}");
    let told = "two:$TAG: not known offline, and not checked: the variable TAG without a value \
                (document 1, services.b.image)";
    let sarif = json(&output, "a.sarif");
    let result = sarif.pointer("/runs/0/results/0").expect("a result");
    assert_eq!((&result["ruleId"], &result["level"]), (&"not-known-offline".into(), &"note".into()));
    assert_eq!(result["message"]["text"], told);
    assert_eq!(result.pointer("/locations/0/physicalLocation/region/startLine"), Some(&4.into()));
    let rule = usize::try_from(result["ruleIndex"].as_u64().expect("a rule")).expect("small");
    assert_eq!(sarif.pointer(&format!("/runs/0/tool/driver/rules/{rule}/id")), Some(&result["ruleId"]));
    let quality = json(&output, "quality.json");
    assert_eq!((&quality[0]["severity"], &quality[0]["description"]), (&"info".into(), &told.into()));
    assert_eq!(quality[0]["location"], serde_json::json!({"path": "compose.yaml", "lines": {"begin": 4}}));
    let title = "two%3A$TAG%3A not known offline";
    assert_eq!(
        output.file("annotations"),
        format!("::notice file=compose.yaml,line=4,title={title}::{told}\n")
    );
    assert!(output.file("a.prom").contains("\nregistry_check_names_unknown 1\n"));
    let junit = Report::deserialize_from_str(&output.file("a.xml")).unwrap();
    assert_eq!((junit.tests, junit.skipped), (2, 1));
    // A row of CSV is an image at a mirror.
    assert_eq!(output.file("a.csv").lines().count(), 3);
}
