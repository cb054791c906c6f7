//! Golden frames, lines and tables; and that no frame leaves its bounds.

use super::*;
use crate::fixture;
use loadforge_analysis::{RunFacts, RunFold, RunOutcome};
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

#[test]
fn a_frame_is_painted_over_the_last_one_also_after_the_terminal_became_narrower() {
    let painted = Painted {
        lines: 10,
        width: 81,
    };
    assert_eq!(erase(painted, 81), "\r\x1b[10A\x1b[J");
    assert_eq!(erase(painted, 120), "\r\x1b[10A\x1b[J");
    assert_eq!(erase(painted, 40), "\r\x1b[20A\x1b[J");
    assert_eq!(erase(Painted::default(), 80), "");
    let (text, painted) = paint(&state_after(&fixture::snapshots(9)), 80, 24, true);
    assert_eq!(text.matches('\n').count(), painted.lines as usize);
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
fn a_flood_of_events_is_cut_and_counted() {
    let mut snapshot = fixture::snapshots(101).pop().unwrap();
    let event = snapshot.events[0].clone();
    snapshot.events = vec![event; 20];
    let text = event_lines(&snapshot.events, false);
    assert_eq!(text.lines().count(), 6);
    assert!(text.contains("and 15 more"), "{text}");
}
