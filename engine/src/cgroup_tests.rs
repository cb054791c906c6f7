//! Little trees as containers and hosts have them.

use super::*;
use tempfile::{TempDir, tempdir};

/// A tree of these files; `\n` at the end of each.
fn tree(files: &[(&str, &str)]) -> TempDir {
    let root = tempdir().unwrap();
    for (path, text) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("{text}\n")).unwrap();
    }
    root
}

fn cpus(files: &[(&str, &str)]) -> Option<f64> {
    CpuQuota::below(tree(files).path()).cpus
}

const V2: &str = "30 25 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate";
const V1: &str =
    "33 32 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct";
const ACCOUNTING: &str =
    "34 32 0:30 / /sys/fs/cgroup/memory rw shared:10 - cgroup cgroup rw,memory";

#[test]
fn a_quota_of_version_2_is_read_with_those_of_its_parents() {
    let own = ("proc/self/cgroup", "0::/pods/web/main");
    let mounts = ("proc/self/mountinfo", V2);
    let max = |path: &'static str, text: &'static str| (path, text);
    let none = max("sys/fs/cgroup/pods/web/main/cpu.max", "max 100000");
    let tight = max("sys/fs/cgroup/pods/web/main/cpu.max", "150000 100000");
    let parent = max("sys/fs/cgroup/pods/web/cpu.max", "200000 100000");
    let tighter = max("sys/fs/cgroup/pods/cpu.max", "25000 50000");
    assert_eq!(cpus(&[own, mounts]), None);
    assert_eq!(cpus(&[own, mounts, none]), None);
    assert_eq!(cpus(&[own, mounts, tight]), Some(1.5));
    assert_eq!(cpus(&[own, mounts, none, parent]), Some(2.0));
    assert_eq!(cpus(&[own, mounts, tight, parent]), Some(1.5));
    assert_eq!(cpus(&[own, mounts, tight, parent, tighter]), Some(0.5));
    let elsewhere = max("sys/fs/cgroup/other/cpu.max", "1000 100000");
    assert_eq!(cpus(&[own, mounts, tight, elsewhere]), Some(1.5));
}

#[test]
fn a_container_sees_its_own_group_as_the_top() {
    let max = ("sys/fs/cgroup/cpu.max", "100000 100000");
    let apart = ("proc/self/cgroup", "0::/");
    assert_eq!(cpus(&[apart, ("proc/self/mountinfo", V2), max]), Some(1.0));
    // Without a namespace of its own it is told the host's path, and the mount begins there.
    let host_path = ("proc/self/cgroup", "0::/docker/abc");
    let mount = V2.replace(" / ", " /docker/abc ");
    let mounts = ("proc/self/mountinfo", mount.as_str());
    assert_eq!(cpus(&[host_path, mounts, max]), Some(1.0));
    // A path that leads nowhere in this mount.
    let stranger = ("proc/self/cgroup", "0::/../../elsewhere");
    assert_eq!(cpus(&[stranger, mounts, max]), Some(1.0));
}

#[test]
fn a_quota_of_version_1_is_read_beside_an_empty_version_2() {
    let own = (
        "proc/self/cgroup",
        "4:memory:/web\n3:cpu,cpuacct:/web\n0::/web",
    );
    let unified = V2.replace("/sys/fs/cgroup ", "/sys/fs/cgroup/unified ");
    let mounts = format!("{unified}\n{ACCOUNTING}\n{V1}");
    let mounts = ("proc/self/mountinfo", mounts.as_str());
    let period = ("sys/fs/cgroup/cpu,cpuacct/web/cpu.cfs_period_us", "100000");
    let quota = |text: &'static str| ("sys/fs/cgroup/cpu,cpuacct/web/cpu.cfs_quota_us", text);
    assert_eq!(cpus(&[own, mounts, period, quota("-1")]), None);
    assert_eq!(cpus(&[own, mounts, period, quota("250000")]), Some(2.5));
    assert_eq!(cpus(&[own, mounts, quota("250000")]), None);
    let top = ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "100000");
    let top_period = ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000");
    assert_eq!(
        cpus(&[own, mounts, period, quota("250000"), top, top_period]),
        Some(1.0)
    );
}

#[test]
fn what_cannot_be_understood_is_no_quota() {
    let own = ("proc/self/cgroup", "0::/");
    let mounts = ("proc/self/mountinfo", V2);
    for text in ["", "max", "0 100000", "100000 0", "-1 100000", "x y", "1"] {
        assert_eq!(
            cpus(&[own, mounts, ("sys/fs/cgroup/cpu.max", text)]),
            None,
            "{text}"
        );
    }
    let max = ("sys/fs/cgroup/cpu.max", "100000 100000");
    assert_eq!(cpus(&[]), None);
    assert_eq!(cpus(&[("proc/self/cgroup", "nonsense"), mounts, max]), None);
    assert_eq!(cpus(&[own, ("proc/self/mountinfo", "nonsense"), max]), None);
}

#[test]
fn the_time_held_back_is_told_by_groups_with_a_quota() {
    let root = tree(&[
        ("proc/self/cgroup", "0::/a/b"),
        ("proc/self/mountinfo", V2),
        ("sys/fs/cgroup/a/b/cpu.max", "100000 100000"),
        (
            "sys/fs/cgroup/a/b/cpu.stat",
            "usage_usec 9\nnr_throttled 2\nthrottled_usec 1500",
        ),
        ("sys/fs/cgroup/a/cpu.stat", "throttled_usec 7000000"),
    ]);
    assert_eq!(CpuQuota::below(root.path()).throttled_ns(), 1_500_000);
    let v1 = "nr_periods 4\nnr_throttled 2\nthrottled_time 77000";
    assert_eq!(throttled_ns(v1), Some(77_000));
    assert_eq!(throttled_ns("nr_periods 4\n"), None);
    assert_eq!(CpuQuota::default().throttled_ns(), 0);
}
