//! The whole program at work, beside what the wire allows: `cargo bench --bench throughput`.
//!
//! Every row is a process of its own, measured by another small one (`measure`): the built
//! `registry-check`, the raw generators (`generator`), and what people use today. Registries run in yet
//! another process (`server`), or are real daemons. Contenders take turns, so that a busy machine slows
//! all of them; ratios are of the same round. `benches/README.md` says how to read the figures.

#![expect(unreachable_pub, reason = "here `pub` means: for the other files of this crate")]

mod contender;
mod generator;
mod measure;
mod peers;
mod scenario;
mod server;
mod table;

use std::process::ExitCode;

use table::Report;

/// How often each contender runs, and which scenarios.
pub struct Choice {
    /// Rounds that count; one more goes before them.
    pub rounds: usize,
    words: Vec<String>,
}

impl Choice {
    fn wants(&self, name: &str) -> bool {
        self.words.is_empty() || self.words.iter().any(|word| name.contains(word.as_str()))
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (first, rest) = match arguments.split_first() {
        Some((first, rest)) => (first.as_str(), rest),
        None => ("", &[][..]),
    };
    match first {
        server::ROLE => server::run(rest),
        generator::ROLE => generator::run(rest),
        measure::ROLE => measure::run(rest),
        _ if arguments.iter().any(|argument| argument == "--bench") => bench(&arguments),
        // `cargo test --all-targets` starts benches too, and must not take minutes for it.
        _ => eprintln!("nothing measured: run by `cargo bench --bench throughput`"),
    }
    ExitCode::SUCCESS
}

fn bench(arguments: &[String]) {
    let mut choice = Choice { rounds: 5, words: Vec::new() };
    let mut arguments = arguments.iter().filter(|argument| *argument != "--bench");
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--rounds" => {
                let rounds = arguments.next().and_then(|number| number.parse().ok());
                choice.rounds = rounds.filter(|rounds| *rounds > 0).expect("--rounds N");
            }
            word => choice.words.push(word.to_owned()),
        }
    }
    let mut report = Report::default();
    for (name, run) in scenario::ALL {
        if choice.wants(name) {
            eprintln!("{name} …");
            run(&choice, &mut report);
        }
    }
    print!("{report}");
}
