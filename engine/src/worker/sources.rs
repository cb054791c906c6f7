//! Which of this machine's addresses the next connection is made from. Neighbours: `exchange.rs` asks before it
//! connects. Invariant: every address of the right family is used as often as any other.

use std::net::{IpAddr, SocketAddr};

/// Source addresses, in turn.
pub struct Sources {
    addresses: Vec<IpAddr>,
    next: usize,
}

impl Sources {
    /// These addresses; none leaves the choice to the kernel.
    pub fn new(addresses: Vec<IpAddr>) -> Sources {
        Sources { addresses, next: 0 }
    }

    /// The address to connect to `target` from, its port left to the kernel; `None` leaves all to the kernel.
    pub fn next_for(&mut self, target: SocketAddr) -> Option<SocketAddr> {
        for _ in 0..self.addresses.len() {
            let address = self.addresses[self.next];
            self.next = (self.next + 1) % self.addresses.len();
            if address.is_ipv4() == target.is_ipv4() {
                return Some(SocketAddr::new(address, 0));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn addresses_of_the_right_family_take_turns() {
        let mut sources = Sources::new(vec![ip("127.0.0.2"), ip("::1"), ip("127.0.0.3")]);
        let target = SocketAddr::new(ip("127.0.0.1"), 80);
        let drawn: Vec<IpAddr> = (0..4)
            .filter_map(|_| sources.next_for(target))
            .map(|source| source.ip())
            .collect();
        let (second, third) = (ip("127.0.0.2"), ip("127.0.0.3"));
        assert_eq!(drawn, [second, third, second, third]);
    }

    #[test]
    fn without_an_address_of_the_family_the_kernel_chooses() {
        let mut sources = Sources::new(vec![ip("::1")]);
        assert_eq!(sources.next_for(SocketAddr::new(ip("127.0.0.1"), 80)), None);
        assert_eq!(
            Sources::new(Vec::new()).next_for(SocketAddr::new(ip("::1"), 80)),
            None
        );
    }
}
