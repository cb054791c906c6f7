//! The command line of `compare`, as it was typed. Neighbours: `commands/compare.rs` makes of it what was meant.
//! Invariant: numbers stay text here, as in `args.rs`.

use clap::{Args as ClapArgs, ValueEnum};
use std::path::PathBuf;

/// `loadforge compare`.
#[derive(Debug, ClapArgs)]
#[command(arg_required_else_help = true, after_help = EXAMPLES)]
pub struct CompareArgs {
    /// Results directories, such as results/shop-20261121T093000Z; all others are held against the first
    #[arg(value_name = "DIR", required = true)]
    pub dirs: Vec<PathBuf>,

    /// Share by which a latency or a rate may differ and still be the same
    #[arg(
        long,
        value_name = "SHARE",
        default_value = "5%",
        allow_hyphen_values = true
    )]
    pub tolerance: String,

    /// Fail (exit code 3) when any figure of any run is worse
    #[arg(long)]
    pub fail_on_worse: bool,

    /// Compare what should not be: runs of different plans, INVALID ones, and those that have not come to their end
    #[arg(long)]
    pub force: bool,

    /// What to write beside the table on the standard error stream [default: as the name of --output ends]
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<CompareFormatWord>,

    /// File to write it to, or - for standard output [default: standard output]
    #[arg(long, short = 'o', value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// What a comparison is written as, as words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CompareFormatWord {
    /// Every figure with its interval, for programs
    Json,
    /// A page that opens with no network
    Html,
}

const EXAMPLES: &str = "\
Examples:
  loadforge compare results/shop-20261121T093000Z results/shop-20261121T101500Z
      what differs, by how much, and whether that is more than chance
  loadforge compare before after --fail-on-worse
      exit code 3 when anything is worse: for a pipeline
  loadforge compare before after --output compare.html
      a page with every endpoint
  loadforge compare before after --format json | jq '.pairs[].answer'
      the same for programs

Each figure is worse, better, the same or inconclusive: when runs are too short or scatter too much to tell, it says so.
Exit code 2 when a directory cannot be read or plans differ, and nothing is written.";
