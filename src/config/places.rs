//! Where the values of a config file stand, so that what is wrong with one is told there. Neighbours: `config.rs` fills it,
//! `intent.rs` and `commands/preview.rs` ask it about each complaint. Invariant: a complaint about typed words alone is
//! never laid on the file.

use crate::{complaint::Complaint, mask::mask_query};
use loadforge_scenarios::document::{Place, Problem, Problems};

/// The values of a config file that are in use; none without such a file.
#[derive(Clone, Debug, Default)]
pub struct Places {
    values: Vec<Value>,
}

#[derive(Clone, Debug)]
struct Value {
    /// The long flag that the key stands for, without dashes.
    flag: String,
    /// The key as it stands in the file.
    key: String,
    /// As it would be typed behind the flag.
    typed: String,
    /// As it stands in the file, quotes and all.
    written: String,
    place: Place,
}

impl Places {
    /// Adds a value. A line that names where requests go is kept without what nobody is to see.
    pub fn add(&mut self, flag: &str, key: &str, typed: &str, written: &str, mut place: Place) {
        if flag == "scenario" {
            let shown = match typed.contains('@') {
                true => "…".to_owned(),
                false => mask_query(typed),
            };
            place.source_line = place.source_line.replace(typed, &shown);
        }
        self.values.push(Value {
            flag: flag.to_owned(),
            key: key.to_owned(),
            typed: typed.to_owned(),
            written: written.to_owned(),
            place,
        });
    }

    /// Parts complaints into those about the file's values, each with its place, and the others; `scenario` is about the
    /// scenario, which it need not name.
    pub(super) fn part(
        &self,
        scenario: Option<Complaint>,
        complaints: Vec<Complaint>,
    ) -> (Option<Problems>, Vec<Complaint>) {
        let (mut told, mut rest) = (Vec::new(), Vec::new());
        let of_scenario = self.values.iter().find(|value| value.flag == "scenario");
        let of_scenario = scenario.map(|complaint| (of_scenario, complaint));
        let others = complaints.into_iter();
        let others = others.map(|complaint| (self.value_meant(&complaint), complaint));
        for (value, complaint) in of_scenario.into_iter().chain(others) {
            match value {
                Some(value) => told.push(self.problem(value, &complaint)),
                None => rest.push(complaint),
            }
        }
        told.sort_by_key(|problem| (problem.line, problem.column));
        ((!told.is_empty()).then_some(Problems(told)), rest)
    }

    /// What is said of complaints: of those about the file's values, each with its place, then of the others. The first is
    /// about the scenario.
    pub fn texts(&self, scenario: Option<Complaint>, complaints: Vec<Complaint>) -> Vec<String> {
        let (problems, rest) = self.part(scenario, complaints);
        let rest = (!rest.is_empty()).then(|| Complaint::list(&rest));
        let problems = problems.map(|problems| problems.to_string());
        problems.into_iter().chain(rest).collect()
    }

    /// The value that a complaint names: in what is wrong, or, when no flag is named there, in what to do about it.
    fn value_meant(&self, complaint: &Complaint) -> Option<&Value> {
        let named = |text: &str| {
            let flags: Vec<String> = flags_in(text).map(str::to_owned).collect();
            let known = self
                .values
                .iter()
                .filter(|value| flags.contains(&value.flag));
            // Of a list, the item that is spoken of.
            let spoken_of = known.clone().find(|value| text.contains(&value.typed));
            let begins = known.clone().find(|value| {
                let behind = text.split_once(&format!("--{} ", value.flag));
                let word = behind.and_then(|(_, rest)| rest.split_whitespace().next());
                word.is_some_and(|word| value.typed.starts_with(word))
            });
            (
                flags.is_empty(),
                spoken_of.or(begins).or(known.clone().next()),
            )
        };
        // A threshold is named by its expression alone.
        let threshold = self.values.iter().find(|value| {
            let quoted = format!("threshold {:?}", value.typed);
            value.flag == "threshold" && complaint.message.starts_with(&quoted)
        });
        match named(&complaint.message) {
            _ if threshold.is_some() => threshold,
            (true, _) => named(&complaint.remedy).1,
            (false, value) => value,
        }
    }

    fn problem(&self, value: &Value, complaint: &Complaint) -> Problem {
        let (message, remedy) = (
            self.as_keys(&complaint.message),
            self.as_keys(&complaint.remedy),
        );
        Problem::at(value.place.clone(), value.key.clone(), message, remedy)
    }

    /// The text with the file's flags as keys: `--duration 30s` becomes `duration = "30s"`.
    fn as_keys(&self, text: &str) -> String {
        let mut said = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("--") {
            let (before, from) = rest.split_at(at);
            said.push_str(before);
            let name = flags_in(from).next().unwrap_or_default();
            let behind = &from[2 + name.len()..];
            let own = self.values.iter().filter(|value| value.flag == name);
            let Some(value) = own.clone().next() else {
                said.push_str(&from[..2 + name.len()]);
                rest = behind;
                continue;
            };
            said.push_str(&value.key);
            rest = behind;
            let Some(argument) = behind.strip_prefix(' ') else {
                continue;
            };
            if let Some(same) = own.clone().find(|same| begins_with(argument, &same.typed)) {
                said.push_str(&format!(" = {}", same.written));
                rest = &argument[same.typed.len()..];
            } else if let Some((shown, length)) = example(argument) {
                said.push_str(&format!(" = {shown}"));
                rest = &argument[length..];
            }
        }
        said.push_str(rest);
        said
    }
}

/// The names of the flags in a text, without their dashes.
fn flags_in(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("--").filter_map(|(at, _)| {
        let name = &text[at + 2..];
        let end = name.find(|c: char| !(c.is_ascii_lowercase() || c == '-'));
        let name = &name[..end.unwrap_or(name.len())];
        (!name.is_empty()).then_some(name)
    })
}

/// Whether a text begins with this word, whole.
fn begins_with(text: &str, word: &str) -> bool {
    let behind = text.strip_prefix(word);
    behind.is_some_and(|rest| !word.is_empty() && !rest.starts_with(|c: char| c.is_alphanumeric()))
}

/// An example value at the beginning of a text, as TOML has it, and its length there: a number, a time, a placeholder.
fn example(text: &str) -> Option<(String, usize)> {
    if let Some(quoted) = text.strip_prefix('\'') {
        let (inside, _) = quoted.split_once('\'')?;
        return Some((format!("\"{inside}\""), inside.len() + 2));
    }
    let end = text.find([' ', ',', ';', '?', ':']).unwrap_or(text.len());
    let word = text[..end].trim_end_matches('.');
    let is_name = word.len() == 1 && word.starts_with(|c: char| c.is_ascii_uppercase());
    let shown = match word.parse::<f64>() {
        _ if is_name => word.to_owned(),
        Ok(_) => word.to_owned(),
        Err(_) if word.starts_with(|c: char| c.is_ascii_digit()) => format!("\"{word}\""),
        Err(_) => return None,
    };
    Some((shown, word.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(values: &[(&str, &str, &str)]) -> Places {
        let mut places = Places::default();
        for (line, (flag, typed, written)) in values.iter().enumerate() {
            let place = Place {
                line: line + 1,
                ..Place::default()
            };
            places.add(flag, flag, typed, written, place);
        }
        places
    }

    #[test]
    fn a_complaint_goes_to_the_value_it_names_and_speaks_as_the_file_does() {
        let places = places(&[
            ("rate", "-5", "-5"),
            ("duration", "30", "30"),
            ("threshold", "p98<5ms", "\"p98<5ms\""),
            ("threshold", "p99<5", "\"p99<5\""),
            ("resolve", "a.test:80:127.0.0.1", "\"a.test:80:127.0.0.1\""),
        ]);
        for (message, remedy, line, said, help) in [
            (
                "--rate -5 is no number",
                "give one, such as --rate 50 or --rate 0.5",
                1,
                "rate = -5 is no number",
                "give one, such as rate = 50 or rate = 0.5",
            ),
            (
                "--duration 30 has no unit",
                "did you mean --duration 30s?",
                2,
                "duration = 30 has no unit",
                "did you mean duration = \"30s\"?",
            ),
            (
                "threshold \"p99<5\": 5 has no unit",
                "such as --threshold 'p99<500ms'",
                4,
                "threshold \"p99<5\": 5 has no unit",
                "such as threshold = \"p99<500ms\"",
            ),
            (
                "the run asks for nothing",
                "give a longer --duration, or --peak N",
                2,
                "the run asks for nothing",
                "give a longer duration, or --peak N",
            ),
            (
                "--peak 5 and --rate 7",
                "leave one out: --rate R",
                1,
                "--peak 5 and rate = 7",
                "leave one out: rate = R",
            ),
            (
                "--resolve a.test:80 is for nobody",
                "leave it out",
                5,
                "resolve a.test:80 is for nobody",
                "leave it out",
            ),
        ] {
            let (problems, rest) = places.part(None, vec![Complaint::new(message, remedy)]);
            assert_eq!(rest, []);
            let problem = &problems.expect(message).0[0];
            let got = (problem.line, &*problem.message, &*problem.remedy);
            assert_eq!(got, (line, said, help));
        }
    }

    #[test]
    fn what_was_typed_is_not_laid_on_the_file() {
        let complaint = Complaint::new("--peak 0 is no number", "give --peak 5 or another --rate");
        let (problems, rest) = places(&[("rate", "5", "5")]).part(None, vec![complaint.clone()]);
        assert_eq!((problems, rest), (None, vec![complaint]));
    }
}
