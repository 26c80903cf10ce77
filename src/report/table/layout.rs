//! How wide the columns are, and what gives way where the terminal is narrow.
//!
//! In this order: long places and image names lose their middle; long mirror names become keys, explained in a
//! legend; then the mirrors, and at last the places, are spread over several tables.

use std::borrow::Cow;

use unicode_width::UnicodeWidthChar as _;

use crate::model::endpoint::Role;

use super::super::escape::{self, bounded};
use super::super::matrix::Column;
use super::super::view::View;

/// Blank columns between two cells.
pub(super) const GAP: usize = 2;
/// Image names are cut to this width before mirror names become keys.
const COMFORTABLE: usize = 40;
/// Image names are cut to this width before the table is split.
const TIGHT: usize = 24;
/// Places have as much before image names get more than is comfortable.
const COMFORTABLE_PLACE: usize = 24;
/// Places are cut to this width before they get a table of their own.
const TIGHT_PLACE: usize = 14;
/// Image names are never narrower.
const LEAST: usize = 8;
/// Most characters of a mirror's name in the table's head.
const MAX_NAME_CHARS: usize = 80;
const IMAGE_HEADER: &str = "IMAGE";
pub(super) const PLACE_HEADER: &str = "PLACE";
/// A symbol and a blank stand before each status.
pub(super) const SYMBOL_WIDTH: usize = 2;

/// A column with its head and width.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) column: Column,
    pub(super) header: String,
    pub(super) width: usize,
}

/// The measures of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) image_width: usize,
    /// Of the last column of the last table, which says where images are named.
    pub(super) place_width: usize,
    /// One table each.
    pub(super) blocks: Vec<Vec<Slot>>,
    /// Keys in the head, and the names that they stand for.
    pub(super) legend: Vec<(String, String)>,
}

impl Layout {
    /// Measures a run for a terminal of `width` columns, with the widths of the widest image name and place.
    pub(super) fn of(
        view: &View<'_>,
        columns: Vec<Column>,
        (names, places): (usize, usize),
        width: Option<usize>,
    ) -> Self {
        let widest = (names.max(IMAGE_HEADER.len()), places.max(PLACE_HEADER.len()));
        let widths = label_widths(view, &columns);
        let slots: Vec<_> = columns
            .into_iter()
            .zip(widths)
            .map(|(column, labels)| {
                let name = column.name(view);
                let name = bounded(&name, MAX_NAME_CHARS);
                (Slot { column, header: escape::terminal(&name).into_owned(), width: 0 }, labels)
            })
            .collect();
        Self::fit(widest, slots, width.unwrap_or(usize::MAX))
    }

    /// `slots` come with the width of what stands below their heads.
    fn fit((image_width, place_width): (usize, usize), slots: Vec<(Slot, usize)>, width: usize) -> Self {
        let mut legend = Vec::new();
        let mut slots: Vec<_> = slots
            .into_iter()
            .map(|(slot, labels)| (Slot { width: labels.max(display_width(&slot.header)), ..slot }, labels))
            .collect();
        let needed = |slots: &[(Slot, usize)]| slots.iter().map(|(slot, _)| slot.width + GAP).sum::<usize>();
        let least_place = place_width.min(TIGHT_PLACE) + GAP;
        if image_width.min(COMFORTABLE) + least_place + needed(&slots) > width {
            for (slot, labels) in &mut slots {
                let key = format!("[{}]", legend.len() + 1);
                let narrow = (*labels).max(key.len());
                if slot.width > narrow {
                    slot.width = narrow;
                    legend.push((key.clone(), std::mem::replace(&mut slot.header, key)));
                }
            }
        }
        let least = image_width.min(TIGHT);
        let mut blocks: Vec<Vec<Slot>> = vec![Vec::new()];
        let mut room = width.saturating_sub(least);
        for (slot, _) in slots {
            let needs = slot.width + GAP;
            if needs > room && blocks.last().is_some_and(|block| !block.is_empty()) {
                blocks.push(Vec::new());
                room = width.saturating_sub(least);
            }
            room = room.saturating_sub(needs);
            if let Some(block) = blocks.last_mut() {
                block.push(slot);
            }
        }
        if least_place > room {
            blocks.push(Vec::new());
        }
        let taken = |block: &Vec<Slot>| block.iter().map(|slot| slot.width + GAP).sum::<usize>();
        let widest = blocks.iter().map(taken).max().unwrap_or(0);
        let left = width.saturating_sub(widest).max(LEAST);
        // The last table has the places beside its mirrors.
        let last = width.saturating_sub(blocks.last().map_or(0, taken) + GAP);
        let reserved = last.saturating_sub(image_width.min(COMFORTABLE));
        let reserved = reserved.clamp(TIGHT_PLACE, COMFORTABLE_PLACE).min(place_width);
        let image_width = image_width.min(left).min(last.saturating_sub(reserved).max(LEAST));
        Self { image_width, place_width: place_width.min(last.saturating_sub(image_width)), blocks, legend }
    }
}

/// The width of the widest word in each column.
fn label_widths(view: &View<'_>, columns: &[Column]) -> Vec<usize> {
    let mut by_endpoint = vec![1usize; view.run.endpoints.len()];
    for result in &view.run.results {
        let widest = &mut by_endpoint[result.endpoint as usize];
        *widest = (*widest).max(SYMBOL_WIDTH + result.verdict.code.status().label().len());
    }
    // One width for all columns of upstreams.
    let upstream = view.run.endpoints.iter().zip(&by_endpoint);
    let upstream = upstream.filter(|(endpoint, _)| endpoint.role == Role::Upstream).map(|(_, width)| *width);
    let upstream = upstream.max().unwrap_or(1);
    columns
        .iter()
        .map(|column| match column {
            Column::Upstream | Column::UpstreamFrom(_) => upstream,
            Column::Mirror(at) => by_endpoint[*at as usize],
        })
        .collect()
}

/// Columns that `text` takes in a terminal, character by character as terminals count.
pub(super) fn display_width(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

/// `text` in at most `width` columns, its middle replaced by an ellipsis where it is longer.
pub(in crate::report) fn shorten(text: &str, width: usize) -> Cow<'_, str> {
    if display_width(text) <= width {
        return Cow::Borrowed(text);
    }
    let room = width.saturating_sub(1);
    // The tail gets the larger half: name and tag say more than the registry.
    let (head, tail) = (room / 2, room - room / 2);
    let from_head: String = text.chars().scan(0, |used, c| within(used, c, head)).collect();
    let mut from_tail: Vec<char> = text.chars().rev().scan(0, |used, c| within(used, c, tail)).collect();
    from_tail.reverse();
    Cow::Owned(from_head + "…" + &from_tail.into_iter().collect::<String>())
}

fn within(used: &mut usize, c: char, room: usize) -> Option<char> {
    *used += c.width().unwrap_or(0);
    (*used <= room).then_some(c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn slots(columns: &[(&str, usize)]) -> Vec<(Slot, usize)> {
        let columns = (0..).zip(columns).map(|(at, (name, labels))| {
            (Slot { column: Column::Mirror(at), header: (*name).to_owned(), width: 0 }, *labels)
        });
        columns.collect()
    }

    #[test]
    fn names_lose_their_middle() {
        assert_eq!(shorten("docker.io/library/nginx:1.25", 40), "docker.io/library/nginx:1.25");
        assert_eq!(shorten("docker.io/library/nginx:1.25", 15), "docker.…nx:1.25");
        assert_eq!(shorten("漢字漢字漢字", 6), "漢…字");
        assert_eq!(shorten("abc", 1), "…");
    }

    #[test]
    fn first_image_names_give_way_then_mirror_names_then_the_table_is_split() {
        let columns = [("a.rather.long.mirror.example/hub", 9), ("b", 12)];
        let fit = |width| Layout::fit((90, 5), slots(&columns), width);
        let wide = fit(200);
        assert_eq!((wide.image_width, wide.blocks.len(), wide.legend.len()), (90, 1, 0));
        let cut = fit(100);
        assert_eq!((cut.image_width, cut.blocks.len(), cut.legend.len()), (45, 1, 0));
        let keyed = fit(80);
        assert_eq!((keyed.image_width, keyed.blocks.len()), (48, 1));
        assert_eq!(keyed.legend, [("[1]".to_owned(), columns[0].0.to_owned())]);
        let split = fit(45);
        assert_eq!((split.image_width, split.blocks.len()), (24, 2));
    }

    #[test]
    fn places_have_what_is_left_and_at_last_a_table_of_their_own() {
        let fit = |columns: &[(&str, usize)], width| {
            let layout = Layout::fit((60, 90), slots(columns), width);
            (layout.image_width, layout.place_width, layout.blocks.len())
        };
        let columns = [("mirror", 12), ("other", 12)];
        assert_eq!(fit(&columns, 200), (60, 90, 1));
        assert_eq!(fit(&columns, 150), (60, 60, 1));
        assert_eq!(fit(&columns, 100), (46, 24, 1));
        assert_eq!(fit(&columns, 80), (36, 14, 1));
        assert_eq!(fit(&columns, 68), (24, 14, 1));
        assert_eq!(fit(&columns, 60), (32, 26, 2));
        assert_eq!(fit(&[], 60), (40, 18, 1));
    }

    proptest! {
        #[test]
        fn tables_fit_their_width(
            image in 5usize..120,
            place in 5usize..120,
            columns in prop::collection::vec(("[a-z.]{1,40}", 1usize..=14), 0..12),
            width in 40usize..200,
        ) {
            let columns: Vec<_> = columns.iter().map(|(name, labels)| (name.as_str(), *labels)).collect();
            let layout = Layout::fit((image, place), slots(&columns), width);
            for block in &layout.blocks {
                let taken: usize = block.iter().map(|slot| slot.width + GAP).sum();
                prop_assert!(layout.image_width + taken <= width, "{layout:?}");
                prop_assert!(block.iter().all(|slot| display_width(&slot.header) <= slot.width));
            }
            let beside: usize = layout.blocks.last().unwrap().iter().map(|slot| slot.width + GAP).sum();
            prop_assert!(layout.image_width + beside + GAP + layout.place_width <= width, "{layout:?}");
            prop_assert!(layout.place_width >= place.min(TIGHT_PLACE), "{layout:?}");
            prop_assert_eq!(layout.blocks.iter().flatten().count(), columns.len());
            prop_assert!(layout.image_width >= image.min(TIGHT));
        }

        #[test]
        fn shortened_text_fits(text in "\\PC{0,40}", width in 1usize..30) {
            prop_assert!(display_width(&shorten(&text, width)) <= width);
        }
    }
}
