//! `cargo xtask bench-doors`: what a request costs through each door of LoadForge: a URL, a TOML file, Rust code. Neighbours:
//! `bench_peers.rs` measures, `benches/doors` has the scenarios. Invariant: all doors are measured in each round, so that what the
//! machine does to one it does to all; ratios are taken within a round.

use crate::{
    arguments,
    bench_peers::measure_command,
    programs::{self, Cpus},
    servers::Server,
};
use std::{fs, path::Path, process::Command};

/// Users of each run, each with a connection.
const USERS: &str = "64";

/// What to run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    seconds: u32,
    rounds: u32,
}

impl Options {
    /// Reads `--seconds N --rounds N`.
    pub(crate) fn parse(words: &[String]) -> Result<Options, String> {
        let mut options = Options {
            seconds: 3,
            rounds: 5,
        };
        let mut words = words.iter();
        while let Some(flag) = words.next() {
            let mut value = || arguments::value("bench-doors", flag, &mut words);
            let number = |text: &str| arguments::number("bench-doors", flag, text);
            match flag.as_str() {
                "--seconds" => options.seconds = number(value()?)?,
                "--rounds" => options.rounds = number(value()?)?,
                _ => {
                    return Err(format!(
                        "bench-doors: no such option: {flag}; there are --seconds, --rounds"
                    ));
                }
            }
        }
        Ok(options)
    }
}

/// A way to say what users do.
struct Door {
    name: &'static str,
    command: Vec<String>,
}

/// Measures and prints the table.
///
/// # Errors
/// When a program does not build or a run fails.
pub(crate) fn run(root: &Path, options: &Options) -> Result<(), String> {
    let place = |error| format!("bench-doors: {error}");
    let cpus = Cpus::allowed().map_err(place)?;
    // Fully optimised.
    let arguments = [
        "build",
        "--profile",
        "dist",
        "--package",
        "loadforge",
        "--bins",
        "--example",
        "door",
    ];
    programs::build(&mut programs::cargo(root, &arguments)).map_err(place)?;
    let built = programs::target(root).join("dist");
    let loadforge = built.join("loadforge");
    let folder = tempfile::tempdir().map_err(|error| format!("bench-doors: no folder: {error}"))?;
    let server = Server::echo(&loadforge, folder.path(), cpus.server).map_err(place)?;
    let doors = doors(root, folder.path(), &built, &server.url())?;
    let mut costs: Vec<Vec<f64>> = vec![Vec::new(); doors.len()];
    for round in 1..=options.rounds {
        for (door, costs) in doors.iter().zip(&mut costs) {
            let (program, words) = door.command.split_first().expect("a program is named");
            let mut command = match cpus.generator {
                Some(cpu) => {
                    let mut command = Command::new("taskset");
                    command.args(["-c", &cpu.to_string(), program]);
                    command
                }
                None => Command::new(program),
            };
            command.args(words).current_dir(folder.path());
            command.args([
                "--users",
                USERS,
                "--workers",
                "1",
                "--output",
                "-",
                "--quiet",
            ]);
            command.args([
                "--duration",
                &format!("{}s", options.seconds),
                "--no-preflight",
            ]);
            let measured = measure_command(&mut command, folder.path(), &server)
                .map_err(|error| format!("bench-doors: {}: {error}", door.name))?;
            let cost = measured.cpu.as_secs_f64() * 1e6 / measured.requests as f64;
            println!("round {round}: {:<32} {cost:.3} µs/request", door.name);
            costs.push(cost);
        }
    }
    println!("\n| door | CPU µs/request | × URL |\n|---|---|---|");
    for (door, own) in doors.iter().zip(&costs) {
        let ratios: Vec<f64> = own
            .iter()
            .zip(&costs[0])
            .map(|(own, url)| own / url)
            .collect();
        println!("| {} | {} | {} |", door.name, spread(own), spread(&ratios));
    }
    Ok(())
}

fn doors(root: &Path, folder: &Path, built: &Path, url: &str) -> Result<Vec<Door>, String> {
    let target = url.trim_end_matches('/');
    let file = |name: &str| -> Result<String, String> {
        let from = root.join("benches/doors").join(name);
        let text = fs::read_to_string(&from)
            .and_then(|text| fs::write(folder.join(name), text.replace("TARGET", target)));
        text.map_err(|error| format!("bench-doors: {}: {error}", from.display()))?;
        Ok(name.to_owned())
    };
    let loadforge = built.join("loadforge").display().to_string();
    let rust = built.join("examples/door").display().to_string();
    let door = |name, program: &str, scenario: String| Door {
        name,
        command: vec![program.to_owned(), "run".to_owned(), scenario],
    };
    Ok(vec![
        door("URL", &loadforge, format!("{target}/headers")),
        door("TOML, the same request", &loadforge, file("plain.toml")?),
        door(
            "TOML, capture, variable, check",
            &loadforge,
            file("door.toml")?,
        ),
        door("Rust, capture, variable, check", &rust, target.to_owned()),
    ])
}

/// The median, and the least and the greatest behind it.
pub(crate) fn spread(values: &[f64]) -> String {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.as_slice() {
        [] => "none".to_owned(),
        [least, .., most] => format!("{:.3} ({least:.3}–{most:.3})", sorted[sorted.len() / 2]),
        [one] => format!("{one:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_wrong_ones_refused() {
        let parse = |words: &str| {
            let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
            Options::parse(&words)
        };
        let options = parse("--rounds 7").unwrap();
        assert_eq!((options.seconds, options.rounds), (3, 7));
        assert!(parse("--seconds").is_err() && parse("--connections 1").is_err());
    }

    #[test]
    fn a_spread_shows_the_median_and_both_ends() {
        assert_eq!(spread(&[3.0, 1.0, 2.0]), "2.000 (1.000–3.000)");
        assert_eq!(spread(&[1.0]), "1.000");
        assert_eq!(spread(&[]), "none");
    }
}
