//! The counts of a run as its `summary.json` has them. Neighbours: `oracle.rs` holds them against what happened. Invariant: a count
//! that is missing is an error, never 0.

use serde_json::Value;
use std::collections::BTreeMap;

/// Counts of a whole run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Books {
    pub(crate) intended: u64,
    pub(crate) sent: u64,
    pub(crate) not_sent: u64,
    pub(crate) ok: u64,
    pub(crate) failed: u64,
    pub(crate) unknown: u64,
    pub(crate) lost: u64,
    pub(crate) retried: u64,
    pub(crate) connects: u64,
    /// Failed requests by kind.
    pub(crate) failures: BTreeMap<String, u64>,
    pub(crate) workers_lost: u32,
    /// Events that tell of a worker's death.
    pub(crate) deaths_told: usize,
    /// Of these, of workers that a busy machine kept from getting ready.
    pub(crate) late_workers: usize,
}

impl Books {
    /// Reads them.
    ///
    /// # Errors
    /// When one is missing.
    pub(crate) fn read(summary: &Value) -> Result<Books, String> {
        let number = |value: &Value, name: &str| {
            value
                .as_u64()
                .ok_or_else(|| format!("summary.json has no {name}"))
        };
        let count = |name: &str| number(&summary["requests"][name], name);
        let mut failures = BTreeMap::new();
        for error in summary["errors"].as_array().into_iter().flatten() {
            let kind = error["kind"].as_str().unwrap_or("without a kind");
            let carried = number(&error["count"], "count of an error")?
                .saturating_sub(error["without_request"].as_u64().unwrap_or(0));
            if carried > 0 {
                *failures.entry(kind.to_owned()).or_default() += carried;
            }
        }
        let events = summary["events"].as_array().into_iter().flatten();
        let deaths: Vec<&Value> = events
            .filter(|event| event["kind"] == "worker_lost")
            .collect();
        let is_late = |event: &&&Value| {
            let text = event["text"].as_str().unwrap_or_default();
            text.contains("did not get ready")
        };
        Ok(Books {
            intended: count("intended")?,
            sent: count("sent")?,
            not_sent: count("not_sent")?,
            ok: count("ok")?,
            failed: count("failed")?,
            unknown: count("unknown")?,
            lost: count("lost")?,
            retried: count("retried")?,
            connects: count("connects")?,
            failures,
            workers_lost: number(&summary["generator"]["workers_lost"], "workers_lost")? as u32,
            deaths_told: deaths.len(),
            late_workers: deaths.iter().filter(is_late).count(),
        })
    }

    /// What does not balance.
    pub(crate) fn broken(&self) -> Vec<String> {
        let equations = [
            (
                "intended = sent + not sent",
                self.intended,
                self.sent + self.not_sent,
            ),
            (
                "sent = ok + failed + unknown + lost",
                self.sent,
                self.ok + self.failed + self.unknown + self.lost,
            ),
        ];
        equations
            .into_iter()
            .filter(|(_, left, right)| left != right)
            .map(|(words, left, right)| format!("{words} does not hold: {left} is not {right}"))
            .collect()
    }

    /// Failures that no kind of failure has, or the other way round.
    pub(crate) fn without_a_kind(&self) -> Option<String> {
        let of_kinds: u64 = self.failures.values().sum();
        (self.failed != of_kinds)
            .then(|| format!("{} failed, and {of_kinds} by their kinds", self.failed))
    }

    /// Requests to which an answer came, whatever it said: the server has read them.
    pub(crate) fn answered(&self) -> u64 {
        self.ok + self.of(&["status", "check"])
    }

    /// Requests that the server may have read or not. Those that found no connection, or no socket, it has not.
    pub(crate) fn of_unknown_fate(&self) -> u64 {
        let without = self.of(&["status", "check", "connect", "dns", "generator"]);
        self.failed - without.min(self.failed) + self.unknown + self.lost
    }

    fn of(&self, kinds: &[&str]) -> u64 {
        kinds
            .iter()
            .filter_map(|kind| self.failures.get(*kind))
            .sum()
    }

    /// Intended, sent and not sent as the final table says them; `None` when there is no table.
    pub(crate) fn on_screen(said: &str) -> Option<[u64; 3]> {
        let line = said
            .lines()
            .find(|line| line.contains(" intended = ") && line.contains(" not sent"))?;
        let numbers: Vec<u64> = line
            .split_whitespace()
            .filter_map(|word| word.replace(',', "").parse().ok())
            .collect();
        numbers.try_into().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_equation_on_the_screen_is_read_with_its_commas() {
        let said = "\n  22,984 intended = 22,980 sent + 4 not sent\n  22,980 sent = 1 ok";
        assert_eq!(Books::on_screen(said), Some([22_984, 22_980, 4]));
        assert_eq!(Books::on_screen("error: no"), None);
    }

    #[test]
    fn books_that_do_not_balance_are_told_with_both_sides() {
        let mut books = Books {
            intended: 10,
            sent: 9,
            not_sent: 1,
            ok: 9,
            ..Books::default()
        };
        assert_eq!(books.broken(), Vec::<String>::new());
        books.ok = 8;
        assert_eq!(
            books.broken(),
            ["sent = ok + failed + unknown + lost does not hold: 9 is not 8"]
        );
    }
}
