//! The live page of a run, from its flags to its end. Neighbours: `intent.rs` reads the flags, `commands/run.rs` opens the door before
//! anything is sent and starts the page after the fork, `loadforge-dashboard` serves it. Invariants: a run without `--dashboard` has
//! nothing of this but a `None`; the address with the token is said once, to the person who started the run.

use crate::{args::LiveArgs, complaint::Complaint};
use loadforge_analysis::{RunInfo, RunSummary};
use loadforge_dashboard::{Door, ListenAddress, LivePage, LiveSettings, Steer};
use loadforge_engine::hold_signals;
use loadforge_reporter::REPORT_FILE;
use nix::sys::signal::{SigSet, Signal};
use std::{
    fs, io,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    thread,
};

/// How a run is to be shown in a browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveIntent {
    /// Where to listen.
    address: ListenAddress,
    /// Whether a browser is to be started.
    open: bool,
    /// Whether the page stays when the run is over.
    keep: bool,
}

/// The address of `--dashboard` or `--listen`; nothing at all is a free port that only this machine reaches.
///
/// # Errors
/// When it is none.
pub fn listen_address(flag: &str, text: &str) -> Result<ListenAddress, Complaint> {
    if text.is_empty() {
        return Ok(ListenAddress::default());
    }
    text.parse().map_err(|wrong| {
        let remedy = match flag {
            "--dashboard" => {
                "write --dashboard alone for a free port of this machine; a scenario stands before it, or --dashboard=8080 does"
            }
            _ => "leave it out for a free port of this machine",
        };
        Complaint::new(format!("{flag} {text:?} {wrong}"), remedy)
    })
}

impl LiveIntent {
    /// What the flags mean, given the address that `--dashboard` came to.
    ///
    /// # Errors
    /// When there is something to be done with a page that was not asked for.
    pub fn new(
        args: &LiveArgs,
        address: Option<ListenAddress>,
    ) -> Result<Option<LiveIntent>, Complaint> {
        let flag = match args {
            LiveArgs { open: true, .. } => Some("--open"),
            LiveArgs {
                dashboard_keep: true,
                ..
            } => Some("--dashboard-keep"),
            _ => None,
        };
        match (&args.dashboard, flag) {
            (None, Some(flag)) => Err(Complaint::new(
                format!("{flag} is about the live page, and none was asked for"),
                format!("add --dashboard, or leave {flag} out"),
            )),
            _ => Ok(address.map(|address| LiveIntent {
                address,
                open: args.open,
                keep: args.dashboard_keep,
            })),
        }
    }

    /// Listens; only then is it known that the page can be had.
    ///
    /// # Errors
    /// When the port is taken or may not be had.
    pub fn open_door(&self) -> Result<OpenDoor, Complaint> {
        let door = open_door(&self.address)?;
        Ok(OpenDoor {
            door,
            open: self.open,
            keep: self.keep,
        })
    }
}

/// Listens at this address.
///
/// # Errors
/// When the port is taken or may not be had.
pub fn open_door(address: &ListenAddress) -> Result<Door, Complaint> {
    Door::open(address).map_err(|error| Complaint::new(error.message, error.help))
}

/// A socket that listens, and what becomes of the page behind it.
pub struct OpenDoor {
    door: Door,
    open: bool,
    keep: bool,
}

/// The page of a run under way.
pub struct RunPage {
    page: Arc<LivePage>,
    keep: bool,
}

impl OpenDoor {
    /// Serves the page and says where; only to be called after the fork.
    ///
    /// # Errors
    /// When there is no thread or no descriptor left.
    pub fn start(
        self,
        info: &RunInfo,
        results_dir: Option<&Path>,
        cpu: Option<u32>,
        steer: Steer,
    ) -> io::Result<RunPage> {
        let OpenDoor { door, open, keep } = self;
        let settings = LiveSettings { door, cpu, keep };
        let place = results_dir.map(Path::to_owned);
        // Threads inherit what is held: no signal that ends a run comes to those of the page.
        let _held = hold_signals();
        let page = LivePage::start(settings, info.clone(), place, steer)?;
        say!("live page  {}", page.url());
        if open {
            browse(page.url());
        }
        Ok(RunPage {
            page: Arc::new(page),
            keep,
        })
    }
}

impl RunPage {
    /// What is to be called with each second.
    pub fn feed(&self) -> loadforge_engine::LiveFeed {
        let page = Arc::clone(&self.page);
        Box::new(move |snapshot| page.add(snapshot))
    }

    /// Tells every viewer that the run is over, what it came to, and where its report is if there is one.
    pub fn end(&self, summary: &RunSummary, results_dir: Option<&Path>) {
        let report = results_dir.map(|dir| dir.join(REPORT_FILE));
        self.page.end(summary, report.filter(|file| file.exists()));
    }

    /// Where the page is to stay: serves it until SIGINT, SIGTERM or SIGHUP.
    pub fn stay(self) {
        if !self.keep {
            return;
        }
        // From here on they wait for us, whatever the run had made of them.
        let signals = until_told();
        say!("the live page stays until Ctrl-C  {}", self.page.url());
        // EINTR aside, this returns for one of them.
        while signals.wait().is_err() {}
    }
}

/// Keeps the signals that end a server waiting, for this thread and those it starts from here on.
pub fn until_told() -> SigSet {
    let mut signals = SigSet::from_iter([Signal::SIGINT, Signal::SIGTERM]);
    // Whoever started us under nohup wants the page to outlive the terminal; waited for, SIGHUP would come though it is ignored.
    if !ignores_hangup() {
        signals.add(Signal::SIGHUP);
    }
    // Where a sandbox forbids it, signals end the program at once, and nothing of it is lost by then.
    let _ = signals.thread_block();
    signals
}

fn ignores_hangup() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask & (1 << (Signal::SIGHUP as u64 - 1)) != 0)
}

/// Starts the desktop's browser. Without one the address that was said has to do.
pub fn browse(url: &str) {
    let mut command = Command::new("xdg-open");
    command
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    match command.spawn() {
        Ok(mut child) => {
            // Waited for elsewhere, so that it leaves nothing behind; some browsers stay for as long as they are open.
            let _ = thread::Builder::new().spawn(move || child.wait());
        }
        Err(error) => {
            say!("note: no browser could be started (xdg-open: {error}); open the address above");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(dashboard: Option<&str>, open: bool, dashboard_keep: bool) -> LiveArgs {
        LiveArgs {
            dashboard: dashboard.map(str::to_owned),
            open,
            dashboard_keep,
        }
    }

    #[test]
    fn what_is_about_a_page_needs_one() {
        let address: ListenAddress = "8080".parse().unwrap();
        let read = |args: &LiveArgs| {
            LiveIntent::new(args, args.dashboard.as_ref().map(|_| address.clone()))
        };
        assert_eq!(read(&args(None, false, false)), Ok(None));
        let intent = read(&args(Some("8080"), true, false)).unwrap().unwrap();
        assert_eq!((intent.open, intent.keep), (true, false));
        for (args, flag) in [
            (args(None, true, false), "--open"),
            (args(None, false, true), "--dashboard-keep"),
        ] {
            let complaint = read(&args).unwrap_err();
            assert!(complaint.message.starts_with(flag), "{complaint}");
            assert!(complaint.remedy.contains("add --dashboard"), "{complaint}");
        }
    }

    #[test]
    fn what_is_no_address_is_told_with_what_was_probably_meant() {
        let complaint = listen_address("--dashboard", "shop.toml").unwrap_err();
        assert!(
            complaint
                .message
                .contains("\"shop.toml\" is not an address")
        );
        assert!(complaint.remedy.contains("a scenario stands before it"));
        assert!(listen_address("--listen", "[::1]:8080").is_ok());
    }
}
