//! How many users for how long: the file's `[load]` and the flags put together, flags first.
//! Neighbours: `intent.rs` calls it. Invariant: what comes out asks for at least one user at some time, for more than no time.

use crate::{
    amounts::{count, positive_time, time_words},
    args::{PatternWord, RunArgs},
    complaint::Complaint,
};
use loadforge_scenarios::Pattern;
use std::time::Duration;

/// Users when neither flag nor file says.
const DEFAULT_USERS: f64 = 10.0;
/// Users at the start of a ramp when neither flag nor file says.
const DEFAULT_RAMP_FROM: f64 = 1.0;
/// The most users that can be asked for, as in scenario files: more than any target has ports for.
const MOST_USERS: u64 = 10_000_000;

/// A load, whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Load {
    /// Users over time.
    pub users: Pattern,
    /// How long.
    pub duration: Duration,
    /// Ends the run once so many requests have been sent.
    pub max_requests: Option<u64>,
}

/// What the scenario says by itself.
#[derive(Clone, Debug, Default)]
pub struct FileLoad {
    /// Users over time.
    pub users: Option<Pattern>,
    /// How long.
    pub duration: Option<Duration>,
    /// Ends the run once so many requests have been sent.
    pub max_requests: Option<u64>,
}

impl FileLoad {
    /// The load when no flag says otherwise.
    pub fn or_defaults(self, default_duration: Duration) -> Load {
        Load {
            users: self.users.unwrap_or(Pattern::Constant(DEFAULT_USERS)),
            duration: self.duration.unwrap_or(default_duration),
            max_requests: self.max_requests,
        }
    }
}

impl Load {
    /// Puts flags over what the file says, and that over the defaults; everything wrong goes to `complaints`.
    pub fn decide(
        args: &RunArgs,
        file: FileLoad,
        default_duration: Duration,
        complaints: &mut Vec<Complaint>,
    ) -> Load {
        if let Some(rate) = &args.rate {
            complaints.push(Complaint::new(
                format!("--rate {rate}: an arrival rate (the open model) is not supported yet by this version of loadforge: only users"),
                "leave it out and give --users N",
            ));
        }
        let mut keep = |read: Result<u64, Complaint>| read.map_err(|c| complaints.push(c)).ok();
        let users = args
            .users
            .as_deref()
            .and_then(|text| keep(count("--users", text, 1..=MOST_USERS)));
        let ramp_to = args
            .ramp_to
            .as_deref()
            .and_then(|text| keep(count("--ramp-to", text, 0..=MOST_USERS)));
        let max_requests = args
            .max_requests
            .as_deref()
            .and_then(|text| keep(count("--max-requests", text, 1..=u64::MAX)));
        let mut keep =
            |read: Result<Duration, Complaint>| read.map_err(|c| complaints.push(c)).ok();
        let ramp_over = args
            .ramp_over
            .as_deref()
            .and_then(|text| keep(positive_time("--ramp-over", text)));
        let duration = args
            .duration
            .as_deref()
            .and_then(|text| keep(positive_time("--duration", text)));

        let duration = duration.or(file.duration).unwrap_or(default_duration);
        let typed = TypedRamp {
            pattern: args.pattern,
            users: users.map(|users| users as f64),
            to: ramp_to.map(|users| users as f64),
            over: ramp_over,
            // A bad value has been told already; it still counts as "there was one".
            to_given: args.ramp_to.is_some(),
            over_given: args.ramp_over.is_some(),
        };
        let users = typed
            .over_file(file.users, duration)
            .unwrap_or_else(|complaint| {
                complaints.push(complaint);
                Pattern::Constant(DEFAULT_USERS)
            });
        if users.peak() < 1.0 {
            complaints.push(Complaint::new(
                "the load asks for no user at any time",
                "give --users or --ramp-to at least 1",
            ));
        }
        Load {
            users,
            duration,
            max_requests: max_requests.or(file.max_requests),
        }
    }

    /// The load in words, such as `ramp from 1 to 200 users over 30s`.
    pub fn words(&self) -> String {
        let users = |count: f64| {
            if count == 1.0 {
                "1 user".into()
            } else {
                format!("{count} users")
            }
        };
        match &self.users {
            Pattern::Constant(count) => format!("constant, {}", users(*count)),
            Pattern::Ramp { from, to, over } => {
                format!(
                    "ramp from {from} to {} over {}",
                    users(*to),
                    time_words(*over)
                )
            }
        }
    }
}

/// The flags that shape users over time.
struct TypedRamp {
    pattern: Option<PatternWord>,
    users: Option<f64>,
    to: Option<f64>,
    over: Option<Duration>,
    to_given: bool,
    over_given: bool,
}

impl TypedRamp {
    fn over_file(self, file: Option<Pattern>, duration: Duration) -> Result<Pattern, Complaint> {
        let ramp_flag = match (self.to_given, self.over_given) {
            (true, _) => Some("--ramp-to"),
            (false, true) => Some("--ramp-over"),
            (false, false) => None,
        };
        if self.pattern == Some(PatternWord::Constant) {
            if let Some(flag) = ramp_flag {
                return Err(Complaint::new(
                    format!("{flag} belongs to a ramp, and --pattern constant asks for none"),
                    format!("leave out {flag}, or --pattern constant"),
                ));
            }
            return match (self.users, file) {
                (Some(users), _) => Ok(Pattern::Constant(users)),
                (None, Some(Pattern::Ramp { .. })) => Err(Complaint::new(
                    "--pattern constant replaces the file's ramp and does not say how many users there are",
                    "add --users N",
                )),
                (None, file) => Ok(file.unwrap_or(Pattern::Constant(DEFAULT_USERS))),
            };
        }
        if self.pattern.is_none() && ramp_flag.is_none() {
            // `--users` alone means that many, whatever the file's curve.
            let users = self.users.map(Pattern::Constant).or(file);
            return Ok(users.unwrap_or(Pattern::Constant(DEFAULT_USERS)));
        }
        let (file_from, file_to, file_over) = match file {
            Some(Pattern::Ramp { from, to, over }) => (Some(from), Some(to), Some(over)),
            _ => (None, None, None),
        };
        if self.to_given && self.to.is_none() {
            return Ok(Pattern::Constant(DEFAULT_USERS));
        }
        let Some(to) = self.to.or(file_to) else {
            return Err(Complaint::new(
                "a ramp was asked for and nothing says where it ends",
                "add --ramp-to N; --users is where it begins",
            ));
        };
        let from = self.users.or(file_from).unwrap_or(DEFAULT_RAMP_FROM);
        Ok(Pattern::Ramp {
            from,
            to,
            over: self.over.or(file_over).unwrap_or(duration),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Args, Command};
    use clap::Parser;

    const RUN: Duration = Duration::from_secs(30);

    fn decide(flags: &str, file: FileLoad) -> (Load, Vec<Complaint>) {
        let words = ["loadforge", "run", "x.toml"]
            .into_iter()
            .chain(flags.split_whitespace());
        let Command::Run(args) = Args::try_parse_from(words).expect(flags).command else {
            panic!("run was typed")
        };
        let mut complaints = Vec::new();
        (Load::decide(&args, file, RUN, &mut complaints), complaints)
    }

    fn file_ramp() -> FileLoad {
        let over = Duration::from_secs(7);
        FileLoad {
            users: Some(Pattern::Ramp {
                from: 2.0,
                to: 20.0,
                over,
            }),
            duration: Some(Duration::from_secs(60)),
            max_requests: Some(99),
        }
    }

    #[test]
    fn flags_win_over_the_file_and_the_file_over_defaults() {
        let cases = [
            ("", FileLoad::default(), "constant, 10 users"),
            ("", file_ramp(), "ramp from 2 to 20 users over 7s"),
            ("--users 1", file_ramp(), "constant, 1 user"),
            (
                "--users 5 --pattern ramp",
                file_ramp(),
                "ramp from 5 to 20 users over 7s",
            ),
            (
                "--ramp-to 50",
                file_ramp(),
                "ramp from 2 to 50 users over 7s",
            ),
            (
                "--ramp-over 1m30s",
                file_ramp(),
                "ramp from 2 to 20 users over 1m30s",
            ),
            (
                "--ramp-to 4",
                FileLoad::default(),
                "ramp from 1 to 4 users over 30s",
            ),
            (
                "--pattern constant --users 3",
                file_ramp(),
                "constant, 3 users",
            ),
        ];
        for (flags, file, words) in cases {
            let (load, complaints) = decide(flags, file);
            assert_eq!(complaints, [], "{flags}");
            assert_eq!(load.words(), words, "{flags}");
        }
        let (load, _) = decide("--duration 5s", file_ramp());
        assert_eq!(
            (load.duration, load.max_requests),
            (Duration::from_secs(5), Some(99))
        );
    }

    #[test]
    fn everything_wrong_is_told_at_once_and_nothing_twice() {
        let (_, complaints) = decide(
            "--users 0 --duration -5s --ramp-to x --ramp-over 0s --max-requests 0",
            FileLoad::default(),
        );
        let said: Vec<_> = complaints
            .iter()
            .map(|complaint| complaint.message.as_str())
            .collect();
        assert_eq!(said.len(), 5, "{said:#?}");
        for flag in [
            "--users 0",
            "--duration -5s",
            "--ramp-to x",
            "--ramp-over 0s",
            "--max-requests 0",
        ] {
            assert_eq!(
                said.iter().filter(|text| text.contains(flag)).count(),
                1,
                "{flag}"
            );
        }
    }

    #[test]
    fn flags_that_contradict_each_other_are_refused() {
        let over = Duration::from_secs(7);
        let from_zero = Pattern::Ramp {
            from: 0.0,
            to: 20.0,
            over,
        };
        let from_zero = FileLoad {
            users: Some(from_zero),
            ..FileLoad::default()
        };
        for (flags, file, words) in [
            (
                "--pattern constant --ramp-to 5",
                FileLoad::default(),
                "--ramp-to belongs to a ramp",
            ),
            (
                "--pattern constant --ramp-over 5s",
                file_ramp(),
                "--ramp-over belongs to a ramp",
            ),
            ("--pattern ramp", FileLoad::default(), "where it ends"),
            (
                "--ramp-over 5s --users 5",
                FileLoad::default(),
                "where it ends",
            ),
            ("--pattern constant", file_ramp(), "how many users"),
            ("--ramp-to 0", from_zero, "no user at any time"),
        ] {
            let (_, complaints) = decide(flags, file);
            assert_eq!(complaints.len(), 1, "{flags}");
            assert!(
                complaints[0].message.contains(words),
                "{flags}: {}",
                complaints[0]
            );
        }
    }
}
