//! `loadforge validate --dry-run` and `--once`: one user's requests on the screen, with their answers when they are sent.
//! Neighbours: `validate.rs` has read the file, the engine's `trial` sends. Invariant: no secret from the environment is shown.

use crate::{
    aim::{Aim, AimPart},
    complaint::CommandError,
    exit::Exit,
    mask::Mask,
    permission::Permission,
    resolve::{Override, resolve},
    target::EchoTarget,
};
use loadforge_engine::{
    allowed_cpus,
    trial::{Trial, TrialEvent, live_through},
};
use loadforge_reporter::printable;
use loadforge_scenarios::{Origin, Scenario};
use std::{
    cell::Cell,
    io::{self, Write as _},
    net::SocketAddr,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

/// How long a request may take when the file does not say.
const TIME_LIMIT: Duration = Duration::from_secs(30);
/// How much of a body is shown.
const SHOWN_BYTES: usize = 2_000;

/// Whether requests are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// They are only shown.
    Dry,
    /// They are sent once.
    Once,
}

/// Shows one user's requests: setup, each task once, teardown.
///
/// # Errors
/// When the target cannot be found or started, or may be somebody else's.
pub fn rehearse(
    mut aim: Aim,
    how: How,
    known: &[Override],
    permission: &Permission,
) -> Result<Exit, CommandError> {
    let target = match how {
        How::Once if aim.is_echo() => {
            let target = EchoTarget::start(&allowed_cpus()).map_err(CommandError::could_not_run)?;
            aim.set_echo_address(target.address());
            Some(target)
        }
        _ => None,
    };
    let (mask, seed) = (aim.mask.clone(), aim.seed.unwrap_or(0));
    let time_limit = aim.time_limit.unwrap_or(TIME_LIMIT);
    let several = aim.parts.len() > 1;
    let all = aim.origins();
    // Every origin of every scenario is asked for before the first request leaves.
    let addresses = match how {
        How::Dry => Vec::new(),
        How::Once => look_up(&all, known, permission, &mask)?,
    };
    let addresses_of = |origin: &Origin| {
        let mut places = all.iter().zip(&addresses);
        let place = places.find(|(known, _)| *known == origin);
        place.map_or_else(Vec::new, |(_, addresses)| addresses.clone())
    };
    let failed = Rc::new(Cell::new(false));
    for part in aim.parts {
        if several {
            show(&format!("\n== {}\n", mask.apply(&part.name)));
        }
        rehearse_part(part, how, &addresses_of, seed, time_limit, &mask, &failed);
    }
    drop(target);
    Ok(match failed.get() {
        true => Exit::ThresholdsNotMet,
        false => Exit::Done,
    })
}

/// Where all origins are, once it is known that they may be sent to.
fn look_up(
    origins: &[Origin],
    known: &[Override],
    permission: &Permission,
    mask: &Mask,
) -> Result<Vec<Vec<SocketAddr>>, CommandError> {
    let resolved = resolve(origins, known)
        .map_err(|error| CommandError::could_not_run(mask.apply(&error.to_string())))?;
    let what = "each step once";
    if let Some(note) = permission.ask(origins, &resolved.addresses, known, what, mask)? {
        say!("note: {note}");
    }
    Ok(resolved.addresses)
}

/// One scenario.
fn rehearse_part(
    part: AimPart,
    how: How,
    addresses_of: &dyn Fn(&Origin) -> Vec<SocketAddr>,
    seed: u64,
    time_limit: Duration,
    mask: &Mask,
    failed: &Rc<Cell<bool>>,
) {
    let Some(document) = part.into_document() else {
        return;
    };
    let origins: Vec<Origin> = document.origins().to_vec();
    let names = document.endpoints().to_vec();
    let failed = Rc::clone(failed);
    let mut words = Words {
        mask: mask.clone(),
        tasks: 0,
        was_begun: false,
    };
    let tell = move |event: TrialEvent<'_>| {
        failed.set(failed.get() | matches!(event, TrialEvent::Failed(_)));
        show(&words.say(&event));
    };
    let trial = match how {
        How::Dry => Trial::dry(origins, names, tell),
        How::Once => {
            let place = |origin: Origin| {
                let addresses = addresses_of(&origin);
                (origin, addresses)
            };
            let places = origins.into_iter().map(place).collect();
            Trial::new(places, names, time_limit, tell)
        }
    };
    let document = Arc::new(document);
    live_through(trial, 0, seed, |user| {
        document.rehearse(user, how == How::Dry)
    });
}

/// Prints; where nobody listens any more there is nothing left to do.
fn show(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}

/// What happens, in words that hold no secret.
struct Words {
    mask: Mask,
    tasks: u32,
    was_begun: bool,
}

impl Words {
    fn say(&mut self, event: &TrialEvent<'_>) -> String {
        let mut text = String::new();
        if !std::mem::replace(&mut self.was_begun, true) && !matches!(event, TrialEvent::Iteration)
        {
            text.push_str("\n-- setup\n");
        }
        if matches!(event, TrialEvent::Iteration) {
            self.tasks += 1;
        }
        let line = match event {
            TrialEvent::Iteration => format!("\n-- task {}\n", self.tasks),
            TrialEvent::Teardown => "\n-- teardown\n".to_owned(),
            TrialEvent::Request { name, origin, .. } => format!("\n{name} -> {origin}\n"),
            TrialEvent::Response { took, .. } => format!("answered in {took:.1?}\n"),
            TrialEvent::Failed(failure) => format!("FAILED {failure}\n"),
            TrialEvent::Group {
                name,
                took: Some(took),
            } => format!("group {name}: {took:.1?}\n"),
            TrialEvent::Group { name, took: None } => format!("group {name} ends\n"),
            TrialEvent::Sleep(pause) => format!("waits {pause:.1?}\n"),
            TrialEvent::RunEnds(why) => format!("the run would end: {why}\n"),
        };
        let lines: Vec<String> = self.mask.apply(&line).split('\n').map(printable).collect();
        text.push_str(&lines.join("\n"));
        match event {
            TrialEvent::Request { head, body, .. } => {
                self.push_message(&mut text, "> ", head, body);
            }
            TrialEvent::Response { head, body, .. } => {
                self.push_message(&mut text, "< ", head, body);
            }
            _ => {}
        }
        text
    }

    /// A head and a body, each line behind a mark. Secrets are masked before anything is cut or put into lines: half a secret
    /// would not be found any more.
    fn push_message(&self, text: &mut String, mark: &str, head: &[u8], body: &[u8]) {
        push_lines(text, mark, &self.mask.apply(&String::from_utf8_lossy(head)));
        if body.is_empty() {
            return;
        }
        text.push_str(mark.trim_end());
        text.push('\n');
        let beginning = &body[..body.len().min(SHOWN_BYTES)];
        let is_text = match std::str::from_utf8(beginning) {
            Ok(_) => true,
            // The cut may lie inside a character.
            Err(error) => error.error_len().is_none(),
        };
        if !is_text {
            let words = format!("{mark}({} bytes that are no text)\n", body.len());
            text.push_str(&words);
            return;
        }
        let whole = String::from_utf8_lossy(body);
        let (shown, taken) = self.mask.apply_to_beginning(&whole, SHOWN_BYTES);
        push_lines(text, mark, &shown);
        if taken < body.len() {
            text.push_str(&format!("{mark}(and {} bytes more)\n", body.len() - taken));
        }
    }
}

/// The lines of a text, each behind a mark. Control characters are shown, never sent to the terminal.
fn push_lines(text: &mut String, mark: &str, all: &str) {
    for line in all.trim_end_matches(['\r', '\n']).lines() {
        // A tab is as good as a blank here, and all else of this kind could write over the screen.
        let clean = printable(line);
        text.push_str(format!("{mark}{clean}").trim_end());
        text.push('\n');
    }
}
