//! The flags of `registry-check baseline`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `registry-check baseline COMMAND`
#[derive(Clone, Debug, Args)]
pub struct BaselineArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: BaselineCommand,
}

/// What to do with baselines.
#[derive(Clone, Debug, Subcommand)]
pub enum BaselineCommand {
    /// Make one small baseline of JSON reports and baselines: what `--baseline` needs of them
    Write(BaselineWriteArgs),
}

/// `registry-check baseline write [-o FILE] REPORT...`
#[derive(Clone, Debug, Args)]
pub struct BaselineWriteArgs {
    /// JSON reports and earlier baselines; of the same image at the same mirror the latest holds
    #[arg(value_name = "REPORT", required = true)]
    pub reports: Vec<PathBuf>,
    /// Where to, in place of standard output; may be one of those read
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}
