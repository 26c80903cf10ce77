//! One process measured by another.
//!
//! The one in between has one child only, so `getrusage` of its children is of that child alone, and it
//! is small: what a child owed to the memory of whoever forked it would otherwise count as its peak.

use std::ffi::OsString;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use serde::{Deserialize, Serialize};

/// The hidden argument that makes this program the one in between.
pub const ROLE: &str = "--measure";

/// What one run cost.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct Sample {
    /// From before the start to after the end.
    pub wall: Duration,
    /// User and system time.
    pub cpu: Duration,
    /// Most memory at one moment.
    pub peak_rss_kib: u64,
    /// Exit code.
    pub code: Option<i32>,
}

/// Runs `command` with nothing of this machine's environment.
pub fn measured(command: &[OsString]) -> Sample {
    let mut between = Command::new(std::env::current_exe().expect("this program"));
    between.arg(ROLE).args(command).env_clear();
    if let Some(path) = std::env::var_os("PATH") {
        between.env("PATH", path);
    }
    let output = between.output().expect("this program starts");
    let sample: Option<Sample> = serde_json::from_slice(&output.stdout).ok();
    match sample {
        Some(sample) if sample.code == Some(0) => sample,
        other => panic!("{command:?}: {other:?}\n{}", String::from_utf8_lossy(&output.stderr)),
    }
}

/// Does what [`ROLE`] says: runs `arguments` and tells the sample.
pub fn run(arguments: &[String]) {
    let (program, arguments) = arguments.split_first().expect("a program");
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null());
    let started = Instant::now();
    let status = command.status().unwrap_or_else(|error| panic!("{program}: {error}"));
    let wall = started.elapsed();
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the usage of a child");
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    let sample = Sample {
        wall,
        cpu: Duration::from_micros(micros.try_into().expect("time is not negative")),
        peak_rss_kib: usage.max_rss().try_into().expect("memory is not negative"),
        code: status.code(),
    };
    println!("{}", serde_json::to_string(&sample).expect("JSON"));
}
