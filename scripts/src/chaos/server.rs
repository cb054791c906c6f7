//! The target of the chaos test: answers, misbehaves as it is told, and counts for itself. A thread accepts, a thread a connection
//! serves. Neighbours: `schedule.rs` says how it behaves, `play.rs` tells it what goes wrong, `oracle.rs` reads its counts.
//! Invariant: a request is counted once its last byte has been read, and before a byte of the answer leaves.

use super::schedule::{Conduct, Habit};
use nix::sys::socket::{setsockopt, sockopt};
use std::{
    collections::HashMap,
    io::{self, Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// Between two looks for a connection that has come.
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// A connection that says nothing for so long is given up.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the port may take to be ours again.
const BACK_WITHIN: Duration = Duration::from_secs(10);

/// What the server has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Requests read to their last byte.
    pub(crate) whole: u64,
    /// Requests of which a byte was read, and not the last one.
    pub(crate) begun: u64,
    /// Connections accepted.
    pub(crate) connections: u64,
}

/// A server; dropping it ends its threads.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

struct Shared {
    conduct: Conduct,
    whole: AtomicU64,
    begun: AtomicU64,
    connections: AtomicU64,
    answers: AtomicU64,
    /// How often it looked for a connection and there was none.
    empty_looks: AtomicU64,
    /// It takes connections.
    is_there: AtomicBool,
    /// Connections made before the last reset are dead to it.
    resets: AtomicU64,
    frozen: Mutex<bool>,
    thawed: Condvar,
    open: Mutex<HashMap<u64, TcpStream>>,
}

impl Server {
    /// Starts one on a free port of an address of its own, so that nobody else takes the port while it is away.
    pub(crate) fn start(conduct: Conduct, own: u16) -> io::Result<Server> {
        let [high, low] = own.to_be_bytes();
        let listener = TcpListener::bind((Ipv4Addr::new(127, 66, high, low), 0))?;
        let shared = Shared {
            conduct,
            whole: AtomicU64::new(0),
            begun: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            answers: AtomicU64::new(0),
            empty_looks: AtomicU64::new(0),
            is_there: AtomicBool::new(false),
            resets: AtomicU64::new(0),
            frozen: Mutex::new(false),
            thawed: Condvar::new(),
            open: Mutex::new(HashMap::new()),
        };
        let mut server = Server {
            address: listener.local_addr()?,
            shared: Arc::new(shared),
            acceptor: None,
        };
        server.listen(listener)?;
        Ok(server)
    }

    fn listen(&mut self, listener: TcpListener) -> io::Result<()> {
        listener.set_nonblocking(true)?;
        self.shared.is_there.store(true, SeqCst);
        let shared = Arc::clone(&self.shared);
        self.acceptor = Some(thread::spawn(move || accept(&shared, &listener)));
        Ok(())
    }

    /// What it has seen so far.
    pub(crate) fn counts(&self) -> Counts {
        Counts {
            whole: self.shared.whole.load(SeqCst),
            begun: self.shared.begun.load(SeqCst),
            connections: self.shared.connections.load(SeqCst),
        }
    }

    /// Waits until every client has gone and all they said is counted; false when that takes too long.
    pub(crate) fn settle(&self, within: Duration) -> bool {
        let begun = Instant::now();
        let looks = || self.shared.empty_looks.load(SeqCst);
        let looks_before = looks();
        while begun.elapsed() < within {
            // The look under way may have been made before the last client came.
            let is_accepted = self.acceptor.is_none() || looks() > looks_before + 1;
            if is_accepted && locked(&self.shared.open).is_empty() {
                return true;
            }
            thread::sleep(LOOK_EVERY);
        }
        false
    }

    /// Resets every connection.
    pub(crate) fn reset_all(&self) {
        let open = locked(&self.shared.open);
        self.shared.resets.fetch_add(1, SeqCst);
        for stream in open.values() {
            // The reset leaves when the serving thread, woken here, drops its end.
            let at_once = nix::libc::linger {
                l_onoff: 1,
                l_linger: 0,
            };
            let _ = setsockopt(stream, sockopt::Linger, &at_once);
            let _ = stream.shutdown(Shutdown::Read);
        }
    }

    /// Says on every connection that nothing more will come, and listens on.
    pub(crate) fn close_halves(&self) {
        for stream in locked(&self.shared.open).values() {
            let _ = stream.shutdown(Shutdown::Write);
        }
    }

    /// Does nothing from now on, or goes on.
    pub(crate) fn freeze(&self, frozen: bool) {
        *locked(&self.shared.frozen) = frozen;
        self.shared.thawed.notify_all();
    }

    /// Is gone, as if killed: the port refuses, connections are reset.
    pub(crate) fn leave(&mut self) {
        self.shared.is_there.store(false, SeqCst);
        self.freeze(false);
        if let Some(acceptor) = self.acceptor.take() {
            // Its end closes the listener. A panic in it shows as refused connections.
            let _ = acceptor.join();
        }
        self.reset_all();
    }

    /// Listens again on the same port.
    pub(crate) fn come_back(&mut self) -> Result<(), String> {
        if self.acceptor.is_some() {
            return Ok(());
        }
        let begun = Instant::now();
        loop {
            match TcpListener::bind(self.address).and_then(|listener| self.listen(listener)) {
                Ok(()) => return Ok(()),
                Err(error) if begun.elapsed() > BACK_WITHIN => {
                    return Err(format!("the server could not come back: {error}"));
                }
                Err(_) => thread::sleep(LOOK_EVERY),
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Shared {
    /// Waits while the server is frozen.
    fn pass(&self) {
        let mut frozen = locked(&self.frozen);
        while *frozen {
            frozen = match self.thawed.wait(frozen) {
                Ok(frozen) => frozen,
                Err(poisoned) => poisoned.into_inner(),
            };
        }
    }
}

fn accept(shared: &Arc<Shared>, listener: &TcpListener) {
    while shared.is_there.load(SeqCst) {
        shared.pass();
        let Ok((stream, _)) = listener.accept() else {
            shared.empty_looks.fetch_add(1, SeqCst);
            thread::sleep(LOOK_EVERY);
            continue;
        };
        let number = shared.connections.fetch_add(1, SeqCst);
        let Ok(known) = stream.try_clone() else {
            continue;
        };
        let mut open = locked(&shared.open);
        let connection = Connection {
            number,
            resets: shared.resets.load(SeqCst),
            stream,
            ahead: Vec::new(),
            shared: Arc::clone(shared),
        };
        open.insert(number, known);
        drop(open);
        thread::spawn(move || connection.serve());
    }
}

/// One connection; what it says last is that it is over.
struct Connection {
    number: u64,
    /// How many resets there had been when it was made.
    resets: u64,
    stream: TcpStream,
    /// Bytes read that belong to the next request.
    ahead: Vec<u8>,
    shared: Arc<Shared>,
}

impl Connection {
    /// Serves until either side closes. A client that goes away is no error here.
    fn serve(mut self) {
        let _ = self.stream.set_nonblocking(false);
        let _ = self.stream.set_nodelay(true);
        let _ = self.stream.set_read_timeout(Some(PATIENCE));
        let _ = self.stream.set_write_timeout(Some(PATIENCE));
        while let Ok(true) = self.serve_one() {}
    }

    /// Reads and answers one request; whether the connection goes on.
    fn serve_one(&mut self) -> io::Result<bool> {
        if !self.read_request()? {
            return Ok(false);
        }
        let (turn, conduct) = (
            self.shared.answers.fetch_add(1, SeqCst),
            self.shared.conduct,
        );
        let (fastest, slowest) = conduct.delay_ms;
        // Any order will do as long as all of them come.
        let delay_ms = fastest + turn.wrapping_mul(7) % (slowest - fastest + 1);
        thread::sleep(Duration::from_millis(delay_ms));
        self.shared.pass();
        if self.is_reset() {
            return Ok(false);
        }
        let is_turn = |every: u64| turn % every == every - 1;
        let (mut status, mut closing, mut cut) = ("200 OK", Closing::Not, false);
        match conduct.habit {
            Habit::Refuses(every) if is_turn(every) => status = "503 Service Unavailable",
            Habit::SaysClose(every) if is_turn(every) => closing = Closing::Said,
            Habit::ClosesIdle(every) if is_turn(every) => closing = Closing::Unsaid,
            Habit::CutsHalf(every) if is_turn(every) => cut = true,
            _ => {}
        }
        let answer = answer(status, conduct, closing == Closing::Said);
        if cut {
            self.stream.write_all(&answer[..answer.len() / 2])?;
            return Ok(false);
        }
        self.stream.write_all(&answer)?;
        Ok(closing == Closing::Not)
    }

    /// Reads one request to its last byte and counts it; false when the client has gone instead.
    fn read_request(&mut self) -> io::Result<bool> {
        let read = self.read_whole();
        if !matches!(read, Ok(true)) && !self.ahead.is_empty() {
            self.shared.begun.fetch_add(1, SeqCst);
        }
        read
    }

    fn read_whole(&mut self) -> io::Result<bool> {
        let head_end = loop {
            if let Some(at) = self.ahead.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            if !self.read_more()? {
                return Ok(false);
            }
        };
        let head = String::from_utf8_lossy(&self.ahead[..head_end]).to_ascii_lowercase();
        let length: usize = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"))
            .and_then(|length| length.trim().parse().ok())
            .unwrap_or(0);
        while self.ahead.len() < head_end + length {
            if !self.read_more()? {
                return Ok(false);
            }
        }
        self.ahead.drain(..head_end + length);
        self.shared.whole.fetch_add(1, SeqCst);
        Ok(true)
    }

    /// Reads what there is; false at the end.
    fn read_more(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 4096];
        let count = self.stream.read(&mut buffer)?;
        self.shared.pass();
        self.ahead.extend_from_slice(&buffer[..count]);
        Ok(count > 0 && !self.is_reset())
    }

    fn is_reset(&self) -> bool {
        self.shared.resets.load(SeqCst) != self.resets
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        locked(&self.shared.open).remove(&self.number);
    }
}

/// What becomes of the connection behind an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Closing {
    Not,
    Said,
    Unsaid,
}

fn answer(status: &str, conduct: Conduct, says_close: bool) -> Vec<u8> {
    let close = if says_close {
        "Connection: close\r\n"
    } else {
        ""
    };
    let body = "x".repeat(conduct.body_bytes);
    let text = match (conduct.is_chunked, body.len()) {
        (true, 0) => {
            format!("HTTP/1.1 {status}\r\n{close}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
        }
        (true, length) => format!(
            "HTTP/1.1 {status}\r\n{close}Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n"
        ),
        (false, length) => {
            format!("HTTP/1.1 {status}\r\n{close}Content-Length: {length}\r\n\r\n{body}")
        }
    };
    text.into_bytes()
}

/// A lock whose holder panicked protects nothing that could be half done.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALM: Conduct = Conduct {
        delay_ms: (0, 0),
        body_bytes: 3,
        is_chunked: false,
        habit: Habit::None,
    };

    fn client(server: &Server) -> TcpStream {
        let stream = TcpStream::connect(server.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    fn ask(stream: &mut TcpStream) -> io::Result<String> {
        stream.write_all(b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nab")?;
        let mut buffer = [0; 4096];
        let count = stream.read(&mut buffer)?;
        Ok(String::from_utf8_lossy(&buffer[..count]).into_owned())
    }

    #[test]
    fn whole_requests_are_counted_and_half_ones_apart() {
        let server = Server::start(CALM, 1).unwrap();
        let (mut first, mut second) = (client(&server), client(&server));
        for _ in 0..3 {
            assert!(ask(&mut first).unwrap().ends_with("\r\n\r\nxxx"));
        }
        second
            .write_all(b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\na")
            .unwrap();
        drop((first, second));
        assert!(server.settle(PATIENCE));
        let counts = server.counts();
        assert_eq!((counts.whole, counts.begun, counts.connections), (3, 1, 2));
    }

    #[test]
    fn a_server_that_leaves_resets_refuses_and_comes_back_on_its_port() {
        let mut server = Server::start(CALM, 2).unwrap();
        let mut stream = client(&server);
        ask(&mut stream).unwrap();
        server.leave();
        let error = stream.read(&mut [0; 8]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        assert!(TcpStream::connect(server.address).is_err());
        server.come_back().unwrap();
        ask(&mut client(&server)).unwrap();
        assert!(server.settle(PATIENCE));
        assert_eq!(server.counts().whole, 2);
    }

    #[test]
    fn a_frozen_server_reads_nothing_until_it_goes_on() {
        let server = Server::start(CALM, 3).unwrap();
        let mut stream = client(&server);
        ask(&mut stream).unwrap();
        server.freeze(true);
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        stream
            .set_read_timeout(Some(Duration::from_millis(50)))
            .unwrap();
        assert!(stream.read(&mut [0; 8]).is_err(), "it answered");
        assert_eq!(server.counts().whole, 1);
        server.freeze(false);
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        assert!(stream.read(&mut [0; 8]).unwrap() > 0);
        assert_eq!(server.counts().whole, 2);
    }
}
