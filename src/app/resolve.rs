//! `registry-check resolve`: which URLs a node's runtime would ask for an image, in order. Nothing is asked.

use std::io::Write;

use super::options::tell_notes;
use super::{Error, OutputError};
use crate::cli::ResolveArgs;
use crate::credentials::{self, Environment, Sources};
use crate::model::image::ImageRef;
use crate::model::node::Walk;
use crate::model::observation::AskedAs;
use crate::report::{self, Format};
use crate::{exit, mirrors, plan};

pub(super) async fn run(args: &ResolveArgs) -> Result<u8, Error> {
    let is_json = match args.format {
        None | Some(Format::Table) => false,
        Some(Format::Json) => true,
        Some(other) => return Err(Error::Format { command: "resolve", format: other.as_str() }),
    };
    let nodes = mirrors::import(&args.mirrors_from).map_err(Error::Mirrors)?;
    let options =
        credentials::Options { auth_files: args.auth_files.clone(), ..credentials::Options::default() };
    let sources = Sources::new(options, &Environment::from_process())?;
    let (mut walks, mut faults) = (Vec::new(), Vec::new());
    for text in &args.images {
        for node in &nodes {
            for name in node.names(text) {
                let image = name.parse::<ImageRef>().map_err(|error| error.to_string());
                match image.and_then(|image| plan::walk::walk(node, &image)) {
                    Ok(walk) => walks.push(walk),
                    Err(why) => faults.push(format!("{}: {why}", name.escape_debug())),
                }
            }
        }
    }
    if !faults.is_empty() {
        faults.dedup();
        return Err(Error::Images(faults));
    }
    for walk in &mut walks {
        find_credentials(walk, &sources).await;
    }
    tell_notes(&nodes);
    for warning in sources.warnings() {
        log::warn!("{warning}");
    }
    let mut out = std::io::stdout().lock();
    let written = match is_json {
        true => report::resolve::json(&walks, &mut out),
        false => report::resolve::table(&walks, &mut out),
    };
    match written.and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::Outputs(vec![OutputError { path: "standard output".into(), why: error.to_string() }]))
        }
        _ => Ok(exit::PASSED),
    }
}

async fn find_credentials(walk: &mut Walk, sources: &Sources) {
    for step in &mut walk.steps {
        let Some(repository) = &step.repository else { continue };
        let answer = sources.lookup(&step.endpoint.authority.to_string(), repository).await;
        // What the runtime itself was told goes before what this machine's tools were.
        if step.asked_as == AskedAs::Nobody
            && let Some(credential) = answer.credential
        {
            step.asked_as =
                AskedAs::User { user: credential.user().into(), source: answer.source.to_string().into() };
        }
    }
}
