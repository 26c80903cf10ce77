//! Which client certificate is shown, where there are several.

use std::fmt;
use std::sync::Arc;

use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;
use x509_cert::Certificate;
use x509_cert::der::{Decode, Encode};

/// The client certificates for one host.
pub(super) struct Identities(pub(super) Vec<Arc<CertifiedKey>>);

impl fmt::Debug for Identities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} client certificates", self.0.len())
    }
}

impl ResolvesClientCert for Identities {
    /// One that a CA of the server's has issued; else the first, since servers need not name their CAs.
    fn resolve(&self, known_cas: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let mut usable = self.0.iter().filter(|identity| identity.key.choose_scheme(schemes).is_some());
        let known = usable.clone().find(|identity| issuers(identity).any(|dn| known_cas.contains(&&*dn)));
        known.or_else(|| usable.next()).cloned()
    }

    fn has_certs(&self) -> bool {
        !self.0.is_empty()
    }
}

fn issuers(identity: &CertifiedKey) -> impl Iterator<Item = Vec<u8>> {
    identity.cert.iter().filter_map(|der| {
        let certificate = Certificate::from_der(der).ok()?;
        certificate.tbs_certificate().issuer().to_der().ok()
    })
}
