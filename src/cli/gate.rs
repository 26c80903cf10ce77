//! The flags of the gate: what is accepted.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::parse;
use crate::gate::{Level, Require, Slowdown};
use crate::model::status::Status;

/// What is accepted; each flag goes before the same setting of `registry-check.toml`.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Gate")]
pub struct GateArgs {
    /// Which of an image's mirrors must be fine: all, any, a number, or names with commas between them
    /// [default: all]
    #[arg(long, value_name = "WHICH")]
    pub require: Option<Require>,
    /// Statuses that fail, besides stale, missing, incomplete and invalid
    #[arg(long, value_name = "STATUS,...", value_delimiter = ',', value_parser = parse::status)]
    pub fail_on: Vec<Status>,
    /// Statuses that pass with a warning
    #[arg(long, value_name = "STATUS,...", value_delimiter = ',', value_parser = parse::status)]
    pub warn_on: Vec<Status>,
    /// Statuses that pass, besides ok, same_content and unverified
    #[arg(long, value_name = "STATUS,...", value_delimiter = ',', value_parser = parse::status)]
    pub allow: Vec<Status>,
    /// What every status that leaves it open does, in place of exit code 3
    #[arg(long, value_name = "LEVEL", value_parser = parse::level())]
    pub undecided: Option<Level>,
    /// Fail only for what is new or worse than in this JSON report or baseline
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Longest time to the first byte for 95 of 100 answers of each mirror
    #[arg(long, value_name = "TIME", value_parser = parse::duration)]
    pub max_latency: Option<Duration>,
    /// How much each mirror's median time to the first byte may grow beyond the baseline's, such as 15%
    #[arg(long, value_name = "SHARE", requires = "baseline")]
    pub max_slowdown: Option<Slowdown>,
}
