//! Credential helpers: the programs that docker and podman ask for credentials
//! (docker/docker-credential-helpers `client/`).
//!
//! Only `get` is ever called. The name comes from a file and the answer from a program, so both are checked and
//! bounded, and nothing of an answer is repeated but prose. Each (helper, server) is asked once in a run.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::sync::{OnceCell, Semaphore};

use super::credential::Credential;
use super::environment::Environment;
use super::fault::HelperFault;
use super::shown;

/// Most bytes of an answer that are read.
const MAX_ANSWER_BYTES: u64 = 64 * 1024;

/// How many helpers run at once: each may be a large program that waits for a cloud.
const MAX_RUNNING: usize = 8;

/// What a helper prints when it has nothing stored.
const NOT_FOUND: &str = "credentials not found in native keychain";

/// The credential, none, or why there is no answer.
pub(super) type Outcome = Result<Option<Credential>, HelperFault>;

/// A helper's name and the server it is asked for.
type Question = (String, String);

/// Asks helpers, and keeps what they said.
#[derive(Debug)]
pub(super) struct Helpers {
    environment: Environment,
    timeout: Duration,
    running: Semaphore,
    asked: Mutex<HashMap<Question, Arc<OnceCell<Outcome>>>>,
}

/// The program of a helper.
pub(super) fn program(name: &str) -> String {
    format!("docker-credential-{name}")
}

impl Helpers {
    pub(super) fn new(environment: Environment, timeout: Duration) -> Self {
        Self { environment, timeout, running: Semaphore::new(MAX_RUNNING), asked: Mutex::default() }
    }

    /// What helper `name` has for `server`; who asks while it runs waits for the same answer.
    pub(super) async fn get(&self, name: &str, server: &str) -> Outcome {
        let cell = {
            let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(asked.entry((name.to_owned(), server.to_owned())).or_default())
        };
        cell.get_or_init(|| self.ask(name, server)).await.clone()
    }

    async fn ask(&self, name: &str, server: &str) -> Outcome {
        let is_name = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-');
        if name.is_empty() || !name.chars().all(is_name) {
            return Err(HelperFault::Name);
        }
        let program = self.find(&program(name)).ok_or(HelperFault::NotInPath)?;
        // Closed never; without a permit it would only run unbounded.
        let _permit = self.running.acquire().await.ok();
        let mut child = start(&program, &self.environment)?;
        converse(&mut child, server, self.timeout).await
    }

    /// Relative entries of `PATH` are passed over: a helper must not come from the folder of a checkout.
    fn find(&self, program: &str) -> Option<PathBuf> {
        let program = format!("{program}{}", std::env::consts::EXE_SUFFIX);
        std::env::split_paths(self.environment.variable("PATH")?)
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join(&program))
            .find(|path| is_executable(path))
    }
}

fn is_executable(path: &Path) -> bool {
    let Ok(metadata) = path.metadata() else { return false };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        metadata.is_file() && metadata.permissions().mode() & 0o111 != 0
    }
    #[cfg(not(unix))]
    metadata.is_file()
}

fn start(program: &Path, environment: &Environment) -> Result<Child, HelperFault> {
    Command::new(program)
        .arg("get")
        .env_clear()
        .envs(environment.variables())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| HelperFault::Run(error.kind()))
}

/// Speaks with the child and ends it: when this returns, the child is gone.
async fn converse(child: &mut Child, server: &str, timeout: Duration) -> Outcome {
    let answer = tokio::time::timeout(timeout, exchange(child, server)).await;
    let answer = answer.unwrap_or(Err(HelperFault::Timeout(timeout)));
    if answer.is_err() {
        // An error here means that it is gone already.
        child.kill().await.ok();
    }
    let (status, output) = answer?;
    read_answer(status, &output)
}

async fn exchange(child: &mut Child, server: &str) -> Result<(ExitStatus, Vec<u8>), HelperFault> {
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let say = async {
        if let Some(mut stdin) = stdin {
            // A helper may answer without having listened.
            stdin.write_all(server.as_bytes()).await.ok();
        }
    };
    let hear = async {
        let mut output = Vec::new();
        if let Some(stdout) = stdout {
            stdout.take(MAX_ANSWER_BYTES + 1).read_to_end(&mut output).await?;
        }
        Ok(output)
    };
    let ((), heard) = tokio::join!(say, hear);
    let failed = |error: std::io::Error| HelperFault::Run(error.kind());
    let output = heard.map_err(failed)?;
    if output.len() as u64 > MAX_ANSWER_BYTES {
        return Err(HelperFault::TooLong(MAX_ANSWER_BYTES));
    }
    Ok((child.wait().await.map_err(failed)?, output))
}

/// Go reads names of fields without regard to case, and so helpers write them as they like.
#[derive(Deserialize)]
struct Answer {
    #[serde(default, rename = "Username", alias = "username")]
    user: String,
    #[serde(default, rename = "Secret", alias = "secret")]
    secret: String,
}

fn read_answer(status: ExitStatus, output: &[u8]) -> Outcome {
    if !status.success() {
        let text = String::from_utf8_lossy(output);
        if text.trim() == NOT_FOUND {
            return Ok(None);
        }
        return Err(HelperFault::Failed { status: status.to_string(), message: shown::prose(&text) });
    }
    let Answer { user, secret } = serde_json::from_slice(output).map_err(|_| HelperFault::Rubbish)?;
    match (user.is_empty(), secret.is_empty()) {
        (true, true) => Ok(None),
        (true, false) => Err(HelperFault::NoUser),
        (false, true) => Err(HelperFault::NoSecret),
        (false, false) => Ok(Some(Credential::from_pair(&user, &secret))),
    }
}

#[cfg(all(test, unix))]
pub(super) mod tests {
    use std::io::Write;

    use super::*;
    use crate::model::secret::Secret;

    /// Longer than any helper of these tests takes on any machine.
    const PATIENT: Duration = Duration::from_secs(300);

    /// A folder with helpers in it. Each counts its runs by appending what it was told to `NAME.runs`.
    pub(in super::super) struct Folder(tempfile::TempDir);

    impl Folder {
        pub(in super::super) fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        pub(in super::super) fn path(&self) -> &Path {
            self.0.path()
        }

        /// Adds `docker-credential-NAME`, which runs `script`.
        pub(in super::super) fn with(self, name: &str, script: &str) -> Self {
            let runs = self.path().join(format!("{name}.runs"));
            let text = format!(
                "#!/bin/sh\nserver=$(cat)\nprintf '%s %s\\n' \"$*\" \"$server\" >>'{}'\n{script}\n",
                runs.display()
            );
            // Another process writes it: while this one forks elsewhere, a file that it had open for writing
            // could not be run.
            let mut writer = std::process::Command::new("sh")
                .args(["-c", "cat >\"$0\" && chmod 755 \"$0\""])
                .arg(self.path().join(program(name)))
                .stdin(Stdio::piped())
                .spawn()
                .unwrap();
            writer.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
            assert!(writer.wait().unwrap().success());
            self
        }

        /// How the helper was called: its arguments and its standard input, one line for each time.
        pub(in super::super) fn runs(&self, name: &str) -> Vec<String> {
            let text = std::fs::read_to_string(self.path().join(format!("{name}.runs"))).unwrap_or_default();
            text.lines().map(str::to_owned).collect()
        }

        /// An environment in which these helpers are found, and the ordinary programs.
        pub(in super::super) fn environment(&self) -> Environment {
            let ordinary = std::env::var_os("PATH").unwrap();
            let folders = std::iter::once(self.path().to_owned()).chain(std::env::split_paths(&ordinary));
            Environment::default().with_variable("PATH", std::env::join_paths(folders).unwrap())
        }

        fn helpers(&self) -> Helpers {
            Helpers::new(self.environment(), PATIENT)
        }
    }

    async fn answer(script: &str) -> Outcome {
        Folder::new().with("x", script).helpers().get("x", "h.io").await
    }

    #[tokio::test]
    async fn a_helper_is_told_the_server_and_answers_with_a_pair_or_a_token() {
        let basic = Credential::Basic { user: "u".into(), password: Secret::new("p:w") };
        let token = Credential::Identity { token: Secret::new("t"), user: None };
        for (script, expected) in [
            (r#"echo '{"ServerURL":"h.io","Username":"u","Secret":"p:w"}'"#, Some(basic.clone())),
            (r#"echo '{"username":"u","secret":"p:w"}'"#, Some(basic)),
            (r#"echo '{"Username":"<token>","Secret":"t"}'"#, Some(token)),
            ("echo '{}'", None),
            (r#"echo '{"Username":"","Secret":""}'"#, None),
            ("echo ' credentials not found in native keychain'; exit 1", None),
        ] {
            let folder = Folder::new().with("x", script);
            assert_eq!(folder.helpers().get("x", "h.io").await, Ok(expected), "{script}");
            assert_eq!(folder.runs("x"), ["get h.io"]);
        }
    }

    #[tokio::test]
    async fn every_way_to_fail_has_its_own_words() {
        let failed = |message: Option<&str>| HelperFault::Failed {
            status: "exit status: 1".into(),
            message: message.map(str::to_owned),
        };
        for (script, fault) in [
            ("echo nonsense", HelperFault::Rubbish),
            ("true", HelperFault::Rubbish),
            ("printf '\\377\\000'", HelperFault::Rubbish),
            (r#"echo '{"Username":7,"Secret":"hunter2"}'"#, HelperFault::Rubbish),
            (r#"echo '{"Secret":"hunter2"}'"#, HelperFault::NoUser),
            (r#"echo '{"Username":"u"}'"#, HelperFault::NoSecret),
            ("echo 'no credentials server URL'; exit 1", failed(Some("no credentials server URL"))),
            ("echo 'cannot reach the agent'; exit 1", failed(Some("cannot reach the agent"))),
            (r#"echo '{"Username":"u","Secret":"hunter2"}'; exit 1"#, failed(None)),
            ("echo 'only on stderr: hunter2' >&2; exit 1", failed(None)),
            ("exec yes", HelperFault::TooLong(65536)),
        ] {
            let found = answer(script).await.unwrap_err();
            assert_eq!(found, fault, "{script}");
            assert!(!format!("{found} {found:?}").contains("hunter2"), "{script}");
        }
    }

    #[tokio::test]
    async fn a_helper_may_answer_without_listening() {
        let folder = Folder::new();
        let script = r#"exec 0<&-; echo '{"Username":"u","Secret":"p"}'"#;
        let found = folder.with("x", script).helpers().get("x", &"h".repeat(1_000_000)).await;
        assert_eq!(found.unwrap().unwrap().user(), "u");
    }

    #[tokio::test]
    async fn a_helper_that_hangs_is_ended_and_only_that_one() {
        for script in ["exec tail -f /dev/null", "exec >&-; exec sleep 100000"] {
            let folder = Folder::new().with("x", script);
            let environment = folder.environment();
            let program = folder.path().join(program("x"));
            let mut child = start(&program, &environment).unwrap();
            let mut bystander = start(&program, &environment).unwrap();
            let limit = Duration::from_millis(50);
            let found = converse(&mut child, "h.io", limit).await;
            assert_eq!(found, Err(HelperFault::Timeout(limit)));
            // Reaped already: it has no number any more.
            assert_eq!(child.id(), None);
            assert_eq!(bystander.try_wait().unwrap(), None);
            bystander.kill().await.unwrap();
        }
    }

    #[tokio::test]
    async fn names_that_are_not_of_programs_run_nothing() {
        let folder = Folder::new().with("x", "echo '{}'");
        let helpers = folder.helpers();
        for name in ["", "../x", "x y", "x;id", "$(id)", "/bin/sh", "x\n", "é"] {
            assert_eq!(helpers.get(name, "h.io").await, Err(HelperFault::Name), "{name}");
        }
        assert_eq!(helpers.get("absent", "h.io").await, Err(HelperFault::NotInPath));
        assert_eq!(folder.runs("x"), [""; 0]);
    }

    #[tokio::test]
    async fn helpers_are_found_only_in_absolute_folders_and_only_if_executable() {
        let folder = Folder::new().with("x", "echo '{}'");
        std::fs::write(folder.path().join(program("plain")), "#!/bin/sh\n").unwrap();
        assert_eq!(folder.helpers().get("plain", "h.io").await, Err(HelperFault::NotInPath));
        for path in ["", ".", "target"] {
            let environment = Environment::default().with_variable("PATH", path);
            let found = Helpers::new(environment, PATIENT).get("x", "h.io").await;
            assert_eq!(found, Err(HelperFault::NotInPath), "{path}");
        }
    }

    #[tokio::test]
    async fn fifty_who_ask_at_once_share_one_run_and_so_do_later_ones() {
        let folder = Folder::new().with("x", r#"echo '{"Username":"u","Secret":"p"}'"#).with("bad", "exit 3");
        let helpers = folder.helpers();
        for name in ["x", "bad"] {
            let asked = futures::future::join_all((0..50).map(|_| helpers.get(name, "h.io"))).await;
            assert!(asked.windows(2).all(|pair| pair[0] == pair[1]), "{name}");
            assert_eq!(helpers.get(name, "h.io").await, asked[0]);
            assert_eq!(folder.runs(name), ["get h.io"]);
        }
        helpers.get("x", "other.io").await.unwrap();
        assert_eq!(folder.runs("x"), ["get h.io", "get other.io"]);
    }

    #[tokio::test]
    async fn helpers_of_different_registries_run_side_by_side() {
        // Each waits for the other to have opened its end of the pipe.
        let folder = Folder::new();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let answer = r#"echo '{"Username":"u","Secret":"p"}'"#;
        let folder = folder
            .with("one", &format!("echo >'{}'; {answer}", pipe.display()))
            .with("two", &format!("read x <'{}'; {answer}", pipe.display()));
        let helpers = folder.helpers();
        let (one, two) = tokio::join!(helpers.get("one", "a.io"), helpers.get("two", "b.io"));
        assert_eq!((one.unwrap().unwrap().user(), two.unwrap().unwrap().user()), ("u", "u"));
    }

    #[tokio::test]
    async fn who_gives_up_waiting_leaves_the_question_to_the_next() {
        let folder = Folder::new().with("x", r#"echo '{"Username":"u","Secret":"p"}'"#);
        let helpers = folder.helpers();
        let mut first = Box::pin(helpers.get("x", "h.io"));
        assert!(futures::poll!(&mut first).is_pending());
        drop(first);
        assert_eq!(helpers.get("x", "h.io").await.unwrap().unwrap().user(), "u");
    }

    #[tokio::test]
    async fn a_helper_sees_the_variables_of_the_snapshot_and_no_others() {
        let script = r#"printf '{"Username":"%s","Secret":"%s"}' "$WHO" "${HOME-unset}""#;
        let folder = Folder::new().with("x", script);
        let helpers = Helpers::new(folder.environment().with_variable("WHO", "me"), PATIENT);
        let expected = Credential::Basic { user: "me".into(), password: Secret::new("unset") };
        assert_eq!(helpers.get("x", "h.io").await, Ok(Some(expected)));
    }
}
