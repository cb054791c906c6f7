//! Keeps values that came from the environment out of files and off the screen.
//! Neighbours: scenario documents name their secrets, `commands/run.rs` masks what it writes and says.

/// What stands in a secret's place.
const MASKED: &str = "***";

/// The secrets of a run.
#[derive(Clone, Debug, Default)]
pub struct Mask {
    /// Longest first, so that a secret which contains another is masked whole.
    secrets: Vec<String>,
}

impl Mask {
    /// Takes the secrets; empty ones hide nothing and are left out.
    pub fn new(secrets: &[String]) -> Mask {
        let mut secrets: Vec<String> = secrets
            .iter()
            .filter(|secret| !secret.is_empty())
            .cloned()
            .collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Mask { secrets }
    }

    /// The text with every secret masked.
    pub fn apply(&self, text: &str) -> String {
        // One pass from left to right: a mask already written is never looked at again.
        let mut masked = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            let hidden = self
                .secrets
                .iter()
                .find(|secret| rest.starts_with(secret.as_str()));
            let taken = match hidden {
                Some(secret) => {
                    masked.push_str(MASKED);
                    secret.len()
                }
                None => {
                    masked.push(next);
                    next.len_utf8()
                }
            };
            rest = &rest[taken..];
        }
        masked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(secrets: &[&str]) -> Mask {
        Mask::new(
            &secrets
                .iter()
                .map(|secret| (*secret).to_owned())
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn a_secret_within_a_longer_one_does_not_uncover_the_rest() {
        let mask = mask(&["key", "", "monkey-7"]);
        assert_eq!(mask.apply("a monkey-7 and a key"), "a *** and a ***");
    }

    #[test]
    fn a_secret_of_one_star_does_not_mask_masks() {
        assert_eq!(mask(&["*", "über"]).apply("über * all"), "*** *** all");
    }
}
