//! Which CPUs this process may use. Neighbours: `cgroup.rs` reads the quota, the root package plans with it, `prepare.rs`
//! checks with it.
//! Invariant: never more CPUs than the affinity mask and the cgroup's quota allow.

use crate::cgroup::CpuQuota;
use nix::{
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    unistd::Pid,
};

/// What bounds the CPUs of this process.
#[derive(Clone, Debug, PartialEq)]
pub struct CpuLimits {
    /// The CPUs of the affinity mask, lowest first; at least one.
    pub mask: Vec<u32>,
    /// How many CPUs the cgroup's quota pays for, if it sets one.
    pub quota: Option<f64>,
}

impl CpuLimits {
    /// The CPUs to use: those of the mask, cut to as many as the quota pays for, rounded up.
    pub fn cpus(&self) -> Vec<u32> {
        let most = self.quota.map_or(usize::MAX, |quota| quota.ceil() as usize);
        let mut cpus = self.mask.clone();
        cpus.truncate(most.max(1));
        cpus
    }

    /// What the user should know when the quota leaves less than the mask has.
    pub fn note(&self) -> Option<String> {
        let quota = self.quota.filter(|quota| *quota < self.mask.len() as f64)?;
        Some(format!(
            "the container's CPU quota pays for {} of the {} here: no more than {} used",
            amount(quota),
            match self.mask.len() {
                1 => "1 CPU".to_owned(),
                many => format!("{many} CPUs"),
            },
            match self.cpus().len() {
                1 => "1 is".to_owned(),
                many => format!("{many} are"),
            }
        ))
    }
}

/// A number of CPUs to the hundredth.
fn amount(cpus: f64) -> String {
    ((cpus * 100.0).round() / 100.0).to_string()
}

/// Looks at what bounds the CPUs of this process.
pub fn cpu_limits() -> CpuLimits {
    let mask = sched_getaffinity(Pid::from_raw(0)).unwrap_or_else(|_| CpuSet::new());
    let mut cpus: Vec<u32> = (0..CpuSet::count())
        .filter(|cpu| mask.is_set(*cpu).unwrap_or(false))
        .map(|cpu| cpu as u32)
        .collect();
    if cpus.is_empty() {
        cpus.push(0);
    }
    CpuLimits {
        mask: cpus,
        quota: CpuQuota::look().cpus,
    }
}

/// The CPUs this process may use, in order: the affinity mask, cut to as many as the cgroup's quota pays for.
pub fn allowed_cpus() -> Vec<u32> {
    cpu_limits().cpus()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_rounded_up_bounds_the_cpus_and_says_so() {
        for (cpus, quota, used, note) in [
            (4, None, 4, ""),
            (4, Some(4.0), 4, ""),
            (2, Some(7.5), 2, ""),
            (
                4,
                Some(1.5),
                2,
                "pays for 1.5 of the 4 CPUs here: no more than 2 are used",
            ),
            (
                2,
                Some(1.0),
                1,
                "pays for 1 of the 2 CPUs here: no more than 1 is used",
            ),
            (
                8,
                Some(0.05),
                1,
                "pays for 0.05 of the 8 CPUs here: no more than 1 is used",
            ),
            (
                1,
                Some(0.5),
                1,
                "pays for 0.5 of the 1 CPU here: no more than 1 is used",
            ),
        ] {
            let limits = CpuLimits {
                mask: (0..cpus).collect(),
                quota,
            };
            assert_eq!(limits.cpus().len(), used, "{limits:?}");
            let told = limits.note().unwrap_or_default();
            assert!(
                told.ends_with(note) && told.is_empty() == note.is_empty(),
                "{told}"
            );
        }
    }

    #[test]
    fn there_is_always_a_cpu_to_use() {
        assert!(!allowed_cpus().is_empty());
    }
}
