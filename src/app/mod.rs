//! One file for each command: the only place where the stages meet.

mod asker;
mod auth;
pub mod check;
pub mod demo;
mod endless;
mod estimate;
mod hosts;
mod images;
mod interrupt;
mod judge;
mod options;
mod output;
mod prepare;
mod resolve;
mod rows;
mod sources;

pub use options::{CONCURRENCY, CheckOptions, PER_HOST};

use std::path::PathBuf;

use thiserror::Error;

use crate::cli::{Cli, Command};
use crate::net::client::ClientError;
use crate::net::tls::TlsError;
use crate::plan::UnaskableRegistry;
use crate::{config, credentials, exit, gate, inputs, mirrors};

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
    Dynamic(Vec<inputs::Dynamic>),
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
    #[error(transparent)]
    Policy(#[from] gate::PolicyError),
    /// More mirrors demanded than there are.
    #[error("--require {required}, but {registry} has only {}", count(*.available, "mirror"))]
    Require {
        /// Demanded.
        required: usize,
        /// Configured.
        available: usize,
        /// For this registry.
        registry: String,
    },
    /// Reports that cannot be written.
    #[error("{} that cannot be written", count(.0.len(), "report"))]
    Outputs(Vec<OutputError>),
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
            Self::Outputs(items) => lines(items),
            Self::Tls(items) => lines(items),
            Self::Credentials(error) => lines(&error.0),
            Self::Config(config::Error::Faults(items)) | Self::Images(items) => items.clone(),
            Self::Inputs(_)
            | Self::NothingLeft
            | Self::NothingKnown
            | Self::Config(_)
            | Self::Policy(_)
            | Self::Format { .. }
            | Self::Require { .. }
            | Self::Client(_)
            | Self::Demo(_)
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
            Self::Mirrors(_) | Self::Config(config::Error::Faults(_)) => {
                vec!["the README lists every setting"]
            }
            Self::Config(config::Error::Earlier { .. }) => {
                vec!["--since takes the JSON report of an earlier check (-o report.json)"]
            }
            Self::Require { .. } => vec!["lower --require, or configure more mirrors"],
            Self::Dynamic(_) => {
                vec!["give these names a value, or go on without them: leave --strict-inputs out"]
            }
            Self::NothingLeft
            | Self::NothingKnown
            | Self::Images(_)
            | Self::Registries(_)
            | Self::Config(_)
            | Self::Policy(_)
            | Self::Format { .. }
            | Self::Outputs(_)
            | Self::Tls(_)
            | Self::Credentials(_)
            | Self::Client(_)
            | Self::Demo(_)
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
        Some(Command::Demo(args)) => demo::run(&args, &cli.common).await,
        Some(Command::Images(args)) => images::run(&args),
        Some(Command::Resolve(args)) => resolve::run(&args).await,
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
        | Error::Require { .. }
        | Error::Outputs(_)
        | Error::Tls(_)
        | Error::Credentials(_)
        | Error::Client(_)
        | Error::Demo(_)
        | Error::Rows(_)
        | Error::Stdin(_)
        | Error::Signals(_)
        | Error::Runtime(_) => exit::USAGE,
    }
}
