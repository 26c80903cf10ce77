//! Whether a server's certificate is accepted.

use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use super::diagnosis::{self, Shown};

/// The system's roots, read once, when first needed.
#[derive(Debug, Default)]
pub(super) struct SystemRoots(OnceLock<Found>);

#[derive(Debug)]
struct Found {
    certificates: Vec<CertificateDer<'static>>,
    why_none: String,
}

impl SystemRoots {
    /// A system that trusts nobody.
    #[cfg(test)]
    pub(super) fn empty() -> Self {
        Self(OnceLock::from(Found { certificates: Vec::new(), why_none: String::new() }))
    }

    fn get(&self) -> &Found {
        self.0.get_or_init(|| {
            let found = rustls_native_certs::load_native_certs();
            let why_none = found.errors.first().map_or_else(String::new, |error| format!(": {error}"));
            Found { certificates: found.certs, why_none }
        })
    }
}

/// The usual verification against the system's roots and some more.
#[derive(Debug)]
pub(super) struct Verifier {
    provider: Arc<CryptoProvider>,
    system: Arc<SystemRoots>,
    more: Vec<CertificateDer<'static>>,
    /// The one host whose certificate is not verified.
    unverified: Option<ServerName<'static>>,
    chains: OnceLock<Result<Arc<WebPkiServerVerifier>, String>>,
}

impl Verifier {
    /// Trusts the system's roots and `more`; of the host `unverified`, any certificate will do.
    ///
    /// The name of that host matters: an https proxy on the way to it is verified.
    pub(super) fn new(
        provider: Arc<CryptoProvider>,
        system: Arc<SystemRoots>,
        more: Vec<CertificateDer<'static>>,
        unverified: Option<ServerName<'static>>,
    ) -> Self {
        Self { provider, system, more, unverified, chains: OnceLock::new() }
    }

    fn chains(&self) -> Result<&WebPkiServerVerifier, Error> {
        self.chains
            .get_or_init(|| {
                let system = self.system.get();
                let mut roots = RootCertStore::empty();
                roots.add_parsable_certificates(system.certificates.iter().chain(&self.more).cloned());
                if roots.is_empty() {
                    return Err(format!("the system has no trusted root certificates{}", system.why_none));
                }
                WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&self.provider))
                    .build()
                    .map_err(|error| error.to_string())
            })
            .as_deref()
            .map_err(|why| Error::General(why.clone()))
    }

    /// Whether the server's certificate itself was given as one to trust, and is good for `server_name`.
    ///
    /// Docker's documentation has people make a certificate with `openssl req -x509` and put it into
    /// `certs.d` as `ca.crt`: a CA certificate, which webpki takes for no server's. Go's clients take it.
    fn verify_pinned(&self, error: Error, shown: Shown<'_>) -> Result<ServerCertVerified, Error> {
        let is_about_the_chain = matches!(
            error,
            Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::Other(_))
        );
        let known = || self.system.get().certificates.iter().chain(&self.more);
        if !is_about_the_chain
            || !shown.is_within_its_time()
            || !known().any(|known| known == shown.end_entity)
        {
            return Err(error);
        }
        verify_server_name(&ParsedCertificate::try_from(shown.end_entity)?, shown.server)
            .map(|()| ServerCertVerified::assertion())
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.unverified.as_ref() == Some(server_name) {
            return Ok(ServerCertVerified::assertion());
        }
        let verified =
            self.chains()?.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        let shown = Shown { end_entity, intermediates, server: server_name, now };
        verified
            .or_else(|error| self.verify_pinned(error, shown))
            .map_err(|error| diagnosis::explain(error, shown))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
