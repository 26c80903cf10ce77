//! TLS: rustls with the ring provider, the system's roots, and what is configured for single hosts.
//!
//! The roots are read when the first certificate is to be verified: a run over plain http should not pay
//! for parsing a hundred and forty certificates.

mod diagnosis;
mod files;
mod identity;
mod policy;
#[cfg(test)]
mod tests;
mod verifier;

pub use files::TlsError;
pub use policy::{Policies, TlsOptions};

pub(super) use diagnosis::fault;
pub(super) use policy::{HostPolicy, Versions};
