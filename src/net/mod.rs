//! HTTP, not registries: sending, redirects, limits, retries, bounded bodies, and what went wrong.

pub mod authority;
pub mod body;
mod classify;
pub mod client;
pub mod flight;
pub mod locality;
pub mod redirect;
mod resolve;
pub mod retry;
pub mod sockets;
mod tls;
