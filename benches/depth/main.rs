//! What each depth costs: `cargo bench --bench depth [-- --rounds N]`.
//!
//! 200 images at three of Debian's `docker-registry`, an upstream and two mirrors that hold the same; the built
//! `registry-check` runs once for each depth and round, as a process of its own. `benches/README.md` has the
//! figures of a quiet run.

#![expect(unreachable_pub, reason = "here `pub` means: for the other files of this crate")]

#[path = "../throughput/measure.rs"]
mod measure;
#[path = "../throughput/peers.rs"]
mod peers;

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use measure::{Sample, measured};
use serde_json::Value;
use tempfile::TempDir;

const IMAGES: usize = 200;
const DEPTHS: [&str; 5] = ["head", "manifest", "platforms", "blobs", "content"];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == measure::ROLE) {
        measure::run(&arguments[1..]);
    } else if arguments.iter().any(|argument| argument == "--bench") {
        return bench(rounds(&arguments));
    } else {
        // `cargo test --all-targets` starts benches too, and must not take minutes for it.
        eprintln!("nothing measured: run by `cargo bench --bench depth`");
    }
    ExitCode::SUCCESS
}

fn rounds(arguments: &[String]) -> usize {
    let at = arguments.iter().position(|argument| argument == "--rounds");
    let number = at.and_then(|at| arguments.get(at + 1)).map(|number| number.parse().expect("--rounds N"));
    number.unwrap_or(5).max(1)
}

fn bench(rounds: usize) -> ExitCode {
    let Some(daemons) = peers::daemons(3, IMAGES) else {
        eprintln!("docker-registry is not installed");
        return ExitCode::FAILURE;
    };
    let urls: Vec<_> = daemons.iter().map(peers::DockerRegistry::url).collect();
    let dir = TempDir::new().expect("a directory");
    let lines: Vec<_> =
        (0..IMAGES).map(|number| format!("library/app-{:03}:1.{}\n", number / 10, number % 10)).collect();
    fs::write(dir.path().join("images.txt"), lines.concat()).expect("the list");
    let mirrors = |(name, url): (&str, &String)| format!("[[mirrors]]\nname = \"{name}\"\nurl = \"{url}\"\n");
    let config = format!(
        "[[registries]]\nname = \"docker.io\"\nurl = \"{}\"\n{}",
        urls[0],
        ["one", "two"].into_iter().zip(&urls[1..]).map(mirrors).collect::<String>(),
    );
    fs::write(dir.path().join("registry-check.toml"), config).expect("the configuration");
    println!("| depth | requests | MiB received | seconds | CPU seconds | peak RSS MiB |");
    println!("| --- | --- | --- | --- | --- | --- |");
    for depth in DEPTHS {
        println!("{}", row(dir.path(), depth, rounds));
    }
    ExitCode::SUCCESS
}

fn row(dir: &Path, depth: &str, rounds: usize) -> String {
    let report = dir.join("report.json");
    let run = || {
        measured(&[
            OsString::from(env!("CARGO_BIN_EXE_registry-check")),
            dir.join("images.txt").into(),
            "--config".into(),
            dir.join("registry-check.toml").into(),
            "--depth".into(),
            depth.into(),
            "--progress".into(),
            "none".into(),
            "-o".into(),
            report.clone().into(),
        ])
    };
    run();
    let samples: Vec<_> = (0..rounds).map(|_| run()).collect();
    let text = fs::read_to_string(&report).expect("a report");
    let summary = serde_json::from_str::<Value>(&text).expect("JSON")["summary"].take();
    let number = |key: &str| summary[key].as_f64().expect("a number");
    assert_eq!(summary["by_status"]["ok"].as_u64(), Some(2 * IMAGES as u64), "{summary}");
    format!(
        "| `{depth}` | {} | {:.2} | {:.2} | {:.2} | {:.1} |",
        number("requests"),
        number("bytes") / f64::from(1 << 20),
        median(&samples, |sample| sample.wall.as_secs_f64()),
        median(&samples, |sample| sample.cpu.as_secs_f64()),
        median(&samples, |sample| sample.peak_rss_kib as f64 / 1024.0),
    )
}

fn median(samples: &[Sample], of: impl Fn(&Sample) -> f64) -> f64 {
    let mut figures: Vec<_> = samples.iter().map(of).collect();
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    if figures.len() % 2 == 1 { figures[middle] } else { f64::midpoint(figures[middle - 1], figures[middle]) }
}
