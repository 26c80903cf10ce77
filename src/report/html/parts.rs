//! What was found below the manifests: platforms by endpoint, and the hosts that pulls need.

use std::io::{self, Write};

use super::super::depth::{self, PlatformCount};
use super::super::view::View;
use super::text;
use crate::model::anatomy::PlatformState;
use crate::model::run::HostUse;

pub(super) fn write(view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    write_platforms(view, out)?;
    write_hosts(view, out)?;
    match depth::uncovered(view) {
        Some(left) => writeln!(out, "<p>{}</p>", text(&left)),
        None => Ok(()),
    }
}

fn write_platforms(view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let platforms = depth::platforms(view);
    if platforms.is_empty() {
        return Ok(());
    }
    writeln!(out, "<section aria-labelledby=\"platforms\">\n<h2 id=\"platforms\">Platforms</h2>")?;
    writeln!(out, "<p class=\"quiet\">Of how many images each can be pulled.</p>\n<div class=\"cards\">")?;
    for at in &platforms {
        writeln!(
            out,
            "<article class=\"card\"><h3><bdi>{}</bdi></h3>\n<ul class=\"facts\">",
            text(&at.endpoint)
        )?;
        for (name, count) in &at.counts {
            let (tone, name, words) = (tone_of_platform(count), text(name), text(&count.words()));
            writeln!(out, "<li class=\"{tone}\"><code>{name}</code> <span>{words}</span></li>")?;
        }
        if let Some(rest) = at.rest() {
            writeln!(out, "<li>{}</li>", text(&rest))?;
        }
        writeln!(out, "</ul></article>")?;
    }
    writeln!(out, "</div>\n</section>")
}

fn write_hosts(view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    if view.run.hosts.is_empty() {
        return Ok(());
    }
    writeln!(out, "<section aria-labelledby=\"hosts\">\n<h2 id=\"hosts\">Hosts that pulls need</h2>")?;
    writeln!(out, "<ul class=\"facts card\">")?;
    for host in &view.run.hosts {
        let (whose, said) = (text(&depth::whose(host)), text(&depth::host(host)));
        writeln!(out, "<li class=\"{}\"><bdi>{whose}</bdi> <span>{said}</span></li>", tone_of_host(host))?;
    }
    writeln!(out, "</ul>\n</section>")
}

const fn tone_of_platform(count: &PlatformCount) -> &'static str {
    if count.of(PlatformState::Missing) > 0 || count.of(PlatformState::Damaged) > 0 {
        "fail"
    } else if count.of(PlatformState::Unknown) > 0 {
        "undecided"
    } else if count.of(PlatformState::Fallback) > 0 {
        "warn"
    } else {
        "fine"
    }
}

const fn tone_of_host(host: &HostUse) -> &'static str {
    match (&host.fault, host.reached) {
        (None, _) if host.refused == 0 => "fine",
        (Some(_), 0) => "fail",
        _ => "warn",
    }
}
