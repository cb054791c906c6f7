//! A comparison given by hand, for golden files. Neighbours: `terminal/compare.rs` and `html/compare.rs` show it. Invariant: every word of
//! an answer is in it.

use super::*;
use loadforge_analysis::{Blocks, EndpointComparison};

/// A figure with its interval.
pub(crate) fn figure(
    measure: Measure,
    (baseline, candidate): (f64, f64),
    interval: Option<(f64, f64)>,
    answer: Answer,
    doubt: Option<Doubt>,
) -> Figure {
    Figure {
        measure,
        baseline: Some(baseline),
        candidate: Some(candidate),
        change: Some(match measure {
            Measure::ErrorRate => candidate - baseline,
            _ => candidate / baseline - 1.0,
        }),
        low: interval.map(|(low, _)| low),
        high: interval.map(|(_, high)| high),
        answer,
        doubt,
    }
}

/// Worse in its p95, with an endpoint that is better, one with a hostile name and one that only the first run has.
pub(crate) fn comparison() -> Comparison {
    use Answer::{Better, Inconclusive, Same, Worse};
    let run = vec![
        figure(Measure::P50, (1.2, 1.21), Some((-0.013, 0.029)), Same, None),
        figure(Measure::P95, (4.0, 4.41), Some((0.079, 0.126)), Worse, None),
        figure(
            Measure::P99,
            (9.0, 9.4),
            Some((-0.06, 0.16)),
            Inconclusive,
            Some(Doubt::Wide),
        ),
        figure(
            Measure::ErrorRate,
            (0.0, 0.0),
            Some((-0.0003, 0.0003)),
            Same,
            None,
        ),
        figure(
            Measure::Rps,
            (998.2, 998.4),
            Some((-0.001, 0.0012)),
            Same,
            None,
        ),
    ];
    let home = vec![
        figure(Measure::P50, (1.0, 0.7), Some((-0.35, -0.25)), Better, None),
        figure(
            Measure::P95,
            (3.0, 3.1),
            Some((0.01, 0.07)),
            Inconclusive,
            Some(Doubt::Slight),
        ),
        figure(
            Measure::P99,
            (7.0, 7.0),
            None,
            Inconclusive,
            Some(Doubt::FewRequests),
        ),
        figure(
            Measure::ErrorRate,
            (0.01, 0.025),
            Some((0.011, 0.0192)),
            Worse,
            None,
        ),
    ];
    let gone = Measure::OF_ENDPOINT.map(|measure| Figure {
        candidate: None,
        change: None,
        ..figure(
            measure,
            (0.5, 1.0),
            None,
            Inconclusive,
            Some(Doubt::OnlyBaseline),
        )
    });
    let endpoint = |name: &str, method: &str, figures: &[Figure]| EndpointComparison {
        name: name.to_owned(),
        method: method.to_owned(),
        figures: figures.to_vec(),
    };
    Comparison {
        answer: Worse,
        figures: run.clone(),
        endpoints: vec![
            endpoint("home", "GET", &home),
            endpoint("\u{1b}[2J</td><script>", "POST", &run[..4]),
            endpoint("old", "", &gone),
        ],
        blocks: Some(Blocks {
            block_s: 4.0,
            blocks: 7.5,
            paired: true,
        }),
    }
}
