//! The command line exactly as it is typed: no I/O, nothing computed.
//!
//! Defaults stand in the stages that own them; a test holds the texts here to those.

mod auth;
mod baseline;
mod check;
mod completions;
mod demo;
mod explain;
mod gate;
mod images;
mod inputs;
mod lock;
mod mirrors;
mod parse;
mod reports;
mod resolve;
mod saved;
mod shell;

pub use auth::AuthArgs;
pub use baseline::{BaselineArgs, BaselineCommand, BaselineWriteArgs};
pub use check::{CheckArgs, DepthArg, TimeArgs};
pub use completions::{Shell, completions};
pub use demo::DemoArgs;
pub use explain::ExplainArgs;
pub use gate::GateArgs;
pub use images::ImagesArgs;
pub use inputs::InputArgs;
pub use lock::LockArgs;
pub use mirrors::{ExportArgs, MirrorsArgs, MirrorsCommand, TargetArg};
pub use parse::{MirrorArg, duration};
pub use reports::{OnlyArg, ReportArgs, SortArg};
pub use resolve::ResolveArgs;
pub use saved::{AgainArgs, MergeArgs, RenderArgs};
pub use shell::{CompletionsArgs, man};

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Checks container registry mirrors: what each serves, compared with what upstream serves.
#[derive(Debug, Parser)]
#[command(
    name = "registry-check",
    version,
    about,
    max_term_width = 100,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    disable_help_subcommand = true,
    after_help = "Exit codes: 0 the gate passed; 1 it failed; 2 usage, configuration or input; \
3 nothing failed, but something stayed undecided; 130 interrupted.

Proxies: HTTPS_PROXY, HTTP_PROXY and ALL_PROXY (http, https, socks5, socks5h), NO_PROXY; never for this machine."
)]
pub struct Cli {
    /// What to do instead of checking.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The main job.
    #[command(flatten)]
    pub check: CheckArgs,
    /// What every command knows.
    #[command(flatten)]
    pub common: CommonArgs,
}

impl Cli {
    /// Reads the arguments of the process; ends it on `--help`, `--version` and usage errors (exit 2).
    #[must_use]
    pub fn from_arguments() -> Self {
        Self::parse()
    }
}

/// What to do instead of checking.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show who we are to each registry and mirror that a check would ask, and whether they agree
    Auth(Box<AuthArgs>),
    /// Make a baseline for `--baseline` of earlier reports
    Baseline(BaselineArgs),
    /// Print a script that completes this command line, for a shell
    Completions(CompletionsArgs),
    /// Run the check against registries inside this process, good and bad ones
    Demo(DemoArgs),
    /// Tell what a code means, what causes it and what to try
    Explain(ExplainArgs),
    /// Print the images that the inputs name, each with its places; nobody is asked
    Images(ImagesArgs),
    /// Pin each image to the digest that its own registry serves now: a list for stdout, or -o FILE
    Lock(Box<LockArgs>),
    /// Print the manual page, in roff
    Man,
    /// Put reports together: the shards of one list, or one list from several vantage points; nobody is asked
    Merge(Box<MergeArgs>),
    /// Write mirrors into the configuration of a container runtime
    Mirrors(MirrorsArgs),
    /// Write a saved report in other formats, judged again by the policy given here; nobody is asked
    Render(Box<RenderArgs>),
    /// Show which URLs a node's container runtime would ask for an image, in order; with --try, ask them
    Resolve(Box<ResolveArgs>),
}

/// What every command knows.
#[derive(Debug, Args)]
#[command(next_help_heading = "Messages")]
pub struct CommonArgs {
    /// Only errors on stderr
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// More on stderr; -vv tells every request
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// When to use colour [default: auto]
    #[arg(long, global = true, value_name = "WHEN")]
    pub color: Option<ColorArg>,
    /// How to tell progress on stderr [default: auto]
    #[arg(long, global = true, value_name = "HOW")]
    pub progress: Option<ProgressArg>,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorArg {
    /// On a terminal, unless `NO_COLOR` is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// How to tell progress.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ProgressArg {
    /// A bar on a terminal, nothing elsewhere
    #[default]
    Auto,
    /// A line every ten seconds
    Plain,
    /// Nothing
    None,
}
