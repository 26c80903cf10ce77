//! How an image's name becomes the name of a repository on a mirror.
//!
//! Mirrors differ in this more than in anything else: host swap, host prefix, project prefix, flattened
//! paths, `library/` added or dropped. Whatever the rule, the result must be a legal repository name.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use regex::{Regex, RegexBuilder};
use thiserror::Error;

use super::image::{ImageRef, is_repository};

/// The rule of one endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rewrite {
    /// Longest prefix first; tried before `template`.
    pub prefixes: Vec<PrefixRule>,
    /// Regular expressions on the repository; the first that changes it wins, and nothing else is done.
    pub patterns: Vec<Pattern>,
    /// What is asked for where no prefix matches.
    pub template: Template,
    /// What happens to Docker Hub's `library/` before anything else.
    pub library: Library,
}

/// A regular expression and its replacement, in which `$1` or `${name}` are groups: Go's syntax and rules,
/// which are those of the `regex` crate as well.
#[derive(Clone, Debug)]
pub struct Pattern {
    expression: Regex,
    to: Box<str>,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.expression.as_str() == other.expression.as_str() && self.to == other.to
    }
}

impl Eq for Pattern {}

impl Pattern {
    /// Reads an expression.
    ///
    /// # Errors
    /// It does not compile, or to something too large.
    pub fn new(expression: &str, to: &str) -> Result<Self, regex::Error> {
        let expression = RegexBuilder::new(expression).size_limit(1 << 20).build()?;
        Ok(Self { expression, to: to.into() })
    }

    /// The first group that the replacement names and the expression has not: it stands for nothing.
    #[must_use]
    pub fn missing_group(&self) -> Option<String> {
        let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        let to = self.to.replace("$$", "");
        let mut names = to.split('$').skip(1).map(|rest| match rest.strip_prefix('{') {
            Some(braced) => braced.split_once('}').map_or("", |(name, _)| name),
            None => &rest[..rest.find(|letter| !is_part(letter)).unwrap_or(rest.len())],
        });
        let is_there = |name: &str| match name.parse::<usize>() {
            Ok(number) => number < self.expression.captures_len(),
            Err(_) => self.expression.capture_names().flatten().any(|known| known == name),
        };
        names.find(|name| !name.is_empty() && !is_there(name)).map(str::to_owned)
    }
}

/// `prefix` of `registry/repository` is replaced by `to`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrefixRule {
    /// `registry` or `registry/path`, matched by whole components.
    pub prefix: Box<str>,
    /// Repository path put in its place; may be empty.
    pub to: Box<str>,
}

/// What happens to the `library/` of official images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Library {
    /// Left as it is.
    #[default]
    Keep,
    /// `library/nginx` is asked for as `nginx`.
    Drop,
    /// A repository of one component gets `library/` in front.
    Add,
}

/// A repository path with places for the parts of an image's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(Box<str>),
    Registry,
    Repository,
    Last(usize),
    Join(Box<str>),
}

impl Default for Template {
    fn default() -> Self {
        Self(vec![Piece::Repository])
    }
}

/// Why a template cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TemplateError {
    /// An opening brace without its closing one, or the reverse.
    #[error("unbalanced brace in '{0}'")]
    Brace(String),
    /// Nothing is known under this name.
    #[error(
        "unknown placeholder '{{{0}}}' (known: {{registry}}, {{repository}}, {{last}}, {{last:N}}, {{join:SEPARATOR}})"
    )]
    Placeholder(String),
    /// Every image would get the same name.
    #[error("'{0}' names no part of the repository: every image would become the same one")]
    Constant(String),
}

/// The rewritten name is not a legal repository name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}", illegal(name))]
pub struct NameError {
    /// The name that came out.
    pub name: String,
}

fn illegal(name: &str) -> String {
    match name {
        "" => "nothing is left of the repository's name".to_owned(),
        name => format!("'{name}' is not a legal repository name"),
    }
}

impl FromStr for Template {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let Some(open) = rest.find(['{', '}']) else {
                pieces.push(Piece::Text(rest.into()));
                break;
            };
            if open > 0 {
                pieces.push(Piece::Text(rest[..open].into()));
            }
            let inner = rest[open..]
                .strip_prefix('{')
                .and_then(|inner| inner.split_once('}'))
                .ok_or_else(|| TemplateError::Brace(text.to_owned()))?;
            pieces.push(placeholder(inner.0)?);
            rest = inner.1;
        }
        if pieces.iter().all(|piece| matches!(piece, Piece::Text(_) | Piece::Registry)) {
            return Err(TemplateError::Constant(text.to_owned()));
        }
        Ok(Self(pieces))
    }
}

fn placeholder(name: &str) -> Result<Piece, TemplateError> {
    let unknown = || TemplateError::Placeholder(name.to_owned());
    match name.split_once(':') {
        None => match name {
            "registry" => Ok(Piece::Registry),
            "repository" => Ok(Piece::Repository),
            "last" => Ok(Piece::Last(1)),
            _ => Err(unknown()),
        },
        Some(("last", count)) => match count.parse() {
            Ok(count) if count > 0 => Ok(Piece::Last(count)),
            _ => Err(unknown()),
        },
        Some(("join", separator)) if matches!(separator, "-" | "_" | "__" | "." | "--") => {
            Ok(Piece::Join(separator.into()))
        }
        Some(_) => Err(unknown()),
    }
}

impl Rewrite {
    /// The repository to ask for.
    ///
    /// # Errors
    /// The result is no legal repository name, such as a registry's port in the path.
    pub fn apply<'a>(&self, image: &'a ImageRef) -> Result<Cow<'a, str>, NameError> {
        let full = image.repository();
        // A name that is left alone was found legal when it was read, and most are.
        if self.leaves_alone() {
            return Ok(Cow::Borrowed(full));
        }
        self.change(image.registry(), full).map(Cow::Owned)
    }

    fn leaves_alone(&self) -> bool {
        self.prefixes.is_empty()
            && self.patterns.is_empty()
            && self.library == Library::Keep
            && matches!(&self.template.0[..], [Piece::Repository])
    }

    fn change(&self, registry: &str, full: &str) -> Result<String, NameError> {
        let repository = match self.library {
            Library::Keep => full.to_owned(),
            Library::Drop => full.strip_prefix("library/").unwrap_or(full).to_owned(),
            Library::Add if full.contains('/') => full.to_owned(),
            Library::Add => format!("library/{full}"),
        };
        let replaced =
            self.patterns.iter().map(|pattern| pattern.expression.replace_all(&repository, &*pattern.to));
        if let Some(name) = replaced.into_iter().find(|name| *name != repository) {
            return if is_repository(&name) { Ok(name.into()) } else { Err(NameError { name: name.into() }) };
        }
        let name = self
            .by_prefix(registry, &repository)
            .unwrap_or_else(|| self.template.fill(registry, &repository));
        if is_repository(&name) { Ok(name) } else { Err(NameError { name }) }
    }

    fn by_prefix(&self, registry: &str, repository: &str) -> Option<String> {
        if self.prefixes.is_empty() {
            return None;
        }
        let name = format!("{}/{repository}", registry.to_ascii_lowercase());
        let (rule, rest) = self
            .prefixes
            .iter()
            .filter_map(|rule| Some((rule, strip_components(&name, &rule.prefix)?)))
            .max_by_key(|(rule, _)| rule.prefix.len())?;
        Some(match (&*rule.to, rest) {
            ("", rest) => rest.to_owned(),
            (to, "") => to.to_owned(),
            (to, rest) => format!("{to}/{rest}"),
        })
    }
}

/// What is left of `name` after `prefix`, if `prefix` ends where a component ends.
#[must_use]
pub fn strip_components<'a>(name: &'a str, prefix: &str) -> Option<&'a str> {
    let rest = name.strip_prefix(prefix)?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
}

impl Template {
    /// The same text for every image, legal or not.
    #[must_use]
    pub fn constant(text: impl Into<Box<str>>) -> Self {
        Self(vec![Piece::Text(text.into())])
    }

    fn fill(&self, registry: &str, repository: &str) -> String {
        let mut name = String::with_capacity(registry.len() + repository.len() + 16);
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => name.push_str(text),
                Piece::Registry => name.push_str(&registry.to_ascii_lowercase()),
                Piece::Repository => name.push_str(repository),
                Piece::Last(count) => {
                    let from = repository.rmatch_indices('/').nth(count - 1).map_or(0, |(at, _)| at + 1);
                    name.push_str(&repository[from..]);
                }
                Piece::Join(separator) => name.push_str(&repository.replace('/', separator)),
            }
        }
        name
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|piece| match piece {
            Piece::Text(text) => f.write_str(text),
            Piece::Registry => f.write_str("{registry}"),
            Piece::Repository => f.write_str("{repository}"),
            Piece::Last(1) => f.write_str("{last}"),
            Piece::Last(count) => write!(f, "{{last:{count}}}"),
            Piece::Join(separator) => write!(f, "{{join:{separator}}}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(template: &str, library: Library, image: &str) -> Result<String, NameError> {
        let rewrite = Rewrite { template: template.parse().unwrap(), library, ..Rewrite::default() };
        rewrite.apply(&image.parse().unwrap()).map(Cow::into_owned)
    }

    #[test]
    fn every_kind_of_rewrite_gives_the_name_its_mirror_expects() {
        for (template, library, image, name) in [
            // Host swap, host prefix, path prefix.
            ("{repository}", Library::Keep, "nginx:1.25", "library/nginx"),
            ("{registry}/{repository}", Library::Keep, "nginx:1.25", "docker.io/library/nginx"),
            ("{registry}/{repository}", Library::Keep, "GHCR.io/a/b", "ghcr.io/a/b"),
            ("dockerhub/{repository}", Library::Keep, "nginx", "dockerhub/library/nginx"),
            // Flattening: the last parts, or all of them joined.
            (
                "google_containers/{last}",
                Library::Keep,
                "registry.k8s.io/coredns/coredns:v1",
                "google_containers/coredns",
            ),
            ("{last}", Library::Keep, "registry.k8s.io/pause", "pause"),
            ("x/{last:2}", Library::Keep, "quay.io/a/b/c", "x/b/c"),
            ("x/{last:9}", Library::Keep, "quay.io/a/b/c", "x/a/b/c"),
            ("{join:-}", Library::Keep, "quay.io/a/b/c", "a-b-c"),
            ("m/{join:__}", Library::Keep, "quay.io/a/b", "m/a__b"),
            // library/ dropped and added.
            ("docker-remote/{repository}", Library::Drop, "nginx", "docker-remote/nginx"),
            ("docker-remote/{repository}", Library::Drop, "grafana/grafana", "docker-remote/grafana/grafana"),
            ("{repository}", Library::Add, "docker.io:443/nginx", "library/nginx"),
            ("{repository}", Library::Add, "quay.io/a/b", "a/b"),
        ] {
            assert_eq!(rewritten(template, library, image).as_deref(), Ok(name), "{template} {image}");
        }
    }

    #[test]
    fn a_port_cannot_be_kept_in_a_path() {
        let error = rewritten("{registry}/{repository}", Library::Keep, "reg:5000/x").unwrap_err();
        assert_eq!(error.name, "reg:5000/x");
    }

    #[test]
    fn the_longest_prefix_wins_and_ends_at_a_component() {
        let rule = |prefix: &str, to: &str| PrefixRule { prefix: prefix.into(), to: to.into() };
        let rewrite = Rewrite {
            prefixes: vec![
                rule("example.com", "all"),
                rule("example.com/foo", "internal/bar"),
                rule("docker.io/library", ""),
            ],
            ..Rewrite::default()
        };
        for (image, name) in [
            ("example.com/foo/image:latest", "internal/bar/image"),
            ("example.com/foo", "internal/bar"),
            ("example.com/foobar", "all/foobar"),
            ("example.com/other/x", "all/other/x"),
            ("nginx", "nginx"),
            ("docker.io/libraryy/x", "libraryy/x"),
            ("quay.io/a/b", "a/b"),
        ] {
            assert_eq!(rewrite.apply(&image.parse().unwrap()).as_deref(), Ok(name), "{image}");
        }
    }

    #[test]
    fn templates_say_what_is_wrong_with_them() {
        for (text, part) in [
            ("{repo}", "unknown placeholder '{repo}'"),
            ("{last:0}/x", "unknown placeholder '{last:0}'"),
            ("{join:/}", "unknown placeholder"),
            ("{repository", "unbalanced brace"),
            ("a}b", "unbalanced brace"),
            ("fixed", "every image"),
            ("{registry}/x", "every image"),
            ("", "every image"),
        ] {
            let error = text.parse::<Template>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn a_template_prints_as_it_was_written() {
        for text in ["{repository}", "a/{registry}/{last:3}-{last}", "{join:--}/x"] {
            assert_eq!(text.parse::<Template>().unwrap().to_string(), text);
        }
    }
}
