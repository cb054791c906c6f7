//! Whose a sample is: the kernel's sending or receiving, or one of the worker's parts. Neighbours: `profile.rs` folds stacks.
//! Invariant: every sample is in exactly one row, so the rows add up to all of the worker's CPU time.

use std::{cmp::Reverse, time::Duration};

/// How samples are told apart, for those who read the table.
pub(super) const HOW: &str = "A kernel sample is send or receive if one of its functions is, and delivery if that is in a \
softirq within a send; what interrupts is rest. Any other sample belongs to the innermost function of a crate that is known, \
so memcpy and clock reads count for who asked.";

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Share {
    KernelSend,
    KernelDelivery,
    KernelReceive,
    KernelRest,
    Wire,
    Http1,
    Record,
    Worker,
    User,
    Other,
}

/// All rows, in the order of the table, with their names.
const ROWS: [(Share, &str); 10] = [
    (Share::KernelSend, "kernel: send, down to the device"),
    (
        Share::KernelDelivery,
        "kernel: delivery to the server's socket, which loopback does within the send",
    ),
    (Share::KernelReceive, "kernel: receive"),
    (
        Share::KernelRest,
        "kernel: the rest (entering, io_uring's own work, polls, interrupts)",
    ),
    (Share::Wire, "wire: ring and sockets"),
    (
        Share::Http1,
        "http1: answers parsed, requests rendered and kept",
    ),
    (Share::Record, "record: filled in and pushed to the ring"),
    (
        Share::Worker,
        "worker: turns, seats, timers, clock reads between",
    ),
    (Share::User, "user: the scenario's future and its executor"),
    (Share::Other, "other"),
];

/// Kernel functions that begin a send or a receive, as io_uring and as a plain system call.
const KERNEL: [(&str, Share); 10] = [
    ("io_send", Share::KernelSend),
    ("__sys_send", Share::KernelSend),
    ("sock_sendmsg", Share::KernelSend),
    ("tcp_sendmsg", Share::KernelSend),
    ("sock_write_iter", Share::KernelSend),
    ("io_recv", Share::KernelReceive),
    ("__sys_recv", Share::KernelReceive),
    ("sock_recvmsg", Share::KernelReceive),
    ("tcp_recvmsg", Share::KernelReceive),
    ("sock_read_iter", Share::KernelReceive),
];

/// Paths in names of functions; of those in one name the longest that matches at the foremost place counts.
const PATHS: [(&str, Share); 14] = [
    ("loadforge_engine::wire", Share::Wire),
    ("io_uring::", Share::Wire),
    ("loadforge_engine::http1", Share::Http1),
    ("httparse::", Share::Http1),
    ("loadforge_ring::", Share::Record),
    (
        "loadforge_engine::worker::desk::Desk::open_record",
        Share::Record,
    ),
    (
        "loadforge_engine::worker::desk::Desk::close_record",
        Share::Record,
    ),
    (
        "loadforge_engine::worker::desk::Desk::finish",
        Share::Record,
    ),
    ("loadforge_engine::worker::users", Share::User),
    ("loadforge_engine::worker::executor", Share::User),
    ("loadforge_engine::worker", Share::Worker),
    ("loadforge_scenarios::", Share::User),
    ("glommio::", Share::User),
    ("async_task::", Share::User),
];

/// CPU time by row.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Table {
    /// perf weighs a sample of its CPU clock with the time it stands for.
    sampled_ns: [u64; ROWS.len()],
}

impl Table {
    /// Sorts folded stacks, lines of `outermost;…;innermost ns`.
    pub(super) fn of(stacks: &str) -> Table {
        let mut table = Table::default();
        for line in stacks.lines() {
            let Some((stack, ns)) = line.rsplit_once(' ') else {
                continue;
            };
            let frames: Vec<&str> = stack.split(';').collect();
            let share = share_of(&frames);
            let row = ROWS.iter().position(|(row, _)| *row == share);
            table.sampled_ns[row.expect("every share has a row")] += ns.parse().unwrap_or(0);
        }
        table
    }

    /// The time that all samples stand for.
    pub(super) fn sampled(&self) -> Duration {
        Duration::from_nanos(self.sampled_ns.iter().sum())
    }

    /// The table, for a worker that spent so much CPU time on each request.
    pub(super) fn markdown(&self, us_per_request: f64) -> String {
        let mut out = String::from("| where | share | µs/request |\n|---|---|---|\n");
        let all = self.sampled_ns.iter().sum::<u64>().max(1) as f64;
        for ((_, name), sampled_ns) in ROWS.iter().zip(self.sampled_ns) {
            let share = sampled_ns as f64 / all;
            out.push_str(&format!(
                "| {name} | {:.1} % | {:.2} |\n",
                100.0 * share,
                us_per_request * share
            ));
        }
        out.push_str(&format!("| all | 100.0 % | {us_per_request:.2} |\n"));
        out
    }
}

/// Which row a stack, outermost function first, belongs to.
fn share_of(frames: &[&str]) -> Share {
    let kernel: Vec<&str> = frames
        .iter()
        .filter_map(|frame| frame.strip_suffix("_[k]"))
        .collect();
    if !kernel.is_empty() {
        // What interrupts a send is no part of it.
        let interrupted = kernel
            .iter()
            .any(|name| name.starts_with("asm_sysvec") || *name == "asm_common_interrupt");
        let begun = kernel.iter().find_map(|name| {
            KERNEL
                .iter()
                .find(|(begin, _)| name.starts_with(begin))
                .map(|(_, share)| *share)
        });
        let softirq = kernel
            .iter()
            .any(|name| *name == "handle_softirqs" || *name == "__do_softirq");
        return match begun {
            _ if interrupted => Share::KernelRest,
            Some(Share::KernelSend) if softirq => Share::KernelDelivery,
            Some(share) => share,
            None => Share::KernelRest,
        };
    }
    let known = frames.iter().rev().find_map(|frame| part_of(frame));
    known.unwrap_or(Share::Other)
}

/// The part of LoadForge that a function belongs to, if its name says so. `<Ours as Theirs>::f` is ours: the foremost counts.
fn part_of(function: &str) -> Option<Share> {
    PATHS
        .iter()
        .filter_map(|(path, share)| Some((function.find(path)?, path.len(), *share)))
        .min_by_key(|(place, length, _)| (*place, Reverse(*length)))
        .map(|(_, _, share)| share)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKER: &str = "loadforge;main;loadforge_engine::worker::driver::Driver<W>::drive";

    fn share(stack: &str) -> Share {
        share_of(&format!("{WORKER};{stack}").split(';').collect::<Vec<_>>())
    }

    #[test]
    fn a_kernel_sample_is_what_the_kernel_was_asked_for() {
        let enter = "loadforge_engine::wire::uring::UringWire::turn;syscall;entry_SYSCALL_64_[k]";
        for (stack, expected) in [
            (
                "io_submit_sqes_[k];io_send_[k];tcp_sendmsg_[k];tcp_write_xmit_[k]",
                Share::KernelSend,
            ),
            (
                "io_send_[k];tcp_sendmsg_[k];do_softirq_[k];handle_softirqs_[k];tcp_v4_rcv_[k]",
                Share::KernelDelivery,
            ),
            (
                "io_run_local_work_[k];io_recv_[k];copyout_[k]",
                Share::KernelReceive,
            ),
            ("__sys_recvfrom_[k];tcp_recvmsg_[k]", Share::KernelReceive),
            ("schedule_[k]", Share::KernelRest),
            (
                "io_send_[k];asm_sysvec_apic_timer_interrupt_[k];irq_exit_[k]",
                Share::KernelRest,
            ),
        ] {
            assert_eq!(share(&format!("{enter};{stack}")), expected, "{stack}");
        }
    }

    #[test]
    fn any_other_sample_is_the_innermost_known_part() {
        for (stack, expected) in [
            (
                "loadforge_engine::wire::uring::UringWire::turn",
                Share::Wire,
            ),
            (
                "loadforge_engine::worker::desk::Desk::on_event;__memmove_avx",
                Share::Worker,
            ),
            (
                "loadforge_engine::worker::desk::Desk::on_event;httparse::parse_headers_iter_uninit",
                Share::Http1,
            ),
            (
                "loadforge_engine::worker::desk::Desk::finish",
                Share::Record,
            ),
            (
                "<loadforge_engine::worker::users::Life as core::future::Future<loadforge_ring::X>>::poll",
                Share::User,
            ),
            (
                "glommio::executor::LocalExecutor::run;__vdso_clock_gettime",
                Share::User,
            ),
        ] {
            assert_eq!(share(stack), expected, "{stack}");
        }
        assert_eq!(share_of(&["loadforge", "_start"]), Share::Other);
    }

    #[test]
    fn rows_add_up_to_the_whole() {
        let table = Table::of("w;io_send_[k] 30\nw;httparse::x 10\nw;[unknown] 60\n");
        assert_eq!(table.sampled(), Duration::from_nanos(100));
        let text = table.markdown(5.0);
        assert!(
            text.contains("| kernel: send, down to the device | 30.0 % | 1.50 |"),
            "{text}"
        );
        assert!(text.contains("| other | 60.0 % | 3.00 |"), "{text}");
        assert!(text.ends_with("| all | 100.0 % | 5.00 |\n"), "{text}");
    }
}
