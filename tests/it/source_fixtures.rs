//! Inputs shaped like the real thing, each with its exact list of images and places, by the built program.
//!
//! `tests/fixtures/inputs/*/expected` has a line for each place: `FILE:LINE DOCUMENT PATH IMAGE`, `?` before what
//! cannot be known offline, and `FILE:LINE ! TEXT` for what is wrong.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::tool::{Output, Tool};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/inputs").join(name)
}

/// A run in a copy of the fixture: some readers look what lies beside a file.
fn run(name: &str, flags: &str) -> Output {
    let tool = Tool::new();
    let from = format!("{}/.", fixture(name).display());
    let copied = Command::new("cp").args(["-R", &from]).arg(tool.dir()).status().expect("cp");
    assert!(copied.success());
    tool.line("images -f json --skip-invalid").line(flags).run()
}

fn found(output: &Output) -> Vec<String> {
    assert_eq!(output.code, Some(0), "{output:?}");
    let listing: Value = serde_json::from_str(&output.stdout).expect("JSON");
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let line = |place: &Value, what: String| {
        let document = place["document"].as_u64().map(|number| format!("{number} ")).unwrap_or_default();
        let path = text(&place["path"]).unwrap_or_else(|| "-".to_owned());
        format!("{}:{} {document}{path} {what}", text(&place["file"]).unwrap_or_default(), place["line"])
    };
    let mut lines = Vec::new();
    for image in listing["images"].as_array().expect("images") {
        for place in image["places"].as_array().expect("places") {
            lines.push(line(place, text(&image["image"]).expect("a name")));
        }
    }
    for entry in listing["dynamic"].as_array().expect("dynamic") {
        lines.push(line(entry, format!("? {}", text(&entry["input"]).expect("a text"))));
    }
    for skipped in output.stderr.lines().filter_map(|line| line.strip_prefix("warn: skipped ")) {
        let (place, rest) = skipped.split_once(": ").expect("a place");
        let (what, _) = rest.split_once(": invalid ").expect("a text and its fault");
        lines.push(format!("{place} ! {what}"));
    }
    lines
}

#[track_caller]
fn assert_found(output: &Output, name: &str, expected: &[&str]) {
    let mut wanted = Vec::new();
    for file in expected {
        let text = fs::read_to_string(fixture(name).join(file)).expect("what is expected");
        wanted.extend(text.lines().map(str::to_owned));
    }
    let mut found = found(output);
    found.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(found, wanted, "{name}");
}

#[test]
fn forty_documents_of_helm_give_what_their_pods_pull_and_no_more() {
    let text = fs::read_to_string(fixture("helm/rendered.yaml")).expect("a rendering");
    let documents = text.lines().filter(|line| line.starts_with("kind: ")).count();
    assert_eq!(documents, 40);
    let plain = run("helm", "rendered.yaml");
    assert_found(&plain, "helm", &["expected"]);
    assert_eq!(plain.stderr, "");
    assert!(!plain.stdout.contains("registry.invalid"));
    let any = run("helm", "--any-image-key rendered.yaml");
    assert_found(&any, "helm", &["expected", "expected.any-image-key"]);
}

#[test]
fn every_form_of_interpolation_gives_what_compose_makes_of_it() {
    assert_found(&run("compose", "compose.yaml"), "compose", &["expected"]);
}

#[test]
fn multi_stage_dockerfiles_give_what_buildkit_pulls() {
    let output = run("dockerfile", "Dockerfile");
    assert_found(&output, "dockerfile", &["expected"]);
    assert!(!output.stdout.contains("registry.invalid"));
    assert_found(&run("dockerfile", "windows.Dockerfile"), "dockerfile", &["expected.windows"]);
}

#[test]
fn build_arguments_go_before_defaults_and_fill_what_is_open() {
    let flags = "--build-arg NOWHERE=3.21 --build-arg TARGETARCH=arm64 --build-arg GO_VERSION=1.23 \
                 --build-arg UNDECLARED=x --build-arg TOOLS=y Dockerfile";
    let output = run("dockerfile", flags);
    let mut wanted = fs::read_to_string(fixture("dockerfile/expected")).expect("what is expected");
    for (from, to) in [
        ("? alpine:${NOWHERE}", "docker.io/library/alpine:3.21"),
        ("? alpine:3-$TARGETARCH", "docker.io/library/alpine:3-arm64"),
        ("golang:1.22-bookworm", "golang:1.23-bookworm"),
    ] {
        assert!(wanted.contains(from), "{from}");
        wanted = wanted.replace(from, to);
    }
    let mut found = found(&output);
    let mut wanted: Vec<_> = wanted.lines().map(str::to_owned).collect();
    found.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(found, wanted);
    let bad = run("dockerfile", "--build-arg NOWHERE Dockerfile");
    assert_eq!(bad.code, Some(2));
    assert!(bad.stderr.contains("expected NAME=VALUE"), "{}", bad.stderr);
}

#[test]
fn pipelines_are_read_with_what_they_include_from_their_repository() {
    let output = run("gitlab", ".gitlab-ci.yml");
    assert_found(&output, "gitlab", &["expected"]);
    let warnings: Vec<_> =
        output.stderr.lines().filter(|line| line.starts_with("warn: .gitlab-ci.yml:")).collect();
    let outside = "include: not followed: it stands outside of this repository";
    assert_eq!(
        warnings,
        [
            &*format!("warn: .gitlab-ci.yml:6: {outside}"),
            &*format!("warn: .gitlab-ci.yml:7: {outside}"),
            &*format!("warn: .gitlab-ci.yml:9: {outside}"),
            "warn: .gitlab-ci.yml:4: include: ci/../../outside.yml: not followed: it leads out of the repository",
            "warn: .gitlab-ci.yml:5: include: /ci/missing.yml: no such file in this repository",
        ]
    );
    // The same files once more, on their own: each place is told once.
    let named = run("gitlab", ".gitlab-ci.yml ci/jobs/lint.yml");
    assert_found(&named, "gitlab", &["expected"]);
}

#[test]
fn includes_start_at_the_repository_and_never_lead_out_of_it() {
    let tool = Tool::new()
        .file("repo/.git/HEAD", "")
        .file(
            "repo/app/.gitlab-ci.yml",
            "include: [/shared/a.yml, /link.yml, /folder/b.yml, /broken.yml]\nx:\n  image: own:1\n",
        )
        .file("repo/shared/a.yml", "include: /app/.gitlab-ci.yml\na:\n  image: shared:1\n")
        .file("repo/broken.yml", "b:\n  image: [\n")
        .file("outside/b.yml", "o:\n  image: outside:1\n");
    let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, tool.dir().join(name)).expect("a link");
    link("../outside/b.yml", "repo/link.yml");
    link("../outside", "repo/folder");
    let output = tool.line("images repo/app/.gitlab-ci.yml").run();
    assert_eq!(output.code, Some(2), "{output:?}");
    let expected = "docker.io/library/own:1\trepo/app/.gitlab-ci.yml:3\n\
                    docker.io/library/shared:1\trepo/shared/a.yml:3\n";
    assert_eq!(output.listed(), expected);
    let out = "not followed: it leads out of the repository";
    for told in [
        format!("warn: repo/app/.gitlab-ci.yml:1: include: /link.yml: {out}\n"),
        format!("warn: repo/app/.gitlab-ci.yml:1: include: /folder/b.yml: {out}\n"),
        "repo/broken.yml:".to_owned(),
    ] {
        assert!(output.stderr.contains(&told), "{told}: {}", output.stderr);
    }
}

#[test]
fn sboms_give_their_containers() {
    let digest = "a".repeat(64);
    let cyclone = format!(
        "{{\"bomFormat\": \"CycloneDX\", \"specVersion\": \"1.5\",\n\"metadata\": {{\"component\":\n {{\"type\": \"container\", \"name\": \"nginx:1.27\", \"version\": \"sha256:{digest}\"}}}},\n\"components\": [\n {{\"type\": \"library\", \"name\": \"openssl\", \"version\": \"3\", \"purl\": \"pkg:deb/debian/openssl@3\"}},\n {{\"type\": \"container\", \"name\": \"app\", \"purl\":\n  \"pkg:oci/app@sha256%3A{digest}?repository_url=ghcr.io%2Forg%2Fapp&tag=1.2\"}},\n {{\"type\": \"container\", \"name\": \"quay.io/org/side\", \"version\": \"v2\",\n  \"components\": [{{\"type\": \"container\", \"name\": \"inner\", \"purl\":\n   \"pkg:oci/inner@sha256:{digest}\"}}]}}]}}\n"
    );
    let spdx = format!(
        "{{\"spdxVersion\": \"SPDX-2.3\", \"packages\": [\n {{\"name\": \"x\", \"externalRefs\": [{{\"referenceType\": \"purl\",\n  \"referenceLocator\": \"pkg:docker/library/redis@7\"}}]}},\n {{\"name\": \"docker.io/library/alpine\", \"versionInfo\": \"sha256:{digest}\", \"primaryPackagePurpose\": \"CONTAINER\"}},\n {{\"name\": \"glibc\", \"versionInfo\": \"2\", \"primaryPackagePurpose\": \"LIBRARY\"}}]}}\n"
    );
    let tool = Tool::new().file("app.cdx.json", cyclone).file("app.spdx.json", spdx);
    let output = tool.line("images app.cdx.json app.spdx.json").run();
    assert_eq!(output.code, Some(0), "{output:?}");
    let expected = format!(
        "docker.io/library/nginx:1.27@sha256:{digest}\tapp.cdx.json:3\n\
         ghcr.io/org/app:1.2@sha256:{digest}\tapp.cdx.json:7\n\
         quay.io/org/side:v2\tapp.cdx.json:8\n\
         docker.io/library/redis:7\tapp.spdx.json:3\n\
         docker.io/library/alpine@sha256:{digest}\tapp.spdx.json:4\n\
         # dynamic: pkg:oci/inner@sha256:{digest}\tapp.cdx.json:10: its repository is not named\n"
    );
    assert_eq!(output.listed(), expected);
    assert!(output.stderr.contains("app.cdx.json:10: pkg:oci/inner@"), "{}", output.stderr);
}

#[test]
fn dockerfiles_inside_bake_files_are_read_with_their_arguments() {
    let bake = "{\"variable\": {\"GO\": {\"default\": \"1.23\"}},\n\"target\": {\"app\": {\n\"args\": {\"VERSION\": \"${GO}\"},\n\"contexts\": {\"named\": \"target:base\"},\n\"dockerfile-inline\": \"ARG VERSION=1\\nFROM golang:$VERSION AS build\\nFROM named\\nCOPY --from=build /a /a\\nCOPY --from=alpine:3.20 /b /b\\n\"}}}\n";
    let output = Tool::new().file("docker-bake.json", bake).line("images -f csv docker-bake.json").run();
    assert_eq!(output.code, Some(0), "{output:?}");
    let rows: Vec<_> = output.stdout.lines().skip(1).collect();
    let path = "target.app.dockerfile-inline";
    assert_eq!(
        rows,
        [
            &*format!(
                "docker.io/library/golang:1.23,docker-bake.json:5,docker-bake.json,5,1,{path},golang:$VERSION,"
            ),
            &*format!(
                "docker.io/library/alpine:3.20,docker-bake.json:5,docker-bake.json,5,1,{path},alpine:3.20,"
            ),
        ]
    );
}

/// A chain of `links` files that extend each other, with the image in the last, as `images` shows it.
fn images_behind_files(links: usize) -> Output {
    let mut tool = Tool::new().file(&format!("e{links}.yaml"), "services: {a: {image: \"a:1\"}}\n");
    for at in 0..links {
        let next = at + 1;
        let text = format!("services:\n  a: {{extends: {{file: e{next}.yaml, service: a}}}}\n");
        tool = tool.file(&format!("e{at}.yaml"), text);
    }
    tool.line("images e0.yaml").run()
}

#[test]
fn a_long_chain_of_extends_gives_its_image_and_one_too_long_a_warning() {
    let long = images_behind_files(17);
    assert_eq!((long.code, &*long.listed()), (Some(0), "docker.io/library/a:1\te17.yaml:1\n"), "{long:?}");
    let too_long = images_behind_files(101);
    let why = "e100.yaml:2: extends: more than 100 services that extend each other: the rest is left out";
    assert!(too_long.stderr.contains(why), "{too_long:?}");
    assert!(!too_long.stdout.contains("a:1"), "{too_long:?}");
}

#[test]
fn whoever_extends_a_built_service_is_built_however_far_it_is() {
    let mut text = "services:\n".to_owned();
    for at in 0..=30 {
        text.push_str(&format!("  s{at}: {{image: \"s{at}:1\", extends: s{}}}\n", at + 1));
    }
    text.push_str("  s31: {build: .}\n  other: {image: \"other:1\"}\n");
    let output = Tool::new().file("compose.yaml", text).line("images compose.yaml").run();
    let expected = "docker.io/library/other:1\tcompose.yaml:34\n";
    assert_eq!((output.code, &*output.listed()), (Some(0), expected), "{output:?}");
    assert!(!output.stderr.contains("extends"), "{output:?}");
}

fn gitlab_images(text: &str) -> Output {
    Tool::new().file(".gitlab-ci.yml", text).line("images --strict-inputs .gitlab-ci.yml").run()
}

#[test]
fn what_every_job_of_a_pipeline_overrides_is_not_pulled() {
    let own = "docker.io/library/e:1\t.gitlab-ci.yml:";
    for (text, line) in [
        ("default: {image: \"ud:$V\"}\ne: {image: \"e:1\", script: [x]}\n", 2),
        ("image: \"ud:$V\"\ne: {image: \"e:1\", script: [x]}\n", 2),
        (
            ".x: {image: \"overridden:1\", services: [\"os:1\"]}\n\
             e: {extends: .x, image: \"e:1\", services: [], script: [x]}\n",
            2,
        ),
    ] {
        let output = gitlab_images(text);
        assert_eq!((output.code, &*output.listed()), (Some(0), &*format!("{own}{line}\n")), "{output:?}");
    }
}

#[test]
fn what_jobs_elsewhere_may_pull_stays_in_the_list() {
    // A file without jobs is there to be included.
    let alone = gitlab_images("stages: [a]\ndefault: {image: \"d:1\"}\n.x: {image: \"x:1\"}\n");
    let expected = "docker.io/library/d:1\t.gitlab-ci.yml:2\ndocker.io/library/x:1\t.gitlab-ci.yml:3\n";
    assert_eq!((alone.code, &*alone.listed()), (Some(0), expected), "{alone:?}");
    // A template that no job uses.
    let unused = gitlab_images(".x: {image: \"x:1\"}\ne: {image: \"e:1\", script: [x]}\n");
    let expected = "docker.io/library/x:1\t.gitlab-ci.yml:1\ndocker.io/library/e:1\t.gitlab-ci.yml:2\n";
    assert_eq!((unused.code, &*unused.listed()), (Some(0), expected), "{unused:?}");
    // Jobs that are included from elsewhere, and one whose template is elsewhere.
    for text in [
        "default: {image: \"d:1\"}\ninclude: \"https://example.com/a.yml\"\ne: {image: \"e:1\", script: [x]}\n",
        "default: {image: \"d:1\"}\ne: {extends: .gone, script: [x]}\n",
    ] {
        let open = gitlab_images(text);
        assert!(open.listed().contains("docker.io/library/d:1\t.gitlab-ci.yml:1\n"), "{open:?}");
    }
}

#[test]
fn templates_deeper_than_gitlab_follows_are_told_as_that() {
    let mut text = "e: {extends: .t0, script: [x]}\n".to_owned();
    for at in 0..15 {
        text.push_str(&format!(".t{at}: {{extends: .t{}}}\n", at + 1));
    }
    text.push_str(".t15: {image: \"deep:$V\"}\n");
    let output = gitlab_images(&text);
    assert_eq!(output.code, Some(2), "{output:?}");
    let why = "what the template .t11 says, which stands deeper than the 11 levels that GitLab follows";
    assert!(output.stdout.contains(why), "{output:?}");
    assert!(!output.stdout.contains("of which none is here"), "{output:?}");
}
