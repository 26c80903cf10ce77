//! Runs a plan: asks every endpoint, with bounded work for each, and gathers the answers.

mod backlog;
mod hashed;
mod lane;
mod ledger;
pub mod oci;
mod pass;
pub mod schedule;
mod twins;
