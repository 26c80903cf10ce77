//! An export into a file of `registries.conf` that is read together with others.

use super::*;

const SEARCH: &str = "unqualified-search-registries = [\"docker.io\"]\n";
const HUB: &str =
    "# hub\n[[registry]]\nlocation = \"docker.io\"\n[[registry.mirror]]\nlocation = \"other.example\"\n";

/// Exports with `args` among `files`.
fn exported(world: &World, files: &[(&str, &str)], args: &str) -> Output {
    let mut tool = world.tool();
    for (name, text) in files {
        tool = tool.file(name, *text);
    }
    tool.line("mirrors export images.txt --retries 0 --to registries-conf").line(args).run()
}

#[test]
fn a_file_that_does_not_decide_is_refused_with_the_place_that_does() {
    let world = World::new();
    let longer = HUB.replace("docker.io", "docker.io/library");
    for (files, args, place, file) in [
        (
            &[("c/registries.conf", SEARCH), ("c/registries.conf.d/50-m.conf", HUB)][..],
            "--write c/registries.conf",
            "c/registries.conf.d/50-m.conf:2",
            "c/registries.conf",
        ),
        // There is no file yet, or only that which is edited has drop-ins.
        (
            &[("c/registries.conf.d/50-m.conf", HUB)],
            "--write c/registries.conf",
            "c/registries.conf.d/50-m.conf:2",
            "c/registries.conf",
        ),
        (
            &[("c/registries.conf", SEARCH), ("c/registries.conf.d/50-m.conf", HUB)],
            "--base c/registries.conf",
            "c/registries.conf.d/50-m.conf:2",
            "c/registries.conf",
        ),
        (
            &[("new.conf", SEARCH), ("c/registries.conf", SEARCH), ("c/registries.conf.d/50-m.conf", HUB)],
            "--base new.conf --write c/registries.conf",
            "c/registries.conf.d/50-m.conf:2",
            "c/registries.conf",
        ),
        // A drop-in is replaced by later ones.
        (
            &[("c/registries.conf.d/10-a.conf", SEARCH), ("c/registries.conf.d/50-m.conf", HUB)],
            "--write c/registries.conf.d/10-a.conf",
            "c/registries.conf.d/50-m.conf:2",
            "c/registries.conf.d/10-a.conf",
        ),
        (
            &[("c/registries.conf", &longer), ("c/registries.conf.d/50-m.conf", HUB)],
            "--write c/registries.conf.d/50-m.conf",
            "c/registries.conf:2",
            "c/registries.conf.d/50-m.conf",
        ),
    ] {
        let output = exported(&world, files, args);
        assert_eq!((output.code, &*output.stdout), (Some(2), ""), "{args}\n{output:?}");
        let told = format!("{place}: this entry decides for docker.io/library/app:1.0, not that of {file}: ");
        assert!(output.stderr.contains(&told), "{told}\n{}", output.stderr);
        assert!(output.stderr.contains("name it with --base and --write"), "{}", output.stderr);
        for (name, text) in files {
            assert_eq!(output.file(name), *text);
        }
        assert!(output.files().iter().all(|name| !name.contains(".bak")), "{output:?}");
    }
}

#[test]
fn drop_ins_that_do_not_concern_the_registry_change_nothing() {
    let world = World::new();
    let quay = HUB.replace("docker.io", "quay.io");
    for (files, written) in [
        (&[("c/registries.conf", HUB), ("c/registries.conf.d/50-q.conf", &quay)][..], "c/registries.conf"),
        // A later file counts more than what it replaces.
        (
            &[("c/registries.conf", HUB), ("c/registries.conf.d/50-m.conf", HUB)],
            "c/registries.conf.d/50-m.conf",
        ),
        // It is none: neither its folder nor its name is that of a drop-in.
        (&[("c/other.conf", HUB), ("c/registries.conf.d/50-m.conf", HUB)], "c/other.conf"),
        (&[("c/registries.conf", HUB), ("c/registries.conf.d/50-m.txt", HUB)], "c/registries.conf"),
    ] {
        let alone = exported(&world, &[("alone.conf", HUB)], "--write alone.conf");
        let output = exported(&world, files, &format!("--write {written}"));
        assert_eq!((alone.code, output.code), (Some(0), Some(0)), "{written}\n{output:?}");
        let without_why = |text: &str| text.split("digest-differs").next().map(str::to_owned);
        assert_eq!(without_why(&output.file(written)), without_why(&alone.file("alone.conf")), "{written}");
    }
}

#[test]
fn a_drop_in_that_the_runtime_would_not_take_is_told_before_anybody_is_asked() {
    let world = World::new();
    let files =
        [("c/registries.conf", HUB), ("c/registries.conf.d/50-m.conf", "[[registry]]\nlocation = 1\n")];
    let output = exported(&world, &files, "--write c/registries.conf");
    assert_eq!(output.code, Some(2), "{output:?}");
    assert!(output.stderr.contains("c/registries.conf.d/50-m.conf:2: "), "{}", output.stderr);
    assert_eq!(world.good.hits().len(), 0);
}
