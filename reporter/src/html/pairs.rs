//! The lists of names and values on the page: the generator's own figures, the plan, where it ran.
//! Neighbours: `tables.rs` hands them to the template. Invariant: what was not read is said to be so, never shown as 0.

use crate::format;
use loadforge_analysis::{LoadModel, RunInfo, RunSummary};
use serde::Serialize;

/// A name and its value.
#[derive(Serialize)]
pub(super) struct Pair {
    label: &'static str,
    value: String,
}

/// How the generator itself did.
pub(super) fn generator(summary: &RunSummary) -> Vec<Pair> {
    let generator = &summary.generator;
    let percents = |values: &[f64]| {
        let words: Vec<String> = values.iter().map(|value| format!("{value:.0} %")).collect();
        if words.is_empty() {
            format::NONE.to_owned()
        } else {
            words.join(", ")
        }
    };
    let cpus: Vec<String> = generator.cpus.iter().map(u32::to_string).collect();
    let pair = |label, value| Pair { label, value };
    vec![
        pair(
            "Workers",
            format!(
                "{}, of which {} lost",
                generator.workers, generator.workers_lost
            ),
        ),
        pair(
            "CPUs",
            if cpus.is_empty() {
                "not pinned".to_owned()
            } else {
                cpus.join(", ")
            },
        ),
        pair("Mean CPU by worker", percents(&generator.cpu_percent)),
        pair("Mean spinning by worker", percents(&generator.spin_percent)),
        pair(
            "Mean CPU of the supervisor",
            format!("{:.1} %", generator.supervisor_cpu_percent),
        ),
        pair("Mean steal by worker", percents(&generator.steal_percent)),
        pair(
            "Held back by the CPU quota",
            format::latency(generator.throttled_ms),
        ),
        pair(
            "CPU taken from spinning workers",
            format::latency(generator.paused_ms),
        ),
        pair(
            "Involuntary switches",
            format::count(generator.involuntary_switches),
        ),
        pair(
            "Most descriptors",
            match generator.descriptors_peak {
                0 => "not counted".to_owned(),
                most => format::count(most),
            },
        ),
        pair(
            "TCP segments this machine sent again",
            format::count(generator.retransmits),
        ),
        pair("Peak memory", format::bytes(generator.peak_memory_bytes)),
        pair("Ring stalls", format::count(generator.ring_stalls)),
        pair(
            "Missed heartbeats",
            format::count(generator.missed_heartbeats),
        ),
        pair(
            "Receives without a buffer, made again",
            format::count(generator.receive_starvations),
        ),
        pair("Records lost", format::count(summary.requests.lost)),
        pair(
            "Records of other things lost",
            format::count(generator.lost_others),
        ),
        pair("Connections made", format::count(summary.requests.connects)),
        pair(
            "Requests sent again",
            format::count(summary.requests.retried),
        ),
        pair(
            "Iterations ended",
            format!(
                "{}, of which {} failed",
                format::count(summary.requests.iterations),
                format::count(summary.requests.iterations_failed)
            ),
        ),
        pair("Received", format::bytes(summary.requests.bytes_in)),
        pair("Sent", format::bytes(summary.requests.bytes_out)),
    ]
}

/// What was asked.
pub(super) fn plan(info: &RunInfo) -> Vec<Pair> {
    let pair = |label, value| Pair { label, value };
    let model = match info.model {
        LoadModel::Closed => "closed: users wait for their answers",
        LoadModel::Open => "open: arrivals at a rate, whatever the answers do",
    };
    vec![
        pair("Source", info.source.clone()),
        pair("Target", info.origins.join(", ")),
        pair("Load", info.load.clone()),
        pair("Load model", model.to_owned()),
        pair(
            "Most requests a second",
            info.max_rps
                .map_or_else(|| "no limit".to_owned(), format::rate),
        ),
        pair("Planned length", format::span(info.duration_s)),
        pair(
            "Most requests",
            info.max_requests
                .map_or_else(|| "no limit".to_owned(), format::count),
        ),
        pair("Time limit of a request", format::span(info.timeout_s)),
        pair("Graceful stop", format::span(info.graceful_stop_s)),
        pair("Seed", info.seed.to_string()),
    ]
}

/// Where it ran.
pub(super) fn environment(info: &RunInfo) -> Vec<Pair> {
    let machine = &info.machine;
    let pair = |label, value| Pair { label, value };
    let local = if info.target_is_local {
        "yes: both share its CPUs"
    } else {
        "no"
    };
    let quota = machine
        .cpu_quota
        .map_or_else(String::new, |cpus| format!(", a quota of {cpus:.2}"));
    let cpus = format!(
        "{} allowed, {} online{quota}",
        machine.cpus_allowed, machine.cpus_online
    );
    vec![
        pair("LoadForge", info.loadforge_version.clone()),
        pair("Host", machine.hostname.clone()),
        pair("System", machine.os.clone()),
        pair("Kernel", machine.kernel.clone()),
        pair("Processor", machine.cpu_model.clone()),
        pair("CPUs", cpus),
        pair("Memory", format::bytes(machine.memory_bytes)),
        pair("Transport of records", info.transport.clone()),
        pair("Wire", info.wire.clone()),
        pair("Target on the same machine", local.to_owned()),
    ]
}
