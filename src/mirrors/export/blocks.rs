//! A table of TOML that is left out stands in the file as a comment, below the reason: first what people wrote above
//! it, then the table. Here such a block is written once, found again, and told from people's own comments below it.

use toml_edit::{DocumentMut, Item};

use super::Target;
use super::renewed::LEFT_OUT;

/// So many lines of comments are looked at below a reason.
const MOST_LINES: usize = 200;
/// So many lines may be needed before a value is whole.
const MOST_OF_VALUE: usize = 30;

/// What is left out by this export.
pub(super) struct Gone {
    /// The line with the reason, without its end.
    pub(super) reason: String,
    /// The table as a comment; empty where none was there.
    pub(super) body: String,
}

/// What stands below a reason.
pub(super) struct Block {
    /// How many lines it has.
    pub(super) lines: usize,
    /// The comments of people in front of the table.
    pub(super) words: Vec<String>,
    /// The table and the comments above it, as they were.
    pub(super) table: String,
}

/// Puts what is left out behind `text`; a block that is there as a whole is not written again.
pub(super) fn append(text: &mut String, gone: &[Gone], target: Target) {
    if !gone.is_empty() && !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    for Gone { reason, body } in gone {
        if body.is_empty() {
            if !text.lines().any(|line| line == reason) {
                text.push_str(&format!("{reason}\n"));
            }
            continue;
        }
        let block = format!("{reason}\n{body}");
        if text.starts_with(&block) || text.contains(&format!("\n{block}")) {
            continue;
        }
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let is_bare =
            |at: usize| lines[at].trim_end() == *reason && below(&lines[at + 1..], target).is_none();
        let kept: String = (0..lines.len()).filter(|at| !is_bare(*at)).map(|at| lines[at]).collect();
        *text = kept + &block;
    }
}

/// The block in the first of `lines`, if one is there.
pub(super) fn below(lines: &[&str], target: Target) -> Option<Block> {
    let is_comment = |line: &&str| line.trim_start().starts_with('#') && !line.contains(LEFT_OUT);
    let lines: Vec<&str> = lines.iter().take(MOST_LINES).copied().take_while(is_comment).collect();
    let begins = |line: &&str| uncommented(line).trim_start().starts_with(header(target));
    let at = lines.iter().position(begins)?;
    let words: Vec<String> = lines[..at].iter().map(|line| line.trim().to_owned()).collect();
    let mut table =
        words.iter().map(|word| format!("{word}\n")).collect::<String>() + &uncommented(lines[at]);
    if !is_one_table(&table, target) {
        return None;
    }
    let (mut next, mut end, mut between) = (at + 1, at + 1, String::new());
    while next < lines.len() {
        let most = MOST_OF_VALUE.min(lines.len() - next);
        let is_said = !matches!(uncommented(lines[next]).trim_start().chars().next(), None | Some('#'));
        let longer = |count: usize| {
            let said: String = lines[next..next + count].iter().map(|line| uncommented(line)).collect();
            format!("{table}{between}{said}")
        };
        let found = (1..=most).filter(|_| is_said).find(|count| is_one_table(&longer(*count), target));
        match found {
            Some(count) => {
                table = longer(count);
                between.clear();
                next += count;
                end = next;
            }
            None if is_said && uncommented(lines[next]).trim_start().starts_with('[') => break,
            None => {
                between.push_str(lines[next]);
                next += 1;
            }
        }
    }
    Some(Block { lines: end, words, table })
}

/// Takes the sign of a comment away.
fn uncommented(line: &str) -> String {
    let text = line.trim_start();
    let text = text.strip_prefix('#').unwrap_or(text);
    let text = text.strip_prefix(' ').unwrap_or(text);
    if text.ends_with('\n') { text.to_owned() } else { format!("{text}\n") }
}

const fn header(target: Target) -> &'static str {
    match target {
        Target::Containerd => "[host.",
        _ => "[[registry.mirror]]",
    }
}

fn is_one_table(text: &str, target: Target) -> bool {
    const KEYS: [&str; 3] = ["location", "insecure", "pull-from-mirror"];
    let Ok(read) = text.parse::<DocumentMut>() else { return false };
    if read.len() != 1 {
        return false;
    }
    match target {
        Target::Containerd => read.get("host").and_then(Item::as_table).is_some_and(|hosts| hosts.len() == 1),
        _ => {
            let mirrors = read.get("registry").and_then(|registry| registry.get("mirror"));
            let mirrors = mirrors.and_then(Item::as_array_of_tables);
            // Any other word is as likely somebody's comment.
            mirrors.is_some_and(|mirrors| {
                mirrors.len() == 1 && mirrors.iter().flatten().all(|(key, _)| KEYS.contains(&key))
            })
        }
    }
}
