//! Which CPUs do what: lists as people write them, and who gets which. Neighbours: `intent.rs` and the echo command.
//! Invariant: only CPUs that this process may use are ever given out.

use crate::complaint::Complaint;
use std::collections::BTreeSet;

/// The most a list may name: more than any machine has, little enough to never harm this one.
const MOST: u32 = 4_096;

/// Reads a list such as `0,2-5`; the answer is sorted and has no CPU twice.
///
/// # Errors
/// When an entry is neither a number nor a range, in words that name it.
pub fn parse_list(text: &str) -> Result<Vec<u32>, String> {
    let mut cpus = BTreeSet::new();
    for entry in text.split(',') {
        let (from, to) = entry.split_once('-').unwrap_or((entry, entry));
        let number = |word: &str| word.trim().parse::<u32>().ok().filter(|cpu| *cpu < MOST);
        match (number(from), number(to)) {
            (Some(from), Some(to)) if from <= to => cpus.extend(from..=to),
            (Some(_), Some(_)) => return Err(format!("the range {entry:?} runs backwards")),
            _ => return Err(format!("{entry:?} is neither a CPU nor a range of CPUs")),
        }
    }
    Ok(cpus.into_iter().collect())
}

/// A list in the shortest form that `parse_list` reads.
pub fn list(cpus: &[u32]) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut rest = cpus;
    while let Some(&from) = rest.first() {
        let run = rest
            .iter()
            .zip(from..)
            .take_while(|(have, want)| **have == *want)
            .count();
        let to = rest[run - 1];
        words.push(if from == to {
            from.to_string()
        } else {
            format!("{from}-{to}")
        });
        rest = &rest[run..];
    }
    words.join(",")
}

/// So many CPUs, in words.
pub fn count_words(cpus: usize) -> String {
    match cpus {
        1 => "1 CPU".to_owned(),
        _ => format!("{cpus} CPUs"),
    }
}

/// Reads a flag's list and checks it against the CPUs this process may use.
///
/// # Errors
/// When it is no list, or names a CPU that cannot be used.
pub fn choose(text: &str, allowed: &[u32]) -> Result<Vec<u32>, Complaint> {
    let chosen = parse_list(text).map_err(|why| {
        Complaint::new(
            format!("--cpus {text}: {why}"),
            "write CPUs and ranges, such as --cpus 0,2-5",
        )
    })?;
    check_allowed("--cpus", text, chosen, allowed)
}

/// Reads a flag's one CPU and checks it against those this process may use.
///
/// # Errors
/// When it is no number, or cannot be used.
pub fn choose_one(flag: &str, text: &str, allowed: &[u32]) -> Result<u32, Complaint> {
    let cpu = text.trim().parse().map_err(|_| {
        Complaint::new(
            format!("{flag} {text}: {text:?} is not a CPU"),
            format!("give one of {}", list(allowed)),
        )
    })?;
    check_allowed(flag, text, vec![cpu], allowed).map(|_| cpu)
}

fn check_allowed(
    flag: &str,
    text: &str,
    chosen: Vec<u32>,
    allowed: &[u32],
) -> Result<Vec<u32>, Complaint> {
    let barred: Vec<u32> = chosen
        .iter()
        .copied()
        .filter(|cpu| !allowed.contains(cpu))
        .collect();
    if barred.is_empty() {
        return Ok(chosen);
    }
    Err(Complaint::new(
        format!(
            "{flag} {text}: this process may not use CPU {}",
            list(&barred)
        ),
        format!(
            "choose from {}; the affinity mask (taskset) and the container's CPU limit decide",
            list(allowed)
        ),
    ))
}

/// Who runs where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// One worker each.
    pub workers: Vec<u32>,
    /// For the built-in target: the CPUs left, or all when none is left.
    pub target: Vec<u32>,
}

impl Placement {
    /// Gives out the allowed CPUs: to the workers those asked for, else all of them; beside a built-in target half of
    /// them, rounded up, so that neither waits for the other.
    pub fn new(asked: Option<Vec<u32>>, allowed: &[u32], beside_target: bool) -> Placement {
        let half = allowed.len().div_ceil(2);
        let all = if beside_target {
            &allowed[..half]
        } else {
            allowed
        };
        let workers = asked.unwrap_or_else(|| all.to_vec());
        let left: Vec<u32> = allowed
            .iter()
            .copied()
            .filter(|cpu| !workers.contains(cpu))
            .collect();
        let target = if left.is_empty() {
            allowed.to_vec()
        } else {
            left
        };
        Placement { workers, target }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_and_a_built_in_target_share_no_cpu_while_there_are_enough() {
        let place = |asked: Option<&[u32]>, allowed: &[u32], beside| {
            let placement = Placement::new(asked.map(<[u32]>::to_vec), allowed, beside);
            (list(&placement.workers), list(&placement.target))
        };
        let pair = |workers: &str, target: &str| (workers.to_owned(), target.to_owned());
        assert_eq!(place(None, &[0, 1, 2, 3], false), pair("0-3", "0-3"));
        assert_eq!(place(None, &[0, 1, 2], true), pair("0-1", "2"));
        assert_eq!(place(None, &[5], true), pair("5", "5"));
        assert_eq!(place(Some(&[1]), &[0, 1, 2], true), pair("1", "0,2"));
        assert_eq!(place(Some(&[0, 1]), &[0, 1], true), pair("0-1", "0-1"));
    }

    #[test]
    fn a_cpu_that_cannot_be_used_is_named() {
        let said = choose("0,7-8", &[0, 1, 2])
            .expect_err("7 and 8 are barred")
            .to_string();
        assert!(
            said.contains("CPU 7-8") && said.contains("choose from 0-2"),
            "{said}"
        );
        assert_eq!(choose("0,2", &[0, 1, 2]), Ok(vec![0, 2]));
    }

    #[test]
    fn lists_of_numbers_and_ranges_are_read_and_written() {
        assert_eq!(parse_list("0,2-5"), Ok(vec![0, 2, 3, 4, 5]));
        assert_eq!(parse_list("3, 1-3"), Ok(vec![1, 2, 3]));
        assert_eq!(list(&[0, 2, 3, 4, 5, 9]), "0,2-5,9");
        assert_eq!(list(&[]), "");
    }

    #[test]
    fn what_is_not_a_list_is_named() {
        for (text, part) in [
            ("", "\"\""),
            ("5-2", "backwards"),
            ("0,x", "\"x\""),
            ("-1", "\"-1\""),
        ] {
            let said = parse_list(text).expect_err(text);
            assert!(said.contains(part), "{text:?}: {said}");
        }
        assert!(
            parse_list("0-4000000000").is_err(),
            "must not take memory by the gigabyte"
        );
    }
}
