//! Runs on the disk, as the page of `loadforge dashboard` lists and opens them. Neighbours: the reporter reads a directory,
//! `commands/dashboard.rs` serves what is found here. Invariants: nothing is written; a name is one of those that the folder has, so
//! that none leads elsewhere; a directory that cannot be read is told of and hides no other; one that has not changed is read once.

use loadforge_dashboard::{History, RunCard, RunList, RunProblem, SavedRun};
use loadforge_reporter::{RUN_FILE, SNAPSHOTS_FILE, SUMMARY_FILE, StoredRun};
use std::{
    collections::HashMap,
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

/// The files of which a run's figures are made.
const FILES: [&str; 3] = [RUN_FILE, SNAPSHOTS_FILE, SUMMARY_FILE];

/// A results directory, or a folder of them.
pub struct SavedRuns {
    place: Place,
    /// By name, what was read of a directory and the marks that it had then.
    read: Mutex<HashMap<String, (Marks, Read)>>,
}

enum Place {
    /// One run.
    Run { dir: PathBuf, id: String },
    /// A folder.
    Folder(PathBuf),
}

/// What was read of a directory: its card, or why there is none.
type Read = Result<RunCard, String>;

/// Length, and time of the last change in seconds and ns, of each file; none where it is missing.
type Marks = [Option<(u64, i64, i64)>; FILES.len()];

impl SavedRuns {
    /// The runs at this place.
    ///
    /// # Errors
    /// When it cannot be read as a directory.
    pub fn at(dir: &Path) -> io::Result<SavedRuns> {
        fs::read_dir(dir)?;
        let place = match dir.join(RUN_FILE).exists() {
            true => Place::Run {
                id: own_name(dir),
                dir: dir.to_owned(),
            },
            false => Place::Folder(dir.to_owned()),
        };
        Ok(SavedRuns {
            place,
            read: Mutex::default(),
        })
    }

    /// All that is there now, newest first.
    pub fn list(&self) -> RunList {
        let mut list = RunList::default();
        for (id, dir) in self.dirs() {
            match self.card(&id, &dir) {
                Ok(card) => list.runs.push(card),
                Err(message) => list.problems.push(RunProblem { id, message }),
            }
        }
        let newest = |run: &RunCard| (run.started_at.clone(), run.id.clone());
        list.runs.sort_by_key(|run| std::cmp::Reverse(newest(run)));
        list
    }

    /// One run, with its seconds; `None` when there is none of this name.
    pub fn open(&self, id: &str) -> Option<Result<SavedRun, String>> {
        let dirs = self.dirs();
        let (_, dir) = dirs.into_iter().find(|(known, _)| known == id)?;
        let mut history = History::default();
        let run = StoredRun::open_with(&dir, |snapshot| history.add(snapshot));
        Some(match run {
            Ok(run) => Ok(SavedRun {
                info: run.info().clone(),
                summary: run.summary().clone(),
                history,
                results_dir: dir.display().to_string(),
            }),
            Err(error) => Err(error.to_string()),
        })
    }

    /// The directories with a run or what is left of one, by name.
    fn dirs(&self) -> Vec<(String, PathBuf)> {
        let folder = match &self.place {
            Place::Run { dir, id } => return vec![(id.clone(), dir.clone())],
            Place::Folder(folder) => folder,
        };
        let Ok(entries) = fs::read_dir(folder) else {
            return Vec::new();
        };
        let dirs = entries.filter_map(|entry| {
            let path = entry.ok()?.path();
            let is_run = FILES.iter().any(|file| path.join(file).exists());
            is_run.then(|| (file_name(&path), path))
        });
        let mut dirs: Vec<_> = dirs.collect();
        dirs.sort();
        dirs
    }

    /// The card of a directory, made anew when its files have changed.
    fn card(&self, id: &str, dir: &Path) -> Read {
        let marks = marks(dir);
        let mut known = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((then, read)) = known.get(id)
            && *then == marks
        {
            return read.clone();
        }
        let read = read_card(id, dir);
        known.insert(id.to_owned(), (marks, read.clone()));
        read
    }
}

fn read_card(id: &str, dir: &Path) -> Read {
    let mut rps = Vec::new();
    let run = StoredRun::open_with(dir, |snapshot| rps.push(snapshot.rps));
    let run = run.map_err(|error| error.to_string())?;
    let id = id.to_owned();
    Ok(RunCard::new(
        id,
        run.info(),
        run.summary(),
        &rps,
        !run.ended(),
    ))
}

fn marks(dir: &Path) -> Marks {
    FILES.map(|file| {
        let about = fs::metadata(dir.join(file)).ok()?;
        Some((about.len(), about.mtime(), about.mtime_nsec()))
    })
}

/// What a directory is called, also where it was named as `.` or through a link.
fn own_name(dir: &Path) -> String {
    let whole = dir.canonicalize();
    file_name(whole.as_deref().unwrap_or(dir))
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}
