//! An embedded registry at work: listener, connections, and the handle that tests and the demo hold.
//!
//! Inside a tokio runtime it is served by that runtime (also with paused time); elsewhere by a small
//! runtime of its own. It stops when the handle is dropped. HTTP/1.1, keep-alive, plain text, loopback.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::{JoinHandle, JoinSet};

use super::answer::{Answer, AnswerBody, Fate};
use super::behaviour::{Behaviour, Rules, Scope, Times};
use super::hits::{Hit, HitLog, Recording};
use super::request::{Asked, Route};
use super::serve;
use super::store::Store;
use super::token::{Authentication, TokenRules, TokenService, User};

/// Most bytes of a form that are read.
const MAX_FORM_BYTES: usize = 64 * 1024;

/// Connections that wait to be accepted; the standard library asks for 128.
const BACKLOG: u32 = 1024;

/// Wait after a failed accept, so as not to spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// A running registry.
#[derive(Debug)]
pub struct Registry {
    state: Arc<State>,
    address: SocketAddr,
    task: Option<JoinHandle<()>>,
    own_runtime: Option<Runtime>,
}

#[derive(Debug)]
struct State {
    root: String,
    store: Mutex<Store>,
    rules: Rules,
    authentication: RwLock<Authentication>,
    token_services: RwLock<Vec<TokenService>>,
    log: HitLog,
}

/// A port of loopback that is held without listening: connections to it are refused for as long as this lives.
#[derive(Debug)]
pub struct ClosedPort {
    address: SocketAddr,
    _held: TcpSocket,
}

impl ClosedPort {
    /// Takes a free port of 127.0.0.1.
    ///
    /// # Errors
    /// No port could be had.
    pub fn take() -> io::Result<Self> {
        let held = TcpSocket::new_v4()?;
        held.bind((Ipv4Addr::LOCALHOST, 0).into())?;
        Ok(Self { address: held.local_addr()?, _held: held })
    }

    /// Where nothing listens.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.address
    }
}

impl Registry {
    /// Serves `store` on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// No port could be had, or no thread started.
    pub fn start(store: Store) -> io::Result<Self> {
        Self::start_on((Ipv4Addr::LOCALHOST, 0).into(), store)
    }

    /// Serves `store` on `address`; port 0 means any free one.
    ///
    /// # Errors
    /// The address could not be bound, or no thread started.
    pub fn start_on(address: SocketAddr, store: Store) -> io::Result<Self> {
        Self::start_under(address, "/v2", store)
    }

    /// Serves `store` with `root` (`/artifactory/api/docker/hub/v2`) for an API root, without a slash at its end.
    ///
    /// # Errors
    /// The address could not be bound, or no thread started.
    pub fn start_under(address: SocketAddr, root: &str, store: Store) -> io::Result<Self> {
        let own_runtime = match Handle::try_current() {
            Ok(_) => None,
            Err(_) => Some(Builder::new_multi_thread().worker_threads(1).enable_all().build()?),
        };
        let handle = own_runtime.as_ref().map_or_else(Handle::current, |own| own.handle().clone());
        let entered = handle.enter();
        let listener = listen(address)?;
        drop(entered);
        let address = listener.local_addr()?;
        let state = Arc::new(State {
            root: root.to_owned(),
            store: Mutex::new(store),
            rules: Rules::default(),
            authentication: RwLock::default(),
            token_services: RwLock::default(),
            log: HitLog::default(),
        });
        let task = Some(handle.spawn(accept(Arc::clone(&state), listener)));
        Ok(Self { state, address, task, own_runtime })
    }

    /// Where it listens.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.address
    }

    /// `127.0.0.1:PORT`, as it stands in an image reference.
    #[must_use]
    pub fn authority(&self) -> String {
        self.address.to_string()
    }

    /// `http://127.0.0.1:PORT`
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// `http://localhost:PORT`: the same registry under what clients take for another host.
    #[must_use]
    pub fn localhost_url(&self) -> String {
        format!("http://localhost:{}", self.address.port())
    }

    /// What it holds; may be changed while it runs. No request is answered while the guard is held.
    pub fn store(&self) -> MutexGuard<'_, Store> {
        self.state.store()
    }

    /// Adds a behaviour, each time.
    pub fn set_behaviour(&self, scope: Scope, behaviour: Behaviour) {
        self.set_behaviour_times(scope, behaviour, Times::Always);
    }

    /// Adds a behaviour, so many times.
    pub fn set_behaviour_times(&self, scope: Scope, behaviour: Behaviour, times: Times) {
        self.state.rules.add(scope, behaviour, times);
    }

    /// Behaves well again. Authentication stays.
    pub fn clear_behaviours(&self) {
        self.state.rules.clear();
    }

    /// Wants tokens, and gives them at `/token`.
    pub fn require_token(&self, rules: TokenRules) -> TokenService {
        self.require_token_of(self, rules)
    }

    /// Wants tokens that `server` gives at its `/token`.
    pub fn require_token_of(&self, server: &Self, rules: TokenRules) -> TokenService {
        let service = TokenService::new(rules, &server.url());
        let mut services = server.state.token_services.write().unwrap_or_else(PoisonError::into_inner);
        services.push(service.clone());
        self.state.authenticate(Authentication::Token(service.clone()));
        service
    }

    /// Wants Basic credentials of one of `users`.
    pub fn require_basic(&self, users: Vec<User>) {
        self.state.authenticate(Authentication::Basic(users));
    }

    /// Whether requests are kept; the record so far stays.
    pub fn record(&self, recording: Recording) {
        self.state.log.set(recording);
    }

    /// Every request so far, in the order of their answers.
    #[must_use]
    pub fn hits(&self) -> Vec<Hit> {
        self.state.log.with(|hits| hits.clone())
    }

    /// Forgets the requests so far.
    pub fn forget_hits(&self) {
        self.state.log.with(Vec::clear);
    }

    /// How many requests so far were like this.
    pub fn count(&self, is_like: impl Fn(&Hit) -> bool) -> usize {
        self.state.log.with(|hits| hits.iter().filter(|hit| is_like(hit)).count())
    }

    /// How many requests there were for exactly this path, whatever the method and query.
    #[must_use]
    pub fn hits_to(&self, path: &str) -> usize {
        self.count(|hit| hit.path == path)
    }

    /// How many manifest requests there were with this method.
    #[must_use]
    pub fn manifest_hits(&self, method: &str) -> usize {
        self.count(|hit| hit.method == method && hit.is_manifest())
    }

    /// How many connections were accepted.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.state.log.connections()
    }

    /// The most requests that waited for their answer at one moment.
    #[must_use]
    pub fn most_at_once(&self) -> usize {
        self.state.log.most_in_flight()
    }

    /// Stops, and returns once the port is closed. Dropping the handle stops it a little later.
    pub async fn stop(mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
            // The only outcome is that it was cancelled.
            let _cancelled = task.await;
        }
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
        // Dropping a runtime inside another would panic.
        if let Some(runtime) = self.own_runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl State {
    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn authenticate(&self, authentication: Authentication) {
        *self.authentication.write().unwrap_or_else(PoisonError::into_inner) = authentication;
    }

    fn answer(&self, asked: &Asked) -> Answer {
        let authentication = self.authentication.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(refusal) = authentication.refuse(asked) {
            return refusal;
        }
        drop(authentication);
        let granted = (asked.route == Route::Token).then(|| self.grant(asked)).flatten();
        let mut store = self.store();
        let mut answer = granted.unwrap_or_else(|| serve::answer(&self.root, &store, asked));
        self.rules.bend(asked, &mut answer, &mut store);
        answer
    }

    /// The token service that is asked for by name, else the first; `None` where there is none.
    fn grant(&self, asked: &Asked) -> Option<Answer> {
        let services = self.token_services.read().unwrap_or_else(PoisonError::into_inner);
        let name = asked.parameters("service").chain(asked.fields("service")).next();
        let named = services.iter().find(|service| Some(service.name()) == name.as_deref());
        Some(named.or(services.first())?.grant(asked))
    }
}

/// As `TcpListener::bind` would, but with room for a crowd: a connection that finds the queue full is
/// tried again by its kernel a second later, and to a client it looks as if the registry had been slow.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves until it is aborted; the connections end with it.
async fn accept(state: Arc<State>, listener: TcpListener) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    state.log.connected();
                    connections.spawn(converse(Arc::clone(&state), stream));
                }
                // The peer gave up before it was accepted, or files ran out: others may still come.
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn converse(state: Arc<State>, stream: TcpStream) {
    // Only latency depends on it.
    let _nodelay = stream.set_nodelay(true);
    let service = service_fn(move |request| respond(Arc::clone(&state), request));
    // A client that leaves in the middle, or a behaviour that closes: there is nobody to tell.
    let _ended = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// The connection is to be closed without an answer.
#[derive(Debug, Error)]
#[error("closed without an answer")]
struct Closed;

async fn respond(state: Arc<State>, request: Request<Incoming>) -> Result<Response<AnswerBody>, Closed> {
    let _in_flight = state.log.enter();
    let (parts, body) = request.into_parts();
    let form = if parts.method == Method::POST { read_form(body).await } else { String::new() };
    let asked = Asked::new(&state.root, parts, form);
    let is_head = asked.is_head();
    let answer = state.answer(&asked);
    state.log.record(asked, &answer);
    if !answer.delay.is_zero() {
        tokio::time::sleep(answer.delay).await;
    }
    match answer.fate {
        Fate::Sent => Ok(answer.into_response(is_head)),
        Fate::Silent => std::future::pending().await,
        Fate::Reset => Err(Closed),
    }
}

/// A form as text; empty where it is too long or ends early.
async fn read_form(body: Incoming) -> String {
    let collected = Limited::new(body, MAX_FORM_BYTES).collect().await;
    let bytes = collected.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::super::client::{Reply, ask, get, head};
    use super::super::content::{self, Document};
    use super::*;
    use crate::model::digest::Digest;
    use crate::model::manifest::ACCEPT;

    fn library() -> (Store, content::Image) {
        let index = content::index("nginx", &["linux/amd64", "linux/arm64"]);
        let mut store = Store::new();
        store.put("library/nginx", "1.25", &index);
        (store, index)
    }

    fn manifest_path(reference: &impl std::fmt::Display) -> String {
        format!("/v2/library/nginx/manifests/{reference}")
    }

    #[tokio::test]
    async fn a_manifest_is_served_by_tag_and_by_digest_with_all_its_headers() {
        let (store, index) = library();
        let registry = Registry::start(store).unwrap();
        for path in [manifest_path(&"1.25"), manifest_path(index.digest())] {
            let got = get(&registry, &path).await;
            assert_eq!(got.status, 200);
            assert_eq!(got.body, index.document.bytes);
            assert_eq!(got.header("content-type"), Some(&*index.document.media_type));
            assert_eq!(got.header("docker-content-digest"), Some(&*index.digest().to_string()));
            assert_eq!(got.header("docker-distribution-api-version"), Some("registry/2.0"));
            assert_eq!(got.header("etag"), Some(&*format!("\"{}\"", index.digest())));
            let without_body = head(&registry, &path).await;
            let same = |reply: &Reply| {
                let mut headers = reply.headers.clone();
                headers.remove("date");
                (reply.status, headers)
            };
            assert_eq!(same(&without_body), same(&got));
            assert_eq!(without_body.header("content-length"), Some(&*index.document.bytes.len().to_string()));
        }
    }

    #[tokio::test]
    async fn a_known_etag_is_answered_without_a_body() {
        let (store, index) = library();
        let registry = Registry::start(store).unwrap();
        let path = manifest_path(&"1.25");
        let strong = format!("\"{}\"", index.digest());
        let reply = ask(&registry, "GET", &path, &[("if-none-match", &strong)]).await;
        assert_eq!((reply.status, reply.body.len()), (304, 0));
        let weak = format!("W/{strong}");
        assert_eq!(ask(&registry, "GET", &path, &[("if-none-match", &weak)]).await.status, 200);
    }

    #[tokio::test]
    async fn what_is_not_there_is_404_with_a_code_that_says_what() {
        let (store, _) = library();
        let registry = Registry::start(store).unwrap();
        let absent = Digest::sha256(b"absent");
        for (path, status, code) in [
            (manifest_path(&"9"), 404, "MANIFEST_UNKNOWN"),
            (manifest_path(&absent), 404, "MANIFEST_UNKNOWN"),
            (manifest_path(&"sha256:abc"), 400, "DIGEST_INVALID"),
            ("/v2/library/none/manifests/1".to_owned(), 404, "NAME_UNKNOWN"),
            ("/v2/library/none/tags/list".to_owned(), 404, "NAME_UNKNOWN"),
            (format!("/v2/library/nginx/blobs/{absent}"), 404, "BLOB_UNKNOWN"),
        ] {
            let reply = get(&registry, &path).await;
            assert_eq!((reply.status, &*reply.error_code()), (status, code), "{path}");
            assert_eq!(reply.header("content-type"), Some("application/json"), "{path}");
            assert_eq!(head(&registry, &path).await.status, status, "{path}");
        }
        for path in ["/nowhere", "/v2/library/nginx/referrers/x", "/v2/_catalog", "/token"] {
            let reply = get(&registry, path).await;
            assert_eq!((reply.status, &*reply.text()), (404, "404 page not found\n"), "{path}");
        }
    }

    #[tokio::test]
    async fn the_api_root_the_front_page_and_the_tags_are_served() {
        let (store, _) = library();
        let registry = Registry::start(store).unwrap();
        assert_eq!(get(&registry, "/v2/").await.text(), "{}");
        assert_eq!(get(&registry, "/v2").await.header("location"), Some("/v2/"));
        assert_eq!(get(&registry, "/").await.text(), "");
        assert_eq!(
            get(&registry, "/v2/library/nginx/tags/list").await.text(),
            r#"{"name":"library/nginx","tags":["1.25"]}"#
        );
        let refused = ask(&registry, "DELETE", &manifest_path(&"1.25"), &[]).await;
        assert_eq!((refused.status, refused.header("allow")), (405, Some("GET, HEAD")));
    }

    #[tokio::test]
    async fn blobs_are_served_whole_and_in_part() {
        let (store, index) = library();
        let registry = Registry::start(store).unwrap();
        let blob = &index.children[0].blobs[1];
        let path = format!("/v2/library/nginx/blobs/{}", blob.digest);
        assert_eq!(get(&registry, &path).await.body, blob.bytes);
        assert_eq!(
            head(&registry, &path).await.header("content-length"),
            Some(&*blob.bytes.len().to_string())
        );
        let part = ask(&registry, "GET", &path, &[("range", "bytes=1-2")]).await;
        assert_eq!((part.status, &part.body[..]), (206, &blob.bytes[1..=2]));
        let shown = format!("bytes 1-2/{}", blob.bytes.len());
        assert_eq!(part.header("content-range"), Some(&*shown));
        assert_eq!(ask(&registry, "GET", &path, &[("range", "bytes=99999-")]).await.status, 416);
    }

    #[tokio::test]
    async fn the_store_can_be_changed_while_it_is_served() {
        let (store, _) = library();
        let registry = Registry::start(store).unwrap();
        registry.store().remove_tag("library/nginx", "1.25");
        assert_eq!(get(&registry, &manifest_path(&"1.25")).await.status, 404);
        let document = Document::new("application/x-odd", "rubbish");
        let digest = document.digest.clone();
        registry.store().put_raw("library/nginx", document);
        registry.store().retag("library/nginx", "1.25", &digest);
        let reply = get(&registry, &manifest_path(&"1.25")).await;
        assert_eq!((&*reply.text(), reply.header("content-type")), ("rubbish", Some("application/x-odd")));
    }

    #[tokio::test]
    async fn each_request_is_on_record_until_recording_is_switched_off() {
        let (store, _) = library();
        let registry = Registry::start(store).unwrap();
        let path = manifest_path(&"1.25");
        let asked = format!("{path}?ns=docker.io");
        ask(&registry, "HEAD", &asked, &[("accept", ACCEPT), ("authorization", "Bearer x")]).await;
        get(&registry, "/v2/").await;
        let hits = registry.hits();
        let first = &hits[0];
        assert_eq!((&*first.method, &*first.path, first.status), ("HEAD", &*path, Some(200)));
        assert_eq!(first.query.as_deref(), Some("ns=docker.io"));
        assert_eq!(first.accept.as_deref(), Some(ACCEPT));
        assert_eq!(first.authorization.as_deref(), Some("Bearer x"));
        assert_eq!(first.host.as_deref(), Some(&*registry.authority()));
        assert_eq!((registry.hits_to(&path), registry.manifest_hits("HEAD"), hits.len()), (1, 1, 2));
        assert_eq!((registry.manifest_hits("GET"), registry.most_at_once()), (0, 1));

        registry.record(Recording::Off);
        get(&registry, &path).await;
        assert_eq!(registry.hits().len(), 2);
        registry.record(Recording::On);
        registry.forget_hits();
        get(&registry, &path).await;
        assert_eq!(registry.manifest_hits("GET"), 1);
    }

    #[tokio::test]
    async fn the_api_root_may_be_elsewhere() {
        let (store, _) = library();
        let registry = Registry::start_under((Ipv4Addr::LOCALHOST, 0).into(), "/proxy/v2", store).unwrap();
        assert_eq!(get(&registry, "/proxy/v2/library/nginx/manifests/1.25").await.status, 200);
        assert_eq!(get(&registry, &manifest_path(&"1.25")).await.status, 404);
    }

    #[tokio::test]
    async fn a_stopped_registry_and_a_closed_port_refuse_connections() {
        let registry = Registry::start(Store::new()).unwrap();
        let address = registry.addr();
        registry.stop().await;
        let closed = ClosedPort::take().unwrap();
        for address in [address, closed.addr()] {
            let refused = TcpStream::connect(address).await.unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        }
    }

    #[test]
    fn without_a_runtime_it_brings_its_own() {
        use std::io::{Read as _, Write as _};
        let registry = Registry::start(Store::new()).unwrap();
        let mut stream = std::net::TcpStream::connect(registry.addr()).unwrap();
        stream.write_all(b"GET /v2/ HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    }
}
