//! `--plan`: what a check would cost is told before anybody is asked, and holds afterwards.

use registry_check::demo::{Image, Registry, Store, content};
use serde_json::{Value, json};

use crate::support::embedded::{Check, PLATFORMS};
use crate::support::tool::Output;

const IMAGES: [&str; 4] = ["team/app:1", "team/app:2", "team/db:1", "docker.io/team/app:1"];

/// A registry with all images, told apart by `seed`.
fn registry(seed: &str) -> Registry {
    let mut store = Store::new();
    for name in &IMAGES[..3] {
        let (repository, tag) = name.split_once(':').unwrap();
        let image: Image = content::index(&format!("{seed} {name}"), &PLATFORMS);
        store.put(repository, tag, &image);
    }
    Registry::start(store).unwrap()
}

fn check(upstream: &Registry, mirrors: &[&Registry]) -> Check {
    let check = Check::of(&IMAGES).upstream(&upstream.url());
    let named = mirrors.iter().zip(["one", "two"]);
    named.fold(check, |check, (mirror, name)| check.mirror(name, &mirror.url()))
}

fn output(check: Check, args: &str) -> Output {
    check.args("--plan").args(args).tool().run()
}

fn plan(check: Check, args: &str) -> Value {
    let output = output(check, &format!("-f json {args}"));
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
    let plan: Value = serde_json::from_str(&output.stdout).expect("JSON");
    assert_eq!(plan["schema"], "registry-check/plan/v1");
    plan
}

#[test]
fn the_plan_is_told_without_asking_and_is_what_a_healthy_run_costs() {
    for (depth, planned) in [("head", 9), ("manifest", 3 + 12)] {
        let [upstream, one, two] = [(); 3].map(|()| registry("same"));
        let depth = format!("--depth {depth}");
        let plan = plan(check(&upstream, &[&one, &two]), &depth);
        assert_eq!([&upstream, &one, &two].map(|registry| registry.hits().len()), [0; 3]);
        assert_eq!(plan["requests"]["planned"], planned);
        assert_eq!((&plan["images"], plan["hosts"].as_array().unwrap().len()), (&json!(3), 3));
        assert_eq!(plan["unknown_until_manifests_are_read"], json!([]));
        let report = check(&upstream, &[&one, &two]).args(&depth).run();
        assert_eq!((report.exit, report.requests), (0, planned));
    }
}

#[test]
fn what_differences_lead_to_stays_within_the_bound() {
    let [upstream, one, two] = ["new", "old", "other"].map(registry);
    let plan = plan(check(&upstream, &[&one, &two]), "");
    // Upstream: twice by HEAD, once by GET, and what each of two mirrors serves. Mirrors: HEAD and GET.
    assert_eq!(plan["requests"], json!({"planned": 9, "at_most": 3 * 5 + 3 * 2 * 2}));
    let report = check(&upstream, &[&one, &two]).run();
    assert_eq!((report.exit, report.requests), (1, 27));
}

#[test]
fn an_image_without_mirrors_is_read_at_its_registry() {
    let upstream = registry("same");
    let plan = plan(check(&upstream, &[]), "--depth manifest");
    assert_eq!(plan["gets"], json!({"planned": 6, "at_most": 6}));
    assert_eq!(plan["hosts"][0]["roles"], json!(["upstream"]));
    assert_eq!(check(&upstream, &[]).args("--depth manifest").run().requests, 6);
}

#[test]
fn docker_hub_counts_manifests_that_are_read_as_pulls() {
    let mirrored = Check::of(&["nginx:1.25", "redis:7"]).mirror("m", "https://m.example");
    let told = plan(mirrored, "");
    assert_eq!(told["docker_hub_pulls"], json!({"planned": 0, "at_most": 2}));
    assert_eq!(told["token_exchanges"], json!({"at_most": 4}));
    // Upstream's documents and the mirror's.
    assert_eq!(told["bytes"], json!({"planned": 0, "at_most": 4 * 4 * 1024 * 1024}));
    let hub = &told["hosts"][1];
    assert_eq!(hub["host"], "registry-1.docker.io");
    assert_eq!(hub["heads"], json!({"planned": 2, "at_most": 6}));
    let alone = plan(Check::of(&["nginx:1.25", "redis:7"]), "--depth manifest");
    assert_eq!(alone["docker_hub_pulls"], json!({"planned": 4, "at_most": 4}));
}

#[test]
fn pinned_images_cost_no_second_question_but_where_their_tag_has_moved() {
    let digest = "a".repeat(64);
    let images = [format!("a/b@sha256:{digest}"), format!("a/b:1@sha256:{digest}")];
    let told = plan(Check::of(&images).mirror("m", "https://m.example"), "--depth manifest");
    // The mirror is asked for one digest, and once.
    assert_eq!(told["gets"], json!({"planned": 1, "at_most": 1}));
    assert_eq!(told["heads"], json!({"planned": 2, "at_most": 3}));
}

#[test]
fn what_only_manifests_tell_is_said_to_be_unknown() {
    let upstream = registry("same");
    let deep = plan(check(&upstream, &[]), "--depth content --max-bytes 1MB");
    assert_eq!(deep["unknown_until_manifests_are_read"], json!(["platform_manifests", "blobs", "bytes"]));
    assert_eq!(deep["max_bytes"], 1_000_000);
    assert_eq!(deep["requests"], json!({"planned": 6, "at_most": null, "at_most_before_parts": 9}));
    assert_eq!(deep["bytes"], json!({"planned": null, "at_most": null}));
    assert_eq!(
        deep["docker_hub_pulls"],
        json!({"planned": 0, "at_most": 0}),
        "no host of this list counts any"
    );
    let hub = plan(Check::of(&["nginx:1.25"]), "--depth platforms");
    let unbounded = json!({"planned": 2, "at_most": null, "at_most_before_parts": 2});
    assert_eq!((&hub["docker_hub_pulls"], &hub["hosts"][0]["docker_hub_pulls"]), (&unbounded, &unbounded));
    let text = output(check(&upstream, &[]), "--depth blobs");
    assert_eq!(text.code, Some(0));
    assert!(text.stdout.starts_with("HOST "), "{}", text.stdout);
    assert!(text.stdout.contains("known only once manifests are read"), "{}", text.stdout);
    assert!(text.stdout.ends_with("nothing was asked\n"), "{}", text.stdout);
}

#[test]
fn what_would_end_the_check_before_its_first_request_ends_the_plan() {
    let upstream = registry("same");
    for (args, message) in [
        ("-f csv", "error: '--plan' has no report in the format 'csv'\n"),
        ("-f ndjson", "error: '--plan' has no report in the format 'ndjson'\n"),
        ("--require 3", "--require 3, but docker.io has only 1 mirror"),
        ("-o report.json", "error: the argument '--plan' cannot be used with '--output <[FORMAT:]FILE>'"),
    ] {
        let output = output(check(&upstream, &[&upstream]), args);
        assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""), "{args}");
        assert!(output.stderr.contains(message), "{args}: {}", output.stderr);
    }
    let bad = Check::of(&["nginx:1.25:2"]).args("--plan").tool().run();
    assert_eq!(bad.code, Some(2));
    assert!(bad.stderr.contains("images.txt:1"), "{}", bad.stderr);
}

#[test]
fn what_dates_differences_is_within_the_bound_too() {
    let [upstream, one, two] = ["new", "old", "other"].map(registry);
    let plan = plan(check(&upstream, &[&one, &two]), "--grace 1h");
    // Besides, one manifest of the index and one config at each.
    assert_eq!(plan["requests"], json!({"planned": 9, "at_most": 27 + 3 * 3 * 2}));
    let report = check(&upstream, &[&one, &two]).args("--grace 1h").run();
    assert_eq!((report.exit, report.requests), (1, 27 + 3 * 3 * 2));
}
