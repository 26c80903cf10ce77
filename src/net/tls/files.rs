//! Certificates and keys out of files: each fault names its file, and none tells what stands in a key.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys, RootCertStore};
use thiserror::Error;

use crate::model::tls::ClientFiles;

/// Far beyond any bundle: Debian's has 220 KiB.
const MAX_BYTES: u64 = 8 * 1024 * 1024;

/// A TLS setting that cannot be used.
#[derive(Debug, Error)]
#[error("{place}: {}: {fault}", path.display())]
pub struct TlsError {
    /// Where the setting stands.
    pub place: Box<str>,
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub fault: FileFault,
}

/// What is wrong with a file.
#[derive(Debug, Error)]
pub enum FileFault {
    /// It cannot be read.
    #[error("{0}")]
    Unreadable(io::Error),
    /// It is too large.
    #[error("is larger than {0} bytes")]
    TooLarge(u64),
    /// No certificate.
    #[error("holds no certificate in PEM form")]
    NoCertificate,
    /// A certificate that is none.
    #[error("holds a certificate that cannot be read")]
    BrokenCertificate,
    /// No key.
    #[error("holds no private key in PEM form that can be used (encrypted keys cannot)")]
    NoKey,
    /// A key for another certificate.
    #[error("is not the key of the certificate in {}", certificate.display())]
    OtherKey {
        /// The certificate's file.
        certificate: PathBuf,
    },
}

/// The certificates in a file, all of which are to be trusted.
pub(super) fn authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, FileFault> {
    let found = certificates(path)?;
    let mut store = RootCertStore::empty();
    // In a bundle of many, one that is too odd to use is no reason to use none.
    store.add_parsable_certificates(found.iter().cloned());
    if store.is_empty() { Err(FileFault::BrokenCertificate) } else { Ok(found) }
}

/// A certificate with its key, which fit.
pub(super) fn identity(
    files: &ClientFiles,
    provider: &CryptoProvider,
) -> Result<Arc<CertifiedKey>, (PathBuf, FileFault)> {
    let of_certificate = |fault| (files.certificate.clone(), fault);
    let of_key = |fault| (files.key.clone(), fault);
    let chain = certificates(&files.certificate).map_err(of_certificate)?;
    let text = read(&files.key).map_err(of_key)?;
    let key = PrivateKeyDer::from_pem_slice(&text).map_err(|_| of_key(FileFault::NoKey))?;
    match CertifiedKey::from_der(chain, key, provider) {
        Ok(identity) => Ok(Arc::new(identity)),
        Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
            Err(of_key(FileFault::OtherKey { certificate: files.certificate.clone() }))
        }
        Err(Error::InvalidCertificate(_)) => Err(of_certificate(FileFault::BrokenCertificate)),
        Err(_) => Err(of_key(FileFault::NoKey)),
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, FileFault> {
    let found = CertificateDer::pem_slice_iter(&read(path)?).collect::<Result<Vec<_>, pem::Error>>();
    match found {
        Ok(found) if found.is_empty() => Err(FileFault::NoCertificate),
        Ok(found) => Ok(found),
        Err(_) => Err(FileFault::BrokenCertificate),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, FileFault> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(FileFault::Unreadable)?;
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(FileFault::Unreadable)?;
    if bytes.len() as u64 > MAX_BYTES { Err(FileFault::TooLarge(MAX_BYTES)) } else { Ok(bytes) }
}
