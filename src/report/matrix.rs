//! Images × endpoints: which columns there are and what stands in a cell.
//!
//! All upstreams share one column, since an image has one upstream. Each mirror has its own.

use crate::model::endpoint::{Endpoint, Role};
use crate::model::image::ImageRef;
use crate::model::run::CheckResult;

use super::view::View;

/// A column of the matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    /// The upstream of each image, whichever it is.
    Upstream,
    /// The mirror at this index of the run's endpoints.
    Mirror(u32),
}

/// The columns of a run: upstream where one was asked, then the mirrors in configured order.
pub(super) fn columns(view: &View<'_>) -> Vec<Column> {
    let endpoints = &view.run.endpoints;
    let upstream = endpoints.iter().any(|endpoint| endpoint.role == Role::Upstream);
    let mirrors = (0..).zip(endpoints).filter(|(_, endpoint)| endpoint.role == Role::Mirror);
    let mirrors = mirrors.map(|(at, _)| Column::Mirror(at));
    upstream.then_some(Column::Upstream).into_iter().chain(mirrors).collect()
}

impl Column {
    /// The name above the column; not escaped.
    pub(super) fn name<'a>(self, view: &View<'a>) -> &'a str {
        match self {
            Self::Upstream => "upstream",
            Self::Mirror(at) => &view.run.endpoints[at as usize].name,
        }
    }

    /// What stands in this column, of the results of one image; `None` where nobody was to be asked.
    pub(super) fn cell<'a>(self, view: &View<'_>, results: &'a [CheckResult]) -> Option<&'a CheckResult> {
        results.iter().find(|result| match self {
            Self::Upstream => result.role(view.run) == Role::Upstream,
            Self::Mirror(at) => result.endpoint == at,
        })
    }
}

/// Who an endpoint is, in running text: an upstream says so. Not escaped.
pub(super) fn who(endpoint: &Endpoint) -> String {
    match endpoint.role {
        Role::Upstream => format!("upstream {}", endpoint.name),
        Role::Mirror => endpoint.name.to_string(),
    }
}

/// An image's name as it stands in the matrix: of a digest only as much as tells two apart.
pub(super) fn short_name(image: &ImageRef) -> String {
    let name = image.to_string();
    match (image.digest(), name.split_once('@')) {
        (Some(digest), Some((name, _))) => format!("{name}@{}", digest.short()),
        _ => name,
    }
}
