//! The glossary of the page, and which of its words stand where. Neighbours: `tables.rs` hands it to the template, which
//! writes the words that have an entry through the filter `explained`; `assets/page.js` shows the entry beside them.
//! Invariant: every word that is marked has an entry.

use minijinja::HtmlEscape;
use minijinja::value::Value;
use serde::Serialize;

/// A word with its meaning.
#[derive(Clone, Copy, Serialize)]
pub(super) struct Entry {
    id: &'static str,
    term: &'static str,
    meaning: &'static str,
}

/// All entries in the order of the page.
pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        id: "user",
        term: "Virtual user",
        meaning: "A simulated person who sends a request, waits for the answer, thinks, and goes on.",
    },
    Entry {
        id: "response",
        term: "Response time",
        meaning: "From the moment a request was meant to be sent until its answer was whole. It includes any waiting before sending, so it is what a user would feel.",
    },
    Entry {
        id: "service",
        term: "Service time",
        meaning: "From the moment a request was really sent until its answer was whole: the server and the network alone.",
    },
    Entry {
        id: "heat-map",
        term: "Heat map",
        meaning: "Time runs to the right, latency upwards; the colour of a cell tells how many requests were done then and took that long.",
    },
    Entry {
        id: "lag",
        term: "Lag",
        meaning: "How late the generator sent a request, after the moment it was meant to. It should be tiny.",
    },
    Entry {
        id: "percentile",
        term: "Percentile (p50, p95, p99)",
        meaning: "Sort all requests by the time they took: p95 is the time within which 95 of 100 were done. A mean hides the slow ones, percentiles show them.",
    },
    Entry {
        id: "mean",
        term: "Mean and standard deviation",
        meaning: "The sum of all times through their number, and how far they lie from it. A few slow requests move both, and neither says what a user met.",
    },
    Entry {
        id: "model",
        term: "Closed and open model",
        meaning: "Closed: a number of users, each waiting for its answer, so a slow server is asked less. Open: arrivals at a fixed rate, whatever the server does.",
    },
    Entry {
        id: "offered",
        term: "Offered, sent, done",
        meaning: "The same requests at three times: when they were due, when they left, when they were over.",
    },
    Entry {
        id: "warm-up",
        term: "Warm-up and cool-down",
        meaning: "Parts of a run before and after the measurement. They are drawn, and are in no figure but the sums of all requests.",
    },
    Entry {
        id: "phase",
        term: "Phase",
        meaning: "A part of the run that the plan gives a name and a load of its own, such as a step of a staircase.",
    },
    Entry {
        id: "endpoint",
        term: "Endpoint",
        meaning: "A kind of request with a name of its own, such as “search”.",
    },
    Entry {
        id: "group",
        term: "Group",
        meaning: "Several requests that the test does as one, such as “checkout”: timed from the begin of the first to the end of the last, pauses included.",
    },
    Entry {
        id: "metric",
        term: "Counter, gauge, trend",
        meaning: "Values that the test measures by itself. Of a counter the sum counts, of a gauge the last value, of a trend all of them.",
    },
    Entry {
        id: "error",
        term: "Error",
        meaning: "A request with no answer, with a status that the test does not accept, or with an answer that failed a check.",
    },
    Entry {
        id: "status",
        term: "Status code",
        meaning: "The number in an answer that says how the server took the request: 2… is success, 4… a refusal, 5… a failure of its own.",
    },
    Entry {
        id: "threshold",
        term: "Threshold",
        meaning: "A goal that was set before the run, such as “p99 below 500 ms”.",
    },
    Entry {
        id: "verdict",
        term: "Verdict",
        meaning: "Whether the generator was fit to measure. VALID: trust the figures. SUSPECT: read the reasons first. INVALID: do not use them. It says nothing about whether the server was good.",
    },
    Entry {
        id: "not-sent",
        term: "Not sent, unknown, lost",
        meaning: "Requests that were due but never begun; whose outcome a killed worker took with it; whose record could not be delivered. All should be zero.",
    },
    Entry {
        id: "spinning",
        term: "Spinning",
        meaning: "Waiting for the next moment to send without sleeping, to be on time. It uses CPU that nobody else needs.",
    },
    Entry {
        id: "steal",
        term: "Steal",
        meaning: "Time in which the host of a virtual machine gave its CPU to others. What is measured then is partly that.",
    },
];

/// Words of the page as they stand there, with the entry that explains them.
const WORDS: &[(&str, &[&str])] = &[
    ("user", &["Users", "users", "Virtual users"]),
    (
        "response",
        &[
            "Response",
            "Response p50",
            "Response p95",
            "Response p99",
            "Response time over time",
            "Response time by endpoint",
        ],
    ),
    ("service", &["Service", "Service time over time"]),
    ("heat-map", &["Response times as a heat map"]),
    (
        "lag",
        &["Lag", "lag p99", "Lag of the load generator (p99)"],
    ),
    (
        "percentile",
        &[
            "p50",
            "p75",
            "p90",
            "p95",
            "p99",
            "p99.9",
            "p99.99",
            "Distribution of latencies",
        ],
    ),
    ("mean", &["mean", "std. dev."]),
    (
        "model",
        &["Load model", "Rate asked for", "Arrivals per second"],
    ),
    ("offered", &["Offered", "Requests per second", "Rate"]),
    ("phase", &["Phase"]),
    ("endpoint", &["Endpoint", "Endpoints"]),
    ("group", &["Group", "Groups and metrics", "Time by group"]),
    ("metric", &["Counter", "Gauge", "Trend"]),
    (
        "error",
        &["Errors", "failed", "failed %", "Errors over time"],
    ),
    ("status", &["Status"]),
    ("threshold", &["Threshold"]),
    (
        "verdict",
        &[
            "VALID",
            "SUSPECT",
            "INVALID",
            "Health of the load generator",
        ],
    ),
    ("not-sent", &["Not sent", "not sent", "Records lost"]),
    (
        "spinning",
        &["Mean spinning by worker", "CPU taken from spinning workers"],
    ),
    ("steal", &["Mean steal by worker", "Disturbances"]),
];

/// A word of the page's own, marked with its entry where it has one. Escaped either way.
pub(super) fn explained(word: &str) -> Value {
    let entry = WORDS.iter().find(|(_, words)| words.contains(&word));
    let text = HtmlEscape(word);
    Value::from_safe_string(match entry {
        Some((id, _)) => format!("<span class=\"term\" data-term=\"{id}\">{text}</span>"),
        None => text.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_word_that_is_marked_has_one_entry_and_every_entry_an_id_of_its_own() {
        let ids: BTreeSet<&str> = ENTRIES.iter().map(|entry| entry.id).collect();
        assert_eq!(ids.len(), ENTRIES.len());
        let mut words = BTreeSet::new();
        for (id, marked) in WORDS {
            assert!(ids.contains(id), "{id}");
            assert!(marked.iter().all(|word| words.insert(*word)), "{marked:?}");
        }
    }

    #[test]
    fn a_word_is_escaped_whether_it_is_marked_or_not() {
        assert_eq!(explained("<b>").to_string(), "&lt;b&gt;");
        let marked = explained("p95").to_string();
        assert_eq!(
            marked,
            "<span class=\"term\" data-term=\"percentile\">p95</span>"
        );
    }
}
