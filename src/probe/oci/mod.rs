//! The OCI distribution protocol: challenges, token services, manifests and error documents.
//!
//! The readers of what a server said (`challenge`, `realm`, `error_body`) are pure: bytes in, data out.

pub mod challenge;
pub mod error_body;
pub mod realm;
