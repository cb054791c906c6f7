//! The page that shows runs beside each other. Neighbours: `crate::compare` has the words, `mod.rs` the style of all pages.
//! Invariants: it opens with no network and runs no script; all text passes through the template's escaping.

use super::tables::started_words;
use super::{STYLE, environment};
use crate::compare::{
    CompareReport, ComparedPair, answer_word, change_text, difference_words, doubt_words,
    headline_word, interval_text, label, measure_word, method_words, story, tolerance_words,
    value_text,
};
use crate::results::ResultsError;
use crate::{format, words};
use loadforge_analysis::{Answer, Blocks, Figure, Measure, RESAMPLES};
use minijinja::context;
use minijinja::value::Serde;
use serde::Serialize;

const TEMPLATE: &str = include_str!("../../assets/compare.html");

/// Width of the picture of an interval, as the template has it.
const WIDTH: f64 = 160.0;

/// Farthest that the pictures of a pair reach to either side: beyond twice as much, what matters is that it is far.
const FARTHEST: f64 = 1.0;

#[derive(Serialize)]
struct RunRow {
    label: String,
    dir: String,
    began: String,
    verdict: &'static str,
    reasons: Vec<String>,
    measured: String,
    requests: String,
}

#[derive(Serialize)]
struct PairPart {
    label: String,
    /// The style of its box: that of a verdict.
    look: &'static str,
    badge: String,
    story: String,
    plan: Vec<String>,
    setting: Vec<String>,
    notes: Vec<String>,
    /// How far the pictures reach to either side.
    reach: String,
    parts: Vec<Part>,
    blocks: Option<String>,
}

/// The whole run or one endpoint.
#[derive(Serialize)]
struct Part {
    name: String,
    method: String,
    rows: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    figure: &'static str,
    baseline: String,
    candidate: String,
    change: String,
    interval: String,
    word: &'static str,
    doubt: Option<String>,
    mark: Option<Mark>,
}

/// The picture of an interval.
#[derive(Serialize)]
struct Mark {
    within_from: String,
    within_width: String,
    from: String,
    width: String,
    at: String,
}

/// A page of the comparison, in one file.
///
/// # Errors
/// When the template cannot be rendered.
pub fn compare_html(report: &CompareReport<'_>) -> Result<String, ResultsError> {
    let runs: Vec<RunRow> = report
        .runs
        .iter()
        .enumerate()
        .map(|(index, run)| RunRow {
            label: label(index),
            dir: run.dir.display().to_string(),
            began: started_words(&run.info.started_at),
            verdict: words::verdict_word(run.summary.verdict.level),
            reasons: run.summary.verdict.reasons.clone(),
            measured: format::span(run.summary.measured.seconds),
            requests: format::count(run.summary.measured.done),
        })
        .collect();
    let pairs: Vec<PairPart> = report
        .pairs
        .iter()
        .map(|pair| part_of(report, pair))
        .collect();
    let title = report.runs.first().map_or("", |run| run.info.name.as_str());
    let render = || {
        environment()
            .template_from_named_str("compare.html", TEMPLATE)?
            .render(context! {
                style => STYLE,
                title,
                method => method_words(report),
                runs => Serde(&runs),
                pairs => Serde(&pairs),
            })
    };
    render().map_err(|error: minijinja::Error| ResultsError::Page {
        reason: format!("{error:#}"),
    })
}

fn part_of(report: &CompareReport<'_>, pair: &ComparedPair) -> PairPart {
    let candidate = label(pair.candidate);
    let comparison = &pair.comparison;
    let reach = reach(report.tolerance, pair);
    let rows = |figures: &[Figure]| {
        let rows = figures
            .iter()
            .map(|figure| row(report, figure, &candidate, reach));
        rows.collect()
    };
    let mut parts = vec![Part {
        name: "whole run".to_owned(),
        method: String::new(),
        rows: rows(&comparison.figures),
    }];
    parts.extend(comparison.endpoints.iter().map(|endpoint| Part {
        name: words::without_method(&endpoint.method, &endpoint.name).to_owned(),
        method: endpoint.method.clone(),
        rows: rows(&endpoint.figures),
    }));
    let lines = |list: &[loadforge_analysis::Difference]| {
        let lines = list.iter().map(|line| difference_words(line, &candidate));
        lines.collect()
    };
    PairPart {
        look: match comparison.answer {
            Answer::Worse => "invalid",
            Answer::Inconclusive => "suspect",
            Answer::Better | Answer::Same => "valid",
        },
        badge: headline_word(comparison),
        story: story(report, pair),
        plan: lines(&pair.plan),
        setting: lines(&pair.setting),
        notes: pair.notes.clone(),
        reach: tolerance_words(Measure::P50, reach),
        parts,
        blocks: comparison.blocks.map(blocks_words),
        label: candidate,
    }
}

/// How far the pictures of a pair reach: over all of its intervals, and at least twice the tolerance.
fn reach(tolerance: f64, pair: &ComparedPair) -> f64 {
    let ends = pair
        .comparison
        .all_figures()
        .filter(|figure| figure.measure != Measure::ErrorRate)
        .flat_map(|figure| [figure.low, figure.high])
        .flatten()
        .map(f64::abs);
    let farthest = ends.fold(2.0 * tolerance, f64::max).min(FARTHEST);
    (farthest * 100.0).ceil() / 100.0
}

fn row(report: &CompareReport<'_>, figure: &Figure, candidate: &str, reach: f64) -> Row {
    let doubt = figure
        .doubt
        .map(|doubt| doubt_words(doubt, figure.measure, candidate, report.tolerance));
    Row {
        figure: measure_word(figure.measure),
        baseline: value_text(figure.measure, figure.baseline),
        candidate: value_text(figure.measure, figure.candidate),
        change: change_text(figure),
        interval: interval_text(figure),
        word: answer_word(figure.answer),
        doubt,
        mark: mark(figure, report.tolerance, reach),
    }
}

/// The picture of an interval of a latency or a rate. Points of an error rate have another scale.
fn mark(figure: &Figure, tolerance: f64, reach: f64) -> Option<Mark> {
    let (change, low, high) = (figure.change?, figure.low?, figure.high?);
    if figure.measure == Measure::ErrorRate {
        return None;
    }
    let x = |change: f64| (WIDTH / 2.0 * (1.0 + change / reach)).clamp(0.0, WIDTH);
    let text = |x: f64| format!("{x:.1}");
    Some(Mark {
        within_from: text(x(-tolerance)),
        within_width: text(x(tolerance) - x(-tolerance)),
        from: text(x(low)),
        width: text((x(high) - x(low)).max(1.0)),
        at: text((x(change) - 1.5).clamp(0.0, WIDTH - 3.0)),
    })
}

fn blocks_words(blocks: Blocks) -> String {
    let how = match blocks.paired {
        true => "at the same moments of both runs",
        false => "of either run by itself",
    };
    format!(
        "Drawn {} times, in blocks of {}, {how}.",
        format::count(RESAMPLES as u64),
        format::span(blocks.block_s)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::{ComparedRun, sample};
    use crate::fixture;
    use loadforge_analysis::{Difference, RunFacts, RunFold, RunOutcome};
    use std::path::Path;

    fn page() -> String {
        let mut info = fixture::run_info();
        info.name = "a </title><script> day".to_owned();
        let mut fold = RunFold::default();
        fixture::snapshots(30)
            .iter()
            .for_each(|second| fold.add(second));
        let outcome = RunOutcome::Completed;
        let summary = fold.finish(RunFacts {
            info: &info,
            outcome,
        });
        let run = |dir| ComparedRun {
            dir: Path::new(dir),
            info: &info,
            summary: &summary,
        };
        let difference = Difference {
            what: "load",
            baseline: "<img src=x>".to_owned(),
            candidate: "20 users".to_owned(),
        };
        compare_html(&CompareReport {
            runs: vec![run("results/a"), run("results/<b>")],
            pairs: vec![ComparedPair {
                candidate: 1,
                comparison: sample::comparison(),
                plan: vec![difference.clone()],
                setting: vec![difference],
                notes: vec!["a <note>".to_owned()],
            }],
            tolerance: 0.05,
            seed: 1,
        })
        .unwrap()
    }

    #[test]
    fn hostile_names_stay_text_and_nothing_is_fetched_or_run() {
        let page = page();
        assert_eq!(page.matches("</title>").count(), 1);
        for forbidden in ["<script", "<img", "<b>", "http://", "https://", "src=\""] {
            assert!(!page.contains(forbidden), "{forbidden:?}");
        }
        assert!(page.contains("default-src 'none'"));
    }

    #[test]
    fn each_figure_has_its_row_word_and_picture() {
        let page = page();
        // The run's five figures and three endpoints of four; error rates and what has no interval have no picture.
        assert_eq!(page.matches("<th scope=\"row\">").count(), 2 + 5 + 3 * 4);
        assert_eq!(page.matches("<svg").count(), 4 + 2 + 3);
        for text in [
            "<span class=\"badge\">WORSE AND BETTER</span>",
            "Surely better: p50 of GET home −30.0 %.",
            "+10.3 %",
            "+7.9 to +12.6 %",
            "p99 takes at least 1,000 requests in each run",
            "Drawn 1,000 times, in blocks of 4 s, at the same moments of both runs.",
            "They had different plans:",
        ] {
            assert!(page.contains(text), "{text}");
        }
    }

    #[test]
    fn what_matters_stands_first_and_times_are_those_of_people() {
        let page = page();
        let place = |text: &str| page.find(text).unwrap_or_else(|| panic!("no {text}"));
        assert!(place(">answer</th>") < place(">change</th>"));
        assert!(place(">verdict</th>") < place(">results</th>"));
        assert!(
            page.contains(" UTC</td>") && !page.contains("00Z</td>"),
            "{page}"
        );
        // Two landmarks of one name cannot be told apart.
        assert_eq!(page.matches("aria-label=\"Runs\"").count(), 1);
    }

    #[test]
    fn pictures_stay_within_their_frame() {
        let far = sample::figure(
            Measure::P95,
            (1.0, 90.0),
            Some((-0.99, 1e12)),
            Answer::Inconclusive,
            None,
        );
        let mark = mark(&far, 0.05, 1.0).unwrap();
        let number = |text: &str| text.parse::<f64>().unwrap();
        assert!(number(&mark.from) >= 0.0 && number(&mark.at) <= WIDTH - 3.0);
        assert!(number(&mark.from) + number(&mark.width) <= WIDTH);
    }
}
