//! Builds that are put together of several places: what Compose's services and bake's targets take over.

use super::compose::{ROOT, assert_led};
use super::*;

const BASE: &str = "services:\n  base:\n    image: unused:1\n    build:\n      args: {T: \"1\", K: k}\n      \
                    additional_contexts: {ctx: 'docker-image://in/base:1', mine: 'docker-image://in/base:2'}\n      \
                    cache_from: [in/cache:1]\n      dockerfile_inline: |\n        ARG T=0\n        ARG K\n        FROM a:$$T-$$K\n        FROM ctx\n";

#[test]
fn a_build_of_another_file_is_merged_with_what_the_heir_says() {
    let compose = "services:\n  web:\n    extends: {file: sub/base.yml, service: base}\n    build:\n      args: [T=2]\n      \
                   additional_contexts: ['CTX=docker-image://in/heir:1']\n      cache_from: [in/cache:2]\n";
    assert_led(
        &[("compose.yaml", compose), ROOT, ("sub/base.yml", BASE)],
        &[
            "compose.yaml:6 docker.io/in/heir:1",
            "compose.yaml:7 docker.io/in/cache:2",
            "sub/base.yml:11 a:2-k",
            "sub/base.yml:6 docker.io/in/base:2",
            "sub/base.yml:7 docker.io/in/cache:1",
        ],
    );
    let reset = "services:\n  web:\n    extends: {file: sub/base.yml, service: base}\n    build:\n      args: !reset null\n      \
                 additional_contexts: !override {}\n      cache_from: !reset []\n";
    assert_led(
        &[("compose.yaml", reset), ROOT, ("sub/base.yml", BASE)],
        &["sub/base.yml:11 ? a:$T-$K", "sub/base.yml:12 ctx:latest"],
    );
    let taken_away =
        "services:\n  web:\n    extends: {file: sub/base.yml, service: base}\n    build: !reset null\n";
    assert_led(&[("compose.yaml", taken_away), ROOT, ("sub/base.yml", BASE)], &["sub/base.yml:3 unused:1"]);
}

#[test]
fn a_build_of_the_same_file_is_one_of_its_own_and_merged_into_others() {
    let text = "services:\n  base:\n    build:\n      args: {T: '1'}\n      additional_contexts: {ctx: 'docker-image://alpine:3.19'}\n      \
                dockerfile_inline: |\n        ARG T=0\n        FROM a:$$T\n  heir:\n    extends: base\n    build: {args: {T: '2'}}\n  \
                heir2:\n    extends: {service: base}\n    build: {dockerfile_inline: 'FROM ctx'}\n  heir3:\n    extends: heir\n    \
                build: {args: {T: $GONE}}\n  heir4:\n    extends: heir\n    build: {args: [T]}\n";
    assert_found("compose.yaml", text, &["5 alpine:3.19", "8 a:1", "8 a:2", "8 a:0", "8 ? a:$T"]);
}

#[test]
fn a_platform_and_an_image_of_the_same_file_are_those_of_the_heir_as_well() {
    let text = "services:\n  base: {image: base/one, platform: linux/amd64}\n  heir: {extends: base, platform: linux/arm64}\n  \
                built: {build: ., image: base/two}\n  pulled: {extends: built, build: !reset null}\n";
    assert_eq!(wanted("compose.yaml", text), ["base/one linux/amd64", "base/one linux/arm64", "base/two"]);
}

#[test]
fn files_of_one_include_are_merged_before_it_is_decided_what_is_built() {
    assert_led(
        &[
            ("compose.yaml", "include:\n  - path: [one.yml, two.yml, three.yml]\n"),
            ROOT,
            (
                "one.yml",
                "services:\n  b: {build: ., image: bb}\n  c: {image: 'c:1', platform: linux/arm64}\n  d: {image: 'd:1'}\n  \
                 e: {build: {dockerfile_inline: 'FROM e:1'}}\n  f: {extends: c}\n",
            ),
            ("two.yml", "services:\n  b: {image: 'b:built'}\n  c: {image: 'c:2'}\n  e: {image: 'e:built'}\n"),
            ("three.yml", "services:\n  e: {build: !reset null}\n  c: {}\n  g: {extends: c}\n"),
        ],
        &["one.yml:3 c:1", "one.yml:4 d:1", "two.yml:3 c:2", "two.yml:4 e:built"],
    );
}

#[test]
fn a_whole_service_of_a_later_file_replaces_the_earlier_ones_or_takes_them_away() {
    assert_led(
        &[
            ("compose.yaml", "include:\n  - path: [one.yml, two.yml, three.yml]\n"),
            ROOT,
            (
                "one.yml",
                "services:\n  web: {build: ., volumes: [{type: image, source: 'm:1', target: /x}]}\n  db: {image: 'db:1'}\n  \
                 back: {image: 'back:1', platform: linux/arm64}\n  heir: {build: .}\n",
            ),
            (
                "two.yml",
                "services:\n  web: !override\n    image: real:2\n  db: !reset null\n  back: !reset\n  base: {image: 'base:1'}\n  \
                 heir: !override {extends: base}\n",
            ),
            ("three.yml", "services:\n  web: {tty: true}\n  back: {image: 'back:3'}\n"),
        ],
        &["three.yml:3 back:3", "two.yml:3 real:2", "two.yml:6 base:1"],
    );
    let text = "services:\n  a: !reset null\n  b: !reset\n  c: {extends: a, image: 'c:1'}\n";
    assert_led(
        &[("compose.yaml", text)],
        &["compose.yaml:4 ! no such service in this file", "compose.yaml:4 c:1"],
    );
}

#[test]
fn a_dockerfile_inside_is_filled_in_as_compose_does_it() {
    let text = "services:\n  a:\n    build:\n      args: {W: '2'}\n      dockerfile_inline: |\n        ARG V=1\n        ARG W=1\n        \
                FROM a:$${V}\n        RUN echo $HOME $$$$ $${V}\n        FROM b:$$W-${X:-x}${NO:+y}\n        FROM c:$V\n        \
                FROM d:$GONE\n        FROM e:${EMPTY}5\n        COPY --from=f:${V} / /\n  b:\n    build:\n      dockerfile_inline: |\n        \
                FROM g:1${EMPTY}\n        RUN $EMPTY\n        FROM h:1\n        $EMPTY";
    assert_led(
        &[("compose.yaml", text), (".env", "EMPTY=\n")],
        &[
            "compose.yaml:10 b:2-x",
            "compose.yaml:11 ? c:$V",
            "compose.yaml:12 ? d:$GONE",
            "compose.yaml:13 e:5",
            "compose.yaml:14 ? f:${V}",
            "compose.yaml:18 g:1",
            "compose.yaml:20 h:1",
            "compose.yaml:8 a:1",
        ],
    );
}

#[test]
fn a_service_that_is_not_there_cannot_be_extended() {
    let text = "services:\n  a:\n    image: a:1\n    extends:\n      service: gone\nx-a: {extends: gone, image: x:1}\n";
    assert_led(
        &[("compose.yaml", text)],
        &["compose.yaml:3 a:1", "compose.yaml:5 ! no such service in this file", "compose.yaml:6 x:1"],
    );
}

#[test]
fn what_is_no_service_and_a_name_of_which_nothing_is_left_are_faults() {
    let text = "services:\n  a: {image: '${IMG:-}'}\n  b: {image: ''}\n  c: [x]\n  d: d:1\n  e: {build: ., image: ''}\n  f: {image: '$E'}\n  \
                g: {image: 12}\n  h: {image: 'h:1', platform: bogus/}\n  i:\nx-y: {image: ''}\n";
    assert_led(
        &[("compose.yaml", text), (".env", "E=\n")],
        &[
            "compose.yaml:2 ! the image's name is empty, and nothing is built",
            "compose.yaml:3 ! the image's name is empty, and nothing is built",
            "compose.yaml:4 ! a service is a map: nothing is read of this",
            "compose.yaml:5 ! a service is a map: nothing is read of this",
            "compose.yaml:7 ! the image's name is empty, and nothing is built",
            "compose.yaml:8 ! a number is no image's name: if it is meant as one, write it in quotes",
            "compose.yaml:9 ! 'bogus/' is no platform: write OS/ARCH or OS/ARCH/VARIANT, such as linux/arm64 or linux/arm/v7",
            "compose.yaml:9 h:1",
        ],
    );
}

#[test]
fn a_target_is_built_with_all_that_it_inherits() {
    let text = r#"{"target": {
"common": {"contexts": {"named": "docker-image://in/common:1", "other": "docker-image://in/common:2"}, "args": {"T": "1", "K": "k"}},
"app": {"inherits": ["common"], "args": {"T": "2", "K": null},
  "dockerfile-inline": "ARG T=0\nARG K\nFROM a:$T-$K\nFROM named\nFROM OTHER"},
"b": {"inherits": ["app"], "args": {"T": "3"}, "contexts": {"named": "docker-image://in/b:1"}},
"late": {"args": {"T": "4"}},
"c": {"inherits": ["app", "late"]},
"round": {"inherits": ["round", "gone"], "dockerfile-inline": "FROM round:1"},
"twice": [{"dockerfile-inline": "FROM lost:1"}, {"dockerfile-inline": "FROM twice:1"}]
}}"#;
    let expected = [
        "2 in/common:1",
        "2 in/common:2",
        "4 a:2-k",
        "4 a:3-k",
        "4 a:4-k",
        "5 in/b:1",
        "8 round:1",
        "8 ? inherits: gone",
        "9 twice:1",
    ];
    assert_found("docker-bake.json", text, &expected);
}

#[test]
fn a_bake_file_is_filled_in_as_hcl_has_it() {
    let text = r#"{"variable": {"TAG": {"default": "3.19"}, "V": {"default": "${TAG}-v"}},
"target": {"a": {"args": {"X": "${TAG}", "Y": "${upper(TAG)}"},
"contexts": {"one": "docker-image://x:$TAG",
"two": "docker-image://x:${TAG:-1}",
"three": "docker-image://x:${V}"},
"dockerfile-inline": "ARG X=1\nARG Y=1\nARG TAG=no\nFROM al:${TAG}\nFROM bl:$${X}\nFROM cl:$X\nFROM dl:$${Y}\nFROM el:${GONE}\nFROM fl:${upper(TAG)}"}}}"#;
    let expected = [
        "3 ! docker-image://x:$TAG",
        "4 ? docker-image://x:${TAG:-1}",
        "5 x:3.19-v",
        "6 al:3.19",
        "6 bl:3.19",
        "6 cl:3.19",
        "6 ? dl:${Y}",
        "6 ? el:${GONE}",
        "6 ? fl:${upper(TAG)}",
    ];
    assert_found("docker-bake.json", text, &expected);
    let environment =
        Arc::new(BTreeMap::from([("TAG".to_owned(), "9".to_owned()), ("GONE".to_owned(), "8".to_owned())]));
    let with_environment =
        found_with("docker-bake.json", text, &Options { environment, ..Options::default() });
    assert_eq!(with_environment[2..4], ["5 x:9-v", "6 al:9"]);
    assert!(with_environment.contains(&"6 ? el:${GONE}".to_owned()), "{with_environment:?}");
}

#[test]
fn a_job_called_target_makes_no_bake_file_of_a_pipeline() {
    for text in [
        "stages: [a]\ntarget: {script: [a], image: job:1}\n",
        "target: {script: [a], image: job:1}\n",
        "target:\n  image: job:1\n  script: a\n  variables: {args: x}\n",
        "target: {image: {name: job:1}, variables: {context: x}, script: [a]}\n",
    ] {
        assert_eq!(found("any.yaml", text).len(), 1, "{text}");
        assert!(found("any.yaml", text)[0].ends_with(" job:1"), "{text}");
    }
    let bake = "{\"target\": [{\"a\": [{\"contexts\": {\"x\": \"docker-image://x:1\"}}], \"b\": {}}]}";
    assert_found("any.json", bake, &["1 x:1"]);
}
