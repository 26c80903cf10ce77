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
fn arguments_before_the_first_stage_are_those_that_count() {
    assert_found(
        "Dockerfile",
        "ARG A=x:1\nARG B\nARG C=${A} D=\"q:1\" E='$A'\nFROM $A AS one\nARG A\nARG B=late\nFROM $B\n\
         FROM ${B:-d:1}\nFROM $C\nFROM $D\nFROM $E\nFROM ${A+alt}:2\nFROM ${B+alt}no:3\nCOPY --from=$A / /\n",
        &["4 x:1", "7 ? $B", "8 d:1", "9 x:1", "10 q:1", "11 ! $E", "12 alt:2", "13 no:3", "14 ? $A"],
    );
}
