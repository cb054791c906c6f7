//! The page as a whole: golden skeleton, size, safety against hostile names, empty runs.

use super::*;
use crate::fixture;
use crate::series::Series;
use loadforge_analysis::{
    LatencyHistogram, RunFacts, RunFold, RunInfo, RunOutcome, RunSummary, Snapshot,
};
use std::io::Read;

/// A run with all that a report borrows.
struct Run {
    info: RunInfo,
    summary: RunSummary,
    fold: RunFold,
    series: Series,
}

impl Run {
    fn of(snapshots: &[Snapshot]) -> Run {
        Run::with(fixture::run_info(), snapshots)
    }

    fn with(info: RunInfo, snapshots: &[Snapshot]) -> Run {
        let (mut fold, mut series) = (RunFold::default(), Series::default());
        for snapshot in snapshots {
            fold.add(snapshot);
            series.add(snapshot);
        }
        let summary = fold.finish(RunFacts {
            info: &info,
            outcome: RunOutcome::Completed,
        });
        Run {
            info,
            summary,
            fold,
            series,
        }
    }

    fn report(&self) -> Report<'_> {
        let histograms = self.fold.histograms();
        Report {
            info: &self.info,
            summary: &self.summary,
            histograms,
            series: &self.series,
        }
    }

    /// The page without the chart library.
    fn page(&self) -> String {
        page_with(&self.report(), "").unwrap()
    }
}

/// The text of the element with this id.
fn element<'a>(page: &'a str, id: &str, end: &str) -> &'a str {
    let from = page
        .find(&format!("id=\"{id}\""))
        .expect("the element is there");
    let from = from + page[from..].find('>').unwrap() + 1;
    &page[from..from + page[from..].find(end).expect("the element ends")]
}

#[test]
fn the_page_of_a_run_is_the_golden_one() {
    let page = Run::of(&fixture::snapshots(12)).page();
    // Style and script are files of their own; what is golden is what the template makes of a run.
    let page = page
        .replace(STYLE.trim_end(), "STYLE")
        .replace(SCRIPT.trim_end(), "SCRIPT");
    insta::assert_snapshot!("page", page);
}

#[test]
fn control_characters_of_a_doctored_run_are_not_in_the_page() {
    let mut info = fixture::run_info();
    info.name = "sh\u{1b}]0;owned\u{7}op".to_owned();
    info.origins = vec!["http://a\u{0}b".to_owned()];
    let page = Run::with(info, &fixture::snapshots(10)).page();
    let is_raw = |char: char| char.is_control() && !matches!(char, '\n' | '\t' | '\r');
    let head = page.split("<script").next().unwrap();
    assert!(!head.contains(is_raw), "{:?}", head.find(is_raw));
    assert!(head.contains("<title>sh\u{fffd}]0;owned\u{fffd}op"));
}

#[test]
fn hostile_names_are_shown_and_never_run() {
    let page = Run::of(&fixture::hostile_snapshots(10)).page();
    assert!(!page.contains("<img"), "no element comes from a name");
    assert!(
        page.contains("&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;")
            || page.contains("&lt;&#x2f;script&gt;&lt;img src=x onerror=alert(1)&gt;"),
        "the name is shown as text"
    );
    let plots = element(&page, "plots", "</script>");
    assert!(
        !plots.contains(['<', '>', '&', '\u{2028}', '\u{2029}']),
        "nothing ends the script early"
    );
    let parsed: serde_json::Value = serde_json::from_str(plots).unwrap();
    let labels = parsed.to_string();
    assert!(
        labels.contains("&lt;/script&gt;"),
        "Plotly gets entities, not markup"
    );
    assert!(!labels.contains("<b>"), "Plotly's own tags are text too");
    // The group, the counter, the gauge and the trend of that name each have a row, and the group a row of bars.
    let groups = &page[page.find("<section id=\"groups\">").unwrap()..];
    let groups = &groups[..groups.find("</section>").unwrap()];
    assert_eq!(
        groups
            .matches("class=\"name\">&lt;&#x2f;script&gt;")
            .count(),
        4
    );
    assert!(groups.contains("id=\"groups-chart\""));
    assert!(page.contains("7 of these are of no request"));
    assert!(page.contains("{{7*7}}"), "a template in a name is text");
    assert!(
        !page.contains(crate::direction::turns_text),
        "nothing turns the page's text around"
    );
    // Three scripts (charts, library, page) and not one more.
    assert_eq!(page.matches("<script").count(), 3);
    assert_eq!(page.matches("</script>").count(), 3);
}

#[test]
fn a_run_without_requests_or_errors_says_so_in_words() {
    let idle = Run::of(&fixture::idle_snapshots(5)).page();
    assert!(idle.contains("no request was answered"));
    assert!(idle.contains("<p class=\"nothing\">No request was answered.</p>"));
    assert!(!idle.contains("NaN"));
    assert!(!idle.contains("id=\"groups\"") && !idle.contains("#groups"));
    let plots: serde_json::Value =
        serde_json::from_str(element(&idle, "plots", "</script>")).unwrap();
    let drawn: Vec<_> = plots
        .as_array()
        .unwrap()
        .iter()
        .map(|plot| plot["id"].as_str().unwrap())
        .collect();
    assert_eq!(drawn, ["users-chart", "cpu"]);

    let mut snapshots = fixture::snapshots(5);
    for snapshot in &mut snapshots {
        assert_eq!(
            snapshot.requests.failed, 0,
            "the synthetic run has no early errors"
        );
        snapshot.errors.clear();
    }
    let clean = Run::of(&snapshots).page();
    assert!(clean.contains("<p class=\"nothing\">No errors.</p>"));
    assert!(clean.contains("No request failed."));
}

#[test]
fn ten_minutes_of_twenty_endpoints_fit_into_two_megabytes() {
    let page = page(&Run::of(&fixture::wide_snapshots(20, 600)).report()).unwrap();
    assert!(page.len() <= 2 * 1024 * 1024, "{} bytes", page.len());
    assert!(
        page.len() > CHART_LIBRARY.len(),
        "the chart library is in it"
    );
}

#[test]
fn equal_runs_give_equal_bytes() {
    let make = || Run::of(&fixture::snapshots(20)).page();
    assert_eq!(make(), make());
}

#[test]
fn the_page_reaches_for_no_network() {
    let page = Run::of(&fixture::snapshots(3)).page();
    assert!(page.contains("Content-Security-Policy\" content=\"default-src 'none'"));
    for tag in [
        "<link",
        "src=\"http",
        "url(",
        "@import",
        "fetch(",
        "XMLHttpRequest",
    ] {
        assert!(!page.contains(tag), "{tag}");
    }
}

#[test]
fn other_endpoints_are_explained_on_the_page() {
    let mut snapshots = fixture::snapshots(3);
    assert!(!Run::of(&snapshots).page().contains("51st"));
    for endpoint in snapshots
        .iter_mut()
        .flat_map(|snapshot| &mut snapshot.endpoints)
    {
        if endpoint.name == "home" {
            (endpoint.name, endpoint.method) = ("other".to_owned(), None);
        }
    }
    assert!(
        Run::of(&snapshots)
            .page()
            .contains("the 51st name and later")
    );
}

#[test]
fn a_name_that_begins_with_its_method_shows_it_once_on_the_page() {
    let mut snapshots = fixture::snapshots(3);
    for endpoint in snapshots
        .iter_mut()
        .flat_map(|snapshot| &mut snapshot.endpoints)
    {
        if endpoint.name == "home" {
            endpoint.name = "GET /products".to_owned();
        }
    }
    let page = Run::of(&snapshots).page();
    let row = "<span class=\"method\">GET</span> /products</th>";
    assert!(page.replace("&#x2f;", "/").contains(row));
    assert!(!page.contains("GET GET"));
}

#[test]
fn what_the_generator_had_to_repeat_or_give_up_is_on_the_page() {
    let mut snapshots = fixture::snapshots(3);
    snapshots[1].requests.iterations_failed = 17;
    snapshots[2].generator.receive_starvations = 4_321;
    let page = Run::of(&snapshots).page();
    assert!(page.contains("of which 17 failed"));
    assert!(page.contains("made again</th><td>4,321</td>"));
}

#[test]
fn paper_shows_the_table_that_the_screen_folds_away() {
    let page = Run::of(&fixture::snapshots(3)).page();
    let print = &page[page.find("@media print").unwrap()..];
    let hidden = print
        .lines()
        .find(|line| line.contains("display: none"))
        .unwrap();
    assert!(!hidden.contains("details"), "{hidden}");
    assert!(print.contains("details::details-content"));
    assert!(
        page.contains("fold.open = true"),
        "browsers without that selector open it by script"
    );
}

#[test]
fn the_chart_library_unpacks_to_the_version_the_page_names() {
    let mut text = String::new();
    flate2::read::GzDecoder::new(CHART_LIBRARY)
        .read_to_string(&mut text)
        .unwrap();
    assert!(text.contains("plotly.js (cartesian - minified) v3.0.1"));
    assert!(!text.contains('\0'));
    assert!(TEMPLATE.contains("plotly.js 3.0.1"));
}

#[test]
fn the_slowest_answer_ends_the_distribution() {
    let mut histogram = LatencyHistogram::default();
    (1..=1_000).for_each(|ms| histogram.record_ns(ms * 1_000_000));
    let mut run = Run::of(&fixture::snapshots(3));
    run.fold = RunFold::default();
    let mut snapshot = fixture::snapshots(1).remove(0);
    snapshot.latency.response = histogram.clone();
    run.fold.add(&snapshot);
    let plot = serde_json::to_value(&charts::distribution(&run.report()).plot).unwrap();
    let (x, y) = (
        plot["data"][0]["x"].as_array().unwrap(),
        plot["data"][0]["y"].as_array().unwrap(),
    );
    assert_eq!(x.last().unwrap().as_f64(), Some(1_000.0));
    let slowest = y.last().unwrap().as_f64().unwrap();
    assert!((slowest - 1_000.0).abs() < 2.0, "{slowest}");
    let rising = x.windows(2).all(|pair| pair[0].as_f64() < pair[1].as_f64());
    assert!(rising, "every place on the scale has one point");
}

#[test]
fn a_run_in_phases_shades_what_does_not_count_on_every_time_axis() {
    let mut snapshots = fixture::phased_snapshots(180);
    snapshots[0].load_phase.name = "</script><b>".to_owned();
    let page = Run::with(fixture::phased_run_info(180), &snapshots).page();
    let plots: serde_json::Value =
        serde_json::from_str(element(&page, "plots", "</script>")).unwrap();
    let mut time_axes = 0;
    for plot in plots.as_array().unwrap() {
        if plot["layout"]["xaxis"]["type"] != "date" {
            continue;
        }
        time_axes += 1;
        let shapes = plot["layout"]["shapes"].as_array().unwrap();
        let shaded = |shape: &&serde_json::Value| shape["fillcolor"] == "var(--unmeasured)";
        let shaded: Vec<_> = shapes.iter().filter(shaded).collect();
        // The second with another name is a phase of its own, and does not count either.
        assert_eq!(shaded.len(), 3, "{}", plot["id"]);
        assert!(shaded[2]["x1"].as_f64() > shaded[2]["x0"].as_f64());
        let texts = plot["layout"]["annotations"].to_string();
        assert!(
            texts.contains("plateau") && !texts.contains("<b>"),
            "{texts}"
        );
    }
    assert_eq!(time_axes, 11);
    assert_eq!(page.matches("warm-up: not counted").count(), 2);
    assert!(page.contains("Latencies of the measured part"));
    assert!(
        page.contains("of 85,092 due"),
        "the card of what was not sent"
    );
    assert_eq!(page.matches("</script>").count(), 3);
}

#[test]
fn offered_and_sent_are_drawn_at_their_own_times() {
    let run = Run::with(
        fixture::phased_run_info(180),
        &fixture::phased_snapshots(180),
    );
    let chart = charts::throughput(&run.report());
    let plot = serde_json::to_value(&chart.plot).unwrap();
    let at = |name: &str, second: usize| {
        let traces = plot["data"].as_array().unwrap();
        let trace = traces.iter().find(|trace| trace["name"] == name).unwrap();
        trace["y"][second - 1].as_f64().unwrap()
    };
    // Second 101 is the first of the incident: half of its requests left a second later.
    let done = at("done", 101);
    assert_eq!(at("offered", 101), done + 90.0);
    assert_eq!(at("sent", 101), (done / 2.0).floor());
    assert!(at("sent", 113) > at("done", 113));
}

#[test]
fn a_run_that_did_not_tell_when_its_requests_were_due_has_no_empty_curves() {
    let mut snapshots = fixture::snapshots(5);
    for snapshot in &mut snapshots {
        snapshot.offered_at.clear();
        snapshot.sent_at.clear();
    }
    let run = Run::of(&snapshots);
    let plot = serde_json::to_value(&charts::throughput(&run.report()).plot).unwrap();
    let names: Vec<_> = plot["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|trace| trace["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["done", "failed"]);
}

#[test]
fn a_run_too_long_for_a_point_a_second_shows_its_slowest_and_fastest_second() {
    let one = fixture::snapshots(30).remove(29);
    let seconds = (1..=2_100u32).map(|second| {
        let mut snapshot = one.clone();
        snapshot.at_s = f64::from(second);
        snapshot.requests.done = match second {
            777 => 1,
            1_500 => 9_000,
            _ => 400,
        };
        snapshot
    });
    let run = Run::of(&seconds.collect::<Vec<_>>());
    let figures = |chart: charts::Chart, name: &str| -> Vec<f64> {
        let plot = serde_json::to_value(&chart.plot).unwrap();
        let traces = plot["data"].as_array().unwrap().clone();
        let trace = traces.into_iter().find(|trace| trace["name"] == name);
        let trace = trace.unwrap_or_else(|| panic!("{name}"));
        let points = trace["y"].as_array().unwrap();
        points.iter().map(|y| y.as_f64().unwrap()).collect()
    };
    let slowest = figures(charts::throughput(&run.report()), "slowest second");
    let fastest = figures(charts::throughput(&run.report()), "fastest second");
    assert!(slowest.len() < 2_000);
    assert_eq!(slowest.into_iter().fold(f64::MAX, f64::min), 1.0);
    assert_eq!(fastest.into_iter().fold(0.0, f64::max), 9_000.0);
    figures(charts::response(&run.report()), "p50 of the best second");
}
