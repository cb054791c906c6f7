//! The two equations that every run must satisfy, so that no request can vanish unseen.
//! Neighbours: `fold.rs` checks them when a run is summed up, `verdict.rs` turns a breach into INVALID.

use crate::{RequestTotals, Totals};

impl Totals {
    /// Checks `intended = sent + not_sent` and `sent = ok + failed + unknown + lost`. They hold once a run has
    /// ended; while it runs, `sent` is ahead by the requests in flight.
    ///
    /// # Errors
    /// Each broken equation with all its terms, in words.
    pub fn check(&self) -> Result<(), String> {
        let broken: Vec<String> = [
            equation(
                "intended",
                self.intended,
                &[("sent", self.sent), ("not_sent", self.not_sent)],
            ),
            equation(
                "sent",
                self.sent,
                &[
                    ("ok", self.ok),
                    ("failed", self.failed),
                    ("unknown", self.unknown),
                    ("lost", self.lost),
                ],
            ),
        ]
        .into_iter()
        .flatten()
        .collect();
        if broken.is_empty() {
            Ok(())
        } else {
            Err(broken.join("; "))
        }
    }

    /// The totals of a run that broke off, balanced: what was begun and whose outcome nobody knows is `unknown`,
    /// what was asked for and not begun is `not_sent`. The counters of a run that broke off were read while
    /// others wrote them, so a left side may also be a little behind its right side: it is raised.
    pub(crate) fn settled(self) -> Totals {
        let told = self
            .ok
            .saturating_add(self.failed)
            .saturating_add(self.lost);
        let sent = self.sent.max(told);
        let intended = self.intended.max(sent.saturating_add(self.not_sent));
        Totals {
            intended,
            sent,
            not_sent: intended - sent,
            unknown: sent - told,
            ..self
        }
    }

    /// The totals of a run that goes on, without the requests under way: balanced, whatever happens to these.
    pub(crate) fn landed(self) -> Totals {
        let told = self
            .ok
            .saturating_add(self.failed)
            .saturating_add(self.lost);
        let sent = told.saturating_add(self.unknown);
        Totals {
            intended: sent.saturating_add(self.not_sent),
            sent,
            ..self
        }
    }
}

impl RequestTotals {
    /// The terms of the two equations.
    pub fn totals(&self) -> Totals {
        Totals {
            intended: self.intended,
            sent: self.sent,
            not_sent: self.not_sent,
            ok: self.ok,
            failed: self.failed,
            unknown: self.unknown,
            lost: self.lost,
        }
    }

    /// Requests whose outcome is known: `ok + failed`.
    pub fn done(&self) -> u64 {
        self.ok.saturating_add(self.failed)
    }
}

/// The equation in words when it does not hold.
fn equation(left: &str, value: u64, terms: &[(&str, u64)]) -> Option<String> {
    // Wide enough that damaged counters cannot overflow into a balance.
    let sum: u128 = terms.iter().map(|(_, term)| u128::from(*term)).sum();
    if u128::from(value) == sum {
        return None;
    }
    let right: Vec<String> = terms
        .iter()
        .map(|(name, term)| format!("{name} {term}"))
        .collect();
    Some(format!(
        "{left} {value} is not {} (= {sum})",
        right.join(" + ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BALANCED: Totals = Totals {
        intended: 110,
        sent: 100,
        not_sent: 10,
        ok: 90,
        failed: 7,
        unknown: 2,
        lost: 1,
    };

    #[test]
    fn balanced_totals_pass() {
        assert_eq!(BALANCED.check(), Ok(()));
        assert_eq!(Totals::default().check(), Ok(()));
    }

    #[test]
    fn a_change_of_any_term_is_seen_and_named_with_all_terms() {
        type Term = fn(&mut Totals) -> &mut u64;
        let changes: [(Term, &str); 7] = [
            (
                |t| &mut t.intended,
                "intended 111 is not sent 100 + not_sent 10 (= 110)",
            ),
            (
                |t| &mut t.not_sent,
                "intended 110 is not sent 100 + not_sent 11 (= 111)",
            ),
            (
                |t| &mut t.sent,
                "sent 101 is not ok 90 + failed 7 + unknown 2 + lost 1 (= 100)",
            ),
            (
                |t| &mut t.ok,
                "sent 100 is not ok 91 + failed 7 + unknown 2 + lost 1 (= 101)",
            ),
            (
                |t| &mut t.failed,
                "sent 100 is not ok 90 + failed 8 + unknown 2 + lost 1 (= 101)",
            ),
            (
                |t| &mut t.unknown,
                "sent 100 is not ok 90 + failed 7 + unknown 3 + lost 1 (= 101)",
            ),
            (
                |t| &mut t.lost,
                "sent 100 is not ok 90 + failed 7 + unknown 2 + lost 2 (= 101)",
            ),
        ];
        for (term, words) in changes {
            let mut totals = BALANCED;
            *term(&mut totals) += 1;
            let broken = totals.check().unwrap_err();
            assert!(broken.contains(words), "{broken}");
        }
    }

    #[test]
    fn totals_that_would_overflow_do_not_balance_by_wrapping() {
        let totals = Totals {
            ok: u64::MAX,
            failed: 1,
            ..Totals::default()
        };
        assert!(totals.check().is_err());
    }

    #[test]
    fn a_run_that_broke_off_balances_with_the_difference_as_unknown() {
        let cut = Totals {
            intended: 130,
            sent: 120,
            not_sent: 4,
            ok: 90,
            failed: 7,
            unknown: 0,
            lost: 1,
        };
        let settled = cut.settled();
        assert_eq!(settled.check(), Ok(()));
        assert_eq!(
            (settled.unknown, settled.not_sent, settled.ok),
            (22, 10, 90)
        );
        let behind = Totals {
            intended: 95,
            sent: 96,
            not_sent: 0,
            ok: 97,
            failed: 0,
            unknown: 0,
            lost: 0,
        };
        assert_eq!(behind.settled().check(), Ok(()));
        assert_eq!(BALANCED.settled(), BALANCED);
    }
}
