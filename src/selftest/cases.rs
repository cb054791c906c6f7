//! Which runs a self-test makes: load, server, length. Neighbours: `children.rs` makes them, `judge.rs` knows the right answers.
//! Invariant: the quick runs together with their starts stay under a minute.

use super::Depth;
use crate::{amounts::time_words, cpus};
use std::time::Duration;

/// The rate of all cases that do not say another, as in the table.
const RATE: f64 = 1_000.0;
/// The load of the queues: the share of time that their one server works.
pub(super) const QUEUE_LOAD: f64 = 0.8;
/// How long a queue takes for one request in the full table.
const FULL_SERVICE: Duration = Duration::from_millis(10);
/// And in the quick one, so that a short run sees enough of them.
const QUICK_SERVICE: Duration = Duration::from_millis(2);

/// Who runs where.
#[derive(Clone, Debug)]
pub(super) struct Machine {
    allowed: Vec<u32>,
    /// Workers of the cases with several.
    pub(super) many: usize,
}

impl Machine {
    pub(super) fn new(allowed: &[u32], many: usize) -> Machine {
        Machine {
            allowed: allowed.to_vec(),
            many,
        }
    }

    /// Where the first worker runs.
    pub(super) fn worker_cpu(&self) -> u32 {
        self.allowed.first().copied().unwrap_or(0)
    }

    /// Where the server runs: the last CPU, since workers take the first ones.
    pub(super) fn server_cpu(&self) -> u32 {
        self.allowed.last().copied().unwrap_or(0)
    }

    /// Every CPU that a run keeps busy.
    pub(super) fn cpus(&self) -> &[u32] {
        &self.allowed
    }

    /// CPUs that are free for workers: all but the server's, where there is another.
    fn free(&self) -> &[u32] {
        match self.allowed.split_last() {
            Some((_, free)) if !free.is_empty() => free,
            _ => &self.allowed,
        }
    }

    /// The CPU of each of so many workers. The server keeps its own: workers share one before they take that.
    pub(super) fn worker_cpus(&self, workers: usize) -> Vec<u32> {
        self.free().iter().copied().cycle().take(workers).collect()
    }

    /// Whether the server has its CPU to itself.
    pub(super) fn is_roomy(&self) -> bool {
        self.allowed.len() > 1
    }

    /// Whether so many workers have to share CPUs.
    pub(super) fn is_crammed(&self, workers: usize) -> bool {
        workers > self.free().len()
    }
}

/// What a run is to show.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Question {
    /// Does a known service time read as what it is?
    Service { delay: Duration },
    /// Do even arrivals arrive evenly?
    Gaps,
    /// Are Poisson arrivals Poisson?
    Poisson,
    /// Does the generator keep its times at half of what it can do?
    HalfLoad,
    /// Does a frozen server show in the response times as it must?
    Freezes {
        base: Duration,
        length: Duration,
        count: u32,
    },
    /// Do queues of one server give the textbook's response times?
    Queue {
        exponential: bool,
        service: Duration,
    },
    /// Does a starved generator say so?
    Starved,
}

/// One run.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) question: Question,
    pub(super) workers: usize,
    pub(super) rate_per_s: f64,
    pub(super) poisson: bool,
    pub(super) duration: Duration,
    /// The server never sleeps.
    pub(super) busy_poll: bool,
    pub(super) seed: u64,
}

impl Case {
    fn new(question: Question, workers: usize, seconds: u64) -> Case {
        Case {
            question,
            workers,
            rate_per_s: RATE,
            poisson: false,
            duration: Duration::from_secs(seconds),
            busy_poll: false,
            seed: 1,
        }
    }

    /// The same run with other chances: those of its n-th repetition.
    pub(super) fn with_seed(&self, repetition: u64) -> Case {
        Case {
            seed: self.seed + repetition,
            ..self.clone()
        }
    }

    /// How long it takes with its start and end.
    pub(super) fn whole(&self) -> Duration {
        self.duration + Duration::from_secs(1)
    }

    /// Why this machine cannot be asked, if it cannot: at half load each worker needs a CPU, and so does the server.
    pub(super) fn beyond(&self, machine: &Machine) -> Option<String> {
        let crammed = machine.is_crammed(self.workers) || !machine.is_roomy();
        let needed = self.workers + 1;
        let have = cpus::count_words(machine.allowed.len());
        (self.question == Question::HalfLoad && crammed).then(|| {
            format!("it takes {needed} CPUs, one for each worker and the server; there are {have}")
        })
    }

    /// What it is, in words.
    pub(super) fn name(&self) -> String {
        let rate = self.rate_per_s;
        match self.question {
            Question::Service { delay } => format!("fixed {delay:?} answers, {rate}/s"),
            Question::Gaps => format!("even arrivals, {rate}/s"),
            Question::Poisson => format!("Poisson arrivals, {rate}/s"),
            Question::HalfLoad => format!("half load, {rate}/s"),
            Question::Freezes { length, count, .. } => format!(
                "server frozen {length:?}, {count} × in {:?}, {rate}/s",
                self.duration
            ),
            Question::Queue {
                exponential,
                service,
            } => {
                let kind = if exponential { "M/M/1" } else { "M/D/1" };
                format!("{kind}, load {QUEUE_LOAD}, service {service:?}")
            }
            Question::Starved => format!("generator starved, {rate}/s"),
        }
    }

    /// How it is run, in words.
    pub(super) fn how(&self, machine: &Machine) -> String {
        let workers = match self.workers {
            1 => "1 worker".to_owned(),
            more if machine.is_crammed(more) => {
                format!(
                    "{more} workers on {}",
                    cpus::count_words(machine.free().len())
                )
            }
            more => format!("{more} workers"),
        };
        let server = match (self.busy_poll, machine.is_roomy()) {
            (true, _) => "server polls",
            (false, true) => "server sleeps",
            (false, false) => "server shares a CPU",
        };
        format!("{workers}, {server}")
    }

    /// Flags of `loadforge echo` that make the server.
    pub(super) fn server_flags(&self) -> Vec<String> {
        let mut flags = vec!["--seed".to_owned(), self.seed.to_string()];
        let mut add = |words: &[&str]| flags.extend(words.iter().map(|word| (*word).to_owned()));
        match self.question {
            Question::Service { delay } => add(&["--delay", &time_words(delay)]),
            Question::Freezes {
                base,
                length,
                count,
            } => {
                let every = self.duration / count;
                let stall = format!("{}/{}", time_words(length), time_words(every));
                add(&["--delay", &time_words(base), "--stall", &stall]);
            }
            Question::Queue { .. } => add(&["--queue", "--delay", &self.delay_word()]),
            Question::Gaps | Question::Poisson | Question::HalfLoad | Question::Starved => {}
        }
        if self.busy_poll {
            add(&["--busy-poll"]);
        }
        flags
    }

    /// The law of the queue's service time, as `--delay` takes it.
    pub(super) fn delay_word(&self) -> String {
        match self.question {
            Question::Queue {
                exponential: true,
                service,
            } => format!("exp:{}", time_words(service)),
            Question::Queue { service, .. } => time_words(service),
            _ => time_words(Duration::ZERO),
        }
    }

    /// Flags of `loadforge run`, but for its target.
    pub(super) fn run_flags(&self, machine: &Machine) -> Vec<String> {
        let mut flags: Vec<String> = [
            ("--rate", self.rate_per_s.to_string()),
            ("--duration", time_words(self.duration)),
            ("--max-users", self.max_users().to_string()),
            ("--seed", self.seed.to_string()),
        ]
        .into_iter()
        .flat_map(|(flag, value)| [flag.to_owned(), value])
        .collect();
        // What a run says of itself is judged here, with all else.
        flags.push("--allow-invalid".to_owned());
        if self.poisson {
            flags.push("--poisson".to_owned());
        }
        let on = machine.worker_cpus(self.workers);
        flags.extend(["--cpus".to_owned(), cpus::list(&on)]);
        flags
    }

    /// Twice as many users as can be waiting at once, and some.
    fn max_users(&self) -> u64 {
        let longest = match self.question {
            Question::Freezes { base, length, .. } => base + length,
            Question::Queue { service, .. } => service * 60,
            _ => Duration::from_millis(50),
        };
        let waiting = (self.rate_per_s * longest.as_secs_f64() * 2.0) as u64 + 50;
        waiting.min(MOST_USERS)
    }
}

/// Most users of a run: as many connections as fit below the usual limit of descriptors, server included.
const MOST_USERS: u64 = 4_000;

/// Every run of a self-test of this depth. `capacity_per_s` is what one worker can do here at full speed.
pub(super) fn cases(depth: Depth, machine: &Machine, capacity_per_s: f64) -> Vec<Case> {
    let half_load = (capacity_per_s / 2.0).round().max(1.0);
    let each = |workers| one_of_each(depth, machine, workers, half_load);
    let mut cases = each(1);
    if machine.many > 1 {
        let several = each(machine.many);
        match depth {
            Depth::Full => cases.extend(several),
            // The shorter table asks each question once, half of them of several workers, but looks at gaps with both.
            Depth::Quick => {
                let gaps = several
                    .iter()
                    .find(|case| case.question == Question::Gaps)
                    .cloned();
                for case in several {
                    let in_turn = matches!(
                        case.question,
                        Question::Freezes { count: 2.., .. }
                            | Question::Queue {
                                exponential: false,
                                ..
                            }
                    );
                    let same = |other: &&mut Case| {
                        other.question == case.question && other.rate_per_s == case.rate_per_s
                    };
                    if in_turn && let Some(place) = cases.iter_mut().find(same) {
                        *place = case;
                    }
                }
                cases.extend(gaps);
            }
        }
    }
    // At a rate that one worker can just do alone: beside busy loops it cannot.
    cases.push(Case {
        rate_per_s: (capacity_per_s * 0.9).round().max(1.0),
        ..Case::new(Question::Starved, 1, 2)
    });
    cases
}

fn one_of_each(depth: Depth, machine: &Machine, workers: usize, half_load: f64) -> Vec<Case> {
    let full = depth == Depth::Full;
    let long = |quick, whole| if full { whole } else { quick };
    let case = |question, seconds| Case::new(question, workers, seconds);
    let delay = Duration::from_millis(2);
    let gaps = Case {
        // Beside workers on its own CPU a server that polls would take it from them.
        busy_poll: machine.is_roomy(),
        ..case(Question::Gaps, long(3, 60))
    };
    let freezes = |length_ms, count, seconds| {
        let question = Question::Freezes {
            base: Duration::from_millis(10),
            length: Duration::from_millis(length_ms),
            count,
        };
        case(question, seconds)
    };
    let service = if full { FULL_SERVICE } else { QUICK_SERVICE };
    let queue = |exponential| {
        let question = Question::Queue {
            exponential,
            service,
        };
        Case {
            rate_per_s: (QUEUE_LOAD / service.as_secs_f64()).round(),
            poisson: true,
            // A server that sleeps sees arrivals late by its wake-up, which is no part of the queue.
            busy_poll: machine.is_roomy(),
            ..case(question, long(5, 120))
        }
    };
    let poisson = Case {
        poisson: true,
        busy_poll: gaps.busy_poll,
        // More would see the few µs by which a server's own work rounds its stamps.
        ..case(Question::Poisson, long(3, 6))
    };
    // Workers that share a CPU sleep until an arrival is due and are woken some 50 µs late: that must be little beside a gap.
    let poisson = match machine.is_crammed(workers) {
        true => Case {
            rate_per_s: RATE / 10.0,
            duration: Duration::from_secs(long(5, 60)),
            ..poisson
        },
        false => poisson,
    };
    let mut cases = vec![
        case(Question::Service { delay }, long(3, 60)),
        gaps.clone(),
        Case {
            busy_poll: false,
            ..gaps.clone()
        },
        Case {
            rate_per_s: 10.0 * RATE,
            ..case(Question::Gaps, long(3, 30))
        },
        poisson,
        Case {
            rate_per_s: half_load,
            ..case(Question::HalfLoad, long(2, 30))
        },
        freezes(long(100, 1_000), 1, long(5, 60)),
        // 100 ms every 2.5 s in the quick table, 200 ms every 10 s in the full one.
        freezes(long(100, 200), long(2, 6) as u32, long(5, 60)),
        queue(true),
        queue(false),
    ];
    cases[3].busy_poll = gaps.busy_poll;
    if !gaps.busy_poll {
        // Both would be the same.
        cases.remove(2);
    }
    cases
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quick(cpus: &[u32], many: usize) -> Vec<Case> {
        cases(Depth::Quick, &Machine::new(cpus, many), 50_000.0)
    }

    #[test]
    fn the_quick_table_takes_less_than_a_minute() {
        for (cpus, many) in [(&[0][..], 1), (&[0, 1], 2), (&[0, 1, 2, 3], 2)] {
            let cases = quick(cpus, many);
            let runs: Duration = cases.iter().map(|case| case.duration).sum();
            // A second for each to start, to end, and to watch the machine.
            let whole = runs + Duration::from_secs(cases.len() as u64);
            assert!(whole < Duration::from_secs(60), "{whole:?}");
        }
    }

    #[test]
    fn every_question_is_asked_and_several_workers_are_tried() {
        let cases = quick(&[0, 1], 2);
        let with = |workers| cases.iter().filter(|case| case.workers == workers).count();
        assert!(with(1) >= 6 && with(2) >= 3, "{} and {}", with(1), with(2));
        let names: Vec<String> = cases.iter().map(Case::name).collect();
        for words in [
            "fixed 2ms",
            "even arrivals, 1000/s",
            "even arrivals, 10000/s",
            "Poisson",
            "half load, 25000/s",
            "frozen 100ms, 1 ×",
            "frozen 100ms, 2 ×",
            "M/M/1",
            "M/D/1",
            "starved, 45000/s",
        ] {
            assert!(
                names.iter().any(|name| name.contains(words)),
                "{words}: {names:?}"
            );
        }
    }

    #[test]
    fn the_full_table_asks_everything_of_one_worker_and_of_several() {
        let machine = Machine::new(&[0, 1, 2, 3], 3);
        let cases = cases(Depth::Full, &machine, 50_000.0);
        let with = |workers| cases.iter().filter(|case| case.workers == workers).count();
        assert_eq!((with(1), with(3)), (11, 10));
        let freeze = cases.iter().find(|case| {
            matches!(case.question, Question::Freezes { length, count: 1, .. } if length.as_secs() == 1)
        });
        assert_eq!(freeze.map(|case| case.duration.as_secs()), Some(60));
    }

    #[test]
    fn a_server_that_polls_never_shares_its_cpu() {
        for (cpus, on) in [
            (&[0][..], &[0, 0][..]),
            (&[0, 1], &[0, 0]),
            (&[0, 1, 5], &[0, 1]),
        ] {
            let machine = Machine::new(cpus, 2);
            assert_eq!(machine.worker_cpus(2), on);
            for case in quick(cpus, 2) {
                let shared = machine
                    .worker_cpus(case.workers)
                    .contains(&machine.server_cpu());
                assert!(!(case.busy_poll && shared), "{cpus:?}");
            }
        }
    }

    #[test]
    fn workers_that_share_a_cpu_say_so() {
        let how = |cpus: &[u32]| {
            let machine = Machine::new(cpus, 2);
            let case = Case::new(Question::Gaps, 2, 1);
            case.how(&machine)
        };
        assert_eq!(how(&[0, 1]), "2 workers on 1 CPU, server sleeps");
        assert_eq!(how(&[0, 1, 2]), "2 workers, server sleeps");
        assert_eq!(how(&[0]), "2 workers on 1 CPU, server shares a CPU");
    }
}
