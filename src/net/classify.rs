//! Errors of the HTTP client become [`NetFault`]s: nothing above this line sees a `reqwest::Error`.

use std::error::Error;
use std::io;
use std::time::Duration;

use url::Url;

use super::proxy::Proxies;
use super::resolve::ResolveError;
use super::sockets;
use super::tls;
use crate::model::fault::NetFault;

/// Why no answer came from `url`.
#[must_use]
pub(super) fn send_fault(
    error: &reqwest::Error,
    url: &Url,
    proxies: &Proxies,
    connect_timeout: Duration,
) -> NetFault {
    let fault = direct_fault(error, connect_timeout);
    let Some(proxy) = proxies.shown(url) else { return fault };
    let why = match &fault {
        NetFault::Dns(cause) => match find::<ResolveError>(error) {
            // Through `socks5` the host's name is resolved on this side.
            Some(resolve) if url.host_str() == Some(&resolve.name) => return fault,
            _ => format!("its name is not resolved: {cause}").into(),
        },
        NetFault::Connect(text) => text.clone(),
        NetFault::ConnectRefused | NetFault::TimeoutConnect(_) => fault.to_string().into(),
        NetFault::Reset(text) if error.is_connect() => text.clone(),
        _ => return fault,
    };
    NetFault::Proxy { proxy: proxy.into(), why }
}

/// Whether HTTP/2 is to blame for a fault, so that HTTP/1.1 may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Http2 {
    /// It is not.
    Innocent,
    /// Perhaps: the connection was gone before the request was on it, and took the reason with it.
    Suspected,
    /// It is: the peer, or this side, gave up on HTTP/2 itself.
    Guilty,
}

/// What part HTTP/2 has in `error`.
#[must_use]
pub(super) fn http2(error: &reqwest::Error) -> Http2 {
    let is_unsent =
        || find::<hyper::Error>(error).is_some_and(|cause| cause.is_canceled() || cause.is_closed());
    match http2_reason(error) {
        Some(_) if is_passing_http2_fault(error) => Http2::Innocent,
        Some(_) => Http2::Guilty,
        None if is_unsent() => Http2::Suspected,
        None => Http2::Innocent,
    }
}

/// These say that a server is busy or leaving, and nothing against HTTP/2.
fn is_passing_http2_fault(error: &reqwest::Error) -> bool {
    use h2::Reason;
    let passing = [Reason::NO_ERROR, Reason::REFUSED_STREAM, Reason::CANCEL, Reason::ENHANCE_YOUR_CALM];
    http2_reason(error).is_some_and(|reason| passing.contains(&reason))
}

fn http2_reason(error: &reqwest::Error) -> Option<h2::Reason> {
    find::<h2::Error>(error).and_then(h2::Error::reason)
}

fn direct_fault(error: &reqwest::Error, connect_timeout: Duration) -> NetFault {
    let text = || root_text(error);
    if let Some(cause) = find::<ResolveError>(error) {
        if cause.lacks_files {
            return NetFault::NoFiles(cause.to_string().into());
        }
        return NetFault::Dns(cause.to_string().into());
    }
    if let Some(cause) = find::<rustls::Error>(error) {
        return NetFault::Tls(tls::fault(cause));
    }
    if error.is_connect() && error.is_timeout() {
        return NetFault::TimeoutConnect(connect_timeout);
    }
    if let Some(cause) = find::<io::Error>(error).or_else(|| find::<h2::Error>(error)?.get_io()) {
        if sockets::lacks_files(cause) {
            return NetFault::NoFiles(cause.to_string().into());
        }
        match cause.kind() {
            io::ErrorKind::ConnectionRefused => return NetFault::ConnectRefused,
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof => return NetFault::Reset(text()),
            _ => {}
        }
    }
    if error.is_connect() {
        return NetFault::Connect(text());
    }
    match find::<hyper::Error>(error) {
        Some(cause) if cause.is_incomplete_message() || cause.is_canceled() || cause.is_closed() => {
            NetFault::Reset(text())
        }
        _ if is_passing_http2_fault(error) => NetFault::Reset(text()),
        _ => NetFault::Protocol(text()),
    }
}

/// Why a body broke off after `received_bytes`.
#[must_use]
pub(super) fn body_fault(
    error: &reqwest::Error,
    received_bytes: u64,
    promised_bytes: Option<u64>,
) -> NetFault {
    if let Some(cause) = find::<hyper::Error>(error)
        && cause.is_parse()
    {
        return NetFault::Protocol(root_text(error));
    }
    NetFault::Truncated { received_bytes, promised_bytes }
}

/// The first error of type `E` in the chain. An `io::Error` hides what it wraps from `source()`.
fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match wrapped {
            Some(inner) => {
                let inner: &(dyn Error + 'static) = inner;
                Some(inner)
            }
            None => error.source(),
        };
    }
    None
}

/// The innermost text: the outer ones say "error sending request for url …" and the like.
fn root_text(error: &reqwest::Error) -> Box<str> {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text = error.to_string();
        next = error.source();
    }
    text.into()
}
