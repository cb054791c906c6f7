//! Waiting for epoll events to the nanosecond. Neighbours: `../epoll.rs` owns the poller and reads its events.
//! Invariant: a wait that ends without an event has not ended before its deadline, unless a signal came.

use crate::{
    clock::monotonic_ns,
    wire::{Wait, WireCounts},
};
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, ppoll},
    sys::{
        epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollTimeout},
        time::TimeSpec,
    },
};
use std::{
    io,
    os::fd::{AsFd, AsRawFd},
    ptr,
    time::Duration,
};

/// Events fetched at once. More wait in the kernel for the next turn.
const EVENTS_AT_ONCE: usize = 1024;

/// An epoll descriptor and the events of its last wait.
pub(super) struct Poller {
    epoll: Epoll,
    events: Vec<EpollEvent>,
    /// Whether `epoll_pwait2` is there (Linux 5.11, and not hidden by a seccomp profile older than it). Without it a
    /// `ppoll` on the epoll descriptor sleeps just as exactly, for one more system call.
    pub(super) has_pwait2: bool,
}

/// A pause as `epoll_pwait2` reads it, with 64 bits each on every machine.
#[repr(C)]
struct KernelTimespec {
    seconds: i64,
    nanoseconds: i64,
}

impl Poller {
    pub(super) fn new(connections: usize) -> io::Result<Poller> {
        Ok(Poller {
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            events: vec![EpollEvent::empty(); connections.clamp(64, EVENTS_AT_ONCE)],
            has_pwait2: true,
        })
    }

    pub(super) fn add(&self, fd: impl AsFd, event: EpollEvent) -> io::Result<()> {
        Ok(self.epoll.add(fd, event)?)
    }

    /// One event of the last wait.
    pub(super) fn event(&self, index: usize) -> EpollEvent {
        self.events[index]
    }

    /// Waits as told and returns how many events there are; counts the time spent spinning.
    pub(super) fn wait(&mut self, wait: Wait, counts: &mut WireCounts) -> io::Result<usize> {
        let Wait::Until {
            deadline_ns,
            spin_ns,
        } = wait
        else {
            return self.look();
        };
        let sleep_until = deadline_ns.saturating_sub(spin_ns);
        let now = monotonic_ns();
        if sleep_until > now {
            match self.sleep(sleep_until - now) {
                // The time is over, and a look of its own would find no more than this one.
                Ok(0) if spin_ns == 0 => return Ok(0),
                Ok(0) => {}
                Ok(found) => return Ok(found),
                Err(Errno::EINTR) => return Ok(0),
                Err(errno) => return Err(errno.into()),
            }
        }
        if spin_ns == 0 {
            return self.look();
        }
        if sleep_until > now {
            counts.woke(monotonic_ns().saturating_sub(sleep_until));
        }
        let mut now = monotonic_ns();
        loop {
            let before = now;
            let found = self.look()?;
            now = monotonic_ns();
            counts.spun(before, now);
            if found > 0 || now >= deadline_ns {
                return Ok(found);
            }
        }
    }

    /// Fetches what is there without waiting.
    fn look(&mut self) -> io::Result<usize> {
        match self.epoll.wait(&mut self.events, EpollTimeout::ZERO) {
            Err(Errno::EINTR) => Ok(0),
            result => Ok(result?),
        }
    }

    /// Sleeps until there are events, `pause_ns` at most.
    fn sleep(&mut self, pause_ns: u64) -> nix::Result<usize> {
        if self.has_pwait2 {
            match self.sleep_pwait2(pause_ns) {
                Err(Errno::ENOSYS | Errno::EPERM) => self.has_pwait2 = false,
                result => return result,
            }
        }
        let mut epoll = [PollFd::new(self.epoll.0.as_fd(), PollFlags::POLLIN)];
        if ppoll(
            &mut epoll,
            Some(TimeSpec::from(Duration::from_nanos(pause_ns))),
            None,
        )? == 0
        {
            return Ok(0);
        }
        self.epoll.wait(&mut self.events, EpollTimeout::ZERO)
    }

    fn sleep_pwait2(&mut self, pause_ns: u64) -> nix::Result<usize> {
        let pause = KernelTimespec {
            seconds: (pause_ns / 1_000_000_000) as i64,
            nanoseconds: (pause_ns % 1_000_000_000) as i64,
        };
        // SAFETY: `events` has room for as many events as are asked for, and `EpollEvent` is a transparent
        // `epoll_event`; `pause` is a 64-bit timespec, alive over the call; no signal mask is passed.
        let result = unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait2,
                self.epoll.0.as_raw_fd(),
                self.events.as_mut_ptr(),
                self.events.len() as libc::c_int,
                &raw const pause,
                ptr::null::<libc::sigset_t>(),
                0_usize,
            )
        };
        Errno::result(result).map(|found| found as usize)
    }
}
