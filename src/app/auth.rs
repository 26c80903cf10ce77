//! `registry-check auth`: who we are to each registry and mirror, and whether they agree.
//!
//! Finds out by what a check would send: a HEAD of one image for each endpoint and set of credentials.

use std::collections::HashSet;
use std::io::Write;
use std::sync::Arc;

use futures::StreamExt;

use super::prepare::{self, Prepared, prepare};
use super::{Error, OutputError};
use crate::cli::{AuthArgs, CommonArgs};
use crate::exit;
use crate::model::endpoint::Role;
use crate::model::image::ManifestRef;
use crate::model::observation::AskedAs;
use crate::model::plan::Plan;
use crate::model::sign_in::{Acceptance, SignIn};
use crate::probe::oci::{Ask, Registries};
use crate::report::{self, Format};
use crate::verdict;

/// One endpoint, one image of it, and the credentials found for that.
struct Question {
    endpoint: u32,
    image: u32,
    found: AskedAs,
}

/// Exits 0 when every endpoint agrees or asks for nothing, 1 when one refuses or wants credentials that are
/// not there, 3 when one could not be asked.
pub(super) async fn run(args: &AuthArgs, common: &CommonArgs) -> Result<u8, Error> {
    let format = format(args)?;
    let Prepared { options, plan, sources, .. } = prepare(&args.check, common)?;
    let client = Arc::new(prepare::client(prepare::hosts(&plan.endpoints), &options)?);
    let mut questions = Vec::new();
    let mut known = HashSet::new();
    for (image, planned) in (0..).zip(&plan.images) {
        for endpoint in std::iter::once(&planned.upstream).chain(planned.mirrors.iter()) {
            let asked = &plan.endpoints[*endpoint as usize];
            let Ok(repository) = asked.repository(&planned.image) else { continue };
            let answer = sources.lookup(&asked.authority.to_string(), &repository).await;
            let found = answer.credential.map_or(AskedAs::Nobody, |credential| AskedAs::User {
                user: credential.user().into(),
                source: answer.source.to_string().into(),
            });
            if known.insert((*endpoint, found.clone())) {
                questions.push(Question { endpoint: *endpoint, image, found });
            }
        }
    }
    // Without a plan: each token is for the one repository that is asked for.
    let registries = Registries::new(client, options.retry.clone(), Arc::clone(&sources), None);
    let mut signed_in: Vec<SignIn> = futures::stream::iter(questions)
        .map(|question| ask(&plan, &registries, question))
        .buffered(options.per_host)
        .collect()
        .await;
    signed_in.sort_by_key(|entry| entry.role == Role::Mirror);
    for warning in sources.warnings() {
        log::warn!("{warning}");
    }
    write(format, &signed_in)?;
    Ok(match signed_in.iter().map(|entry| entry.acceptance).max() {
        Some(Acceptance::Needed | Acceptance::NoAccess | Acceptance::Rejected) => exit::FAILED,
        Some(Acceptance::Unknown) => exit::UNDECIDED,
        Some(Acceptance::Accepted | Acceptance::NotNeeded) | None => exit::PASSED,
    })
}

/// What this report can be written as.
#[derive(Clone, Copy)]
enum Shape {
    Table,
    Json,
}

fn format(args: &AuthArgs) -> Result<Shape, Error> {
    match args.check.format {
        None | Some(Format::Table) => Ok(Shape::Table),
        Some(Format::Json) => Ok(Shape::Json),
        Some(other) => Err(Error::Format { command: "auth", format: other.as_str() }),
    }
}

async fn ask(plan: &Plan, registries: &Registries, question: Question) -> SignIn {
    let endpoint = &plan.endpoints[question.endpoint as usize];
    let image = &plan.images[question.image as usize].image;
    let reference = match image.tag() {
        Some(tag) => ManifestRef::Tag(tag),
        None => image.manifest_ref(),
    };
    let answer = registries.observe(endpoint, image, reference, Ask::Head).await;
    let (acceptance, reason) = verdict::sign_in(&answer, &endpoint.name);
    SignIn {
        endpoint: endpoint.name.clone(),
        url: endpoint.url.as_str().trim_end_matches('/').into(),
        role: endpoint.role,
        found: question.found,
        repository: endpoint.repository(image).unwrap_or_default().into(),
        acceptance,
        reason,
    }
}

fn write(shape: Shape, entries: &[SignIn]) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    let written = match shape {
        Shape::Table => report::sign_in::table(entries, &mut out),
        Shape::Json => report::sign_in::json(entries, &mut out),
    };
    match written.and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::Outputs(vec![OutputError { path: "standard output".into(), why: error.to_string() }]))
        }
        _ => Ok(()),
    }
}
