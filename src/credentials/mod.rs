//! Who we are for a host and repository: what people have already told docker, podman or Kubernetes.
//!
//! [`Sources`] reads the places once; [`Sources::lookup`] answers for one repository, with the place that
//! answered. What is sent, in which protocol and to whom, is decided where requests are made. No bad file
//! and no bad helper stops a look-up: it becomes a [`Warning`], and the next place is asked.
//!
//! The crate `docker_credential` covers part of this and is not used. By its source (1.4) it blocks, waits for
//! helpers without a bound on time or output, puts what they print into errors, asks `auths` before
//! `credsStore`, and knows neither path-scoped keys, `registrytoken`, Kubernetes, nor several files in order.

mod credential;
mod document;
mod environment;
mod fault;
mod helper;
mod manifest;
mod matching;
mod places;
mod shown;
mod source;
mod sources;

pub use credential::{ACR_NULL_USER, Credential};
pub use environment::Environment;
pub use fault::{EntryFault, Error, FileError, FileFault, HelperFault, Warning};
pub use source::{Place, SourceName};
pub use sources::{Answer, Options, Sources};
