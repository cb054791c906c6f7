//! A run as it was meant: flags, file and defaults put together and checked. Neighbours: `args.rs` before it,
//! `commands/run.rs` behind it. Invariant: an `Intent` can be run as far as words alone can tell, and whoever asked for
//! something impossible has been told everything at once.

use crate::{
    aim::{Aim, AimError, FILE_DURATION},
    amounts,
    args::{FormatWord, RunArgs, TransportWord, WireWord},
    complaint::{CommandError, Complaint},
    config::Places,
    cpus::{self, Placement},
    live_page::{LiveIntent, listen_address},
    load::{Load, LoadSpec},
    mask::mask_query,
    permission::Permission,
    program::Program,
    resolve::Override,
    sources, thresholds,
};
use loadforge_analysis::Threshold;
use loadforge_engine::{TransportChoice, WireChoice};
use loadforge_reporter::{Format, LiveMode};
use loadforge_scenarios::document::Problems;
use std::{net::IpAddr, path::PathBuf, time::Duration};

/// How long a request may take when nobody says.
const TIME_LIMIT: Duration = Duration::from_secs(30);
/// How long requests in flight may take at the end when nobody says.
const GRACEFUL_STOP: Duration = Duration::from_secs(30);

/// A run, checked.
pub struct Intent {
    /// The file or URL as typed, secrets in a URL's query masked.
    pub source: String,
    /// How much load for how long.
    pub load: Load,
    /// Whether an INVALID verdict is not to change the exit code.
    pub allow_invalid: bool,
    /// What must hold.
    pub thresholds: Vec<Threshold>,
    /// Time limit of a request that has none of its own.
    pub time_limit: Duration,
    /// How long requests in flight may take at the end.
    pub graceful_stop: Duration,
    /// The seed of all random numbers.
    pub seed: u64,
    /// Who runs where.
    pub placement: Placement,
    /// Where the aggregator is pinned.
    pub aggregator_cpu: Option<u32>,
    /// Addresses that connections are made from, in turn.
    pub source_ips: Vec<IpAddr>,
    /// CPUs this process may use.
    pub cpus_allowed: usize,
    /// How many CPUs the cgroup pays for, if it sets a quota.
    pub cpu_quota: Option<f64>,
    /// How records travel.
    pub transport: TransportChoice,
    /// How sockets are driven.
    pub wire: WireChoice,
    /// Addresses that need no look-up.
    pub overrides: Vec<Override>,
    /// Which public addresses may be loaded.
    pub permission: Permission,
    /// Whether a connection is tried first.
    pub preflight: bool,
    /// Where results go.
    pub output: Output,
    /// Which reports are written.
    pub formats: Vec<Format>,
    /// Whether every request is kept.
    pub record_requests: bool,
    /// How much is shown.
    pub display: Display,
    /// Whether and how it is shown in a browser.
    pub live: Option<LiveIntent>,
}

/// Where results go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Into a directory of the run's own in this one.
    In(PathBuf),
    /// The summary to standard output, nothing to the disk.
    Stdout,
}

/// How much is shown while a run goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Display {
    /// Nothing but errors.
    Quiet,
    /// The live display and the final table.
    Usual,
    /// The same, with what was decided on the way.
    Verbose,
}

/// What this process may use, and the time: passed in, so that reading a command line needs no machine.
#[derive(Clone, Debug)]
pub struct Here {
    /// CPUs this process may use, lowest first; at least one.
    pub cpus: Vec<u32>,
    /// How many CPUs the cgroup pays for, if it sets a quota.
    pub cpu_quota: Option<f64>,
    /// Hosts that may be loaded whatever their address is, as the environment has them.
    pub allow: Option<String>,
    /// The seed where none was given.
    pub seed: u64,
}

impl Intent {
    /// Puts together what was typed and what the file says: what users do, and all else.
    ///
    /// # Errors
    /// When any of it makes no sense; all of it is told.
    pub fn read(
        args: &RunArgs,
        here: &Here,
        program: Program,
    ) -> Result<(Aim, Intent), CommandError> {
        let mut told = Told {
            places: args.places.clone(),
            ..Told::default()
        };
        let typed = args.scenario.as_deref().unwrap_or_default();
        let aim = told.keep(program.aim(args));
        let load = match &aim {
            Some(aim) => aim.decide_load(&args.load, &mut told.complaints),
            // The file is wrong and that has been told; the flags are still checked.
            None => Load::decide(
                &args.load,
                &LoadSpec::default(),
                FILE_DURATION,
                &mut told.complaints,
            ),
        };
        let placement = place(
            args,
            here,
            aim.as_ref().is_some_and(Aim::is_echo),
            &mut told,
        );
        let aggregator_cpu = told.read(&args.aggregator_cpu, |text| {
            cpus::choose_one("--aggregator-cpu", text, &here.cpus)
        });
        let source_ips = told.read(&args.source_ip, sources::choose);
        let overrides = overrides(args, aim.as_ref(), &mut told);
        let permission = Permission::read(
            args.yes,
            &args.allow,
            here.allow.as_deref(),
            &mut told.complaints,
        );
        let mut thresholds = thresholds::typed(args, aim.as_ref(), &mut told);
        if let Some(aim) = &aim {
            // Of a load that is wrong itself nothing can be said.
            let is_load_good = told.complaints.is_empty();
            thresholds = aim.thresholds.iter().cloned().chain(thresholds).collect();
            let of_nothing = |threshold| thresholds::of_nothing(threshold, aim, &load);
            let found: Vec<Complaint> = match is_load_good {
                true => thresholds.iter().filter_map(of_nothing).collect(),
                false => Vec::new(),
            };
            told.complaints.extend(found);
        }
        let output = output(args, &mut told);
        let live = live(args, &mut told);
        let timeout = told.read(&args.timeout, |text| {
            amounts::positive_time("--timeout", text)
        });
        let graceful_stop = told.read(&args.graceful_stop, |text| {
            amounts::time("--graceful-stop", text)
        });
        let seed = told.read(&args.seed, |text| {
            amounts::count("--seed", text, 0..=u64::MAX)
        });
        let aim = told.into_result(aim)?;
        let intent = Intent {
            source: mask_query(if typed.is_empty() { &aim.name } else { typed }),
            load,
            allow_invalid: args.allow_invalid,
            thresholds,
            time_limit: timeout.or(aim.time_limit).unwrap_or(TIME_LIMIT),
            graceful_stop: graceful_stop.unwrap_or(GRACEFUL_STOP),
            seed: seed.or(aim.seed).unwrap_or(here.seed),
            placement,
            aggregator_cpu,
            source_ips: source_ips.unwrap_or_default(),
            cpus_allowed: here.cpus.len(),
            cpu_quota: here.cpu_quota,
            transport: transport_choice(args.transport),
            wire: wire_choice(args.wire),
            overrides,
            permission,
            preflight: !args.no_preflight,
            output,
            formats: formats(&args.format),
            record_requests: args.record_requests,
            display: match (args.quiet, args.verbose) {
                (true, _) => Display::Quiet,
                (false, true) => Display::Verbose,
                (false, false) => Display::Usual,
            },
            live,
        };
        Ok((aim, intent))
    }
}

/// Everything wrong that has been found so far.
#[derive(Default)]
pub struct Told {
    /// What is wrong with the file comes first: it is the longer text.
    file: Option<Problems>,
    /// What is wrong with the name of the file, or the URL.
    scenario: Option<Complaint>,
    /// What is wrong with flags and what they mean together.
    pub complaints: Vec<Complaint>,
    /// Where those complaints belong that are about a config file.
    places: Places,
}

impl Told {
    fn keep(&mut self, read: Result<Aim, AimError>) -> Option<Aim> {
        match read {
            Ok(aim) => return Some(aim),
            Err(AimError::Typed(complaint)) => self.scenario = Some(complaint),
            Err(AimError::Several(mut several)) => self.complaints.append(&mut several),
            Err(AimError::File(problems)) => self.file = Some(problems),
        }
        None
    }

    /// Reads a flag if it was typed; what is wrong with it is kept.
    pub fn read<T>(
        &mut self,
        typed: &Option<String>,
        read: impl FnOnce(&str) -> Result<T, Complaint>,
    ) -> Option<T> {
        let read = read(typed.as_deref()?);
        read.map_err(|complaint| self.complaints.push(complaint))
            .ok()
    }

    fn into_result(self, aim: Option<Aim>) -> Result<Aim, CommandError> {
        let mut texts: Vec<String> = self.file.iter().map(ToString::to_string).collect();
        texts.extend(self.places.texts(self.scenario, self.complaints));
        aim.filter(|_| texts.is_empty())
            .ok_or_else(|| CommandError::bad_input(texts.join("\n\n")))
    }
}

fn place(args: &RunArgs, here: &Here, beside_target: bool, told: &mut Told) -> Placement {
    let workers = told.read(&args.workers, |text| {
        let most = here.cpus.len() as u64;
        amounts::count("--workers", text, 1..=u64::MAX).and_then(|workers| {
            if workers > most {
                return Err(Complaint::new(
                    format!(
                        "--workers {workers}: this process may use {}, and each worker needs one",
                        cpus::count_words(most as usize)
                    ),
                    format!("give at most {most}, or leave --workers out"),
                ));
            }
            Ok(workers as usize)
        })
    });
    let listed = told.read(&args.cpus, |text| cpus::choose(text, &here.cpus));
    let asked = match (workers, listed) {
        (Some(workers), Some(listed)) if workers > listed.len() => {
            told.complaints.push(Complaint::new(
                format!(
                    "--workers {workers}: --cpus names {}, and each worker needs one",
                    cpus::count_words(listed.len())
                ),
                "leave out --workers, or name more CPUs",
            ));
            Some(listed)
        }
        (Some(workers), listed) => {
            let from = listed.as_deref().unwrap_or(&here.cpus);
            Some(from[..workers].to_vec())
        }
        (None, listed) => listed,
    };
    Placement::new(asked, &here.cpus, beside_target)
}

fn overrides(args: &RunArgs, aim: Option<&Aim>, told: &mut Told) -> Vec<Override> {
    let origins = aim.map(Aim::origins);
    let mask = aim.map(|aim| aim.mask.clone()).unwrap_or_default();
    Override::read_all(
        &args.resolve,
        origins.as_deref(),
        &mask,
        &mut told.complaints,
    )
}

fn output(args: &RunArgs, told: &mut Told) -> Output {
    let Some(path) = &args.output else {
        return Output::In(PathBuf::from("results"));
    };
    if path.as_os_str() != "-" {
        return Output::In(path.clone());
    }
    if args.format.iter().any(|format| *format != FormatWord::Json) {
        told.complaints.push(Complaint::new(
            "--output - writes the summary to standard output, which is JSON and nothing else",
            "write --format json --output -, or name a directory",
        ));
    }
    if args.record_requests {
        told.complaints.push(Complaint::new(
            "--record-requests writes a file, and --output - leaves none",
            "name a directory, or leave --record-requests out",
        ));
    }
    Output::Stdout
}

fn live(args: &RunArgs, told: &mut Told) -> Option<LiveIntent> {
    let address = told.read(&args.live.dashboard, |text| {
        listen_address("--dashboard", text)
    });
    let live = LiveIntent::new(&args.live, address);
    live.map_err(|complaint| told.complaints.push(complaint))
        .ok()
        .flatten()
}

/// The formats as the reporter has them, each once; none typed means the usual ones.
pub fn formats(words: &[FormatWord]) -> Vec<Format> {
    if words.is_empty() {
        return Format::USUAL.to_vec();
    }
    let typed = |format: &Format| {
        words.iter().any(|word| match word {
            FormatWord::Html => *format == Format::Html,
            FormatWord::Json => *format == Format::Json,
            FormatWord::Csv => *format == Format::Csv,
            FormatWord::Pdf => *format == Format::Pdf,
            FormatWord::Junit => *format == Format::Junit,
            FormatWord::Hlog => *format == Format::Hlog,
        })
    };
    Format::ALL.into_iter().filter(typed).collect()
}

fn transport_choice(word: TransportWord) -> TransportChoice {
    match word {
        TransportWord::Auto => TransportChoice::Auto,
        TransportWord::Shm => TransportChoice::Shm,
        TransportWord::Channel => TransportChoice::Channel,
    }
}

fn wire_choice(word: WireWord) -> WireChoice {
    match word {
        WireWord::Auto => WireChoice::Auto,
        WireWord::Uring => WireChoice::Uring,
        WireWord::Epoll => WireChoice::Epoll,
    }
}

impl Display {
    /// How the reporter is to show the run.
    pub fn live_mode(self) -> LiveMode {
        match self {
            Display::Quiet => LiveMode::Quiet,
            Display::Usual | Display::Verbose => LiveMode::Auto,
        }
    }
}
