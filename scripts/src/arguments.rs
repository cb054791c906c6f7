//! Words behind a task's name. Neighbours: the options of `bench_peers.rs` and `profile.rs`.
//! Invariant: what is refused is named with its task and its flag.

/// A whole number from 1 to 100,000.
pub(crate) fn number(task: &str, flag: &str, text: &str) -> Result<u32, String> {
    match text.parse::<u32>() {
        Ok(number @ 1..=100_000) => Ok(number),
        _ => Err(format!(
            "{task}: {flag} {text}: give whole numbers from 1 to 100000"
        )),
    }
}

/// The value that a flag needs.
pub(crate) fn value<'a>(
    task: &str,
    flag: &str,
    words: &mut std::slice::Iter<'a, String>,
) -> Result<&'a str, String> {
    let word = words.next();
    word.map(String::as_str)
        .ok_or_else(|| format!("{task}: {flag} needs a value"))
}
