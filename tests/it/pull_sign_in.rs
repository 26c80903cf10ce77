//! `resolve --try` by podman's rules where `/v2/` asks for a sign-in: the first request for the manifest carries it, and
//! where it fails the next place is asked, as a real skopeo does, whatever is open to nobody.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use registry_check::demo::{Registry, Store, content};
use serde_json::Value;

use crate::support::tool::{Output, Tool};

/// `old:old`, as an auth file and a request have it.
const OLD: &str = "b2xkOm9sZA==";

/// What a door does about a request: status, `WWW-Authenticate` lines, where it leads.
type Answer = (u16, Vec<String>, Option<String>);
type Rule = dyn Fn(&Asked) -> Answer + Send + Sync;

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Asked {
    path: String,
    query: String,
    authorization: Option<String>,
}

impl Asked {
    fn is_manifest(&self) -> bool {
        self.path.contains("/manifests/")
    }

    /// Client names differ, and the order of parameters may.
    fn text(&self) -> String {
        let mut scopes: Vec<_> = self.query.split('&').filter(|part| part.starts_with("scope=")).collect();
        scopes.sort_unstable();
        format!("{} {} {}", self.path, scopes.join("&"), self.authorization.as_deref().unwrap_or("-"))
    }
}

/// A place that tells by path and `Authorization` what it answers; a 200 is a manifest or a token. Ends with the test.
struct Door {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Door {
    fn start(rule: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (log, rule): (_, Arc<Rule>) = (Arc::clone(&asked), Arc::new(rule));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (log, rule) = (Arc::clone(&log), Arc::clone(&rule));
                // Whoever speaks TLS here goes away again.
                std::thread::spawn(move || answer(stream, &log, &*rule));
            }
        });
        Self { address, asked }
    }

    /// What was asked so far, but for skopeo's question for an older protocol; forgotten then.
    fn asked(&self) -> Vec<String> {
        let asked = std::mem::take(&mut *self.asked.lock().unwrap_or_else(PoisonError::into_inner));
        asked.iter().filter(|asked| asked.path != "/v1/_ping").map(Asked::text).collect()
    }
}

fn answer(mut stream: TcpStream, log: &Mutex<Vec<Asked>>, rule: &Rule) -> Option<()> {
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
    let first = lines.next()?.ok()?;
    let url = first.strip_prefix("GET ")?.split(' ').next()?.to_owned();
    let (path, query) = url.split_once('?').unwrap_or((&url, ""));
    let mut asked = Asked { path: path.to_owned(), query: query.to_owned(), authorization: None };
    for line in lines {
        let line = line.ok()?;
        let Some((name, value)) = line.split_once(':') else { break };
        if name.eq_ignore_ascii_case("authorization") {
            asked.authorization = Some(value.trim().to_owned());
        }
    }
    log.lock().unwrap_or_else(PoisonError::into_inner).push(asked.clone());
    let (status, challenges, location) = rule(&asked);
    let image = content::image("old", "linux/amd64");
    let body = match (status, asked.is_manifest()) {
        (200, true) => image.document.bytes.to_vec(),
        (200, false) => br#"{"token":"tok"}"#.to_vec(),
        _ => b"{}".to_vec(),
    };
    let mut head =
        format!("HTTP/1.1 {status} Said\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
    head += &format!("Content-Type: {}\r\n", image.document.media_type);
    for challenge in challenges {
        head += &format!("WWW-Authenticate: {challenge}\r\n");
    }
    if let Some(location) = location {
        head += &format!("Location: {location}\r\n");
    }
    stream.write_all(&[format!("{head}\r\n").as_bytes(), &body].concat()).ok()
}

fn said(status: u16) -> Answer {
    (status, Vec::new(), None)
}

/// A door whose root asks for `challenge`, where `{self}` is its own URL; `rule` has the rest.
fn guarded(challenge: &'static [&'static str], rule: fn(&Asked) -> Answer) -> Door {
    let own = Arc::new(Mutex::new(String::new()));
    let url = Arc::clone(&own);
    let fill = move |lines: Vec<String>| -> Vec<String> {
        let url = url.lock().unwrap();
        lines.into_iter().map(|line| line.replace("{self}", &url)).collect()
    };
    let door = Door::start(move |asked| {
        if asked.path == "/v2/" {
            return (401, fill(challenge.iter().map(|line| (*line).to_owned()).collect()), None);
        }
        let (status, challenges, location) = rule(asked);
        (status, fill(challenges), location)
    });
    *own.lock().unwrap() = format!("http://{}", door.address);
    door
}

/// The door as mirror before a registry that has the image.
struct Places {
    door: Door,
    primary: Registry,
    has_login: bool,
}

impl Places {
    fn new(door: Door, has_login: bool) -> Self {
        let mut store = Store::new();
        store.put("team/app", "1.0", &content::image("new", "linux/amd64"));
        Self { door, primary: Registry::start(store).unwrap(), has_login }
    }

    fn tool(&self, tool: Tool) -> Tool {
        let conf = format!(
            "[[registry]]\nlocation = \"{}\"\ninsecure = true\n[[registry.mirror]]\nlocation = \"{}\"\ninsecure = true\n",
            self.primary.authority(),
            self.door.address
        );
        let auth = match self.has_login {
            true => format!(r#"{{"auths": {{"{}": {{"auth": "{OLD}"}}}}}}"#, self.door.address),
            false => "{}".to_owned(),
        };
        tool.file("registries.conf", conf)
            .file("auth.json", auth)
            .file("policy.json", r#"{"default":[{"type":"insecureAcceptAnything"}]}"#)
    }

    fn image(&self) -> String {
        format!("{}/team/app:1.0", self.primary.authority())
    }

    fn skopeo(&self) -> Output {
        self.tool(Tool::of("skopeo"))
            .line("--registries-conf registries.conf --policy policy.json inspect --raw --authfile auth.json")
            .args([format!("docker://{}", self.image())])
            .run()
    }

    fn resolved(&self) -> Value {
        let output = self
            .tool(Tool::new())
            .line("resolve --try -f json --retries 0 --mirrors-from registries.conf --auth-file auth.json")
            .args([self.image()])
            .run();
        serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
    }

    /// Both ask the door the same, and both go on from it or neither: what was asked there, and what we say of it.
    fn agree(&self) -> (Vec<String>, Value) {
        let theirs = self.skopeo();
        assert_eq!(theirs.code, Some(0), "{theirs:?}");
        let (way, leads_on) = (self.door.asked(), self.primary.hits_to("/v2/") > 0);
        let told = self.resolved();
        let mut ours = self.door.asked();
        // Ours goes on, to tell why two images differ.
        ours.truncate(way.len());
        assert_eq!(ours, way, "{told:#}");
        let role = if leads_on { "upstream" } else { "mirror" };
        assert_eq!(told["pull"]["role"], role, "{theirs:?} {told:#}");
        (way, told["endpoints"][0]["answer"].clone())
    }
}

const BASIC: &[&str] = &["Basic realm=\"x\""];
const BEARER: &[&str] = &["Bearer realm=\"{self}/token\",service=\"svc\""];
const MANIFEST: &str = "/v2/team/app/manifests/1.0";
const SCOPE: &str = "scope=repository%3Ateam%2Fapp%3Apull";

fn lines<const N: usize>(lines: [String; N]) -> Vec<String> {
    std::iter::once("/v2/  -".to_owned()).chain(lines).collect()
}

#[test]
fn skopeo_and_we_go_on_from_a_mirror_that_refuses_an_outdated_login_though_it_is_open_to_nobody() {
    let open_to_nobody = |asked: &Asked| match asked.authorization {
        None => said(200),
        Some(_) => (401, vec![BASIC[0].to_owned()], None),
    };
    let places = Places::new(guarded(BASIC, open_to_nobody), true);
    let (way, answer) = places.agree();
    assert_eq!(way, lines([format!("{MANIFEST}  Basic {OLD}")]));
    assert_eq!((&answer["then"], &answer["code"]), (&"falls_through".into(), &"credentials-rejected".into()));
    let (why, reason) = (answer["then_why"].as_str().unwrap(), answer["reason"].as_str().unwrap());
    assert!(why.ends_with("does not ask without it: a refusal leads to the next"), "{why}");
    assert!(!reason.contains("without them"), "nobody asked without them: {reason}");
    // Who has no login sends an empty one, and is refused as well.
    let places = Places::new(guarded(BASIC, open_to_nobody), false);
    let (way, answer) = places.agree();
    assert_eq!(way, lines([format!("{MANIFEST}  Basic Og==")]));
    assert_eq!(answer["code"], "credentials-needed");
    assert!(answer["then_why"].as_str().unwrap().contains("an empty name and password"), "{answer}");
}

#[test]
fn skopeo_and_we_take_what_is_served_to_the_login_or_to_an_empty_one() {
    for (has_login, sent) in [(true, OLD), (false, "Og==")] {
        let places = Places::new(guarded(BASIC, |_| said(200)), has_login);
        let (way, answer) = places.agree();
        assert_eq!(way, lines([format!("{MANIFEST}  Basic {sent}")]));
        assert_eq!(answer["then"], "takes");
    }
}

#[test]
fn skopeo_and_we_go_on_where_the_token_service_fails_though_the_manifest_is_open() {
    for (rule, code) in [
        (
            (|asked| said(if asked.path == "/token" { 500 } else { 200 })) as fn(&Asked) -> Answer,
            "token-broken",
        ),
        (|asked| said(if asked.path == "/token" { 401 } else { 200 }), "token-refused"),
        (|asked| said(if asked.path == "/token" { 403 } else { 200 }), "token-refused"),
        (|asked| said(if asked.path == "/token" { 404 } else { 200 }), "token-refused"),
        (|asked| said(if asked.path == "/token" { 429 } else { 200 }), "rate-limited"),
    ] {
        let (way, answer) = Places::new(guarded(BEARER, rule), false).agree();
        assert_eq!(way, lines([format!("/token {SCOPE} -")]));
        assert_eq!((&answer["then"], &answer["code"]), (&"falls_through".into(), &code.into()), "{answer:#}");
    }
    // A refused login is not left away either.
    let refused = |asked: &Asked| match (&*asked.path, &asked.authorization) {
        ("/token", Some(_)) => said(401),
        _ => said(200),
    };
    let (way, answer) = Places::new(guarded(BEARER, refused), true).agree();
    assert_eq!(way, lines([format!("/token {SCOPE} Basic {OLD}")]));
    assert_eq!((&answer["then"], &answer["code"]), (&"falls_through".into(), &"credentials-rejected".into()));
}

#[test]
fn skopeo_and_we_bring_a_token_at_first_and_keep_it_within_the_host() {
    let moved = |asked: &Asked| match &*asked.path {
        "/v2/team/app/manifests/1.0" => (307, Vec::new(), Some("/v2/other/app/manifests/1.0".to_owned())),
        _ => said(200),
    };
    for (has_login, asks_as) in [(false, "-".to_owned()), (true, format!("Basic {OLD}"))] {
        let (way, answer) = Places::new(guarded(BEARER, moved), has_login).agree();
        let other = "/v2/other/app/manifests/1.0  Bearer tok".to_owned();
        let expected = [format!("/token {SCOPE} {asks_as}"), format!("{MANIFEST}  Bearer tok"), other];
        assert_eq!(way, lines(expected));
        assert_eq!(answer["then"], "takes");
    }
}

#[test]
fn skopeo_and_we_ask_once_more_where_a_token_is_too_narrow_and_only_then() {
    let narrow = |asked: &Asked| match (asked.is_manifest(), &asked.authorization) {
        (true, _) => {
            let line = "Bearer realm=\"{self}/token\",scope=\"repository:own/app:pull\",error=\"insufficient_scope\"";
            (401, vec![line.to_owned()], None)
        }
        _ => said(200),
    };
    let (way, answer) = Places::new(guarded(BEARER, narrow), false).agree();
    let (first, again) = (format!("/token {SCOPE} -"), format!("{MANIFEST}  Bearer tok"));
    let wider = format!("/token scope=repository%3Aown%2Fapp%3Apull&{SCOPE} -");
    assert_eq!(way, lines([first.clone(), again.clone(), wider, again.clone()]));
    assert_eq!(answer["then"], "falls_through");
    let stubborn = |asked: &Asked| match asked.is_manifest() {
        true => (401, vec![BEARER[0].to_owned()], None),
        false => said(200),
    };
    let (way, answer) = Places::new(guarded(BEARER, stubborn), false).agree();
    assert_eq!(way, lines([first, again]));
    assert_eq!((&answer["then"], &answer["code"]), (&"falls_through".into(), &"unauthorized".into()));
}

#[test]
fn skopeo_and_we_answer_the_first_challenge_of_a_line_that_is_basic_or_bearer() {
    // What is asked for; what then comes with the manifest, nothing where that is not asked for.
    let cases: [(&'static [&'static str], Option<&str>); 6] = [
        (&["Negotiate"], Some("-")),
        (&["Negotiate, Basic realm=\"x\""], Some("-")),
        (&["Negotiate", "Basic realm=\"x\""], Some("Basic Og==")),
        (&["Basic realm=\"x\"", "Bearer realm=\"{self}/token\""], Some("Basic Og==")),
        (&["Bearer service=\"svc\""], None),
        (&["Bearer realm=\"/token\""], None),
    ];
    for (challenge, carried) in cases {
        let (way, answer) = Places::new(guarded(challenge, |_| said(200)), false).agree();
        let expected: Vec<_> = carried.map(|carried| format!("{MANIFEST}  {carried}")).into_iter().collect();
        assert_eq!(way[1..], expected, "{challenge:?}");
        let then = if carried.is_some() { "takes" } else { "falls_through" };
        assert_eq!(answer["then"], then, "{challenge:?} {answer:#}");
    }
}

#[test]
fn a_login_goes_to_no_token_service_that_only_a_redirect_of_the_root_names() {
    let elsewhere = guarded(BEARER, |_| said(200));
    let to = format!("http://{}/v2/", elsewhere.address);
    let door = Door::start(move |asked| match &*asked.path {
        "/v2/" => (307, Vec::new(), Some(to.clone())),
        _ => said(200),
    });
    let places = Places::new(door, true);
    let told = places.resolved();
    let answer = &told["endpoints"][0]["answer"];
    assert_eq!((&answer["then"], &answer["code"]), (&"unknown".into(), &"realm-refused".into()), "{told:#}");
    assert_eq!(elsewhere.asked(), ["/v2/  -"]);
    assert_eq!(told["pull"]["outcome"], "unknown");
}
