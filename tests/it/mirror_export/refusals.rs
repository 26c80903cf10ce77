//! What is refused, with its place and what to change, and stays as it was.

use super::*;

#[test]
fn what_cannot_be_edited_safely_is_refused_with_its_line_and_stays_as_it_was() {
    let world = World::new();
    for (kind, file, text, part) in [
        (
            "k3s",
            "registries.yaml",
            "mirrors:\n  docker.io: &hub {endpoint: [\"https://x\"]}\n",
            "registries.yaml:2: not edited: neither lines of its own nor a plain {…}",
        ),
        (
            "k3s",
            "registries.yaml",
            "mirrors:\n  docker.io: {endpoint: [\n    \"https://x\" # ours\n  ]}\n",
            "registries.yaml:2: not edited: a list of several lines within {…}",
        ),
        (
            "k3s",
            "registries.yaml",
            "mirrors:\n  docker.io:\n    endpoint: &all\n      - https://x\n  quay.io:\n    endpoint: *all\n",
            "registries.yaml:3: not in the plain block form",
        ),
        (
            "docker",
            "daemon.json",
            "{\n\"registry-mirrors\": [\"m.example\"]}",
            "daemon.json:2: 'm.example': no scheme",
        ),
        (
            "registries-conf",
            "registries.conf",
            "[[registry]]\nlocation = \"docker.io\"\n[[registry]]\nlocation = \"docker.io/library\"\n",
            "registries.conf:3: another entry decides for docker.io/library/app:1.0",
        ),
        (
            "registries-conf",
            "registries.conf",
            "[registries.search]\nregistries = []\n",
            "registries.conf:1: ",
        ),
        (
            "registries-conf",
            "registries.conf",
            "[registry]\nlocation = \"docker.io\"\n",
            "registries.conf:1: expected a list",
        ),
        (
            "containerd",
            "certs.d/docker.io/hosts.toml",
            "host = {\"https://x\" = {}}\n",
            "certs.d/docker.io/hosts.toml:1: 'host' is not written as",
        ),
        (
            "containerd",
            "certs.d/docker.io/hosts.toml",
            "[host.\"https://x\"]\ncapabilities = [\"x\"]\n",
            "certs.d/docker.io/hosts.toml:2: unknown capability",
        ),
    ] {
        let path = file.split('/').next().unwrap();
        let output = world
            .tool()
            .file(file, text)
            .line("mirrors export images.txt --retries 0 --to")
            .args([kind, "--write", path])
            .run();
        assert_eq!((output.code, &*output.stdout), (Some(2), ""), "{output:?}");
        assert!(output.stderr.contains(part), "{part}\n{}", output.stderr);
        assert_eq!(output.file(file), text);
        assert!(
            output.files().iter().all(|name| !name.contains(".bak") && !name.contains(".tmp")),
            "{output:?}"
        );
    }
}

#[test]
fn a_file_that_would_not_do_what_is_exported_is_refused_with_its_line_and_what_to_change() {
    let world = World::new();
    for (kind, file, text, parts) in [
        (
            "registries-conf",
            "registries.conf",
            "# ours\n[[registry]]\nlocation = \"docker.io\"\nblocked = true\n",
            ["registries.conf:4: blocked = true: docker.io/library/app:1.0 is", "take `blocked = true` away"],
        ),
        (
            "registries-conf",
            "registries.conf",
            "[[registry]]\nlocation = \"docker.io\"\nmirror-by-digest-only = true\n",
            [
                "registries.conf:3: {good} is for digests only here",
                "take `mirror-by-digest-only = true` away",
            ],
        ),
        (
            "registries-conf",
            "registries.conf",
            "[[registry]]\nlocation = \"docker.io\"\n[[registry.mirror]]\nlocation = \"{good}\"\n\
             insecure = true\npull-from-mirror = \"digest-only\"\n",
            ["registries.conf:6: {good} is for digests only here", "take pull-from-mirror away there"],
        ),
        (
            "containerd",
            "certs.d/docker.io/hosts.toml",
            "# ours\n[host.\"https://x.example\"]\ncapabilities = [\"pull\", \"resolve\"]\n\
             [host.\"http://{good}\"]\ncapabilities = [\"pull\"]\n",
            [
                "certs.d/docker.io/hosts.toml:5: http://{good} is for digests only here, and would not be asked for tags",
                "write capabilities = [\"pull\", \"resolve\"] there",
            ],
        ),
    ] {
        let text = world.fill(text);
        let output = world
            .tool()
            .file(file, &text)
            .line("mirrors export images.txt --retries 0 --to")
            .args([kind, "--write", file.split('/').next().unwrap()])
            .run();
        assert_eq!((output.code, &*output.stdout), (Some(2), ""), "{output:?}");
        for part in parts {
            assert!(output.stderr.contains(&world.fill(part)), "{part}\n{}", output.stderr);
        }
        assert_eq!(output.file(file), text);
    }
}

#[test]
fn what_cannot_be_written_or_edited_is_refused_before_anybody_is_asked() {
    let world = World::new();
    for (kind, args, file, text, parts) in [
        ("docker", "--write d", "d/x", "", ["d: is a folder, not a daemon.json", "name the file itself"]),
        ("k3s", "--base d", "d/x", "", ["d: is a folder, not a registries.yaml", "name the file itself"]),
        (
            "containerd",
            "--write f",
            "f",
            "",
            ["f: is not a folder such as certs.d", "name the folder that holds one"],
        ),
        (
            "docker",
            "--base gone.json",
            "f",
            "",
            ["gone.json: cannot be read: No such file", "check the path"],
        ),
        (
            "docker",
            "--write f/daemon.json",
            "f",
            "",
            ["cannot write f/daemon.json: Not a directory", "check the folder and its permissions"],
        ),
        (
            "containerd",
            "--write /proc/registry-check/certs.d",
            "f",
            "",
            ["cannot write /proc/registry-check/certs.d: ", "1 configuration file that cannot be written"],
        ),
        (
            "docker",
            "--write daemon.json",
            "daemon.json",
            "{\n  \"debug\": true,\n}",
            ["daemon.json:3: trailing comma", "JSON has no comments"],
        ),
        (
            "docker",
            "--write daemon.json",
            "daemon.json",
            "[]",
            ["daemon.json:1: expected an object, found a list", "are lists of texts"],
        ),
        (
            "k3s",
            "--write registries.yaml",
            "registries.yaml",
            "mirrors:\n\tx: y\n",
            ["registries.yaml:2: a tab in front", "registries.yaml has `mirrors:`"],
        ),
        (
            "registries-conf",
            "--write registries.conf",
            "registries.conf",
            "[[registry]\n",
            ["registries.conf:1: ", "look for a missing quote"],
        ),
    ] {
        let before = [&world.upstream, &world.good].map(Registry::connections);
        let output = world
            .tool()
            .file(file, text)
            .line("mirrors export images.txt --retries 0 --to")
            .args([kind])
            .line(args)
            .run();
        assert_eq!((output.code, &*output.stdout), (Some(2), ""), "{args}: {output:?}");
        for part in parts {
            assert!(output.stderr.contains(part), "{part}\n{}", output.stderr);
        }
        assert_eq!(output.file(file), text);
        assert!(output.files().iter().all(|name| !name.contains(".tmp")), "{output:?}");
        let after = [&world.upstream, &world.good].map(Registry::connections);
        assert_eq!(after, before, "{args}");
    }
}

#[test]
fn a_link_to_nothing_is_not_written_through() {
    let world = World::new();
    let tool = world.tool();
    std::os::unix::fs::symlink("gone.json", tool.dir().join("daemon.json")).unwrap();
    let output = tool.line("mirrors export images.txt --retries 0 --to docker --write daemon.json").run();
    assert_eq!(output.code, Some(2), "{output:?}");
    assert!(output.stderr.contains("daemon.json: is a link that leads nowhere"), "{}", output.stderr);
}

#[test]
fn a_run_in_which_no_mirror_stands_in_for_anything_writes_nothing() {
    let world = World::new();
    let config = format!("[[registries]]\nname = \"docker.io\"\nurl = \"{}\"\n", world.upstream.url());
    let run = |mirror: &[&str]| {
        Tool::new()
            .file("images.txt", "app:1.0\n")
            .file("registry-check.toml", &config)
            .line("mirrors export images.txt --retries 0 --to docker --write daemon.json")
            .args(mirror)
            .run()
    };
    for mirror in [&[][..], &["--mirror", "quay.io=http://127.0.0.1:1"]] {
        let output = run(mirror);
        assert_eq!((output.code, &*output.stdout), (Some(1), ""), "{output:?}");
        assert!(output.stderr.contains("nothing to write"), "{}", output.stderr);
        assert!(!output.files().iter().any(|name| name.contains("daemon.json")), "{output:?}");
    }
}
