//! Where the readers put what they find in one document: images, names that depend on something, faults.
//!
//! Every image of every kind passes through here, so that all are held to the same grammar and get their
//! origin in the same way.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use super::bad_line::BadLine;
use super::key_path::KeyPath;
use super::places::Places;
use super::variables::Variables;
use super::yaml::Node;
use super::{Inputs, list};
use crate::model::depth::ImageOptions;
use crate::model::dynamic::Dynamic;
use crate::model::image::ReferenceError;
use crate::model::origin::{Located, Origin};
use crate::model::platform::Platform;
use crate::model::shown::Shown;

/// A text and where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot<'a> {
    pub(super) line: u32,
    pub(super) path: Option<&'a KeyPath<'a>>,
    /// The value itself, where it may be written elsewhere than it is found.
    pub(super) node: Option<&'a Node>,
}

impl<'a> Spot<'a> {
    /// Of the value `node`, found at `path`.
    pub(super) const fn of(node: &'a Node, path: &'a KeyPath<'a>) -> Self {
        Self { line: node.line, path: Some(path), node: Some(node) }
    }

    /// A line of a document.
    pub(super) const fn line(line: u32) -> Self {
        Self { line, path: None, node: None }
    }
}

/// What makes two finds one: the file's address, the line, the key path at which it is written, the text, and what
/// is wrong with it.
type Mark = (usize, u32, Option<Arc<str>>, Box<str>, Box<str>);

/// Collects what one document holds.
#[derive(Debug)]
pub(super) struct Found<'a> {
    file: Arc<str>,
    document: Option<u32>,
    inputs: &'a mut Inputs,
    /// What was found already: anchors and merge keys lead to the same value on several ways.
    known: HashSet<Mark>,
    places: Places,
}

impl<'a> Found<'a> {
    pub(super) fn new(file: &Arc<str>, document: Option<u32>, inputs: &'a mut Inputs) -> Self {
        Self { file: Arc::clone(file), document, inputs, known: HashSet::new(), places: Places::default() }
    }

    /// Values of this document may be found elsewhere than they are written: they are told where they are written.
    pub(super) fn know(&mut self, root: &Rc<Node>) {
        self.places.add(root);
    }

    fn origin(&mut self, spot: Spot<'_>) -> Origin {
        let written = spot.node.and_then(|node| self.places.path(node));
        let path = written.or_else(|| Some(spot.path?.to_string()));
        Origin {
            file: Arc::clone(&self.file),
            line: spot.line,
            document: self.document,
            path: path.map(Into::into),
        }
    }

    /// Where it stands; none where the same was found there already.
    fn new_origin(&mut self, spot: Spot<'_>, text: &str, why: &str) -> Option<Origin> {
        let origin = self.origin(spot);
        let mark = (self.file.as_ptr().addr(), origin.line, origin.path.clone(), text.into(), why.into());
        self.known.insert(mark).then_some(origin)
    }

    /// The file that this began with, or was turned to.
    pub(super) const fn file(&self) -> (&Arc<str>, Option<u32>) {
        (&self.file, self.document)
    }

    /// What comes now stands in another file of the same whole.
    pub(super) fn turn_to(&mut self, file: &Arc<str>, document: Option<u32>) {
        if !Arc::ptr_eq(&self.file, file) || self.document != document {
            self.file = Arc::clone(file);
            self.document = document;
        }
    }

    /// `name` is an image as it is pulled; `typed` is what stands in the file. Empty names are none.
    pub(super) fn image(&mut self, spot: Spot<'_>, typed: &str, name: &str) {
        self.image_for(spot, typed, name, None);
    }

    /// The same, where the file also says for which platform it is pulled.
    pub(super) fn image_for(&mut self, spot: Spot<'_>, typed: &str, name: &str, platform: Option<Platform>) {
        if name.is_empty() {
            return;
        }
        let new = match &platform {
            Some(platform) => self.new_origin(spot, &format!("{name} {platform}"), ""),
            None => self.new_origin(spot, name, ""),
        };
        let Some(origin) = new else { return };
        if name.trim() != name {
            let why = "blanks stand around the name: no runtime takes it".to_owned();
            self.inputs.bad.push(BadLine::new(origin, &format!("'{name}'"), why));
            return;
        }
        match list::image(name) {
            Ok(value) => {
                let platforms = platform.map(|platform| Arc::from([platform]));
                let options =
                    platforms.map(|platforms| ImageOptions { depth: None, platforms: Some(platforms) });
                let (input, options) = (typed.trim().into(), options.map(Box::new));
                self.inputs.images.push(Located { value, input, origin, options });
            }
            Err(Fault { error: Some(ReferenceError::Variable), .. }) => {
                let why = "depends on something that is known only when it runs".to_owned();
                self.inputs.dynamic.push(Dynamic { origin, text: BadLine::cut(typed.trim()), why });
            }
            Err(fault) => self.inputs.bad.push(BadLine::new(origin, name, fault.why)),
        }
    }

    /// A name that cannot be known.
    pub(super) fn dynamic(&mut self, spot: Spot<'_>, typed: &str, why: String) {
        if let Some(origin) = self.new_origin(spot, typed, "") {
            self.inputs.dynamic.push(Dynamic { origin, text: BadLine::cut(typed.trim()), why });
        }
    }

    /// A value that is no text and stands where a name must: the runtimes refuse the file.
    pub(super) fn no_text(&mut self, node: &Node, path: &KeyPath<'_>) -> bool {
        let Some(kind) = node.kind_of_no_text() else { return false };
        let (text, why) = match node.text() {
            Some(text) => {
                (text, format!("{kind} is no image's name: if it is meant as one, write it in quotes"))
            }
            None => ("", format!("{kind} is no image's name: a text must stand here")),
        };
        self.bad(Spot::of(node, path), text, why);
        true
    }

    /// Something that is wrong with the document.
    pub(super) fn bad(&mut self, spot: Spot<'_>, typed: &str, why: String) {
        if let Some(origin) = self.new_origin(spot, typed, &why) {
            self.inputs.bad.push(BadLine::new(origin, typed, why));
        }
    }

    /// Where to note files that were read besides this one.
    pub(super) fn files(&mut self) -> &mut Vec<PathBuf> {
        &mut self.inputs.files
    }

    /// The variables of the Compose file at `path`; what is wrong with their file is told once, however many
    /// Compose files lie beside it.
    pub(super) fn variables_beside(
        &mut self,
        path: &Path,
        environment: Arc<BTreeMap<String, String>>,
    ) -> Variables {
        let (variables, bad) = Variables::beside(path, environment, &mut self.inputs.files);
        self.all_bad(bad);
        variables
    }

    /// Adds what the file of variables at `path` assigns; what is wrong with it is told once.
    pub(super) fn add_variables(&mut self, path: PathBuf, to: &mut Variables) {
        let bad = to.add_file(path, &mut self.inputs.files);
        self.all_bad(bad);
    }

    fn all_bad(&mut self, bad: Vec<BadLine>) {
        for bad in bad {
            if !self.inputs.bad.contains(&bad) {
                self.inputs.bad.push(bad);
            }
        }
    }

    /// Something that is left out, which the user should know.
    pub(super) fn warn(&mut self, line: u32, what: &str) {
        self.inputs.warnings.push(format!("{}:{line}: {what}", Shown(&self.file)));
    }
}

/// Why a name is no image that could be asked for.
#[derive(Debug)]
pub(super) struct Fault {
    /// The grammar's objection, if that is it.
    pub(super) error: Option<ReferenceError>,
    pub(super) why: String,
}
