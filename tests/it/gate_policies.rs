//! Policies as a user writes them: mirror groups, levels, exceptions with their last day, limits on latency.

use std::time::Duration;

use registry_check::demo::{Behaviour, Registry, Scope};
use serde_json::Value;

use crate::support::report;
use crate::support::small::{assert_not_asked, list, registry};
use crate::support::tool::{Output, Tool};

/// An upstream, and its mirrors `a`, `b` and `c`.
struct World {
    upstream: Registry,
    mirrors: [Registry; 3],
}

const NAMES: [&str; 3] = ["a", "b", "c"];

impl World {
    fn new(repositories: &[&str]) -> Self {
        Self { upstream: registry(repositories), mirrors: NAMES.map(|_| registry(repositories)) }
    }

    /// A check of these images under a policy, which begins on line 13 of its file.
    fn check(&self, repositories: &[&str], policy: &str) -> Tool {
        self.tool(policy)
            .file("images.txt", list(&self.upstream, repositories))
            .line("images.txt --retries 0")
    }

    fn tool(&self, policy: &str) -> Tool {
        let upstream = self.upstream.authority();
        let mirrors = NAMES.iter().zip(&self.mirrors).map(|(name, mirror)| {
            format!(
                "[[mirrors]]\nname = \"{name}\"\nurl = \"{}\"\nfor = [\"{upstream}\"]\n",
                mirror.authority()
            )
        });
        let config: String = mirrors.collect();
        Tool::new().file("registry-check.toml", format!("{config}{policy}"))
    }

    fn code(&self, policy: &str, flags: &str) -> Option<i32> {
        self.check(&["one", "two"], policy).line(flags).run().code
    }

    fn decision(&self, policy: &str, flags: &str) -> Value {
        let output = self.check(&["one", "two"], policy).line(flags).line("-f json").run();
        let json = report::json(&output.stdout);
        assert_eq!(json["decision"]["exit_code"], output.code.unwrap(), "{output:?}");
        json["decision"].clone()
    }
}

/// `one` is lacking at `a`, and asking `b` for it comes to nothing.
fn patchy() -> World {
    let world = World::new(&["one", "two"]);
    world.mirrors[0].store().remove_repository("one");
    world.mirrors[1].set_behaviour(Scope::repository("one"), Behaviour::Reset);
    world
}

#[test]
fn groups_named_mirrors_and_levels_decide() {
    let world = patchy();
    let group = |mirrors: &str, require: &str| {
        format!("[[gate.group]]\nname = \"g\"\nmirrors = [{mirrors}]\nrequire = {require}\n")
    };
    for (policy, flags, code) in [
        ("", "", 1),
        ("", "--require any", 0),
        ("", "--require 2", 3),
        ("", "--require c", 0),
        ("", "--require b,c", 3),
        ("", "--require a", 1),
        ("[gate]\nrequire = [\"c\"]\n", "", 0),
        ("[gate]\nrequire = \"any\"\n", "", 0),
        ("[gate]\nrequire = \"any\"\n", "--require all", 1),
        ("[gate]\nrequire = \"any\"\n", "--require any --fail-on unreachable", 0),
        (&group("\"a\", \"c\"", "\"any\""), "", 3),
        (&group("\"a\", \"c\"", "1"), "--undecided pass", 0),
        (&group("\"a\", \"c\"", "1"), "--undecided fail", 1),
        (&group("\"a\", \"b\"", "1"), "", 3),
        (&group("\"a\"", "\"any\""), "--require any", 1),
        ("[gate]\npass = [\"missing\"]\n", "", 3),
        ("[gate]\nwarn = [\"missing\"]\nundecided = \"warn\"\n", "", 0),
        ("[gate]\nwarn = [\"missing\"]\nundecided = \"warn\"\n", "--undecided fail", 1),
        ("[gate]\nwarn = [\"missing\"]\nundecided = \"warn\"\n", "--fail-on missing", 1),
        ("[gate]\nfail = [\"unreachable\"]\npass = [\"missing\"]\n", "", 1),
        ("", "--warn-on missing,unreachable", 0),
        ("", "--allow missing --warn-on unreachable", 0),
    ] {
        assert_eq!(world.code(policy, flags), Some(code), "{policy}{flags}");
    }
    let table = world.check(&["one", "two"], &group("\"a\", \"c\"", "\"any\"")).run();
    assert!(
        table
            .stdout
            .trim_end()
            .ends_with("every mirror must serve its images (1 group has a requirement of its own)"),
        "{table:?}"
    );
}

fn exception(settings: &str, expires: &str) -> String {
    format!(
        "[[gate.exception]]\n{settings}\nlevel = \"pass\"\nreason = \"known to ops\"\nexpires = {expires}\n"
    )
}

#[test]
fn exceptions_hold_for_their_image_and_mirror() {
    let world = patchy();
    let at_b = exception("mirror = \"b\"", "9999-12-31");
    let at_a = exception("image = \"**/one\"\nmirror = \"a\"\nstatus = \"missing\"", "9999-12-31");
    let decision = world.decision(&format!("{at_b}{at_a}"), "");
    assert_eq!(decision["exit_code"], 0);
    let exceptions = decision["exceptions"].as_array().unwrap();
    let fared: Vec<_> = exceptions.iter().map(|entry| (&entry["state"], &entry["results"])).collect();
    assert_eq!(fared, [(&"applied".into(), &1.into()), (&"applied".into(), &1.into())]);
    assert_eq!(exceptions[1]["place"], "registry-check.toml:18");
    assert_eq!(decision["findings"], Value::Null);

    // Nothing needs it: a warning.
    let idle = exception("image = \"**/two\"", "9999-12-31");
    let output = world.check(&["one", "two"], &format!("{at_b}{at_a}{idle}")).run();
    assert_eq!(output.code, Some(0), "{output:?}");
    let told = "WARNING       registry-check.toml:25: the exception for **/two changes nothing: it can go (known to ops)\n";
    assert!(output.stdout.contains(told), "{output:?}");
}

fn today() -> time::Date {
    time::OffsetDateTime::now_utc().date()
}

#[test]
fn exception_that_is_over_is_refused_before_anybody_is_asked_and_nothing_is_overwritten() {
    let world = patchy();
    let held = exception("mirror = \"b\"", "9999-12-31");
    let over = exception("image = \"**/one\"\nmirror = \"a\"\nstatus = \"missing\"", "2001-02-03");
    let older = exception("code = \"tag-absent\"", "1999-12-31");
    let report = world.check(&["one", "two"], "").line("-o old.json").run().file("old.json");
    let asked = world.upstream.hits().len();
    let told = "registry-check.toml:18: the exception for **/one at a, missing expired on 2001-02-03 (known to ops)\n\
                registry-check.toml:25: the exception for every image, tag-absent expired on 1999-12-31 (known to ops)\n\
                error: 2 exceptions of the gate that are over\n\
                hint: renew the day that expires says, or take the exception out\n";
    let images = list(&world.upstream, &["one", "two"]);
    for command in [
        "images.txt -o old.json",
        "images.txt --plan",
        "- -f ndjson",
        "render last.json -o old.json",
        "merge last.json -o old.json",
    ] {
        let tool = world.tool(&format!("{held}{over}{older}")).stdin(&images);
        let tool = tool.file("images.txt", &images).file("last.json", &report).file("old.json", "old");
        let output = tool.line(command).run();
        assert_eq!((output.code, &*output.stdout, &*output.stderr), (Some(2), "", told), "{command}");
        assert_eq!(output.file("old.json"), "old", "{command}");
    }
    assert_eq!(world.upstream.hits().len(), asked);
}

#[test]
fn exception_holds_through_the_whole_of_its_last_day() {
    let world = patchy();
    let code = |day: time::Date| {
        let of = |mirror| exception(&format!("mirror = \"{mirror}\""), &day.to_string());
        world.code(&format!("{}{}", of("a"), of("b")), "")
    };
    let mut day = today();
    let on_its_last_day = loop {
        let held = code(day);
        // Midnight may have come meanwhile.
        match today() {
            same if same == day => break held,
            next => day = next,
        }
    };
    assert_eq!(on_its_last_day, Some(0));
    assert_eq!(code(day.previous_day().unwrap()), Some(2));
}

#[test]
fn report_that_was_judged_by_an_exception_that_was_over_is_read_all_the_same() {
    let world = patchy();
    let first = world.check(&["one", "two"], "").line("-o old.json").run().file("old.json");
    let mut report = report::json(&first);
    report["decision"]["exceptions"] = serde_json::json!([{
        "place": "registry-check.toml:13", "image": null, "mirror": "a", "status": null, "code": null,
        "level": "pass", "reason": "x", "expires": "2001-02-03", "state": "expired", "results": 0
    }]);
    report["decision"]["findings"] =
        serde_json::json!([{"level": "fail", "kind": "exception-expired", "text": "it expired"}]);
    let report = report.to_string();
    report::json(&report);
    for (command, code) in [
        ("render old.json", 1),
        ("images.txt --retries 0 --since old.json", 1),
        ("images.txt --retries 0 --baseline old.json", 0),
    ] {
        let tool = world.tool("").file("images.txt", list(&world.upstream, &["one", "two"]));
        let output = tool.file("old.json", &report).line(command).run();
        assert_eq!(output.code, Some(code), "{command}: {output:?}");
    }
}

#[test]
fn exception_of_level_fail_makes_one_image_stricter() {
    let world = World::new(&["one", "two"]);
    let strict = "[[gate.exception]]\nimage = \"**/two\"\ncode = \"digest-equal\"\nlevel = \"fail\"\nreason = \"x\"\nexpires = 9999-12-31\n";
    let decision = world.decision(strict, "");
    assert_eq!((&decision["exit_code"], &decision["exceptions"][0]["results"]), (&1.into(), &3.into()));
}

#[test]
fn policy_that_speaks_of_what_there_is_not_ends_before_anybody_is_asked() {
    let world = patchy();
    let far = "9999-12-31";
    let named = |names: &str| format!("[gate]\nrequire = [{names}]\n");
    for (policy, flags, told) in [
        (
            exception("image = \"**/onne\"", far),
            "",
            "registry-check.toml:13: image: '**/onne' matches no image of the list",
        ),
        (
            exception("mirror = \"bb\"", far),
            "",
            "registry-check.toml:13: mirror: no mirror is called 'bb' (did you mean 'b'?)",
        ),
        (
            named("\"c\", \"harbor\""),
            "",
            "registry-check.toml:14: require: no mirror is called 'harbor' (there are: a, b, c)",
        ),
        (
            exception("mirror = \"harbor\"", far),
            "",
            "registry-check.toml:13: mirror: no mirror is called 'harbor' (there are: a, b, c)",
        ),
        (String::new(), "--require harbor", "--require: no mirror is called 'harbor' (there are: a, b, c)"),
        (
            "[[gate.group]]\nname = \"g\"\nmirrors = [\"aa\", \"b\"]\n".to_owned(),
            "",
            "registry-check.toml:13: mirrors: no mirror is called 'aa' (did you mean 'a'?)",
        ),
        (
            exception("status = \"stael\"", far),
            "",
            "registry-check.toml:14: unknown status 'stael' (did you mean 'stale'?)",
        ),
        (
            exception("mirror = \"a\"", "\"soon\""),
            "",
            "registry-check.toml:17: 'soon' is no day such as 2026-12-31",
        ),
        (
            "[gate]\nexpires = 1\n".to_owned(),
            "",
            "registry-check.toml:14: unknown key 'expires' in [gate] (known: ",
        ),
        (
            "[gate]\nrequire = 4\n".to_owned(),
            "",
            "error: registry-check.toml:14: require = 4, but 127.0.0.1:",
        ),
        (
            "[gate]\nmax_slowdown = \"fast\"\n".to_owned(),
            "",
            "registry-check.toml:14: max_slowdown: 'fast' is no share such as 15%",
        ),
        (
            "[gate]\nmax_slowdown = \"0.15\"\n".to_owned(),
            "",
            "registry-check.toml:14: max_slowdown: '0.15' has no sign, and means nothing without: write 0.15% or 15%",
        ),
        (
            String::new(),
            "--max-slowdown 0.15 --baseline old.json",
            "error: invalid value '0.15' for '--max-slowdown <SHARE>': '0.15' has no sign, and means nothing without: \
             write 0.15% or 15%",
        ),
        (
            String::new(),
            "--warn-on stale --fail-on stale",
            "error: status 'stale' has two levels: 'fail' and 'warn'",
        ),
        (
            String::new(),
            "--max-slowdown 15%",
            "error: the following required arguments were not provided:\n  --baseline <FILE>",
        ),
    ] {
        let output = world
            .check(&["one", "two"], &policy)
            .file("old.json", "old")
            .line(flags)
            .line("-o old.json")
            .run();
        assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""), "{policy}{flags}: {output:?}");
        assert!(output.stderr.starts_with(told), "{policy}{flags}: {output:?}");
        assert_eq!(output.file("old.json"), "old");
    }
    assert_not_asked(&world.upstream);
}

#[test]
fn group_of_which_too_few_stand_in_for_a_registry_is_refused() {
    let world = World::new(&["one"]);
    let other = "[[mirrors]]\nname = \"d\"\nurl = \"https://d.example\"\nfor = [\"quay.io\"]\n";
    let group = "[[gate.group]]\nname = \"g\"\nmirrors = [\"a\", \"d\"]\nrequire = 2\n";
    let output = world.check(&["one"], &format!("{other}{group}")).run();
    let told = format!(
        "error: registry-check.toml:17: group 'g' requires 2, but {} has only 1 mirror\n",
        world.upstream.authority()
    );
    assert_eq!(output.code, Some(2));
    assert!(output.stderr.contains(&told), "{output:?}");
}

fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|at| format!("i{at:02}")).collect()
}

fn timed(count: usize, delay: Option<Duration>, flags: &str, baseline: &str) -> Output {
    let names = numbered(count);
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let world = World::new(&names);
    if let Some(delay) = delay {
        world.mirrors[1].set_behaviour(Scope::Manifests, Behaviour::Delay(delay));
    }
    let images: Vec<_> =
        names.iter().map(|name| format!("\"{}/{name}:1.0\"", world.upstream.authority())).collect();
    let baseline = baseline.replace("IMAGES", &images.join(","));
    world.check(&names, "").file("baseline.json", baseline).line(flags).line("-f json").run()
}

/// What the gate found of each mirror: name and ruling.
fn rulings(output: &Output) -> Vec<(String, String)> {
    let json = report::json(&output.stdout);
    let entries = json["decision"]["latency"].as_array().unwrap().clone();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    entries.iter().map(|entry| (text(&entry["mirror"]), text(&entry["ruling"]))).collect()
}

fn named(rulings: [&str; 3]) -> Vec<(String, String)> {
    NAMES.iter().zip(rulings).map(|(name, ruling)| ((*name).to_owned(), ruling.to_owned())).collect()
}

#[test]
fn slow_mirror_fails_a_limit_on_latency_and_few_answers_do_not() {
    let delay = Duration::from_millis(40);
    let slow = timed(20, Some(delay), "--max-latency 1ms", "");
    assert_eq!(slow.code, Some(1));
    assert_eq!(rulings(&slow)[1], ("b".to_owned(), "too_slow".to_owned()));
    let json = report::json(&slow.stdout);
    assert_eq!(json["decision"]["latency"][1]["samples"], 20);
    assert!(json["decision"]["latency"][1]["p95_ms"].as_f64().unwrap() >= 40.0);
    let text = slow.stderr;
    assert!(text.contains("b: 95 of 100 first bytes came within "), "{text}");

    let patient = timed(20, Some(delay), "--max-latency 1h", "");
    assert_eq!((patient.code, rulings(&patient)), (Some(0), named(["within"; 3])));

    let few = timed(19, Some(delay), "--max-latency 1ms", "");
    assert_eq!((few.code, rulings(&few)), (Some(0), named(["too_few"; 3])));
    let json = report::json(&few.stdout);
    assert_eq!(json["decision"]["findings"][1]["text"], "b: 19 timed answers: times are judged from 20 on");
}

#[test]
fn slow_mirror_has_a_line_of_its_own_in_every_report_that_points_at_lines() {
    let names = numbered(20);
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let world = World::new(&names);
    world.mirrors[1].set_behaviour(Scope::Manifests, Behaviour::Delay(Duration::from_millis(40)));
    let reports = "-o report.json -o report.sarif -o gitlab:report.gitlab";
    let check = world.check(&names, "").line("--max-latency 1ms").line(reports).run();
    assert_eq!(check.code, Some(1), "{check:?}");
    // Judged again, where the same configuration lies beside it.
    let again = world.tool("").file("report.json", check.file("report.json"));
    let again =
        again.line("render report.json --max-latency 1ms -o report.sarif -o gitlab:report.gitlab").run();
    assert_eq!(again.code, Some(1), "{again:?}");
    for output in [check, again] {
        let sarif: Value = serde_json::from_str(&output.file("report.sarif")).unwrap();
        let results = sarif.pointer("/runs/0/results").unwrap().as_array().unwrap();
        let of_b = |result: &&Value| result["message"]["text"].as_str().unwrap().starts_with("b: 95 of 100 ");
        let result = results.iter().find(of_b).unwrap();
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "registry-check.toml");
        assert_eq!(place["region"]["startLine"], 5);
        let gitlab: Value = serde_json::from_str(&output.file("report.gitlab")).unwrap();
        let of_b = |issue: &&Value| issue["description"].as_str().unwrap().starts_with("b: 95 of 100 ");
        let issue = gitlab.as_array().unwrap().iter().find(of_b).unwrap();
        let location = serde_json::json!({"path": "registry-check.toml", "lines": {"begin": 5}});
        assert_eq!(issue["location"], location);
    }
}

#[test]
fn mirror_that_got_slower_than_its_baseline_fails_by_its_median() {
    let baseline = |a: &str, b: &str| {
        let pace = |name, median| format!("{{\"mirror\":\"{name}\",\"samples\":20,\"median_ms\":{median}}}");
        format!(
            "{{\"schema\":\"registry-check/baseline/v1\",\"taken_at\":\"2025-01-01T00:00:00.000Z\",\
             \"images\":[IMAGES],\"mirrors\":[],\"problems\":[],\"latency\":[{},{}]}}",
            pace("a", a),
            pace("b", b)
        )
    };
    let flags = "--baseline baseline.json --max-slowdown 15%";
    let delay = Some(Duration::from_millis(40));
    let slower = timed(20, delay, flags, &baseline("3600000", "10"));
    assert_eq!(slower.code, Some(1), "{slower:?}");
    assert_eq!(rulings(&slower), named(["within", "slower", "too_few_before"]));
    assert!(slower.stderr.contains("where it was 10ms and may grow by 15%"), "{}", slower.stderr);
    let same = timed(20, delay, flags, &baseline("3600000", "3600000"));
    assert_eq!((same.code, rulings(&same)), (Some(0), named(["within", "within", "too_few_before"])));
    let few = timed(19, delay, flags, &baseline("1", "1"));
    assert_eq!((few.code, rulings(&few)), (Some(0), named(["too_few"; 3])));
}

#[test]
fn list_that_need_not_end_knows_groups_and_is_kept_whole_where_the_policy_needs_that() {
    let world = patchy();
    let images = list(&world.upstream, &["one", "two"]);
    let stream = |policy: &str| world.tool(policy).stdin(&images).line("- -f ndjson --retries 0").run();
    let group = "[[gate.group]]\nname = \"g\"\nmirrors = [\"a\", \"c\"]\nrequire = \"any\"\n";
    assert_eq!(stream(group).code, Some(3));
    let excepted =
        format!("{}{}", exception("mirror = \"a\"", "9999-12-31"), exception("mirror = \"b\"", "9999-12-31"));
    let output = stream(&excepted);
    assert_eq!(output.code, Some(0), "{output:?}");
    let (results, end) = report::ndjson(&output.stdout);
    assert_eq!((results.len(), end["decision"]["exceptions"].as_array().unwrap().len()), (8, 2));
}

#[test]
fn policy_in_the_readme_is_one_that_is_accepted() {
    let readme = include_str!("../../README.md");
    let (_, section) = readme.split_once("### The policy in the file").unwrap();
    let (_, block) = section.split_once("```toml\n").unwrap();
    let (policy, _) = block.split_once("```").unwrap();
    let hub = registry(&["library/nginx"]);
    let mirrors = ["harbor", "quay-cache", "daocloud", "aliyun"]
        .map(|name| format!("[[mirrors]]\nname = \"{name}\"\nurl = \"{}\"\n", hub.authority()));
    let upstream = format!("[[registries]]\nname = \"docker.io\"\nurl = \"{}\"\n", hub.authority());
    // Its day will come.
    assert!(policy.contains("expires = 2026-12-31\n"), "{policy}");
    let policy = policy.replace("expires = 2026-12-31\n", "expires = 9999-12-31\n");
    let config = format!("{}{upstream}{policy}", mirrors.concat());
    let tool = Tool::new().file("registry-check.toml", config).stdin("nginx:1.0");
    let output = tool.line("- -f json").run();
    let decision = &report::json(&output.stdout)["decision"];
    assert_eq!((output.code, &decision["exceptions"][0]["state"]), (Some(0), &"unused".into()), "{output:?}");
}
