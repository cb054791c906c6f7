//! The machine that generates the load, for `run.json`. Neighbours: `commands/run.rs` asks once, before the run.
//! Invariant: what cannot be read is left empty; a run never fails for it.

use loadforge_analysis::Machine;
use std::fs;

/// Looks at this machine; `cpus_allowed` and `cpu_quota` are what the engine may use of it.
pub fn look(cpus_allowed: usize, cpu_quota: Option<f64>) -> Machine {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    Machine {
        hostname: read("/proc/sys/kernel/hostname").trim().to_owned(),
        kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        os: os_name(&read("/etc/os-release")),
        cpu_model: value_of(&read("/proc/cpuinfo"), "model name", ':'),
        cpus_allowed: cpus_allowed as u32,
        cpu_quota,
        cpus_online: crate::cpus::parse_list(read("/sys/devices/system/cpu/online").trim())
            .map_or(0, |cpus| cpus.len() as u32),
        memory_bytes: memory_bytes(&read("/proc/meminfo")),
    }
}

fn os_name(os_release: &str) -> String {
    value_of(os_release, "PRETTY_NAME", '=')
        .trim_matches('"')
        .to_owned()
}

fn memory_bytes(meminfo: &str) -> u64 {
    let kib = value_of(meminfo, "MemTotal", ':');
    kib.trim_end_matches("kB")
        .trim()
        .parse::<u64>()
        .unwrap_or(0)
        * 1024
}

/// The value of the first line that reads `key SEPARATOR value`; empty when there is none.
fn value_of(text: &str, key: &str, separator: char) -> String {
    text.lines()
        .filter_map(|line| line.split_once(separator))
        .find(|(name, _)| name.trim() == key)
        .map_or_else(String::new, |(_, value)| value.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_files_are_read_as_they_are_written() {
        assert_eq!(
            os_name("NAME=Debian\nPRETTY_NAME=\"Debian GNU/Linux 13\"\n"),
            "Debian GNU/Linux 13"
        );
        assert_eq!(
            memory_bytes("MemTotal:       24684096 kB\nMemFree: 1 kB\n"),
            24_684_096 * 1024
        );
        assert_eq!(
            value_of("processor\t: 0\nmodel name\t: A B: C\n", "model name", ':'),
            "A B: C"
        );
        assert_eq!(os_name(""), "");
    }
}
