//! Configurations of nodes, three for each runtime: the endpoints and URLs of `resolve`, in order, and what
//! a check makes of the same files.

use std::path::PathBuf;

use registry_check::demo::{Registry, Store, content};
use serde_json::Value;

use crate::support::tool::{Output, Tool};

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/nodes")).join(name)
}

fn resolve(node: &str, images: &[&str]) -> (Vec<Value>, Output) {
    let output = Tool::new()
        .args(["resolve", "-f", "json", "--mirrors-from"])
        .args([fixture(node)])
        .args(images)
        .run();
    assert_eq!(output.code, Some(0), "{output:?}");
    let lines = output.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    (lines, output)
}

/// `role url`, with a `-` in front of what is passed over.
fn told(resolved: &Value) -> Vec<String> {
    let endpoint = |endpoint: &Value| {
        let mark = if endpoint["used"] == true { "" } else { "-" };
        let text = |key: &str| endpoint[key].as_str().unwrap_or_default().to_owned();
        format!("{mark}{} {}", text("role"), text("url"))
    };
    resolved["endpoints"].as_array().expect("a list").iter().map(endpoint).collect()
}

/// Holds each image of `expected` to its endpoints.
fn holds(node: &str, expected: &[(&str, &[&str])]) {
    let images: Vec<_> = expected.iter().map(|(image, _)| *image).collect();
    let (lines, _) = resolve(node, &images);
    assert_eq!(lines.len(), expected.len(), "{lines:#?}");
    for ((image, endpoints), line) in expected.iter().zip(&lines) {
        assert_eq!(told(line), *endpoints, "{node} {image}");
    }
}

const DIGEST: &str = "sha256:c09cf5ebb8f6c09cf5ebb8f6c09cf5ebb8f6c09cf5ebb8f6c09cf5ebb8f6c09c";

#[test]
fn containerd_asks_in_file_order_and_passes_over_what_cannot_resolve_tags() {
    let pinned = format!("nginx@{DIGEST}");
    let urls =
        ["https://zeta.example/v2", "https://alpha.example/us/v2", "https://proxy.example/v2/dockerhub"]
            .map(|root| format!("mirror {root}/library/nginx/manifests/{DIGEST}?ns=docker.io"));
    let upstream = format!("upstream https://registry-1.docker.io/v2/library/nginx/manifests/{DIGEST}");
    holds(
        "containerd/ordered",
        &[
            (
                "nginx:1.25",
                &[
                    "mirror https://zeta.example/v2/library/nginx/manifests/1.25?ns=docker.io",
                    "-mirror https://alpha.example/us/v2/library/nginx/manifests/1.25?ns=docker.io",
                    "mirror https://proxy.example/v2/dockerhub/library/nginx/manifests/1.25?ns=docker.io",
                    "upstream https://registry-1.docker.io/v2/library/nginx/manifests/1.25",
                ],
            ),
            (&pinned, &[&urls[0], &urls[1], &urls[2], &upstream]),
            ("quay.io/a/b:1", &["upstream https://quay.io/v2/a/b/manifests/1"]),
        ],
    );
    let (lines, _) = resolve("containerd/ordered", &["nginx:1.25"]);
    assert_eq!(lines[0]["image"], "docker.io/library/nginx:1.25");
    let why = lines[0]["endpoints"][1]["why"].as_str().unwrap();
    assert!(why.contains("not used for tags"), "{why}");
}

#[test]
fn containerds_default_folder_is_for_registries_without_one() {
    holds(
        "containerd/default",
        &[
            (
                "ghcr.io/a/b:1",
                &[
                    "mirror https://any.example/v2/a/b/manifests/1?ns=ghcr.io",
                    "upstream https://ghcr.io/v2/a/b/manifests/1",
                ],
            ),
            (
                "reg.lan:5000/x:1",
                &[
                    "mirror http://cache.lan:5000/v2/x/manifests/1?ns=reg.lan%3A5000",
                    "upstream https://reg.lan:5000/v2/x/manifests/1",
                ],
            ),
            ("quay.io/a/b:1", &["upstream https://quay.io/v2/a/b/manifests/1"]),
        ],
    );
    let (lines, output) = resolve("containerd/default", &["ghcr.io/a/b:1"]);
    assert_eq!(lines[0]["endpoints"][0]["headers"], serde_json::json!(["X-Auth"]));
    assert!(!output.stderr.contains("v1") && !output.stdout.contains("\"v1\""), "{output:?}");
}

#[test]
fn containerd_asks_the_server_last_and_ignores_an_invalid_file() {
    holds(
        "containerd/server",
        &[
            ("ghcr.io/a/b:1", &["upstream https://internal.example/ghcr/v2/a/b/manifests/1?ns=ghcr.io"]),
            ("nginx:1.25", &["upstream https://registry-1.docker.io/v2/library/nginx/manifests/1.25"]),
        ],
    );
    let (lines, output) = resolve("containerd/server", &["ghcr.io/a/b:1"]);
    assert_eq!(lines[0]["endpoints"][0]["tls"]["verified"], false);
    for part in ["docker.io/hosts.toml:3: INVALID: unknown capability 'resolv'", "mirrors in it are not used"]
    {
        assert!(output.stderr.contains(part), "{}", output.stderr);
    }
}

#[test]
fn docker_asks_its_mirrors_for_docker_hub_only() {
    holds(
        "docker/plain/daemon.json",
        &[
            (
                "nginx:1.25",
                &[
                    "mirror https://one.example/v2/library/nginx/manifests/1.25",
                    "mirror http://two.example:5000/v2/library/nginx/manifests/1.25",
                    "upstream https://registry-1.docker.io/v2/library/nginx/manifests/1.25",
                ],
            ),
            ("quay.io/a/b:1", &["upstream https://quay.io/v2/a/b/manifests/1"]),
        ],
    );
}

#[test]
fn docker_puts_v2_behind_a_mirrors_path() {
    holds(
        "docker/paths/daemon.json",
        &[(
            "library/nginx:1",
            &[
                "mirror https://h.example/p/v2/library/nginx/manifests/1?ns=docker.io",
                "mirror https://h.example/v2/library/nginx/manifests/1?ns=docker.io",
                "mirror https://h.example/v2/p/v2/library/nginx/manifests/1?ns=docker.io",
                "upstream https://registry-1.docker.io/v2/library/nginx/manifests/1",
            ],
        )],
    );
}

#[test]
fn docker_verifies_no_certificate_of_insecure_registries() {
    let images = ["reg.lan:5000/x:1", "10.1.2.3/x:1", "reg.lan/x:1"];
    let (lines, output) = resolve("docker/insecure/daemon.json", &images);
    let verified: Vec<_> = lines.iter().map(|line| &line["endpoints"][0]["tls"]["verified"]).collect();
    assert_eq!(verified, [&Value::Bool(false), &Value::Bool(false), &Value::Null]);
    assert_eq!(told(&lines[0]), ["upstream https://reg.lan:5000/v2/x/manifests/1"]);
    assert_eq!(lines[0]["endpoints"][0]["plain_url"], "http://reg.lan:5000/v2/x/manifests/1");
    assert!(output.stderr.contains("falls back to plain http"), "{}", output.stderr);
}

#[test]
fn containers_take_the_longest_prefix_and_replace_it() {
    holds(
        "containers/rewrite/registries.conf",
        &[
            (
                "nginx:1",
                &[
                    "mirror https://official.example/v2/nginx/manifests/1",
                    "upstream https://registry-1.docker.io/v2/library/nginx/manifests/1",
                ],
            ),
            (
                "docker.io/grafana/grafana:11",
                &[
                    "mirror https://mirror.example/v2/ns/grafana/grafana/manifests/11",
                    "upstream https://internal.example/v2/hub/grafana/grafana/manifests/11",
                ],
            ),
            (
                "another.sub.example.io:5000/library/prefix/image:latest",
                &["upstream https://example.com:5000/v2/library/prefix/image/manifests/latest"],
            ),
        ],
    );
}

#[test]
fn containers_choose_mirrors_by_tag_and_digest() {
    let pinned = format!("registry-g.com/x@{DIGEST}");
    let at = |role: &str, host: &str| format!("{role} https://{host}/v2/x/manifests/{DIGEST}");
    let by_digest = [
        at("mirror", "mirror-1.com"),
        at("-mirror", "mirror-2.com"),
        at("mirror", "mirror-3.com"),
        at("mirror", "mirror-4.com"),
        at("upstream", "registry-g.com"),
    ];
    let by_digest: Vec<_> = by_digest.iter().map(String::as_str).collect();
    holds(
        "containers/selection/registries.conf",
        &[
            (
                "registry-g.com/x:1",
                &[
                    "-mirror https://mirror-1.com/v2/x/manifests/1",
                    "mirror https://mirror-2.com/v2/x/manifests/1",
                    "mirror https://mirror-3.com/v2/x/manifests/1",
                    "mirror https://mirror-4.com/v2/x/manifests/1",
                    "upstream https://registry-g.com/v2/x/manifests/1",
                ],
            ),
            (&pinned, &by_digest),
        ],
    );
}

#[test]
fn containers_read_drop_ins_blocks_aliases_and_search_registries() {
    let node = "containers/dropins/registries.conf";
    let new = [
        "mirror https://new.example:5000/v2/quay/a/b/manifests/1",
        "upstream https://quay.io/v2/a/b/manifests/1",
    ];
    holds(
        node,
        &[
            ("quay.io/a/b:1", &new),
            ("bad.example/x:1", &[]),
            ("toolbox:2", &["upstream https://registry.example/v2/team/toolbox/manifests/2"]),
        ],
    );
    let (lines, _) = resolve(node, &["bad.example/x:1", "nginx:1"]);
    assert!(lines[0]["refused"].as_str().unwrap().contains("20-blocked.conf:1"), "{lines:?}");
    assert_eq!(lines[1]["image"], "quay.io/nginx:1");
    assert_eq!(lines[1]["endpoints"][0]["tls"]["verified"], false);
    assert_eq!(lines[2]["image"], "docker.io/library/nginx:1");
}

#[test]
fn k3s_asks_its_endpoints_by_rewritten_names_and_the_default_by_its_own() {
    let node = "k3s/endpoints/registries.yaml";
    holds(
        node,
        &[(
            "rancher/pause:3",
            &[
                "mirror https://reg.example:5000/v2/mirrorproject/rancher-images/pause/manifests/3?ns=docker.io",
                "mirror https://b.example/v2/hub/mirrorproject/rancher-images/pause/manifests/3?ns=docker.io",
                "mirror https://c.example/hub/mirrorproject/rancher-images/pause/manifests/3?ns=docker.io",
                "upstream https://registry-1.docker.io/v2/rancher/pause/manifests/3",
            ],
        )],
    );
    let (lines, output) = resolve(node, &["rancher/pause:3"]);
    let first = &lines[0]["endpoints"][0];
    assert_eq!(first["repository"], "mirrorproject/rancher-images/pause");
    assert_eq!(first["tls"]["ca_files"], serde_json::json!(["/etc/ca.pem"]));
    let source = first["credentials"]["source"].as_str().unwrap();
    assert!(source.contains("registries.yaml:10"), "{source}");
    assert!(!format!("{output:?}").contains("horse"), "{output:?}");
}

#[test]
fn k3s_has_a_wildcard_for_registries_without_an_entry() {
    holds(
        "k3s/wildcard/registries.yaml",
        &[
            (
                "quay.io/a/b:1",
                &[
                    "mirror https://any.example/v2/a/b/manifests/1?ns=quay.io",
                    "mirror http://localhost:5000/v2/a/b/manifests/1?ns=quay.io",
                    "upstream https://quay.io/v2/a/b/manifests/1",
                ],
            ),
            ("ghcr.io/a/b:1", &["upstream https://ghcr.io/v2/a/b/manifests/1"]),
        ],
    );
}

#[test]
fn k3s_drops_an_endpoint_that_is_the_default_one_but_not_its_port_443() {
    holds(
        "k3s/itself/registries.yaml",
        &[(
            "registry.example.com/team/app:1",
            &[
                "mirror https://registry.example.com/v2/moved/appx/manifests/1?ns=registry.example.com",
                "upstream https://registry.example.com/v2/team/app/manifests/1",
            ],
        )],
    );
}

#[test]
fn the_table_tells_urls_in_order_and_why_one_is_passed_over() {
    let output = Tool::new()
        .args(["resolve", "nginx:1.25", "--mirrors-from"])
        .args([fixture("containerd/ordered")])
        .run();
    assert_eq!(output.code, Some(0), "{output:?}");
    let lines: Vec<_> = output.stdout.lines().map(str::trim_start).collect();
    assert!(lines[1].starts_with("1.  mirror    https://zeta.example/v2/"), "{lines:#?}");
    assert!(lines[3].starts_with("-   mirror    https://alpha.example/us/v2/"), "{lines:#?}");
    assert_eq!(lines[4], "not used for tags: it has no capability 'resolve'");
    assert!(lines[7].starts_with("3.  upstream"), "{lines:#?}");
}

#[test]
fn what_was_named_and_cannot_be_used_is_told_with_its_line_and_exit_code_2() {
    for (file, text, part) in [
        ("daemon.json", "{\n\"registry-mirrors\": [\"m.example\"]}", "daemon.json:2: 'm.example': no scheme"),
        ("daemon.json", "{\n\n,}", "daemon.json:3: "),
        ("hosts.toml", "[host.\"https://m\"]\ncapabilities = [\"x\"]\n", "hosts.toml:2: unknown capability"),
        (
            "registries.conf",
            "[[registry]]\nlocation='a.io'\n[registries.search]\nregistries=[]\n",
            "registries.conf:3: ",
        ),
        ("registries.yaml", "mirrors:\n  a.io:\n    rewrite: {\"(\": x}\n", "registries.yaml:3: rewrite '('"),
        ("hosts.toml", "server = \"https://a\"\n[host.\"https://m\"\n", "hosts.toml:2: "),
        ("hosts.toml", "server = \"https://a\"\nserver = \"https://b\"\n", "hosts.toml:2: "),
        (
            "hosts.toml",
            "[host.\"https://m\"]\nskip_verify = \"yes\"\n",
            "hosts.toml:2: expected true or false",
        ),
        ("registries.conf", "[[registry]]\nlocation = 'a.io\n", "registries.conf:2: "),
        (
            "registries.conf",
            "\n[[registry]]\nprefix='*.a.io/x'\nlocation='b.io'\n",
            "registries.conf:2: invalid prefix",
        ),
        ("registries.conf", "[[registry]]\nlocation='https://a.io'\n", "registries.conf:2: invalid location"),
        ("registries.yaml", "mirrors: {}\nmirrors: {}\n", "registries.yaml:2: the same key twice in one map"),
        ("registries.yaml", "mirrors:\n\ta.io: {}\n", "registries.yaml:2: a tab in front of the text"),
        ("buildkitd.toml", "[registry.\"a.io\"]\nmirrors = 5\n", "buildkitd.toml:2: expected a list"),
        ("other.ini", "x", "other.ini: is of no known kind"),
        ("other.toml", "x = 1", "other.toml: is of no known kind"),
    ] {
        let output = Tool::new().file(file, text).args(["resolve", "nginx", "--mirrors-from", file]).run();
        assert_eq!((output.code, &*output.stdout), (Some(2), ""), "{output:?}");
        assert!(output.stderr.starts_with(part), "{part}\n{}", output.stderr);
    }
    let broken = b"[[registry]]\nlocation = 'a\xff.io'\n";
    let output = Tool::new()
        .file("registries.conf", broken)
        .line("resolve nginx --mirrors-from registries.conf")
        .run();
    assert!(output.stderr.starts_with("registries.conf:2: not UTF-8"), "{output:?}");
    let many = Tool::new()
        .file("daemon.json", vec![b' '; 5 << 20])
        .line("resolve nginx --mirrors-from daemon.json")
        .run();
    assert!(many.code == Some(2) && many.stderr.starts_with("daemon.json: is larger than"), "{many:?}");
    let output = Tool::new().line("resolve nginx --mirrors-from nowhere").run();
    assert!(output.code == Some(2) && output.stderr.contains("nowhere: cannot be read"), "{output:?}");
    let output = Tool::new().file("daemon.json", "{}").line("resolve NGINX --mirrors-from daemon.json").run();
    assert!(output.code == Some(2) && output.stderr.contains("NGINX: repository name"), "{output:?}");
}

fn registry() -> Registry {
    let mut store = Store::new();
    store.put("team/app", "1.0", &content::image("app", "linux/amd64"));
    Registry::start(store).unwrap()
}

#[test]
fn a_check_asks_the_mirrors_of_a_node_and_none_for_tags_that_cannot_resolve_them() {
    let (upstream, mirror, other) = (registry(), registry(), registry());
    let hosts = format!(
        "[host.\"http://{}\"]\n[host.\"http://{}\"]\ncapabilities = [\"pull\"]\n",
        mirror.authority(),
        other.authority()
    );
    let folder = format!("certs.d/{}_", upstream.authority().replace(':', "_"));
    let output = Tool::new()
        .file("images.txt", format!("{}/team/app:1.0", upstream.authority()))
        .file(&format!("{folder}/hosts.toml"), hosts)
        .line("images.txt -f json --mirrors-from certs.d")
        .run();
    assert_eq!(output.code, Some(3), "{output:?}");
    let report: Value = serde_json::from_str(&output.stdout).unwrap();
    let results = report["results"].as_array().unwrap();
    let codes: Vec<_> = results.iter().map(|result| result["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["served", "digest-equal", "not-used-for-tags"], "{output:?}");
    assert_eq!(results[2]["status"], "not_checked");
    assert!(results[2]["reason"].as_str().unwrap().contains("not used for tags"));
    assert!(results[1]["url"].as_str().unwrap().contains("?ns=127.0.0.1"), "{}", results[1]);
    assert_eq!((mirror.connections() > 0, other.connections()), (true, 0));
}

#[test]
fn a_check_tells_once_of_each_rule_by_which_the_runtime_would_not_pull() {
    let upstream = registry();
    let own = upstream.authority();
    let conf = format!(
        "[[registry]]\nlocation = \"{own}\"\ninsecure = true\n[[registry.mirror]]\nlocation = \"z\"\n\
         [[registry]]\nlocation = \"{own}/closed\"\nblocked = true\ninsecure = true\n"
    );
    let images = format!("{own}/team/app:1.0\n{own}/team/app:2.0\n{own}/closed/app:1.0\n");
    let expected = [
        format!(
            "c.conf:1: containers/image would not pull {own}/team/app:1.0 and 1 more of this list: z: the image would be \
             'z/team/app' there, which is no whole name with its registry"
        ),
        format!("c.conf:6: containers/image would not pull {own}/closed/app:1.0: the registry is blocked"),
    ];
    let planned = Tool::new().file("images.txt", &images).file("c.conf", &conf);
    let output = planned.line("images.txt --plan --mirrors-from c.conf").run();
    for told in &expected {
        assert_eq!(output.stderr.matches(told.as_str()).count(), 1, "{told}\n{output:?}");
    }
    assert_eq!((output.stderr.matches("would not pull").count(), upstream.connections()), (2, 0));
    let blocked = format!("[[registry]]\nlocation = \"{own}\"\nblocked = true\n");
    let streamed = Tool::new().stdin(&images).file("c.conf", blocked);
    let output = streamed.line("- -f ndjson --mirrors-from c.conf").run();
    assert_eq!(output.stderr.matches("would not pull").count(), 1, "{output:?}");
}

#[test]
fn a_check_tells_of_short_names_that_the_runtime_takes_for_others() {
    let conf = "unqualified-search-registries = [\"a.example\", \"docker.io\"]\n[aliases]\n\"app\" = \"docker.io/library/app\"\n";
    let told = |list: &str, conf: &str| {
        let tool = Tool::new().file("images.txt", list).file("c.conf", conf);
        let output = tool.line("images.txt --plan --mirrors-from c.conf").run();
        assert_eq!(output.code, Some(0), "{output:?}");
        output.stderr
    };
    let warned = told("app:1\nteam/x:2\nquay.io/a/b:1\nnginx\n", conf);
    let expected = "warn: c.conf: by its aliases and unqualified-search-registries 'team/x:2' (images.txt:2) and 1 more of this \
                    list is a.example/team/x:2 to containers/image, and not docker.io/team/x:2, which this check asks for";
    assert!(warned.starts_with(expected) && warned.lines().count() == 1, "{warned}");
    assert_eq!(told("app:1\ndocker.io/team/x:2\nlocalhost/x:1\n", conf), "");
    assert_eq!(told("nginx\n", "unqualified-search-registries = [\"docker.io\", \"a.example\"]\n"), "");
}

#[test]
fn skopeo_asks_what_resolve_says_in_the_same_order() {
    let registries = [(); 3].map(|()| Registry::start(Store::new()).unwrap());
    let [first, second, primary] = &registries;
    let conf = format!(
        "[[registry]]\nprefix = \"docker.io/library\"\nlocation = \"{}/prim\"\ninsecure = true\n\
         [[registry.mirror]]\nlocation = \"{}/ns\"\ninsecure = true\n\
         [[registry.mirror]]\nlocation = \"{}\"\ninsecure = true\n\
         [[registry.mirror]]\nlocation = \"{}/never\"\ninsecure = true\npull-from-mirror = \"digest-only\"\n",
        primary.authority(),
        first.authority(),
        second.authority(),
        second.authority(),
    );
    let ours = Tool::new()
        .file("registries.conf", &conf)
        .line("resolve -f json nginx:1.25 --mirrors-from registries.conf")
        .run();
    let resolved: Value = serde_json::from_str(&ours.stdout).expect("one object");
    let used = resolved["endpoints"].as_array().unwrap().iter().filter(|endpoint| endpoint["used"] == true);
    // Insecure: https first, which nobody speaks here.
    let urls: Vec<_> = used.map(|endpoint| endpoint["plain_url"].as_str().unwrap()).collect();
    let expected: Vec<_> = registries
        .iter()
        .zip(["ns/", "", "prim/"])
        .map(|(registry, path)| format!("http://{}/v2/{path}nginx/manifests/1.25", registry.authority()))
        .collect();
    assert_eq!(urls, expected);

    let theirs = Tool::of("skopeo")
        .file("registries.conf", &conf)
        .line("--registries-conf registries.conf inspect --raw docker://docker.io/library/nginx:1.25")
        .run();
    assert_ne!(theirs.code, Some(0), "nobody has the image: {theirs:?}");
    for (registry, url) in registries.iter().zip(&urls) {
        let path = url.strip_prefix(&format!("http://{}", registry.authority())).unwrap();
        assert_eq!((registry.hits_to(path), registry.manifest_hits("GET")), (1, 1), "{path} {theirs:?}");
    }
    // Its last words name those that failed in the order in which they were asked.
    let at = |registry: &Registry| theirs.stderr.find(&format!("{}/", registry.authority())).unwrap();
    assert!(at(first) < at(second) && at(second) < at(primary), "{}", theirs.stderr);
}

#[test]
fn a_prefix_for_kubeadms_images_needs_no_configuration() {
    let run = |args: &str| Tool::new().line("resolve registry.k8s.io/pause:3.9").line(args).run();
    let output = run("--image-repository m.example/google -f json");
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(output.stdout.contains("https://m.example/v2/google/pause/manifests/3.9"), "{}", output.stdout);
    let nothing = run("");
    assert_eq!(nothing.code, Some(2), "{nothing:?}");
    assert!(nothing.stderr.contains("--mirrors-from <PATH>"), "{}", nothing.stderr);
}
