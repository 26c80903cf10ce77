//! `mirrors export`: from a check to a runtime's configuration. What is there stays but for the order of
//! mirrors; what comes out leads to the same places in the same order.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use registry_check::demo::{Behaviour, ClosedPort, Registry, Scope, Store, content};
use serde_json::Value;

use crate::support::tool::{Output, Tool};

mod drop_ins;
mod forms;
mod reasons;
mod refusals;

/// An upstream, a mirror that works, one that has another image under the tag, and one that is down.
struct World {
    upstream: Registry,
    good: Registry,
    stale: Registry,
    down: ClosedPort,
}

fn registry(words: &str) -> Registry {
    let mut store = Store::new();
    store.put("library/app", "1.0", &content::image(words, "linux/amd64"));
    Registry::start(store).unwrap()
}

impl World {
    fn new() -> Self {
        let [upstream, good, stale] = ["app", "app", "old"].map(registry);
        Self { upstream, good, stale, down: ClosedPort::take().unwrap() }
    }

    /// A tool with the images, an upstream of docker.io, and the mirrors in an order that is not the best.
    fn tool(&self) -> Tool {
        let config = format!(
            "[[registries]]\nname = \"docker.io\"\nurl = \"{}\"\n\
             [[mirrors]]\nname = \"down\"\nurl = \"{}\"\n\
             [[mirrors]]\nname = \"stale\"\nurl = \"{}\"\n\
             [[mirrors]]\nname = \"good\"\nurl = \"{}\"\n",
            self.upstream.url(),
            self.down_url(),
            self.stale.url(),
            self.good.url(),
        );
        Tool::new().file("images.txt", "app:1.0\n").file("registry-check.toml", config)
    }

    fn down_url(&self) -> String {
        format!("http://{}", self.down.addr())
    }

    fn export(&self, args: &str) -> Output {
        self.tool().line("mirrors export images.txt --retries 0").line(args).run()
    }

    /// A text with the places of the three mirrors for `{good}`, `{stale}` and `{down}`.
    fn fill(&self, text: &str) -> String {
        text.replace("{good}", &self.good.authority())
            .replace("{stale}", &self.stale.authority())
            .replace("{down}", &self.down.addr().to_string())
    }
}

/// The mirrors that the runtime would ask with what was exported, in order; over http where it would try that too.
fn mirrors(file: &str, text: &str) -> Vec<String> {
    let path = file.split('/').next().unwrap();
    let output =
        Tool::new().file(file, text).line("resolve -f json app:1.0 --mirrors-from").args([path]).run();
    assert_eq!(output.code, Some(0), "{text}\n{output:?}");
    let told: Value = serde_json::from_str(&output.stdout).unwrap();
    let endpoints = told["endpoints"].as_array().unwrap().iter();
    let urls = endpoints.filter(|endpoint| endpoint["role"] == "mirror");
    let url =
        |endpoint: &Value| endpoint["plain_url"].as_str().or(endpoint["url"].as_str()).unwrap().to_owned();
    urls.map(|endpoint| url(endpoint).split('?').next().unwrap().to_owned()).collect()
}

#[test]
fn what_works_comes_first_what_is_down_last_and_what_is_stale_not_at_all() {
    let world = World::new();
    for (kind, file) in [
        ("containerd", "certs.d/docker.io/hosts.toml"),
        ("docker", "daemon.json"),
        ("registries-conf", "registries.conf"),
        ("k3s", "registries.yaml"),
    ] {
        let output = world.export(&format!("--to {kind}"));
        assert_eq!(output.code, Some(0), "{output:?}");
        let expected =
            [world.good.url(), world.down_url()].map(|url| format!("{url}/v2/library/app/manifests/1.0"));
        assert_eq!(mirrors(file, &output.stdout), expected, "{}", output.stdout);
        assert!(output.stderr.contains("stale is left out: digest-differs of docker.io"), "{output:?}");
        if kind != "docker" {
            assert!(output.stdout.contains("# left out by registry-check: "), "{}", output.stdout);
        }
    }
}

#[test]
fn a_hosts_toml_keeps_its_keys_comments_and_other_hosts() {
    let world = World::new();
    let old = world.fill(
        "# kept by the platform team\nserver = \"https://registry-1.docker.io\"\n\n\
         # a stale cache\n[host.\"http://{stale}\"]\n  capabilities = [\"pull\", \"resolve\"] # for now\n  \
         [host.\"http://{stale}\".header]\n    X-Auth = \"correct-horse\"\n\n\
         # somebody else's\n[host.\"https://other.example\"]\n  ca = \"other.pem\"\n\n\
         # ours\n[host.\"http://{good}/v2\"]\n  dial_timeout = \"3s\"\n  [host.\"http://{good}/v2\".header]\n    X = \"y\"\n",
    );
    let output = world
        .tool()
        .file("certs.d/docker.io/hosts.toml", &old)
        .line("mirrors export images.txt --retries 0 --to containerd --base certs.d")
        .run();
    assert_eq!(output.code, Some(0), "{output:?}");
    let expected = world.fill(
        "# docker.io/hosts.toml\n\
         # kept by the platform team\nserver = \"https://registry-1.docker.io\"\n\n\
         # ours\n[host.\"http://{good}/v2\"]\n  dial_timeout = \"3s\"\n  [host.\"http://{good}/v2\".header]\n    X = \"y\"\n\n\
         [host.\"http://{down}\"]\ncapabilities = [\"pull\", \"resolve\"]\n\n\
         # somebody else's\n[host.\"https://other.example\"]\n  ca = \"other.pem\"\n",
    );
    let (before, comments) = output.stdout.split_at(expected.len().min(output.stdout.len()));
    assert_eq!(before, expected);
    let lines: Vec<_> = comments.lines().collect();
    assert!(
        lines[0].starts_with(&world.fill("# left out by registry-check: http://{stale}: digest-differs"))
    );
    // What it said is not lost.
    let rest = world.fill(
        "# a stale cache\n# [host.\"http://{stale}\"]\n#   capabilities = [\"pull\", \"resolve\"] # for now\n\
         #   [host.\"http://{stale}\".header]\n#     X-Auth = \"correct-horse\"",
    );
    assert_eq!(lines[1..].join("\n"), rest);
    assert!(!output.stderr.contains("correct-horse"), "{}", output.stderr);
}

#[test]
fn a_daemon_json_keeps_everything_but_the_list() {
    let world = World::new();
    for (old, expected) in [
        (
            "{\n    \"zeta\": 1.50,\n    \"registry-mirrors\": [\n        \"http://{stale}/\",\n        \"https://other.example\",\n        \"http://{good}/\"\n    ],\n    \"alpha\" : {\"b\":[ 1,2 ]}\n}",
            "{\n    \"zeta\": 1.50,\n    \"registry-mirrors\": [\n        \"http://{good}/\",\n        \"http://{down}\",\n        \"https://other.example\"\n    ],\n    \"alpha\" : {\"b\":[ 1,2 ]}\n}",
        ),
        (
            "{\"registry-mirrors\":[\"http://{stale}\"],\"debug\":true}\n",
            "{\"registry-mirrors\":[\"http://{good}\", \"http://{down}\"],\"debug\":true}\n",
        ),
        (
            "{\n  \"debug\": true\n}\n",
            "{\n  \"debug\": true,\n  \"registry-mirrors\": [\n    \"http://{good}\",\n    \"http://{down}\"\n  ]\n}\n",
        ),
        (
            "{\"debug\": true}",
            "{\"debug\": true, \"registry-mirrors\": [\"http://{good}\", \"http://{down}\"]}",
        ),
        ("{}", "{\n  \"registry-mirrors\": [\n    \"http://{good}\",\n    \"http://{down}\"\n  ]\n}"),
        (
            "{\n  \"registry-mirrors\": null,\n  \"debug\": true\n}\n",
            "{\n  \"registry-mirrors\": [\n    \"http://{good}\",\n    \"http://{down}\"\n  ],\n  \"debug\": true\n}\n",
        ),
        ("{\"registry-mirrors\":null}", "{\"registry-mirrors\":[\"http://{good}\", \"http://{down}\"]}"),
    ] {
        let output = world
            .tool()
            .file("daemon.json", world.fill(old))
            .line("mirrors export images.txt --retries 0 --to docker --base daemon.json")
            .run();
        assert_eq!(
            (output.code, &*output.stdout),
            (Some(0), &*world.fill(expected)),
            "{old}\n{}",
            output.stderr
        );
    }
}

#[test]
fn a_daemon_json_whose_list_is_none_is_refused_with_its_line() {
    let world = World::new();
    for (list, found) in
        [("\"x\"", "a text"), ("{\"a\": 1}", "a map"), ("[1]", "a number"), ("true", "true or false")]
    {
        let output = world
            .tool()
            .file("daemon.json", format!("{{\n\"registry-mirrors\": {list}}}\n"))
            .line("mirrors export images.txt --retries 0 --to docker --base daemon.json")
            .run();
        let told = format!("daemon.json:2: registry-mirrors: expected a list of texts, found {found}");
        assert_eq!(output.code, Some(2), "{list}");
        assert!(output.stderr.contains(&told), "{list}: {}", output.stderr);
    }
}

#[test]
fn a_registries_conf_keeps_its_other_registries_and_comments() {
    let world = World::new();
    let old = world.fill(
        "# ours\nunqualified-search-registries = [\"docker.io\"]\n\n\
         [[registry]]\nlocation = \"quay.io\" # open\n[[registry.mirror]]\nlocation = \"q.example\"\n\n\
         [[registry]]\nprefix = \"docker.io\"\nlocation = \"docker.io\"\n\
         # somebody else's\n[[registry.mirror]]\nlocation = \"other.example/hub\"\n\
         # ours\n[[registry.mirror]]\nlocation = \"{good}\"\ninsecure = true\n\n\
         [[registry]]\nlocation = \"ghcr.io\"\n",
    );
    let output = world
        .tool()
        .file("registries.conf", &old)
        .line("mirrors export images.txt --retries 0 --to registries-conf --base registries.conf")
        .run();
    let expected = world.fill(
        "# ours\nunqualified-search-registries = [\"docker.io\"]\n\n\
         [[registry]]\nlocation = \"quay.io\" # open\n[[registry.mirror]]\nlocation = \"q.example\"\n\n\
         [[registry]]\nprefix = \"docker.io\"\nlocation = \"docker.io\"\n\
         # ours\n[[registry.mirror]]\nlocation = \"{good}\"\ninsecure = true\n\n\
         [[registry.mirror]]\nlocation = \"{down}\"\ninsecure = true\n\
         # somebody else's\n[[registry.mirror]]\nlocation = \"other.example/hub\"\n\n\
         [[registry]]\nlocation = \"ghcr.io\"\n\
         # left out by registry-check: {stale}: digest-differs",
    );
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(output.stdout.starts_with(&expected), "{}\n---\n{expected}", output.stdout);
}

#[test]
fn a_registries_yaml_keeps_its_text_around_the_list() {
    let world = World::new();
    for (old, expected) in [
        (
            "# ours\nmirrors:\n  quay.io:\n    endpoint: [\"https://q.example\"]\n  docker.io: # hub\n    rewrite: {}\n    endpoint:\n      # old\n      - \"http://{stale}\" # slow\n      - https://other.example # somebody else's\n      # new\n      - 'http://{good}'   # fast\nconfigs:\n  \"other.example\":\n    auth: {username: u, password: correct-horse}\n",
            "# ours\nmirrors:\n  quay.io:\n    endpoint: [\"https://q.example\"]\n  docker.io: # hub\n    rewrite: {}\n    endpoint:\n      # new\n      - 'http://{good}'   # fast\n      - \"http://{down}\"\n      # old\n      # - \"http://{stale}\" # slow\n      # left out by registry-check: http://{stale}: WHY\n      - https://other.example # somebody else's\nconfigs:\n  \"other.example\":\n    auth: {username: u, password: correct-horse}\n",
        ),
        (
            "mirrors:\n  \"docker.io\":\n    endpoint: [http://{good}, 'https://other.example']\n",
            "mirrors:\n  \"docker.io\":\n    endpoint:\n      - http://{good}\n      - \"http://{down}\"\n      # left out by registry-check: http://{stale}: WHY\n      - 'https://other.example'\n",
        ),
        (
            "configs: {}\n",
            "configs: {}\nmirrors:\n  docker.io:\n    endpoint:\n      - \"http://{good}\"\n      - \"http://{down}\"\n      # left out by registry-check: http://{stale}: WHY\n",
        ),
        (
            "mirrors:\n    quay.io:\n        endpoint:\n        - https://q.example\n\nconfigs: {}\n",
            "mirrors:\n    quay.io:\n        endpoint:\n        - https://q.example\n    docker.io:\n      endpoint:\n        - \"http://{good}\"\n        - \"http://{down}\"\n        # left out by registry-check: http://{stale}: WHY\n\nconfigs: {}\n",
        ),
    ] {
        let output = world
            .tool()
            .file("registries.yaml", world.fill(old))
            .line("mirrors export images.txt --retries 0 --to k3s --base registries.yaml")
            .run();
        assert_eq!(output.code, Some(0), "{output:?}");
        let mark = "digest-differs of ";
        let told: String = output
            .stdout
            .lines()
            .map(|line| {
                line.split_once(mark).map_or(line.to_owned(), |(before, _)| format!("{before}WHY")) + "\n"
            })
            .collect();
        assert_eq!(told, world.fill(expected), "{}", output.stderr);
        assert!(!output.stderr.contains("correct-horse"), "{}", output.stderr);
    }
}

#[test]
fn a_file_whose_lines_end_as_on_windows_keeps_that() {
    let world = World::new();
    for (kind, file, text) in [
        ("registries-conf", "registries.conf", "# ours\r\n[[registry]]\r\nlocation = \"quay.io\"\r\n"),
        ("k3s", "registries.yaml", "# ours\r\nmirrors:\r\n  quay.io:\r\n"),
        ("docker", "daemon.json", "{\r\n  \"debug\": true\r\n}\r\n"),
        ("containerd", "certs.d/docker.io/hosts.toml", "# ours\r\n[host.\"https://x.example\"]\r\n"),
    ] {
        let output = world
            .tool()
            .file(file, text)
            .line("mirrors export images.txt --retries 0 --to")
            .args([kind, "--write", file.split('/').next().unwrap()])
            .run();
        assert_eq!(output.code, Some(0), "{output:?}");
        let written = output.file(file);
        assert!(written.contains(&world.good.authority()), "{written}");
        assert_eq!(written.matches('\n').count(), written.matches("\r\n").count(), "{written:?}");
    }
}

#[test]
fn writing_keeps_permissions_links_and_every_backup() {
    let world = World::new();
    let tool =
        world.tool().file("real/daemon.json", "{\"debug\": true}").file("real/daemon.json.bak", "mine");
    let dir = tool.dir().to_owned();
    fs::set_permissions(dir.join("real/daemon.json"), fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("real/daemon.json", dir.join("daemon.json")).unwrap();
    let output = tool.line("mirrors export images.txt --retries 0 --to docker --write daemon.json").run();
    assert_eq!((output.code, &*output.stdout), (Some(0), ""), "{output:?}");
    let expected =
        world.fill("{\"debug\": true, \"registry-mirrors\": [\"http://{good}\", \"http://{down}\"]}");
    assert_eq!(output.file("real/daemon.json"), expected);
    assert_eq!(
        (output.file("real/daemon.json.bak"), output.file("real/daemon.json.bak.1")),
        ("mine".into(), "{\"debug\": true}".into())
    );
    assert!(fs::symlink_metadata(dir.join("daemon.json")).unwrap().is_symlink());
    for name in ["daemon.json", "daemon.json.bak.1"] {
        let mode = fs::metadata(dir.join("real").join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640, "{name}");
    }
    assert!(output.stderr.contains("what was there is in"), "{}", output.stderr);
}

#[test]
fn writing_what_is_there_already_leaves_it_alone() {
    let world = World::new();
    let tool = world.tool();
    let dir = tool.dir().to_owned();
    let output = tool
        .args(["mirrors", "export", "images.txt", "--retries", "0", "--to", "containerd", "--write"])
        .args([dir.join("new/certs.d")])
        .run();
    assert_eq!(output.code, Some(0), "{output:?}");
    let first = output.file("new/certs.d/docker.io/hosts.toml");
    let again = world
        .tool()
        .args(["mirrors", "export", "images.txt", "--retries", "0", "--to", "containerd", "--write"])
        .args([dir.join("new/certs.d")])
        .run();
    assert_eq!(again.code, Some(0), "{again:?}");
    assert_eq!(output.file("new/certs.d/docker.io/hosts.toml"), first);
    assert_eq!(fs::read_dir(dir.join("new/certs.d/docker.io")).unwrap().count(), 1);
}

#[test]
fn exit_codes_tell_whether_there_is_a_mirror_that_works() {
    let world = World::new();
    let run = |mirror: &str| {
        Tool::new()
            .file("images.txt", "app:1.0\n")
            .file(
                "registry-check.toml",
                format!("[[registries]]\nname = \"docker.io\"\nurl = \"{}\"\n", world.upstream.url()),
            )
            .line("mirrors export images.txt --retries 0 --to docker --mirror")
            .args([mirror])
            .run()
    };
    assert_eq!(run(&world.good.url()).code, Some(0));
    assert_eq!(run(&world.stale.url()).code, Some(1));
    let down = run(&world.down_url());
    assert_eq!(down.code, Some(3), "{down:?}");
    assert!(down.stdout.contains(&world.down_url()), "{}", down.stdout);
    world.good.set_behaviour(Scope::All, Behaviour::NotFoundHtml);
    assert_eq!(run(&world.good.url()).code, Some(3));
    let format = Tool::new().file("i", "a").line("mirrors export i --to docker -f json").run();
    assert!(format.code == Some(2) && format.stderr.contains("has no report in the format"), "{format:?}");
}

#[test]
fn what_a_runtime_cannot_say_is_told_of_and_left_alone() {
    let world = World::new();
    let output = Tool::new()
        .file("images.txt", "app:1.0\n")
        .file(
            "registry-check.toml",
            format!(
                "[[registries]]\nname = \"docker.io\"\nurl = \"{}\"\n[[mirrors]]\nname = \"flat\"\nurl = \"{}\"\npath = \"{{last}}\"\n",
                world.upstream.url(),
                world.down_url()
            ),
        )
        .line("mirrors export images.txt --retries 0 --to containerd")
        .run();
    assert!(
        output.stderr.contains("flat cannot be written here: its names are rewritten by a rule"),
        "{output:?}"
    );
    assert_eq!((output.code, &*output.stdout), (Some(1), ""), "{output:?}");

    // A mirror that works is worth nothing where it cannot be written.
    let config = format!(
        "[[registries]]\nname = \"reg.example\"\nurl = \"{}\"\n[[mirrors]]\nname = \"good\"\nurl = \"{}\"\nfor = [\"reg.example\"]\n",
        world.upstream.url(),
        world.good.url()
    );
    let docker = Tool::new()
        .file("images.txt", "reg.example/library/app:1.0\n")
        .file("registry-check.toml", config)
        .line("mirrors export images.txt --to docker")
        .run();
    assert!(docker.stderr.contains("good cannot be written here: dockerd has mirrors of docker.io only"));
    assert_eq!((docker.code, &*docker.stdout), (Some(1), ""), "{docker:?}");
}

#[test]
fn a_mirror_of_many_registries_that_the_new_entry_hides_is_told_of() {
    let world = World::new();
    let any = "[host.\"https://any.example\"]\n";
    for (to, path, file, text) in [
        ("k3s", "r.yaml", "r.yaml", "mirrors:\n  \"*\":\n    endpoint:\n      - https://any.example\n"),
        ("containerd", "certs.d", "certs.d/_default/hosts.toml", any),
    ] {
        let output = world
            .tool()
            .file(file, text)
            .line(&format!("mirrors export images.txt --retries 0 --to {to} --base {path}"))
            .run();
        assert_eq!(output.code, Some(0), "{output:?}");
        let told = " is asked for it no more: it stands in an entry for many registries, which that of docker.io hides";
        let lines: Vec<_> = output.stderr.lines().filter(|line| line.ends_with(told)).collect();
        assert!(
            matches!(lines[..], [line] if line.starts_with("warn: docker.io: any.example")),
            "{to}: {lines:?}"
        );
    }
}

#[test]
fn headers_are_not_carried_into_another_file_and_that_is_told() {
    let world = World::new();
    let hosts = world.fill("[host.\"http://{good}\".header]\nX-Auth = \"correct-horse\"\n");
    let run = |args: &str| {
        Tool::new()
            .file("images.txt", "app:1.0\n")
            .file(
                "registry-check.toml",
                format!("[[registries]]\nname = \"docker.io\"\nurl = \"{}\"\n", world.upstream.url()),
            )
            .file("certs.d/docker.io/hosts.toml", &hosts)
            .line("mirrors export images.txt --mirrors-from certs.d --to containerd")
            .line(args)
            .run()
    };
    let other = run("");
    assert_eq!(other.code, Some(0), "{other:?}");
    assert!(!format!("{other:?}").contains("correct-horse"), "{other:?}");
    assert!(other.stderr.contains("hosts.toml:1: the headers for http://127.0.0.1"), "{other:?}");
    // In its own file everything stays.
    let same = run("--base certs.d");
    let own = format!(
        "warn: docker.io: the registry itself was asked at {}, which is not written\n",
        world.upstream.url()
    );
    assert_eq!(
        (&*same.stdout, &*same.stderr),
        (&*format!("# docker.io/hosts.toml\n{hosts}"), &*own),
        "{same:?}"
    );
}

#[test]
fn files_of_tls_settings_are_written_so_that_they_are_found_from_anywhere() {
    let world = World::new();
    let ca = crate::support::authority::Authority::new("Firm CA");
    let tool = Tool::new();
    let folder = fs::canonicalize(tool.dir()).unwrap();
    let output = tool
        .file("images.txt", "app:1.0\n")
        .file("ca.pem", fs::read(ca.file()).unwrap())
        .file(
            "registry-check.toml",
            format!(
                "[[registries]]\nname = \"docker.io\"\nurl = \"{}\"\n[[mirrors]]\nurl = \"https://{}\"\nca_file = \"ca.pem\"\n",
                world.upstream.url(),
                world.down.addr()
            ),
        )
        .line("mirrors export images.txt --retries 0 --to containerd")
        .run();
    let line = format!("ca = [\"{}\"]", folder.join("ca.pem").display());
    assert!(output.code == Some(3) && output.stdout.contains(&line), "{line}\n{output:?}");
}

#[test]
fn a_certs_d_that_makes_dockerd_ignore_its_mirrors_is_told_of() {
    let world = World::new();
    let run = |hosts: &str| {
        world
            .tool()
            .file("docker/daemon.json", "{}")
            .file("docker/certs.d/docker.io/hosts.toml", hosts)
            .line("mirrors export images.txt --retries 0 --to docker --base docker/daemon.json")
            .run()
    };
    let told = "docker/certs.d/docker.io/hosts.toml names hosts for docker.io: where that is dockerd's, it ignores registry-mirrors";
    let output = run("[host.\"https://m.example\"]\n");
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(output.stderr.contains(told) && output.stdout.contains(&world.good.url()), "{output:?}");
    for hosts in ["server = \"https://registry-1.docker.io\"\n", "[host.\"https://m.example\"\n"] {
        let output = run(hosts);
        assert!(
            output.code == Some(0) && !output.stderr.contains("it ignores registry-mirrors"),
            "{output:?}"
        );
    }
}
