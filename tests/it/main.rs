//! The integration tests: one crate, one file for each subject, and `support/` for what they share.
//!
//! Everything runs on loopback. Real peers (Debian's `docker-registry`, `nginx`) are started by the
//! tests themselves and must be installed; `tests/run` does that.

#![expect(unreachable_pub, reason = "here `pub` means: for the other files of this crate")]

mod age;
mod anonymous_tokens;
mod bad_credentials;
mod bad_mirrors;
mod blob_peers;
mod blobs;
mod command_line;
mod credential_leaks;
mod credential_protocols;
mod credentials;
mod deadlines;
mod depth;
mod digests;
mod documentation;
mod estimate;
mod exit_codes;
mod healthy;
mod hidden_causes;
mod hostile_text;
mod image_sources;
mod input_files;
mod interruption;
mod layering;
mod load;
mod namespaces;
mod node_configurations;
mod odd_parts;
mod outputs;
mod peers;
mod private_daemons;
mod real_registries;
mod redirects;
mod referrers;
mod request_counts;
mod retries;
mod sign_in;
mod streaming;
mod support;
mod tls;
mod why_digests_differ;
mod without_upstream;
