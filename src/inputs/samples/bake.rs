//! Bake files whose templates are not known: what stands behind them is read, and nothing is shown that nobody typed.

use super::*;

fn told(name: &str, text: &str) -> Vec<String> {
    let mut inputs = Inputs::default();
    read_text(text, Some(Path::new(name)), &options(None), &"f".into(), &mut inputs).unwrap();
    let open =
        inputs.dynamic.iter().map(|entry| format!("{} ? {}: {}", entry.origin.line, entry.text, entry.why));
    let bad = inputs.bad.iter().map(|bad| format!("{} ! {}: {}", bad.origin.line, bad.text, bad.why));
    open.chain(bad).collect()
}

/// A target with this inline Dockerfile on line 2.
fn inline(dockerfile: &str) -> String {
    let variables =
        r#"{"B": {"default": true}, "N": {"default": 3.20}, "BASE": {}, "L": {"default": ["a"]}}"#;
    let escaped = dockerfile.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!(
        "{{\"variable\": {variables}, \"target\": {{\"a\": {{\n\"dockerfile-inline\": \"{escaped}\"}}}}}}\n"
    )
}

#[test]
fn what_stands_behind_a_template_that_is_not_known_is_read() {
    for (middle, expected) in [
        ("RUN echo %{ if B }y%{ endif }", &["2 ? %{ if B }y%{ endif }"][..]),
        ("RUN curl -w '%{http_code}' x", &["2 ? %{http_code}"]),
        ("RUN echo ${upper(\"}\")}", &[]),
        ("RUN echo ${X\nRUN y", &["2 ! ${X"]),
        ("RUN echo %{ if B\nRUN y", &["2 ! %{ if B"]),
        (
            "%{ if B }\nFROM b:1 AS img\n%{ endif }\nCOPY --from=img / /\nCOPY --from=7 / /",
            &["2 ? %{ if B } FROM b:1 AS img %{ endif }"],
        ),
        ("${BASE}", &["2 ? ${BASE}"]),
        ("RUN ${f(\n)}", &["2 ? ${f( )}"]),
    ] {
        let text = inline(&format!("FROM a:1\n{middle}\nFROM ok:1\nCOPY --from=img:2 / /\n"));
        let all = found("docker-bake.json", &text);
        let (images, others): (Vec<String>, Vec<String>) =
            all.into_iter().partition(|line| !line.contains(['?', '!']));
        assert_eq!(images, ["2 a:1", "2 ok:1", "2 img:2"], "{middle}");
        let others: Vec<String> = others.iter().map(|line| line.replace('\n', " ")).collect();
        assert_eq!(others, expected, "{middle}");
    }
}

#[test]
fn what_is_not_known_is_shown_as_it_is_typed_with_its_cause() {
    let text = inline(
        "ARG V=${upper(B)}\nFROM a:${BASE}\nFROM '${lower(B)}'\nFROM b:${L}-$X\nFROM c:%{if B}1%{endif}\nFROM d:$V\n\
         FROM x:$${TARGETARCH}\nFROM e AS ${BASE}\nCOPY --from=${BASE} / /\nFROM f:${N}",
    );
    let expected = [
        "2 ? %{if B}1%{endif}: a directive of HCL (a literal %{ is written %%{): what it makes of the Dockerfile",
        "2 ? a:${BASE}: the variable BASE of bake without a default",
        "2 ? '${lower(B)}': an expression of HCL",
        "2 ? b:${L}-$X: the variable L of bake whose default is a list; the variable X without a value before the first FROM",
        "2 ? c:%{if B}1%{endif}: a directive of HCL (a literal %{ is written %%{)",
        "2 ? d:$V: the variable V without a value before the first FROM",
        "2 ? x:${TARGETARCH}: the variable TARGETARCH, which BuildKit sets for each platform that it builds",
        "2 ? ${BASE}: the variable BASE of bake without a default",
        "2 ! f:${N}: the variable N of bake is a number, whose text HCL may change (1.10 becomes 1.1): write it in quotes",
    ];
    assert_eq!(told("docker-bake.json", &text), expected);
}

#[test]
fn a_template_without_an_end_is_told_with_its_line() {
    let text = inline("FROM a:1\nRUN x\nRUN echo ${X\nFROM b:1");
    let why = "the template that begins here has no closing brace, in line 3 of the Dockerfile";
    assert_eq!(told("docker-bake.json", &text), [format!("2 ! ${{X: {why}")]);
    let name = r#"{"target": {"a": {"contexts": {"x": "docker-image://x:${A"}}}}"#;
    assert_found("docker-bake.json", name, &["1 ! docker-image://x:${A"]);
}

#[test]
fn a_number_that_hcl_writes_otherwise_is_a_fault_where_a_name_has_it() {
    let text = "{\"variable\": {\"V\": {\"default\": 3.20}, \"W\": {\"default\": 3.2}, \"Q\": {\"default\": \"3.20\"}, \"U\": {\"default\": \"${V}\"}},\n\
                \"target\": {\"a\": {\"args\": {\"A\": 1.10, \"B\": 1.0}, \"contexts\": {\"v\": \"docker-image://v:${V}\", \"w\": \"docker-image://w:${W}\",\n\
                \"q\": \"docker-image://q:${Q}\", \"u\": \"docker-image://u:${U}\"},\n\
                \"dockerfile-inline\": \"ARG A=1\\nFROM a:$A\\nRUN echo ${V}\"}}}";
    let expected =
        ["2 w:3.2", "2 ! docker-image://v:${V}", "3 q:3.20", "3 ! docker-image://u:${U}", "4 ! a:$A"];
    assert_found("docker-bake.json", text, &expected);
    let why = "is a number, whose text HCL may change (1.10 becomes 1.1): write it in quotes";
    assert_eq!(told("docker-bake.json", text)[2], format!("4 ! a:$A: the argument A of bake {why}"));
}

#[test]
fn long_chains_of_inherits_are_followed_to_their_end() {
    let target = |n: usize| {
        format!(
            "\"t{n}\": {{\"inherits\": [\"t{}\"], \"contexts\": {{\"c{n}\": \"docker-image://x:{n}\"}}}},\n",
            n + 1
        )
    };
    let chain: String = (0..300).map(target).collect();
    let text = format!(
        "{{\"target\": {{\n{chain}\"t300\": {{\"contexts\": {{\"c\": \"docker-image://x:300\"}}}}}}}}"
    );
    let all: Vec<String> = (0..=300).map(|n| format!("{} x:{n}", n + 2)).collect();
    assert_eq!(found("docker-bake.json", &text), all);
}

#[test]
fn a_target_of_any_key_of_bake_is_known() {
    for key in [
        "annotations",
        "attest",
        "call",
        "cgroup-parent",
        "description",
        "entitlements",
        "extra-hosts",
        "matrix",
        "network",
        "no-cache",
        "no-cache-filter",
        "policy",
        "pull",
        "secret",
        "shm-size",
        "ssh",
        "ulimits",
    ] {
        let text = format!(
            "{{\"target\": {{\"b\": {{\"{key}\": []}}, \"a\": {{\"contexts\": {{\"x\": \"docker-image://x:1\"}}}}}}}}"
        );
        assert_found("any.json", &text, &["1 x:1"]);
    }
}
