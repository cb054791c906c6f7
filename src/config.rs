//! `--config FILE`: a TOML file whose keys are the long flags of `run`. It becomes words of a command line, which are read
//! together with the typed ones. Neighbours: `args.rs` says which flags there are, `lib.rs` calls, `places.rs` remembers
//! where each value stands. Invariant: a typed flag wins over the file, and with it go the file's flags that would
//! contradict it.

mod places;

pub use places::Places;

use crate::{
    args::{Args, Command as Typed},
    complaint::{CommandError, Complaint},
    load::kind::{Kind, SHAPE_FLAGS},
};
use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory, Parser, parser::ValueSource};
use loadforge_scenarios::document::{Place, Problem, Problems};
use std::{ffi::OsString, fs, ops::Range, path::Path};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// The largest file that is read: whoever names a larger one has named the wrong one.
const MOST_BYTES: u64 = 1 << 20;

/// The flags that only make sense with a rate of arrivals.
const RATE_FLAGS: [&str; 3] = ["rate", "poisson", "max-users"];

/// Reads the typed words once more, with those of the file before them.
///
/// # Errors
/// When the file cannot be read or anything in it is wrong; all of it is told.
pub fn apply(path: &Path, typed: &[OsString]) -> Result<Args, CommandError> {
    let text = read(path).map_err(CommandError::bad_input)?;
    let (words, places) = words(path, &text, typed).map_err(CommandError::bad_input)?;
    // `loadforge run`, the file's words, then all else that was typed.
    let (head, rest) = typed.split_at(2.min(typed.len()));
    let all = head.iter().chain(&words).chain(rest);
    let mut args = Args::try_parse_from(all).map_err(|error| refused(&error, &places, path))?;
    match &mut args.command {
        Typed::Run(run) => run.places = places,
        Typed::Preview(preview) => preview.places = places,
        _ => unreachable!("only these two commands take --config"),
    }
    Ok(args)
}

/// What the words of a file come to when they cannot be had together. The typed ones have been read before: by themselves
/// they are sound.
fn refused(error: &clap::Error, places: &Places, path: &Path) -> CommandError {
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    let message = first.strip_prefix("error: ").unwrap_or(first);
    let remedy = "take one of them out of the file; `loadforge run --help` says what each is for";
    match places.part(None, vec![Complaint::new(message, remedy)]).0 {
        Some(problems) => CommandError::bad_input(problems),
        None => CommandError::bad_input(format!("{}: {}", path.display(), text.trim_end())),
    }
}

fn read(path: &Path) -> Result<String, Complaint> {
    let shown = path.display();
    let size = fs::metadata(path).map_or(0, |about| about.len());
    if size > MOST_BYTES {
        return Err(Complaint::new(
            format!("--config {shown} is larger than 1 MiB"),
            "name a file with flags of `loadforge run`, such as rate = 500",
        ));
    }
    fs::read_to_string(path).map_err(|error| {
        Complaint::new(
            format!("--config {shown} cannot be read: {error}"),
            "name a TOML file that exists and that you may read",
        )
    })
}

/// The words that a file stands for, as far as typed ones leave room for them, and where they stand. A command that takes
/// fewer flags than `run` is given those it takes.
fn words(path: &Path, text: &str, typed: &[OsString]) -> Result<(Vec<OsString>, Places), Problems> {
    let mut program = Args::command();
    program.build();
    let run = program
        .find_subcommand("run")
        .expect("there is a command `run`");
    let command = typed.get(1).and_then(|name| program.find_subcommand(name));
    let takes = |flag: &str| {
        let mut own = command.unwrap_or(run).get_arguments();
        own.any(|arg| flag_of(arg) == flag)
    };
    let matches = program.clone().try_get_matches_from(typed);
    let matches = matches.ok().and_then(|mut all| {
        let (_, typed) = all.remove_subcommand()?;
        Some(typed)
    });
    let file = File { path, text, run };
    let (tree, errors) = DeTable::parse_recoverable(text);
    let mut problems: Vec<Problem> = errors
        .iter()
        .map(|error| {
            let span = error.span().unwrap_or(0..0);
            let message = format!("this is not TOML: {}", error.message());
            file.problem(
                &span,
                "",
                message,
                "see https://toml.io for how TOML is written",
            )
        })
        .collect();
    let mut entries: Vec<Entry<'_>> = Vec::new();
    for (key, value) in tree.get_ref() {
        match file.entry(key, value) {
            Ok(entry) if entries.iter().any(|known| known.flag == entry.flag) => {
                let message = format!("{:?} is there twice", entry.flag);
                problems.push(file.problem(
                    &key.span(),
                    key.get_ref(),
                    message,
                    "keep one of the two",
                ));
            }
            Ok(entry) => entries.push(entry),
            Err(found) => problems.push(*found),
        }
    }
    if !problems.is_empty() {
        problems.sort_by_key(|problem| (problem.line, problem.column));
        return Err(Problems(problems));
    }
    let pattern = entries.iter().find(|entry| entry.flag == "pattern");
    let pattern = pattern.and_then(|entry| Some(Kind::named(&entry.values.first()?.typed)));
    let replaced = Replaced::by(command.unwrap_or(run), matches.as_ref(), pattern);
    entries.retain(|entry| replaced.leaves(entry.flag) && takes(entry.flag));
    let mut places = Places::default();
    let mut words = Vec::new();
    for Entry { flag, key, values } in entries {
        for Value { typed, word, span } in values {
            let written = text.get(span.clone()).unwrap_or_default();
            places.add(flag, &key, &typed, written, file.place(&span));
            words.push(word);
        }
    }
    Ok((words, places))
}

/// The long flag of an argument, or `scenario`.
fn flag_of(arg: &Arg) -> &str {
    arg.get_long().unwrap_or(arg.get_id().as_str())
}

/// One key of the file.
struct Entry<'a> {
    /// The long flag, or `scenario`.
    flag: &'a str,
    /// The key as it is written.
    key: String,
    values: Vec<Value>,
}

/// One value of a key: one, or several of a list, or none of a switch that is off.
struct Value {
    /// As it would be typed behind the flag.
    typed: String,
    /// With its flag, as one word.
    word: OsString,
    span: Range<usize>,
}

struct File<'a> {
    path: &'a Path,
    text: &'a str,
    run: &'a Command,
}

impl<'a> File<'a> {
    fn entry(
        &self,
        key: &Spanned<std::borrow::Cow<'_, str>>,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<Entry<'a>, Box<Problem>> {
        let name = key.get_ref().replace('_', "-");
        let known: Vec<&'a Arg> = self
            .run
            .get_arguments()
            .filter(|arg| !matches!(arg.get_id().as_str(), "help" | "config"))
            .collect();
        let Some(arg) = known.iter().find(|arg| flag_of(arg) == name) else {
            let closest = known
                .iter()
                .map(|arg| (strsim::jaro_winkler(flag_of(arg), &name), flag_of(arg)))
                .filter(|(likeness, _)| *likeness > 0.8)
                .max_by(|a, b| a.0.total_cmp(&b.0));
            let remedy = match closest {
                Some((_, flag)) => format!("did you mean `{flag}`?"),
                None => {
                    "keys are the long flags of `loadforge run`; its --help lists them".to_owned()
                }
            };
            let message = match name.as_str() {
                "config" => "a config file cannot name another one".to_owned(),
                _ => format!("unknown key {:?}", key.get_ref()),
            };
            let found = self.problem(&key.span(), key.get_ref(), message, remedy);
            return Err(Box::new(found));
        };
        let flag = flag_of(arg);
        self.values(arg, flag, value)
            .map(|values| Entry {
                flag,
                key: key.get_ref().to_string(),
                values,
            })
            .map_err(|(message, remedy)| {
                Box::new(self.problem(&value.span(), key.get_ref(), message, remedy))
            })
    }

    /// The values of one key, or what is wrong with it and the remedy.
    fn values(
        &self,
        arg: &Arg,
        flag: &str,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<Vec<Value>, (String, String)> {
        let is_switch = matches!(arg.get_action(), ArgAction::SetTrue);
        if is_switch {
            return match value.get_ref() {
                DeValue::Boolean(true) => Ok(vec![Value {
                    typed: String::new(),
                    word: format!("--{flag}").into(),
                    span: value.span(),
                }]),
                DeValue::Boolean(false) => Ok(Vec::new()),
                other => Err((
                    format!(
                        "`{flag}` is either true or false, and this is {}",
                        kind_words(other)
                    ),
                    format!("write {flag} = true"),
                )),
            };
        }
        // What may stand without a value may be switched on and off, too.
        let stands_alone = arg
            .get_num_args()
            .is_some_and(|count| count.min_values() == 0);
        if let (true, DeValue::Boolean(on)) = (stands_alone, value.get_ref()) {
            let alone = Value {
                typed: String::new(),
                // With nothing behind it, lest the next word be taken for its value.
                word: format!("--{flag}=").into(),
                span: value.span(),
            };
            return Ok(Vec::from_iter(on.then_some(alone)));
        }
        let is_list = matches!(arg.get_action(), ArgAction::Append);
        let items: Vec<(String, Range<usize>)> = match value.get_ref() {
            DeValue::Array(items) if is_list => {
                let texts = items
                    .iter()
                    .map(|item| Some((plain(item.get_ref())?, item.span())));
                texts.collect::<Option<_>>().ok_or_else(|| {
                    (
                        format!("`{flag}` is a list of texts, and something else is in it"),
                        format!("write {flag} = [\"…\", \"…\"]"),
                    )
                })?
            }
            other => vec![
                plain(other)
                    .map(|text| (text, value.span()))
                    .ok_or_else(|| {
                        let wanted = if is_list {
                            "a text or a list of texts"
                        } else {
                            "a text or a number"
                        };
                        (
                            format!("`{flag}` is {wanted}, and this is {}", kind_words(other)),
                            format!("write {flag} = \"…\", as you would type it after --{flag}"),
                        )
                    })?,
            ],
        };
        let possible = arg.get_possible_values();
        for (item, _) in &items {
            let parts = || item.split(',').map(str::trim);
            if !possible.is_empty()
                && !parts().all(|part| possible.iter().any(|value| value.matches(part, false)))
            {
                let all: Vec<&str> = possible.iter().map(|value| value.get_name()).collect();
                return Err((
                    format!("{item:?} is nothing that `{flag}` can be"),
                    format!("use one of {}", all.join(", ")),
                ));
            }
        }
        let values = items.into_iter().map(|(typed, span)| {
            let typed = self.placed(flag, typed);
            let word = match arg.is_positional() {
                true => typed.clone(),
                false => format!("--{flag}={typed}"),
            };
            Value {
                typed,
                word: word.into(),
                span,
            }
        });
        Ok(values.collect())
    }

    /// File names begin where the config file is.
    fn placed(&self, flag: &str, item: String) -> String {
        let is_file = match flag {
            "scenario" => !item.contains("://"),
            "output" => item != "-",
            "pattern" => Kind::named(&item) == Kind::File,
            _ => false,
        };
        let dir = self.path.parent().unwrap_or(Path::new(""));
        let placed = match is_file {
            true => dir.join(&item).display().to_string(),
            false => item,
        };
        // As a word of its own it would be taken for a flag.
        match flag == "scenario" && placed.starts_with('-') {
            true => format!("./{placed}"),
            false => placed,
        }
    }

    /// Where a span of the file is.
    fn place(&self, span: &Range<usize>) -> Place {
        let at = span.start.min(self.text.len());
        let before = self.text.get(..at).unwrap_or_default();
        let begin = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = self.text[begin..].lines().next().unwrap_or_default();
        let meant = self.text.get(at..span.end.min(begin + line.len()));
        Place {
            file: self.path.display().to_string(),
            line: before.matches('\n').count() + 1,
            column: self.text[begin..at].chars().count() + 1,
            width: meant.map_or(1, |meant| meant.chars().count().max(1)),
            source_line: line.to_owned(),
        }
    }

    fn problem(
        &self,
        span: &Range<usize>,
        key: &str,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Problem {
        Problem::at(self.place(span), key, message, remedy)
    }
}

/// A text or a number as it would be typed.
fn plain(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .ok()
            .map(|number| number.to_string()),
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        _ => None,
    }
}

fn kind_words(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// The flags of the file that typed ones replace.
struct Replaced {
    flags: Vec<String>,
}

impl Replaced {
    fn by(run: &Command, matches: Option<&ArgMatches>, file_kind: Option<Kind>) -> Replaced {
        let Some(matches) = matches else {
            return Replaced { flags: Vec::new() };
        };
        let is_typed = |arg: &&Arg| {
            matches.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine)
        };
        let name = |arg: &Arg| flag_of(arg).to_owned();
        let typed: Vec<&Arg> = run.get_arguments().filter(is_typed).collect();
        let mut flags: Vec<String> = typed.iter().map(|arg| name(arg)).collect();
        for arg in &typed {
            flags.extend(run.get_arg_conflicts_with(arg).into_iter().map(name));
        }
        let is = |flag: &str| typed.iter().any(|arg| name(arg) == flag);
        if is("users") {
            flags.extend(RATE_FLAGS.map(str::to_owned));
        } else if is("rate") {
            flags.push("users".to_owned());
        }
        let shapes: Vec<&str> = SHAPE_FLAGS
            .iter()
            .map(|(flag, _)| *flag)
            .filter(|flag| is(flag))
            .collect();
        let fits = |kind: &Kind| shapes.iter().all(|flag| kind.takes(flag));
        let typed_pattern = matches.get_one::<String>("pattern");
        let kind = match typed_pattern.filter(|_| is("pattern")) {
            Some(pattern) => Some(Kind::named(pattern)),
            None if shapes.is_empty() => None,
            None => file_kind.filter(fits).or_else(|| {
                flags.push("pattern".to_owned());
                Kind::implied(shapes.iter().copied())
            }),
        };
        if let Some(kind) = kind {
            let foreign = SHAPE_FLAGS.iter().filter(|(flag, _)| !kind.takes(flag));
            flags.extend(foreign.map(|(flag, _)| (*flag).to_owned()));
        }
        Replaced { flags }
    }

    fn leaves(&self, flag: &str) -> bool {
        !self.flags.iter().any(|gone| gone == flag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `loadforge run --config FILE` and more words come to.
    fn applied(text: &str, more: &str) -> Result<crate::args::RunArgs, String> {
        let dir = tempfile::tempdir().expect("a directory for the test");
        let path = dir.path().join("a.toml");
        fs::write(&path, text).expect("the directory is ours");
        let words = format!("loadforge run --config {} {more}", path.display());
        let typed: Vec<OsString> = words.split_whitespace().map(OsString::from).collect();
        let shown = format!("{}/", dir.path().display());
        match apply(&path, &typed).map(|args| args.command) {
            Ok(Typed::Run(run)) => Ok(*run),
            Ok(_) => panic!("run was typed"),
            Err(error) => Err(error.text.replace(&shown, "")),
        }
    }

    #[test]
    fn keys_are_flags_in_either_spelling_and_of_any_type_that_reads_like_one() {
        let text = "rate = 500\nmax_users = 20\nduration = \"2m\"\npoisson = true\nquiet = false\nspike-at = \"3s\"\n\
                    threshold = [\"p99<500ms\", \"p50<1s\"]\nformat = \"json,csv\"\nwire = \"epoll\"\nmax-rps = 0.5\ncpus = \"0,2\"\n\
                    scenario = \"shop.toml\"\n";
        let run = applied(text, "").expect("a good file");
        assert_eq!(run.load.rate.as_deref(), Some("500"));
        assert_eq!(run.load.max_users.as_deref(), Some("20"));
        assert_eq!(run.load.duration.as_deref(), Some("2m"));
        assert_eq!(run.load.max_rps.as_deref(), Some("0.5"));
        assert_eq!((run.load.poisson, run.quiet), (true, false));
        assert_eq!(run.threshold, ["p99<500ms", "p50<1s"]);
        assert_eq!(run.format.len(), 2);
        let scenario = run.scenario.expect("the file names it");
        assert!(
            scenario.starts_with('/') && scenario.ends_with("/shop.toml"),
            "{scenario}"
        );
        let url = applied("scenario = \"http://a.test/\"", "").expect("a good file");
        assert_eq!(url.scenario.as_deref(), Some("http://a.test/"));
    }

    #[test]
    fn a_flag_that_may_stand_alone_is_switched_on_or_given_a_value() {
        for (text, dashboard) in [
            ("dashboard = true\n", Some("")),
            ("dashboard = false\n", None),
            ("dashboard = 8080\nopen = true\n", Some("8080")),
            ("dashboard = \"0.0.0.0:8080\"\n", Some("0.0.0.0:8080")),
        ] {
            let run = applied(text, "a.toml").expect("a good file");
            assert_eq!(run.live.dashboard.as_deref(), dashboard, "{text}");
            assert_eq!(run.scenario.as_deref(), Some("a.toml"), "{text}");
        }
    }

    #[test]
    fn typed_flags_win_and_take_what_contradicts_them_with_them() {
        let text = "scenario = \"a.toml\"\nrate = 500\nmax_users = 20\npattern = \"ramp\"\nramp_to = 900\nramp_over = \"5s\"\nquiet = true\nthreshold = \"p50<1s\"\n";
        let run = applied(text, "b.toml --users 5 --verbose --threshold p99<2s").expect("good");
        assert_eq!(run.scenario.as_deref(), Some("b.toml"));
        assert_eq!(run.load.users.as_deref(), Some("5"));
        assert_eq!((&run.load.rate, &run.load.max_users), (&None, &None));
        assert_eq!((run.quiet, run.verbose), (false, true));
        assert_eq!(run.threshold, ["p99<2s"]);
        assert_eq!(run.load.pattern.as_deref(), Some("ramp"));
        let run = applied(text, "--ramp-to 7").expect("good");
        assert_eq!(run.load.ramp_to.as_deref(), Some("7"));
        assert_eq!(run.load.ramp_over.as_deref(), Some("5s"));
        for spike in ["--peak 7", "--pattern spike"] {
            let run = applied(text, spike).expect("good");
            assert_ne!(run.load.pattern.as_deref(), Some("ramp"), "{spike}");
            assert_eq!(
                (run.load.ramp_to, run.load.ramp_over),
                (None, None),
                "{spike}"
            );
        }
    }

    #[test]
    fn a_scenario_cannot_pass_for_a_flag() {
        let path = Path::new("a.toml");
        for (written, typed) in [
            ("--no-preflight", "./--no-preflight"),
            ("-v", "./-v"),
            ("--output=a://b", "./--output=a://b"),
            ("shop.toml", "shop.toml"),
        ] {
            let text = format!("scenario = {written:?}\n");
            let run = ["loadforge", "run"].map(OsString::from);
            let (words, _) = words(path, &text, &run).expect("a good file");
            assert_eq!(words, [typed]);
        }
    }

    #[test]
    fn flags_that_cannot_stand_together_are_told_with_their_line() {
        let text = "rate = 5\nverbose = true\nquiet = true\n";
        let said = applied(text, "").expect_err("either the one or the other");
        assert!(
            said.contains("a.toml:3:9") && said.contains("= key: quiet"),
            "{said}"
        );
        assert!(
            said.contains("quiet") && said.contains("= help: "),
            "{said}"
        );
    }

    #[test]
    fn everything_wrong_is_told_at_once_with_its_place() {
        let text = "usres = 5\npoisson = 1\nduration = true\n[threshold]\nx = 1\n";
        let said = applied(text, "").expect_err("nothing in it is right");
        for words in [
            "a.toml:1:1",
            "did you mean `users`?",
            "a.toml:2:11",
            "poisson = true",
            "a.toml:3:12",
            "a.toml:4",
            "4 problems",
        ] {
            assert!(said.contains(words), "{words} in {said}");
        }
        for (text, words) in [
            ("rate = ", "not TOML"),
            ("rate = 5\nrate = 6", "not TOML"),
            ("max-rps = 5\nmax_rps = 6", "there twice"),
            ("config = \"b.toml\"", "cannot name another"),
            ("wire = \"carrier pigeon\"", "auto, uring, epoll"),
            ("threshold = [1, [2]]", "list of texts"),
        ] {
            let said = applied(text, "").expect_err(text);
            assert!(said.contains(words), "{words} in {said}");
            assert!(said.contains("= help: "), "{said}");
        }
    }
}
