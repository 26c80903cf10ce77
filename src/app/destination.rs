//! Where a report goes and as what, as `-o` says it: `FILE`, `FORMAT:FILE`, `-`.
//!
//! Pure: nothing is opened here.

use std::path::{Path, PathBuf};

use super::template::Template;
use crate::report::Format;

/// What `-o` calls the user's template.
const TEMPLATE: &str = "template";

/// What is written to a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// One of the program's own formats.
    Format(Format),
    /// The user's template.
    Template,
}

/// What standard output and files without a telling name get.
#[derive(Debug, Default)]
pub(super) struct Forms {
    /// `--format`.
    pub(super) format: Option<Format>,
    /// `--template`.
    pub(super) template: Option<Template>,
}

/// A report to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Destination {
    pub(super) form: Form,
    /// `None` for standard output.
    pub(super) path: Option<PathBuf>,
}

impl Forms {
    /// What is written where nothing else is said; `None` where nothing is said at all.
    pub(super) fn said(&self) -> Option<Form> {
        match (self.format, &self.template) {
            (Some(format), _) => Some(Form::Format(format)),
            (None, Some(_)) => Some(Form::Template),
            (None, None) => None,
        }
    }

    /// What standard output gets.
    pub(super) fn of_stdout(&self) -> Form {
        self.said().unwrap_or(Form::Format(Format::Table))
    }

    /// Reads one value of `-o`.
    ///
    /// A prefix of small letters is a format. One letter is a drive, and a file that is really called so is
    /// written `./json:x`.
    ///
    /// # Errors
    /// It names no format, or one that does not exist; in words for people.
    pub(super) fn destination(&self, typed: &Path) -> Result<Destination, String> {
        let text = typed.to_str().unwrap_or_default();
        let prefix = text
            .split_once(':')
            .filter(|(word, _)| word.len() > 1 && word.bytes().all(|byte| byte.is_ascii_lowercase()));
        let (said, path) = match prefix {
            Some((TEMPLATE, path)) if self.template.is_some() => (Some(Form::Template), Path::new(path)),
            Some((TEMPLATE, _)) => return Err("needs a template: --template FILE".to_owned()),
            Some((word, path)) => {
                let format: Format =
                    word.parse().map_err(|error| format!("{error}; a file of this name is ./{text}"))?;
                (Some(Form::Format(format)), Path::new(path))
            }
            None => (None, typed),
        };
        if path.as_os_str().is_empty() {
            return Err("names no file".to_owned());
        }
        if path.as_os_str() == "-" {
            return Ok(Destination { form: said.unwrap_or_else(|| self.of_stdout()), path: None });
        }
        let by_name = || Format::from_extension(path).map(Form::Format);
        match said.or_else(by_name).or_else(|| self.said()) {
            Some(form) => Ok(Destination { form, path: Some(path.to_owned()) }),
            None => {
                Err("its extension names no format: use .csv, .md, .json, .ndjson, .html, .xml, .sarif, \
                         .prom or .txt, FORMAT:FILE, or -f"
                    .to_owned())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(forms: &Forms, typed: &str) -> Result<(Form, Option<String>), String> {
        let destination = forms.destination(Path::new(typed))?;
        Ok((destination.form, destination.path.map(|path| path.to_str().unwrap().to_owned())))
    }

    fn file(format: Format, path: &str) -> Result<(Form, Option<String>), String> {
        Ok((Form::Format(format), Some(path.to_owned())))
    }

    #[test]
    fn a_prefix_names_the_format_before_the_extension_and_the_flag() {
        let forms = Forms { format: Some(Format::Csv), template: None };
        for (typed, wanted) in [
            ("a.json", file(Format::Json, "a.json")),
            ("gitlab:a.json", file(Format::Gitlab, "a.json")),
            ("md:out/a", file(Format::Markdown, "out/a")),
            ("github:a.txt", file(Format::Github, "a.txt")),
            ("a", file(Format::Csv, "a")),
            ("./gitlab:a.json", file(Format::Json, "./gitlab:a.json")),
            ("c:a.json", file(Format::Json, "c:a.json")),
            ("C:\\a.json", file(Format::Json, "C:\\a.json")),
            ("a.b:c.prom", file(Format::Prometheus, "a.b:c.prom")),
            ("-", Ok((Form::Format(Format::Csv), None))),
            ("json:-", Ok((Form::Format(Format::Json), None))),
        ] {
            assert_eq!(read(&forms, typed), wanted, "{typed}");
        }
        assert_eq!(read(&Forms::default(), "-"), Ok((Form::Format(Format::Table), None)));
    }

    #[test]
    fn a_prefix_that_is_no_format_is_refused() {
        let told = read(&Forms::default(), "gitlb:a.json").unwrap_err();
        assert!(told.starts_with("unknown format 'gitlb' (known: table, "), "{told}");
        assert!(told.ends_with("; a file of this name is ./gitlb:a.json"), "{told}");
        assert_eq!(read(&Forms::default(), "json:"), Err("names no file".to_owned()));
        assert_eq!(
            read(&Forms::default(), "template:a"),
            Err("needs a template: --template FILE".to_owned())
        );
        assert!(read(&Forms::default(), "a.tar").unwrap_err().starts_with("its extension names no format: "));
    }

    #[test]
    fn a_template_stands_where_nothing_else_is_said() {
        let template = || Some(Template { file: "t".to_owned(), source: String::new() });
        let forms = Forms { format: None, template: template() };
        assert_eq!(forms.of_stdout(), Form::Template);
        assert_eq!(read(&forms, "a.page"), Ok((Form::Template, Some("a.page".to_owned()))));
        assert_eq!(read(&forms, "a.csv"), file(Format::Csv, "a.csv"));
        assert_eq!(read(&forms, "template:a.csv"), Ok((Form::Template, Some("a.csv".to_owned()))));
        let forms = Forms { format: Some(Format::Json), template: template() };
        assert_eq!(read(&forms, "-"), Ok((Form::Format(Format::Json), None)));
        assert_eq!(read(&forms, "template:-"), Ok((Form::Template, None)));
    }
}
