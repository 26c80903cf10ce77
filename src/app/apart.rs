//! Templates are filled in by a process of their own, which may die.
//!
//! What a template does is counted (`report/template.rs`), but not how large the texts become that it makes: sixty lines
//! can double one sixty times, and memory that cannot be had ends a process. So this program starts itself again, under
//! limits of its own, for reading a template and for filling it in: whatever becomes of that process, every other
//! report is written and the exit code told.
//!
//! Between the two: the template's name and text, each behind its length, then the JSON report (nothing, to have the template read
//! only), until the end. Back comes what the template wrote, or what is wrong with it.

use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};

use super::template::Template;
use crate::report::template::{self, TemplateError};
use crate::report::{self, Format, TableStyle, View};

/// The only argument of such a process.
const ARGUMENT: &str = "--fill-in-the-template-on-standard-input";
/// What it may take, besides what the report needs: bytes.
const MEMORY: u64 = 2 * 1024 * 1024 * 1024;
/// What it may take for each byte of the report.
const MEMORY_OF_BYTE: u64 = 64;
/// What it may write, besides so many times the report: bytes.
const OUTPUT: u64 = 256 * 1024 * 1024;
/// What it may write for each byte of the report.
const OUTPUT_OF_BYTE: u64 = 16;
/// How long it may compute, and how much longer for each so many bytes: seconds.
const TIME: u64 = 30;
const BYTES_A_SECOND: u64 = 100_000;
/// It was done.
const DONE: u8 = 0;
/// The template is wrong.
const WRONG: u8 = 1;

/// Does what such a process is for; `None` where this is none.
#[must_use]
pub fn run() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().as_deref() != Some(OsStr::new(ARGUMENT)) || arguments.next().is_some() {
        return None;
    }
    let code = answer().map_or(ExitCode::FAILURE, ExitCode::from);
    Some(code)
}

fn answer() -> io::Result<u8> {
    let mut input = io::stdin().lock();
    let (name, source) = (read_text(&mut input)?, read_text(&mut input)?);
    let mut document = Vec::new();
    input.read_to_end(&mut document)?;
    let bytes = (source.len() + document.len()) as u64;
    limit(bytes);
    let filled = template::Template::read(&name, source).and_then(|template| match document.is_empty() {
        true => Ok(String::new()),
        false => template.render(&document),
    });
    let most = OUTPUT.saturating_add(bytes.saturating_mul(OUTPUT_OF_BYTE));
    let (text, code) = match filled {
        Ok(text) if text.len() as u64 > most => (format!("{name}: writes more than {most} bytes"), WRONG),
        Ok(text) => (text, DONE),
        Err(error) => (error.to_string(), WRONG),
    };
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(code)
}

fn read_text(input: &mut impl Read) -> io::Result<String> {
    let mut length = [0; 8];
    input.read_exact(&mut length)?;
    let (mut text, length) = (String::new(), u64::from_le_bytes(length));
    input.take(length).read_to_string(&mut text)?;
    Ok(text)
}

/// Where the system has such limits. One that cannot be set leaves the process as bounded as any.
#[cfg(unix)]
fn limit(bytes: u64) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let memory = MEMORY.saturating_add(bytes.saturating_mul(MEMORY_OF_BYTE));
    let time = TIME.saturating_add(bytes / BYTES_A_SECOND);
    // Nobody would read what it writes.
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
    {
        log::debug!("cannot end with the process that wants it: {error}");
    }
    // Dying of a limit is foreseen: nobody wants to look into its memory.
    for (resource, most) in [(Resource::As, memory), (Resource::Cpu, time), (Resource::Core, 0)] {
        let Rlimit { current, maximum } = getrlimit(resource);
        let current = Some(current.map_or(most, |current| current.min(most)));
        if let Err(error) = setrlimit(resource, Rlimit { current, maximum }) {
            log::debug!("cannot limit {resource:?}: {error}");
        }
    }
}

#[cfg(not(unix))]
fn limit(_: u64) {}

/// Whether a template can be read.
///
/// # Errors
/// It cannot, or there is no such process.
pub(super) fn check(template: &Template) -> Result<(), String> {
    ask(template, |_| Ok(())).map(drop)
}

/// What a template makes of a run.
///
/// # Errors
/// The template names what is not there or does too much, or there is no such process.
pub(super) fn fill_in(template: &Template, view: &View<'_>) -> Result<Vec<u8>, String> {
    ask(template, |input| report::render(Format::Json, view, &TableStyle::default(), input))
}

fn ask(template: &Template, say: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<Vec<u8>, String> {
    let fail = |error: io::Error| format!("cannot start the process that fills in templates: {error}");
    let mut child = start().map_err(fail)?;
    let said = child.stdin.take().map_or(Ok(()), |input| {
        let mut input = io::BufWriter::new(input);
        for text in [&template.file, &template.source] {
            input.write_all(&(text.len() as u64).to_le_bytes())?;
            input.write_all(text.as_bytes())?;
        }
        say(&mut input)?;
        input.flush()
    });
    // It writes nothing before it has read all.
    let output = child.wait_with_output().map_err(fail)?;
    let code = output.status.code();
    match (code.and_then(|code| u8::try_from(code).ok()), said) {
        (Some(DONE), Ok(())) => Ok(output.stdout),
        (Some(WRONG), _) if !output.stdout.is_empty() => {
            Err(String::from_utf8_lossy(&output.stdout).into_owned())
        }
        (_, Err(error)) if error.kind() != io::ErrorKind::BrokenPipe => Err(fail(error)),
        _ => {
            let why =
                "needs more memory or time than there is for it: does something in it grow with every turn?";
            Err(TemplateError { file: template.file.clone(), line: None, why: why.to_owned() }.to_string())
        }
    }
}

fn start() -> io::Result<Child> {
    let mut command = Command::new(own_program()?);
    command.arg(ARGUMENT).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    // What an interruption does is for this process to say.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.spawn()
}

/// This very program, also where another one has taken its place meanwhile.
fn own_program() -> io::Result<PathBuf> {
    if cfg!(target_os = "linux") { Ok("/proc/self/exe".into()) } else { std::env::current_exe() }
}
