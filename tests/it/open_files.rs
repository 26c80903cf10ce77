//! Few open files are this machine's trouble: they slow a run down, and are held against no registry.

use std::time::Duration;

use registry_check::demo::{Behaviour, Registry, Scope};

use crate::support::report;
use crate::support::small::{list, registry};
use crate::support::tool::Tool;

#[test]
fn registries_without_number_share_few_files_and_all_are_asked() {
    const REGISTRIES: usize = 24;
    let repositories: Vec<_> = (0..16).map(|number| format!("app{number}")).collect();
    let repositories: Vec<_> = repositories.iter().map(String::as_str).collect();
    let registries: Vec<Registry> = (0..REGISTRIES).map(|_| registry(&repositories)).collect();
    for registry in &registries {
        registry.set_behaviour(Scope::All, Behaviour::Delay(Duration::from_millis(5)));
    }
    let images: String = registries.iter().map(|registry| list(registry, &repositories)).collect();
    for input in ["-", "images.txt"] {
        let tool = Tool::with_open_files(84).file("images.txt", &images).stdin(&images);
        let output = tool.args([input]).line("-f ndjson --concurrency 16").run();
        assert_eq!(output.code, Some(0), "{input}: {}", output.stderr);
        let (results, end) = report::ndjson(&output.stdout);
        assert_eq!(results.len(), REGISTRIES * repositories.len());
        assert!(results.iter().all(|result| result["code"] == "served"), "{input}");
        assert_eq!(end["summary"]["requests"], results.len(), "{input}");
        let note = "warn: the limit on open files leaves room for 20 connections: hosts that have been idle the \
                    longest lose theirs (see ulimit -n)\n";
        assert_eq!(output.stderr, note, "{input}");
    }
}

#[test]
fn want_of_files_is_never_a_verdict_on_a_registry() {
    let registry = registry(&["one", "two"]);
    let mut codes = Vec::new();
    // How many files the program opens for itself is its own affair; one of these leaves none for sockets.
    for most in 8..=24 {
        let tool = Tool::with_open_files(most).stdin(list(&registry, &["one", "two"]));
        let output = tool.line("- -f ndjson --timeout 3s").run();
        if output.code == Some(2) {
            assert!(output.stderr.contains("Too many open files"), "{most}: {}", output.stderr);
            continue;
        }
        let (results, end) = report::ndjson(&output.stdout);
        assert_eq!(results.len(), 2, "{most}");
        for result in &results {
            let code = result["code"].as_str().unwrap();
            let wanted = match code {
                "served" => "ok",
                "no-files-left" => "not_checked",
                other => panic!("{most}: {other}"),
            };
            assert_eq!(result["status"], wanted);
            codes.push(code.to_owned());
        }
        if codes.last().is_some_and(|code| code == "no-files-left") {
            let reason = results[0]["reason"].as_str().unwrap();
            assert!(reason.contains("this machine has no file left for a connection"), "{reason}");
            assert_eq!(output.code, Some(3));
            assert_eq!(end["summary"]["requests"], 0, "nothing went out");
        }
    }
    for code in ["served", "no-files-left"] {
        assert!(codes.iter().any(|known| known == code), "{codes:?}");
    }
}
