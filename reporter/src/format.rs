//! Figures as people read them: "1.84 ms", "10,482", "3 min 5 s". The terminal and the HTML page both write
//! figures through this file, so that a number never reads differently in two places.
//! Invariant: no function panics, whatever the value; what is not a number is written as "–".

/// Stands for a value that does not exist.
pub const NONE: &str = "–";

/// A latency given in ms with three significant digits and the unit that suits it: "84.2 µs", "1.84 ms", "12.3 s".
pub fn latency(ms: f64) -> String {
    if !ms.is_finite() {
        return NONE.to_owned();
    }
    if ms == 0.0 {
        return "0 ms".to_owned();
    }
    // 0.9995 rounds to 1.00 of the next unit: the border lies below the round number.
    let (value, unit) = match ms.abs() {
        below if below < 0.000_999_5 => (ms * 1e6, "ns"),
        below if below < 0.999_5 => (ms * 1e3, "µs"),
        below if below < 999.5 => (ms, "ms"),
        _ => (ms / 1e3, "s"),
    };
    format!("{} {unit}", significant(value))
}

/// Latencies in ms that stand below each other, in rising order: each as [`latency`] has it, or all with as many digits more as make
/// neighbours differ, up to nine.
pub fn latencies_apart(ms: &[f64]) -> Vec<String> {
    let is_apart = |labels: &[String]| labels.windows(2).all(|pair| pair[0] != pair[1]);
    let usual: Vec<String> = ms.iter().map(|ms| latency(*ms)).collect();
    if is_apart(&usual) {
        return usual;
    }
    let (factor, unit) = match ms.iter().fold(0.0_f64, |most, ms| most.max(ms.abs())) {
        below if below < 0.000_999_5 => (1e6, "ns"),
        below if below < 0.999_5 => (1e3, "µs"),
        below if below < 999.5 => (1.0, "ms"),
        _ => (1e-3, "s"),
    };
    let with = |digits: usize| -> Vec<String> {
        let label = |ms: &f64| format!("{:.digits$} {unit}", ms * factor);
        ms.iter().map(label).collect()
    };
    let enough = (0..9).map(with).find(|labels| is_apart(labels));
    enough.unwrap_or(usual)
}

/// A share from 0 to 1 as a percentage: "0 %", "0.39 %", "12.0 %". What is not nothing never reads as 0, and what is
/// not everything never reads as 100.
pub fn percent(share: f64) -> String {
    if !share.is_finite() {
        return NONE.to_owned();
    }
    let percent = share * 100.0;
    if percent == 0.0 {
        "0 %".to_owned()
    } else if percent < 0.01 {
        "< 0.01 %".to_owned()
    } else if percent > 99.99 && percent < 100.0 {
        "> 99.99 %".to_owned()
    } else if percent < 0.999_5 {
        format!("{percent:.2} %")
    } else {
        format!("{} %", significant(percent))
    }
}

/// A count with its thousands set apart: "10,482".
pub fn count(value: u64) -> String {
    grouped(&value.to_string())
}

/// A count in four or five characters for narrow places: "982", "10.5k", "3.20M".
pub fn short_count(value: u64) -> String {
    match value {
        0..=9_999 => value.to_string(),
        10_000..=999_499 => format!("{}k", significant(value as f64 / 1e3)),
        _ => format!("{}M", significant(value as f64 / 1e6)),
    }
}

/// Something per second: "582", "4.31", "12,409".
pub fn rate(per_s: f64) -> String {
    if !per_s.is_finite() {
        NONE.to_owned()
    } else if per_s == 0.0 {
        "0".to_owned()
    } else if per_s.abs() < 99.95 {
        significant(per_s)
    } else {
        grouped(&format!("{per_s:.0}"))
    }
}

/// A value of a metric, whatever its unit: "3", "45.2", "12,409", "1.20e-7". Whole numbers keep all their digits up to 10^15.
pub fn number(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        NONE.to_owned()
    } else if size >= 1e15 || (size > 0.0 && size < 0.000_999_5) {
        format!("{value:.2e}")
    } else if value == value.trunc() {
        // Adding 0 makes a plain 0 of a negative one.
        grouped(&format!("{:.0}", value + 0.0))
    } else {
        trim_zeros(&significant(value)).to_owned()
    }
}

/// The same in at most eight characters, for narrow places.
pub fn short_number(value: f64) -> String {
    let forms = [
        number(value),
        format!("{value:.2e}"),
        format!("{value:.1e}"),
    ];
    let fits = |form: &String| form.chars().count() <= 8;
    let shortest = || format!("{value:.0e}");
    forms.into_iter().find(fits).unwrap_or_else(shortest)
}

/// Bytes in steps of 1,000: "812 B", "1.24 MB".
pub fn bytes(value: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if value < 1_000 {
        return format!("{value} B");
    }
    let mut scaled = value as f64 / 1e3;
    let mut unit = 0;
    while scaled >= 999.5 && unit + 1 < UNITS.len() {
        scaled /= 1e3;
        unit += 1;
    }
    format!("{} {}", significant(scaled), UNITS[unit])
}

/// A span of time in seconds, in words: "0.47 s", "45 s", "3 min 5 s", "1 h 2 min".
pub fn span(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return NONE.to_owned();
    }
    if seconds > 0.0 && seconds < 0.01 {
        return latency(seconds * 1e3);
    }
    if seconds < 0.995 {
        return format!("{} s", trim_zeros(&format!("{seconds:.2}")));
    }
    if seconds < 9.95 {
        return format!("{} s", trim_zeros(&format!("{seconds:.1}")));
    }
    let whole = seconds.round() as u64;
    match whole {
        0..=59 => format!("{whole} s"),
        60..=3_599 if whole.is_multiple_of(60) => format!("{} min", whole / 60),
        60..=3_599 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3_600, whole % 3_600 / 60),
    }
}

/// A moment of a run as a clock: "0:07", "12:40", "1:02:03".
pub fn clock(seconds: f64) -> String {
    let whole = if seconds.is_finite() {
        seconds.max(0.0) as u64
    } else {
        0
    };
    let (hours, minutes, rest) = (whole / 3_600, whole / 60 % 60, whole % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{rest:02}")
    } else {
        format!("{minutes}:{rest:02}")
    }
}

/// A noun in the number that fits: `plural(1, "request")` is "1 request".
pub fn plural(value: u64, noun: &str) -> String {
    format!(
        "{} {noun}{}",
        count(value),
        if value == 1 { "" } else { "s" }
    )
}

/// Three significant digits; whole numbers from 1,000 on keep all of theirs and are grouped.
fn significant(value: f64) -> String {
    match value.abs() {
        size if size >= 999.5 => grouped(&format!("{value:.0}")),
        size if size >= 99.95 => format!("{value:.0}"),
        size if size >= 9.995 => format!("{value:.1}"),
        size if size >= 0.999_5 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

fn trim_zeros(number: &str) -> &str {
    if number.contains('.') {
        number.trim_end_matches('0').trim_end_matches('.')
    } else {
        number
    }
}

fn grouped(digits: &str) -> String {
    let (sign, digits) = digits
        .strip_prefix('-')
        .map_or(("", digits), |rest| ("-", rest));
    let mut text = String::with_capacity(sign.len() + digits.len() * 4 / 3);
    text.push_str(sign);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_below_each_other_differ() {
        let told = |ms: &[f64]| latencies_apart(ms).join(" ");
        assert_eq!(told(&[1.0, 2.0, 300.0]), "1.00 ms 2.00 ms 300 ms");
        assert_eq!(
            told(&[100.6, 101.1, 101.4, 101.9]),
            "100.6 ms 101.1 ms 101.4 ms 101.9 ms"
        );
        assert_eq!(told(&[999.2, 999.9, 1_000.2]), "0.9992 s 0.9999 s 1.0002 s");
        // What does not differ at all is told as usual.
        assert_eq!(told(&[5.0, 5.0]), "5.00 ms 5.00 ms");
    }

    #[test]
    fn values_without_a_unit_read_well_at_any_size() {
        let rows = [
            (0.0, "0", "0"),
            (-0.0, "0", "0"),
            (3.0, "3", "3"),
            (45.25, "45.2", "45.2"),
            (2.5, "2.5", "2.5"),
            (-0.125, "-0.125", "-0.125"),
            (1_234_567.0, "1,234,567", "1.23e6"),
            (12_409.4, "12,409", "12,409"),
            (1e15, "1.00e15", "1.00e15"),
            (1.2e-7, "1.20e-7", "1.20e-7"),
            (-1.234e300, "-1.23e300", "-1.2e300"),
            (-1.234e-300, "-1.23e-300", "-1e-300"),
            (f64::NAN, NONE, NONE),
            (f64::MAX, "1.80e308", "1.80e308"),
        ];
        for (value, text, short) in rows {
            assert_eq!(
                (number(value).as_str(), short_number(value).as_str()),
                (text, short)
            );
        }
    }

    #[test]
    fn latencies_take_the_unit_that_suits_them() {
        let rows = [
            (0.0, "0 ms"),
            (0.000_064, "64.0 ns"),
            (0.084_2, "84.2 µs"),
            (0.999_6, "1.00 ms"),
            (1.84, "1.84 ms"),
            (12.34, "12.3 ms"),
            (999.6, "1.00 s"),
            (12_300.0, "12.3 s"),
            (3_600_000.0, "3,600 s"),
            (f64::NAN, NONE),
        ];
        for (ms, text) in rows {
            assert_eq!(latency(ms), text, "{ms} ms");
        }
    }

    #[test]
    fn a_small_share_never_reads_as_zero_nor_a_large_one_as_all() {
        let rows = [
            (0.0, "0 %"),
            (0.000_001, "< 0.01 %"),
            (0.003_9, "0.39 %"),
            (0.009_98, "1.00 %"),
            (0.12, "12.0 %"),
            (0.999_95, "> 99.99 %"),
            (1.0, "100 %"),
        ];
        for (share, text) in rows {
            assert_eq!(percent(share), text, "{share}");
        }
    }

    #[test]
    fn counts_rates_and_bytes_are_grouped_and_scaled() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(10_482), "10,482");
        assert_eq!(count(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!(short_count(9_999), "9999");
        assert_eq!(short_count(10_482), "10.5k");
        assert_eq!(short_count(3_200_000), "3.20M");
        assert_eq!(rate(4.313), "4.31");
        assert_eq!(rate(12_409.2), "12,409");
        assert_eq!(bytes(812), "812 B");
        assert_eq!(bytes(1_240_000), "1.24 MB");
        assert_eq!(bytes(999_999), "1.00 MB");
    }

    #[test]
    fn spans_and_clocks_read_as_people_say_them() {
        assert_eq!(span(0.0), "0 s");
        assert_eq!(span(0.004), "4.00 ms");
        assert_eq!(span(0.047), "0.05 s");
        assert_eq!(span(0.4), "0.4 s");
        assert_eq!(span(0.47), "0.47 s");
        assert_eq!(span(0.996), "1 s");
        assert_eq!(span(5.0), "5 s");
        assert_eq!(span(45.2), "45 s");
        assert_eq!(span(180.0), "3 min");
        assert_eq!(span(185.0), "3 min 5 s");
        assert_eq!(span(3_725.0), "1 h 2 min");
        assert_eq!(clock(7.9), "0:07");
        assert_eq!(clock(3_723.0), "1:02:03");
        assert_eq!(plural(1, "request"), "1 request");
        assert_eq!(plural(2, "request"), "2 requests");
    }
}
