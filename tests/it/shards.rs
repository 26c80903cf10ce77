//! A list that is checked in parts, or from several places, and put together again.

use std::collections::BTreeSet;

use regex::Regex;
use registry_check::demo::{Behaviour, Failure, Registry, Scope, Store, content};
use registry_check::report::Format;

use crate::support::embedded::{Check, Report};
use crate::support::report;
use crate::support::small::{list, registry};
use crate::support::tool::{Output, Tool};

const IMAGES: usize = 40;

/// An upstream, a mirror as good, and one that is lacking, old and forbidding here and there.
struct Peers {
    upstream: Registry,
    good: Registry,
    bad: Registry,
}

impl Peers {
    fn new() -> Self {
        let store = |edition: &str| {
            let mut store = Store::new();
            for number in 0..IMAGES {
                let edition = if number % 5 == 1 { edition } else { "" };
                let image = content::image(&format!("{number}{edition}"), "linux/amd64");
                store.put(&format!("library/app-{number}"), "1.0", &image);
            }
            Registry::start(store).expect("a port of loopback")
        };
        let [upstream, good, bad] = ["", "", "old"].map(store);
        for number in (0..IMAGES).step_by(7) {
            bad.store().remove_repository(&format!("library/app-{number}"));
        }
        let denied = Behaviour::Status(Failure::registry(403, "DENIED", "not for | you"));
        bad.set_behaviour(Scope::repository("library/app-3"), denied);
        Self { upstream, good, bad }
    }

    /// A check of the list, in which some images are named again, and of a Compose file.
    fn check(&self, flags: &str) -> Check {
        let names = (0..IMAGES).chain([3, 7, 8]).map(|number| format!("app-{number}:1.0"));
        let names: Vec<_> = names.collect();
        let compose = "services:\n  a: {image: app-8:1.0}\n  b: {image: 'docker.io/app-9:1.0'}\n";
        Check::of(&names)
            .upstream(&self.upstream.url())
            .mirror("good", &self.good.url())
            .mirror("bad", &self.bad.url())
            .file("compose.yaml", compose)
            .args("compose.yaml")
            .args(flags)
    }

    fn hits(&self) -> usize {
        [&self.upstream, &self.good, &self.bad].map(|registry| registry.hits().len()).iter().sum()
    }
}

/// What cannot be known offline belongs to the list, and not to one of its shards.
#[test]
fn names_that_are_not_known_offline_are_told_once_of_all_shards_and_vantage_points() {
    let upstream = registry(&["one", "two", "three"]);
    let host = upstream.authority();
    let compose = format!(
        "services:\n  a: {{image: '{host}/one:1.0'}}\n  b: {{image: '{host}/two:1.0'}}\n  c:\n    image: app:${{TAG}}\n"
    );
    let check = |flags: &str| {
        let output = Tool::new().file("web.yaml", &compose).line("web.yaml -f json").line(flags).run();
        assert_eq!(output.code, Some(0), "{output:?}");
        output.stdout
    };
    let expected = serde_json::json!([{
        "origin": "web.yaml:5", "origin_document": 1, "origin_path": "services.c.image", "input": "app:${TAG}",
        "why": "the variable TAG without a value",
    }]);
    let is_told_once = |text: &str| {
        let report = report::json(text);
        assert_eq!((&report["dynamic"], &report["dynamic_total"]), (&expected, &1.into()));
    };
    let shards = [check("--shard 1/2"), check("--shard 2/2")];
    shards.iter().for_each(|text| is_told_once(text));
    let merged = merge(&[("1.json", &shards[0]), ("2.json", &shards[1])], "-f json");
    is_told_once(&merged.stdout);
    let seen = [check("--vantage eu"), check("--vantage cn")];
    is_told_once(&merge(&[("eu.json", &seen[0]), ("cn.json", &seen[1])], "-f json").stdout);
    let table = Tool::new().file("all.json", &merged.stdout).line("render all.json").run();
    let told = "1 name not known offline, and not checked:\n  \
                app:${TAG}: the variable TAG without a value (web.yaml:5 (document 1, services.c.image))\n";
    assert!(table.stdout.contains(told), "{}", table.stdout);
}

/// A report with its times taken out.
fn timeless(report: &str) -> String {
    let mut text = report.to_owned();
    for key in ["started_at", "finished_at", "duration_ms", "latency_ms", "checked_at"] {
        let key = format!("\"{key}\":");
        let parts: Vec<_> = text.split(&key).collect();
        let (first, rest) = parts.split_first().expect("a text");
        let rest = rest.iter().map(|part| {
            let end = part.find([',', '}']).expect("something behind a value");
            format!("{key}0{}", &part[end..])
        });
        text = std::iter::once((*first).to_owned()).chain(rest).collect();
    }
    text
}

fn merge(reports: &[(&str, &str)], flags: &str) -> Output {
    let tool = reports.iter().fold(Tool::new(), |tool, (name, text)| tool.file(name, text));
    tool.args(["merge"]).args(reports.iter().map(|(name, _)| name)).line(flags).run()
}

#[test]
fn five_shards_merged_equal_one_run_byte_for_byte_but_for_times() {
    let peers = Peers::new();
    let whole = peers.check("").run();
    assert_eq!(whole.exit, 1);
    let shards: Vec<_> = (1..=5).map(|number| peers.check(&format!("--shard {number}/5")).run()).collect();
    assert!(shards.iter().all(|shard| !shard.rows.is_empty() && shard.rows.len() < whole.rows.len()));
    assert_eq!(shards.iter().map(|shard| shard.requests).sum::<usize>(), whole.requests);
    let names: Vec<_> = (1..=5).map(|number| format!("{number}.json")).collect();
    let mut reports: Vec<_> =
        names.iter().zip(&shards).map(|(name, shard)| (name.as_str(), shard.text.as_str())).collect();
    let hits = peers.hits();
    for _ in 0..5 {
        reports.rotate_left(2);
        let merged = merge(&reports, "-o merged.json");
        assert_eq!(merged.code, Some(1), "{merged:?}");
        let text = merged.file("merged.json");
        report::json(&text);
        assert_eq!(timeless(&text), timeless(&whole.text));
    }
    assert_eq!(peers.hits(), hits, "somebody was asked");
}

/// A report of any format without what was measured and spent.
fn unmeasured(format: Format, report: &str) -> String {
    let common = [
        (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?", "TIME"),
        (r"\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
        (r"\d+ attempts?(: its host had been found down)?", "ATTEMPTS"),
        (r"\d+ requests?", "REQUESTS"),
        (r"\d[\d.]* ?(ms|s|kB|B)\b", "MEASURE"),
    ];
    let of_format: &[(&str, &str)] = match format {
        Format::Json | Format::Ndjson => {
            &[(r#""(latency_ms|duration_ms|attempts|requests|bytes)":\s*[\d.]+"#, "\"$1\":0")]
        }
        // The last of these columns before where an image is named.
        Format::Csv => &[(r",[\d.]*,\d+,TIME,", ",LATENCY,ATTEMPTS,TIME,")],
        Format::Junit => &[(r#"time="[\d.]+""#, "time")],
        Format::Prometheus => {
            &[(r"(?m)^(registry_check_\w*(seconds\w*|requests|bytes)(\{[^}]*\})?) .*$", "$1 0")]
        }
        // Times are drawn, each bar with its own title; rows sort by them.
        Format::Html => &[(r"(?s)<svg.*?</svg>", "CHART"), (r#"data-ms="[\d.]*""#, "data-ms")],
        _ => &[(r"(?m) +", " ")],
    };
    common.iter().chain(of_format).fold(report.to_owned(), |text, (pattern, put)| {
        Regex::new(pattern).expect("a pattern").replace_all(&text, *put).into_owned()
    })
}

#[test]
fn shards_of_a_list_with_a_dead_mirror_merge_into_what_one_run_writes_in_every_format() {
    let peers = Peers::new();
    // Nobody listens there. Of a whole list four images find that out; of each shard as many again.
    let check = |flags: &str| peers.check(flags).mirror("dead", "http://127.0.0.1:1").run();
    let whole = check("");
    let shards: Vec<_> = (1..=5).map(|number| check(&format!("--shard {number}/5"))).collect();
    let spared = |report: &Report| report.rows.iter().filter(|row| row.attempts == 0).count();
    let spared_of_shards = shards.iter().map(spared).sum::<usize>();
    assert!(spared(&whole) > spared_of_shards && spared_of_shards > 0, "{}", spared(&whole));
    let names: Vec<_> = (1..=5).map(|number| format!("{number}.json")).collect();
    let reports: Vec<_> =
        names.iter().zip(&shards).map(|(name, shard)| (name.as_str(), shard.text.as_str())).collect();
    let merged = merge(&reports, "-f json").stdout;
    for format in Format::ALL {
        let [one, other] = [&whole.text, &merged].map(|report| {
            let output =
                Tool::new().file("r.json", report).line("render r.json -f").args([format.as_str()]).run();
            assert_eq!(output.code, Some(1), "{output:?}");
            unmeasured(format, &output.stdout)
        });
        let pairs = one.lines().zip(other.lines());
        let difference = pairs.into_iter().find(|(one, other)| one != other);
        assert_eq!(difference, None, "{format}");
        assert_eq!(one.lines().count(), other.lines().count(), "{format}");
        // It has no reasons.
        assert!(format == Format::Prometheus || one.contains("connection refused"), "{format}: {one}");
    }
}

#[test]
fn an_image_is_asked_for_in_one_shard_only() {
    let peers = Peers::new();
    for number in 1..=3 {
        peers.check(&format!("--shard {number}/3")).run();
    }
    for number in 0..IMAGES {
        let path = format!("/v2/library/app-{number}/manifests/1.0");
        assert_eq!(peers.good.hits_to(&path), 1, "{path}");
    }
}

#[test]
fn shards_are_the_documented_ones() {
    let peers = Peers::new();
    let report = peers.check("--shard 2/4").run();
    let found: BTreeSet<_> = report.rows.iter().map(|row| row.artifact.clone()).collect();
    // sha256sum of docker.io/library/app-N:1.0, its first eight bytes modulo 4 being 1.
    let wanted = SECOND_OF_FOUR.map(|number| format!("docker.io/library/app-{number}:1.0"));
    assert_eq!(found, wanted.into());
}

const SECOND_OF_FOUR: [usize; 7] = [2, 3, 6, 12, 15, 24, 37];

#[test]
fn a_shard_without_an_image_passes_and_says_so() {
    let registry = registry(&["app"]);
    let run = |shard: &str, flags: &str| {
        Tool::new().stdin(list(&registry, &["app"])).line(&format!("- --shard {shard} {flags}")).run()
    };
    let outputs: Vec<_> =
        (1..=3).map(|number| run(&format!("{number}/3"), "-f json -o - -o said.txt")).collect();
    let mut empty = 0;
    for output in &outputs {
        assert_eq!(output.code, Some(0), "{output:?}");
        let report = report::json(&output.stdout);
        if report["results"].as_array().unwrap().is_empty() {
            empty += 1;
            let said = output.file("said.txt");
            let last = said.lines().last().unwrap();
            assert_eq!(
                last,
                "PASS: no image of the list falls into this shard, so there was nothing to check"
            );
            assert!(said.contains("shard ") && said.contains("/3 of a list of 1 image"), "{said}");
        }
    }
    assert_eq!((empty, registry.hits().len()), (2, 1));
    let named = ["1.json", "2.json", "3.json"];
    let reports: Vec<_> =
        named.into_iter().zip(outputs.iter().map(|output| output.stdout.as_str())).collect();
    let merged = merge(&reports, "-f csv");
    assert_eq!((merged.code, report::csv(&merged.stdout).len()), (Some(0), 1), "{merged:?}");
    // Results that are told as they come end all the same.
    for number in 1..=3 {
        let output = run(&format!("{number}/3"), "-f ndjson");
        assert_eq!(output.code, Some(0), "{output:?}");
        assert!(output.stdout.lines().last().unwrap().contains("\"shard\":{"), "{output:?}");
    }
}

#[test]
fn what_does_not_belong_together_leaves_every_file_as_it_was() {
    let peers = Peers::new();
    let shard = |number: usize, flags: &str| peers.check(&format!("--shard {number}/3 {flags}")).run().text;
    let [one, two, three] = [1, 2, 3].map(|number| shard(number, ""));
    let deeper = shard(3, "--depth manifest");
    let other_mirrors = shard(3, &format!("--mirror {}", peers.good.authority()));
    let other_list = Check::of(&["app-1:1.0"])
        .upstream(&peers.upstream.url())
        .mirror("good", &peers.good.url())
        .mirror("bad", &peers.bad.url())
        .args("--shard 3/3")
        .run()
        .text;
    let whole = peers.check("").run().text;
    let cut = &three[..three.len() / 2];
    let newer = three.replace("report/v1", "report/v2");
    let hits = peers.hits();
    for (third, said) in [
        (None, "error: cannot merge: shard 3/3 is missing\n"),
        (Some(&two), "error: cannot merge: 2.json and 3.json overlap: both are shard 2/3\n"),
        (Some(&whole), "error: cannot merge: 1.json and 3.json overlap: 3.json is of the whole list\n"),
        (Some(&other_list), "error: cannot merge: 1.json and 3.json are of different lists\n"),
        (
            Some(&other_mirrors),
            "were checked with different settings: they asked other mirrors or upstreams\n",
        ),
        (Some(&deeper), "were checked with different settings: the depth, or what mirrors stand in for"),
        (Some(&cut.to_owned()), "3.json ends on line "),
        (Some(&newer), "3.json is of another form, registry-check/report/v2, written by registry-check "),
        (Some(&"nginx:1.25\n".to_owned()), "3.json is no JSON (line 1: "),
    ] {
        let reports = [("1.json", Some(&one)), ("2.json", Some(&two)), ("3.json", third)];
        let reports: Vec<_> =
            reports.into_iter().filter_map(|(name, text)| Some((name, text?.as_str()))).collect();
        let tool = reports.iter().fold(Tool::new(), |tool, (name, text)| tool.file(name, text));
        let tool = tool.file("old.md", "old").args(["merge"]).args(reports.iter().map(|(name, _)| name));
        let output = tool.line("-o old.md -o new.csv").run();
        assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""), "{output:?}");
        assert!(output.stderr.contains(said), "{said}: {output:?}");
        assert!(output.stderr.lines().last().unwrap().starts_with("hint: "), "{output:?}");
        assert_eq!(output.file("old.md"), "old");
        let files = output.files();
        assert!(!files.iter().any(|name| name.starts_with('.') || name == "new.csv"), "{files:?}");
    }
    assert_eq!(peers.hits(), hits);
}

#[test]
fn vantage_points_become_a_column_each() {
    let peers = Peers::new();
    let eu = peers.check("--vantage eu").run();
    let report = report::json(&eu.text);
    assert_eq!(report["vantage"], "eu");
    assert!(report["results"].as_array().unwrap().iter().all(|row| row["vantage"] == "eu"));
    assert_eq!(report["results"][1]["mirror"], "good");
    let said = Tool::new().file("eu.json", &eu.text).line("render eu.json").run().stdout;
    assert!(said.contains("40 images (45 mentions), 2 mirrors, from eu: "), "{said}");
    // From the other place, a mirror is not what it is here.
    peers.good.store().remove_repository("library/app-2");
    let cn = peers.check("--vantage cn-east").run();
    let reports = [("eu.json", eu.text.as_str()), ("cn.json", cn.text.as_str())];
    let flags = "-o all.json -o all.md -o all.csv -o all.txt -o all.ndjson";
    let merged = merge(&reports, flags);
    assert_eq!(merged.code, Some(1), "{merged:?}");
    let table = merged.file("all.txt");
    let head: Vec<_> = table.lines().next().unwrap().split("  ").filter(|cell| !cell.is_empty()).collect();
    let columns = [
        "upstream (eu)",
        "upstream (cn-east)",
        "good (eu)",
        "good (cn-east)",
        "bad (eu)",
        "bad (cn-east)",
        "PLACE",
    ];
    assert_eq!(head.iter().map(|cell| cell.trim()).skip(1).collect::<Vec<_>>(), columns);
    assert!(merged.file("all.md").contains(&format!("| Image | {} | Place |", columns[..6].join(" | "))));
    let document = report::json(&merged.file("all.json"));
    assert_eq!(document.get("vantage"), None);
    assert_eq!(document["summary"]["artifacts"], 40);
    let rows = document["results"].as_array().unwrap();
    assert_eq!(rows.len(), eu.rows.len() + cn.rows.len());
    let of_2: Vec<_> = rows
        .iter()
        .filter(|row| row["artifact"] == "docker.io/library/app-2:1.0")
        .map(|row| {
            (
                row["mirror"].as_str().unwrap(),
                row["vantage"].as_str().unwrap(),
                row["status"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        of_2,
        [
            ("docker.io (eu)", "eu", "ok"),
            ("docker.io (cn-east)", "cn-east", "ok"),
            ("good (eu)", "eu", "ok"),
            ("good (cn-east)", "cn-east", "missing"),
            ("bad (eu)", "eu", "ok"),
            ("bad (cn-east)", "cn-east", "ok"),
        ]
    );
    let csv = merged.file("all.csv");
    assert!(
        csv.lines().next().unwrap().ends_with(",checked_at,vantage,origin_document,origin_path"),
        "{csv}"
    );
    let is_from = |line: &str| [",eu,", ",cn-east,"].iter().any(|from| line.contains(&format!("Z{from}")));
    assert!(csv.lines().skip(1).all(is_from), "{csv}");
    // A mirror is meant from everywhere, or from one place.
    for (names, code) in [("good", 1), ("good (eu)", 0), ("good (cn-east)", 1), ("bad (eu),good (eu)", 1)] {
        let judged = Tool::new().file("all.json", merged.file("all.json"));
        let judged = judged.args(["render", "all.json", "--require", names]).run();
        assert_eq!(judged.code, Some(code), "{names}: {judged:?}");
    }
    let exception = "[[gate.exception]]\nmirror = \"good (cn-east)\"\nlevel = \"pass\"\nreason = \"x\"\nexpires = 9999-12-31\n";
    let judged = Tool::new().file("all.json", merged.file("all.json")).file("p.toml", exception);
    let judged = judged.line("render all.json --config p.toml --require good").run();
    assert_eq!(judged.code, Some(0), "{judged:?}");
    let unknown =
        Tool::new().file("all.json", merged.file("all.json")).line("render all.json --require harbour");
    let told = "(there are: good, bad, good (eu), good (cn-east), bad (eu), bad (cn-east))";
    assert!(unknown.run().stderr.contains(told));
    // What was put together is a report like any other, but is not put together again.
    let text = merged.file("all.json");
    let again = Tool::new().file("all.json", &text).line("render all.json -f json").run();
    assert_eq!(again.stdout, text);
    let refused = merge(&[("all.json", &text), ("eu.json", &eu.text)], "");
    assert!(refused.stderr.contains("all.json is put together from several vantage points already"));
    assert_eq!(refused.code, Some(2));
}

#[test]
fn a_merged_report_needs_a_baseline_of_the_same_kind() {
    let peers = Peers::new();
    let [eu, cn] = ["eu", "cn-east"].map(|vantage| peers.check(&format!("--vantage {vantage}")).run().text);
    let reports = [("eu.json", eu.as_str()), ("cn.json", cn.as_str())];
    let all = merge(&reports, "-o all.json").file("all.json");
    let files = [("eu.json", &*eu), ("cn.json", &*cn), ("all.json", &*all)];
    let run = |command: &str| {
        let tool = files.iter().fold(Tool::new(), |tool, (name, text)| tool.file(name, *text));
        tool.file("old.md", "old").line(command).run()
    };
    for command in ["merge eu.json cn.json --baseline all.json", "render eu.json --baseline eu.json"] {
        assert_eq!(run(command).code, Some(0), "{command}");
    }
    let merged = "all.json: is of several vantage points ('good (cn-east)'), and this check of one ('good'): take a report \
                  that is not merged, or merge first and hold the merged report against it\n";
    let of_one = "eu.json: is of one place ('good'), and this report of several vantage points ('good (eu)'): take a \
                  merged report of the same vantage points\n";
    for (command, told) in [
        ("merge eu.json cn.json --baseline eu.json -o old.md", of_one),
        ("render all.json --baseline eu.json -o old.md", of_one),
        ("render eu.json --baseline all.json -o old.md", merged),
    ] {
        let output = run(command);
        assert_eq!((output.code, &*output.stdout), (Some(2), ""), "{command}: {output:?}");
        assert!(output.stderr.starts_with(told), "{command}: {output:?}");
        assert_eq!(output.file("old.md"), "old");
    }
    let before = peers.hits();
    let check = peers.check("--vantage eu --baseline all.json").file("all.json", &all).tool().run();
    assert_eq!(
        (check.code, check.stderr.starts_with("all.json: is of several vantage points")),
        (Some(2), true)
    );
    assert_eq!(peers.hits(), before);
}

#[test]
fn a_baseline_of_another_vantage_point_is_told() {
    let peers = Peers::new();
    let [eu, cn] = ["eu", "cn-east"].map(|vantage| peers.check(&format!("--vantage {vantage}")).run().text);
    let write = |files: &[(&str, &str)]| {
        let tool = files.iter().fold(Tool::new(), |tool, (name, text)| tool.file(name, text));
        tool.line("baseline write").args(files.iter().map(|(name, _)| *name)).run()
    };
    let of_eu = write(&[("eu.json", &eu)]);
    assert_eq!((of_eu.code, &*of_eu.stderr), (Some(0), ""));
    assert!(of_eu.stdout.contains("\"vantages\":[\n    \"eu\"\n  ]"), "{of_eu:?}");
    let of_both = write(&[("eu.json", &eu), ("cn.json", &cn)]);
    let mixed = "warn: the runs were made from cn-east, eu: of the same image at the same mirror the latest holds, \
                 wherever it was made; 'registry-check merge' keeps them apart\n";
    assert_eq!((of_both.code, &*of_both.stderr), (Some(0), mixed));
    for (baseline, flags, warned) in [
        (&of_eu.stdout, "--vantage eu", None),
        (&of_both.stdout, "--vantage eu", None),
        (&eu, "--vantage cn-east", Some("this run is from cn-east")),
        (&of_eu.stdout, "--vantage cn-east", Some("this run is from cn-east")),
        (&of_eu.stdout, "", Some("this run does not say from where (--vantage)")),
    ] {
        let told = warned.map_or_else(String::new, |here| {
            format!(
                "warn: known.json: was made from eu, and {here}: what is broken at only one of both counts as known \
                 or as new\n"
            )
        });
        let check = peers.check(&format!("{flags} --baseline known.json")).file("known.json", baseline);
        let output = check.tool().run();
        assert_eq!((output.code, &*output.stderr), (Some(0), &*told), "{flags}");
        if flags.ends_with("cn-east") {
            let line = "render cn.json -f json --baseline known.json";
            let output = Tool::new().file("cn.json", &cn).file("known.json", baseline).line(line).run();
            assert_eq!((output.code, &*output.stderr), (Some(0), &*told), "{flags}");
        }
    }
}

#[test]
fn a_list_without_end_says_from_where_too() {
    let registry = registry(&["app"]);
    let output = Tool::new().stdin(list(&registry, &["app"])).line("- -f ndjson --vantage cn-east").run();
    assert_eq!(output.code, Some(0), "{output:?}");
    let lines: Vec<_> = output.stdout.lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(lines.iter().all(|line| line.contains("\"vantage\":\"cn-east\"")), "{output:?}");
}

#[test]
fn shards_and_vantage_points_that_there_are_not_are_refused() {
    for (flags, said) in [
        (
            "--shard 6/5",
            "invalid value '6/5' for '--shard <NUMBER/COUNT>': expected NUMBER/COUNT, such as 2/5",
        ),
        ("--shard 2", "expected NUMBER/COUNT"),
        ("--vantage a|b", "invalid value 'a|b' for '--vantage <NAME>': expected a name of letters, digits"),
    ] {
        let output = Tool::new().stdin("nginx\n").line(&format!("- {flags}")).run();
        assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""), "{output:?}");
        assert!(output.stderr.contains(said), "{said}: {output:?}");
    }
}
