//! One file for each command: the only place where the stages meet.

pub mod apart;
mod asker;
mod auth;
mod baseline;
pub mod check;
pub mod demo;
mod destination;
mod divergences;
mod endless;
mod estimate;
mod explain;
mod export;
mod github;
mod hosts;
mod images;
mod interrupt;
mod judge;
mod lock;
mod options;
mod output;
mod policy;
mod prepare;
mod pull;
mod reader;
mod resolve;
mod rows;
mod saved;
mod shell;
mod sources;
mod template;
mod vantage;
mod whole;

pub use options::{CONCURRENCY, CheckOptions, PER_HOST};

use std::path::PathBuf;

use thiserror::Error;

use crate::cli::{Cli, Command, MirrorsCommand};
use crate::model::dynamic::Dynamic;
use crate::net::client::ClientError;
use crate::net::tls::TlsError;
use crate::plan::UnaskableRegistry;
use crate::{config, credentials, exit, gate, inputs, mirrors, stored};

/// Why a command could not do its job: one variant for each stage.
#[derive(Debug, Error)]
pub enum Error {
    /// The inputs.
    #[error(transparent)]
    Inputs(#[from] inputs::Error),
    /// Lines that name no image.
    #[error("{} that {} no image", count(.0.len(), "line"), if .0.len() == 1 { "names" } else { "name" })]
    BadLines(Vec<inputs::BadLine>),
    /// Names that cannot be known offline, where none may be.
    #[error("{} not known offline", count(.0.len(), "name"))]
    Dynamic(Vec<Dynamic>),
    /// No name that is known.
    #[error("no image left to check: no name is known offline")]
    NothingKnown,
    /// Every line was bad, and skipped.
    #[error("no image left to check: every line was skipped")]
    NothingLeft,
    /// Registries in image names that cannot be asked.
    #[error("{} that cannot be asked", count(.0.len(), "registry name"))]
    Registries(Vec<UnaskableRegistry>),
    /// The configuration file.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// Mirror settings.
    #[error("{} that cannot be used", count(.0.len(), "setting"))]
    Mirrors(Vec<mirrors::Error>),
    /// Arguments that name no image.
    #[error("{} that cannot be asked for", count(.0.len(), "image"))]
    Images(Vec<String>),
    /// The policy.
    #[error("{0}")]
    Policy(#[from] gate::PolicyError),
    /// More mirrors demanded than there are.
    #[error("{place} {required}, but {registry} has only {}", count(*.available, "mirror"))]
    Require {
        /// Where it is demanded.
        place: String,
        /// Demanded.
        required: usize,
        /// Configured.
        available: usize,
        /// For this registry.
        registry: String,
    },
    /// A policy that speaks of what there is not.
    #[error("{} of the gate that cannot be meant", count(.0.len(), "setting"))]
    Gate(Vec<String>),
    /// Exceptions whose last day is over.
    #[error("{} of the gate that {} over", count(.0.len(), "exception"), if .0.len() == 1 { "is" } else { "are" })]
    Expired(Vec<String>),
    /// Reports and baselines that no run can be compared with.
    #[error("{} that cannot be used", count(.0.len(), "baseline"))]
    Baseline(Vec<String>),
    /// Codes to explain that there are not.
    #[error("{} that there {} not", count(.0.len(), "code"), if .0.len() == 1 { "is" } else { "are" })]
    Codes(Vec<String>),
    /// Reports that cannot be written.
    #[error("{} that cannot be written", count(.0.len(), "report"))]
    Outputs(Vec<OutputError>),
    /// A runtime's files that cannot be written.
    #[error("{} that cannot be written", count(.0.len(), "configuration file"))]
    Configurations(Vec<OutputError>),
    /// Saved reports that cannot be read.
    #[error("{} that cannot be read", count(.0.len(), "report"))]
    Saved(Vec<SavedError>),
    /// Saved reports that do not belong together.
    #[error("cannot merge: {0}")]
    Merge(#[from] stored::MergeError),
    /// A grace for differences of which nothing is dated.
    #[error("--grace: the report says of no difference how old it is, and nobody is asked again")]
    Undated,
    /// A template that cannot be read.
    #[error("cannot read the template {file}: {why}")]
    TemplateFile {
        /// As it was named.
        file: String,
        /// Why not.
        why: String,
    },
    /// A template that is none.
    #[error("{0}")]
    Template(String),
    /// A template that nothing is written by.
    #[error("--template is used by no report")]
    TemplateUnused,
    /// Reports that are written while results come.
    #[error("cannot write results as they come: {0}")]
    Rows(std::io::Error),
    /// Standard input that is read as it comes.
    #[error("cannot read standard input: {0}")]
    Stdin(std::io::Error),
    /// Certificates and keys.
    #[error("{} that cannot be used", count(.0.len(), "TLS file"))]
    Tls(Vec<TlsError>),
    /// A command that cannot be told in this format.
    #[error("'{command}' has no report in the format '{format}'")]
    Format {
        /// The command.
        command: &'static str,
        /// The format.
        format: &'static str,
    },
    /// A flag that says nothing to a command.
    #[error("'{command}' has no use for {flag}")]
    Flag {
        /// The command.
        command: &'static str,
        /// The flag.
        flag: &'static str,
    },
    /// Files with credentials that were named.
    #[error("{} that cannot be used", count(.0.0.len(), "credential file"))]
    Credentials(#[from] credentials::Error),
    /// The HTTP client.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The embedded registries.
    #[error("cannot start the embedded registries: {0}")]
    Demo(std::io::Error),
    /// Signal handlers.
    #[error("cannot listen for interruptions: {0}")]
    Signals(std::io::Error),
    /// The runtime.
    #[error("cannot start the runtime: {0}")]
    Runtime(std::io::Error),
}

/// One report that cannot be written.
#[derive(Debug, Error)]
#[error("cannot write {}: {why}", path.display())]
pub struct OutputError {
    /// Where to.
    pub path: PathBuf,
    /// Why not.
    pub why: String,
}

/// One saved report that cannot be read.
#[derive(Debug, Error)]
#[error("{name} {why}")]
pub struct SavedError {
    /// The file, as it can be printed.
    pub name: String,
    /// Why not, as what follows the name.
    pub why: SavedFault,
}

/// What is wrong with a saved report.
#[derive(Debug, Error)]
pub enum SavedFault {
    /// Its bytes.
    #[error("cannot be read: {0}")]
    Bytes(std::io::Error),
    /// More bytes than are read.
    #[error("is larger than the {limit_bytes} bytes that are read")]
    TooLarge {
        /// So many are read.
        limit_bytes: u64,
    },
    /// What it says.
    #[error(transparent)]
    Text(#[from] stored::ReadError),
}

/// `1 line`, `2 lines`.
fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

fn lines(items: &[impl ToString]) -> Vec<String> {
    items.iter().map(ToString::to_string).collect()
}

impl Error {
    /// The single faults, each with its place, where there may be several.
    #[must_use]
    pub fn details(&self) -> Vec<String> {
        match self {
            Self::BadLines(items) => lines(items),
            Self::Dynamic(items) => lines(items),
            Self::Registries(items) => lines(items),
            Self::Mirrors(items) => lines(items),
            Self::Outputs(items) | Self::Configurations(items) => lines(items),
            Self::Saved(items) => lines(items),
            Self::Tls(items) => lines(items),
            Self::Credentials(error) => lines(&error.0),
            Self::Config(config::Error::Faults(items))
            | Self::Images(items)
            | Self::Gate(items)
            | Self::Expired(items)
            | Self::Baseline(items)
            | Self::Codes(items) => items.clone(),
            Self::Inputs(_)
            | Self::NothingLeft
            | Self::NothingKnown
            | Self::Config(_)
            | Self::Policy(_)
            | Self::Format { .. }
            | Self::Flag { .. }
            | Self::Require { .. }
            | Self::Client(_)
            | Self::Demo(_)
            | Self::Merge(_)
            | Self::Undated
            | Self::TemplateFile { .. }
            | Self::Template(_)
            | Self::TemplateUnused
            | Self::Rows(_)
            | Self::Stdin(_)
            | Self::Signals(_)
            | Self::Runtime(_) => Vec::new(),
        }
    }

    /// What to try, each advice once.
    #[must_use]
    pub fn hints(&self) -> Vec<&'static str> {
        match self {
            Self::Inputs(error) => error.hints(),
            Self::BadLines(_) => vec!["correct these lines, or go on without them: --skip-invalid"],
            Self::Mirrors(items) => {
                let mut hints = Vec::new();
                for hint in items.iter().map(mirrors::Error::hint) {
                    if !hints.contains(&hint) {
                        hints.push(hint);
                    }
                }
                hints
            }
            Self::Config(config::Error::Faults(_)) => vec!["the README lists every setting"],
            Self::TemplateUnused => vec!["leave -f out, or name its file: -o template:FILE"],
            Self::Saved(items) => {
                let mut hints: Vec<_> = items
                    .iter()
                    .filter_map(|item| match &item.why {
                        SavedFault::Text(error) => Some(error.hint()),
                        SavedFault::Bytes(_) | SavedFault::TooLarge { .. } => None,
                    })
                    .collect();
                hints.sort_unstable();
                hints.dedup();
                hints
            }
            Self::Merge(error) => vec![error.hint()],
            Self::Undated => {
                vec!["check with --age, --grace or --since: their reports say how old differences are"]
            }
            Self::Config(config::Error::Earlier { .. }) => {
                vec!["--since takes the JSON report of an earlier check (-o report.json)"]
            }
            Self::Require { .. } => vec!["lower --require, or configure more mirrors"],
            Self::Gate(_) => vec!["correct the policy, or take out what is about nothing any more"],
            Self::Expired(_) => vec!["renew the day that expires says, or take the exception out"],
            Self::Baseline(_) => {
                vec![
                    "a baseline is a report of this list (-o report.json), or what registry-check baseline write makes of one",
                ]
            }
            Self::Codes(_) => vec!["registry-check explain --list tells all codes"],
            Self::Configurations(_) => vec![
                "check the folder and its permissions; without --write the configuration is printed, and nothing is written",
            ],
            Self::Dynamic(_) => {
                vec!["give these names a value, or go on without them: leave --strict-inputs out"]
            }
            Self::NothingKnown => {
                vec!["give the names a value: .env beside a Compose file, --env, or --build-arg NAME=VALUE"]
            }
            Self::NothingLeft
            | Self::Images(_)
            | Self::Registries(_)
            | Self::Config(_)
            | Self::Policy(_)
            | Self::Format { .. }
            | Self::Flag { .. }
            | Self::Outputs(_)
            | Self::Tls(_)
            | Self::Credentials(_)
            | Self::Client(_)
            | Self::Demo(_)
            | Self::TemplateFile { .. }
            | Self::Template(_)
            | Self::Rows(_)
            | Self::Stdin(_)
            | Self::Signals(_)
            | Self::Runtime(_) => Vec::new(),
        }
    }
}

/// Does what the command line says.
///
/// # Errors
/// The job could not be done; what had been found out is in the reports all the same.
pub async fn run(cli: Cli) -> Result<u8, Error> {
    match cli.command {
        None => check::run(cli.check, &cli.common).await,
        Some(Command::Auth(args)) => auth::run(&args, &cli.common).await,
        Some(Command::Baseline(args)) => baseline::run(args.command),
        Some(Command::Explain(args)) => explain::run(&args),
        Some(Command::Demo(args)) => demo::run(&args, &cli.common).await,
        Some(Command::Completions(args)) => shell::completions(&args),
        Some(Command::Images(args)) => images::run(&args),
        Some(Command::Lock(args)) => lock::run(&args, &cli.common).await,
        Some(Command::Man) => shell::man(),
        Some(Command::Merge(args)) => saved::merge(&args, &cli.common),
        Some(Command::Mirrors(args)) => match args.command {
            MirrorsCommand::Export(args) => export::run(&args, &cli.common).await,
        },
        Some(Command::Render(args)) => saved::render(&args, &cli.common),
        Some(Command::Resolve(args)) => resolve::run(&args, &cli.common).await,
    }
}

/// The exit code of a job that could not be done.
#[must_use]
pub const fn exit_code(error: &Error) -> u8 {
    match error {
        Error::Inputs(_)
        | Error::BadLines(_)
        | Error::Dynamic(_)
        | Error::NothingKnown
        | Error::NothingLeft
        | Error::Images(_)
        | Error::Registries(_)
        | Error::Config(_)
        | Error::Mirrors(_)
        | Error::Policy(_)
        | Error::Format { .. }
        | Error::Flag { .. }
        | Error::Require { .. }
        | Error::Gate(_)
        | Error::Expired(_)
        | Error::Baseline(_)
        | Error::Codes(_)
        | Error::Outputs(_)
        | Error::Configurations(_)
        | Error::Tls(_)
        | Error::Credentials(_)
        | Error::Client(_)
        | Error::Demo(_)
        | Error::Saved(_)
        | Error::Merge(_)
        | Error::Undated
        | Error::TemplateFile { .. }
        | Error::Template(_)
        | Error::TemplateUnused
        | Error::Rows(_)
        | Error::Stdin(_)
        | Error::Signals(_)
        | Error::Runtime(_) => exit::USAGE,
    }
}
