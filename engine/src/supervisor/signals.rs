//! The signals that end a run, as the dispatcher hears them. Neighbours: `mod.rs` decides what each means, `crew.rs` keeps them
//! from the workers. Invariant: nobody listens before the last fork, for a handler inherited over it would count one press of
//! Ctrl-C once per process.

use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use procfs::process::Process;
use std::{
    io::{self, Read},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// The signals that mean "end": a terminal's Ctrl-C reaches the whole process group.
pub const END_SIGNALS: [Signal; 4] = [
    Signal::SIGINT,
    Signal::SIGHUP,
    Signal::SIGQUIT,
    Signal::SIGTERM,
];

/// Of these each one counts.
const COUNTED: [Signal; 2] = [Signal::SIGINT, Signal::SIGTERM];

/// The end signals as a set.
pub fn end_signals() -> SigSet {
    END_SIGNALS.into_iter().collect()
}

/// Keeps the signals that end a run waiting as long as it lives, or until the run begins to listen.
#[must_use = "signals come as ever once this is dropped"]
pub struct HeldSignals {
    earlier: SigSet,
}

/// From now on a signal that ends a run waits until the run can answer it, so that what is being made for the run can be taken
/// away again.
///
/// # Errors
/// When the system refuses, which it does not.
pub fn hold_signals() -> io::Result<HeldSignals> {
    let mut earlier = SigSet::empty();
    sigprocmask(
        SigmaskHow::SIG_BLOCK,
        Some(&end_signals()),
        Some(&mut earlier),
    )?;
    Ok(HeldSignals { earlier })
}

impl Drop for HeldSignals {
    fn drop(&mut self) {
        // Which signals there are has not changed since they were held.
        let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&self.earlier), None);
    }
}

/// What has been heard so far.
pub struct Signals {
    /// Gets a byte with each SIGINT and SIGTERM.
    presses: UnixStream,
    /// Gets a byte with each SIGHUP and SIGQUIT.
    others: UnixStream,
    /// SIGHUP has come: once or often, for a shell that ends and the kernel each send one when a terminal is closed.
    hung_up: Arc<AtomicBool>,
    /// SIGQUIT has come.
    at_once: Arc<AtomicBool>,
    /// How often the run was asked to end; SIGQUIT asks twice, SIGHUP once at most.
    pub asked: u32,
}

impl Signals {
    /// Takes the signals over and lets those come that were held.
    ///
    /// # Errors
    /// When there is no descriptor left.
    pub fn listen() -> io::Result<Signals> {
        let [(presses, press), (others, other)] = [UnixStream::pair()?, UnixStream::pair()?];
        for pipe in [&presses, &others] {
            pipe.set_nonblocking(true)?;
        }
        let [hung_up, at_once] = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
        // Whoever started us under nohup wants the run to outlive the terminal.
        let ignored = Process::myself()
            .and_then(|own| own.status())
            .map_or(0, |status| status.sigign);
        let outlives_terminal = ignored & (1 << (Signal::SIGHUP as i32 - 1)) != 0;
        for signal in COUNTED {
            signal_hook::low_level::pipe::register(signal as i32, press.try_clone()?)?;
        }
        for (signal, flag) in [(Signal::SIGHUP, &hung_up), (Signal::SIGQUIT, &at_once)] {
            if signal == Signal::SIGHUP && outlives_terminal {
                continue;
            }
            // Before the pipe's: whoever is woken by the pipe finds it set.
            signal_hook::flag::register(signal as i32, Arc::clone(flag))?;
            signal_hook::low_level::pipe::register(signal as i32, other.try_clone()?)?;
        }
        sigprocmask(SigmaskHow::SIG_UNBLOCK, Some(&end_signals()), None)?;
        Ok(Signals {
            presses,
            others,
            hung_up,
            at_once,
            asked: 0,
        })
    }

    /// Takes in what has come.
    pub fn hear(&mut self) {
        let mut bytes = [0; 16];
        while let Ok(1..) = self.others.read(&mut bytes) {}
        while let Ok(count @ 1..) = self.presses.read(&mut bytes) {
            self.asked += count as u32;
        }
        if self.hung_up.swap(false, Ordering::Relaxed) {
            self.asked = self.asked.max(1);
        }
        if self.at_once.swap(false, Ordering::Relaxed) {
            self.asked = self.asked.max(2);
        }
    }

    /// Descriptors of which one becomes readable when a signal has come.
    pub fn watched(&self) -> [BorrowedFd<'_>; 2] {
        [self.presses.as_fd(), self.others.as_fd()]
    }

    /// From the end of the run on: reports are being written, which the first signal is to wait for. The second ends the
    /// program at once, and so does SIGQUIT: a person who is tired of waiting shall not have to wait. SIGHUP is heard no more.
    pub fn leave(&self) {
        let is_second = Arc::new(AtomicBool::new(self.asked > 0));
        for signal in COUNTED.into_iter().chain([Signal::SIGQUIT]) {
            let is_second = match signal {
                Signal::SIGQUIT => Arc::new(AtomicBool::new(true)),
                _ => Arc::clone(&is_second),
            };
            let number = signal as i32;
            // In this order: the first signal finds the flag unset and sets it. Where that cannot be had, signals go unheard
            // for the moment that reports take.
            let _ = signal_hook::flag::register_conditional_default(number, Arc::clone(&is_second))
                .and_then(|_| signal_hook::flag::register(number, is_second));
        }
    }
}
