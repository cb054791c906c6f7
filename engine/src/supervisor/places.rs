//! Where in the figures a worker's records belong: looked up by name once, found by number ever after. Neighbours:
//! `aggregator.rs` asks for each record, `words.rs` knows the names. Invariant: what one scenario of several calls by a
//! name is never counted together with what another one calls the same.

use super::{asked::Asked, words::Words};
use loadforge_analysis::{EndpointId, GroupRow, MetricRow, OTHER_ENDPOINT, Window};
use loadforge_ring::{RecordKind, RequestRecord};
use loadforge_scenarios::{Method, MetricKind, document::endpoint_beside};

/// Place in the table of endpoints for each method, and for "none".
const METHODS: usize = Method::ALL.len() + 1;

/// Where a record is counted.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    /// Among the requests of an endpoint.
    Endpoint(EndpointId),
    /// Among the groups of a name.
    Group(GroupRow),
    /// Among the values of a metric.
    Metric(MetricRow),
}

impl Place {
    /// Counts the record there.
    pub fn add(self, record: &RequestRecord, window: &mut Window) {
        match self {
            Place::Endpoint(endpoint) => window.add(record, endpoint),
            Place::Group(row) => window.add_group(record, row),
            Place::Metric(row) => window.add_metric(record, row),
        }
    }
}

/// One worker's places, by scenario.
#[derive(Default)]
pub struct Places(Vec<PartPlaces>);

#[derive(Default)]
struct PartPlaces {
    /// By name and method.
    endpoints: Vec<Option<Place>>,
    /// By the number of the name in the text table; a text is of one kind.
    own: Vec<Option<Place>>,
}

impl Places {
    /// Where this record is counted.
    pub fn of(
        &mut self,
        record: &RequestRecord,
        words: &mut Words,
        asked: &Asked,
        window: &mut Window,
    ) -> Place {
        let part = usize::from(record.scenario);
        if self.0.len() <= part {
            self.0.resize_with(part + 1, PartPlaces::default);
        }
        let PartPlaces { endpoints, own } = &mut self.0[part];
        let beside = || asked.beside.get(part).and_then(Option::as_deref);
        let name = record.name as usize;
        match RecordKind::from_code(record.kind) {
            Some(RecordKind::Request) => {
                let place = name * METHODS + usize::from(record.method);
                known_or(endpoints, place, || {
                    let is_chosen_late = name >= asked.names.len();
                    let name = words.name(&asked.names, name);
                    let method = Method::from_code(record.method);
                    // Names known before the run have their scenario's in front of them already.
                    Place::Endpoint(match beside().filter(|_| is_chosen_late) {
                        Some(part) => window.endpoint(&endpoint_beside(part, name), method),
                        None => window.endpoint(name, method),
                    })
                })
            }
            Some(RecordKind::Group) => known_or(own, name, || {
                let (name, _) = words.own_name(name);
                Place::Group(match beside() {
                    Some(part) => window.group(&format!("{part}/{name}")),
                    None => window.group(name),
                })
            }),
            Some(RecordKind::Metric) => known_or(own, name, || {
                let (name, code) = words.own_name(name);
                // The worker writes a kind's code with every metric's name.
                let kind = MetricKind::from_code(code).unwrap_or(MetricKind::Counter);
                Place::Metric(match beside() {
                    Some(part) => window.metric(kind, &format!("{part}/{name}")),
                    None => window.metric(kind, name),
                })
            }),
            // It is of no endpoint.
            Some(RecordKind::NotSent | RecordKind::Iteration) | None => {
                Place::Endpoint(window.endpoint(OTHER_ENDPOINT, None))
            }
        }
    }
}

/// What reports call this record; empty for one of no name.
pub fn name_of(record: &RequestRecord, words: &mut Words, asked: &Asked) -> String {
    let beside = asked.beside.get(usize::from(record.scenario));
    let beside = beside.and_then(Option::as_deref);
    let name = record.name as usize;
    match RecordKind::from_code(record.kind) {
        Some(RecordKind::Request) => {
            let is_chosen_late = name >= asked.names.len();
            let name = words.name(&asked.names, name);
            match beside.filter(|_| is_chosen_late) {
                Some(part) => endpoint_beside(part, name),
                None => name.to_owned(),
            }
        }
        Some(RecordKind::Group | RecordKind::Metric) => {
            let (name, _) = words.own_name(name);
            match beside {
                Some(part) => format!("{part}/{name}"),
                None => name.to_owned(),
            }
        }
        Some(RecordKind::NotSent | RecordKind::Iteration) | None => String::new(),
    }
}

/// What stands at this place of the list, or is to stand there from now on.
fn known_or(list: &mut Vec<Option<Place>>, at: usize, find: impl FnOnce() -> Place) -> Place {
    if let Some(place) = list.get(at).copied().flatten() {
        return place;
    }
    if list.len() <= at {
        list.resize(at + 1, None);
    }
    *list[at].insert(find())
}

#[cfg(test)]
mod tests {
    use super::*;
    use loadforge_analysis::{GeneratorWindow, LoadPhase, Phase, Totals, UserCounts, WindowFacts};
    use loadforge_ring::{Capacity, TextKind, Transport};

    fn asked(beside: &[Option<&str>]) -> Asked {
        Asked {
            names: vec!["known".to_owned()],
            beside: beside.iter().map(|part| part.map(str::to_owned)).collect(),
            ..Asked::default()
        }
    }

    fn facts() -> WindowFacts {
        WindowFacts {
            at_s: 1.0,
            length_s: 1.0,
            phase: Phase::Running,
            load_phase: LoadPhase::default(),
            users: UserCounts::default(),
            generator: GeneratorWindow::default(),
            totals: Totals::default(),
            events: Vec::new(),
            iterations: 0,
            iterations_failed: 0,
        }
    }

    /// What becomes of one name for a request, a group and a gauge in two scenarios, each told twice.
    fn names_of(asked: &Asked) -> (Vec<String>, Vec<String>, Vec<String>) {
        let transport = Transport::channel(1, Capacity::default());
        let mut writer = transport.text_writer(0);
        let mut words = Words::new(transport.text_reader(0));
        let (mut places, mut window) = (Places::default(), Window::new());
        for kind in [RecordKind::Request, RecordKind::Group, RecordKind::Metric] {
            let (text, code) = match kind {
                RecordKind::Group => (TextKind::Group, 0),
                RecordKind::Metric => (TextKind::Metric, MetricKind::Gauge as u8),
                _ => (TextKind::Name, 0),
            };
            let id = writer.intern(text, code, "late").0;
            for scenario in [0, 1, 0, 1] {
                let record = RequestRecord {
                    kind: kind as u8,
                    name: id + u32::from(kind == RecordKind::Request),
                    scenario,
                    method: Method::Get as u8,
                    ..RequestRecord::default()
                };
                let place = places.of(&record, &mut words, asked, &mut window);
                place.add(&record, &mut window);
            }
        }
        let snapshot = window.close(facts());
        (
            snapshot.endpoints.into_iter().map(|one| one.name).collect(),
            snapshot.groups.into_iter().map(|one| one.name).collect(),
            snapshot.metrics.into_iter().map(|one| one.name).collect(),
        )
    }

    #[test]
    fn scenarios_side_by_side_keep_equal_names_apart() {
        let (endpoints, groups, metrics) = names_of(&asked(&[Some("shop"), Some("api")]));
        for names in [endpoints, groups, metrics] {
            assert_eq!(names, ["shop/late", "api/late"]);
        }
    }

    #[test]
    fn a_scenario_alone_has_its_names_as_they_are() {
        let (endpoints, groups, metrics) = names_of(&asked(&[None]));
        for names in [endpoints, groups, metrics] {
            assert_eq!(names, ["late"]);
        }
    }
}
