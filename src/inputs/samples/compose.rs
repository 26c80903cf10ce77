//! Compose files.

use super::*;

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

#[test]
fn a_list_or_a_map_instead_of_a_name_is_a_fault_with_its_place() {
    let text = "services:\n  a:\n    image: [x]\n  b: {image: {c: d}}\n  e: {image: f:1}\nx-tool:\n  image: {repository: g}\n";
    assert_found("compose.yaml", text, &["3 ! ", "4 ! ", "5 f:1"]);
    let mut inputs = Inputs::default();
    read_text(text, Some(Path::new("c.yaml")), &options(None), &"c.yaml".into(), &mut inputs).unwrap();
    let told: Vec<_> = inputs.bad.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "c.yaml:3: a list is no image's name: a text must stand here",
            "c.yaml:4: a map is no image's name: a text must stand here"
        ]
    );
}

#[test]
fn an_image_that_is_mounted_is_pulled() {
    let text = "services:\n  a:\n    volumes:\n    - ./x:/y\n    - {type: image, source: 'img/vol:${T:-2}', target: /m}\n    \
                - {type: bind, source: /no:1, target: /m}\n    - {type: image, source: 'o:$X', target: /m}\n  \
                b: {volumes: !reset [{type: image, source: 'gone:1'}]}\n";
    assert_found("compose.yaml", text, &["5 img/vol:2", "7 ? o:$X"]);
    assert_eq!(
        paths("compose.yaml", text),
        ["5 services.a.volumes[1].source", "? 7 services.a.volumes[3].source"]
    );
}

#[test]
fn line_and_key_path_name_the_same_place_behind_aliases_and_merge_keys() {
    let text = "x-common: &common\n  image: common:1\n  build: {cache_from: [&cache 'cache:$V']}\nservices:\n  q:\n    \
                <<: *common\n    build: !reset null\n  r: {image: &r 'r:1'}\n  s: {image: *r}\n  \
                t: {build: {cache_from: [*cache]}}\n";
    assert_eq!(
        paths("compose.yaml", text),
        ["2 x-common.image", "8 services.r.image", "? 3 x-common.build.cache_from[0]"]
    );
    let pods = "apiVersion: v1\nkind: Pod\nmetadata: {annotations: {i: &i 'p:1'}}\nspec: {containers: [{image: *i}]}\n";
    assert_eq!(paths("pod.yaml", pods), ["3 metadata.annotations.i"]);
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
fn the_platform_of_a_compose_service_is_wanted_of_its_image() {
    let text = "services:\n  a: {image: a/one, platform: linux/arm64}\n  b: {image: a/two, platform: 'linux/${A:-riscv64}'}\n  \
                c: {image: a/three, platform: $P}\n  d: {image: a/four}\n  e: {image: a/five, platform: [x]}\n  \
                f: {image: a/one, platform: linux/amd64}\n";
    let expected =
        ["a/one linux/arm64", "a/two linux/riscv64", "a/three", "a/four", "a/five", "a/one linux/amd64"];
    assert_eq!(wanted("compose.yaml", text), expected);
}
