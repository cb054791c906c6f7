//! What a person sees in the terminal: the live display while the run goes on, the table at its end.
//! Neighbours: `frame.rs` draws a frame, `ansi.rs` turns it into bytes, `plain.rs` writes lines where there is no
//! terminal, `final_table.rs` is the table. Invariants: the terminal's settings are never changed, its input is never
//! read and its cursor never hidden, so Ctrl-C reaches the process as SIGINT and nothing is to be restored, however
//! the run ends. What was on the screen before the run stays in the scrollback.
//!
//! Rejected: ratatui's own inline viewport. It asks the terminal where the cursor is and reads the answer from the
//! input in raw mode, where Ctrl-C is a character. Only ratatui's widgets and buffer are used here; a frame is painted
//! over the last one by moving the cursor up.

mod ansi;
mod compare;
mod final_table;
mod frame;
mod plain;
mod preview;

pub use ansi::printable;
pub use compare::compare_table;
pub use final_table::final_table;
pub use preview::preview_terminal;

use crate::format;
use ansi::{Sgr, buffer_lines};
use frame::LiveState;
use loadforge_analysis::{Event, RunInfo, Snapshot};
use ratatui::crossterm::terminal::window_size;
use std::ffi::OsStr;
use std::io::{self, IsTerminal, Write};
use unicode_width::UnicodeWidthStr;

/// Events of one second that are printed; a worker that floods its standard error stream must not flood the screen.
const MAX_EVENTS_A_SECOND: usize = 5;

/// The live display is not drawn in a terminal smaller than this: a plain line a second is more use there.
const MIN_SIZE: (u16, u16) = (40, 12);

/// How the run is shown while it goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LiveMode {
    /// The live display on a terminal, else a plain line a second.
    #[default]
    Auto,
    /// A plain line a second.
    Plain,
    /// Nothing.
    Quiet,
}

/// Shows a run on the standard error stream while it goes on.
#[derive(Debug)]
pub struct Live {
    state: LiveState,
    shown_as: ShownAs,
    colour: bool,
}

#[derive(Debug)]
enum ShownAs {
    Frames(Painted),
    Lines,
    Nothing,
}

/// What the last frame left on the screen: the columns of each of its lines. The cursor stands at the start of the line
/// below it.
#[derive(Clone, Debug, Default)]
struct Painted {
    columns: Vec<u16>,
    /// Columns and rows of the terminal it was painted for.
    size: (u16, u16),
}

impl Live {
    /// A display for this run; writes nothing yet. `Auto` draws frames only where the standard error stream is a
    /// terminal that can move its cursor, and not in CI.
    pub fn new(mode: LiveMode, info: &RunInfo) -> Live {
        let shown_as = match mode {
            LiveMode::Quiet => ShownAs::Nothing,
            LiveMode::Auto if draws_frames() => ShownAs::Frames(Painted::default()),
            LiveMode::Auto | LiveMode::Plain => ShownAs::Lines,
        };
        let colour = !matches!(
            anstream::AutoStream::choice(&io::stderr()),
            anstream::ColorChoice::Never
        );
        Live {
            state: LiveState::new(info),
            shown_as,
            colour,
        }
    }

    /// Shows the run's next second. Errors of the terminal are passed over: a closed terminal does not end a run.
    pub fn show(&mut self, snapshot: &Snapshot) {
        self.state.take(snapshot);
        match &mut self.shown_as {
            ShownAs::Nothing => {}
            ShownAs::Lines => {
                let mut text = event_lines(&snapshot.events, false);
                text.push_str(&plain::line(snapshot));
                text.push('\n');
                emit(&text);
            }
            ShownAs::Frames(painted) => match terminal_size() {
                Some((width, height)) if width >= MIN_SIZE.0 && height >= MIN_SIZE.1 => {
                    let mut text = erase(painted, (width, height));
                    text.push_str(&event_lines(&snapshot.events, self.colour));
                    let (frame, now) = paint(&self.state, width, height, self.colour);
                    text.push_str(&frame);
                    emit(&text);
                    *painted = now;
                }
                size => {
                    let mut text = erase(painted, size.unwrap_or(painted.size));
                    text.push_str(&event_lines(&snapshot.events, self.colour));
                    text.push_str(&plain::line(snapshot));
                    text.push('\n');
                    emit(&text);
                    *painted = Painted::default();
                }
            },
        }
    }

    /// Says something outside of the run's own events, above the display: that results cannot be written, or that seconds were
    /// not shown. Seldom enough that it is said even where nothing else is shown.
    pub fn tell(&mut self, event: &Event) {
        let events = std::slice::from_ref(event);
        match &mut self.shown_as {
            ShownAs::Nothing | ShownAs::Lines => emit(&event_lines(events, false)),
            ShownAs::Frames(painted) => {
                let size = terminal_size();
                let mut text = erase(painted, size.unwrap_or(painted.size));
                text.push_str(&event_lines(events, self.colour));
                emit(&text);
                // The next second draws the display again, below these words.
                *painted = Painted::default();
            }
        }
    }

    /// Draws the last frame again when the terminal has changed its size; for a caller that sees SIGWINCH.
    pub fn redraw(&mut self) {
        let ShownAs::Frames(painted) = &mut self.shown_as else {
            return;
        };
        let Some((width, height)) = terminal_size() else {
            return;
        };
        if !painted.columns.is_empty()
            && width != painted.size.0
            && width >= MIN_SIZE.0
            && height >= MIN_SIZE.1
        {
            let (frame, now) = paint(&self.state, width, height, self.colour);
            emit(&(erase(painted, (width, height)) + &frame));
            *painted = now;
        }
    }

    /// Takes the display off the screen, to make room for the final table.
    pub fn finish(mut self) {
        if let ShownAs::Frames(painted) = &mut self.shown_as {
            let size = terminal_size().unwrap_or(painted.size);
            emit(&erase(&std::mem::take(painted), size));
        }
    }
}

/// Whether the standard error stream is a terminal that can be drawn on.
fn draws_frames() -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    io::stderr().is_terminal() && !set("CI") && !is_dumb(std::env::var_os("TERM").as_deref())
}

/// Whether a terminal of this name can neither move its cursor nor show colours. One without a name is taken for such.
fn is_dumb(term: Option<&OsStr>) -> bool {
    term.is_none_or(|term| term.is_empty() || term == "dumb")
}

fn terminal_size() -> Option<(u16, u16)> {
    let size = window_size().ok()?;
    (size.columns > 0 && size.rows > 0).then_some((size.columns, size.rows))
}

/// A frame for this terminal, as bytes to write with the cursor at the start of a line.
fn paint(state: &LiveState, width: u16, height: u16, colour: bool) -> (String, Painted) {
    // The last column stays free, or the terminal would break the line by itself; and one line for the cursor.
    let frame = frame::draw(state, width - 1, height - 1);
    let columns = buffer_lines(&frame, false)
        .iter()
        .map(|line| line.width() as u16)
        .collect();
    let lines = buffer_lines(&frame, colour);
    let mut text = String::new();
    for line in &lines {
        text.push_str(line);
        text.push('\n');
    }
    let size = (width, height);
    (text, Painted { columns, size })
}

/// Bytes that take the last frame off the screen and put the cursor where it began. Terminals break the lines of an old
/// frame anew when they become narrower, so a line may take several rows by now.
///
/// Each row is emptied by itself: to clear from the top of the screen to its end (`CSI J`) moves what was there to the
/// scrollback in tmux and others, where a frame a second would pile up.
fn erase(painted: &Painted, (width, height): (u16, u16)) -> String {
    let rows: u32 = painted
        .columns
        .iter()
        .map(|columns| u32::from((*columns).max(1).div_ceil(width.max(1))))
        .sum();
    // What has left the screen at its top is the terminal's.
    let rows = rows.min(u32::from(height.saturating_sub(1)));
    if rows == 0 {
        return String::new();
    }
    let empty = "\x1b[2K\n".repeat(rows as usize);
    format!("\r\x1b[{rows}A{empty}\x1b[2K\x1b[{rows}A")
}

/// Events as lines that stay in the scrollback.
fn event_lines(events: &[Event], colour: bool) -> String {
    let sgr = Sgr(colour);
    let mut text = String::new();
    for event in events.iter().take(MAX_EVENTS_A_SECOND) {
        let words = ansi::printable(&event.text);
        let line = format!("{:>6}  {words}", format::clock(event.at_s));
        text.push_str(&sgr.yellow(&line));
        text.push('\n');
    }
    if let Some(more) = events
        .len()
        .checked_sub(MAX_EVENTS_A_SECOND)
        .filter(|more| *more > 0)
    {
        text.push_str(&format!(
            "        and {more} more in this second, see the report\n"
        ));
    }
    text
}

/// Writes in one go, so that a frame is never seen half drawn.
fn emit(text: &str) {
    let mut stream = io::stderr().lock();
    // Nobody is left to be told when the terminal is gone.
    let _ = stream
        .write_all(text.as_bytes())
        .and_then(|()| stream.flush());
}

#[cfg(test)]
mod tests;
