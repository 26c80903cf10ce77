//! What the verifier says of certificates, and what the policies read; no connection is made.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::client::ResolvesClientCert;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{Error, SignatureScheme};
use tempfile::TempDir;

use super::files;
use super::identity::Identities;
use super::policy::{Policies, TlsOptions};
use super::verifier::{SystemRoots, Verifier};
use crate::model::endpoint::Authority;
use crate::model::tls::{ClientFiles, HostTls, TlsFault, TlsSettings, Verification};

type Ca = CertifiedIssuer<'static, KeyPair>;

fn params(name: &str, hosts: &[&str]) -> CertificateParams {
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let mut params = CertificateParams::new(hosts).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2030, 1, 1);
    params
}

fn ca_params(name: &str) -> CertificateParams {
    of_kind(IsCa::Ca(BasicConstraints::Unconstrained), params(name, &[]))
}

fn of_kind(is_ca: IsCa, mut params: CertificateParams) -> CertificateParams {
    params.is_ca = is_ca;
    params
}

fn ca(name: &str) -> Ca {
    Ca::self_signed(ca_params(name), KeyPair::generate().unwrap()).unwrap()
}

fn leaf(params: &CertificateParams, ca: &Ca) -> CertificateDer<'static> {
    params.signed_by(&KeyPair::generate().unwrap(), ca).unwrap().der().clone()
}

fn self_signed(params: &CertificateParams) -> CertificateDer<'static> {
    params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
}

/// What is said of `chain`, shown by m.example in the given year to somebody who trusts `trusted`.
fn judge(
    chain: &[CertificateDer<'static>],
    trusted: &[&CertificateDer<'static>],
    year: i32,
) -> Result<(), TlsFault> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let trusted = trusted.iter().map(|certificate| (*certificate).clone()).collect();
    let verifier = Verifier::new(provider, Arc::new(SystemRoots::empty()), trusted, None);
    let now = rcgen::date_time_ymd(year, 6, 1).unix_timestamp();
    let now = UnixTime::since_unix_epoch(Duration::from_secs(now.try_into().unwrap()));
    let host = ServerName::try_from("m.example").unwrap();
    let verified = verifier.verify_server_cert(&chain[0], &chain[1..], &host, &[], now);
    verified.map(|_| ()).map_err(|error| super::fault(&error))
}

fn told(fault: Result<(), TlsFault>) -> String {
    fault.unwrap_err().to_string()
}

#[test]
fn a_certificate_of_a_trusted_issuer_for_this_host_is_taken() {
    let (ours, middle) = (ca("Ours"), ca_params("Middle"));
    let middle = Ca::signed_by(middle, KeyPair::generate().unwrap(), &ours).unwrap();
    let direct = leaf(&params("m", &["m.example"]), &ours);
    let below = leaf(&params("m", &["other.example", "m.example"]), &middle);
    assert_eq!(judge(&[direct], &[ours.der()], 2025), Ok(()));
    assert_eq!(judge(&[below, middle.der().clone()], &[ours.der()], 2025), Ok(()));
}

#[test]
fn dates_come_before_everything_else() {
    let (ours, other) = (ca("Ours"), ca("Other"));
    let wanted = "the certificate of CN=m expired on 2030-01-01T00:00:00Z";
    for expired in [
        leaf(&params("m", &["m.example"]), &ours),
        leaf(&params("m", &["else.example"]), &ours),
        leaf(&params("m", &["m.example"]), &other),
        self_signed(&params("m", &["m.example"])),
        self_signed(&of_kind(ca_params("").is_ca, params("m", &["m.example"]))),
    ] {
        assert_eq!(told(judge(&[expired], &[ours.der()], 2031)), wanted);
    }
    let young = judge(&[leaf(&params("m", &["m.example"]), &ours)], &[ours.der()], 2019);
    assert_eq!(
        told(young),
        "the certificate of CN=m is not valid before 2020-01-01T00:00:00Z \
         (this machine's clock says 2019-06-01T00:00:00Z)"
    );
}

#[test]
fn an_expired_certificate_in_the_middle_is_named() {
    let ours = ca("Ours");
    let mut middle = ca_params("Middle");
    middle.not_after = rcgen::date_time_ymd(2024, 1, 1);
    let middle = Ca::signed_by(middle, KeyPair::generate().unwrap(), &ours).unwrap();
    let below = leaf(&params("m", &["m.example"]), &middle);
    let said = told(judge(&[below, middle.der().clone()], &[ours.der()], 2025));
    assert_eq!(said, "the certificate of CN=Middle expired on 2024-01-01T00:00:00Z");
}

#[test]
fn a_stranger_is_told_by_its_issuer_and_the_self_signed_by_its_name() {
    let (ours, strange) = (ca("Ours"), ca("Strange Root"));
    let middle = Ca::signed_by(ca_params("Middle"), KeyPair::generate().unwrap(), &strange).unwrap();
    let below = leaf(&params("m", &["m.example"]), &middle);
    let unknown = |issuer: &str| Err(TlsFault::UnknownIssuer { issuer: issuer.into() });
    assert_eq!(judge(std::slice::from_ref(&below), &[ours.der()], 2025), unknown("CN=Middle"));
    let sent = [below.clone(), middle.der().clone()];
    assert_eq!(judge(&sent, &[ours.der()], 2025), unknown("CN=Strange Root"));
    let with_root = [below, middle.der().clone(), strange.der().clone()];
    assert_eq!(judge(&with_root, &[ours.der()], 2025), unknown("CN=Strange Root"));
    for is_ca in [IsCa::NoCa, IsCa::ExplicitNoCa, IsCa::Ca(BasicConstraints::Unconstrained)] {
        let own = self_signed(&of_kind(is_ca, params("m", &["m.example"])));
        let wanted = Err(TlsFault::SelfSigned { subject: "CN=m".into() });
        assert_eq!(judge(&[own], &[ours.der()], 2025), wanted);
    }
}

#[test]
fn a_certificate_for_others_is_told_with_their_names() {
    let ours = ca("Ours");
    let names = ["portal.example", "*.cdn.example", "10.0.0.1"];
    let wrong = judge(&[leaf(&params("m", &names), &ours)], &[ours.der()], 2025);
    let names = names.map(Into::into).to_vec();
    assert_eq!(wrong, Err(TlsFault::WrongHost { host: "m.example".into(), names }));
    let nameless = judge(&[leaf(&params("m.example", &[]), &ours)], &[ours.der()], 2025);
    assert_eq!(nameless, Err(TlsFault::WrongHost { host: "m.example".into(), names: vec![] }));
}

#[test]
fn a_server_certificate_that_is_trusted_itself_is_taken_for_its_names_and_time() {
    for is_ca in [IsCa::NoCa, IsCa::Ca(BasicConstraints::Unconstrained)] {
        let own = self_signed(&of_kind(is_ca, params("m", &["m.example"])));
        assert_eq!(judge(std::slice::from_ref(&own), &[&own], 2025), Ok(()));
        assert!(told(judge(std::slice::from_ref(&own), &[&own], 2031)).contains("expired on 2030"));
        let other = self_signed(&of_kind(is_ca, params("m", &["else.example"])));
        let said = told(judge(std::slice::from_ref(&other), &[&other], 2025));
        assert_eq!(said, "the certificate is not for m.example but for else.example");
    }
    let issued = leaf(&params("m", &["m.example"]), &ca("Strange"));
    assert_eq!(judge(std::slice::from_ref(&issued), &[&issued], 2025), Ok(()));
}

#[test]
fn rubbish_and_hostile_names_are_survived() {
    let ours = ca("Ours");
    let rubbish = judge(&[CertificateDer::from(vec![0x30, 0x03, 1, 2, 3])], &[ours.der()], 2025);
    assert_eq!(told(rubbish), "the certificate cannot be read");
    let long = "x".repeat(5000);
    let Err(TlsFault::UnknownIssuer { issuer }) =
        judge(&[leaf(&params("m", &["m.example"]), &ca(&long))], &[ours.der()], 2025)
    else {
        panic!("its issuer is unknown")
    };
    assert_eq!(issuer.chars().count(), 200);
}

#[test]
fn alerts_about_certificates_mean_the_clients() {
    use rustls::AlertDescription as Alert;
    let fault = |alert| super::fault(&Error::AlertReceived(alert));
    assert_eq!(fault(Alert::CertificateRequired), TlsFault::ClientCertificateWanted);
    assert!(matches!(fault(Alert::UnknownCA), TlsFault::ClientCertificateRefused(_)));
    let other = TlsFault::Other("TLS handshake failed: the server sent the alert HandshakeFailure".into());
    assert_eq!(fault(Alert::HandshakeFailure), other);
}

/// A folder with a CA, a client certificate, and what goes wrong with them.
fn folder() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    let (ours, key, other) = (ca("Ours"), KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let me = params("me", &[]).signed_by(&key, &ours).unwrap();
    write("ca.pem", &ours.pem());
    write("me.cert", &me.pem());
    write("me.key", &key.serialize_pem());
    write("other.key", &other.serialize_pem());
    write("empty.pem", "");
    write("text.pem", "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n");
    write("odd.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    write(
        "locked.key",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nc2VjcmV0\n-----END ENCRYPTED PRIVATE KEY-----\n",
    );
    dir
}

fn host(name: &str, settings: TlsSettings) -> HostTls {
    HostTls { place: format!("c.toml:{name}").into(), authority: authority(name), settings }
}

fn authority(name: &str) -> Authority {
    Authority { scheme: "https".into(), host: name.into(), port: 443 }
}

#[test]
fn every_file_that_cannot_be_used_is_named_with_its_setting() {
    let dir = folder();
    let at = |name: &str| dir.path().join(name);
    let client = |certificate: &str, key: &str| TlsSettings {
        client: Some(ClientFiles { certificate: at(certificate), key: at(key) }),
        ..TlsSettings::default()
    };
    let options = TlsOptions {
        ca_files: ["ca.pem", "absent.pem", "empty.pem", "text.pem", "odd.pem", "me.key"].map(at).into(),
        hosts: vec![
            host("1", client("me.cert", "other.key")),
            host("2", client("me.cert", "me.cert")),
            host("3", client("me.cert", "locked.key")),
            host("4", client("me.key", "me.key")),
            host("5", TlsSettings { ca_files: vec![dir.path().to_owned()], ..TlsSettings::default() }),
        ],
        certs_dirs: vec![],
    };
    let told: Vec<_> = Policies::load(&options).unwrap_err().iter().map(ToString::to_string).collect();
    let told: Vec<_> =
        told.iter().map(|text| text.replace(&format!("{}", dir.path().display()), "D")).collect();
    let unusable = "holds no private key in PEM form that can be used (encrypted keys cannot)";
    assert_eq!(
        told,
        [
            "--ca-file: D/absent.pem: No such file or directory (os error 2)",
            "--ca-file: D/empty.pem: holds no certificate in PEM form",
            "--ca-file: D/text.pem: holds a certificate that cannot be read",
            "--ca-file: D/odd.pem: holds a certificate that cannot be read",
            "--ca-file: D/me.key: holds no certificate in PEM form",
            "c.toml:1: D/other.key: is not the key of the certificate in D/me.cert",
            &format!("c.toml:2: D/me.cert: {unusable}"),
            &format!("c.toml:3: D/locked.key: {unusable}"),
            "c.toml:4: D/me.key: holds no certificate in PEM form",
            "c.toml:5: D: Is a directory (os error 21)",
        ]
    );
}

#[test]
fn a_host_has_its_own_policy_only_where_something_is_said_of_it() {
    let dir = folder();
    let special = dir.path().join("certs.d/folder.example");
    std::fs::create_dir_all(&special).unwrap();
    for (from, to) in [("ca.pem", "ca.crt"), ("me.cert", "me.cert"), ("me.key", "me.key")] {
        std::fs::copy(dir.path().join(from), special.join(to)).unwrap();
    }
    let settings = TlsSettings { verification: Verification::Off, ..TlsSettings::default() };
    let options = TlsOptions {
        ca_files: vec![dir.path().join("ca.pem")],
        hosts: vec![host("m.example", settings)],
        certs_dirs: vec![dir.path().join("certs.d")],
    };
    let policies = Policies::load(&options).unwrap();
    assert!(policies.of(&authority("else.example")).is_none());
    assert!(policies.of(&Authority { scheme: "http".into(), ..authority("m.example") }).is_none());
    let shown = |name| format!("{:?}", policies.of(&authority(name)).unwrap());
    assert_eq!(shown("m.example"), "HostPolicy { trusted: 0, identities: 0, verification: Off }");
    assert_eq!(shown("folder.example"), "HostPolicy { trusted: 1, identities: 1, verification: Full }");
    assert!(policies.of(&authority("folder.example")).unwrap().has_identity());
}

#[test]
fn of_two_client_certificates_the_one_the_server_can_check_is_shown() {
    let dir = tempfile::tempdir().unwrap();
    let provider = rustls::crypto::ring::default_provider();
    let make = |name: &str| {
        let (issuer, key) = (ca(name), KeyPair::generate().unwrap());
        let files = ClientFiles { certificate: path(&dir, name, "cert"), key: path(&dir, name, "key") };
        std::fs::write(&files.certificate, params("me", &[]).signed_by(&key, &issuer).unwrap().pem())
            .unwrap();
        std::fs::write(&files.key, key.serialize_pem()).unwrap();
        (files::identity(&files, &provider).unwrap(), distinguished_name(issuer.der()))
    };
    let ((first, _), (second, known)) = (make("First"), make("Second"));
    let identities = Identities(vec![Arc::clone(&first), Arc::clone(&second)]);
    let schemes = [SignatureScheme::ECDSA_NISTP256_SHA256];
    let shown = |known: &[&[u8]]| identities.resolve(known, &schemes).unwrap();
    assert!(Arc::ptr_eq(&shown(&[&known]), &second));
    assert!(Arc::ptr_eq(&shown(&[]), &first));
    assert!(Arc::ptr_eq(&shown(&[b"somebody"]), &first));
    assert!(identities.resolve(&[], &[SignatureScheme::ED25519]).is_none());
}

fn path(dir: &TempDir, name: &str, extension: &str) -> PathBuf {
    Path::new(dir.path()).join(name).with_extension(extension)
}

fn distinguished_name(certificate: &CertificateDer<'_>) -> Vec<u8> {
    use x509_cert::der::{Decode, Encode};
    let certificate = x509_cert::Certificate::from_der(certificate).unwrap();
    certificate.tbs_certificate().subject().to_der().unwrap()
}
