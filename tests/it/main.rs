//! The integration tests: one crate, one file for each subject, and `support/` for what they share.
//!
//! Everything runs on loopback. Real peers (Debian's `docker-registry`, `nginx`) are started by the
//! tests themselves and must be installed; `tests/run` does that.

#![expect(unreachable_pub, reason = "here `pub` means: for the other files of this crate")]

mod layering;
mod load;
mod peers;
mod request_counts;
mod support;
