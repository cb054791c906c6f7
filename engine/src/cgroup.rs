//! What the control groups of this process let it have of the CPUs: quotas of version 2 (`cpu.max`) and version 1 (`cpu.cfs_quota_us`),
//! and for how long a used-up quota held it back (`cpu.stat`). Neighbours: `cpus.rs` plans with the quota, `supervisor/health.rs`
//! measures the throttling. Invariant: what cannot be read counts as no quota, so that a strange container stops no run.

use procfs::{FromBufRead, ProcessCGroups, process::MountInfos};
use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// The quota of this process's groups.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CpuQuota {
    /// How many CPUs the tightest quota pays for; none when no group has one.
    pub cpus: Option<f64>,
    /// The statistics of each group that has a quota.
    stats: Vec<PathBuf>,
}

impl CpuQuota {
    /// Looks at the groups that this process is in, and at their parents: a parent's quota binds its children, too.
    pub fn look() -> CpuQuota {
        CpuQuota::below(Path::new("/"))
    }

    /// The same in a tree that stands for the root of the file system.
    fn below(root: &Path) -> CpuQuota {
        let mut quota = CpuQuota::default();
        let mut seen = BTreeSet::new();
        for (mount, group) in hierarchies(root).unwrap_or_default() {
            for folder in group
                .ancestors()
                .take_while(|folder| folder.starts_with(&mount))
            {
                let Some(cpus) = quota_v2(folder).or_else(|| quota_v1(folder)) else {
                    continue;
                };
                quota.cpus = Some(quota.cpus.map_or(cpus, |least| least.min(cpus)));
                let stat = folder.join("cpu.stat");
                // One hierarchy may be mounted in several places, and in all of them this is the same file.
                let file = fs::metadata(&stat).map(|file| (file.dev(), file.ino()));
                if file.is_ok_and(|file| seen.insert(file)) {
                    quota.stats.push(stat);
                }
            }
        }
        quota
    }

    /// For how long used-up quotas have kept the groups from their CPUs so far, in ns: of all CPUs together, whatever process of a
    /// group it hit.
    pub fn throttled_ns(&self) -> u64 {
        let stats = self.stats.iter();
        let texts = stats.filter_map(|path| fs::read_to_string(path).ok());
        texts.filter_map(|text| throttled_ns(&text)).sum()
    }
}

/// Where hierarchies that can bound CPU are mounted, and in each of them this process's own group.
fn hierarchies(root: &Path) -> Option<Vec<(PathBuf, PathBuf)>> {
    let read = |path: &str| fs::read(root.join(path)).ok();
    let groups = ProcessCGroups::from_buf_read(read("proc/self/cgroup")?.as_slice()).ok()?;
    let mounts = MountInfos::from_buf_read(read("proc/self/mountinfo")?.as_slice()).ok()?;
    let mut found = Vec::new();
    for mount in mounts {
        let group = groups.0.iter().find(|group| match mount.fs_type.as_str() {
            "cgroup2" => group.hierarchy == 0,
            "cgroup" => {
                let has_cpu = group.controllers.iter().any(|name| name == "cpu");
                has_cpu && mount.super_options.contains_key("cpu")
            }
            _ => false,
        });
        let Some(group) = group else { continue };
        let place = root.join(mount.mount_point.strip_prefix("/").ok()?);
        // A container often sees a part of the hierarchy alone; where its group is not in that part, its top is the best guess.
        let within = Path::new(&group.pathname).strip_prefix(&mount.root);
        let own = place.join(within.unwrap_or(Path::new("")));
        found.push((place, own));
    }
    Some(found)
}

/// `cpu.max` is "quota period" in µs, the quota `max` when there is none.
fn quota_v2(folder: &Path) -> Option<f64> {
    let text = fs::read_to_string(folder.join("cpu.max")).ok()?;
    let (quota, period) = text.trim().split_once(' ')?;
    ratio(quota, period)
}

/// The quota is -1 when there is none.
fn quota_v1(folder: &Path) -> Option<f64> {
    let read = |name: &str| fs::read_to_string(folder.join(name)).ok();
    ratio(&read("cpu.cfs_quota_us")?, &read("cpu.cfs_period_us")?)
}

fn ratio(quota: &str, period: &str) -> Option<f64> {
    let number = |text: &str| text.trim().parse::<f64>().ok();
    let (quota, period) = (number(quota)?, number(period)?);
    (quota > 0.0 && period > 0.0).then(|| quota / period)
}

/// Version 2 tells µs, version 1 ns.
fn throttled_ns(stat: &str) -> Option<u64> {
    let value = |key: &str| -> Option<u64> {
        let mut lines = stat.lines();
        lines.find_map(|line| line.strip_prefix(key)?.trim().parse().ok())
    };
    let of_v2 = value("throttled_usec ").map(|us| us.saturating_mul(1_000));
    of_v2.or_else(|| value("throttled_time "))
}

#[cfg(test)]
#[path = "cgroup_tests.rs"]
mod tests;
