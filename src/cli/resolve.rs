//! The flags of `resolve`.

use std::path::PathBuf;

use clap::Args;

use super::parse;
use crate::report::Format;

/// `registry-check resolve`
#[derive(Debug, Args)]
pub struct ResolveArgs {
    /// Images, as they stand in the node's workloads
    #[arg(value_name = "IMAGE", required = true)]
    pub images: Vec<String>,
    /// Configuration of the node's runtime: certs.d, daemon.json, registries.conf(.d), registries.yaml,
    /// buildkitd.toml; repeatable
    #[arg(long = "mirrors-from", value_name = "PATH", required = true)]
    pub mirrors_from: Vec<PathBuf>,
    /// Format of standard output: table or json (an object a line) [default: table]
    #[arg(short, long, value_name = "FORMAT", value_parser = parse::format())]
    pub format: Option<Format>,
    /// Look here for credentials first: docker, podman or Kubernetes secret file; repeatable
    #[arg(long = "auth-file", value_name = "FILE")]
    pub auth_files: Vec<PathBuf>,
}
