//! `registry-check mirrors export`: a check, and a runtime's configuration from what it found.

use std::fs::{self, File, Metadata};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::FutureExt;

use super::interrupt::Interruptions;
use super::prepare::{Prepared, prepare};
use super::{Error, OutputError, check};
use crate::cli::{CommonArgs, ExportArgs, TargetArg};
use crate::exit;
use crate::mirrors::{self, Export, Target};
use crate::model::choice::{Choice, Standing};
use crate::model::node::Node;
use crate::model::run::Ending;
use crate::report::escape;
use crate::verdict;

/// Most backups of one file.
const MOST_BACKUPS: u32 = 10_000;

/// Exits 0 when every registry has a mirror that serves all, 1 when one has no mirror left that this runtime
/// can be told of, 3 when it has only such as serve a part or could not be asked.
pub(super) async fn run(args: &ExportArgs, common: &CommonArgs) -> Result<u8, Error> {
    let interruptions = Interruptions::listen().map_err(Error::Signals)?;
    if let Some(format) = args.check.format {
        return Err(Error::Format { command: "mirrors export", format: format.as_str() });
    }
    let target = match args.to {
        TargetArg::Containerd => Target::Containerd,
        TargetArg::Docker => Target::Docker,
        TargetArg::RegistriesConf => Target::RegistriesConf,
        TargetArg::K3s => Target::K3s,
    };
    let base = base(args, target)?;
    let Prepared { options, plan, sources, .. } = prepare(&args.check, common)?;
    // What cannot be read is told before anybody is asked.
    mirrors::export(target, &[], &[], base.as_deref(), args.write.as_deref()).map_err(Error::Mirrors)?;
    let run = check::pass(plan, &options, Arc::clone(&sources), interruptions.asking().boxed(), None).await?;
    interruptions.writing();
    for warning in sources.warnings() {
        log::warn!("{warning}");
    }
    if run.ending == Ending::Interrupted {
        log::warn!("interrupted: nothing is written");
        return Ok(exit::INTERRUPTED);
    }
    let choices = verdict::choice::choices(&run);
    if choices.is_empty() {
        log::warn!("no mirror stands in for any of the images' registries: nothing to write");
    }
    let export =
        mirrors::export(target, &choices, &options.tls.hosts, base.as_deref(), args.write.as_deref())
            .map_err(Error::Mirrors)?;
    warn_of_secrets(&options.mirrors.nodes, &choices, &export);
    for note in &export.notes {
        log::warn!("{}", escape::terminal(note));
    }
    match &args.write {
        Some(path) => write(path, &export)?,
        None => print(target, &export)?,
    }
    Ok(interruptions.code(exit_code(&export.best)))
}

/// Secrets are not carried from one file to another, and that a mirror needs them is no secret.
fn warn_of_secrets(nodes: &[Node], choices: &[Choice], export: &Export) {
    let chosen = || choices.iter().flat_map(|choice| &choice.chosen).map(|chosen| &chosen.endpoint);
    let is_written = |words: &str| export.files.iter().any(|file| file.text.contains(words));
    for headers in nodes.iter().flat_map(|node| &node.headers) {
        let is_chosen = chosen().any(|endpoint| endpoint.api_root == headers.api_root);
        if is_chosen && !headers.headers.iter().all(|(name, _)| is_written(name)) {
            log::warn!("{}: the headers for {} are not written", headers.place, headers.api_root);
        }
    }
    for login in nodes.iter().flat_map(|node| &node.logins) {
        let is_chosen = chosen().any(|endpoint| endpoint.authority.to_string() == *login.host);
        if is_chosen && !is_written("configs:") {
            log::warn!("{}: the credentials for {} are not written", login.place, login.host);
        }
    }
}

fn exit_code(best: &[Option<Standing>]) -> u8 {
    match () {
        () if best.is_empty() || best.contains(&None) => exit::FAILED,
        () if best.iter().any(|best| *best != Some(Standing::Works)) => exit::UNDECIDED,
        () => exit::PASSED,
    }
}

/// What is edited: what is named, else what is there where it will be written.
fn base(args: &ExportArgs, target: Target) -> Result<Option<PathBuf>, Error> {
    let written = args.write.as_deref().filter(|path| fs::symlink_metadata(path).is_ok());
    let path = args.base.as_deref().or(written);
    for path in path.into_iter().chain(written) {
        mirrors::usable_base(target, path).map_err(|error| Error::Mirrors(vec![error]))?;
    }
    if let Some(path) = args.write.as_deref() {
        can_write(path).map_err(|error| {
            Error::Configurations(vec![OutputError { path: path.to_owned(), why: error.to_string() }])
        })?;
    }
    Ok(path.map(Path::to_owned))
}

/// Whether something could be written there, found out without leaving anything behind.
fn can_write(path: &Path) -> io::Result<()> {
    if path.is_file() {
        File::options().append(true).open(path)?;
    }
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let folder = if real.is_dir() { Some(&*real) } else { real.parent() };
    let is_there = |folder: &&Path| folder.as_os_str().is_empty() || folder.exists();
    let nearest = folder.and_then(|folder| folder.ancestors().find(is_there)).unwrap_or(Path::new(""));
    let nearest = if nearest.as_os_str().is_empty() { Path::new(".") } else { nearest };
    tempfile::Builder::new().prefix(".registry-check-").suffix(".tmp").tempfile_in(nearest)?;
    Ok(())
}

fn print(target: Target, export: &Export) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    let mut text = String::new();
    for file in &export.files {
        if target == Target::Containerd {
            text.push_str(&format!("# {}\n", file.name.display()));
        }
        text.push_str(&file.text);
    }
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::Outputs(vec![OutputError { path: "standard output".into(), why: error.to_string() }]))
        }
        _ => Ok(()),
    }
}

/// Writes each file beside its place and renames it, with a backup of what was there.
fn write(path: &Path, export: &Export) -> Result<(), Error> {
    let mut errors = Vec::new();
    for file in &export.files {
        let place = if file.name.as_os_str().is_empty() { path.to_owned() } else { path.join(&file.name) };
        match replace(&place, &file.text) {
            Ok(Replaced::Nothing) => log::info!("{}: as it was", place.display()),
            Ok(Replaced::New) => log::info!("{}: written", place.display()),
            Ok(Replaced::Old(backup)) => {
                log::warn!("{}: written; what was there is in {}", place.display(), backup.display());
            }
            Err(error) => errors.push(OutputError { path: place, why: error.to_string() }),
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(Error::Configurations(errors)) }
}

enum Replaced {
    /// The text is what was there.
    Nothing,
    /// There was no such file.
    New,
    /// What was there is in this backup.
    Old(PathBuf),
}

fn replace(place: &Path, text: &str) -> io::Result<Replaced> {
    let old = match fs::canonicalize(place) {
        Ok(path) => {
            if fs::read(&path)? == text.as_bytes() {
                return Ok(Replaced::Nothing);
            }
            // Renaming over it would get round a write protection that was meant.
            File::options().append(true).open(&path)?;
            let found = fs::metadata(&path)?;
            Some((path, found))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound && fs::symlink_metadata(place).is_err() => None,
        Err(error) => return Err(error),
    };
    let path = old.as_ref().map_or(place, |(path, _)| path).to_owned();
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    fs::create_dir_all(&folder)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".registry-check-").suffix(".tmp");
    let mut temporary = match &old {
        Some((_, found)) => builder.permissions(found.permissions()).tempfile_in(&folder)?,
        None => new_file(&mut builder, &folder)?,
    };
    temporary.write_all(text.as_bytes())?;
    temporary.as_file().sync_all()?;
    let mut backup = None;
    if let Some((path, found)) = &old {
        same_owner(temporary.path(), found)?;
        backup = Some(back_up(path, found)?);
    }
    temporary.persist(&path).map_err(|error| error.error)?;
    Ok(backup.map_or(Replaced::New, Replaced::Old))
}

/// Configurations are read by daemons of other users.
#[cfg(unix)]
fn new_file(builder: &mut tempfile::Builder<'_, '_>, folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    use std::os::unix::fs::PermissionsExt;
    builder.permissions(fs::Permissions::from_mode(0o644)).tempfile_in(folder)
}

#[cfg(not(unix))]
fn new_file(builder: &mut tempfile::Builder<'_, '_>, folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    builder.tempfile_in(folder)
}

#[cfg(unix)]
fn same_owner(path: &Path, old: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, chown};
    let new = fs::metadata(path)?;
    if (new.uid(), new.gid()) == (old.uid(), old.gid()) {
        return Ok(());
    }
    chown(path, Some(old.uid()), Some(old.gid()))
}

#[cfg(not(unix))]
fn same_owner(_: &Path, _: &Metadata) -> io::Result<()> {
    Ok(())
}

/// Copies a file beside itself, under a name that nobody has.
fn back_up(path: &Path, found: &Metadata) -> io::Result<PathBuf> {
    for number in 0..MOST_BACKUPS {
        let mut name = path.as_os_str().to_owned();
        name.push(if number == 0 { ".bak".to_owned() } else { format!(".bak.{number}") });
        let backup = PathBuf::from(name);
        let mut file = match File::options().write(true).create_new(true).open(&backup) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            other => other?,
        };
        // It may hold secrets: nobody else reads it before it is as well protected as the other.
        file.set_permissions(found.permissions())?;
        same_owner(&backup, found)?;
        file.write_all(&fs::read(path)?)?;
        file.sync_all()?;
        return Ok(backup);
    }
    Err(io::Error::other("too many backups beside it"))
}
