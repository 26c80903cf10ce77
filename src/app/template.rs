//! Reads the user's template, before anybody is asked.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::destination::{Form, Forms};
use super::{Error, apart};
use crate::report::Format;

/// Most bytes of a template.
const MOST_BYTES: u64 = 1024 * 1024;

/// The user's template, which is read and filled in by [`apart`] alone.
#[derive(Debug)]
pub(super) struct Template {
    /// What it is called in errors.
    pub(super) file: String,
    /// Its text.
    pub(super) source: String,
}

/// The forms that the command line names.
///
/// # Errors
/// The template cannot be read, is none, or is not used by any of `outputs`.
pub(super) fn forms(
    format: Option<Format>,
    template: Option<&Path>,
    outputs: &[PathBuf],
) -> Result<Forms, Error> {
    let forms = Forms { format, template: template.map(read).transpose()? };
    hold_to_use(&forms, outputs)?;
    Ok(forms)
}

fn read(path: &Path) -> Result<Template, Error> {
    let file = path.display().to_string();
    let fail = |why: String| Error::TemplateFile { file: file.clone(), why };
    let mut text = String::new();
    let opened = File::open(path).map_err(|error| fail(error.to_string()))?;
    opened.take(MOST_BYTES + 1).read_to_string(&mut text).map_err(|error| fail(error.to_string()))?;
    if text.len() as u64 > MOST_BYTES {
        return Err(fail("is larger than 1 MiB".to_owned()));
    }
    let template = Template { file: file.clone(), source: text };
    apart::check(&template).map_err(Error::Template)?;
    Ok(template)
}

/// A template that nothing is written by is a mistake: an extension or `-f` has taken its place.
fn hold_to_use(forms: &Forms, outputs: &[PathBuf]) -> Result<(), Error> {
    let is_it = |path: &PathBuf| forms.destination(path).is_ok_and(|place| place.form == Form::Template);
    let is_used = outputs.iter().any(is_it) || outputs.is_empty() && forms.of_stdout() == Form::Template;
    if forms.template.is_none() || is_used { Ok(()) } else { Err(Error::TemplateUnused) }
}
