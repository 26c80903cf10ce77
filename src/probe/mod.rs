//! Runs a plan: asks every endpoint, with bounded work for each, and gathers the answers.

mod lane;
mod ledger;
pub mod oci;
pub mod schedule;
mod twins;
