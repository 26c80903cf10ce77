//! What must never happen: a credential, token or signature where it does not belong. Counted where it would
//! arrive: every registry here writes down each `Authorization` line that it is sent.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use registry_check::demo::{
    Access, Behaviour, ClosedPort, Hit, Image, Registry, Scope, TokenRules, User, content,
};
use serde_json::json;

use crate::support::authority::{Authority, LOOPBACK};
use crate::support::credentials::{Helpers, auths, entry, pair, sent_to};
use crate::support::embedded::{Check, Pair, REPOSITORY, TAG, start};
use crate::support::nginx::Nginx;
use crate::support::proxy::Proxy;
use crate::support::tls_front::{Offer, TlsFront};
use crate::support::tool::Output;

const UPSTREAM: (&str, &str) = ("ada", "upstream-word-1");
const MIRROR: (&str, &str) = ("bob", "mirror-word-2");

/// How a registry knows people.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Basic,
    Token,
    Identity,
}

fn user((name, password): (&str, &str)) -> User {
    User::new(name, password).with_identity_token(password)
}

fn private(who: (&str, &str), service: &str) -> TokenRules {
    TokenRules {
        anonymous: Access::None,
        users: vec![user(who)],
        service: service.to_owned(),
        ..TokenRules::default()
    }
}

fn guard(registry: &Registry, kind: Kind, who: (&str, &str), service: &str) {
    match kind {
        Kind::Basic => registry.require_basic(vec![user(who)]),
        Kind::Token | Kind::Identity => {
            registry.require_token(private(who, service));
        }
    }
}

fn stored(kind: Kind, (name, password): (&str, &str)) -> serde_json::Value {
    match kind {
        Kind::Identity => json!({"identitytoken": password}),
        Kind::Basic | Kind::Token => json!({"auth": pair(name, password)}),
    }
}

/// Everything that a registry was sent, headers, queries and forms alike.
fn heard(registry: &Registry) -> String {
    registry
        .hits()
        .iter()
        .map(|hit| format!("{} {:?} {} {:?}\n", hit.path, hit.query, hit.form, hit.headers))
        .collect()
}

/// What must not be seen elsewhere of what `registry` was sent: passwords and tokens.
fn secrets_of(registry: &Registry, (name, password): (&str, &str)) -> Vec<String> {
    let mut secrets = vec![password.to_owned(), pair(name, password)];
    let lines = sent_to(registry);
    secrets.extend(lines.iter().filter_map(|line| line.strip_prefix("Bearer ")).map(str::to_owned));
    secrets
}

#[track_caller]
fn assert_none(secrets: &[String], place: &str, text: &str) {
    for secret in secrets {
        assert!(!text.contains(secret.as_str()), "{place} holds {secret}: {text}");
    }
}

#[test]
fn upstream_and_mirror_never_see_each_others_credentials_or_tokens() {
    for up in [Kind::Basic, Kind::Token, Kind::Identity] {
        for down in [Kind::Basic, Kind::Token, Kind::Identity] {
            // One service name for both: what tells them apart is only who names it.
            for services in [["s", "s"], ["s", "t"]] {
                let pair = Pair::new();
                guard(&pair.upstream, up, UPSTREAM, services[0]);
                guard(&pair.mirror, down, MIRROR, services[1]);
                let config = json!({"auths": {
                    pair.upstream.authority(): stored(up, UPSTREAM),
                    pair.mirror.authority(): stored(down, MIRROR),
                }});
                let check = pair.check().docker_config(config.to_string()).args("--depth manifest");
                check.run().expect("ok/digest-equal", 0);
                let of_upstream = secrets_of(&pair.upstream, UPSTREAM);
                let of_mirror = secrets_of(&pair.mirror, MIRROR);
                for (kind, secrets) in [(up, &of_upstream), (down, &of_mirror)] {
                    let has_tokens = !matches!(kind, Kind::Basic);
                    assert_eq!(secrets.len() > 2, has_tokens, "{kind:?} {secrets:?}");
                }
                assert_none(&of_upstream, "the mirror", &heard(&pair.mirror));
                assert_none(&of_mirror, "upstream", &heard(&pair.upstream));
            }
        }
    }
}

#[test]
fn a_host_without_a_stored_credential_gets_none_whatever_it_stands_for() {
    for kind in [Kind::Basic, Kind::Token] {
        let pair = Pair::new();
        guard(&pair.upstream, kind, UPSTREAM, "s");
        guard(&pair.mirror, kind, MIRROR, "s");
        // For upstream by its address, for docker.io by its names, and for a host that only looks alike.
        let names = [
            pair.upstream.authority(),
            "https://index.docker.io/v1/".to_owned(),
            "docker.io".to_owned(),
            "registry-1.docker.io".to_owned(),
            "127.0.0.1".to_owned(),
            format!("localhost:{}", pair.mirror.addr().port()),
        ];
        let entries: Vec<_> = names.iter().map(|name| (&**name, UPSTREAM.0, UPSTREAM.1)).collect();
        let report = pair.check().docker_config(auths(&entries)).run();
        let code = match kind {
            Kind::Basic => "denied/credentials-needed",
            Kind::Token | Kind::Identity => "denied/unauthorized",
        };
        report.expect(code, 3);
        assert_eq!(report.row("docker.io").verdict(), "ok/served");
        assert_none(&secrets_of(&pair.upstream, UPSTREAM), "the mirror", &heard(&pair.mirror));
        assert!(!heard(&pair.mirror).contains("basic"), "{}", heard(&pair.mirror));
    }
}

#[test]
fn a_mirror_that_names_upstreams_token_service_gets_no_token_of_upstreams_user() {
    // One helper for all, the same name everywhere: only the secrets tell who is who.
    let script = |hosts: &[(&str, &str)]| {
        let cases: String = hosts
            .iter()
            .map(|(host, secret)| {
                format!("{host}) echo '{{\"Username\":\"AWS\",\"Secret\":\"{secret}\"}}';;\n")
            })
            .collect();
        format!("case $server in\n{cases}esac")
    };
    for secrets in [["upstream-word-1", "mirror-word-2"], ["same-word", "same-word"]] {
        let pair = Pair::new();
        pair.upstream.require_token(private(("AWS", secrets[0]), "s"));
        let challenge = format!(
            r#"Bearer realm="{}/token",service="s",scope="repository:{REPOSITORY}:pull""#,
            pair.upstream.url()
        );
        pair.mirror.set_behaviour(Scope::Manifests, Behaviour::Challenge(vec![challenge]));
        let hosts = [pair.upstream.authority(), pair.mirror.authority()];
        let helpers = Helpers::new().with("x", &script(&[(&hosts[0], secrets[0]), (&hosts[1], secrets[1])]));
        let check = pair.check().docker_config(json!({"credsStore": "x"}).to_string());
        let report = check.env("PATH", helpers.path()).args("--depth manifest").run();
        assert_eq!(report.row("docker.io").verdict(), "ok/served");
        assert_eq!(report.row("m").status, "denied");
        let secrets = secrets_of(&pair.upstream, UPSTREAM);
        assert!(secrets.len() > 2, "{secrets:?}");
        assert_none(&secrets, "the mirror", &heard(&pair.mirror));
    }
}

/// A third host for redirects, which wants credentials too, and the config that has some for all.
fn world(kind: Kind, url: impl Fn(&Registry) -> String) -> (Pair, Registry, String) {
    let world = Pair::new();
    guard(&world.mirror, kind, MIRROR, "s");
    let target = start(&[(REPOSITORY, TAG, &world.image)]);
    guard(&target, kind, MIRROR, "s");
    world.mirror.set_behaviour(Scope::Manifests, Behaviour::RedirectTo(url(&target)));
    let hosts = [world.mirror.authority(), target.authority(), format!("localhost:{}", target.addr().port())];
    let entries: Vec<_> = hosts.iter().map(|host| (&**host, MIRROR.0, MIRROR.1)).collect();
    (world, target, auths(&entries))
}

#[test]
fn nothing_goes_along_with_a_redirect_nor_is_looked_up_for_where_it_leads() {
    for kind in [Kind::Basic, Kind::Token] {
        for url in [Registry::url, Registry::localhost_url] {
            let (pair, target, config) = world(kind, url);
            let report = pair.check().docker_config(config).run();
            let row = report.row("m");
            assert_eq!(row.status, "denied", "{row:#?}");
            assert!(row.reason.contains(&url(&target)), "{row:#?}");
            assert!(!sent_to(&pair.mirror).is_empty());
            let secrets = secrets_of(&pair.mirror, MIRROR);
            assert_none(&secrets, "the target", &heard(&target));
            assert!(
                target
                    .hits()
                    .iter()
                    .all(|hit| hit.header("cookie").is_none() && hit.header("referer").is_none())
            );
        }
    }
}

#[test]
fn a_redirect_within_a_host_keeps_what_belongs_to_it() {
    let pair = Pair::new();
    pair.mirror.require_basic(vec![user(MIRROR)]);
    pair.mirror.store().put("hub/library/app", TAG, &pair.image);
    pair.mirror
        .set_behaviour(Scope::repository(REPOSITORY), Behaviour::MovedTo("hub/library/app".to_owned()));
    let config = auths(&[(&pair.mirror.authority(), MIRROR.0, MIRROR.1)]);
    pair.check().docker_config(config).run().expect("ok/digest-equal", 0);
}

#[test]
fn a_token_service_that_redirects_elsewhere_takes_no_credentials_along() {
    for (kind, code) in [(Kind::Token, "denied"), (Kind::Identity, "server_error")] {
        let pair = Pair::new();
        guard(&pair.mirror, kind, MIRROR, "s");
        let thief = start(&[]);
        thief.require_token(private(UPSTREAM, "s"));
        pair.mirror.set_behaviour(Scope::Token, Behaviour::RedirectTo(thief.localhost_url()));
        let config = entry(&pair.mirror.authority(), stored(kind, MIRROR));
        let report = pair.check().docker_config(config).run();
        assert_eq!(report.row("m").status, code, "{report:#?}");
        assert_none(&secrets_of(&pair.mirror, MIRROR), "the thief", &heard(&thief));
        assert!(sent_to(&thief).is_empty());
    }
}

#[test]
fn layers_that_are_said_to_lie_elsewhere_are_not_fetched_from_there() {
    let elsewhere = start(&[]);
    let image = with_foreign_layer(&elsewhere.url());
    let pair = Pair::holding(&image, &image);
    guard(&pair.mirror, Kind::Basic, MIRROR, "s");
    let config = auths(&[
        (&pair.mirror.authority(), MIRROR.0, MIRROR.1),
        (&elsewhere.authority(), MIRROR.0, MIRROR.1),
    ]);
    pair.check().docker_config(config).args("--depth manifest").run().expect("ok/digest-equal", 0);
    assert_eq!(elsewhere.connections(), 0);
}

/// CVE-2020-15157.
fn with_foreign_layer(url: &str) -> Image {
    let mut image = content::image("app", "linux/amd64");
    let mut manifest: serde_json::Value = serde_json::from_slice(&image.document.bytes).expect("JSON");
    manifest["layers"][0]["urls"] = json!([format!("{url}/layer")]);
    manifest["layers"][0]["mediaType"] = json!("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip");
    let media_type = image.document.media_type.clone();
    image.document = content::Document::new(media_type, manifest.to_string());
    image
}

#[test]
fn an_https_registry_is_not_asked_over_plain_http_whatever_happens() {
    let registry = start(&[("app", TAG, &content::image("app", "linux/amd64"))]);
    registry.require_basic(vec![user(MIRROR)]);
    let ca = Authority::new("Firm CA");
    let front = TlsFront::start(registry.addr(), &ca.issue("p", &["private.test"]), None, Offer::Http1);
    let config = auths(&[("private.test", MIRROR.0, MIRROR.1)]);
    // Every name leads to the front, and the proxy reads along.
    for (trust, verdict) in [(true, "ok/served"), (false, "unreachable/tls-unknown-issuer")] {
        let proxy = Proxy::http(front.address());
        registry.forget_hits();
        let check =
            Check::of(&["private.test/app:1.0"]).docker_config(&*config).env("ALL_PROXY", proxy.authority());
        let ca_file = format!("--ca-file {}", ca.file().display());
        let report = if trust { check.args(&ca_file) } else { check }.args("--retries 0").run();
        assert_eq!(report.rows[0].verdict(), verdict);
        let heard = proxy.heard();
        assert!(!heard.is_empty() && heard.iter().all(|head| head.starts_with("CONNECT private.test:443 ")));
        assert!(heard.iter().all(|head| !head.to_lowercase().contains("authorization")), "{heard:?}");
        assert_eq!(sent_to(&registry).is_empty(), !trust);
    }
}

/// nginx with TLS, in front of what its directives say.
fn tls(ca: &Authority, directives: &str) -> Nginx {
    let issued = ca.issue("front", &LOOPBACK);
    let certificate = issued.certificate.display();
    let key = issued.key.display();
    Nginx::start(
        "ssl http2",
        &format!("ssl_certificate {certificate}; ssl_certificate_key {key}; {directives}"),
    )
}

#[test]
fn a_realm_or_redirect_from_https_to_http_gets_nothing() {
    let ca = Authority::new("Firm CA");
    for (part, code) in [("realm", "denied/realm-refused"), ("redirect", "server_error/redirect-refused")] {
        let pair = Pair::new();
        let thief = start(&[(REPOSITORY, TAG, &pair.image)]);
        thief.require_token(private(MIRROR, "s"));
        let directives = match part {
            "realm" => {
                let challenge = format!("Bearer realm=\"{}/token\",service=\"s\"", thief.url());
                format!("add_header WWW-Authenticate '{challenge}' always; return 401;")
            }
            _ => format!("return 307 {}$request_uri;", thief.url()),
        };
        let front = tls(&ca, &directives);
        let config =
            auths(&[(&front.authority(), MIRROR.0, MIRROR.1), (&thief.authority(), MIRROR.0, MIRROR.1)]);
        let report = Check::of(&["app:1.0"])
            .upstream(&pair.upstream.url())
            .mirror("m", &format!("https://{}", front.authority()))
            .docker_config(config)
            .args(&format!("--ca-file {}", ca.file().display()))
            .run();
        report.expect(code, 3);
        assert_eq!(thief.connections(), 0, "{part}");
    }
}

#[test]
fn a_realm_that_is_not_safe_to_ask_gets_no_credentials() {
    let thief = start(&[]);
    thief.require_token(private(MIRROR, "s"));
    for realm in ["http://user:word@{host}/token", "http://user@{host}/token", "ftp://{host}/token"] {
        let pair = Pair::new();
        let realm = realm.replace("{host}", &thief.authority());
        pair.mirror.require_token(TokenRules { realm: Some(realm), ..private(MIRROR, "s") });
        let config = auths(&[
            (&pair.mirror.authority(), MIRROR.0, MIRROR.1),
            (&thief.authority(), MIRROR.0, MIRROR.1),
        ]);
        pair.check().docker_config(config).run().expect("denied/realm-refused", 3);
        assert_eq!((thief.connections(), sent_to(&pair.mirror)), (0, vec![]));
    }
    // A registry out there (by its name; the proxy leads it here) that sends to this machine.
    let far = start(&[(REPOSITORY, TAG, &content::index("app", &["linux/amd64", "linux/arm64"]))]);
    far.require_token(TokenRules { realm: Some(format!("{}/token", thief.url())), ..private(MIRROR, "s") });
    let pair = Pair::new();
    let proxy = Proxy::http(far.addr());
    let report = Check::of(&["app:1.0"])
        .upstream(&pair.upstream.url())
        .mirror("m", "http://far.test")
        .docker_config(auths(&[("far.test", MIRROR.0, MIRROR.1)]))
        .env("http_proxy", proxy.authority())
        .run();
    report.expect("denied/realm-refused", 3);
    assert_eq!((thief.connections(), sent_to(&far)), (0, vec![]));
}

/// A run that meets every kind of credential and every kind of trouble, and all that must stay unseen.
struct Troubles {
    registries: Vec<Registry>,
    config: String,
    mirrors: Vec<(String, String)>,
    helpers: Helpers,
    upstream: Registry,
    secrets: Vec<String>,
    _nginx: Nginx,
}

const TOKEN_WORD: &str = "registry-token-3";
const REFRESH: &str = "refresh-token-4";
const HELPER_WORD: &str = "helper-word-5";
const BROKEN_WORD: &str = "broken-helper-word-6";
const DOUBLE_WORD: &str = "name-and-password-11";
const SIGNATURE: &str = "5167-signature-7";

impl Troubles {
    fn new() -> Self {
        let image = content::index("app", &["linux/amd64", "linux/arm64"]);
        let open = || start(&[(REPOSITORY, TAG, &image)]);
        let upstream = open();
        upstream.require_token(private(UPSTREAM, "s"));
        let names =
            ["basic", "token", "wrong", "identity", "ready", "helper", "broken", "stubborn", "echo", "down"];
        let registries: Vec<_> = names.iter().map(|_| open()).collect();
        let [basic_, token, wrong, identity, ready, helper, broken, stubborn, echo, down] = &registries[..]
        else {
            unreachable!("ten names")
        };
        for registry in [basic_, wrong, broken] {
            registry.require_basic(vec![user(MIRROR)]);
        }
        token.require_token(private(MIRROR, "s"));
        identity.require_token(private((MIRROR.0, REFRESH), "s"));
        for registry in [ready, helper, stubborn] {
            registry.require_token(private(("helper", HELPER_WORD), "s"));
        }
        stubborn.set_behaviour(Scope::Manifests, Behaviour::Challenge(vec!["Basic realm=r".to_owned()]));
        // A server that repeats what it was sent: nothing of it may get further than its own message.
        echo.set_behaviour(Scope::Manifests, Behaviour::HostileError(403));
        down.require_token(private(MIRROR, "s"));
        down.set_behaviour(Scope::Token, Behaviour::Html);
        let hosts: Vec<_> = registries.iter().map(Registry::authority).collect();
        let signed = Nginx::start(
            "",
            &format!(
                "return 307 {}$uri?X-Amz-Signature={SIGNATURE}&sig={SIGNATURE}&Expires=7;",
                down.localhost_url()
            ),
        );
        let auth = |(name, word): (&str, &str)| json!({"auth": pair(name, word)});
        let mut entries = serde_json::Map::from_iter([
            (upstream.authority(), auth(UPSTREAM)),
            (hosts[2].clone(), auth((MIRROR.0, "wrong-word-8"))),
            (hosts[3].clone(), json!({"identitytoken": REFRESH})),
            (hosts[4].clone(), json!({"registrytoken": TOKEN_WORD})),
            // No base64, no colon: what is wrong is told, what is there is not.
            ("bad.example".to_owned(), json!({"auth": "%%unreadable-word-9"})),
            ("colon.example".to_owned(), json!({"auth": pair_without_colon()})),
        ]);
        // DigitalOcean's way: the token is the name as well.
        entries.insert(hosts[7].clone(), auth((DOUBLE_WORD, DOUBLE_WORD)));
        for host in [&hosts[0], &hosts[1], &hosts[8], &hosts[9], &signed.authority()] {
            entries.insert(host.clone(), auth(MIRROR));
        }
        let config = json!({"auths": entries, "credHelpers": {&hosts[5]: "good", &hosts[6]: "broken"}});
        let helpers = Helpers::new().knowing("good", "helper", HELPER_WORD).with(
            "broken",
            &format!("echo 'cannot unlock {BROKEN_WORD}={BROKEN_WORD}'; echo {BROKEN_WORD} >&2; exit 1"),
        );
        let closed = ClosedPort::take().expect("a port");
        let mut mirrors: Vec<_> =
            names.iter().map(|name| (*name).to_owned()).zip(registries.iter().map(Registry::url)).collect();
        mirrors.push(("signed".to_owned(), format!("http://{}", signed.authority())));
        mirrors.push(("closed".to_owned(), format!("http://{}", closed.addr())));
        let mut secrets: Vec<String> = [
            UPSTREAM.1,
            MIRROR.1,
            TOKEN_WORD,
            REFRESH,
            HELPER_WORD,
            BROKEN_WORD,
            SIGNATURE,
            "wrong-word-8",
            "unreadable-word-9",
            "colonless-word-10",
            DOUBLE_WORD,
        ]
        .map(str::to_owned)
        .to_vec();
        for (name, word) in [UPSTREAM, MIRROR, (MIRROR.0, "wrong-word-8"), ("helper", HELPER_WORD)] {
            secrets.push(pair(name, word));
        }
        secrets.push(pair_without_colon());
        Self { registries, config: config.to_string(), mirrors, helpers, upstream, secrets, _nginx: signed }
    }

    fn run(&self, args: &str) -> Output {
        let check = Check::of(&["app:1.0", "absent:1"])
            .upstream(&self.upstream.url())
            .docker_config(&*self.config)
            .env("PATH", self.helpers.path())
            .env("REGISTRY_CHECK_AUTH_OTHER_TEST", format!("nobody-{BROKEN_WORD}"))
            .args(args);
        let mirrors = self.mirrors.iter();
        mirrors.fold(check, |check, (name, url)| check.mirror(name, url)).tool().run()
    }

    /// With the tokens that were issued until now.
    fn all_secrets(&self) -> Vec<String> {
        let tokens = self.registries.iter().chain([&self.upstream]).flat_map(sent_to);
        let tokens = tokens.filter_map(|line| line.strip_prefix("Bearer ").map(str::to_owned));
        self.secrets.iter().cloned().chain(tokens).collect()
    }
}

fn pair_without_colon() -> String {
    STANDARD.encode("colonless-word-10")
}

#[test]
fn no_secret_is_in_any_report_log_or_error() {
    let troubles = Troubles::new();
    for verbosity in ["", "-vv", "-vvv"] {
        for format in ["table", "csv", "markdown", "json"] {
            let files = "-o r.csv -o r.md -o r.json -o r.txt";
            for outputs in ["", files] {
                let output = troubles.run(&format!("-f {format} {verbosity} --retries 0 {outputs}"));
                assert_eq!(output.code, Some(1), "{output:?}");
                let secrets = troubles.all_secrets();
                assert!(secrets.len() > 18, "{secrets:?}");
                assert_none(&secrets, "stdout", &output.stdout);
                assert_none(&secrets, "stderr", &output.stderr);
                for file in outputs.split_whitespace().filter(|word| word.starts_with("r.")) {
                    assert_none(&secrets, file, &output.file(file));
                }
                assert!(!output.stderr.contains("panicked"));
            }
        }
    }
    // The run has met what it was meant to meet.
    let output = troubles.run("-f csv");
    for part in [
        "basic,mirror",
        "credentials-rejected",
        "credentials-needed",
        "token-broken",
        "access-denied",
        "connect-refused",
        "unauthorized",
        "manifest-unknown",
    ] {
        assert!(output.stdout.contains(part), "{part}: {}", output.stdout);
    }
    assert!(output.stdout.contains("refuses the credentials of user <token> (from "), "{}", output.stdout);
    for part in ["bad.example", "colon.example", "docker-credential-broken"] {
        assert!(output.stderr.contains(part), "{part}: {}", output.stderr);
    }
}

#[test]
fn a_signed_url_is_shown_without_its_signature_wherever_it_ends() {
    let query = format!("X-Amz-Signature={SIGNATURE}&sig={SIGNATURE}&Expires=1700000000&{SIGNATURE}");
    let ca = Authority::new("Firm CA");
    for (end, code) in [
        ("served", "ok/digest-equal"),
        ("forbidden", "denied/access-denied"),
        ("page", "invalid/html-answer"),
        ("closed", "unreachable/connect-refused"),
        ("downgrade", "server_error/redirect-refused"),
        ("loop", "server_error/redirect-loop"),
    ] {
        let pair = Pair::new();
        let target = start(&[(REPOSITORY, TAG, &pair.image)]);
        match end {
            "forbidden" => target.set_behaviour(Scope::Manifests, Behaviour::HostileError(403)),
            "page" => target.set_behaviour(Scope::Manifests, Behaviour::Html),
            _ => {}
        }
        let closed = ClosedPort::take().expect("a port");
        let base = match end {
            "closed" => format!("http://{}", closed.addr()),
            "loop" => "http://$http_host".to_owned(),
            _ => target.url(),
        };
        let directives = format!("return 307 {base}$uri?{query};");
        let (front, scheme) = if end == "downgrade" {
            (tls(&ca, &directives), "https")
        } else {
            (Nginx::start("", &directives), "http")
        };
        for format in ["table", "csv", "markdown", "json"] {
            let check = Check::of(&["app:1.0"])
                .upstream(&pair.upstream.url())
                .mirror("m", &format!("{scheme}://{}", front.authority()))
                .args(&format!("--ca-file {} -vvv --retries 0 -o r.json -f {format}", ca.file().display()));
            let output = check.tool().run();
            let report = output.file("r.json");
            let (status, code) = code.split_once('/').expect("two words");
            assert!(
                report.contains(&format!("\"code\":\"{code}\""))
                    || report.contains(&format!("\"code\": \"{code}\"")),
                "{end} {status} {report}"
            );
            let secrets = [SIGNATURE.to_owned(), "1700000000".to_owned()];
            assert_none(&secrets, "stdout", &output.stdout);
            assert_none(&secrets, "stderr", &output.stderr);
            assert_none(&secrets, "r.json", &report);
            if matches!(end, "served" | "forbidden" | "page" | "downgrade") {
                assert!(report.contains("X-Amz-Signature=…&sig=…"), "{end} {report}");
            }
        }
        assert!(target.hits().iter().all(|hit: &Hit| hit.authorization.is_none()));
    }
}

#[test]
fn a_password_in_a_mirrors_url_is_refused_and_not_repeated() {
    let pair = Pair::new();
    let host = pair.mirror.authority();
    let output = pair.check().args(&format!("--mirror http://bob:{}@{host}", MIRROR.1)).tool().run();
    assert_eq!(output.code, Some(2), "{output:?}");
    assert!(!output.stderr.contains(MIRROR.1) && !output.stdout.contains(MIRROR.1), "{output:?}");
    assert_eq!(pair.mirror.connections(), 0);
}
