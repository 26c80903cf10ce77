//! The rows of the table, each a function that measures and says what it holds the figures to.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use crate::Choice;
use crate::contender::{CURL, Contender, HYPER, Measured, OURS, REQWEST, installed, named, side_by_side};
use crate::peers;
use crate::server::{Servers, Shape, names};
use crate::table::{Bound, Report};

type Scenario = fn(&Choice, &mut Report);

/// All of them, by name.
pub const ALL: [(&str, Scenario); 9] = [
    ("instant", instant),
    ("daemons", daemons),
    ("delayed", delayed),
    ("requests", requests),
    ("silent", silent),
    ("scale", scale),
    ("endless", endless),
    ("cold", cold),
    ("size", size),
];

const IMAGES: usize = 1_000;
const ROUND_TRIP: Duration = Duration::from_millis(50);
/// Most CPU for one check, in microseconds.
const CPU_PER_CHECK: f64 = 50.0;

/// A list of images at the first authority, and the URLs of the same manifests at all.
struct Work {
    dir: TempDir,
    authorities: Vec<String>,
    images: usize,
}

impl Work {
    fn new(authorities: &[String], images: usize) -> Self {
        let work = Self { dir: TempDir::new().expect("a folder"), authorities: authorities.to_vec(), images };
        let upstream = &authorities[0];
        let list: Vec<_> =
            names(images).map(|(repository, tag)| format!("{upstream}/{repository}:{tag}\n")).collect();
        std::fs::write(work.list(), list.concat()).expect("a list");
        let urls: Vec<_> = names(images)
            .flat_map(|(repository, tag)| {
                authorities
                    .iter()
                    .map(move |authority| format!("http://{authority}/v2/{repository}/manifests/{tag}\n"))
            })
            .collect();
        std::fs::write(work.urls(), urls.concat()).expect("a list");
        work
    }

    fn list(&self) -> PathBuf {
        self.dir.path().join("images.txt")
    }

    fn urls(&self) -> PathBuf {
        self.dir.path().join("urls.txt")
    }

    fn checks(&self) -> usize {
        self.images * self.authorities.len()
    }

    fn ours(&self, window: usize, more: &[&str]) -> Contender {
        let list = self.list();
        let mirrors: Vec<_> = self.authorities[1..]
            .iter()
            .flat_map(|mirror| ["--mirror".to_owned(), format!("{}=http://{mirror}", self.authorities[0])])
            .collect();
        // The window is of all requests together, as it is for the others.
        let window = window.to_string();
        let mut arguments = vec![text(&list), "--per-host", &window, "-j", &window];
        arguments.extend(mirrors.iter().map(String::as_str));
        arguments.extend(more);
        Contender::ours(self.checks(), &arguments)
    }

    fn raw(&self, kind: &str, window: usize) -> Contender {
        Contender::raw(kind, &self.urls(), self.checks(), window)
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

fn ratio(all: &[Measured], to: &str) -> Option<f64> {
    Some(named(all, OURS)?.wall_ratio(named(all, to)?))
}

fn instant(choice: &Choice, report: &mut Report) {
    let servers = Servers::start(Shape { images: IMAGES, registries: 2, ..Shape::default() });
    let work = Work::new(&servers.authorities, IMAGES);
    let mut contenders = vec![work.ours(64, &[]), work.raw("hyper", 64), work.raw("reqwest", 64)];
    contenders.extend(Contender::curl(&work.urls(), work.checks(), 64));
    let all = side_by_side(contenders, choice.rounds);
    let name = "1,000 × 2, instant server, window 64";
    report.rows(name, &all);
    for (other, bound) in [(REQWEST, Bound::AtMost(1.3)), (CURL, Bound::Below(1.0))] {
        if let Some(ratio) = ratio(&all, other) {
            report.target(name, &format!("wall ÷ {other}"), ratio, &bound);
        }
    }
    let cpu = all[0].cpu() * 1e6 / work.checks() as f64;
    report.target(name, "CPU µs a check", cpu, &Bound::AtMost(CPU_PER_CHECK));
}

fn daemons(choice: &Choice, report: &mut Report) {
    let Some(daemons) = peers::daemons(2, IMAGES) else {
        return eprintln!("docker-registry is not installed: left out");
    };
    let authorities: Vec<_> = daemons.iter().map(peers::DockerRegistry::authority).collect();
    let work = Work::new(&authorities, IMAGES);
    let mut contenders = vec![work.ours(64, &[]), work.raw("hyper", 64), work.raw("reqwest", 64)];
    contenders.extend(Contender::curl(&work.urls(), work.checks(), 64));
    let mut all = side_by_side(contenders, choice.rounds);
    let name = "1,000 × 2, two docker-registry, window 64";
    if let Some(ratio) = ratio(&all, HYPER) {
        report.target(name, "wall ÷ raw hyper", ratio, &Bound::AtMost(1.1));
    }
    all.extend(skopeo(&work, 100));
    report.rows(name, &all);
}

/// A process for each image, on a sample of the work; `None` where skopeo is not installed.
fn skopeo(work: &Work, sample: usize) -> Option<Measured> {
    let (skopeo, xargs) = (installed("skopeo")?, installed("xargs")?);
    let list = work.dir.path().join("skopeo.txt");
    let lines: Vec<_> = names(sample)
        .map(|(repository, tag)| format!("docker://{}/{repository}:{tag}\n", work.authorities[0]))
        .collect();
    std::fs::write(&list, lines.concat()).expect("a list");
    let arguments = ["-P", "16", "-n", "1", "-a", text(&list), text(&skopeo)];
    let inspect = ["inspect", "--raw", "--tls-verify=false"];
    let command = [text(&xargs)].into_iter().chain(arguments).chain(inspect);
    let name = format!("xargs -P 16 skopeo (a sample of {sample})");
    side_by_side(vec![Contender::new(&name, sample, command)], 1).pop()
}

fn delayed(choice: &Choice, report: &mut Report) {
    let shape = Shape { images: IMAGES, registries: 2, delay: ROUND_TRIP, silent: 0 };
    let servers = Servers::start(shape);
    let work = Work::new(&servers.authorities, IMAGES);
    for window in [64, 256] {
        let contenders = vec![work.ours(window, &[]), work.raw("hyper", window), work.raw("reqwest", window)];
        let all = side_by_side(contenders, choice.rounds);
        let name = format!("1,000 × 2, 50 ms round trips, window {window}");
        report.rows(&name, &all);
        if let Some(ratio) = ratio(&all, HYPER) {
            report.target(&name, "wall ÷ raw hyper", ratio, &Bound::AtMost(1.1));
        }
    }
}

fn requests(_: &Choice, report: &mut Report) {
    let mut servers = Servers::start(Shape { images: IMAGES, registries: 2, ..Shape::default() });
    let work = Work::new(&servers.authorities, IMAGES);
    servers.record();
    side_by_side(vec![work.ours(64, &[])], 0);
    let checks = work.checks() as f64;
    for (what, count) in ["HEADs", "requests"].iter().zip(servers.counts()) {
        report.target("1,000 × 2", what, count as f64, &Bound::Exactly(checks));
    }
}

fn silent(_: &Choice, report: &mut Report) {
    let timeout = Duration::from_secs(2);
    let shape = Shape { images: IMAGES, registries: 4, silent: 1, ..Shape::default() };
    let servers = Servers::start(shape);
    let more = ["--first-byte-timeout", "2s", "--require", "2", "--allow", "unreachable"];
    let without = Work::new(&servers.authorities[..3], IMAGES);
    let with = Work::new(&servers.authorities, IMAGES);
    let named = |work: &Work, mirrors: &str| {
        let name = format!("registry-check, {mirrors}");
        Contender { name, ..work.ours(64, &more) }
    };
    // One round: with its warm-up it already waits twice for a time-out.
    let all = side_by_side(vec![named(&without, "2 mirrors"), named(&with, "2 mirrors and a silent one")], 1);
    let name = "1,000 images, one of 3 mirrors silent";
    report.rows(name, &all);
    let allowed = all[0].wall() + 1.1 * timeout.as_secs_f64();
    report.target(name, "wall, s", all[1].wall(), &Bound::AtMost(allowed));
}

fn scale(choice: &Choice, report: &mut Report) {
    let mut per_image = Vec::new();
    for images in [1_000, 10_000, 100_000] {
        let servers = Servers::start(Shape { images, registries: 3, ..Shape::default() });
        let work = Work::new(&servers.authorities, images);
        let files =
            ["csv", "json", "md"].map(|extension| work.dir.path().join(format!("report.{extension}")));
        let [csv, json, markdown] = files.each_ref().map(|file| text(file));
        let outputs = ["-o", csv, "-o", json, "-o", markdown];
        let rounds = if images > 10_000 { 1 } else { choice.rounds };
        let all = side_by_side(vec![work.ours(64, &outputs)], rounds);
        let name = format!("{images} × 3, CSV + JSON + Markdown");
        report.rows(&name, &all);
        per_image.push(all[0].cpu() / images as f64);
        if images == 100_000 {
            report.target(&name, "peak RSS MiB", all[0].peak_rss_mib(), &Bound::AtMost(200.0));
        }
    }
    for (images, cost) in ["10,000", "100,000"].iter().zip(&per_image[1..]) {
        let growth = cost / per_image[0];
        report.target("CPU an image", &format!("{images} ÷ 1,000 images"), growth, &Bound::AtMost(1.2));
    }
}

/// A list on standard input, told as it comes: nothing is kept of it.
fn endless(_: &Choice, report: &mut Report) {
    let mut peaks = Vec::new();
    for images in [10_000, 100_000] {
        let servers = Servers::start(Shape { images, registries: 1, ..Shape::default() });
        let work = Work::new(&servers.authorities, images);
        let contender = Contender::ours_reading(&work.list(), images, "- -f ndjson --per-host 64 -j 64");
        let all = side_by_side(vec![contender], 1);
        report.rows(&format!("{images} × 1 on standard input, NDJSON"), &all);
        peaks.push(all[0].peak_rss_mib());
    }
    let growth = peaks[1] / peaks[0];
    report.target("list on standard input", "peak RSS, 100,000 ÷ 10,000", growth, &Bound::AtMost(1.2));
}

fn cold(choice: &Choice, report: &mut Report) {
    let servers = Servers::start(Shape { images: 1, registries: 1, ..Shape::default() });
    let work = Work::new(&servers.authorities, 1);
    let contenders = vec![work.ours(16, &[]), work.raw("hyper", 1), work.raw("reqwest", 1)];
    let all = side_by_side(contenders, choice.rounds.max(4) * 5);
    let name = "1 image × 1, cold start";
    report.rows(name, &all);
    report.target(name, "wall, ms", all[0].wall() * 1000.0, &Bound::AtMost(15.0));
}

fn size(_: &Choice, report: &mut Report) {
    let file = std::fs::metadata(env!("CARGO_BIN_EXE_registry-check")).expect("the built program");
    let mib = file.len() as f64 / (1024.0 * 1024.0);
    report.target("release binary, stripped", "MiB", mib, &Bound::AtMost(15.0));
}
