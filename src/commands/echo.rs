//! `loadforge echo`: the built-in HTTP server until a signal comes. Neighbours: `loadforge-echo` is the server,
//! `target.rs` starts this command as a run's target and reads its first line.
//! Invariant: standard output gets one line, the address, once connections are accepted, and at the end one more with all counts
//! when these are asked for.

use crate::{
    amounts,
    args::{EchoArgs, StallFromWord},
    complaint::{CommandError, Complaint},
    conduct, cpus,
    exit::Exit,
};
use loadforge_echo::{DelayLaw, EchoConfig, EchoServer, Stall, StallFrom};
use nix::{
    sched::{CpuSet, sched_setaffinity},
    sys::{
        prctl,
        signal::{SigSet, Signal},
    },
    unistd::{Pid, getppid},
};
use std::{io::Write, net::SocketAddr, time::Duration};

/// Serves until SIGINT or SIGTERM.
///
/// # Errors
/// When the flags make no sense or the address cannot be listened on.
pub fn echo(args: &EchoArgs) -> Result<Exit, CommandError> {
    let asked = read(args)?;
    if let Some(parent) = args.end_with
        && !end_with(parent)
    {
        return Ok(Exit::Done);
    }
    if let Some(cpus) = &asked.cpus {
        stay_on(cpus).map_err(CommandError::could_not_run)?;
    }
    // Blocked before any thread exists, so that every thread inherits it and the signal waits for us below.
    let signals = SigSet::from_iter([Signal::SIGINT, Signal::SIGTERM]);
    signals.thread_block().map_err(|error| {
        CommandError::could_not_run(Complaint::new(
            format!("signals could not be blocked: {error}"),
            "the sandbox this runs in must allow sigprocmask",
        ))
    })?;
    let start = |error| CommandError::could_not_run(format!("error: {error}"));
    let server = EchoServer::bind(&asked.config).map_err(|error| {
        let refused = start(error.to_string());
        if error.is_bad_input() {
            CommandError::bad_input(refused)
        } else {
            refused
        }
    })?;
    let address = server.address();
    let handle = server.spawn().map_err(|error| start(error.to_string()))?;
    // Whoever started this may not want the line.
    let _ =
        writeln!(std::io::stdout(), "http://{address}/").and_then(|()| std::io::stdout().flush());
    // EINTR aside, this returns for one of the two signals.
    while signals.wait().is_err() {}
    let counts = handle.stop().map_err(|error| start(error.to_string()))?;
    if args.counts {
        // As above.
        let _ = write!(std::io::stdout(), "{}", counts.to_json());
    }
    if args.end_with.is_none() {
        say!(
            "{} {} answered on {} {}",
            counts.requests,
            if counts.requests == 1 {
                "request"
            } else {
                "requests"
            },
            counts.connections,
            if counts.connections == 1 {
                "connection"
            } else {
                "connections"
            }
        );
    }
    Ok(Exit::Done)
}

/// What was asked, checked.
struct Asked {
    config: EchoConfig,
    cpus: Option<Vec<u32>>,
}

fn read(args: &EchoArgs) -> Result<Asked, CommandError> {
    let mut complaints = Vec::new();
    let mut told = |complaint| complaints.push(complaint);
    let delay = args.delay.as_deref().map(conduct::delay).transpose();
    let delay = delay.map_err(&mut told).ok().flatten();
    let stalls: Vec<Stall> = args
        .stall
        .iter()
        .filter_map(|text| conduct::stall(text).map_err(&mut told).ok())
        .collect();
    let error_rate = args.error_rate.as_deref();
    let error_rate = error_rate.map(|text| amounts::share("--error-rate", text));
    let error_rate = error_rate.transpose().map_err(&mut told).ok().flatten();
    let seed = args.seed.as_deref();
    let seed = seed.map(|text| amounts::count("--seed", text, 0..=u64::MAX));
    let seed = seed.transpose().map_err(&mut told).ok().flatten();
    if args.queue && args.delay.is_none() {
        told(Complaint::new(
            "--queue without --delay would be a server that takes no time",
            "add how long it works on each request, such as --delay 10ms or --delay exp:10ms",
        ));
    }
    let allowed = loadforge_engine::allowed_cpus();
    let cpus = args
        .cpus
        .as_deref()
        .map(|text| cpus::choose(text, &allowed));
    let cpus = cpus.transpose().map_err(&mut told).ok().flatten();
    if !complaints.is_empty() {
        return Err(CommandError::bad_input(Complaint::list(&complaints)));
    }
    let threads = args
        .threads
        .map_or(cpus.as_ref().unwrap_or(&allowed).len().max(1), usize::from);
    let config = EchoConfig {
        address: SocketAddr::new(args.address, args.port),
        threads,
        delay: delay.unwrap_or(DelayLaw::Fixed(Duration::ZERO)),
        queue: args.queue,
        stalls,
        stall_from: match args.stall_from {
            StallFromWord::FirstRequest => StallFrom::FirstRequest,
            StallFromWord::Start => StallFrom::Start,
        },
        error_rate: error_rate.unwrap_or(0.0),
        seed: seed.unwrap_or(0),
        arrivals: args.arrivals.clone(),
        busy_poll: args.busy_poll,
        // A thread that looks instead of sleeping must not take the CPU of whoever it answers.
        spin: threads < allowed.len(),
        status: args.status,
        body_bytes: args.body_bytes as usize,
        ..EchoConfig::default()
    };
    Ok(Asked { config, cpus })
}

/// Ties this process's life to its parent's; `false` when the parent has ended already.
fn end_with(parent: i32) -> bool {
    // Where the kernel refuses, the parent's own SIGTERM at its end still stops us.
    let _ = prctl::set_pdeathsig(Signal::SIGKILL);
    getppid().as_raw() == parent
}

fn stay_on(cpus: &[u32]) -> Result<(), Complaint> {
    let mut set = CpuSet::new();
    let chosen: Result<(), nix::Error> = cpus.iter().try_for_each(|cpu| set.set(*cpu as usize));
    chosen
        .and_then(|()| sched_setaffinity(Pid::from_raw(0), &set))
        .map_err(|error| {
            Complaint::new(
                format!("cannot stay on CPUs {}: {error}", cpus::list(cpus)),
                "leave out --cpus",
            )
        })
}
