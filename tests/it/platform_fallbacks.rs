//! Wanted platforms that an image does not have, and for which runtimes take another in their place.

use registry_check::demo::Image;
use registry_check::demo::content;
use serde_json::{Value, json};

use crate::support::embedded::{self, Check, Pair, REPOSITORY, Report, TAG};

const FALLEN_BACK: &str = "--depth platforms --platform linux/arm64 --platform linux/amd64";

fn index(platforms: &[&str]) -> Image {
    content::index("app", platforms)
}

/// `platform state met_by` of each line at an endpoint.
fn platforms(report: &Report, mirror: &str) -> Vec<String> {
    let document: Value = serde_json::from_str(&report.text).unwrap();
    let rows = document["results"].as_array().unwrap();
    let row = rows.iter().find(|row| row["mirror"] == mirror).unwrap();
    let lines = row["parts"]["platforms"].as_array().unwrap();
    let words = |line: &Value| {
        let words =
            ["platform", "state", "met_by"].map(|key| line[key].as_str().unwrap_or_default().to_owned());
        words.join(" ").trim_end().to_owned()
    };
    lines.iter().map(words).collect()
}

#[test]
fn what_is_pulled_in_the_place_of_a_wanted_platform_is_told_as_upstreams_gap() {
    let image = index(&["linux/arm/v7", "linux/386"]);
    let pair = Pair::holding(&image, &image);
    let report = pair.check().args(FALLEN_BACK).run();
    let row = report.expect("ok/digest-equal", 0);
    assert_eq!(
        row.reason,
        "linux/arm64 itself is not there, which is upstream's gap: runtimes take linux/arm/v7 in its place; \
         linux/amd64 itself is not there, which is upstream's gap: runtimes take linux/386 in its place"
    );
    assert_eq!(
        platforms(&report, "m"),
        [
            "linux/arm/v7 present",
            "linux/386 present",
            "linux/arm64 fallback linux/arm/v7",
            "linux/amd64 fallback linux/386",
        ]
    );
    let upstream = report.rows.iter().find(|row| row.mirror != "m").unwrap();
    assert_eq!(upstream.verdict(), "ok/served");
    let told = "upstream itself has no linux/arm64: runtimes take linux/arm/v7 in its place; ";
    assert!(upstream.reason.starts_with(told), "{upstream:?}");
    // It costs no request, and a wanted platform that is there is told as before.
    let exact = pair.check().args("--depth platforms --platform linux/arm/v7 --platform linux/386").run();
    assert_eq!((exact.requests, &*exact.expect("ok/digest-equal", 0).reason), (report.requests, ""));
}

#[test]
fn a_fallback_is_seen_in_every_format_that_tells_of_single_images() {
    let image = index(&["linux/arm/v7", "linux/386"]);
    let pair = Pair::holding(&image, &image);
    for (format, told) in [
        ("table", "  linux/arm64: 0 of 1, 1 by fallback linux/arm/v7\n"),
        ("markdown", "| m | linux/arm64 | 0 of 1, 1 by fallback linux/arm/v7 |\n"),
        ("html", "Platforms: linux/arm/v7, linux/arm64 (by fallback linux/arm/v7)"),
        ("csv", ",digest-equal,\"linux/arm64 itself is not there, which is upstream's gap: "),
        ("json", "\"state\":\"fallback\",\"met_by\":\"linux/arm/v7\"}"),
        ("ndjson", "\"state\":\"fallback\",\"met_by\":\"linux/arm/v7\"}"),
        ("junit", "<system-out>OK [digest-equal]: linux/arm64 itself is not there"),
        (
            "sarif",
            "\"level\":\"note\",\"message\":{\"text\":\"docker.io/library/app:1.0: OK at m: linux/arm64 itself",
        ),
        ("github", "OK at m: linux/arm64 itself is not there, which is upstream's gap"),
        ("gitlab", "\"description\":\"docker.io/library/app:1.0: OK at m: linux/arm64 itself is not there"),
    ] {
        let check = pair.check().args(&format!("--depth platforms --platform linux/arm64 -f {format}"));
        let output = check.tool().run();
        assert_eq!(output.code, Some(0), "{format}: {}", output.stderr);
        assert!(output.stdout.contains(told), "{format}: {}", output.stdout);
    }
}

#[test]
fn a_saved_report_keeps_its_fallbacks() {
    let image = index(&["linux/arm/v7"]);
    let pair = Pair::holding(&image, &image);
    let report = pair.check().args(FALLEN_BACK).run();
    let tool = crate::support::tool::Tool::new().file("report.json", report.text.as_str());
    assert_eq!(tool.line("render report.json -f json").run().stdout, report.text);
}

#[test]
fn a_mirror_that_lacks_what_upstream_has_is_not_excused_by_what_runtimes_take() {
    for (upstreams, copys, wanted, has) in [
        (&["linux/arm64", "linux/arm/v7"][..], &["linux/arm/v7"][..], "linux/arm64", "it"),
        (&["linux/arm/v8", "linux/arm/v6"], &["linux/arm/v6"], "linux/arm64", "linux/arm/v8 for it"),
    ] {
        // Another build: nothing of it is upstream's.
        let pair = Pair::holding(&index(upstreams), &content::index("old", copys));
        let report = pair.check().args(&format!("--depth platforms --platform {wanted}")).run();
        let row = report.expect("incomplete/platform-absent", 1);
        let only = format!(
            "platform {wanted}: upstream has {has}, the mirror only {}, which runtimes take in its place; besides: stale: ",
            copys[0]
        );
        assert!(row.reason.starts_with(&only), "{row:?}");
        assert_eq!(
            platforms(&report, "m"),
            [format!("{} present", copys[0]), format!("{wanted} missing {}", copys[0])]
        );
    }
}

#[test]
fn a_fallback_that_is_gone_is_no_fallback() {
    let image = index(&["linux/arm/v7", "linux/s390x"]);
    let pair = Pair::holding(&image, &image);
    pair.mirror.store().remove_manifest(REPOSITORY, &image.children[0].document.digest);
    let report = pair.check().args("--depth platforms --platform linux/arm64").run();
    report.expect("incomplete/child-missing", 1);
    assert_eq!(platforms(&report, "m"), ["linux/arm/v7 missing", "linux/arm64 missing linux/arm/v7"]);
}

#[test]
fn whose_gap_it_is_stays_open_where_upstream_cannot_be_asked() {
    let image = index(&["linux/arm/v7"]);
    let mirror = embedded::start(&[(REPOSITORY, TAG, &image)]);
    let dead = registry_check::demo::ClosedPort::take().unwrap();
    let check =
        Check::of(&["app:1.0"]).upstream(&format!("http://{}", dead.addr())).mirror("m", &mirror.url());
    let report = check.args("--depth platforms --platform linux/arm64").run();
    let row = report.expect("unverified/nothing-to-compare", 0);
    let told = "; besides: linux/arm64 itself is not there, and whether upstream has it is not known: \
                runtimes take linux/arm/v7 in its place";
    assert!(row.reason.ends_with(told), "{row:?}");
    assert_eq!(platforms(&report, "m"), ["linux/arm/v7 present", "linux/arm64 fallback linux/arm/v7"]);
}

#[test]
fn without_mirrors_a_fallback_passes_and_is_told() {
    let image = index(&["linux/arm/v7"]);
    let registry = embedded::start(&[(REPOSITORY, TAG, &image)]);
    let check = Check::of(&["app:1.0"]).upstream(&registry.url());
    let report = check.args("--depth platforms --platform linux/arm64").run();
    assert_eq!((&*report.rows[0].verdict(), report.exit), ("ok/served", 0));
    let told = "upstream itself has no linux/arm64: runtimes take linux/arm/v7 in its place";
    assert_eq!(report.rows[0].reason, told);
    assert_eq!(
        serde_json::from_str::<Value>(&report.text).unwrap()["results"][0]["parts"]["platforms"][1]["met_by"],
        json!("linux/arm/v7")
    );
}

#[test]
fn being_told_of_a_fallback_keeps_what_a_grace_has_judged() {
    let [old, new] =
        ["old", "new"].map(|seed| content::index_made(seed, &["linux/arm/v7"], "2024-03-01T10:00:00Z"));
    let pair = Pair::holding(&new, &old);
    let report = pair.check().args("--depth platforms --platform linux/arm64 --grace 1h").run();
    let row = report.expect("stale/digest-differs", 1);
    assert!(
        row.reason.contains("so that no grace holds; besides: linux/arm64 itself is not there"),
        "{row:?}"
    );
    let tool = crate::support::tool::Tool::new().file("report.json", report.text.as_str());
    assert_eq!(tool.line("render report.json -f json --grace 1h").run().stdout, report.text);
}
