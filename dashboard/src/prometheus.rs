//! A run's figures as Prometheus reads them, in its text format 0.0.4. Neighbours: `hub.rs` hands the figures over.
//! Invariants: counters only grow, and are those of the whole run; gauges are those of the last second; times are in seconds, as the
//! format's conventions have it; a name cannot break out of its label.

use crate::{
    message::State,
    second::{LatencySecond, Second},
};
use loadforge_analysis::{RunSummary, VerdictLevel};
use std::fmt::Write;

/// All metrics of a run; before its first second there is little to say.
pub(crate) fn text(
    run: &str,
    state: State,
    summary: Option<&RunSummary>,
    last: Option<&Second>,
) -> String {
    let mut page = Page {
        text: String::new(),
        run: escaped(run),
    };
    let is_over = u8::from(state == State::Finished);
    page.one("run_finished", "gauge", "1 when the run is over.", is_over);
    if let Some(summary) = summary {
        page.counters(summary);
    }
    if let Some(second) = last {
        page.gauges(second);
    }
    page.text
}

struct Page {
    text: String,
    run: String,
}

impl Page {
    fn counters(&mut self, summary: &RunSummary) {
        let requests = &summary.requests;
        self.head("requests_total", "counter", "Requests by outcome.");
        for (outcome, count) in [
            ("ok", requests.ok),
            ("failed", requests.failed),
            ("not_sent", requests.not_sent),
            ("unknown", requests.unknown),
            ("lost", requests.lost),
        ] {
            self.sample("requests_total", &[("outcome", outcome)], count);
        }
        for (name, help, count) in [
            ("received_bytes_total", "Bytes received.", requests.bytes_in),
            ("sent_bytes_total", "Bytes sent.", requests.bytes_out),
            ("connects_total", "Connections made.", requests.connects),
            (
                "iterations_total",
                "Iterations that ended.",
                requests.iterations,
            ),
        ] {
            self.one(name, "counter", help, count);
        }
        let suspect = u8::from(summary.verdict.level == VerdictLevel::Suspect);
        let invalid = u8::from(summary.verdict.level == VerdictLevel::Invalid);
        let help = "0 VALID, 1 SUSPECT, 2 INVALID.";
        self.one("verdict", "gauge", help, suspect + 2 * invalid);
        self.endpoints(summary);
    }

    fn endpoints(&mut self, summary: &RunSummary) {
        let name = "endpoint_requests_total";
        self.head(
            name,
            "counter",
            "Requests done by endpoint and outcome, of the measured part.",
        );
        for endpoint in &summary.endpoints {
            for (outcome, count) in [
                ("ok", endpoint.sent.saturating_sub(endpoint.failed)),
                ("failed", endpoint.failed),
            ] {
                let labels = [
                    ("endpoint", endpoint.name.as_str()),
                    ("method", endpoint.method.as_str()),
                    ("outcome", outcome),
                ];
                self.sample(name, &labels, count);
            }
        }
    }

    fn gauges(&mut self, second: &Second) {
        let users = &second.users;
        for (name, help, value) in [
            (
                "elapsed_seconds",
                "From the start of the run to the end of its last second.",
                second.at_s,
            ),
            (
                "users",
                "Users at work in the last second.",
                users.active as f64,
            ),
            (
                "users_target",
                "Users asked for in the last second.",
                users.target as f64,
            ),
            (
                "arrival_rate_target",
                "Arrivals a second asked for in the last second.",
                users.target_rate,
            ),
            (
                "requests_in_flight",
                "Requests under way at the end of the last second.",
                users.in_flight as f64,
            ),
            (
                "request_rate",
                "Requests done a second in the last second.",
                second.rps,
            ),
            (
                "error_ratio",
                "Failed share of the requests done in the last second.",
                second.error_rate,
            ),
        ] {
            self.one(name, "gauge", help, value);
        }
        self.quantiles(
            "response_seconds",
            "Due to whole, of requests done in the last second.",
            second.response_ms,
        );
        self.quantiles(
            "service_seconds",
            "Sent to whole, of requests done in the last second.",
            second.service_ms,
        );
        self.quantiles(
            "lag_seconds",
            "Due to sent, of requests done in the last second.",
            second.lag_ms,
        );
        self.workers(second);
    }

    /// Quantiles of one second. They are gauges and no summary, whose quantiles would be those of all requests so far.
    fn quantiles(&mut self, name: &str, help: &str, latency: Option<LatencySecond>) {
        let Some(latency) = latency else {
            return;
        };
        self.head(name, "gauge", help);
        for (quantile, ms) in [
            ("0.5", latency.p50),
            ("0.75", latency.p75),
            ("0.9", latency.p90),
            ("0.95", latency.p95),
            ("0.99", latency.p99),
            ("0.999", latency.p999),
            ("1", latency.max),
        ] {
            // Whole ns, which is what was measured.
            let seconds = (ms * 1e6).round() / 1e9;
            self.sample(name, &[("quantile", quantile)], seconds);
        }
    }

    fn workers(&mut self, second: &Second) {
        let generator = &second.generator;
        let name = "worker_cpu_ratio";
        let help = "CPU time by worker in the last second, spinning left out; 1 is a whole CPU.";
        self.head(name, "gauge", help);
        for (worker, percent) in generator.cpu_percent.iter().enumerate() {
            self.sample(name, &[("worker", &worker.to_string())], percent / 100.0);
        }
        let name = "worker_alive";
        self.head(name, "gauge", "1 for a worker that is alive.");
        for (worker, alive) in generator.alive.iter().enumerate() {
            let alive = u8::from(*alive);
            self.sample(name, &[("worker", &worker.to_string())], alive);
        }
        if generator.memory_bytes > 0 {
            let help = "Memory of all processes of the generator together.";
            self.one("memory_bytes", "gauge", help, generator.memory_bytes);
        }
    }

    /// A metric with one sample.
    fn one(&mut self, name: &str, kind: &str, help: &str, value: impl std::fmt::Display) {
        self.head(name, kind, help);
        self.sample(name, &[], value);
    }

    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let text = &mut self.text;
        let _ = writeln!(text, "# HELP loadforge_{name} {help}");
        let _ = writeln!(text, "# TYPE loadforge_{name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        let _ = write!(self.text, "loadforge_{name}{{run=\"{}\"", self.run);
        for (label, word) in labels {
            let _ = write!(self.text, ",{label}=\"{}\"", escaped(word));
        }
        let _ = writeln!(self.text, "}} {value}");
    }
}

/// A label's value: what would end it is written as the format has it.
fn escaped(word: &str) -> String {
    let mut text = String::with_capacity(word.len());
    for letter in word.chars() {
        match letter {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            letter => text.push(letter),
        }
    }
    text
}

#[cfg(test)]
#[path = "prometheus_tests.rs"]
mod tests;
