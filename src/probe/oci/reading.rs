//! What manifests and blobs have in common: how an answer that is not what was asked for is read, and whether
//! it is worth asking again.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderValue, header};
use time::OffsetDateTime;

use super::authorize::Wanted;
use super::error_body::{self, Shape};
use super::exchange::{Exchange, ExchangeFault};
use super::front;
use super::referrers::next_page;
use super::token::TokenFault;
use crate::model::endpoint::Authority;
use crate::model::fault::{NetFault, Shut};
use crate::model::observation::{
    Answer, AskedAs, Breakage, NotAsked, Note, Observation, Outcome, Refusal, Rejection, Way,
};
use crate::net::client::{Body, Client};
use crate::net::redirect;
use crate::net::retry::{self, Condition, Failed, Fault, Next, RetryPolicy};

/// An outcome without anything of what was asked for.
#[derive(Clone, Debug)]
pub(super) enum Failure {
    Missing(Answer),
    Refused(Refusal),
    Throttled { answer: Answer, retry_after: Option<Duration>, service: Option<Box<str>> },
    Broken(Breakage),
    Unreached { fault: NetFault, host: Box<str> },
    NotAsked(NotAsked),
}

/// What came of one attempt to get a `T`.
#[derive(Debug)]
pub(super) enum Reading<T> {
    Have(T),
    Failed(Failure),
    /// 404, and nothing shows that a registry says so.
    Vague(Answer),
    /// HEAD said too little.
    TryGet,
    /// May be better next time; if not, this is what came of it.
    Again {
        failure: Failure,
        why: Trouble,
    },
    /// Nothing more is asked of this host.
    Shut {
        host: Box<str>,
        shut: Shut,
    },
}

/// What a retry is decided on.
#[derive(Debug)]
pub(super) enum Trouble {
    Status { status: u16, retry_after: Option<Duration>, at: Option<Authority> },
    Net,
}

/// What is gathered on the way to an outcome.
#[derive(Default)]
pub(super) struct Trail {
    pub(super) attempts: u32,
    pub(super) http_status: Option<u16>,
    pub(super) head_status: Option<u16>,
    pub(super) latency: Option<Duration>,
    pub(super) asked_as: AskedAs,
    pub(super) redirected_to: Option<Box<str>>,
    pub(super) way: Way,
    pub(super) notes: Vec<Note>,
    /// Where the answer goes on, if it is a list with pages.
    pub(super) next_page: Option<Box<str>>,
}

impl Trail {
    pub(super) fn note(&mut self, exchange: &Exchange) {
        self.http_status = Some(exchange.status);
        self.latency = Some(exchange.latency);
        self.asked_as = exchange.asked_as.clone();
        self.next_page = next_page(&exchange.headers);
        if exchange.hops > 0 {
            self.redirected_to = Some(redirect::display(&exchange.url).into());
        }
        self.way.answered_by = Some(exchange).filter(|it| it.hops > 0).and_then(|it| Authority::of(&it.url));
        for value in exchange.headers.get_all(header::WARNING).iter().take(3) {
            let text = String::from_utf8_lossy(value.as_bytes());
            if let Some(text) = text.strip_prefix("299 - ") {
                self.add(Note::Warning(text.trim_matches('"').chars().take(200).collect()));
            }
        }
    }

    pub(super) fn into_observation(self, outcome: Outcome) -> Observation {
        Observation {
            outcome,
            http_status: self.http_status,
            head_status: self.head_status,
            attempts: self.attempts,
            latency: self.latency,
            asked_as: self.asked_as,
            redirected_to: self.redirected_to,
            way: (self.way.hosts.len() > 1).then(|| Box::new(self.way)),
            notes: self.notes,
            at: OffsetDateTime::now_utc(),
        }
    }

    /// Notes it, once.
    pub(super) fn add(&mut self, note: Note) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}

/// Waits until there is sense in asking again; gives the failure back where there is none.
pub(super) async fn pause(
    (client, policy): (&Client, &RetryPolicy),
    attempt: u32,
    failure: Failure,
    why: &Trouble,
) -> Result<Failure, Failure> {
    let failed = match (why, &failure) {
        (Trouble::Net, Failure::Unreached { fault, .. }) => {
            Failed { attempt, fault: Fault::Net(fault), retry_after: None, host: Condition::Well }
        }
        (Trouble::Status { status, retry_after, at }, _) => {
            let host = at.as_ref().map_or(Condition::Well, |at| client.condition(at));
            Failed { attempt, fault: Fault::Status(*status), retry_after: *retry_after, host }
        }
        (Trouble::Net, _) => return Err(failure),
    };
    match retry::next(policy, &failed, fastrand::f64()) {
        Next::Stop => {
            if let Trouble::Status { status, at: Some(at), .. } = why {
                client.gave_up(at, *status);
            }
            return Err(failure);
        }
        Next::Wait(pause) => tokio::time::sleep(pause).await,
        Next::WhenAllowed => {}
    }
    Ok(failure)
}

/// Statuses that GET would not explain, only repeat.
pub(super) const fn is_transient(status: u16) -> bool {
    matches!(status, 408 | 429 | 500 | 502..=504 | 520..=530)
}

pub(super) fn transient<T>(exchange: &Exchange, answer: Answer) -> Reading<T> {
    let status = exchange.status;
    let retry_after = exchange
        .headers
        .get(header::RETRY_AFTER)
        .and_then(|value| retry::parse_retry_after(value.as_bytes(), SystemTime::now()));
    let failure = if status == 429 {
        Failure::Throttled { answer, retry_after, service: None }
    } else {
        Failure::Broken(Breakage::ServerError(answer))
    };
    Reading::Again { failure, why: Trouble::Status { status, retry_after, at: Authority::of(&exchange.url) } }
}

/// Reads a HEAD's answer that is no success; no body says why.
pub(super) fn read_head_error<T>(exchange: &Exchange) -> Reading<T> {
    if let (401, Some(Wanted::Credentials(scheme))) = (exchange.status, &exchange.wanted) {
        let answer = Answer { status: 401, ..Answer::default() };
        return Reading::Failed(Failure::Refused(Refusal::CredentialsNeeded {
            answer,
            scheme: scheme.clone(),
        }));
    }
    if is_transient(exchange.status) {
        return transient(exchange, Answer { status: exchange.status, ..Answer::default() });
    }
    // The reason, or what was asked for, may come with a GET.
    Reading::TryGet
}

/// Reads a GET's answer that is no success.
pub(super) fn read_error<T>(exchange: &Exchange) -> Reading<T> {
    let body = match &exchange.body {
        Body::Read(body) => body.as_slice(),
        Body::OverLimit | Body::Open(_) => &[],
    };
    if let Some(fault) = front::fault(exchange.url.scheme(), exchange.status, body) {
        let host = Authority::of(&exchange.url).map_or_else(String::new, |host| host.to_string()).into();
        return Reading::Failed(Failure::Unreached { fault: NetFault::Tls(fault), host });
    }
    let parsed = error_body::parse(exchange.status, content_type(&exchange.headers), body);
    let mut answer = parsed.answer;
    let is_vague = answer.code.as_deref().is_none_or(|code| code == "UNKNOWN");
    let inner = parsed.inner_codes.into_iter().next();
    let is_settled =
        inner.as_deref().is_some_and(|code| matches!(code, "DENIED" | "UNAUTHORIZED" | "MANIFEST_UNKNOWN"));
    if is_vague && exchange.status >= 500 {
        answer.code = inner.or(answer.code);
    }
    Reading::Failed(match exchange.status {
        404 | 410 if is_registry(&exchange.headers) || parsed.shape == Shape::Registry => {
            Failure::Missing(answer)
        }
        // Static registries say no more; neither does an API gateway without a route.
        404 | 410 if matches!(parsed.shape, Shape::Json | Shape::Empty) => return Reading::Vague(answer),
        404 | 410 => Failure::Broken(Breakage::NotARegistry(answer)),
        401 => Failure::Refused(match &exchange.wanted {
            Some(Wanted::Credentials(scheme)) => {
                Refusal::CredentialsNeeded { answer, scheme: scheme.clone() }
            }
            Some(Wanted::Nothing) if exchange.asked_as == AskedAs::Nobody => Refusal::NoChallenge(answer),
            _ => Refusal::Registry { answer, asked_as: exchange.asked_as.clone() },
        }),
        // Quay answers 405 DENIED for a disabled namespace.
        403 | 451 => refused(answer, exchange),
        405 if answer.code.as_deref() == Some("DENIED") => refused(answer, exchange),
        // A cache that turns upstream's clear answer into its own failure: the same again next time.
        500..600 if is_settled => Failure::Broken(Breakage::ServerError(answer)),
        408 | 429 | 500..600 => return transient(exchange, answer),
        _ => Failure::Broken(Breakage::OddStatus(answer)),
    })
}

fn refused(answer: Answer, exchange: &Exchange) -> Failure {
    Failure::Refused(Refusal::Registry { answer, asked_as: exchange.asked_as.clone() })
}

/// Credentials were refused on the way: what was had without them is told so, and so is what was not.
pub(super) fn with_rejection<T>(
    reading: Reading<T>,
    rejection: Option<Rejection>,
    trail: &mut Trail,
) -> Reading<T> {
    match (reading, rejection) {
        (Reading::Failed(Failure::Refused(_)), Some(rejection)) => {
            Reading::Failed(Failure::Refused(Refusal::Credentials(rejection)))
        }
        (Reading::Have(had), Some(rejection)) => {
            trail.add(Note::CredentialsRejected(rejection));
            Reading::Have(had)
        }
        (reading, _) => reading,
    }
}

pub(super) fn read_fault<T>(fault: ExchangeFault, trail: &mut Trail) -> Reading<T> {
    match fault {
        ExchangeFault::Net { fault: NetFault::Shut(shut), host } => Reading::Shut { host, shut },
        ExchangeFault::Net { fault, host } => {
            Reading::Again { failure: Failure::Unreached { fault, host }, why: Trouble::Net }
        }
        ExchangeFault::Redirect { fault, status, by } => {
            trail.http_status = Some(status);
            Reading::Failed(Failure::Broken(Breakage::Redirect { fault, by }))
        }
        ExchangeFault::Token(fault) => read_token_fault(fault),
    }
}

fn read_token_fault<T>(fault: TokenFault) -> Reading<T> {
    let failure = match fault {
        TokenFault::Net { host, fault: NetFault::Shut(shut) } => {
            let shut = match shut {
                Shut::Down { fault, requests } => {
                    Shut::Down { fault: Box::new(NetFault::TokenService(fault)), requests }
                }
                other => other,
            };
            return Reading::Shut { host, shut };
        }
        TokenFault::Net { host, fault } => {
            let fault = NetFault::TokenService(Box::new(fault));
            return Reading::Again { failure: Failure::Unreached { fault, host }, why: Trouble::Net };
        }
        TokenFault::Realm { realm, why } => Failure::Refused(Refusal::Realm { realm, why }),
        TokenFault::Rejected(rejection) => Failure::Refused(Refusal::Credentials(rejection)),
        TokenFault::NoToken { host, why } => Failure::Broken(Breakage::TokenService { host, why }),
        TokenFault::Redirect { fault, host } => Failure::Broken(Breakage::Redirect { fault, by: Some(host) }),
        TokenFault::Status { host, at, answer, retry_after } => {
            let status = answer.status;
            let retry_after =
                retry_after.and_then(|value| retry::parse_retry_after(&value, SystemTime::now()));
            let failure = match status {
                429 => Failure::Throttled { answer, retry_after, service: Some(host) },
                408 | 500..600 => {
                    let why = format!("it answered {}", in_words(&answer));
                    Failure::Broken(Breakage::TokenService { host, why: why.into() })
                }
                _ => return Reading::Failed(Failure::Refused(Refusal::Token { host, answer })),
            };
            return Reading::Again { failure, why: Trouble::Status { status, retry_after, at } };
        }
    };
    Reading::Failed(failure)
}

fn in_words(answer: &Answer) -> String {
    match &*answer.message {
        "" => answer.status.to_string(),
        message => format!("{}: {message}", answer.status),
    }
}

/// Whether a registry wrote this answer, and not a web server in front of it.
pub(super) fn is_registry(headers: &HeaderMap) -> bool {
    headers.contains_key("docker-distribution-api-version")
}

pub(super) fn content_type(headers: &HeaderMap) -> Option<&[u8]> {
    headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes)
}
