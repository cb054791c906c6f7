//! `cargo xtask soak`: a long run against a server in a process of its own, whose memory must not grow. Neighbours: `soak/trend.rs`
//! judges, `servers.rs` is the server. Invariant: what is measured is the proportional set size (PSS) that the kernel tells of each
//! process, shared pages divided among those who have them, so that the sum is what the run really takes.

mod trend;

use crate::{
    arguments,
    programs::{self, children},
    servers::Server,
};
use std::{
    collections::BTreeMap,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};
use trend::{LIMIT_BYTES_PER_H, Reading, Trend, settled};

/// Between two readings.
const EVERY: Duration = Duration::from_secs(1);
/// What all processes of a run with two workers and ten names may have together, in bytes.
const GOAL_BYTES: f64 = 80e6;
/// Most users of a run with a rate.
const MAX_USERS: u32 = 200;
/// What is said of all processes together.
const TOGETHER: &str = "all together";

/// What to run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    minutes: u32,
    rate: u32,
    /// So many users as fast as they can, instead of a rate.
    users: Option<u32>,
    csv: Option<PathBuf>,
    loadforge: Option<PathBuf>,
}

impl Options {
    /// Reads `--minutes N --rate R --users U --csv FILE --loadforge PATH`.
    pub(crate) fn parse(words: &[String]) -> Result<Options, String> {
        let mut options = Options {
            minutes: 5,
            rate: 10_000,
            users: None,
            csv: None,
            loadforge: None,
        };
        let mut words = words.iter();
        while let Some(flag) = words.next() {
            let mut value = || arguments::value("soak", flag, &mut words);
            let number = |text: &str| arguments::number("soak", flag, text);
            match flag.as_str() {
                "--minutes" => options.minutes = number(value()?)?,
                "--rate" => options.rate = number(value()?)?,
                "--users" => options.users = Some(number(value()?)?),
                "--csv" => options.csv = Some(PathBuf::from(value()?)),
                "--loadforge" => options.loadforge = Some(PathBuf::from(value()?)),
                _ => {
                    return Err(format!(
                        "soak: no such option: {flag}; there are --minutes, --rate, --users, --csv, --loadforge"
                    ));
                }
            }
        }
        Ok(options)
    }
}

/// Runs, prints a table and judges.
///
/// # Errors
/// When it cannot be run here, or something grows.
pub(crate) fn run(root: &Path, options: &Options) -> Result<(), String> {
    let place = |error: String| format!("soak: {error}");
    let loadforge = match &options.loadforge {
        Some(path) => path
            .canonicalize()
            .map_err(|error| format!("soak: --loadforge {}: {error}", path.display()))?,
        None => {
            let arguments = ["build", "--release", "--package", "loadforge"];
            programs::build(&mut programs::cargo(root, &arguments)).map_err(place)?;
            programs::target(root).join("release/loadforge")
        }
    };
    let folder = tempfile::tempdir().map_err(|error| format!("soak: no folder: {error}"))?;
    let server = Server::echo(&loadforge, folder.path(), None).map_err(place)?;
    let file = folder.path().join("soak.toml");
    fs::write(&file, scenario(&server.url())).map_err(|error| place(error.to_string()))?;
    let mut soaked = Soaked {
        run: start(&loadforge, folder.path(), &file, options).map_err(place)?,
    };
    let samples = soaked.sample(options).map_err(|error| {
        let said = fs::read_to_string(folder.path().join("said")).unwrap_or_default();
        format!("soak: {error}\n{said}")
    })?;
    if let Some(path) = &options.csv {
        fs::write(path, csv(&samples))
            .map_err(|error| format!("soak: {}: {error}", path.display()))?;
    }
    let Judged {
        table,
        growing,
        most_bytes,
    } = judge(&samples).map_err(place)?;
    println!("{table}");
    let mut wrong = Vec::new();
    if !growing.is_empty() {
        wrong.push(format!(
            "this grows by more than {:.0} MB an hour, and goes on: {}",
            LIMIT_BYTES_PER_H / 1e6,
            growing.join(", ")
        ));
    }
    if most_bytes > GOAL_BYTES {
        wrong.push(format!(
            "{:.1} MB were taken, and {:.0} MB is the most",
            most_bytes / 1e6,
            GOAL_BYTES / 1e6
        ));
    }
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(format!("soak: {}", wrong.join("; "))),
    }
}

/// Ten names.
fn scenario(url: &str) -> String {
    let mut text = format!("name = \"soak\"\nbase_url = \"{url}\"\n");
    for name in 0..10 {
        // A string takes whatever is written to it.
        let _ = write!(
            text,
            "\n[[task]]\nname = \"name {name}\"\nget = \"/{name}\"\n"
        );
    }
    text
}

fn start(loadforge: &Path, folder: &Path, file: &Path, options: &Options) -> Result<Child, String> {
    let failed = |error: std::io::Error| format!("the run could not be started: {error}");
    let load = match options.users {
        Some(users) => vec!["--users".to_owned(), users.to_string()],
        None => vec![
            "--rate".to_owned(),
            options.rate.to_string(),
            "--max-users".to_owned(),
            MAX_USERS.to_string(),
        ],
    };
    Command::new(loadforge)
        .arg("run")
        .arg(file)
        .args(["--duration", &format!("{}m", options.minutes)])
        // A busy machine is no leak.
        .args(["--quiet", "--allow-invalid"])
        .args(load)
        .arg("--output")
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(folder.join("said")).map_err(failed)?)
        .spawn()
        .map_err(failed)
}

/// PSS by process, in the order of time.
type Samples = BTreeMap<String, Vec<Reading>>;

/// A run under way; dropping it ends it.
struct Soaked {
    run: Child,
}

impl Soaked {
    /// Reads every second until the planned end, then waits for the run's own.
    fn sample(&mut self, options: &Options) -> Result<Samples, String> {
        let mut samples = Samples::new();
        let begun = Instant::now();
        let until = Duration::from_secs(60 * u64::from(options.minutes));
        for reading in 1u32.. {
            let at = EVERY * reading;
            // The drain and the reports are no part of what must be flat.
            if at >= until {
                break;
            }
            thread::sleep(at.saturating_sub(begun.elapsed()));
            if let Ok(Some(status)) = self.run.try_wait() {
                return Err(format!("the run ended too early: {status}"));
            }
            self.read(begun.elapsed().as_secs_f64(), &mut samples);
        }
        let status = self
            .run
            .wait()
            .map_err(|error| format!("the run cannot be waited for: {error}"))?;
        match status.success() {
            true => Ok(samples),
            false => Err(format!("the run failed: {status}")),
        }
    }

    fn read(&self, at_s: f64, samples: &mut Samples) {
        let supervisor = self.run.id();
        let mut sum = 0.0;
        let mut take = |name: String, pid: u32| {
            if let Some(bytes) = pss_bytes(pid) {
                samples.entry(name).or_default().push((at_s, bytes));
                sum += bytes;
            }
        };
        take("supervisor".to_owned(), supervisor);
        for (worker, pid) in children(supervisor).into_iter().enumerate() {
            take(format!("worker {worker}"), pid);
        }
        samples
            .entry(TOGETHER.to_owned())
            .or_default()
            .push((at_s, sum));
    }
}

impl Drop for Soaked {
    fn drop(&mut self) {
        // It has ended, save after a failure.
        let _ = self.run.kill();
        let _ = self.run.wait();
    }
}

/// The proportional set size of a process.
fn pss_bytes(pid: u32) -> Option<f64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    pss_of(&rollup)
}

fn pss_of(rollup: &str) -> Option<f64> {
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1_024.0)
}

/// What the readings come to.
struct Judged {
    table: String,
    /// Who grows.
    growing: Vec<String>,
    /// The most that all processes had together, warm-up included.
    most_bytes: f64,
}

fn judge(samples: &Samples) -> Result<Judged, String> {
    let mut table = format!(
        "{:<14} {:>9} {:>9} {:>9} {:>14} {:>14}\n",
        "PSS, MB", "first", "last", "greatest", "MB/h", "99 % above"
    );
    let mut growing = Vec::new();
    for (name, readings) in samples {
        let readings = settled(readings);
        let trend = Trend::of(readings)
            .ok_or_else(|| format!("{name}: {} readings are too few to judge", readings.len()))?;
        let mb = |reading: Option<&Reading>| reading.map_or(0.0, |(_, bytes)| bytes / 1e6);
        let greatest = greatest(readings);
        let verdict = if trend.is_growing() { "  GROWS" } else { "" };
        // A string takes whatever is written to it.
        let _ = writeln!(
            table,
            "{name:<14} {:>9.2} {:>9.2} {:>9.2} {:>+14.3} {:>+14.3}{verdict}",
            mb(readings.first()),
            mb(readings.last()),
            greatest / 1e6,
            trend.whole.per_h / 1e6,
            trend.whole.bound_per_h / 1e6,
        );
        if trend.is_growing() {
            growing.push(name.clone());
        }
    }
    let most_bytes = samples.get(TOGETHER).map_or(0.0, |all| greatest(all));
    let _ = write!(
        table,
        "greatest of all, warm-up included: {:.2} MB; at most {:.0} MB for two workers and ten names",
        most_bytes / 1e6,
        GOAL_BYTES / 1e6
    );
    Ok(Judged {
        table,
        growing,
        most_bytes,
    })
}

fn greatest(readings: &[Reading]) -> f64 {
    readings.iter().map(|(_, bytes)| *bytes).fold(0.0, f64::max)
}

fn csv(samples: &Samples) -> String {
    let mut text = "process,at_s,pss_bytes\n".to_owned();
    for (name, readings) in samples {
        for (at_s, bytes) in readings {
            // A string takes whatever is written to it.
            let _ = writeln!(text, "{name},{at_s:.3},{bytes:.0}");
        }
    }
    text
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
        let options = parse("--minutes 2 --users 8").unwrap();
        assert_eq!(
            (options.minutes, options.rate, options.users),
            (2, 10_000, Some(8))
        );
        for wrong in ["--minutes", "--minutes 0", "--hours 1"] {
            assert!(parse(wrong).unwrap_err().starts_with("soak: "), "{wrong}");
        }
    }

    #[test]
    fn the_proportional_set_size_is_read_and_no_other() {
        let rollup = "0-1 ---p 0 0 0 [rollup]\nRss:  9000 kB\nPss:   3410 kB\nPss_Dirty:  12 kB\n";
        assert_eq!(pss_of(rollup), Some(3_410.0 * 1_024.0));
        assert!(pss_bytes(std::process::id()).unwrap() > 100_000.0);
    }

    #[test]
    fn who_grows_is_named_and_who_does_not_is_not() {
        let readings = |per_s: f64| -> Vec<Reading> {
            (0..300)
                .map(|second| (f64::from(second), 1e7 + per_s * f64::from(second)))
                .collect()
        };
        let samples = Samples::from([
            ("supervisor".to_owned(), readings(2_000.0)),
            ("worker 0".to_owned(), readings(0.0)),
        ]);
        let mut samples = samples;
        samples.insert(TOGETHER.to_owned(), vec![(0.0, 9e7); 300]);
        let judged = judge(&samples).unwrap();
        assert_eq!(judged.growing, ["supervisor"]);
        assert_eq!(judged.most_bytes, 9e7);
        assert!(judged.table.contains("GROWS"), "{}", judged.table);
        assert!(csv(&samples).contains("\nsupervisor,0.000,10000000\n"));
    }
}
