//! The flags of the main job.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::parse::{self, MirrorArg};
use super::{GateArgs, InputArgs, ReportArgs};
use crate::model::age::Grace;
use crate::model::image_repository::ImageRepository;
use crate::model::platform::Platform;
use crate::model::scope::{Shard, Vantage};
use crate::report::Format;

/// `registry-check [OPTIONS] [INPUT]...`
#[derive(Debug, Default, Args)]
pub struct CheckArgs {
    /// What is read.
    #[command(flatten)]
    pub sources: InputArgs,
    /// A mirror and the registry it stands in for (docker.io, if not said); repeatable
    #[arg(long = "mirror", value_name = "[UPSTREAM=]URL", value_parser = parse::mirror)]
    pub mirrors: Vec<MirrorArg>,
    /// Mirrors of a node: certs.d, daemon.json, registries.conf(.d), registries.yaml, buildkitd.toml;
    /// repeatable
    #[arg(long = "mirrors-from", value_name = "PATH")]
    pub mirrors_from: Vec<PathBuf>,
    /// A mirror of kubeadm's images of registry.k8s.io alone: its imageRepository, minikube's --image-repository
    #[arg(long, value_name = "PREFIX", value_parser = parse::image_repository)]
    pub image_repository: Option<ImageRepository>,
    /// Settings and mirrors [default: registry-check.toml, if there is one]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// How far to look [default: head]
    #[arg(long, value_name = "DEPTH")]
    pub depth: Option<DepthArg>,
    /// Look at this platform of each image alone, such as linux/arm64; repeatable
    #[arg(long = "platform", value_name = "OS/ARCH[/VARIANT]")]
    pub platforms: Vec<Platform>,
    /// With --depth content, download no more than this of all images together (10GiB, 500MB)
    #[arg(long, value_name = "SIZE", value_parser = parse::bytes)]
    pub max_bytes: Option<u64>,
    /// Look for signatures, SBOMs and attestations that upstream has and mirrors lack; verifies none
    #[arg(long)]
    pub referrers: bool,
    /// Where a mirror is behind, read the configs of both images for when they were made
    #[arg(long)]
    pub age: bool,
    /// JSON report of an earlier check: tells for how long mirrors have been behind
    #[arg(long, value_name = "REPORT")]
    pub since: Option<PathBuf>,
    /// Print what the check would cost in requests and Docker Hub pulls, as table or json; ask nobody
    #[arg(long, conflicts_with = "outputs")]
    pub plan: bool,

    /// Check only this part of the list, such as 2/5: whole images, by a stable hash of their names
    #[arg(long, value_name = "NUMBER/COUNT")]
    pub shard: Option<Shard>,
    /// Where this run is made, for reports that are put together, such as cn-east
    #[arg(long, value_name = "NAME")]
    pub vantage: Option<Vantage>,

    /// What is accepted.
    #[command(flatten)]
    pub gate: GateArgs,
    /// Mirrors that have been behind for less than this pass, with a warning (30m, 1h, 2d)
    #[arg(long, value_name = "TIME", help_heading = "Gate")]
    pub grace: Option<Grace>,

    /// Format of standard output, and of files whose extension says nothing [default: table]
    #[arg(short, long, value_name = "FORMAT", value_parser = parse::format(), help_heading = "Reports")]
    pub format: Option<Format>,
    /// Write a report to this file instead, as its extension or FORMAT says (.csv, .md, .json, .ndjson,
    /// .html, .xml, .sarif, .prom, .txt, github:, gitlab:); repeatable
    #[arg(short, long = "output", value_name = "[FORMAT:]FILE", help_heading = "Reports")]
    pub outputs: Vec<PathBuf>,
    /// How reports look.
    #[command(flatten)]
    pub reports: ReportArgs,

    /// Look here for credentials first: docker, podman or Kubernetes secret file; repeatable
    #[arg(long = "auth-file", value_name = "FILE", help_heading = "Credentials")]
    pub auth_files: Vec<PathBuf>,
    /// Time for one credential helper [default: 20s]
    #[arg(long, value_name = "TIME", value_parser = parse::duration, help_heading = "Credentials")]
    pub helper_timeout: Option<Duration>,

    /// Trust the certificates in this PEM file too, for every host; repeatable
    #[arg(long = "ca-file", value_name = "FILE", help_heading = "TLS")]
    pub ca_files: Vec<PathBuf>,
    /// Look here for folders HOST[:PORT] with *.crt, *.cert and *.key, not where docker and podman do
    #[arg(long, value_name = "DIR", help_heading = "TLS")]
    pub certs_dir: Option<PathBuf>,
    /// Take any certificate of the registries and mirrors asked (of one host: insecure in the file)
    #[arg(long, help_heading = "TLS")]
    pub insecure: bool,

    /// Requests in flight, all hosts together [default: 256]
    #[arg(short = 'j', long, value_name = "N", value_parser = parse::count, help_heading = "Load and time")]
    pub concurrency: Option<usize>,
    /// Requests in flight to one host [default: 16]
    #[arg(long, value_name = "N", value_parser = parse::count, help_heading = "Load and time")]
    pub per_host: Option<usize>,
    /// Pulls to leave unspent at hosts with a pull quota, such as Docker Hub
    #[arg(long, value_name = "N", help_heading = "Load and time")]
    pub reserve: Option<u64>,
    /// How long requests may take.
    #[command(flatten, next_help_heading = "Load and time")]
    pub times: TimeArgs,
}

/// How long requests may take, and how often they are tried.
#[derive(Clone, Debug, Default, Args)]
pub struct TimeArgs {
    /// Time for name, connection and TLS [default: 5s]
    #[arg(long, value_name = "TIME", value_parser = parse::duration)]
    pub connect_timeout: Option<Duration>,
    /// Time from asking to the first byte [default: 15s]
    #[arg(long, value_name = "TIME", value_parser = parse::duration)]
    pub first_byte_timeout: Option<Duration>,
    /// Time for one request, whole [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = parse::duration)]
    pub timeout: Option<Duration>,
    /// Time for one blob that is downloaded, whole [default: 3600s]
    #[arg(long, value_name = "TIME", value_parser = parse::duration)]
    pub blob_timeout: Option<Duration>,
    /// How often to try again what may pass [default: 2]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=10))]
    pub retries: Option<u32>,
}

/// How far to look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum DepthArg {
    /// What the server says of the manifest (HEAD)
    #[default]
    Head,
    /// The manifest's bytes, by tag and by digest (GET)
    Manifest,
    /// Every platform's manifest, by digest
    Platforms,
    /// Whether their configs and layers are there (HEAD)
    Blobs,
    /// The same, downloaded and hashed
    Content,
}
