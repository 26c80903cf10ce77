//! What the fuzz targets do, without the fuzzer. `tests/it/fuzz_targets.rs` runs the same over the seeds.

pub mod targets;
