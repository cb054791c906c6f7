//! The address to listen on, as people write it. Neighbours: `door.rs` binds it, `access.rs` knows its name again in a `Host` header.
//! Invariant: nothing is looked up here, and what is not an address is said with how one is written.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    str::FromStr,
};

/// Where to listen: a host and a port; port 0 takes a free one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenAddress {
    host: Host,
    port: u16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Ip(IpAddr),
    Name(String),
}

impl Default for ListenAddress {
    /// A free port that only this machine reaches.
    fn default() -> ListenAddress {
        ListenAddress {
            host: Host::Ip(Ipv4Addr::LOCALHOST.into()),
            port: 0,
        }
    }
}

impl ListenAddress {
    /// The host's name, if it is one.
    pub(crate) fn name(&self) -> Option<&str> {
        match &self.host {
            Host::Ip(_) => None,
            Host::Name(name) => Some(name),
        }
    }

    /// The addresses of this machine that it stands for.
    pub(crate) fn resolve(&self) -> std::io::Result<Vec<SocketAddr>> {
        match &self.host {
            Host::Ip(ip) => Ok(vec![SocketAddr::new(*ip, self.port)]),
            Host::Name(name) => {
                let found = std::net::ToSocketAddrs::to_socket_addrs(&(name.as_str(), self.port))?;
                Ok(found.collect())
            }
        }
    }
}

/// That a text is no address to listen on; its words say how one is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoAddress;

impl fmt::Display for NoAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("is not an address to listen on, such as 8080, 127.0.0.1:8080 or [::1]:8080")
    }
}

impl FromStr for ListenAddress {
    type Err = NoAddress;

    /// Reads `8080`, `:8080`, `127.0.0.1`, `127.0.0.1:8080`, `[::1]:8080`, `::1`, `localhost:8080` or `generator-1:8080`. A name
    /// needs its port: a word alone is more likely to be something else that was typed in the wrong place.
    fn from_str(text: &str) -> Result<ListenAddress, NoAddress> {
        let bare = text.strip_prefix(':').unwrap_or(text);
        if let Some(port) = port(bare) {
            return Ok(ListenAddress {
                port,
                ..ListenAddress::default()
            });
        }
        let without_brackets = text
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        if let Ok(ip) = without_brackets.unwrap_or(text).parse() {
            let host = Host::Ip(ip);
            return Ok(ListenAddress { host, port: 0 });
        }
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(ListenAddress {
                host: Host::Ip(address.ip()),
                port: address.port(),
            });
        }
        if text == "localhost" {
            return Ok(ListenAddress::default());
        }
        let (name, digits) = text.rsplit_once(':').ok_or(NoAddress)?;
        let port = port(digits).ok_or(NoAddress)?;
        if !is_name(name) {
            return Err(NoAddress);
        }
        let host = Host::Name(name.to_ascii_lowercase());
        Ok(ListenAddress { host, port })
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Ip(ip) => SocketAddr::new(*ip, self.port).fmt(f),
            Host::Name(name) => write!(f, "{name}:{}", self.port),
        }
    }
}

fn port(text: &str) -> Option<u16> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

/// Whether it could be a host's name: letters, digits, hyphens and dots, and not digits and dots alone, which would be an address
/// with a mistake in it.
fn is_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    let all_fit = text.bytes().all(fits);
    let letter = text.bytes().any(|byte| byte.is_ascii_alphabetic());
    all_fit && letter && !text.starts_with(['-', '.'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_people_write_it() {
        for (typed, read) in [
            ("8080", "127.0.0.1:8080"),
            (":8080", "127.0.0.1:8080"),
            ("0", "127.0.0.1:0"),
            ("127.0.0.1", "127.0.0.1:0"),
            ("127.0.0.1:8080", "127.0.0.1:8080"),
            ("0.0.0.0:8080", "0.0.0.0:8080"),
            ("[::1]:8080", "[::1]:8080"),
            ("[::1]", "[::1]:0"),
            ("::1", "[::1]:0"),
            ("localhost", "127.0.0.1:0"),
            ("localhost:8080", "localhost:8080"),
            ("Generator-1.lab:8080", "generator-1.lab:8080"),
        ] {
            let address: ListenAddress = typed.parse().expect(typed);
            assert_eq!(address.to_string(), read, "{typed}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for typed in [
            "",
            ":",
            "shop.toml",
            "70000",
            "-1",
            "127.0.0.1:",
            "127.0.0.1:70000",
            "127.0.0.999:80",
            "http://127.0.0.1:8080",
            "[::1",
            "[::1]:x",
            "a b:80",
            "127.0.0.1:80:80",
        ] {
            assert_eq!(typed.parse::<ListenAddress>(), Err(NoAddress), "{typed}");
        }
    }
}
