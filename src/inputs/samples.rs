//! Every kind of input as people write it, and exactly what is found in it, on which lines.
//!
//! What is found is written as one line each: `LINE IMAGE`, `LINE ? TEXT` for what cannot be known offline,
//! `LINE ! TEXT` for what is wrong.

use super::*;

fn options(kind: Option<Kind>) -> Options {
    Options { kind, ..Options::default() }
}

/// What `text` in a file of this name holds, by line.
fn found_with(name: &str, text: &str, options: &Options) -> Vec<String> {
    let mut inputs = Inputs::default();
    let shared = Arc::from(name);
    let text = text::decode(text.as_bytes().to_vec()).unwrap();
    read_text(&text, Some(Path::new(name)), options, &shared, &mut inputs).unwrap();
    let mut lines: Vec<(u32, String)> = Vec::new();
    let short = |image: &ImageRef| {
        let text = image.to_string();
        let text = text.strip_prefix("docker.io/").unwrap_or(&text);
        text.strip_prefix("library/").unwrap_or(text).to_owned()
    };
    lines.extend(inputs.images.iter().map(|image| (image.origin.line, short(&image.value))));
    lines.extend(inputs.dynamic.iter().map(|entry| (entry.origin.line, format!("? {}", entry.text))));
    lines.extend(inputs.bad.iter().map(|bad| (bad.origin.line, format!("! {}", bad.text))));
    lines.sort_by_key(|(line, _)| *line);
    lines.into_iter().map(|(line, text)| format!("{line} {text}")).collect()
}

fn found(name: &str, text: &str) -> Vec<String> {
    found_with(name, text, &options(None))
}

fn warnings(name: &str, text: &str) -> Vec<String> {
    let mut inputs = Inputs::default();
    read_text(text, Some(Path::new(name)), &options(None), &Arc::from(name), &mut inputs).unwrap();
    inputs.warnings
}

#[track_caller]
fn assert_found(name: &str, text: &str, expected: &[&str]) {
    assert_eq!(found(name, text), expected, "{name}:\n{text}");
}

#[test]
fn what_compose_resets_is_not_there() {
    assert_found(
        "compose.yaml",
        "services:\n  a:\n    image: !reset null\n  k: !reset {image: foo:1}\n  b:\n    build: !reset null\n    \
         image: bar:1\n  c:\n    build: {context: ., cache_from: !reset [cache:1]}\nx-d: !reset {image: foo:2}\n",
        &["7 bar:1"],
    );
}

#[test]
fn values_that_are_no_texts_are_faults_as_the_runtimes_have_it() {
    let values =
        ["true", "12", "1.5", "0x1F", "-1", "'12'", "\"true\"", "1.5-alpine", "${N:-12}", "nan", "~"];
    let mut text = "services:\n".to_owned();
    for (at, value) in values.iter().enumerate() {
        text.push_str(&format!("  s{at}: {{image: {value}}}\n"));
    }
    let expected = [
        "2 ! true",
        "3 ! 12",
        "4 ! 1.5",
        "5 ! 0x1F",
        "6 ! -1",
        "7 12:latest",
        "8 true:latest",
        "9 1.5-alpine:latest",
    ];
    let rest = ["10 12:latest", "11 nan:latest"];
    assert_found(
        "compose.yaml",
        &text.replace("{N:-12}}", "{N:-12}'}").replace("$", "'$"),
        &[&expected[..], &rest].concat(),
    );
    let pod =
        "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: true\n  - image: 12\n  - image: a:1\n";
    assert_found("pod.yaml", pod, &["5 ! true", "6 ! 12", "7 a:1"]);
    let any = Options { any_image_key: crate::inputs::AnyImageKey::Yes, ..Options::default() };
    assert_eq!(
        found_with("custom.yaml", "kind: My\napiVersion: a/b\nspec: {image: false}\n", &any),
        ["3 ! false"]
    );
}

#[test]
fn a_service_that_extends_one_that_is_built_is_built() {
    assert_found(
        "compose.yaml",
        "services:\n  base:\n    build: .\n  one:\n    extends: base\n    image: one:1\n  two:\n    extends: {service: one}\n    \
         image: two:1\n  three:\n    extends: {service: base}\n    build: !reset null\n    image: three:1\n  round:\n    \
         extends: round\n    image: round:1\n  gone:\n    extends: nobody\n    image: gone:1\n",
        &["13 three:1", "16 round:1", "19 gone:1"],
    );
}

const COMPOSE: &str = r#"x-base: &base
  image: base:1
  restart: always
services:
  web:
    image: "nginx:${TAG:-1.27}"
    ports: ["80:80"]
  db:
    image: postgres:${PG}
  merged:
    <<: *base
  built:
    image: example.test/app:dev
    build:
      context: .
      additional_contexts:
        alpine: docker-image://alpine:3.20
        sources: ../src
      cache_from:
        - example.test/app:cache
        - type=registry,ref=example.test/app:buildcache
        - type=gha
        - type=local,src=/tmp/x
  only-built:
    build: .
  listed:
    build:
      context: .
      additional_contexts:
        - base=docker-image://busybox:1
        - other=../x
  hosted:
    provider:
      type: model
  needs:
    image: ${NEEDED:?tell me}
  wrong:
    image: ${A/b/c}
  dollars:
    image: a$${b}
  empty:
    image:
"#;

#[test]
fn compose_files_give_services_contexts_caches_and_extensions() {
    assert_found(
        "compose.yaml",
        COMPOSE,
        &[
            "2 base:1",
            "6 nginx:1.27",
            "9 ? postgres:${PG}",
            "17 alpine:3.20",
            "20 example.test/app:cache",
            "21 example.test/app:buildcache",
            "30 busybox:1",
            "36 ? ${NEEDED:?tell me}",
            "38 ! ${A/b/c}",
            "40 ! a$${b}",
        ],
    );
    let built = Options { built: Built::Take, ..Options::default() };
    assert!(found_with("compose.yaml", COMPOSE, &built).contains(&"13 example.test/app:dev".to_owned()));
    // Version 1 has its services at the top, and only the name says what it is.
    assert_found(
        "docker-compose.yml",
        "web:\n  image: nginx\ndb:\n  image: redis:7\n",
        &["2 nginx:latest", "4 redis:7"],
    );
    assert_eq!(
        warnings(
            "compose.yml",
            "include: [other.yaml]\nservices:\n  a:\n    extends: {file: b.yaml, service: a}\n"
        ),
        [
            "compose.yml:1: include: not followed; name those files too",
            "compose.yml:4: extends: a service of another file is not followed; name that file too",
        ]
    );
}

#[test]
fn every_workload_gives_its_containers() {
    let pod = "containers: [{name: a, image: \"a:1\"}]";
    for (kind, spec) in [
        ("Pod", format!("spec: {{{pod}}}")),
        ("PodTemplate", format!("template: {{spec: {{{pod}}}}}")),
        ("Deployment", format!("spec: {{template: {{spec: {{{pod}}}}}}}")),
        ("ReplicaSet", format!("spec: {{template: {{spec: {{{pod}}}}}}}")),
        ("StatefulSet", format!("spec: {{template: {{spec: {{{pod}}}}}}}")),
        ("DaemonSet", format!("spec: {{template: {{spec: {{{pod}}}}}}}")),
        ("Job", format!("spec: {{template: {{spec: {{{pod}}}}}}}")),
        ("ReplicationController", format!("spec: {{template: {{spec: {{{pod}}}}}}}")),
        ("CronJob", format!("spec: {{jobTemplate: {{spec: {{template: {{spec: {{{pod}}}}}}}}}}}")),
    ] {
        assert_found("x.yaml", &format!("apiVersion: v1\nkind: {kind}\n{spec}\n"), &["3 a:1"]);
    }
    // The same elsewhere is none: nobody knows what such a kind means by it.
    assert_found("x.yaml", &format!("apiVersion: e.test/v1\nkind: Thing\nspec: {{{pod}}}\n"), &[]);
}

const PODS: &str = r"# Source: chart/templates/pod.yaml
apiVersion: v1
kind: Pod
spec:
  initContainers:
    - image: init:1
      name: i
  containers:
    - name: web
      image: 'quay.io/org/web@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'
    - name: filled-by-an-overlay
    - name: typed
      image: ${REGISTRY}/app
  ephemeralContainers:
    - image: busybox
  volumes:
    - name: data
      image:
        reference: quay.io/data/models:v2
        pullPolicy: IfNotPresent
    - name: none
      emptyDir: {}
---
# nothing
---
apiVersion: v1
kind: ConfigMap
data:
  image: not-one:1
---
apiVersion: v1
kind: List
items:
  - apiVersion: v1
    kind: Pod
    spec: {containers: [{image: listed:1}]}
  - apiVersion: v1
    kind: List
    items:
      - kind: Pod
        apiVersion: v1
        spec:
          containers:
            - image: nested:1
---
apiVersion: v1
kind: PodList
items:
  - spec:
      containers:
        - image: typed-list:1
---
a: [
---
apiVersion: v1
kind: Pod
spec:
	containers: []
---
apiVersion: v1
kind: Pod
kind: Pod
---
apiVersion: batch/v1
kind: Job
spec: {template: {spec: {containers: [{image: 'last:1'}]}}}
";

#[test]
fn streams_give_every_document_that_can_be_read() {
    assert_found(
        "rendered.yaml",
        PODS,
        &[
            "6 init:1",
            "10 quay.io/org/web@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "13 ? ${REGISTRY}/app",
            "15 busybox:latest",
            "19 quay.io/data/models:v2",
            "36 listed:1",
            "44 nested:1",
            "51 typed-list:1",
            "53 ! ",
            "58 ! ",
            "62 ! ",
            "66 last:1",
        ],
    );
}

#[test]
fn json_lists_and_kustomizations_are_kubernetes_too() {
    let json = "{\n \"apiVersion\": \"v1\", \"kind\": \"List\",\n \"items\": [\n  {\"apiVersion\": \"v1\", \"kind\": \"Pod\",\n   \"spec\": {\"containers\": [\n    {\"image\": \"a:1\"},\n    {\"image\": \"b:2\"}]}}]}\n";
    assert_found("pods.json", json, &["6 a:1", "7 b:2"]);
    let images = "resources: [a.yaml]\nimages:\n  - name: nginx\n    newTag: \"1.27\"\n  - name: redis\n    newName: mirror.test/redis\n    newTag: 7.2\n  - name: app\n    newName: mirror.test/app\n  - name: pinned\n    digest: sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\n  - name: alone\n";
    let expected = [
        "4 nginx:1.27",
        "6 mirror.test/redis:7.2",
        "9 ? mirror.test/app",
        "11 pinned@sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
    ];
    assert_found("kustomization.yaml", images, &expected);
    let header =
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nimages: [{name: a, newTag: b}]\n";
    assert_found("any.yaml", header, &["3 a:b"]);
}

#[test]
fn custom_resources_give_images_only_where_every_key_counts() {
    let text = "apiVersion: e.test/v1\nkind: Thing\nspec:\n  image: a:1\n  agent:\n    image:\n      registry: quay.io\n      repository: org/b\n      tag: 2\n  other:\n    image: {repository: c}\n  list:\n    - image: d:4\n";
    assert_found("x.yaml", text, &[]);
    let any = Options { any_image_key: AnyImageKey::Yes, ..Options::default() };
    assert_eq!(found_with("x.yaml", text, &any), ["4 a:1", "8 quay.io/org/b:2", "11 ? c", "13 d:4"]);
    let values = "global: {}\nimage:\n  repository: nginx\n  tag: ''\nsidecar:\n  image: e:5\n";
    assert_eq!(found_with("values.yaml", values, &any), ["3 ? nginx", "6 e:5"]);
}

#[test]
fn templates_are_told_from_broken_yaml() {
    let mut inputs = Inputs::default();
    let text = "apiVersion: v1\nkind: Pod\n{{- if .Values.x }}\nspec: {}\n{{- end }}\n";
    let name = Arc::from("templates/pod.yaml");
    read_text(text, Some(Path::new("templates/pod.yaml")), &options(None), &name, &mut inputs).unwrap();
    assert_eq!(
        inputs.bad.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["templates/pod.yaml:3: a template, not YAML: render it first (`helm template`)"]
    );
}

const DOCKERFILE: &str = r#"# syntax=docker/dockerfile:1.7
# check=skip=all

ARG GO=1.22 DEBIAN=bookworm
ARG REGISTRY=quay.io
ARG BASE=${REGISTRY}/org/base:${GO%.22}
ARG NOWHERE
from --platform=$BUILDPLATFORM golang:${GO}-$DEBIAN as Build
ARG LATER=x
RUN --mount=type=bind,from=tools/mount:1,target=/t --mount=type=cache,target=/c \
    # FROM comment:1
    --mount=type=bind,from=build,target=/b \

    --mount=type=bind,target=/d,from=second/mount:2 \
    echo FROM inside:1
RUN <<EOF
FROM heredoc:1
COPY --from=heredoc:2 a b
EOF
COPY <<-"ONE" <<TWO /x/
FROM one:1
	ONE
FROM two:1
TWO
FROM ${BASE} AS runtime
COPY --chown=1:1 --from=build /a /a
COPY --from=0 /b /b
COPY --from=BUILD /b /b
COPY --from=busybox:1.36 \
  /bin/sh /sh
COPY --from=$X /c /c
ONBUILD COPY --from=onbuild/copy:1 /d /d
FROM scratch
FROM build
FROM alpine:${NOWHERE}
FROM alpine:$TARGETARCH
FROM app:${LATER:-3}
FROM "quoted:1"
FROM later AS x
FROM one two
FROM ${EMPTY:-}
CMD ["FROM", "cmd:1"]
"#;

#[test]
fn dockerfiles_give_bases_copies_mounts_and_the_frontend() {
    assert_found(
        "Dockerfile",
        DOCKERFILE,
        &[
            "1 docker/dockerfile:1.7",
            "8 golang:1.22-bookworm",
            "10 tools/mount:1",
            "14 second/mount:2",
            "25 quay.io/org/base:1",
            "29 busybox:1.36",
            "31 ? $X",
            "32 onbuild/copy:1",
            "35 ? alpine:${NOWHERE}",
            "36 ? alpine:$TARGETARCH",
            "37 app:3",
            "38 quoted:1",
            "39 later:latest",
            "40 ! FROM one two",
            "41 ! ${EMPTY:-}",
        ],
    );
}

#[test]
fn directives_stand_only_at_the_top_and_choose_the_escape() {
    let windows = "# escape=`\r\nFROM win:1 `\r\n  AS b\r\nRUN dir C:\\\r\nCOPY --from=b C:\\a\\ C:\\b\\\r\nFROM b\r\nFROM next:2\r\n";
    assert_found("Dockerfile", windows, &["2 win:1", "7 next:2"]);
    assert_found("Dockerfile", "\u{feff}# syntax = a/b:1 \nFROM x\\\n:1\n", &["1 a/b:1", "2 x:1"]);
    assert_found("Dockerfile", "# a comment\n# syntax=a/b:1\nFROM x:1\n", &["3 x:1"]);
    assert_found(
        "Containerfile",
        "FROM x:1\n# syntax=a/b:1\n# escape=`\nFROM y:\\\n2\n",
        &["1 x:1", "4 y:2"],
    );
    assert_found("a.dockerfile", "FROM x:1 \\", &["1 x:1"]);
}

#[test]
fn a_heredoc_without_an_end_is_told_and_what_stands_before_it_counts() {
    let text = "FROM x:1\nRUN cat <<EOF > /y\nFROM z:1\n";
    assert_found("Dockerfile", text, &["1 x:1", "2 ! <<EOF"]);
    // A shift and a here-string begin none.
    assert_found("Dockerfile", "FROM x:1\nRUN echo $((1<<2)) <<<EOF\nFROM y:1\n", &["1 x:1", "3 y:1"]);
}

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
    assert_found(".github/workflows/ci.yml", WORKFLOW, &expected);
    // The content tells as well.
    assert_found("anything.yaml", WORKFLOW, &expected);
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
            "34 own:1",
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
}

#[test]
fn origins_know_document_and_key_path() {
    let mut inputs = Inputs::default();
    let text = "a: b\n---\napiVersion: v1\nkind: Pod\nspec:\n  containers:\n    - image: x:1\n";
    read_text(text, Some(Path::new("p.yaml")), &options(None), &"p.yaml".into(), &mut inputs).unwrap();
    let origin = &inputs.images[0].origin;
    assert_eq!(
        (origin.line, origin.document, origin.path.as_deref()),
        (7, Some(2), Some("spec.containers[0].image"))
    );
}

#[test]
fn aliases_that_multiply_are_told_and_what_was_found_stays() {
    let mut bomb = String::from("x-0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb.push_str(&format!("x-{level}: &a{level} [{aliases}]\n"));
    }
    bomb.push_str("services:\n  a:\n    image: a:1\n");
    assert_found("compose.yaml", &bomb, &["1 ! ", "15 a:1"]);
    let any = Options { any_image_key: AnyImageKey::Yes, ..Options::default() };
    let kubernetes = format!("image: first:1\n{bomb}");
    assert_eq!(found_with("k.yaml", &kubernetes.replace("services", "kept"), &any), ["1 first:1", "1 ! "]);
}

/// What `text` wants, as `IMAGE PLATFORM`, or `IMAGE` where nothing is said.
fn wanted(name: &str, text: &str) -> Vec<String> {
    let mut inputs = Inputs::default();
    read_text(text, Some(Path::new(name)), &options(None), &Arc::from(name), &mut inputs).unwrap();
    assert_eq!((&inputs.bad[..], &inputs.dynamic[..]), (&[][..], &[][..]));
    let each = inputs.images.iter().map(|image| {
        let mut words = vec![image.value.repository().to_owned()];
        let platforms = image.options.as_ref().and_then(|options| options.platforms.clone());
        words.extend(platforms.iter().flat_map(|all| all.iter()).map(ToString::to_string));
        words.join(" ")
    });
    each.collect()
}

#[test]
fn a_platform_that_a_dockerfile_names_is_wanted_and_one_that_depends_on_the_builder_stays_open() {
    let text = "ARG P=linux/arm/v7\nFROM --platform=linux/arm64 a/one\nFROM --platform=$P a/two\n\
                FROM --platform=$BUILDPLATFORM a/three\nFROM --platform=${TARGETPLATFORM} a/four\n\
                FROM --platform=linux/$TARGETARCH a/five\nFROM --platform='linux/amd64' a/six AS x\n\
                FROM a/seven\nFROM --platform=nonsense a/eight\nFROM --platform=linux/s390x x\n\
                COPY --from=a/nine / /\n";
    let expected = [
        "a/one linux/arm64",
        "a/two linux/arm/v7",
        "a/three",
        "a/four",
        "a/five",
        "a/six linux/amd64",
        "a/seven",
        "a/eight",
        "a/nine",
    ];
    assert_eq!(wanted("Dockerfile", text), expected);
}

#[test]
fn the_platform_of_a_compose_service_is_wanted_of_its_image() {
    let text = "services:\n  a: {image: a/one, platform: linux/arm64}\n  b: {image: a/two, platform: 'linux/${A:-riscv64}'}\n  \
                c: {image: a/three, platform: $P}\n  d: {image: a/four}\n  e: {image: a/five, platform: [x]}\n  \
                f: {image: a/one, platform: linux/amd64}\n";
    let expected =
        ["a/one linux/arm64", "a/two linux/riscv64", "a/three", "a/four", "a/five", "a/one linux/amd64"];
    assert_eq!(wanted("compose.yaml", text), expected);
}

#[test]
fn a_dockerfile_inside_a_block_has_the_lines_of_the_file() {
    let compose = "services:\n  a:\n    build:\n      dockerfile_inline: |\n\n        # first\n        FROM ${B:-a/one:1} \\\n          AS x\n        FROM\n        COPY --from=a/two:1 / /\n  b:\n    build:\n      dockerfile_inline: &it |-\n        FROM a/three:1\n\n        FROM a/four:$V\n  c:\n    build: {dockerfile_inline: *it}\n";
    let expected = ["7 a/one:1", "9 ! FROM", "10 a/two:1", "14 a/three:1", "16 ? a/four:$V"];
    assert_found("compose.yaml", compose, &expected);
    let crlf = compose.replace('\n', "\r\n");
    assert_found("compose.yaml", &crlf, &expected);
    let second = format!(
        "# one\na: 1\n---\n{}",
        "services:\n  a:\n    build:\n      dockerfile_inline: |2\n          FROM a/one:1\n        FROM a/two:1\n"
    );
    assert_found("compose.yaml", &second, &["8 a/one:1", "9 a/two:1"]);
}

#[test]
fn a_dockerfile_that_is_folded_or_quoted_has_the_line_of_its_value() {
    let of = |value: &str| format!("services:\n  a:\n    build:\n      dockerfile_inline: {value}\n");
    for (value, line) in [
        ("\"# x\\nFROM a/one:1\\nFROM a/two:1\"", 4),
        (">\n        FROM a/one:1\n\n        FROM a/two:1", 5),
        ("'FROM a/one:1\n\n        FROM a/two:1'", 4),
    ] {
        let (one, two) = (format!("{line} a/one:1"), format!("{line} a/two:1"));
        assert_found("compose.yaml", &of(value), &[&one, &two]);
    }
    let bake = "{\"target\": {\"a\": {\n\"dockerfile-inline\": \"# x\\nFROM a/one:1\"}}}";
    assert_found("docker-bake.json", bake, &["2 a/one:1"]);
}
