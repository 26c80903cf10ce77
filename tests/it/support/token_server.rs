//! A token service that signs real JWTs, as Docker Distribution 2.8 verifies them: ES256, with the
//! certificate in the header (`x5c`). It keeps what it was asked. It ends with the test's process.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::{Value, json};
use tempfile::TempDir;

/// What the service calls itself in tokens.
pub const ISSUER: &str = "token-server-of-the-tests";
/// What the registries that trust it call themselves.
pub const SERVICE: &str = "registries-of-the-tests";

/// A running token service.
pub struct TokenServer {
    address: std::net::SocketAddr,
    certificate: PathBuf,
    asked: Arc<Mutex<Vec<Asked>>>,
    _dir: TempDir,
}

/// One request for a token.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Who asked; `None` without credentials.
    pub user: Option<String>,
    /// For which repositories.
    pub repositories: Vec<String>,
}

struct Signer {
    key: EcdsaKeyPair,
    random: SystemRandom,
    certificate: Vec<u8>,
}

impl TokenServer {
    /// Serves tokens to `users` (name, password, prefixes): one may pull every repository whose name begins
    /// with one of the prefixes. The user without a name is everybody.
    pub fn start(users: &[(&str, &str, &[&str])]) -> Self {
        let pair = rcgen::KeyPair::generate().expect("a P-256 key");
        let parameters = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
        let certificate = parameters.self_signed(&pair).expect("a certificate");
        let dir = TempDir::new().expect("a temporary directory");
        let path = dir.path().join("signing.pem");
        std::fs::write(&path, certificate.pem()).expect("its file");
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pair.serialize_der(), &random)
            .expect("the same key");
        let signer = Arc::new(Signer { key, random, certificate: certificate.der().to_vec() });
        let users: Users = users
            .iter()
            .map(|(name, password, prefixes)| {
                let prefixes = prefixes.iter().map(|prefix| (*prefix).to_owned()).collect();
                ((*name).to_owned(), ((*password).to_owned(), prefixes))
            })
            .collect();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (log, users) = (Arc::clone(&asked), Arc::new(users));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (signer, users, log) = (Arc::clone(&signer), Arc::clone(&users), Arc::clone(&log));
                std::thread::spawn(move || serve(stream, &signer, &users, &log));
            }
        });
        Self { address, certificate: path, asked, _dir: dir }
    }

    /// Where tokens are to be had.
    pub fn realm(&self) -> String {
        format!("http://{}/token", self.address)
    }

    /// The PEM file of the certificate that signs.
    pub fn certificate(&self) -> PathBuf {
        self.certificate.clone()
    }

    /// Every request so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("no panic").clone()
    }
}

type Users = HashMap<String, (String, Vec<String>)>;

struct Incoming {
    parameters: Vec<(String, String)>,
    basic: Option<(String, String)>,
}

fn serve(stream: TcpStream, signer: &Signer, users: &Users, log: &Mutex<Vec<Asked>>) {
    let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
    let mut writer = stream;
    while let Some(incoming) = read(&mut reader) {
        let (status, body) = answer(&incoming, signer, users, log);
        let text = body.to_string();
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            text.len()
        );
        if writer.write_all(head.as_bytes()).and_then(|()| writer.write_all(text.as_bytes())).is_err() {
            return;
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Incoming> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut words = line.split_whitespace();
    // Identity tokens (POST) are a matter of the embedded registry.
    let target = words.nth(1).filter(|_| line.starts_with("GET "))?.to_owned();
    let mut basic = None;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim().split_once(':') else { break };
        let value = value.trim();
        if name.eq_ignore_ascii_case("authorization") {
            let bytes = STANDARD.decode(value.strip_prefix("Basic ")?).ok()?;
            let text = String::from_utf8(bytes).ok()?;
            basic = text.split_once(':').map(|(user, word)| (user.to_owned(), word.to_owned()));
        }
    }
    let (_, query) = target.split_once('?')?;
    let parameters = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    Some(Incoming { parameters, basic })
}

fn answer(
    incoming: &Incoming,
    signer: &Signer,
    users: &Users,
    log: &Mutex<Vec<Asked>>,
) -> (&'static str, Value) {
    let scopes = incoming.parameters.iter().filter(|(key, _)| key == "scope");
    let repositories: Vec<String> = scopes
        .filter_map(|(_, scope)| scope.strip_prefix("repository:")?.strip_suffix(":pull").map(str::to_owned))
        .collect();
    let (name, password) = incoming.basic.clone().unwrap_or_default();
    log.lock().expect("no panic").push(Asked {
        user: incoming.basic.as_ref().map(|(name, _)| name.clone()),
        repositories: repositories.clone(),
    });
    let known = users.get(&name);
    if incoming.basic.is_some() && known.is_none_or(|(right, _)| *right != password) {
        let errors = json!({"errors": [{"code": "UNAUTHORIZED", "message": "no such user or password"}]});
        return ("401 Unauthorized", errors);
    }
    let prefixes = known.map(|(_, prefixes)| prefixes.clone()).unwrap_or_default();
    let access: Vec<Value> = repositories
        .iter()
        .filter(|name| prefixes.iter().any(|prefix| name.starts_with(prefix.as_str())))
        .map(|name| json!({"type": "repository", "name": name, "actions": ["pull"]}))
        .collect();
    ("200 OK", json!({"token": signer.sign(name, &access), "expires_in": 300}))
}

impl Signer {
    fn sign(&self, user: String, access: &[Value]) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        let header = json!({"typ": "JWT", "alg": "ES256", "x5c": [STANDARD.encode(&self.certificate)]});
        let claims = json!({
            "iss": ISSUER, "aud": SERVICE, "sub": user, "jti": "1",
            "iat": now - 10, "nbf": now - 10, "exp": now + 300, "access": access,
        });
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", part(header), part(claims));
        let signature = self.key.sign(&self.random, text.as_bytes()).expect("a signature");
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}
