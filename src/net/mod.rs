//! HTTP, not registries: sending, redirects, limits, retries, bounded bodies, and what went wrong.

pub mod body;
pub mod locality;
pub mod redirect;
pub mod retry;
