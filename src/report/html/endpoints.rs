//! One card for each mirror, and then for each upstream: what it served, and how fast.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use crate::model::endpoint::{Endpoint, Role};
use crate::model::status::Status;

use super::super::view::{Bearing, View};
use super::banner::{counted, grouped};
use super::chart::{self, Subject};
use super::latency::{self, Latencies, shown_classes};
use super::{bearing, text, tone, word};

/// What one endpoint comes to.
#[derive(Default)]
struct Account {
    statuses: BTreeMap<(Bearing, Status), u64>,
    latencies: Option<Latencies>,
}

impl Account {
    fn asked(&self) -> u64 {
        self.statuses.values().sum()
    }

    /// How often it served what can be pulled in place of upstream's.
    fn served(&self) -> u64 {
        let is_served = |status| matches!(status, Status::Ok | Status::SameContent | Status::Unverified);
        self.statuses.iter().filter(|((_, status), _)| is_served(*status)).map(|(_, count)| count).sum()
    }

    /// What is fine first, as the bar begins with what is available.
    fn finest_first(&self) -> impl Iterator<Item = (Bearing, Status, u64)> + '_ {
        self.statuses.iter().rev().map(|((bearing, status), count)| (*bearing, *status, *count))
    }
}

fn accounts(view: &View<'_>) -> Vec<Account> {
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); view.run.endpoints.len()];
    let mut accounts: Vec<Account> = view.run.endpoints.iter().map(|_| Account::default()).collect();
    for result in &view.run.results {
        let at = result.endpoint as usize;
        let key = (bearing(view, result), result.verdict.code.status());
        *accounts[at].statuses.entry(key).or_default() += 1;
        times[at].extend(result.latency);
    }
    for (account, times) in accounts.iter_mut().zip(times) {
        account.latencies = Latencies::of(times);
    }
    accounts
}

pub(super) fn write(view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let accounts = accounts(view);
    if accounts.iter().all(|account| account.asked() == 0) {
        return Ok(());
    }
    let shown = shown_classes(accounts.iter().filter_map(|account| account.latencies.as_ref()));
    writeln!(
        out,
        "<section aria-labelledby=\"endpoints\">\n<h2 id=\"endpoints\">Mirrors and upstreams</h2>\n\
         <div class=\"cards\">"
    )?;
    for (at, (endpoint, account)) in view.run.endpoints.iter().zip(&accounts).enumerate() {
        if account.asked() == 0 {
            continue;
        }
        let name = text(&endpoint.name);
        let of = Subject { name: &name, at };
        write_head(endpoint, account, of, out)?;
        if let Some(latencies) = &account.latencies {
            chart::write_histogram(of, &latencies.classes(), &shown, out)?;
            write_times(latencies, out)?;
        } else {
            writeln!(out, "<p class=\"quiet\">No answer, so no times.</p>")?;
        }
        writeln!(out, "</article>")?;
    }
    writeln!(out, "</div>\n</section>")
}

fn write_head(
    endpoint: &Endpoint,
    account: &Account,
    of: Subject<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let role = match endpoint.role {
        Role::Mirror => "mirror",
        Role::Upstream => "upstream",
    };
    let (served, asked) = (account.served(), account.asked());
    writeln!(
        out,
        "<article class=\"card\">\n<h3><bdi>{}</bdi> <span class=\"quiet\">{role}</span></h3>\n\
         <p class=\"quiet url\">{}</p>\n<p>Serves <b>{}</b> of {}</p>",
        of.name,
        text(endpoint.url.as_str()),
        grouped(served),
        counted(asked, "image")
    )?;
    let parts: Vec<_> = account.finest_first().map(|(bearing, _, count)| (bearing, count)).collect();
    let words: Vec<_> = account
        .finest_first()
        .map(|(_, status, count)| format!("{} {}", grouped(count), status.label().to_lowercase()))
        .collect();
    chart::write_availability(of, &parts, &format!("Of {asked}: {}.", words.join(", ")), out)?;
    writeln!(out, "<ul class=\"legend\">")?;
    for (bearing, status, count) in account.finest_first() {
        writeln!(out, "<li class=\"{}\">{} <b>{}</b></li>", tone(bearing), word(status), grouped(count))?;
    }
    writeln!(out, "</ul>")
}

fn write_times(latencies: &Latencies, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "<p class=\"quiet\">Milliseconds to the first byte of {}</p>",
        counted(latencies.len() as u64, "answer")
    )?;
    writeln!(out, "<dl class=\"times\">")?;
    for (name, hundredths) in [("Fastest", 0), ("Median", 50), ("95% within", 95), ("Slowest", 100)] {
        let time = latency::time(latencies.percentile(hundredths));
        writeln!(out, "<div><dt>{name}</dt><dd>{time}</dd></div>")?;
    }
    writeln!(out, "</dl>")
}
