//! Proxies that lead every name to one place, and write down what they were asked for.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A running proxy. It ends with the test's process; what it has heard can be asked at any time.
pub struct Proxy {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// An HTTP proxy: `CONNECT`, and requests with a whole URL. Hears the heads of requests.
    pub fn http(backend: SocketAddr) -> Self {
        Self::start(move |stream, heard| http(stream, backend, heard))
    }

    /// An HTTP proxy that answers everything with this.
    pub fn refusing(answer: &'static str) -> Self {
        Self::start(move |mut stream, heard| {
            heard(head(&mut stream)?);
            stream.write_all(answer.as_bytes())
        })
    }

    /// An HTTP proxy that hears what it is asked, and never says a word.
    pub fn silent() -> Self {
        Self::start(move |mut stream, heard| {
            heard(head(&mut stream)?);
            // Until the other side has had enough.
            stream.read(&mut [0]).map(drop)
        })
    }

    /// A SOCKS5 proxy (RFC 1928) without authentication. Hears `host:port`.
    pub fn socks5(backend: SocketAddr) -> Self {
        Self::start(move |stream, heard| socks5(stream, backend, heard))
    }

    fn start(serve: impl Fn(TcpStream, &dyn Fn(String)) -> io::Result<()> + Clone + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address");
        let heard = Arc::<Mutex<Vec<String>>>::default();
        let hears = Arc::clone(&heard);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (serve, heard) = (serve.clone(), Arc::clone(&hears));
                // Whoever leaves in the middle has what he wanted.
                thread::spawn(move || serve(stream, &|text| heard.lock().unwrap().push(text)).ok());
            }
        });
        Self { address, heard }
    }

    /// `127.0.0.1:PORT`.
    pub fn authority(&self) -> String {
        self.address.to_string()
    }

    /// What it was asked, in order.
    pub fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

/// The head of a request, byte by byte: what follows is for somebody else.
fn head(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    String::from_utf8(head).map_err(io::Error::other)
}

fn http(mut stream: TcpStream, backend: SocketAddr, heard: &dyn Fn(String)) -> io::Result<()> {
    let head = head(&mut stream)?;
    heard(head.clone());
    let mut plain = TcpStream::connect(backend)?;
    if head.starts_with("CONNECT ") {
        stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
    } else {
        plain.write_all(head.as_bytes())?;
    }
    splice(stream, plain)
}

fn socks5(mut stream: TcpStream, backend: SocketAddr, heard: &dyn Fn(String)) -> io::Result<()> {
    let mut greeting = [0; 2];
    stream.read_exact(&mut greeting)?;
    stream.read_exact(&mut vec![0; usize::from(greeting[1])])?;
    stream.write_all(&[5, 0])?;
    let mut request = [0; 5];
    stream.read_exact(&mut request)?;
    assert_eq!(request[..4], [5, 1, 0, 3], "a CONNECT to a name");
    let mut name = vec![0; usize::from(request[4])];
    stream.read_exact(&mut name)?;
    let mut port = [0; 2];
    stream.read_exact(&mut port)?;
    heard(format!("{}:{}", String::from_utf8_lossy(&name), u16::from_be_bytes(port)));
    let plain = TcpStream::connect(backend)?;
    stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])?;
    splice(stream, plain)
}

fn splice(one: TcpStream, other: TcpStream) -> io::Result<()> {
    let (mut from, mut to) = (one.try_clone()?, other.try_clone()?);
    thread::spawn(move || {
        io::copy(&mut from, &mut to).ok();
        to.shutdown(Shutdown::Write).ok();
    });
    let (mut from, mut to) = (other, one);
    io::copy(&mut from, &mut to)?;
    to.shutdown(Shutdown::Write)
}
