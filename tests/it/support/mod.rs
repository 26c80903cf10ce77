//! What the integration tests share: real peers to ask, something to fill them with, and the built binary.

pub mod authority;
pub mod blobs;
pub mod browser;
pub mod certificate;
pub mod credentials;
pub mod daemon;
pub mod embedded;
pub mod http;
pub mod indexes;
pub mod nginx;
pub mod process;
pub mod proxy;
pub mod push;
pub mod report;
pub mod small;
pub mod tls_front;
pub mod token_server;
pub mod tool;

use std::time::Duration;

/// How long anything may take before a test calls it hung. Far beyond what the slowest machine needs:
/// reaching it is always a failure, never a measurement.
pub const DEADLINE: Duration = Duration::from_secs(60);
