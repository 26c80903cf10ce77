//! How old a mirror's difference is: by both images' configs, by an earlier report, and what a grace makes of it.

use std::time::Duration;

use registry_check::demo::{Behaviour, Document, Failure, Image, Scope, content};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::support::embedded::{Check, PLATFORMS, Pair, REPOSITORY, Report, TAG, story};

const OLD: &str = "2024-03-01T10:00:00Z";
const NEW: &str = "2024-03-31T12:00:00Z";

/// So long ago, as configs have it.
fn ago(hours: u64) -> String {
    let at = OffsetDateTime::now_utc() - Duration::from_secs(hours * 3_600);
    at.format(&Rfc3339).expect("a time")
}

fn made(seed: &str, created: &str) -> Image {
    content::image_made(seed, "linux/amd64", created)
}

/// Upstream's image was made at one time, the mirror's at another.
fn pair(new: &str, old: &str) -> Pair {
    Pair::holding(&made("new", new), &made("old", old))
}

fn check(pair: &Pair, args: &str) -> Report {
    pair.check().args(args).run()
}

/// What the report says of the mirror, with all its fields.
fn row(report: &Report) -> Value {
    let document: Value = serde_json::from_str(&report.text).expect("JSON");
    let rows = document["results"].as_array().expect("results");
    rows.iter().find(|row| row["role"] == "mirror").expect("a mirror").clone()
}

fn reason(report: &Report) -> String {
    row(report)["reason"].as_str().expect("a text").to_owned()
}

/// How many configs and layers were asked for.
fn blobs(story: &[String]) -> usize {
    story.iter().filter(|line| line.contains("sha256:")).count()
}

#[test]
fn both_images_configs_tell_when_they_were_made() {
    let pair = pair(NEW, OLD);
    let report = check(&pair, "--age");
    report.expect("stale/digest-differs", 1);
    let row = row(&report);
    assert_eq!(row["created"], "2024-03-01T10:00:00.000Z");
    assert_eq!(row["upstream_created"], "2024-03-31T12:00:00.000Z");
    assert_eq!((&row["stale_since"], &row["stale_since_by"]), (&row["upstream_created"], &json!("created")));
    assert_eq!(row["within_grace"], false);
    let told = "made 2024-03-01 10:00 UTC, upstream's 2024-03-31 12:00 UTC (30 days newer); behind for ";
    assert!(reason(&report).contains(told), "{report:#?}");
    // Upstream: the tag twice, its document, the mirror's digest, its config. The mirror: tag, document, config.
    assert_eq!((pair.upstream.hits().len(), pair.mirror.hits().len()), (5, 3));
    assert_eq!(report.requests, 8);
}

#[test]
fn a_time_that_is_beyond_the_last_year_elsewhere_is_no_time() {
    for (new, old) in [(NEW, "9999-12-31T23:59:59-23:59"), ("9999-12-31T23:59:59-23:59", OLD)] {
        let report = check(&pair(new, old), "--age");
        report.expect("stale/digest-differs", 1);
        let row = row(&report);
        let times = [(&row["created"], old), (&row["upstream_created"], new)];
        for (shown, made) in times {
            assert_eq!(shown.is_null(), made.starts_with("9999"), "{row}");
        }
    }
}

#[test]
fn nothing_is_asked_for_it_unless_somebody_wants_to_know() {
    let pair = pair(NEW, OLD);
    let report = check(&pair, "");
    assert_eq!(report.requests, 6);
    assert_eq!(row(&report).get("created"), None);
    let same = Pair::new();
    let report = check(&same, "--age --grace 1h");
    assert_eq!((report.exit, report.requests), (0, 2));
}

#[test]
fn at_depth_blobs_configs_are_looked_at_anyway() {
    let pair = pair(NEW, OLD);
    let row = row(&check(&pair, "--depth blobs"));
    assert_eq!((&row["created"], &row["age_seconds"].is_u64()), (&json!("2024-03-01T10:00:00.000Z"), &true));
}

#[test]
fn of_an_index_it_is_the_first_wanted_platform() {
    let index = |amd64: &str, arm64: &str| {
        let images =
            [content::index_made(amd64, &PLATFORMS, amd64), content::index_made(arm64, &PLATFORMS, arm64)];
        let [amd64, arm64] = [&images[0].children[0], &images[1].children[1]].map(Image::digest);
        let text = String::from_utf8(images[0].document.bytes.to_vec()).unwrap();
        let text = text.replace(&images[0].children[1].digest().to_string(), &arm64.to_string());
        assert!(text.contains(&amd64.to_string()));
        let document = Document::new(images[0].document.media_type.clone(), text);
        let children = vec![images[0].children[0].clone(), images[1].children[1].clone()];
        Image { document, children, blobs: Vec::new() }
    };
    let pair = Pair::holding(&index(NEW, "2024-04-01T00:00:00Z"), &index(OLD, "2024-03-02T00:00:00Z"));
    let report = check(&pair, "--age");
    assert_eq!(row(&report)["created"], "2024-03-01T10:00:00.000Z");
    // One manifest and one config more on each side.
    assert_eq!(report.requests, 6 + 4);
    let wanted = row(&check(&pair, "--age --platform linux/arm64"));
    assert_eq!(wanted["created"], "2024-03-02T00:00:00.000Z");
    assert_eq!(wanted["upstream_created"], "2024-04-01T00:00:00.000Z");
}

#[test]
fn a_young_difference_passes_with_a_warning() {
    let pair = pair(&ago(2), OLD);
    let report = check(&pair, "--grace 3h");
    report.expect("stale/digest-differs", 0);
    assert_eq!(row(&report)["within_grace"], true);
    assert!(
        reason(&report).ends_with("behind for 2 h at most; younger than the grace of 3 h"),
        "{report:#?}"
    );
    let table = pair.check().args("--grace 3h").tool().run();
    assert_eq!(table.code, Some(0), "{table:?}");
    assert!(table.stdout.contains("STALE") && table.stdout.contains("(warning)"), "{}", table.stdout);
    assert!(table.stdout.contains("younger than the grace of 3 h"), "{}", table.stdout);
    let markdown = pair.check().args("--grace 3h -f markdown").tool().run();
    assert!(markdown.stdout.contains("⚠️ STALE"), "{}", markdown.stdout);
    let report = check(&pair, "--grace 1h");
    report.expect("stale/digest-differs", 1);
    assert!(reason(&report).ends_with("behind for 2 h at most; older than the grace of 1 h"), "{report:#?}");
}

#[test]
fn a_grace_holds_for_all_or_for_one_mirror() {
    let pair = pair(&ago(2), OLD);
    let exits = |settings: &str, args: &str| {
        let check = Check::of(&["app:1.0"]).upstream(&pair.upstream.url());
        check.mirror_with("m", &pair.mirror.url(), settings).args(args).run().exit
    };
    assert_eq!(exits("", ""), 1);
    assert_eq!(exits("grace = \"3h\"", ""), 0);
    assert_eq!(exits("grace = \"1h\"", ""), 1);
    // What is said of one mirror counts.
    assert_eq!(exits("grace = \"0s\"", "--grace 3h"), 1);
    assert_eq!(exits("grace = \"1d\"", "--grace 1h"), 0);
    let of_file = |args: &str| {
        let tool = pair.check().args(args).args("--config c.toml");
        let config = format!(
            "grace = \"3h\"\n[[registries]]\nname = \"docker.io\"\nurl = \"{}\"\n[[mirrors]]\nurl = \"{}\"\n",
            pair.upstream.url(),
            pair.mirror.url()
        );
        tool.file("c.toml", config).run().exit
    };
    assert_eq!((of_file(""), of_file("--grace 1h")), (0, 1));
}

#[test]
fn a_list_on_standard_input_is_judged_by_the_same_grace() {
    let pair = pair(&ago(2), OLD);
    for (grace, code) in [("3h", 0), ("1h", 1)] {
        let config = format!(
            "[[registries]]\nname = \"docker.io\"\nurl = \"{}\"\n[[mirrors]]\nurl = \"{}\"\n",
            pair.upstream.url(),
            pair.mirror.url()
        );
        let tool = crate::support::tool::Tool::new().file("registry-check.toml", config).stdin("app:1.0\n");
        let output = tool.line(&format!("- -f ndjson --grace {grace}")).run();
        assert_eq!(output.code, Some(code), "{output:?}");
        assert!(output.stdout.contains("\"within_grace\":"), "{output:?}");
    }
}

#[test]
fn an_age_that_is_not_known_is_no_excuse() {
    // No time, times before there were images, one to come, and a mirror whose image is the newer one.
    for (new, old) in
        [("", OLD), ("1970-01-01T00:00:00Z", OLD), ("2999-01-01T00:00:00Z", OLD), (&*ago(2), &*ago(1))]
    {
        let pair = pair(new, old);
        let report = check(&pair, "--grace 3h");
        report.expect("stale/digest-differs", 1);
        assert!(
            reason(&report).ends_with("for how long is not known, so that no grace holds"),
            "{report:#?}"
        );
        assert_eq!(row(&report)["stale_since"], Value::Null);
    }
}

#[test]
fn configs_that_cannot_be_read_leave_the_age_open_and_the_verdict_as_it_is() {
    let new = made("new", NEW);
    for behaviour in [
        Behaviour::Status(Failure::registry(404, "BLOB_UNKNOWN", "no")),
        Behaviour::Status(Failure::registry(403, "DENIED", "no")),
        Behaviour::LoginPage,
    ] {
        let pair = pair(NEW, OLD);
        for registry in [&pair.upstream, &pair.mirror] {
            registry.set_behaviour(Scope::Blobs, behaviour.clone());
        }
        let report = check(&pair, "--grace 3h");
        report.expect("stale/digest-differs", 1);
        assert!(reason(&report).contains("for how long is not known"), "{report:#?}");
    }
    // A config that is as large as an image is not read.
    let text = String::from_utf8(new.document.bytes.to_vec()).unwrap();
    let size = format!("\"size\":{}", new.blobs[0].bytes.len());
    let text = text.replacen(&size, "\"size\":1073741824", 1);
    let large = Image { document: Document::new(new.document.media_type.clone(), text), ..new };
    let pair = Pair::holding(&large, &made("old", OLD));
    let report = check(&pair, "--age");
    assert_eq!(row(&report)["upstream_created"], Value::Null);
    assert_eq!(blobs(&story(&pair.upstream)), 1, "the mirror's digest alone: {:?}", story(&pair.upstream));
}

#[test]
fn a_config_is_held_to_its_digest() {
    let pair = pair(NEW, OLD);
    let mut image = made("new", NEW);
    let config = String::from_utf8(image.blobs[0].bytes.to_vec()).unwrap();
    let changed = config.replace(NEW, "2024-03-31T12:00:01Z");
    image.blobs[0].bytes = changed.into_bytes().into();
    pair.upstream.store().put(REPOSITORY, TAG, &image);
    assert_eq!(row(&check(&pair, "--age"))["upstream_created"], Value::Null);
}

#[test]
fn a_grace_excuses_nothing_but_the_difference() {
    let pair = pair(&ago(2), OLD);
    let layer = made("old", OLD).blobs[1].digest.clone();
    pair.mirror.store().remove_blob(REPOSITORY, &layer);
    for args in ["--grace 3h", "--allow stale", "--warn-on stale"] {
        let report = check(&pair, &format!("--depth blobs {args}"));
        report.expect("incomplete/blob-missing", 1);
        assert_eq!(row(&report)["within_grace"], false);
        let reason = reason(&report);
        let (fault, stale) = reason.split_once("; besides: stale: serves ").expect("both");
        assert!(fault.contains("404") && stale.contains("behind for 2 h at most"), "{reason}");
        assert!(!reason.contains("younger than"), "{reason}");
    }
    // It goes on being dated by the report of that time.
    let earlier = check(&pair, "--depth blobs");
    let since = row(&earlier)["stale_since"].clone();
    let check_again =
        pair.check().file("earlier.json", earlier.text).args("--depth blobs --since earlier.json");
    let again = check_again.run();
    assert_eq!((&row(&again)["stale_since"], &row(&again)["stale_since_by"]), (&since, &json!("created")));
    assert!(self::reason(&again).contains("an earlier check found it so, "), "{again:#?}");
    // What is not known of a part leaves it stale, and nothing excuses that.
    pair.mirror.set_behaviour(Scope::Blobs, Behaviour::Status(Failure::registry(403, "DENIED", "no")));
    let report = check(&pair, "--depth blobs --grace 3h");
    report.expect("stale/digest-differs", 1);
    assert_eq!(row(&report)["within_grace"], false);
    let reason = reason(&report);
    assert!(reason.contains("; no grace holds: being behind is not all there is; besides: "), "{reason}");
}

#[test]
fn a_known_stale_mirror_that_loses_a_layer_is_new_to_the_baseline() {
    let pair = pair(&ago(2), OLD);
    let known = check(&pair, "--depth blobs").text;
    let decided = || {
        let check = pair.check().file("known.json", known.clone());
        check.args("--depth blobs --baseline known.json").run().exit
    };
    assert_eq!(decided(), 0);
    pair.mirror.store().remove_blob(REPOSITORY, &made("old", OLD).blobs[1].digest);
    assert_eq!(decided(), 1);
}

#[test]
fn what_passed_for_its_youth_is_new_once_it_is_old() {
    let pair = pair(&ago(2), OLD);
    let young = check(&pair, "--grace 3h").text;
    let old = check(&pair, "--grace 1h").text;
    let decided = |earlier: &str, grace: &str| {
        let check = pair.check().file("earlier.json", earlier).args("--baseline earlier.json");
        let report = check.args(&format!("--grace {grace}")).run();
        let document: Value = serde_json::from_str(&report.text).expect("JSON");
        let compared = &document["decision"]["baseline"];
        let count = |kind: &str| compared[kind].as_array().expect("a list").len();
        (report.exit, count("new"), count("known"))
    };
    // As if the hour had passed between the two.
    assert_eq!(decided(&young, "1h"), (1, 1, 0));
    assert_eq!(decided(&young, "3h").0, 0);
    assert_eq!(decided(&old, "1h"), (0, 0, 1));
    assert_eq!(decided(&old, "3h").0, 0);
    let tool = crate::support::tool::Tool::new().file("young.json", young);
    let output = tool.line("baseline write young.json -o small.json").run();
    let small: Value = serde_json::from_str(&output.file("small.json")).expect("JSON");
    assert_eq!((&small["problems"], &small["images"]), (&json!([]), &json!(["docker.io/library/app:1.0"])));
}

#[test]
fn an_earlier_report_tells_for_how_long() {
    let pair = pair(NEW, OLD);
    let with = |earlier: String, args: &str| {
        pair.check().file("earlier.json", earlier).args("--since earlier.json").args(args).run()
    };
    let first = check(&pair, "");
    let second = with(first.text.clone(), "");
    let then = row(&first)["checked_at"].clone();
    assert_eq!((&row(&second)["stale_since"], &row(&second)["stale_since_by"]), (&then, &json!("report")));
    // No config is read for that.
    assert_eq!(second.requests, 6);
    let third = with(second.text.clone(), "");
    assert_eq!(row(&third)["stale_since"], then);
    let long_ago = first.text.replace(then.as_str().unwrap(), "2024-04-02T00:00:00.000Z");
    let fourth = with(long_ago, "--grace 1h");
    assert_eq!((fourth.exit, &row(&fourth)["stale_since"]), (1, &json!("2024-04-02T00:00:00.000Z")));
    assert!(reason(&fourth).contains("an earlier check found it so, 2024-04-02 00:00 UTC"), "{fourth:#?}");
    assert!(reason(&fourth).ends_with("; older than the grace of 1 h"), "{fourth:#?}");
    // Found a moment ago, and maybe old by then: upstream's image is.
    let fifth = with(first.text, "--grace 1h");
    assert_eq!((fifth.exit, &row(&fifth)["stale_since_by"]), (1, &json!("report")));
    let told = " at least: an earlier check found it so, ";
    assert!(reason(&fifth).contains(told), "{fifth:#?}");
    assert!(reason(&fifth).ends_with("; for how long is not known, so that no grace holds"), "{fifth:#?}");
}

#[test]
fn what_an_earlier_report_knew_as_the_longest_is_never_told_as_what_it_found() {
    let made = ago(2);
    let pair = pair(&made, OLD);
    let with = |earlier: &str, args: &str| {
        pair.check().file("earlier.json", earlier).args("--since earlier.json").args(args).run()
    };
    let first = check(&pair, "--age");
    let since = row(&first)["stale_since"].clone();
    assert_eq!(row(&first)["stale_since_by"], "created");
    let mut earlier = first;
    // However many reports are handed on, and whether or not configs are read again.
    for args in ["", "--age", "", "--grace 3h"] {
        let then = row(&earlier)["checked_at"].clone();
        let report = with(&earlier.text, args);
        let row = row(&report);
        assert_eq!((&row["stale_since"], &row["stale_since_by"]), (&since, &json!("created")), "{args}");
        let then = then.as_str().unwrap();
        let checked = format!("found it so, {} {} UTC", &then[..10], &then[11..16]);
        let told = reason(&report);
        assert!(told.contains("behind for 2 h at most, and for ") && told.contains(&checked), "{told}");
        earlier = report;
    }
    assert_eq!(with(&earlier.text, "--grace 3h").exit, 0);
    assert_eq!(with(&earlier.text, "--grace 1h").exit, 1);
}

#[test]
fn a_mirror_that_was_up_to_date_has_not_been_behind_for_longer_than_that() {
    let old = made("old", OLD);
    let pair = Pair::holding(&old, &old);
    let before = check(&pair, "");
    let then = row(&before)["checked_at"].clone();
    pair.upstream.store().put(REPOSITORY, TAG, &made("new", NEW));
    let check = pair.check().file("earlier.json", before.text).args("--since earlier.json --grace 1h");
    let report = check.run();
    assert_eq!((report.exit, &row(&report)["stale_since"]), (0, &then));
    assert_eq!(row(&report)["stale_since_by"], "equal_before");
    assert!(reason(&report).contains("an earlier check did not find this difference"), "{report:#?}");
}

#[test]
fn a_mirror_that_caught_up_in_between_is_not_said_to_have_been_behind_all_the_time() {
    let pair = pair(NEW, OLD);
    let before = check(&pair, "").text;
    // It has what upstream had then; upstream has moved on.
    pair.mirror.store().put(REPOSITORY, TAG, &made("new", NEW));
    let newest = ago(0);
    pair.upstream.store().put(REPOSITORY, TAG, &made("newest", &newest));
    let report = pair.check().file("earlier.json", before).args("--since earlier.json").run();
    assert_eq!(row(&report)["stale_since_by"], "equal_before");
    assert!(!reason(&report).contains("found it so"), "{report:#?}");
}

#[test]
fn what_is_no_report_is_refused_before_anybody_is_asked() {
    let pair = pair(NEW, OLD);
    let good = check(&pair, "").text;
    pair.upstream.forget_hits();
    for (text, why) in [
        (
            "<html>".to_owned(),
            "earlier.json cannot be used as an earlier report: it is no JSON (line 1: expected value)\n",
        ),
        (String::new(), "earlier report: it is empty: "),
        (good[..good.len() / 2].to_owned(), "it was cut off\n"),
        (
            good.replace("report/v1", "plan/v1"),
            "earlier report: it is of another form, registry-check/plan/v1",
        ),
        (
            good.replace("\"checked_at\":\"2", "\"checked_at\":\"x2"),
            "earlier report: it cannot be used: line ",
        ),
        (good.replace("\"role\":\"mirror\"", "\"role\":5"), "invalid type: integer `5`, expected "),
        (good.replace("\"mirrors\":[", "\"mirrors\":[[],"), "expected an object"),
        (good.replace("\"checks\":1", "\"checks\":2"), "earlier report: it cannot be used: "),
    ] {
        let output = pair.check().file("earlier.json", text).args("--since earlier.json").tool().run();
        assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""), "{why}: {}", output.stderr);
        assert!(output.stderr.contains(why), "{why}: {}", output.stderr);
        assert!(
            output.stderr.contains("--since takes the JSON report of an earlier check"),
            "{}",
            output.stderr
        );
    }
    let none = pair.check().args("--since nowhere.json").tool().run();
    assert_eq!(none.code, Some(2));
    assert!(none.stderr.contains("cannot read nowhere.json"), "{}", none.stderr);
    let same = pair.check().file("r.json", good.as_str()).args("--since r.json -o r.json").tool().run();
    assert_eq!(same.code, Some(2));
    assert!(same.stderr.contains("is read by this run, and would be overwritten"), "{}", same.stderr);
    assert_eq!(same.file("r.json"), good);
    assert_eq!(pair.upstream.hits().len(), 0);
    let grace = pair.check().args("--grace 1").tool().run();
    assert_eq!(grace.code, Some(2));
    assert!(grace.stderr.contains("expected a time such as 90s, 30m, 1h or 2d"), "{}", grace.stderr);
}

/// Exit code, output and errors of a saved report that is judged again, beside this configuration.
fn again(command: &str, report: &str, config: &str) -> crate::support::tool::Output {
    let tool = crate::support::tool::Tool::new().file("report.json", report).file("old.json", "old");
    tool.file("registry-check.toml", config).line(command).run()
}

#[test]
fn a_saved_report_is_judged_by_another_grace_as_the_check_would_have_judged_it() {
    let young = pair(&ago(2), OLD);
    let dateless = pair("", OLD);
    let broken = pair(&ago(2), OLD);
    broken
        .mirror
        .set_behaviour(Scope::Blobs, Behaviour::Status(Failure::registry(404, "BLOB_UNKNOWN", "gone")));
    for (pair, args, strict, lax) in [
        (&young, "", "1h", "3h"),
        (&young, "", "0s", "1d"),
        (&young, "--depth blobs", "1h", "3h"),
        (&dateless, "", "1h", "3h"),
        (&broken, "--depth blobs", "1h", "3h"),
    ] {
        let checked = check(pair, &format!("{args} --grace {lax}"));
        let strictly = again(&format!("render report.json -f json --grace {strict}"), &checked.text, "");
        assert_eq!(strictly.code, Some(1), "{args} {strict}: {strictly:?}");
        assert!(strictly.stdout.contains("\"within_grace\":false"), "{strictly:?}");
        assert!(
            !strictly.stdout.contains(&format!("the grace of {}", &lax.replace('h', " h"))),
            "{strictly:?}"
        );
        // And back again: all bytes but those of the decision, whose code is the check's.
        for command in ["render", "merge"] {
            let back = again(&format!("{command} report.json -f json --grace {lax}"), &strictly.stdout, "");
            assert_eq!((back.code, back.stdout), (Some(checked.exit), checked.text.clone()), "{args} {lax}");
        }
        // Where nothing is said of it, what the check granted stays.
        let kept = again("render report.json -f json", &checked.text, "");
        assert_eq!((kept.code, kept.stdout), (Some(checked.exit), checked.text), "{args}");
    }
}

#[test]
fn the_configurations_graces_judge_a_saved_report_as_they_do_a_check() {
    let pair = pair(&ago(2), OLD);
    let report = check(&pair, "--age").text;
    let mirror = |settings: &str| {
        let url = pair.mirror.url();
        format!("[[mirrors]]\nname = \"mirror\"\nurl = \"{url}\"\n{settings}\n")
    };
    let name = row(&check(&pair, "--age"))["mirror"].as_str().expect("a name").to_owned();
    let mirror = |settings: &str| mirror(settings).replace("\"mirror\"", &format!("\"{name}\""));
    for (config, flags, code) in [
        ("".to_owned(), "", 1),
        ("grace = \"3h\"".to_owned(), "", 0),
        ("grace = \"3h\"".to_owned(), "--grace 1h", 1),
        (mirror("grace = \"3h\""), "", 0),
        (mirror("grace = \"3h\""), "--grace 1h", 0),
        (mirror("grace = \"0s\""), "--grace 3h", 1),
    ] {
        let output = again(&format!("render report.json {flags}"), &report, &config);
        assert_eq!(output.code, Some(code), "{config} {flags}: {output:?}");
    }
}

#[test]
fn a_report_that_dates_no_difference_cannot_be_judged_by_a_grace() {
    let pair = pair(&ago(2), OLD);
    let report = check(&pair, "").text;
    for command in ["render", "merge"] {
        let output = again(&format!("{command} report.json --grace 3h -o old.json"), &report, "");
        let told = "error: --grace: the report says of no difference how old it is, and nobody is asked again\n\
                    hint: check with --age, --grace or --since: their reports say how old differences are\n";
        assert_eq!((output.code, &*output.stdout, &*output.stderr), (Some(2), "", told), "{command}");
        assert_eq!(output.file("old.json"), "old");
    }
    // Where nothing is behind, there is nothing to date.
    let even = Pair::new();
    let output = again("render report.json --grace 3h", &check(&even, "").text, "");
    assert_eq!(output.code, Some(0), "{output:?}");
}
