//! What a run must not leave: processes, shared memory, files half made. Neighbours: `play.rs` asks once a run has ended.
//! Invariant: it looks and touches nothing.

use std::{
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

/// How long processes may take to be gone once the supervisor is: the kernel ends them, and does so at once.
const GONE_WITHIN: Duration = Duration::from_secs(10);
/// The variable by which the processes of one run are known.
pub(crate) const MARK: &str = "CHAOS_RUN";

/// All that is left of the run with this mark, whose supervisor was `pid`.
pub(crate) fn left(mark: &str, pid: u32, results: Option<&Path>) -> Vec<String> {
    let mut left = living(mark);
    let begin = format!("loadforge-{pid}-");
    let memory = names_in(Path::new("/dev/shm")).into_iter();
    left.extend(
        memory
            .filter(|name| name.starts_with(&begin))
            .map(|name| format!("/dev/shm/{name} is left")),
    );
    if let Some(results) = results {
        left.extend(unfinished(results));
    }
    left
}

/// Processes of the run that still live after a while.
fn living(mark: &str) -> Vec<String> {
    let begun = Instant::now();
    loop {
        let living = marked(mark);
        if living.is_empty() || begun.elapsed() > GONE_WITHIN {
            return living;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

fn marked(mark: &str) -> Vec<String> {
    let wanted = format!("{MARK}={mark}");
    let numbers = names_in(Path::new("/proc"))
        .into_iter()
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
    numbers
        .filter_map(|pid| {
            // Processes of others cannot be read, and those that end meanwhile are gone; a dead one has no environment.
            let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
            let is_ours = environment
                .split(|byte| *byte == 0)
                .any(|entry| entry == wanted.as_bytes());
            is_ours.then(|| format!("process {pid} lives on"))
        })
        .collect()
}

/// Files of a results directory that were begun and not finished.
pub(crate) fn unfinished(results: &Path) -> Vec<String> {
    let names = names_in(results).into_iter();
    let mut left: Vec<String> = names
        .filter(|name| name.starts_with('.') || name.ends_with(".tmp"))
        .map(|name| format!("{name} is left in the results"))
        .collect();
    for (name, end) in [
        ("report.html", "</html>"),
        ("series.csv", "\n"),
        ("run.json", "}\n"),
        ("summary.json", "}\n"),
    ] {
        let text = fs::read(results.join(name)).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let is_whole = match end {
            "</html>" => text.trim_end().ends_with(end),
            _ => text.ends_with(end),
        };
        if results.join(name).exists() && !is_whole {
            left.push(format!("{name} is not whole"));
        }
    }
    left
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries
        .filter_map(Result::ok)
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_living_process_and_half_made_files_are_found() {
        let mark = format!("test-{}", std::process::id());
        let mut child = Command::new("sleep")
            .arg("600")
            .env(MARK, &mark)
            .spawn()
            .unwrap();
        let begun = Instant::now();
        // Its environment can be read a moment after it has been started.
        while marked(&mark).is_empty() && begun.elapsed() < GONE_WITHIN {
            thread::sleep(Duration::from_millis(1));
        }
        let found = marked(&mark);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(found, [format!("process {} lives on", child.id())]);
        assert_eq!(left(&mark, child.id(), None), Vec::<String>::new());

        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(".report.html.tmp"), "x").unwrap();
        fs::write(folder.path().join("summary.json"), "{ \"a\":").unwrap();
        fs::write(folder.path().join("report.html"), "<html></html>\n").unwrap();
        assert_eq!(
            unfinished(folder.path()),
            [
                ".report.html.tmp is left in the results",
                "summary.json is not whole"
            ]
        );
    }
}
