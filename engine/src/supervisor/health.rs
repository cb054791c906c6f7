//! How the generator itself is doing, measured from the supervisor. Neighbours: `aggregator.rs` asks once a window.
//! Invariant: reading a worker's figures never waits for the worker.

use super::sampler::{Look, Sampler};
use crate::cgroup::CpuQuota;
use crate::clock::{monotonic_ns, process_cpu_ns};
use loadforge_analysis::GeneratorWindow;
use loadforge_ring::{Transport, TransportKind, WorkerState};
use std::{io, sync::atomic::Ordering};

/// A heartbeat this late counts as missed.
const MISSED_AFTER_NS: u64 = 1_000_000_000;

/// Measures workers window by window.
pub struct Health {
    sampler: Sampler,
    /// What it had seen when the last window was measured.
    seen: Look,
    /// By worker: the share stolen from its CPU between the last two looks.
    steal_percent: Vec<f64>,
    /// By worker: it had gone before the window began.
    gone: Vec<bool>,
    cpu_ns: Vec<u64>,
    spin_ns: Vec<u64>,
    own_cpu_ns: u64,
    paused_ns: u64,
    stalls: u64,
    starvations: u64,
    overflows: u64,
    lost_others: u64,
    quota: CpuQuota,
    throttled_ns: u64,
    measured_ns: u64,
}

impl Health {
    /// Nothing measured yet; `pids` are the workers' processes (the supervisor's own for threads), `cpus` where they are pinned.
    ///
    /// # Errors
    /// When there is no thread left to watch them.
    pub fn new(pids: &[i32], cpus: &[u32]) -> io::Result<Health> {
        let workers = pids.len();
        let sampler = Sampler::start(pids, cpus)?;
        let quota = CpuQuota::look();
        Ok(Health {
            seen: sampler.last(),
            sampler,
            steal_percent: vec![0.0; workers],
            throttled_ns: quota.throttled_ns(),
            quota,
            gone: vec![false; workers],
            cpu_ns: vec![0; workers],
            spin_ns: vec![0; workers],
            own_cpu_ns: process_cpu_ns(),
            paused_ns: 0,
            stalls: 0,
            starvations: 0,
            overflows: 0,
            lost_others: 0,
            measured_ns: monotonic_ns(),
        })
    }

    /// Looks at processes and machine once more, for the last window.
    pub fn look_again(&self) {
        self.sampler.look_again();
    }

    /// The figures since the last call, over a window of `length_s` seconds; `is_lost` knows the workers that died.
    pub fn measure(
        &mut self,
        transport: &Transport,
        length_s: f64,
        is_lost: impl Fn(usize) -> bool,
    ) -> GeneratorWindow {
        let now_ns = monotonic_ns();
        // Our own delay says nothing about the workers.
        let own_delay_ns = now_ns.saturating_sub(self.measured_ns + (length_s * 1e9) as u64);
        self.measured_ns = now_ns;
        let percent = |ns: u64| (ns as f64 / 1e9) / length_s.max(1e-3) * 100.0;
        let mut window = GeneratorWindow::default();
        let (mut stalls, mut starvations, mut overflows, mut lost_others) = (0, 0, 0, 0);
        let mut paused_ns = 0;
        let mut workers_cpu_ns = 0;
        for worker in 0..transport.workers() {
            let control = transport.worker(worker);
            let cpu_ns = control.cpu_ns.load(Ordering::Relaxed);
            let spin_ns = control.spin_ns.load(Ordering::Relaxed);
            let spun = spin_ns.saturating_sub(self.spin_ns[worker]);
            let used = cpu_ns.saturating_sub(self.cpu_ns[worker]);
            workers_cpu_ns += used;
            window.cpu_percent.push(percent(used.saturating_sub(spun)));
            window.spin_percent.push(percent(spun));
            (self.cpu_ns[worker], self.spin_ns[worker]) = (cpu_ns, spin_ns);
            let state = control.state();
            // A worker that left within the window worked in it.
            window.alive.push(!self.gone[worker]);
            self.gone[worker] |= is_lost(worker) || state == WorkerState::Done;
            paused_ns += control.paused_ns.load(Ordering::Relaxed);
            stalls += control.stalls.load(Ordering::Relaxed);
            starvations += control.starvations.load(Ordering::Relaxed);
            overflows += control.overflows.load(Ordering::Relaxed);
            lost_others += control.lost_others.load(Ordering::Relaxed);
            let silent_ns = now_ns.saturating_sub(control.heartbeat_ns.load(Ordering::Relaxed));
            let works = state == WorkerState::Running && !self.gone[worker];
            if works && silent_ns > MISSED_AFTER_NS + own_delay_ns {
                window.missed_heartbeats += 1;
            }
        }
        window.paused_ns = paused_ns - self.paused_ns;
        self.paused_ns = paused_ns;
        window.ring_stalls = stalls - self.stalls;
        self.stalls = stalls;
        window.receive_starvations = starvations - self.starvations;
        self.starvations = starvations;
        window.completion_overflows = overflows - self.overflows;
        self.overflows = overflows;
        window.lost_others = lost_others - self.lost_others;
        self.lost_others = lost_others;
        let own_cpu_ns = process_cpu_ns();
        let own = own_cpu_ns - self.own_cpu_ns;
        self.own_cpu_ns = own_cpu_ns;
        let threads_cpu_ns = if transport.kind() == TransportKind::Channel {
            workers_cpu_ns
        } else {
            0
        };
        window.supervisor_cpu_percent = percent(own.saturating_sub(threads_cpu_ns));
        let throttled_ns = self.quota.throttled_ns();
        window.throttled_ns = throttled_ns.saturating_sub(self.throttled_ns);
        self.throttled_ns = throttled_ns;
        let look = self.sampler.last();
        let apart_s = look.at_ns.saturating_sub(self.seen.at_ns) as f64 / 1e9;
        if apart_s > 0.0 {
            self.seen
                .machine
                .compare(&look.machine, apart_s, &mut window);
            self.steal_percent.clone_from(&window.steal_percent);
        } else {
            // Without a new look the share is taken to last; counts come with the next one.
            window.steal_percent.clone_from(&self.steal_percent);
        }
        window.memory_bytes = look.memory_bytes;
        window.descriptors = look.descriptors;
        self.seen = look;
        window
    }
}
