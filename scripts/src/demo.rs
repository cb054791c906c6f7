//! `cargo xtask demo`: the pictures of the README, made again: terminal and live page while a run goes on, then page and report in
//! light and dark. Neighbours: `dashboard/page/demo/record.mjs` takes them, `docs/pictures` has them. Invariant: what a picture shows
//! has happened; nothing is drawn by hand but the architecture.

use crate::{browser, live_run, page, programs};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// How the run is shown; its scenario lies beside the script that takes the pictures.
const FLAGS: &str = "--workers 1 --yes --allow-invalid --dashboard --output results";

/// Columns and rows of the terminal.
const TERMINAL: [&str; 2] = ["104", "44"];

/// How long a run may take to say where its page is.
const PATIENCE: Duration = Duration::from_secs(60);

/// Pictures of the page and the report are so wide.
const PICTURE_WIDTH: u32 = 1_280;

/// Takes the pictures and puts them into `docs/pictures`.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    for name in ["tmux", "ffmpeg", "node", "npm"] {
        if programs::find(name).is_none() {
            return Err(format!("demo: no {name} (`apt-get install {name}`)"));
        }
    }
    if browser::chromium().is_none() {
        return Err(format!("demo: {}", browser::NO_CHROMIUM));
    }
    let place = programs::target(root).join("page");
    if let Some(why) = page::prepare(root, &place)? {
        return Err(format!("demo: {why}"));
    }
    let made = programs::target(root).join("demo");
    let failed = |error| format!("{}: {error}", made.display());
    if made.exists() {
        fs::remove_dir_all(&made).map_err(failed)?;
    }
    fs::create_dir_all(&made).map_err(failed)?;
    programs::build(&mut programs::cargo(
        root,
        &["build", "--quiet", "--release", "--bin", "loadforge"],
    ))?;
    record(root, &place, &made)?;
    let pictures = root.join("docs/pictures");
    fs::create_dir_all(&pictures).map_err(|error| format!("{}: {error}", pictures.display()))?;
    for name in ["page-light", "page-dark", "report-light", "report-dark"] {
        still(
            &made.join(format!("{name}.png")),
            &pictures.join(format!("{name}.webp")),
        )?;
    }
    animated(&made.join("frames"), &pictures.join("demo.webp"))?;
    println!("demo: see docs/pictures");
    Ok(())
}

/// A terminal of our own, which ends with this.
struct Terminal {
    socket: String,
}

impl Terminal {
    fn tmux(&self, words: &[&str]) -> Result<String, String> {
        let output = Command::new("tmux")
            .args(["-L", &self.socket, "-f", "/dev/null"])
            .args(words)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("tmux could not be started: {error}"))?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.tmux(&["kill-server"]);
    }
}

fn record(root: &Path, place: &Path, made: &Path) -> Result<(), String> {
    let program = programs::target(root).join("release/loadforge");
    // From there, so that pictures show no path of this machine. It stays when the run has ended, so that the end can be seen.
    let command = format!(
        "cd {} && {} run {} {FLAGS}; sleep 600",
        made.display(),
        program.display(),
        place.join("demo/shop.toml").display(),
    );
    let terminal = Terminal {
        socket: format!("loadforge-demo-{}", std::process::id()),
    };
    let [columns, rows] = TERMINAL;
    let session = [
        "new-session",
        "-d",
        "-s",
        "demo",
        "-x",
        columns,
        "-y",
        rows,
        &command,
    ];
    terminal.tmux(&session)?;
    let url = address(&terminal)?;
    let status = Command::new("node")
        .args(["demo/record.mjs", &url, &terminal.socket])
        .args([&made.join("results"), made])
        .current_dir(place)
        .status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err("demo: the pictures could not be taken: see above".to_owned()),
        Err(error) => Err(format!("node could not be started: {error}")),
    }
}

/// Where the run in the terminal says that its page is.
fn address(terminal: &Terminal) -> Result<String, String> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        let text = terminal.tmux(&["capture-pane", "-pJ", "-S", "-", "-t", "demo"])?;
        if let Some(url) = text.lines().find_map(live_run::url_in) {
            return Ok(url);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Err("demo: the run has not said where its live page is".to_owned())
}

fn ffmpeg(arguments: &[&str], to: &Path) -> Result<(), String> {
    let output = Command::new("ffmpeg")
        .args(["-y", "-v", "error"])
        .args(arguments)
        .arg(to)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("ffmpeg could not be started: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

fn still(from: &Path, to: &Path) -> Result<(), String> {
    let from = from.to_string_lossy();
    let scale = format!("scale={PICTURE_WIDTH}:-2");
    ffmpeg(
        &[
            "-i", &from, "-vf", &scale, "-c:v", "libwebp", "-quality", "80",
        ],
        to,
    )
}

/// Terminal and page side by side, twice as fast as it was.
fn animated(frames: &Path, to: &Path) -> Result<(), String> {
    let of = |kind: &str| -> PathBuf { frames.join(format!("{kind}-%03d.png")) };
    let (terminal, page) = (of("term"), of("page"));
    let (terminal, page) = (terminal.to_string_lossy(), page.to_string_lossy());
    let filter = "[0]scale=-2:560:flags=lanczos[a];[1]scale=-2:560:flags=lanczos[b];[a][b]hstack";
    let input = ["-framerate", "4"];
    let mut arguments = Vec::from(input);
    arguments.extend(["-i", &terminal]);
    arguments.extend(input);
    arguments.extend(["-i", &page, "-filter_complex", filter]);
    arguments.extend(["-c:v", "libwebp_anim", "-loop", "0", "-quality", "70"]);
    ffmpeg(&arguments, to)
}
