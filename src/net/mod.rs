//! HTTP, not registries: sending, redirects, limits, retries, bounded bodies, and what went wrong.

pub mod authority;
pub mod body;
pub mod certs_d;
mod classify;
pub mod client;
pub mod download;
pub mod extra;
pub mod flight;
mod heard;
pub mod locality;
mod message;
mod meter;
mod pool;
pub mod proxy;
pub mod redirect;
mod resolve;
pub mod retry;
mod scarce;
pub mod sockets;
pub mod tls;
mod warm;
