//! Ways in which an endpoint could not be asked, or answered against the protocol.

use std::fmt;
use std::time::Duration;

use url::Url;

use super::endpoint::Authority;
use super::tls::TlsFault;

/// No usable answer came back over the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetFault {
    /// The name has no address, or the resolver did not answer.
    Dns(Box<str>),
    /// The port is closed.
    ConnectRefused,
    /// No connection for another reason: no route, a proxy that refuses.
    Connect(Box<str>),
    /// This machine opens no further file or socket: says nothing of the host.
    NoFiles(Box<str>),
    /// No secured connection.
    Tls(TlsFault),
    /// No connection through the proxy.
    Proxy {
        /// The proxy's scheme, host and port.
        proxy: Box<str>,
        /// Why not.
        why: Box<str>,
    },
    /// No connection in time.
    TimeoutConnect(Duration),
    /// Connected, and then no first byte in time.
    TimeoutFirstByte(Duration),
    /// The answer began and did not end in time.
    TimeoutBody(Duration),
    /// The answer came more slowly than any that is waited for.
    TooSlow {
        /// Bytes that came of late.
        received_bytes: u64,
        /// In so long a time.
        within: Duration,
    },
    /// The answer, fast enough or not, would not end in all the time that one may take.
    TooLong {
        /// Bytes that came.
        received_bytes: u64,
        /// In so long a time.
        within: Duration,
    },
    /// The connection ended before an answer came.
    Reset(Box<str>),
    /// The body ended before the length that the server had promised.
    Truncated {
        /// Bytes that came.
        received_bytes: u64,
        /// Bytes that were promised, if the server had said.
        promised_bytes: Option<u64>,
    },
    /// A transfer ended early, and what was asked for to go on from there was something else.
    NotResumed {
        /// How it ended.
        cut: Box<NetFault>,
        /// What came instead.
        why: Box<str>,
    },
    /// What came is not HTTP, or breaks its framing.
    Protocol(Box<str>),
    /// The request was not sent, for what is known of the host.
    Shut(Shut),
    /// The same as within, of the service that gives the host's tokens.
    TokenService(Box<NetFault>),
}

/// Why nothing more is asked of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shut {
    /// It was down for earlier requests.
    Down {
        /// How the last of them failed.
        fault: Box<NetFault>,
        /// How many they were; not for reports, as it hangs on what else was asked.
        requests: u32,
    },
    /// It throttles, and went on doing so after it had been left alone.
    Throttling {
        /// How often it had been left alone.
        cool_downs: u32,
    },
    /// It throttles, and asks to be left alone for longer than is waited.
    LongWait {
        /// How long.
        asked: Duration,
    },
    /// It is unavailable, and went on being so after it had been left alone for as long as it asked.
    Unavailable {
        /// How often it had been left alone.
        cool_downs: u32,
    },
    /// It failed at everything that it was asked of late.
    Failing {
        /// The HTTP status of the last failure.
        status: u16,
        /// How many questions in a row came to nothing.
        questions: u32,
    },
    /// What is left of its pull quota is to be kept.
    Reserved {
        /// Pulls left.
        remaining: u64,
        /// Pulls to be kept.
        reserve: u64,
    },
}

impl Shut {
    /// The reason in words that begin with the name of the host.
    #[must_use]
    pub fn about(&self, host: &str) -> String {
        match self {
            // Which requests met with it and which were spared hangs on their order, and on what else was asked: the
            // same words for both. That nothing was sent, the count of attempts says.
            Self::Down { fault, .. } => format!("{host}: {fault}"),
            Self::Throttling { cool_downs } => {
                format!("{host} is still throttling after {cool_downs} cool-downs; not asked")
            }
            Self::LongWait { asked } => {
                format!("{host} is throttling and asks to wait {}; not asked", seconds(*asked))
            }
            Self::Unavailable { cool_downs } => {
                format!("{host} still answers 503 after {cool_downs} cool-downs; not asked")
            }
            Self::Failing { status, questions } => {
                format!("{host} answered {status}, and 5xx to {questions} questions in a row; not asked")
            }
            Self::Reserved { remaining, reserve } => {
                format!("{host} has {remaining} pulls left, and {reserve} are to be kept; not asked")
            }
        }
    }
}

impl fmt::Display for NetFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(text) => write!(f, "name not resolved: {text}"),
            Self::ConnectRefused => f.write_str("connection refused"),
            Self::Connect(text) => write!(f, "no connection: {text}"),
            Self::NoFiles(text) => {
                write!(f, "not asked: this machine has no file left for a connection: {text}")
            }
            Self::Tls(fault) => write!(f, "{fault}"),
            Self::Proxy { proxy, why } => write!(f, "no connection through the proxy {proxy}: {why}"),
            Self::TimeoutConnect(after) => write!(f, "no connection within {}", seconds(*after)),
            Self::TimeoutFirstByte(after) => {
                write!(f, "connected, but no answer within {}", seconds(*after))
            }
            Self::TimeoutBody(after) => {
                write!(f, "the answer began but did not end within {}", seconds(*after))
            }
            Self::TooSlow { received_bytes, within } => {
                write!(f, "too slow: {received_bytes} bytes came within {}", seconds(*within))
            }
            Self::TooLong { received_bytes, within } => {
                write!(f, "not complete: {received_bytes} bytes came within {}", seconds(*within))
            }
            Self::Reset(text) => write!(f, "connection closed before an answer: {text}"),
            Self::NotResumed { cut, why } => {
                write!(f, "{cut}, and Range, to go on from there, was not honoured: {why}")
            }
            Self::Truncated { received_bytes, promised_bytes: Some(promised) } => {
                write!(f, "the body ended after {received_bytes} of {promised} bytes")
            }
            Self::Truncated { received_bytes, promised_bytes: None } => {
                write!(f, "the body broke off after {received_bytes} bytes")
            }
            Self::Protocol(text) => write!(f, "not valid HTTP: {text}"),
            Self::Shut(shut) => f.write_str(&shut.about("the host")),
            Self::TokenService(fault) => write!(f, "{fault}"),
        }
    }
}

/// A duration as people write it: `15s`, `1.5s`, `300ms`.
#[must_use]
pub fn seconds(duration: Duration) -> String {
    match duration.as_millis() {
        0 if duration.is_zero() => "0s".to_owned(),
        0 => format!("{}us", duration.as_micros()),
        millis if millis < 1000 => format!("{millis}ms"),
        millis if millis % 1000 == 0 => format!("{}s", millis / 1000),
        _ => format!("{:.1}s", duration.as_secs_f64()),
    }
}

/// A redirect that is not followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RedirectFault {
    /// More than the permitted number of hops.
    TooMany(usize),
    /// A 3xx without a usable `Location`.
    NoLocation,
    /// To something that is not http, with its scheme.
    Scheme(Box<str>),
    /// From https to http: what follows could be read and changed on the way.
    Downgrade(Box<str>),
    /// From a host out there to this machine or its link (a way into private networks).
    IntoLocal(Box<str>),
}

impl RedirectFault {
    /// The host that it would have led to, which is not asked, and why not.
    #[must_use]
    pub fn target(&self) -> Option<(Authority, &'static str)> {
        let (to, why) = match self {
            Self::Downgrade(to) => (to, "a redirect from https to plain http is not followed"),
            Self::IntoLocal(to) => (to, "a redirect from another host to a local address is not followed"),
            Self::TooMany(_) | Self::NoLocation | Self::Scheme(_) => return None,
        };
        Some((Authority::of(&Url::parse(to).ok()?)?, why))
    }
}

impl fmt::Display for RedirectFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany(hops) => write!(f, "still redirected after {hops} hops"),
            Self::NoLocation => f.write_str("redirected without a usable Location"),
            Self::Scheme(scheme) => write!(f, "redirected to a URL of scheme '{scheme}', not http or https"),
            Self::Downgrade(to) => write!(f, "redirected from https to plain http ({to})"),
            Self::IntoLocal(to) => write!(f, "redirected to a local address ({to})"),
        }
    }
}
