//! The wire on an io_uring of the worker's own. glommio's ring cannot be made with the newer flags; this one can:
//! SINGLE_ISSUER, DEFER_TASKRUN and TASKRUN_FLAG, registered files, multishot receive into provided buffers, sends
//! that post nothing when they succeed. Neighbours: `buffers.rs` holds the memory lent to the kernel.
//! Invariant: memory the kernel may still touch (a slot's outgoing bytes and address) stays where it is until the
//! slot's last completion has been seen.

use super::{Action, ConnId, Event, Outgoing, Wait, Wire, WireCounts, source::tcp_socket};
use crate::clock::monotonic_ns;
use buffers::BufferRing;
use bytes::Bytes;
use io_uring::{IoUring, cqueue, opcode, squeue, types};
use nix::sys::socket::{SockFlag, SockaddrLike, SockaddrStorage};
use slot::{Operation, Slot, user_data};
use std::{
    io,
    net::SocketAddr,
    os::fd::{AsRawFd, BorrowedFd, OwnedFd},
};

mod buffers;
pub mod probe;
mod slot;

/// Entries of the submission queue.
pub const SUBMISSIONS: u32 = 1024;
/// Entries of the completion queue.
pub const COMPLETIONS: u32 = 4096;
/// The group id of the provided buffers.
const BUFFER_GROUP: u16 = 0;
/// How often a full queue is handed over in vain before its wire is given up.
const MOST_HAND_OVERS: u32 = 1000;
/// Queued sends are handed to the kernel at the latest after this many, so that `sent` stamps stay close to the truth.
const SENDS_PER_ENTER: u32 = 32;
/// Up to this size a send is not tracked: it fits into an idle connection's empty send buffer at once, so its success
/// needs no completion. Larger ones may block half-way and are followed to their end.
const UNTRACKED_SEND_BYTES: usize = 4096;

/// The io_uring wire.
pub struct UringWire {
    ring: IoUring,
    buffers: BufferRing,
    slots: Vec<Slot>,
    free: Vec<u32>,
    registered_files: u32,
    queued_sends: u32,
    bell: OwnedFd,
    completions: Vec<(u64, i32, u32)>,
    counts: WireCounts,
    /// Why the kernel took nothing when the queue was full.
    refused: Option<io::Error>,
}

/// How a ring is made; the probe uses the very same.
pub(super) fn build_ring(submissions: u32, completions: u32) -> io::Result<IoUring> {
    IoUring::builder()
        .setup_single_issuer()
        .setup_defer_taskrun()
        .setup_taskrun_flag()
        .setup_cqsize(completions)
        .build(submissions)
}

impl UringWire {
    /// Makes the ring in the calling thread, which is the only one to use it. `connections` is how many are expected,
    /// `bell` an eventfd that the supervisor rings.
    ///
    /// # Errors
    /// When the kernel refuses the ring or its buffers.
    pub fn new(connections: usize, bell: BorrowedFd<'_>) -> io::Result<UringWire> {
        let ring = build_ring(SUBMISSIONS, COMPLETIONS)?;
        let (soft, _) = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE)?;
        let wanted = (connections + connections / 4 + 64).min(soft as usize) as u32;
        let registered_files = match ring.submitter().register_files_sparse(wanted) {
            Ok(()) => wanted,
            // EMFILE: the table counts against the descriptor limit. Plain descriptors work, a little slower.
            Err(_) => 0,
        };
        // As many buffers as connections may answer at once, so that few are touched when few are used.
        let entries = connections.next_power_of_two().clamp(64, 4096) as u16;
        let buffers = BufferRing::new(&ring, entries, BUFFER_GROUP)?;
        let mut wire = UringWire {
            ring,
            buffers,
            slots: Vec::with_capacity(connections),
            free: Vec::new(),
            registered_files,
            queued_sends: 0,
            bell: bell.try_clone_to_owned()?,
            completions: Vec::with_capacity(COMPLETIONS as usize),
            counts: WireCounts::default(),
            refused: None,
        };
        wire.arm_bell();
        Ok(wire)
    }

    fn arm_bell(&mut self) {
        let entry = opcode::PollAdd::new(types::Fd(self.bell.as_raw_fd()), libc::POLLIN as u32)
            .multi(true)
            .build()
            .user_data((Operation::Bell as u64) << 56);
        self.push(&entry);
    }

    /// Queues an entry; when the queue is full, what is in it goes to the kernel first. Where the kernel takes nothing
    /// any more the entry is dropped and the next turn tells.
    fn push(&mut self, entry: &squeue::Entry) {
        for _ in 0..MOST_HAND_OVERS {
            // SAFETY: what the entry points to lives in the slot: tracked sends and connects until their completion,
            // which `outstanding` counts; an untracked send until its connection has answered (`unanswered`), which an
            // idle connection's empty send buffer makes the same. Buffers and the bell live as long as the ring.
            if unsafe { self.ring.submission().push(entry) }.is_ok() {
                return;
            }
            if let Err(error) = self.hand_over() {
                self.refused = Some(error);
            }
        }
    }

    /// Hands queued entries to the kernel without looking for completions.
    fn hand_over(&mut self) -> io::Result<()> {
        self.queued_sends = 0;
        let queued = self.ring.submission().len() as u32;
        // SAFETY: no argument is passed, so there is nothing the kernel could read wrongly.
        unsafe {
            self.ring
                .submitter()
                .enter::<libc::sigset_t>(queued, 0, 0, None)
        }?;
        self.refused = None;
        Ok(())
    }

    /// An entry on the slot's file, registered or plain.
    fn on_file(
        &self,
        slot: u32,
        registered: impl FnOnce(types::Fixed) -> squeue::Entry,
        plain: impl FnOnce(types::Fd) -> squeue::Entry,
    ) -> squeue::Entry {
        let place = &self.slots[slot as usize];
        if place.registered {
            registered(types::Fixed(slot))
        } else {
            let fd = place.fd.as_ref().map_or(-1, AsRawFd::as_raw_fd);
            plain(types::Fd(fd))
        }
    }

    fn arm_receive(&mut self, conn: ConnId) {
        let entry = self
            .on_file(
                conn.slot,
                |file| opcode::RecvMulti::new(file, BUFFER_GROUP).build(),
                |file| opcode::RecvMulti::new(file, BUFFER_GROUP).build(),
            )
            .user_data(user_data(Operation::Receive, conn));
        self.push(&entry);
        self.slots[conn.slot as usize].outstanding += 1;
    }

    /// Queues the next piece of a send that is followed to its end; without a next piece the send is over.
    fn continue_send(&mut self, conn: ConnId) {
        let slot = &mut self.slots[conn.slot as usize];
        let head = slot.head.as_bytes();
        let (piece, more) = match slot.sent.checked_sub(head.len()) {
            None => (&head[slot.sent..], !slot.body.is_empty()),
            Some(sent) => (&slot.body[sent..], false),
        };
        if piece.is_empty() {
            slot.sending = false;
            return;
        }
        slot.sending = true;
        slot.outstanding += 1;
        let (start, length) = (
            piece.as_ptr(),
            u32::try_from(piece.len()).unwrap_or(1 << 30),
        );
        let flags = libc::MSG_NOSIGNAL | if more { libc::MSG_MORE } else { 0 };
        let entry = self
            .on_file(
                conn.slot,
                |file| opcode::Send::new(file, start, length).flags(flags).build(),
                |file| opcode::Send::new(file, start, length).flags(flags).build(),
            )
            .user_data(user_data(Operation::TrackedSend, conn));
        self.push(&entry);
    }

    fn is_current(&self, conn: ConnId) -> bool {
        self.slots
            .get(conn.slot as usize)
            .is_some_and(|slot| slot.generation == conn.generation)
    }

    fn is_live(&self, conn: ConnId) -> bool {
        self.is_current(conn) && !self.slots[conn.slot as usize].closing
    }

    /// Gives the slot back once the kernel is done with it.
    fn release_if_done(&mut self, conn: ConnId) {
        let slot = &mut self.slots[conn.slot as usize];
        if !slot.closing || slot.outstanding > 0 {
            return;
        }
        if slot.registered {
            let _ = self
                .ring
                .submitter()
                .register_files_update(conn.slot, &[-1]);
        }
        slot.fd = None;
        slot.registered = false;
        slot.generation = (slot.generation + 1) & 0xff_ffff;
        slot.closing = false;
        slot.body = Bytes::new();
        self.free.push(conn.slot);
    }

    /// Enters the kernel: hands over what is queued, waits as told, runs deferred work.
    fn enter(&mut self, wait: Wait) -> io::Result<()> {
        self.queued_sends = 0;
        self.buffers.publish();
        let Wait::Until {
            deadline_ns,
            spin_ns,
        } = wait
        else {
            return self.enter_now();
        };
        let now = monotonic_ns();
        let sleep_until = deadline_ns.saturating_sub(spin_ns);
        if sleep_until > now {
            let pause = sleep_until - now;
            let timeout = types::Timespec::new()
                .sec(pause / 1_000_000_000)
                .nsec((pause % 1_000_000_000) as u32);
            let arguments = types::SubmitArgs::new().timespec(&timeout);
            match self.ring.submitter().submit_with_args(1, &arguments) {
                Ok(_) => return Ok(()),
                Err(error) if error.raw_os_error() == Some(libc::ETIME) => {}
                Err(error) if is_passing(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        if spin_ns == 0 {
            return self.enter_now();
        }
        if sleep_until > now {
            self.counts.woke(monotonic_ns().saturating_sub(sleep_until));
        }
        self.spin_until(deadline_ns)
    }

    fn enter_now(&mut self) -> io::Result<()> {
        const GET_EVENTS: u32 = 1;
        let queued = self.ring.submission().len() as u32;
        // SAFETY: no argument is passed, so there is nothing the kernel could read wrongly.
        match unsafe {
            self.ring
                .submitter()
                .enter::<libc::sigset_t>(queued, 0, GET_EVENTS, None)
        } {
            Ok(_) => Ok(()),
            Err(error) if is_passing(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Spins to a deadline and enters as soon as the kernel has work for us: otherwise completions would stay unseen
    /// for the length of the spin.
    fn spin_until(&mut self, deadline_ns: u64) -> io::Result<()> {
        self.enter_now()?;
        let mut now = monotonic_ns();
        while now < deadline_ns && self.ring.completion().is_empty() {
            if self.ring.submission().taskrun() {
                return self.enter_now();
            }
            std::hint::spin_loop();
            let before = now;
            now = monotonic_ns();
            self.counts.spun(before, now);
        }
        Ok(())
    }

    /// Deals with one completion; returns whether it became an event.
    fn complete(
        &mut self,
        (data, result, flags): (u64, i32, u32),
        now_ns: u64,
        handle: &mut dyn FnMut(Event<'_>, u64) -> Action,
    ) -> bool {
        let conn = ConnId {
            slot: data as u32,
            generation: (data >> 32) as u32 & 0xff_ffff,
        };
        let operation = (data >> 56) as u8;
        let lent = cqueue::buffer_select(flags);
        if operation == Operation::Bell as u8 {
            drain_bell(&self.bell);
            if !cqueue::more(flags) {
                self.arm_bell();
            }
            handle(Event::Rung, now_ns);
            return true;
        }
        if !self.is_current(conn) {
            // A late error of an untracked send; its connection is gone.
            return false;
        }
        let slot = &mut self.slots[conn.slot as usize];
        let tracked = operation != Operation::Send as u8;
        if tracked && !cqueue::more(flags) {
            slot.outstanding -= 1;
        }
        if slot.closing {
            if let Some(id) = lent {
                self.buffers.give_back(id);
            }
            self.release_if_done(conn);
            return false;
        }
        if operation == Operation::Connect as u8 {
            return self.connected(conn, result, now_ns, handle);
        }
        if operation == Operation::Receive as u8 {
            return self.received(conn, result, flags, now_ns, handle);
        }
        if result < 0 {
            return self.broken(conn, Some(-result), now_ns, handle);
        }
        self.slots[conn.slot as usize].sent += result as usize;
        self.continue_send(conn);
        false
    }

    fn connected(
        &mut self,
        conn: ConnId,
        result: i32,
        now_ns: u64,
        handle: &mut dyn FnMut(Event<'_>, u64) -> Action,
    ) -> bool {
        if result < 0 {
            self.close(conn);
            handle(Event::ConnectFailed(conn, -result), now_ns);
            return true;
        }
        self.slots[conn.slot as usize].open = true;
        self.arm_receive(conn);
        if handle(Event::Connected(conn), now_ns) == Action::Close {
            self.close(conn);
        }
        true
    }

    fn received(
        &mut self,
        conn: ConnId,
        result: i32,
        flags: u32,
        now_ns: u64,
        handle: &mut dyn FnMut(Event<'_>, u64) -> Action,
    ) -> bool {
        if let Some(id) = cqueue::buffer_select(flags) {
            self.slots[conn.slot as usize].unanswered = false;
            let action = match self.buffers.bytes(id, result.max(0) as usize) {
                [] => Action::Keep,
                bytes => handle(Event::Data(conn, bytes), now_ns),
            };
            self.buffers.give_back(id);
            if action == Action::Close {
                self.close(conn);
                return true;
            }
        }
        if result == 0 {
            return self.broken(conn, None, now_ns, handle);
        }
        if result == -libc::ENOBUFS {
            self.counts.starvations += 1;
        } else if result < 0 {
            return self.broken(conn, Some(-result), now_ns, handle);
        }
        if !cqueue::more(flags) {
            self.arm_receive(conn);
        }
        result > 0
    }

    fn broken(
        &mut self,
        conn: ConnId,
        errno: Option<i32>,
        now_ns: u64,
        handle: &mut dyn FnMut(Event<'_>, u64) -> Action,
    ) -> bool {
        self.close(conn);
        handle(Event::Closed(conn, errno), now_ns);
        true
    }
}

impl Wire for UringWire {
    fn connect(&mut self, address: SocketAddr, source: Option<SocketAddr>) -> io::Result<ConnId> {
        // Not O_NONBLOCK: io_uring would answer EAGAIN instead of waiting for such a socket.
        let fd = tcp_socket(address, source, SockFlag::empty())?;
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::new(address));
            self.slots.len() as u32 - 1
        });
        let registered = index < self.registered_files
            && self
                .ring
                .submitter()
                .register_files_update(index, &[fd.as_raw_fd()])
                .is_ok();
        let slot = &mut self.slots[index as usize];
        *slot.address = SockaddrStorage::from(address);
        slot.fd = Some(fd);
        slot.registered = registered;
        slot.open = false;
        slot.sending = false;
        slot.unanswered = false;
        slot.outstanding = 1;
        let (place, length) = (slot.address.as_ptr(), slot.address.len());
        let conn = ConnId {
            slot: index,
            generation: slot.generation,
        };
        let entry = self
            .on_file(
                index,
                |file| opcode::Connect::new(file, place, length).build(),
                |file| opcode::Connect::new(file, place, length).build(),
            )
            .user_data(user_data(Operation::Connect, conn));
        self.push(&entry);
        Ok(conn)
    }

    fn send(&mut self, conn: ConnId, head: Outgoing, body: Bytes) {
        if !self.is_live(conn) {
            return;
        }
        let slot = &mut self.slots[conn.slot as usize];
        debug_assert!(!slot.sending, "a connection sends one thing at a time");
        slot.head = head;
        slot.body = body;
        slot.sent = 0;
        let bytes = slot.head.as_bytes();
        if !slot.body.is_empty() || bytes.len() > UNTRACKED_SEND_BYTES {
            self.continue_send(conn);
        } else {
            let (start, length) = (bytes.as_ptr(), bytes.len() as u32);
            slot.unanswered = true;
            let flags = libc::MSG_NOSIGNAL | libc::MSG_WAITALL;
            let entry = self
                .on_file(
                    conn.slot,
                    |file| opcode::Send::new(file, start, length).flags(flags).build(),
                    |file| opcode::Send::new(file, start, length).flags(flags).build(),
                )
                .flags(squeue::Flags::SKIP_SUCCESS)
                .user_data(user_data(Operation::Send, conn));
            self.push(&entry);
        }
        self.queued_sends += 1;
        if self.queued_sends >= SENDS_PER_ENTER {
            // What could not be handed over stays queued for the turn, which tells if it cannot be then.
            let _ = self.hand_over();
        }
    }

    fn is_sent(&self, conn: ConnId) -> bool {
        !self.is_live(conn) || !self.slots[conn.slot as usize].sending
    }

    fn spare(&mut self, conn: ConnId) -> Vec<u8> {
        if !self.is_live(conn) {
            return Vec::new();
        }
        let slot = &mut self.slots[conn.slot as usize];
        if slot.sending || slot.unanswered {
            return Vec::new();
        }
        match std::mem::replace(&mut slot.head, Outgoing::Once(Vec::new())) {
            Outgoing::Once(mut bytes) => {
                bytes.clear();
                bytes
            }
            Outgoing::Fixed(_) => Vec::new(),
        }
    }

    fn is_open(&self, conn: ConnId) -> bool {
        self.is_live(conn) && self.slots[conn.slot as usize].open
    }

    fn close(&mut self, conn: ConnId) {
        if !self.is_live(conn) {
            return;
        }
        let slot = &mut self.slots[conn.slot as usize];
        slot.closing = true;
        slot.open = false;
        slot.sending = false;
        // Cancels connect, receive and send alike, an untracked send too; afterwards the kernel touches none of the
        // slot's memory, and the cancel's own completion is the last.
        slot.outstanding += 1;
        let builder = match (slot.registered, &slot.fd) {
            (true, _) => types::CancelBuilder::fd(types::Fixed(conn.slot)),
            (false, Some(fd)) => types::CancelBuilder::fd(types::Fd(fd.as_raw_fd())),
            (false, None) => types::CancelBuilder::fd(types::Fd(-1)),
        };
        let entry = opcode::AsyncCancel2::new(builder.all())
            .build()
            .user_data(user_data(Operation::Cancel, conn));
        self.push(&entry);
    }

    #[cfg(test)]
    fn connections(&self) -> usize {
        self.slots.iter().filter(|slot| slot.fd.is_some()).count()
    }

    fn turn(
        &mut self,
        wait: Wait,
        handle: &mut dyn FnMut(Event<'_>, u64) -> Action,
    ) -> io::Result<usize> {
        if let Some(error) = self.refused.take() {
            return Err(error);
        }
        self.enter(wait)?;
        let now_ns = monotonic_ns();
        // Nothing is lost: the kernel holds back what did not fit (NODROP) and hands it over once there is room.
        self.counts.overflows += u64::from(self.ring.submission().cq_overflow());
        let mut completions = std::mem::take(&mut self.completions);
        completions.extend(
            self.ring
                .completion()
                .map(|entry| (entry.user_data(), entry.result(), entry.flags())),
        );
        let mut events = 0;
        for completion in completions.drain(..) {
            events += usize::from(self.complete(completion, now_ns, handle));
        }
        self.completions = completions;
        Ok(events)
    }

    fn counts(&self) -> WireCounts {
        self.counts
    }
}

/// Errors of an enter that pass by themselves: a signal, or completions to be reaped first.
fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EINTR | libc::EBUSY | libc::EAGAIN | libc::ETIME)
    )
}

/// Reads the bell's count away, so that the next ring is seen.
pub(super) fn drain_bell(bell: &OwnedFd) {
    let mut count = [0; 8];
    // An empty bell answers EAGAIN: somebody else's reading is as good as ours.
    let _ = nix::unistd::read(bell, &mut count);
}
