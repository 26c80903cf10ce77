//! What the command line and the configuration file refuse, and how the program speaks.

use registry_check::demo::{Behaviour, Failure, Scope};

use crate::support::report;
use crate::support::small::{assert_not_asked, list, mirror, registry};
use crate::support::tool::{Output, Tool};

/// A run on one image of a registry that must not be asked.
fn refused(tool: Tool) -> Output {
    let registry = registry(&["app"]);
    let output = tool.stdin(list(&registry, &["app"])).args(["-"]).run();
    assert_eq!(output.code, Some(2), "{output:?}");
    assert_eq!(output.stdout, "", "{output:?}");
    assert_not_asked(&registry);
    output
}

#[test]
fn usage_errors_name_the_flag_and_what_would_be_right() {
    for (line, said) in [
        (
            "--depth deep",
            "invalid value 'deep' for '--depth <DEPTH>'\n  [possible values: head, manifest, platforms, blobs, \
             content]",
        ),
        (
            "--platform arm64",
            "invalid value 'arm64' for '--platform <OS/ARCH[/VARIANT]>': 'arm64' is no platform: write OS/ARCH or \
             OS/ARCH/VARIANT, such as linux/arm64 or linux/arm/v7",
        ),
        (
            "--max-bytes 0",
            "invalid value '0' for '--max-bytes <SIZE>': expected a size such as 500MB, 10GiB or 1.5GB, above zero",
        ),
        (
            "-f xml",
            "invalid value 'xml' for '--format <FORMAT>'\n  [possible values: table, csv, markdown, json, ndjson, \
             html, junit, sarif, github, gitlab, prometheus]",
        ),
        (
            "--require 0",
            "invalid value '0' for '--require <WHICH>': '0' is neither 'all' nor 'any' nor a number from 1 nor names of \
             mirrors, with commas between",
        ),
        (
            "--allow stale,old",
            "invalid value 'old' for '--allow <STATUS,...>': unknown status 'old' (known: ok, same_content, \
             unverified, stale, missing, incomplete, invalid, denied, rate_limited, server_error, unreachable, \
             not_checked)",
        ),
        ("--mirror quay.io=", "expected [UPSTREAM=]URL, such as quay.io=https://mirror.example"),
        ("--retries 11", "invalid value '11' for '--retries <N>': 11 is not in 0..=10"),
        (
            "--timeout 0",
            "invalid value '0' for '--timeout <TIME>': expected a time such as 300ms, 5s or 2m, above zero and up to \
             a day",
        ),
        ("-j 0", "invalid value '0' for '--concurrency <N>': expected a number from 1 to 100000"),
        (
            "--mirrors x",
            "unexpected argument '--mirrors' found\n\n  tip: a similar argument exists: '--mirror'",
        ),
        ("-q -v", "the argument '--quiet' cannot be used with '--verbose...'"),
    ] {
        let output = refused(Tool::new().line(line));
        assert!(output.stderr.starts_with("error: ") && output.stderr.contains(said), "{line}: {output:?}");
    }
}

#[test]
fn contradictory_policies_are_refused() {
    let output = refused(Tool::new().line("--fail-on denied,unverified --allow stale,unverified"));
    assert_eq!(output.stderr, "error: status 'unverified' is both to fail and to be allowed\n");
}

#[test]
fn more_required_mirrors_than_there_are_is_told_before_any_request() {
    let [upstream, one, two] = [(); 3].map(|()| registry(&["app"]));
    let run = |required: &str| {
        Tool::new()
            .stdin(list(&upstream, &["app"]))
            .args(["-", "--require", required, &mirror(&upstream, &one), &mirror(&upstream, &two)])
            .run()
    };
    let output = run("3");
    let host = upstream.authority();
    assert_eq!(output.code, Some(2));
    assert_eq!(
        output.stderr,
        format!(
            "error: --require 3, but {host} has only 2 mirrors\n\
             hint: lower --require, or configure more mirrors\n"
        )
    );
    [&upstream, &one, &two].into_iter().for_each(assert_not_asked);
    assert_eq!(run("2").code, Some(0));
}

#[test]
fn mirrors_that_cannot_be_meant_are_all_told_without_their_secrets() {
    let output = refused(Tool::new().args([
        "--mirror=ftp://m.example",
        "--mirror=https://user:hunter2@m.example",
        "--mirror=https://m.example/hub?token=hunter2",
        "--mirror=http://",
        "--mirror=not a host=m.example",
    ]));
    assert_eq!(
        output.stderr,
        "--mirror ftp://m.example: 'ftp://m.example' is neither http nor https\n\
         --mirror https://…@m.example: 'https://…@m.example' holds user-info: credentials do not belong in a URL\n\
         --mirror https://m.example/hub?…: 'https://m.example/hub?…' has a query or fragment, which an API root \
         cannot have\n\
         --mirror http://: 'http://' is not a URL (empty host)\n\
         --mirror not a host=m.example: 'not a host' is not a registry (expected host[:port], in mirrors optionally \
         with /path)\n\
         error: 5 settings that cannot be used\n\
         hint: the README lists every setting\n"
    );
}

#[test]
fn faults_of_the_configuration_are_told_with_line_and_nearest_key() {
    let config = "[[mirrors]]\nname = \"m\"\nulr = \"https://m.example\"\n\n[[mirror]]\nurl = \"x\"\n";
    for tool in [
        Tool::new().file("registry-check.toml", config),
        Tool::new()
            .file("registry-check.toml", "[[mirrors]]\n")
            .file("x/my.toml", config)
            .line("--config x/my.toml"),
    ] {
        let output = refused(tool);
        let name = if output.stderr.starts_with("x/") { "x/my.toml" } else { "registry-check.toml" };
        assert_eq!(
            output.stderr,
            format!(
                "{name}:3: unknown key 'ulr' in [[mirrors]] (did you mean 'url'?)\n\
                 {name}:5: unknown key 'mirror' (did you mean 'mirrors'?)\n\
                 error: the configuration cannot be used\nhint: the README lists every setting\n"
            )
        );
    }
    let missing = refused(Tool::new().line("--config nowhere.toml"));
    assert_eq!(missing.stderr, "error: cannot read nowhere.toml: No such file or directory (os error 2)\n");
    let broken = refused(Tool::new().file("registry-check.toml", "[[mirrors]]\nurl = \n"));
    assert!(broken.stderr.starts_with("registry-check.toml:2: "), "{}", broken.stderr);
}

#[test]
fn mirror_that_stands_in_for_nothing_is_warned_of() {
    let [upstream, other] = [(); 2].map(|()| registry(&["app"]));
    let run = |flags: &str| {
        Tool::new()
            .stdin(list(&upstream, &["app"]))
            .args(["-".to_owned(), format!("--mirror=quay.io={}", other.url())])
            .line("-o report.csv")
            .line(flags)
            .run()
    };
    let warning = format!(
        "warn: mirror {} stands in for none of the images' registries: not asked\n",
        other.authority()
    );
    assert_eq!(run("").stderr, format!("{warning}pass: 1 of 1 images pass, 0 fail, 0 undecided\n"));
    assert_eq!(run("-q").stderr, "");
    assert_not_asked(&other);
}

#[test]
fn quiet_runs_still_tell_errors() {
    let output = Tool::new().line("-q nowhere.txt").run();
    assert_eq!(output.code, Some(2));
    assert!(output.stderr.starts_with("error: nowhere.txt: no such file\n"), "{output:?}");
}

#[test]
fn requests_are_told_when_asked_for_and_never_a_secret_in_them() {
    let [registry, store] = [(); 2].map(|()| registry(&["app"]));
    let moved = format!("{}/v2/app/manifests/1.0?X-Amz-Signature=hunter2&ns=docker.io", store.url());
    registry.set_behaviour(Scope::Manifests, Behaviour::Status(Failure::text(307, "", "")));
    let location = Behaviour::Header { name: "Location".to_owned(), value: moved };
    registry.set_behaviour(Scope::Manifests, location);
    let run = |flags: &str| {
        Tool::new().stdin(list(&registry, &["app"])).line("- -f json -o report.json -o -").line(flags).run()
    };
    let output = run("-vv");
    assert_eq!(output.code, Some(0), "{output:?}");
    for url in [
        format!("HEAD {}/v2/app/manifests/1.0: 307 in ", registry.url()),
        format!("HEAD {}/v2/app/manifests/1.0?X-Amz-Signature=…&ns=docker.io: 200 in ", store.url()),
    ] {
        assert!(output.stderr.contains(&url), "{url}: {}", output.stderr);
    }
    let all = [&output.stderr, &output.stdout, &output.file("report.json")].map(String::as_str).concat();
    assert!(!all.contains("hunter2"), "{all}");
    assert_eq!(run("").stderr, "");
    assert_eq!(store.hits()[0].query.as_deref(), Some("X-Amz-Signature=hunter2&ns=docker.io"));
    let report = report::json(&output.stdout);
    let note = format!("answered from {}/v2/app/manifests/1.0?X-Amz-Signature=…&ns=docker.io", store.url());
    assert_eq!(report["results"][0]["notes"], serde_json::json!([note]));
}

/// Runs the check of one image with a terminal on all its streams (`script` of Debian's bsdutils).
fn on_a_terminal(flags: &str, variables: &[(&str, &str)]) -> Output {
    let registry = registry(&["app"]);
    let program = env!("CARGO_BIN_EXE_registry-check");
    let tool = Tool::of("/usr/bin/script")
        .file("images.txt", list(&registry, &["app"]))
        .args(["-qefc", &format!("stty cols 100; {program} images.txt {flags}"), "/dev/null"])
        .env("SHELL", "/bin/sh")
        .env("TERM", "xterm");
    variables.iter().fold(tool, |tool, (name, value)| tool.env(name, *value)).run()
}

#[test]
fn colour_is_for_terminals_and_for_those_who_insist() {
    let green = "\u{1b}[32m✓ OK";
    for (flags, variables, is_coloured) in [
        ("", &[][..], true),
        ("", &[("NO_COLOR", "1")], false),
        ("", &[("NO_COLOR", "")], true),
        ("", &[("TERM", "dumb")], false),
        ("--color never", &[], false),
        ("--color always", &[("NO_COLOR", "1"), ("TERM", "dumb")], true),
    ] {
        let output = on_a_terminal(flags, variables);
        assert_eq!(output.code, Some(0), "{output:?}");
        assert!(output.stdout.contains("PASS"), "{output:?}");
        assert_eq!(output.stdout.contains(green), is_coloured, "{flags} {variables:?}: {output:?}");
    }
    let registry = registry(&["app"]);
    let piped = |flags: &str| Tool::new().stdin(list(&registry, &["app"])).line("-").line(flags).run();
    assert!(!piped("").stdout.contains('\u{1b}'));
    let output = piped("--color always -o report.txt -o -");
    assert!(output.stdout.contains(green), "{output:?}");
    assert!(!output.file("report.txt").contains('\u{1b}'), "files are never coloured");
}

#[test]
fn progress_is_drawn_on_terminals_alone() {
    let bar = "images, ";
    assert!(on_a_terminal("", &[]).stdout.contains(bar));
    for flags in ["--progress none", "-q", "-v"] {
        assert!(!on_a_terminal(flags, &[]).stdout.contains(bar), "{flags}");
    }
    let registry = registry(&["app"]);
    let output = Tool::new().stdin(list(&registry, &["app"])).line("-").run();
    assert_eq!(output.stderr, "");
}

#[test]
fn a_flag_that_changes_nothing_is_told_before_it_is_taken_for_a_check() {
    let registry = registry(&["one"]);
    let of = |line: &str, args: &[String]| {
        let tool = Tool::new().file("images.txt", list(&registry, &["one"])).args(["images.txt"]);
        let output = tool.args(args).line("-f csv").line(line).run();
        assert_eq!(output.code, Some(0), "{output:?}");
        output.stderr
    };
    for (line, told, other) in [
        (
            "--platform linux/amd64",
            "warn: --platform: at depth head nobody is asked for platforms; --depth platforms does\n",
            "--platform linux/amd64 --depth platforms",
        ),
        (
            "--max-bytes 1MB --depth blobs",
            "warn: --max-bytes: at depth blobs nothing is downloaded; --depth content does\n",
            "--max-bytes 1MB --depth content",
        ),
        ("--platform linux/amd64 --age", "", ""),
    ] {
        assert_eq!((of(line, &[]), of(other, &[])), (told.to_owned(), String::new()), "{line}");
    }
    let idle = "warn: --referrers: no image has a mirror that could lack what upstream has: not asked\n";
    assert_eq!(of("--referrers", &[]), idle);
    assert_eq!(of("--referrers", &[mirror(&registry, &registry)]), "");
}
