//! `loadforge echo`: the built-in HTTP server until a signal comes. Neighbours: `loadforge-echo` is the server,
//! `target.rs` starts this command as a run's target and reads its first line.
//! Invariant: standard output gets one line, the address, once connections are accepted.

use crate::{
    amounts,
    args::EchoArgs,
    complaint::{CommandError, Complaint},
    cpus,
    exit::Exit,
};
use loadforge_echo::{EchoConfig, EchoServer};
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
    let server = EchoServer::bind(&asked.config).map_err(start)?;
    let address = server.address();
    let handle = server.spawn().map_err(start)?;
    // Whoever started this may not want the line.
    let _ =
        writeln!(std::io::stdout(), "http://{address}/").and_then(|()| std::io::stdout().flush());
    // EINTR aside, this returns for one of the two signals.
    while signals.wait().is_err() {}
    let counts = handle.stop().map_err(start)?;
    if args.end_with.is_none() {
        anstream::eprintln!(
            "{} requests answered on {} connections",
            counts.requests,
            counts.connections
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
    let delay = args
        .delay
        .as_deref()
        .map_or(Ok(Duration::ZERO), |text| amounts::time("--delay", text));
    let delay = delay.unwrap_or_else(|complaint| {
        complaints.push(complaint);
        Duration::ZERO
    });
    let allowed = loadforge_engine::allowed_cpus();
    let cpus = args.cpus.as_deref().and_then(|text| {
        cpus::choose(text, &allowed)
            .map_err(|complaint| complaints.push(complaint))
            .ok()
    });
    if !complaints.is_empty() {
        return Err(CommandError::bad_input(Complaint::list(&complaints)));
    }
    let threads = args
        .threads
        .map_or(cpus.as_ref().unwrap_or(&allowed).len().max(1), usize::from);
    let config = EchoConfig {
        address: SocketAddr::new(args.address, args.port),
        threads,
        delay,
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
