//! A self-signed certificate for loopback, made by `openssl` for one test.

use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

/// A P-256 key and a certificate for `localhost` and `127.0.0.1`; gone when dropped.
pub struct Certificate {
    dir: TempDir,
}

impl Certificate {
    /// Makes a new key and signs it with itself.
    pub fn self_signed() -> Self {
        let certificate = Self { dir: TempDir::new().expect("a temporary directory") };
        let output = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
            .args(["-days", "2", "-subj", "/CN=localhost"])
            .args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
            .arg("-keyout")
            .arg(certificate.key())
            .arg("-out")
            .arg(certificate.certificate())
            .output()
            .unwrap_or_else(|error| panic!("cannot start openssl ({error}); tests/run installs it"));
        assert!(output.status.success(), "openssl: {}", String::from_utf8_lossy(&output.stderr));
        certificate
    }

    /// The PEM file of the certificate.
    pub fn certificate(&self) -> PathBuf {
        self.dir.path().join("certificate.pem")
    }

    /// The PEM file of its private key.
    pub fn key(&self) -> PathBuf {
        self.dir.path().join("key.pem")
    }
}
