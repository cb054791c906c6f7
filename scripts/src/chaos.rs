//! `cargo xtask chaos`: short runs of the real program while everything around it breaks, by seeds; afterwards its books have to agree
//! with the server's. Neighbours: `chaos/schedule.rs` draws what happens, `chaos/play.rs` carries it out, `chaos/oracle.rs` judges.
//! Invariant: a seed that fails is told with all it takes to look at it, and the others are tried all the same.

mod books;
mod leftovers;
mod oracle;
mod play;
mod scenario;
mod schedule;
mod server;
mod small_disk;

use crate::{arguments, programs};
use nix::{
    sched::{CpuSet, sched_getaffinity},
    unistd::Pid,
};
use play::{Observed, Place};
use schedule::Schedule;
use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Instant,
};

/// What to run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    seeds: Vec<u64>,
    /// The longest that the load of a run lasts.
    seconds: u32,
    /// Runs at a time.
    jobs: u32,
    /// A built `loadforge`, such as an earlier version; else this checkout's is built.
    loadforge: Option<PathBuf>,
}

impl Options {
    /// A few seeds in which everything happens that can, briefly: for `ci`.
    pub(crate) fn short() -> Options {
        Options {
            seeds: vec![0, 1, 4, 7, 11, 14, 27, 28],
            seconds: 1,
            jobs: 2,
            loadforge: None,
        }
    }

    /// Reads `--seeds N --from S --seed S --seconds D --jobs J --loadforge PATH`.
    pub(crate) fn parse(words: &[String]) -> Result<Options, String> {
        let (mut seeds, mut from, mut only) = (20, 0, None);
        let mut options = Options {
            seconds: 3,
            jobs: 3,
            ..Options::short()
        };
        let mut words = words.iter();
        while let Some(flag) = words.next() {
            let mut value = || arguments::value("chaos", flag, &mut words);
            let number = |text: &str| arguments::number("chaos", flag, text);
            let seed = |text: &str| {
                text.parse::<u64>()
                    .map_err(|_| format!("chaos: {flag} {text}: give a whole number"))
            };
            match flag.as_str() {
                "--seeds" => seeds = u64::from(number(value()?)?),
                "--from" => from = seed(value()?)?,
                "--seed" => only = Some(seed(value()?)?),
                "--seconds" => options.seconds = number(value()?)?,
                "--jobs" => options.jobs = number(value()?)?,
                "--loadforge" => options.loadforge = Some(PathBuf::from(value()?)),
                _ => {
                    return Err(format!(
                        "chaos: no such option: {flag}; there are --seeds, --from, --seed, --seconds, --jobs, --loadforge"
                    ));
                }
            }
        }
        options.seeds = match only {
            Some(seed) => vec![seed],
            None => (0..seeds).map(|seed| from.wrapping_add(seed)).collect(),
        };
        Ok(options)
    }
}

/// Plays every seed and tells how it went.
///
/// # Errors
/// When a seed failed, or nothing can be played here.
pub(crate) fn run(root: &Path, options: &Options) -> Result<(), String> {
    let place = |error| format!("chaos: {error}");
    let loadforge = match &options.loadforge {
        Some(path) => path
            .canonicalize()
            .map_err(|error| format!("chaos: --loadforge {}: {error}", path.display()))?,
        // Unoptimised: its own assertions are on.
        None => {
            let arguments = ["build", "--package", "loadforge"];
            programs::build(&mut programs::cargo(root, &arguments)).map_err(place)?;
            programs::target(root).join("debug/loadforge")
        }
    };
    let folder = programs::target(root).join("chaos");
    fs::create_dir_all(&folder).map_err(|error| format!("chaos: {}: {error}", folder.display()))?;
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let started = Instant::now();
    thread::scope(|scope| {
        for job in 0..options.jobs {
            let (next, failed, loadforge, folder) = (&next, &failed, &loadforge, &folder);
            scope.spawn(move || {
                while let Some(seed) = options.seeds.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let own = own_number(job);
                    if !try_seed(*seed, options.seconds, loadforge, folder, own) {
                        failed
                            .lock()
                            .unwrap_or_else(std::sync::PoisonError::into_inner)
                            .push(*seed);
                    }
                }
            });
        }
    });
    let mut failed = failed
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    failed.sort_unstable();
    let closing = format!(
        "chaos: {} seeds in {:.0} s, {} failed",
        options.seeds.len(),
        started.elapsed().as_secs_f64(),
        failed.len()
    );
    match failed.is_empty() {
        true => {
            println!("{closing}");
            Ok(())
        }
        false => Err(format!(
            "{closing}: {failed:?}; once more: cargo xtask chaos --seed {} --seconds {}",
            failed[0], options.seconds
        )),
    }
}

/// A number for one job of this process: part of its server's address.
fn own_number(job: u32) -> u16 {
    // Never 0, for that would be the address of the network.
    (std::process::id().wrapping_mul(16).wrapping_add(job) % 65_000) as u16 + 1
}

/// Plays one seed and says how it went; whether all was well.
fn try_seed(seed: u64, seconds: u32, loadforge: &Path, folder: &Path, own: u16) -> bool {
    let schedule = Schedule::of(seed, u64::from(seconds) * 1_000, allowed_cpus());
    let own_folder = folder.join(format!("seed-{seed}"));
    // Of an earlier try.
    let _ = fs::remove_dir_all(&own_folder);
    let played = fs::create_dir(&own_folder)
        .map_err(|error| error.to_string())
        .and_then(|()| {
            play::play(
                &schedule,
                &Place {
                    loadforge,
                    folder: &own_folder,
                    own,
                },
            )
        });
    let (wrong, observed) = match played {
        Ok(observed) => (oracle::judge(&schedule, &observed), Some(observed)),
        Err(error) => (vec![format!("it could not be played: {error}")], None),
    };
    if wrong.is_empty() {
        let told = observed.as_ref().map_or(String::new(), told);
        println!("seed {seed}: ok, {told}: {schedule}");
        // Whatever stays is overwritten by the next try.
        let _ = fs::remove_dir_all(&own_folder);
        return true;
    }
    let mut text = format!("seed {seed}: FAILED: {schedule}\n");
    for words in &wrong {
        text += &format!("    · {words}\n");
    }
    if let Some(observed) = &observed {
        text += &format!("    {}\n    server {:?}\n", told(observed), observed.server);
        for happened in &observed.happened {
            text += &format!(
                "    at {} ms {} (process {:?})\n",
                happened.at_ms, happened.fault, happened.pid
            );
        }
    }
    println!("{text}    what it left: {}", own_folder.display());
    false
}

/// How the run ended, on half a line.
fn told(observed: &Observed) -> String {
    let ended = observed.ended.as_ref();
    let how = ended.map_or("did not end".to_owned(), |ended| ended.status.to_string());
    let count = |name: &str| {
        let reported = observed.reported.as_ref().and_then(|(_, all)| all.as_ref());
        let summary = observed.summary.as_ref().or(reported)?;
        summary["requests"][name].as_u64()
    };
    let counts: Vec<String> = ["sent", "ok", "failed", "unknown", "retried"]
        .into_iter()
        .filter_map(|name| Some(format!("{} {name}", count(name)?)))
        .collect();
    let still = match observed.stood_still_ms {
        0..500 => String::new(),
        still_ms => format!(" (all stood still for {still_ms} ms)"),
    };
    format!(
        "{how} after {} ms{still}, {}, server {}",
        observed.took_ms,
        counts.join(", "),
        observed.server.whole
    )
}

fn allowed_cpus() -> usize {
    let set = sched_getaffinity(Pid::from_raw(0)).unwrap_or_default();
    let allowed = (0..CpuSet::count()).filter(|cpu| set.is_set(*cpu).unwrap_or(false));
    allowed.count().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use schedule::Fault;

    fn parse(words: &str) -> Result<Options, String> {
        let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        Options::parse(&words)
    }

    /// Two CPUs, as most machines that check have at least.
    #[test]
    fn the_seeds_of_ci_hit_workers_supervisor_connections_and_disk() {
        let options = Options::short();
        let longest_ms = u64::from(options.seconds) * 1_000;
        let schedules = options.seeds.iter();
        let schedules: Vec<Schedule> = schedules
            .map(|seed| Schedule::of(*seed, longest_ms, 2))
            .collect();
        type Kind = (&'static str, fn(&Fault) -> bool);
        let kinds: [Kind; 5] = [
            ("a worker dies", |fault| {
                matches!(fault, Fault::KillWorker(..))
            }),
            ("the supervisor dies", |fault| {
                *fault == Fault::KillSupervisor
            }),
            ("it is to end", |fault| matches!(fault, Fault::Signal(_))),
            ("connections break", |fault| {
                matches!(
                    fault,
                    Fault::Reset | Fault::HalfClose | Fault::ServerGone { .. }
                )
            }),
            ("the disk is full", |fault| {
                matches!(fault, Fault::DiskFull { .. })
            }),
        ];
        for (what, is) in kinds {
            assert!(
                schedules.iter().any(|schedule| schedule.has(is)),
                "no seed in which {what}"
            );
        }
    }

    #[test]
    fn options_are_read_and_wrong_ones_refused() {
        let options = parse("--seeds 3 --from 10 --seconds 2").unwrap();
        assert_eq!((options.seeds, options.seconds), (vec![10, 11, 12], 2));
        assert_eq!(parse("--seed 77").unwrap().seeds, [77]);
        for wrong in ["--seeds", "--seeds 0", "--seed x", "--fast 1"] {
            let error = parse(wrong).unwrap_err();
            assert!(error.starts_with("chaos: "), "{wrong}: {error}");
        }
    }
}
