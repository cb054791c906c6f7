//! `${NAME}` in strings of a scenario file. Neighbours: `reader.rs` expands every string it reads.
//! Invariant: what comes from the environment is handed back apart, so that nobody prints it.

use std::fmt;

/// A string with the environment put in.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Expanded {
    /// The text.
    pub(super) text: String,
    /// The values that were put in.
    pub(super) from_environment: Vec<String>,
    /// What is wrong; the text is of no use then.
    pub(super) faults: Vec<EnvironmentFault>,
}

/// What is wrong with a `${…}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum EnvironmentFault {
    Missing(String),
    BadName(String),
    Unclosed,
}

impl fmt::Display for EnvironmentFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EnvironmentFault::Missing(name) => {
                write!(f, "the environment variable `{name}` is not set")
            }
            EnvironmentFault::BadName(name) => {
                write!(
                    f,
                    "{} is not the name of an environment variable",
                    super::reader::quoted(name)
                )
            }
            EnvironmentFault::Unclosed => f.write_str("`${` is not closed by `}`"),
        }
    }
}

impl EnvironmentFault {
    pub(super) fn remedy(&self) -> String {
        match self {
            EnvironmentFault::Missing(name) => format!("export {name}=…"),
            EnvironmentFault::BadName(_) => {
                "use letters, digits and _, no digit first; for a literal ${ write $${".into()
            }
            EnvironmentFault::Unclosed => "write ${NAME}; for a literal ${ write $${".into(),
        }
    }
}

/// Puts the environment into `${NAME}`; `$${` is a literal `${`.
pub(super) fn expand(written: &str, env: &dyn Fn(&str) -> Option<String>) -> Expanded {
    let mut expanded = Expanded::default();
    let mut rest = written;
    while let Some(at) = rest.find("${") {
        let (before, from) = rest.split_at(at);
        if let Some(literal) = before.strip_suffix('$') {
            expanded.text.push_str(literal);
            expanded.text.push_str("${");
            rest = &from[2..];
            continue;
        }
        expanded.text.push_str(before);
        let Some((name, after)) = from[2..].split_once('}') else {
            expanded.faults.push(EnvironmentFault::Unclosed);
            return expanded;
        };
        rest = after;
        if !is_name(name) {
            expanded
                .faults
                .push(EnvironmentFault::BadName(name.to_owned()));
        } else if let Some(value) = env(name) {
            expanded.text.push_str(&value);
            expanded.from_environment.push(value);
        } else {
            expanded
                .faults
                .push(EnvironmentFault::Missing(name.to_owned()));
        }
    }
    expanded.text.push_str(rest);
    expanded
}

fn is_name(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand_here(written: &str) -> Expanded {
        expand(written, &|name| {
            (name == "TOKEN").then(|| "t0p ${X}".to_owned())
        })
    }

    #[test]
    fn a_variable_is_put_in_once_and_handed_back_as_secret() {
        let expanded = expand_here("a ${TOKEN} b $${TOKEN} $5 $");
        assert_eq!(expanded.text, "a t0p ${X} b ${TOKEN} $5 $");
        assert_eq!(expanded.from_environment, ["t0p ${X}"]);
        assert!(expanded.faults.is_empty());
    }

    #[test]
    fn every_fault_of_a_string_is_found() {
        use EnvironmentFault::*;
        let faults = |written| expand_here(written).faults;
        assert_eq!(
            faults("${A} ${B}"),
            [Missing("A".into()), Missing("B".into())]
        );
        assert_eq!(
            faults("${} ${1A}"),
            [BadName(String::new()), BadName("1A".into())]
        );
        assert_eq!(faults("x ${TOKEN"), [Unclosed]);
    }
}
