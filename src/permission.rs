//! Whether load may be put on an address: on this machine and in private networks always, anywhere else only when the user says that
//! it may. Neighbours: `resolve.rs` finds the addresses, `commands/run.rs` and `commands/rehearse.rs` ask before anything is sent.
//! Invariants: whatever sends has asked; a name is judged by every address that it leads to.

use crate::{
    amounts::time_words,
    complaint::{CommandError, Complaint},
    load::Load,
    mask::Mask,
    resolve::Override,
};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use loadforge_scenarios::Origin;
use std::{
    io::{self, BufRead, IsTerminal},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

/// The environment variable with hosts that may be loaded, commas between them.
pub const ALLOW_VARIABLE: &str = "LOADFORGE_ALLOW";

/// Networks that need no permission in IPv4: what is in them is this machine or stands behind the same router.
const NEAR_V4: [Ipv4Net; 7] = [
    v4([0, 0, 0, 0], 32), // "this host" (RFC 1122): Linux connects it to the loopback
    v4([10, 0, 0, 0], 8), // private (RFC 1918)
    v4([100, 64, 0, 0], 10), // carrier-grade NAT (RFC 6598), also overlay networks of clouds
    v4([127, 0, 0, 0], 8), // loopback (RFC 1122)
    v4([169, 254, 0, 0], 16), // link-local (RFC 3927)
    v4([172, 16, 0, 0], 12), // private (RFC 1918)
    v4([192, 168, 0, 0], 16), // private (RFC 1918)
];

/// The same in IPv6.
const NEAR_V6: [Ipv6Net; 4] = [
    v6(0, 0, 128),     // unspecified: Linux connects it to the loopback
    v6(0, 1, 128),     // loopback (RFC 4291)
    v6(0xfc00, 0, 7),  // unique local (RFC 4193)
    v6(0xfe80, 0, 10), // link-local (RFC 4291)
];

const fn v4(address: [u8; 4], prefix: u8) -> Ipv4Net {
    let [a, b, c, d] = address;
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(first: u16, last: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(first, 0, 0, 0, 0, 0, 0, last), prefix)
}

/// Whether an address may be somebody else's. An IPv4 address is the same in IPv6's clothes (`::ffff:a.b.c.d`).
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => !NEAR_V4.iter().any(|near| near.contains(&address)),
        IpAddr::V6(address) => !NEAR_V6.iter().any(|near| near.contains(&address)),
    }
}

/// What the user said about public addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permission {
    /// Whether everything may be loaded: `--yes`.
    yes: bool,
    allowed: Vec<Allowed>,
}

/// One entry of an allow-list.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Allowed {
    /// A host by its name, in small letters.
    Host(String),
    /// Every name that ends like this, the dot included: `*.test.example`.
    Below(String),
    /// A network, or a single address.
    Net(IpNet),
}

impl Allowed {
    /// Reads an entry.
    ///
    /// # Errors
    /// When it is none, in words.
    fn parse(text: &str) -> Result<Allowed, &'static str> {
        let bare = text
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .unwrap_or(text);
        if let Ok(address) = bare.parse::<IpAddr>() {
            return Ok(Allowed::Net(address.to_canonical().into()));
        }
        if let Ok(net) = bare.parse() {
            return Ok(Allowed::Net(net));
        }
        if text == "*" {
            return Err("it would allow every host there is; --yes does that for one run");
        }
        let (below, name) = match text.strip_prefix("*.") {
            Some(name) => (true, name),
            None => (false, text),
        };
        let name = same_name(name);
        if name.is_empty() || name.contains(|c: char| c.is_whitespace() || "*/:[],".contains(c)) {
            return Err("it is neither a host, nor *.DOMAIN, nor an address or a network");
        }
        Ok(match below {
            true => Allowed::Below(format!(".{name}")),
            false => Allowed::Host(name),
        })
    }

    fn names(&self, host: &str) -> bool {
        match self {
            Allowed::Host(name) => host == name,
            Allowed::Below(end) => host.len() > end.len() && host.ends_with(end.as_str()),
            Allowed::Net(_) => false,
        }
    }

    fn holds(&self, address: IpAddr) -> bool {
        matches!(self, Allowed::Net(net) if net.contains(&address.to_canonical()))
    }
}

/// A host name as it is compared: in small letters, without the dot of the root.
fn same_name(host: &str) -> String {
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

/// An origin at public addresses that nobody has allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stranger {
    origin: Origin,
    /// The public addresses alone.
    addresses: Vec<IpAddr>,
    /// Whether the user named the addresses by `--resolve`, or instead of a name.
    by_address: bool,
}

impl Permission {
    /// Reads what was typed after `--allow` and what the environment holds; what is no entry is complained of.
    pub fn read(
        yes: bool,
        typed: &[String],
        environment: Option<&str>,
        complaints: &mut Vec<Complaint>,
    ) -> Permission {
        let mut allowed = Vec::new();
        let mut take = |source: &str, text: &str| {
            match Allowed::parse(text) {
            Ok(entry) => allowed.push(entry),
            Err(why) => complaints.push(Complaint::new(
                format!("{source} {text}: {why}"),
                "name a host (shop.example.com), all hosts of a domain (*.test.example), an address or a network (203.0.113.0/24), \
                 without scheme and port",
            )),
        }
        };
        for text in typed {
            take("--allow", text.trim());
        }
        let listed = environment.unwrap_or_default().split(',').map(str::trim);
        for text in listed.filter(|text| !text.is_empty()) {
            take(ALLOW_VARIABLE, text);
        }
        Permission { yes, allowed }
    }

    /// Origins that may be somebody else's and are not in the list. What `--resolve` names is judged by its address alone: an entry
    /// with a name speaks of where the name leads, not of where somebody else says that it does.
    fn strangers(
        &self,
        origins: &[Origin],
        addresses: &[Vec<SocketAddr>],
        overrides: &[Override],
    ) -> Vec<Stranger> {
        let mut strangers = Vec::new();
        for (origin, addresses) in origins.iter().zip(addresses) {
            let is_overridden = overrides.iter().any(|known| known.fits(origin));
            let host = same_name(&origin.host);
            if !is_overridden && self.allowed.iter().any(|entry| entry.names(&host)) {
                continue;
            }
            let mut public: Vec<IpAddr> = addresses.iter().map(SocketAddr::ip).collect();
            public.retain(|address| {
                is_public(*address) && !self.allowed.iter().any(|entry| entry.holds(*address))
            });
            if !public.is_empty() {
                strangers.push(Stranger {
                    origin: origin.clone(),
                    by_address: is_overridden || origin.host.parse::<IpAddr>().is_ok(),
                    addresses: public,
                });
            }
        }
        strangers
    }

    /// Asks whether `what` may be sent to these origins; nothing may be sent before. Gives a note for the report when only `--yes`
    /// allowed it. Whoever sits at a terminal is asked there.
    ///
    /// # Errors
    /// When an origin may be somebody else's and nobody has said that it may be loaded; all such origins are told.
    pub fn ask(
        &self,
        origins: &[Origin],
        addresses: &[Vec<SocketAddr>],
        overrides: &[Override],
        what: &str,
        mask: &Mask,
    ) -> Result<Option<String>, CommandError> {
        let strangers = self.strangers(origins, addresses, overrides);
        if strangers.is_empty() {
            return Ok(None);
        }
        let told: Vec<String> = strangers.iter().map(Stranger::words).collect();
        let told = mask.apply(&told.join("; "));
        if self.yes {
            return Ok(Some(format!("{told}: loaded because of --yes")));
        }
        if io::stdin().is_terminal() && io::stderr().is_terminal() && is_yes(&told, what) {
            return Ok(Some(format!(
                "{told}: loaded because the question was answered with yes"
            )));
        }
        let entries: Vec<String> = strangers.iter().flat_map(Stranger::entries).collect();
        let complaint = Complaint::new(
            format!(
                "{told}, which may be somebody else's: {what} would go there; nothing was sent"
            ),
            format!(
                "if you may test it, say so: --yes for this run, or {}, {ALLOW_VARIABLE}={} in the environment, allow = [\"{}\"] in the \
                 file of run --config",
                entries
                    .iter()
                    .map(|entry| format!("--allow {entry}"))
                    .collect::<Vec<_>>()
                    .join(" "),
                entries.join(","),
                entries.join("\", \""),
            ),
        );
        Err(CommandError::bad_input(mask.apply(&complaint.to_string())))
    }
}

impl Stranger {
    fn words(&self) -> String {
        let addresses: Vec<String> = self.addresses.iter().map(ToString::to_string).collect();
        let kind = match addresses.len() {
            1 => "a public address",
            _ => "public addresses",
        };
        format!("{} is at {}, {kind}", self.origin, addresses.join(", "))
    }

    /// What an allow-list has to hold for it.
    fn entries(&self) -> Vec<String> {
        match self.by_address {
            true => self.addresses.iter().map(ToString::to_string).collect(),
            false => vec![same_name(&self.origin.host)],
        }
    }
}

/// Asks the person at the terminal; anything but yes is no.
fn is_yes(told: &str, what: &str) -> bool {
    say!("warning: {told}, which may be somebody else's: {what} would go there");
    crate::say::text("May it be tested? [y/N] ");
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

/// What a run would send, in words.
pub fn run_words(load: &Load) -> String {
    let most = load
        .max_requests
        .map_or_else(String::new, |most| format!(", at most {most} requests"));
    format!("{} for {}{most}", load.words(), time_words(load.duration))
}

#[cfg(test)]
mod tests {
    use super::*;
    use loadforge_scenarios::Scheme;

    #[test]
    fn an_address_is_public_unless_it_is_on_this_machine_or_behind_the_same_router() {
        for (near, addresses) in [
            (
                true,
                "127.0.0.1 127.255.0.9 0.0.0.0 10.0.0.7 172.16.0.1 172.31.255.255 192.168.1.1 169.254.169.254 100.64.0.1 \
                 100.127.255.255 ::1 :: fe80::1 febf::1 fc00::1 fdff::1 ::ffff:127.0.0.1 ::ffff:10.1.2.3",
            ),
            (
                false,
                "8.8.8.8 126.255.255.255 128.0.0.1 0.0.0.1 9.255.255.255 11.0.0.0 172.15.255.255 172.32.0.0 192.167.255.255 \
                 192.169.0.0 169.253.255.255 169.255.0.0 100.63.255.255 100.128.0.0 192.0.2.1 198.51.100.1 203.0.113.7 \
                 255.255.255.255 224.0.0.1 2001:db8::1 ::2 fbff::1 fe00::1 fec0::1 ff02::1 ::ffff:203.0.113.7 ::ffff:8.8.8.8 \
                 64:ff9b::a00:1 ::127.0.0.1",
            ),
        ] {
            for text in addresses.split_whitespace() {
                let address = text.parse().expect(text);
                assert_eq!(is_public(address), !near, "{text}");
            }
        }
    }

    fn origin(host: &str) -> Origin {
        Origin {
            scheme: Scheme::Http,
            host: host.to_owned(),
            port: 80,
        }
    }

    fn permission(allow: &str) -> Permission {
        let mut complaints = Vec::new();
        let read = Permission::read(false, &[], Some(allow), &mut complaints);
        assert_eq!(complaints, [], "{allow}");
        read
    }

    /// The host, the addresses it leads to, whether `--resolve` says so, the allow-list; then the addresses that nobody allowed.
    type Row = (&'static str, &'static str, bool, &'static str, &'static str);

    const ROWS: [Row; 24] = [
        ("localhost", "127.0.0.1 ::1", false, "", ""),
        ("shop.test", "203.0.113.7", false, "", "203.0.113.7"),
        ("shop.test", "203.0.113.7", false, "shop.test", ""),
        ("SHOP.test.", "203.0.113.7", false, "Shop.Test", ""),
        ("shop.test", "203.0.113.7", false, "shop.test.", ""),
        (
            "shop.test",
            "203.0.113.7",
            false,
            "op.test,hop.test",
            "203.0.113.7",
        ),
        ("a.b.shop.test", "203.0.113.7", false, "*.shop.test", ""),
        (
            "shop.test",
            "203.0.113.7",
            false,
            "*.shop.test",
            "203.0.113.7",
        ),
        (
            "myshop.test",
            "203.0.113.7",
            false,
            "*.shop.test",
            "203.0.113.7",
        ),
        ("shop.test", "203.0.113.7", false, "203.0.113.0/24", ""),
        (
            "shop.test",
            "203.0.114.7",
            false,
            "203.0.113.0/24",
            "203.0.114.7",
        ),
        // Every address counts, and the public ones alone are told.
        (
            "shop.test",
            "10.0.0.1 203.0.113.7 2001:db8::7",
            false,
            "",
            "203.0.113.7 2001:db8::7",
        ),
        (
            "shop.test",
            "203.0.113.7 2001:db8::7",
            false,
            "2001:db8::/32",
            "203.0.113.7",
        ),
        (
            "shop.test",
            "203.0.113.7 2001:db8::7",
            false,
            " 2001:db8::/32 , 203.0.113.7 ,",
            "",
        ),
        ("203.0.113.7", "203.0.113.7", false, "", "203.0.113.7"),
        ("203.0.113.7", "203.0.113.7", false, "203.0.113.7", ""),
        ("2001:db8::7", "2001:db8::7", false, "[2001:db8::7]", ""),
        (
            "::ffff:203.0.113.7",
            "::ffff:203.0.113.7",
            false,
            "",
            "::ffff:203.0.113.7",
        ),
        (
            "::ffff:203.0.113.7",
            "::ffff:203.0.113.7",
            false,
            "203.0.113.0/24",
            "",
        ),
        (
            "203.0.113.7",
            "203.0.113.7",
            false,
            "::ffff:203.0.113.7",
            "",
        ),
        // Whoever says where a name leads is judged by what was said.
        ("shop.test", "127.0.0.1", true, "", ""),
        ("shop.test", "203.0.113.7", true, "", "203.0.113.7"),
        ("shop.test", "203.0.113.7", true, "shop.test", "203.0.113.7"),
        ("shop.test", "203.0.113.7", true, "203.0.113.7", ""),
    ];

    #[test]
    fn what_may_be_loaded_is_decided_by_addresses_and_the_list() {
        for row in ROWS {
            let (host, leads_to, is_overridden, allow, expected) = row;
            let addresses: Vec<SocketAddr> = leads_to
                .split(' ')
                .map(|address| SocketAddr::new(address.parse().expect(address), 80))
                .collect();
            let known: Vec<Override> = addresses
                .iter()
                .filter(|_| is_overridden)
                .map(|address| Override {
                    host: host.to_owned(),
                    port: 80,
                    address: address.ip(),
                })
                .collect();
            let strangers = permission(allow).strangers(&[origin(host)], &[addresses], &known);
            let told: Vec<String> = strangers
                .iter()
                .flat_map(|stranger| &stranger.addresses)
                .map(ToString::to_string)
                .collect();
            assert_eq!(told.join(" "), expected, "{row:?}");
        }
    }

    #[test]
    fn whoever_is_refused_is_told_which_entry_would_do() {
        let [shop, number] = ["shop.test", "203.0.113.9"].map(origin);
        let at = |address: &str| vec![SocketAddr::new(address.parse().expect(address), 80)];
        let strangers = permission("").strangers(
            &[shop, number],
            &[at("203.0.113.7"), at("203.0.113.9")],
            &[],
        );
        let entries: Vec<String> = strangers.iter().flat_map(Stranger::entries).collect();
        assert_eq!(entries, ["shop.test", "203.0.113.9"]);
        let list = permission(&entries.join(","));
        assert_eq!(list.allowed.len(), 2);
        assert_eq!(
            strangers[0].words(),
            "http://shop.test is at 203.0.113.7, a public address"
        );
    }

    #[test]
    fn an_entry_that_is_none_is_named_with_where_it_stands() {
        for text in [
            "*",
            "*.",
            "http://shop.test",
            "shop.test:80",
            "a b",
            "203.0.113.0/33",
            "a/b",
            "*.*.test",
            "a*.test",
            "[::1",
        ] {
            let mut complaints = Vec::new();
            Permission::read(false, &[text.to_owned()], Some(text), &mut complaints);
            let told: Vec<&str> = complaints
                .iter()
                .map(|told| told.message.as_str())
                .collect();
            assert_eq!(told.len(), 2, "{text}: {told:?}");
            assert!(
                told[0].starts_with(&format!("--allow {text}: ")),
                "{told:?}"
            );
            assert!(
                told[1].starts_with(&format!("{ALLOW_VARIABLE} {text}: ")),
                "{told:?}"
            );
        }
    }
}
