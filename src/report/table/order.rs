//! Which images the matrix shows and in what order: registry by registry, each with the user's order inside.

use std::cmp::Reverse;
use std::collections::HashMap;

use unicode_width::UnicodeWidthStr as _;

use crate::gate::{self, Outcome};
use crate::model::image::ImageRef;
use crate::model::status::Status;

use super::super::matrix::{Column, columns, short_name};
use super::super::view::{Bearing, View};

/// Blank columns before a name that stands below its registry.
const INDENT: &str = "  ";

/// Which images the matrix shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Only {
    /// All.
    #[default]
    All,
    /// Those with anything that is not `ok`.
    Problems,
}

/// In what order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// As in the inputs.
    #[default]
    Input,
    /// By name.
    Image,
    /// The worst image first.
    Status,
    /// The mirror with the most problems first, and problems mirror by mirror.
    Mirror,
    /// The slowest image first.
    Latency,
}

/// Images of one registry, or of all where there is only one.
pub(super) struct Section<'a> {
    /// The registry, where its images are named without it.
    pub(super) registry: Option<&'a str>,
    /// Indexes into the run's images.
    pub(super) images: Vec<u32>,
}

/// The images that are shown.
pub(super) struct Order<'a> {
    pub(super) sections: Vec<Section<'a>>,
    /// How many are not.
    pub(super) hidden: usize,
}

impl<'a> Order<'a> {
    pub(super) fn of(view: &View<'a>, only: Only, sort: Sort) -> Self {
        let mut images: Vec<u32> = (0..).take(view.run.images.len()).collect();
        if only == Only::Problems {
            images.retain(|image| worst(view, *image) != Bearing::Fine);
        }
        let hidden = view.run.images.len() - images.len();
        match sort {
            Sort::Input | Sort::Mirror => {}
            Sort::Image => images.sort_by_cached_key(|image| by_name(view.image(*image))),
            Sort::Status => images.sort_by_cached_key(|image| severity(view, *image)),
            Sort::Latency => images.sort_by_cached_key(|image| Reverse(slowest(view, *image))),
        }
        let mut sections: Vec<Section<'a>> = Vec::new();
        let mut by_registry: HashMap<&str, usize> = HashMap::new();
        for image in &images {
            let registry = view.image(*image).registry();
            let at = *by_registry.entry(registry).or_insert_with(|| {
                sections.push(Section { registry: Some(registry), images: Vec::new() });
                sections.len() - 1
            });
            sections[at].images.push(*image);
        }
        if let [only] = &mut sections[..] {
            only.registry = None;
        }
        Self { sections, hidden }
    }

    /// Columns of the widest name.
    pub(super) fn widest(&self, view: &View<'_>) -> usize {
        let names = self.sections.iter().flat_map(|section| {
            let names = section.images.iter().map(|image| name(view.image(*image), section.registry).width());
            names.chain(section.registry.map(str::len))
        });
        names.max().unwrap_or(0)
    }
}

/// An image's name in its section. An image's name holds nothing that needs escaping.
pub(super) fn name(image: &ImageRef, registry: Option<&str>) -> String {
    let name = short_name(image);
    let below = registry.and_then(|registry| name.strip_prefix(registry)?.strip_prefix('/'));
    match below {
        Some(below) => format!("{INDENT}{below}"),
        None => name,
    }
}

/// The columns of the matrix.
pub(super) fn ordered_columns(view: &View<'_>, sort: Sort) -> Vec<Column> {
    let mut columns = columns(view);
    if sort == Sort::Mirror {
        let problems = problems_by_endpoint(view);
        columns.sort_by_key(|column| match column {
            Column::Upstream | Column::UpstreamFrom(_) => (0, Reverse(0)),
            Column::Mirror(at) => (1, Reverse(problems[*at as usize])),
        });
    }
    columns
}

/// How many results of each endpoint are not as they should be.
pub(super) fn problems_by_endpoint(view: &View<'_>) -> Vec<u32> {
    let mut problems = vec![0; view.run.endpoints.len()];
    for result in &view.run.results {
        let bearing = view.bearing(result);
        problems[result.endpoint as usize] += u32::from(bearing != Bearing::Fine);
    }
    problems
}

fn worst(view: &View<'_>, image: u32) -> Bearing {
    let results = view.results(image).iter();
    let bearings = results.map(|result| view.bearing(result));
    bearings.min().unwrap_or(Bearing::Fine)
}

/// What came of an image, the worst first; then how bad the worst of the results that are why is, and how many those are.
fn severity(view: &View<'_>, image: u32) -> (Reverse<Outcome>, Bearing, Reverse<(u8, bool, usize)>) {
    let outcome = view.decision.images.get(image as usize).copied().unwrap_or(Outcome::Pass);
    let worst = worst(view, image);
    let results = view.results(image).iter();
    let alike = results.filter(|result| view.bearing(result) == worst);
    let statuses = alike.clone().map(|result| result.verdict.code.status());
    // What answers with something else is looked into before what is not there.
    let gravest = statuses.map(|status| (gate::severity(status), status == Status::Invalid)).max();
    let (severity, is_invalid) = gravest.unwrap_or_default();
    (Reverse(outcome), worst, Reverse((severity, is_invalid, alike.count())))
}

/// Part by part: `app` stands before `app-2`, whatever their tags are.
fn by_name(image: &ImageRef) -> [String; 3] {
    let rest = image.tag().map_or_else(|| image.to_string(), str::to_owned);
    [image.registry().to_owned(), image.repository().to_owned(), rest]
}

fn slowest(view: &View<'_>, image: u32) -> Option<std::time::Duration> {
    view.results(image).iter().filter_map(|result| result.latency).max()
}

#[cfg(test)]
mod tests {
    use super::super::super::fixture;
    use super::*;

    fn order(only: Only, sort: Sort) -> Vec<(Option<String>, Vec<u32>)> {
        let fixture = fixture::all_statuses();
        let order = Order::of(&fixture.view(), only, sort);
        let sections = order.sections.into_iter();
        sections.map(|section| (section.registry.map(str::to_owned), section.images)).collect()
    }

    fn section(registry: &str, images: &[u32]) -> (Option<String>, Vec<u32>) {
        (Some(registry.to_owned()), images.to_vec())
    }

    #[test]
    fn images_stand_registry_by_registry_in_the_order_asked_for() {
        let own = section("registry.example.com:5000", &[4]);
        for (sort, wanted) in [
            (Sort::Input, [section("docker.io", &[0, 1, 3]), section("quay.io", &[2, 5]), own.clone()]),
            (Sort::Image, [section("docker.io", &[3, 1, 0]), section("quay.io", &[5, 2]), own.clone()]),
            (Sort::Status, [section("docker.io", &[3, 0, 1]), section("quay.io", &[2, 5]), own.clone()]),
            (Sort::Mirror, [section("docker.io", &[0, 1, 3]), section("quay.io", &[2, 5]), own.clone()]),
            (Sort::Latency, [section("quay.io", &[5, 2]), own.clone(), section("docker.io", &[3, 1, 0])]),
        ] {
            assert_eq!(order(Only::All, sort), wanted, "{sort:?}");
        }
    }

    #[test]
    fn images_without_problems_are_counted_where_they_are_not_shown() {
        let shown = order(Only::Problems, Sort::Input);
        assert_eq!(shown, [section("docker.io", &[0, 1, 3]), section("quay.io", &[2, 5])]);
        let fixture = fixture::all_statuses();
        assert_eq!(Order::of(&fixture.view(), Only::Problems, Sort::Input).hidden, 1);
    }

    #[test]
    fn problems_alone_stand_in_the_order_asked_for() {
        let own = "registry.example.com:5000";
        for sort in [Sort::Input, Sort::Image, Sort::Status, Sort::Mirror, Sort::Latency] {
            let mut all = order(Only::All, sort);
            // The only one without a problem is the only one of its registry.
            all.retain(|(registry, _)| registry.as_deref() != Some(own));
            assert_eq!(order(Only::Problems, sort), all, "{sort:?}");
        }
    }

    #[test]
    fn images_of_one_registry_keep_their_whole_names() {
        let fixture = fixture::many(2);
        let view = fixture.view();
        let order = Order::of(&view, Only::All, Sort::Input);
        assert_eq!(order.sections.len(), 1);
        assert_eq!(name(view.image(0), order.sections[0].registry), "docker.io/acme/app-0:1");
        assert_eq!(name(view.image(0), Some("docker.io")), "  acme/app-0:1");
    }

    #[test]
    fn the_mirror_with_the_most_problems_stands_first() {
        let fixture = fixture::many(4);
        let columns = |sort| ordered_columns(&fixture.view(), sort);
        assert_eq!(columns(Sort::Mirror), [Column::Upstream, Column::Mirror(0), Column::Mirror(1)]);
        let mut turned = fixture::many(4);
        turned.run.endpoints.swap(0, 1);
        for result in &mut turned.run.results {
            result.endpoint = [1, 0, 2][result.endpoint as usize];
        }
        let columns = ordered_columns(&turned.view(), Sort::Mirror);
        assert_eq!(columns, [Column::Upstream, Column::Mirror(1), Column::Mirror(0)]);
    }
}
