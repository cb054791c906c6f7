//! The listening socket and the token that goes with it. Neighbours: `address.rs` says where, `access.rs` asks for the token, the
//! program opens it before a run begins and shows its address. Invariants: it is open before anything was sent, so that a port that is
//! taken is told in time; the token stands in one line for the person who started the run, and nowhere else.
//!
//! Workers forked later inherit the socket and never accept from it; they end with their supervisor, and so does it.

use crate::address::ListenAddress;
use nix::sys::socket::{setsockopt, sockopt};
use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
};
use subtle::ConstantTimeEq;

/// Bytes that the system keeps for one viewer. A viewer that does not read is left behind after these, and not after megabytes.
const SEND_BUFFER: usize = 256 * 1024;

/// A socket that listens, and who may do what at it.
#[derive(Debug)]
pub struct Door {
    pub(crate) listener: TcpListener,
    pub(crate) address: SocketAddr,
    /// The host's name as it was given, if it was one.
    pub(crate) name: Option<String>,
    pub(crate) token: Token,
}

/// Why nothing listens, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoorError {
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

impl fmt::Display for DoorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for DoorError {}

impl Door {
    /// Listens at this address.
    ///
    /// # Errors
    /// When the port is taken or may not be had, or the host is not this machine.
    pub fn open(asked: &ListenAddress) -> Result<Door, DoorError> {
        let door = || -> io::Result<Door> {
            let listener = bind(&asked.resolve()?)?;
            listener.set_nonblocking(true)?;
            setsockopt(&listener, sockopt::SndBuf, &SEND_BUFFER)?;
            let address = listener.local_addr()?;
            Ok(Door {
                listener,
                address,
                name: asked.name().map(str::to_owned),
                token: Token::new()?,
            })
        };
        door().map_err(|error| refused(asked, &error))
    }

    /// The page's address for whoever sits at this machine, with the token.
    pub fn url(&self) -> String {
        format!("{}#token={}", self.open_url(), self.token.0)
    }

    /// The page's address without the token.
    pub fn open_url(&self) -> String {
        let port = self.address.port();
        match &self.name {
            Some(name) => format!("http://{name}:{port}/"),
            None => format!("http://{}/", SocketAddr::new(self.reached_at(), port)),
        }
    }

    /// Whether only this machine reaches it.
    pub fn is_loopback(&self) -> bool {
        self.address.ip().to_canonical().is_loopback()
    }

    /// An address that leads here: where all of the machine's listen, the one for the machine itself.
    fn reached_at(&self) -> IpAddr {
        match self.address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        }
    }
}

/// Listens at the first of these addresses that this machine has. One that is taken is not passed over: half of those who follow the
/// name would find the other program.
fn bind(addresses: &[SocketAddr]) -> io::Result<TcpListener> {
    let mut failed = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        match TcpListener::bind(address) {
            Ok(listener) => return Ok(listener),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Err(error),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn refused(asked: &ListenAddress, error: &io::Error) -> DoorError {
    let (why, help) = match error.kind() {
        io::ErrorKind::AddrInUse => (
            "another program listens there".to_owned(),
            "name another port, or none for a free one",
        ),
        io::ErrorKind::PermissionDenied => (
            "this user may not listen there".to_owned(),
            "ports from 1024 on need no permission",
        ),
        io::ErrorKind::AddrNotAvailable => (
            "it is no address of this machine".to_owned(),
            "127.0.0.1 is this machine to itself, 0.0.0.0 is all of its addresses",
        ),
        _ => (
            error.to_string(),
            "name an address of this machine, such as 127.0.0.1:8080",
        ),
    };
    DoorError {
        message: format!("the page cannot be served at {asked}: {why}"),
        help: help.to_owned(),
    }
}

/// A secret of 128 random bits, written as 32 hexadecimal digits.
#[derive(Clone)]
pub(crate) struct Token(String);

impl Token {
    fn new() -> io::Result<Token> {
        random_hex::<16>().map(Token)
    }

    /// Whether this is the token; how long that takes says nothing of it.
    pub(crate) fn is(&self, offered: &str) -> bool {
        self.0.as_bytes().ct_eq(offered.as_bytes()).into()
    }
}

/// A secret does not belong into a log.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// So many random bytes of the system, in hexadecimal digits.
pub(crate) fn random_hex<const BYTES: usize>() -> io::Result<String> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(text: &str) -> Result<Door, DoorError> {
        Door::open(&text.parse().expect("a good address"))
    }

    #[test]
    fn a_token_is_known_again_and_never_shown() {
        let token = Token::new().expect("the system has random numbers");
        assert_eq!(token.0.len(), 32);
        assert!(token.is(&token.0.clone()));
        assert!(!token.is(""));
        assert!(!token.is(&token.0[..31]));
        assert!(!token.is(&"0".repeat(32)));
        assert!(!format!("{token:?}").contains(&token.0));
        assert_ne!(token.0, Token::new().expect("as before").0);
    }

    #[test]
    fn the_address_that_is_shown_leads_here() {
        let door = open("127.0.0.1:0").expect("a free port");
        let port = door.address.port();
        assert_ne!(port, 0);
        assert_eq!(door.open_url(), format!("http://127.0.0.1:{port}/"));
        assert_eq!(
            door.url(),
            format!("http://127.0.0.1:{port}/#token={}", door.token.0)
        );
        assert!(door.is_loopback());
        let door = open("0.0.0.0:0").expect("a free port");
        assert!(!door.is_loopback());
        assert!(door.open_url().starts_with("http://127.0.0.1:"));
        let door = open("localhost:0").expect("a free port");
        assert!(door.is_loopback());
        assert!(door.open_url().starts_with("http://localhost:"));
    }

    #[test]
    fn a_port_that_is_taken_is_told_with_a_remedy() {
        let door = open("127.0.0.1:0").expect("a free port");
        let error = open(&door.address.to_string()).expect_err("it is taken");
        assert!(
            error.message.contains("another program listens"),
            "{error:?}"
        );
        assert!(error.help.contains("another port"), "{error:?}");
        let error = open("192.0.2.1:0").expect_err("an address for documents");
        assert!(error.message.contains("no address of this machine"));
    }
}
