//! The OCI distribution protocol, as far as a checker needs it: manifests, challenges, credentials, tokens.
//!
//! Knows registries and their quirks; knows nothing of plans, verdicts or users.

mod attempts;
mod authorize;
pub mod blob;
pub mod challenge;
mod content;
pub mod error_body;
mod exchange;
mod front;
pub mod manifest;
mod ping;
mod reading;
pub mod realm;
mod referrers;
mod root;
mod standing;
mod token;

pub use blob::{BlobAsk, GivenUp};
pub use manifest::{Ask, Registries};
