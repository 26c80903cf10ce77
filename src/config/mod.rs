//! `registry-check.toml`: read, checked key by key, and handed on as each stage's own options.

mod earlier;
mod file;
mod gate;
mod keys;

pub use earlier::read_earlier;
pub use file::{Config, FILE_NAME, load, place};
pub use gate::GateSpec;

use std::path::PathBuf;

use thiserror::Error;

/// A configuration that cannot be used.
#[derive(Debug, Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read {}: {cause}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// Larger than any configuration.
    #[error("{} is larger than {limit_bytes} bytes: not a configuration", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit.
        limit_bytes: u64,
    },
    /// A file that is no earlier report.
    #[error("{} cannot be used as an earlier report: {why}", path.display())]
    Earlier {
        /// The file.
        path: PathBuf,
        /// Why, with its line.
        why: String,
    },
    /// One or more faults, each with its line.
    #[error("the configuration cannot be used")]
    Faults(Vec<String>),
}
