//! A server that misbehaves on request: the path of a request names the script that is played for it. One thread
//! accepts, one thread a connection plays. Neighbours: `answers.rs` holds what the engine should make of each script.
//! Invariant: a request is counted under its path once its last byte has been read, and before anything is answered.

use nix::sys::socket::{Backlog, listen, setsockopt, sockopt};
use std::{
    collections::BTreeMap,
    io::{self, ErrorKind, Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// Between two things that a client should see one after the other.
const BEAT: Duration = Duration::from_millis(10);
/// A connection that says nothing for so long is given up: no test leaves a thread behind for ever.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the server has seen under one path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Requests read in full.
    pub requests: u64,
    /// Connections whose first request had this path.
    pub connections: u64,
    /// Times the client was seen to close while it waited for an answer.
    pub hang_ups: u64,
    /// Times it said something behind an answer.
    pub afterthoughts: u64,
}

type Ledger = Arc<Mutex<BTreeMap<String, Seen>>>;

/// What every connection begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Welcome {
    /// The client speaks first.
    Listen,
    /// It is closed at once.
    Close,
    /// The server speaks before it is asked, as a mail server does.
    Speak,
}

/// The server; dropping it ends its accepting thread.
pub struct ScriptedServer {
    /// Where it listens.
    pub address: SocketAddr,
    ledger: Ledger,
    stop: Arc<AtomicBool>,
}

impl ScriptedServer {
    /// Starts one on a free port.
    pub fn start(welcome: Welcome) -> ScriptedServer {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let (ledger, stop) = (Ledger::default(), Arc::new(AtomicBool::new(false)));
        let (book, ended) = (Arc::clone(&ledger), Arc::clone(&stop));
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                match welcome {
                    Welcome::Close => drop(stream),
                    Welcome::Listen | Welcome::Speak => {
                        let book = Arc::clone(&book);
                        thread::spawn(move || Play::new(stream, book).perform(welcome));
                    }
                }
            }
        });
        ScriptedServer {
            address,
            ledger,
            stop,
        }
    }

    /// What it has seen under this path.
    pub fn seen(&self, path: &str) -> Seen {
        locked(&self.ledger).get(path).copied().unwrap_or_default()
    }
}

impl Drop for ScriptedServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the accepting thread.
        let _ = TcpStream::connect(self.address);
    }
}

/// A listener that never accepts: the kernel makes connections for it, or drops them once its queue is full.
pub struct Deaf {
    /// Where it listens.
    pub address: SocketAddr,
    _listener: TcpListener,
    _filling: Vec<TcpStream>,
}

impl Deaf {
    /// With room in its queue: connections stand, nobody answers.
    pub fn with_room() -> Deaf {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        Deaf {
            address,
            _listener: listener,
            _filling: Vec::new(),
        }
    }

    /// With its queue full: connections do not come about.
    pub fn full() -> Deaf {
        let mut deaf = Deaf::with_room();
        listen(&deaf._listener, Backlog::new(0).expect("0 is a length"))
            .expect("it listens already");
        // A queue of length 0 has room for one.
        while let Ok(stream) = TcpStream::connect_timeout(&deaf.address, 20 * BEAT) {
            deaf._filling.push(stream);
        }
        deaf
    }
}

/// A port where nobody listens: bound, so that nobody else takes it, and never listened on.
pub struct Refusing {
    /// Where it does not listen.
    pub address: SocketAddr,
    _socket: std::os::fd::OwnedFd,
}

impl Refusing {
    /// Takes a free port.
    pub fn new() -> Refusing {
        use nix::sys::socket::{
            AddressFamily, SockFlag, SockType, SockaddrIn, bind, getsockname, socket,
        };
        use std::os::fd::AsRawFd;
        let socket = socket(
            AddressFamily::Inet,
            SockType::Stream,
            SockFlag::SOCK_CLOEXEC,
            None,
        )
        .expect("a socket");
        bind(socket.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, 0)).expect("a free port");
        let name: SockaddrIn = getsockname(socket.as_raw_fd()).expect("it is bound");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, name.port()));
        Refusing {
            address,
            _socket: socket,
        }
    }
}

/// A request as far as scripts look at it.
struct Asked {
    path: String,
    length: usize,
}

/// One connection.
struct Play {
    stream: TcpStream,
    ledger: Ledger,
    /// Bytes read that belong to the next request.
    ahead: Vec<u8>,
    /// Requests served on this connection.
    served: u64,
}

impl Play {
    fn new(stream: TcpStream, ledger: Ledger) -> Play {
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("a time limit");
        stream
            .set_write_timeout(Some(PATIENCE))
            .expect("a time limit");
        stream.set_nodelay(true).expect("a TCP socket");
        Play {
            stream,
            ledger,
            ahead: Vec::new(),
            served: 0,
        }
    }

    /// Serves until a script or the client closes. A client that goes away is no error here.
    fn perform(mut self, welcome: Welcome) {
        if welcome == Welcome::Speak {
            let _ = self.say("220 mail.test ready\r\n");
        }
        while let Ok(Some(asked)) = self.read_head() {
            let path = asked.path.clone();
            if self.served == 0 {
                self.note(&path, |seen| seen.connections += 1);
            }
            match self.play(&asked) {
                Ok(true) => self.served += 1,
                Ok(false) | Err(_) => return,
            }
        }
    }

    fn note(&self, path: &str, change: impl FnOnce(&mut Seen)) {
        change(locked(&self.ledger).entry(path.to_owned()).or_default());
    }

    fn seen(&self, path: &str) -> Seen {
        locked(&self.ledger).get(path).copied().unwrap_or_default()
    }

    fn read_head(&mut self) -> io::Result<Option<Asked>> {
        let end = loop {
            if let Some(at) = self.ahead.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            if !self.read_more()? {
                return Ok(None);
            }
        };
        let head = String::from_utf8_lossy(&self.ahead[..end]).into_owned();
        self.ahead.drain(..end);
        let path = head.split(' ').nth(1).unwrap_or("/").to_owned();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("Content-Length: "))
            .map_or(0, |length| {
                length.parse().expect("the engine writes numbers")
            });
        Ok(Some(Asked { path, length }))
    }

    /// `false` at the end of the stream.
    fn read_more(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 16 * 1024];
        let count = self.stream.read(&mut buffer)?;
        self.ahead.extend_from_slice(&buffer[..count]);
        Ok(count > 0)
    }

    /// Reads the request's body and counts the request.
    fn read_body(&mut self, asked: &Asked) -> io::Result<()> {
        while self.ahead.len() < asked.length {
            if !self.read_more()? {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        self.ahead.drain(..asked.length);
        self.note(&asked.path, |seen| seen.requests += 1);
        Ok(())
    }

    fn say(&mut self, text: &str) -> io::Result<()> {
        self.stream.write_all(text.as_bytes())
    }

    /// Answers and keeps the connection.
    fn answer(&mut self, text: &str) -> io::Result<bool> {
        self.say(text).map(|()| true)
    }

    /// Answers and closes in good order.
    fn last_words(&mut self, text: &str) -> io::Result<bool> {
        self.say(text)?;
        self.hang_up()
    }

    /// Says the text over and over, a beat apart, until the client has had enough.
    fn repeat(&mut self, text: &str, pause: Duration) -> io::Result<bool> {
        loop {
            self.say(text)?;
            thread::sleep(pause);
        }
    }

    /// Closes our side, and the rest once the client has closed its own: no reset takes back what was said.
    fn hang_up(&mut self) -> io::Result<bool> {
        self.stream.shutdown(Shutdown::Write)?;
        while self.read_more()? {
            self.ahead.clear();
        }
        Ok(false)
    }

    /// Closes with a reset.
    fn reset(&mut self) -> io::Result<bool> {
        thread::sleep(BEAT);
        let at_once = nix::libc::linger {
            l_onoff: 1,
            l_linger: 0,
        };
        setsockopt(&self.stream, sockopt::Linger, &at_once)?;
        Ok(false)
    }

    /// Waits until the client closes.
    fn wait_for_hang_up(&mut self, path: &str) -> io::Result<bool> {
        match self.read_more() {
            Ok(true) => Ok(false),
            Ok(false) => {
                self.note(path, |seen| seen.hang_ups += 1);
                Ok(false)
            }
            Err(error) => {
                if error.kind() == ErrorKind::ConnectionReset {
                    self.note(path, |seen| seen.hang_ups += 1);
                }
                Err(error)
            }
        }
    }

    /// Plays the script of this path; whether the connection goes on.
    fn play(&mut self, asked: &Asked) -> io::Result<bool> {
        match asked.path.as_str() {
            "/early-answer" => {
                self.say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nearly")?;
                // Long enough that the answer is there before room for the body is.
                thread::sleep(5 * BEAT);
                self.read_body(asked).map(|()| true)
            }
            "/early-refusal" => self.last_words(
                "HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
            ),
            _ => {
                self.read_body(asked)?;
                self.play_whole(asked)
            }
        }
    }

    fn play_whole(&mut self, asked: &Asked) -> io::Result<bool> {
        const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
        const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        match asked.path.as_str() {
            "/reset-before-head" => self.reset(),
            "/reset-in-head" => {
                self.say("HTTP/1.1 200 OK\r\nContent-Le")?;
                self.reset()
            }
            "/reset-in-body" => {
                self.say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel")?;
                self.reset()
            }
            "/half-close" => self.hang_up(),
            "/close-in-head" => self.last_words("HTTP/1.1 200 OK\r\nContent-Le"),
            "/close-in-body" => {
                self.last_words("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel")
            }
            "/close-in-chunk" => self.last_words(&format!("{CHUNKED}5\r\nhel")),
            "/close-before-last-chunk" => self.last_words(&format!("{CHUNKED}5\r\nhello\r\n")),
            "/until-close" => self.last_words("HTTP/1.1 200 OK\r\n\r\nall there is"),
            "/connection-close" => self.last_words(
                "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
            ),
            "/http-1.0" => self.last_words("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
            "/garbage" => self.answer("\x16\x03\x01 this is no HTTP\r\n\r\n"),
            "/interim" => self.answer(&format!(
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n{OK}"
            )),
            "/interim-storm" => self.repeat("HTTP/1.1 102 Processing\r\n\r\n", Duration::ZERO),
            "/switch" => self.answer("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"),
            "/endless-headers" => {
                self.say("HTTP/1.1 200 OK\r\n")?;
                self.repeat(&"A: b\r\n".repeat(1000), Duration::ZERO)
            }
            "/endless-header-line" => {
                self.say("HTTP/1.1 200 OK\r\nA: ")?;
                self.repeat(&"x".repeat(4096), Duration::ZERO)
            }
            "/endless-chunks" => {
                self.say(CHUNKED)?;
                self.repeat("5\r\nhello\r\n", BEAT / 5)
            }
            "/endless-chunk-line" => {
                self.say(&format!("{CHUNKED}5;"))?;
                self.repeat(&"x".repeat(512), Duration::ZERO)
            }
            "/endless-trailers" => {
                self.say(&format!("{CHUNKED}0\r\n"))?;
                self.repeat(&"A: b\r\n".repeat(100), Duration::ZERO)
            }
            "/chunk-without-size" => self.answer(&format!("{CHUNKED}hello\r\n")),
            "/too-long" => self.answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhello"),
            "/negative-length" => self.answer("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello"),
            "/huge-length" => {
                self.answer("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n")
            }
            "/two-lengths" => self.answer(
                "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
            ),
            "/same-length-twice" => self.answer(
                "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
            ),
            "/length-and-chunks" => self.answer(
                "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            ),
            "/gzip-coding" => {
                self.answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhello")
            }
            "/leftovers" => self.answer(&format!("{OK}{OK}")),
            "/late-leftovers" => {
                self.say(OK)?;
                let so_far = self.seen(&asked.path).afterthoughts;
                wait_for(|| self.seen("/cue").requests > so_far)?;
                self.say(OK)?;
                self.note(&asked.path, |seen| seen.afterthoughts += 1);
                Ok(true)
            }
            "/cue" => {
                let cues = self.seen("/cue").requests;
                wait_for(|| self.seen("/late-leftovers").afterthoughts >= cues)?;
                self.answer(OK)
            }
            "/no-answer" => self.wait_for_hang_up(&asked.path),
            "/half-answer" => {
                self.say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel")?;
                self.wait_for_hang_up(&asked.path)
            }
            "/drip" => {
                // Nobody waits for a third.
                for byte in ["H", "T"] {
                    self.say(byte)?;
                    thread::sleep(Duration::from_secs(1));
                }
                self.wait_for_hang_up(&asked.path)
            }
            "/bytewise" => {
                let text = format!("{CHUNKED}5\r\nhello\r\n0\r\n\r\n");
                for byte in text.chars() {
                    self.say(byte.encode_utf8(&mut [0; 4]))?;
                }
                Ok(true)
            }
            "/trailers" => self.answer(&format!(
                "{CHUNKED}2;a=b\r\nhe\r\n3\r\nllo\r\n0\r\nChecksum: 7\r\nB: c\r\n\r\n"
            )),
            "/no-content" => {
                self.answer("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n")
            }
            "/not-modified" => {
                self.answer("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n")
            }
            "/head" => self.answer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"),
            "/failing" => {
                self.answer("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n")
            }
            // Every second request of a connection meets a close: it was on its way when the server gave up the idle
            // connection.
            "/idle-race" | "/idle-race-reset" if self.served == 0 => self.answer(OK),
            "/idle-race" => self.hang_up(),
            "/idle-race-reset" => self.reset(),
            "/idle-close" => {
                self.say(OK)?;
                self.hang_up()
            }
            _ => self.answer(OK),
        }
    }
}

fn wait_for(come: impl Fn() -> bool) -> io::Result<()> {
    let begun = Instant::now();
    while !come() {
        if begun.elapsed() > PATIENCE {
            return Err(ErrorKind::TimedOut.into());
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

fn locked(ledger: &Ledger) -> MutexGuard<'_, BTreeMap<String, Seen>> {
    ledger
        .lock()
        .expect("no thread panics with the ledger in its hands")
}
