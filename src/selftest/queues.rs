//! The right answers of queues of one server and of freezes: from theory, and by playing the very arrivals of a run through the
//! same queue. Neighbours: `judge.rs` compares, `loadforge-echo` holds the queue itself.
//!
//! Theory is exact for endless runs only. How far a run of so many requests strays by chance is found by playing many such runs
//! (`strays`); what it should have shown on the arrivals that came is found by playing those (`replayed`), which leaves
//! nothing to chance. Invariant: nothing here looks at a clock.

use super::{cases::Case, statistics::quantile};
use crate::conduct;
use loadforge_echo::{DelayLaw, EchoConfig};
use std::time::Duration;

/// How many runs are played to see how far one strays: the widest of them are the bounds, so one sound run in some
/// hundred is outside.
const PLAYED: u64 = 300;

/// The response times of one run, in ms.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Times {
    pub(super) mean: f64,
    pub(super) p50: f64,
    pub(super) p99: f64,
}

impl Times {
    fn of(mut times_ms: Vec<f64>) -> Option<Times> {
        times_ms.sort_by(f64::total_cmp);
        Some(Times {
            mean: times_ms.iter().sum::<f64>() / times_ms.len() as f64,
            p50: quantile(&times_ms, 0.5)?,
            p99: quantile(&times_ms, 0.99)?,
        })
    }
}

/// M/M/1 in the long run: response times are exponential with mean s/(1 − ρ), so L(q) = −ln(1 − q)·s/(1 − ρ).
pub(super) fn m_m_1(service: Duration, load: f64) -> Times {
    let mean = service.as_secs_f64() * 1e3 / (1.0 - load);
    let at = |q: f64| -(1.0 - q).ln() * mean;
    Times {
        mean,
        p50: at(0.5),
        p99: at(0.99),
    }
}

/// M/D/1 in the long run: the mean by Pollaczek–Khinchine, s·(1 + ρ/(2(1 − ρ))), quantiles by Erlang (`waits_at_most`).
pub(super) fn m_d_1(service: Duration, load: f64) -> Times {
    let s = service.as_secs_f64() * 1e3;
    // Waiting in units of the service time; the response is one service more.
    let at = |q: f64| {
        let (mut low, mut high) = (0.0, 60.0);
        for _ in 0..60 {
            let middle = (low + high) / 2.0;
            if waits_at_most(middle, load) < q {
                low = middle;
            } else {
                high = middle;
            }
        }
        (1.0 + high) * s
    };
    Times {
        mean: s * (1.0 + load / (2.0 * (1.0 - load))),
        p50: at(0.5),
        p99: at(0.99),
    }
}

/// The share of requests of M/D/1 that wait at most `x` service times: (1 − ρ)·Σ_{j ≤ x} (ρ(j − x))^j·e^(ρ(x − j))/j!
/// (Erlang 1909). Its terms alternate, so it is good to some 30 service times only, far beyond the quantiles asked for.
fn waits_at_most(x: f64, load: f64) -> f64 {
    if x > 25.0 {
        return 1.0;
    }
    let mut sum = 0.0;
    let mut factorial = 1.0;
    for j in 0..=(x.floor() as i32) {
        if j > 0 {
            factorial *= f64::from(j);
        }
        let past = x - f64::from(j);
        sum += (-load * past).powi(j) * (load * past).exp() / factorial;
    }
    (1.0 - load) * sum
}

/// L(q) = base + S − (1 − q)·T/k for k freezes of S in T seconds, in ms; `base` where no freeze reaches.
pub(super) fn frozen(q: f64, base: Duration, length: Duration, count: u32, total: Duration) -> f64 {
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let wait = ms(length) - (1.0 - q) * ms(total) / f64::from(count);
    ms(base) + wait.max(0.0)
}

/// What the queue of a case does with these arrivals.
pub(super) fn replayed(case: &Case, arrivals_ns: &[u64]) -> Option<Times> {
    let config = EchoConfig {
        delay: conduct::delay(&case.delay_word()).ok()?,
        queue: true,
        seed: case.seed,
        ..EchoConfig::default()
    };
    let departures = config.replay(arrivals_ns);
    let times = arrivals_ns
        .iter()
        .zip(departures)
        .map(|(arrival, departure)| (departure - arrival) as f64 / 1e6);
    Times::of(times.collect())
}

/// The least and the most that runs of so many requests show by chance.
pub(super) fn strays(case: &Case, requests: usize) -> Option<(Times, Times)> {
    let mut bounds: Option<(Times, Times)> = None;
    for seed in 0..PLAYED {
        let mut at = 0;
        let arrivals: Vec<u64> = exponential(requests, case.rate_per_s, seed)
            .into_iter()
            .map(|gap| {
                at += gap;
                at
            })
            .collect();
        let played = Case {
            // Far from the seeds of the gaps.
            seed: seed + (1 << 32),
            ..case.clone()
        };
        let times = replayed(&played, &arrivals)?;
        let (least, most) = bounds.unwrap_or((times, times));
        let each = |pick: fn(f64, f64) -> f64, other: Times| Times {
            mean: pick(times.mean, other.mean),
            p50: pick(times.p50, other.p50),
            p99: pick(times.p99, other.p99),
        };
        bounds = Some((each(f64::min, least), each(f64::max, most)));
    }
    bounds
}

/// Exponential draws in ns: the delays of a server without a queue, asked at time 0.
fn exponential(count: usize, rate_per_s: f64, seed: u64) -> Vec<u64> {
    let config = EchoConfig {
        delay: DelayLaw::Exponential {
            mean: Duration::from_secs_f64(1.0 / rate_per_s),
        },
        seed,
        ..EchoConfig::default()
    };
    config.replay(&vec![0; count])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::selftest::cases::Question;

    const SERVICE: Duration = Duration::from_millis(10);

    fn close(got: f64, expected: f64, tolerance: f64) {
        assert!(
            (got - expected).abs() <= tolerance * expected,
            "{got} instead of {expected}"
        );
    }

    fn queue(exponential: bool) -> Case {
        Case {
            question: Question::Queue {
                exponential,
                service: SERVICE,
            },
            workers: 1,
            rate_per_s: 80.0,
            poisson: true,
            duration: Duration::from_secs(60),
            busy_poll: false,
            seed: 4,
        }
    }

    #[test]
    fn theory_gives_the_figures_of_the_table() {
        let times = m_m_1(SERVICE, 0.8);
        close(times.mean, 50.0, 1e-9);
        close(times.p50, 34.7, 0.002);
        close(times.p99, 230.3, 0.001);
        let times = m_d_1(SERVICE, 0.8);
        close(times.mean, 30.0, 1e-9);
        close(times.p99, 114.0, 0.005);
        let second = Duration::from_secs(1);
        close(frozen(0.99, SERVICE, second, 1, 60 * second), 410.0, 1e-9);
        close(frozen(0.999, SERVICE, second, 1, 60 * second), 950.0, 1e-9);
        close(frozen(0.5, SERVICE, second, 1, 60 * second), 10.0, 1e-9);
        close(
            frozen(0.995, SERVICE, second / 5, 6, 60 * second),
            160.0,
            1e-9,
        );
    }

    #[test]
    fn long_runs_played_through_the_queue_meet_theory() {
        for (exponential_service, theory) in
            [(true, m_m_1(SERVICE, 0.8)), (false, m_d_1(SERVICE, 0.8))]
        {
            let mut at = 0;
            let arrivals: Vec<u64> = exponential(400_000, 80.0, 9)
                .into_iter()
                .map(|gap| {
                    at += gap;
                    at
                })
                .collect();
            let times = replayed(&queue(exponential_service), &arrivals).unwrap();
            close(times.mean, theory.mean, 0.05);
            close(times.p50, theory.p50, 0.05);
            close(times.p99, theory.p99, 0.08);
        }
    }

    #[test]
    fn short_runs_stray_around_theory() {
        let (least, most) = strays(&queue(true), 1_000).unwrap();
        let theory = m_m_1(SERVICE, 0.8);
        assert!(least.mean < theory.mean && theory.mean < most.mean);
        assert!(least.p99 < theory.p99 && theory.p99 < most.p99);
        assert!(least.p50 > 10.0 && most.p50 < 200.0, "{least:?} {most:?}");
    }
}
