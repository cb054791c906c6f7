//! Conditions of `if` and `while`: small and boring on purpose. Neighbours: `parse.rs` has the words, documents ask.
//! The whole grammar: `a and b or not c`, where each is `value`, or `value == value` with `!=`, `<`, `<=`, `>`, `>=`, `contains` or
//! `matches 'regex'`. Invariant: two values that are numbers are compared as numbers, all others as texts.

use super::{
    Drawn, Encoding, Expression, Names, TemplateFault, Unfilled,
    parse::{EXAMPLES, Word, Words, expression, unexpected},
};
use regex::Regex;
use std::cmp::Ordering;

/// The longest condition: nobody can read a longer one, and each `and` is one level of it.
const LONGEST: usize = 1_000;

/// What has to hold.
#[derive(Clone, Debug)]
pub(crate) enum Condition {
    /// Set, and neither empty nor `false` nor `0`.
    Truthy(Expression),
    Compare(Expression, Relation, Expression),
    Matches(Expression, Regex),
    Not(Box<Condition>),
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Contains,
}

impl Condition {
    /// Reads a condition such as `state != 'done' and tries < 5`.
    pub(crate) fn parse(text: &str, names: &mut Names) -> Result<Condition, TemplateFault> {
        if text.trim().is_empty() {
            return Err(TemplateFault::new(
                "the condition is empty",
                "write it like state == 'done'",
            ));
        }
        if text.len() > LONGEST {
            return Err(TemplateFault::new(
                format!("a condition of more than {LONGEST} characters"),
                "split it into several steps",
            ));
        }
        Condition::parse_whole(text, names).map_err(|fault| match fault.remedy == EXAMPLES {
            // Braces belong to templates.
            true => TemplateFault::new(
                fault.what,
                "write it like state == 'done' and tries < 5; there are no braces and no parentheses",
            ),
            false => fault,
        })
    }

    fn parse_whole(text: &str, names: &mut Names) -> Result<Condition, TemplateFault> {
        let mut words = Words::new(text);
        let condition = any_of(&mut words, names)?;
        match words.next()? {
            None => Ok(condition),
            Some(word) => Err(unexpected(&word, "`and`, `or` or the end")),
        }
    }

    /// The texts that stand in it, made into something else.
    pub(crate) fn map_texts<E>(
        &mut self,
        change: &mut impl FnMut(&str) -> Result<String, E>,
    ) -> Result<(), E> {
        match self {
            Condition::Truthy(value) | Condition::Matches(value, _) => value.map_texts(change),
            Condition::Compare(left, _, right) => {
                left.map_texts(change)?;
                right.map_texts(change)
            }
            Condition::Not(condition) => condition.map_texts(change),
            Condition::And(left, right) | Condition::Or(left, right) => {
                left.map_texts(change)?;
                right.map_texts(change)
            }
        }
    }

    /// Whether it holds. A variable without a value is no value at all: it equals nothing and is not truthy.
    pub(crate) fn holds(&self, drawn: &mut Drawn<'_>) -> Result<bool, Unfilled> {
        Ok(match self {
            Condition::Truthy(value) => value_of(value, drawn)?
                .is_some_and(|value| !matches!(value.as_str(), "" | "false" | "0" | "null")),
            Condition::Compare(left, relation, right) => {
                match (value_of(left, drawn)?, value_of(right, drawn)?) {
                    (Some(left), Some(right)) => relation.holds(&left, &right),
                    _ => *relation == Relation::Unequal,
                }
            }
            Condition::Matches(value, regex) => {
                value_of(value, drawn)?.is_some_and(|value| regex.is_match(&value))
            }
            Condition::Not(condition) => !condition.holds(drawn)?,
            Condition::And(left, right) => left.holds(drawn)? && right.holds(drawn)?,
            Condition::Or(left, right) => left.holds(drawn)? || right.holds(drawn)?,
        })
    }
}

fn value_of(expression: &Expression, drawn: &mut Drawn<'_>) -> Result<Option<String>, Unfilled> {
    let mut value = String::new();
    match expression.fill(drawn, Encoding::Plain, &mut value) {
        Ok(()) => Ok(Some(value)),
        Err(Unfilled::Unset(_)) => Ok(None),
        Err(unfilled) => Err(unfilled),
    }
}

impl Relation {
    fn holds(self, left: &str, right: &str) -> bool {
        let order = order_of(left, right);
        match self {
            Relation::Equal => order == Some(Ordering::Equal),
            Relation::Unequal => order != Some(Ordering::Equal),
            Relation::Less => order == Some(Ordering::Less),
            Relation::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
            Relation::Greater => order == Some(Ordering::Greater),
            Relation::GreaterOrEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
            Relation::Contains => left.contains(right),
        }
    }
}

/// Numbers by their value, whole ones exactly; all else as text.
fn order_of(left: &str, right: &str) -> Option<Ordering> {
    if left == right {
        return Some(Ordering::Equal);
    }
    let whole = |text: &str| text.trim().parse::<i128>().ok();
    if let (Some(left), Some(right)) = (whole(left), whole(right)) {
        return Some(left.cmp(&right));
    }
    let is_plain = |text: &str| {
        text.bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E'))
    };
    let number = |text: &str| {
        let text = text.trim();
        is_plain(text).then(|| text.parse::<f64>().ok()).flatten()
    };
    match (number(left), number(right)) {
        (Some(left), Some(right)) => left.partial_cmp(&right),
        _ => Some(left.cmp(right)),
    }
}

fn takes(words: &mut Words<'_>, name: &str) -> Result<bool, TemplateFault> {
    let is_next = words.peek()? == Some(Word::Name(name));
    if is_next {
        words.next()?;
    }
    Ok(is_next)
}

fn any_of(words: &mut Words<'_>, names: &mut Names) -> Result<Condition, TemplateFault> {
    let mut condition = all_of(words, names)?;
    while takes(words, "or")? {
        condition = Condition::Or(Box::new(condition), Box::new(all_of(words, names)?));
    }
    Ok(condition)
}

fn all_of(words: &mut Words<'_>, names: &mut Names) -> Result<Condition, TemplateFault> {
    let mut condition = negated(words, names)?;
    while takes(words, "and")? {
        condition = Condition::And(Box::new(condition), Box::new(negated(words, names)?));
    }
    Ok(condition)
}

fn negated(words: &mut Words<'_>, names: &mut Names) -> Result<Condition, TemplateFault> {
    let mut turned = false;
    while takes(words, "not")? {
        turned = !turned;
    }
    let condition = comparison(words, names)?;
    Ok(match turned {
        true => Condition::Not(Box::new(condition)),
        false => condition,
    })
}

fn comparison(words: &mut Words<'_>, names: &mut Names) -> Result<Condition, TemplateFault> {
    let left = expression(words, names)?;
    let relation = match words.peek()? {
        Some(Word::Sign("==")) => Relation::Equal,
        Some(Word::Sign("!=")) => Relation::Unequal,
        Some(Word::Sign("<")) => Relation::Less,
        Some(Word::Sign("<=")) => Relation::LessOrEqual,
        Some(Word::Sign(">")) => Relation::Greater,
        Some(Word::Sign(">=")) => Relation::GreaterOrEqual,
        Some(Word::Name("contains")) => Relation::Contains,
        Some(Word::Name("matches")) => {
            words.next()?;
            return match words.next()? {
                Some(Word::Text(pattern)) => match Regex::new(&pattern) {
                    Ok(regex) => Ok(Condition::Matches(left, regex)),
                    Err(error) => Err(TemplateFault::new(
                        format!("{pattern:?} is not a regular expression"),
                        regex_remedy(&error),
                    )),
                },
                _ => Err(TemplateFault::new(
                    "`matches` needs a regular expression",
                    "write it like state matches '^do'",
                )),
            };
        }
        _ => return Ok(Condition::Truthy(left)),
    };
    words.next()?;
    Ok(Condition::Compare(
        left,
        relation,
        expression(words, names)?,
    ))
}

/// What the last line of a regex error says: the lines before it draw the pattern.
pub(crate) fn regex_remedy(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or("mend it");
    last.trim_start_matches("error: ").to_owned()
}
