//! cURL commands, as browsers copy them and people write them. Neighbours: `words.rs` splits the text, `settings.rs` does
//! what flags say. Invariant: commands keep their order; what is no curl command gets a note.

mod flags;
mod settings;
mod words;

use crate::{
    ImportError,
    model::{Body, Draft, Group, Part, Query, Request},
    naming::folder_name,
    notes::Notes,
    words::{Piece, Text},
};
use settings::Settings;
use words::Word;

const COPY: &str = "in the browser's network panel choose \"Copy as cURL (bash)\", or write it like curl 'http://127.0.0.1:8080/'";

/// The longest text: commands are typed or copied, and a longer body belongs into a file.
const MOST_BYTES: usize = 4 << 20;

/// The most words of a command.
const MOST_WORDS: usize = 10_000;

/// Reads all commands of a text.
pub(crate) fn read(text: &str) -> Result<Draft, ImportError> {
    if text.len() > MOST_BYTES {
        return Err(ImportError::new(
            "the commands are longer than 4 MiB",
            "put long bodies into files, with --data-binary @FILE",
        )
        .at(1, 1));
    }
    let mut draft = Draft::default();
    let mut group = Group::default();
    let mut found = false;
    for command in words::commands(text, &mut draft.notes)? {
        let Some(arguments) = arguments_of(&command, &mut draft.notes) else {
            continue;
        };
        found = true;
        if let Some(word) = command.get(MOST_WORDS) {
            return Err(ImportError::new(
                "a command has more than 10,000 words",
                "split it into several, or look for a quote that is not closed",
            )
            .at_byte(text, word.at));
        }
        for settings in Settings::read(arguments, text, &mut draft)? {
            settings.requests(text, &mut draft, &mut group.requests)?;
        }
    }
    if !found {
        return Err(ImportError::new("there is no curl command in it", COPY).at(1, 1));
    }
    let variables = group.requests.iter().flat_map(used_variables);
    for name in variables.collect::<std::collections::BTreeSet<_>>() {
        draft.secrets.need(&name, "a variable of the shell", "x");
    }
    draft.name = group.requests.first().map_or_else(String::new, |request| {
        let base = request.base.shown();
        folder_name(base.rsplit("://").next().unwrap_or_default())
    });
    draft.groups.push(group);
    Ok(draft)
}

/// The words behind `curl`; `None` for any other command.
fn arguments_of<'w>(command: &'w [Word], notes: &mut Notes) -> Option<&'w [Word]> {
    for (index, word) in command.iter().enumerate() {
        let text = word.text.shown();
        let program = text.rsplit(['/', '\\']).next().unwrap_or_default();
        if program == "curl" || program.eq_ignore_ascii_case("curl.exe") {
            return Some(&command[index + 1..]);
        }
        // A prompt, an assignment or a wrapper can stand in front.
        let is_front = ["$", "%", ">", "sudo", "time", "exec", "command", "env"]
            .contains(&text.as_str())
            || text.contains('=');
        if !is_front {
            break;
        }
    }
    if let Some(word) = command.first() {
        // An assignment may hold a secret.
        let shown = word.text.shown();
        let name = shown.split('=').next().unwrap_or_default();
        notes.about("commands other than curl were left out", name, "");
    }
    None
}

/// The names of environment variables in a request.
fn used_variables(request: &Request) -> Vec<String> {
    let mut names = Vec::new();
    let mut look = |text: &Text| {
        names.extend(text.pieces().iter().filter_map(|piece| match piece {
            Piece::Variable(name) => Some(name.clone()),
            _ => None,
        }));
    };
    look(&request.base);
    look(&request.path);
    match &request.query {
        Query::Pairs(pairs) => pairs.iter().for_each(|(_, value)| look(value)),
        Query::Raw(raw) => raw.iter().for_each(|(name, value)| {
            look(name);
            value.iter().for_each(&mut look);
        }),
    }
    request.headers.iter().for_each(|(_, value)| look(value));
    match &request.body {
        Body::Text(text) => look(text),
        Body::Form(pairs) => pairs.iter().for_each(|(_, value)| look(value)),
        Body::Multipart(parts) => parts.iter().for_each(|(_, part)| {
            if let Part::Text(text) = part {
                look(text);
            }
        }),
        _ => {}
    }
    names
}
