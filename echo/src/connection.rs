//! One socket: receives into the thread's buffer, lets the dialogue answer, sends.
//! Neighbours: `worker.rs` calls on readiness and obeys `Next`; `dialogue.rs` holds all of HTTP.
//! Invariant: nothing is read while an answer waits to be sent or is held back, so that a connection's memory is bounded;
//! an idle connection holds no buffer at all.

use crate::{
    answer::Fill,
    dialogue::{Dialogue, Service, Step},
};
use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpStream},
};

/// Bytes asked of the kernel at once.
const READ_BYTES: usize = 64 << 10;
/// Most of long bodies sent in one turn, so that a fast reader does not keep the others waiting.
const TURN_BYTES: usize = 1 << 20;

/// What the connections of a thread share: no connection needs it between two turns.
pub(crate) struct Workspace {
    pub(crate) service: Service,
    input: Box<[u8]>,
    out: Vec<u8>,
    /// How much of a long body may still be sent in this turn.
    turn_left: usize,
}

impl Workspace {
    pub(crate) fn new(service: Service) -> Workspace {
        // Room for a head that is almost whole and two reads behind it; no more is ever pending.
        let input = vec![0; 4 * READ_BYTES].into();
        Workspace {
            service,
            input,
            out: Vec::with_capacity(2 * READ_BYTES),
            turn_left: 0,
        }
    }
}

/// What the connection waits for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Readable,
    Writable,
    /// A time, and meanwhile room to send what is left of earlier answers, if any.
    Until {
        due_ns: u64,
        all_sent: bool,
    },
    /// As before: a time that is running already. Events that come meanwhile mean nothing.
    Nothing,
    /// The client's own end, for a while: what it still sends is thrown away.
    Goodbye,
    /// Nothing more: close it.
    Close,
}

/// A client's connection.
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    dialogue: Dialogue,
    /// Input that was not used yet.
    pending: Vec<u8>,
    /// Output that the kernel did not take yet, from `sent` on.
    unsent: Vec<u8>,
    sent: usize,
    /// What follows it.
    fill: Fill,
    ending: Ending,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Open,
    /// Close once all is sent.
    Close,
    /// Once all is sent, close our half and read on: closing at once would reset the connection under unread
    /// input, and the reset would take the answer with it.
    Linger,
    /// Our half is closed.
    Lingering,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream) -> Connection {
        Connection {
            stream,
            dialogue: Dialogue::new(),
            pending: Vec::new(),
            unsent: Vec::new(),
            sent: 0,
            fill: Fill::default(),
            ending: Ending::Open,
        }
    }

    /// Bytes of memory held for this connection.
    pub(crate) fn held_bytes(&self) -> usize {
        self.pending.capacity() + self.unsent.capacity() + self.dialogue.held_bytes()
    }

    /// The time that `Next::Until` or `Next::Goodbye` asked for has come.
    pub(crate) fn time_is_up(&mut self, workspace: &mut Workspace, room: usize) -> Next {
        if self.ending == Ending::Lingering {
            return Next::Close;
        }
        self.dialogue.release();
        self.turn(false, workspace, room)
    }

    /// Does all that can be done now. `room` is how much memory may be held for a request body.
    pub(crate) fn turn(&mut self, readable: bool, workspace: &mut Workspace, room: usize) -> Next {
        self.try_turn(readable, workspace, room)
            .unwrap_or(Next::Close)
    }

    fn try_turn(
        &mut self,
        readable: bool,
        workspace: &mut Workspace,
        room: usize,
    ) -> io::Result<Next> {
        workspace.turn_left = TURN_BYTES;
        if self.ending == Ending::Lingering {
            return Ok(self.discard(readable, workspace));
        }
        if !self.send_rest(workspace)? {
            return Ok(Next::Writable);
        }
        if self.ending != Ending::Open {
            return Ok(self.end());
        }
        if self.dialogue.is_held() {
            return Ok(Next::Nothing);
        }
        let Some(filled) = self.receive(readable, workspace)? else {
            return Ok(Next::Close);
        };
        self.converse(filled, workspace, room)
    }

    /// Feeds what the workspace's input holds to the dialogue, and does what that asks.
    fn converse(
        &mut self,
        filled: usize,
        workspace: &mut Workspace,
        room: usize,
    ) -> io::Result<Next> {
        let mut at = 0;
        loop {
            workspace.out.clear();
            let (used, step) = self.dialogue.feed(
                &workspace.input[at..filled],
                &mut workspace.out,
                room,
                &workspace.service,
            );
            at += used;
            if let Step::Fill(fill) | Step::Close(fill) = step {
                self.fill = fill;
            }
            let all_sent = self.send_first(workspace)?;
            match step {
                Step::Send | Step::Fill(_) if all_sent => continue,
                Step::Close(_) if at == filled => self.ending = Ending::Close,
                Step::Close(_) | Step::Refuse => self.ending = Ending::Linger,
                _ => self.pending.extend_from_slice(&workspace.input[at..filled]),
            }
            return Ok(match step {
                Step::Wait(due_ns) => Next::Until { due_ns, all_sent },
                _ if !all_sent => Next::Writable,
                Step::Close(_) | Step::Refuse => self.end(),
                _ => Next::Readable,
            });
        }
    }

    /// Puts what is pending, and what the kernel has, into the workspace; gives its length, `None` at the client's end.
    fn receive(&mut self, readable: bool, workspace: &mut Workspace) -> io::Result<Option<usize>> {
        let pending = std::mem::take(&mut self.pending);
        let kept = pending.len();
        workspace.input[..kept].copy_from_slice(&pending);
        if !readable || kept > workspace.input.len() - READ_BYTES {
            return Ok(Some(kept));
        }
        match (&self.stream).read(&mut workspace.input[kept..kept + READ_BYTES]) {
            Ok(0) => Ok(None),
            Ok(length) => Ok(Some(kept + length)),
            Err(error) if is_passing(&error) => Ok(Some(kept)),
            Err(error) => Err(error),
        }
    }

    /// Sends what the dialogue wrote, keeping what the kernel does not take; says whether all of it went.
    fn send_first(&mut self, workspace: &mut Workspace) -> io::Result<bool> {
        if workspace.out.is_empty() && self.fill.is_empty() {
            return Ok(true);
        }
        let length = match (&self.stream).write(&workspace.out) {
            Ok(length) => length,
            Err(error) if is_passing(&error) => 0,
            Err(error) => return Err(error),
        };
        if length < workspace.out.len() {
            self.unsent.extend_from_slice(&workspace.out[length..]);
            return Ok(false);
        }
        if self.fill.is_empty() {
            return Ok(true);
        }
        self.send_rest(workspace)
    }

    /// Sends what was left over, then the fill; says whether nothing is left.
    fn send_rest(&mut self, workspace: &mut Workspace) -> io::Result<bool> {
        while self.sent < self.unsent.len() {
            match (&self.stream).write(&self.unsent[self.sent..]) {
                Ok(length) => self.sent += length,
                Err(error) if is_passing(&error) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        self.unsent = Vec::new();
        self.sent = 0;
        let filler = &workspace.service.answers.filler;
        while !self.fill.is_empty() {
            if workspace.turn_left == 0 {
                return Ok(false);
            }
            let start = self.fill.from % filler.len();
            let length = (self.fill.to - self.fill.from)
                .min(filler.len() - start)
                .min(workspace.turn_left);
            match (&self.stream).write(&filler[start..start + length]) {
                Ok(length) => {
                    self.fill.from += length;
                    workspace.turn_left -= length;
                }
                Err(error) if is_passing(&error) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// All is sent and the dialogue is over.
    fn end(&mut self) -> Next {
        if self.ending == Ending::Close || self.stream.shutdown(Shutdown::Write).is_err() {
            return Next::Close;
        }
        self.ending = Ending::Lingering;
        Next::Goodbye
    }

    /// Throws away what the client still sends.
    fn discard(&mut self, readable: bool, workspace: &mut Workspace) -> Next {
        if !readable {
            return Next::Readable;
        }
        match (&self.stream).read(&mut workspace.input) {
            Ok(0) => Next::Close,
            Ok(_) => Next::Readable,
            Err(error) if is_passing(&error) => Next::Readable,
            Err(_) => Next::Close,
        }
    }
}

/// Whether the call would work later: epoll tells when.
fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}
