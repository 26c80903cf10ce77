//! The report of `--plan`: what a run would cost, for people and for programs. Nothing has been asked.

use std::io;

use serde::Serialize;
use unicode_width::UnicodeWidthStr;

use super::{escape, json};
use crate::model::depth::Depth;
use crate::model::estimate::{Estimate, HostEstimate};
use crate::model::manifest::MAX_MANIFEST_BYTES;

/// What stands in `schema`.
const SCHEMA_ID: &str = "registry-check/plan/v1";

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    images: u64,
    depth: &'static str,
    requests: Range,
    heads: Range,
    gets: Range,
    token_exchanges: Most,
    docker_hub_pulls: Range,
    bytes: Bytes,
    /// Of the requests, those about signatures and the like.
    referrers: Most,
    not_asked: u64,
    max_bytes: Option<u64>,
    unknown_until_manifests_are_read: &'static [&'static str],
    hosts: Vec<HostLine<'a>>,
}

/// Where all is well, and at most.
#[derive(Serialize)]
struct Range {
    planned: u64,
    /// None where only manifests tell.
    at_most: Option<u64>,
    /// At most for the images themselves, where there is no other bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    at_most_before_parts: Option<u64>,
}

impl Range {
    fn new(planned: u64, most: u64, estimate: &Estimate) -> Self {
        let is_bounded = estimate.unknown().is_empty();
        let only = |is: bool| is.then_some(most);
        Self { planned, at_most: only(is_bounded), at_most_before_parts: only(!is_bounded) }
    }

    fn most(&self) -> u64 {
        self.at_most.or(self.at_most_before_parts).unwrap_or(self.planned)
    }
}

/// Of documents and blobs; none where only manifests tell.
#[derive(Serialize)]
struct Bytes {
    planned: Option<u64>,
    at_most: Option<u64>,
}

impl Bytes {
    fn of(estimate: &Estimate) -> Self {
        let gets = all(estimate, gets);
        let most = |count: u64| count.saturating_mul(MAX_MANIFEST_BYTES as u64);
        Self { planned: (gets.planned == 0).then_some(0), at_most: gets.at_most.map(most) }
    }
}

#[derive(Serialize)]
struct Most {
    at_most: u64,
}

#[derive(Serialize)]
struct HostLine<'a> {
    host: String,
    scheme: &'a str,
    roles: Vec<&'static str>,
    requests: Range,
    heads: Range,
    gets: Range,
    token_exchanges: Most,
    docker_hub_pulls: Range,
    referrers: Most,
}

fn heads(host: &HostEstimate, estimate: &Estimate) -> Range {
    Range::new(host.heads, host.heads + host.more_heads, estimate)
}

fn gets(host: &HostEstimate, estimate: &Estimate) -> Range {
    let planned = host.gets + host.lists;
    Range::new(planned, planned + host.more_gets + host.more_configs + host.more_lists, estimate)
}

fn requests(host: &HostEstimate, estimate: &Estimate) -> Range {
    Range::new(host.requests(), host.most_requests(), estimate)
}

fn hub_pulls(host: &HostEstimate, estimate: &Estimate) -> Range {
    let (planned, at_most) = host.hub_pulls();
    // Elsewhere none is counted, whatever manifests tell.
    if host.is_docker_hub {
        Range::new(planned, at_most, estimate)
    } else {
        Range { planned, at_most: Some(at_most), at_most_before_parts: None }
    }
}

fn all(estimate: &Estimate, of: impl Fn(&HostEstimate, &Estimate) -> Range) -> Range {
    let planned = estimate.sum(|host| of(host, estimate).planned);
    let most = estimate.sum(|host| of(host, estimate).most());
    if estimate.hosts.iter().all(|host| of(host, estimate).at_most.is_some()) {
        Range { planned, at_most: Some(most), at_most_before_parts: None }
    } else {
        Range::new(planned, most, estimate)
    }
}

/// Writes it as JSON, `registry-check/plan/v1`.
///
/// # Errors
/// `out` cannot be written to.
pub fn json(estimate: &Estimate, out: &mut dyn io::Write) -> io::Result<()> {
    let hosts = estimate.hosts.iter().map(|host| HostLine {
        host: host.authority.to_string(),
        scheme: &host.authority.scheme,
        roles: host.roles.iter().map(|role| role.as_str()).collect(),
        requests: requests(host, estimate),
        heads: heads(host, estimate),
        gets: gets(host, estimate),
        token_exchanges: Most { at_most: host.token_exchanges },
        docker_hub_pulls: hub_pulls(host, estimate),
        referrers: Most { at_most: host.referrers },
    });
    let document = Document {
        schema: SCHEMA_ID,
        images: estimate.images,
        depth: estimate.deepest.as_str(),
        requests: all(estimate, requests),
        heads: all(estimate, heads),
        gets: all(estimate, gets),
        token_exchanges: Most { at_most: estimate.sum(|host| host.token_exchanges) },
        docker_hub_pulls: all(estimate, hub_pulls),
        bytes: Bytes::of(estimate),
        referrers: Most { at_most: estimate.sum(|host| host.referrers) },
        not_asked: estimate.not_asked,
        max_bytes: estimate.max_bytes,
        unknown_until_manifests_are_read: estimate.unknown(),
        hosts: hosts.collect(),
    };
    json::write_value(&document, out)
}

const HEADER: [&str; 6] = ["HOST", "HEAD", "GET", "AT MOST", "TOKENS", "HUB PULLS"];

/// Writes it as a table, one line for each host, and what it leaves open.
///
/// # Errors
/// `out` cannot be written to.
pub fn table(estimate: &Estimate, out: &mut dyn io::Write) -> io::Result<()> {
    let row = |host: &HostEstimate| {
        let more = if estimate.unknown().is_empty() { "" } else { "+" };
        let (pulls, most_pulls) = host.hub_pulls();
        [
            escape::terminal(&escape::bounded(&host.authority.to_string(), escape::MAX_REMOTE_CHARS))
                .into_owned(),
            host.heads.to_string(),
            gets(host, estimate).planned.to_string(),
            format!("{}{more}", host.most_requests()),
            format!("<= {}", host.token_exchanges),
            if host.is_docker_hub { format!("{pulls} to {most_pulls}{more}") } else { "-".to_owned() },
        ]
    };
    let rows: Vec<_> = estimate.hosts.iter().map(row).collect();
    let widths: [usize; 6] = std::array::from_fn(|column| {
        rows.iter().map(|row| row[column].width()).chain([HEADER[column].len()]).max().unwrap_or(0)
    });
    line(out, &widths, HEADER)?;
    for row in &rows {
        line(out, &widths, row.each_ref().map(String::as_str))?;
    }
    writeln!(out)?;
    closing(estimate).iter().try_for_each(|text| writeln!(out, "{text}"))
}

fn line(out: &mut dyn io::Write, widths: &[usize; 6], cells: [&str; 6]) -> io::Result<()> {
    let mut text = format!("{}{}", cells[0], " ".repeat(widths[0] - cells[0].width()));
    for (cell, width) in cells.iter().zip(widths).skip(1) {
        // Numbers end where their column does.
        text.push_str(&" ".repeat(2 + width - cell.width()));
        text.push_str(cell);
    }
    writeln!(out, "{text}")
}

/// Bodies that are read.
fn bytes(estimate: &Estimate) -> String {
    let gets = all(estimate, gets);
    let mib = MAX_MANIFEST_BYTES / (1024 * 1024);
    match gets.planned {
        0 => format!(
            "no bytes are read where all is well; {} documents at most, each up to {mib} MiB",
            gets.most()
        ),
        planned => format!(
            "{planned} documents are read where all is well, {} at most: each some kilobytes, {mib} MiB at most",
            gets.most()
        ),
    }
}

fn closing(estimate: &Estimate) -> Vec<String> {
    let (requests, pulls) = (all(estimate, requests), all(estimate, hub_pulls));
    let mut lines = vec![
        format!(
            "{} images, depth {}: {} requests for their manifests where all is well, {} at most where every mirror \
             differs",
            estimate.images,
            estimate.deepest,
            requests.planned,
            requests.most()
        ),
        format!(
            "at most {} token exchanges; {} Docker Hub pulls where all is well, {} at most{}",
            estimate.sum(|host| host.token_exchanges),
            pulls.planned,
            pulls.most(),
            if pulls.at_most.is_some() { "" } else { " and one for each platform's manifest that is read" }
        ),
        bytes(estimate),
    ];
    let referrers = estimate.sum(|host| host.referrers);
    if referrers > 0 {
        lines.push(format!(
            "of these, {referrers} at most are about signatures, SBOMs and attestations; most images have none or few"
        ));
    }
    if estimate.not_asked > 0 {
        lines.push(format!(
            "{} times an image is not asked for where it could not be had",
            estimate.not_asked
        ));
    }
    match estimate.deepest {
        Depth::Head | Depth::Manifest => {}
        Depth::Platforms if estimate.is_narrowed => lines.push(
            "platforms' manifests come on top, and configs where an index does not say for which platform an entry \
             is: how many there are is known only once manifests are read"
                .to_owned(),
        ),
        Depth::Platforms => lines.push(
            "platforms' manifests come on top: how many there are is known only once manifests are read".to_owned(),
        ),
        Depth::Blobs => lines.push(
            "platforms' manifests, configs and layers come on top: how many there are is known only once manifests \
             are read"
                .to_owned(),
        ),
        Depth::Content => {
            let bound = match estimate.max_bytes {
                Some(bytes) => format!("no more than {bytes} bytes of blobs (--max-bytes)"),
                None => "without --max-bytes there is no bound on their bytes".to_owned(),
            };
            lines.push(format!(
                "platforms' manifests, configs and layers come on top: how many there are, and their bytes, is known \
                 only once manifests are read; {bound}"
            ));
        }
    }
    lines.push(
        "not counted: retries, redirects, answers that ask for a token, and GETs where a HEAD says too little"
            .to_owned(),
    );
    lines.push("nothing was asked".to_owned());
    lines
}
