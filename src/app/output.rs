//! Where reports go. Files are opened before the first request, so that a bad path fails while it costs
//! nothing, and take their right name only when they are whole.

use std::collections::HashSet;
#[cfg(unix)]
use std::fs::Permissions;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::destination::{Destination, Form, Forms};
use super::interrupt::Interruptions;
use super::reader::{self, Reader};
use super::rows::{self, Rows};
use super::template::Template;
use super::{OutputError, apart};
use crate::report::{self, Format, TableStyle, View, escape};

/// As many as Linux follows.
const MOST_LINKS: usize = 40;
/// What is written while results come.
const ROWS: Form = Form::Format(Format::Ndjson);
/// What standard output is called in errors.
const STDOUT: &str = "standard output";

/// Every place that gets a report.
#[derive(Debug)]
pub(super) struct Outputs {
    places: Vec<Output>,
    template: Option<Template>,
    interruptions: Interruptions,
}

#[derive(Debug)]
struct Output {
    form: Form,
    target: Target,
}

#[derive(Debug)]
pub(super) enum Target {
    Stdout,
    /// A new or existing regular file: written beside it, then renamed.
    File {
        path: PathBuf,
        temporary: NamedTempFile,
    },
    /// A device or pipe, which a rename would replace.
    Special {
        path: PathBuf,
        file: File,
    },
}

impl Outputs {
    /// Opens every place; without any, standard output.
    ///
    /// What is written to each, [`Forms::destination`] says. None of the files `read` by this run is written
    /// to. May block as long as a pipe has no reader.
    pub(super) fn open(
        paths: &[PathBuf],
        forms: Forms,
        read: &[PathBuf],
        interruptions: &Interruptions,
    ) -> Result<Self, Vec<OutputError>> {
        let interruptions_of_all = interruptions.clone();
        if paths.is_empty() {
            let places = vec![Output { form: forms.of_stdout(), target: Target::Stdout }];
            return Ok(Self { places, template: forms.template, interruptions: interruptions_of_all });
        }
        let mut outputs = Vec::new();
        let mut errors = Vec::new();
        let mut seen = HashSet::new();
        let read: HashSet<PathBuf> = read.iter().filter_map(|path| fs::canonicalize(path).ok()).collect();
        for path in paths {
            let fail = |why: String| OutputError { path: path.clone(), why };
            let (form, place) = match forms.destination(path) {
                Ok(Destination { form, path: Some(place) }) => (form, place),
                Ok(Destination { form, path: None }) => {
                    if seen.insert(None) {
                        outputs.push(Output { form, target: Target::Stdout });
                    } else {
                        errors.push(fail("given twice".to_owned()));
                    }
                    continue;
                }
                Err(why) => {
                    errors.push(fail(why));
                    continue;
                }
            };
            log::debug!("opening {}", place.display());
            match open(&place, interruptions) {
                Ok(Target::File { path, .. }) if read.contains(&path) => {
                    errors.push(fail("is read by this run, and would be overwritten".to_owned()));
                }
                Ok(target) => {
                    if seen.insert(target.path().map(Path::to_owned)) {
                        outputs.push(Output { form, target });
                    } else {
                        errors.push(fail("given twice".to_owned()));
                    }
                }
                Err(error) => errors.push(fail(error.to_string())),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Self { places: outputs, template: forms.template, interruptions: interruptions_of_all })
    }

    /// Whether a report takes the place of this file.
    pub(super) fn replace(&self, file: &Path) -> bool {
        let is_it = |target: &Target| matches!(target, Target::File { path, .. } if path == file);
        self.places.iter().any(|output| is_it(&output.target))
    }

    /// Whether standard output gets a report.
    pub(super) fn has_stdout(&self) -> bool {
        self.places.iter().any(|output| matches!(output.target, Target::Stdout))
    }

    /// Whether standard output gets a report in this format.
    pub(super) fn has_stdout_as(&self, format: Format) -> bool {
        let is_it = |output: &Output| output.form == Form::Format(format);
        self.places.iter().any(|output| matches!(output.target, Target::Stdout) && is_it(output))
    }

    /// Whether standard output tells people everything.
    pub(super) fn are_for_people(&self) -> bool {
        let is_for_people = |output: &Output| {
            matches!(output.target, Target::Stdout)
                && matches!(output.form, Form::Format(Format::Table | Format::Markdown))
        };
        self.places.iter().any(is_for_people)
    }

    /// Whether any report is one that other runs can be put together with.
    pub(super) fn are_to_be_merged(&self) -> bool {
        let has_list = |output: &Output| match output.form {
            Form::Format(format) => matches!(format, Format::Json | Format::Ndjson),
            Form::Template => true,
        };
        self.places.iter().any(has_list)
    }

    /// Whether results are to be told one by one anywhere.
    pub(super) fn has_rows(&self) -> bool {
        self.places.iter().any(Output::is_rows)
    }

    /// Whether [`Self::open`] will find no other place than those where results are told one by one.
    pub(super) fn are_rows_only(paths: &[PathBuf], forms: &Forms) -> bool {
        let is_row =
            |path: &PathBuf| forms.destination(path).is_ok_and(|destination| destination.form == ROWS);
        if paths.is_empty() { forms.of_stdout() == ROWS } else { paths.iter().all(is_row) }
    }

    /// Begins to write results where they are to be told one by one.
    ///
    /// # Errors
    /// A place cannot be written to.
    pub(super) fn rows(&self) -> io::Result<Rows> {
        let places = self.places.iter().filter(|output| output.is_rows()).map(|output| {
            let (name, interruptions) = (output.target.name(), &self.interruptions);
            Ok(rows::Place {
                path: output.target.path().unwrap_or(Path::new(STDOUT)).to_owned(),
                to: match &output.target {
                    Target::Stdout => Box::new(Reader::of(reader::stdout()?, name, interruptions)),
                    Target::File { temporary, .. } => Box::new(temporary.as_file().try_clone()?),
                    Target::Special { file, .. } => {
                        Box::new(Reader::of(file.try_clone()?, name, interruptions))
                    }
                },
            })
        });
        Rows::to(places.collect::<io::Result<_>>()?)
    }

    /// Gives the files into which `rows` went their right names, but for those that could not be written.
    pub(super) fn finish_rows(&mut self, rows: Rows) -> Vec<OutputError> {
        let mut errors = rows.finish();
        for at in (0..self.places.len()).rev() {
            if !self.places[at].is_rows() {
                continue;
            }
            let Output { target, .. } = self.places.remove(at);
            let Target::File { path, temporary } = target else { continue };
            if errors.iter().any(|error| error.path == path) {
                continue;
            }
            if let Err(error) = name(temporary, &path) {
                errors.push(OutputError { path, why: error.to_string() });
            }
        }
        errors
    }

    /// Writes every report that is a file and was not written while results came, and gives it its name. One that fails does not keep the others from
    /// being written.
    pub(super) fn write_files(&mut self, view: &View<'_>, style: &TableStyle) -> Vec<OutputError> {
        let is_file = |output: &mut Output| {
            !output.is_rows() && output.form != Form::Template && matches!(output.target, Target::File { .. })
        };
        let files = self.places.extract_if(.., is_file).collect();
        self.write(files, view, style)
    }

    /// Writes every other report: after the files, as it may take for ever.
    pub(super) fn write_rest(&mut self, view: &View<'_>, style: &TableStyle) -> Vec<OutputError> {
        let rest = self.places.extract_if(.., |output| output.form != Form::Template).collect();
        self.write(rest, view, style)
    }

    /// Writes what is written by the user's template: after all else, as it may take all the memory there is.
    pub(super) fn write_templates(mut self, view: &View<'_>, style: &TableStyle) -> Vec<OutputError> {
        let templates = std::mem::take(&mut self.places);
        self.write(templates, view, style)
    }

    fn write(&self, places: Vec<Output>, view: &View<'_>, style: &TableStyle) -> Vec<OutputError> {
        let mut errors = Vec::new();
        let template = self.template.as_ref();
        for Output { form, target } in places {
            let path = target.path().unwrap_or(Path::new(STDOUT)).to_owned();
            if let Err(error) = write((form, template), target, (view, style), &self.interruptions) {
                errors.push(OutputError { path, why: error.to_string() });
            }
        }
        errors
    }
}

impl Output {
    fn is_rows(&self) -> bool {
        self.form == ROWS
    }
}

impl Target {
    fn path(&self) -> Option<&Path> {
        match self {
            Self::Stdout => None,
            Self::File { path, .. } | Self::Special { path, .. } => Some(path),
        }
    }

    /// What it is called, fit for terminals.
    pub(super) fn name(&self) -> String {
        escape::terminal(&self.path().unwrap_or(Path::new(STDOUT)).display().to_string()).into_owned()
    }
}

/// Where a file is or would be, behind all links.
pub(super) fn place(path: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => new_path(&behind_links(path)).map_err(plain),
        place => place.map_err(plain),
    }
}

/// Opens a place for something that gets its name when it is whole.
pub(super) fn open(path: &Path, interruptions: &Interruptions) -> io::Result<Target> {
    // Through a link, so that the link stays and its target is replaced.
    let path = place(path)?;
    let permissions = match fs::metadata(&path) {
        Ok(found) if found.is_dir() => return Err(io::Error::other("is a directory")),
        Ok(found) if !found.is_file() => {
            let file = File::options().write(true).open(&path)?;
            return Ok(Target::Special { path, file });
        }
        Ok(found) => {
            // Renaming over it would get round a write protection that was meant.
            File::options().append(true).open(&path)?;
            Some(found.permissions())
        }
        Err(_) => None,
    };
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".registry-check-").suffix(".tmp");
    match permissions {
        Some(permissions) => {
            builder.permissions(permissions);
        }
        None => new_file(&mut builder),
    }
    let temporary = interruptions.temporary(&builder, folder).map_err(plain)?;
    Ok(Target::File { path, temporary })
}

/// Writes a whole file: it takes its name when all of `bytes` is there, and keeps what it was until then.
///
/// # Errors
/// It cannot be written.
pub(super) fn replace(path: &Path, bytes: &[u8], interruptions: &Interruptions) -> io::Result<()> {
    let target = open(path, interruptions)?;
    interruptions.writing();
    match target {
        Target::Stdout => io::stdout().write_all(bytes),
        Target::Special { mut file, .. } => file.write_all(bytes),
        Target::File { path, mut temporary } => {
            temporary.write_all(bytes)?;
            name(temporary, &path)
        }
    }
}

/// Where links lead to that end at nothing yet.
fn behind_links(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        // The links in /proc to pipes lead there, though what they say is no path.
        if fs::metadata(&path).is_ok() {
            break;
        }
        // A relative target is meant from the link's folder.
        let Ok(target) = fs::read_link(&path) else { break };
        path = path.parent().unwrap_or(Path::new("")).join(target);
    }
    path
}

/// The absolute path of a file that is not there yet.
fn new_path(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or_else(|| io::Error::other("names no file"))?;
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    Ok(fs::canonicalize(folder)?.join(name))
}

/// In people's words, and without the name of the temporary file, which nobody has asked for.
fn plain(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::NotFound => io::Error::new(error.kind(), "no such folder"),
        io::ErrorKind::NotADirectory => io::Error::new(error.kind(), "what should be its folder is a file"),
        io::ErrorKind::PermissionDenied => io::Error::new(error.kind(), "permission denied"),
        _ => error,
    }
}

/// As for any new file: the umask takes its part of this.
#[cfg(unix)]
fn new_file(builder: &mut tempfile::Builder<'_, '_>) {
    use std::os::unix::fs::PermissionsExt;
    builder.permissions(Permissions::from_mode(0o666));
}

#[cfg(not(unix))]
fn new_file(_: &mut tempfile::Builder<'_, '_>) {}

/// What a template writes, it writes whole or not at all.
fn render(
    (form, template): (Form, Option<&Template>),
    view: &View<'_>,
    style: &TableStyle,
    out: &mut dyn Write,
) -> io::Result<()> {
    match (form, template) {
        (Form::Format(format), _) => report::render(format, view, style, out),
        (Form::Template, Some(template)) => {
            out.write_all(&apart::fill_in(template, view).map_err(io::Error::other)?)
        }
        (Form::Template, None) => Err(io::Error::other("there is no template")),
    }
}

fn write(
    form: (Form, Option<&Template>),
    target: Target,
    (view, style): (&View<'_>, &TableStyle),
    interruptions: &Interruptions,
) -> io::Result<()> {
    let plain_style = TableStyle { colour: report::Colour::Never, width: None, ..*style };
    let name_shown = target.name();
    let written = match target {
        Target::Stdout => {
            let mut out = Reader::of(reader::stdout()?, name_shown, interruptions);
            render(form, view, style, &mut out).and_then(|()| out.flush())
        }
        Target::Special { file, .. } => {
            render(form, view, &plain_style, &mut Reader::of(file, name_shown, interruptions))
        }
        Target::File { path, mut temporary } => {
            render(form, view, &plain_style, temporary.as_file_mut())?;
            return name(temporary, &path);
        }
    };
    match written {
        // A reader that has seen enough, such as `head`.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Gives a report that is whole its right name.
pub(super) fn name(temporary: NamedTempFile, path: &Path) -> io::Result<()> {
    temporary.as_file().sync_all()?;
    temporary.persist(path).map_err(|error| error.error)?;
    Ok(())
}
