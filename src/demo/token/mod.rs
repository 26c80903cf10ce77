//! Authentication in front of an embedded registry: bearer tokens with their service, or Basic.
//!
//! Tokens are opaque; what each is worth is remembered here, as GHCR does it. The service may be served by
//! another [`super::Registry`] than the one that wants its tokens. A service that fails altogether (HTML,
//! 403, 5 MiB, silence) is made with a behaviour for `Scope::Token`; the rules below are for one that works,
//! in its own way.
//!
//! Sources: distribution `spec/auth/token.md`, `oauth.md`, `scope.md`.

mod rules;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::WWW_AUTHENTICATE;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::Instant;

pub use self::rules::{Acceptance, Access, Ping, Refusal, ScopesRead, TokenField, TokenRules, User};

use super::answer::{Answer, header_value};
use super::behaviour::status;
use super::request::{Asked, Route};

/// A token as the service remembers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// Name of the user; `None` for everyone.
    pub identity: Option<String>,
    /// The repositories that it is good for.
    pub repositories: Vec<String>,
    expires: Option<Instant>,
}

/// A token service; clones are the same service.
#[derive(Clone, Debug)]
pub struct TokenService(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    rules: TokenRules,
    realm: String,
    issued: Mutex<HashMap<String, Issued>>,
}

/// Why a request is not let through.
enum Fault {
    NoToken,
    Invalid,
    Insufficient,
}

impl TokenService {
    pub(super) fn new(rules: TokenRules, served_at: &str) -> Self {
        let realm = rules.realm.clone().unwrap_or_else(|| format!("{served_at}/token"));
        Self(Arc::new(Inner { rules, realm, issued: Mutex::default() }))
    }

    pub(super) fn name(&self) -> &str {
        &self.0.rules.service
    }

    /// All tokens issued and not revoked, in no order.
    #[must_use]
    pub fn issued(&self) -> Vec<Issued> {
        self.tokens().values().cloned().collect()
    }

    /// Forgets every token, as if all had run out.
    pub fn revoke_all(&self) {
        self.tokens().clear();
    }

    fn tokens(&self) -> MutexGuard<'_, HashMap<String, Issued>> {
        self.0.issued.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers a request to the token endpoint.
    pub(super) fn grant(&self, asked: &Asked) -> Answer {
        let rules = &self.0.rules;
        let user = match identify(rules, asked) {
            Ok(user) => user,
            Err(Stranger::Credentials) => {
                let message = "incorrect username or password";
                return Answer::error(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", message);
            }
            Err(Stranger::GrantType) => {
                return Answer::json(StatusCode::BAD_REQUEST, &json!({"error": "unsupported_grant_type"}));
            }
        };
        let access = user.map_or(&rules.anonymous, |user| &user.access);
        let scopes = requested(asked, rules.scopes_read);
        let repositories: Vec<String> = scopes
            .iter()
            .filter_map(|scope| pulled_repository(scope))
            .filter(|repository| access.allows(repository))
            .map(str::to_owned)
            .collect();
        if let (true, false, Refusal::Status(code)) =
            (repositories.is_empty(), scopes.is_empty(), rules.refusal)
        {
            let error = if code == 401 { "UNAUTHORIZED" } else { "DENIED" };
            return Answer::error(status(code), error, "requested access to the resource is denied");
        }
        let token: String = std::iter::repeat_with(fastrand::alphanumeric).take(48).collect();
        let answer = token_answer(rules, &token);
        let issued = Issued {
            identity: user.map(|user| user.name.clone()),
            repositories,
            expires: rules.expires_in.map(|lifetime| Instant::now() + lifetime),
        };
        self.tokens().insert(token, issued);
        answer
    }

    /// `None` where the request may pass, else the challenge.
    pub(super) fn challenge(&self, asked: &Asked) -> Option<Answer> {
        if asked.route == Route::Ping && self.0.rules.ping == Ping::Open {
            return None;
        }
        let fault = self.check(asked).err()?;
        let (code, error) = match fault {
            Fault::NoToken => ("UNAUTHORIZED", None),
            Fault::Invalid => ("UNAUTHORIZED", Some("invalid_token")),
            Fault::Insufficient => ("DENIED", Some("insufficient_scope")),
        };
        let mut answer = Answer::error(StatusCode::UNAUTHORIZED, code, "authentication required");
        for line in self.challenge_lines(asked.route.repository(), error) {
            answer.headers.append(WWW_AUTHENTICATE, header_value(&line));
        }
        Some(answer)
    }

    fn challenge_lines(&self, repository: Option<&str>, error: Option<&str>) -> Vec<String> {
        let Inner { rules, realm, .. } = &*self.0;
        let scope = repository.map(|name| format!("repository:{name}:pull"));
        if !rules.challenge.is_empty() {
            let scope = scope.unwrap_or_default();
            let fill = |line: &String| {
                line.replace("{realm}", realm).replace("{service}", &rules.service).replace("{scope}", &scope)
            };
            return rules.challenge.iter().map(fill).collect();
        }
        let mut line = format!(r#"Bearer realm="{realm}",service="{}""#, rules.service);
        if let Some(scope) = scope {
            line.push_str(&format!(r#",scope="{scope}""#));
        }
        if let Some(error) = error {
            line.push_str(&format!(r#",error="{error}""#));
        }
        vec![line]
    }

    fn check(&self, asked: &Asked) -> Result<(), Fault> {
        let token = asked.authorization().and_then(|value| credentials(value, "bearer"));
        let token = token.ok_or(Fault::NoToken)?;
        if self.0.rules.acceptance == Acceptance::Never {
            return Err(Fault::Invalid);
        }
        let tokens = self.tokens();
        let issued = tokens.get(token).ok_or(Fault::Invalid)?;
        if issued.expires.is_some_and(|expires| expires <= Instant::now()) {
            return Err(Fault::Invalid);
        }
        match asked.route.repository() {
            Some(repository) if !issued.repositories.iter().any(|name| name == repository) => {
                Err(Fault::Insufficient)
            }
            _ => Ok(()),
        }
    }
}

fn token_answer(rules: &TokenRules, token: &str) -> Answer {
    let mut body = serde_json::Map::new();
    if matches!(rules.field, TokenField::Token | TokenField::Both) {
        body.insert("token".to_owned(), json!(token));
    }
    if matches!(rules.field, TokenField::AccessToken | TokenField::Both) {
        body.insert("access_token".to_owned(), json!(token));
    }
    if let (Some(lifetime), false) = (rules.expires_in, rules.field == TokenField::Neither) {
        body.insert("expires_in".to_owned(), json!(lifetime.as_secs()));
    }
    let mut answer = Answer::bare(StatusCode::OK);
    answer.headers.insert(http::header::CONTENT_TYPE, header_value("application/json"));
    answer.body = Value::Object(body).to_string().into();
    answer
}

/// Why it is not known who asks for a token.
enum Stranger {
    Credentials,
    GrantType,
}

/// Who asks the token service: by Basic, by a form with a password or with an identity token.
fn identify<'a>(rules: &'a TokenRules, asked: &Asked) -> Result<Option<&'a User>, Stranger> {
    if asked.method == Method::POST {
        let field = |name| asked.fields(name).next().unwrap_or_default();
        let user = match field("grant_type").as_str() {
            "password" => find(&rules.users, &field("username"), &field("password")),
            "refresh_token" => {
                let token = field("refresh_token");
                rules.users.iter().find(|user| user.identity_token.as_deref() == Some(token.as_str()))
            }
            _ => return Err(Stranger::GrantType),
        };
        return user.map(Some).ok_or(Stranger::Credentials);
    }
    match asked.authorization() {
        None => Ok(None),
        Some(value) => basic_user(&rules.users, value).map(Some).ok_or(Stranger::Credentials),
    }
}

fn find<'a>(users: &'a [User], name: &str, password: &str) -> Option<&'a User> {
    users.iter().find(|user| user.name == name && user.password == password)
}

fn basic_user<'a>(users: &'a [User], authorization: &str) -> Option<&'a User> {
    let decoded = STANDARD.decode(credentials(authorization, "basic")?).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (name, password) = text.split_once(':')?;
    find(users, name, password)
}

/// What follows the scheme in an `Authorization` header.
fn credentials<'a>(authorization: &'a str, scheme: &str) -> Option<&'a str> {
    let (found, rest) = authorization.split_once(' ')?;
    found.eq_ignore_ascii_case(scheme).then(|| rest.trim())
}

fn requested(asked: &Asked, read: ScopesRead) -> Vec<String> {
    let parameters: Vec<_> = asked.parameters("scope").chain(asked.fields("scope")).collect();
    let limit = if read == ScopesRead::First { 1 } else { usize::MAX };
    let texts = parameters.iter().take(limit);
    texts.flat_map(|text| text.split_whitespace()).map(str::to_owned).collect()
}

/// The repository of `repository[(class)]:name:action,…` if pulling is among the actions.
fn pulled_repository(scope: &str) -> Option<&str> {
    let (kind, rest) = scope.split_once(':')?;
    let (name, actions) = rest.rsplit_once(':')?;
    let is_repository = kind == "repository" || kind.starts_with("repository(");
    (is_repository && actions.split(',').any(|action| action == "pull")).then_some(name)
}

/// What a registry wants before it answers.
#[derive(Clone, Debug, Default)]
pub(super) enum Authentication {
    #[default]
    None,
    Token(TokenService),
    Basic(Vec<User>),
}

impl Authentication {
    /// `None` where the request may pass, else the refusal.
    pub(super) fn refuse(&self, asked: &Asked) -> Option<Answer> {
        if matches!(asked.route, Route::Token | Route::Login | Route::Front) {
            return None;
        }
        match self {
            Self::None => None,
            Self::Token(service) => service.challenge(asked),
            Self::Basic(users) => refuse_basic(users, asked),
        }
    }
}

fn refuse_basic(users: &[User], asked: &Asked) -> Option<Answer> {
    let Some(user) = asked.authorization().and_then(|value| basic_user(users, value)) else {
        let mut answer = Answer::error(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", "authentication required");
        answer.headers.insert(WWW_AUTHENTICATE, header_value(r#"Basic realm="registry-check demo""#));
        return Some(answer);
    };
    let repository = asked.route.repository()?;
    let denied = Answer::error(StatusCode::FORBIDDEN, "DENIED", "requested access to the resource is denied");
    (!user.access.allows(repository)).then_some(denied)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::behaviour::{Behaviour, Failure, Scope};
    use super::super::client::{Reply, ask, get, head, request, send};
    use super::super::content;
    use super::super::registry::Registry;
    use super::super::store::Store;
    use super::*;

    const A: &str = "/v2/a/manifests/1";
    const B: &str = "/v2/b/manifests/1";
    const TOKEN_A: &str = "/token?service=registry-check-demo&scope=repository%3Aa%3Apull";

    fn registry() -> Registry {
        let mut store = Store::new();
        for name in ["a", "b"] {
            store.put(name, "1", &content::image(name, "linux/amd64"));
        }
        Registry::start(store).unwrap()
    }

    fn basic(user: &str, password: &str) -> String {
        format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
    }

    fn token(reply: &Reply) -> String {
        reply.json()["token"].as_str().unwrap_or_default().to_owned()
    }

    async fn with(registry: &Registry, path: &str, authorization: &str) -> Reply {
        ask(registry, "GET", path, &[("authorization", authorization)]).await
    }

    async fn bearing(registry: &Registry, path: &str, token: &str) -> Reply {
        with(registry, path, &format!("Bearer {token}")).await
    }

    #[tokio::test]
    async fn a_challenge_leads_to_a_token_that_opens_its_repository_alone() {
        let registry = registry();
        let service = registry.require_token(TokenRules::default());
        for reply in [get(&registry, A).await, head(&registry, A).await] {
            assert_eq!(reply.status, 401);
            let challenge = format!(
                r#"Bearer realm="{}/token",service="registry-check-demo",scope="repository:a:pull""#,
                registry.url()
            );
            assert_eq!(reply.headers("www-authenticate"), [&*challenge]);
        }
        assert_eq!(get(&registry, "/v2/absent/manifests/1").await.status, 401, "before it looks for it");
        let answer = get(&registry, TOKEN_A).await;
        assert_eq!(answer.json()["expires_in"], 300);
        let token = token(&answer);
        assert_eq!(token.len(), 48);
        assert_eq!(bearing(&registry, A, &token).await.status, 200);
        assert_eq!(bearing(&registry, "/v2/", &token).await.status, 200);
        let insufficient = bearing(&registry, B, &token).await;
        assert_eq!(insufficient.status, 401);
        assert!(insufficient.header("www-authenticate").unwrap().ends_with(r#",error="insufficient_scope""#));
        let invalid = bearing(&registry, A, "made-up").await;
        assert!(invalid.header("www-authenticate").unwrap().ends_with(r#",error="invalid_token""#));
        let issued = service.issued();
        assert_eq!(
            (issued.len(), &issued[0].identity, &*issued[0].repositories),
            (1, &None, &["a".to_owned()][..])
        );
        assert_eq!(registry.hits_to("/token"), 1);
    }

    #[tokio::test]
    async fn the_api_root_is_challenged_without_a_scope_or_left_open() {
        let registry = registry();
        registry.require_token(TokenRules::default());
        let reply = get(&registry, "/v2/").await;
        assert!(!reply.header("www-authenticate").unwrap().contains("scope"));
        registry.require_token(TokenRules { ping: Ping::Open, ..TokenRules::default() });
        assert_eq!((get(&registry, "/v2/").await.status, get(&registry, A).await.status), (200, 401));
    }

    #[tokio::test]
    async fn a_revoked_or_expired_token_is_invalid() {
        let registry = registry();
        let service = registry.require_token(TokenRules::default());
        let revoked = token(&get(&registry, TOKEN_A).await);
        service.revoke_all();
        assert_eq!(bearing(&registry, A, &revoked).await.status, 401);
        registry.require_token(TokenRules {
            service: "brief".to_owned(),
            expires_in: Some(Duration::ZERO),
            ..TokenRules::default()
        });
        let expired = token(&get(&registry, "/token?service=brief&scope=repository:a:pull").await);
        assert!(!expired.is_empty());
        assert_eq!(bearing(&registry, A, &expired).await.status, 401);
    }

    #[tokio::test]
    async fn tokens_may_come_from_another_registry_serving_several() {
        let [one, other, tokens] = [registry(), registry(), registry()];
        for (registry, service) in [(&one, "one"), (&other, "other")] {
            let rules = TokenRules { service: service.to_owned(), ..TokenRules::default() };
            registry.require_token_of(&tokens, rules);
        }
        let realm = format!(r#"realm="{}/token",service="other""#, tokens.url());
        assert!(get(&other, A).await.header("www-authenticate").unwrap().contains(&realm));
        let good = token(&get(&tokens, "/token?service=other&scope=repository:a:pull").await);
        assert_eq!(bearing(&other, A, &good).await.status, 200);
        assert_eq!(bearing(&one, A, &good).await.status, 401, "another service");
        assert_eq!((tokens.hits_to("/token"), other.hits_to("/token")), (1, 0));
    }

    #[tokio::test]
    async fn scopes_are_granted_together_or_only_the_first() {
        let path = "/token?scope=repository:a:pull&scope=repository:b:pull";
        let joined = "/token?scope=repository:a:pull%20repository:b:pull";
        for (scopes_read, path, status_of_b) in
            [(ScopesRead::All, path, 200), (ScopesRead::All, joined, 200), (ScopesRead::First, path, 401)]
        {
            let registry = registry();
            registry.require_token(TokenRules { scopes_read, ..TokenRules::default() });
            let token = token(&get(&registry, path).await);
            assert_eq!(bearing(&registry, A, &token).await.status, 200);
            assert_eq!(bearing(&registry, B, &token).await.status, status_of_b);
        }
    }

    #[tokio::test]
    async fn a_refusal_is_an_empty_token_or_an_error_of_the_token_service() {
        let anonymous = Access::only(&["b"]);
        let registry = registry();
        registry.require_token(TokenRules { anonymous: anonymous.clone(), ..TokenRules::default() });
        let empty = token(&get(&registry, TOKEN_A).await);
        assert_eq!(bearing(&registry, A, &empty).await.status, 401);
        for (code, error) in [(401, "UNAUTHORIZED"), (403, "DENIED")] {
            let registry = self::registry();
            let refusal = Refusal::Status(code);
            registry.require_token(TokenRules {
                anonymous: anonymous.clone(),
                refusal,
                ..TokenRules::default()
            });
            let reply = get(&registry, TOKEN_A).await;
            assert_eq!((reply.status, &*reply.error_code()), (code, error));
            assert_eq!(get(&registry, "/token?scope=repository:b:pull").await.status, 200);
        }
    }

    #[tokio::test]
    async fn the_token_comes_under_either_name_both_or_none() {
        for (field, has) in [
            (TokenField::Token, (true, false)),
            (TokenField::AccessToken, (false, true)),
            (TokenField::Both, (true, true)),
        ] {
            let registry = registry();
            registry.require_token(TokenRules { field, ..TokenRules::default() });
            let body = get(&registry, TOKEN_A).await.json();
            assert_eq!((body["token"].is_string(), body["access_token"].is_string()), has);
        }
        let registry = registry();
        registry.require_token(TokenRules { field: TokenField::Neither, ..TokenRules::default() });
        assert_eq!(get(&registry, TOKEN_A).await.text(), "{}");
    }

    #[tokio::test]
    async fn credentials_are_worth_what_their_owner_may_pull() {
        let registry = registry();
        let service = registry.require_token(TokenRules {
            anonymous: Access::None,
            users: vec![User::new("u", "p:w").may_pull(Access::only(&["a"]))],
            ..TokenRules::default()
        });
        let good = token(&with(&registry, TOKEN_A, &basic("u", "p:w")).await);
        assert_eq!(bearing(&registry, A, &good).await.status, 200);
        assert_eq!(service.issued()[0].identity.as_deref(), Some("u"));
        for wrong in [basic("u", "wrong"), "Basic !".to_owned(), "Bearer x".to_owned()] {
            assert_eq!(with(&registry, TOKEN_A, &wrong).await.status, 401, "{wrong}");
        }
        assert_eq!(with(&registry, A, &basic("u", "p:w")).await.status, 401, "not at the registry itself");
    }

    #[tokio::test]
    async fn a_form_brings_a_password_or_an_identity_token() {
        let registry = registry();
        registry.require_token(TokenRules {
            users: vec![User::new("u", "p").with_identity_token("id-1")],
            field: TokenField::Both,
            ..TokenRules::default()
        });
        let post = async |form: &'static str| {
            let form =
                format!("{form}&service=registry-check-demo&scope=repository:a:pull%20repository:b:pull");
            send(request(&registry, "POST", "/token").body(form)).await
        };
        for form in
            ["grant_type=refresh_token&refresh_token=id-1", "grant_type=password&username=u&password=p"]
        {
            let token = token(&post(form).await);
            assert_eq!(bearing(&registry, B, &token).await.status, 200, "{form}");
        }
        assert_eq!(post("grant_type=refresh_token&refresh_token=id-2").await.status, 401);
        assert_eq!(post("grant_type=odd").await.status, 400);
        assert!(registry.hits()[0].form.contains("refresh_token=id-1"));
    }

    #[tokio::test]
    async fn a_stubborn_registry_accepts_no_token() {
        let registry = registry();
        registry.require_token(TokenRules { acceptance: Acceptance::Never, ..TokenRules::default() });
        let token = token(&get(&registry, TOKEN_A).await);
        assert_eq!(bearing(&registry, A, &token).await.status, 401);
    }

    #[tokio::test]
    async fn challenges_can_be_written_in_any_way() {
        let registry = registry();
        registry.require_token(TokenRules {
            realm: Some("/token".to_owned()),
            challenge: vec![
                r#"Basic realm="r""#.to_owned(),
                r#"bearer REALM="{realm}" , service={service},scope="{scope}""#.to_owned(),
            ],
            ..TokenRules::default()
        });
        let second = r#"bearer REALM="/token" , service=registry-check-demo,scope="repository:a:pull""#;
        assert_eq!(get(&registry, A).await.headers("www-authenticate"), [r#"Basic realm="r""#, second]);
    }

    #[tokio::test]
    async fn the_token_service_can_misbehave_by_itself() {
        let registry = registry();
        registry.require_token(TokenRules::default());
        registry.set_behaviour(Scope::All, Behaviour::Html);
        assert_eq!(get(&registry, TOKEN_A).await.header("content-type"), Some("application/json"));
        registry.set_behaviour(Scope::Token, Behaviour::Big(5 * 1024 * 1024));
        let big = get(&registry, TOKEN_A).await;
        assert_eq!((big.body.len(), token(&big).len()), (5 * 1024 * 1024, 48));
        registry.set_behaviour(Scope::Token, Behaviour::Status(Failure::registry(403, "DENIED", "no")));
        assert_eq!(get(&registry, TOKEN_A).await.status, 403);
        registry.set_behaviour(Scope::Token, Behaviour::Html);
        assert!(get(&registry, TOKEN_A).await.text().contains("<html>"));
    }

    #[tokio::test]
    async fn basic_credentials_open_what_their_owner_may_pull() {
        let registry = registry();
        registry.require_basic(vec![User::new("u", "p").may_pull(Access::only(&["a"]))]);
        let reply = get(&registry, A).await;
        assert_eq!(
            (reply.status, reply.header("www-authenticate")),
            (401, Some(r#"Basic realm="registry-check demo""#))
        );
        assert_eq!(with(&registry, A, &basic("u", "p")).await.status, 200);
        assert_eq!(with(&registry, "/v2/", &basic("u", "p")).await.status, 200);
        assert_eq!(with(&registry, B, &basic("u", "p")).await.status, 403);
        assert_eq!(with(&registry, A, &basic("u", "")).await.status, 401);
    }

    #[test]
    fn scopes_are_split_at_the_first_and_the_last_colon() {
        for (scope, repository) in [
            ("repository:library/nginx:pull", Some("library/nginx")),
            ("repository:localhost:5000/a:push,pull", Some("localhost:5000/a")),
            ("repository(plugin):a/b:pull", Some("a/b")),
            ("repository:a:push", None),
            ("registry:catalog:*", None),
            ("repository:a", None),
            ("*", None),
        ] {
            assert_eq!(pulled_repository(scope), repository, "{scope}");
        }
    }
}
