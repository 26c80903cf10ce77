//! A child process that says on standard error when it is ready, and ends with its owner.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread;

use super::DEADLINE;

/// A running child; dropping it kills and reaps exactly this child.
pub struct Process {
    child: Child,
    stderr: Arc<Mutex<String>>,
}

impl Process {
    /// Starts `command` with an empty environment and waits for the line of standard error in which
    /// `ready` finds what it looks for.
    ///
    /// # Errors
    /// Everything the process wrote to standard error, when it ended before that line.
    ///
    /// # Panics
    /// The program is not installed, or is neither ready nor gone at the deadline.
    pub fn start<T: Send + 'static>(
        mut command: Command,
        ready: fn(&str) -> Option<T>,
    ) -> Result<(Self, T), String> {
        command.env_clear().stdin(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| {
            panic!("cannot start {:?} ({error}); tests/run installs what is missing", command.get_program())
        });
        let lines = BufReader::new(child.stderr.take().expect("standard error is piped")).lines();
        let stderr = Arc::new(Mutex::new(String::new()));
        let (found, wanted) = mpsc::channel();
        let written = Arc::clone(&stderr);
        // Reads to the end of the child's life: a full pipe would stop it.
        thread::spawn(move || {
            let mut found = Some(found);
            for line in lines.map_while(Result::ok) {
                *written.lock().unwrap() += &format!("{line}\n");
                if let Some(value) = ready(&line)
                    && let Some(found) = found.take()
                {
                    found.send(value).ok();
                }
            }
        });
        let process = Self { child, stderr };
        match wanted.recv_timeout(DEADLINE) {
            Ok(value) => Ok((process, value)),
            Err(RecvTimeoutError::Disconnected) => Err(process.stderr()),
            Err(RecvTimeoutError::Timeout) => {
                panic!("{:?} is not ready after {DEADLINE:?}:\n{}", command.get_program(), process.stderr())
            }
        }
    }

    /// What the child has written to standard error so far.
    pub fn stderr(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
