//! Which of this machine's addresses connections are made from: lists as people write them. Neighbours: `intent.rs`.
//! Invariant: every address given out is one that this machine can connect from.

use crate::complaint::Complaint;
use std::{
    net::{IpAddr, Ipv4Addr, UdpSocket},
    ops::RangeInclusive,
};

/// The most addresses a list may name: some 65 million connections to one target.
const MOST: usize = 2_400;

/// Reads `--source-ip`'s list, such as `127.0.0.2,127.0.0.10-127.0.0.20`, and tries each address.
///
/// # Errors
/// When an entry is no address and no range of IPv4 addresses, or is not this machine's.
pub fn choose(text: &str) -> Result<Vec<IpAddr>, Complaint> {
    let addresses = parse_list(text).map_err(|why| {
        Complaint::new(
            format!("--source-ip {text}: {why}"),
            "write addresses and ranges, such as --source-ip 127.0.0.2-127.0.0.9,10.0.0.5",
        )
    })?;
    // Binding is the kernel's own answer to whether an address is ours; nothing is sent.
    let foreign = addresses
        .iter()
        .find(|address| UdpSocket::bind((**address, 0)).is_err());
    match foreign {
        None => Ok(addresses),
        Some(address) => Err(Complaint::new(
            format!("--source-ip {text}: {address} is not an address of this machine"),
            format!("take one that `ip address` shows, or add it: ip address add {address} dev lo"),
        )),
    }
}

fn parse_list(text: &str) -> Result<Vec<IpAddr>, String> {
    let mut addresses = Vec::new();
    for entry in text.split(',').map(str::trim) {
        match entry.split_once('-') {
            Some((from, to)) => {
                addresses.extend(range(entry, from, to)?.map(|bits| IpAddr::V4(bits.into())));
            }
            None => {
                addresses.push(
                    entry
                        .parse()
                        .map_err(|_| format!("{entry:?} is not an address"))?,
                );
            }
        }
        if addresses.len() > MOST {
            return Err(format!("it names more than {MOST} addresses"));
        }
    }
    Ok(addresses)
}

fn range(entry: &str, from: &str, to: &str) -> Result<RangeInclusive<u32>, String> {
    let end = |word: &str| word.trim().parse::<Ipv4Addr>().map(u32::from);
    let (Ok(from), Ok(to)) = (end(from), end(to)) else {
        return Err(format!("{entry:?} is not a range of IPv4 addresses"));
    };
    if from > to {
        return Err(format!("the range {entry:?} runs backwards"));
    }
    if (to - from) as usize >= MOST {
        return Err(format!(
            "the range {entry:?} names more than {MOST} addresses"
        ));
    }
    Ok(from..=to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_ranges_are_read_in_order() {
        let read = parse_list("127.0.0.9, 127.0.0.254-127.0.1.1,::1").expect("a good list");
        let words: Vec<String> = read.iter().map(ToString::to_string).collect();
        let want = [
            "127.0.0.9",
            "127.0.0.254",
            "127.0.0.255",
            "127.0.1.0",
            "127.0.1.1",
            "::1",
        ];
        assert_eq!(words, want);
    }

    #[test]
    fn what_is_no_list_is_told_by_its_entry() {
        for (text, word) in [
            ("127.0.0", "not an address"),
            ("", "not an address"),
            ("127.0.0.9-127.0.0.2", "backwards"),
            ("::1-::5", "range of IPv4"),
            ("10.0.0.0-10.255.255.255", "more than"),
        ] {
            let why = parse_list(text).expect_err(text);
            assert!(why.contains(word), "{why} for {text}");
        }
    }

    #[test]
    fn an_address_of_another_machine_is_refused_with_a_remedy() {
        // TEST-NET-1 (RFC 5737) is nobody's.
        let told = choose("127.0.0.1,192.0.2.1")
            .expect_err("it is not ours")
            .to_string();
        assert!(
            told.contains("192.0.2.1 is not an address of this machine"),
            "{told}"
        );
        assert!(choose("127.0.0.2").is_ok());
    }
}
