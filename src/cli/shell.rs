//! The command line for manuals: the manual page, made from the very types that read it, and the arguments of
//! `completions`. Text only; who prints it is for the caller.

use std::io;

use clap::{Args, Command, CommandFactory};
use clap_mangen::Man;

use super::Cli;
use super::completions::Shell;

/// `registry-check completions`
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub shell: Shell,
}

/// The manual page in roff: the main job, then a section for each subcommand.
///
/// # Errors
/// None, as memory takes it all; the writer's type says otherwise.
pub fn man() -> io::Result<Vec<u8>> {
    let mut command = Cli::command();
    command.build();
    let mut page = Vec::new();
    let main = Man::new(command.clone());
    main.render_title(&mut page)?;
    let mut rest = Vec::new();
    main.render_name_section(&mut rest)?;
    main.render_synopsis_section(&mut rest)?;
    main.render_description_section(&mut rest)?;
    main.render_options_section(&mut rest)?;
    for subcommand in command.get_subcommands() {
        write_subcommand(subcommand, &mut rest)?;
    }
    main.render_extra_section(&mut rest)?;
    main.render_version_section(&mut rest)?;
    // Each part brings the same definitions along.
    for line in rest.split_inclusive(|byte| *byte == b'\n').filter(|line| !is_definition(line)) {
        page.extend(if line == b".SH EXTRA\n" { b".SH \"EXIT CODES AND PROXIES\"\n" } else { line });
    }
    Ok(page)
}

fn is_definition(line: &[u8]) -> bool {
    line.starts_with(b".ie ") || line.starts_with(b".el ")
}

/// Its page, one level down, without what the main one says already; and those of its own subcommands.
fn write_subcommand(command: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name()).to_uppercase();
    page.extend(format!(".SH \"{name}\"\n").bytes());
    let own = command.clone().mut_args(|arg| {
        let is_known = arg.is_global_set() || matches!(arg.get_id().as_str(), "help" | "version");
        arg.hide(is_known)
    });
    let man = Man::new(own);
    let mut parts = Vec::new();
    man.render_description_section(&mut parts)?;
    man.render_synopsis_section(&mut parts)?;
    man.render_options_section(&mut parts)?;
    for line in parts.split_inclusive(|byte| *byte == b'\n') {
        match line.strip_prefix(b".SH ") {
            // What it does stands right below its name.
            Some(b"DESCRIPTION\n") => {}
            Some(heading) => page.extend([b".SS ", heading].concat()),
            None => page.extend(line),
        }
    }
    command.get_subcommands().try_for_each(|subcommand| write_subcommand(subcommand, page))
}
