//! Flags over file over default: the options of every stage of a check.

use std::io::IsTerminal;

use super::Error;
use crate::cli::{CheckArgs, ColorArg, CommonArgs, MirrorArg, ProgressArg};
use crate::config;
use crate::gate::Policy;
use crate::mirrors::{self, MirrorSpec};
use crate::model::depth::Depth;
use crate::model::mirror::MirrorMap;
use crate::net::client::Timeouts;
use crate::net::retry::RetryPolicy;
use crate::report::{Colour, TableStyle};
use crate::ui::progress;

/// Requests in flight, all hosts together.
const CONCURRENCY: usize = 256;
/// Requests in flight to one host.
const PER_HOST: usize = 16;

/// What a check is done with.
#[derive(Clone, Debug)]
pub struct CheckOptions {
    /// Who stands in for whom.
    pub mirrors: MirrorMap,
    /// How far to look.
    pub depth: Depth,
    /// What is accepted.
    pub policy: Policy,
    /// How long things may take.
    pub timeouts: Timeouts,
    /// How often and when to try again.
    pub retry: RetryPolicy,
    /// Requests in flight, all hosts together.
    pub concurrency: usize,
    /// Requests in flight to one host.
    pub per_host: usize,
    /// Pulls to leave unspent at hosts that tell their quota.
    pub reserve: Option<u64>,
    /// How progress is told.
    pub progress: progress::Style,
}

/// Fills the options of a check from the command line and the configuration file.
pub(super) fn resolve(args: &CheckArgs, common: &CommonArgs) -> Result<CheckOptions, Error> {
    let config = config::load(args.config.as_deref())?;
    let mut specs = config.mirrors;
    specs.extend(args.mirrors.iter().map(mirror));
    let mirrors = mirrors::build(specs, config.upstreams).map_err(Error::Mirrors)?;
    Ok(CheckOptions { mirrors, ..defaults(args, common)? })
}

/// The options of a check as far as flags decide them: no file, no mirrors.
pub(super) fn defaults(args: &CheckArgs, common: &CommonArgs) -> Result<CheckOptions, Error> {
    let policy = Policy::new(args.require.unwrap_or_default(), args.fail_on.clone(), args.allow.clone())?;
    let defaults = Timeouts::default();
    let retry = RetryPolicy::default();
    Ok(CheckOptions {
        mirrors: MirrorMap::default(),
        depth: match args.depth.unwrap_or_default() {
            crate::cli::DepthArg::Head => Depth::Head,
            crate::cli::DepthArg::Manifest => Depth::Manifest,
        },
        policy,
        timeouts: Timeouts {
            connect: args.connect_timeout.unwrap_or(defaults.connect),
            first_byte: args.first_byte_timeout.unwrap_or(defaults.first_byte),
            total: args.timeout.unwrap_or(defaults.total),
        },
        retry: RetryPolicy { retries: args.retries.unwrap_or(retry.retries), ..retry },
        concurrency: args.concurrency.unwrap_or(CONCURRENCY),
        per_host: args.per_host.unwrap_or(PER_HOST),
        reserve: args.reserve,
        progress: progress_style(common),
    })
}

fn mirror(arg: &MirrorArg) -> MirrorSpec {
    MirrorSpec {
        place: format!("--mirror {}", without_user_info(&arg.text)),
        url: arg.url.clone(),
        serves: arg.upstream.as_ref().map(|upstream| vec![upstream.clone()]),
        ..MirrorSpec::default()
    }
}

/// An error about a URL must not repeat the password in it.
fn without_user_info(text: &str) -> String {
    match (text.split_once("://"), text.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://…@{host}"),
        (None, Some((_, host))) => format!("…@{host}"),
        _ => text.to_owned(),
    }
}

pub(super) fn progress_style(common: &CommonArgs) -> progress::Style {
    match common.progress.unwrap_or_default() {
        _ if common.quiet => progress::Style::None,
        // Log lines and a bar would write over each other.
        ProgressArg::Auto if common.verbose == 0 && std::io::stderr().is_terminal() => progress::Style::Bar,
        ProgressArg::Auto | ProgressArg::None => progress::Style::None,
        ProgressArg::Plain => progress::Style::Plain,
    }
}

/// How the table on standard output looks.
pub(super) fn table_style(common: &CommonArgs) -> TableStyle {
    let is_terminal = std::io::stdout().is_terminal();
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    let colour = match common.color.unwrap_or_default() {
        ColorArg::Always => Colour::Always,
        ColorArg::Auto if is_terminal && !no_color && !is_dumb => Colour::Always,
        ColorArg::Auto | ColorArg::Never => Colour::Never,
    };
    let width = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    TableStyle { colour, width: width.filter(|_| is_terminal) }
}
