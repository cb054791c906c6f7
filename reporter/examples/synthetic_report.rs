//! Writes a results directory of a synthetic run, to look at the report without a load test:
//! `cargo run -p loadforge-reporter --example synthetic_report -- DIR [kind]`, where kind is `shop` (the default), `missed` (its thresholds were not met), `wide`
//! (10 minutes, 20 endpoints), `phased` (arrivals, with warm-up and cool-down), `idle` (no request at all), `killed` or `hostile` (names that try to break the page).
//! `-- DIR timed SECONDS` times the reports of a run of ten endpoints and prints the size of the page.

#[path = "../tests/fixture/mod.rs"]
mod fixture;

use loadforge_analysis::{RunFacts, RunFold, RunOutcome, Snapshot, Threshold};
use loadforge_reporter::{
    Format, Live, LiveMode, Report, ResultsDir, Series, StoredRun, final_table, regenerate,
    write_all,
};
use std::error::Error;
use std::io::IsTerminal;
use std::path::Path;
use std::time::Instant;

/// Thresholds that the run of the kind `missed` does not meet, in the longest words there are.
const MISSED: [&str; 4] = [
    "p99 < 5ms over 30s",
    "service.p99.9 < 100us over 1m 30s @GET product",
    "error_rate < 0.0001%",
    "p95 < 300ms @an endpoint that no request was ever made to",
];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let parent = arguments.first().map_or("results", String::as_str);
    let kind = arguments.get(1).map_or("shop", String::as_str);
    if kind == "timed" {
        let seconds = arguments.get(2).ok_or("how many seconds?")?;
        return timed(Path::new(parent), seconds.parse()?);
    }
    let snapshots: Vec<Snapshot> = match kind {
        "wide" => fixture::wide_snapshots(20, 600),
        "phased" => fixture::phased_snapshots(180),
        "idle" => fixture::idle_snapshots(20),
        "killed" => fixture::snapshots(107),
        "hostile" => fixture::hostile_snapshots(30),
        _ => fixture::snapshots(180),
    };
    let mut info = match kind {
        "phased" => fixture::phased_run_info(180),
        _ => fixture::run_info(),
    };
    if kind == "missed" {
        info.thresholds = MISSED.map(str::to_owned).into();
    }
    if kind == "wide" {
        info.duration_s = 600.0;
    }

    let mut dir = ResultsDir::create(Path::new(parent), &info.name, info.started_at.parse()?)?;
    dir.write_run_info(&info)?;
    let thresholds = info
        .thresholds
        .iter()
        .map(|text| Threshold::parse(text, None));
    let thresholds = thresholds.collect::<Result<Vec<_>, _>>()?;
    let (mut fold, mut series) = (
        RunFold::following(thresholds, info.model),
        Series::default(),
    );
    let mut live = Live::new(LiveMode::Auto, &info);
    for snapshot in &snapshots {
        dir.append(snapshot);
        fold.add(snapshot);
        series.add(snapshot);
        if std::io::stderr().is_terminal() {
            live.show(snapshot);
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }
    live.finish();

    let summary = if kind == "killed" {
        regenerate(dir.path(), &[Format::Html, Format::Csv])?
    } else {
        let summary = fold.finish(RunFacts {
            info: &info,
            outcome: RunOutcome::Completed,
        });
        let histograms = fold.histograms();
        let report = Report {
            info: &info,
            summary: &summary,
            histograms,
            series: &series,
        };
        let begun = Instant::now();
        write_all(&dir, &Format::ALL, &report)?;
        eprintln!(
            "reports written in {:.0} ms",
            begun.elapsed().as_secs_f64() * 1e3
        );
        summary
    };
    let begun = Instant::now();
    let stored = StoredRun::open(dir.path())?;
    eprintln!("read back in {:.0} ms", begun.elapsed().as_secs_f64() * 1e3);
    let colour = std::io::stdout().is_terminal();
    print!(
        "{}",
        final_table(&summary, stored.histograms(), Some(dir.path()), colour)
    );
    Ok(())
}

/// Makes a run second by second, as a live one comes, then its reports, and prints how long each part took.
fn timed(parent: &Path, seconds: usize) -> Result<(), Box<dyn Error>> {
    let mut info = fixture::run_info();
    info.duration_s = seconds as f64;
    let mut dir = ResultsDir::create(parent, &info.name, info.started_at.parse()?)?;
    dir.write_run_info(&info)?;
    let (mut fold, mut series) = (RunFold::default(), Series::default());
    for snapshot in fixture::seconds_of(&fixture::many_endpoints(10), seconds, 1.0) {
        dir.append(&snapshot);
        fold.add(&snapshot);
        series.add(&snapshot);
    }
    let summary = fold.finish(RunFacts {
        info: &info,
        outcome: RunOutcome::Completed,
    });
    let report = Report {
        info: &info,
        summary: &summary,
        histograms: fold.histograms(),
        series: &series,
    };
    for format in Format::ALL {
        let took = Took::now();
        write_all(&dir, &[format], &report)?;
        println!("{format:?} at the end of the run: {took}");
    }
    let took = Took::now();
    regenerate(dir.path(), &Format::ALL)?;
    println!("loadforge report: {took}");
    for name in ["report.html", "snapshots.jsonl"] {
        let size = std::fs::metadata(dir.path().join(name))?.len();
        println!("{name}: {:.2} MB", size as f64 / 1e6);
    }
    Ok(())
}

/// Time since some moment, of the clock and of the CPU: on a machine with other work the former says little.
struct Took(Instant, f64);

impl Took {
    fn now() -> Took {
        Took(Instant::now(), cpu_s())
    }
}

impl std::fmt::Display for Took {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (wall, cpu) = (self.0.elapsed().as_secs_f64(), cpu_s() - self.1);
        write!(f, "{wall:.2} s, of which {cpu:.2} s on a CPU")
    }
}

/// Seconds that this thread has been on a CPU; its first field is in ns (Documentation/scheduler/sched-stats.rst of Linux).
fn cpu_s() -> f64 {
    // All threads' time, those that have ended included; fields 14 and 15 behind the name, in hundredths of a second.
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks = fields.split_whitespace().skip(11).take(2);
    ticks
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum::<f64>()
        / 100.0
}
