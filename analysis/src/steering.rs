//! Steering: what a person may order while a run goes on, and what the load is held at since. Neighbours: the live page takes orders, the
//! engine carries them out and says so in events and snapshots. Invariant: an order is checked before anybody acts on it, and the state
//! after it is a pure function of the state before it.

use serde::{Deserialize, Serialize};

/// Who an order is of when nobody says.
pub const SOMEBODY: &str = "somebody on the live page";
/// Longest name of who ordered, in characters.
pub const MOST_WHO: usize = 40;
/// Most users that may be ordered: as many as a plan may have.
pub const MOST_USERS: f64 = 10_000_000.0;
/// Most arrivals a second that may be ordered: as many as a plan may have.
pub const MOST_RATE: f64 = 1e9;

/// What a person may order while a run goes on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "action", content = "value", rename_all = "snake_case")]
pub enum SteerAction {
    /// Drain: nothing new is begun, requests in flight may finish.
    Stop,
    /// End at once: what is in flight is lost, the report is written.
    End,
    /// Nothing new is begun until the run goes on; users keep their state.
    Pause,
    /// Go on after a pause.
    Resume,
    /// Back to what the plan asks for at this time of the run.
    Plan,
    /// So many users, over all scenarios of the closed model, until something else is ordered.
    Users(f64),
    /// So many arrivals a second, over all scenarios of the open model, until something else is ordered.
    Rate(f64),
}

/// An order, and whose it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// Who ordered, for the event; at most `MOST_WHO` characters.
    #[serde(default = "somebody")]
    pub who: String,
    /// What.
    #[serde(flatten)]
    pub action: SteerAction,
}

/// Why an order is none that could be carried out in any run.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum OrderFault {
    /// No such number of users.
    #[error("{0} users cannot be set: give a whole number from 0 to 10000000")]
    Users(f64),
    /// No such rate.
    #[error("a rate of {0} cannot be set: give a number of arrivals a second from 0 to 1000000000")]
    Rate(f64),
    /// The name is too long.
    #[error("the name of who orders has {0} characters: give one of at most 40")]
    Who(usize),
}

impl Order {
    /// An order of somebody.
    pub fn new(who: impl Into<String>, action: SteerAction) -> Order {
        Order {
            who: who.into(),
            action,
        }
    }

    /// Whether the order is within what can be set.
    ///
    /// # Errors
    /// When its number is out of range, or the name of who ordered is too long.
    pub fn check(&self) -> Result<(), OrderFault> {
        match self.action {
            SteerAction::Users(users)
                if !(0.0..=MOST_USERS).contains(&users) || users.fract() != 0.0 =>
            {
                return Err(OrderFault::Users(users));
            }
            SteerAction::Rate(rate) if !(0.0..=MOST_RATE).contains(&rate) => {
                return Err(OrderFault::Rate(rate));
            }
            _ => {}
        }
        match self.who.chars().count() {
            count if count > MOST_WHO => Err(OrderFault::Who(count)),
            _ => Ok(()),
        }
    }

    /// What happened, in words for the event: "Anna set 50 users".
    pub fn words(&self) -> String {
        let who = self.who();
        match self.action {
            SteerAction::Stop => format!("{who} stopped the run"),
            SteerAction::End => format!("{who} ended the run at once"),
            SteerAction::Pause => format!("{who} paused the run"),
            SteerAction::Resume => format!("{who} let the run go on"),
            SteerAction::Plan => format!("{who} went back to the plan"),
            SteerAction::Users(1.0) => format!("{who} set 1 user"),
            SteerAction::Users(users) => format!("{who} set {users} users"),
            SteerAction::Rate(rate) => format!("{who} set a rate of {rate} a second"),
        }
    }

    /// Who ordered, on one line: the name comes from a page and goes to terminals.
    fn who(&self) -> String {
        let words: Vec<&str> = self
            .who
            .split(|letter: char| letter.is_control() || letter.is_whitespace())
            .filter(|word| !word.is_empty())
            .collect();
        match words.is_empty() {
            true => somebody(),
            false => words.join(" "),
        }
    }
}

fn somebody() -> String {
    SOMEBODY.to_owned()
}

/// What the load of a run is held at; `None` where it is as planned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Steering {
    /// Users that were set, over all scenarios of the closed model.
    pub users: Option<f64>,
    /// Arrivals a second that were set, over all scenarios of the open model.
    pub rate: Option<f64>,
    /// Nothing new is begun.
    pub paused: bool,
}

impl Steering {
    /// Whether the load is what the plan asks for.
    pub fn is_as_planned(&self) -> bool {
        *self == Steering::default()
    }

    /// What holds after this order. An end changes nothing here: the load is over.
    #[must_use]
    pub fn after(self, action: SteerAction) -> Steering {
        match action {
            SteerAction::Stop | SteerAction::End => self,
            SteerAction::Pause => Steering {
                paused: true,
                ..self
            },
            SteerAction::Resume => Steering {
                paused: false,
                ..self
            },
            SteerAction::Plan => Steering::default(),
            SteerAction::Users(users) => Steering {
                users: Some(users),
                ..self
            },
            SteerAction::Rate(rate) => Steering {
                rate: Some(rate),
                ..self
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{from_str, json, to_value};

    #[test]
    fn orders_are_read_and_written_as_the_page_sends_them() {
        let read = |text: &str| from_str::<Order>(text).unwrap();
        let users = read(r#"{"action":"users","value":50,"who":"Anna"}"#);
        assert_eq!(users, Order::new("Anna", SteerAction::Users(50.0)));
        let stop = read(r#"{"action":"stop"}"#);
        assert_eq!(stop, Order::new(SOMEBODY, SteerAction::Stop));
        let rate = read(r#"{"action":"rate","value":200.5}"#);
        assert_eq!(rate.action, SteerAction::Rate(200.5));
        assert_eq!(
            to_value(&users).unwrap(),
            json!({"who": "Anna", "action": "users", "value": 50.0})
        );
        for action in ["end", "pause", "resume", "plan"] {
            let order = read(&format!(r#"{{"action":"{action}"}}"#));
            assert_eq!(to_value(&order).unwrap()["action"], action);
        }
    }

    #[test]
    fn what_is_no_order_is_not_read_as_one() {
        for text in [
            r#"{"action":"users"}"#,
            r#"{"action":"users","value":"many"}"#,
            r#"{"action":"faster"}"#,
            r#"{"who":"Anna"}"#,
        ] {
            assert!(from_str::<Order>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_and_names_out_of_range_are_refused_in_words() {
        let check = |action| Order::new("Anna", action).check();
        for users in [0.0, 1.0, MOST_USERS] {
            assert_eq!(check(SteerAction::Users(users)), Ok(()));
        }
        for users in [-1.0, 0.5, MOST_USERS + 1.0, f64::NAN, f64::INFINITY] {
            let words = check(SteerAction::Users(users)).unwrap_err().to_string();
            assert!(words.contains("whole number from 0 to 10000000"), "{words}");
        }
        for rate in [0.0, 0.5, MOST_RATE] {
            assert_eq!(check(SteerAction::Rate(rate)), Ok(()));
        }
        for rate in [-0.1, 2.0 * MOST_RATE, f64::NAN, f64::NEG_INFINITY] {
            assert!(check(SteerAction::Rate(rate)).is_err(), "{rate}");
        }
        let named = |length| Order::new("ä".repeat(length), SteerAction::Stop).check();
        assert_eq!((named(40), named(41)), (Ok(()), Err(OrderFault::Who(41))));
    }

    #[test]
    fn words_say_who_did_what_on_one_line_whatever_the_name() {
        let words = |who: &str, action| Order::new(who, action).words();
        assert_eq!(words("Anna", SteerAction::Users(50.0)), "Anna set 50 users");
        assert_eq!(words("Anna", SteerAction::Users(1.0)), "Anna set 1 user");
        assert_eq!(
            words("Anna", SteerAction::Rate(0.5)),
            "Anna set a rate of 0.5 a second"
        );
        assert_eq!(
            words("\u{1b}[2J A\n\tB\r", SteerAction::Pause),
            "[2J A B paused the run"
        );
        assert_eq!(
            words(" \n", SteerAction::Stop),
            "somebody on the live page stopped the run"
        );
    }

    #[test]
    fn each_order_changes_its_own_part_and_the_plan_all() {
        let after = |actions: &[SteerAction]| {
            actions
                .iter()
                .fold(Steering::default(), |state, action| state.after(*action))
        };
        use SteerAction::{Pause, Plan, Rate, Resume, Users};
        let state = after(&[Users(5.0), Pause, Rate(7.0)]);
        let expected = Steering {
            users: Some(5.0),
            rate: Some(7.0),
            paused: true,
        };
        assert_eq!(state, expected);
        assert!(!state.after(Resume).paused);
        assert_eq!(state.after(Resume).users, Some(5.0));
        assert!(state.after(Plan).is_as_planned());
        assert_eq!(
            to_value(Steering::default()).unwrap(),
            json!({"users": null, "rate": null, "paused": false})
        );
    }
}
