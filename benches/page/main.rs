//! How fast the HTML report opens in a browser: `cargo bench --bench page [-- --rounds N]`.
//!
//! 1,000 and 10,000 images at an upstream and two mirrors, one of which lacks every tenth image; the built
//! `registry-check` writes the page, and headless Chromium opens it from a file, in turns with an empty page.
//! The page tells the times itself. `benches/README.md` has the figures of a quiet run.

#![expect(unreachable_pub, reason = "here `pub` means: for the other files of this crate")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use registry_check::demo::{Registry, Store, content};
use support::browser::Browser;
use tempfile::TempDir;

const SIZES: [usize; 2] = [1_000, 10_000];
/// Most milliseconds until the page of ten thousand rows is open.
const BOUND_MS: f64 = 1000.0;

/// From the beginning of the navigation: the page is laid out and its script has run; something is seen; all events
/// are over and a frame is drawn.
const OPENED: &str = "
    const [navigation] = performance.getEntriesByType('navigation');
    const [paint] = performance.getEntriesByName('first-contentful-paint');
    return [navigation.domContentLoadedEventEnd, paint ? paint.startTime : 0, navigation.loadEventEnd]";

/// From a typed word to the frame in which its rows are drawn and counted; the first, then another one.
const FILTERED: &str = "
    const text = document.getElementById('text');
    const filter = (word) => new Promise((done) => {
      const from = performance.now();
      text.value = word;
      text.dispatchEvent(new Event('input', {bubbles: true}));
      requestAnimationFrame(() => setTimeout(() => done(performance.now() - from)));
    });
    return filter('not there').then((first) => filter('app1').then((second) => [first, second]))";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if !arguments.iter().any(|argument| argument == "--bench") {
        // `cargo test --all-targets` starts benches too, and must not take minutes for it.
        eprintln!("nothing measured: run by `cargo bench --bench page`");
        return ExitCode::SUCCESS;
    }
    let at = arguments.iter().position(|argument| argument == "--rounds");
    let rounds =
        at.and_then(|at| arguments.get(at + 1)).map_or(5, |rounds| rounds.parse().expect("--rounds N"));
    println!(
        "| rows | MiB | content loaded ms | first paint ms | load event ms | first filter ms | next filter ms |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    let opened = SIZES.map(|images| row(images, rounds.max(1)));
    let [_, slowest] = opened;
    let is_met = slowest < BOUND_MS;
    println!(
        "\n10,000 rows, load event and first filter: {slowest:.0} ms; bound: {BOUND_MS:.0} ms; met: {is_met}"
    );
    if is_met { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Prints a row of the table; milliseconds until the page is open and has answered for the first time.
fn row(images: usize, rounds: usize) -> f64 {
    let dir = TempDir::new().expect("a directory");
    let page = page(dir.path(), images);
    let size = fs::metadata(&page).expect("the page").len();
    let mut columns: [Vec<f64>; 5] = Default::default();
    let empty = dir.path().join("empty.html");
    fs::write(&empty, "<!DOCTYPE html><title>empty</title>").expect("an empty page");
    let browser = Browser::start(1280, 900);
    // A browser that has just started is still busy with itself: its first round does not count.
    for round in 0..=rounds {
        browser.open(&empty);
        browser.open(&page);
        browser.wait("performance.getEntriesByType('navigation')[0].loadEventEnd > 0");
        let (opened, filtered) = (browser.script(OPENED), browser.script(FILTERED));
        let times = [&opened[0], &opened[1], &opened[2], &filtered[0], &filtered[1]];
        for (column, time) in columns.iter_mut().zip(times).filter(|_| round > 0) {
            column.push(time.as_f64().expect("milliseconds"));
        }
    }
    let medians = columns.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    });
    let [content, paint, load, first, next] = medians;
    println!(
        "| {images} | {:.1} | {content:.0} | {paint:.0} | {load:.0} | {first:.0} | {next:.0} |",
        size as f64 / 1024.0 / 1024.0
    );
    load + first
}

/// The report of a check of so many images.
fn page(dir: &Path, images: usize) -> PathBuf {
    let image = content::image("page", "linux/amd64");
    let mut store = Store::new();
    (0..images).for_each(|at| store.put(&format!("team/app{at}"), "v1", &image));
    let mut patchy = store.clone();
    (0..images).step_by(10).for_each(|at| patchy.remove_repository(&format!("team/app{at}")));
    let [upstream, copy, patchy] =
        [store.clone(), store, patchy].map(|store| Registry::start(store).expect("a port of loopback"));
    let config = format!(
        "[[registries]]\nname = \"docker.io\"\nurl = \"{}\"\n[[mirrors]]\nname = \"copy\"\nurl = \"{}\"\n\
         [[mirrors]]\nname = \"patchy\"\nurl = \"{}\"\n",
        upstream.url(),
        copy.url(),
        patchy.url()
    );
    let list: String = (0..images).map(|at| format!("team/app{at}:v1\n")).collect();
    fs::write(dir.join("registry-check.toml"), config).expect("the configuration");
    fs::write(dir.join("images.txt"), list).expect("the list");
    let status = Command::new(env!("CARGO_BIN_EXE_registry-check"))
        .args(["images.txt", "-o", "page.html", "--progress", "none"])
        .current_dir(dir)
        .stderr(Stdio::null())
        .status()
        .expect("the program");
    assert_eq!(status.code(), Some(1), "every tenth image is missing at one mirror");
    dir.join("page.html")
}
