//! The flags of the live page on `run`, and the command line of `dashboard`, as typed. Neighbours: `live_page.rs` and
//! `commands/dashboard.rs` make of them what was meant. Invariant: addresses stay text here, as in all of `args`.

use clap::Args as ClapArgs;
use std::path::PathBuf;

/// How a run is shown in a browser.
#[derive(Clone, Debug, Default, ClapArgs)]
pub struct LiveArgs {
    /// Serve a live page in which the run can be watched and steered: a port, an address, or both [without one: a free port of
    /// 127.0.0.1]
    #[arg(long, value_name = "ADDR", num_args = 0..=1, default_missing_value = "", help_heading = LIVE)]
    pub dashboard: Option<String>,

    /// With --dashboard: open the page in this desktop's browser
    #[arg(long, help_heading = LIVE)]
    pub open: bool,

    /// With --dashboard: serve the page on when the run is over, until Ctrl-C
    #[arg(long, help_heading = LIVE)]
    pub dashboard_keep: bool,
}

/// `loadforge dashboard`.
#[derive(Debug, ClapArgs)]
#[command(arg_required_else_help = true, after_help = EXAMPLES)]
pub struct DashboardArgs {
    /// The results directory of a run, or a folder of such directories
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,

    /// Where to listen: a port, an address, or both [default: a free port of 127.0.0.1]
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<String>,

    /// Open the page in this desktop's browser
    #[arg(long)]
    pub open: bool,
}

const LIVE: &str = "Live page";

const EXAMPLES: &str = "\
Examples:
  loadforge dashboard results                               all runs of a folder, the newest first
  loadforge dashboard results/shop-20261121T093000Z         one run, second by second
  loadforge dashboard results --listen 0.0.0.0:8080         for others, who need the token in the address that is printed

It serves until Ctrl-C. A run that goes on is shown up to its last second on the disk; `loadforge run --dashboard` shows one live.";
