//! Runs a plan: asks each endpoint what it was planned to be asked, and says what came back.
//!
//! Uses `net` to send; never judges an answer (that is `verdict`'s task).

pub mod oci;
