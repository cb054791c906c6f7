//! What a run of the self-test said, and what its server saw. Neighbours: `children.rs` reads, `judge.rs` judges.
//! Invariant: a figure that a summary lacks is an error, never zero.

use loadforge_analysis::GeneratorSummary;
use serde_json::Value;

/// Everything known of one run.
#[derive(Clone, Debug)]
pub(super) struct Measured {
    pub(super) summary: Summary,
    /// Requests that the server counted.
    pub(super) served: u64,
    /// The most that the server itself was late with an answer, ms.
    pub(super) server_late_ms: f64,
    /// When they arrived, by the server's clock, in order.
    pub(super) arrivals_ns: Vec<u64>,
    /// How many CPUs others took from it, on average.
    pub(super) crowd_cpus: f64,
}

/// The figures of a `summary.json` that are judged.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Summary {
    pub(super) duration_s: f64,
    pub(super) verdict: String,
    pub(super) reasons: usize,
    pub(super) intended: u64,
    pub(super) sent: u64,
    pub(super) not_sent: u64,
    pub(super) ok: u64,
    pub(super) failed: u64,
    pub(super) unknown: u64,
    pub(super) lost: u64,
    pub(super) response_ms: Latency,
    pub(super) service_ms: Latency,
    pub(super) lag_ms: Latency,
    /// Share (0 to 1) of the time that workers spun in which something else had their CPU.
    pub(super) paused_share: f64,
}

/// One of the three latencies, in ms.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Latency {
    pub(super) mean: f64,
    pub(super) p50: f64,
    pub(super) p99: f64,
    pub(super) p999: f64,
}

impl Summary {
    /// Reads a `summary.json`; the error names what is not there.
    pub(super) fn read(text: &str) -> Result<Summary, String> {
        let json: Value = serde_json::from_str(text).map_err(|error| format!("sense: {error}"))?;
        let request = |key: &str| {
            json["requests"][key]
                .as_u64()
                .ok_or_else(|| format!("requests.{key}"))
        };
        let reasons = json["verdict"]["reasons"].as_array();
        Ok(Summary {
            duration_s: json["duration_s"].as_f64().ok_or("duration_s")?,
            verdict: json["verdict"]["level"]
                .as_str()
                .ok_or("verdict.level")?
                .to_owned(),
            reasons: reasons.ok_or("verdict.reasons")?.len(),
            intended: request("intended")?,
            sent: request("sent")?,
            not_sent: request("not_sent")?,
            ok: request("ok")?,
            failed: request("failed")?,
            unknown: request("unknown")?,
            lost: request("lost")?,
            response_ms: Latency::read(&json, "response_ms")?,
            service_ms: Latency::read(&json, "service_ms")?,
            lag_ms: Latency::read(&json, "lag_ms")?,
            paused_share: {
                let generator =
                    serde_json::from_value::<GeneratorSummary>(json["generator"].clone())
                        .map_err(|error| format!("generator: {error}"))?;
                let measured_s = json["measured"]["seconds"].as_f64();
                generator.paused_share(measured_s.ok_or("measured.seconds")?)
            },
        })
    }
}

impl Latency {
    fn read(json: &Value, name: &str) -> Result<Latency, String> {
        let figure = |key: &str| {
            json[name][key]
                .as_f64()
                .ok_or_else(|| format!("{name}.{key}"))
        };
        Ok(Latency {
            mean: figure("mean")?,
            p50: figure("p50")?,
            p99: figure("p99")?,
            p999: figure("p999")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_read_and_what_it_lacks_is_named() {
        let latency = r#"{"mean":1.5,"p50":1.0,"p99":2.0,"p999":3.0}"#;
        let generator = GeneratorSummary {
            spin_percent: vec![50.0],
            paused_ms: 30.0,
            ..GeneratorSummary::default()
        };
        let generator = serde_json::to_string(&generator).expect("plain figures");
        let text = format!(
            r#"{{"duration_s":3.0,"measured":{{"seconds":3.0}},"generator":{generator},"verdict":{{"level":"SUSPECT","reasons":["late"]}},
               "requests":{{"intended":9,"sent":8,"not_sent":1,"ok":7,"failed":1,"unknown":0,"lost":0}},
               "response_ms":{latency},"service_ms":{latency},"lag_ms":{latency}}}"#
        );
        let summary = Summary::read(&text).expect("it is whole");
        assert_eq!(
            (summary.intended, summary.not_sent, summary.reasons),
            (9, 1, 1)
        );
        assert_eq!((summary.lag_ms.p999, summary.paused_share), (3.0, 0.02));
        let without = text.replace("\"not_sent\":1,", "");
        assert_eq!(Summary::read(&without), Err("requests.not_sent".to_owned()));
        assert!(Summary::read("oops").is_err());
    }
}
