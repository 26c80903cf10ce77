//! The limit: the same requests with nothing around them.
//!
//! `hyper`: as many connections as the window is wide, each asked again as soon as it has answered.
//! `reqwest`: the client that the program uses, with its pool, and as many tasks. One thread each: the
//! least that a client can spend.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{Method, Request, header};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use registry_check::model::manifest::ACCEPT;
use tokio::net::TcpStream;
use tokio::task::{JoinSet, LocalSet};

/// The hidden argument that makes this program the generator.
pub const ROLE: &str = "--generate";

const USER_AGENT: &str = "raw-generator";

/// The requests to one host, taken by whoever is free.
struct Queue {
    authority: String,
    paths: Vec<String>,
    next: AtomicUsize,
}

impl Queue {
    fn take(&self) -> Option<&str> {
        self.paths.get(self.next.fetch_add(1, Ordering::Relaxed)).map(String::as_str)
    }
}

/// Does what [`ROLE`] says: `hyper|reqwest WINDOW FILE-WITH-URLS`.
pub fn run(arguments: &[String]) {
    let [kind, window, file] = arguments else { panic!("three arguments") };
    let window: usize = window.parse().expect("a number");
    let text = std::fs::read_to_string(file).expect("a list of URLs");
    let mut hosts: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for url in text.lines() {
        let (authority, path) =
            url.strip_prefix("http://").and_then(|url| url.split_once('/')).expect("a URL");
        hosts.entry(authority).or_default().push(format!("/{path}"));
    }
    let queues = hosts.into_iter().map(|(authority, paths)| {
        Arc::new(Queue { authority: authority.to_owned(), paths, next: AtomicUsize::new(0) })
    });
    let queues: Vec<_> = queues.collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let local = LocalSet::new();
    match kind.as_str() {
        "hyper" => local.block_on(&runtime, by_hyper(queues, window)),
        _ => local.block_on(&runtime, by_reqwest(queues, window)),
    }
}

async fn by_hyper(queues: Vec<Arc<Queue>>, window: usize) {
    let mut connections = JoinSet::new();
    for queue in queues {
        for _ in 0..window.min(queue.paths.len()) {
            let queue = Arc::clone(&queue);
            connections.spawn_local(async move {
                let stream = TcpStream::connect(&queue.authority).await.expect("a connection");
                stream.set_nodelay(true).expect("a socket option");
                let (mut sender, connection) =
                    http1::handshake(TokioIo::new(stream)).await.expect("a connection");
                tokio::task::spawn_local(connection);
                while let Some(path) = queue.take() {
                    let request = Request::builder()
                        .method(Method::HEAD)
                        .uri(path)
                        .header(header::HOST, &queue.authority)
                        .header(header::ACCEPT, ACCEPT)
                        .header(header::USER_AGENT, USER_AGENT)
                        .body(Empty::<&[u8]>::new())
                        .expect("a request");
                    sender.ready().await.expect("a free connection");
                    let answer = sender.send_request(request).await.expect("an answer");
                    assert_eq!(answer.status(), 200);
                }
            });
        }
    }
    while let Some(ended) = connections.join_next().await {
        ended.expect("every answer");
    }
}

async fn by_reqwest(queues: Vec<Arc<Queue>>, window: usize) {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("protocol versions")
        // Nothing here is asked over TLS, and roots would only have to be read.
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(USER_AGENT)
        .build()
        .expect("a client");
    let mut tasks = JoinSet::new();
    for queue in queues {
        for _ in 0..window.min(queue.paths.len()) {
            let (queue, client) = (Arc::clone(&queue), client.clone());
            tasks.spawn_local(async move {
                while let Some(path) = queue.take() {
                    let url = format!("http://{}{path}", queue.authority);
                    let answer = client.head(url).header(header::ACCEPT, ACCEPT).send().await;
                    assert_eq!(answer.expect("an answer").status(), 200);
                }
            });
        }
    }
    while let Some(ended) = tasks.join_next().await {
        ended.expect("every answer");
    }
}
