//! TLS in front of a plain server: what is said in the one is said in the other.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::authority::{Authority, Issued};

/// What is offered besides HTTP/1.1.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    /// Nothing.
    Http1,
    /// HTTP/2, and who takes the offer is answered as over HTTP/1.1, at once.
    FalseHttp2,
    /// HTTP/2, and each request is ended with a protocol error.
    BrokenHttp2,
}

/// A running front; dropping it ends it.
pub struct TlsFront {
    address: SocketAddr,
    counts: Arc<Counts>,
    runtime: Option<Runtime>,
}

#[derive(Default)]
struct Counts {
    http1: AtomicUsize,
    http2: AtomicUsize,
}

impl TlsFront {
    /// In front of `backend`, with this certificate; with `clients`, only for those whom they know.
    pub fn start(backend: SocketAddr, issued: &Issued, clients: Option<&Authority>, offer: Offer) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let entered = runtime.enter();
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        listener.set_nonblocking(true).expect("a socket option");
        let address = listener.local_addr().expect("its address");
        let listener = TcpListener::from_std(listener).expect("a listener");
        drop(entered);
        let acceptor = TlsAcceptor::from(Arc::new(config(issued, clients, offer)));
        let counts = Arc::<Counts>::default();
        let counted = Arc::clone(&counts);
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(acceptor.clone(), stream, (backend, offer), Arc::clone(&counted)));
            }
        });
        Self { address, counts, runtime: Some(runtime) }
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections chose HTTP/1.1, and how many HTTP/2.
    pub fn connections(&self) -> (usize, usize) {
        (self.counts.http1.load(Ordering::Relaxed), self.counts.http2.load(Ordering::Relaxed))
    }
}

impl Drop for TlsFront {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn config(issued: &Issued, clients: Option<&Authority>, offer: Offer) -> ServerConfig {
    let certificates = |path| {
        let found = CertificateDer::pem_file_iter(path).expect("a file of certificates");
        found.map(|certificate| certificate.expect("a certificate")).collect::<Vec<_>>()
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("the versions of TLS");
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(certificates(authority.file()));
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.expect("a verifier"))
        }
    };
    let key = PrivateKeyDer::from_pem_file(&issued.key).expect("a key");
    let mut config =
        builder.with_single_cert(certificates(issued.certificate.clone()), key).expect("a key that fits");
    config.alpn_protocols = match offer {
        Offer::Http1 => vec![b"http/1.1".to_vec()],
        Offer::FalseHttp2 | Offer::BrokenHttp2 => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
    };
    config
}

async fn converse(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    (backend, offer): (SocketAddr, Offer),
    counts: Arc<Counts>,
) {
    let mut stream = match acceptor.accept(stream).into_fallible().await {
        Ok(stream) => stream,
        Err((_, mut stream)) => {
            // Closing on unread bytes would reset the connection, and the alert could be lost.
            stream.shutdown().await.ok();
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).await.ok();
            return;
        }
    };
    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
        counts.http2.fetch_add(1, Ordering::Relaxed);
        if offer == Offer::FalseHttp2 {
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await.ok();
        } else {
            end_first_request(&mut stream).await.ok();
        }
        stream.shutdown().await.ok();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.ok();
        return;
    }
    counts.http1.fetch_add(1, Ordering::Relaxed);
    if let Ok(mut plain) = TcpStream::connect(backend).await {
        tokio::io::copy_bidirectional(&mut stream, &mut plain).await.ok();
    }
}

/// Waits for the first HEADERS frame and ends its stream with PROTOCOL_ERROR (RFC 9113 section 6.4).
async fn end_first_request(stream: &mut TlsStream<TcpStream>) -> std::io::Result<()> {
    let empty_settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    stream.write_all(&empty_settings).await?;
    let mut preface = [0; 24];
    stream.read_exact(&mut preface).await?;
    loop {
        let mut frame = [0; 9];
        stream.read_exact(&mut frame).await?;
        let length = u32::from_be_bytes([0, frame[0], frame[1], frame[2]]);
        let mut payload = vec![0; length as usize];
        stream.read_exact(&mut payload).await?;
        if frame[3] == 1 {
            let mut reset = [0, 0, 4, 3, 0, 0, 0, 0, 0, 0, 0, 0, 1];
            reset[5..9].copy_from_slice(&frame[5..9]);
            return stream.write_all(&reset).await;
        }
    }
}
