//! The flags that say how reports look; `-f` and `-o` stand with those of the check.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// How reports look.
#[derive(Debug, Default, Args)]
pub struct ReportArgs {
    /// Write standard output by this template (Jinja); files by `-o template:FILE`
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    pub template: Option<PathBuf>,
    /// Which images the table shows [default: all]
    #[arg(long, value_name = "WHICH", help_heading = "Reports")]
    pub only: Option<OnlyArg>,
    /// In what order the table shows them, registry by registry [default: input]
    #[arg(long, value_name = "ORDER", help_heading = "Reports")]
    pub sort: Option<SortArg>,
    /// No annotations and no job summary by themselves where `GITHUB_ACTIONS` is set
    #[arg(long, help_heading = "Reports")]
    pub no_github: bool,
}

/// Which images the table shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OnlyArg {
    /// All
    #[default]
    All,
    /// Those with anything that is not ok
    Problems,
}

/// In what order the table shows them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum SortArg {
    /// As in the inputs
    #[default]
    Input,
    /// By name
    Image,
    /// The worst image first
    Status,
    /// The mirror with the most problems first, and problems mirror by mirror
    Mirror,
    /// The slowest image first
    Latency,
}
