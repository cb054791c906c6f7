//! How a run is brought to its end: drained, or ended at once. Neighbours: `mod.rs` drains it when its time has come, `signals.rs` and
//! `helm.rs` bring what people want. Invariant: a phase is set before workers are rung, and never goes back.

use super::{Dispatcher, LEAVE_WITHIN_NS, crew::Member};
use crate::clock::monotonic_ns;
use loadforge_analysis::{EventKind, RunOutcome};
use loadforge_ring::RunPhase;
use std::time::Duration;

impl Dispatcher {
    /// The first signal drains the run, the second ends it.
    pub(super) fn answer_signals(&mut self, graceful_stop: Duration) {
        let before = self.signals.asked;
        self.signals.hear();
        if self.signals.asked == before {
            return;
        }
        if before == 0 && self.transport.control().phase() == RunPhase::Running {
            self.outcome = RunOutcome::Interrupted;
            self.drain("a signal", graceful_stop);
        }
        // A signal while the planned end drains counts as the first of two, too.
        if self.signals.asked >= 2 {
            self.end_at_once("by the second signal");
        }
    }

    /// Ends every worker; what they had not answered is booked.
    pub(super) fn end_at_once(&mut self, by: &str) {
        self.outcome = RunOutcome::Interrupted;
        self.killed_by.get_or_insert_with(|| by.to_owned());
        self.transport.control().set_phase(RunPhase::Ending);
        self.ring_all();
        self.crew.iter().for_each(Member::kill);
        // Threads cannot be killed.
        self.end_by_ns = monotonic_ns() + LEAVE_WITHIN_NS;
    }

    /// Nothing new is begun from here on.
    pub(super) fn drain(&mut self, why: &str, graceful_stop: Duration) {
        self.transport.control().set_phase(RunPhase::Draining);
        self.ring_all();
        self.drained_ns = Some(self.epoch.now_ns());
        let graceful_ns = u64::try_from(graceful_stop.as_nanos()).unwrap_or(u64::MAX);
        self.end_by_ns = monotonic_ns().saturating_add(graceful_ns);
        self.tell(EventKind::Drain, format!("draining: {why}"));
    }

    /// Ends workers that do not leave by themselves.
    pub(super) fn enforce_end(&mut self) {
        let now_ns = monotonic_ns();
        if now_ns < self.end_by_ns {
            return;
        }
        if self.transport.control().phase() == RunPhase::Ending {
            for worker in 0..self.crew.len() {
                self.crew[worker].kill();
                if self.crew[worker].abandon() {
                    self.report_lost(worker, "did not leave in time", 0);
                }
            }
        } else {
            self.transport.control().set_phase(RunPhase::Ending);
            self.ring_all();
        }
        self.end_by_ns = now_ns + LEAVE_WITHIN_NS;
    }
}
