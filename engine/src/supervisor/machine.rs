//! What the machine did to the workers: CPU taken by the hypervisor or by other programs, TCP segments sent again.
//! Neighbours: `sampler.rs` looks, `health.rs` compares two looks. Invariant: what /proc does not tell counts as 0, so that a strange
//! kernel stops no run.

use loadforge_analysis::GeneratorWindow;
use procfs::{CurrentSI, KernelStats, ProcResult, process::Process};
use std::collections::BTreeMap;

/// Counts since the machine's or the process's start, as of one look.
#[derive(Clone)]
pub struct MachineCounts {
    /// By worker: time stolen from its CPU, in ticks.
    stolen: Vec<u64>,
    /// By process, each once.
    involuntary: BTreeMap<i32, u64>,
    retransmits: u64,
}

impl MachineCounts {
    /// The counts now.
    pub fn look(processes: &[Process], cpus: &[u32]) -> MachineCounts {
        MachineCounts {
            stolen: stolen(cpus),
            involuntary: processes
                .iter()
                .filter_map(|process| Some((process.pid, involuntary(process).ok()?)))
                .collect(),
            retransmits: retransmits(),
        }
    }

    /// Writes what was added between these counts and later ones, `length_s` seconds apart, into the window.
    pub fn compare(&self, later: &MachineCounts, length_s: f64, window: &mut GeneratorWindow) {
        let ticks = procfs::ticks_per_second() as f64 * length_s.max(1e-3);
        let steal = later.stolen.iter().zip(&self.stolen);
        window.steal_percent = steal
            .map(|(later, before)| later.saturating_sub(*before) as f64 / ticks * 100.0)
            .collect();
        let more = later.involuntary.iter().map(|(pid, count)| {
            let before = self.involuntary.get(pid).copied().unwrap_or(*count);
            count.saturating_sub(before)
        });
        window.involuntary_switches = more.sum();
        window.retransmits = later.retransmits.saturating_sub(self.retransmits);
    }
}

fn stolen(cpus: &[u32]) -> Vec<u64> {
    let stats = KernelStats::current().ok();
    let of = |cpu: &u32| stats.as_ref()?.cpu_time.get(*cpu as usize)?.steal;
    cpus.iter().map(|cpu| of(cpu).unwrap_or(0)).collect()
}

/// Over all threads: the executor need not be the first.
fn involuntary(process: &Process) -> ProcResult<u64> {
    let tasks = process.tasks()?;
    let switches = tasks.filter_map(|task| task.ok()?.status().ok()?.nonvoluntary_ctxt_switches);
    Ok(switches.sum())
}

fn retransmits() -> u64 {
    let snmp = procfs::net::snmp();
    snmp.map_or(0, |snmp| snmp.tcp_retrans_segs)
}
