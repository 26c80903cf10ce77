//! Images read where they stand: the list alone, and a check of it.

use registry_check::demo::{Registry, Store, content};

use crate::support::report;
use crate::support::small::{assert_not_asked, mirror, registry};
use crate::support::tool::Tool;

const COMPOSE: &str = "services:\n  web:\n    image: nginx:${TAG:-1.27}\n  cache:\n    image: redis:7\n  open:\n    image: app:${VERSION}\n";
const KUBERNETES: &str = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n    - image: redis:7\n---\na: [\n---\napiVersion: v1\nkind: Pod\nspec:\n  containers:\n    - image: quay.io/org/last:1\n";
const DOCKERFILE: &str = "ARG GO=1.22\nFROM golang:$GO AS build\nRUN <<END\nFROM not:1\nEND\nFROM scratch\nCOPY --from=build /a /a\n";
const WORKFLOW: &str = "on: push\njobs:\n  a:\n    container: node:20\n    steps:\n      - uses: docker://alpine:3.20\n      - uses: actions/checkout@v4\n";
const GITLAB: &str = "default:\n  image: ruby:3\n.base:\n  services: [postgres:16]\ntest:\n  services: !reference [.base, services]\n  script: x\n";

fn tool() -> Tool {
    Tool::new()
        .file("compose.yaml", COMPOSE)
        .file("deploy/pods.yaml", KUBERNETES)
        .file("Dockerfile", DOCKERFILE)
        .file(".github/workflows/ci.yml", WORKFLOW)
        .file(".gitlab-ci.yml", GITLAB)
}

const FOUND: &str = "docker.io/library/nginx:1.27\tcompose.yaml:3
docker.io/library/redis:7\tcompose.yaml:5,deploy/pods.yaml:5
quay.io/org/last:1\tdeploy/pods.yaml:13
docker.io/library/golang:1.22\tDockerfile:2
docker.io/library/node:20\t.github/workflows/ci.yml:4
docker.io/library/alpine:3.20\t.github/workflows/ci.yml:6
docker.io/library/ruby:3\t.gitlab-ci.yml:2
docker.io/library/postgres:16\t.gitlab-ci.yml:4,.gitlab-ci.yml:6
# dynamic: app:${VERSION}\tcompose.yaml:7: the variable VERSION without a value
";
const FILES: &str = "compose.yaml deploy/pods.yaml Dockerfile .github/workflows/ci.yml .gitlab-ci.yml";

#[test]
fn images_of_all_kinds_are_listed_with_their_places_and_the_broken_document_is_told() {
    let output = tool().line("images").line(FILES).run();
    assert_eq!(output.code, Some(2), "{output:?}");
    assert_eq!(output.listed(), FOUND);
    let full = "docker.io/library/redis:7\tcompose.yaml:5 (document 1, services.cache.image),deploy/pods.yaml:5 \
                (document 1, spec.containers[0].image)\n";
    assert!(output.stdout.contains(full), "{}", output.stdout);
    let open = "not known offline: compose.yaml:7: app:${VERSION}: the variable VERSION without a value";
    assert!(output.stderr.contains(open), "{}", output.stderr);
    assert!(output.stderr.contains("deploy/pods.yaml:7: invalid YAML: "), "{}", output.stderr);

    let skipped = tool().line("images --skip-invalid").line(FILES).run();
    assert_eq!((skipped.code, &*skipped.listed()), (Some(0), FOUND), "{skipped:?}");
    let strict = tool().line("images --skip-invalid --strict-inputs").line(FILES).run();
    assert_eq!(strict.code, Some(2), "{strict:?}");
    assert!(strict.stderr.contains("compose.yaml:7: app:${VERSION}"), "{}", strict.stderr);

    // What stands before the tabs is a list again.
    let names = FOUND.lines().filter_map(|line| line.split('\t').next());
    let again: Vec<_> = names.map(|name| format!("{name}\n")).collect();
    let again = Tool::new().file("list.txt", again.concat()).line("images list.txt").run();
    assert_eq!((again.code, again.stdout.lines().count()), (Some(0), 8), "{again:?}");
}

#[test]
fn the_json_list_holds_document_and_key_path() {
    let output = tool().line("images -f json --skip-invalid deploy/pods.yaml").run();
    assert_eq!(output.code, Some(0), "{output:?}");
    let value: serde_json::Value = serde_json::from_str(&output.stdout).expect("JSON");
    assert_eq!(value["schema"], "registry-check/images/v1");
    assert_eq!(value["images"].as_array().expect("images").len(), 2);
    let place = &value["images"][1]["places"][0];
    assert_eq!(value["images"][1]["image"], "quay.io/org/last:1");
    assert_eq!((&place["file"], &place["line"]), (&"deploy/pods.yaml".into(), &13.into()));
    assert_eq!((&place["document"], &place["path"]), (&3.into(), &"spec.containers[0].image".into()));
}

#[test]
fn a_check_reads_manifests_and_says_where_each_image_stands() {
    let (upstream, other) = (registry(&["app"]), registry(&["app"]));
    let manifest = format!(
        "apiVersion: apps/v1\nkind: Deployment\nspec:\n  template:\n    spec:\n      containers:\n        - name: a\n          image: {}/app:1.0\n",
        upstream.authority()
    );
    let output = Tool::new()
        .file("web.yaml", &manifest)
        .line("web.yaml -f csv")
        .args([mirror(&upstream, &other)])
        .run();
    assert_eq!(output.code, Some(0), "{output:?}");
    // The upstream and the mirror have a row each.
    assert_eq!(report::csv(&output.stdout).len(), 2, "{}", output.stdout);
    assert_eq!(output.stdout.matches("web.yaml:8").count(), 2, "{}", output.stdout);
    let path = ",1,spec.template.spec.containers[0].image";
    assert!(output.stdout.lines().skip(1).all(|line| line.ends_with(path)), "{}", output.stdout);

    let quiet = registry(&["app"]);
    let broken = format!("{}---\na: [\n", manifest.replace(&upstream.authority(), &quiet.authority()));
    let refused = Tool::new().file("web.yaml", broken).line("web.yaml").args([mirror(&quiet, &other)]).run();
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert_not_asked(&quiet);
}

#[test]
fn a_heredoc_that_never_ends_is_told_with_its_line() {
    let text = "FROM alpine:3.20\nRUN cat <<END > /x\nFROM swallowed:1\n";
    let output = Tool::new().file("Dockerfile", text).line("images Dockerfile").run();
    assert_eq!(output.code, Some(2), "{output:?}");
    assert_eq!(output.stdout, "docker.io/library/alpine:3.20\tDockerfile:1\n");
    let told = "Dockerfile:2: <<END: the heredoc that begins here has no end\n";
    assert!(output.stderr.starts_with(told), "{}", output.stderr);
}

#[test]
fn folders_that_link_to_themselves_end_and_their_faults_are_warnings() {
    let tool = tool().file("picture.yaml", b"\x89PNG\r\n\x1a\n\0\0\0\r");
    let (dir, deploy) = (tool.dir().to_owned(), tool.dir().join("deploy"));
    std::os::unix::fs::symlink(&dir, deploy.join("up")).expect("a link");
    std::os::unix::fs::symlink("nowhere.yaml", deploy.join("gone.yaml")).expect("a link to nothing");
    std::os::unix::fs::symlink("loop.yaml", deploy.join("loop.yaml")).expect("a link to itself");
    let output = tool.line("images --recursive .").run();
    assert_eq!(output.code, Some(0), "{output:?}");
    let (mut listed, mut expected): (Vec<_>, Vec<_>) = (
        output.stdout.lines().filter_map(|line| line.split('\t').next()).collect(),
        FOUND.lines().filter_map(|line| line.split('\t').next()).collect(),
    );
    listed.sort_unstable();
    expected.sort_unstable();
    assert_eq!(listed, expected);
    for part in [
        "picture.yaml: not text but binary data",
        "deploy/pods.yaml:7: invalid YAML: ",
        "deploy/up: a link to a folder, which is not followed",
        "deploy/loop.yaml: cannot be read: ",
        "deploy/gone.yaml: a link that leads nowhere",
    ] {
        assert!(output.stderr.contains(part), "{part}: {}", output.stderr);
    }
    let plain = Tool::new().file("deploy/a.yaml", "a: b").line("images deploy").run();
    assert_eq!(plain.code, Some(2), "{plain:?}");
    assert!(plain.stderr.contains("--recursive"), "{}", plain.stderr);
}

#[test]
fn aliases_that_multiply_end_with_a_word() {
    let mut bomb = String::from("image: first:1\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..40 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    let output = Tool::new().file("bomb.yaml", bomb).line("images --any-image-key bomb.yaml").run();
    assert_eq!(output.code, Some(2), "{output:?}");
    assert_eq!(output.listed(), "docker.io/library/first:1\tbomb.yaml:1\n");
    assert!(output.stderr.contains("aliases that multiply: not all of it was read"), "{}", output.stderr);
}

#[test]
fn what_patterns_folders_and_files_beside_led_to_is_not_overwritten() {
    let quiet = registry(&["app"]);
    for (read, written) in [
        ("deploy/*.yaml", "deploy/web.yaml"),
        ("deploy --recursive", "deploy/web.yaml"),
        ("deploy --recursive", "deploy/link.yaml"),
        ("deploy --recursive", "deploy/compose.yaml"),
        ("deploy/compose.yaml", "deploy/.env"),
    ] {
        let image = format!("{}/app:1.0", quiet.authority());
        let pod = format!("apiVersion: v1\nkind: Pod\nspec:\n  containers:\n    - image: {image}\n");
        let tool = Tool::new()
            .file("deploy/web.yaml", pod)
            .file("deploy/compose.yaml", format!("services:\n  a:\n    image: {image}${{X}}\n"))
            .file("deploy/.env", "X=")
            // Read, but it named nothing: an earlier report, say.
            .file("deploy/report.json", "{}");
        std::os::unix::fs::symlink("web.yaml", tool.dir().join("deploy/link.yaml")).expect("a link");
        let output = tool.line(read).line("-f json -o").args([written]).run();
        assert_eq!((output.code, &*output.stdout), (Some(2), ""), "{written}: {output:?}");
        let told = format!("cannot write {written}: is read by this run, and would be overwritten\n");
        assert!(output.stderr.contains(&told), "{}", output.stderr);
    }
    assert_not_asked(&quiet);
    let output = Tool::new()
        .file("deploy/report.json", "{}")
        .file(
            "deploy/web.yaml",
            format!(
                "apiVersion: v1\nkind: Pod\nspec: {{containers: [{{image: '{}/app:1.0'}}]}}\n",
                quiet.authority()
            ),
        )
        .line("deploy --recursive -o deploy/report.json")
        .run();
    assert_eq!(output.code, Some(0), "a report may be written again: {output:?}");
}

/// A mirror that lacks one of two platforms is as good as whole for an image that is pulled for the other.
#[test]
fn only_the_platform_that_the_sources_name_is_looked_at() {
    let registry = |lacks: Option<usize>| {
        let index = content::index("app", &["linux/amd64", "linux/arm64"]);
        let mut store = Store::new();
        store.put("app", "1.0", &index);
        if let Some(child) = lacks {
            store.remove_manifest("app", index.children[child].digest());
        }
        Registry::start(store).expect("a port of loopback")
    };
    let (upstream, patchy) = (registry(None), registry(Some(1)));
    let image = format!("{}/app:1.0", upstream.authority());
    let check = |name: &str, text: String| {
        let tool = Tool::new().file(name, text).line(name).args([mirror(&upstream, &patchy)]);
        let output = tool.line("--depth platforms -f json").run();
        let json = report::json(&output.stdout);
        let platforms = json["results"][1]["parts"]["platforms"].as_array().expect("platforms").clone();
        let named = platforms.iter().map(|line| line["platform"].as_str().expect("a name").to_owned());
        (output.code, named.collect::<Vec<_>>().join(" "))
    };
    let dockerfile = |lines: &[&str]| {
        let from = lines.iter().map(|flags| format!("FROM {flags}{image}\n"));
        from.collect::<String>()
    };
    let (amd, arm) = ("--platform=linux/amd64 ", "--platform=linux/arm64 ");
    let both = (Some(1), "linux/amd64 linux/arm64".to_owned());
    assert_eq!(check("Dockerfile", dockerfile(&[amd])), (Some(0), "linux/amd64".to_owned()));
    assert_eq!(check("Dockerfile", dockerfile(&[arm])), (Some(1), "linux/arm64".to_owned()));
    assert_eq!(check("Dockerfile", dockerfile(&[amd, arm])), both);
    assert_eq!(check("Dockerfile", dockerfile(&["--platform=$BUILDPLATFORM "])), both);
    let compose = format!("services:\n  a:\n    image: {image}\n    platform: linux/amd64\n");
    assert_eq!(check("compose.yaml", compose), (Some(0), "linux/amd64".to_owned()));

    let listed = Tool::new().file("Dockerfile", dockerfile(&[arm])).line("images Dockerfile -f json").run();
    let listed: serde_json::Value = serde_json::from_str(&listed.stdout).expect("JSON");
    assert_eq!(listed["images"][0]["places"][0]["platforms"], serde_json::json!(["linux/arm64"]));
}

#[test]
fn manifests_without_an_image_that_is_known_come_with_a_next_step() {
    let refused = |name: &str, text: &str| {
        let output = Tool::new().file(name, text).args([name]).run();
        assert_eq!((output.code, &*output.stdout), (Some(2), ""), "{output:?}");
        output.stderr
    };
    let none = refused("cm.yaml", "apiVersion: v1\nkind: ConfigMap\n");
    let hint = "say what the file is: --input-kind, or --any-image-key for keys named image";
    assert_eq!(none, format!("error: no image to check in cm.yaml\nhint: {hint}\n"));
    let open = refused("compose.yaml", "services:\n  a: {image: $X}\n");
    let hint = "give the names a value: .env beside a Compose file, --env, or --build-arg NAME=VALUE";
    let error = format!("error: no image left to check: no name is known offline\nhint: {hint}\n");
    assert!(open.ends_with(&error), "{open}");
}

#[test]
fn only_the_formats_that_a_list_of_images_has_are_offered() {
    let output = Tool::new().line("images images.txt -f sarif").run();
    assert_eq!(output.code, Some(2), "{output:?}");
    assert!(output.stderr.contains("[possible values: table, csv, markdown, json]"), "{}", output.stderr);
}
