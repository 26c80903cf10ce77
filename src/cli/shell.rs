//! The command line for shells and manuals: completion scripts and the manual page, made from the very types
//! that read it. Text only; who prints it is for the caller.

use std::io;

use clap::{Args, Command, CommandFactory};
use clap_mangen::Man;

use super::Cli;

pub use clap_complete::Shell;

/// `registry-check completions`
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub shell: Shell,
}

/// The script that completes this command line in `shell`.
#[must_use]
pub fn completions(shell: Shell) -> Vec<u8> {
    let mut command = Cli::command();
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    script
}

/// The manual page in roff: the main job, then a section for each subcommand.
///
/// # Errors
/// None, as memory takes it all; the writer's type says otherwise.
pub fn man() -> io::Result<Vec<u8>> {
    let mut command = Cli::command();
    command.build();
    let (mut page, mut subcommands) = (Vec::new(), Vec::new());
    for subcommand in command.get_subcommands().filter(|subcommand| !subcommand.is_hide_set()) {
        write_subcommand(subcommand, &mut subcommands)?;
    }
    let main = Man::new(command);
    main.render_title(&mut page)?;
    main.render_name_section(&mut page)?;
    main.render_synopsis_section(&mut page)?;
    main.render_description_section(&mut page)?;
    main.render_options_section(&mut page)?;
    page.extend(subcommands);
    main.render_extra_section(&mut page)?;
    main.render_version_section(&mut page)?;
    Ok(page)
}

/// Its page, one level down.
fn write_subcommand(command: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    let mut own = Vec::new();
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name()).to_owned();
    let man = Man::new(command.clone());
    man.render_description_section(&mut own)?;
    man.render_synopsis_section(&mut own)?;
    man.render_options_section(&mut own)?;
    page.extend(format!(".SH \"{}\"\n", name.to_uppercase()).bytes());
    for line in own.split_inclusive(|byte| *byte == b'\n') {
        match line.strip_prefix(b".SH ") {
            // What it does stands right below its name.
            Some(b"DESCRIPTION\n") => {}
            Some(heading) => page.extend([b".SS ", heading].concat()),
            None => page.extend(line),
        }
    }
    Ok(())
}
