//! The rows of the table: what was expected, what was measured, and whether that is right.
//! Neighbours: `queues.rs` and `statistics.rs` know the right answers, `table.rs` prints.
//!
//! A row passes inside its bounds. Outside them it is the machine's noise, not a failure, when it is out by no more than
//! what this machine does to a bare thread that waits (`slack`); or when server and workers had to share a CPU, or others used
//! their CPUs meanwhile, and it is out by no more than a turn of the scheduler. Invariant: a figure that is not a number fails.

use super::{
    cases::{Case, Machine, QUEUE_LOAD, Question},
    children::ChildError,
    jitter::Jitter,
    measured::Measured,
    queues::{self, Times},
    statistics::{exponential_p, gaps_ms, quantile},
};

/// Bounds of the table, in ms.
const SERVICE_OVER: f64 = 0.12;
/// At p99 both ends may have slept: some 0.1 ms each, while an answer that is forgotten takes twice its time.
const SERVICE_P99_OVER: f64 = 0.5;
/// The most that the server's own lateness after a freeze may add, as a share of what is right.
const FROZEN_LATE: f64 = 0.03;
const GAP_P99_OVER_POLLING: f64 = 0.02;
const GAP_P99_OVER_SLEEPING: f64 = 0.10;
const LAG_P50: f64 = 0.002;
const LAG_P99: f64 = 0.050;
/// How far a median gap may be off.
const GAP_P50_OFF: f64 = 0.001;
/// The least p-value of the Kolmogorov–Smirnov test.
const LEAST_P: f64 = 0.05;
/// How far the rate may be off, as a share.
const RATE_OFF: f64 = 0.001;
/// What the scheduler may take at once from threads that share a CPU, in ms: its longest usual slice.
const TURN_MS: f64 = 4.0;
/// How much of a CPU others may take before that explains anything; below, it is the coarse clock of `/proc/stat`.
const CROWD_CPUS: f64 = 0.1;
/// How much of it they may take before a worker at half load is left with less than it needs.
const STARVING_CPUS: f64 = 0.4;

/// What is to be thought of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Pass,
    Fail,
    /// Not right, and this machine explains it.
    Noisy,
    /// Not asked, because this machine lacks what the answer takes.
    Skipped,
}

/// One line of the table.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    pub(super) what: String,
    pub(super) how: String,
    pub(super) expected: String,
    pub(super) measured: String,
    pub(super) verdict: Verdict,
    pub(super) note: Option<String>,
}

impl Row {
    /// A case that this machine cannot be asked.
    pub(super) fn skipped(case: &Case, machine: &Machine, why: String) -> Row {
        Row {
            what: case.name(),
            how: case.how(machine),
            expected: "a run".to_owned(),
            measured: "none".to_owned(),
            verdict: Verdict::Skipped,
            note: Some(why),
        }
    }

    /// The same row, with what it was in earlier tries.
    pub(super) fn after(mut self, earlier: &[Row]) -> Row {
        if !earlier.is_empty() {
            let measured: Vec<&str> = earlier.iter().map(|row| row.measured.as_str()).collect();
            let tries = format!("earlier: {}", measured.join(", "));
            self.note = Some(
                self.note
                    .map_or(tries.clone(), |note| format!("{note}\n{tries}")),
            );
        }
        self
    }

    /// A case of which there are no figures.
    pub(super) fn not_run(case: &Case, machine: &Machine, error: &ChildError) -> Row {
        Row {
            what: case.name(),
            how: case.how(machine),
            expected: "a run".to_owned(),
            measured: "none".to_owned(),
            verdict: Verdict::Fail,
            note: Some(error.to_string().trim_start_matches("error: ").to_owned()),
        }
    }
}

/// Bounds of a figure, and how far the machine may push it over them.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    low: f64,
    high: f64,
    slack: f64,
}

impl Bounds {
    fn judge(self, value: f64) -> Verdict {
        let over = (self.low - value).max(value - self.high);
        // Not a number compares as neither.
        if over <= 0.0 {
            Verdict::Pass
        } else if over <= self.slack {
            Verdict::Noisy
        } else {
            Verdict::Fail
        }
    }
}

/// What rows of one case have in common.
struct Judge<'a> {
    case: &'a Case,
    measured: &'a Measured,
    jitter: &'a Jitter,
    how: String,
    shared: bool,
    crowded: bool,
    rows: Vec<Row>,
}

/// The rows of one run.
pub(super) fn rows(
    case: &Case,
    measured: &Measured,
    jitter: &Jitter,
    machine: &Machine,
) -> Vec<Row> {
    let mut judge = Judge {
        case,
        measured,
        jitter,
        how: case.how(machine),
        shared: !machine.is_roomy() || machine.is_crammed(case.workers),
        crowded: measured.crowd_cpus > CROWD_CPUS,
        rows: Vec::new(),
    };
    match case.question {
        Question::Service { delay } => judge.service(delay.as_secs_f64() * 1e3),
        Question::Gaps => judge.gaps(),
        Question::Poisson => judge.poisson(),
        Question::HalfLoad => judge.half_load(),
        Question::Freezes { .. } => judge.freezes(),
        Question::Queue { .. } => judge.queue(),
        Question::Starved => judge.starved(),
    }
    judge.rows
}

impl Judge<'_> {
    /// Whether workers stood still for a greater share of the time than there are requests above this quantile.
    fn is_paused(&self, q: f64) -> bool {
        self.measured.summary.paused_share > 1.0 - q
    }

    /// What the machine explains of a quantile: all of it where it stood still, else twice its own, for the two ends of a time,
    /// and a turn where a CPU is shared.
    fn slack(&self, q: f64) -> f64 {
        if self.is_paused(q) {
            return f64::INFINITY;
        }
        self.noise(q)
    }

    /// What this machine does while it runs.
    fn noise(&self, q: f64) -> f64 {
        let turn = if self.shared || self.crowded {
            TURN_MS
        } else {
            0.0
        };
        2.0 * self.jitter.quantile_ms(q) + turn
    }

    fn add(&mut self, what: &str, expected: String, measured: String, verdict: Verdict) {
        let note = (verdict == Verdict::Noisy).then(|| {
            if self.is_paused(0.99) {
                format!(
                    "for {:.1} % of the time that workers spun, something else had their CPU",
                    self.measured.summary.paused_share * 100.0
                )
            } else if self.crowded {
                format!(
                    "others took {:.2} CPUs from it meanwhile",
                    self.measured.crowd_cpus
                )
            } else if self.shared {
                "not every worker and server has a CPU of its own".to_owned()
            } else {
                "this machine is as late with a bare thread".to_owned()
            }
        });
        self.rows.push(Row {
            what: format!("{}: {what}", self.case.name()),
            how: self.how.clone(),
            expected,
            measured,
            verdict,
            note,
        });
    }

    /// A row for a time in ms between bounds.
    fn time(&mut self, what: &str, value: f64, bounds: Bounds) {
        let expected = format!("{}–{} ms", digits(bounds.low), digits(bounds.high));
        let measured = format!("{} ms", digits(value));
        self.add(what, expected, measured, bounds.judge(value));
    }

    /// A row for a time in ms that has one right value.
    fn time_near(&mut self, what: &str, value: f64, right: f64, bounds: Bounds) {
        let expected = format!(
            "{} ms (−{} +{})",
            digits(right),
            digits(right - bounds.low),
            digits(bounds.high - right)
        );
        let measured = format!("{} ms", digits(value));
        self.add(what, expected, measured, bounds.judge(value));
    }

    /// A row for a time in ms that has an upper bound alone.
    fn time_at_most(&mut self, what: &str, value: f64, high: f64, slack: f64) {
        let bounds = Bounds {
            low: 0.0,
            high,
            slack,
        };
        let expected = format!("≤ {} ms", digits(high));
        let measured = format!("{} ms", digits(value));
        self.add(what, expected, measured, bounds.judge(value));
    }

    fn service(&mut self, delay: f64) {
        let bounds = Bounds {
            low: delay,
            high: delay + SERVICE_OVER,
            slack: self.slack(0.5),
        };
        let service = self.measured.summary.service_ms;
        self.time("service p50", service.p50, bounds);
        // The median says nothing of one answer in ten that is late.
        let high = delay + SERVICE_P99_OVER + self.jitter.quantile_ms(0.99);
        self.time_at_most("service p99", service.p99, high, self.slack(0.99));
        self.rate();
    }

    /// The rate over the run, by the server's clock.
    fn rate(&mut self) {
        let arrivals = &self.measured.arrivals_ns;
        let asked = self.case.rate_per_s;
        let span_s = match (arrivals.first(), arrivals.last()) {
            (Some(first), Some(last)) => (last - first) as f64 / 1e9,
            _ => f64::NAN,
        };
        let rate = (arrivals.len() as f64 - 1.0) / span_s;
        let off = rate / asked - 1.0;
        // Both ends of the run can be late.
        let bounds = Bounds {
            low: -RATE_OFF,
            high: RATE_OFF,
            slack: self.slack(1.0) / 1e3 / span_s,
        };
        let measured = format!("{:.2}/s ({:+.3} %)", rate, off * 100.0);
        self.add(
            "rate over the run",
            format!("{asked}/s ± 0.1 %"),
            measured,
            bounds.judge(off),
        );
    }

    fn gaps(&mut self) {
        let gaps = gaps_ms(&self.measured.arrivals_ns);
        let at = |q| quantile(&gaps, q).unwrap_or(f64::NAN);
        let gap = 1e3 / self.case.rate_per_s;
        let bounds = Bounds {
            low: gap - GAP_P50_OFF,
            high: gap + GAP_P50_OFF,
            slack: self.slack(0.5),
        };
        self.time("gaps p50", at(0.5), bounds);
        let over = if self.case.busy_poll {
            GAP_P99_OVER_POLLING
        } else {
            GAP_P99_OVER_SLEEPING
        };
        self.time_at_most("gaps p99", at(0.99), gap + over, self.slack(0.99));
    }

    fn poisson(&mut self) {
        let p = poisson_p(self.case, self.measured);
        let mean_gap = 1e3 / self.case.rate_per_s;
        // The test sees a share of 1.36/√n of gaps that are not as they should be; a late wait spoils itself and some after it.
        let seen = 1.36 / (self.measured.arrivals_ns.len() as f64).sqrt();
        let spoilt = self.jitter.share_later_than(mean_gap / 20.0);
        let explained = self.shared || self.crowded || spoilt > seen / 8.0;
        let verdict = match p {
            Some(p) if p >= LEAST_P => Verdict::Pass,
            Some(_) if explained => Verdict::Noisy,
            _ => Verdict::Fail,
        };
        let measured = p.map_or("no gaps".to_owned(), |p| {
            let gaps = self.measured.arrivals_ns.len() - 1;
            format!("p = {p:.3} of {gaps} gaps")
        });
        let expected = format!("p ≥ {LEAST_P}");
        self.add("Kolmogorov–Smirnov", expected, measured, verdict);
    }

    fn half_load(&mut self) {
        let lag = self.measured.summary.lag_ms;
        // Who is left with less than it needs is late without bound.
        let starving = match self.measured.crowd_cpus {
            others if others > STARVING_CPUS => f64::INFINITY,
            _ => 0.0,
        };
        let median = self.slack(0.5) + starving;
        // What fills the queue for a moment is in far more than the moment's own arrivals.
        let tail = self.slack(0.99).max(self.noise(0.999)) + starving;
        self.time_at_most("lag p50", lag.p50, LAG_P50, median);
        let high = LAG_P99 + self.jitter.quantile_ms(0.99);
        self.time_at_most("lag p99", lag.p99, high, tail);
    }

    fn freezes(&mut self) {
        let Question::Freezes {
            base,
            length,
            count,
        } = self.case.question
        else {
            return;
        };
        let total = self.case.duration;
        // All that a freeze kept back is due at once, and the server can only answer one after the other.
        let late = self.measured.server_late_ms;
        // A quantile falls on one arrival or its neighbour: that is a gap's worth of rank.
        let rank = 2e3 / self.case.rate_per_s;
        let response = self.measured.summary.response_ms;
        for (what, q, value) in [
            ("response p99", 0.99, response.p99),
            ("response p99.9", 0.999, response.p999),
        ] {
            let right = queues::frozen(q, base, length, count, total);
            let off = rank + 0.005 * right;
            let one_by_one = late.min(FROZEN_LATE * right);
            let bounds = Bounds {
                low: right - off,
                high: right + off + SERVICE_OVER + one_by_one,
                slack: self.slack(0.99),
            };
            self.time_near(what, value, right, bounds);
        }
        let service = self.measured.summary.service_ms.p99;
        // Users enough for every arrival: nothing waits in the generator, so the server's part is nearly all of it.
        self.time_at_most(
            "service p99, beside it",
            service,
            response.p99,
            self.slack(0.99),
        );
    }

    fn queue(&mut self) {
        let Question::Queue {
            exponential,
            service,
        } = self.case.question
        else {
            return;
        };
        let theory = if exponential {
            queues::m_m_1(service, QUEUE_LOAD)
        } else {
            queues::m_d_1(service, QUEUE_LOAD)
        };
        let arrivals = &self.measured.arrivals_ns;
        let summary = &self.measured.summary;
        let measured = Times {
            mean: summary.response_ms.mean,
            p50: summary.response_ms.p50,
            p99: summary.response_ms.p99,
        };
        let (Some((least, most)), Some(played)) = (
            queues::strays(self.case, arrivals.len()),
            queues::replayed(self.case, arrivals),
        ) else {
            self.add(
                "response",
                "arrivals".to_owned(),
                "none".to_owned(),
                Verdict::Fail,
            );
            return;
        };
        type Pick = fn(&Times) -> f64;
        let figures: [(&str, Pick); 3] =
            [("mean", |t| t.mean), ("p50", |t| t.p50), ("p99", |t| t.p99)];
        for (name, pick) in figures {
            let value = pick(&measured);
            let bounds = Bounds {
                low: pick(&least),
                high: pick(&most) + SERVICE_OVER,
                slack: self.slack(0.99),
            };
            let what = format!("response {name}, theory");
            self.time_near(&what, value, pick(&theory), bounds);
            let right = pick(&played);
            let bounds = Bounds {
                low: right * 0.99,
                high: right * 1.01 + SERVICE_OVER,
                slack: self.slack(0.99),
            };
            let what = format!("response {name}, on the arrivals that came");
            self.time_near(&what, value, right, bounds);
        }
        self.little(played.mean);
    }

    /// Little's law, L = λW: users in the server by its own clock, against rate times service time by ours.
    fn little(&mut self, mean_in_server_ms: f64) {
        let summary = &self.measured.summary;
        let arrivals = &self.measured.arrivals_ns;
        let span_s = match (arrivals.first(), arrivals.last()) {
            (Some(first), Some(last)) => (last - first) as f64 / 1e9,
            _ => f64::NAN,
        };
        let in_server = arrivals.len() as f64 * mean_in_server_ms / 1e3 / span_s;
        let rate = summary.sent as f64 / summary.duration_s;
        let ours = rate * summary.service_ms.mean / 1e3;
        // Our duration ends up to an answer's time later than the server's last arrival.
        let off = 0.03 * in_server + rate * SERVICE_OVER / 1e3;
        let bounds = Bounds {
            low: in_server - off,
            high: in_server + off,
            slack: rate * self.slack(0.99) / 1e3,
        };
        let verdict = bounds.judge(ours);
        let expected = format!("{in_server:.3} ± {off:.3} in the server");
        let measured = format!("λW = {ours:.3}");
        self.add("Little's law", expected, measured, verdict);
    }

    fn starved(&mut self) {
        let summary = &self.measured.summary;
        let told = summary.verdict != "VALID" && summary.reasons > 0;
        let verdict = if told { Verdict::Pass } else { Verdict::Fail };
        let measured = format!("{}, {} reasons", summary.verdict, summary.reasons);
        let expected = "SUSPECT or INVALID, with a reason".to_owned();
        self.add("verdict", expected, measured, verdict);
    }
}

/// The p-value of the gaps of a run, if it has any.
fn poisson_p(case: &Case, measured: &Measured) -> Option<f64> {
    exponential_p(&gaps_ms(&measured.arrivals_ns), case.rate_per_s)
}

/// What must hold on every run: three rows for all of them.
pub(super) fn books<'a>(runs: impl Iterator<Item = (&'a Case, &'a Measured)>) -> Vec<Row> {
    let runs: Vec<_> = runs.collect();
    type Rule = fn(&Measured) -> bool;
    let rules: [(&str, Rule); 3] = [
        (
            "intended = sent + not sent; sent = ok + failed + unknown + lost",
            balances,
        ),
        ("the server counted what was sent", served_what_was_sent),
        ("mean response = mean service + mean lag", phases_add_up),
    ];
    rules
        .into_iter()
        .map(|(what, rule)| {
            let broken: Vec<String> = runs
                .iter()
                .filter(|(_, measured)| !rule(measured))
                .map(|(case, measured)| {
                    format!(
                        "{}, {:?}, served {}",
                        case.name(),
                        measured.summary,
                        measured.served
                    )
                })
                .collect();
            let held = runs.len() - broken.len();
            Row {
                what: what.to_owned(),
                how: "every run".to_owned(),
                expected: format!("{} of {}", runs.len(), runs.len()),
                measured: format!("{held} of {}", runs.len()),
                verdict: if broken.is_empty() && !runs.is_empty() {
                    Verdict::Pass
                } else {
                    Verdict::Fail
                },
                note: (!broken.is_empty()).then(|| broken.join("; ")),
            }
        })
        .collect()
}

fn balances(measured: &Measured) -> bool {
    let s = &measured.summary;
    s.intended == s.sent + s.not_sent && s.sent == s.ok + s.failed + s.unknown + s.lost
}

/// Exactly, but for requests that failed or were not heard of again: those may or may not have reached it.
fn served_what_was_sent(measured: &Measured) -> bool {
    let s = &measured.summary;
    let open = s.failed + s.unknown + s.lost;
    measured.arrivals_ns.len() as u64 == measured.served
        && (s.sent - open.min(s.sent)..=s.sent).contains(&measured.served)
}

/// Each takes its samples at the middle of a bucket of 1/1,024 width.
fn phases_add_up(measured: &Measured) -> bool {
    let s = &measured.summary;
    let parts = s.service_ms.mean + s.lag_ms.mean;
    (s.response_ms.mean - parts).abs() <= 0.002 * parts + 0.000_2
}

/// A time in ms with as many digits as matter.
fn digits(ms: f64) -> String {
    match ms.abs() {
        small if small < 10.0 => format!("{ms:.3}"),
        middle if middle < 100.0 => format!("{ms:.2}"),
        _ => format!("{ms:.1}"),
    }
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
