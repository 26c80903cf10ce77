//! The built binary, run the way a user would, but with nothing of this machine's environment.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
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
    stdin_from: Option<Stdio>,
    stdout: Option<Stdio>,
    deadline: Duration,
}

/// A run under way; killed when dropped before its end.
pub struct Running {
    child: Child,
    command: String,
    stdout: Stream,
    stderr: Stream,
    dir: Option<TempDir>,
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
        Self::limited(&format!("-n {most}"))
    }

    /// `registry-check`, whose files may not grow beyond so many kilobytes or twice that: shells differ.
    pub fn with_file_size(most: u32) -> Self {
        Self::limited(&format!("-f {}", most * 2))
    }

    /// `registry-check`, which may have no more than so many kilobytes of addresses.
    pub fn with_memory(most: u32) -> Self {
        Self::limited(&format!("-v {most}"))
    }

    fn limited(limit: &str) -> Self {
        let script = format!("ulimit {limit} && exec \"$0\" \"$@\"");
        Self::of("/bin/sh").args(["-c", &script, env!("CARGO_BIN_EXE_registry-check")])
    }

    /// Another program, run in the same way.
    pub fn of(program: &str) -> Self {
        let dir = TempDir::new().expect("a temporary directory");
        let mut command = Command::new(program);
        command.current_dir(dir.path()).env_clear().env("HOME", dir.path());
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        Self { command, dir, stdin: Vec::new(), stdin_from: None, stdout: None, deadline: DEADLINE }
    }

    /// Puts a file into the directory; `name` may have folders.
    pub fn file(self, name: &str, contents: impl AsRef<[u8]>) -> Self {
        let path = self.dir.path().join(name);
        fs::create_dir_all(path.parent().expect("a file in a folder")).expect("its folder");
        fs::write(path, contents).expect("a file");
        self
    }

    /// The directory that it will run in.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Adds arguments.
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.command.args(args);
        self
    }

    /// Adds arguments that hold no blanks, written as one line.
    pub fn line(self, args: &str) -> Self {
        self.args(args.split_whitespace())
    }

    /// Sets a variable of its environment.
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.command.env(name, value.into());
        self
    }

    /// What it can read from standard input.
    pub fn stdin(mut self, text: impl AsRef<[u8]>) -> Self {
        self.stdin = text.as_ref().to_vec();
        self
    }

    /// Where its standard input comes from, in place of a text.
    pub fn stdin_from(mut self, from: impl Into<Stdio>) -> Self {
        self.stdin_from = Some(from.into());
        self
    }

    /// Where its standard output goes, which is then not collected.
    pub fn stdout(mut self, to: impl Into<Stdio>) -> Self {
        self.stdout = Some(to.into());
        self
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// It is still running at the deadline; it is killed first.
    pub fn run(self) -> Output {
        self.start().wait()
    }

    /// Starts it.
    pub fn start(mut self) -> Running {
        self.command.stdin(self.stdin_from.unwrap_or_else(Stdio::piped)).stderr(Stdio::piped());
        self.command.stdout(self.stdout.unwrap_or_else(Stdio::piped));
        let mut child = self.command.spawn().expect("the program starts");
        // A pipe would stay open in here, and its other end never see its end.
        let command = format!("{:?}", self.command);
        drop(self.command);
        if let Some(mut stdin) = child.stdin.take() {
            let input = self.stdin;
            // A program need not read what it is given.
            thread::spawn(move || stdin.write_all(&input).ok());
        }
        Running {
            stdout: child.stdout.take().map_or_else(Stream::ended, Stream::read),
            stderr: child.stderr.take().map_or_else(Stream::ended, Stream::read),
            child,
            command,
            dir: Some(self.dir),
            deadline: self.deadline,
        }
    }
}

impl Running {
    /// Waits until `words` stand on standard error.
    ///
    /// # Panics
    /// They do not at the deadline, or it ended without them.
    pub fn wait_for(&self, words: &str) {
        let until = Instant::now() + self.deadline;
        let is_said = self.stderr.wait(until, |seen| seen.has_ended || seen.text().contains(words));
        let text = self.stderr.text();
        assert!(is_said && text.contains(words), "{words:?} was never said: {}\n{text}", self.command);
    }

    /// Its id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal (`INT`, `TERM`) to this process alone.
    pub fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        let status = Command::new("/bin/sh").args(["-c", &kill]).status().expect("a shell");
        assert!(status.success(), "{kill}: {status}");
    }

    /// A file of the directory it runs in, as it is now.
    pub fn file(&self, name: &str) -> String {
        let dir = self.dir.as_ref().expect("kept until the end");
        fs::read_to_string(dir.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// It is still running at the deadline; it is killed first.
    pub fn wait(mut self) -> Output {
        let end = Instant::now() + self.deadline;
        let has_ended = [&self.stdout, &self.stderr].map(|stream| stream.wait(end, |seen| seen.has_ended));
        if has_ended.contains(&false) {
            self.child.kill().ok();
            self.child.wait().ok();
            let late = Instant::now() + LAST_WORDS;
            let [stdout, stderr] = [&self.stdout, &self.stderr].map(|stream| {
                stream.wait(late, |seen| seen.has_ended);
                stream.text()
            });
            panic!("still running after {:?}: {}\n{stdout:?}\n{stderr:?}", self.deadline, self.command);
        }
        // Both streams end with the process, so this cannot take long.
        let code = self.child.wait().expect("an exit status").code();
        let dir = self.dir.take().expect("kept until the end");
        Output { code, stdout: self.stdout.whole(), stderr: self.stderr.whole(), dir }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Output {
    /// A file that the run left in its directory.
    pub fn file(&self, name: &str) -> String {
        let path = self.dir.path().join(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}\n{self:?}"))
    }

    /// Standard output, the places in it by file and line alone.
    pub fn listed(&self) -> String {
        let (mut listed, mut rest) = (String::new(), &*self.stdout);
        while let Some((before, within)) = rest.split_once(" (document ") {
            let is_end = |at: usize| within[at + 1..].starts_with([',', ':', '\n']);
            let end = within.match_indices(')').map(|(at, _)| at).find(|at| is_end(*at)).expect("its end");
            listed.push_str(before);
            rest = &within[end + 1..];
        }
        listed + rest
    }

    /// The names of everything in its directory, hidden files too, sorted.
    pub fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.dir.path()).expect("its directory");
        let mut names: Vec<_> = entries
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name in UTF-8"))
            .collect();
        names.sort_unstable();
        names
    }
}

/// What came out of a stream so far, read beside everything else.
#[derive(Clone)]
struct Stream(Arc<(Mutex<Seen>, Condvar)>);

#[derive(Default)]
struct Seen {
    bytes: Vec<u8>,
    has_ended: bool,
}

impl Seen {
    /// A character may have come only in part yet.
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

impl Stream {
    fn ended() -> Self {
        Self(Arc::new((Mutex::new(Seen { has_ended: true, ..Seen::default() }), Condvar::new())))
    }

    fn read(mut from: impl Read + Send + 'static) -> Self {
        let stream = Self(Arc::default());
        let Self(shared) = stream.clone();
        thread::spawn(move || {
            let mut chunk = [0; 64 * 1024];
            loop {
                let length = from.read(&mut chunk).unwrap_or(0);
                let mut seen = shared.0.lock().unwrap();
                seen.bytes.extend_from_slice(&chunk[..length]);
                seen.has_ended = length == 0;
                shared.1.notify_all();
                if seen.has_ended {
                    return;
                }
            }
        });
        stream
    }

    /// Whether `is_it` came true before `until`.
    fn wait(&self, until: Instant, is_it: impl Fn(&Seen) -> bool) -> bool {
        let (seen, changed) = &*self.0;
        let left = until.saturating_duration_since(Instant::now());
        let (seen, _) = changed.wait_timeout_while(seen.lock().unwrap(), left, |seen| !is_it(seen)).unwrap();
        is_it(&seen)
    }

    fn text(&self) -> String {
        self.0.0.lock().unwrap().text()
    }

    fn whole(&self) -> String {
        String::from_utf8(self.0.0.lock().unwrap().bytes.clone()).expect("output in UTF-8")
    }
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
        let output = shell("head -c 300000 /dev/zero | tr '\\0' x").stdin("y".repeat(300_000)).run();
        assert_eq!(output.stdout.len(), 300_000);
    }

    #[test]
    fn death_by_signal_has_no_code() {
        assert_eq!(shell("kill -9 $$").run().code, None);
    }

    #[test]
    #[should_panic(expected = "\"begun\\n\"")]
    fn run_that_hangs_is_ended_and_its_words_are_shown() {
        let mut tool = shell("echo begun; exec sleep 1000");
        tool.deadline = Duration::from_millis(300);
        tool.run();
    }
}
