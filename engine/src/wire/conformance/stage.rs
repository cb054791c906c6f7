//! What the suite plays on: a driver that turns a wire and keeps what it said, and peers made of plain std sockets in
//! threads of their own. Neighbours: `../conformance.rs` holds the plays. Invariant: nothing waits longer than
//! `LIMIT`, and a play that fails says what it was waiting for.

use crate::{
    clock::monotonic_ns,
    wire::{Action, ConnId, Event, Outgoing, Wait, Wire},
};
use bytes::Bytes;
use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        resource::{Resource, getrlimit, setrlimit},
        socket::{Backlog, listen, setsockopt, sockopt},
    },
};
use std::{
    collections::HashMap,
    net::{SocketAddr, TcpListener, TcpStream},
    os::fd::AsFd,
    thread::JoinHandle,
    time::Duration,
};

/// How long anything may take before it counts as never coming.
pub const LIMIT: Duration = Duration::from_secs(10);

/// An event, with the bytes of `Data` left to the driver's collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    Connected(ConnId),
    ConnectFailed(ConnId, i32),
    Data(ConnId),
    Closed(ConnId, Option<i32>),
    Rung,
}

impl Seen {
    /// The connection it is about.
    pub fn conn(self) -> Option<ConnId> {
        match self {
            Seen::Connected(conn) | Seen::ConnectFailed(conn, _) => Some(conn),
            Seen::Data(conn) | Seen::Closed(conn, _) => Some(conn),
            Seen::Rung => None,
        }
    }
}

/// Turns a wire and keeps all it says.
pub struct Driver<W: Wire> {
    pub wire: W,
    /// Every event so far, in order.
    pub seen: Vec<Seen>,
    received: HashMap<(u32, u32), Vec<u8>>,
    /// What the handler answers to such an event, if not `Keep`.
    pub close_at: Option<fn(&Seen) -> bool>,
}

impl<W: Wire> Driver<W> {
    pub fn new(wire: W) -> Driver<W> {
        Driver {
            wire,
            seen: Vec::new(),
            received: HashMap::new(),
            close_at: None,
        }
    }

    /// One turn; checks what holds for all of them.
    pub fn turn(&mut self, wait: Wait) -> usize {
        let Driver {
            wire,
            seen,
            received,
            close_at,
        } = self;
        let began_ns = monotonic_ns();
        let before = seen.len();
        let count = wire.turn(wait, &mut |event, now_ns| {
            assert!(
                began_ns <= now_ns && now_ns <= monotonic_ns(),
                "stamped within its turn"
            );
            let told = match event {
                Event::Connected(conn) => Seen::Connected(conn),
                Event::ConnectFailed(conn, errno) => Seen::ConnectFailed(conn, errno),
                Event::Closed(conn, errno) => Seen::Closed(conn, errno),
                Event::Rung => Seen::Rung,
                Event::Data(conn, bytes) => {
                    assert!(!bytes.is_empty(), "data without bytes");
                    received
                        .entry((conn.slot, conn.generation))
                        .or_default()
                        .extend_from_slice(bytes);
                    Seen::Data(conn)
                }
            };
            seen.push(told);
            match close_at {
                Some(at) if at(&told) => Action::Close,
                _ => Action::Keep,
            }
        });
        let count = count.expect("the wire turns");
        assert_eq!(
            count,
            seen.len() - before,
            "a turn tells how many events it brought"
        );
        count
    }

    /// Turns until `done`; fails, naming `what`, when that never comes.
    pub fn until(&mut self, what: &str, mut done: impl FnMut(&Driver<W>) -> bool) {
        let limit_ns = monotonic_ns() + LIMIT.as_nanos() as u64;
        while !done(self) {
            let now_ns = monotonic_ns();
            if now_ns > limit_ns {
                let last = &self.seen[self.seen.len().saturating_sub(10)..];
                panic!("waited in vain for: {what}; the last events were {last:?}");
            }
            // Short, because some things are waited for that are no events, like bytes that have left.
            self.turn(Wait::Until {
                deadline_ns: now_ns + 5_000_000,
                spin_ns: 0,
            });
        }
    }

    /// Turns some more, so that what should not come has had its chance.
    pub fn linger(&mut self) {
        for _ in 0..10 {
            let deadline_ns = monotonic_ns() + 2_000_000;
            self.turn(Wait::Until {
                deadline_ns,
                spin_ns: 0,
            });
        }
    }

    /// Connects and waits until it stands.
    pub fn connect(&mut self, address: SocketAddr) -> ConnId {
        let conn = self.wire.connect(address, None).expect("a socket");
        self.until("Connected", |driver| driver.has(Seen::Connected(conn)));
        assert!(
            self.wire.is_open(conn),
            "a connection stands after Connected"
        );
        conn
    }

    /// Connects so many at once and waits until all stand.
    pub fn connect_all(&mut self, count: usize, address: SocketAddr) -> Vec<ConnId> {
        let conns: Vec<ConnId> = (0..count)
            .map(|_| self.wire.connect(address, None).expect("a socket"))
            .collect();
        self.until("all Connected", |driver| {
            conns.iter().all(|conn| driver.wire.is_open(*conn))
        });
        conns
    }

    /// Sends a head without a body.
    pub fn say(&mut self, conn: ConnId, head: &[u8]) {
        self.wire
            .send(conn, Outgoing::Once(head.to_vec()), Bytes::new());
    }

    pub fn has(&self, event: Seen) -> bool {
        self.seen.contains(&event)
    }

    /// How the connection was closed, once it is.
    pub fn closed(&self, conn: ConnId) -> Option<Option<i32>> {
        self.seen.iter().find_map(|seen| match seen {
            Seen::Closed(closed, errno) if *closed == conn => Some(*errno),
            _ => None,
        })
    }

    /// All bytes that came in on a connection.
    pub fn received(&self, conn: ConnId) -> &[u8] {
        self.received
            .get(&(conn.slot, conn.generation))
            .map_or(&[], Vec::as_slice)
    }

    /// Throws away what came in on a connection so far.
    pub fn forget(&mut self, conn: ConnId) {
        self.received.remove(&(conn.slot, conn.generation));
    }

    /// Events about a connection.
    pub fn events_of(&self, conn: ConnId) -> Vec<Seen> {
        self.seen
            .iter()
            .copied()
            .filter(|seen| seen.conn() == Some(conn))
            .collect()
    }
}

/// A listener on a free port of 127.0.0.1, with room for hundreds that nobody has accepted yet.
pub fn listener() -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    // std's queue of 128 overflows when hundreds connect at once, and a dropped SYN comes again after a second.
    listen(&listener, Backlog::new(1024).expect("a queue")).expect("a longer queue");
    listener
}

/// A peer in a thread of its own.
pub struct Peer<T> {
    pub address: SocketAddr,
    thread: JoinHandle<T>,
}

impl<T: Send + 'static> Peer<T> {
    pub fn new(play: impl FnOnce(TcpListener) -> T + Send + 'static) -> Peer<T> {
        Peer::on(listener(), play)
    }

    pub fn on(listener: TcpListener, play: impl FnOnce(TcpListener) -> T + Send + 'static) -> Self {
        let address = listener.local_addr().expect("a bound listener");
        Peer {
            address,
            thread: std::thread::spawn(move || play(listener)),
        }
    }

    /// Waits for its end and takes what it found.
    pub fn join(self) -> T {
        self.thread.join().expect("the peer saw what it should")
    }
}

/// Accepts one connection; its reads and writes are bounded in time too.
pub fn accept(listener: &TcpListener) -> TcpStream {
    let limit = PollTimeout::try_from(LIMIT).expect("ten seconds");
    let mut waiting = [PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
    assert_eq!(poll(&mut waiting, limit), Ok(1), "a connection to accept");
    let (stream, _) = listener.accept().expect("a connection");
    stream.set_read_timeout(Some(LIMIT)).expect("a timeout");
    stream.set_write_timeout(Some(LIMIT)).expect("a timeout");
    stream
}

/// Accepts so many.
pub fn accept_all(listener: &TcpListener, count: usize) -> Vec<TcpStream> {
    (0..count).map(|_| accept(listener)).collect()
}

/// Closes with a reset instead of an end.
pub fn reset(stream: TcpStream) {
    let at_once = libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    setsockopt(&stream, sockopt::Linger, &at_once).expect("SO_LINGER");
    drop(stream);
}

/// Bytes of which each place looks different from its neighbours and from the same place a few kilobytes away.
pub fn pattern(bytes: usize) -> Vec<u8> {
    (0..bytes)
        .map(|place| (place % 251) as u8 ^ (place >> 12) as u8)
        .collect()
}

/// As many descriptors as may be had: both ends of hundreds of connections are in this one process.
pub fn raise_descriptor_limit() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("the limit");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("raising the soft limit to the hard one");
}
