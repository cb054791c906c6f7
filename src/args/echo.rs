//! The command line of `echo`, as it was typed. Neighbours: `commands/echo.rs` makes of it what was meant. Invariant: laws, times and
//! shares stay text here, as in `args.rs`.

use clap::{Args as ClapArgs, ValueEnum};
use std::{
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
};

/// `loadforge echo`.
#[derive(Debug, ClapArgs)]
#[command(after_help = ECHO_EXAMPLES)]
pub struct EchoArgs {
    /// Port to listen on; 0 takes a free one
    #[arg(long, short = 'p', value_name = "PORT", default_value_t = 8080)]
    pub port: u16,

    /// Address of this machine to listen on; localhost means 127.0.0.1
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1", value_parser = own_address)]
    pub address: IpAddr,

    /// Threads [default: one for each CPU this process may use]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,

    /// CPUs its threads may run on, such as 1,3
    #[arg(long, value_name = "LIST")]
    pub cpus: Option<String>,

    /// How long each answer takes: 2ms, exp:10ms, uniform:1ms..5ms or mix:90%=1ms,10%=50ms
    #[arg(long, value_name = "LAW", help_heading = CONDUCT, allow_hyphen_values = true)]
    pub delay: Option<String>,

    /// One server for all connections, first come, first served; --delay is how long it works on each request
    #[arg(long, help_heading = CONDUCT)]
    pub queue: bool,

    /// Stand still: 1s@30s (once, 30 s in), 200ms/10s (every 10 s); may be given several times
    #[arg(long, value_name = "TIMES", help_heading = CONDUCT, allow_hyphen_values = true)]
    pub stall: Vec<String>,

    /// What the times of --stall are counted from
    #[arg(long, value_name = "WHEN", default_value = "first-request", help_heading = CONDUCT)]
    pub stall_from: StallFromWord,

    /// Share of requests answered with status 500, such as 1% or 0.01
    #[arg(long, value_name = "SHARE", help_heading = CONDUCT, allow_hyphen_values = true)]
    pub error_rate: Option<String>,

    /// Seed of its random numbers [default: 0]
    #[arg(long, value_name = "N", help_heading = CONDUCT, allow_negative_numbers = true)]
    pub seed: Option<String>,

    /// Write when each request arrived: for each a 64-bit little-endian number, ns of CLOCK_MONOTONIC
    #[arg(long, value_name = "FILE", help_heading = TRUTH)]
    pub arrivals: Option<PathBuf>,

    /// Never sleep: arrivals are seen to the µs, and each thread uses up a CPU
    #[arg(long, help_heading = TRUTH)]
    pub busy_poll: bool,

    /// At the end, print all counts on standard output as JSON
    #[arg(long, help_heading = TRUTH)]
    pub counts: bool,

    /// Status of every answer
    #[arg(long, value_name = "CODE", default_value_t = 200,
          value_parser = clap::value_parser!(u16).range(200..=599))]
    pub status: u16,

    /// Bytes in every answer's body
    #[arg(long, value_name = "N", default_value_t = 13,
          value_parser = clap::value_parser!(u32).range(..=100_000_000))]
    pub body_bytes: u32,

    /// End when this process, which must be the parent, has ended
    #[arg(long, value_name = "PID", hide = true)]
    pub end_with: Option<i32>,
}

/// What freezes are counted from, as words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StallFromWord {
    /// The arrival of the first request
    FirstRequest,
    /// The start of the server
    Start,
}

/// Reads an address as people write it: `localhost` and IPv6 in brackets too.
fn own_address(text: &str) -> Result<IpAddr, String> {
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text);
    match bare.parse() {
        Ok(address) => Ok(address),
        Err(_) if bare.eq_ignore_ascii_case("localhost") => Ok(Ipv4Addr::LOCALHOST.into()),
        Err(_) => Err(
            "give an address such as 127.0.0.1, ::1 or localhost; 0.0.0.0 is all of this machine's"
                .into(),
        ),
    }
}

const CONDUCT: &str = "How it behaves";
const TRUTH: &str = "What it saw";

const ECHO_EXAMPLES: &str = "\
Examples:
  loadforge echo                          hello, world! on http://127.0.0.1:8080/
  loadforge echo --port 0 --delay 5ms     a free port, named on standard output; 5 ms before each answer
  loadforge echo --threads 1 --queue --delay exp:10ms
      one server and its queue: under Poisson arrivals the M/M/1 of textbooks
  loadforge echo --delay 10ms --stall 1s@30s
      stands still for a second; what arrives meanwhile is answered 10 ms after its end
  loadforge echo --arrivals seen.bin --busy-poll --threads 1
      od -A n -t u8 -w8 -v seen.bin then lists when each request arrived

With fewer threads than CPUs, the last 100 µs before an answer are not slept, so that it leaves on time.
It answers any path. Some mean more:
  /status/404     this status            /bytes/1000     a body of this size
  /delay/5ms      this much later        /echo           the request's own body
  /login          a token and a cookie   /headers        the request's own headers, as JSON
  /redirect?to=/path     302 to that path
  /stats          requests and connections so far, as JSON
  /.loadforge/counts     everything counted so far, by status and in bytes; writes --arrivals out";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn echo_takes_its_address_as_people_write_it() {
        for (typed, address) in [
            ("localhost", Some("127.0.0.1")),
            ("[::1]", Some("::1")),
            ("::1", Some("::1")),
            ("0.0.0.0", Some("0.0.0.0")),
            ("a.test", None),
            ("[::1", None),
        ] {
            let read = own_address(typed).ok().map(|address| address.to_string());
            assert_eq!(read.as_deref(), address, "{typed}");
        }
    }
}
