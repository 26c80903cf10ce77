//! Bytes into located images: what is to be checked, and where each name was written.
//!
//! This stage finds and opens the files and standard input, refuses what is no text, and hands the text to
//! the reader of its kind, one file each. Names that cannot be read or known are collected, not fatal:
//! whether one stops the run is for the caller. It asks no network and merges no duplicates.

mod bad_line;
mod bake;
mod compose;
mod dockerfile;
mod error;
mod files;
mod found;
mod gitlab;
mod interpolate;
mod key_path;
mod kind;
mod kubernetes;
mod list;
mod named;
mod places;
mod repository;
mod room;
#[cfg(test)]
mod samples;
mod sbom;
mod scalar;
pub mod stream;
mod sync;
mod text;
mod variables;
mod workflow;
mod yaml;

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsString;
use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use bad_line::{BadLine, MAX_SHOWN_CHARS};
pub use compose::Built;
pub use error::{Error, FileError, FileFault};
pub use files::Recursion;
pub use kubernetes::AnyImageKey;

use self::found::{Found, Spot};
use self::kind::Reading;
use self::variables::Variables;
use self::yaml::Budget;
use crate::model::dynamic::Dynamic;
use crate::model::image::ImageRef;
pub use crate::model::kind::Kind;
use crate::model::origin::Located;
use crate::model::shown::Shown;

/// Most bytes of one input: far above any list of names, far below what would hurt.
pub const MAX_INPUT_BYTES: u64 = 64 * 1024 * 1024;

/// The argument that means standard input.
pub const STDIN_ARGUMENT: &str = "-";

/// What standard input is called in origins and messages. Not `-`: a spreadsheet takes that for a formula.
pub const STDIN_NAME: &str = "stdin";

/// Where names are read from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// A file, or anything else that can be opened by path.
    File(PathBuf),
    /// Standard input.
    Stdin,
}

impl Source {
    /// The name in origins and messages; `""` for the empty path, which a shell makes of an unset variable.
    #[must_use]
    pub fn name(&self) -> Arc<str> {
        match self {
            Self::File(path) if path.as_os_str().is_empty() => "\"\"".into(),
            Self::File(path) => path.to_string_lossy().into(),
            Self::Stdin => STDIN_NAME.into(),
        }
    }
}

impl From<OsString> for Source {
    /// Reads a command line argument: `-` is standard input, all else a path.
    fn from(argument: OsString) -> Self {
        if argument == STDIN_ARGUMENT { Self::Stdin } else { Self::File(argument.into()) }
    }
}

impl From<&str> for Source {
    fn from(argument: &str) -> Self {
        OsString::from(argument).into()
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Shown(&self.name()), f)
    }
}

/// How inputs are read.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// What all of them are; by name and content where nothing is said.
    pub kind: Option<Kind>,
    /// Whether folders are gone through.
    pub recursion: Recursion,
    /// Where images stand in YAML.
    pub any_image_key: AnyImageKey,
    /// What happens to names of images that are built.
    pub built: Built,
    /// Values for the variables of Compose and bake files, before those of `.env` and defaults.
    pub environment: Arc<BTreeMap<String, String>>,
    /// Values for `ARG`s that Dockerfiles declare.
    pub build_args: BTreeMap<String, String>,
}

/// Everything that was read, in the order of the arguments and lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inputs {
    /// The images, duplicates and all.
    pub images: Vec<Located<ImageRef>>,
    /// The lines that name no image that could be asked for. Where they are skipped, `images` may be empty.
    pub bad: Vec<BadLine>,
    /// Names that cannot be known offline.
    pub dynamic: Vec<Dynamic>,
    /// What was left out, with its place: faults in what a folder walk met, files that were not followed.
    pub warnings: Vec<String>,
    /// The files behind all of this, those found by patterns and in folders among them.
    pub files: Vec<PathBuf>,
    /// The names of the files whose kind says where all its images are: neither lists nor manifests.
    pub known: Vec<(Arc<str>, Kind)>,
}

/// Reads all `sources`; `stdin` is touched only if one of them is [`Source::Stdin`].
///
/// # Errors
/// Standard input named twice; sources that cannot be read or are no text, all of them at once; nothing
/// in any of them, neither a name nor a bad line.
pub fn read(sources: &[Source], stdin: impl Read, options: &Options) -> Result<Inputs, Error> {
    let (inputs, faults) = read_what_can_be(sources, stdin, options)?;
    if faults.is_empty() { Ok(inputs) } else { Err(Error::Unreadable(faults)) }
}

/// The same, where sources that cannot be read leave what is in the others.
///
/// # Errors
/// Standard input named twice; nothing in any of the sources.
pub fn read_what_can_be(
    sources: &[Source],
    mut stdin: impl Read,
    options: &Options,
) -> Result<(Inputs, Vec<FileError>), Error> {
    if sources.iter().filter(|source| **source == Source::Stdin).count() > 1 {
        return Err(Error::StdinTwice);
    }
    let mut inputs = Inputs::default();
    let mut faults = Vec::new();
    let mut failed = HashSet::new();
    let mut known = named::Known::default();
    for source in sources {
        let read = match source {
            Source::File(path) => {
                named::Named { options, inputs: &mut inputs, faults: &mut faults, known: &mut known }
                    .read(path)
            }
            Source::Stdin => read_bounded(&mut stdin, MAX_INPUT_BYTES)
                .and_then(text::decode)
                .and_then(|text| read_text(&text, None, options, &source.name(), &mut inputs)),
        };
        if let Err(fault) = read
            && failed.insert(source)
        {
            faults.push(FileError { file: source.name(), fault });
        }
    }
    drop_repeated(&mut inputs);
    let is_empty = inputs.images.is_empty() && inputs.bad.is_empty() && inputs.dynamic.is_empty();
    if is_empty && !faults.is_empty() {
        return Err(Error::Unreadable(faults));
    }
    if is_empty {
        return Err(Error::Empty {
            files: sources.iter().map(Source::name).collect(),
            known: inputs.known,
            warnings: inputs.warnings,
        });
    }
    Ok((inputs, faults))
}

/// A pipeline's file that is named, or met in a folder, beside one that includes it was read on both ways:
/// what it leaves open by itself, the including one may have known.
fn drop_repeated(inputs: &mut Inputs) {
    let mut known = HashSet::new();
    let repeated = inputs.files.iter().filter(|file| !known.insert(*file));
    let repeated: HashSet<Arc<str>> = repeated.map(|file| file.to_string_lossy().into()).collect();
    if repeated.is_empty() {
        return;
    }
    let mut seen = HashSet::new();
    inputs.images.retain(|image| {
        image.origin.document.is_none() || seen.insert((image.origin.clone(), image.value.clone()))
    });
    let solved: HashSet<_> = seen.iter().map(|(origin, _)| origin).collect();
    let mut open = HashSet::new();
    inputs.dynamic.retain(|entry| {
        let place = &entry.origin;
        !(repeated.contains(&place.file) && solved.contains(place))
            && open.insert((place.clone(), entry.text.clone()))
    });
    let mut told = HashSet::new();
    inputs.bad.retain(|bad| {
        bad.origin.document.is_none() || told.insert((bad.origin.clone(), bad.text.clone(), bad.why.clone()))
    });
}

/// Hands a text to the reader of its kind.
fn read_text(
    text: &str,
    path: Option<&Path>,
    options: &Options,
    name: &Arc<str>,
    inputs: &mut Inputs,
) -> Result<(), FileFault> {
    let is_hcl = path.and_then(Path::extension).is_some_and(|extension| extension == "hcl");
    let reading = match options.kind {
        Some(Kind::List) => Reading::List,
        Some(Kind::Dockerfile) => Reading::Dockerfile,
        Some(kind) => Reading::Structured(Some(kind)),
        None if is_hcl => return Err(FileFault::Hcl),
        None => path.and_then(kind::by_name).unwrap_or_else(|| kind::by_content(text)),
    };
    match reading {
        Reading::List => list::read(text, name, inputs),
        Reading::Dockerfile => {
            let args = options.build_args.iter().map(|(name, value)| (name.clone(), Some(value.clone())));
            let args = args.collect();
            let given = dockerfile::Given { args: Some(&args), ..dockerfile::Given::default() };
            dockerfile::read(text, given, &mut Found::new(name, None, inputs));
            inputs.known.push((Arc::clone(name), Kind::Dockerfile));
        }
        Reading::Structured(kind) => return read_structured(text, path, kind, options, (name, inputs)),
    }
    Ok(())
}

fn read_structured(
    text: &str,
    path: Option<&Path>,
    named: Option<Kind>,
    options: &Options,
    (name, inputs): (&Arc<str>, &mut Inputs),
) -> Result<(), FileFault> {
    let mut variables = None;
    let (mut is_known, mut known_as) = (false, None);
    let mut named = named;
    let chunks = yaml::chunks(text);
    let mut strays = Vec::new();
    for chunk in &chunks {
        let mut found = Found::new(name, Some(chunk.number), inputs);
        let root = match chunk.read() {
            Ok(root) => root,
            Err(broken) => {
                is_known = true;
                found.bad(Spot::line(broken.line), "", broken.why);
                continue;
            }
        };
        if chunk.may_have_aliases() {
            found.know(&root);
        }
        if gitlab::is_header(&root) {
            named = Some(Kind::Gitlab);
        }
        let budget = Budget::default();
        let kind = match options.kind {
            Some(kind) => Some(kind),
            None => kind::of_document(&root, named, &budget),
        };
        let is_unsaid =
            kind.is_none() || options.kind == Some(Kind::Kubernetes) && root.get("images").is_none();
        if is_unsaid && options.any_image_key == AnyImageKey::No {
            strays.extend(kubernetes::stray_image(&root, &Budget::default()));
        }
        let any = options.any_image_key;
        // Of manifests more may be wanted: images stand anywhere in custom resources.
        known_as = known_as.or(kind.filter(|kind| *kind != Kind::Kubernetes));
        is_known |= kind.is_some() || any == AnyImageKey::Yes;
        let kubernetes = kubernetes::Kubernetes { any_image_key: any, budget: &budget };
        match kind {
            Some(Kind::Compose) => {
                let environment = || Arc::clone(&options.environment);
                let variables = variables.get_or_insert_with(|| match path {
                    Some(path) => found.variables_beside(path, environment()),
                    None => Variables::of(environment()),
                });
                let given = compose::Settings { variables, built: options.built, budget: &budget };
                compose::read(&root, path, given, &mut found);
            }
            Some(Kind::Workflow) => workflow::read(&root, workflow::Forge::of(path), &budget, &mut found),
            Some(Kind::Gitlab) => gitlab::read(&root, path, &budget, &mut found),
            Some(Kind::Bake) => bake::read(&root, &options.environment, &budget, &mut found),
            Some(Kind::Sync) => sync::read(&root, &budget, &mut found),
            Some(Kind::Sbom) => sbom::read(&root, &budget, &mut found),
            Some(Kind::Kubernetes) => kubernetes.read(&root, &mut found),
            Some(Kind::List | Kind::Dockerfile) | None if any == AnyImageKey::Yes => {
                kubernetes.read(&root, &mut found);
            }
            Some(Kind::List | Kind::Dockerfile) | None => {}
        }
        if budget.is_spent() {
            let why = "aliases that multiply: not all of it was read".to_owned();
            found.bad(Spot::line(root.line), "", why);
        }
    }
    inputs.known.extend(known_as.map(|kind| (Arc::clone(name), kind)));
    // Where nothing is known, the whole is refused.
    for line in strays.into_iter().filter(|_| is_known) {
        let why = "an image in a document of no known kind: left out (--any-image-key takes it)";
        Found::new(name, None, inputs).warn(line, why);
    }
    if is_known || chunks.is_empty() { Ok(()) } else { Err(FileFault::UnknownKind) }
}

/// Reads to the end, or finds that there is more than `most` bytes: a device may never end.
fn read_bounded(reader: &mut impl Read, most: u64) -> Result<Vec<u8>, FileFault> {
    let mut bytes = Vec::new();
    io::Read::take(reader, most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most { Err(FileFault::TooLarge { most }) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    struct NoStdin;

    impl Read for NoStdin {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            panic!("standard input was read, though no source names it")
        }
    }

    struct BrokenPipe;

    impl Read for BrokenPipe {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::ConnectionReset.into())
        }
    }

    fn faults(error: Error) -> Vec<FileError> {
        match error {
            Error::Unreadable(faults) => faults,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_dash_is_standard_input_and_all_else_a_path() {
        assert_eq!(Source::from("-"), Source::Stdin);
        assert_eq!(Source::from(OsString::from("./-")), Source::File("./-".into()));
        assert_eq!(Source::from("--"), Source::File("--".into()));
        assert_eq!(Source::Stdin.to_string(), "stdin");
        assert_eq!(Source::from("").to_string(), "\"\"");
        assert_eq!(Source::from("a\u{1b}b").to_string(), "a\\u{1b}b");
    }

    #[test]
    fn all_sources_are_read_in_their_order_and_share_one_name_each() {
        let dir = tempfile::tempdir().unwrap();
        let (first, second) = (dir.path().join("a.txt"), dir.path().join("b.txt"));
        fs::write(&first, "nginx\nredis:7\n").unwrap();
        fs::write(&second, "# none\nBAD\n").unwrap();
        let sources = [Source::File(first), Source::Stdin, Source::File(second)];
        let inputs = read(&sources, &b"alpine"[..], &Options::default()).unwrap();
        let shown: Vec<String> = inputs.images.iter().map(|image| image.value.to_string()).collect();
        assert_eq!(
            shown,
            [
                "docker.io/library/nginx:latest",
                "docker.io/library/redis:7",
                "docker.io/library/alpine:latest"
            ]
        );
        assert!(inputs.images[1].origin.to_string().ends_with("a.txt:2"));
        assert_eq!(inputs.images[2].origin.to_string(), "stdin:1");
        assert!(Arc::ptr_eq(&inputs.images[0].origin.file, &inputs.images[1].origin.file));
        assert_eq!(inputs.bad.len(), 1);
        assert!(inputs.bad[0].origin.to_string().ends_with("b.txt:2"));
    }

    #[test]
    fn standard_input_is_left_alone_unless_named_and_refused_twice() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("list");
        fs::write(&file, "nginx").unwrap();
        assert!(read(&[Source::File(file)], NoStdin, &Options::default()).is_ok());
        assert!(matches!(
            read(&[Source::Stdin, Source::Stdin], NoStdin, &Options::default()),
            Err(Error::StdinTwice)
        ));
    }

    #[test]
    fn every_unreadable_source_is_told_at_once_with_its_next_step() {
        let dir = tempfile::tempdir().unwrap();
        let binary = dir.path().join("image.tar.gz");
        fs::write(&binary, [0x1f, 0x8b, 8, 0, 0, 0]).unwrap();
        let good = dir.path().join("good.txt");
        fs::write(&good, "nginx").unwrap();
        let missing = dir.path().join("missing.txt");
        let sources = [
            Source::File(missing.clone()),
            Source::File(good),
            Source::File(dir.path().into()),
            Source::File(binary),
            Source::File(missing),
            Source::Stdin,
        ];
        let error = read(&sources, BrokenPipe, &Options::default()).unwrap_err();
        let text = error.to_string();
        for part in
            ["4 inputs", "missing.txt: no such file", "is a directory", "image.tar.gz: not text", "stdin: "]
        {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        assert_eq!(error.hints().len(), 4, "{:?}", error.hints());
        let faults = faults(error);
        assert!(matches!(faults[0].fault, FileFault::Missing));
        assert!(matches!(faults[1].fault, FileFault::Directory));
        assert!(matches!(faults[2].fault, FileFault::Binary));
        assert!(matches!(faults[3].fault, FileFault::Io(_)));
    }

    #[test]
    fn nothing_in_any_input_is_an_error_that_names_them() {
        let dir = tempfile::tempdir().unwrap();
        let (file, other) = (dir.path().join("empty.txt"), dir.path().join("other.txt"));
        fs::write(&file, "\n# nginx\n").unwrap();
        fs::write(&other, "nginx").unwrap();
        let empty = Source::File(file);
        let error = read(&[empty.clone(), Source::Stdin], io::empty(), &Options::default()).unwrap_err();
        assert!(matches!(&error, Error::Empty { files, .. } if files.len() == 2));
        assert!(error.to_string().contains("empty.txt"), "{error}");
        assert!(!error.hints().is_empty());
        assert!(
            matches!(read(&[], NoStdin, &Options::default()), Err(Error::Empty { files, .. }) if files.is_empty())
        );
        assert_eq!(
            read(&[empty, Source::File(other)], NoStdin, &Options::default()).unwrap().images.len(),
            1
        );
    }

    #[test]
    fn a_list_of_bad_lines_only_is_not_called_empty() {
        let inputs = read(&[Source::Stdin], &b"BAD\n"[..], &Options::default()).unwrap();
        assert!(inputs.images.is_empty());
        assert_eq!(inputs.bad.len(), 1);
    }

    #[test]
    fn a_source_without_end_is_refused_at_the_bound() {
        assert_eq!(read_bounded(&mut &b"12345"[..], 5).unwrap(), b"12345");
        let fault = read_bounded(&mut io::repeat(b'#'), 5).unwrap_err();
        assert!(matches!(fault, FileFault::TooLarge { most: 5 }));
    }
}
