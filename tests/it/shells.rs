//! Completions and the manual page name all that the command line knows.

use clap::{Arg, Command, CommandFactory};
use registry_check::cli::{Cli, Shell};
use registry_check::report::Format;

use crate::support::tool::Tool;

/// Every command, the main one first.
fn commands() -> Vec<Command> {
    let mut all = vec![Cli::command()];
    all[0].build();
    let mut at = 0;
    while at < all.len() {
        let below: Vec<_> = all[at].get_subcommands().cloned().collect();
        all.extend(below);
        at += 1;
    }
    assert!(all.len() > 5);
    all
}

fn long_flags(command: &Command) -> Vec<String> {
    command.get_arguments().filter_map(Arg::get_long).map(str::to_owned).collect()
}

fn printed(line: &str) -> String {
    let output = Tool::new().line(line).run();
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{line}");
    output.stdout
}

#[test]
fn completions_name_every_command_and_flag() {
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::PowerShell, Shell::Elvish] {
        let script = printed(&format!("completions {shell}"));
        for command in commands() {
            assert!(script.contains(command.get_name()), "{shell}: {}", command.get_name());
            for flag in long_flags(&command) {
                // fish writes them without dashes.
                let written = if shell == Shell::Fish { format!("-l {flag}") } else { format!("--{flag}") };
                assert!(script.contains(&written), "{shell}: {} {flag}", command.get_name());
            }
        }
    }
}

/// A line as far as it is typed, split at blanks: the last word is the one to complete.
type Line = Vec<String>;

/// What `tool` offers for each line, in their order.
fn offered(tool: Tool, lines: &[Line]) -> Vec<Vec<String>> {
    let output = tool.run();
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
    let answers: Vec<Vec<String>> =
        output.stdout.lines().map(|line| line.split_whitespace().map(str::to_owned).collect()).collect();
    assert_eq!(answers.len(), lines.len(), "{}", output.stdout);
    answers
}

/// What bash puts into `COMPREPLY`.
fn offered_by_bash(lines: &[Line]) -> Vec<Vec<String>> {
    let mut ask = "source ./script; set -- $(complete -p registry-check); \
                   while [ \"$1\" != -F ]; do shift; done; function=$2\n"
        .to_owned();
    for line in lines {
        let last = line.len() - 1;
        let words: Vec<_> = line.iter().map(|word| format!("'{word}'")).collect();
        ask += &format!(
            "COMP_WORDS=({}); COMP_CWORD={last}; \"$function\" registry-check {} {}; echo \"${{COMPREPLY[@]}}\"\n",
            words.join(" "),
            words[last],
            words[last - 1],
        );
    }
    offered(Tool::of("bash").args(["-c", &ask]).file("script", printed("completions bash")), lines)
}

/// What fish offers, without the descriptions.
fn offered_by_fish(lines: &[Line]) -> Vec<Vec<String>> {
    let mut ask = "source ./script\n".to_owned();
    for line in lines {
        ask += &format!("echo (complete -C '{}' | string split -f1 \\t)\n", line.join(" "));
    }
    offered(
        Tool::of("fish").args(["--no-config", "-c", &ask]).file("script", printed("completions fish")),
        lines,
    )
}

fn line(typed: &str) -> Line {
    typed.split(' ').map(str::to_owned).collect()
}

/// Values that are chosen among names, at the main command, at others and at those below them.
fn values() -> Vec<(Line, Vec<&'static str>)> {
    let formats = Format::ALL.map(Format::as_str).to_vec();
    let shells = vec!["bash", "elvish", "fish", "powershell", "zsh"];
    [
        ("registry-check -f ", formats.clone()),
        ("registry-check --format ", formats.clone()),
        ("registry-check --undecided ", vec!["fail", "warn", "pass"]),
        ("registry-check images.txt --depth ", vec!["head", "manifest", "platforms", "blobs", "content"]),
        ("registry-check --color ", vec!["auto", "always", "never"]),
        ("registry-check completions ", shells),
        ("registry-check completions zs", vec!["zsh"]),
        ("registry-check render --sort ", vec!["image", "input", "latency", "mirror", "status"]),
        ("registry-check render report.json -f ", formats),
        ("registry-check mirrors export --color ", vec!["auto", "always", "never"]),
    ]
    .map(|(typed, values)| (line(typed), values))
    .to_vec()
}

fn completes_every_flag_and_value(offered: impl Fn(&[Line]) -> Vec<Vec<String>>) {
    // The main command's path is its name; fish wants a dash, bash both.
    let commands = commands();
    let lines: Vec<Line> = commands
        .iter()
        .map(|command| line(&format!("{} --", command.get_bin_name().unwrap_or("registry-check"))))
        .collect();
    for ((command, line), words) in commands.iter().zip(&lines).zip(offered(&lines)) {
        let shown = command.get_arguments().filter(|arg| !arg.is_hide_set());
        for flag in shown.filter_map(Arg::get_long) {
            assert!(words.contains(&format!("--{flag}")), "{line:?}: --{flag} is not among {words:?}");
        }
    }
    let (lines, values): (Vec<Line>, Vec<_>) = values().into_iter().unzip();
    for ((line, values), mut words) in lines.iter().zip(values).zip(offered(&lines)) {
        // Where a word of any kind may stand, flags may too.
        words.retain(|word| !word.starts_with('-'));
        words.sort();
        let mut values: Vec<String> = values.into_iter().map(str::to_owned).collect();
        values.sort();
        assert_eq!(words, values, "{line:?}");
    }
    let lines =
        [line("registry-check rend"), line("registry-check mirrors exp"), line("registry-check baseline wr")];
    assert_eq!(offered(&lines), [["render"], ["export"], ["write"]]);
}

#[test]
fn bash_completes_every_flag_and_value_of_every_command() {
    completes_every_flag_and_value(offered_by_bash);
}

#[test]
fn fish_completes_every_flag_and_value_of_every_command() {
    completes_every_flag_and_value(offered_by_fish);
}

#[test]
fn shells_that_are_not_known_are_refused() {
    let output = Tool::new().line("completions tcsh").run();
    assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""));
    assert!(output.stderr.contains("[possible values: bash, elvish, fish, powershell, zsh]"), "{output:?}");
}

#[test]
fn manual_page_tells_of_every_command_and_flag() {
    let page = printed("man");
    let plain = page.replace("\\*(Aq", "'").replace('\\', "");
    assert!(page.contains(".TH registry-check 1"), "{page}");
    for command in commands() {
        let name = command.get_bin_name().unwrap_or_else(|| command.get_name()).to_uppercase();
        let is_main = !name.contains(' ');
        let section = match plain.split_once(&format!(".SH \"{name}\"\n")) {
            Some((_, rest)) => rest.split("\n.SH ").next().unwrap(),
            None if is_main => &plain,
            None => panic!("{name} has no section"),
        };
        // What every command knows is told once.
        let is_own = |arg: &&Arg| is_main || !(arg.is_global_set() || arg.get_id() == "help");
        for flag in command.get_arguments().filter(is_own).filter_map(Arg::get_long) {
            assert!(section.contains(&format!("--{flag}")), "{name} {flag}");
        }
        let about = command.get_about().expect("a sentence").to_string();
        assert!(section.contains(&about), "{name}: {about}");
    }
    for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "MESSAGES", "VERSION"] {
        assert!(page.contains(&format!(".SH {section}\n")), "{section}");
    }
    assert!(plain.contains("130 interrupted"), "the exit codes are missing");
}
