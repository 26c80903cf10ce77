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
    assert!(last.ends_with("the variables of this file grow beyond 33554432 bytes in all"), "{last}");
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
            assert!(second.ends_with("grow beyond 33554432 bytes in all"), "{second}");
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
