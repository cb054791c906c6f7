//! Metrics of a scenario's own: values that only it knows, such as the worth of a basket. Neighbours: `user.rs` hands
//! them to the `Client`. Invariant: a value is a finite number.

use crate::{ErrorKind, Failure, User};

/// How values of a metric are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum MetricKind {
    /// Values are added up: orders placed, bytes saved.
    Counter = 1,
    /// The last value counts, with the least and the greatest: the length of a queue.
    Gauge = 2,
    /// All values count, as percentiles: the worth of baskets.
    Trend = 3,
}

impl MetricKind {
    /// The word used in files and on screens.
    pub const fn as_str(self) -> &'static str {
        match self {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Trend => "trend",
        }
    }

    /// The kind with this code, if there is one.
    pub const fn from_code(code: u8) -> Option<MetricKind> {
        match code {
            1 => Some(MetricKind::Counter),
            2 => Some(MetricKind::Gauge),
            3 => Some(MetricKind::Trend),
            _ => None,
        }
    }
}

/// A metric of the scenario's own, as a user sees it. A counter, a gauge and a trend of one name are three metrics.
pub struct Metric<'u> {
    pub(crate) user: &'u User,
    pub(crate) name: &'u str,
}

impl Metric<'_> {
    /// Adds to a counter.
    pub fn add(&self, value: f64) {
        self.put(MetricKind::Counter, value);
    }

    /// Sets a gauge.
    pub fn set(&self, value: f64) {
        self.put(MetricKind::Gauge, value);
    }

    /// Adds a value to a trend, of which percentiles are told.
    pub fn record(&self, value: f64) {
        self.put(MetricKind::Trend, value);
    }

    fn put(&self, kind: MetricKind, value: f64) {
        let User { client, seat, .. } = self.user;
        if value.is_finite() {
            client.record_metric(*seat, client.metric_id(kind, self.name), value);
        } else {
            let detail = format!(
                "a value of the metric {:?} is not a finite number",
                self.name
            );
            client.note_failure(*seat, &Failure::new(ErrorKind::Check, detail));
        }
    }
}

/// Under which id a metric is counted, as `Client::metric_id` gave it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MetricId(pub u32);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_leads_back_to_its_kind() {
        for kind in [MetricKind::Counter, MetricKind::Gauge, MetricKind::Trend] {
            assert_eq!(MetricKind::from_code(kind as u8), Some(kind));
        }
        assert_eq!(MetricKind::from_code(0), None);
    }
}
