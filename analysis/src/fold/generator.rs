//! The generator's own figures over a run. Neighbours: `fold.rs` feeds it with each second, `verdict.rs` judges by it.
//! Invariant: how busy workers were is weighed by their seconds under measured load; what was counted is of the whole run.

use crate::{GeneratorSummary, GeneratorWindow, Phase, RunInfo, Snapshot, verdict::BUSY_PERCENT};

/// The generator's figures.
#[derive(Clone, Debug, Default)]
pub(super) struct GeneratorFold {
    pub(super) workers: Vec<WorkerFold>,
    pub(super) workers_lost: u32,
    /// Percent times seconds.
    supervisor_cpu: f64,
    seconds: f64,
    peak_memory_bytes: u64,
    ring_stalls: u64,
    lost_others: u64,
    receive_starvations: u64,
    completion_overflows: u64,
    missed_heartbeats: u64,
    throttled_ns: u64,
    paused_ns: u64,
    involuntary_switches: u64,
    descriptors_peak: u64,
    retransmits: u64,
    /// Whether the run was already draining when the next window began.
    draining: bool,
}

/// One worker's seconds under measured load.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct WorkerFold {
    /// Seconds under measured load and alive.
    pub(super) seconds: f64,
    /// Of these, seconds at `BUSY_PERCENT` and above.
    busy_seconds: f64,
    /// Percent times seconds.
    cpu: f64,
    /// Percent times seconds.
    spin: f64,
    /// Percent times seconds.
    steal: f64,
}

impl GeneratorFold {
    /// Adds the next second; `measured` says whether its load counts.
    pub(super) fn add(&mut self, snapshot: &Snapshot, measured: bool) {
        let (window, length_s) = (&snapshot.generator, snapshot.length_s);
        self.supervisor_cpu += window.supervisor_cpu_percent * length_s;
        self.seconds += length_s;
        self.peak_memory_bytes = self.peak_memory_bytes.max(window.memory_bytes);
        self.ring_stalls += window.ring_stalls;
        self.lost_others += window.lost_others;
        self.receive_starvations += window.receive_starvations;
        self.completion_overflows += window.completion_overflows;
        self.missed_heartbeats += window.missed_heartbeats;
        self.involuntary_switches += window.involuntary_switches;
        self.descriptors_peak = self.descriptors_peak.max(window.descriptors);
        self.retransmits += window.retransmits;
        // A worker that waits for the last answers idles: the drain would water down how busy it was under load.
        // The window in which the drain began still counts as load.
        let under_load = !self.draining;
        self.draining = snapshot.phase == Phase::Draining;
        if under_load && measured {
            self.throttled_ns += window.throttled_ns;
            self.paused_ns += window.paused_ns;
            self.add_workers(window, length_s);
        }
    }

    fn add_workers(&mut self, window: &GeneratorWindow, length_s: f64) {
        let workers = window.cpu_percent.len();
        if self.workers.len() < workers {
            self.workers.resize(workers, WorkerFold::default());
        }
        for (index, worker) in self.workers.iter_mut().enumerate().take(workers) {
            if window.alive.get(index).copied().unwrap_or(true) {
                let cpu = window.cpu_percent[index];
                worker.seconds += length_s;
                worker.busy_seconds += if cpu >= BUSY_PERCENT { length_s } else { 0.0 };
                worker.cpu += cpu * length_s;
                worker.spin += window.spin_percent.get(index).unwrap_or(&0.0) * length_s;
                worker.steal += window.steal_percent.get(index).unwrap_or(&0.0) * length_s;
            }
        }
    }

    pub(super) fn summary(&self, info: &RunInfo) -> GeneratorSummary {
        GeneratorSummary {
            workers: info.workers,
            workers_lost: self.workers_lost,
            cpus: info.cpus.clone(),
            transport: info.transport.clone(),
            wire: info.wire.clone(),
            cpu_percent: self.means(|worker| worker.cpu),
            spin_percent: self.means(|worker| worker.spin),
            steal_percent: self.means(|worker| worker.steal),
            throttled_ms: self.throttled_ns as f64 / 1e6,
            paused_ms: self.paused_ns as f64 / 1e6,
            supervisor_cpu_percent: mean(self.supervisor_cpu, self.seconds),
            peak_memory_bytes: self.peak_memory_bytes,
            ring_stalls: self.ring_stalls,
            lost_others: self.lost_others,
            receive_starvations: self.receive_starvations,
            completion_overflows: self.completion_overflows,
            missed_heartbeats: self.missed_heartbeats,
            involuntary_switches: self.involuntary_switches,
            descriptors_peak: self.descriptors_peak,
            retransmits: self.retransmits,
        }
    }

    /// By worker: the mean of what was summed up as percent times seconds.
    fn means(&self, sum: impl Fn(&WorkerFold) -> f64) -> Vec<f64> {
        let workers = self.workers.iter();
        workers
            .map(|worker| mean(sum(worker), worker.seconds))
            .collect()
    }
}

impl WorkerFold {
    /// Share (0 to 1) of its seconds at `BUSY_PERCENT` and above.
    pub(super) fn busy_share(&self) -> f64 {
        mean(self.busy_seconds, self.seconds)
    }
}

/// A sum weighted by seconds, over these seconds; 0 over none.
fn mean(sum: f64, seconds: f64) -> f64 {
    if seconds > 0.0 { sum / seconds } else { 0.0 }
}
