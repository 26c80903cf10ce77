//! What can be wrong with stored credentials: told with its place, never with what was stored.

use std::fmt;
use std::io;
use std::time::Duration;

use thiserror::Error;

use super::source::Place;
use crate::model::fault::seconds;
use crate::model::shown::Shown;

/// Files named with `--auth-file` that cannot be used, all of them.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}", Lines(.0))]
pub struct Error(pub Vec<FileError>);

/// A document that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{place}{fault}")]
pub struct FileError {
    /// The file or variable.
    pub place: Place,
    /// What is wrong with it.
    pub fault: FileFault,
}

/// What is wrong with a document. Lines are counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileFault {
    /// Nothing of that name.
    Missing,
    /// A directory, a device, a pipe.
    NotFile,
    /// Not ours to read.
    Denied,
    /// Any other failure to open or read.
    Io(io::ErrorKind),
    /// More than is read.
    TooLarge {
        /// The bound, in bytes.
        most_bytes: u64,
    },
    /// Text in another encoding, or no text.
    NotUtf8 {
        /// The first such line.
        line: usize,
    },
    /// Not JSON.
    Json {
        /// Where it stops being JSON.
        line: usize,
        /// What the reader expected there.
        why: String,
    },
    /// JSON in which a setting has the wrong type.
    Shape {
        /// Where.
        line: usize,
    },
    /// Not YAML.
    Yaml {
        /// Where it stops being YAML, if the reader knows.
        line: Option<u64>,
    },
    /// Read, but none of the forms in which credentials are stored.
    Unknown,
    /// A Secret of the right type without a readable payload.
    Payload {
        /// The entry of `data` that is missing or not base64.
        entry: &'static str,
    },
}

impl fmt::Display for FileFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str(": no such file"),
            Self::NotFile => f.write_str(": not a file"),
            Self::Denied => f.write_str(": permission denied"),
            Self::Io(kind) => write!(f, ": cannot be read: {kind}"),
            Self::TooLarge { most_bytes } => write!(f, ": larger than {most_bytes} bytes"),
            Self::NotUtf8 { line } => write!(f, ":{line}: not UTF-8 text"),
            Self::Json { line, why } => write!(f, ":{line}: not valid JSON: {why}"),
            Self::Shape { line } => {
                write!(f, ":{line}: not of the form of a docker config.json or auth.json")
            }
            Self::Yaml { line: Some(line) } => write!(f, ":{line}: neither JSON nor valid YAML"),
            Self::Yaml { line: None } => f.write_str(": neither JSON nor valid YAML"),
            Self::Unknown => f.write_str(
                ": holds no credentials in a known form (docker config.json, auth.json, .dockercfg, or a \
                 Kubernetes Secret of type kubernetes.io/dockerconfigjson or kubernetes.io/dockercfg)",
            ),
            Self::Payload { entry } => write!(f, ": the Secret has no readable {entry}"),
        }
    }
}

impl From<io::Error> for FileFault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::Missing,
            io::ErrorKind::IsADirectory => Self::NotFile,
            io::ErrorKind::PermissionDenied => Self::Denied,
            kind => Self::Io(kind),
        }
    }
}

impl From<serde_json::Error> for FileFault {
    fn from(error: serde_json::Error) -> Self {
        let line = error.line();
        if error.is_data() {
            // The reader's own words would repeat the value.
            return Self::Shape { line };
        }
        let why = error.to_string();
        let why = why.rsplit_once(" at line ").map_or(why.as_str(), |(why, _)| why);
        Self::Json { line, why: why.to_owned() }
    }
}

/// Why one entry is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum EntryFault {
    /// A key with an `@` in it.
    #[error("the key is no registry, but has a user or a digest in it")]
    Key,
    /// A field has the wrong type.
    #[error("not an object of texts")]
    Shape,
    /// `auth` is not base64.
    #[error("'auth' is not base64")]
    NotBase64,
    /// `auth` or the variable is not UTF-8.
    #[error("user and password are not UTF-8 text")]
    NotUtf8,
    /// No `user:password`.
    #[error("no ':' between user and password")]
    NoColon,
    /// A password alone.
    #[error("the user name is empty")]
    NoUser,
    /// A user name alone.
    #[error("a user name without a password")]
    NoPassword,
}

/// Why a helper gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum HelperFault {
    /// The name, which comes from a file, is not one of a program.
    #[error("not a helper's name (letters, digits, '.', '_' and '-')")]
    Name,
    /// No such program.
    #[error("not found in PATH")]
    NotInPath,
    /// It could not be started or spoken to.
    #[error("cannot be run: {0}")]
    Run(io::ErrorKind),
    /// It was ended because it took too long.
    #[error("no answer within {}", seconds(*.0))]
    Timeout(Duration),
    /// It was ended because it wrote too much.
    #[error("answered with more than {0} bytes")]
    TooLong(u64),
    /// Exit status 0, and not the JSON of the protocol.
    #[error("its answer is not the JSON of a credential helper")]
    Rubbish,
    /// A secret without a user.
    #[error("answered without a user name")]
    NoUser,
    /// A user without a secret.
    #[error("answered without a secret")]
    NoSecret,
    /// It said that it failed.
    #[error("failed ({status}){}", Because(.message))]
    Failed {
        /// How it ended.
        status: String,
        /// Its first line, without words that could be secrets.
        message: Option<String>,
    },
}

/// Something that was passed over in looking for credentials.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Warning {
    /// A whole document.
    #[error("{0}; its credentials are not used")]
    File(FileError),
    /// One entry of a document.
    #[error("{place}: auths \"{}\": {fault}; the entry is not used", Shown(.key))]
    Entry {
        /// The document.
        place: Place,
        /// The key as it is written there, without what stands before an `@`.
        key: String,
        /// What is wrong with it.
        fault: EntryFault,
    },
    /// A variable for one registry.
    #[error("{}: {fault}; expected user:password", Shown(.name))]
    Variable {
        /// Its name.
        name: String,
        /// What is wrong with its value.
        fault: EntryFault,
    },
    /// What a runtime of a node was told.
    #[error("{}: {fault}; these credentials are not used", Shown(.place))]
    Node {
        /// File and line.
        place: String,
        /// What is wrong.
        fault: EntryFault,
    },
    /// Settings that name helpers, where only credentials may stand.
    #[error("{0}: only 'auths' is read here; credHelpers and credsStore are not used")]
    HelpersIgnored(Place),
    /// A helper.
    #[error("docker-credential-{} ({place}), asked for {}: {fault}", Shown(.helper), Shown(.registry))]
    Helper {
        /// Its name in the document.
        helper: String,
        /// The document that names it.
        place: Place,
        /// For which registry it was asked.
        registry: String,
        /// What went wrong.
        fault: HelperFault,
    },
}

struct Because<'a>(&'a Option<String>);

impl fmt::Display for Because<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |message| write!(f, ": {message}"))
    }
}

struct Lines<'a>(&'a [FileError]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [only] = self.0 {
            return only.fmt(f);
        }
        write!(f, "{} files with credentials cannot be used:", self.0.len())?;
        self.0.iter().try_for_each(|error| write!(f, "\n  {error}"))
    }
}
