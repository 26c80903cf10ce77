//! What is wrong with a certificate, in words that help: rustls says that there is an error, this says
//! until when the certificate was valid, for whom it is and who has issued it.
//!
//! Whatever stands in a certificate was written by whoever answered: lengths are bounded here, and control
//! characters are escaped where the text is printed.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{AlertDescription, CertificateError, Error, OtherError};
use time::OffsetDateTime;
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::name::Name;

use crate::model::tls::TlsFault;

/// Longest name that is told, in characters.
const MAX_NAME_CHARS: usize = 200;
/// Most names that are kept; enough to say how many more there are.
const MAX_NAMES: usize = 100;

/// The fault, on its way through rustls.
#[derive(Debug)]
struct Diagnosis(TlsFault);

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Diagnosis {}

/// What a server has shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown<'a> {
    pub(super) end_entity: &'a CertificateDer<'a>,
    pub(super) intermediates: &'a [CertificateDer<'a>],
    pub(super) server: &'a ServerName<'a>,
    pub(super) now: UnixTime,
}

/// The refusal of a certificate, with its diagnosis inside.
pub(super) fn explain(error: Error, shown: Shown<'_>) -> Error {
    let Error::InvalidCertificate(refusal) = &error else { return error };
    let fault = shown.fault(refusal);
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(Diagnosis(fault)))))
}

/// Why there is no secured connection.
pub(in crate::net) fn fault(error: &Error) -> TlsFault {
    match error {
        Error::InvalidCertificate(CertificateError::Other(OtherError(inner))) => {
            match inner.downcast_ref::<Diagnosis>() {
                Some(Diagnosis(fault)) => fault.clone(),
                None => TlsFault::Other(handshake(inner)),
            }
        }
        Error::InvalidMessage(_) => TlsFault::NotTls,
        Error::AlertReceived(alert) => alerted(*alert),
        other => TlsFault::Other(handshake(other)),
    }
}

/// What is wrong with the certificate itself.
fn unusable(refusal: &CertificateError) -> TlsFault {
    let text = match refusal {
        CertificateError::BadEncoding => "the certificate cannot be read".to_owned(),
        CertificateError::BadSignature => "the signature of the certificate is wrong".to_owned(),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "the certificate is not one for servers".to_owned()
        }
        other => format!("the certificate cannot be used: {other}"),
    };
    TlsFault::Other(text.chars().take(MAX_NAME_CHARS).collect())
}

fn handshake(why: impl fmt::Display) -> Box<str> {
    format!("TLS handshake failed: {why}").into()
}

/// What the server objects to. Only a client that shows a certificate, or should have, is told of certificates.
fn alerted(alert: AlertDescription) -> TlsFault {
    use AlertDescription as Alert;
    match alert {
        // Go's servers say `bad_certificate` over TLS 1.2 where there was none.
        Alert::CertificateRequired | Alert::BadCertificate => TlsFault::ClientCertificateWanted,
        Alert::UnsupportedCertificate => refused("of an unsupported kind"),
        Alert::CertificateRevoked => refused("revoked"),
        Alert::CertificateExpired => refused("expired"),
        Alert::CertificateUnknown => refused("not acceptable"),
        Alert::UnknownCA => refused("its issuer is not trusted there"),
        Alert::AccessDenied => refused("it may not ask"),
        other => TlsFault::Other(handshake(format_args!("the server sent the alert {other:?}"))),
    }
}

fn refused(why: &str) -> TlsFault {
    TlsFault::ClientCertificateRefused(why.into())
}

impl Shown<'_> {
    /// A certificate that has expired is told as that, whatever else is wrong with it: it is what its owner
    /// has to change first, and the others may be gone then.
    fn fault(&self, refusal: &CertificateError) -> TlsFault {
        let Ok(leaf) = Certificate::from_der(self.end_entity) else {
            return unusable(refusal);
        };
        if let Some(fault) = self.outside_its_time(&leaf) {
            return fault;
        }
        let tbs = leaf.tbs_certificate();
        match refusal {
            CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYetContext { .. }
            | CertificateError::Expired
            | CertificateError::NotValidYet => {
                let above = self.intermediates.iter().filter_map(|der| Certificate::from_der(der).ok());
                let fault = above.into_iter().find_map(|certificate| self.outside_its_time(&certificate));
                fault.unwrap_or_else(|| unusable(refusal))
            }
            CertificateError::NotValidForNameContext { presented, .. } => TlsFault::WrongHost {
                host: self.server.to_str().into(),
                names: presented.iter().filter_map(|name| host_name(name)).take(MAX_NAMES).collect(),
            },
            // `openssl req -x509` makes CA certificates, which webpki takes for no server's.
            CertificateError::UnknownIssuer | CertificateError::Other(_) | CertificateError::BadSignature
                if tbs.subject() == tbs.issuer() =>
            {
                TlsFault::SelfSigned { subject: self.told(tbs.subject()) }
            }
            CertificateError::UnknownIssuer => {
                TlsFault::UnknownIssuer { issuer: self.told(&self.last_issuer(tbs.issuer())) }
            }
            other => unusable(other),
        }
    }

    /// Whether the server's own certificate is valid by its dates.
    pub(super) fn is_within_its_time(&self) -> bool {
        Certificate::from_der(self.end_entity).is_ok_and(|leaf| self.outside_its_time(&leaf).is_none())
    }

    fn outside_its_time(&self, certificate: &Certificate) -> Option<TlsFault> {
        let tbs = certificate.tbs_certificate();
        let second = |time: x509_cert::time::Time| time.to_unix_duration().as_secs();
        let (from, until, now) =
            (second(tbs.validity().not_before), second(tbs.validity().not_after), self.now.as_secs());
        let moment = |seconds: u64| {
            let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
            OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
        };
        let subject = || self.told(tbs.subject());
        if now > until {
            return Some(TlsFault::Expired { subject: subject(), not_after: moment(until) });
        }
        (now < from).then(|| TlsFault::NotYetValid {
            subject: subject(),
            not_before: moment(from),
            now: moment(now),
        })
    }

    /// Up from `issuer` through what the server has sent: the first name for which there is no certificate.
    fn last_issuer(&self, issuer: &Name) -> Name {
        let mut last = issuer.clone();
        let mut above: Vec<_> =
            self.intermediates.iter().filter_map(|der| Certificate::from_der(der).ok()).collect();
        while let Some(found) = above.iter().position(|above| *above.tbs_certificate().subject() == last) {
            last = above.swap_remove(found).tbs_certificate().issuer().clone();
        }
        last
    }

    /// Many certificates have no subject: then the host stands for it.
    fn told(&self, name: &Name) -> Box<str> {
        match name.is_empty() {
            true => self.server.to_str().into(),
            false => name.to_string().chars().take(MAX_NAME_CHARS).collect(),
        }
    }
}

/// The name in webpki's `DnsName("a.example")` or `IpAddress(10.0.0.1)`; hosts have no other kinds of names.
fn host_name(presented: &str) -> Option<Box<str>> {
    let dns = presented.strip_prefix("DnsName(\"").and_then(|rest| rest.strip_suffix("\")"));
    let ip = || presented.strip_prefix("IpAddress(").and_then(|rest| rest.strip_suffix(')'));
    dns.or_else(ip).map(|name| name.chars().take(MAX_NAME_CHARS).collect())
}
