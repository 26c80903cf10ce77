//! The flags of the commands that begin with saved reports: `render` and `merge`.

use std::path::PathBuf;

use clap::Args;

use super::parse;
use super::{GateArgs, ReportArgs};
use crate::model::age::Grace;
use crate::report::Format;

/// `registry-check render`
#[derive(Debug, Args)]
pub struct RenderArgs {
    /// A report that a check wrote with -f json, or `-` for standard input
    #[arg(value_name = "REPORT")]
    pub report: PathBuf,
    /// How it is judged, and where the outcome goes.
    #[command(flatten)]
    pub again: AgainArgs,
}

/// `registry-check merge`
#[derive(Debug, Args)]
pub struct MergeArgs {
    /// Reports that checks wrote with -f json: all shards of a list, one of each vantage point, or both
    #[arg(value_name = "REPORT", required = true)]
    pub reports: Vec<PathBuf>,
    /// How they are judged, and where the outcome goes.
    #[command(flatten)]
    pub again: AgainArgs,
}

/// How what was found out before is judged and told again.
#[derive(Debug, Default, Args)]
pub struct AgainArgs {
    /// Settings [default: registry-check.toml, if there is one]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What is accepted.
    #[command(flatten)]
    pub gate: GateArgs,
    /// Mirrors that had been behind for less than this pass, with a warning (30m, 1h, 2d); the report must say how
    /// long that was [default: as in the check]
    #[arg(long, value_name = "TIME", help_heading = "Gate")]
    pub grace: Option<Grace>,
    /// Format of standard output, and of files whose extension says nothing [default: table]
    #[arg(short, long, value_name = "FORMAT", value_parser = parse::format(), help_heading = "Reports")]
    pub format: Option<Format>,
    /// Write a report to this file instead, as its extension or FORMAT says; repeatable
    #[arg(short, long = "output", value_name = "[FORMAT:]FILE", help_heading = "Reports")]
    pub outputs: Vec<PathBuf>,
    /// How reports are made.
    #[command(flatten)]
    pub reports: ReportArgs,
}
