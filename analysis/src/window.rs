//! One second's records, gathered into a snapshot. Neighbours: the engine's aggregator feeds it, `snapshot.rs` is
//! what it makes, `fold.rs` sums those up.
//! Invariants: every request done is in exactly one endpoint, so the window's own figures are the sums over its
//! endpoints; memory is bounded by `MAX_ENDPOINTS`, `MAX_GROUPS`, `MAX_METRICS` and `MAX_DETAILS`, whatever the scenario names.

use crate::{
    EndpointWindow, ErrorCount, Event, EventKind, GeneratorWindow, GroupRow, Latencies,
    LatencyHistogram, LoadPhase, MetricRow, Phase, SNAPSHOT_SCHEMA, Snapshot, Steering, Totals,
    UserCounts, WindowCounts, groups::Groups, metrics::Metrics,
};
use loadforge_ring::{
    FLAG_BYTES_SATURATED, FLAG_CONNECTED, FLAG_RETRIED, RecordKind, RequestRecord,
};
use loadforge_scenarios::{ErrorKind, Method, MetricKind};
use std::collections::BTreeMap;

/// Most endpoints with figures of their own; the rest share `OTHER_ENDPOINT`.
///
/// The first to come are kept, not the busiest. Which ones are busiest is known only at the end, and a request
/// counted under "other" cannot be taken out of its percentiles again: an endpoint promoted half-way would have
/// figures of half a run that look like a whole one's.
pub const MAX_ENDPOINTS: usize = 50;

/// The name under which endpoints past `MAX_ENDPOINTS` are counted together.
pub const OTHER_ENDPOINT: &str = "other";

/// Most distinct error details kept at a time; the rest of a kind are counted together as `OTHER_DETAIL`.
pub const MAX_DETAILS: usize = 500;

/// The detail of failures whose own detail found no room.
pub const OTHER_DETAIL: &str = "other";

/// The detail of failures for which none was given.
pub const NO_DETAIL: &str = "no detail given";

/// Longest error detail in bytes; what is longer is cut.
const MAX_DETAIL_BYTES: usize = 512;

/// The length of the seconds that arrivals and sends are counted by.
const NS_PER_SECOND: u64 = 1_000_000_000;

/// Codes of status from 0 (no answer) to 999.
const STATUS_CODES: usize = 1_000;

/// Codes of failures from 0 (none) to the greatest `ErrorKind`.
const ERROR_CODES: usize = ErrorKind::ALL.len() + 1;

/// An endpoint of a window: valid for the window that gave it, as long as that lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EndpointId(u16);

/// What a snapshot says that records do not.
#[derive(Clone, Debug)]
pub struct WindowFacts {
    /// Seconds from the start of the run to the end of the window.
    pub at_s: f64,
    /// The window's length in seconds.
    pub length_s: f64,
    /// Where the run stands.
    pub phase: Phase,
    /// The plan's phase that the window belongs to.
    pub load_phase: LoadPhase,
    /// Virtual users now.
    pub users: UserCounts,
    /// How the generator was doing.
    pub generator: GeneratorWindow,
    /// Counts since the start of the run; `ok` and `failed` are set by the window, which alone knows them.
    pub totals: Totals,
    /// What else happened in the window.
    pub events: Vec<Event>,
    /// Iterations that ended in the window.
    pub iterations: u64,
    /// Of these, failed.
    pub iterations_failed: u64,
}

/// The records of one second after another. One value lives as long as the run: `close` empties it and keeps its memory.
pub struct Window {
    /// By `EndpointId`; the first is `OTHER_ENDPOINT`.
    endpoints: Vec<EndpointTally>,
    lag: LatencyHistogram,
    counts: WindowCounts,
    /// Status failures by code, for their detail.
    status_failures: Box<[u64; STATUS_CODES]>,
    /// Records with a byte count too long for its field.
    saturated: u64,
    /// Details told and not yet matched with a failure.
    details: Vec<ErrorCount>,
    /// Failures that no request carries.
    noted: Vec<ErrorCount>,
    groups: Groups,
    metrics: Metrics,
    /// Requests that succeeded, since the start of the run.
    ok_total: u64,
    /// Requests that failed, since the start of the run.
    failed_total: u64,
    /// Arrivals and requests by their own seconds.
    seconds: SecondTally,
    /// Arrivals not sent, by scenario.
    not_sent_of: BTreeMap<u8, u64>,
    /// `totals.intended` and `totals.sent` when the last window was closed.
    told: (u64, u64),
}

/// One endpoint's share of the window.
struct EndpointTally {
    name: String,
    method: Option<Method>,
    /// Requests done by status; their sum is the number done.
    status: Box<[u64; STATUS_CODES]>,
    /// Failures by code; their sum is the number failed.
    errors: [u64; ERROR_CODES],
    response: LatencyHistogram,
    service: LatencyHistogram,
}

impl Default for Window {
    fn default() -> Self {
        Window::new()
    }
}

impl Window {
    /// An empty window.
    pub fn new() -> Window {
        Window {
            endpoints: vec![EndpointTally::new(OTHER_ENDPOINT, None)],
            lag: LatencyHistogram::default(),
            counts: WindowCounts::default(),
            status_failures: Box::new([0; STATUS_CODES]),
            saturated: 0,
            details: Vec::new(),
            noted: Vec::new(),
            groups: Groups::default(),
            metrics: Metrics::default(),
            ok_total: 0,
            failed_total: 0,
            seconds: SecondTally::default(),
            not_sent_of: BTreeMap::new(),
            told: (0, 0),
        }
    }

    /// Where requests of this name and method are counted, for the whole run: look it up once and keep it. The
    /// first `MAX_ENDPOINTS` distinct pairs have figures of their own, later ones share `OTHER_ENDPOINT`.
    pub fn endpoint(&mut self, name: &str, method: Option<Method>) -> EndpointId {
        let known = |tally: &EndpointTally| tally.method == method && tally.name == name;
        let index = match self.endpoints.iter().position(known) {
            Some(index) => index,
            None if self.endpoints.len() > MAX_ENDPOINTS => 0,
            None => {
                self.endpoints.push(EndpointTally::new(name, method));
                self.endpoints.len() - 1
            }
        };
        EndpointId(index as u16)
    }

    /// Where groups of this name are counted, for the whole run; as `endpoint`.
    pub fn group(&mut self, name: &str) -> GroupRow {
        self.groups.row(name)
    }

    /// Where values of this metric are counted, for the whole run; as `endpoint`, with an `OTHER_ENDPOINT` for each kind.
    pub fn metric(&mut self, kind: MetricKind, name: &str) -> MetricRow {
        self.metrics.row(kind, name)
    }

    /// Counts one group that ended: a record of kind `Group`.
    pub fn add_group(&mut self, record: &RequestRecord, row: GroupRow) {
        self.groups.add_record(record, row);
    }

    /// Counts one value of a metric: a record of kind `Metric`.
    pub fn add_metric(&mut self, record: &RequestRecord, row: MetricRow) {
        self.metrics.add_record(record, row);
    }

    /// Counts one record: a request done, or arrivals that could not be begun. Records of other kinds say nothing
    /// about requests and are left alone. Allocates nothing once the greatest latency has been seen, save for an entry
    /// of a map in each second that the requests were due or sent in.
    #[inline]
    pub fn add(&mut self, record: &RequestRecord, endpoint: EndpointId) {
        if record.kind != RecordKind::Request as u8 {
            if record.kind == RecordKind::NotSent as u8 {
                self.add_not_sent(record);
            }
            return;
        }
        // A status past the table cannot come from an answer; it is counted as none.
        let status = if usize::from(record.status) < STATUS_CODES {
            record.status.into()
        } else {
            0
        };
        let tally = &mut self.endpoints[usize::from(endpoint.0)];
        tally.status[status] += 1;
        // A request that failed before anything could be sent has no send stamp: it began when it was intended.
        let sent_ns = record.sent_ns.max(record.intended_ns);
        tally
            .response
            .record_ns(record.done_ns.saturating_sub(record.intended_ns));
        tally
            .service
            .record_ns(record.done_ns.saturating_sub(sent_ns));
        self.lag.record_ns(sent_ns - record.intended_ns);
        self.seconds.add(record.intended_ns, sent_ns);
        self.counts.bytes_in += u64::from(record.bytes_in);
        self.counts.bytes_out += u64::from(record.bytes_out);
        self.counts.retried += u64::from(record.flags & FLAG_RETRIED != 0);
        self.counts.connects += u64::from(record.flags & FLAG_CONNECTED != 0);
        self.saturated += u64::from(record.flags & FLAG_BYTES_SATURATED != 0);
        if record.error != 0 {
            // A code that no kind has can only be the generator's own mistake.
            let kind = ErrorKind::from_code(record.error).unwrap_or(ErrorKind::Generator);
            tally.errors[kind as usize] += 1;
            if kind == ErrorKind::Status {
                self.status_failures[status] += 1;
            }
        }
    }

    /// A record of this kind stands for `bytes_in` arrivals, all due in the second of its `intended_ns`.
    fn add_not_sent(&mut self, record: &RequestRecord) {
        let arrivals = u64::from(record.bytes_in.max(1));
        self.counts.not_sent += arrivals;
        *self.not_sent_of.entry(record.scenario).or_default() += arrivals;
        self.seconds.add_not_sent(record.intended_ns, arrivals);
    }

    /// Tells that `count` failures of this kind had this detail. Call it before `close`, and after the records of
    /// those failures were added: details are matched with failures of their kind as these come, and wait for them
    /// if they are early. Status failures get their detail from the record; what is told of them here is ignored.
    pub fn add_error_details(&mut self, kind: ErrorKind, detail: &str, count: u64) {
        if kind == ErrorKind::Status || count == 0 {
            return;
        }
        add_error(&mut self.details, &told(kind, detail, count));
    }

    /// Tells of `count` failures of this kind that no request carries: told of by the scenario itself, or the place of a
    /// panic. They stand among the errors and not among the requests that failed.
    pub fn add_noted_failures(&mut self, kind: ErrorKind, detail: &str, count: u64) {
        if count > 0 {
            let noted = ErrorCount {
                without_request: count,
                ..told(kind, detail, count)
            };
            add_error(&mut self.noted, &noted);
        }
    }

    /// Ends the window: gives its snapshot and begins the next one, in the same memory.
    pub fn close(&mut self, facts: WindowFacts) -> Snapshot {
        let mut latency = Latencies {
            lag: self.lag.compact_copy(),
            ..Latencies::default()
        };
        let mut status = BTreeMap::new();
        let mut errors = [0; ERROR_CODES];
        let mut endpoints = Vec::new();
        let mut counts = std::mem::take(&mut self.counts);
        counts.iterations = facts.iterations;
        counts.iterations_failed = facts.iterations_failed;
        let totals = facts.totals;
        // Counters of several workers are read one after another: a sum may seem to go back by a request.
        counts.offered = totals.intended.saturating_sub(self.told.0);
        counts.sent = totals.sent.saturating_sub(self.told.1);
        self.told = (
            totals.intended.max(self.told.0),
            totals.sent.max(self.told.1),
        );
        for tally in &mut self.endpoints {
            let Some(endpoint) = tally.close() else {
                continue;
            };
            latency.response.add(&endpoint.response);
            latency.service.add(&endpoint.service);
            for (code, count) in &endpoint.status {
                *status.entry(*code).or_default() += count;
            }
            for (kind, count) in &endpoint.errors {
                errors[*kind as usize] += count;
            }
            counts.done += endpoint.done;
            counts.failed += endpoint.failed;
            endpoints.push(endpoint);
        }
        counts.ok = counts.done - counts.failed;
        self.ok_total += counts.ok;
        self.failed_total += counts.failed;
        self.lag.reset();
        let [offered_at, sent_at, not_sent_at] = self.seconds.close();
        let mut events = facts.events;
        events.extend(self.close_saturated(facts.at_s));
        Snapshot {
            schema: SNAPSHOT_SCHEMA.to_owned(),
            at_s: facts.at_s,
            length_s: facts.length_s,
            phase: facts.phase,
            load_phase: facts.load_phase,
            users: facts.users,
            requests: counts,
            rps: per_second(counts.done, facts.length_s),
            error_rate: share(counts.failed, counts.done),
            status,
            errors: self.close_errors(&errors),
            latency,
            endpoints,
            groups: self.groups.close(),
            metrics: self.metrics.close(),
            generator: facts.generator,
            offered_at,
            sent_at,
            not_sent_at,
            not_sent_of: std::mem::take(&mut self.not_sent_of),
            totals: Totals {
                ok: self.ok_total,
                failed: self.failed_total,
                ..totals
            },
            events,
            // Who carries orders out fills it in.
            steering: Steering::default(),
        }
    }

    /// The failures by kind and detail; the counts of those that a request carries sum up to `by_code`.
    fn close_errors(&mut self, by_code: &[u64; ERROR_CODES]) -> Vec<ErrorCount> {
        let mut errors = Vec::new();
        for kind in ErrorKind::ALL {
            let mut left = by_code[kind as usize];
            if kind == ErrorKind::Status {
                errors.extend(
                    nonzero(&*self.status_failures).map(|(status, count)| ErrorCount {
                        kind,
                        detail: format!("HTTP {status}"),
                        count,
                        without_request: 0,
                    }),
                );
                continue;
            }
            for told in self.details.iter_mut().filter(|told| told.kind == kind) {
                let count = told.count.min(left);
                if count > 0 {
                    errors.push(ErrorCount {
                        count,
                        ..told.clone()
                    });
                }
                told.count -= count;
                left -= count;
            }
            if left > 0 {
                errors.push(ErrorCount {
                    kind,
                    detail: NO_DETAIL.to_owned(),
                    count: left,
                    without_request: 0,
                });
            }
        }
        for noted in self.noted.drain(..) {
            add_error(&mut errors, &noted);
        }
        self.details.retain(|told| told.count > 0);
        self.status_failures.fill(0);
        errors
    }

    /// Says so when byte counts did not fit their field, once a window.
    fn close_saturated(&mut self, at_s: f64) -> Option<Event> {
        let saturated = std::mem::take(&mut self.saturated);
        (saturated > 0).then(|| Event {
            at_s,
            kind: EventKind::Warning,
            text: format!(
                "{} longer than 4 GiB: the bytes counted are a lower bound",
                match saturated {
                    1 => "1 request or answer was".to_owned(),
                    many => format!("{many} requests or answers were"),
                }
            ),
        })
    }
}

/// Requests by the second they were due in and by the one they were sent in. Both times come nearly in order, so the pair
/// of seconds met last is counted aside: most requests cost two subtractions, a comparison and a sum, neither a division
/// nor a look into a map.
#[derive(Default)]
struct SecondTally {
    /// Where the second that the last request was due in begins, in ns since the start of the run.
    due_from_ns: u64,
    /// Where the second that it was sent in begins.
    sent_from_ns: u64,
    /// Requests of this pair of seconds that are not in the maps yet.
    count: u64,
    offered: BTreeMap<u64, u64>,
    sent: BTreeMap<u64, u64>,
    not_sent: BTreeMap<u64, u64>,
}

impl SecondTally {
    #[inline]
    fn add(&mut self, due_ns: u64, sent_ns: u64) {
        // Wrapping: a time before its second is as far from it as one long after it.
        let due = due_ns.wrapping_sub(self.due_from_ns);
        let sent = sent_ns.wrapping_sub(self.sent_from_ns);
        if due.max(sent) >= NS_PER_SECOND {
            self.turn_to(due_ns, sent_ns);
        }
        self.count += 1;
    }

    #[cold]
    fn turn_to(&mut self, due_ns: u64, sent_ns: u64) {
        self.put_away();
        self.due_from_ns = due_ns - due_ns % NS_PER_SECOND;
        self.sent_from_ns = sent_ns - sent_ns % NS_PER_SECOND;
    }

    fn put_away(&mut self) {
        let count = std::mem::take(&mut self.count);
        if count > 0 {
            let (due, sent) = (self.due_from_ns, self.sent_from_ns);
            *self.offered.entry(due / NS_PER_SECOND).or_default() += count;
            *self.sent.entry(sent / NS_PER_SECOND).or_default() += count;
        }
    }

    fn add_not_sent(&mut self, due_ns: u64, arrivals: u64) {
        *self.offered.entry(due_ns / NS_PER_SECOND).or_default() += arrivals;
        *self.not_sent.entry(due_ns / NS_PER_SECOND).or_default() += arrivals;
    }

    /// What was due, what was sent and what was not, by second, since the last call.
    fn close(&mut self) -> [BTreeMap<u64, u64>; 3] {
        self.put_away();
        [&mut self.offered, &mut self.sent, &mut self.not_sent].map(std::mem::take)
    }
}

impl EndpointTally {
    fn new(name: &str, method: Option<Method>) -> EndpointTally {
        EndpointTally {
            name: name.to_owned(),
            method,
            status: Box::new([0; STATUS_CODES]),
            errors: [0; ERROR_CODES],
            response: LatencyHistogram::default(),
            service: LatencyHistogram::default(),
        }
    }

    /// Its share of the window, if it had a request; begins the next.
    fn close(&mut self) -> Option<EndpointWindow> {
        let done = self.response.len();
        if done == 0 {
            return None;
        }
        let window = EndpointWindow {
            name: self.name.clone(),
            method: self.method,
            done,
            failed: self.errors.iter().sum(),
            status: nonzero(&*self.status)
                .map(|(code, count)| (code as u16, count))
                .collect(),
            errors: ErrorKind::ALL
                .into_iter()
                .map(|kind| (kind, self.errors[kind as usize]))
                .filter(|(_, count)| *count > 0)
                .collect(),
            response: self.response.compact_copy(),
            service: self.service.compact_copy(),
        };
        self.status.fill(0);
        self.errors.fill(0);
        self.response.reset();
        self.service.reset();
        Some(window)
    }
}

/// So many failures of this kind and detail, as a request carries them; a long detail is cut.
fn told(kind: ErrorKind, detail: &str, count: u64) -> ErrorCount {
    let detail = &detail[..detail.floor_char_boundary(MAX_DETAIL_BYTES)];
    let detail = if detail.is_empty() { NO_DETAIL } else { detail };
    ErrorCount {
        kind,
        detail: detail.to_owned(),
        count,
        without_request: 0,
    }
}

/// Adds to the entry of this kind and detail, or makes one; without room for it, to the kind's `OTHER_DETAIL`.
pub(crate) fn add_error(list: &mut Vec<ErrorCount>, error: &ErrorCount) {
    let find = |list: &[ErrorCount], detail: &str| {
        list.iter()
            .position(|entry| entry.kind == error.kind && entry.detail == detail)
    };
    let detail = if list.len() < MAX_DETAILS || find(list, &error.detail).is_some() {
        &error.detail
    } else {
        OTHER_DETAIL
    };
    match find(list, detail) {
        Some(index) => {
            list[index].count += error.count;
            list[index].without_request += error.without_request;
        }
        None => list.push(ErrorCount {
            detail: detail.to_owned(),
            ..error.clone()
        }),
    }
}

/// The share of `part` in `whole`, 0 to 1; 0 of nothing.
pub(crate) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

/// A count over a time; 0 over no time.
pub(crate) fn per_second(count: u64, seconds: f64) -> f64 {
    if seconds > 0.0 {
        count as f64 / seconds
    } else {
        0.0
    }
}

/// The entries that are not 0, with their index.
fn nonzero(counts: &[u64]) -> impl Iterator<Item = (usize, u64)> + '_ {
    counts
        .iter()
        .copied()
        .enumerate()
        .filter(|(_, count)| *count > 0)
}

#[cfg(test)]
#[path = "window_tests.rs"]
mod tests;
