//! What every command that asks registries does first: options, inputs, plan, credentials. Nothing is asked.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Error;
use super::options::{self, CheckOptions};
use super::sources::{self, BadLines};
use crate::cli::{CheckArgs, CommonArgs, InputArgs};
use crate::credentials::{Environment, Sources};
use crate::inputs::Inputs;
use crate::model::endpoint::Authority;
use crate::model::plan::Plan;
use crate::model::tls::{HostTls, TlsSettings, Verification};
use crate::net::tls::TlsOptions;
use crate::plan;

/// Everything that is known before the first request.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) options: CheckOptions,
    pub(super) plan: Plan,
    pub(super) sources: Arc<Sources>,
}

/// Reads what the command line names.
pub(super) fn prepare(args: &CheckArgs, common: &CommonArgs) -> Result<Prepared, Error> {
    let mut options = options::resolve(args, common)?;
    let inputs = usable(sources::read(&args.sources)?, &args.sources)?;
    let plan = plan::expand(inputs.images, &options.mirrors, options.depth).map_err(Error::Registries)?;
    if args.insecure {
        take_any_certificate(&mut options.tls, &plan);
    }
    warn_of_idle_mirrors(&plan, options.mirrors.mirrors.len());
    let sources = Arc::new(Sources::new(options.credentials.clone(), &Environment::from_process())?);
    Ok(Prepared { options, plan, sources })
}

/// The images, once nothing stands against asking for them.
fn usable(mut inputs: Inputs, args: &InputArgs) -> Result<Inputs, Error> {
    sources::warn(&inputs);
    let bad = std::mem::take(&mut inputs.bad);
    let had_bad = !bad.is_empty();
    sources::hold(args, bad, std::mem::take(&mut inputs.dynamic), BadLines::of(args))?;
    match inputs.images.is_empty() {
        false => Ok(inputs),
        true if had_bad => Err(Error::NothingLeft),
        true => Err(Error::NothingKnown),
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
fn take_any_certificate(tls: &mut TlsOptions, plan: &Plan) {
    let is_secured = |authority: &&Authority| &*authority.scheme == "https";
    let hosts: BTreeSet<_> = plan.endpoints.iter().map(|asked| &asked.authority).filter(is_secured).collect();
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
