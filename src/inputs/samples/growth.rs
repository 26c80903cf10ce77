//! Variables that hold variables: what grows beyond all names is a fault, and costs next to nothing.

use std::fs;

use super::*;

const TOO_LONG: &str = "grows beyond 65536 bytes when its variables are filled in";

/// Each of forty variables twice the one before it, as an assignment that `write` makes of name and value.
fn doubled(write: impl Fn(String, String) -> String) -> String {
    let first = write("A0".to_owned(), "a".repeat(16));
    let rest = (1..40).map(|n| write(format!("A{n}"), format!("$A{0}$A{0}", n - 1)));
    [first].into_iter().chain(rest).collect()
}

/// What is wrong with `text`, whole lines.
fn faults(name: &str, text: &str) -> Vec<String> {
    let mut inputs = Inputs::default();
    read_text(text, Some(Path::new(name)), &options(None), &Arc::from(name), &mut inputs).unwrap();
    assert!(inputs.images.is_empty(), "{:?}", inputs.images);
    inputs.bad.iter().map(ToString::to_string).collect()
}

/// The same of a Compose file with these variables beside it; the names of files without their folder.
fn compose_faults(env: &str, text: &str) -> (Vec<String>, usize) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("compose.yaml");
    fs::write(dir.path().join(".env"), env).unwrap();
    let mut inputs = Inputs::default();
    read_text(text, Some(&path), &options(None), &"compose.yaml".into(), &mut inputs).unwrap();
    assert!(inputs.images.is_empty(), "{:?}", inputs.images);
    let short = |bad: &BadLine| bad.to_string().replace(&format!("{}/", dir.path().display()), "");
    (inputs.bad.iter().map(short).collect(), inputs.dynamic.len())
}

#[test]
fn arguments_that_double_each_other_are_a_fault_where_they_are_used() {
    let text = doubled(|name, value| format!("ARG {name}={value}\n"))
        + "FROM x:$A39\nFROM x:${A13:+b}\nFROM y:$A20\n";
    let expected = [("41", "x:$A39"), ("42", "x:${A13:+b}"), ("43", "y:$A20")]
        .map(|(line, name)| format!("Dockerfile:{line}: {name}: {TOO_LONG}"));
    assert_eq!(faults("Dockerfile", &text), expected);
}

#[test]
fn variables_of_a_file_that_double_each_other_are_a_fault_in_their_line() {
    let env = doubled(|name, value| format!("{name}={value}\n"));
    let (bad, open) = compose_faults(&env, "services: {a: {image: 'x:$A39'}}\n");
    // What depends on a value that is not there is not known.
    assert_eq!((bad, open), (vec![format!(".env:14: the value {TOO_LONG}")], 1));
}

#[test]
fn a_long_value_that_is_named_often_is_a_fault() {
    let env = format!("A={}\n", "a".repeat(500_000));
    let text = format!("services: {{a: {{image: '{}'}}}}\n", "$A".repeat(20_000));
    let (bad, _) = compose_faults(&env, &text);
    assert_eq!(bad.len(), 1);
    assert!(bad[0].ends_with(TOO_LONG), "{}", bad[0]);
    // Each is short enough, and all are too much.
    let env = format!("A={}\n", "a".repeat(60_000));
    let services: String = (0..1000).map(|n| format!("  s{n}: {{image: 'x/$A:{n}'}}\n")).collect();
    let (bad, _) = compose_faults(&env, &format!("services:\n{services}"));
    let last = bad.last().unwrap();
    assert_eq!(bad.len(), 1000);
    assert!(
        last.ends_with(
            "is too much work: what is put together for this file costs more than 33554432 bytes in all"
        ),
        "{last}"
    );
}

#[test]
fn variables_of_a_pipeline_that_multiply_are_a_fault() {
    for n in [100, 1000] {
        let text = format!(
            "variables: {{A: {}, B: '{}', C: '{}', E: '{}', F: '{}', G: ''}}\na: {{script: [x], image: 'x:{}'}}\n\
             b: {{script: [x], image: 'y:{}'}}\n",
            "a".repeat(n),
            "$A".repeat(n),
            "$B".repeat(n),
            "$F".repeat(n),
            "$G".repeat(n),
            "$C".repeat(n),
            "$E".repeat(n)
        );
        let mut inputs = Inputs::default();
        let name = ".gitlab-ci.yml";
        read_text(&text, Some(Path::new(name)), &options(None), &name.into(), &mut inputs).unwrap();
        let first = inputs.bad[0].to_string();
        assert!(first.starts_with(".gitlab-ci.yml:2: x:$C") && first.ends_with(TOO_LONG), "{first}");
        // Empty values add nothing, and are looked up without end.
        if n >= 1000 {
            let second = inputs.bad[1].to_string();
            assert!(second.ends_with("costs more than 33554432 bytes in all"), "{second}");
        }
    }
}

#[test]
fn many_triggers_and_stages_are_read_in_one_go() {
    let triggers = format!("FROM a:1\n{}RUN x\n", "ONBUILD ".repeat(300_000));
    assert_found("Dockerfile", &triggers, &["1 a:1"]);
    let stages: String = (0..30_000).map(|n| format!("FROM s{} AS s{n}\n", n + 100_000)).collect();
    assert_eq!(found("Dockerfile", &stages).len(), 30_000);
}

#[test]
fn variables_that_multiply_take_no_name_without_variables_with_them() {
    let multiplied: String = (1..30)
        .map(|n| format!(", \"A{n}\": {{\"default\": \"{}\"}}", format!("${{A{}}}", n - 1).repeat(10)))
        .collect();
    let bombs: String = (0..50).map(|n| format!("\"b{n}\": \"docker-image://x{n}:${{A29}}\", ")).collect();
    let text = format!(
        "{{\"variable\": {{\"A0\": {{\"default\": \"\"}}{multiplied}}},\n\"target\": {{\"a\": {{\"contexts\": {{{bombs}\n\
         \"z\": \"docker-image://ok:1\"}}, \"dockerfile-inline\": \"FROM x:${{A29}}\"}}}}}}"
    );
    let all = found("docker-bake.json", &text);
    assert_eq!((all.len(), &*all[50]), (52, "3 ok:1"));
    let env = format!("A={}\n", "a".repeat(60_000));
    let services: String = (0..1000).map(|n| format!("  s{n}: {{image: 'x/$A:{n}'}}\n")).collect();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("compose.yaml");
    fs::write(dir.path().join(".env"), env).unwrap();
    let mut inputs = Inputs::default();
    let text = format!("services:\n{services}  z: {{image: 'ok:1'}}\n");
    read_text(&text, Some(&path), &options(None), &"compose.yaml".into(), &mut inputs).unwrap();
    assert_eq!((inputs.images.len(), inputs.bad.len()), (1, 1000));
}

#[test]
fn a_dockerfile_of_many_heirs_is_read_once_for_equal_arguments_and_not_without_end_for_others() {
    let lines = "\\nRUN echo 1".repeat(1000);
    let heirs = |args: &dyn Fn(usize) -> String| -> String {
        (0..3000)
            .map(|n| {
                format!(", \"h{n}\": {{\"inherits\": [\"base\"], \"args\": {{\"{}\": \"1\"}}}}", args(n))
            })
            .collect()
    };
    let base = format!("\"base\": {{\"dockerfile-inline\": \"ARG V=0\\nFROM a:$V{lines}\"}}");
    let text = |heirs: &str| format!("{{\"target\": {{{base}{heirs}}}}}");
    assert_found("docker-bake.json", &text(&heirs(&|_| "V".to_owned())), &["1 a:0", "1 a:1"]);
    let others = text(&heirs(&|n| format!("X{n}")));
    let mut inputs = Inputs::default();
    let name = "docker-bake.json";
    read_text(&others, Some(Path::new(name)), &options(None), &name.into(), &mut inputs).unwrap();
    let told: Vec<String> = inputs.bad.iter().map(ToString::to_string).collect();
    let why = "is too much work: what is put together for this file costs more than 33554432 bytes in all";
    assert_eq!((inputs.images.len(), &told[..]), (1, &[format!("docker-bake.json:1: {why}")][..]));
}
