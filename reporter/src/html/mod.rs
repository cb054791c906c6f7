//! `report.html`: one file that opens without a network and explains itself.
//! Neighbours: `charts.rs` makes the charts, `preview.rs` the page of a plan, `compare.rs` that of several runs, `tables.rs` everything else on the page, `assets/` holds template, style,
//! script and chart library. Invariants: all text from outside passes through the template's escaping, all JSON through
//! `script_json`; the page forbids itself every connection (its Content-Security-Policy); equal runs give equal bytes.

mod charts;
mod compare;
mod glossary;
mod own_figures;
mod pairs;
mod preview;
mod tables;

pub use compare::compare_html;
pub use preview::preview_html;
pub(crate) use tables::{Card, cards, started_words};

use crate::direction::{in_one_direction, turns_text};
use crate::report::Report;
use crate::results::ResultsError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use charts::Chart;
use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, context, escape_formatter};
use serde::Serialize;
use tables::PageTables;

const TEMPLATE: &str = include_str!("../../assets/page.html");
const STYLE: &str = include_str!("../../assets/page.css");
const SCRIPT: &str = include_str!("../../assets/page.js");

/// plotly.js 3.0.1, the cartesian bundle (`plotly.js-cartesian-dist-min` of npm), gzipped: unpacked it would take three
/// times the room. Its licence lies beside it.
const CHART_LIBRARY: &[u8] = include_bytes!("../../assets/plotly-cartesian-3.0.1.min.js.gz");

/// The charts by section.
#[derive(Serialize)]
struct Charts {
    throughput: Chart,
    response: Chart,
    service: Chart,
    heat_map: Chart,
    distribution: Chart,
    endpoints: Chart,
    groups: Chart,
    errors: Chart,
    users: Chart,
    rate: Chart,
    cpu: Chart,
    lag: Chart,
    disturbances: Chart,
    resources: Chart,
}

/// Makes the page.
///
/// # Errors
/// When the template cannot be rendered.
pub fn page(report: &Report<'_>) -> Result<String, ResultsError> {
    page_with(report, &STANDARD.encode(CHART_LIBRARY))
}

/// The page with this chart library; golden tests leave it out.
fn page_with(report: &Report<'_>, library: &str) -> Result<String, ResultsError> {
    let fail = |reason: String| ResultsError::Page { reason };
    let charts = Charts {
        throughput: charts::throughput(report),
        response: charts::response(report),
        service: charts::service(report),
        heat_map: charts::heat_map(report),
        distribution: charts::distribution(report),
        endpoints: charts::endpoints(report),
        groups: charts::groups(report),
        errors: charts::errors(report),
        users: charts::users(report),
        rate: charts::arrival_rate(report),
        cpu: charts::cpu(report),
        lag: charts::lag(report),
        disturbances: charts::disturbances(report),
        resources: charts::resources(report),
    };
    let plots = script_json(&charts.plots()).map_err(|error| fail(error.to_string()))?;
    let render = || {
        environment()
            .template_from_named_str("page.html", TEMPLATE)?
            .render(context! {
                style => STYLE,
                script => SCRIPT,
                library,
                plots,
                charts => Serde(&charts),
                page => Serde(PageTables::of(report)),
            })
    };
    render().map_err(|error: minijinja::Error| fail(format!("{error:#}")))
}

/// What templates are rendered in: text is escaped, cannot turn around what stands beside it, and has no control characters, which are
/// no HTML even when escaped.
fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.add_filter("explained", glossary::explained);
    environment.set_formatter(|out, state, value| match value.as_str() {
        Some(text)
            if !value.is_safe() && text.contains(|char| turns_text(char) || is_no_html(char)) =>
        {
            let shown = in_one_direction(text).replace(is_no_html, "\u{fffd}");
            escape_formatter(out, state, &Value::from(shown))
        }
        _ => escape_formatter(out, state, value),
    });
    environment
}

fn is_no_html(char: char) -> bool {
    char.is_control() && !matches!(char, '\n' | '\t' | '\r')
}

#[derive(Serialize)]
struct NamedPlot<'a> {
    id: &'static str,
    #[serde(flatten)]
    plot: &'a plotly::Plot,
}

impl Charts {
    /// The charts that are drawn, in the order of the page.
    fn plots(&self) -> Vec<NamedPlot<'_>> {
        let all = [
            &self.throughput,
            &self.response,
            &self.service,
            &self.heat_map,
            &self.distribution,
            &self.endpoints,
            &self.groups,
            &self.errors,
            &self.users,
            &self.rate,
            &self.cpu,
            &self.lag,
            &self.disturbances,
            &self.resources,
        ];
        all.into_iter()
            .filter(|chart| chart.empty.is_none())
            .map(|chart| NamedPlot {
                id: chart.id,
                plot: &chart.plot,
            })
            .collect()
    }
}

/// JSON that can stand in a `<script>`: nothing in it can end the element, open a comment or break a line of script.
fn script_json(value: &impl Serialize) -> serde_json::Result<String> {
    let json = serde_json::to_string(value)?;
    let mut safe = String::with_capacity(json.len());
    for char in json.chars() {
        // Outside of strings JSON has none of these, inside of them the escape means the same.
        match char {
            '<' => safe.push_str("\\u003c"),
            '>' => safe.push_str("\\u003e"),
            '&' => safe.push_str("\\u0026"),
            '\u{2028}' => safe.push_str("\\u2028"),
            '\u{2029}' => safe.push_str("\\u2029"),
            other => safe.push(other),
        }
    }
    Ok(safe)
}

#[cfg(test)]
mod tests;
