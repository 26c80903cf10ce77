//! Checks container registry mirrors: asks each for the images of a list, compares what it serves with
//! what upstream serves, and decides whether that is good enough.
//!
//! ```text
//!   inputs ──┐
//!   mirrors ─┼─► plan ─► probe ─► verdict ─► gate ──► exit code
//!            │             │          └──────┬─► report
//!            │        net, credentials       │
//!            └── model (the words shared by all) ┘
//! ```
//!
//! A stage uses what stands to its left, never to its right. `model`, `plan`, `verdict`, `gate`,
//! `report` and `stored` are pure: no I/O, no clock, no runtime. `ARCHITECTURE.md` tells the rest.

pub mod app;
pub mod cli;
pub mod config;
pub mod credentials;
pub mod demo;
pub mod exit;
pub mod gate;
pub mod inputs;
pub mod mirrors;
pub mod model;
pub mod net;
pub mod plan;
pub mod probe;
pub mod report;
pub mod stored;
pub mod ui;
pub mod verdict;
