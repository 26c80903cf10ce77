//! Images × endpoints: which columns there are and what stands in a cell.
//!
//! All upstreams share one column, since an image has one upstream; where a run is made of several vantage
//! points, those of each. Each mirror has its own.

use std::borrow::Cow;

use crate::model::endpoint::{Endpoint, Role};
use crate::model::image::ImageRef;
use crate::model::run::CheckResult;

use super::view::View;

/// A column of the matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    /// The upstream of each image, whichever it is.
    Upstream,
    /// The upstream of each image, asked from where the endpoint at this index is.
    UpstreamFrom(u32),
    /// The mirror at this index of the run's endpoints.
    Mirror(u32),
}

/// The columns of a run: upstream where one was asked, then the mirrors in configured order.
pub(super) fn columns(view: &View<'_>) -> Vec<Column> {
    let endpoints = &view.run.endpoints;
    let upstreams = (0..).zip(endpoints).filter(|(_, endpoint)| endpoint.role == Role::Upstream);
    let mut seen = Vec::new();
    let mut columns = Vec::new();
    for (at, endpoint) in upstreams {
        if !seen.contains(&endpoint.vantage()) {
            seen.push(endpoint.vantage());
            columns.push(Column::UpstreamFrom(at));
        }
    }
    if columns.len() == 1 {
        columns = vec![Column::Upstream];
    }
    let mirrors = (0..).zip(endpoints).filter(|(_, endpoint)| endpoint.role == Role::Mirror);
    columns.extend(mirrors.map(|(at, _)| Column::Mirror(at)));
    columns
}

impl Column {
    /// The name above the column; not escaped.
    pub(super) fn name<'a>(self, view: &View<'a>) -> Cow<'a, str> {
        let endpoint = |at: u32| &view.run.endpoints[at as usize];
        match self {
            Self::Upstream => "upstream".into(),
            Self::UpstreamFrom(at) => match endpoint(at).vantage() {
                Some(vantage) => format!("upstream ({vantage})").into(),
                None => "upstream".into(),
            },
            Self::Mirror(at) => (&*endpoint(at).name).into(),
        }
    }

    /// Whether what `result` says stands in this column.
    pub(super) fn holds(self, view: &View<'_>, result: &CheckResult) -> bool {
        match self {
            Self::Upstream => result.role(view.run) == Role::Upstream,
            Self::UpstreamFrom(at) => {
                let from = view.run.endpoints[at as usize].vantage();
                result.role(view.run) == Role::Upstream && view.endpoint(result).vantage() == from
            }
            Self::Mirror(at) => result.endpoint == at,
        }
    }

    /// What stands in this column, of the results of one image; `None` where nobody was to be asked.
    pub(super) fn cell<'a>(self, view: &View<'_>, results: &'a [CheckResult]) -> Option<&'a CheckResult> {
        results.iter().find(|result| self.holds(view, result))
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
