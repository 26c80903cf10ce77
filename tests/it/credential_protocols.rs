//! Credentials in use: which of them goes where, in which protocol, how often, and what is said when they
//! are refused. The mirror is private, upstream is open; both are embedded and count what they are sent.

use registry_check::credentials::ACR_NULL_USER;
use registry_check::demo::token::Refusal;
use registry_check::demo::{
    Access, Behaviour, Hit, Registry, Scope, Store, Times, TokenRules, TokenService, User, content,
};
use serde_json::{Value, json};

use crate::support::credentials::{Helpers, auths, basic, entry, pair, sent_to};
use crate::support::embedded::{Check, Pair, REPOSITORY, TAG};
use crate::support::http;
use crate::support::nginx::Nginx;

const ADA: (&str, &str) = ("ada", "correct horse");
const SCOPE: &str = "scope=repository%3Alibrary%2Fapp%3Apull";

fn ada() -> User {
    User::new(ADA.0, ADA.1)
}

/// Nobody may pull anything but these users.
fn private(users: Vec<User>) -> TokenRules {
    TokenRules { anonymous: Access::None, users, ..TokenRules::default() }
}

/// A mirror that wants tokens by these rules.
fn guarded(rules: TokenRules) -> (Pair, TokenService) {
    let pair = Pair::new();
    let service = pair.mirror.require_token(rules);
    (pair, service)
}

/// `docker login` to the mirror as Ada.
fn login(pair: &Pair) -> String {
    auths(&[(&pair.mirror.authority(), ADA.0, ADA.1)])
}

fn token_requests(registry: &Registry) -> Vec<Hit> {
    registry.hits().into_iter().filter(|hit| hit.path == "/token").collect()
}

/// Users of the tokens that were issued, nobody as `-`.
fn identities(service: &TokenService) -> Vec<String> {
    let mut names: Vec<_> = service
        .issued()
        .into_iter()
        .map(|issued| issued.identity.unwrap_or_else(|| "-".to_owned()))
        .collect();
    names.sort_unstable();
    names
}

#[test]
fn a_basic_challenge_is_answered_once_and_then_foreseen() {
    let pair = Pair::new();
    for tag in ["2.0", "3.0"] {
        pair.upstream.store().put(REPOSITORY, tag, &pair.image);
        pair.mirror.store().put(REPOSITORY, tag, &pair.image);
    }
    pair.mirror.require_basic(vec![ada()]);
    let report = pair
        .check_of(&["app:1.0", "app:2.0", "app:3.0"])
        .docker_config(login(&pair))
        .args("--per-host 1")
        .run();
    assert_eq!(report.verdicts("m"), ["ok/digest-equal"; 3]);
    assert_eq!((report.exit, report.token_exchanges), (0, 0));
    let told: Vec<_> = pair.mirror.hits().into_iter().map(|hit| (hit.status, hit.authorization)).collect();
    let known = (Some(200), Some(basic(ADA.0, ADA.1)));
    assert_eq!(told, [(Some(401), None), known.clone(), known.clone(), known]);
    assert_eq!(sent_to(&pair.upstream), [""; 0]);
}

#[test]
fn a_token_is_asked_for_with_basic_and_the_account_and_the_registry_sees_only_the_token() {
    let (pair, service) = guarded(private(vec![ada()]));
    let report = pair.check().docker_config(login(&pair)).run();
    report.expect("ok/digest-equal", 0);
    assert_eq!(report.token_exchanges, 1);
    let [asked] = &token_requests(&pair.mirror)[..] else { panic!("{:#?}", pair.mirror.hits()) };
    assert_eq!((&*asked.method, asked.authorization.as_deref()), ("GET", Some(&*basic(ADA.0, ADA.1))));
    let query = format!("service=registry-check-demo&{SCOPE}&account=ada&client_id=registry-check");
    assert_eq!(asked.query, Some(query));
    let others: Vec<_> = pair.mirror.hits().into_iter().filter(Hit::is_manifest).collect();
    assert_eq!(others[0].authorization, None);
    assert!(others[1].authorization.as_ref().unwrap().starts_with("Bearer "));
    assert_eq!(identities(&service), ["ada"]);
}

#[test]
fn an_identity_token_is_exchanged_by_post_wherever_it_was_stored() {
    let refresh = "refresh+token/1=";
    let user = || ada().with_identity_token(refresh);
    let helpers = Helpers::new().knowing("x", "<token>", refresh);
    let acr = pair(ACR_NULL_USER, refresh);
    for value in [
        json!({"identitytoken": refresh}),
        json!({"identitytoken": refresh, "auth": pair("ada", "")}),
        json!({"auth": acr}),
        json!({"username": "<token>", "password": refresh}),
        Value::Null,
    ] {
        let (pair, service) = guarded(private(vec![user()]));
        let host = pair.mirror.authority();
        let config = match &value {
            Value::Null => json!({"credHelpers": {host: "x"}}).to_string(),
            value => entry(&host, value.clone()),
        };
        let report = pair.check().docker_config(config).env("PATH", helpers.path()).run();
        report.expect("ok/digest-equal", 0);
        let [asked] = &token_requests(&pair.mirror)[..] else { panic!("{:#?}", pair.mirror.hits()) };
        assert_eq!((&*asked.method, &asked.authorization, &asked.query), ("POST", &None, &None), "{value}");
        let form: Vec<(String, String)> =
            url::form_urlencoded::parse(asked.form.as_bytes()).into_owned().collect();
        let expected = [
            ("grant_type", "refresh_token"),
            ("service", "registry-check-demo"),
            ("client_id", "registry-check"),
            ("scope", "repository:library/app:pull"),
            ("refresh_token", refresh),
        ];
        assert_eq!(form, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(identities(&service), ["ada"]);
    }
}

#[test]
fn a_registry_token_is_sent_as_it_is() {
    let (pair, _service) = guarded(TokenRules::default());
    let path = format!("/token?service=registry-check-demo&{SCOPE}");
    let answer: Value = serde_json::from_str(http::get(&pair.mirror.authority(), &path).text()).unwrap();
    pair.mirror.forget_hits();
    let config = entry(&pair.mirror.authority(), json!({"registrytoken": answer["token"]}));
    let report = pair.check().docker_config(config).run();
    report.expect("ok/digest-equal", 0);
    assert_eq!((report.token_exchanges, pair.mirror.hits_to("/token")), (0, 0));

    // One that is not taken is not replaced by anything.
    let config = entry(&pair.mirror.authority(), json!({"registrytoken": "worn-out"}));
    let report = pair.check().docker_config(config).run();
    let row = report.expect("denied/unauthorized", 3);
    assert!(row.reason.contains("user <token> (from "), "{row:#?}");
    assert_eq!((report.token_exchanges, pair.mirror.hits_to("/token")), (0, 0));
    assert!(!report.text.contains("worn-out") && !report.stderr.contains("worn-out"));
}

#[test]
fn of_several_challenges_the_best_that_can_be_met_is_met() {
    let bearer = r#"Bearer realm="{realm}",service="{service}""#;
    for lines in [
        vec![format!(r#"Basic realm="r", {bearer}"#)],
        vec!["Basic realm=r".to_owned(), bearer.to_owned()],
        vec!["Negotiate".to_owned(), format!(r#"{bearer},scope="*",Basic realm="r",scope="*""#)],
    ] {
        let (pair, service) = guarded(TokenRules { challenge: lines, ..private(vec![ada()]) });
        pair.check().docker_config(login(&pair)).run().expect("ok/digest-equal", 0);
        assert_eq!(identities(&service), ["ada"]);
    }
    for lines in
        [&["Negotiate", "Basic realm=\"r\""][..], &["Digest realm=\"d\", nonce=\"a,b\", Basic realm=r"]]
    {
        let pair = Pair::new();
        let lines = lines.iter().map(|line| (*line).to_owned()).collect();
        pair.mirror.set_behaviour_times(Scope::Manifests, Behaviour::Challenge(lines), Times::First(1));
        pair.check().docker_config(login(&pair)).run().expect("ok/digest-equal", 0);
        assert_eq!(sent_to(&pair.mirror), [basic(ADA.0, ADA.1)]);
    }
}

#[test]
fn a_token_that_is_no_longer_taken_costs_exactly_one_more() {
    let (pair, service) = guarded(private(vec![ada()]));
    pair.mirror.store().put(REPOSITORY, "2.0", &pair.image);
    pair.upstream.store().put(REPOSITORY, "2.0", &pair.image);
    let run_out = format!(
        r#"Bearer realm="{}/token",service="registry-check-demo",error="invalid_token""#,
        pair.mirror.url()
    );
    pair.mirror.set_behaviour_times(
        Scope::reference(REPOSITORY, "2.0"),
        Behaviour::Challenge(vec![run_out]),
        Times::First(1),
    );
    let check = pair.check_of(&["app:1.0", "app:2.0"]).docker_config(login(&pair)).args("--per-host 1");
    let report = check.run();
    assert_eq!(report.verdicts("m"), ["ok/digest-equal"; 2]);
    assert_eq!((report.token_exchanges, identities(&service)), (2, vec!["ada".to_owned(); 2]));
}

/// Ten tags in five public repositories of a mirror that knows Ada by another password.
fn public(rules: TokenRules) -> (Registry, Registry, Vec<String>) {
    let mut store = Store::new();
    let mut images = Vec::new();
    for name in 0..5 {
        for tag in ["1", "2"] {
            store.put(&format!("library/app-{name}"), tag, &content::image(tag, "linux/amd64"));
            images.push(format!("app-{name}:{tag}"));
        }
    }
    let [upstream, mirror] = [(); 2].map(|()| Registry::start(store.clone()).expect("a registry"));
    mirror.require_token(rules);
    (upstream, mirror, images)
}

#[test]
fn bad_credentials_do_not_hide_what_is_public_and_are_warned_of_once() {
    for status in [401, 403] {
        let rules = TokenRules { users: vec![ada()], ..TokenRules::default() };
        let (upstream, mirror, images) = public(rules);
        if status == 403 {
            // GHCR.
            mirror.require_token(TokenRules {
                users: vec![User::new(ADA.0, "wrong horse").may_pull(Access::None)],
                refusal: Refusal::Status(403),
                service: "strict".to_owned(),
                ..TokenRules::default()
            });
        }
        let config = auths(&[(&mirror.authority(), ADA.0, "wrong horse")]);
        let report = Check::of(&images)
            .upstream(&upstream.url())
            .mirror("m", &mirror.url())
            .docker_config(config)
            .run();
        assert_eq!(report.verdicts("m"), vec!["ok/digest-equal"; 10]);
        assert_eq!(report.exit, 0);
        let start = format!(
            "credentials rejected, public access works: {} answered {status} to user ada (from ",
            mirror.authority()
        );
        let rows: Vec<_> = report.rows.iter().filter(|row| row.mirror == "m").collect();
        assert!(rows.iter().all(|row| row.notes_hold(&start)), "{rows:#?}");
        assert!(rows.iter().all(|row| row.notes_hold(&format!("(auths \"{}\")", mirror.authority()))));
        let warnings: Vec<_> = report.stderr.lines().collect();
        assert_eq!(warnings.len(), 1, "{warnings:#?}");
        assert!(warnings[0].starts_with(&format!("warn: {start}")), "{warnings:#?}");
        assert!(!report.text.contains("wrong horse") && !report.stderr.contains("wrong horse"));
    }
}

#[test]
fn bad_basic_credentials_are_told_with_host_user_and_source() {
    let pair = Pair::new();
    let lines = vec!["Basic realm=\"r\"".to_owned()];
    pair.mirror.set_behaviour(Scope::Manifests, Behaviour::Challenge(lines));
    let report = pair.check().docker_config(login(&pair)).run();
    let row = report.expect("denied/credentials-rejected", 3);
    let host = pair.mirror.authority();
    for part in [&*host, "401", "user ada", ".docker/config.json", &format!("(auths \"{host}\")")] {
        assert!(row.reason.contains(part), "{part}: {row:#?}");
    }
    assert!(!row.reason.contains(ADA.1));
}

#[test]
fn bad_basic_credentials_that_were_brought_along_unasked_do_not_hide_what_is_public() {
    let pair = Pair::new();
    pair.upstream.store().put("library/private", TAG, &pair.image);
    // Refuses whoever brings anything, as GitLab does, and one repository to those who bring nothing.
    let nginx = Nginx::start(
        "",
        &format!(
            "add_header WWW-Authenticate 'Basic realm=r' always; \
             location /v2/library/private/ {{ return 401; }} \
             location / {{ if ($http_authorization) {{ return 401; }} proxy_pass {}; }}",
            pair.mirror.url()
        ),
    );
    let host = nginx.authority();
    let report = Check::of(&["private:1.0", "app:1.0"])
        .upstream(&pair.upstream.url())
        .mirror("m", &format!("http://{host}"))
        .docker_config(auths(&[(&host, ADA.0, ADA.1)]))
        .args("--per-host 1")
        .run();
    assert_eq!(report.verdicts("m"), ["denied/credentials-rejected", "ok/digest-equal"]);
    let told = format!("credentials rejected, public access works: {host} answered 401 to user ada (from ");
    let row = report.rows.iter().find(|row| row.mirror == "m" && row.status == "ok").unwrap();
    assert!(row.notes_hold(&told), "{row:#?}");
    assert_eq!(report.stderr.matches(&told).count(), 1, "{}", report.stderr);
    assert_eq!(sent_to(&pair.mirror), [""; 0]);
}

#[test]
fn bad_credentials_for_what_is_private_are_denied_with_host_user_and_source() {
    for refusal in [Refusal::EmptyToken, Refusal::Status(401), Refusal::Status(403)] {
        let (pair, _) = guarded(TokenRules { refusal, ..private(vec![ada()]) });
        let host = pair.mirror.authority();
        let config = auths(&[(&host, ADA.0, "wrong horse")]);
        let report = pair.check().docker_config(config).run();
        let row = report.expect("denied/credentials-rejected", 3);
        for part in [&*host, "401", "user ada", ".docker/config.json", &format!("(auths \"{host}\")")] {
            assert!(row.reason.contains(part), "{part}: {refusal:?} {row:#?}");
        }
        assert!(!report.text.contains("wrong horse") && !report.stderr.contains("wrong horse"));
        assert_eq!(pair.mirror.hits_to("/token"), 2, "with them and without");
    }
}

#[test]
fn a_helper_is_asked_once_for_each_registry_however_many_images_there_are() {
    let mut store = Store::new();
    for tag in 0..50 {
        store.put("library/app", &tag.to_string(), &content::image(&tag.to_string(), "linux/amd64"));
    }
    let images: Vec<_> = (0..50).map(|tag| format!("app:{tag}")).collect();
    for setting in ["credHelpers", "credsStore"] {
        for is_token in [true, false] {
            let [upstream, mirror] = [(); 2].map(|()| Registry::start(store.clone()).expect("a registry"));
            for registry in [&upstream, &mirror] {
                if is_token {
                    registry.require_token(private(vec![ada()]));
                } else {
                    registry.require_basic(vec![ada()]);
                }
            }
            let helpers = Helpers::new().knowing("desk-top_1.x", ADA.0, ADA.1);
            let hosts = [upstream.authority(), mirror.authority()];
            let config = match setting {
                "credsStore" => json!({"credsStore": "desk-top_1.x", "auths": {&hosts[0]: {}}}),
                _ => json!({"credHelpers": {&hosts[0]: "desk-top_1.x", &hosts[1]: "desk-top_1.x"}}),
            };
            let report = Check::of(&images)
                .upstream(&upstream.url())
                .mirror("m", &mirror.url())
                .docker_config(config.to_string())
                .env("PATH", helpers.path())
                .args("--per-host 50")
                .run();
            assert_eq!(report.verdicts("m"), vec!["ok/digest-equal"; 50]);
            let mut runs = helpers.runs("desk-top_1.x");
            runs.sort_unstable();
            let mut expected = hosts.map(|host| format!("get {host}"));
            expected.sort_unstable();
            assert_eq!(runs, expected, "{setting}");
        }
    }
}

#[test]
fn keys_with_a_path_choose_by_repository() {
    let pair = Pair::new();
    let host = pair.mirror.authority();
    let names = ["one/app", "one/app/deep", "one/appendix", "two/app", "three/app"];
    for registry in [&pair.upstream, &pair.mirror] {
        for name in names {
            registry.store().put(name, TAG, &pair.image);
        }
    }
    let people = ["deep", "one", "two", "rest"];
    let service = pair.mirror.require_token(private(people.map(|name| User::new(name, name)).to_vec()));
    let keys = [
        (format!("{host}/one/app"), "deep"),
        (format!("{host}/one"), "one"),
        (format!("{host}/two"), "two"),
        (host, "rest"),
    ];
    let entries: Vec<_> = keys.iter().map(|(key, user)| (&**key, *user, *user)).collect();
    let images: Vec<_> = names.iter().map(|name| format!("{name}:{TAG}")).collect();
    let images: Vec<_> = images.iter().map(String::as_str).collect();
    let report = pair.check_of(&images).file(".config/containers/auth.json", auths(&entries)).run();
    assert_eq!(report.verdicts("m"), ["ok/digest-equal"; 5]);
    let mut told: Vec<_> = service
        .issued()
        .into_iter()
        .flat_map(|issued| {
            let user = issued.identity.unwrap_or_default();
            issued.repositories.into_iter().map(move |name| format!("{name} {user}"))
        })
        .collect();
    told.sort_unstable();
    told.dedup();
    assert_eq!(
        told,
        ["one/app deep", "one/app/deep deep", "one/appendix one", "three/app rest", "two/app two"]
    );
}

/// `(auths "…")` of every kind of place, in the order in which they are asked.
#[test]
fn places_are_asked_in_their_order_and_each_is_good_enough_alone() {
    let users = ["given", "secret", "own", "variable", "docker", "named", "runtime", "settings", "legacy"];
    for first in 0..users.len() {
        let pair = Pair::new();
        let host = pair.mirror.authority();
        pair.mirror.require_basic(users.map(|name| User::new(name, name)).to_vec());
        let file = |user: &str| auths(&[(&host, user, user)]);
        let own = host.replace(['.', ':'], "_");
        let kubernetes = format!(
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: pull\ntype: kubernetes.io/dockerconfigjson\n\
             data:\n  .dockerconfigjson: {}\n",
            base64::Engine::encode(&base64::engine::general_purpose::STANDARD, file("secret"))
        );
        let mut check = pair.check();
        for user in &users[first..] {
            check = match *user {
                "given" => check.file("given.json", file(user)).args("--auth-file given.json"),
                "secret" => check.file("pull.yaml", &*kubernetes).args("--auth-file pull.yaml"),
                "own" => check.env(&format!("REGISTRY_CHECK_AUTH_{own}"), format!("{user}:{user}")),
                "variable" => check.env("DOCKER_AUTH_CONFIG", file(user)),
                "docker" => check.file("docker/config.json", file(user)).env("DOCKER_CONFIG", "docker"),
                "named" => check.file("named.json", file(user)).env("REGISTRY_AUTH_FILE", "named.json"),
                "runtime" => check.file("run/containers/auth.json", file(user)).env("XDG_RUNTIME_DIR", "run"),
                "settings" => check.file(".config/containers/auth.json", file(user)),
                _ => check.file(".dockercfg", json!({&host: {"auth": pair_of(user)}}).to_string()),
            };
        }
        let report = check.run();
        report.expect("ok/digest-equal", 0);
        assert_eq!(sent_to(&pair.mirror), [basic(users[first], users[first])], "{}", report.stderr);
        assert_eq!(report.stderr, "");
    }
}

fn pair_of(user: &str) -> String {
    pair(user, user)
}
