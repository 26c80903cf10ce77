//! `registry-check resolve`: which URLs a node's runtime would ask for an image, in order; with `--try`, what
//! they answer, and which would serve the pull.

use std::io::Write;
use std::sync::Arc;

use super::options::{self, CheckOptions, tell_notes};
use super::pull::Puller;
use super::{Error, OutputError};
use crate::cli::{CheckArgs, CommonArgs, ResolveArgs};
use crate::credentials::{self, Environment, Sources};
use crate::model::image::ImageRef;
use crate::model::node::{Node, Walk};
use crate::model::observation::AskedAs;
use crate::model::pull::{End, Pull};
use crate::report::resolve::Resolved;
use crate::report::{self, Format};
use crate::{exit, mirrors, plan};

/// Offline it exits 0. With `--try`: 0 when every image is served, 1 when one is served by nobody, 3 when
/// that could not be found out of one.
pub(super) async fn run(args: &ResolveArgs, common: &CommonArgs) -> Result<u8, Error> {
    let is_json = match args.format {
        None | Some(Format::Table) => false,
        Some(Format::Json) => true,
        Some(other) => return Err(Error::Format { command: "resolve", format: other.as_str() }),
    };
    let nodes = if args.mirrors_from.is_empty() {
        vec![mirrors::unconfigured()]
    } else {
        mirrors::import(&args.mirrors_from).map_err(Error::Mirrors)?
    };
    let options = check_options(args, common)?;
    let walks = walks(args, &nodes)?;
    tell_notes(&nodes);
    let (mut offline, mut pulls) = (Vec::new(), Vec::new());
    for (node, mut walks) in nodes.iter().zip(walks) {
        let credentials = credentials::Options { nodes: node.logins.clone(), ..options.credentials.clone() };
        let sources = Arc::new(Sources::new(credentials, &Environment::from_process())?);
        for walk in &mut walks {
            find_credentials(walk, &sources).await;
        }
        if args.is_tried {
            let puller = Puller::new(node, &walks, options.clone(), Arc::clone(&sources))?;
            for walk in walks {
                pulls.push(puller.pull(walk).await);
            }
        } else {
            offline.extend(walks);
        }
        for warning in sources.warnings() {
            log::warn!("{warning}");
        }
    }
    let resolved: Vec<_> =
        offline.iter().map(Resolved::Offline).chain(pulls.iter().map(Resolved::Tried)).collect();
    write(&resolved, is_json)?;
    Ok(exit_code(&pulls))
}

fn exit_code(pulls: &[Pull]) -> u8 {
    let any = |end: End| pulls.iter().any(|pull| pull.end == end);
    match () {
        () if any(End::Nobody) => exit::FAILED,
        () if any(End::Unknown) => exit::UNDECIDED,
        () => exit::PASSED,
    }
}

fn check_options(args: &ResolveArgs, common: &CommonArgs) -> Result<CheckOptions, Error> {
    let check = CheckArgs {
        auth_files: args.auth_files.clone(),
        ca_files: args.ca_files.clone(),
        times: args.times.clone(),
        ..CheckArgs::default()
    };
    options::defaults(&check, common)
}

/// The ways of all images through each node.
fn walks(args: &ResolveArgs, nodes: &[Node]) -> Result<Vec<Vec<Walk>>, Error> {
    let (mut all, mut faults) = (Vec::new(), Vec::new());
    for node in nodes {
        let mut walks = Vec::new();
        for name in args.images.iter().flat_map(|text| node.names(text)) {
            let image = name.parse::<ImageRef>().map_err(|error| error.to_string());
            match image.and_then(|image| walk(args, node, image)) {
                Ok(walk) => walks.push(walk),
                Err(why) => faults.push(format!("{}: {why}", name.escape_debug())),
            }
        }
        all.push(walks);
    }
    if faults.is_empty() {
        return Ok(all);
    }
    faults.sort();
    faults.dedup();
    Err(Error::Images(faults))
}

fn walk(args: &ResolveArgs, node: &Node, image: ImageRef) -> Result<Walk, String> {
    let renamed = args.image_repository.as_ref().and_then(|prefix| prefix.rename(&image));
    let walk = plan::walk::walk(node, renamed.as_ref().unwrap_or(&image))?;
    Ok(Walk { image, renamed, ..walk })
}

fn write(resolved: &[Resolved<'_>], is_json: bool) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    let written = match is_json {
        true => report::resolve::json(resolved, &mut out),
        false => report::resolve::table(resolved, &mut out),
    };
    match written.and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::Outputs(vec![OutputError { path: "standard output".into(), why: error.to_string() }]))
        }
        _ => Ok(()),
    }
}

async fn find_credentials(walk: &mut Walk, sources: &Sources) {
    for step in &mut walk.steps {
        let Some(repository) = &step.repository else { continue };
        let answer = sources.lookup(&step.endpoint.authority.to_string(), repository).await;
        if let Some(credential) = answer.credential {
            step.asked_as =
                AskedAs::User { user: credential.user().into(), source: answer.source.to_string().into() };
        }
    }
}
