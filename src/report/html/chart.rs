//! Drawings as inline SVG, each with a title and a description that say in words what is drawn.
//!
//! Positions are attributes and colours are classes: the page's policy allows no style attributes.

use std::io::{self, Write};
use std::ops::RangeInclusive;

use super::super::view::Bearing;
use super::banner::grouped;
use super::latency::{self, CLASSES};
use super::tone;

/// The least part of a bar that can be seen, in thousandths.
const LEAST_PART: u64 = 8;

const WIDTH: u64 = 320;
const BARS_TOP: u64 = 14;
const BARS_HEIGHT: u64 = 56;
const HEIGHT: u64 = 88;

/// Who is drawn, escaped, and a number that is the drawing's own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject<'a> {
    pub(super) name: &'a str,
    pub(super) at: usize,
}

/// A bar of parts, each as long as its number.
pub(super) fn write_availability(
    of: Subject<'_>,
    parts: &[(Bearing, u64)],
    words: &str,
    out: &mut dyn Write,
) -> io::Result<()> {
    let Subject { name, at } = of;
    writeln!(
        out,
        "<svg class=\"availability\" role=\"img\" aria-labelledby=\"a{at}t a{at}d\">\
         <title id=\"a{at}t\">Availability of {name}</title><desc id=\"a{at}d\">{words}</desc>"
    )?;
    let counts: Vec<u64> = parts.iter().map(|(_, count)| *count).collect();
    let mut from = 0;
    for ((bearing, _), length) in parts.iter().zip(lengths(&counts)) {
        let (x, width) = (percent(from), percent(length));
        writeln!(out, "<rect class=\"{}\" x=\"{x}\" width=\"{width}\" height=\"100%\"/>", tone(*bearing))?;
        from += length;
    }
    writeln!(out, "</svg>")
}

/// Thousandths of the whole that each count is; what is there can be seen.
fn lengths(counts: &[u64]) -> Vec<u64> {
    let total: u64 = counts.iter().sum::<u64>().max(1);
    let mut lengths: Vec<u64> = counts
        .iter()
        .map(|count| if *count == 0 { 0 } else { (count * 1000 / total).max(LEAST_PART) })
        .collect();
    // What small parts got more than their share of, and what rounding lost, the longest settles.
    let sum: u64 = lengths.iter().sum();
    if let Some(longest) = lengths.iter_mut().max() {
        *longest = (*longest + 1000).saturating_sub(sum);
    }
    lengths
}

fn percent(thousandths: u64) -> String {
    format!("{}.{}%", thousandths / 10, thousandths % 10)
}

/// A histogram of times: the classes `shown`, and above each bar how many there are.
pub(super) fn write_histogram(
    of: Subject<'_>,
    counts: &[u64; CLASSES],
    shown: &RangeInclusive<usize>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let Subject { name, at } = of;
    let words: Vec<String> = (0..)
        .zip(counts)
        .filter(|(_, count)| **count > 0)
        .map(|(class, count)| format!("{} in {}", grouped(*count), latency::span(class)))
        .collect();
    writeln!(
        out,
        "<svg class=\"histogram\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-labelledby=\"h{at}t h{at}d\">\
         <title id=\"h{at}t\">Latency of {name}</title><desc id=\"h{at}d\">Answers by their time: {}.</desc>",
        words.join(", ")
    )?;
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let bottom = BARS_TOP + BARS_HEIGHT;
    let number = (shown.end() + 1 - shown.start()) as u64;
    for (place, class) in (0..).zip(shown.clone()) {
        let (left, right) = (place * WIDTH / number, (place + 1) * WIDTH / number);
        let count = counts[class];
        if count > 0 {
            let height = (count * BARS_HEIGHT / most).max(2);
            let top = bottom - height;
            writeln!(
                out,
                "<rect x=\"{}\" y=\"{top}\" width=\"{}\" height=\"{height}\"/>\
                 <text x=\"{}\" y=\"{}\">{}</text>",
                left + 2,
                right - left - 4,
                (left + right) / 2,
                top - 4,
                grouped(count)
            )?;
        }
        // The last has no room to its right.
        if class < *shown.end() {
            writeln!(out, "<text x=\"{right}\" y=\"{}\">{}</text>", HEIGHT - 4, latency::end(class))?;
        }
    }
    writeln!(out, "<line x1=\"0\" x2=\"{WIDTH}\" y1=\"{bottom}\" y2=\"{bottom}\"/></svg>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_fill_the_bar_and_the_smallest_can_be_seen() {
        for (counts, wanted) in [
            (&[1, 1][..], &[500, 500][..]),
            (&[3], &[1000]),
            (&[10_000, 1], &[992, 8]),
            (&[1, 1, 1], &[333, 333, 334]),
            (&[0, 5], &[0, 1000]),
            (&[], &[]),
        ] {
            assert_eq!(lengths(counts), wanted);
        }
    }
}
