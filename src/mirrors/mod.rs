//! Mirror settings into a [`MirrorMap`]: which endpoints stand in for which registry, and how each is asked.
//!
//! `native` reads what our own configuration says. `runtimes` reads what containerd, docker and others were
//! told, with one importer each; what an importer cannot represent is a note, never silence.

mod advice;
mod buildkit;
mod containerd;
mod containers;
mod docker_daemon;
mod document;
mod duration;
mod export;
mod folder;
mod image_repository;
mod k3s;
#[cfg(test)]
mod key_tables;
mod keys;
mod native;
mod place;
mod runtimes;
mod url;

pub use export::{Export, ExportedFile, Target, export, usable_base};
pub use image_repository::image_repository;
pub use native::{MirrorSpec, UpstreamSpec, build, graces, places};
pub use runtimes::{import, join, unconfigured};
pub use url::{PathMeaning, PlainHttp, UrlError};

use thiserror::Error;

use crate::model::rewrite::TemplateError;

/// A setting that cannot be used, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{place}: {fault}")]
pub struct Error {
    /// `registry-check.toml:12` or `--mirror …`.
    pub place: String,
    /// What is wrong.
    pub fault: Fault,
}

impl Error {
    /// Something in a runtime's file.
    fn unusable(place: impl Into<String>, why: impl Into<String>, hint: &'static str) -> Self {
        Self { place: place.into(), fault: Fault::Unusable { why: why.into(), hint } }
    }

    /// What to do next.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self.fault {
            Fault::Unusable { hint, .. } => hint,
            _ => "the README lists every setting",
        }
    }
}

/// What is wrong with a setting.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    /// Something in a runtime's file.
    #[error("{why}")]
    Unusable {
        /// What.
        why: String,
        /// What to do about it.
        hint: &'static str,
    },
    /// The `url`.
    #[error("{0}")]
    Url(#[from] UrlError),
    /// The `path`.
    #[error("path: {0}")]
    Path(#[from] TemplateError),
    /// An entry of `for`, or a registry's `name`.
    #[error("'{0}' is not a registry (expected host[:port], in mirrors optionally with /path)")]
    Registry(String),
    /// `for = []`.
    #[error("the mirror stands in for no registry: 'for' is empty")]
    ServesNothing,
    /// `to` of a prefix rule.
    #[error("prefixes: '{0}' is not a legal repository path")]
    PrefixTarget(String),
    /// Nothing to be known by.
    #[error("the mirror's name is empty")]
    NoName,
    /// What reports call the registry itself.
    #[error("a mirror cannot be named '{0}': reports call the registry itself so (give it another 'name')")]
    ReservedName(String),
    /// The same name twice.
    #[error("a mirror named '{0}' exists already (give each a 'name')")]
    SameName(String),
    /// TLS settings for a host that is asked over plain http.
    #[error("TLS settings (ca_file, client_cert, client_key, insecure) for {0}, which is plain http")]
    TlsOnPlainHttp(String),
    /// Two settings for one host that differ.
    #[error("{host} has other TLS settings at {place}; they hold for a host, whatever the path")]
    OtherTls {
        /// The host.
        host: String,
        /// Where its settings stand.
        place: String,
    },
    /// The same registry twice in `[[registries]]`.
    #[error("registry '{0}' has settings already")]
    SameRegistry(String),
}
