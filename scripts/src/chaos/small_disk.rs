//! A disk small enough to be filled: a tmpfs in a mount namespace of its own, held by a process that sleeps. Neighbours: `play.rs`
//! lets a run write its results there. Invariant: mount and namespace end with the value; nothing of it is seen outside.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// Room for the results of a run of some seconds.
const SIZE_KIB: u32 = 32 * 1024;
/// Nobody needs it longer; should this process be killed, the disk goes then.
const LIVES_S: u32 = 600;

/// The disk, mounted over `place`.
pub(crate) struct SmallDisk {
    place: PathBuf,
    holder: Child,
}

impl SmallDisk {
    /// Mounts one over this folder.
    ///
    /// # Errors
    /// In words, where this machine does not allow it.
    pub(crate) fn mount(place: &Path) -> Result<SmallDisk, String> {
        let script = format!(
            "mount -t tmpfs -o size={SIZE_KIB}k,mode=700 none \"$0\" && echo mounted && exec sleep {LIVES_S}"
        );
        let mut holder = Command::new("unshare")
            .args(["--mount", "--propagation", "private", "sh", "-c", &script])
            .arg(place)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("unshare could not be started: {error}"))?;
        let mut line = String::new();
        if let Some(stdout) = holder.stdout.take() {
            // Nothing to read is told below.
            let _ = BufReader::new(stdout).read_line(&mut line);
        }
        let disk = SmallDisk {
            place: place.to_owned(),
            holder,
        };
        match line.trim() {
            "mounted" => Ok(disk),
            _ => Err("a mount namespace cannot be had here".to_owned()),
        }
    }

    /// A command that sees the disk; the process that is started is the program itself.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("nsenter");
        command
            .args(["--mount", "--target"])
            .arg(self.holder.id().to_string())
            .arg("--")
            .arg(program);
        command
    }

    /// The disk as this process sees it.
    pub(crate) fn seen(&self) -> PathBuf {
        let below = self.place.strip_prefix("/").unwrap_or(&self.place);
        PathBuf::from(format!("/proc/{}/root", self.holder.id())).join(below)
    }

    /// Fills it to the last byte.
    pub(crate) fn fill(&self) -> Result<(), String> {
        let path = self.filler();
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        for size in [64 * 1024, 1] {
            while file.write_all(&vec![1; size]).is_ok() {}
        }
        Ok(())
    }

    /// Makes room again.
    pub(crate) fn free(&self) {
        // It may never have been filled.
        let _ = fs::remove_file(self.filler());
    }

    fn filler(&self) -> PathBuf {
        self.seen().join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_disk_can_be_filled_and_freed_and_is_seen_by_its_commands_alone() {
        let folder = tempfile::tempdir().unwrap();
        let disk = match SmallDisk::mount(folder.path()) {
            Ok(disk) => disk,
            Err(why) => return eprintln!("skipped: {why}"),
        };
        let says = |text: &str| {
            let script = format!("echo {text} > {}/said", folder.path().display());
            let mut command = disk.command(Path::new("/bin/sh"));
            command.args(["-c", &script]).stderr(Stdio::null());
            command.status().unwrap().success()
        };
        assert!(says("first"));
        assert_eq!(
            fs::read_to_string(disk.seen().join("said")).unwrap(),
            "first\n"
        );
        assert!(!folder.path().join("said").exists(), "seen outside");
        disk.fill().unwrap();
        let more = "x".repeat(20_000);
        assert!(!says(&more), "there was room left");
        disk.free();
        assert!(says(&more));
    }
}
