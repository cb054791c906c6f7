//! How much of this machine others used during a run: a generator that has to share its CPUs is not at fault for being late.
//! Neighbours: `children.rs` asks before and after each run, `judge.rs` forgives. Invariant: what cannot be read is no excuse.

use nix::sys::resource::{UsageWho, getrusage};
use std::{fs, time::Instant};

/// Ticks a second in `/proc/stat`, the same on every Linux (`USER_HZ`).
const TICKS_PER_S: f64 = 100.0;

/// What was used up to now.
pub(super) struct Crowd {
    at: Instant,
    /// CPU seconds of the whole machine, and of this process and its children that have ended.
    all_s: f64,
    ours_s: f64,
    cpus: usize,
}

impl Crowd {
    /// Reads both; `None` where /proc is not there.
    pub(super) fn now() -> Option<Crowd> {
        let text = fs::read_to_string("/proc/stat").ok()?;
        let (all_s, cpus) = used(&text)?;
        let ours = [UsageWho::RUSAGE_SELF, UsageWho::RUSAGE_CHILDREN]
            .into_iter()
            .map(|who| {
                let usage = getrusage(who).ok()?;
                let seconds = |time: nix::sys::time::TimeVal| {
                    time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6
                };
                Some(seconds(usage.user_time()) + seconds(usage.system_time()))
            })
            .sum::<Option<f64>>()?;
        Some(Crowd {
            at: Instant::now(),
            all_s,
            ours_s: ours,
            cpus,
        })
    }

    /// How many CPUs others have used on average since, beyond those that nobody here needs: workers, server and supervisor
    /// take `needed`. All children of that time must have ended.
    pub(super) fn since(&self, needed: usize) -> f64 {
        let Some(now) = Crowd::now() else {
            return 0.0;
        };
        let elapsed_s = (now.at - self.at).as_secs_f64();
        let others = (now.all_s - self.all_s) - (now.ours_s - self.ours_s);
        let spare = now.cpus.saturating_sub(needed) as f64;
        (others / elapsed_s - spare).max(0.0)
    }
}

/// CPU seconds used according to `/proc/stat`, and how many CPUs it lists. Interrupts are left out: those of our own packets
/// are nobody's. Time that the hypervisor took is in.
fn used(stat: &str) -> Option<(f64, usize)> {
    let ticks: Vec<f64> = stat
        .lines()
        .next()?
        .strip_prefix("cpu ")?
        .split_whitespace()
        .map_while(|word| word.parse().ok())
        .collect();
    // user, nice, system, idle, iowait, irq, softirq, steal: proc_stat(5).
    let used = [0, 1, 2, 7]
        .into_iter()
        .map(|at| ticks.get(at).copied())
        .sum::<Option<f64>>()?;
    let cpus = stat.lines().skip(1).filter(|line| line.starts_with("cpu"));
    Some((used / TICKS_PER_S, cpus.count()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn used_time_is_read_without_idling_and_interrupts() {
        let stat = "cpu  100 10 40 5000 7 3 9 50 0 0\ncpu0 1 1\ncpu1 1 1\nintr 5\n";
        assert_eq!(used(stat), Some((2.0, 2)));
        assert_eq!(used("cpu  1 2 3\n"), None);
        assert_eq!(used(""), None);
    }
}
