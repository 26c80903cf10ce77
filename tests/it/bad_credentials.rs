//! Credentials that cannot be read, helpers that fail, token services that answer nonsense to a user: a
//! warning or a verdict that names what is to blame, and never an end of the run.

use std::fs;

use registry_check::demo::token::Acceptance;
use registry_check::demo::{Access, Behaviour, Failure, Registry, Scope, Store, TokenRules, User};
use serde_json::json;

use crate::support::credentials::{Helpers, auths, basic, sent_to};
use crate::support::embedded::{Check, Pair, Report};
use crate::support::nginx::Nginx;

const ADA: (&str, &str) = ("ada", "correct horse");

/// A mirror that lets in Ada alone, by Basic.
fn with_basic() -> Pair {
    let pair = Pair::new();
    pair.mirror.require_basic(vec![User::new(ADA.0, ADA.1)]);
    pair
}

fn private() -> TokenRules {
    TokenRules { anonymous: Access::None, users: vec![User::new(ADA.0, ADA.1)], ..TokenRules::default() }
}

fn login(pair: &Pair) -> String {
    auths(&[(&pair.mirror.authority(), ADA.0, ADA.1)])
}

#[track_caller]
fn warned(report: &Report, part: &str) {
    let warnings: Vec<_> = report.stderr.lines().filter(|line| line.starts_with("warn: ")).collect();
    assert!(warnings.len() == 1 && warnings[0].contains(part), "{part}: {warnings:#?}");
    assert!(!report.stderr.contains("panicked"));
}

#[test]
fn a_config_that_cannot_be_read_is_told_with_its_line_and_the_next_source_is_asked() {
    for (text, warning) in [
        ("{\n  \"auths\": {\n", "/.docker/config.json:3: not valid JSON"),
        ("{\"auths\": {}}\n}", "/.docker/config.json:2: not valid JSON"),
        ("{\"auths\":\n {\"h\": {\"auth\": \"dTpw\"}},\n}", "/.docker/config.json:3: not valid JSON"),
        ("{\n\n\"auths\": []}", "/.docker/config.json:3: not of the form"),
        ("[\n]", "/.docker/config.json:2: not of the form"),
        ("auths: {}\n", "/.docker/config.json:1: not valid JSON"),
    ] {
        let pair = with_basic();
        let check = || pair.check().docker_config(text);
        // Another source.
        let report = check().file(".config/containers/auth.json", login(&pair)).run();
        report.expect("ok/digest-equal", 0);
        warned(&report, warning);
        // None.
        let report = check().run();
        let row = report.expect("denied/credentials-needed", 3);
        assert!(row.reason.contains("m wants credentials (basic)"), "{row:#?}");
        warned(&report, warning);
        assert!(report.stderr.contains("its credentials are not used"), "{}", report.stderr);
    }
}

#[test]
fn a_config_that_is_no_text_file_is_told_with_its_path() {
    let pair = with_basic();
    let other = login(&pair);
    let check = || pair.check().file(".config/containers/auth.json", &*other).args("-f json");

    let tool = check().tool();
    fs::create_dir_all(tool.dir().join(".docker/config.json")).unwrap();
    let output = tool.run();
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(output.stderr.contains("/.docker/config.json: not a file"), "{output:?}");

    let tool = check().tool().file(".docker/config.json", b"{\n\"auths\": \"\xff\xfe\"}");
    let output = tool.run();
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(output.stderr.contains("/.docker/config.json:2: not UTF-8 text"), "{output:?}");

    let tool = check().tool().file(".docker/config.json", " ".repeat(20 << 20));
    let output = tool.run();
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(output.stderr.contains("/.docker/config.json: larger than "), "{output:?}");
    assert_eq!(sent_to(&pair.mirror), vec![basic(ADA.0, ADA.1); 3]);

    // A file that the user names is another matter: the run does not begin.
    pair.mirror.forget_hits();
    for (text, message) in [("{\n", "given.json:2: not valid JSON"), ("nginx:1.25\n", "given.json")] {
        let output = check().file("given.json", text).args("--auth-file given.json").tool().run();
        assert_eq!(output.code, Some(2), "{output:?}");
        assert!(output.stderr.contains(message), "{output:?}");
    }
    let output = check().args("--auth-file absent.json").tool().run();
    assert_eq!(output.code, Some(2), "{output:?}");
    assert!(output.stderr.contains("absent.json: no such file"), "{output:?}");
    assert_eq!(pair.mirror.hits().len(), 0);
}

#[test]
fn an_auth_that_is_no_pair_costs_only_its_entry() {
    for (value, fault) in [
        (json!({"auth": "%%hunter2"}), "'auth' is not base64"),
        (json!({"auth": "aHVudGVyMg=="}), "no ':' between user and password"),
        (json!({"auth": "Omh1bnRlcjI="}), "user name"),
        (json!({"username": "ada"}), "password"),
    ] {
        let pair = with_basic();
        let host = pair.mirror.authority();
        let config = json!({"auths": {&host: value}}).to_string();
        for (second, verdict, exit) in
            [(login(&pair), "ok/digest-equal", 0), ("{}".to_owned(), "denied/credentials-needed", 3)]
        {
            let check = pair.check().docker_config(&*config).file(".config/containers/auth.json", second);
            let report = check.run();
            report.expect(verdict, exit);
            warned(&report, &format!("/.docker/config.json: auths \"{host}\": "));
            warned(&report, fault);
            assert!(!report.stderr.contains("hunter2"), "{}", report.stderr);
        }
    }
}

#[test]
fn a_helper_that_fails_is_named_with_its_trouble_and_asked_no_more() {
    for (script, fault) in [
        ("exec tail -f /dev/null", "no answer within 300ms"),
        ("exec >&-; exec sleep 100000", "no answer within 300ms"),
        ("echo rubbish-hunter2", "its answer is not the JSON of a credential helper"),
        ("exit 0", "its answer is not the JSON of a credential helper"),
        ("exec yes hunter2", "answered with more than 65536 bytes"),
        ("echo 'the keychain is locked'; exit 1", "failed (exit status: 1): the keychain is locked"),
        (r#"echo '{"Username":"u","Secret":"hunter2"}'; exit 1"#, "failed (exit status: 1)"),
        ("kill -9 $$", "failed (signal: 9"),
        ("", "not found in PATH"),
    ] {
        let pair = with_basic();
        let host = pair.mirror.authority();
        let helpers = match script {
            "" => Helpers::new(),
            script => Helpers::new().with("x", script),
        };
        let config = json!({"credHelpers": {&host: "x"}}).to_string();
        for (second, verdict, exit) in
            [(login(&pair), "ok/digest-equal", 0), ("{}".to_owned(), "denied/credentials-needed", 3)]
        {
            let report = pair
                .check()
                .docker_config(&*config)
                .file(".config/containers/auth.json", second)
                .env("PATH", helpers.path())
                .args(if fault.starts_with("no answer") { "--helper-timeout 300ms" } else { "" })
                .run();
            report.expect(verdict, exit);
            warned(&report, "docker-credential-x (");
            warned(&report, &format!("/.docker/config.json), asked for {host}: {fault}"));
            assert!(!report.stderr.contains("hunter2"), "{}", report.stderr);
        }
        if !script.is_empty() {
            assert_eq!(helpers.runs("x"), vec![format!("get {host}"); 2]);
        }
    }
    // Words of a file that name no program.
    for name in ["../x", "x;id", "", "x y"] {
        let pair = with_basic();
        let helpers = Helpers::new().knowing("x", ADA.0, ADA.1);
        let config = json!({"credHelpers": {pair.mirror.authority(): name}}).to_string();
        let report = pair.check().docker_config(config).env("PATH", helpers.path()).run();
        report.expect("denied/credentials-needed", 3);
        assert_eq!(helpers.runs("x"), [""; 0]);
        if !name.is_empty() {
            warned(&report, "not a helper's name");
        }
    }
}

#[test]
fn a_helper_that_fails_does_not_hide_what_is_public() {
    let pair = Pair::new();
    pair.mirror.require_token(TokenRules::default());
    let helpers = Helpers::new().with("x", "echo 'agent is away'; exit 1");
    let config = json!({"credsStore": "x"}).to_string();
    let report = pair.check().docker_config(config).env("PATH", helpers.path()).run();
    report.expect("ok/digest-equal", 0);
    warned(&report, "agent is away");
}

fn ok_json(body: &str) -> Behaviour {
    Behaviour::Status(Failure::text(200, "application/json", body))
}

/// A mirror whose token service, on a host of its own, behaves so.
fn with_service(behaviour: Behaviour) -> (Pair, Registry) {
    let pair = Pair::new();
    let tokens = Registry::start(Store::new()).expect("a registry");
    pair.mirror.require_token_of(&tokens, private());
    tokens.set_behaviour(Scope::Token, behaviour);
    (pair, tokens)
}

#[test]
fn a_token_service_that_fails_a_user_is_named_with_what_it_did() {
    for (behaviour, verdict, part) in [
        (Behaviour::Empty200, "server_error/token-broken", "its answer is empty"),
        (ok_json("{}"), "server_error/token-broken", "neither token nor access_token"),
        (ok_json(r#"{"token":null}"#), "server_error/token-broken", "neither token nor access_token"),
        (Behaviour::Html, "server_error/token-broken", "a web page"),
        (Behaviour::Big(5 << 20), "server_error/token-broken", "longer than any token"),
        (Behaviour::Silent, "unreachable/timeout-first-byte", "no answer within 2.5s"),
        (Behaviour::Stall(3), "unreachable/timeout-body", ""),
        (Behaviour::Reset, "unreachable/connection-reset", ""),
        (
            Behaviour::Status(Failure::registry(401, "UNAUTHORIZED", "no")),
            "denied/credentials-rejected",
            "401",
        ),
        (Behaviour::Status(Failure::registry(403, "DENIED", "no")), "denied/credentials-rejected", "403"),
        (
            Behaviour::Status(Failure::text(403, "text/html", "<h1>no</h1>")),
            "denied/credentials-rejected",
            "403",
        ),
        (Behaviour::Status(Failure::text(500, "", "")), "server_error/token-broken", "500"),
        (Behaviour::Status(Failure::throttled(Some("3600"))), "rate_limited/rate-limited", "429"),
    ] {
        let is_refusal = verdict.starts_with("denied");
        // Nothing but silence is measured.
        let times = match &behaviour {
            Behaviour::Silent => "--first-byte-timeout 2500ms",
            Behaviour::Stall(_) => "--timeout 2500ms",
            _ => "",
        };
        let (pair, tokens) = with_service(behaviour);
        let check = pair.check().docker_config(login(&pair));
        let report = check.args("--retries 0").args(times).run();
        let row = report.expect(verdict, 3);
        assert!(row.reason.contains(part), "{part}: {row:#?}");
        assert!(row.reason.contains(&tokens.authority()), "{row:#?}");
        if is_refusal {
            assert!(row.reason.contains("user ada (from ") && row.reason.contains("for m"), "{row:#?}");
        }
        assert!(!report.text.contains(ADA.1) && !report.stderr.contains(ADA.1));
        assert!(!report.stderr.contains("panicked"));
        let hosts = [basic(ADA.0, ADA.1)];
        assert_eq!(sent_to(&tokens), hosts, "asked once as Ada");
        assert_eq!(tokens.hits().len(), if is_refusal { 2 } else { 1 }, "{row:#?}");
    }
}

#[test]
fn a_stubborn_401_ends_and_says_who_was_refused() {
    // After a good token.
    let pair = Pair::new();
    pair.mirror.require_token(TokenRules { acceptance: Acceptance::Never, ..private() });
    let report = pair.check().docker_config(login(&pair)).run();
    let row = report.expect("denied/unauthorized", 3);
    assert!(
        row.reason.starts_with("m answered 401") && row.reason.contains("to user ada (from "),
        "{row:#?}"
    );
    assert!(row.reason.contains("/.docker/config.json (auths "), "{row:#?}");
    assert_eq!((report.token_exchanges, pair.mirror.hits_to("/token")), (1, 1));

    // After Basic, from two servers: one forgets what it asked for at once.
    for challenge in [&["Basic realm=\"r\""][..], &["Basic realm=\"r\"", "Basic realm=\"s\""]] {
        let pair = Pair::new();
        let lines = challenge.iter().map(|line| (*line).to_owned()).collect();
        pair.mirror.set_behaviour(Scope::Manifests, Behaviour::Challenge(lines));
        let report = pair.check().docker_config(login(&pair)).run();
        let row = report.expect("denied/credentials-rejected", 3);
        assert!(row.reason.starts_with(&pair.mirror.authority()), "{row:#?}");
        assert!(pair.mirror.hits().len() <= 4, "{:#?}", pair.mirror.hits());
    }
}

#[test]
fn a_registry_that_changes_its_mind_about_the_scheme_ends_too() {
    // Bearer to who brings nothing, Basic to who brings a token, and the other way round.
    let tokens = Registry::start(Store::new()).expect("a registry");
    tokens.set_behaviour(Scope::Token, ok_json(r#"{"token":"abc"}"#));
    let bearer = format!("Bearer realm=\"{}/token\",service=\"s\"", tokens.url());
    for (to_basic, to_bearer, to_nobody) in [
        (&*bearer, "Basic realm=r", &*bearer),
        (&*bearer, "Basic realm=r", "Basic realm=r"),
        ("Basic realm=r", &*bearer, "Basic realm=r"),
        ("Basic realm=r", "Basic realm=r", &*bearer),
        ("", "", &*bearer),
    ] {
        let nginx = Nginx::start(
            "",
            &format!(
                "set $challenge '{to_nobody}'; \
                 if ($http_authorization ~ ^Basic) {{ set $challenge '{to_basic}'; }} \
                 if ($http_authorization ~ ^Bearer) {{ set $challenge '{to_bearer}'; }} \
                 add_header WWW-Authenticate $challenge always; return 401;"
            ),
        );
        let pair = Pair::new();
        let report = Check::of(&["app:1.0"])
            .upstream(&pair.upstream.url())
            .mirror("m", &format!("http://{}", nginx.authority()))
            .docker_config(auths(&[(&nginx.authority(), ADA.0, ADA.1)]))
            .run();
        let row = report.row("m");
        assert_eq!((&*row.status, report.exit), ("denied", 3), "{row:#?}");
        assert!(row.reason.contains("m ") || row.reason.contains(&nginx.authority()), "{row:#?}");
        assert!(report.requests <= 8, "{report:#?}");
    }
}

#[test]
fn bad_variables_are_told_by_their_names() {
    let pair = with_basic();
    let own = format!("REGISTRY_CHECK_AUTH_{}", pair.mirror.authority().replace(['.', ':'], "_"));
    let report = pair.check().env(&own, "hunter2").docker_config(login(&pair)).run();
    report.expect("ok/digest-equal", 0);
    warned(&report, &own);
    assert!(!report.stderr.contains("hunter2"));

    let report = pair.check().env("DOCKER_AUTH_CONFIG", "{\n\"hunter2").docker_config(login(&pair)).run();
    report.expect("ok/digest-equal", 0);
    warned(&report, "DOCKER_AUTH_CONFIG:2: not valid JSON");
    assert!(!report.stderr.contains("hunter2"));
}
