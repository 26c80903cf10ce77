//! The least HTTP client that can talk to a registry.
//!
//! It speaks HTTP/1.0, one request for each connection: then no server answers in chunks and every
//! answer ends with its connection. It shares nothing with `net`, whose behaviour the tests judge.

use std::io::{Read, Write};
use std::net::TcpStream;

use registry_check::model::manifest::ACCEPT;

use super::DEADLINE;

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    /// The first header of this name, which is given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a body of text")
    }
}

/// `GET` with every manifest type accepted.
pub fn get(authority: &str, path: &str) -> Answer {
    request(authority, "GET", path, &[("Accept", ACCEPT)], b"")
}

/// `HEAD` with every manifest type accepted.
pub fn head(authority: &str, path: &str) -> Answer {
    request(authority, "HEAD", path, &[("Accept", ACCEPT)], b"")
}

/// Sends one request and reads the whole answer.
pub fn request(authority: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let whole = exchange(authority, method, path, headers, body)
        .unwrap_or_else(|error| panic!("{method} http://{authority}{path}: {error}"));
    parse(&whole).unwrap_or_else(|| {
        panic!("{method} http://{authority}{path}: no HTTP: {}", String::from_utf8_lossy(&whole))
    })
}

fn exchange(
    authority: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> std::io::Result<Vec<u8>> {
    let mut message = format!("{method} {path} HTTP/1.0\r\nHost: {authority}\r\n");
    for (name, value) in headers {
        message += &format!("{name}: {value}\r\n");
    }
    message += &format!("Content-Length: {}\r\n\r\n", body.len());
    let mut stream = TcpStream::connect(authority)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    stream.write_all(&[message.as_bytes(), body].concat())?;
    let mut whole = Vec::new();
    stream.read_to_end(&mut whole)?;
    Ok(whole)
}

fn parse(whole: &[u8]) -> Option<Answer> {
    let end = whole.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    let mut lines = std::str::from_utf8(&whole[..end]).ok()?.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers = lines
        .map(|line| line.split_once(':').map(|(name, value)| (name.to_lowercase(), value.trim().to_owned())))
        .collect::<Option<_>>()?;
    Some(Answer { status, headers, body: whole[end + 4..].to_vec() })
}
