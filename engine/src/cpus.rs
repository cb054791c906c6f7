//! Which CPUs this process may use. Neighbours: the root package plans with it, `prepare.rs` checks with it.
//! Invariant: never more CPUs than the affinity mask and the cgroup's quota allow.

use nix::{
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    unistd::Pid,
};
use std::{fs, path::Path};

/// The CPUs this process may use, in order: the affinity mask, cut to as many as the cgroup's quota pays for.
pub fn allowed_cpus() -> Vec<u32> {
    let mask = sched_getaffinity(Pid::from_raw(0)).unwrap_or_else(|_| CpuSet::new());
    let mut cpus: Vec<u32> = (0..CpuSet::count())
        .filter(|cpu| mask.is_set(*cpu).unwrap_or(false))
        .map(|cpu| cpu as u32)
        .collect();
    if cpus.is_empty() {
        cpus.push(0);
    }
    if let Some(quota) = cgroup_cpus() {
        cpus.truncate((quota.ceil() as usize).max(1));
    }
    cpus
}

/// Pins the calling thread to one CPU.
///
/// # Errors
/// When the CPU does not exist or the mask does not allow it.
pub fn pin_this_thread(cpu: u32) -> nix::Result<()> {
    let mut only = CpuSet::new();
    only.set(cpu as usize)?;
    sched_setaffinity(Pid::from_raw(0), &only)
}

/// How many CPUs the cgroup's quota pays for, if it sets one (cgroup v2: `cpu.max` is "quota period" in µs).
fn cgroup_cpus() -> Option<f64> {
    let membership = fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = membership
        .lines()
        .find_map(|line| line.strip_prefix("0::"))?;
    let mut folder = Path::new("/sys/fs/cgroup").join(path.trim_start_matches('/'));
    let mut fewest: Option<f64> = None;
    // A parent's quota binds its children too.
    while folder.starts_with("/sys/fs/cgroup") {
        if let Some(cpus) = fs::read_to_string(folder.join("cpu.max"))
            .ok()
            .and_then(|text| quota(&text))
        {
            fewest = Some(fewest.map_or(cpus, |least| least.min(cpus)));
        }
        if !folder.pop() {
            break;
        }
    }
    fewest
}

fn quota(text: &str) -> Option<f64> {
    let (quota, period) = text.trim().split_once(' ')?;
    let (quota, period) = (quota.parse::<f64>().ok()?, period.parse::<f64>().ok()?);
    (period > 0.0).then(|| quota / period)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_read_as_cpus() {
        assert_eq!(quota("150000 100000\n"), Some(1.5));
        assert_eq!(quota("max 100000\n"), None);
        assert_eq!(quota(""), None);
    }

    #[test]
    fn there_is_always_a_cpu_to_use() {
        assert!(!allowed_cpus().is_empty());
    }
}
