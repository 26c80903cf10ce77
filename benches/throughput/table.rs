//! What was measured and what was to be reached, as two Markdown tables.

use std::fmt;

use crate::contender::{HYPER, Measured, named};

/// Everything to tell at the end.
#[derive(Default)]
pub struct Report {
    rows: Vec<[String; 8]>,
    targets: Vec<[String; 4]>,
}

/// The bound that a figure has to keep.
pub enum Bound {
    /// It or less.
    AtMost(f64),
    /// Less.
    Below(f64),
    /// Exactly it.
    Exactly(f64),
}

impl Report {
    /// Adds a row for each contender.
    pub fn rows(&mut self, scenario: &str, all: &[Measured]) {
        let raw = named(all, HYPER);
        for one in all {
            let per_request = one.cpu() * 1e6 / one.requests as f64;
            self.rows.push([
                scenario.to_owned(),
                one.name.clone(),
                format!("{:.1}", one.wall() * 1000.0),
                format!("{:.1}", one.cpu() * 1000.0),
                format!("{per_request:.1}"),
                one.requests.to_string(),
                format!("{:.1}", one.peak_rss_mib()),
                raw.map_or_else(|| "–".to_owned(), |raw| format!("{:.2}", one.wall_ratio(raw))),
            ]);
        }
    }

    /// Adds a target: `figure` is held to `bound`.
    pub fn target(&mut self, scenario: &str, what: &str, figure: f64, bound: &Bound) {
        let (bound, is_met) = match bound {
            Bound::AtMost(bound) => (format!("≤ {bound:.2}"), figure <= *bound),
            Bound::Below(bound) => (format!("< {bound:.2}"), figure < *bound),
            Bound::Exactly(bound) => (format!("= {bound:.0}"), (figure - bound).abs() < f64::EPSILON),
        };
        let met = if is_met { "yes" } else { "NO" };
        self.targets.push([format!("{scenario}: {what}"), format!("{figure:.2}"), bound, met.to_owned()]);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = [
            "scenario",
            "who",
            "wall ms",
            "CPU ms",
            "CPU µs/request",
            "requests",
            "peak RSS MiB",
            "wall ÷ raw hyper",
        ];
        write_table(f, columns, &self.rows)?;
        writeln!(f)?;
        write_table(f, ["target", "measured", "bound", "met"], &self.targets)
    }
}

fn write_table<const N: usize>(
    f: &mut fmt::Formatter<'_>,
    columns: [&str; N],
    rows: &[[String; N]],
) -> fmt::Result {
    let width = |at: usize| {
        rows.iter().map(|row| row[at].chars().count()).chain([columns[at].chars().count()]).max().unwrap_or(0)
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |f: &mut fmt::Formatter<'_>, cells: [&str; N]| {
        cells.iter().zip(widths).try_for_each(|(cell, width)| write!(f, "| {cell:width$} "))?;
        writeln!(f, "|")
    };
    line(f, columns)?;
    widths.iter().try_for_each(|width| write!(f, "| {} ", "-".repeat(*width)))?;
    writeln!(f, "|")?;
    rows.iter().try_for_each(|row| line(f, row.each_ref().map(String::as_str)))
}
