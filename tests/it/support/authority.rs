//! Certificates of all kinds, made by `rcgen` for one test.

use std::fs;
use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;

/// Both names of loopback, so that a test can have two hosts.
pub const LOOPBACK: [&str; 2] = ["localhost", "127.0.0.1"];

/// Somebody who issues certificates. What is issued lies in a folder that goes with its issuer.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    dir: TempDir,
}

/// A certificate and its key, in PEM files.
#[derive(Clone)]
pub struct Issued {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl Authority {
    /// One whose certificate says `CN=name`.
    pub fn new(name: &str) -> Self {
        let mut params = params(name, &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, key()).expect("a CA");
        let dir = TempDir::new().expect("a temporary directory");
        fs::write(dir.path().join("ca.pem"), issuer.pem()).expect("its certificate");
        Self { issuer, dir }
    }

    /// Its certificate.
    pub fn file(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// A certificate that says `CN=name`, for these hosts.
    pub fn issue(&self, name: &str, hosts: &[&str]) -> Issued {
        self.sign(name, &params(name, hosts))
    }

    /// A certificate for loopback whose time is over since the first of March 2021.
    pub fn issue_expired(&self, name: &str) -> Issued {
        let mut params = params(name, &LOOPBACK);
        params.not_after = rcgen::date_time_ymd(2021, 3, 1);
        self.sign(name, &params)
    }

    fn sign(&self, name: &str, params: &CertificateParams) -> Issued {
        let key = key();
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        self.write(name, &certificate.pem(), &key)
    }

    /// A certificate for loopback that is signed by itself, of the kind that `openssl req -x509` makes.
    pub fn self_signed(&self, name: &str) -> Issued {
        let mut params = params(name, &LOOPBACK);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = key();
        let certificate = params.self_signed(&key).expect("a certificate");
        self.write(name, &certificate.pem(), &key)
    }

    fn write(&self, name: &str, certificate: &str, key: &KeyPair) -> Issued {
        let file = |extension: &str| self.dir.path().join(format!("{name}.{extension}"));
        let issued = Issued { certificate: file("cert"), key: file("key") };
        fs::write(&issued.certificate, certificate).expect("a certificate's file");
        fs::write(&issued.key, key.serialize_pem()).expect("a key's file");
        issued
    }
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key")
}

fn params(name: &str, hosts: &[&str]) -> CertificateParams {
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let mut params = CertificateParams::new(hosts).expect("names of hosts");
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params
}
