//! What is measured side by side: a name, a command, and how many questions it gets answered.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::generator;
use crate::measure::{Sample, measured};

/// The program itself.
pub const OURS: &str = "registry-check";
/// Bare hyper.
pub const HYPER: &str = "raw hyper";
/// Bare reqwest.
pub const REQWEST: &str = "bare reqwest";
/// Many requests by one process of curl.
pub const CURL: &str = "curl -Z";

/// One way to get a list of questions answered.
pub struct Contender {
    pub name: String,
    pub command: Vec<OsString>,
    pub requests: usize,
}

/// A contender's samples, in the order of the rounds.
pub struct Measured {
    pub name: String,
    pub requests: usize,
    pub samples: Vec<Sample>,
}

impl Contender {
    pub fn new<S: Into<OsString>>(name: &str, requests: usize, command: impl IntoIterator<Item = S>) -> Self {
        Self { name: name.to_owned(), requests, command: command.into_iter().map(Into::into).collect() }
    }

    /// The built `registry-check`.
    pub fn ours(requests: usize, arguments: &[&str]) -> Self {
        let program = env!("CARGO_BIN_EXE_registry-check");
        let quiet = ["--progress", "none"];
        Self::new(OURS, requests, [program].iter().chain(arguments).chain(&quiet))
    }

    /// The built `registry-check` with the file `list` as its standard input.
    pub fn ours_reading(list: &Path, requests: usize, arguments: &str) -> Self {
        let script = format!("exec \"$0\" {arguments} --progress none < \"$1\"");
        let command = ["/bin/sh", "-c", &script, env!("CARGO_BIN_EXE_registry-check")].map(OsString::from);
        Self::new(OURS, requests, command.into_iter().chain([list.into()]))
    }

    /// This program as a generator of one `kind`.
    pub fn raw(kind: &str, urls: &Path, requests: usize, window: usize) -> Self {
        let program = std::env::current_exe().expect("this program");
        let name = if kind == "hyper" { HYPER } else { REQWEST };
        let window = window.to_string();
        let role = [generator::ROLE, kind, &window].map(OsString::from);
        Self::new(name, requests, [program.into()].into_iter().chain(role).chain([urls.into()]))
    }

    /// One curl for all of `urls`; `None` where it is not installed.
    pub fn curl(urls: &Path, requests: usize, window: usize) -> Option<Self> {
        let config = urls.with_extension("curl");
        let text = std::fs::read_to_string(urls).expect("a list of URLs");
        let lines: Vec<_> = text.lines().map(|url| format!("url = {url}\noutput = /dev/null\n")).collect();
        std::fs::write(&config, lines.concat()).expect("curl's list");
        let window = window.to_string();
        let options = ["-Z", "--parallel-max", &window, "-I", "-s", "-K"].map(OsString::from);
        let program = installed("curl")?;
        Some(Self::new(CURL, requests, [program.into()].into_iter().chain(options).chain([config.into()])))
    }
}

/// Where a program is.
pub fn installed(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Runs all contenders in turns, one round more than `rounds`: the first warms up.
pub fn side_by_side(contenders: Vec<Contender>, rounds: usize) -> Vec<Measured> {
    let mut measured_all: Vec<_> = contenders
        .iter()
        .map(|one| Measured { name: one.name.clone(), requests: one.requests, samples: Vec::new() })
        .collect();
    for round in 0..=rounds {
        for (contender, all) in contenders.iter().zip(&mut measured_all) {
            let sample = measured(&contender.command);
            if round > 0 {
                all.samples.push(sample);
            }
        }
    }
    measured_all
}

impl Measured {
    pub fn median(&self, of: impl Fn(&Sample) -> f64) -> f64 {
        median(self.samples.iter().map(of).collect())
    }

    /// Seconds.
    pub fn wall(&self) -> f64 {
        self.median(|sample| sample.wall.as_secs_f64())
    }

    /// Seconds.
    pub fn cpu(&self) -> f64 {
        self.median(|sample| sample.cpu.as_secs_f64())
    }

    pub fn peak_rss_mib(&self) -> f64 {
        self.median(|sample| sample.peak_rss_kib as f64 / 1024.0)
    }

    /// How many times as long as `other` it took, as the median over the rounds.
    pub fn wall_ratio(&self, other: &Self) -> f64 {
        let pairs = self.samples.iter().zip(&other.samples);
        median(pairs.map(|(own, other)| own.wall.as_secs_f64() / other.wall.as_secs_f64()).collect())
    }
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len().is_multiple_of(2) {
        f64::midpoint(values[middle - 1], values[middle])
    } else {
        values[middle]
    }
}

/// The contender of this name.
pub fn named<'a>(all: &'a [Measured], name: &str) -> Option<&'a Measured> {
    all.iter().find(|one| one.name == name)
}
