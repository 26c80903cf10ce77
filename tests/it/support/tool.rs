//! The built binary, run the way a user would, but with nothing of this machine's environment.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::DEADLINE;

/// How long the streams of a killed run may take to end.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// One run to come, in a directory of its own that is also its home.
pub struct Tool {
    command: Command,
    dir: TempDir,
    stdin: Vec<u8>,
    deadline: Duration,
}

/// How a run went, and the directory it ran in.
#[derive(Debug)]
pub struct Output {
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    dir: TempDir,
}

impl Tool {
    /// `registry-check`, with no arguments and an empty standard input.
    pub fn new() -> Self {
        Self::of(env!("CARGO_BIN_EXE_registry-check"))
    }

    /// `registry-check`, which may open no more than so many files.
    pub fn with_open_files(most: u32) -> Self {
        let script = format!("ulimit -n {most} && exec \"$0\" \"$@\"");
        Self::of("/bin/sh").args(["-c", &script, env!("CARGO_BIN_EXE_registry-check")])
    }

    fn of(program: &str) -> Self {
        let dir = TempDir::new().expect("a temporary directory");
        let mut command = Command::new(program);
        command.current_dir(dir.path()).env_clear().env("HOME", dir.path());
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        Self { command, dir, stdin: Vec::new(), deadline: DEADLINE }
    }

    /// Puts a file into the directory; `name` may have folders.
    pub fn file(self, name: &str, text: &str) -> Self {
        let path = self.dir.path().join(name);
        fs::create_dir_all(path.parent().expect("a file in a folder")).expect("its folder");
        fs::write(path, text).expect("a file");
        self
    }

    /// Adds arguments.
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.command.args(args);
        self
    }

    /// Sets a variable of its environment.
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.command.env(name, value.into());
        self
    }

    /// What it can read from standard input.
    pub fn stdin(mut self, text: &str) -> Self {
        self.stdin = text.as_bytes().to_vec();
        self
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// It is still running at the deadline; it is killed first.
    pub fn run(mut self) -> Output {
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().expect("the program starts");
        let mut stdin = child.stdin.take().expect("a piped standard input");
        let input = self.stdin;
        // A program need not read what it is given.
        thread::spawn(move || stdin.write_all(&input).ok());
        let streams = [
            collect(child.stdout.take().expect("a piped standard output")),
            collect(child.stderr.take().expect("a piped standard error")),
        ];
        let end = Instant::now() + self.deadline;
        let texts = streams.each_ref().map(|stream| wait(stream, end));
        if texts.iter().any(Option::is_none) {
            child.kill().ok();
            child.wait().ok();
            let late = Instant::now() + LAST_WORDS;
            let [stdout, stderr] = [0, 1].map(|at| texts[at].clone().or_else(|| wait(&streams[at], late)));
            panic!("still running after {:?}: {:?}\n{stdout:?}\n{stderr:?}", self.deadline, self.command);
        }
        // Both streams end with the process, so this cannot take long.
        let code = child.wait().expect("an exit status").code();
        let [stdout, stderr] = texts.map(Option::unwrap_or_default);
        Output { code, stdout, stderr, dir: self.dir }
    }
}

impl Output {
    /// A file that the run left in its directory.
    pub fn file(&self, name: &str) -> String {
        let path = self.dir.path().join(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}\n{self:?}"))
    }
}

/// Reads a stream to its end, beside the others.
fn collect(mut stream: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (done, text) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).ok();
        done.send(String::from_utf8(bytes).expect("output in UTF-8")).ok();
    });
    text
}

fn wait(stream: &mpsc::Receiver<String>, until: Instant) -> Option<String> {
    stream.recv_timeout(until.saturating_duration_since(Instant::now())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Tool {
        Tool::of("/bin/sh").args(["-c", script])
    }

    #[test]
    fn built_binary_starts_and_ends() {
        let output = Tool::new().args(["--help"]).run();
        assert_eq!(output.code, Some(0), "{output:?}");
    }

    #[test]
    fn environment_is_path_and_home_and_what_the_test_sets() {
        let output = shell("env").env("COLUMNS", "80").run();
        let mut names: Vec<_> =
            output.stdout.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
        names.sort_unstable();
        // The shell itself adds PWD, and on some systems `_` and SHLVL.
        names.retain(|name| !["PWD", "OLDPWD", "SHLVL", "_"].contains(name));
        assert_eq!(names, ["COLUMNS", "HOME", "PATH"]);
    }

    #[test]
    fn files_streams_and_exit_code_pass_through() {
        let output = shell("cat lists/one - ; echo said >&2; echo left > report; exit 3")
            .file("lists/one", "from a file, ")
            .stdin("from standard input")
            .run();
        assert_eq!(output.stdout, "from a file, from standard input");
        assert_eq!(output.stderr, "said\n");
        assert_eq!(output.code, Some(3));
        assert_eq!(output.file("report"), "left\n");
    }

    #[test]
    fn input_that_nobody_reads_and_long_output_do_not_block() {
        let output = shell("head -c 300000 /dev/zero | tr '\\0' x").stdin(&"y".repeat(300_000)).run();
        assert_eq!(output.stdout.len(), 300_000);
    }

    #[test]
    fn death_by_signal_has_no_code() {
        assert_eq!(shell("kill -9 $$").run().code, None);
    }

    #[test]
    #[should_panic(expected = "Some(\"begun\\n\")")]
    fn run_that_hangs_is_ended_and_its_words_are_shown() {
        let mut tool = shell("echo begun; exec sleep 1000");
        tool.deadline = Duration::from_millis(300);
        tool.run();
    }
}
