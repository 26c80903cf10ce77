//! Where an image is named, in the last column: as much of it as there is room for.
//!
//! File and line come first; document and key path stand behind them where they fit, since the other reports
//! have them too. All of it is a user's text, and is bounded and escaped here.

use crate::model::run::Place;

use super::super::view::Places;
use super::layout::{display_width, shorten};
use super::order::Order;
use super::outside;

/// Columns of the widest cell, each with all that is known of the place.
pub(super) fn widest(order: &Order<'_>, places: &Places<'_>) -> usize {
    let images = order.sections.iter().flat_map(|section| &section.images);
    images.map(|image| display_width(&cell(places.at(*image), usize::MAX))).max().unwrap_or(0)
}

/// The first place, and how many more there are.
pub(super) fn cell<'a>(mut places: impl ExactSizeIterator<Item = &'a Place>, width: usize) -> String {
    let Some(Place { origin, .. }) = places.next() else { return String::new() };
    let more = match places.len() {
        0 => String::new(),
        more => format!(" +{more}"),
    };
    let full = outside(&origin.in_full()) + &more;
    if display_width(&full) <= width {
        return full;
    }
    let place = outside(&origin.to_string());
    shorten(&place, width.saturating_sub(display_width(&more)).max(1)).into_owned() + &more
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::origin::Origin;

    fn place(line: u32) -> Place {
        let origin = Origin::line("deploy/web.yaml".into(), line);
        let path = Some("spec.containers[0].image".into());
        Place { image: 0, input: "nginx".into(), origin: Origin { document: Some(2), path, ..origin } }
    }

    #[test]
    fn the_key_path_gives_way_before_the_line() {
        let places = [place(42), place(7), place(9)];
        let at = |width| cell(places.iter(), width);
        assert_eq!(at(80), "deploy/web.yaml:42 (document 2, spec.containers[0].image) +2");
        assert_eq!(at(59), "deploy/web.yaml:42 +2");
        assert_eq!(at(21), "deploy/web.yaml:42 +2");
        assert_eq!(at(14), "deplo…ml:42 +2");
        assert_eq!(cell(places[..1].iter(), 14), "deploy…yaml:42");
        assert_eq!(cell(places[..0].iter(), 14), "");
    }
}
