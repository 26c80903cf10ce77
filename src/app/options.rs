//! Flags over file over default: the options of every stage of a check.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;

use super::{Error, baseline, policy, saved, vantage};
use crate::cli::{
    CheckArgs, ColorArg, CommonArgs, DepthArg, MirrorArg, OnlyArg, ProgressArg, ReportArgs, SortArg,
};
use crate::config;
use crate::credentials;
use crate::gate::{Baseline, Policy, Terms};
use crate::mirrors::{self, MirrorSpec};
use crate::model::age::{AgeRules, AskAge};
use crate::model::depth::{Depth, Reach};
use crate::model::mirror::MirrorMap;
use crate::model::node::Node;
use crate::model::referrers::AskReferrers;
use crate::net::certs_d;
use crate::net::client::Timeouts;
use crate::net::retry::RetryPolicy;
use crate::net::tls::TlsOptions;
use crate::report::{Colour, Only, Sort, TableStyle};
use crate::ui::progress;

/// Requests in flight, all hosts together, where nothing else is said.
pub const CONCURRENCY: usize = 256;
/// Requests in flight to one host, where nothing else is said.
pub const PER_HOST: usize = 16;

/// What a check is done with.
#[derive(Clone, Debug)]
pub struct CheckOptions {
    /// Who stands in for whom.
    pub mirrors: MirrorMap,
    /// How far to look, and at which platforms.
    pub reach: Reach,
    /// Most bytes of blobs that are read.
    pub max_bytes: Option<u64>,
    /// What is accepted.
    pub policy: Policy,
    /// What was known before.
    pub baseline: Option<Baseline>,
    /// How long things may take.
    pub timeouts: Timeouts,
    /// How connections are secured.
    pub tls: TlsOptions,
    /// Where credentials are looked for.
    pub credentials: credentials::Options,
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
    specs.extend(args.image_repository.as_ref().and_then(mirrors::image_repository));
    let mut mirrors = mirrors::build(specs, config.upstreams).map_err(Error::Mirrors)?;
    let nodes = mirrors::import(&args.mirrors_from).map_err(Error::Mirrors)?;
    mirrors::join(&mut mirrors, nodes);
    tell_notes(&mirrors.nodes);
    let defaults = defaults(args, common)?;
    let reach = Reach {
        depth: args.depth.map_or(config.depth.unwrap_or_default(), depth),
        platforms: match args.platforms.is_empty() {
            true => config.platforms.into(),
            false => defaults.reach.platforms,
        },
        age: AgeRules {
            grace: defaults.reach.age.grace.or(config.grace),
            history: args.since.as_deref().map(saved::earlier).transpose()?.map(Arc::new),
            ..defaults.reach.age
        },
        referrers: defaults.reach.referrers,
    };
    let tls = TlsOptions { hosts: mirrors.tls.clone(), ..defaults.tls };
    let logins = mirrors.nodes.iter().flat_map(|node| node.logins.iter().cloned()).collect();
    let credentials = credentials::Options { nodes: logins, ..defaults.credentials };
    let mut policy = policy::resolve(&args.gate, config.gate)?;
    let known: Vec<&str> = mirrors.mirrors.iter().map(|mirror| &*mirror.endpoint.name).collect();
    vantage::require_here(&mut policy, args.vantage.as_ref(), &known);
    policy::hold_to_mirrors(&policy, &known)?;
    let baseline = args.gate.baseline.as_deref().map(baseline::load).transpose()?;
    Ok(CheckOptions { mirrors, tls, credentials, reach, policy, baseline, ..defaults })
}

impl CheckOptions {
    /// What a run is judged by.
    pub(super) fn terms(&self) -> Terms<'_> {
        Terms { policy: &self.policy, baseline: self.baseline.as_ref() }
    }

    /// Whether nothing can be decided before everything is known.
    pub(super) fn need_whole_run(&self) -> bool {
        self.baseline.is_some() || self.policy.needs_whole_run()
    }
}

/// Most warnings about one configuration.
const MAX_NOTES: usize = 200;

/// What cannot be represented, or is not what it seems.
pub(super) fn tell_notes(nodes: &[Node]) {
    for node in nodes {
        for note in node.notes.iter().take(MAX_NOTES) {
            log::warn!("{}: {}", note.place, note.text);
        }
        if let more @ 1.. = node.notes.len().saturating_sub(MAX_NOTES) {
            log::warn!("{}: {more} more such warnings", node.source);
        }
    }
}

/// The options of a check as far as flags decide them: no file, no mirrors.
pub(super) fn defaults(args: &CheckArgs, common: &CommonArgs) -> Result<CheckOptions, Error> {
    let defaults = Timeouts::default();
    let retry = RetryPolicy::default();
    Ok(CheckOptions {
        mirrors: MirrorMap::default(),
        credentials: credentials::Options {
            auth_files: args.auth_files.clone(),
            helper_timeout: args.helper_timeout.unwrap_or(credentials::Options::default().helper_timeout),
            nodes: Vec::new(),
        },
        tls: TlsOptions {
            ca_files: args.ca_files.clone(),
            hosts: Vec::new(),
            certs_dirs: match &args.certs_dir {
                Some(folder) => vec![folder.clone()],
                None => certs_d::system_places(user_settings().as_deref()),
            },
        },
        reach: Reach {
            depth: args.depth.map(depth).unwrap_or_default(),
            platforms: args.platforms.as_slice().into(),
            age: AgeRules {
                ask: if args.age { AskAge::Always } else { AskAge::ByDepth },
                grace: args.grace,
                history: None,
            },
            referrers: if args.referrers { AskReferrers::Yes } else { AskReferrers::No },
        },
        max_bytes: args.max_bytes,
        policy: Policy::default(),
        baseline: None,
        timeouts: Timeouts {
            connect: args.times.connect_timeout.unwrap_or(defaults.connect),
            first_byte: args.times.first_byte_timeout.unwrap_or(defaults.first_byte),
            total: args.times.timeout.unwrap_or(defaults.total),
            least_rate: defaults.least_rate,
            longest: args.times.blob_timeout.unwrap_or(defaults.longest),
        },
        retry: RetryPolicy { retries: args.times.retries.unwrap_or(retry.retries), ..retry },
        concurrency: args.concurrency.unwrap_or(CONCURRENCY),
        per_host: args.per_host.unwrap_or(PER_HOST),
        reserve: args.reserve,
        progress: progress_style(common),
    })
}

const fn depth(arg: DepthArg) -> Depth {
    match arg {
        DepthArg::Head => Depth::Head,
        DepthArg::Manifest => Depth::Manifest,
        DepthArg::Platforms => Depth::Platforms,
        DepthArg::Blobs => Depth::Blobs,
        DepthArg::Content => Depth::Content,
    }
}

fn mirror(arg: &MirrorArg) -> MirrorSpec {
    MirrorSpec {
        place: format!("--mirror {}", without_secrets(&arg.text)),
        url: arg.url.clone(),
        serves: arg.upstream.as_ref().map(|upstream| vec![upstream.clone()]),
        ..MirrorSpec::default()
    }
}

/// Where the user's programs keep their settings (XDG Base Directory): only an absolute path counts.
fn user_settings() -> Option<PathBuf> {
    let of = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    of("XDG_CONFIG_HOME").or_else(|| of("HOME").map(|home| home.join(".config")))
}

/// An error about a URL must not repeat the password or the query in it.
fn without_secrets(text: &str) -> String {
    // A password may itself hold `?` or `#`, so it goes first.
    let mut shown = match (text.split_once("://"), text.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://…@{host}"),
        (None, Some((_, host))) => format!("…@{host}"),
        _ => text.to_owned(),
    };
    if let Some(at) = shown.find(['?', '#']) {
        shown.truncate(at + 1);
        shown.push('…');
    }
    shown
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

/// How the table looks, with what it shows.
pub(super) fn report_style(common: &CommonArgs, args: &ReportArgs) -> TableStyle {
    let only = match args.only.unwrap_or_default() {
        OnlyArg::All => Only::All,
        OnlyArg::Problems => Only::Problems,
    };
    let sort = match args.sort.unwrap_or_default() {
        SortArg::Input => Sort::Input,
        SortArg::Image => Sort::Image,
        SortArg::Status => Sort::Status,
        SortArg::Mirror => Sort::Mirror,
        SortArg::Latency => Sort::Latency,
    };
    TableStyle { only, sort, ..table_style(common) }
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
    TableStyle { colour, width: width.filter(|_| is_terminal), ..TableStyle::default() }
}
