//! Workflows, pipelines, bake files, and lists of what to copy.

use super::*;

const WORKFLOW: &str = r#"name: ci
on: [push]
env:
  image: not-one:1
jobs:
  plain:
    runs-on: ubuntu-latest
    container: node:20
    services:
      db:
        image: postgres:16
        credentials:
          username: me
          password: ${{ secrets.P }}
      off:
        image: ''
      matrix:
        image: ${{ matrix.image }}
      short: redis:7
    steps:
      - uses: actions/checkout@v4
      - uses: docker://alpine:3.20
        with:
          image: not-one:2
      - uses: docker://ghcr.io/o/x:${{ github.sha }}
      - parallel:
          - uses: docker://inner:1
      - run: docker run other:1
  mapped:
    runs-on: [self-hosted, "label:docker://node:18"]
    container:
      image: ghcr.io/org/build@sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc
      options: --cpus 1
  reused:
    uses: org/repo/.github/workflows/x.yml@main
  forgejo:
    runs-on: docker://debian:12
    container: ${{ matrix.c }}
"#;

#[test]
fn workflows_give_containers_services_steps_and_runners() {
    let expected = [
        "8 node:20",
        "11 postgres:16",
        "18 ? ${{ matrix.image }}",
        "19 redis:7",
        "22 alpine:3.20",
        "25 ? docker://ghcr.io/o/x:${{ github.sha }}",
        "27 inner:1",
        "30 node:18",
        "32 ghcr.io/org/build@sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc",
        "37 debian:12",
        "38 ? ${{ matrix.c }}",
    ];
    assert_found(".forgejo/workflows/ci.yml", WORKFLOW, &expected);
    // The content tells as well.
    assert_found("anything.yaml", WORKFLOW, &expected);
    // GitHub has no images as runners.
    let at_github: Vec<_> = expected
        .into_iter()
        .filter(|line| !line.ends_with("node:18") && !line.ends_with("debian:12"))
        .collect();
    assert_found("x/.github/workflows/ci.yml", WORKFLOW, &at_github);
    let told = |line| {
        format!(
            ".github/workflows/ci.yml:{line}: runs-on: an image as a runner is Forgejo's and Gitea's: left out"
        )
    };
    assert_eq!(warnings(".github/workflows/ci.yml", WORKFLOW), [told(30), told(37)]);
}

#[test]
fn actions_give_their_image_and_the_steps_of_composite_ones() {
    let docker = "name: a\nruns:\n  using: docker\n  image: docker://tool:1\n  args: [x]\n";
    assert_found("action.yml", docker, &["4 tool:1"]);
    assert_found("action.yaml", "runs:\n  using: docker\n  image: Dockerfile\n", &[]);
    let composite = "runs:\n  using: composite\n  steps:\n    - run: x\n    - uses: docker://step:2\n";
    assert_found("sub/action.yml", composite, &["5 step:2"]);
}

const GITLAB: &str = r#"stages: [build]
variables:
  TAG: "3.20"
  FULL: {value: "tools:${TAG}", description: d}
image: top:1
services:
  - top-service:1
include:
  - local: /other.yml
default:
  image:
    name: default:1
    entrypoint: [""]
  services: [{name: "default-service:1", alias: d}]
.hidden: &hidden
  image: hidden:$TAG
  services:
    - hidden-service:1
    - name: hidden-service:2
      pull_policy: [always, if-not-present]
.open:
  image: open:$VERSION
anchored:
  <<: *hidden
  script: x
extended:
  extends: [.hidden, .open]
  variables: {VERSION: "9"}
  script: x
referenced:
  image: !reference [.hidden, image]
  services:
    - !reference [.hidden, services]
    - own:1
  script: !reference [.hidden, script]
whole:
  services: !reference [.hidden, services]
lost:
  image: !reference [.elsewhere, image]
build:
  image: ${FULL}
percent:
  image: w:%TAG%
server:
  image: $CI_REGISTRY_IMAGE/app:1
proxied:
  image: ${CI_DEPENDENCY_PROXY_GROUP_IMAGE_PREFIX}/alpine:3.20
pages:
  image: {name: pages:1, pull_policy: always}
input:
  image: x:$[[ inputs.version ]]
workflow:
  image: not-one:1
"#;

#[test]
fn pipelines_give_images_and_services_wherever_gitlab_looks() {
    assert_found(
        ".gitlab-ci.yml",
        GITLAB,
        &[
            "5 top:1",
            "7 top-service:1",
            "12 default:1",
            "14 default-service:1",
            "16 hidden:3.20",
            "18 hidden-service:1",
            "19 hidden-service:2",
            "22 open:9",
            "31 hidden:3.20",
            "33 hidden-service:1",
            "33 hidden-service:2",
            "34 own:1",
            "37 hidden-service:1",
            "37 hidden-service:2",
            "39 ? !reference [.elsewhere, image]",
            "41 tools:3.20",
            "43 w:3.20",
            "45 ? $CI_REGISTRY_IMAGE/app:1",
            "47 alpine:3.20",
            "49 pages:1",
            "51 ? x:$[[ inputs.version ]]",
        ],
    );
    assert_eq!(
        warnings(".gitlab-ci.yml", "include: [{remote: 'https://e.test/x.yml'}]\na: {image: b}\n"),
        [".gitlab-ci.yml:1: include: not followed: it stands outside of this repository"]
    );
    // Templates that name each other end.
    let circle =
        "stages: [a]\n.a: {extends: .b, image: a:1}\n.b: {extends: .a}\nc: {image: !reference [c, image]}\n";
    assert_found("x.yml", circle, &["2 a:1", "4 ? !reference [c, image]"]);
}

#[test]
fn bake_files_give_contexts_and_caches() {
    let text = r#"{
  "variable": {"TAG": {"default": "3.20"}, "OPEN": {}},
  "group": {"default": {"targets": ["app"]}},
  "target": {
    "app": {
      "contexts": {
        "alpine": "docker-image://alpine:${TAG}",
        "open": "docker-image://x:${OPEN}",
        "other": "target:base",
        "sources": "../src"
      },
      "tags": ["example.test/app:1"],
      "cache-from": [
        "example.test/app:cache",
        "type=registry,ref=example.test/app:c2",
        {"type": "registry", "ref": "example.test/app:c3"},
        {"type": "gha"},
        "type=gha"
      ]
    },
    "base": [{"contexts": {
      "b": "docker-image://busybox:1"}}]
  }
}
"#;
    let expected = [
        "7 alpine:3.20",
        "8 ? docker-image://x:${OPEN}",
        "14 example.test/app:cache",
        "15 example.test/app:c2",
        "16 example.test/app:c3",
        "22 busybox:1",
    ];
    assert_found("docker-bake.json", text, &expected);
    assert_found("printed.json", text, &expected);
    let hcl = read_text("", Some(Path::new("x.hcl")), &options(None), &"x".into(), &mut Inputs::default());
    assert!(matches!(hcl, Err(FileFault::Hcl)), "{hcl:?}");
}

#[test]
fn lists_of_what_to_copy_give_the_tags_that_they_name() {
    let skopeo = "docker.io:\n  tls-verify: true\n  credentials: {username: a, password: b}\n  images:\n    nginx: [\"1.27\", '1.28']\n    all: []\n    pinned:\n      - sha256:dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd\n  images-by-tag-regex:\n    redis: ^7\\.\nquay.io:\n  images-by-semver:\n    org/app: \">= 1.0\"\n  images:\n    org/x:\n      - latest\n";
    let expected = [
        "5 nginx:1.27",
        "5 nginx:1.28",
        "6 ? docker.io/all",
        "8 pinned@sha256:dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd",
        "10 ? docker.io/redis: ^7\\.",
        "13 ? quay.io/org/app: >= 1.0",
        "16 quay.io/org/x:latest",
    ];
    assert_found("sync.yml", skopeo, &expected);
    let regsync = "version: 1\ncreds: [{registry: e.test, pass: x}]\nsync:\n  - source: busybox:1\n    target: e.test/busybox:1\n    type: image\n  - source: quay.io/org/app\n    target: e.test/app\n    type: repository\n    tags: {allow: [\"v1.*\"]}\n  - source: quay.io\n    target: e.test\n    type: registry\n";
    assert_found("regsync.yml", regsync, &["4 busybox:1", "7 ? quay.io/org/app", "11 ? quay.io"]);
    let local = "version: 1\nsync:\n- {source: 'ocidir:///x:1', target: y, type: image}\n- {source: 'ocifile://x', target: y, type: \
                 repository}\n- {source: 'busybox:1', target: z, type: image}\n";
    assert_found("regsync.yml", local, &["5 busybox:1"]);
    assert_eq!(
        warnings("regsync.yml", local),
        [
            "regsync.yml:3: source: ocidir is a folder, no registry: left out",
            "regsync.yml:4: source: ocifile is a folder, no registry: left out",
        ]
    );
}

#[test]
fn a_workflow_without_a_trigger_is_known_by_its_jobs() {
    for text in [
        "jobs: {a: {container: 'node:20'}}\n",
        "name: x\njobs: {a: {runs-on: x, steps: [{uses: 'docker://node:20'}]}}\n",
        "jobs:\n  a:\n    steps:\n      - uses: docker://node:20\n",
    ] {
        let mut inputs = Inputs::default();
        read_text(text, None, &options(None), &"stdin".into(), &mut inputs).unwrap();
        let names: Vec<_> = inputs.images.iter().map(|image| image.value.to_string()).collect();
        assert_eq!((&names[..], &inputs.bad[..]), (&["docker.io/library/node:20".to_owned()][..], &[][..]));
    }
    let circle = "version: 2.1\njobs: {a: {docker: [{image: 'cimg/go:1'}], steps: [checkout]}}\n";
    let mut inputs = Inputs::default();
    let read = read_text(circle, Some(Path::new("c.yml")), &options(None), &"c.yml".into(), &mut inputs);
    assert!(matches!(read, Err(FileFault::UnknownKind)), "{read:?}");
}
