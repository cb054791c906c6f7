//! Runs beside each other as a table. Neighbours: `crate::compare` has the words, `ansi.rs` the columns. Invariant: at most 80
//! columns, whatever the names; without colour it is plain text that can be pasted anywhere.

use super::ansi::{Sgr, clip, clip_middle, fit, printable};
use super::final_table::wrap;
use super::is_dumb;
use crate::compare::{
    CompareReport, ComparedPair, answer_word, change_text, difference_words, doubt_words,
    headline_word, interval_text, label, measure_word, method_words, story, value_text,
};
use crate::{format, words};
use loadforge_analysis::{Answer, EndpointComparison, Figure, VerdictLevel};
use unicode_width::UnicodeWidthStr;

const WIDTH: usize = 80;
const INDENT: &str = "  ";

/// Endpoints that are shown; the page and the JSON have them all.
const MOST_ENDPOINTS: usize = 10;

/// Reasons that are shown below a table.
const MOST_REASONS: usize = 8;

/// The comparison as text, ending with a line break.
pub fn compare_table(report: &CompareReport<'_>, colour: bool) -> String {
    let mut table = Table {
        text: String::new(),
        sgr: Sgr(colour && !is_dumb(std::env::var_os("TERM").as_deref())),
    };
    table.runs(report);
    for pair in &report.pairs {
        table.pair(report, pair);
    }
    table.line("");
    table.paragraph("", &method_words(report));
    table.text
}

struct Table {
    text: String,
    sgr: Sgr,
}

impl Table {
    fn line(&mut self, line: &str) {
        if !line.is_empty() {
            self.text.push_str(INDENT);
            self.text.push_str(line.trim_end());
        }
        self.text.push('\n');
    }

    /// Words broken into lines of the table's width, the later ones indented.
    fn paragraph(&mut self, first: &str, text: &str) {
        let indent = " ".repeat(first.width());
        let room = WIDTH - INDENT.len() - first.width();
        for (index, line) in wrap(&printable(text), room).iter().enumerate() {
            let lead = if index == 0 { first } else { &indent };
            self.line(&format!("{lead}{line}"));
        }
    }

    fn runs(&mut self, report: &CompareReport<'_>) {
        self.line("");
        for (index, run) in report.runs.iter().enumerate() {
            let level = run.summary.verdict.level;
            let word = fit(words::verdict_word(level), 7);
            let word = match level {
                VerdictLevel::Valid => self.sgr.green(&word),
                VerdictLevel::Suspect => self.sgr.yellow(&word),
                VerdictLevel::Invalid => self.sgr.red(&word),
            };
            let label = self.sgr.bold(&fit(&label(index), 2));
            let facts = format!(
                "{}, {}",
                format::plural(run.summary.measured.done, "request"),
                format::span(run.summary.measured.seconds)
            );
            let room = WIDTH - INDENT.len() - 13 - facts.width();
            let dir = clip_middle(&run.dir.display().to_string(), room);
            self.line(&format!("{label} {word} {}  {facts}", fit(&dir, room)));
            for reason in &run.summary.verdict.reasons {
                self.paragraph("     · ", reason);
            }
        }
    }

    fn pair(&mut self, report: &CompareReport<'_>, pair: &ComparedPair) {
        let candidate = label(pair.candidate);
        let answer = pair.comparison.answer;
        let word = self.worded(answer, &headline_word(&pair.comparison));
        self.line("");
        self.line(&format!("{candidate} against A: {}", self.sgr.bold(&word)));
        self.paragraph("  ", &story(report, pair));
        for difference in &pair.plan {
            self.paragraph("  other plan · ", &difference_words(difference, &candidate));
        }
        for difference in &pair.setting {
            self.paragraph("  note · ", &difference_words(difference, &candidate));
        }
        for note in &pair.notes {
            self.paragraph("  note · ", note);
        }
        self.line("");
        let heading = format!(
            "{}{:>11}{:>11}{:>13}{:>20}",
            fit("figure", 12),
            "A",
            candidate,
            "change",
            "interval"
        );
        let heading = self.sgr.dim(&heading);
        self.line(&heading);
        self.figures(&pair.comparison.figures, "");
        let endpoints = by_need(&pair.comparison.endpoints);
        for endpoint in endpoints.iter().take(MOST_ENDPOINTS) {
            self.line("");
            let name = words::endpoint_label(&endpoint.method, &endpoint.name);
            let name = clip(&name, WIDTH - INDENT.len());
            self.line(&self.sgr.bold(&name));
            self.figures(&endpoint.figures, "  ");
        }
        if let Some(more) = endpoints.len().checked_sub(MOST_ENDPOINTS + 1) {
            let more = format!("and {} more, see --format html", more + 1);
            self.line("");
            self.line(&self.sgr.dim(&more));
        }
        self.reasons(report, pair);
    }

    fn figures(&mut self, figures: &[Figure], indent: &str) {
        for figure in figures {
            let name = format!("{indent}{}", measure_word(figure.measure));
            let word = self.worded(figure.answer, short_word(figure.answer));
            self.line(&format!(
                "{}{:>11}{:>11}{:>13}{:>20}  {word}",
                fit(&name, 12),
                value_text(figure.measure, figure.baseline),
                value_text(figure.measure, figure.candidate),
                change_text(figure),
                interval_text(figure),
            ));
        }
    }

    /// Why figures are inconclusive, each reason once.
    fn reasons(&mut self, report: &CompareReport<'_>, pair: &ComparedPair) {
        let candidate = label(pair.candidate);
        let mut reasons: Vec<String> = Vec::new();
        for figure in pair.comparison.all_figures() {
            let Some(doubt) = figure.doubt else { continue };
            let reason = doubt_words(doubt, figure.measure, &candidate, report.tolerance);
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
        if reasons.is_empty() {
            return;
        }
        self.line("");
        self.line(&self.sgr.dim("? inconclusive"));
        for reason in reasons.iter().take(MOST_REASONS) {
            self.paragraph("  · ", reason);
        }
    }

    fn worded(&self, answer: Answer, word: &str) -> String {
        match answer {
            Answer::Worse => self.sgr.red(word),
            Answer::Better => self.sgr.green(word),
            Answer::Same => word.to_owned(),
            Answer::Inconclusive => self.sgr.yellow(word),
        }
    }
}

/// The word in a narrow place; the table says what the mark stands for.
fn short_word(answer: Answer) -> &'static str {
    match answer {
        Answer::Inconclusive => "?",
        other => answer_word(other),
    }
}

/// Those with something worse first, then those with something better; else as they were, busiest first.
fn by_need(endpoints: &[EndpointComparison]) -> Vec<&EndpointComparison> {
    let has = |endpoint: &EndpointComparison, answer| {
        endpoint
            .figures
            .iter()
            .any(|figure| figure.answer == answer)
    };
    let mut sorted: Vec<&EndpointComparison> = endpoints.iter().collect();
    sorted.sort_by_key(|endpoint| {
        (
            !has(endpoint, Answer::Worse),
            !has(endpoint, Answer::Better),
        )
    });
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::{ComparedRun, sample};
    use crate::fixture;
    use loadforge_analysis::{Comparison, Difference, RunFacts, RunFold, RunOutcome, RunSummary};
    use std::path::Path;

    fn summary() -> RunSummary {
        let mut fold = RunFold::default();
        fixture::snapshots(30)
            .iter()
            .for_each(|second| fold.add(second));
        fold.finish(RunFacts {
            info: &fixture::run_info(),
            outcome: RunOutcome::Completed,
        })
    }

    fn table_of(comparison: Comparison, dir: &str, colour: bool) -> String {
        table_with(comparison, dir, colour, &summary())
    }

    fn table_with(comparison: Comparison, dir: &str, colour: bool, summary: &RunSummary) -> String {
        let info = fixture::run_info();
        let run = |dir| ComparedRun {
            dir: Path::new(dir),
            info: &info,
            summary,
        };
        let report = CompareReport {
            runs: vec![run("results/shop-20261121T093000Z"), run(dir)],
            pairs: vec![ComparedPair {
                candidate: 1,
                comparison,
                plan: vec![Difference {
                    what: "load",
                    baseline: "10 users".to_owned(),
                    candidate: "20 users".to_owned(),
                }],
                setting: vec![Difference {
                    what: "kernel",
                    baseline: "6.12.0".to_owned(),
                    candidate: "6.18.0".to_owned(),
                }],
                notes: Vec::new(),
            }],
            tolerance: 0.05,
            seed: 1,
        };
        compare_table(&report, colour)
    }

    #[test]
    fn the_table_of_a_comparison_is_the_golden_one() {
        let table = table_of(sample::comparison(), "results/shop-20261121T101500Z", false);
        insta::assert_snapshot!("compare", table);
    }

    #[test]
    fn a_generator_that_was_not_fit_is_named_beside_the_answer() {
        let mut summary = summary();
        summary.verdict.level = VerdictLevel::Suspect;
        let table = table_with(sample::comparison(), "b", false, &summary);
        let words = table.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            words.contains("A and B are not VALID: their own generators may be why"),
            "{table}"
        );
    }

    #[test]
    fn no_line_is_wider_than_the_table_and_no_name_reaches_the_terminal_raw() {
        let mut comparison = sample::comparison();
        for name in fixture::HOSTILE {
            let mut endpoint = comparison.endpoints[0].clone();
            endpoint.name = name.repeat(3);
            comparison.endpoints.push(endpoint);
        }
        for _ in 0..9 {
            comparison.endpoints.push(comparison.endpoints[0].clone());
        }
        let dir = "a/very/long/place/".repeat(9) + "\u{1b}[2J";
        let table = table_of(comparison, &dir, false);
        for line in table.lines() {
            assert!(line.width() <= WIDTH, "{}: {line}", line.width());
        }
        assert!(
            !table.contains('\u{1b}') && table.contains("and 9 more"),
            "{table}"
        );
    }
}
