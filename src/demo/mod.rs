//! Embedded registries, well and badly behaved: what `registry-check demo` and the tests both use.
//!
//! A [`Registry`] serves a [`Store`] over plain HTTP/1.1 on loopback, correctly unless told otherwise.
//! [`Behaviour`]s make it fail in the ways that real registries, mirrors and portals were seen to fail;
//! [`TokenRules`] put authentication in front of it. It counts what it is asked, so that a test can say
//! what must not happen. [`content`] makes the images, the same bytes at each run.
//!
//! It is no registry for keeping anything: all is in memory, and nothing can be pushed.

mod answer;
pub mod behaviour;
#[cfg(test)]
mod client;
pub mod content;
mod distortion;
pub mod hits;
pub mod registry;
mod request;
mod serve;
pub mod store;
pub mod token;
pub mod world;

pub use behaviour::{Behaviour, Failure, HOSTILE_MESSAGE, Scope, Times};
pub use content::{Blob, Document, Image};
pub use hits::{Hit, Recording};
pub use registry::{ClosedPort, Registry};
pub use store::Store;
pub use token::{Access, TokenRules, TokenService, User};
pub use world::World;
