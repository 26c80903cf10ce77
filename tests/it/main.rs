//! The integration tests: one crate, one file for each subject, and `support/` for what they share.
//!
//! Everything runs on loopback. Real peers (Debian's `docker-registry`, `nginx`) are started by the
//! tests themselves and must be installed; `tests/run` does that.

#![expect(unreachable_pub, reason = "here `pub` means: for the other files of this crate")]

mod action;
mod age;
mod anonymous_tokens;
mod bad_credentials;
mod bad_mirrors;
mod bad_sources;
mod baselines;
mod blob_peers;
mod blob_redirects;
mod blobs;
mod ci_reports;
mod command_line;
mod credential_leaks;
mod credential_protocols;
mod credentials;
mod deadlines;
mod depth;
mod digests;
mod documentation;
mod download_limits;
mod estimate;
mod exit_codes;
mod explanations;
mod fuzz_targets;
mod gate_policies;
mod healthy;
mod hidden_causes;
mod hostile_text;
mod html_page;
mod http2;
mod image_sources;
mod input_files;
mod interruption;
mod layering;
mod load;
mod locks;
mod mirror_export;
mod namespaces;
mod node_configurations;
mod odd_parts;
mod open_files;
mod outages;
mod outputs;
mod peers;
mod pipelines;
mod places;
mod private_daemons;
mod pulls;
mod real_registries;
mod redirects;
mod referrers;
mod request_counts;
mod retries;
mod saved_reports;
mod shards;
mod shells;
mod sign_in;
mod single_platforms;
mod source_fixtures;
mod streaming;
mod support;
mod tls;
mod why_digests_differ;
mod without_upstream;
