//! How the built-in server is to behave, as people type it: delays and freezes. Neighbours: `commands/echo.rs` reads its flags
//! with these; `loadforge-echo` checks what the parts mean together. Invariant: each refusal names the flag and the value got.

use crate::{
    amounts::{positive_time, share, time},
    complaint::Complaint,
};
use loadforge_echo::{DelayLaw, Stall};

const DELAY_FORMS: &str = "write --delay 2ms, exp:10ms (exponential, its mean), uniform:1ms..5ms, or mix:90%=1ms,10%=50ms";
const STALL_FORMS: &str = "write --stall 1s@30s (1 s long, 30 s after the first request), or 200ms/10s (every 10 s), or 200ms/10s@2s (the first after 2 s)";

/// Reads `2ms`, `exp:10ms`, `uniform:1ms..5ms` or `mix:90%=1ms,10%=50ms`.
///
/// # Errors
/// When it is none of these, or one of its times or shares is none.
pub fn delay(text: &str) -> Result<DelayLaw, Complaint> {
    let flag = "--delay";
    let wrong = |why: &str| Complaint::new(format!("{flag} {text}: {why}"), DELAY_FORMS);
    match text.trim().split_once(':') {
        None => time(flag, text).map(DelayLaw::Fixed),
        Some(("exp", mean)) => positive_time(flag, mean).map(|mean| DelayLaw::Exponential { mean }),
        Some(("uniform", range)) => {
            let (from, to) = range.split_once("..").ok_or_else(|| wrong("no range"))?;
            let (from, to) = (time(flag, from)?, time(flag, to)?);
            if from > to {
                return Err(wrong("the range runs backwards"));
            }
            Ok(DelayLaw::Uniform { from, to })
        }
        Some(("mix", parts)) => {
            let parts = parts.split(',').map(|part| {
                let (of, length) = part
                    .split_once('=')
                    .ok_or_else(|| wrong("a part of a mix has a share and a time"))?;
                Ok((share(flag, of)?, time(flag, length)?))
            });
            let parts: Vec<_> = parts.collect::<Result<_, Complaint>>()?;
            let sum: f64 = parts.iter().map(|part| part.0).sum();
            if (sum - 1.0).abs() > 1e-3 {
                let percent = (sum * 1e4).round() / 100.0;
                return Err(wrong(&format!(
                    "the shares make {percent}% together, not 100%"
                )));
            }
            Ok(DelayLaw::Mix(parts))
        }
        Some((law, _)) => Err(wrong(&format!("{law:?} is no law of delays"))),
    }
}

/// Reads `1s@30s`, `200ms/10s` or `200ms/10s@2s`. A freeze that comes again and has no beginning of its own begins after half
/// a period, so that a run of k periods sees k freezes.
///
/// # Errors
/// When it is none of these, one of its times is none, or the freeze is not shorter than its period.
pub fn stall(text: &str) -> Result<Stall, Complaint> {
    let flag = "--stall";
    let (head, first) = match text.split_once('@') {
        Some((head, first)) => (head, Some(time(flag, first)?)),
        None => (text, None),
    };
    let (length, every) = match head.split_once('/') {
        Some((length, every)) => (length, Some(positive_time(flag, every)?)),
        None => (head, None),
    };
    let length = positive_time(flag, length)?;
    let wrong = |why| Complaint::new(format!("{flag} {text}: {why}"), STALL_FORMS);
    if every.is_some_and(|every| every <= length) {
        return Err(wrong("it would not end before the next one begins"));
    }
    let first = first
        .or(every.map(|every| every / 2))
        .ok_or_else(|| wrong("no time at which it begins"))?;
    Ok(Stall {
        length,
        first,
        every,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn every_form_of_a_delay_is_read() {
        let cases = [
            ("2ms", DelayLaw::Fixed(ms(2))),
            ("exp:10ms", DelayLaw::Exponential { mean: ms(10) }),
            (
                "uniform:1ms..5ms",
                DelayLaw::Uniform {
                    from: ms(1),
                    to: ms(5),
                },
            ),
            (
                "mix:90%=1ms,10%=50ms",
                DelayLaw::Mix(vec![(0.9, ms(1)), (0.1, ms(50))]),
            ),
        ];
        for (text, law) in cases {
            assert_eq!(delay(text), Ok(law), "{text}");
        }
    }

    #[test]
    fn every_form_of_a_freeze_is_read() {
        let stalled = |length, first, every: Option<u64>| Stall {
            length: ms(length),
            first: ms(first),
            every: every.map(ms),
        };
        for (text, expected) in [
            ("1s@30s", stalled(1_000, 30_000, None)),
            ("200ms/10s", stalled(200, 5_000, Some(10_000))),
            ("200ms/10s@0s", stalled(200, 0, Some(10_000))),
        ] {
            assert_eq!(stall(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn each_wrong_delay_and_freeze_gets_its_own_words() {
        for (text, words) in [
            ("2", "no unit"),
            ("gauss:2ms", "\"gauss\" is no law"),
            ("exp:0s", "no time at all"),
            ("exp:", "not a time"),
            ("uniform:5ms..1ms", "backwards"),
            ("uniform:5ms", "no range"),
            ("mix:90%=1ms", "90% together"),
            ("mix:", "share and a time"),
            ("mix:x=1ms,10%=2ms", "not a share"),
            ("-2ms", "negative"),
        ] {
            let complaint = delay(text).expect_err(text);
            assert!(complaint.message.contains(words), "{text}: {complaint}");
            assert!(complaint.message.contains("--delay"), "{complaint}");
        }
        for (text, words) in [
            ("1s", "no time at which it begins"),
            ("1s/1s", "before the next one begins"),
            ("0s@1s", "no time at all"),
            ("1s@soon", "not a time"),
            ("1s/", "not a time"),
            ("@1s", "not a time"),
        ] {
            let complaint = stall(text).expect_err(text);
            assert!(complaint.message.contains(words), "{text}: {complaint}");
        }
    }
}
