//! One connection to each origin before anything is started, so that a target that is not there is said at once and in
//! words, not by a report full of errors. Neighbours: `commands/run.rs` calls it unless `--no-preflight` was given.
//! Invariant: no request is sent; the connection is closed at once.

use crate::complaint::Complaint;
use loadforge_scenarios::Origin;
use std::{
    fmt, io,
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// How long one address may take to accept a connection.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);

/// Origins that nobody answers at.
#[derive(Debug)]
pub struct PreflightError(Vec<(Origin, Vec<(SocketAddr, io::Error)>)>);

impl fmt::Display for PreflightError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (origin, tries)) in self.0.iter().enumerate() {
            let said: Vec<String> = tries
                .iter()
                .map(|(address, error)| format!("{address}: {}", words(error)))
                .collect();
            let remedy = tries
                .last()
                .map_or("check the address", |(_, error)| remedy(error));
            let complaint = Complaint::new(
                format!("no connection to {origin} ({})", said.join("; ")),
                format!("{remedy}; --no-preflight runs without asking first"),
            );
            write!(f, "{}{complaint}", if index > 0 { "\n\n" } else { "" })?;
        }
        Ok(())
    }
}

/// Tries each origin's addresses until one accepts a connection.
///
/// # Errors
/// When an origin has no address that does; all such origins are told.
pub fn preflight(origins: &[Origin], addresses: &[Vec<SocketAddr>]) -> Result<(), PreflightError> {
    let mut silent = Vec::new();
    for (origin, addresses) in origins.iter().zip(addresses) {
        let mut tries = Vec::new();
        let reached = addresses.iter().any(|address| {
            TcpStream::connect_timeout(address, CONNECT_LIMIT)
                .map_err(|error| tries.push((*address, error)))
                .is_ok()
        });
        if !reached {
            silent.push((origin.clone(), tries));
        }
    }
    if silent.is_empty() {
        Ok(())
    } else {
        Err(PreflightError(silent))
    }
}

fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".into(),
        io::ErrorKind::TimedOut => format!("no answer within {CONNECT_LIMIT:?}"),
        io::ErrorKind::NetworkUnreachable => "network unreachable".into(),
        io::ErrorKind::HostUnreachable => "host unreachable".into(),
        _ => error.to_string(),
    }
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            "is the server running, and on this port? start it or correct the address"
        }
        io::ErrorKind::TimedOut => "check the address and any firewall between here and there",
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable => {
            "check this machine's network and routes (an IPv6 address needs IPv6)"
        }
        _ => "check the address",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use loadforge_scenarios::Scheme;
    use std::net::{Ipv4Addr, TcpListener};

    fn origin(address: SocketAddr) -> Origin {
        Origin {
            scheme: Scheme::Http,
            host: address.ip().to_string(),
            port: address.port(),
        }
    }

    /// An address that refuses: it was free a moment ago.
    fn refusing() -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        listener.local_addr().expect("it is bound")
    }

    #[test]
    fn one_address_that_answers_is_enough() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        preflight(&[origin(address)], &[vec![refusing(), address]]).expect("the second answers");
    }

    #[test]
    fn every_origin_that_refuses_is_named_with_a_remedy() {
        let (first, second) = (refusing(), refusing());
        let error = preflight(
            &[origin(first), origin(second)],
            &[vec![first], vec![second]],
        )
        .expect_err("nobody listens");
        let said = error.to_string();
        for word in [
            &first.to_string(),
            &second.to_string(),
            "connection refused",
            "--no-preflight",
        ] {
            assert!(said.contains(word), "{word} in {said}");
        }
    }
}
