//! Dockerfiles, on their own and inside YAML.

use super::*;

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
fn a_later_stage_is_no_image_where_it_is_copied_from_and_one_where_it_is_a_base() {
    let text = "FROM a:1\nCOPY --from=Cfg /x /y\nRUN --mount=type=bind,from=cfg,target=/z true\nFROM cfg\n\
                COPY --from=other:1 / /\nFROM --platform=linux/amd64 b:1 as CFG\nCOPY --from=cfg-2 / /\n";
    assert_found("Dockerfile", text, &["1 a:1", "4 cfg:latest", "5 other:1", "6 b:1", "7 cfg-2:latest"]);
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
    // As in a shell, quotes and escapes are no part of the name, and a blank may stand before it.
    for (typed, name) in [
        ("<<'E O F'", "E O F"),
        ("<< EOF", "EOF"),
        ("3<<-\"E\"'O'F", "EOF"),
        ("<<E\\'F", "E'F"),
        ("<<$X)", "$X)"),
    ] {
        let text = format!("FROM x:1\nRUN cat {typed} > /y\nFROM z:1\n{name}\nFROM w:1\n");
        assert_found("Dockerfile", &text, &["1 x:1", "5 w:1"]);
    }
    for none in ["<<- EOF", "'<<EOF'", "<<''", "a<<EOF"] {
        let text = format!("FROM x:1\nRUN cat {none}\nFROM z:1\n");
        assert_found("Dockerfile", &text, &["1 x:1", "3 z:1"]);
    }
    // A shift and a here-string begin none.
    assert_found("Dockerfile", "FROM x:1\nRUN echo $((1<<2)) <<<EOF\nFROM y:1\n", &["1 x:1", "3 y:1"]);
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

#[test]
fn memory_that_is_mounted_comes_of_no_image() {
    let text = "FROM a:1\nRUN --mount=type=tmpfs,from=none:1,target=/x --mount=from=none:2,TYPE=TMPFS true\n\
                RUN --mount=type=tmpfs,type=bind,from=one:1,target=/x --mount=from=two:2 true\n";
    assert_found("Dockerfile", text, &["1 a:1", "3 one:1", "3 two:2"]);
}

#[test]
fn a_platform_that_is_none_is_a_fault_and_its_image_is_told() {
    let text = "FROM --platform=bogus/ p:1\nFROM --platform=linux/amd64,linux/arm64 \\\n  p:2\nFROM --platform=$BUILDPLATFORM p:3\n\
                FROM --platform=linux p:4\nFROM --platform=amd64 p:5\nFROM --platform=${X p:6\nFROM --platform=nonsense scratch\n";
    let expected = [
        "1 p:1",
        "1 ! --platform=bogus/",
        "2 ! --platform=linux/amd64,linux/arm64",
        "3 p:2",
        "4 p:3",
        "5 p:4",
        "6 p:5",
        "7 p:6",
        "7 ! --platform=${X",
        "8 ! --platform=nonsense",
    ];
    assert_found("Dockerfile", text, &expected);
}

#[test]
fn a_number_stands_for_another_stage_or_for_none() {
    let text = "FROM a:1 AS x\nCOPY --from=0 / /\nFROM b:1\nCOPY --from=0 / /\nCOPY --from=1 / /\nCOPY --chown=1 --from=-1 / /\n\
                COPY --from=99999999999999 / /\nFROM c:1\nCOPY --from=1 / /\nONBUILD COPY --from=7 / /\nCOPY --from=3 / /\nFROM d:1\nCOPY --from=4 / /\n";
    let expected = [
        "1 a:1",
        "2 ! --from=0",
        "3 b:1",
        "5 ! --from=1",
        "6 ! --from=-1",
        "7 ! --from=99999999999999",
        "8 c:1",
        "12 d:1",
        "13 ! --from=4",
    ];
    assert_found("Dockerfile", text, &expected);
    let mut inputs = Inputs::default();
    read_text(text, Some(Path::new("Dockerfile")), &options(None), &"Dockerfile".into(), &mut inputs)
        .unwrap();
    assert_eq!(inputs.bad[1].to_string(), "Dockerfile:5: --from=1: this is the stage itself");
    assert_eq!(
        inputs.bad[2].to_string(),
        "Dockerfile:6: --from=-1: no such stage: there are 4, counted from 0"
    );
}

#[test]
fn arguments_before_the_first_stage_are_those_that_count() {
    assert_found(
        "Dockerfile",
        "ARG A=x:1\nARG B\nARG C=${A} D=\"q:1\" E='$A'\nFROM $A AS one\nARG A\nARG B=late\nFROM $B\n\
         FROM ${B:-d:1}\nFROM $C\nFROM $D\nFROM $E\nFROM ${A+alt}:2\nFROM ${B+alt}no:3\nCOPY --from=$A / /\n",
        &["4 x:1", "7 ? $B", "8 d:1", "9 x:1", "10 q:1", "11 ! $E", "12 alt:2", "13 no:3", "14 ? $A"],
    );
}

#[test]
fn a_name_that_no_stage_can_have_is_told_and_its_image_counts() {
    let text = "FROM a:1 AS 1b\nFROM b:1 AS A_b.c-2\nFROM c:1 \\\n  AS b/c\nFROM 1b\nCOPY --from=A_B.C-2 / /\nFROM d:1 AS _x\n";
    assert_found("Dockerfile", text, &["1 a:1", "1 ! 1b", "2 b:1", "3 c:1", "4 ! b/c", "7 d:1", "7 ! _x"]);
    assert_found("Dockerfile", "FROM a:1 AS ''\n", &["1 a:1", "1 ! ''"]);
}
