//! What every command that asks registries does first: options, inputs, plan, credentials. Nothing is asked.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Error;
use super::divergences::Divergences;
use super::options::{self, CheckOptions};
use super::sources::{self, BadLines};
use crate::cli::{CheckArgs, CommonArgs, InputArgs};
use crate::config;
use crate::credentials::{Environment, Sources};
use crate::inputs::{Inputs, Source};
use crate::model::age::AskAge;
use crate::model::depth::{Depth, Reach};
use crate::model::dynamic::DynamicNames;
use crate::model::endpoint::{Authority, Endpoint};
use crate::model::plan::Plan;
use crate::model::tls::{HostTls, TlsSettings, Verification};
use crate::net::authority::{LimitPolicy, Limits};
use crate::net::client::Client;
use crate::net::extra::ExtraHeaders;
use crate::net::sockets::{self, Wanted};
use crate::net::tls::{Policies, TlsOptions};
use crate::plan;

/// Everything that is known before the first request.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) options: CheckOptions,
    pub(super) plan: Plan,
    pub(super) sources: Arc<Sources>,
    /// Every file that was or will be read, and that nothing may be written to.
    pub(super) read: Vec<PathBuf>,
}

/// Reads what the command line names.
pub(super) fn prepare(args: &CheckArgs, common: &CommonArgs) -> Result<Prepared, Error> {
    prepare_with(options::resolve(args, common)?, args)
}

/// The same for a command that asks every image's own registry and no mirror.
pub(super) fn prepare_upstreams(args: &CheckArgs, common: &CommonArgs) -> Result<Prepared, Error> {
    let mut options = options::resolve(args, common)?;
    options.mirrors.mirrors.clear();
    options.mirrors.nodes.clear();
    options.reach = Reach::default();
    prepare_with(options, args)
}

/// Reads what the command line names, under these options.
pub(super) fn prepare_with(mut options: CheckOptions, args: &CheckArgs) -> Result<Prepared, Error> {
    let mut inputs = usable(sources::read(&args.sources)?, &args.sources)?;
    let mut read = files_read(args, &options);
    read.append(&mut inputs.files);
    let mut plan =
        plan::expand(inputs.images, &options.mirrors, options.reach.clone()).map_err(Error::Registries)?;
    plan.scope.dynamic = DynamicNames::of(inputs.dynamic);
    secure_addresses(&mut options, &plan);
    Divergences::default().tell(&options.mirrors.nodes, &plan);
    if args.insecure {
        take_any_certificate(&mut options.tls, &plan.endpoints);
    }
    warn_of_idle_mirrors(&plan, options.mirrors.mirrors.len());
    warn_of_idle_flags(args, &plan);
    let sources = sources(&options)?;
    Ok(Prepared { options, plan, sources, read })
}

/// Whose credentials there are.
pub(super) fn sources(options: &CheckOptions) -> Result<Arc<Sources>, Error> {
    Ok(Arc::new(Sources::new(options.credentials.clone(), &Environment::from_process())?))
}

/// Every file that the user has named for this run to read; those behind patterns and folders the inputs know.
pub(super) fn files_read(args: &CheckArgs, options: &CheckOptions) -> Vec<PathBuf> {
    let inputs = args.sources.inputs.iter().cloned().map(|argument| match Source::from(argument) {
        Source::File(path) => path,
        // Where there is such a path, it leads to the file that the shell has opened.
        Source::Stdin => PathBuf::from("/dev/stdin"),
    });
    let tls = options.tls.hosts.iter().flat_map(|host| {
        let client = host.settings.client.iter().flat_map(|client| [&client.certificate, &client.key]);
        host.settings.ca_files.iter().chain(client)
    });
    let named = args.since.iter().chain(&args.auth_files).chain(&args.gate.baseline);
    let named = named.chain(&args.reports.template).chain(&options.tls.ca_files).chain(tls).cloned();
    inputs.chain(named).chain(config::place(args.config.as_deref()).map(Path::to_owned)).collect()
}

/// Networks in a node's configuration: which addresses lie in them is known only with the plan.
fn secure_addresses(options: &mut CheckOptions, plan: &Plan) {
    for endpoint in &plan.endpoints {
        let found = options.mirrors.nodes.iter().find_map(|node| node.tls_of(&endpoint.authority));
        let is_new = |host: &HostTls| options.tls.hosts.iter().all(|known| known.authority != host.authority);
        if let Some(host) = found.filter(is_new) {
            options.tls.hosts.push(host);
        }
    }
}

/// The lines, once nothing is to be said against them. What is left may be no image at all.
pub(super) fn good_lines(inputs: Inputs, bad_lines: BadLines) -> Result<Inputs, Error> {
    match bad_lines {
        _ if inputs.bad.is_empty() => Ok(inputs),
        BadLines::Refuse => Err(Error::BadLines(inputs.bad)),
        BadLines::Skip => {
            for line in &inputs.bad {
                log::warn!("skipped {line}");
            }
            Ok(inputs)
        }
    }
}

/// The images, once nothing stands against asking for them.
fn usable(mut inputs: Inputs, args: &InputArgs) -> Result<Inputs, Error> {
    sources::warn(&inputs);
    let bad = std::mem::take(&mut inputs.bad);
    let had_bad = !bad.is_empty();
    sources::hold(args, bad, &inputs.dynamic, BadLines::of(args))?;
    match inputs.images.is_empty() {
        false => Ok(inputs),
        true if had_bad => Err(Error::NothingLeft),
        true => Err(Error::NothingKnown),
    }
}

/// A flag that changes nothing here would be taken for a check that was made.
fn warn_of_idle_flags(args: &CheckArgs, plan: &Plan) {
    let deepest = plan.deepest();
    let dates = plan.ask_age() == AskAge::Always;
    if !args.platforms.is_empty() && deepest < Depth::Platforms && !dates {
        log::warn!("--platform: at depth {deepest} nobody is asked for platforms; --depth platforms does");
    }
    if args.max_bytes.is_some() && deepest < Depth::Content {
        log::warn!("--max-bytes: at depth {deepest} nothing is downloaded; --depth content does");
    }
    if args.referrers && plan.images.iter().all(|image| image.mirrors.is_empty()) {
        log::warn!("--referrers: no image has a mirror that could lack what upstream has: not asked");
    }
}

fn warn_of_idle_mirrors(plan: &Plan, mirrors: usize) {
    let mut is_used = vec![false; plan.endpoints.len()];
    for image in &plan.images {
        image.mirrors.iter().for_each(|mirror| is_used[*mirror as usize] = true);
    }
    for (endpoint, _) in plan.endpoints.iter().zip(is_used).take(mirrors).filter(|(_, used)| !used) {
        log::warn!("mirror {} stands in for none of the images' registries: not asked", endpoint.name);
    }
}

/// `--insecure` holds for the hosts that are named in its warning and for no other: not for those that they
/// refer to, such as token services.
pub(super) fn take_any_certificate(tls: &mut TlsOptions, endpoints: &[Arc<Endpoint>]) {
    let is_secured = |authority: &&Authority| &*authority.scheme == "https";
    let hosts: BTreeSet<_> = endpoints.iter().map(|asked| &asked.authority).filter(is_secured).collect();
    if hosts.is_empty() {
        return;
    }
    let names: Vec<_> = hosts.iter().map(ToString::to_string).collect();
    log::warn!("--insecure: the certificates of these hosts are not verified: {}", names.join(", "));
    for host in hosts {
        match tls.hosts.iter_mut().find(|known| known.authority == *host) {
            Some(known) => known.settings.verification = Verification::Off,
            None => tls.hosts.push(HostTls {
                place: "--insecure".into(),
                authority: host.clone(),
                settings: TlsSettings { verification: Verification::Off, ..TlsSettings::default() },
            }),
        }
    }
}

/// How many hosts these are.
pub(super) fn hosts(endpoints: &[Arc<Endpoint>]) -> usize {
    endpoints.iter().map(|endpoint| &endpoint.authority).collect::<HashSet<_>>().len()
}

/// An HTTP client that keeps to what the user, the hosts and this machine allow.
///
/// `hosts` is how many of them are asked.
pub(super) fn client(hosts: usize, options: &CheckOptions) -> Result<Client, Error> {
    // Each may have a token service, or redirect to one other host.
    let wanted = Wanted { in_flight: options.concurrency, per_host: options.per_host, hosts: hosts * 2 };
    let room = sockets::make_room(wanted);
    if room.in_flight < wanted.in_flight {
        log::warn!(
            "the limit on open files leaves room for {} requests at once, not {} (see ulimit -n)",
            room.in_flight,
            wanted.in_flight
        );
    }
    let limits = Limits::new(LimitPolicy {
        per_authority: options.per_host,
        all: room.in_flight,
        paces: options.mirrors.paces.clone(),
        reserve: options.reserve,
        max_retry_after: options.retry.max_retry_after,
    });
    let policies = Policies::load(&options.tls).map_err(Error::Tls)?;
    let extra = ExtraHeaders::new(options.mirrors.nodes.iter().flat_map(|node| &node.headers));
    Ok(Client::new(options.timeouts, limits, policies, options.per_host)?
        .with_most_open(room.open)
        .with_headers(extra))
}
