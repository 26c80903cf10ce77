//! How connections are secured, as it was configured, and what a certificate was refused for.
//!
//! Only names of files: `net` reads them. A host is known by its authority, so that what is said of one
//! port holds for no other.

use std::fmt;
use std::path::PathBuf;

use time::OffsetDateTime;
use time::macros::format_description;

use super::endpoint::Authority;

/// Most names of a certificate that are told.
const MAX_NAMES: usize = 8;

/// How connections to one host are secured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsSettings {
    /// Files with certificates that are trusted besides the system's.
    pub ca_files: Vec<PathBuf>,
    /// What this side shows.
    pub client: Option<ClientFiles>,
    /// Whether the server's certificate is verified.
    pub verification: Verification,
}

/// A client certificate and its key, both PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientFiles {
    /// The certificate, and what it was issued by.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Whether a server's certificate is verified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verification {
    /// As always.
    #[default]
    Full,
    /// Any certificate will do.
    Off,
}

/// The settings of one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostTls {
    /// Where they were written.
    pub place: Box<str>,
    /// The host they are for.
    pub authority: Authority,
    /// The settings.
    pub settings: TlsSettings,
}

/// Why there is no secured connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsFault {
    /// The certificate, or one that it rests on, is too old.
    Expired {
        /// Whose it is.
        subject: Box<str>,
        /// The last moment of its life.
        not_after: OffsetDateTime,
    },
    /// The certificate, or one that it rests on, is too young. Or this machine's clock is wrong.
    NotYetValid {
        /// Whose it is.
        subject: Box<str>,
        /// The first moment of its life.
        not_before: OffsetDateTime,
        /// What this machine takes for the present.
        now: OffsetDateTime,
    },
    /// Signed by itself, and not trusted.
    SelfSigned {
        /// Whose it is, as it says.
        subject: Box<str>,
    },
    /// Good, but for somebody else.
    WrongHost {
        /// Who was asked.
        host: Box<str>,
        /// Whom it is for.
        names: Vec<Box<str>>,
    },
    /// Nobody known has issued it.
    UnknownIssuer {
        /// Who has, as it says.
        issuer: Box<str>,
    },
    /// The answer to the greeting was not TLS.
    NotTls,
    /// The answer to plain http was that TLS is spoken here.
    TlsExpected,
    /// The server wants to know who asks, and was not told.
    ClientCertificateWanted,
    /// The server does not accept the client certificate; in its words.
    ClientCertificateRefused(Box<str>),
    /// Anything else.
    Other(Box<str>),
}

impl fmt::Display for TlsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired { subject, not_after } => {
                write!(f, "the certificate of {subject} expired on {}", moment(*not_after))
            }
            Self::NotYetValid { subject, not_before, now } => write!(
                f,
                "the certificate of {subject} is not valid before {} (this machine's clock says {})",
                moment(*not_before),
                moment(*now)
            ),
            Self::SelfSigned { subject } => {
                write!(f, "the certificate of {subject} is signed by itself and not trusted")
            }
            Self::WrongHost { host, names } if names.is_empty() => {
                write!(f, "the certificate names no host at all, so not {host} either")
            }
            Self::WrongHost { host, names } => {
                write!(f, "the certificate is not for {host} but for ")?;
                for (index, name) in names.iter().take(MAX_NAMES).enumerate() {
                    write!(f, "{}{name}", if index == 0 { "" } else { ", " })?;
                }
                match names.len().saturating_sub(MAX_NAMES) {
                    0 => Ok(()),
                    more => write!(f, " and {more} more"),
                }
            }
            Self::UnknownIssuer { issuer } => {
                write!(f, "the certificate was issued by {issuer}, which is not trusted here")
            }
            Self::NotTls => {
                f.write_str("the server does not speak TLS on this port; for plain http say http://")
            }
            Self::TlsExpected => {
                f.write_str("plain http was sent to a port that speaks TLS; for TLS say https://")
            }
            Self::ClientCertificateWanted => f.write_str("the server wants a client certificate"),
            Self::ClientCertificateRefused(why) => {
                write!(f, "the server does not accept the client certificate: {why}")
            }
            Self::Other(text) => f.write_str(text),
        }
    }
}

/// ISO 8601, in UTC, to the second.
fn moment(at: OffsetDateTime) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
    // Fails only where a year has more digits than the format; then any text will do.
    at.to_offset(time::UtcOffset::UTC).format(&format).unwrap_or_else(|_| at.unix_timestamp().to_string())
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn each_fault_tells_the_date_the_names_or_the_issuer() {
        let subject: Box<str> = "CN=m.example".into();
        let names = |count: usize| (1..=count).map(|n| format!("{n}.example").into()).collect::<Vec<_>>();
        let wrong = |count| TlsFault::WrongHost { host: "m.example".into(), names: names(count) }.to_string();
        let expired =
            TlsFault::Expired { subject: subject.clone(), not_after: datetime!(2024-10-18 13:00:59 +1) };
        assert_eq!(expired.to_string(), "the certificate of CN=m.example expired on 2024-10-18T12:00:59Z");
        let young = TlsFault::NotYetValid {
            subject,
            not_before: datetime!(2040-01-01 0:00 UTC),
            now: datetime!(1970-01-02 0:00 UTC),
        };
        assert_eq!(
            young.to_string(),
            "the certificate of CN=m.example is not valid before 2040-01-01T00:00:00Z \
             (this machine's clock says 1970-01-02T00:00:00Z)"
        );
        assert_eq!(wrong(0), "the certificate names no host at all, so not m.example either");
        assert_eq!(wrong(2), "the certificate is not for m.example but for 1.example, 2.example");
        assert!(wrong(8).ends_with(", 8.example") && wrong(11).ends_with(", 8.example and 3 more"));
        assert!(TlsFault::UnknownIssuer { issuer: "CN=Firm CA".into() }.to_string().contains("CN=Firm CA"));
    }
}
