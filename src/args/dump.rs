//! What was typed for `loadforge dump`. Neighbours: `commands/dump.rs` does it. Invariant: as in all of `args`, nothing is judged here.

use clap::{Args as ClapArgs, ValueEnum};
use std::path::PathBuf;

/// `loadforge dump`.
#[derive(Debug, ClapArgs)]
#[command(arg_required_else_help = true, after_help = DUMP_EXAMPLES)]
pub struct DumpArgs {
    /// The results directory of a run with --record-requests
    pub dir: PathBuf,

    /// How the requests are written
    #[arg(long, value_name = "FORMAT", default_value = "csv")]
    pub format: DumpWord,
}

/// The formats of a dump, as words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DumpWord {
    /// A table with a heading
    Csv,
    /// A JSON object on each line
    Jsonl,
}

const DUMP_EXAMPLES: &str = "\
Examples:
  loadforge run shop.toml --record-requests                      writes requests.bin, 64 bytes a request
  loadforge dump results/shop-20261121T093000Z > requests.csv
  loadforge dump results/shop-20261121T093000Z --format jsonl | jq -c 'select(.status >= 500)'

Times ending in _ns count from the start of the run. The file of a run that was killed is printed as far as it goes.
In the table, a name that a spreadsheet would take for a formula gets a ' in front.";
