//! Comments about mirrors that are left out: one for each, with the reason of this run.

use super::World;

const MARK: &str = "# left out by registry-check: ";

/// The comments of an export over `text`, without what the reason says behind its first word.
fn comments(world: &World, (kind, file): (&str, &str), text: &str) -> (Vec<String>, String) {
    let base = file.split('/').next().unwrap();
    let output = world
        .tool()
        .file(file, world.fill(text))
        .line("mirrors export images.txt --retries 0 --to")
        .args([kind, "--write", base])
        .run();
    assert_eq!(output.code, Some(0), "{output:?}");
    let written = output.file(file).to_owned();
    let notes = written.lines().filter_map(|line| line.trim_start().strip_prefix(MARK));
    (notes.map(|note| note.split(" of ").next().unwrap().to_owned()).collect(), written)
}

#[test]
fn a_reason_that_changed_takes_the_place_of_the_older_one() {
    let world = World::new();
    let containerd = ("containerd", "certs.d/docker.io/hosts.toml");
    let k3s = ("k3s", "registries.yaml");
    let conf = ("registries-conf", "registries.conf");
    let stale = |scheme: &str| world.fill(&format!("{scheme}{{stale}}: digest-differs"));
    for (kind, text, scheme) in [
        (
            containerd,
            "# mine\n[host.\"https://other.example\"]\n# left out by registry-check: http://{stale}: unreachable since\n\
             # [host.\"http://{stale}\"]\n# left out by registry-check: http://{stale}: timeout\n\
             # left out by registry-check: http://{good}: timeout\n",
            "http://",
        ),
        (
            k3s,
            "mirrors:\n  docker.io:\n    endpoint:\n      # left out by registry-check: http://{good}: timeout\n      \
             # left out by registry-check: http://{stale}: timeout\n      \
             # left out by registry-check: http://{stale}: unreachable\n      - https://other.example # mine\n",
            "http://",
        ),
        (
            k3s,
            "mirrors: {docker.io: {endpoint: [https://other.example]}} # mine\n\
             # left out by registry-check: http://{stale}: timeout\n",
            "http://",
        ),
        (
            conf,
            "# mine\n[[registry]]\nlocation = \"docker.io\"\n[[registry.mirror]]\nlocation = \"other.example\"\n\
             # left out by registry-check: {stale}: timeout\n",
            "",
        ),
    ] {
        let (notes, once) = comments(&world, kind, text);
        assert_eq!(notes, [stale(scheme)], "{once}");
        assert!(once.contains("other.example") && once.contains("mine"), "{once}");
        let (_, twice) = comments(&world, kind, &once);
        assert_eq!(twice, once);
    }
}

#[test]
fn comments_about_other_mirrors_stay() {
    let world = World::new();
    let text = "# left out by registry-check: http://{stale}0: timeout\n# left out by registry-check: https://x: timeout\n\
                mirrors: {}\n";
    let (notes, written) = comments(&world, ("k3s", "registries.yaml"), text);
    let expected = ["http://{stale}0: timeout", "https://x: timeout", "http://{stale}: digest-differs"];
    assert_eq!(notes, expected.map(|note| world.fill(note)), "{written}");
}
