//! What one user's templates draw on beside data files: variables and the number of the iteration. Neighbours: `mod.rs` fills from it,
//! documents set it. Invariant: a variable that was never set has no value; it is never taken for an empty one.

use crate::data::FeedFault;

/// The values of one user.
#[derive(Debug, Default)]
pub(crate) struct Values {
    variables: Vec<Variable>,
    /// How many iterations the user has begun.
    pub(crate) iteration: u64,
    /// There are no answers to look at: this user only shows what it would send.
    pub(crate) pretends: bool,
    /// Room for a value on its way into a text.
    pub(super) scratch: String,
    /// Room for a value on its way into a variable.
    next: String,
    /// Room for a text on its way into a request.
    room: String,
}

#[derive(Clone, Debug, Default)]
struct Variable {
    text: String,
    is_set: bool,
}

/// Why a template could not be filled.
#[derive(Debug)]
pub(crate) enum Unfilled {
    /// This variable has no value yet.
    Unset(u16),
    /// A data file has no row for it.
    Row(FeedFault),
}

impl Values {
    /// So many variables, none of them set.
    pub(crate) fn new(variables: usize) -> Values {
        Values {
            variables: vec![Variable::default(); variables],
            ..Values::default()
        }
    }

    /// The value of a variable.
    ///
    /// # Errors
    /// When it has none yet.
    pub(crate) fn variable(&self, variable: u16) -> Result<&str, Unfilled> {
        match &self.variables[usize::from(variable)] {
            Variable { text, is_set: true } => Ok(text),
            _ => Err(Unfilled::Unset(variable)),
        }
    }

    /// Sets a variable to what `write` appends to the empty text; it keeps what it was, when that says `false`.
    pub(crate) fn set<E>(
        &mut self,
        variable: u16,
        write: impl FnOnce(&mut Values, &mut String) -> Result<bool, E>,
    ) -> Result<bool, E> {
        let at = usize::from(variable);
        // Written aside: what is written may be made of the variable's own old value.
        let mut text = std::mem::take(&mut self.next);
        text.clear();
        let written = write(self, &mut text);
        if matches!(written, Ok(true)) {
            std::mem::swap(&mut self.variables[at].text, &mut text);
            self.variables[at].is_set = true;
        }
        self.next = text;
        written
    }

    /// An empty text with room from earlier ones; `give_room` gives it back.
    pub(crate) fn take_room(&mut self) -> String {
        let mut room = std::mem::take(&mut self.room);
        room.clear();
        room
    }

    /// Keeps the room of a text that is done with.
    pub(crate) fn give_room(&mut self, room: String) {
        self.room = room;
    }
}
