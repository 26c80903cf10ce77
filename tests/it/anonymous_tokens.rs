//! Tokens for everyone: asked for when a request is refused, once for each scope, and of nobody unsafe.

use std::time::Duration;

use registry_check::demo::token::{Acceptance, Ping, Refusal, ScopesRead, TokenField};
use registry_check::demo::{
    Access, Behaviour, Failure, Registry, Scope, Store, Times, TokenRules, TokenService, content,
};

use crate::support::embedded::{Check, PLATFORMS, Pair, REPOSITORY, TAG, start};

/// A mirror that wants tokens by these rules.
fn guarded(rules: TokenRules) -> Pair {
    let pair = Pair::new();
    pair.mirror.require_token(rules);
    pair
}

/// A mirror that wants tokens, and whose token service behaves so.
fn with_service(behaviour: Behaviour) -> Pair {
    let pair = guarded(TokenRules::default());
    pair.mirror.set_behaviour(Scope::Token, behaviour);
    pair
}

fn ok_json(body: &str) -> Behaviour {
    Behaviour::Status(Failure::text(200, "application/json", body))
}

/// Statuses of the manifest requests, in turn.
fn statuses(registry: &Registry) -> Vec<(String, u16)> {
    let hits = registry.hits().into_iter().filter(|hit| hit.is_manifest());
    hits.filter_map(|hit| Some((hit.method.clone(), hit.status?))).collect()
}

fn head(status: u16) -> (String, u16) {
    ("HEAD".to_owned(), status)
}

#[test]
fn a_token_is_asked_for_by_nobody_and_sent_with_the_same_request_again() {
    for field in [TokenField::Token, TokenField::AccessToken, TokenField::Both] {
        for expires_in in [None, Some(Duration::from_secs(300))] {
            let pair = guarded(TokenRules { field, expires_in, ..TokenRules::default() });
            let report = pair.check().run();
            let row = report.expect("ok/digest-equal", 0);
            assert_eq!(row.attempts, 1, "the exchange is part of the attempt");
            assert_eq!((report.requests, report.token_exchanges), (3, 1));
            assert_eq!(statuses(&pair.mirror), [head(401), head(200)]);
            let asked = pair.mirror.hits().into_iter().find(|hit| hit.path == "/token").unwrap();
            assert_eq!((&*asked.method, asked.authorization), ("GET", None));
            assert_eq!(
                asked.query.as_deref(),
                Some("service=registry-check-demo&scope=repository%3Alibrary%2Fapp%3Apull")
            );
            assert!(!asked.accept.unwrap().contains("manifest"));
            assert_eq!(pair.mirror.hits_to("/v2/"), 0);
        }
    }
}

#[test]
fn fifty_images_of_one_repository_share_one_exchange() {
    let mut store = Store::new();
    for tag in 0..50 {
        store.put("library/app", &tag.to_string(), &content::image(&tag.to_string(), "linux/amd64"));
    }
    let [upstream, mirror] = [(); 2].map(|()| Registry::start(store.clone()).unwrap());
    for registry in [&upstream, &mirror] {
        registry.require_token(TokenRules::default());
        // Slow enough for all places in flight to be waiting for the first token.
        registry.set_behaviour(Scope::Token, Behaviour::Delay(Duration::from_millis(200)));
    }
    let images: Vec<_> = (0..50).map(|tag| format!("app:{tag}")).collect();
    let report = Check::of(&images)
        .upstream(&upstream.url())
        .mirror("m", &mirror.url())
        .args("--per-host 50 --concurrency 200")
        .run();
    assert_eq!(report.verdicts("m"), vec!["ok/digest-equal"; 50]);
    assert_eq!((report.exit, report.token_exchanges), (0, 2));
    for registry in [&upstream, &mirror] {
        assert_eq!((registry.hits_to("/token"), registry.hits_to("/v2/")), (1, 0));
        assert_eq!(registry.count(|hit| hit.is_manifest() && hit.status == Some(200)), 50);
        assert!(registry.count(|hit| hit.status == Some(401)) <= 50);
        assert_eq!(registry.manifest_hits("GET"), 0);
    }
}

#[test]
fn repositories_of_one_service_get_their_tokens_together_where_it_grants_that() {
    let image = content::image("a", "linux/amd64");
    let names: Vec<_> = (0..40).map(|number| format!("library/app-{number}")).collect();
    let held: Vec<_> =
        names.iter().flat_map(|name| [(&**name, "1", &image), (&**name, "2", &image)]).collect();
    let images: Vec<_> =
        (0..40).flat_map(|number| [format!("app-{number}:1"), format!("app-{number}:2")]).collect();
    for (scopes_read, exchanges) in [(ScopesRead::All, 3), (ScopesRead::First, 40)] {
        for per_host in ["--per-host 1", "--per-host 16"] {
            let [upstream, mirror] = [(); 2].map(|()| start(&held));
            mirror.require_token(TokenRules { scopes_read, ..TokenRules::default() });
            let report =
                Check::of(&images).upstream(&upstream.url()).mirror("m", &mirror.url()).args(per_host).run();
            assert_eq!(report.verdicts("m"), vec!["ok/digest-equal"; 80]);
            assert_eq!((report.exit, mirror.hits_to("/token")), (0, exchanges), "{per_host}");
            assert_eq!(report.token_exchanges, exchanges);
        }
    }
}

#[test]
fn a_repository_that_nobody_may_pull_does_not_keep_the_others_from_sharing_tokens() {
    let image = content::image("a", "linux/amd64");
    let names: Vec<_> = (0..40).map(|number| format!("library/app-{number}")).collect();
    let held: Vec<_> = names.iter().map(|name| (&**name, "1", &image)).collect();
    let images: Vec<_> = (0..40).map(|number| format!("app-{number}:1")).collect();
    let [upstream, mirror] = [(); 2].map(|()| start(&held));
    let public = names.iter().filter(|name| !name.ends_with("-3")).cloned().collect();
    mirror.require_token(TokenRules { anonymous: Access::Only(public), ..TokenRules::default() });
    let report = Check::of(&images).upstream(&upstream.url()).mirror("m", &mirror.url()).run();
    let denied = report.verdicts("m").iter().filter(|verdict| **verdict == "denied/unauthorized").count();
    assert_eq!(denied, 1);
    // Three for sixteen repositories each, and one for the private one alone.
    assert_eq!(mirror.hits_to("/token"), 4);
}

#[test]
fn mirrors_that_share_a_token_service_share_its_tokens_unless_it_tells_them_apart() {
    for (services, exchanges) in [(["s", "s"], 1), (["s", "t"], 2)] {
        let image = content::index("app", &PLATFORMS);
        let [upstream, tokens, one, two] = [(); 4].map(|()| start(&[(REPOSITORY, TAG, &image)]));
        tokens.set_behaviour(Scope::Token, ok_json(r#"{"token":"abc"}"#));
        for (mirror, service) in [&one, &two].into_iter().zip(services) {
            let challenge = vec![format!(r#"Bearer realm="{}/token",service="{service}""#, tokens.url())];
            mirror.set_behaviour_times(Scope::Manifests, Behaviour::Challenge(challenge), Times::First(1));
        }
        let report = Check::of(&["app:1.0"])
            .upstream(&upstream.url())
            .mirror("one", &one.url())
            .mirror("two", &two.url())
            .run();
        assert_eq!([report.row("one").verdict(), report.row("two").verdict()], ["ok/digest-equal"; 2]);
        assert_eq!((tokens.hits_to("/token"), report.token_exchanges), (exchanges, exchanges));
        for mirror in [&one, &two] {
            assert_eq!(statuses(mirror), [head(401), head(200)]);
        }
    }
}

#[test]
fn a_token_that_is_no_longer_taken_is_replaced_and_the_request_goes_again() {
    let pair = guarded(TokenRules::default());
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
    let report = pair.check_of(&["app:1.0", "app:2.0"]).args("--per-host 1").run();
    assert_eq!(report.verdicts("m"), ["ok/digest-equal"; 2]);
    assert_eq!(statuses(&pair.mirror), [head(401), head(200), head(401), head(200)]);
    assert_eq!(pair.mirror.hits_to("/token"), 2);
}

#[test]
fn no_token_is_thought_to_live_less_than_a_minute() {
    for lifetime in ["0", "1", "-5", "0.5", "1e400", "null"] {
        let pair = Pair::new();
        for tag in ["2.0", "3.0"] {
            pair.mirror.store().put(REPOSITORY, tag, &pair.image);
            pair.upstream.store().put(REPOSITORY, tag, &pair.image);
        }
        let challenge = vec![r#"Bearer realm="/token",service="s""#.to_owned()];
        pair.mirror.set_behaviour_times(Scope::Manifests, Behaviour::Challenge(challenge), Times::First(1));
        let body = format!(r#"{{"token":"abc","expires_in":{lifetime},"issued_at":"1999-01-01T00:00:00Z"}}"#);
        pair.mirror.set_behaviour(Scope::Token, ok_json(&body));
        let report = pair.check_of(&["app:1.0", "app:2.0", "app:3.0"]).args("--per-host 1").run();
        if lifetime == "1e400" {
            // Not a number that JSON can hold.
            assert_eq!(report.verdicts("m")[0], "server_error/token-broken");
            continue;
        }
        assert_eq!(report.verdicts("m"), ["ok/digest-equal"; 3], "{lifetime}");
        assert_eq!(pair.mirror.hits_to("/token"), 1);
        assert_eq!(pair.mirror.count(|hit| hit.authorization.as_deref() == Some("Bearer abc")), 3);
    }
}

#[test]
fn a_registry_that_takes_no_token_costs_one_more_token_request_and_is_denied() {
    let pair = guarded(TokenRules { acceptance: Acceptance::Never, ..TokenRules::default() });
    let report = pair.check().run();
    let row = report.expect("denied/unauthorized", 3);
    assert!(row.reason.contains("although an anonymous token was sent"), "{row:#?}");
    assert_eq!(pair.mirror.hits_to("/token"), 1);
    assert_eq!(statuses(&pair.mirror), [head(401), head(401), ("GET".to_owned(), 401)]);
}

#[test]
fn an_image_that_nobody_may_pull_is_denied_where_the_registry_says_so() {
    let private = |refusal| TokenRules { anonymous: Access::None, refusal, ..TokenRules::default() };
    let pair = guarded(private(Refusal::EmptyToken));
    pair.check().run().expect("denied/unauthorized", 3);
    for status in [401, 403] {
        let pair = guarded(private(Refusal::Status(status)));
        let report = pair.check().run();
        let row = report.expect("denied/token-refused", 3);
        assert!(row.reason.contains(&format!("the token service {}", pair.mirror.authority())), "{row:#?}");
        assert!(row.reason.contains(&status.to_string()), "{row:#?}");
        assert_eq!(pair.mirror.hits_to("/token"), 1);
    }
}

#[test]
fn a_token_service_that_gives_no_token_is_told_as_that() {
    for (behaviour, verdict, part) in [
        (Behaviour::Html, "server_error/token-broken", "a web page"),
        (ok_json("{}"), "server_error/token-broken", "neither token nor access_token"),
        (ok_json(r#"{"token":""}"#), "server_error/token-broken", "neither token nor access_token"),
        (ok_json(r#"{"token":5}"#), "server_error/token-broken", "not the JSON of a token"),
        (ok_json("[]"), "server_error/token-broken", "token"),
        (ok_json(r#"{"token":"a\r\nX-Evil: 1"}"#), "server_error/token-broken", "cannot stand in a header"),
        (Behaviour::Empty200, "server_error/token-broken", "empty"),
        (Behaviour::Big(5 << 20), "server_error/token-broken", "longer than any token"),
        (Behaviour::Status(Failure::text(500, "", "")), "server_error/token-broken", "500"),
        (Behaviour::Status(Failure::throttled(Some("3600"))), "rate_limited/rate-limited", "3600s"),
        (Behaviour::NotFoundPlain, "denied/token-refused", "404"),
        (Behaviour::RedirectLoop, "server_error/redirect-loop", "10 hops"),
        (Behaviour::Reset, "unreachable/connection-reset", "closed before an answer"),
    ] {
        let pair = with_service(behaviour);
        let report = pair.check().args("--retries 0").run();
        let row = report.expect(verdict, 3);
        assert!(row.reason.contains(part), "{row:#?}");
        assert_eq!(pair.asked(), (1, 0), "without a token there is no sense in asking again");
    }
}

#[test]
fn a_silent_token_service_is_unreachable_and_named() {
    let image = content::index("app", &PLATFORMS);
    let pair = Pair::holding(&image, &image);
    let tokens = Registry::start(Store::new()).unwrap();
    tokens.set_behaviour(Scope::Token, Behaviour::Silent);
    pair.mirror.require_token_of(&tokens, TokenRules::default());
    let report = pair.check().args("--first-byte-timeout 2500ms").run();
    let row = report.expect("unreachable/timeout-first-byte", 3);
    assert!(row.reason.contains(&tokens.authority()), "{row:#?}");
}

#[test]
fn a_token_service_that_is_busy_for_a_moment_is_asked_again() {
    for behaviour in [
        Behaviour::Status(Failure::throttled(Some("0"))),
        Behaviour::Status(Failure::text(503, "text/html", "<h1>busy</h1>")),
        Behaviour::Reset,
    ] {
        let pair = guarded(TokenRules::default());
        pair.mirror.set_behaviour_times(Scope::Token, behaviour, Times::First(1));
        assert_eq!(pair.check().run().expect("ok/digest-equal", 0).attempts, 2);
        assert_eq!(pair.mirror.hits_to("/token"), 2);
        assert_eq!(statuses(&pair.mirror), [head(401), head(200)]);
    }
}

#[test]
fn a_realm_on_another_host_is_asked() {
    for url in [Registry::url, Registry::localhost_url] {
        let pair = Pair::new();
        let tokens = Registry::start(Store::new()).unwrap();
        let url = url(&tokens);
        let rules = TokenRules { realm: Some(format!("{url}/token")), ..TokenRules::default() };
        pair.mirror.require_token_of(&tokens, rules);
        pair.check().run().expect("ok/digest-equal", 0);
        let hosts: Vec<_> = tokens.hits().into_iter().filter_map(|hit| hit.host).collect();
        assert_eq!(hosts, [url.trim_start_matches("http://")]);
    }
}

#[test]
fn a_token_service_may_redirect() {
    let pair = Pair::new();
    let tokens = Registry::start(Store::new()).unwrap();
    let rules = TokenRules { realm: Some("/token".to_owned()), ..TokenRules::default() };
    pair.mirror.require_token_of(&tokens, rules);
    pair.mirror.set_behaviour(Scope::Token, Behaviour::RedirectTo(tokens.localhost_url()));
    pair.check().run().expect("ok/digest-equal", 0);
    assert_eq!((pair.mirror.hits_to("/token"), tokens.hits_to("/token")), (1, 1));
}

#[test]
fn a_realm_that_is_not_safe_to_ask_is_refused_and_its_password_is_not_shown() {
    for (realm, part) in [
        ("http://user:hunter2@{host}/token", "user name or password"),
        ("ftp://{host}/token", "neither http nor https"),
        ("file:///etc/passwd", "neither http nor https"),
        ("Artifactory Realm", "not a URL"),
        ("http://{host}:{host}/token", "not a URL"),
    ] {
        let pair = Pair::new();
        let realm = realm.replace("{host}", &pair.mirror.authority());
        pair.mirror.require_token(TokenRules { realm: Some(realm), ..TokenRules::default() });
        let report = pair.check().args("-vv").run();
        let row = report.expect("denied/realm-refused", 3);
        assert!(row.reason.contains(part), "{row:#?}");
        assert!(!report.text.contains("hunter2") && !report.stderr.contains("hunter2"), "{report:#?}");
        assert_eq!((pair.mirror.hits_to("/token"), pair.asked()), (0, (1, 0)));
    }
}

#[test]
fn challenges_are_understood_however_they_are_written() {
    let service = "service=registry-check-demo&";
    let scope = "scope=repository%3Alibrary%2Fapp%3Apull";
    let usual = format!("{service}{scope}");
    let both = format!("{usual}&scope=repository%3Aother%3Apull");
    for (name, lines, query) in [
        ("C4", &[r#"bearer REALM="{realm}",service="{service}""#][..], usual.clone()),
        (
            "C7",
            &[
                r#"Bearer realm="{realm}", service="{service}", scope="{scope}", Basic realm="GitHub Package Registry""#,
            ],
            usual.clone(),
        ),
        (
            "C8",
            &[
                r#"Bearer realm="{realm}",service="{service}",scope="*",Basic realm="{realm}",service="{service}",scope="*""#,
            ],
            usual.clone(),
        ),
        ("C9", &[r#"Basic realm="r""#, r#"Bearer realm="{realm}",service="{service}""#], usual.clone()),
        ("C10", &[r#"Bearer realm="{realm}",error="",service="{service}""#], usual.clone()),
        ("C11", &["Bearer realm={realm},service={service}"], usual.clone()),
        (
            "C12",
            &[r#"Digest realm="x", nonce="a,b", Bearer realm="{realm}",service="{service}""#],
            usual.clone(),
        ),
        ("C13", &[r#"Bearer realm="/token",service="{service}""#], usual.clone()),
        ("C14", &[r#"Bearer realm="{realm}?a=1",service="{service}""#], format!("a=1&{usual}")),
        ("C15", &[r#"Bearer  realm="{realm}" , service="{service}" , scope="{scope}""#], usual.clone()),
        ("C16", &[r#"Bearer realm="{realm}""#], scope.to_owned()),
        (
            "C17",
            &[r#"Bearer realm="{realm}",service="{service}",scope="{scope} repository:other:pull""#],
            both,
        ),
        ("C20", &[r#"Bearer realm="{realm}",service="{service}",error="invalid_token""#], usual.clone()),
        (
            "push",
            &[r#"Bearer realm="{realm}",service="{service}",scope="repository:library/app:pull,push""#],
            usual,
        ),
    ] {
        let challenge = lines.iter().map(|line| (*line).to_owned()).collect();
        let pair = guarded(TokenRules { challenge, ..TokenRules::default() });
        let report = pair.check().run();
        assert_eq!(report.expect("ok/digest-equal", 0).attempts, 1, "{name}");
        let asked: Vec<_> = pair
            .mirror
            .hits()
            .into_iter()
            .filter(|hit| hit.path == "/token")
            .filter_map(|hit| hit.query)
            .collect();
        assert_eq!(asked, [query], "{name}");
    }
}

#[test]
fn challenges_that_ask_for_credentials_or_for_nothing_are_told_as_that() {
    for (lines, verdict, asked) in [
        (&["Basic realm=\"r\""][..], "denied/credentials-needed", (1, 0)),
        (&["Negotiate"], "denied/credentials-needed", (1, 0)),
        (&["Basic realm=\"never closed"], "denied/no-challenge", (1, 1)),
        (&[""], "denied/no-challenge", (1, 1)),
        (&[], "denied/no-challenge", (1, 1)),
    ] {
        let lines = lines.iter().map(|line| (*line).to_owned()).collect();
        let pair = Pair::misbehaving(Behaviour::Challenge(lines));
        pair.check().run().expect(verdict, 3);
        assert_eq!(pair.asked(), asked);
        assert!(pair.mirror.hits().iter().all(|hit| hit.authorization.is_none()));
    }
}

#[test]
fn an_api_root_open_to_all_is_not_asked_and_changes_nothing() {
    for ping in [Ping::Open, Ping::Challenged] {
        let pair = guarded(TokenRules { ping, ..TokenRules::default() });
        pair.mirror.set_behaviour(Scope::Ping, Behaviour::Html);
        pair.check().run().expect("ok/digest-equal", 0);
        assert_eq!(pair.mirror.hits_to("/v2/"), 0);
    }
}

#[test]
fn follow_up_questions_use_the_token_that_there_is() {
    let pair = guarded(TokenRules::default());
    let service: TokenService = pair.upstream.require_token(TokenRules::default());
    pair.mirror.store().put(REPOSITORY, TAG, &content::index("old", &PLATFORMS));
    let report = pair.check().run();
    report.expect("stale/digest-differs", 1);
    assert_eq!(report.token_exchanges, 2);
    assert_eq!(service.issued().len(), 1);
    assert_eq!(pair.upstream.count(|hit| hit.status == Some(401)), 1);
}
