//! `registry-check auth`: who we are to whom, whether they agree, and the exit code as a gate.

use registry_check::demo::token::User;
use registry_check::demo::{Access, ClosedPort, Registry, Store, TokenRules, content};
use serde_json::{Value, json};

use crate::support::tool::{Output, Tool};

const PASSWORD: &str = "correct-horse";

fn registry() -> Registry {
    let mut store = Store::new();
    store.put("team/app", "1.0", &content::image("app", "linux/amd64"));
    Registry::start(store).unwrap()
}

/// The command with these passwords of user `ci` in docker's file.
fn auth(images: &[String], logins: &[(&Registry, &str)], args: &[&str]) -> Output {
    let auths: serde_json::Map<String, Value> = logins
        .iter()
        .map(|(registry, password)| (registry.authority(), json!({"username": "ci", "password": password})))
        .collect();
    Tool::new()
        .file("images.txt", images.join("\n"))
        .file("config.json", json!({"auths": auths}).to_string())
        .args(["auth", "images.txt", "--auth-file", "config.json"])
        .args(args)
        .run()
}

fn image(registry: &Registry) -> String {
    format!("{}/team/app:1.0", registry.authority())
}

fn guarded(anonymous: Access) -> Registry {
    let registry = registry();
    let users = vec![User::new("ci", PASSWORD)];
    registry.require_token(TokenRules { anonymous, users, ..TokenRules::default() });
    registry
}

#[test]
fn every_endpoint_is_told_with_user_source_and_result_and_no_secret() {
    let (open, private, public) = (registry(), guarded(Access::None), guarded(Access::All));
    let images = [image(&open), image(&private), image(&public)];
    let logins = [(&private, PASSWORD), (&public, "wrong-horse")];
    let output = auth(&images, &logins, &["-f", "json", "-vv"]);
    assert_eq!(output.code, Some(1), "{output:?}");
    let entries: Vec<Value> = serde_json::from_str(&output.stdout).unwrap();
    let told: Vec<_> =
        entries.iter().map(|entry| [&entry["endpoint"], &entry["user"], &entry["result"]]).collect();
    let expected = [
        [json!(open.authority()), Value::Null, json!("not_needed")],
        [json!(private.authority()), json!("ci"), json!("accepted")],
        [json!(public.authority()), json!("ci"), json!("rejected")],
    ];
    for entry in &expected {
        assert!(told.contains(&[&entry[0], &entry[1], &entry[2]]), "{entry:?} in {told:?}");
    }
    let source = entries.iter().find_map(|entry| entry["source"].as_str()).unwrap();
    assert!(source.contains("config.json"), "{source}");
    for text in [&output.stdout, &output.stderr] {
        assert!(!text.contains("horse"), "{text}");
    }
}

#[test]
fn the_exit_code_is_a_gate() {
    let private = guarded(Access::None);
    let closed = ClosedPort::take().unwrap();
    let unreachable = format!("{}/team/app:1.0", closed.addr());
    for (images, password, code) in [
        (vec![image(&private)], PASSWORD, 0),
        (vec![image(&private)], "wrong", 1),
        (vec![unreachable.clone()], PASSWORD, 3),
        (vec![unreachable, image(&private)], "wrong", 1),
    ] {
        let output = auth(&images, &[(&private, password)], &[]);
        assert_eq!(output.code, Some(code), "{output:?}");
    }
    // Wanted, and not there.
    let output = auth(&[image(&private)], &[], &[]);
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(
        output.stdout.contains("no stored credentials") && output.stdout.contains("needed"),
        "{output:?}"
    );
}

#[test]
fn one_question_is_enough_for_each_endpoint_and_user() {
    let private = guarded(Access::None);
    let images: Vec<_> = (0..20).map(|tag| format!("{}/team/app:v{tag}", private.authority())).collect();
    let output = auth(&images, &[(&private, PASSWORD)], &[]);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert_eq!(private.hits_to("/token"), 1);
    assert!(output.stdout.contains("accepted (the image is not there)"), "{output:?}");
}

#[test]
fn formats_without_a_report_of_sign_in_are_refused() {
    let open = registry();
    let output = auth(&[image(&open)], &[], &["-f", "csv"]);
    assert_eq!(output.code, Some(2));
    assert!(output.stderr.contains("'auth' has no report in the format 'csv'"), "{}", output.stderr);
    assert_eq!(open.connections(), 0);
}
