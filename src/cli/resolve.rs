//! The flags of `resolve`.

use std::path::PathBuf;

use clap::Args;

use super::{TimeArgs, parse};
use crate::model::image_repository::ImageRepository;
use crate::report::Format;

/// `registry-check resolve`
#[derive(Debug, Args)]
pub struct ResolveArgs {
    /// Images, as they stand in the node's workloads
    #[arg(value_name = "IMAGE", required = true)]
    pub images: Vec<String>,
    /// Configuration of the node's runtime: certs.d, daemon.json, registries.conf(.d), registries.yaml,
    /// buildkitd.toml; repeatable
    #[arg(long = "mirrors-from", value_name = "PATH", required_unless_present = "image_repository")]
    pub mirrors_from: Vec<PathBuf>,
    /// Ask each of them in this order, and say which would serve the pull
    #[arg(long = "try")]
    pub is_tried: bool,
    /// Take kubeadm's images of registry.k8s.io from this prefix, as its imageRepository does
    #[arg(long, value_name = "PREFIX", value_parser = parse::image_repository)]
    pub image_repository: Option<ImageRepository>,
    /// Format of standard output: table or json (an object a line) [default: table]
    #[arg(short, long, value_name = "FORMAT", value_parser = parse::format())]
    pub format: Option<Format>,
    /// Look here for credentials first: docker, podman or Kubernetes secret file; repeatable
    #[arg(long = "auth-file", value_name = "FILE")]
    pub auth_files: Vec<PathBuf>,
    /// Trust the certificates in this PEM file too, for every host; repeatable
    #[arg(long = "ca-file", value_name = "FILE", help_heading = "With --try")]
    pub ca_files: Vec<PathBuf>,
    /// How long requests may take.
    #[command(flatten, next_help_heading = "With --try")]
    pub times: TimeArgs,
}
