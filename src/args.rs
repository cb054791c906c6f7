//! The command line as it was typed. Neighbours: `intent.rs` makes of it what was meant.
//! Invariant: numbers and durations stay text here, so that all that is wrong with them is said at once and in our words.

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use std::{
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
};

/// Everything that was typed.
#[derive(Debug, Parser)]
#[command(
    name = "loadforge",
    version,
    about = "A load-testing engine whose numbers can be trusted",
    arg_required_else_help = true,
    after_help = TOP_EXAMPLES
)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a scenario file, or put load on one URL
    Run(Box<RunArgs>),
    /// Make the reports of a run again from its results directory
    Report(ReportArgs),
    /// Check a scenario file and say everything that is wrong with it
    Validate(ValidateArgs),
    /// Start the built-in HTTP server, a cheap target to aim at
    Echo(EchoArgs),
}

/// `loadforge run`.
#[derive(Debug, ClapArgs)]
#[command(arg_required_else_help = true, after_help = RUN_EXAMPLES)]
pub struct RunArgs {
    /// A scenario file (.toml), or the URL to send GET requests to
    #[arg(value_name = "SCENARIO|URL")]
    pub scenario: String,

    /// Virtual users, each with a connection of its own [default: 10]
    #[arg(long, short = 'u', value_name = "N", help_heading = LOAD, allow_negative_numbers = true)]
    pub users: Option<String>,

    /// Arrivals per second: not there yet, and told so
    #[arg(long, value_name = "R", hide = true, allow_hyphen_values = true)]
    pub rate: Option<String>,

    /// How long the run lasts, such as 30s, 5m or 1h30m [default: 30s, for a URL 10s]
    #[arg(long, short = 'd', value_name = "TIME", help_heading = LOAD, allow_hyphen_values = true)]
    pub duration: Option<String>,

    /// How the number of users changes over time [default: constant]
    #[arg(long, value_name = "PATTERN", help_heading = LOAD)]
    pub pattern: Option<PatternWord>,

    /// Ramp: users at its end; --users is where it begins [default: 1]
    #[arg(long, value_name = "N", help_heading = LOAD, allow_negative_numbers = true)]
    pub ramp_to: Option<String>,

    /// Ramp: how long it takes [default: the whole run]
    #[arg(long, value_name = "TIME", help_heading = LOAD, allow_hyphen_values = true)]
    pub ramp_over: Option<String>,

    /// End the run once this many requests have been sent
    #[arg(long, value_name = "N", help_heading = LOAD, allow_negative_numbers = true)]
    pub max_requests: Option<String>,

    /// Give a request up after this time, its connection included [default: 30s]
    #[arg(long, value_name = "TIME", help_heading = LOAD, allow_hyphen_values = true)]
    pub timeout: Option<String>,

    /// At the end, wait this long for requests in flight [default: 30s]
    #[arg(long, value_name = "TIME", help_heading = LOAD, allow_hyphen_values = true)]
    pub graceful_stop: Option<String>,

    /// Seed of all random numbers; the same seed draws the same tasks and pauses
    #[arg(long, value_name = "N", help_heading = LOAD, allow_negative_numbers = true)]
    pub seed: Option<String>,

    /// Fail (exit code 3) when more than this share of requests failed, such as 1% or 0.01
    #[arg(long, value_name = "SHARE", help_heading = PASS, allow_hyphen_values = true)]
    pub fail_on_error_rate: Option<String>,

    /// Fail (exit code 3) unless this holds, such as 'p99<500ms'; may be given several times
    #[arg(long, value_name = "EXPR", help_heading = PASS, allow_hyphen_values = true)]
    pub threshold: Vec<String>,

    /// Directory in which the run's own directory is made, or - for standard output [default: results]
    #[arg(long, short = 'o', value_name = "DIR", help_heading = RESULTS)]
    pub output: Option<PathBuf>,

    /// Reports to write [default: html,json,csv]
    #[arg(long, value_name = "FORMATS", value_delimiter = ',', help_heading = RESULTS)]
    pub format: Vec<FormatWord>,

    /// Say more: where names lead, which CPUs are used
    #[arg(long, short = 'v', help_heading = RESULTS, conflicts_with = "quiet")]
    pub verbose: bool,

    /// Say nothing but errors
    #[arg(long, short = 'q', help_heading = RESULTS)]
    pub quiet: bool,

    /// Worker processes, on the first CPUs this process may use [default: one for each]
    #[arg(long, value_name = "N", help_heading = MACHINE, allow_negative_numbers = true)]
    pub workers: Option<String>,

    /// CPUs to pin workers to, one worker each, such as 0,2-5
    #[arg(long, value_name = "LIST", help_heading = MACHINE, allow_hyphen_values = true)]
    pub cpus: Option<String>,

    /// CPU to pin the aggregator to [default: wherever there is room]
    #[arg(long, value_name = "CPU", help_heading = MACHINE, allow_negative_numbers = true)]
    pub aggregator_cpu: Option<String>,

    /// Addresses of this machine to connect from, in turn, such as 127.0.0.2-127.0.0.9; each has some 28,000 ports
    #[arg(long, value_name = "LIST", help_heading = MACHINE)]
    pub source_ip: Option<String>,

    /// How records travel from workers to the aggregator
    #[arg(long, value_name = "WAY", default_value = "auto", help_heading = MACHINE)]
    pub transport: TransportWord,

    /// How sockets are driven
    #[arg(long, value_name = "WAY", default_value = "auto", help_heading = MACHINE)]
    pub wire: WireWord,

    /// Take this address for a name and port; may be given several times
    #[arg(long, value_name = "HOST:PORT:ADDR", help_heading = MACHINE)]
    pub resolve: Vec<String>,

    /// Do not try a connection to the target before the run
    #[arg(long, help_heading = MACHINE)]
    pub no_preflight: bool,
}

/// `loadforge report`.
#[derive(Debug, ClapArgs)]
#[command(arg_required_else_help = true, after_help = REPORT_EXAMPLES)]
pub struct ReportArgs {
    /// A results directory, such as results/shop-20261121T093000Z
    pub dir: PathBuf,

    /// Reports to write
    #[arg(
        long,
        value_name = "FORMATS",
        value_delimiter = ',',
        default_value = "html,json,csv"
    )]
    pub format: Vec<FormatWord>,
}

/// `loadforge validate`.
#[derive(Debug, ClapArgs)]
#[command(arg_required_else_help = true, after_help = VALIDATE_EXAMPLES)]
pub struct ValidateArgs {
    /// A scenario file (.toml)
    pub file: PathBuf,
}

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

    /// Wait this long before each answer
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub delay: Option<String>,

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

/// The patterns, as words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PatternWord {
    /// The same number of users all the time
    Constant,
    /// From --users to --ramp-to in a straight line
    Ramp,
}

/// The transports, as words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TransportWord {
    /// Shared memory, or channels where it cannot be had
    Auto,
    /// Worker processes and shared memory, or nothing
    Shm,
    /// Worker threads and channels
    Channel,
}

/// The wires, as words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum WireWord {
    /// io_uring, or epoll where it is forbidden
    Auto,
    /// io_uring, or nothing
    Uring,
    /// epoll
    Epoll,
}

/// The report formats, as words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FormatWord {
    /// report.html: one file that opens with no network
    Html,
    /// summary.json: every figure, for programs
    Json,
    /// series.csv: one row a second
    Csv,
}

const LOAD: &str = "Load";
const PASS: &str = "Pass or fail";
const RESULTS: &str = "Results";
const MACHINE: &str = "This machine";

const TOP_EXAMPLES: &str = "\
First steps:
  loadforge run scenarios/examples/quickstart.toml   a whole run against the built-in server
  loadforge run http://127.0.0.1:8080/               ten users for ten seconds, no file needed
  loadforge validate shop.toml                       everything that is wrong with a scenario file
  loadforge report results/shop-20261121T093000Z     its reports once more

Each command explains itself: loadforge run --help

Exit codes:
  0    all went as asked
  1    it could not be run
  2    bad input, nothing was started
  3    a threshold was not met
  4    the run is INVALID: the generator could not do what was asked
  130  ended by a second Ctrl-C";

const RUN_EXAMPLES: &str = "\
Examples:
  loadforge run shop.toml
      the load as the file's [load] says
  loadforge run shop.toml --users 200 --duration 5m
      flags win over the file
  loadforge run http://127.0.0.1:8080/ --users 1 --ramp-to 100 --ramp-over 30s --duration 1m
      from 1 user to 100 in half a minute, then half a minute of 100
  loadforge run shop.toml --threshold 'p99<500ms' --threshold 'p95<80ms@product' --fail-on-error-rate 1%
      exit code 3 unless all of it holds: for a pipeline
  loadforge run http://127.0.0.1:8080/ --format json --output - | jq .response_ms.p99
      the summary on standard output, no files
  loadforge run http://shop.test/ --resolve shop.test:80:10.0.0.7
      try one server of many, with its own name in the Host header

Each user waits for its answer before it goes on (the closed model): a slow target gets fewer requests.
Ctrl-C ends a run in good order and writes its report; a second one ends it at once.";

const REPORT_EXAMPLES: &str = "\
Examples:
  loadforge report results/shop-20261121T093000Z
  loadforge report results/shop-20261121T093000Z --format html

A run that was killed can be reported too, up to its last whole second.
The verdict is printed as ever and the exit code is 0; 3 and 4 are for `run`.";

const VALIDATE_EXAMPLES: &str = "\
Examples:
  loadforge validate scenarios/examples/shop.toml

Nothing is sent. Exit code 0 when the file is good, 2 when it is not.";

const ECHO_EXAMPLES: &str = "\
Examples:
  loadforge echo                          hello, world! on http://127.0.0.1:8080/
  loadforge echo --port 0 --delay 5ms     a free port, named on standard output; 5 ms before each answer

It answers any path. Some mean more:
  /status/404     this status            /bytes/1000     a body of this size
  /delay/5ms      this much later        /echo           the request's own body
  /stats          requests and connections so far, as JSON";

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound_in_itself() {
        Args::command().debug_assert();
    }

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

    #[test]
    fn negative_values_reach_us_and_get_our_own_words() {
        let args = Args::try_parse_from([
            "loadforge",
            "run",
            "a.toml",
            "--users",
            "-3",
            "--duration",
            "-5s",
        ])
        .expect("values are not judged here");
        let Command::Run(run) = args.command else {
            panic!("run was typed")
        };
        assert_eq!(run.users.as_deref(), Some("-3"));
        assert_eq!(run.duration.as_deref(), Some("-5s"));
    }
}
