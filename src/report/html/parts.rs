//! What was found below the manifests: platforms by endpoint, and the hosts that pulls need.

use std::io::{self, Write};

use super::super::depth;
use super::super::view::View;
use super::text;

pub(super) fn write(view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let platforms = depth::platforms(view);
    if !platforms.is_empty() {
        writeln!(out, "<section aria-labelledby=\"platforms\">\n<h2 id=\"platforms\">Platforms</h2>")?;
        for at in &platforms {
            writeln!(out, "<h3><bdi>{}</bdi></h3>\n<ul class=\"where\">", text(&at.endpoint))?;
            for (name, count) in &at.counts {
                writeln!(out, "<li><code>{}</code> {}</li>", text(name), text(&count.words()))?;
            }
            if at.more > 0 {
                writeln!(out, "<li>and {} more</li>", at.more)?;
            }
            writeln!(out, "</ul>")?;
        }
        writeln!(out, "</section>")?;
    }
    if !view.run.hosts.is_empty() {
        writeln!(out, "<section aria-labelledby=\"hosts\">\n<h2 id=\"hosts\">Hosts that pulls need</h2>")?;
        writeln!(out, "<ul class=\"where\">")?;
        for host in &view.run.hosts {
            let (whose, said) = (text(&depth::whose(host)), text(&depth::host(host)));
            writeln!(out, "<li><bdi>{whose}</bdi>: {said}</li>")?;
        }
        writeln!(out, "</ul>\n</section>")?;
    }
    match depth::uncovered(view) {
        Some(left) => writeln!(out, "<p>{}</p>", text(&left)),
        None => Ok(()),
    }
}
