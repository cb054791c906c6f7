//! What a pipeline is told of a run: one line that ends its log, and a page of Markdown for its summary.
//! Neighbours: `headline.rs` and `words.rs` word it, `src/commands/run.rs` puts it where it belongs. Invariants: the line is
//! one line whatever the names; no name ends a cell of the page or becomes markup.

use crate::direction::in_one_direction;
use crate::headline::headline;
use crate::terminal::printable;
use crate::{format, words};
use loadforge_analysis::{EndpointSummary, RunSummary};
use std::fmt::Write;
use std::path::Path;

/// Endpoints on the page of Markdown; a step's summary may have 1 MB.
const MAX_ENDPOINTS: usize = 30;

/// The run in one line of plain text, without its line break.
pub fn log_line(summary: &RunSummary) -> String {
    let figures = &summary.response_ms;
    let latencies = match summary.measured.done {
        0 => "no latencies".to_owned(),
        _ => format!(
            "p50 {}, p95 {}, p99 {}",
            format::latency(figures.p50),
            format::latency(figures.p95),
            format::latency(figures.p99)
        ),
    };
    let thresholds = words::thresholds_words(&summary.thresholds)
        .map_or_else(|| "no thresholds".to_owned(), |words| lower(&words));
    let not_sent = match summary.measured.not_sent {
        0 => String::new(),
        count => format!(", {} not sent", format::count(count)),
    };
    printable(&format!(
        "loadforge: {} · {} · {}, {} a second, {} failed ({}){not_sent} · {latencies} · {thresholds}",
        words::verdict_word(summary.verdict.level),
        summary.name,
        format::plural(summary.measured.done, "request"),
        format::rate(summary.requests.rps_mean),
        format::count(summary.measured.failed),
        format::percent(summary.error_rate),
    ))
}

/// The run as a page of Markdown: verdict, one sentence, figures, thresholds, endpoints. `place` is where the reports lie.
pub fn job_summary(summary: &RunSummary, place: Option<&Path>) -> String {
    let mut page = String::new();
    // Writing into a string cannot fail.
    let mut line = |text: String| writeln!(page, "{text}").unwrap_or_default();
    let level = summary.verdict.level;
    line(format!(
        "## {}: {}\n",
        plain(&summary.name),
        words::verdict_word(level)
    ));
    line(format!("**{}**\n", plain(&headline(summary))));
    line(format!("{}.\n", words::verdict_heading(level)));
    for reason in &summary.verdict.reasons {
        line(format!("- {}", plain(reason)));
    }
    line("\n| figure | value |\n|---|---|".to_owned());
    for (name, value) in figures(summary) {
        line(format!("| {name} | {} |", plain(&value)));
    }
    thresholds(summary, &mut line);
    endpoints(&summary.endpoints, &mut line);
    if let Some(place) = place {
        line(format!(
            "\nReports: {}",
            plain(&place.display().to_string())
        ));
    }
    page.push('\n');
    page
}

fn figures(summary: &RunSummary) -> Vec<(&'static str, String)> {
    let response = &summary.response_ms;
    let latency = |ms| match summary.measured.done {
        0 => format::NONE.to_owned(),
        _ => format::latency(ms),
    };
    let mut figures = vec![
        (
            "requests",
            format!(
                "{}, {} a second",
                format::count(summary.measured.done),
                format::rate(summary.requests.rps_mean)
            ),
        ),
        (
            "failed",
            format!(
                "{} ({})",
                format::count(summary.measured.failed),
                format::percent(summary.error_rate)
            ),
        ),
        ("response p50", latency(response.p50)),
        ("response p95", latency(response.p95)),
        ("response p99", latency(response.p99)),
        ("response max", latency(response.max)),
        (
            "users",
            format!(
                "{} {}",
                format::count(summary.users.peak),
                words::users_note(summary)
            ),
        ),
        (
            "length",
            format!(
                "{}, {}",
                format::span(summary.duration_s),
                words::outcome_words(summary)
            ),
        ),
    ];
    figures.extend(words::left_out(summary).map(|left_out| ("left out", left_out)));
    figures
}

fn thresholds(summary: &RunSummary, line: &mut impl FnMut(String)) {
    let Some(all) = words::thresholds_words(&summary.thresholds) else {
        return;
    };
    line(format!("\n{all}.\n"));
    line("| threshold | measured | |\n|---|--:|---|".to_owned());
    for threshold in &summary.thresholds {
        line(format!(
            "| {} | {} | {}{} |",
            plain(&threshold.expr),
            words::threshold_actual(threshold),
            if threshold.passed {
                "✓ met"
            } else {
                "✗ not met"
            },
            match threshold.not_sent {
                0 => String::new(),
                count => format!(", with {} not sent", format::count(count)),
            }
        ));
    }
}

fn endpoints(endpoints: &[EndpointSummary], line: &mut impl FnMut(String)) {
    if endpoints.is_empty() {
        return;
    }
    line(
        "\n| endpoint | requests | failed | p50 | p95 | p99 |\n|---|--:|--:|--:|--:|--:|"
            .to_owned(),
    );
    for endpoint in endpoints.iter().take(MAX_ENDPOINTS) {
        let figures = &endpoint.response_ms;
        line(format!(
            "| {} | {} | {} | {} | {} | {} |",
            plain(&words::endpoint_label(&endpoint.method, &endpoint.name)),
            format::count(endpoint.sent),
            format::count(endpoint.failed),
            format::latency(figures.p50),
            format::latency(figures.p95),
            format::latency(figures.p99)
        ));
    }
    if let Some(more) = endpoints.len().checked_sub(MAX_ENDPOINTS + 1) {
        line(format!("\n{} more in the report.", more + 1));
    }
}

/// Text as Markdown shows it letter by letter, in one line: what could be markup stands as an entity.
fn plain(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for char in in_one_direction(text).chars() {
        match char {
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '|' | '~' | '<' | '>' | '&' | '@' | '!'
            | '$' => {
                safe.push_str(&format!("&#{};", u32::from(char)));
            }
            char if char.is_control() => safe.push(' '),
            char => safe.push(char),
        }
    }
    safe
}

fn lower(words: &str) -> String {
    let mut chars = words.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(chars).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use loadforge_analysis::{RunFacts, RunFold, RunOutcome, Snapshot};

    fn summary_of(snapshots: &[Snapshot]) -> RunSummary {
        let mut fold = RunFold::new();
        snapshots.iter().for_each(|snapshot| fold.add(snapshot));
        fold.finish(RunFacts {
            info: &fixture::run_info(),
            outcome: RunOutcome::Completed,
        })
    }

    #[test]
    fn a_run_is_one_line_that_says_what_a_log_has_to() {
        let line = log_line(&summary_of(&fixture::snapshots(180)));
        assert_eq!(
            line,
            "loadforge: VALID · shop · 98,057 requests, 545 a second, 1,049 failed (1.07 %) · p50 30.3 ms, p95 183 ms, p99 557 ms · \
             2 of 2 thresholds not met"
        );
        let mut summary = summary_of(&fixture::idle_snapshots(3));
        summary.name = "two\r\nlines \u{1b}[2J".to_owned();
        summary.thresholds.clear();
        let line = log_line(&summary);
        assert!(line.contains("no latencies · no thresholds"), "{line}");
        assert!(!line.contains(char::is_control), "{line:?}");
    }

    #[test]
    fn the_page_of_a_run_is_the_golden_one() {
        let page = job_summary(
            &summary_of(&fixture::snapshots(180)),
            Some(Path::new("results/shop-20261121T093000Z")),
        );
        insta::assert_snapshot!("job_summary", page);
    }

    #[test]
    fn hostile_names_stay_in_their_cells_and_are_no_markup() {
        let mut summary = summary_of(&fixture::hostile_snapshots(5));
        summary.name = "a | b\n# c <img src=x> [d](http://e) `f` @g".to_owned();
        let page = job_summary(&summary, None);
        let rows: Vec<&str> = page
            .lines()
            .skip_while(|line| !line.starts_with("| endpoint"))
            .skip(2)
            .take_while(|line| !line.is_empty())
            .collect();
        assert_eq!(rows.len(), fixture::HOSTILE.len());
        for row in rows {
            assert_eq!(row.matches('|').count(), 7, "{row}");
        }
        for markup in ["<img", "<b>", "](", "`", "@g", "\u{202e}", "\n# "] {
            assert!(!page.contains(markup), "{markup:?} in {page}");
        }
    }

    #[test]
    fn a_run_of_many_endpoints_tells_how_many_are_left_out() {
        let page = job_summary(&summary_of(&fixture::wide_snapshots(33, 60)), None);
        assert!(page.contains("\n3 more in the report."), "{page}");
    }
}
