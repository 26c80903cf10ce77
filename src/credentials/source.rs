//! The names of the places that credentials come from, as errors and reports show them.

use crate::model::shown::Shown;
use std::fmt;
use std::path::PathBuf;

/// Where a set of credentials is stored.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// A file.
    File(PathBuf),
    /// A Secret in a Kubernetes manifest.
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// The Secret's `metadata.name`; empty if it has none.
        secret: String,
    },
    /// An environment variable that holds a whole document.
    Variable(&'static str),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => Shown(&path.to_string_lossy()).fmt(f),
            Self::Manifest { path, secret } => {
                write!(f, "{} (Secret \"{}\")", Shown(&path.to_string_lossy()), Shown(secret))
            }
            Self::Variable(name) => f.write_str(name),
        }
    }
}

/// Which source answered a look-up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SourceName {
    /// None: nothing is stored for this registry.
    Nowhere,
    /// A variable for one registry, such as `REGISTRY_CHECK_AUTH_GHCR_IO`.
    Variable(String),
    /// The configuration of a node's runtime: file and line.
    Node(String),
    /// An entry of a document.
    Entry {
        /// The document.
        place: Place,
        /// The key of the entry, as it is written there.
        key: String,
    },
    /// A credential helper.
    Helper {
        /// The program, such as `docker-credential-ecr-login`.
        program: String,
        /// `credHelpers` or `credsStore`.
        setting: &'static str,
        /// The document that names the helper.
        place: Place,
    },
}

impl fmt::Display for SourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nowhere => f.write_str("no stored credential"),
            Self::Variable(name) | Self::Node(name) => Shown(name).fmt(f),
            Self::Entry { place, key } => write!(f, "{place} (auths \"{}\")", Shown(key)),
            Self::Helper { program, setting, place } => {
                write!(f, "{} ({setting} of {place})", Shown(program))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_named_so_that_they_can_be_found() {
        let file = Place::File("/home/u/.docker/config.json".into());
        let manifest = Place::Manifest { path: "pull.yaml".into(), secret: "pull".into() };
        for (source, shown) in [
            (SourceName::Nowhere, "no stored credential"),
            (SourceName::Variable("REGISTRY_CHECK_AUTH_GHCR_IO".into()), "REGISTRY_CHECK_AUTH_GHCR_IO"),
            (
                SourceName::Entry { place: file.clone(), key: "ghcr.io".into() },
                "/home/u/.docker/config.json (auths \"ghcr.io\")",
            ),
            (
                SourceName::Entry { place: manifest, key: "*.h.io\n".into() },
                "pull.yaml (Secret \"pull\") (auths \"*.h.io\\n\")",
            ),
            (
                SourceName::Entry { place: Place::Variable("DOCKER_AUTH_CONFIG"), key: "h".into() },
                "DOCKER_AUTH_CONFIG (auths \"h\")",
            ),
            (
                SourceName::Helper {
                    program: "docker-credential-ecr-login".into(),
                    setting: "credHelpers",
                    place: file,
                },
                "docker-credential-ecr-login (credHelpers of /home/u/.docker/config.json)",
            ),
        ] {
            assert_eq!(source.to_string(), shown);
        }
    }
}
