//! The page that shows a plan before it is run. Neighbours: `charts/planned.rs` draws the curves, `mod.rs` has the style,
//! the script and the chart library of all pages. Invariant: it opens with no network, as the report does.

use super::charts::{self, Chart};
use super::{CHART_LIBRARY, NamedPlot, SCRIPT, STYLE, environment, script_json};
use crate::format;
use crate::preview::Curve;
use crate::results::ResultsError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use loadforge_scenarios::PhaseSpan;
use minijinja::context;
use minijinja::value::Serde;
use std::time::Duration;

const TEMPLATE: &str = include_str!("../../assets/preview.html");

/// Places for charts: one for each unit, of which there are two.
const IDS: [&str; 2] = ["planned-1", "planned-2"];

/// A page of the planned load, in one file: a chart for each unit, with the phases behind the curves.
///
/// # Errors
/// When the template cannot be rendered.
pub fn preview_html(
    title: &str,
    curves: &[Curve<'_>],
    duration: Duration,
    phases: &[PhaseSpan],
) -> Result<String, ResultsError> {
    page_of(
        title,
        curves,
        duration,
        phases,
        &STANDARD.encode(CHART_LIBRARY),
    )
}

fn page_of(
    title: &str,
    curves: &[Curve<'_>],
    duration: Duration,
    phases: &[PhaseSpan],
    library: &str,
) -> Result<String, ResultsError> {
    let fail = |reason: String| ResultsError::Page { reason };
    let mut units: Vec<&str> = Vec::new();
    for curve in curves {
        if !units.contains(&curve.unit) {
            units.push(curve.unit);
        }
    }
    let charts: Vec<Chart> = IDS
        .into_iter()
        .zip(units)
        .map(|(id, unit)| {
            let same: Vec<&Curve<'_>> = curves.iter().filter(|curve| curve.unit == unit).collect();
            charts::planned(id, &same, duration, phases)
        })
        .collect();
    let plots: Vec<NamedPlot<'_>> = charts
        .iter()
        .map(|chart| NamedPlot {
            id: chart.id,
            plot: &chart.plot,
        })
        .collect();
    let plots = script_json(&plots).map_err(|error| fail(error.to_string()))?;
    let render = || {
        environment()
            .template_from_named_str("preview.html", TEMPLATE)?
            .render(context! {
                style => STYLE,
                script => SCRIPT,
                library,
                plots,
                title,
                length => format::span(duration.as_secs_f64()),
                charts => Serde(&charts),
            })
    };
    render().map_err(|error: minijinja::Error| fail(format!("{error:#}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use loadforge_scenarios::{Pattern, PhaseRole};

    #[test]
    fn ticks_of_a_short_run_have_fractions() {
        let pattern = Pattern::Constant(5.0);
        let curve = Curve {
            name: "a",
            pattern: &pattern,
            unit: "users",
        };
        for (seconds, format) in [(1, "%-M:%S.%2f"), (5, "%-M:%S.%1f"), (60, "%-M:%S\"")] {
            let page = page_of("a", &[curve], Duration::from_secs(seconds), &[], "").unwrap();
            assert!(
                page.contains(&format!("\"tickformat\":\"{format}")),
                "{seconds}"
            );
        }
    }

    #[test]
    fn each_unit_has_a_chart_and_hostile_names_stay_text() {
        let (users, rate) = (Pattern::Constant(5.0), Pattern::Constant(70.0));
        let curve = |name, pattern, unit| Curve {
            name,
            pattern,
            unit,
        };
        let curves = [
            curve("</script><b>", &users, "users"),
            curve("buyers", &users, "users"),
            curve("api", &rate, "arrivals/s"),
        ];
        let phases = [PhaseSpan {
            name: "<img src=x>".to_owned(),
            until: Duration::from_secs(10),
            role: PhaseRole::WarmUp,
        }];
        let page = page_of(
            "a </title> day",
            &curves,
            Duration::from_secs(10),
            &phases,
            "",
        )
        .unwrap();
        assert_eq!(page.matches("class=\"plot\"").count(), 2);
        assert_eq!(page.matches("</script>").count(), 3);
        assert_eq!(page.matches("</title>").count(), 1);
        assert!(!page.contains("<img"));
        assert!(page.contains("together"), "two curves of a unit have a sum");
        assert!(page.contains("--unmeasured"), "the warm-up is shaded");
    }
}
