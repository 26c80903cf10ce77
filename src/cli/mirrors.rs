//! The flags of `mirrors`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::CheckArgs;

/// `registry-check mirrors`
#[derive(Debug, Args)]
pub struct MirrorsArgs {
    /// What to do with them.
    #[command(subcommand)]
    pub command: MirrorsCommand,
}

/// What to do with mirrors.
#[derive(Debug, Subcommand)]
pub enum MirrorsCommand {
    /// Check the images, and write a runtime's configuration with the mirrors that work first
    Export(Box<ExportArgs>),
}

/// `registry-check mirrors export`
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// For which runtime
    #[arg(long, value_name = "KIND", help_heading = "Export")]
    pub to: TargetArg,
    /// What the runtime has been told until now: kept but for its mirrors [default: that of --write]
    #[arg(long, value_name = "PATH", help_heading = "Export")]
    pub base: Option<PathBuf>,
    /// Write it there, not to standard output: a file, for containerd the folder certs.d
    #[arg(long, value_name = "PATH", help_heading = "Export")]
    pub write: Option<PathBuf>,
    /// What a check would be run with.
    #[command(flatten)]
    pub check: CheckArgs,
}

/// Which configuration is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TargetArg {
    /// certs.d/HOST/hosts.toml
    Containerd,
    /// daemon.json
    Docker,
    /// registries.conf
    RegistriesConf,
    /// registries.yaml of k3s and rke2
    K3s,
}
