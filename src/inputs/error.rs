//! Why inputs could not be read, each with the file's name and what to do next.

use std::fmt;
use std::io;
use std::sync::Arc;

use crate::model::kind::Kind;
use crate::model::shown::Shown;
use thiserror::Error;

/// What files are like whose kind is known, and in which there is nothing to check: those that build, and others.
const NOTHING_PULLED: &str =
    "nothing in it is pulled: `scratch` is no image, and what is built is left out (--built-images takes it)";

const NONE_NAMED: &str = "nothing in it is pulled: no image stands where files of its kind have them";

/// Why there is nothing to check.
#[derive(Debug, Error)]
pub enum Error {
    /// `-` more than once.
    #[error("standard input (`-`) is named twice, but can be read only once")]
    StdinTwice,
    /// Inputs that cannot be used, all of them.
    #[error("{}", Unreadable(.0))]
    Unreadable(Vec<FileError>),
    /// No image, and no bad line either.
    #[error("no image to check{}", In(.files))]
    Empty {
        /// The names of all inputs; none if none was given.
        files: Vec<Arc<str>>,
        /// The files whose kind says where all its images are: neither lists nor manifests.
        known: Vec<(Arc<str>, Kind)>,
        /// What was left out of them.
        warnings: Vec<String>,
    },
}

impl Error {
    /// What to do next, each advice once.
    #[must_use]
    pub fn hints(&self) -> Vec<&'static str> {
        match self {
            Self::StdinTwice => vec!["leave one `-` out"],
            Self::Empty { files, .. } if files.is_empty() => {
                vec!["name a file with one image a line, or `-` for standard input"]
            }
            Self::Empty { files, known, .. } => {
                // Those in a folder that was named are called after it.
                let is_known = |file: &Arc<str>| known.iter().any(|(known, _)| known.starts_with(&**file));
                let others: Vec<&Arc<str>> = files.iter().filter(|file| !is_known(file)).collect();
                let is_yaml = |file: &Arc<str>| {
                    [".yaml", ".yml", ".json"].iter().any(|end| file.to_ascii_lowercase().ends_with(end))
                };
                let mut hints = Vec::new();
                let builds = |kind: &Kind| matches!(kind, Kind::Dockerfile | Kind::Compose | Kind::Bake);
                if known.iter().any(|(_, kind)| builds(kind)) {
                    hints.push(NOTHING_PULLED);
                }
                if known.iter().any(|(_, kind)| !builds(kind)) {
                    hints.push(NONE_NAMED);
                }
                if others.iter().any(|file| !is_yaml(file)) {
                    hints.push("write one image a line, such as `nginx:1.27`; lines that begin with `#` are comments");
                }
                if others.iter().any(|file| is_yaml(file)) {
                    hints.push("say what the file is: --input-kind, or --any-image-key for keys named image");
                }
                hints
            }
            Self::Unreadable(faults) => {
                let mut hints = Vec::new();
                for hint in faults.iter().map(|error| error.fault.hint()) {
                    if !hints.contains(&hint) {
                        hints.push(hint);
                    }
                }
                hints
            }
        }
    }
}

/// One input that cannot be used.
#[derive(Debug, Error)]
#[error("{}: {fault}", Shown(.file))]
pub struct FileError {
    /// As it was named on the command line; standard input is `stdin`.
    pub file: Arc<str>,
    /// What is wrong with it.
    pub fault: FileFault,
}

/// What is wrong with an input.
#[derive(Debug, Error)]
pub enum FileFault {
    /// Nothing of that name.
    #[error("no such file")]
    Missing,
    /// A directory.
    #[error("is a directory, not a list")]
    Directory,
    /// Not ours to read.
    #[error("permission denied")]
    Denied,
    /// Any other failure to open or read.
    #[error("cannot be read: {0}")]
    Io(io::Error),
    /// An archive, an image, a program: anything but text.
    #[error("not text but binary data")]
    Binary,
    /// UTF-16, as some Windows shells write it.
    #[error("UTF-16 text; only UTF-8 is read")]
    Utf16,
    /// Text in another encoding, or damaged.
    #[error("line {line} is not UTF-8 text")]
    NotUtf8 {
        /// The first such line, counted from 1.
        line: u32,
    },
    /// A line that no name needs, of input that is read line by line.
    #[error("line {line} is longer than {most} bytes")]
    LongLine {
        /// The line, counted from 1.
        line: u32,
        /// The bound.
        most: u64,
    },
    /// A link to a folder, met in a folder.
    #[error("a link to a folder, which is not followed")]
    FolderLink,
    /// A link to nothing, met in a folder.
    #[error("a link that leads nowhere")]
    DanglingLink,
    /// A pattern for which there is no file.
    #[error("no file matches")]
    NoMatch,
    /// More files than anybody could mean.
    #[error("more than {most} files")]
    TooMany {
        /// The bound.
        most: usize,
    },
    /// Folders inside each other without end.
    #[error("more than {most} folders inside each other")]
    TooDeep {
        /// The bound.
        most: usize,
    },
    /// YAML or JSON, but nothing that is known to name images.
    #[error("YAML or JSON of no kind that is known")]
    UnknownKind,
    /// A bake file in HCL.
    #[error("HCL is not read")]
    Hcl,
    /// More than is read.
    #[error("larger than {most} bytes")]
    TooLarge {
        /// The bound.
        most: u64,
    },
}

impl FileFault {
    /// What to do next.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Missing => "check the path; relative paths start at the current directory",
            Self::Directory => "name a file in it, or go through all of it: --recursive",
            Self::Denied => "make the file readable for this user, or pipe it in and name `-`",
            Self::FolderLink => "name the folder that it leads to, if its files are meant",
            Self::DanglingLink => "remove the link, or put back what it led to",
            Self::NoMatch => "check the pattern; `**` goes through folders, `*` does not",
            Self::TooMany { .. } => "name fewer folders, or a narrower pattern",
            Self::UnknownKind => "say what it is: --input-kind, or --any-image-key for keys named image",
            Self::Hcl => "make JSON of it: docker buildx bake --print",
            Self::Io(_) => "check the path, and what it leads to",
            Self::TooDeep { .. } => "name the folders that are meant",
            Self::TooLarge { .. } => "cut it into several files, and name them all",
            Self::Binary | Self::LongLine { .. } => "an input is a plain text file with one image a line",
            Self::Utf16 | Self::NotUtf8 { .. } => "save the file as UTF-8",
        }
    }
}

impl From<io::Error> for FileFault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::Missing,
            io::ErrorKind::IsADirectory => Self::Directory,
            io::ErrorKind::PermissionDenied => Self::Denied,
            _ => Self::Io(error),
        }
    }
}

struct Unreadable<'a>(&'a [FileError]);

impl fmt::Display for Unreadable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [only] = self.0 {
            return only.fmt(f);
        }
        write!(f, "{} inputs cannot be read:", self.0.len())?;
        self.0.iter().try_for_each(|error| write!(f, "\n  {error}"))
    }
}

struct In<'a>(&'a [Arc<str>]);

impl fmt::Display for In<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, file) in self.0.iter().enumerate() {
            write!(f, "{}{}", if at == 0 { " in " } else { ", " }, Shown(file))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn io_errors_become_what_people_call_them() {
        let text = |kind: io::ErrorKind| FileFault::from(io::Error::from(kind)).to_string();
        assert_eq!(text(io::ErrorKind::NotFound), "no such file");
        assert_eq!(text(io::ErrorKind::IsADirectory), "is a directory, not a list");
        assert_eq!(text(io::ErrorKind::PermissionDenied), "permission denied");
        assert!(text(io::ErrorKind::TimedOut).starts_with("cannot be read: "));
    }

    #[test]
    fn one_fault_is_told_on_one_line_and_names_are_escaped() {
        let error = Error::Unreadable(vec![FileError { file: "a\nb".into(), fault: FileFault::Missing }]);
        assert_eq!(error.to_string(), "a\\nb: no such file");
    }

    #[test]
    fn files_of_a_known_kind_are_not_to_be_said_what_they_are() {
        let hints = |files: &[&str], known: &[(&str, Kind)]| {
            let known = known.iter().map(|(name, kind)| (Arc::from(*name), *kind)).collect();
            let files = files.iter().map(|name| Arc::from(*name)).collect();
            Error::Empty { files, known, warnings: Vec::new() }.hints()
        };
        assert_eq!(hints(&["c.yaml"], &[("c.yaml", Kind::Compose)]), [NOTHING_PULLED]);
        assert_eq!(hints(&["stdin"], &[("stdin", Kind::Bake)]), [NOTHING_PULLED]);
        assert_eq!(hints(&["dir"], &[("dir/Dockerfile", Kind::Dockerfile)]), [NOTHING_PULLED]);
        assert_eq!(hints(&["ci.yml"], &[("ci.yml", Kind::Workflow)]), [NONE_NAMED]);
        let both = hints(&["Dockerfile", "list.txt"], &[("Dockerfile", Kind::Dockerfile)]);
        assert!(both.len() == 2 && both[1].starts_with("write one image a line"), "{both:?}");
        assert!(hints(&["c.yaml"], &[])[0].starts_with("say what the file is"));
    }

    #[test]
    fn the_same_advice_is_given_once() {
        let fault = |fault| FileError { file: "x".into(), fault };
        let error = Error::Unreadable(vec![
            fault(FileFault::Utf16),
            fault(FileFault::NotUtf8 { line: 2 }),
            fault(FileFault::Io(io::ErrorKind::TimedOut.into())),
            fault(FileFault::TooLarge { most: 1 }),
            fault(FileFault::Binary),
        ]);
        assert_eq!(error.hints().len(), 4);
        assert_eq!(error.to_string().lines().count(), 6);
    }
}
