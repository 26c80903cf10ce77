//! Which settings hold for which host: what is configured, what lies in `certs.d`, and what holds for all.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::ClientConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::sign::CertifiedKey;

use super::files::{self, FileFault, TlsError};
use super::identity::Identities;
use super::verifier::{SystemRoots, Verifier};
use crate::model::endpoint::Authority;
use crate::model::tls::{ClientFiles, HostTls, Verification};
use crate::net::certs_d;

/// The TLS settings of a run, as they are configured.
#[derive(Clone, Debug, Default)]
pub struct TlsOptions {
    /// Files with certificates that are trusted for every host, besides the system's.
    pub ca_files: Vec<PathBuf>,
    /// Settings of single hosts; each host once.
    pub hosts: Vec<HostTls>,
    /// Folders with a folder for each host (`certs.d`), the first that has one wins.
    pub certs_dirs: Vec<PathBuf>,
}

/// The TLS settings of a run, read and checked.
pub struct Policies {
    provider: Arc<CryptoProvider>,
    system: Arc<SystemRoots>,
    everywhere: Vec<CertificateDer<'static>>,
    configured: HashMap<Authority, HostPolicy>,
    certs_dirs: Vec<PathBuf>,
    /// What was found for each host so far; `None` where nothing is special.
    found: Mutex<HashMap<Authority, Option<Arc<HostPolicy>>>>,
}

/// What is special about one host.
#[derive(Clone, Default)]
pub(in crate::net) struct HostPolicy {
    trusted: Vec<CertificateDer<'static>>,
    identities: Vec<Arc<CertifiedKey>>,
    verification: Verification,
}

/// The versions of HTTP that are offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::net) enum Versions {
    /// HTTP/2 and HTTP/1.1.
    Both,
    /// HTTP/1.1 only.
    Http1,
}

impl Policies {
    /// Reads every file that `options` name. `certs.d` is looked at host by host, when a host is asked.
    ///
    /// # Errors
    /// Every file that cannot be used.
    pub fn load(options: &TlsOptions) -> Result<Self, Vec<TlsError>> {
        let provider = ring::default_provider();
        let mut errors = Vec::new();
        let mut everywhere = Vec::new();
        for path in &options.ca_files {
            match files::authorities(path) {
                Ok(found) => everywhere.extend(found),
                Err(fault) => {
                    errors.push(TlsError { place: "--ca-file".into(), path: path.clone(), fault });
                }
            }
        }
        let mut configured = HashMap::new();
        for host in &options.hosts {
            let mut policy = HostPolicy { verification: host.settings.verification, ..HostPolicy::default() };
            let files = (&*host.settings.ca_files, host.settings.client.as_slice());
            for (path, fault) in policy.read(files.0, files.1, &provider) {
                errors.push(TlsError { place: host.place.clone(), path, fault });
            }
            configured.insert(host.authority.clone(), policy);
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Self {
            provider: Arc::new(provider),
            system: Arc::default(),
            everywhere,
            configured,
            certs_dirs: options.certs_dirs.clone(),
            found: Mutex::default(),
        })
    }

    /// What is special about `host`, if anything is.
    pub(in crate::net) fn of(&self, host: &Authority) -> Option<Arc<HostPolicy>> {
        if &*host.scheme != "https" {
            return None;
        }
        // Held while files are read: a few, small, once for each host; others want the same answer.
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = found.get(host) {
            return known.clone();
        }
        let policy = self.look_up(host).map(Arc::new);
        found.insert(host.clone(), policy.clone());
        policy
    }

    fn look_up(&self, host: &Authority) -> Option<HostPolicy> {
        let configured = self.configured.get(host);
        let Some(folder) = certs_d::find(&self.certs_dirs, host) else { return configured.cloned() };
        let mut policy = configured.cloned().unwrap_or_default();
        let clients: &[ClientFiles] = if policy.identities.is_empty() { &folder.clients } else { &[] };
        let unpaired = folder.unpaired.iter().map(ToString::to_string);
        let unreadable = policy.read(&folder.authorities, clients, &self.provider);
        let unreadable = unreadable.iter().map(|(path, fault)| format!("{}: {fault}", path.display()));
        // As podman and not as docker, which refuses: the file may be meant for another program's eyes.
        for why in unpaired.chain(unreadable) {
            log::warn!("{host}: {why}: not used");
        }
        log::info!("{host}: TLS settings of {}", folder.path.display());
        Some(policy)
    }

    /// The configuration for connections under `policy`, or for hosts about which nothing is special.
    ///
    /// # Errors
    /// The provider supports none of the protocol versions: cannot happen with ring.
    pub(in crate::net) fn config(
        &self,
        policy: Option<(&Authority, &HostPolicy)>,
        versions: Versions,
    ) -> Result<ClientConfig, rustls::Error> {
        let mut trusted = self.everywhere.clone();
        let mut unverified = None;
        let mut identities = Vec::new();
        if let Some((host, policy)) = policy {
            trusted.extend(policy.trusted.iter().cloned());
            identities.clone_from(&policy.identities);
            if policy.verification == Verification::Off {
                unverified = server_name(host);
            }
        }
        let verifier =
            Verifier::new(Arc::clone(&self.provider), Arc::clone(&self.system), trusted, unverified);
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_cert_resolver(Arc::new(Identities(identities)));
        config.alpn_protocols = match versions {
            Versions::Both => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
            Versions::Http1 => vec![b"http/1.1".to_vec()],
        };
        Ok(config)
    }
}

fn server_name(host: &Authority) -> Option<ServerName<'static>> {
    let name = host.host.trim_start_matches('[').trim_end_matches(']');
    ServerName::try_from(name.to_owned()).ok()
}

impl HostPolicy {
    /// Whether a client certificate may be shown.
    pub(in crate::net) fn has_identity(&self) -> bool {
        !self.identities.is_empty()
    }

    /// Takes in what the files hold; gives back those that cannot be used.
    fn read(
        &mut self,
        authorities: &[PathBuf],
        clients: &[ClientFiles],
        provider: &CryptoProvider,
    ) -> Vec<(PathBuf, FileFault)> {
        let mut faults = Vec::new();
        for path in authorities {
            match files::authorities(path) {
                Ok(found) => self.trusted.extend(found),
                Err(fault) => faults.push((path.clone(), fault)),
            }
        }
        for client in clients {
            match files::identity(client, provider) {
                Ok(identity) => self.identities.push(identity),
                Err(fault) => faults.push(fault),
            }
        }
        faults
    }
}

impl fmt::Debug for HostPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostPolicy")
            .field("trusted", &self.trusted.len())
            .field("identities", &self.identities.len())
            .field("verification", &self.verification)
            .finish()
    }
}

impl fmt::Debug for Policies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policies")
            .field("everywhere", &self.everywhere.len())
            .field("configured", &self.configured)
            .field("certs_dirs", &self.certs_dirs)
            .finish_non_exhaustive()
    }
}
