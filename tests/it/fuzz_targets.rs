//! The fuzz targets over their seeds: that they build, that none rots, and that each is fuzzed.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[path = "../../fuzz/src/targets.rs"]
mod targets;

fn crate_dir() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz"))
}

fn names(folder: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(crate_dir().join(folder)).expect("a folder");
    entries
        .map(|entry| {
            let name = entry.expect("an entry").file_name().into_string().expect("a name");
            name.trim_end_matches(".rs").to_owned()
        })
        .collect()
}

#[test]
fn every_target_takes_its_seeds() {
    for (name, run) in targets::TARGETS {
        let seeds = fs::read_dir(crate_dir().join("seeds").join(name)).expect("seeds");
        let mut count = 0;
        for seed in seeds {
            run(&fs::read(seed.expect("an entry").path()).expect("a seed"));
            count += 1;
        }
        assert!(count > 0, "{name} has no seeds");
        for bytes in [&b""[..], b"\n", b"\0", b"\xff\xfe", b"\xef\xbb\xbf"] {
            run(bytes);
        }
    }
}

#[test]
fn every_target_has_a_binary_and_seeds_and_the_readme_of_contributors_runs_them_all() {
    let targets: BTreeSet<String> = targets::TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names("fuzz_targets"), targets);
    assert_eq!(names("seeds"), targets);
    let manifest = fs::read_to_string(crate_dir().join("Cargo.toml")).expect("Cargo.toml");
    for name in &targets {
        let binary =
            fs::read_to_string(crate_dir().join(format!("fuzz_targets/{name}.rs"))).expect("a target");
        assert!(binary.contains(&format!("targets::{name}(data)")), "{binary}");
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name}");
    }
}
