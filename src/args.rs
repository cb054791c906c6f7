//! The command line as it was typed. Neighbours: `intent.rs` makes of it what was meant.
//! Invariant: numbers and durations stay text here, so that all that is wrong with them is said at once and in our words.

mod compare;
mod dump;
mod echo;
mod format;
mod live;
mod load;

pub use compare::{CompareArgs, CompareFormatWord};
pub use dump::{DumpArgs, DumpWord};
pub use echo::{EchoArgs, StallFromWord};
pub use format::{FormatParser, FormatWord};
pub use live::{DashboardArgs, LiveArgs};
pub use load::{CurveWord, LoadArgs};

use crate::config::Places;
use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use std::{ffi::OsString, path::PathBuf};

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
    /// Write a scenario to begin with
    Init(InitArgs),
    /// Make the reports of a run again from its results directory
    Report(ReportArgs),
    /// Show runs that are over in a browser: one, or all of a folder
    Dashboard(DashboardArgs),
    /// Print every request of a run that recorded them
    Dump(DumpArgs),
    /// Hold runs against each other: what is better, worse or the same, and what nobody can tell
    Compare(CompareArgs),
    /// Check a scenario file and say everything that is wrong with it
    Validate(ValidateArgs),
    /// Draw the load of a scenario file, or of flags, without running it
    Preview(Box<PreviewArgs>),
    /// Make a scenario file of a cURL command, a HAR recording, an OpenAPI description or a Postman collection
    Import(ImportArgs),
    /// Start the built-in HTTP server, a cheap target to aim at
    Echo(EchoArgs),
    /// Prove on this machine that the figures are right
    Selftest(SelftestArgs),
}

/// `loadforge run`.
#[derive(Debug, ClapArgs)]
#[command(arg_required_else_help = true, after_help = RUN_EXAMPLES)]
pub struct RunArgs {
    /// A scenario file (.toml, or .rs for one in Rust), or the URL to send GET requests to; not needed when --config names it
    #[arg(value_name = "SCENARIO|URL")]
    pub scenario: Option<String>,

    /// Where the requests of a scenario in Rust go: a URL, or `echo` for the built-in server [default: as the scenario says]
    #[arg(value_name = "TARGET")]
    pub target: Option<String>,

    /// A TOML file whose keys are these flags, such as rate = 500; flags that are typed win over it
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// How much load, over time.
    #[command(flatten)]
    pub load: LoadArgs,

    /// Give a request up after this time, its connection included [default: 30s]
    #[arg(long, value_name = "TIME", help_heading = REQUESTS, allow_hyphen_values = true)]
    pub timeout: Option<String>,

    /// At the end, wait this long for requests in flight [default: 30s]
    #[arg(long, value_name = "TIME", help_heading = REQUESTS, allow_hyphen_values = true)]
    pub graceful_stop: Option<String>,

    /// Seed of all random numbers: the same seed draws the same --poisson arrivals with any number of workers, and with the same
    /// number the same tasks and pauses
    #[arg(long, value_name = "N", help_heading = REQUESTS, allow_negative_numbers = true)]
    pub seed: Option<String>,

    /// Fail (exit code 3) when more than this share of requests failed, such as 1% or 0.01
    #[arg(long, value_name = "SHARE", help_heading = PASS, allow_hyphen_values = true)]
    pub fail_on_error_rate: Option<String>,

    /// Fail (exit code 3) unless this holds, such as 'p99<500ms' or 'p99<500ms@pay' for one endpoint (buyers/pay for that of one of
    /// several scenarios); may be given several times
    #[arg(long, value_name = "EXPR", help_heading = PASS, allow_hyphen_values = true)]
    pub threshold: Vec<String>,

    /// End with the exit code of a good run even when the run is INVALID; the reports still say that it is
    #[arg(long, help_heading = PASS)]
    pub allow_invalid: bool,

    /// Directory in which the run's own directory is made, or - for standard output [default: results]
    #[arg(long, short = 'o', value_name = "DIR", help_heading = RESULTS)]
    pub output: Option<PathBuf>,

    /// Reports to write [default: html,json,csv]
    #[arg(long, value_name = "FORMATS", value_delimiter = ',', value_parser = FormatParser, help_heading = RESULTS)]
    pub format: Vec<FormatWord>,

    /// Keep every request, 64 bytes each, in requests.bin while the run goes on; `loadforge dump` prints them
    #[arg(long, help_heading = RESULTS)]
    pub record_requests: bool,

    /// Say more: where names lead, which CPUs are used
    #[arg(long, short = 'v', help_heading = RESULTS, conflicts_with = "quiet")]
    pub verbose: bool,

    /// Say nothing but errors
    #[arg(long, short = 'q', help_heading = RESULTS)]
    pub quiet: bool,

    /// How the run is shown in a browser.
    #[command(flatten)]
    pub live: LiveArgs,

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

    /// This host may be loaded though its address is public: a name, *.DOMAIN, an address or a network; may be given several times
    /// [env: LOADFORGE_ALLOW, with commas]
    #[arg(long, value_name = "HOST", help_heading = WHOSE)]
    pub allow: Vec<String>,

    /// Load public addresses without asking
    #[arg(long, help_heading = WHOSE)]
    pub yes: bool,

    /// Put load on the URL alone, also when this program has scenarios of its own: for the self-test
    #[arg(long, hide = true)]
    pub url_alone: bool,

    /// Do not try a connection to the target before the run
    #[arg(long, help_heading = MACHINE)]
    pub no_preflight: bool,

    /// Where the values of the config file stand.
    #[arg(skip)]
    pub places: Places,
}

/// `loadforge init`.
#[derive(Debug, ClapArgs)]
#[command(arg_required_else_help = true, after_help = INIT_EXAMPLES)]
pub struct InitArgs {
    /// What it is called; the file is NAME.toml, the crate NAME/
    pub name: String,

    /// Make a crate with a scenario in Rust instead of a TOML file
    #[arg(long)]
    pub rust: bool,
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
        value_parser = FormatParser,
        default_value = "html,json,csv"
    )]
    pub format: Vec<FormatWord>,

    /// Directory to write them to, or - for the summary on standard output [default: the results directory itself]
    #[arg(long, short, value_name = "DIR")]
    pub output: Option<PathBuf>,
}

/// `loadforge validate`.
#[derive(Debug, ClapArgs)]
#[command(arg_required_else_help = true, after_help = VALIDATE_EXAMPLES)]
pub struct ValidateArgs {
    /// A scenario file (.toml)
    pub file: PathBuf,

    /// Print the requests of one user (setup, each task once, teardown) and send nothing
    #[arg(long, conflicts_with = "once")]
    pub dry_run: bool,

    /// Send them to the target once, and print each request with its answer
    #[arg(long)]
    pub once: bool,

    /// With --once, take this address for a name and port; may be given several times
    #[arg(long, value_name = "HOST:PORT:ADDR", requires = "once")]
    pub resolve: Vec<String>,

    /// With --once, this host may be sent to though its address is public; may be given several times
    #[arg(long, value_name = "HOST", requires = "once")]
    pub allow: Vec<String>,

    /// With --once, send to public addresses without asking
    #[arg(long, requires = "once")]
    pub yes: bool,
}

/// `loadforge preview`.
#[derive(Debug, ClapArgs)]
#[command(arg_required_else_help = true, after_help = PREVIEW_EXAMPLES)]
pub struct PreviewArgs {
    /// A scenario file (.toml) or a URL; none for flags alone
    #[arg(value_name = "SCENARIO|URL")]
    pub scenario: Option<String>,

    /// How much load, over time.
    #[command(flatten)]
    pub load: LoadArgs,

    /// Write a page with the curve, - for standard output [without a name: preview.html]
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "preview.html")]
    pub html: Option<PathBuf>,

    /// A TOML file whose keys are flags of run, such as rate = 500; flags that are typed win over it
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Taken so that a command line of run can be previewed: chance does not move a curve
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub seed: Option<String>,

    /// Where the values of the config file stand.
    #[arg(skip)]
    pub places: Places,
}

/// `loadforge import`.
#[derive(Debug, ClapArgs)]
#[command(arg_required_else_help = true, after_help = IMPORT_EXAMPLES)]
pub struct ImportArgs {
    /// What it is made of
    pub kind: ImportWord,

    /// The file, - for standard input, or the cURL command itself
    #[arg(value_name = "FILE|TEXT", allow_hyphen_values = true)]
    pub input: OsString,

    /// The scenario file to write; one that is there is not overwritten [default: standard output]
    #[arg(long, short = 'o', value_name = "FILE")]
    pub out: Option<PathBuf>,

    /// Name of the scenario [default: the input's own name, or its host]
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    pub name: Option<String>,

    /// Where requests go, instead of where most of them went: http://host:port, with a path or without
    #[arg(long, value_name = "URL", allow_hyphen_values = true)]
    pub base_url: Option<String>,

    /// Take the pictures, styles, scripts, fonts and media of a recording, too
    #[arg(long)]
    pub static_assets: bool,
}

/// `loadforge selftest`.
#[derive(Debug, ClapArgs)]
#[command(after_help = SELFTEST_EXAMPLES)]
pub struct SelftestArgs {
    /// Shorter runs with the same shapes, at most a minute; this is the default
    #[arg(long, conflicts_with = "full")]
    pub quick: bool,

    /// The table as published, each case with one worker and with several: about half an hour
    #[arg(long)]
    pub full: bool,

    /// Print the table as JSON on standard output
    #[arg(long)]
    pub json: bool,

    /// Workers of the cases with several [default: 2, or 1 on one CPU]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub workers: Option<String>,
}

/// What a scenario is made of, as words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ImportWord {
    /// cURL commands, as browsers copy them ("Copy as cURL")
    Curl,
    /// A HAR recording, as network panels of browsers export it
    Har,
    /// An OpenAPI description, 3.0 or 3.1, in JSON or YAML
    #[value(name = "openapi")]
    OpenApi,
    /// A Postman collection, exported as v2.1
    Postman,
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

const VALIDATE_EXAMPLES: &str = "\
Examples:
  loadforge validate shop.toml              all that is wrong with it, or what it would do
  loadforge validate shop.toml --dry-run    the requests as they would leave; captured values stand as <name>
  loadforge validate shop.toml --once       every step against the target, with its answer

Without a flag nothing is sent. Exit code 0 when the file is good, 2 when it is not, 3 when a step of --once failed.";

const REQUESTS: &str = "Requests and chance";
const PASS: &str = "Pass or fail";
const RESULTS: &str = "Results";
const MACHINE: &str = "This machine";
const WHOSE: &str = "Public addresses";
const TOP_EXAMPLES: &str = "\
First steps:
  loadforge run scenarios/examples/quickstart.toml   a whole run against the built-in server
  loadforge run http://127.0.0.1:8080/               ten users for ten seconds, no file needed
  loadforge run http://127.0.0.1:8080/ --rate 500    500 requests a second, whatever the answers do
  loadforge init shop                                shop.toml to begin with; --rust for one in Rust
  loadforge preview shop.toml                        the load over time, drawn
  loadforge validate shop.toml                       everything that is wrong with a scenario file
  loadforge import har recording.har                 a scenario file of what a browser recorded
  loadforge report results/shop-20261121T093000Z     its reports once more
  loadforge compare results/before results/after     what differs by more than chance
  loadforge dashboard results                        runs that are over, in a browser

Each command explains itself: loadforge run --help

Exit codes:
  0    all went as asked
  1    it could not be run
  2    bad input, nothing was started
  3    a threshold was not met, or a run is worse than the one before (compare --fail-on-worse)
  4    the run is INVALID: the generator could not do what was asked (0 with --allow-invalid)
  130  ended by a second Ctrl-C";

const RUN_EXAMPLES: &str = "\
Examples:
  loadforge run shop.toml
      the load as the file's [load] says
  loadforge run shop.toml --users 200 --duration 5m
      flags win over the file
  loadforge run shop.rs http://127.0.0.1:8080/ --users 20
      a scenario written in Rust, built first: `loadforge init shop --rust` writes one to begin with
  loadforge run http://127.0.0.1:8080/ --users 1 --ramp-to 100 --ramp-over 30s --duration 1m
      from 1 user to 100 in half a minute, then half a minute of 100
  loadforge run http://127.0.0.1:8080/ --rate 500 --max-users 200 --warmup 5s --duration 1m
      500 requests a second whether they are answered or not; the first 5 s do not count
  loadforge run shop.toml --rate 50 --pattern spike --peak 500 --spike-at 30s --spike-for 10s --duration 2m
      a burst of ten times the load; `loadforge preview` with the same flags draws it
  loadforge run --config nightly.toml --rate 100
      the flags that nightly.toml holds, and this one over them
  loadforge run shop.toml --dashboard --open
      watched and steered in a browser; `loadforge dashboard results` shows it again later
  loadforge run shop.toml --threshold 'p99<500ms' --threshold 'p95<80ms@product' --fail-on-error-rate 1%
      exit code 3 unless all of it holds: for a pipeline
  loadforge run http://127.0.0.1:8080/ --format json --output - | jq .response_ms.p99
      the summary on standard output, no files
  loadforge run http://shop.test/ --resolve shop.test:80:10.0.0.7
      try one server of many, with its own name in the Host header
  loadforge run http://shop.example.com/ --allow shop.example.com
      a public address is loaded only when you say that you may test it; LOADFORGE_ALLOW says it for good

With --users each user waits for its answer before it goes on (the closed model): a slow target gets fewer requests.
With --rate work begins on time whatever the target does (the open model): what a slow target delays is in the figures.
Ctrl-C ends a run in good order and writes its report; a second one ends it at once.";

const INIT_EXAMPLES: &str = "\
Examples:
  loadforge init shop            shop.toml, which runs as it is
  loadforge init shop --rust     shop/, a crate whose program has the whole command line

Nothing that is there already is written over.";

const REPORT_EXAMPLES: &str = "\
Examples:
  loadforge report results/shop-20261121T093000Z
  loadforge report results/shop-20261121T093000Z --format html,junit
  loadforge report /mnt/archive/shop-20261121T093000Z --output reports

A run that was killed can be reported too, up to its last whole second.
The verdict is printed as ever and the exit code is 0; 3 and 4 are for `run`.";

const PREVIEW_EXAMPLES: &str = "\
Examples:
  loadforge preview scenarios/examples/ramp.toml
  loadforge preview --rate 100 --pattern diurnal --amplitude 80 --period 24h --duration 48h
  loadforge preview --config nightly.toml       what a run with the same file would ask for
  loadforge preview shop.toml --html            writes preview.html
  loadforge preview shop.toml --html - > a.html

Nothing is sent. It takes the load flags of `run`.";

const IMPORT_EXAMPLES: &str = "\
Examples:
  loadforge import curl \"curl 'http://127.0.0.1:8080/products' -H 'accept: application/json'\"
      the scenario on standard output
  loadforge import curl - --out shop.toml            a command from standard input
  loadforge import har recording.har --out shop.toml --base-url http://127.0.0.1:8080
      a recording of the real shop, aimed at a copy of it
  loadforge import openapi openapi.yaml --out api.toml
  loadforge import postman shop.postman_collection.json --out shop.toml

Tokens, passwords and keys are not written: the file has ${NAME} in their place and says what to export.
Everything else that was left out or changed is said on standard error. Then: loadforge validate shop.toml";

const SELFTEST_EXAMPLES: &str = "\
Examples:
  loadforge selftest                      is this machine good enough, are the figures right?
  loadforge selftest --full --json        every case, for a record

Known loads are put on the built-in server, whose right answers are known; each row says what was expected and what was measured.
Exit code 1 when a row fails. A row that is wrong by no more than this machine's own jitter is NOISY MACHINE: neither pass nor
failure. Let nothing else run meanwhile.";

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound_in_itself() {
        Args::command().debug_assert();
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
        assert_eq!(run.load.users.as_deref(), Some("-3"));
        assert_eq!(run.load.duration.as_deref(), Some("-5s"));
    }
}
