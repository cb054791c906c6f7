//! Names to addresses, once, before the fork: workers never look a name up. Neighbours: `commands/run.rs` calls it,
//! `intent.rs` reads `--resolve`. Invariant: every origin gets at least one address, in the order the system prefers.

use crate::{complaint::Complaint, mask::Mask};
use loadforge_scenarios::Origin;
use std::{
    fmt, io,
    net::{IpAddr, SocketAddr, ToSocketAddrs, UdpSocket},
    time::{Duration, Instant},
};

/// One `--resolve HOST:PORT:ADDR`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// The name, without brackets.
    pub host: String,
    /// The port it holds for.
    pub port: u16,
    /// Where to go instead of asking.
    pub address: IpAddr,
}

impl Override {
    /// Reads `HOST:PORT:ADDR`; IPv6 addresses may stand in brackets.
    ///
    /// # Errors
    /// When it has another shape.
    pub fn parse(text: &str) -> Result<Override, Complaint> {
        let bad = |what: &str| {
            Complaint::new(
                format!("--resolve {text}: {what}"),
                "write it as HOST:PORT:ADDR, such as --resolve shop.test:80:10.0.0.7 or shop.test:80:[2001:db8::7]",
            )
        };
        let after_host = match text.strip_prefix('[') {
            Some(rest) => rest.split_once("]:"),
            None => text.split_once(':'),
        };
        let (host, rest) = after_host
            .filter(|(host, _)| !host.is_empty())
            .ok_or_else(|| bad("there is no host"))?;
        let (port, address) = rest
            .split_once(':')
            .ok_or_else(|| bad("there is no address"))?;
        let port = port
            .parse()
            .ok()
            .filter(|port| *port > 0)
            .ok_or_else(|| bad("the port is not one of 1 to 65535"))?;
        let address = address
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .unwrap_or(address);
        let address = address
            .parse()
            .map_err(|_| bad("the address is neither IPv4 nor IPv6"))?;
        Ok(Override {
            host: host.to_owned(),
            port,
            address,
        })
    }

    /// Reads what was typed after each `--resolve`; one that is wrong, or that no request to the `origins` needs, is complained of.
    pub fn read_all(
        typed: &[String],
        origins: Option<&[Origin]>,
        mask: &Mask,
        complaints: &mut Vec<Complaint>,
    ) -> Vec<Override> {
        let mut overrides = Vec::new();
        for text in typed {
            match Override::parse(text) {
                Ok(read) => overrides.push(read),
                Err(complaint) => complaints.push(complaint),
            }
        }
        let Some(origins) = origins else {
            return overrides;
        };
        for unused in overrides
            .iter()
            .filter(|known| !origins.iter().any(|o| known.fits(o)))
        {
            let origins: Vec<String> = origins
                .iter()
                .map(|origin| mask.apply(&origin.to_string()))
                .collect();
            complaints.push(Complaint::new(
                format!(
                    "--resolve {}:{} is for a host and port that no request goes to",
                    unused.host, unused.port
                ),
                format!(
                    "requests go to {}; write its host and port",
                    origins.join(", ")
                ),
            ));
        }
        overrides
    }

    /// Whether it holds for this origin.
    pub fn fits(&self, origin: &Origin) -> bool {
        self.port == origin.port && self.host.eq_ignore_ascii_case(&origin.host)
    }
}

/// Where all origins are.
#[derive(Debug)]
pub struct Resolved {
    /// The addresses of each origin, in the order of the origins.
    pub addresses: Vec<Vec<SocketAddr>>,
    /// What the look-ups took; `None` when there was no name to look up.
    pub took: Option<Duration>,
}

impl Resolved {
    /// Whether the load stays on this machine, so that target and generator share its CPUs.
    pub fn is_local(&self) -> bool {
        self.addresses
            .iter()
            .flatten()
            .any(|address| is_own_address(address.ip()))
    }
}

/// Names that lead nowhere.
#[derive(Debug)]
pub struct ResolveError(Vec<(Origin, io::Error)>);

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (origin, error)) in self.0.iter().enumerate() {
            let complaint = Complaint::new(
                format!("the name {} cannot be resolved: {error}", origin.host),
                format!(
                    "check its spelling and your DNS, or name the address yourself: --resolve {}:{}:ADDR",
                    origin.host, origin.port
                ),
            );
            write!(f, "{}{complaint}", if index > 0 { "\n\n" } else { "" })?;
        }
        Ok(())
    }
}

/// Finds the addresses of all origins; names that have an override are not looked up.
///
/// # Errors
/// When a name leads nowhere; all such names are told.
pub fn resolve(origins: &[Origin], overrides: &[Override]) -> Result<Resolved, ResolveError> {
    let begun = Instant::now();
    let mut looked_up = false;
    let mut addresses = Vec::with_capacity(origins.len());
    let mut failures = Vec::new();
    for origin in origins {
        let given: Vec<SocketAddr> = overrides
            .iter()
            .filter(|known| known.fits(origin))
            .map(|known| SocketAddr::new(known.address, origin.port))
            .collect();
        if !given.is_empty() {
            addresses.push(given);
            continue;
        }
        looked_up |= origin.host.parse::<IpAddr>().is_err();
        match look_up(origin) {
            Ok(found) => addresses.push(found),
            Err(error) => failures.push((origin.clone(), error)),
        }
    }
    if !failures.is_empty() {
        return Err(ResolveError(failures));
    }
    Ok(Resolved {
        addresses,
        took: looked_up.then(|| begun.elapsed()),
    })
}

fn look_up(origin: &Origin) -> io::Result<Vec<SocketAddr>> {
    let mut found: Vec<SocketAddr> = Vec::new();
    for address in (origin.host.as_str(), origin.port).to_socket_addrs()? {
        if !found.contains(&address) {
            found.push(address);
        }
    }
    if found.is_empty() {
        return Err(io::Error::other("it has no address"));
    }
    Ok(found)
}

/// Whether the address is one of this machine's own: only those can be bound.
fn is_own_address(address: IpAddr) -> bool {
    address.is_loopback() || UdpSocket::bind((address, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use loadforge_scenarios::Scheme;

    fn origin(host: &str, port: u16) -> Origin {
        Origin {
            scheme: Scheme::Http,
            host: host.into(),
            port,
        }
    }

    #[test]
    fn overrides_are_read_with_ipv4_and_ipv6() {
        let read =
            |text| Override::parse(text).map(|o| format!("{} {} {}", o.host, o.port, o.address));
        assert_eq!(
            read("a.test:80:10.0.0.7").as_deref(),
            Ok("a.test 80 10.0.0.7")
        );
        assert_eq!(read("a.test:80:[::1]").as_deref(), Ok("a.test 80 ::1"));
        assert_eq!(read("a.test:80:::1").as_deref(), Ok("a.test 80 ::1"));
        assert_eq!(read("[::2]:80:::1").as_deref(), Ok("::2 80 ::1"));
        for text in [
            "",
            "a.test",
            "a.test:80",
            ":80:::1",
            "a.test:0:::1",
            "a.test:x:::1",
            "a.test:80:b.test",
        ] {
            assert!(Override::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_override_is_taken_for_its_own_name_and_port_alone() {
        let known =
            Override::parse("no-such-name.invalid:8080:127.0.0.9").expect("it is well-formed");
        let found = resolve(
            &[origin("NO-such-name.invalid", 8080), origin("::1", 80)],
            &[known],
        )
        .expect("nothing needs looking up");
        let all: Vec<String> = found
            .addresses
            .iter()
            .flatten()
            .map(ToString::to_string)
            .collect();
        assert_eq!(all, ["127.0.0.9:8080", "[::1]:80"]);
        assert_eq!(found.took, None, "there was no name to look up");
        assert!(found.is_local());
    }

    #[test]
    fn an_address_of_nobody_here_is_not_local() {
        // 192.0.2.0/24 is set aside for documentation (RFC 5737).
        let found = resolve(&[origin("192.0.2.1", 80)], &[]).expect("an address needs no look-up");
        assert!(!found.is_local());
    }
}
