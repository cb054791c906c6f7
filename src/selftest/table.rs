//! The table of a self-test, for people and as JSON. Neighbours: `judge.rs` makes the rows.
//! Invariant: no row is left out, and noise is said as loudly as failure.

use super::{
    Depth, Findings, cpu_words,
    judge::{Row, Verdict},
};
use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr;

/// The table as text, with a line that sums it up; colours as ANSI codes.
pub fn text(findings: &Findings) -> String {
    let jitter = |q| findings.jitter.quantile_ms(q) * 1e3;
    let mut text = format!(
        "\n  selftest · {} · {}\n  this machine's own jitter: a thread that waits is late by p50 {:.1} µs, p99 {:.1} µs, at most {:.0} µs\n\n",
        depth_word(findings.depth),
        cpu_words(&findings.cpus),
        jitter(0.5),
        jitter(0.99),
        jitter(1.0),
    );
    let cells: Vec<[&str; 4]> = findings
        .rows
        .iter()
        .map(|row| [row.what.as_str(), &row.how, &row.expected, &row.measured])
        .collect();
    let heads = ["case", "run", "expected", "measured"];
    let width = |column: usize| {
        let widest = cells.iter().map(|cells| cells[column].width()).max();
        widest.unwrap_or(0).max(heads[column].width())
    };
    let widths = [0, 1, 2, 3].map(width);
    let line = |cells: &[&str; 4]| {
        let padded = cells.iter().zip(widths).map(|(cell, width)| {
            let room = " ".repeat(width - cell.width());
            format!("{cell}{room}  ")
        });
        padded.collect::<String>()
    };
    text.push_str(&format!("  {}verdict\n", line(&heads)));
    for (row, cells) in findings.rows.iter().zip(&cells) {
        text.push_str(&format!("  {}{}\n", line(cells), coloured(row.verdict)));
        if let Some(note) = &row.note {
            for words in note.lines() {
                text.push_str(&format!("      · {words}\n"));
            }
        }
    }
    text.push_str(&format!("\n  {}\n", closing(&findings.rows)));
    text
}

/// The table for programs.
pub fn json(findings: &Findings) -> Value {
    let rows: Vec<Value> = findings
        .rows
        .iter()
        .map(|row| {
            json!({
                "case": row.what, "run": row.how, "expected": row.expected, "measured": row.measured,
                "verdict": word(row.verdict), "note": row.note,
            })
        })
        .collect();
    json!({
        "schema": "loadforge.selftest/1",
        "depth": depth_word(findings.depth),
        "cpus": findings.cpus,
        "jitter_ms": {
            "p50": findings.jitter.quantile_ms(0.5),
            "p99": findings.jitter.quantile_ms(0.99),
            "max": findings.jitter.quantile_ms(1.0),
        },
        "rows": rows,
        "passed": findings.passed(),
        "noisy": findings.rows.iter().any(|row| row.verdict == Verdict::Noisy),
    })
}

fn depth_word(depth: Depth) -> &'static str {
    match depth {
        Depth::Quick => "quick",
        Depth::Full => "full",
    }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "fail",
        Verdict::Noisy => "noisy",
        Verdict::Skipped => "skipped",
    }
}

fn coloured(verdict: Verdict) -> String {
    let colour = match verdict {
        Verdict::Pass => "32",
        Verdict::Fail => "1;31",
        Verdict::Noisy | Verdict::Skipped => "1;33",
    };
    let word = match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "FAIL",
        Verdict::Noisy => "NOISY MACHINE",
        Verdict::Skipped => "skipped",
    };
    format!("\x1b[{colour}m{word}\x1b[0m")
}

fn closing(rows: &[Row]) -> String {
    let count = |verdict| rows.iter().filter(|row| row.verdict == verdict).count();
    let (passed, failed, noisy) = (
        count(Verdict::Pass),
        count(Verdict::Fail),
        count(Verdict::Noisy),
    );
    let skipped = count(Verdict::Skipped);
    let mut words = format!("{passed} of {} rows pass", rows.len());
    if skipped > 0 {
        words.push_str(&format!("; {skipped} skipped"));
    }
    if failed > 0 {
        words.push_str(&format!(
            "; {failed} FAIL: do not trust such figures of loadforge on this machine"
        ));
    }
    if noisy > 0 {
        words.push_str(&format!(
            "; {noisy} could not be judged: THIS MACHINE IS TOO NOISY for them now. Give it free CPUs and try again"
        ));
    }
    words
}
