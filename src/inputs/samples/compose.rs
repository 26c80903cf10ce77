//! Compose files.

use std::fs;

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
        &["13 three:1", "15 ! round", "16 round:1", "18 ! extends: nobody", "19 gone:1"],
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
                - {type: bind, source: /no:1, target: /n}\n    - {type: image, source: 'o:$X', target: /o}\n  \
                b: {volumes: !reset [{type: image, source: 'gone:1'}]}\n";
    assert_found("compose.yaml", text, &["5 img/vol:2", "7 ? o:$X"]);
    assert_eq!(
        paths("compose.yaml", text),
        ["5 services.a.volumes[1].source", "? 7 services.a.volumes[3].source"]
    );
}

#[test]
fn mounted_images_are_merged_and_one_place_has_one_of_them() {
    let base = "services:\n  n:\n    image: n:1\n    volumes:\n    - {type: image, source: 'm:1', target: /x}\n    \
                - {type: image, source: 'm:2', target: '/${Y:-y}'}\n";
    let heir = |volumes: &str| {
        format!("services:\n  c: {{extends: {{file: base.yaml, service: n}}, volumes: {volumes}}}\n")
    };
    let (first, second) = ("base.yaml:5 m:1", "base.yaml:6 m:2");
    for (volumes, expected) in [
        ("[]", &[first, second][..]),
        ("!reset []", &[]),
        ("!override [{type: image, source: 'm:3', target: /z}]", &["compose.yaml:2 m:3"]),
        ("[{type: image, source: 'm:4', target: /x}]", &[second, "compose.yaml:2 m:4"]),
        ("['./a:/x:ro', 'C:\\a:/y']", &[]),
        (
            "[/y, 'data:/z', '$GONE', {type: image, source: 'm:5', target: $GONE}]",
            &[first, "compose.yaml:2 m:5"],
        ),
        ("[{type: image, source: 'm:6', target: /z}, 'data:/z']", &[first, second]),
    ] {
        let expected = [expected, &["base.yaml:3 n:1"]].concat();
        let (mut told, _) = led(&[("compose.yaml", &heir(volumes)), ("base.yaml", base)]);
        told.sort_unstable();
        let mut expected = expected;
        expected.sort_unstable();
        assert_eq!(told, expected, "{volumes}");
    }
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

/// Files in a folder, of which the first is read: what is found as `FILE:LINE NAME`, `? TEXT` and `! WHY`; warnings.
fn led(files: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let mut inputs = Inputs::default();
    named::open(&dir.path().join(files[0].0), &options(None), &mut inputs).unwrap();
    let root = format!("{}/", dir.path().display());
    let short = |text: &str| text.replace(&root, "").replace("docker.io/library/", "");
    let place = |origin: &crate::model::origin::Origin| format!("{}:{}", origin.file, origin.line);
    let mut told: Vec<_> = inputs
        .images
        .iter()
        .map(|image| format!("{} {}", place(&image.origin), image.value))
        .chain(inputs.dynamic.iter().map(|entry| format!("{} ? {}", place(&entry.origin), entry.text)))
        .chain(inputs.bad.iter().map(|bad| format!("{} ! {}", place(&bad.origin), bad.why)))
        .map(|line| short(&line))
        .collect();
    told.sort_unstable();
    (told, inputs.warnings.iter().map(|text| short(text)).collect())
}

#[track_caller]
pub(super) fn assert_led(files: &[(&str, &str)], expected: &[&str]) {
    assert_eq!(led(files), (expected.iter().map(|line| (*line).to_owned()).collect(), vec![]), "{files:#?}");
}

pub(super) const ROOT: (&str, &str) = (".git/HEAD", "");

#[test]
fn included_files_are_read_with_their_own_folder_and_variables() {
    assert_led(
        &[
            (
                "app/compose.yaml",
                "include:\n  - ./db/compose.yaml\n  - path: ../common/${DIR}/c.yaml\n    env_file: [a.env, b.env]\n\
                 \x20   project_directory: ..\nservices:\n  web:\n    image: web:${TAG}\n",
            ),
            ("app/.env", "TAG=1\nDIR=x\n"),
            ("app/a.env", "A=a\nB=a\n"),
            ("app/b.env", "B=b\nTAG=9\n"),
            (
                "app/db/compose.yaml",
                "include: [more/compose.yaml]\nservices:\n  db:\n    image: db:${TAG}-${DB}\n",
            ),
            ("app/db/.env", "TAG=2\nDB=${TAG}db\n"),
            ("app/db/more/compose.yaml", "services:\n  more: {image: 'more:${DB}-${A:-none}'}\n"),
            (
                "common/x/c.yaml",
                "include: [top.yaml]\nservices:\n  c: {image: 'c:$A-$B-$TAG'}\n---\nservices:\n  d: {image: d}\n",
            ),
            ("top.yaml", "services: {t: {image: 'top:$GONE'}}\n"),
            ROOT,
        ],
        &[
            "app/compose.yaml:8 web:1",
            "app/db/compose.yaml:4 db:1-1db",
            "app/db/more/compose.yaml:2 more:1db-none",
            "common/x/c.yaml:3 c:a-b-1",
            "common/x/c.yaml:6 d:latest",
            "top.yaml:1 ? top:$GONE",
        ],
    );
    // Of a list, later files change what the first one says.
    assert_led(
        &[
            ("compose.yaml", "include:\n  - path: [a.yaml, b.yaml]\n    env_file: /dev/null\n"),
            (
                "a.yaml",
                "services:\n  one: {image: 'one:1'}\n  two: {image: 'two:1'}\n  three: {image: 'three:1'}\n",
            ),
            ("b.yaml", "services:\n  one: {image: 'one:2'}\n  two: {build: .}\n  three: {tty: true}\n"),
        ],
        &["a.yaml:4 three:1", "b.yaml:2 one:2"],
    );
}

#[test]
fn an_include_that_compose_refuses_is_a_fault_with_its_place() {
    let deep: Vec<(String, String)> =
        (0..20).map(|at| (format!("f{at}.yaml"), format!("include: [f{}.yaml]\n", at + 1))).collect();
    for (files, expected) in [
        (
            vec![("compose.yaml", "include: [gone.yaml]\n")],
            "compose.yaml:1 ! include: gone.yaml: no such file",
        ),
        (
            vec![
                ("compose.yaml", "include:\n  - path: b.yaml\n    env_file: gone.env\n"),
                ("b.yaml", "a: b\n"),
            ],
            "compose.yaml:3 ! include: env_file: gone.env: no such file",
        ),
        (vec![("compose.yaml", "include: {a: b}\n")], "compose.yaml:1 ! include: expected a list"),
        (vec![("compose.yaml", "include:\n  - env_file: x\n")], "compose.yaml:2 ! include: no path is named"),
        (
            vec![("compose.yaml", "include: [b.yaml]\n"), ("b.yaml", "\ninclude: [./compose.yaml]\n")],
            "b.yaml:2 ! include: compose.yaml: a circle",
        ),
        (
            vec![("compose.yaml", "include: [d]\n"), ("d/x", "")],
            "compose.yaml:1 ! include: d: cannot be read",
        ),
        (
            vec![("compose.yaml", "include: ['${X:?m}']\n")],
            "compose.yaml:1 ! include: the variable X must have a value",
        ),
    ] {
        let (told, warnings) = led(&files);
        assert!(told.len() == 1 && told[0].starts_with(expected), "{files:#?}\n{told:#?}");
        assert_eq!(warnings, [""; 0]);
    }
    let files: Vec<_> = deep.iter().map(|(name, text)| (&**name, &**text)).collect();
    let files = [&[("compose.yaml", "include: [f0.yaml]\n")], &files[..]].concat();
    let (told, warnings) = led(&files);
    assert_eq!((told.len(), warnings.len()), (0, 1));
    assert!(warnings[0].ends_with("more than 16 files that include each other: the rest is left out"));
}

#[test]
fn what_compose_would_read_from_elsewhere_is_left_out_with_a_warning() {
    let (told, warnings) = led(&[
        (
            "repo/compose.yaml",
            "include:\n  - ../outside.yaml\n  - https://github.com/a/b.git\n  - oci://x/y\n  - ${DIR}/c.yaml\n  - link.yaml\n\
             services:\n  a:\n    extends: {file: ../outside.yaml, service: a}\n",
        ),
        ("outside.yaml", "services: {a: {image: secret}}\n"),
        ("repo/.git/HEAD", ""),
        ("repo/link.yaml", "services: {b: {image: b}}\n"),
    ]);
    assert_eq!(told, ["repo/link.yaml:1 b:latest"]);
    assert_eq!(
        warnings,
        [
            "repo/compose.yaml:9: extends: ../outside.yaml: not followed: it leads out of the repository; name that file too",
            "repo/compose.yaml:2: include: ../outside.yaml: not followed: it leads out of the repository; name that file too",
            "repo/compose.yaml:3: include: https://github.com/a/b.git: not followed: it stands outside of this repository",
            "repo/compose.yaml:4: include: oci://x/y: not followed: it stands outside of this repository",
            "repo/compose.yaml:5: include: not followed: it depends on the variable DIR without a value",
        ]
    );
    let mut inputs = Inputs::default();
    let text = "include: [other.yaml]\nservices:\n  a:\n    extends: {file: b.yaml, service: a}\n";
    read_text(text, None, &options(Some(Kind::Compose)), &"stdin".into(), &mut inputs).unwrap();
    assert_eq!(
        inputs.warnings,
        [
            "stdin:4: extends: b.yaml: not followed; name those files too",
            "stdin:1: include: other.yaml: not followed; name those files too",
        ]
    );
}

#[test]
fn a_link_that_leads_out_of_the_repository_is_not_opened() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("repo/.git")).unwrap();
    fs::write(dir.path().join("out.yaml"), "services: {a: {image: secret}}\n").unwrap();
    fs::write(dir.path().join("repo/compose.yaml"), "include: [in.yaml]\n").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("../out.yaml", dir.path().join("repo/in.yaml")).unwrap();
    let mut inputs = Inputs::default();
    named::open(&dir.path().join("repo/compose.yaml"), &options(None), &mut inputs).unwrap();
    assert!(
        inputs.images.is_empty() && inputs.warnings[0].contains("leads out of the repository"),
        "{inputs:?}"
    );
}

#[test]
fn of_an_extended_file_the_services_that_count_are_read() {
    assert_led(
        &[
            (
                "compose.yaml",
                "services:\n  own:\n    extends: {file: base.yaml, service: a}\n    image: own:1\n  \
                 taken:\n    extends: {file: ./base.yaml, service: a}\n  again:\n    extends: {file: base.yaml, service: a}\n  \
                 built:\n    extends: {file: base.yaml, service: built}\n    image: built:1\n  \
                 reset:\n    extends: {file: base.yaml, service: built}\n    build: !reset null\n    image: reset:1\n  \
                 deep:\n    extends: {file: sub/more.yaml, service: s}\n  \
                 near:\n    extends: taken\n  arm:\n    extends: {file: base.yaml, service: c}\n    platform: linux/arm64\n",
            ),
            (".env", "TAG=7\n"),
            (
                "base.yaml",
                "services:\n  a:\n    image: a:${TAG}\n  b:\n    image: never\n  built:\n    build:\n      \
                 cache_from: [cache:1]\n  c:\n    extends: d\n  d:\n    image: d:1\n",
            ),
            ("sub/more.yaml", "services:\n  s:\n    extends: {file: ../sub/last.yaml, service: l}\n"),
            ("sub/last.yaml", "services:\n  l:\n    image: last:1\n"),
        ],
        &[
            "base.yaml:12 d:1",
            "base.yaml:3 a:7",
            "base.yaml:8 cache:1",
            "compose.yaml:15 reset:1",
            "compose.yaml:4 own:1",
            "sub/last.yaml:3 last:1",
        ],
    );
}

#[test]
fn an_extends_that_compose_refuses_is_a_fault_with_its_place() {
    for (files, expected) in [
        (
            vec![("compose.yaml", "services:\n  a:\n    extends: {file: gone.yaml, service: a}\n")],
            "compose.yaml:3 ! extends: gone.yaml: no such file",
        ),
        (
            vec![
                ("compose.yaml", "services:\n  a:\n    extends:\n      file: b.yaml\n      service: a\n"),
                ("b.yaml", "services: {b: {image: b}}\n"),
            ],
            "compose.yaml:4 ! extends: no such service in b.yaml",
        ),
        (
            vec![
                ("compose.yaml", "services:\n  a:\n    extends: {file: b.yaml, service: b}\n"),
                ("b.yaml", "services:\n  b:\n    extends: {file: compose.yaml, service: a}\n"),
            ],
            "compose.yaml:3 ! extends: a circle",
        ),
        (
            vec![("compose.yaml", "services:\n  a: {extends: b}\n  b: {extends: a, image: b:1}\n")],
            "compose.yaml:2 ! extends: a circle",
        ),
        (
            vec![("compose.yaml", "services:\n  d: {extends: c}\n  c: {extends: c}\n")],
            "compose.yaml:3 ! extends: a circle",
        ),
        (
            vec![
                ("compose.yaml", "services:\n  a:\n    extends: {file: b.yaml, service: b}\n"),
                ("b.yaml", "services:\n  b: {image: [}\n"),
            ],
            "b.yaml:2 ! ",
        ),
    ] {
        let (told, warnings) = led(&files);
        assert!(told.iter().any(|line| line.starts_with(expected)), "{files:#?}\n{told:#?}");
        assert_eq!(warnings, [""; 0]);
    }
}
