//! What must hold of a run whatever befell it: the books balance, agree with the server's, and nothing is left. Neighbours: `play.rs`
//! saw it, `schedule.rs` says what was to happen, `books.rs` reads the figures. Invariant: what a fault makes unknowable is a number in
//! the run's own books, and that number is the only slack there is.

use super::{
    books::Books,
    play::{Ended, Happened, Observed},
    schedule::{Fault, Habit, Load, Schedule},
    server::Counts,
};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::{collections::BTreeSet, os::unix::process::ExitStatusExt};

/// Up to this share of the run, in percent, what happened did so for certain while it ran.
const CERTAINLY_RUNNING: u64 = 70;

/// Everything that does not hold, in words; empty for a good run.
pub(crate) fn judge(schedule: &Schedule, observed: &Observed) -> Vec<String> {
    let mut judge = Judge {
        schedule,
        observed,
        wrong: observed.left.clone(),
    };
    judge.end();
    judge.seconds();
    judge.books();
    judge.wrong
}

struct Judge<'a> {
    schedule: &'a Schedule,
    observed: &'a Observed,
    wrong: Vec<String>,
}

impl Judge<'_> {
    fn holds(&mut self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            self.wrong.push(otherwise());
        }
    }

    /// What reached somebody.
    fn hit(&self) -> impl Iterator<Item = &Happened> {
        let happened = self.observed.happened.iter();
        happened.filter(|happened| happened.pid.is_some())
    }

    fn end_signals(&self) -> Vec<(u64, Signal)> {
        self.hit()
            .filter_map(|happened| match happened.fault {
                Fault::Signal(signal) => Some((happened.at_ms, signal)),
                _ => None,
            })
            .collect()
    }

    fn was_killed(&self) -> bool {
        self.hit()
            .any(|happened| happened.fault == Fault::KillSupervisor)
    }

    /// Whether what happened at this time did so while the load ran.
    fn while_running(&self, at_ms: u64) -> bool {
        let until_ms = self.schedule.run_ms * CERTAINLY_RUNNING / 100;
        // Where everything stood still, times say nothing.
        !self.schedule.is_early && at_ms < until_ms && self.observed.stood_still_ms < until_ms / 10
    }

    /// How it ended: the exit code, or the signal, is one that what happened allows.
    fn end(&mut self) {
        let Some(ended) = &self.observed.ended else {
            return self.wrong.push("it did not end by itself".to_owned());
        };
        self.holds(!ended.said.contains("panicked"), || {
            "something panicked".to_owned()
        });
        self.holds(self.observed.is_settled, || {
            "the server has clients long after the end".to_owned()
        });
        let (signals, was_killed) = (self.end_signals(), self.was_killed());
        let is_made = self.observed.results.is_some();
        let allowed = match (ended.status.signal(), ended.status.code()) {
            (Some(signal), _) => {
                let is_asked = signals.iter().any(|(_, sent)| *sent as i32 == signal);
                is_asked || (was_killed && signal == Signal::SIGKILL as i32)
            }
            (_, Some(130)) => {
                signals.len() >= 2 || signals.iter().any(|(_, sent)| *sent == Signal::SIGQUIT)
            }
            (_, Some(2)) => !is_made && self.may_not_begin(ended),
            (_, Some(1)) => is_made && self.may_fail() || !is_made && self.may_not_begin(ended),
            (_, Some(4)) => self.level() == Some("INVALID") && !self.schedule.allow_invalid,
            (_, Some(0)) => self.level() != Some("INVALID") || self.schedule.allow_invalid,
            _ => false,
        };
        self.holds(allowed, || {
            format!(
                "it ended with {}, which nothing that happened explains",
                ended.status
            )
        });
        // One that died by a signal may have died before it made anything.
        let must_be_made = matches!(ended.status.code(), Some(0 | 4 | 130));
        self.holds(is_made || !must_be_made, || "it left no results".to_owned());
        let is_calm = !self
            .schedule
            .has(|fault| matches!(fault, Fault::StopSupervisor { .. } | Fault::KillSupervisor));
        // One more signal ends it while it writes reports, as the table of signals says, and behind another one all may be done.
        let quit =
            matches!(signals.as_slice(), [(at_ms, Signal::SIGQUIT)] if self.while_running(*at_ms));
        if quit && is_calm && !self.has_lost_all() {
            self.holds(ended.status.code() == Some(130), || {
                format!("SIGQUIT did not end it at once: {}", ended.status)
            });
        }
        let interrupted = signals.iter().any(|(at_ms, _)| self.while_running(*at_ms));
        if interrupted && is_calm && !self.has_lost_all() && self.books_of_its_own() {
            let outcome = self.observed.summary.as_ref().map(|all| &all["outcome"]);
            self.holds(outcome.is_some_and(|word| word == "interrupted"), || {
                format!("a signal while it ran, and its outcome is {outcome:?}")
            });
        }
    }

    /// Whether exit code 1 is explained for a run that has begun.
    fn may_fail(&self) -> bool {
        let results_hit = self.hit().any(|happened| {
            matches!(
                happened.fault,
                Fault::DiskFull { .. } | Fault::NoDescriptors { worker: None }
            )
        });
        results_hit || self.has_lost_all()
    }

    /// Whether every worker was hit by something deadly.
    fn has_lost_all(&self) -> bool {
        let is_deadly = |happened: &&Happened| matches!(happened.fault, Fault::KillWorker(..));
        let deaths: BTreeSet<Option<u32>> = self
            .hit()
            .filter(is_deadly)
            .map(|happened| happened.pid)
            .collect();
        deaths.len() + self.late_workers() >= self.schedule.workers
    }

    fn late_workers(&self) -> usize {
        let books = self.observed.summary.as_ref().map(Books::read);
        books.map_or(0, |books| books.map_or(0, |books| books.late_workers))
    }

    /// Whether exit code 1 is explained for a run that never began.
    fn may_not_begin(&self, ended: &Ended) -> bool {
        let was_called_off =
            !self.end_signals().is_empty() && ended.said.contains("before the run began");
        let no_server = self
            .schedule
            .has(|fault| matches!(fault, Fault::ServerGone { .. } | Fault::Reset))
            && ended.said.contains("no connection to");
        let no_worker = self.has_lost_all() && ended.said.contains("no worker got ready");
        let no_descriptors = self.hit().any(|happened| {
            matches!(
                happened.fault,
                Fault::NoDescriptors { .. } | Fault::DiskFull { .. }
            )
        }) && ended.said.contains("error:");
        self.schedule.is_early && (was_called_off || no_server || no_worker || no_descriptors)
    }

    fn level(&self) -> Option<&str> {
        self.observed.summary.as_ref()?["verdict"]["level"].as_str()
    }

    fn books_of_its_own(&self) -> bool {
        self.observed.summary.is_some()
    }

    /// `snapshots.jsonl`: every line can be read, time goes on, and no total falls.
    fn seconds(&mut self) {
        let observed = self.observed;
        let last = observed.seconds.len().saturating_sub(1);
        for (index, second) in observed.seconds.iter().enumerate() {
            let is_torn = index == last && !observed.is_last_line_whole && self.was_killed();
            if let (Err(error), false) = (second, is_torn) {
                self.wrong.push(format!(
                    "line {} of snapshots.jsonl cannot be read: {error}",
                    index + 1
                ));
            }
        }
        let whole: Vec<&Value> = observed
            .seconds
            .iter()
            .filter_map(|second| second.as_ref().ok())
            .collect();
        let at = |second: &Value| second["at_s"].as_f64().unwrap_or(f64::NAN);
        let has_gap = whole.windows(2).any(|pair| {
            let begins_s = at(pair[1]) - pair[1]["length_s"].as_f64().unwrap_or(f64::NAN);
            begins_s > at(pair[0]) + 1e-3
        });
        let code = observed
            .ended
            .as_ref()
            .and_then(|ended| ended.status.code());
        // Who reads the exit code alone must learn that seconds are missing.
        self.holds(!(has_gap && matches!(code, Some(0 | 3 | 4))), || {
            format!("seconds are missing from snapshots.jsonl, and the exit code is {code:?}")
        });
        for pair in whole.windows(2) {
            self.holds(at(pair[0]) < at(pair[1]), || {
                format!("a second at {} stands behind {}", at(pair[1]), at(pair[0]))
            });
            for name in [
                "intended", "sent", "not_sent", "ok", "failed", "unknown", "lost",
            ] {
                let total = |second: &Value| second["totals"][name].as_u64();
                self.holds(total(pair[0]) <= total(pair[1]), || {
                    format!(
                        "the total of {name} falls from {:?} to {:?} at {} s",
                        total(pair[0]),
                        total(pair[1]),
                        at(pair[1])
                    )
                });
            }
        }
    }

    /// The run's books: they balance, and agree with the server's.
    fn books(&mut self) {
        let is_own = self.books_of_its_own();
        if !is_own {
            self.only_the_screen_has_it();
        }
        let summary = match (&self.observed.summary, &self.observed.reported) {
            (Some(summary), _) => summary,
            (None, Some((ended, reported))) => match reported {
                Some(summary) => summary,
                None => {
                    let is_empty = ended.said.contains("no complete second")
                        && self.observed.seconds.iter().all(Result::is_err);
                    // Killed before it had written its first file.
                    let is_nothing = self.was_killed() && ended.said.contains("run.json");
                    return self.holds(is_empty || is_nothing, || {
                        format!("no report can be made of what it left: {}", ended.said)
                    });
                }
            },
            (None, None) => return,
        };
        let books = match Books::read(summary) {
            Ok(books) => books,
            Err(error) => return self.wrong.push(error),
        };
        self.wrong.extend(books.broken());
        if is_own {
            // What stands in seconds that a full disk kept out of the files is in their totals alone.
            self.wrong.extend(books.without_a_kind());
        }
        self.server_agrees(&books, is_own);
        self.failures_are_explained(&books, is_own);
        self.deaths_are_told(&books, is_own);
        if is_own {
            self.arrivals_are_all_there(&books);
            self.screen_agrees(&books);
        }
    }

    /// A run that could not write its books has said them.
    fn only_the_screen_has_it(&mut self) {
        let Some(ended) = &self.observed.ended else {
            return;
        };
        // Who died by a signal, or never began, has nothing to say.
        if ended.status.code().is_none() || self.observed.results.is_none() {
            return;
        }
        let whole = self.observed.server.whole;
        let breaks = self.breaks();
        match Books::on_screen(&ended.said) {
            None => self
                .wrong
                .push("no summary, and nothing is on the screen".to_owned()),
            Some([intended, sent, not_sent]) => {
                self.holds(intended == sent + not_sent, || {
                    format!("the screen says {intended} = {sent} + {not_sent}")
                });
                self.holds(whole <= sent || breaks, || {
                    format!("the server has read {whole} requests, and the screen says {sent}")
                });
            }
        }
    }

    /// Whether the server may have broken connections on which it had read a request.
    fn breaks(&self) -> bool {
        let resets = |fault: &Fault| {
            matches!(
                fault,
                Fault::Reset | Fault::HalfClose | Fault::ServerGone { .. }
            )
        };
        self.schedule.has(resets) || matches!(self.schedule.conduct.habit, Habit::CutsHalf(_))
    }

    /// A request that was answered was read whole; one that was read whole was sent, and what was sent and read twice is counted as
    /// sent again.
    fn server_agrees(&mut self, books: &Books, is_own: bool) {
        let Counts { whole, begun, .. } = self.observed.server;
        let answered = books.answered();
        self.holds(answered <= whole, || {
            format!("{answered} requests were answered, and the server has read {whole}")
        });
        // What workers did behind the last second on the disk is unknowable, and the report says that the run was cut off there.
        if !is_own {
            return;
        }
        let most = answered + books.of_unknown_fate() + self.read_twice(books);
        self.holds(whole + begun <= most, || {
            format!(
                "the server has read {whole} requests whole and {begun} in part, and the books explain {most}: {books:?}"
            )
        });
        let accepted = self.observed.server.connections;
        let may_be_unaccepted = self
            .schedule
            .has(|fault| matches!(fault, Fault::ServerGone { .. }));
        self.holds(books.connects <= accepted || may_be_unaccepted, || {
            format!(
                "{} connections were made, and the server has accepted {accepted}",
                books.connects
            )
        });
    }

    /// How many requests the server may have read twice: those sent again after it had broken a connection on which it had read one.
    /// One that closes only behind its answers has read nothing of what came too late.
    fn read_twice(&self, books: &Books) -> u64 {
        // Whether a request of unknown fate was sent again is unknown, too.
        match self.breaks() {
            true => books.retried + books.unknown + books.lost,
            false => 0,
        }
    }

    /// Every kind of failure, and every request without an outcome, has a cause in what happened.
    fn failures_are_explained(&mut self, books: &Books, is_own: bool) {
        let habit = self.schedule.conduct.habit;
        let breaks = self.breaks();
        let holds_up = self.schedule.has(|fault| {
            matches!(
                fault,
                Fault::Freeze { .. } | Fault::StopWorker { .. } | Fault::StopSupervisor { .. }
            )
        });
        let ends_at_once = self.observed.ended.as_ref().is_some_and(|ended| {
            ended.status.code() == Some(130) || ended.status.signal().is_some()
        });
        for (kind, count) in &books.failures {
            let is_explained = match kind.as_str() {
                "status" => matches!(habit, Habit::Refuses(_)),
                // A limit near the server's delay may pass on a busy machine, and any when the machine stands still.
                "timeout" => {
                    self.schedule.timeout_ms < 1_000
                        || self.observed.stood_still_ms + 1_500 > self.schedule.timeout_ms
                }
                "reset" => breaks || matches!(habit, Habit::ClosesIdle(_)),
                "connect" => breaks,
                "interrupted" => ends_at_once || holds_up || self.observed.stood_still_ms > 1_000,
                "generator" => self
                    .schedule
                    .has(|fault| matches!(fault, Fault::NoDescriptors { .. })),
                _ => false,
            };
            self.holds(is_explained, || {
                format!("{count} failures of kind {kind}, which nothing explains")
            });
        }
        if !is_own {
            return;
        }
        let is_drained = !self
            .schedule
            .has(|fault| matches!(fault, Fault::StopSupervisor { .. }));
        self.holds(books.lost == 0 || !is_drained, || {
            format!("{} records were lost, with room for 65,536", books.lost)
        });
        // A user has one request under way, or one that it has not been done with.
        let most = u64::from(books.workers_lost) * self.schedule.load.most_users();
        self.holds(books.unknown <= most, || {
            format!(
                "{} requests of unknown fate, of {} lost workers and {most} users at most",
                books.unknown, books.workers_lost
            )
        });
    }

    /// Each worker that was killed is told of.
    fn deaths_are_told(&mut self, books: &Books, is_own: bool) {
        if !is_own {
            return;
        }
        let first_signal_ms = self
            .end_signals()
            .first()
            .map_or(u64::MAX, |(at_ms, _)| *at_ms);
        let killed: BTreeSet<u32> = self
            .hit()
            .filter(|happened| matches!(happened.fault, Fault::KillWorker(..)))
            .filter(|happened| {
                self.while_running(happened.at_ms) && happened.at_ms < first_signal_ms
            })
            .filter_map(|happened| happened.pid)
            .collect();
        self.holds(books.deaths_told >= killed.len(), || {
            format!(
                "{} workers were killed and {} deaths told",
                killed.len(),
                books.deaths_told
            )
        });
        self.holds(books.deaths_told == books.workers_lost as usize, || {
            format!(
                "{} workers lost and {} deaths told",
                books.workers_lost, books.deaths_told
            )
        });
        let is_deadly = |fault: &Fault| {
            matches!(
                fault,
                Fault::KillWorker(..) | Fault::StopWorker { .. } | Fault::Signal(_)
            )
        };
        self.holds(
            books.workers_lost == 0 || self.schedule.has(is_deadly),
            || {
                format!(
                    "{} workers lost, which nothing explains",
                    books.workers_lost
                )
            },
        );
    }

    /// With users nothing waits to be sent; with a rate each arrival of the plan is sent or not sent, whatever died meanwhile.
    fn arrivals_are_all_there(&mut self, books: &Books) {
        let outcome = self.observed.summary.as_ref().map(|all| &all["outcome"]);
        let is_completed = outcome.is_some_and(|word| word == "completed");
        match self.schedule.load {
            Load::Users(_) => self.holds(books.not_sent == 0, || {
                format!("{} requests of users were not sent", books.not_sent)
            }),
            Load::Rate { per_s, .. } if is_completed && self.schedule.story.is_single() => {
                // Arrival k is due at k / rate: those before the end.
                let planned = (per_s * self.schedule.run_ms).div_ceil(1_000);
                self.holds(books.intended == planned, || {
                    format!(
                        "{} arrivals intended, and {planned} planned",
                        books.intended
                    )
                });
            }
            Load::Rate { .. } => {}
        }
    }

    /// The table on the screen has the same figures.
    fn screen_agrees(&mut self, books: &Books) {
        let Some(ended) = &self.observed.ended else {
            return;
        };
        // Without a table it died in between.
        if let Some(told) = Books::on_screen(&ended.said) {
            let kept = [books.intended, books.sent, books.not_sent];
            self.holds(told == kept, || {
                format!("the screen says {told:?} and the summary {kept:?}")
            });
        }
    }
}

#[cfg(test)]
#[path = "oracle_tests.rs"]
mod tests;
