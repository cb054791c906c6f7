//! Golden frames, lines and tables; and that no frame leaves its bounds.

use super::*;
use crate::fixture;
use loadforge_analysis::{ErrorCount, MetricTally, RunFacts, RunFold, RunOutcome};
use loadforge_scenarios::ErrorKind;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use std::path::Path;
use unicode_width::UnicodeWidthStr;

fn state_after(snapshots: &[Snapshot]) -> LiveState {
    let mut state = LiveState::new(&fixture::run_info());
    snapshots.iter().for_each(|snapshot| state.take(snapshot));
    state
}

fn table_of(
    snapshots: &[Snapshot],
    outcome: RunOutcome,
    dir: Option<&Path>,
    colour: bool,
) -> String {
    let mut fold = RunFold::default();
    snapshots.iter().for_each(|snapshot| fold.add(snapshot));
    let summary = fold.finish(RunFacts {
        info: &fixture::run_info(),
        outcome,
    });
    final_table(&summary, fold.histograms(), dir, colour)
}

/// The frame as a terminal of this size would hold it.
fn on_screen(state: &LiveState, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal
        .draw(|screen| {
            let frame = frame::draw(state, width, height);
            screen.buffer_mut().merge(&frame);
        })
        .unwrap();
    terminal.backend().to_string()
}

#[test]
fn the_live_frame_is_the_golden_one() {
    let state = state_after(&fixture::snapshots(104));
    insta::assert_snapshot!("live_frame", on_screen(&state, 80, 16));
}

#[test]
fn a_narrow_and_low_terminal_gets_what_matters_most() {
    let state = state_after(&fixture::snapshots(104));
    insta::assert_snapshot!("live_frame_small", on_screen(&state, 44, 8));
}

#[test]
fn no_frame_leaves_its_bounds_whatever_the_names() {
    let state = state_after(&fixture::hostile_snapshots(5));
    for (width, height) in [(40, 12), (80, 24), (200, 60), (39, 3), (1, 1)] {
        let frame = frame::draw(&state, width, height);
        assert!(frame.area.width <= width && frame.area.height <= height);
        for line in buffer_lines(&frame, false) {
            assert!(line.width() <= width as usize, "{width}: {line:?}");
            assert!(!line.contains(|char: char| char.is_control()), "{line:?}");
        }
    }
    assert_eq!(
        buffer_lines(&frame::draw(&state_after(&[]), 80, 24), true).concat(),
        ""
    );
}

/// A terminal's screen, as far as the display uses it: text, line breaks, cursor up, rows emptied.
struct Screen {
    rows: Vec<String>,
    row: usize,
}

impl Screen {
    fn new() -> Screen {
        Screen {
            rows: vec![String::new()],
            row: 0,
        }
    }

    fn write(&mut self, text: &str) {
        assert!(!text.contains("\x1b[J"), "frames must not pile up above");
        let mut rest = text;
        while let Some(char) = rest.chars().next() {
            rest = &rest[char.len_utf8()..];
            match char {
                '\r' => {}
                '\n' => {
                    self.row += 1;
                    if self.row == self.rows.len() {
                        self.rows.push(String::new());
                    }
                }
                '\x1b' => {
                    let end = rest.find(|char: char| char.is_ascii_alphabetic()).unwrap();
                    match (&rest[1..end], &rest[end..=end]) {
                        ("2", "K") => self.rows[self.row].clear(),
                        (rows, "A") => {
                            self.row = self.row.saturating_sub(rows.parse().unwrap());
                        }
                        other => panic!("not a sequence of the display: {other:?}"),
                    }
                    rest = &rest[end + 1..];
                }
                char => self.rows[self.row].push(char),
            }
        }
    }

    /// Breaks lines anew, as terminals do that have become narrower.
    fn narrow_to(&mut self, width: usize) {
        let mut rows = Vec::new();
        for (index, line) in std::mem::take(&mut self.rows).iter().enumerate() {
            if index == self.row {
                self.row = rows.len();
                rows.push(line.clone());
                break;
            }
            let chars: Vec<char> = line.chars().collect();
            rows.extend(
                chars
                    .chunks(width)
                    .map(|row| row.iter().collect::<String>()),
            );
            if chars.is_empty() {
                rows.push(String::new());
            }
        }
        self.rows = rows;
    }

    fn panels(&self) -> usize {
        self.rows
            .iter()
            .filter(|row| row.starts_with("elapsed"))
            .count()
    }
}

#[test]
fn one_panel_stands_on_the_screen_whatever_sizes_the_terminal_takes() {
    let mut screen = Screen::new();
    screen.write("what was there before\n");
    let mut state = state_after(&[]);
    let mut painted = Painted::default();
    let mut width = 80;
    for (second, snapshot) in fixture::snapshots(104).iter().enumerate() {
        state.take(snapshot);
        match second {
            10 => width = 60,
            20 => width = 41,
            30 => width = 100,
            40 => width = 50,
            _ => {}
        }
        if matches!(second, 10 | 20 | 40) {
            screen.narrow_to(width as usize);
        }
        let (frame, now) = paint(&state, width, 40, false);
        screen.write(&(erase(&painted, (width, 40)) + &frame));
        painted = now;
        assert_eq!(screen.panels(), 1, "second {second}: {:#?}", screen.rows);
        assert_eq!(screen.rows[0], "what was there before");
        assert!(
            screen.rows[1].starts_with("shop "),
            "second {second}: {:#?}",
            screen.rows
        );
    }
    screen.write(&erase(&painted, (width, 40)));
    assert_eq!(screen.rows.concat(), "what was there before");
    assert_eq!(screen.row, 1);
}

#[test]
fn no_more_rows_are_emptied_than_the_screen_has() {
    let painted = Painted {
        columns: vec![79; 12],
        size: (80, 14),
    };
    assert_eq!(erase(&painted, (80, 14)).matches('\n').count(), 12);
    assert_eq!(erase(&painted, (40, 14)).matches('\n').count(), 13);
    assert_eq!(erase(&Painted::default(), (80, 24)), "");
}

#[test]
fn a_terminal_that_is_too_narrow_loses_whole_columns_and_no_half_numbers() {
    let state = state_after(&fixture::snapshots(104));
    let wide: Vec<String> = buffer_lines(&frame::draw(&state, 100, 24), false);
    let wide_words: Vec<&str> = wide
        .iter()
        .flat_map(|line| line.split_whitespace())
        .collect();
    for width in 39..80 {
        for line in buffer_lines(&frame::draw(&state, width, 24), false)
            .iter()
            .skip(2)
        {
            for word in line.split_whitespace() {
                let is_bar = word.contains(['▇', '█', '▄']);
                assert!(
                    is_bar || word.ends_with('…') || wide_words.contains(&word),
                    "{width} columns: half a word {word:?} in {line:?}"
                );
            }
        }
    }
}

#[test]
fn a_terminal_without_a_name_or_called_dumb_is_not_drawn_on() {
    for (term, dumb) in [
        (None, true),
        (Some(""), true),
        (Some("dumb"), true),
        (Some("xterm"), false),
    ] {
        assert_eq!(is_dumb(term.map(OsStr::new)), dumb, "{term:?}");
    }
}

#[test]
fn without_colour_no_escape_sequence_is_written() {
    let snapshots = fixture::snapshots(104);
    let state = state_after(&snapshots);
    assert!(
        !buffer_lines(&frame::draw(&state, 80, 24), false)
            .concat()
            .contains('\x1b')
    );
    assert!(
        buffer_lines(&frame::draw(&state, 80, 24), true)
            .concat()
            .contains('\x1b')
    );
    assert!(!table_of(&snapshots, RunOutcome::Completed, None, false).contains('\x1b'));
    assert!(!event_lines(&snapshots[100].events, false).contains('\x1b'));
}

#[test]
fn plain_lines_are_the_golden_ones() {
    let snapshots = fixture::snapshots(104);
    let mut lines: Vec<String> = snapshots.iter().skip(98).map(plain::line).collect();
    let mut draining = fixture::idle_snapshots(1).remove(0);
    draining.phase = loadforge_analysis::Phase::Draining;
    lines.push(plain::line(&draining));
    insta::assert_snapshot!("plain_lines", lines.join("\n"));
}

#[test]
fn the_final_table_is_the_golden_one() {
    let dir = Path::new("results/shop-20261121T093000Z");
    let table = table_of(
        &fixture::snapshots(180),
        RunOutcome::Completed,
        Some(dir),
        false,
    );
    insta::assert_snapshot!("final_table", table);
}

#[test]
fn the_final_table_of_a_killed_run_says_so_first() {
    let table = table_of(&fixture::snapshots(20), RunOutcome::Aborted, None, false);
    let head: Vec<&str> = table
        .lines()
        .filter(|line| !line.is_empty())
        .take(3)
        .collect();
    assert!(head[0].contains("cut off after 20 s"), "{table}");
    assert!(head[1].contains("INVALID"), "{table}");
}

#[test]
fn the_final_table_keeps_to_80_columns_and_has_a_word_for_nothing() {
    for snapshots in [
        fixture::hostile_snapshots(8),
        fixture::idle_snapshots(3),
        fixture::wide_snapshots(30, 3),
    ] {
        let table = table_of(&snapshots, RunOutcome::Completed, None, false);
        for line in table.lines() {
            assert!(line.width() <= 80, "{} columns: {line}", line.width());
            assert!(!line.contains(|char: char| char.is_control()), "{line:?}");
        }
        assert!(!table.contains("NaN"), "{table}");
    }
}

#[test]
fn a_run_that_only_failed_and_had_no_threshold_gets_a_hint() {
    let table = |thresholds: bool, all_fail: bool| {
        let mut snapshots = fixture::snapshots(3);
        for snapshot in snapshots.iter_mut().filter(|_| all_fail) {
            snapshot.totals.failed += std::mem::take(&mut snapshot.totals.ok);
            snapshot.requests.failed += std::mem::take(&mut snapshot.requests.ok);
        }
        let mut fold = RunFold::default();
        snapshots.iter().for_each(|snapshot| fold.add(snapshot));
        let mut info = fixture::run_info();
        if !thresholds {
            info.thresholds.clear();
        }
        let outcome = RunOutcome::Completed;
        let summary = fold.finish(RunFacts {
            info: &info,
            outcome,
        });
        final_table(&summary, fold.histograms(), None, false)
    };
    assert!(table(false, true).contains("--fail-on-error-rate"));
    assert!(!table(true, true).contains("--fail-on-error-rate"));
    assert!(!table(false, false).contains("--fail-on-error-rate"));
}

#[test]
fn other_endpoints_are_explained() {
    let mut snapshots = fixture::snapshots(3);
    let plain = table_of(&snapshots, RunOutcome::Completed, None, false);
    assert!(!plain.contains("51st"), "{plain}");
    for endpoint in snapshots
        .iter_mut()
        .flat_map(|snapshot| &mut snapshot.endpoints)
    {
        if endpoint.name == "home" {
            (endpoint.name, endpoint.method) = ("other".to_owned(), None);
        }
    }
    let table = table_of(&snapshots, RunOutcome::Completed, None, false);
    assert!(table.contains("the 51st name and later"), "{table}");
}

#[test]
fn a_name_that_begins_with_its_method_shows_it_once() {
    let mut snapshots = fixture::snapshots(3);
    let mut others = Vec::new();
    for endpoint in snapshots
        .iter_mut()
        .flat_map(|snapshot| &mut snapshot.endpoints)
    {
        match endpoint.method {
            Some(method) if endpoint.name == "home" => {
                endpoint.name = format!("{} /products/{{id}}", method.as_str());
            }
            _ => others.push(endpoint.name.clone()),
        }
    }
    let screen = on_screen(&state_after(&snapshots), 80, 16);
    let table = table_of(&snapshots, RunOutcome::Completed, None, false);
    for shown in [&screen, &table] {
        assert!(shown.contains("GET /products/{id} "), "{shown}");
        assert!(!shown.contains("GET GET"), "{shown}");
        assert!(shown.contains(&others[0]), "{shown}");
    }
}

#[test]
fn a_panic_keeps_its_place_however_long_its_words() {
    let mut fold = RunFold::default();
    let mut snapshots = fixture::snapshots(3);
    let told =
        "index out of bounds: the len is 0 but the index is 0, says the shop, at src/shop.rs:12:5";
    snapshots[2].errors = [ErrorKind::Panic, ErrorKind::Status]
        .map(|kind| ErrorCount {
            kind,
            detail: told.to_owned(),
            count: 1,
            without_request: 0,
        })
        .into();
    snapshots.iter().for_each(|snapshot| fold.add(snapshot));
    let summary = fold.finish(RunFacts {
        info: &fixture::run_info(),
        outcome: RunOutcome::Completed,
    });
    let table = final_table(&summary, fold.histograms(), None, false);
    let line = table
        .lines()
        .find(|line| line.contains("panic"))
        .unwrap_or_else(|| panic!("no panic is told: {table}"));
    assert!(line.contains(" index out of"), "{line}");
    assert!(line.ends_with(" at src/shop.rs:12:5"), "{line}");
    assert!(line.width() <= 80, "{line}");
}

#[test]
fn a_flood_of_events_is_cut_and_counted() {
    let mut snapshot = fixture::snapshots(101).pop().unwrap();
    let event = snapshot.events[0].clone();
    snapshot.events = vec![event; 20];
    let text = event_lines(&snapshot.events, false);
    assert_eq!(text.lines().count(), 6);
    assert!(text.contains("and 15 more"), "{text}");
}

#[test]
fn a_run_of_arrivals_in_phases_says_what_was_asked_what_was_not_sent_and_what_does_not_count() {
    let snapshots = fixture::phased_snapshots(180);
    let mut fold = RunFold::default();
    let mut state = LiveState::new(&fixture::phased_run_info(180));
    for snapshot in &snapshots {
        fold.add(snapshot);
    }
    let summary = fold.finish(RunFacts {
        info: &fixture::phased_run_info(180),
        outcome: RunOutcome::Completed,
    });
    let table = final_table(&summary, fold.histograms(), None, false);
    assert!(table.lines().all(|line| line.width() <= 80), "{table}");
    for words in [
        "14,045 requests of warm-up and cool-down not counted; measured",
        "up to 680 arrivals a second",
        "591 requests a second, 1,080 not sent",
        "warm-up: not counted",
        "300 at peak, at most 300 allowed",
    ] {
        assert!(table.contains(words), "{words} in {table}");
    }
    for snapshot in &snapshots[..104] {
        state.take(snapshot);
    }
    insta::assert_snapshot!("live_frame_phased", on_screen(&state, 100, 16));
    assert!(plain::line(&snapshots[3]).ends_with("asked 44.2/s  warm-up (not counted)"));
    assert!(plain::line(&snapshots[100]).ends_with("asked 680/s  not sent 90  plateau"));
}

#[test]
fn groups_and_metrics_have_rows_when_there_are_any_and_keep_to_their_columns() {
    let plain = table_of(
        &fixture::wide_snapshots(3, 3),
        RunOutcome::Completed,
        None,
        false,
    );
    for heading in ["group", "counter", "gauge", "trend"] {
        assert!(!plain.contains(&format!("\n  {heading} ")), "{plain}");
    }
    let mut snapshots = fixture::snapshots(104);
    for second in &mut snapshots {
        for metric in &mut second.metrics {
            match &mut metric.tally {
                MetricTally::Counter { sum } => *sum = -1.234_567e-300,
                MetricTally::Gauge { last, min, max, .. } => {
                    (*last, *min, *max) = (0.0, f64::MIN, f64::MAX);
                }
                MetricTally::Trend { sum, min, max, .. } => {
                    (*sum, *min, *max) = (-1e300, -1e300, 1_234_567.8);
                }
            }
        }
    }
    let table = table_of(&snapshots, RunOutcome::Completed, None, false);
    let row = |name: &str| {
        let mut lines = table.lines().map(str::trim_start);
        let line = lines
            .find(|line| line.starts_with(name))
            .unwrap_or_else(|| panic!("{table}"));
        line.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(row("stock ")[2..], ["0", "-1.8e308", "1.80e308"]);
    assert_eq!(row("basket ")[2], "-4.3e298");
    assert!(row("orders ")[2].ends_with("e-298"), "{table}");
    assert!(table.lines().all(|line| line.width() <= 80), "{table}");
}

#[test]
fn groups_and_metrics_past_the_most_are_explained_and_failures_without_a_request_are_told() {
    let mut snapshot = fixture::snapshots(104).pop().unwrap();
    let (group, metric) = (snapshot.groups[0].clone(), snapshot.metrics[0].clone());
    for number in 0..60 {
        let mut one = (group.clone(), metric.clone());
        (one.0.name, one.1.name) = (format!("group {number}"), format!("metric {number}"));
        snapshot.groups.push(one.0);
        snapshot.metrics.push(one.1);
    }
    snapshot.errors.last_mut().unwrap().without_request = 1;
    let table = table_of(&[snapshot], RunOutcome::Completed, None, false);
    let words = table.split_whitespace().collect::<Vec<_>>().join(" ");
    for expected in [
        "the 51st group and later ones, and the 51st metric and later ones.",
        "1 of these is of no request:",
        "more in the report",
    ] {
        assert!(words.contains(expected), "{expected} in {table}");
    }
}
