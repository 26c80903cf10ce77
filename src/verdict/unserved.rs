//! Verdicts on answers without a manifest: refused, throttled, broken, unreached, missing.
//!
//! Each reason names the host that is to blame, which is not always the one that was asked.

use std::borrow::Cow;
use std::time::Duration;

use super::verdict;
use crate::model::code::Code;
use crate::model::evidence::{Evidence, MirrorEvidence};
use crate::model::fault::{NetFault, RedirectFault, Shut, seconds};
use crate::model::observation::{
    Answer, AskedAs, Breakage, NotAsked, Observation, Outcome, Refusal, Rejection,
};
use crate::model::run::Verdict;
use crate::model::tls::TlsFault;

pub(super) fn not_asked() -> Verdict {
    verdict(Code::Interrupted, "the run was interrupted before this was answered", None)
}

/// The verdict on an answer without a manifest.
pub(super) fn explain(observation: &Observation, host: &str) -> Verdict {
    match &observation.outcome {
        // Callers handle what was found; if one does not, nothing is known against it.
        Outcome::Found(facts) => verdict(Code::Served, "", Some(facts)),
        Outcome::Missing(answer) => missing(answer, observation, host),
        Outcome::Refused(refusal) => {
            // Whoever a request was sent on to may want what the first host does not (moby/moby#45333).
            let refused = refused(refusal, host);
            Verdict { reason: format!("{}{}", refused.reason, from(observation)).into(), ..refused }
        }
        Outcome::Throttled { answer, retry_after, service } => match service {
            None => throttled(answer, *retry_after, host),
            Some(service) => {
                throttled(answer, *retry_after, &format!("the token service {service} of {host}"))
            }
        },
        Outcome::Broken(breakage) => broken(breakage, observation, host),
        Outcome::Unreached { fault, host: failed } => {
            verdict(unreached(fault), format!("{}: {fault}", whom(failed, fault, host)), None)
        }
        Outcome::NotAsked(NotAsked::Shut { host: failed, shut }) => {
            let about = match shut {
                Shut::Down { fault, .. } => shut.about(&whom(failed, fault, host)),
                _ => shut.about(failed),
            };
            verdict(not_let_in(shut), about, None)
        }
        Outcome::NotAsked(NotAsked::Interrupted) => not_asked(),
        Outcome::NotAsked(NotAsked::Name(name)) => {
            let reason = format!("its name on {host} would be '{name}', which is no legal repository name");
            verdict(Code::NameNotExpressible, reason, None)
        }
        Outcome::NotAsked(NotAsked::NotForTags) => {
            let reason = format!("the runtime takes no images by tag from {host}: not used for tags");
            verdict(Code::NotUsedForTags, reason, None)
        }
        Outcome::NotAsked(NotAsked::NotForDigests) => {
            let reason = format!("the runtime takes no images by digest from {host}");
            verdict(Code::NotUsedForDigests, reason, None)
        }
    }
}

/// Who did not answer, in words.
fn whom<'a>(failed: &'a str, fault: &NetFault, host: &str) -> Cow<'a, str> {
    match fault {
        NetFault::TokenService(_) => format!("the token service {failed} of {host}").into(),
        _ => failed.into(),
    }
}

const fn secured(fault: &TlsFault) -> Code {
    match fault {
        TlsFault::Expired { .. } => Code::TlsExpired,
        TlsFault::NotYetValid { .. } => Code::TlsNotYetValid,
        TlsFault::SelfSigned { .. } => Code::TlsSelfSigned,
        TlsFault::WrongHost { .. } => Code::TlsWrongHost,
        TlsFault::UnknownIssuer { .. } => Code::TlsUnknownIssuer,
        TlsFault::NotTls | TlsFault::TlsExpected => Code::WrongScheme,
        TlsFault::ClientCertificateWanted | TlsFault::ClientCertificateRefused(_) => {
            Code::TlsClientCertificate
        }
        TlsFault::Other(_) => Code::TlsFailed,
    }
}

const fn unreached(fault: &NetFault) -> Code {
    match fault {
        NetFault::Dns(_) => Code::DnsFailed,
        NetFault::ConnectRefused => Code::ConnectRefused,
        NetFault::Connect(_) => Code::ConnectFailed,
        NetFault::NoFiles(_) => Code::NoFilesLeft,
        NetFault::Tls(fault) => secured(fault),
        NetFault::Proxy { .. } => Code::ProxyFailed,
        NetFault::TimeoutConnect(_) => Code::TimeoutConnect,
        NetFault::TimeoutFirstByte(_) => Code::TimeoutFirstByte,
        NetFault::TimeoutBody(_) | NetFault::TooSlow { .. } | NetFault::TooLong { .. } => Code::TimeoutBody,
        NetFault::Reset(_) => Code::ConnectionReset,
        NetFault::Truncated { .. } => Code::TruncatedBody,
        NetFault::Protocol(_) => Code::HttpBroken,
        NetFault::Shut(shut) => not_let_in(shut),
        NetFault::TokenService(fault) | NetFault::NotResumed { cut: fault, .. } => unreached(fault),
    }
}

/// The code of a question that was not put, for what others had met with.
const fn not_let_in(shut: &Shut) -> Code {
    match shut {
        Shut::Down { fault, .. } => unreached(fault),
        Shut::Throttling { .. } | Shut::LongWait { .. } => Code::RateLimited,
        Shut::Unavailable { .. } | Shut::Failing { .. } => Code::ServerError,
        Shut::Reserved { .. } => Code::PullQuotaReserved,
    }
}

/// Why nobody looked closer, where that was to spare a pull quota: what is known still stands.
pub(super) fn spared(followup: Option<&Observation>) -> Option<String> {
    match &followup?.outcome {
        Outcome::NotAsked(NotAsked::Shut { host, shut: shut @ Shut::Reserved { .. } }) => {
            Some(format!("; could not look closer: {}", shut.about(host)))
        }
        _ => None,
    }
}

/// Why a document that would explain a difference could not be read: what is known still stands.
pub(super) fn unread(document: Option<&Observation>, host: &str) -> Option<String> {
    let document = document?;
    match &document.outcome {
        Outcome::Found(_) => None,
        Outcome::NotAsked(NotAsked::Shut { host, shut: shut @ Shut::Reserved { .. } }) => {
            Some(format!("; could not look closer: {}", shut.about(host)))
        }
        _ => Some(format!("; could not look closer: {}", explain(document, host).reason)),
    }
}

/// A clear "not there".
pub(super) fn missing(answer: &Answer, observation: &Observation, host: &str) -> Verdict {
    let from = from(observation);
    verdict(Code::ManifestUnknown, format!("{host} answered {}{from}", said(answer)), None)
}

/// "Not there", said by a mirror: true, or a pull-through cache that hides its trouble.
pub(super) fn missing_on_mirror(evidence: &Evidence, mirror: &MirrorEvidence) -> Verdict {
    let host = &*mirror.endpoint.name;
    let plain = || match mirror.answer.as_ref().map(|answer| (answer, &answer.outcome)) {
        Some((observation, Outcome::Missing(answer))) => missing(answer, observation, host),
        _ => not_asked(),
    };
    if let Some(Outcome::Missing(_)) = evidence.upstream.answer.as_ref().map(|answer| &answer.outcome)
        && evidence.expected().is_none()
    {
        return verdict(Code::MissingUpstreamToo, format!("neither {host} nor upstream has it"), None);
    }
    let Some(by_digest) = &mirror.upstream_digest else { return plain() };
    let hidden = |code, what: String| {
        verdict(code, format!("{host} answered 404 to the tag, but asked by digest {what}"), None)
    };
    if let Some(why) = spared(Some(by_digest)) {
        let plain = plain();
        return Verdict { reason: format!("{}{why}", plain.reason).into(), ..plain };
    }
    match &by_digest.outcome {
        Outcome::Missing(_) => plain(),
        Outcome::Found(facts) => {
            let reason = format!("{host} has {} by digest, but not under this tag", facts.digest.short());
            verdict(Code::TagAbsent, reason, Some(facts))
        }
        Outcome::Refused(refusal) => {
            let what = match refusal {
                Refusal::Registry { answer, .. }
                | Refusal::NoChallenge(answer)
                | Refusal::CredentialsNeeded { answer, .. }
                | Refusal::Token { answer, .. } => said(answer),
                Refusal::Credentials(_) | Refusal::Realm { .. } => refused(refusal, host).reason.into_owned(),
            };
            hidden(Code::HiddenDenied, what)
        }
        Outcome::Throttled { answer, .. } => hidden(Code::HiddenRateLimit, said(answer)),
        // Docker's registry, as a cache, answers 500 around its upstream's MANIFEST_UNKNOWN.
        Outcome::Broken(Breakage::ServerError(answer))
            if answer.code.as_deref() == Some("MANIFEST_UNKNOWN") =>
        {
            plain()
        }
        Outcome::Broken(Breakage::ServerError(answer)) => {
            let code = match answer.code.as_deref() {
                Some("DENIED" | "UNAUTHORIZED") => Code::HiddenDenied,
                Some("TOOMANYREQUESTS") => Code::HiddenRateLimit,
                _ => Code::HiddenServerError,
            };
            hidden(code, said(answer))
        }
        // The tag is said to be missing, and nothing can be learned of the digest: not known to be missing.
        _ => explain(by_digest, host),
    }
}

fn refused(refusal: &Refusal, host: &str) -> Verdict {
    match refusal {
        Refusal::Registry { answer, asked_as } => {
            let code = if answer.status == 401 { Code::Unauthorized } else { Code::AccessDenied };
            let asked_as = match asked_as {
                AskedAs::Nobody => String::new(),
                AskedAs::Anonymous => " although an anonymous token was sent".to_owned(),
                AskedAs::User { .. } => format!(" to {}", whose(asked_as)),
            };
            verdict(code, format!("{host} answered {}{asked_as}", said(answer)), None)
        }
        Refusal::Credentials(rejection) => rejected(rejection, host),
        Refusal::NoChallenge(answer) => verdict(
            Code::NoChallenge,
            format!("{host} answered {} and did not say how to authenticate", said(answer)),
            None,
        ),
        Refusal::CredentialsNeeded { scheme, .. } => {
            verdict(Code::CredentialsNeeded, format!("{host} wants credentials ({scheme})"), None)
        }
        Refusal::Token { host: service, answer } => verdict(
            Code::TokenRefused,
            format!("the token service {service} of {host} answered {}", said(answer)),
            None,
        ),
        Refusal::Realm { realm, why } => verdict(
            Code::RealmRefused,
            format!("the token service {realm} named by {host} is not asked: {why}"),
            None,
        ),
    }
}

fn rejected(rejection: &Rejection, host: &str) -> Verdict {
    let reason = format!("{}, and without them there is no access", refuses(rejection, host));
    verdict(Code::CredentialsRejected, reason, None)
}

/// Who refuses whose credentials, for people.
pub(super) fn refuses(rejection: &Rejection, host: &str) -> String {
    let Rejection { host: refuser, answer, credentials } = rejection;
    let for_whom = if **refuser == *host { String::new() } else { format!(" for {host}") };
    format!("{refuser} refuses the credentials of {}{for_whom} ({})", whose(credentials), said(answer))
}

/// A user and where the credentials come from, for people.
pub(super) fn whose(asked_as: &AskedAs) -> String {
    match asked_as {
        AskedAs::Nobody => "nobody".to_owned(),
        AskedAs::Anonymous => "anybody".to_owned(),
        AskedAs::User { user, source } => format!("user {user} (from {source})"),
    }
}

fn throttled(answer: &Answer, retry_after: Option<Duration>, host: &str) -> Verdict {
    let wait = match retry_after {
        Some(wait) => format!("; asks to wait {}", seconds(wait)),
        None => String::new(),
    };
    verdict(Code::RateLimited, format!("{host} answered {}{wait}", said(answer)), None)
}

fn broken(breakage: &Breakage, observation: &Observation, host: &str) -> Verdict {
    let status = observation.http_status.map_or_else(|| "?".to_owned(), |status| status.to_string());
    let from = from(observation);
    let (code, reason) = match breakage {
        Breakage::ServerError(answer) => (Code::ServerError, format!("{host} answered {}", said(answer))),
        Breakage::Html { title: Some(title) } => {
            (Code::HtmlAnswer, format!("{host} answered {status} with a web page titled \"{title}\"{from}"))
        }
        Breakage::Html { title: None } => {
            (Code::HtmlAnswer, format!("{host} answered {status} with a web page{from}"))
        }
        Breakage::Empty => (Code::EmptyAnswer, format!("{host} answered {status} with nothing{from}")),
        Breakage::ErrorDocument(answer) => (
            Code::ErrorDocument,
            format!("{host} answered {status}, but the body is an error: {}", said(answer)),
        ),
        Breakage::NotAManifest { why } => (
            Code::NotAManifest,
            format!("{host} answered {status}, but the body is no manifest: {why}{from}"),
        ),
        Breakage::TooLarge { limit_bytes } => (
            Code::ManifestTooLarge,
            format!("the manifest of {host} is larger than {} MiB", limit_bytes / (1024 * 1024)),
        ),
        Breakage::WrongBytes { asked, found } => (
            Code::DigestMismatch,
            format!("{host} was asked for {} and served bytes that hash to {}", asked.short(), found.short()),
        ),
        Breakage::Redirect { fault, by } => {
            let code = match fault {
                RedirectFault::TooMany(_) => Code::RedirectLoop,
                _ => Code::RedirectRefused,
            };
            let reason = match by {
                Some(by) => format!("{by}, to which {host} leads: {fault}"),
                None => format!("{host}: {fault}"),
            };
            (code, reason)
        }
        Breakage::NotARegistry(answer) => {
            let words = match &*answer.message {
                "" => String::new(),
                message => format!(": {message}"),
            };
            let status = answer.status;
            (Code::NotARegistry, format!("{host} answered {status}{from} as no registry does{words}"))
        }
        Breakage::OddStatus(answer) => (Code::OddStatus, format!("{host} answered {}", said(answer))),
        Breakage::TokenService { host: service, why } => {
            (Code::TokenBroken, format!("the token service {service} of {host} gave no token: {why}"))
        }
    };
    verdict(code, reason, None)
}

/// Where the answer came from, if that was not where the question went.
fn from(observation: &Observation) -> String {
    observation.redirected_to.as_deref().map_or_else(String::new, |url| format!(" (from {url})"))
}

/// Status, error code and message, as far as they were given.
pub(super) fn said(answer: &Answer) -> String {
    let mut text = answer.status.to_string();
    if let Some(code) = &answer.code {
        text.push(' ');
        text.push_str(code);
    }
    if !answer.message.is_empty() {
        text.push_str(": ");
        text.push_str(&answer.message);
    }
    text
}
