//! `loadforge preview`: the load over time, drawn and in figures, before anything is sent. Neighbours: `aim.rs` and `load/`
//! read it as `run` does, the reporter draws. Invariant: nothing is sent and no name looked up.

use crate::{
    aim::{AimError, FILE_DURATION},
    amounts::{self, time_words},
    args::PreviewArgs,
    complaint::{CommandError, Complaint},
    exit::Exit,
    load::{Load, LoadSpec, words},
    mask::Mask,
    program::Program,
};
use loadforge_reporter::{Curve, ResultsError, preview_html, preview_terminal};
use loadforge_scenarios::{Demand, Pattern};
use std::{
    io::{IsTerminal, Write},
    path::Path,
    time::Duration,
};

/// Columns where the reader's own are not known.
const USUAL_WIDTH: u16 = 100;
/// Rows of a drawing.
const HEIGHT: u16 = 16;
/// Moments looked at to find the highest and the lowest; it has many divisors, so that round moments are among them.
const LOOKS: u64 = 28_800;
/// Draws the load that was asked for.
///
/// # Errors
/// When it makes no sense, or the page cannot be written.
pub fn preview(args: &PreviewArgs, program: Program) -> Result<Exit, CommandError> {
    let (name, load, mask) = read(args, program)?;
    let names: Vec<String> = load
        .demands
        .iter()
        .map(|asked| match asked.name.as_str() {
            "" => name.clone(),
            own => mask.apply(own),
        })
        .collect();
    let curves = curves(&load, &names);
    let page = || {
        preview_html(&name, &curves, load.duration, &load.phases)
            .map_err(|error: ResultsError| CommandError::could_not_run(format!("error: {error}")))
    };
    if args.html.as_deref() == Some(Path::new("-")) {
        say(&page()?, "the page")?;
        return Ok(Exit::Done);
    }
    let mut text = head(&name, &load, &mask);
    for (curve, asked) in curves.iter().zip(&load.demands) {
        if curves.len() > 1 {
            text.push_str(&format!("\n  {}\n", curve.name));
        }
        text.push('\n');
        text.push_str(&moments(curve, &asked.demand, load.duration));
    }
    for note in load.unseen() {
        text.push_str(&format!("\n  note: {}\n", mask.apply(&note)));
    }
    text.push('\n');
    let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let size = (width(), HEIGHT);
    text.push_str(&preview_terminal(
        &curves,
        load.duration,
        &load.phases,
        size,
        colour,
    ));
    say(&text, "the preview")?;
    if let Some(path) = args.html.as_deref() {
        std::fs::write(path, page()?).map_err(|error| {
            CommandError::could_not_run(Complaint::new(
                format!("{} cannot be written: {error}", path.display()),
                "name another file: --html FILE",
            ))
        })?;
        say!("\n  page    {}", path.display());
    }
    Ok(Exit::Done)
}

fn say(text: &str, what: &str) -> Result<(), CommandError> {
    let written = std::io::stdout().write_all(text.as_bytes());
    written.map_err(|error| {
        CommandError::could_not_run(Complaint::new(
            format!("{what} could not be written to standard output: {error}"),
            "run it again with --html FILE",
        ))
    })
}

/// What is drawn: its name, the load, and what nobody is to see.
fn read(args: &PreviewArgs, program: Program) -> Result<(String, Load, Mask), CommandError> {
    let mut complaints = Vec::new();
    complaints.extend(args.html.as_deref().and_then(not_a_page));
    let (mut texts, mut scenario) = (Vec::new(), None);
    let aim = match program.aim_of_preview(args.scenario.as_deref()) {
        Ok(aim) => aim,
        Err(AimError::Typed(complaint)) => {
            scenario = Some(complaint);
            None
        }
        Err(AimError::Several(mut several)) => {
            complaints.append(&mut several);
            None
        }
        Err(AimError::File(problems)) => {
            texts.push(problems.to_string());
            None
        }
    };
    let load = match &aim {
        Some(aim) => aim.decide_load(&args.load, &mut complaints),
        None => Load::decide(
            &args.load,
            &LoadSpec::default(),
            FILE_DURATION,
            &mut complaints,
        ),
    };
    let seed = args.seed.as_deref();
    let seed = seed.map(|text| amounts::count("--seed", text, 0..=u64::MAX));
    complaints.extend(seed.and_then(Result::err));
    texts.extend(args.places.texts(scenario, complaints));
    if !texts.is_empty() {
        return Err(CommandError::bad_input(texts.join("\n\n")));
    }
    let mask = aim.as_ref().map(|aim| aim.mask.clone()).unwrap_or_default();
    let name = aim.map_or("flags".to_owned(), |aim| aim.name);
    Ok((mask.apply(&name), load, mask))
}

/// What is wrong when a page would be written over something else: `--html shop.toml` is a slip.
fn not_a_page(path: &Path) -> Option<Complaint> {
    let extension = path.extension().and_then(|extension| extension.to_str());
    let good = path == Path::new("-") || matches!(extension, Some("html" | "htm"));
    (!good).then(|| {
        Complaint::new(
            format!("--html {}: a page's name ends in .html", path.display()),
            "put the scenario before the flag, or name the page: --html preview.html",
        )
    })
}

fn curves<'l>(load: &'l Load, names: &'l [String]) -> Vec<Curve<'l>> {
    let asked = load.demands.iter().zip(names);
    asked
        .map(|(asked, name)| Curve {
            name,
            pattern: asked.demand.pattern(),
            unit: match &asked.demand {
                Demand::Users(_) => "users",
                Demand::Arrivals { .. } => "iterations/s",
            },
        })
        .collect()
}

fn width() -> u16 {
    terminal_size::terminal_size().map_or(USUAL_WIDTH, |(width, _)| width.0)
}

fn head(name: &str, load: &Load, mask: &Mask) -> String {
    let mut text = format!("\n  {name} · {}\n", since_start(load.duration));
    for asked in &load.demands {
        let model = match &asked.demand {
            Demand::Users(_) => "closed: each user waits for its answer",
            Demand::Arrivals { .. } => "open: work begins on time, whatever the answers do",
        };
        if !asked.name.is_empty() {
            text.push_str(&format!("  {}\n", mask.apply(&asked.name)));
        }
        text.push_str(&format!("  model   {model}\n"));
        text.push_str(&format!("  load    {}\n", words::words(&asked.demand)));
    }
    if let Some(bound) = load.max_rate {
        text.push_str(&format!(
            "  bound   {} {} a second, {} at once after a pause\n",
            bound.per_s,
            in_number(bound.per_s, "request"),
            bound.burst
        ));
    }
    text
}

/// The key moments of a curve, and what they come to.
fn moments(curve: &Curve<'_>, demand: &Demand, duration: Duration) -> String {
    let at = |moment: Duration| curve.pattern.target_at(moment);
    let end = duration.saturating_sub(Duration::from_nanos(1));
    let (lowest, highest) = extremes(curve.pattern, duration);
    let rows = [
        ("start", Duration::ZERO),
        ("lowest", lowest),
        ("peak", highest),
        ("end", end),
    ];
    let mut text = format!("  {:<8}{:>12}  {}\n", "moment", "at", curve.unit);
    for (name, moment) in rows {
        let shown = if moment == end { duration } else { moment };
        text.push_str(&format!(
            "  {name:<8}{:>12}  {}\n",
            since_start(shown),
            amount(at(moment))
        ));
    }
    let area = curve.pattern.integral(duration);
    text.push_str(&match demand {
        Demand::Arrivals { .. } => format!(
            "  {:<8}{:>12}  {} {}\n",
            "total",
            "",
            amount(area.round()),
            in_number(area.round(), "iteration")
        ),
        Demand::Users(_) => format!(
            "  {:<8}{:>12}  {} {}\n",
            "mean",
            "",
            amount(area / duration.as_secs_f64()),
            in_number(area / duration.as_secs_f64(), "user")
        ),
    });
    text
}

/// When the curve is lowest and when highest, the first time each.
fn extremes(pattern: &Pattern, duration: Duration) -> (Duration, Duration) {
    let end = duration.saturating_sub(Duration::from_nanos(1));
    let looks = (0..LOOKS).map(|look| {
        let nanos = duration.as_nanos() * u128::from(look) / u128::from(LOOKS);
        Duration::from_nanos(nanos as u64)
    });
    let (mut lowest, mut highest) = (Duration::ZERO, Duration::ZERO);
    for moment in looks.chain([end]) {
        if pattern.target_at(moment) < pattern.target_at(lowest) {
            lowest = moment;
        }
        if pattern.target_at(moment) > pattern.target_at(highest) {
            highest = moment;
        }
    }
    (lowest, highest)
}

/// A moment or a length in words that a table can hold.
fn since_start(moment: Duration) -> String {
    match moment.is_zero() {
        true => "0s".to_owned(),
        // What a look between two round moments has found need not be told to the nanosecond.
        false => time_words(Duration::from_millis(moment.as_millis().max(1) as u64)),
    }
}

/// A noun in the number that fits.
fn in_number(count: f64, noun: &str) -> String {
    // As it is shown: what rounds to 1 reads as 1.
    match amount(count).as_str() {
        "1" => noun.to_owned(),
        _ => format!("{noun}s"),
    }
}

/// A load in the fewest digits that still say it.
fn amount(value: f64) -> String {
    let digits = format!("{}", (value * 100.0).round() / 100.0);
    let (whole, rest) = digits.split_once('.').unwrap_or((&digits, ""));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    match rest {
        "" => grouped,
        _ => format!("{grouped}.{rest}"),
    }
}
