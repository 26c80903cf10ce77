//! Embedded registries in a process of their own, led by lines on standard input.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use registry_check::demo::{Behaviour, Recording, Registry, Scope, Store, content};

/// The hidden argument that makes this program the server.
pub const ROLE: &str = "--serve";

const TAGS_PER_REPOSITORY: usize = 10;

/// Registries that all hold the same images.
pub struct Servers {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    /// `127.0.0.1:PORT` of each.
    pub authorities: Vec<String>,
}

/// What the registries of a process are like.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shape {
    /// Images in each.
    pub images: usize,
    /// How many there are.
    pub registries: usize,
    /// How long each answer is held back: a round trip.
    pub delay: Duration,
    /// How many of them, from the end, take connections and never answer.
    pub silent: usize,
}

/// `library/app-000:1.0`, …: the names that the tests' own `push` gives its images too.
pub fn names(count: usize) -> impl Iterator<Item = (String, String)> {
    (0..count).map(|number| {
        let repository = format!("library/app-{:03}", number / TAGS_PER_REPOSITORY);
        (repository, format!("1.{}", number % TAGS_PER_REPOSITORY))
    })
}

impl Servers {
    pub fn start(shape: Shape) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .arg(ROLE)
            .args([shape.images, shape.registries, shape.silent].map(|number| number.to_string()))
            .arg(shape.delay.as_millis().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program starts");
        let stdin = child.stdin.take().expect("a pipe");
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut servers = Self { child, stdin, stdout, authorities: Vec::new() };
        servers.authorities = servers.line().split_whitespace().map(str::to_owned).collect();
        assert_eq!(servers.authorities.len(), shape.registries);
        servers
    }

    /// From now on every request is counted.
    pub fn record(&mut self) {
        writeln!(self.stdin, "record").expect("the server listens");
        self.line();
    }

    /// HEADs of manifests, and all requests, since [`Self::record`].
    pub fn counts(&mut self) -> [usize; 2] {
        writeln!(self.stdin, "count").expect("the server listens");
        let line = self.line();
        let mut numbers = line.split_whitespace().map(|number| number.parse().expect("a number"));
        [(); 2].map(|()| numbers.next().expect("two numbers"))
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("the server answers");
        line
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Does what [`ROLE`] says: serves until standard input ends.
pub fn run(arguments: &[String]) {
    let numbers: Vec<usize> = arguments.iter().map(|text| text.parse().expect("a number")).collect();
    let [images, count, silent, delay_millis] = numbers[..] else { panic!("four numbers") };
    let mut store = Store::new();
    for (repository, tag) in names(images) {
        store.put(&repository, &tag, &content::image(&format!("{repository}:{tag}"), "linux/amd64"));
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let _entered = runtime.enter();
    let registries: Vec<Registry> = (0..count)
        .map(|at| {
            let registry = Registry::start(store.clone()).expect("a free port");
            registry.record(Recording::Off);
            if delay_millis > 0 {
                let delay = Duration::from_millis(delay_millis as u64);
                registry.set_behaviour(Scope::All, Behaviour::Delay(delay));
            }
            if at >= count - silent {
                registry.set_behaviour(Scope::All, Behaviour::Silent);
            }
            registry
        })
        .collect();
    let authorities: Vec<_> = registries.iter().map(Registry::authority).collect();
    println!("{}", authorities.join(" "));
    for line in std::io::stdin().lines().map_while(Result::ok) {
        match line.as_str() {
            "record" => {
                registries.iter().for_each(|registry| registry.record(Recording::On));
                println!("recording");
            }
            _ => {
                let heads: usize = registries.iter().map(|registry| registry.manifest_hits("HEAD")).sum();
                let all: usize = registries.iter().map(|registry| registry.count(|_| true)).sum();
                println!("{heads} {all}");
            }
        }
    }
}
