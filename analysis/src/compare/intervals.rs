//! One figure of two runs: how much it changed, between what bounds, and what that means.
//! Neighbours: `resample.rs` says how far it scatters, `proportions.rs` has the interval of error rates. Invariant: the change lies in
//! its interval, and the word follows from both.

use super::proportions::{Share, difference};
use super::resample::{Drawing, Scatter};
use super::seconds::{MeasuredSeconds, Whole};
use super::{Answer, CompareSettings, Doubt, ERROR_TOLERANCE, Figure, Measure};
use crate::LatencyHistogram;
use crate::verdict::{LAG_FLOOR_MS, LAG_SHARE};
use statrs::distribution::{ContinuousCDF, StudentsT};
use std::sync::LazyLock;

/// Share of the draws that must know a figure. One that is missing in more occurs in so few seconds that nothing follows from it.
const KNOWN_DRAWS: f64 = 0.95;

/// The same series in both runs; a run that has no such endpoint has none.
pub(super) struct Pair<'r> {
    series: [Option<usize>; 2],
    wholes: [&'r Whole; 2],
    lengths_s: [f64; 2],
    lags: [&'r LatencyHistogram; 2],
}

/// Judges figures of one family.
pub(super) struct Judge<'j> {
    pub(super) settings: &'j CompareSettings,
    /// None when a run is too short to be drawn.
    pub(super) drawing: Option<&'j Drawing<'j>>,
    /// Probability with which each interval may miss the truth.
    pub(super) error: f64,
}

/// How far something scatters: its standard error squared, and what that is worth in degrees of freedom.
#[derive(Clone, Copy, Debug)]
struct Spread {
    variance: f64,
    freedom: f64,
}

/// A change with its interval.
#[derive(Clone, Copy, Debug)]
struct Change {
    change: f64,
    low: f64,
    high: f64,
}

/// How many standard errors away from its mean a value lies with this probability or less, on either side, when the error itself was
/// read off a sample of so many degrees of freedom.
fn student(probability: f64, freedom: f64) -> f64 {
    // Two blocks are the least that can differ from each other.
    StudentsT::new(0.0, 1.0, freedom.max(1.0)).map_or(f64::INFINITY, |law| {
        law.inverse_cdf(1.0 - probability / 2.0)
    })
}

/// How far a difference of two things scatters that have nothing to do with each other, and what that is worth (Welch 1947).
fn together([a, b]: [Spread; 2]) -> Spread {
    let variance = a.variance + b.variance;
    let part = |spread: Spread| spread.variance * spread.variance / spread.freedom;
    let freedom = match variance > 0.0 {
        true => variance * variance / (part(a) + part(b)),
        false => a.freedom + b.freedom,
    };
    Spread { variance, freedom }
}

impl<'r> Pair<'r> {
    pub(super) fn new(runs: [&'r MeasuredSeconds; 2], series: [Option<usize>; 2]) -> Pair<'r> {
        static NOTHING: LazyLock<Whole> = LazyLock::new(Whole::default);
        let whole = |at: usize| series[at].and_then(|series| runs[at].whole(series));
        Pair {
            series,
            wholes: [whole(0), whole(1)].map(|whole| whole.unwrap_or(&NOTHING)),
            lengths_s: runs.map(MeasuredSeconds::length_s),
            lags: runs.map(MeasuredSeconds::lag),
        }
    }

    /// Requests done in both runs.
    pub(super) fn done(&self) -> u64 {
        self.wholes[0].done + self.wholes[1].done
    }

    /// Of how many of these measures there are requests enough to say something.
    pub(super) fn judged(&self, measures: &[Measure]) -> usize {
        measures
            .iter()
            .filter(|measure| self.has_enough(**measure))
            .count()
    }

    /// The figure of the first (0) or the other run (1). Latencies are those of the reports, to the last digit.
    fn value(&self, run: usize, measure: Measure) -> Option<f64> {
        let (whole, length_s) = (self.wholes[run], self.lengths_s[run]);
        let done = whole.done as f64;
        let value = match measure {
            Measure::P50 => whole.response.quantile_ms(0.5),
            Measure::P95 => whole.response.quantile_ms(0.95),
            Measure::P99 => whole.response.quantile_ms(0.99),
            Measure::ErrorRate => whole.failed as f64 / done,
            Measure::Rps => done / length_s,
        };
        (whole.done > 0 && value.is_finite()).then_some(value)
    }

    /// Whether a figure of either run is more than `LAG_SHARE` lag, by the verdict's own rule for a p99. The lag is that of all endpoints:
    /// no worker knows what it is late with.
    fn is_lag(&self, measure: Measure) -> bool {
        let of = |latency: &LatencyHistogram| match measure {
            Measure::P50 => latency.quantile_ms(0.5),
            Measure::P95 => latency.quantile_ms(0.95),
            Measure::P99 => latency.quantile_ms(0.99),
            // Users who wait for each other's turn to be sent do fewer requests: by as much as all of them are late on average.
            Measure::Rps => latency.mean_ms(),
            // A request that is late has not failed.
            Measure::ErrorRate => 0.0,
        };
        self.wholes.iter().zip(self.lags).any(|(whole, lag)| {
            let lag = of(lag);
            lag > LAG_FLOOR_MS && lag > of(&whole.response) * LAG_SHARE
        })
    }

    /// Which run alone has this endpoint.
    fn alone(&self) -> Option<Doubt> {
        match self.series {
            [Some(_), None] => Some(Doubt::OnlyBaseline),
            [None, Some(_)] => Some(Doubt::OnlyCandidate),
            _ => None,
        }
    }

    fn has_enough(&self, measure: Measure) -> bool {
        let least = measure.least_requests();
        self.wholes.iter().all(|whole| whole.done >= least)
    }
}

impl Judge<'_> {
    /// These figures of a pair.
    pub(super) fn figures(&self, pair: &Pair<'_>, measures: &[Measure]) -> Vec<Figure> {
        let scatter = self.drawing.and_then(|drawing| {
            let [baseline, candidate] = pair.series;
            Some([
                drawing.runs[0].scatter(baseline?),
                drawing.runs[1].scatter(candidate?),
            ])
        });
        measures
            .iter()
            .map(|measure| self.figure(pair, scatter.as_ref(), *measure))
            .collect()
    }

    fn figure(&self, pair: &Pair<'_>, scatter: Option<&[Scatter; 2]>, measure: Measure) -> Figure {
        let [baseline, candidate] = [0, 1].map(|run| pair.value(run, measure));
        let change = baseline.zip(candidate).and_then(|(a, b)| match measure {
            Measure::ErrorRate => Some(b - a),
            _ => (a > 0.0).then(|| b / a - 1.0),
        });
        let interval = scatter
            .filter(|_| pair.has_enough(measure))
            .and_then(|scatter| self.interval(pair, scatter, measure, change?));
        let (answer, doubt) = self.answer(pair, measure, interval);
        Figure {
            measure,
            baseline,
            candidate,
            change,
            low: interval.map(|interval| interval.low),
            high: interval.map(|interval| interval.high),
            answer,
            doubt,
        }
    }

    fn interval(
        &self,
        pair: &Pair<'_>,
        [a, b]: &[Scatter; 2],
        measure: Measure,
        change: f64,
    ) -> Option<Change> {
        let (low, high) = match measure {
            Measure::ErrorRate => self.difference(pair, &a.error_rate, &b.error_rate)?,
            Measure::Rps => self.ratio(&a.log_rps, &b.log_rps, change)?,
            Measure::P50 => self.ratio(&a.log_latency[0], &b.log_latency[0], change)?,
            Measure::P95 => self.ratio(&a.log_latency[1], &b.log_latency[1], change)?,
            Measure::P99 => self.ratio(&a.log_latency[2], &b.log_latency[2], change)?,
        };
        Some(Change { change, low, high })
    }

    /// The interval of a difference of error rates.
    fn difference(&self, pair: &Pair<'_>, a: &[f64], b: &[f64]) -> Option<(f64, f64)> {
        let spreads = self.spreads(a, b)?;
        let [before, after] = [0, 1].map(|run| {
            let whole = pair.wholes[run];
            Share::new(whole.failed, whole.done, spreads[run].variance)
        });
        let critical = student(self.error, together(spreads).freedom);
        Some(difference(before, after, critical))
    }

    /// Student's interval of a ratio: on the scale of logarithms, where twice and half are equally far.
    fn ratio(&self, a: &[f64], b: &[f64], change: f64) -> Option<(f64, f64)> {
        let drawing = self.drawing?;
        let spread = match drawing.blocks.paired {
            true => {
                let run = &drawing.runs[0];
                let logs = a.iter().zip(b).map(|(a, b)| b - a);
                Spread {
                    variance: (standard_error(logs)? * run.widening).powi(2),
                    freedom: run.freedom,
                }
            }
            false => together(self.spreads(a, b)?),
        };
        let reach = spread.variance.sqrt() * student(self.error, spread.freedom);
        let middle = change.ln_1p();
        middle
            .is_finite()
            .then(|| ((middle - reach).exp_m1(), (middle + reach).exp_m1()))
    }

    /// How far each of two runs scatters by itself.
    fn spreads(&self, a: &[f64], b: &[f64]) -> Option<[Spread; 2]> {
        let drawing = self.drawing?;
        let spread = |run: usize, draws: &[f64]| {
            let error = standard_error(draws.iter().copied())?;
            let run = &drawing.runs[run];
            Some(Spread {
                variance: (error * run.widening).powi(2),
                freedom: run.freedom,
            })
        };
        Some([spread(0, a)?, spread(1, b)?])
    }

    /// What a change means, and why nothing can be said.
    fn answer(
        &self,
        pair: &Pair<'_>,
        measure: Measure,
        interval: Option<Change>,
    ) -> (Answer, Option<Doubt>) {
        let unsure = |doubt| (Answer::Inconclusive, Some(doubt));
        if !self.settings.usable {
            return unsure(Doubt::Unusable);
        }
        if let Some(alone) = pair.alone() {
            return unsure(alone);
        }
        if self.drawing.is_none() {
            return unsure(Doubt::FewSeconds);
        }
        if !pair.has_enough(measure) {
            return unsure(Doubt::FewRequests);
        }
        let none_failed = pair.wholes.iter().all(|whole| whole.failed == 0);
        if measure == Measure::ErrorRate && none_failed {
            return (Answer::Same, None);
        }
        if self.settings.disturbed && measure != Measure::ErrorRate {
            return unsure(Doubt::Disturbed);
        }
        if !self.settings.overlook_lag && pair.is_lag(measure) {
            return unsure(Doubt::Lag);
        }
        match interval {
            Some(interval) => word(measure, interval, self.settings.tolerance),
            None => unsure(Doubt::Wide),
        }
    }
}

/// *Worse*: the interval is wholly on the worse side of no change, and the change is beyond the tolerance. *Better* likewise. *Same*: the
/// interval is wholly within the tolerance.
fn word(measure: Measure, interval: Change, tolerance: f64) -> (Answer, Option<Doubt>) {
    let tolerance = match measure {
        Measure::ErrorRate => ERROR_TOLERANCE,
        _ => tolerance,
    };
    // More is worse, but for requests a second.
    let up = |answer: Answer| match (measure, answer) {
        (Measure::Rps, Answer::Worse) => Answer::Better,
        (Measure::Rps, _) => Answer::Worse,
        _ => answer,
    };
    let Change { change, low, high } = interval;
    if low > 0.0 && change > tolerance {
        (up(Answer::Worse), None)
    } else if high < 0.0 && change < -tolerance {
        (up(Answer::Better), None)
    } else if low >= -tolerance && high <= tolerance {
        (Answer::Same, None)
    } else if low > 0.0 || high < 0.0 {
        (Answer::Inconclusive, Some(Doubt::Slight))
    } else {
        (Answer::Inconclusive, Some(Doubt::Wide))
    }
}

/// How far the draws scatter around their mean; none when too many of them do not know the figure.
fn standard_error(draws: impl Iterator<Item = f64> + Clone) -> Option<f64> {
    let all = draws.clone().count() as f64;
    let known = draws.filter(|value| value.is_finite());
    let count = known.clone().count() as f64;
    if count < 2.0 || count < KNOWN_DRAWS * all {
        return None;
    }
    let mean = known.clone().sum::<f64>() / count;
    let squares: f64 = known.map(|value| (value - mean).powi(2)).sum();
    Some((squares / (count - 1.0)).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn students_quantiles_are_those_of_the_tables() {
        for (probability, freedom, critical) in [
            (0.05, 10.0, 2.228),
            (0.01, 5.0, 4.032),
            (0.005, 30.0, 3.030),
            (0.05, 1.0, 12.706),
            (0.05, 1e6, 1.960),
        ] {
            let got = student(probability, freedom);
            assert!(
                (got - critical).abs() < 2e-3,
                "{probability} {freedom}: {got}"
            );
        }
    }

    #[test]
    fn students_quantiles_hold_for_every_family_and_length_of_run() {
        for freedom in [1.0, 1.5, 3.5, 9.75, 20.0, 140.0, 400.0] {
            for figures in [1.0, 5.0, 21.0, 104.0, 208.0] {
                let probability = 0.05 / figures;
                let got = student(probability, freedom);
                let law = StudentsT::new(0.0, 1.0, freedom).unwrap();
                let beyond = 2.0 * law.cdf(-got);
                assert!(
                    (beyond / probability - 1.0).abs() < 1e-3,
                    "{freedom} {figures}: {got}, {beyond}"
                );
            }
        }
    }

    #[test]
    fn the_word_follows_from_change_and_interval() {
        use Answer::{Better, Inconclusive, Same, Worse};
        let rows = [
            (0.10, 0.06, 0.14, Worse, None),
            // Surely slower, by more than the tolerance as far as was measured.
            (0.08, 0.01, 0.15, Worse, None),
            (-0.10, -0.15, -0.02, Better, None),
            (0.01, -0.03, 0.05, Same, None),
            (0.02, 0.01, 0.03, Same, None),
            (0.03, 0.01, 0.06, Inconclusive, Some(Doubt::Slight)),
            (0.20, -0.01, 0.45, Inconclusive, Some(Doubt::Wide)),
            (0.00, -0.08, 0.09, Inconclusive, Some(Doubt::Wide)),
        ];
        for (change, low, high, answer, doubt) in rows {
            let interval = Change { change, low, high };
            assert_eq!(
                word(Measure::P95, interval, 0.05),
                (answer, doubt),
                "{interval:?}"
            );
            let of_rate = match answer {
                Worse => Better,
                Better => Worse,
                other => other,
            };
            assert_eq!(word(Measure::Rps, interval, 0.05), (of_rate, doubt));
        }
        let points =
            |change, low, high| word(Measure::ErrorRate, Change { change, low, high }, 0.5).0;
        assert_eq!(points(0.003, 0.002, 0.004), Worse);
        assert_eq!(points(0.0005, 0.0002, 0.0008), Same);
        assert_eq!(points(-0.02, -0.03, -0.01), Better);
    }

    #[test]
    fn a_figure_that_most_draws_do_not_know_has_no_error() {
        let draws = |unknown: usize| {
            let known = (0..100 - unknown).map(|draw| (draw % 2) as f64);
            known
                .chain((0..unknown).map(|_| f64::NAN))
                .collect::<Vec<_>>()
        };
        let of = |draws: Vec<f64>| standard_error(draws.iter().copied());
        assert!((of(draws(0)).unwrap() - 0.5025).abs() < 1e-4);
        assert!(of(draws(5)).is_some());
        assert_eq!(of(draws(6)), None);
        assert_eq!(of(vec![f64::NAN; 3]), None);
        assert_eq!(of(Vec::new()), None);
    }
}
