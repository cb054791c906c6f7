//! The answer: medians with least and most, ratios to wrk, as Markdown and as JSON.
//! Neighbours: `bench_peers.rs` measures. Invariant: a ratio compares two figures of the same round.

use super::Options;
use serde_json::{Value, json};

/// What everything is compared with.
const REFERENCE: &str = "wrk";

/// One generator, once.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    pub(super) generator: &'static str,
    pub(super) server: &'static str,
    pub(super) connections: u32,
    pub(super) round: u32,
    /// Or why there are none.
    pub(super) figures: Result<Figures, String>,
}

/// What was measured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Figures {
    /// As the server counted them.
    pub(super) requests: u64,
    /// User + system time of the whole generator.
    pub(super) cpu_us_per_request: f64,
    /// User + system time of the server.
    pub(super) server_cpu_us_per_request: f64,
    pub(super) requests_per_s: f64,
}

impl std::fmt::Display for Sample {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Sample {
            generator,
            server,
            connections,
            round,
            figures,
        } = self;
        write!(
            f,
            "round {} · {server} · {connections} connections · {generator}: ",
            round + 1
        )?;
        match figures {
            Ok(figures) => write!(
                f,
                "{:.2} µs CPU a request, {:.0} requests/s",
                figures.cpu_us_per_request, figures.requests_per_s
            ),
            Err(why) => write!(f, "failed: {why}"),
        }
    }
}

/// All rounds of one generator on one server with one number of connections.
struct Row<'a> {
    samples: Vec<&'a Sample>,
}

/// The table.
pub(super) fn markdown(samples: &[Sample]) -> String {
    let mut out = String::from(
        "| server | connections | generator | CPU µs/request | × wrk | requests/s | × wrk |\n\
         |---|---|---|---|---|---|---|\n",
    );
    for row in rows(samples) {
        let Sample {
            server,
            connections,
            generator,
            ..
        } = row.samples[0];
        out.push_str(&format!("| {server} | {connections} | {generator} | "));
        let cpu = |figures: &Figures| figures.cpu_us_per_request;
        let rate = |figures: &Figures| figures.requests_per_s;
        match row
            .samples
            .iter()
            .find_map(|sample| sample.figures.as_ref().err())
        {
            Some(why) => {
                let why = why.replace('|', "/");
                out.push_str(&format!("failed: {why} | – | – | – |\n"));
            }
            None => out.push_str(&format!(
                "{} | {} | {} | {} |\n",
                spread(row.values(cpu), 2),
                spread(row.ratios(samples, cpu), 2),
                spread(row.values(rate), 0),
                spread(row.ratios(samples, rate), 2),
            )),
        }
    }
    out
}

/// What a request under wrk cost the servers: a target that costs more than nginx would be what is measured.
pub(super) fn servers(samples: &[Sample]) -> String {
    let mut out = String::from("| server | connections | server CPU µs/request |\n|---|---|---|\n");
    for row in rows(samples)
        .iter()
        .filter(|row| row.samples[0].generator == REFERENCE)
    {
        let Sample {
            server,
            connections,
            ..
        } = row.samples[0];
        let cpu = spread(row.values(|figures| figures.server_cpu_us_per_request), 2);
        out.push_str(&format!("| {server} | {connections} | {cpu} |\n"));
    }
    out
}

/// The raw figures.
pub(super) fn json(samples: &[Sample], options: &Options) -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpu_model = read("/proc/cpuinfo")
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or(String::new(), |(_, name)| name.trim().to_owned());
    let samples: Vec<Value> = samples
        .iter()
        .map(|sample| {
            let mut value = json!({
                "server": sample.server, "connections": sample.connections,
                "generator": sample.generator, "round": sample.round,
            });
            match &sample.figures {
                Ok(figures) => {
                    value["requests"] = json!(figures.requests);
                    value["cpu_us_per_request"] = json!(figures.cpu_us_per_request);
                    value["server_cpu_us_per_request"] = json!(figures.server_cpu_us_per_request);
                    value["requests_per_s"] = json!(figures.requests_per_s);
                }
                Err(why) => value["failed"] = json!(why),
            }
            value
        })
        .collect();
    let all = json!({
        "schema": "loadforge.bench-peers/1",
        "machine": { "cpu_model": cpu_model, "kernel": read("/proc/sys/kernel/osrelease").trim() },
        "seconds": options.seconds, "rounds": options.rounds, "connections": options.connections,
        "samples": samples,
    });
    format!("{all:#}\n")
}

/// Samples by server, connections and generator, in the order of their first round.
fn rows(samples: &[Sample]) -> Vec<Row<'_>> {
    let key = |sample: &Sample| (sample.server, sample.connections, sample.generator);
    let mut rows: Vec<Row<'_>> = Vec::new();
    for sample in samples {
        match rows
            .iter_mut()
            .find(|row| key(row.samples[0]) == key(sample))
        {
            Some(row) => row.samples.push(sample),
            None => rows.push(Row {
                samples: vec![sample],
            }),
        }
    }
    rows
}

impl Row<'_> {
    fn values(&self, of: impl Fn(&Figures) -> f64) -> Vec<f64> {
        self.samples
            .iter()
            .filter_map(|sample| Some(of(sample.figures.as_ref().ok()?)))
            .collect()
    }

    /// To the reference of the same round, server and number of connections.
    fn ratios(&self, all: &[Sample], of: impl Fn(&Figures) -> f64) -> Vec<f64> {
        let reference = |sample: &Sample| {
            all.iter()
                .find(|other| {
                    other.generator == REFERENCE
                        && other.round == sample.round
                        && other.server == sample.server
                        && other.connections == sample.connections
                })
                .and_then(|other| other.figures.as_ref().ok().map(&of))
        };
        self.samples
            .iter()
            .filter_map(|sample| Some(of(sample.figures.as_ref().ok()?) / reference(sample)?))
            .collect()
    }
}

/// Median and, in brackets, least and most.
fn spread(mut values: Vec<f64>, decimals: usize) -> String {
    if values.is_empty() {
        return "–".to_owned();
    }
    values.sort_by(f64::total_cmp);
    let (least, most) = (values[0], values[values.len() - 1]);
    let middle = values.len() / 2;
    let median = match values.len() % 2 {
        0 => (values[middle - 1] + values[middle]) / 2.0,
        _ => values[middle],
    };
    format!("{median:.decimals$} ({least:.decimals$}–{most:.decimals$})")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(generator: &'static str, round: u32, cpu: f64, rate: f64) -> Sample {
        let figures = Ok(Figures {
            requests: 1,
            cpu_us_per_request: cpu,
            server_cpu_us_per_request: 2.0 * cpu,
            requests_per_s: rate,
        });
        Sample {
            generator,
            server: "nginx",
            connections: 64,
            round,
            figures,
        }
    }

    #[test]
    fn medians_and_ratios_of_the_same_round_are_shown() {
        let samples = [
            sample("loadforge", 0, 5.0, 200.0),
            sample("wrk", 0, 10.0, 100.0),
            sample("loadforge", 1, 10.0, 150.0),
            sample("wrk", 1, 10.0, 100.0),
            sample("loadforge", 2, 30.0, 100.0),
            sample("wrk", 2, 15.0, 100.0),
        ];
        let table = markdown(&samples);
        let row = "| nginx | 64 | loadforge | 10.00 (5.00–30.00) | 1.00 (0.50–2.00) | \
                   150 (100–200) | 1.50 (1.00–2.00) |";
        assert!(table.contains(row), "{table}");
        let servers = servers(&samples);
        assert!(
            servers.contains("| nginx | 64 | 20.00 (20.00–30.00) |"),
            "{servers}"
        );
    }

    #[test]
    fn a_failed_round_is_told_and_not_left_out() {
        let mut failed = sample("oha", 1, 0.0, 0.0);
        failed.figures = Err("exit status: 2: no such option".to_owned());
        let samples = [sample("oha", 0, 1.0, 1.0), failed];
        let table = markdown(&samples);
        assert!(
            table.contains("| oha | failed: exit status: 2: no such option |"),
            "{table}"
        );
        let options = Options {
            seconds: 1,
            rounds: 2,
            connections: vec![64],
            loadforge: None,
        };
        let json: Value = serde_json::from_str(&json(&samples, &options)).unwrap();
        assert_eq!(
            json["samples"][1]["failed"],
            "exit status: 2: no such option"
        );
        assert_eq!(json["samples"][0]["cpu_us_per_request"], 1.0);
    }
}
