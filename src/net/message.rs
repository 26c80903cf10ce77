//! One request and its answer, as the client takes and gives them.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method};
use url::Url;

use super::download::Download;
use crate::model::endpoint::Authority;
use crate::model::secret::Secret;

/// What a request is for: they are counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A registry's own endpoints, but for blobs and the root.
    Registry,
    /// The root of a registry's API, counted with the others; no registry counts it as a pull.
    Root,
    /// Blobs, wherever they are: no registry counts them as pulls.
    Blob,
    /// A token service.
    Token,
}

/// One request.
#[derive(Debug)]
pub struct Request<'a> {
    /// HEAD, GET or POST.
    pub method: Method,
    /// Where to.
    pub url: &'a Url,
    /// The host in `url`.
    pub authority: &'a Authority,
    /// The `Accept` line.
    pub accept: &'static str,
    /// The `Authorization` line, scheme included.
    pub authorization: Option<&'a Secret>,
    /// The body: the fields of a form.
    pub form: Option<&'a Secret>,
    /// The bytes wanted, if not all (RFC 9110 section 14.2).
    pub range: Option<Range>,
    /// How a successful answer's body is wanted.
    pub body: Wish,
    /// What it is for.
    pub purpose: Purpose,
}

/// Some bytes of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// The first byte alone.
    FirstByte,
    /// All but the first so many.
    From(u64),
}

/// How a body is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Read, if it has no more bytes than this.
    UpTo(usize),
    /// As it comes.
    Open,
}

/// One answer.
#[derive(Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers as sent.
    pub headers: HeaderMap,
    /// The body, as far as it was read.
    pub body: Body,
    /// From sending to the first byte.
    pub first_byte: Duration,
}

/// A body, as far as it was read.
#[derive(Debug)]
pub enum Body {
    /// All of it (of an error: its first [`super::client::MAX_ERROR_BYTES`]). Empty after HEAD.
    Read(Vec<u8>),
    /// Longer than the request's limit; nothing is kept.
    OverLimit,
    /// Not read yet: of a successful answer, where that was wished for.
    Open(Box<Download>),
}

impl Range {
    pub(super) fn line(self) -> HeaderValue {
        match self {
            Self::FirstByte => HeaderValue::from_static("bytes=0-0"),
            // Digits and a dash: always a header value.
            Self::From(first) => HeaderValue::try_from(format!("bytes={first}-"))
                .unwrap_or_else(|_| HeaderValue::from_static("bytes=0-")),
        }
    }
}
