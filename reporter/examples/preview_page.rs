//! Writes the preview of a composite day to a file and draws it in the terminal, to look at both without a plan:
//! `cargo run -p loadforge-reporter --example preview_page -- FILE`.

use loadforge_reporter::{Curve, preview_html, preview_terminal};
use loadforge_scenarios::{Pattern, PhaseRole, PhaseSpan};
use std::error::Error;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3_600);

fn main() -> Result<(), Box<dyn Error>> {
    let day = Pattern::Sum(vec![
        Pattern::Diurnal {
            base: 400.0,
            amplitude: 300.0,
            period: 24 * HOUR,
            phase: 0.75,
        },
        Pattern::Spike {
            base: 0.0,
            peak: 500.0,
            at: 20 * HOUR,
            length: HOUR / 6,
            sustain: 40.0,
        },
    ]);
    let batch = Pattern::Step {
        from: 20.0,
        to: 200.0,
        size: 30.0,
        every: 3 * HOUR,
    };
    let phase = |name: &str, hours, role| PhaseSpan {
        name: name.to_owned(),
        until: hours * HOUR,
        role,
    };
    let phases = [
        phase("night", 5, PhaseRole::WarmUp),
        phase("day", 22, PhaseRole::Measured),
        phase("late", 24, PhaseRole::CoolDown),
    ];
    let curve = |name, pattern, unit| Curve {
        name,
        pattern,
        unit,
    };
    let curves = [
        curve("visitors", &day, "arrivals/s"),
        curve("partners", &batch, "arrivals/s"),
        curve("office", &batch, "users"),
    ];
    if let Some(file) = std::env::args().nth(1) {
        std::fs::write(
            file,
            preview_html("a shop's day", &curves, 24 * HOUR, &phases)?,
        )?;
    }
    print!(
        "{}",
        preview_terminal(&curves[..1], 24 * HOUR, &phases, (80, 14), false)
    );
    Ok(())
}
