//! Completions and the manual page name all that the command line knows.

use clap::{Arg, Command, CommandFactory};
use registry_check::cli::{Cli, Shell};

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

#[test]
fn completions_for_bash_are_a_script() {
    let script = printed("completions bash");
    let output = Tool::of("bash").args(["-n", "script"]).file("script", &script).run();
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
    // And it does what it is for.
    let ask = "source ./script; set -- $(complete -p registry-check); \
               while [ \"$1\" != -F ]; do shift; done; COMP_WORDS=(registry-check rend); COMP_CWORD=1; \
               \"$2\" registry-check rend registry-check; echo \"${COMPREPLY[@]}\"";
    let output = Tool::of("bash").args(["-c", ask]).file("script", &script).run();
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("render\n", ""));
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
