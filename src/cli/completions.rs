//! Completion scripts, made from the very types that read the command line, and mended where their generator errs.
//!
//! Each fault that is mended here has a test that fails once the generator no longer has it: then the mending goes.

use clap::builder::PossibleValue;
use clap::{Command, CommandFactory};
pub use clap_complete::Shell;

use super::Cli;

/// What bash's labels put between the commands of a path.
const BASH_PATH: &str = "__subcmd__";
/// Where fish gives up on a line that cannot be read yet.
const FISH_UNREADABLE: &str = "-- $cmd 2>/dev/null\n    or return\n";
/// Where fish takes the first word that is no option for a subcommand.
const FISH_FIRST_WORD: &str = "    if set -q argv[1]\n";

/// The script that completes this command line in `shell`.
#[must_use]
pub fn completions(shell: Shell) -> Vec<u8> {
    let mut command = Cli::command();
    let script = generated(shell, &mut command);
    match shell {
        Shell::Bash => mended_for_bash(&script, command.get_name()).into_bytes(),
        Shell::Fish => mended_for_fish(&script, &command).into_bytes(),
        _ => script.into_bytes(),
    }
}

/// What the generator makes of it, which leaves `command` built.
fn generated(shell: Shell, command: &mut Command) -> String {
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, command, name, &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// The generator takes the dash of the program's name for the end of a command, but only in the labels that lead to each
/// subcommand's words: none is ever found (clap issue 6421).
fn mended_for_bash(script: &str, name: &str) -> String {
    script.replace(&name.replace('-', BASH_PATH), &name.replace('-', "__"))
}

/// The generator's script offers nothing of the main command while one of its options waits for its value, takes an input
/// for a subcommand, and knows no values of what is no option.
fn mended_for_fish(script: &str, command: &Command) -> String {
    let names: Vec<_> = command.get_subcommands().map(Command::get_name).collect();
    let mut script = script
        .replace(FISH_UNREADABLE, &FISH_UNREADABLE.replace("or return", "or return 0"))
        .replace(FISH_FIRST_WORD, &format!("    if contains -- \"$argv[1]\" {}\n", names.join(" ")));
    for subcommand in command.get_subcommands() {
        script += &values_for_fish(command, subcommand, subcommand.get_name());
        for below in subcommand.get_subcommands() {
            let path =
                format!("{}; and __fish_seen_subcommand_from {}", subcommand.get_name(), below.get_name());
            script += &values_for_fish(command, below, &path);
        }
    }
    script
}

/// A line for what is no option and has names to choose from.
fn values_for_fish(main: &Command, command: &Command, path: &str) -> String {
    let choices = command.get_positionals().map(clap::Arg::get_possible_values);
    let lines = choices.filter(|choices| !choices.is_empty()).map(|choices| {
        let names: Vec<_> =
            choices.iter().filter(|choice| !choice.is_hide_set()).map(PossibleValue::get_name).collect();
        let name = main.get_name();
        let function = name.replace('-', "_");
        format!(
            "complete -c {name} -n \"__fish_{function}_using_subcommand {path}\" -f -a \"{}\"\n",
            names.join(" ")
        )
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_still_has_the_faults_that_are_mended() {
        let mut command = Cli::command();
        let bash = generated(Shell::Bash, &mut command);
        assert!(bash.contains("\n        registry__subcmd__check__subcmd__render)\n"), "{bash}");
        assert!(bash.contains("cmd=\"registry__check__subcmd__render\""), "{bash}");
        let fish = generated(Shell::Fish, &mut Cli::command());
        assert_eq!(fish.matches(FISH_UNREADABLE).count(), 1, "{fish}");
        assert_eq!(fish.matches(FISH_FIRST_WORD).count(), 1, "{fish}");
        assert!(!fish.contains("elvish"), "{fish}");
    }
}
