//! `loadforge run`, in the order of its life: intent, target, names, results directory, engine, summary, reports.
//! Neighbours: `intent.rs` has checked everything by now, the engine measures, the reporter writes.
//! Invariants: no thread is started before the engine calls back after its fork; secrets are masked in all that is
//! written or said here.

use crate::{
    aim::Aim,
    amounts::time_words,
    args::RunArgs,
    complaint::{CommandError, Complaint},
    cpus,
    exit::Exit,
    intent::{Display, Here, Intent, Output},
    job_summary,
    live_page::{LiveIntent, OpenDoor, RunPage},
    load::Load,
    machine,
    mask::Mask,
    permission::{ALLOW_VARIABLE, run_words},
    preflight::preflight,
    program::Program,
    resolve::{Resolved, resolve},
    rust_source,
    target::EchoTarget,
    watch::{Watch, Watched},
};
use jiff::Timestamp;
use loadforge_analysis::{RUN_SCHEMA, RunFacts, RunInfo, RunOutcome, RunSummary, VerdictLevel};
use loadforge_engine::{Plan, PlanPart, Prepared, RunEnd, cpu_limits, hold_signals, prepare};
use loadforge_reporter::{
    Format, Live, Report, RequestsFile, ResultsDir, ResultsError, final_table, log_line, printable,
    write_all,
};
use loadforge_scenarios::Origin;
use std::{
    fs,
    io::{IsTerminal, Write},
};

/// Runs what was asked for and says how it went.
///
/// # Errors
/// When it makes no sense, or cannot be done here and now.
pub fn run(args: &RunArgs, program: Program) -> Result<Exit, CommandError> {
    if let Some(source) = rust_source::to_be_built(args, &program) {
        return Err(rust_source::build_and_become(source, args));
    }
    let now = Timestamp::now();
    // Any number will do as a seed; it stands in run.json, so that a run can be had again.
    let seed = now.as_nanosecond() as u64;
    let limits = cpu_limits();
    let (mut aim, intent) = Intent::read(
        args,
        &Here {
            cpus: limits.cpus(),
            cpu_quota: limits.quota,
            allow: std::env::var(ALLOW_VARIABLE).ok(),
            seed,
        },
        program,
    )?;
    aim.notes.extend(limits.note());
    let mask = aim.mask.clone();
    carry_out(aim, &intent, now).map_err(|error| CommandError {
        text: mask.apply(&error.text),
        ..error
    })
}

fn carry_out(mut aim: Aim, intent: &Intent, now: Timestamp) -> Result<Exit, CommandError> {
    let door = intent.live.as_ref().map(LiveIntent::open_door).transpose();
    let door = door.map_err(CommandError::bad_input)?;
    let mut target = start_target(&mut aim, intent)?;
    let mask = aim.mask.clone();
    let origins = aim.origins();
    let resolved = resolve(&origins, &intent.overrides).map_err(CommandError::could_not_run)?;
    let what = run_words(&intent.load);
    let asked = intent.permission.ask(
        &origins,
        &resolved.addresses,
        &intent.overrides,
        &what,
        &mask,
    )?;
    if intent.preflight && target.is_none() {
        preflight(&origins, &resolved.addresses).map_err(CommandError::could_not_run)?;
    }
    let name = mask.apply(&aim.name);
    let fingerprint = aim.fingerprint.clone();
    let notes = [
        aim.notes.clone(),
        aim.notes_on(&intent.load),
        intent.load.unseen(),
        Vec::from_iter(asked),
    ]
    .concat();
    let crowd = Crowd {
        parts: parts(aim, &intent.load, &origins, &resolved, &mask),
        origins: origins
            .iter()
            .map(|origin| mask.apply(&origin.to_string()))
            .collect(),
        resolved,
        name,
        fingerprint,
        notes,
    };
    // What is made from here on is taken away again when the run is called off before it has begun.
    let held = hold_signals().map_err(|error| could_not(&error))?;
    let new_parent = match &intent.output {
        Output::In(parent) if !parent.exists() => Some(parent),
        _ => None,
    };
    let results = open_results(&intent.output, &crowd.name, now)?;
    let place = results.as_ref().map(|dir| dir.path().to_owned());
    let measured =
        make_ready(intent, &crowd, &mask, now, results.as_ref()).and_then(|(prepared, info)| {
            introduce(intent, &crowd.resolved, &info, &mask);
            let live = Live::new(intent.display.live_mode(), &info);
            let requests = requests_file(intent, &info, results.as_ref())?;
            let page = door.map(|door| (door, intent.aggregator_cpu));
            let measured = measure(prepared, &info, live, results, requests, page)?;
            Ok((info, measured))
        });
    let target_ended = target.as_mut().and_then(EchoTarget::ended);
    // The target is no longer needed, and its CPUs are welcome while reports are made.
    drop(target);
    match measured {
        Ok((info, measured)) => {
            let exit = conclude(intent, &info, measured)?;
            match target_ended {
                Some(how) if exit != Exit::SecondSignal => Err(without_target(&how)),
                _ => Ok(exit),
            }
        }
        Err(error) => {
            if let Some(place) = &place {
                ResultsDir::discard(place);
            }
            if let Some(parent) = new_parent {
                // Another run may have put its results there meanwhile.
                let _ = fs::remove_dir(parent);
            }
            drop(held);
            Err(error)
        }
    }
}

/// A run whose server went away says nothing, whatever its figures are.
fn without_target(how: &str) -> CommandError {
    CommandError::could_not_run(Complaint::new(
        format!(
            "the built-in target {how} during the run: the figures are those of a server that was not there"
        ),
        "run it again; if this comes back, look in the system's log for who ends it (short of memory?)",
    ))
}

/// A run that lost every worker was not carried out, whatever its figures are.
fn without_workers() -> CommandError {
    CommandError::could_not_run(Complaint::new(
        "every worker was lost: the figures end there",
        "the report tells when and how each ended; if this comes back, look in the system's log for who ends them (short of memory?)",
    ))
}

/// Sums a run up, writes its reports and says how it went.
fn conclude(intent: &Intent, info: &RunInfo, measured: Measured) -> Result<Exit, CommandError> {
    let Measured {
        end,
        mut kept,
        page,
    } = measured;
    let summary = end.fold.finish(RunFacts {
        info,
        outcome: end.outcome,
    });
    let histograms = end.fold.histograms();
    let report = Report {
        info,
        summary: &summary,
        histograms,
        series: &kept.series,
    };
    let requests = kept.requests.take();
    let written = write_results(intent, &report, kept.results.as_mut(), requests);
    let dir = kept.results.as_ref().map(|dir| dir.path().to_owned());
    let dir = dir.as_deref();
    if let Some(page) = &page {
        page.end(&summary, dir);
    }
    let told = job_summary::append(&summary, dir);
    // Only now: whoever has stopped the terminal finds the reports written.
    kept.clear_screen();
    if intent.display == Display::Quiet {
        tell_missed(&summary);
    } else {
        let is_terminal = std::io::stderr().is_terminal();
        crate::say::text(&format!(
            "\n{}",
            final_table(&summary, histograms, dir, is_terminal)
        ));
        // A log is read from its end.
        if !is_terminal {
            say!("\n{}", log_line(&summary));
        }
    }
    if let Err(error) = told {
        say!("note: {error}");
    }
    if let Some(page) = page {
        page.stay();
    }
    match written {
        Err(error) if end.killed => Err(CommandError {
            exit: Exit::SecondSignal,
            ..error
        }),
        Err(error) => Err(error),
        Ok(()) if end.killed => Ok(Exit::SecondSignal),
        Ok(()) if end.outcome == RunOutcome::Aborted => Err(without_workers()),
        Ok(()) => Ok(exit_of(&summary, intent.allow_invalid)),
    }
}

fn start_target(aim: &mut Aim, intent: &Intent) -> Result<Option<EchoTarget>, CommandError> {
    if !aim.is_echo() {
        return Ok(None);
    }
    let target =
        EchoTarget::start(&intent.placement.target).map_err(CommandError::could_not_run)?;
    aim.set_echo_address(target.address());
    Ok(Some(target))
}

fn open_results(
    output: &Output,
    name: &str,
    now: Timestamp,
) -> Result<Option<ResultsDir>, CommandError> {
    match output {
        Output::Stdout => Ok(None),
        Output::In(parent) => ResultsDir::create(parent, name, now)
            .map(Some)
            .map_err(|error| could_not(&error)),
    }
}

/// Scenarios and where their requests go, secrets masked where people read.
struct Crowd {
    parts: Vec<PlanPart>,
    origins: Vec<String>,
    resolved: Resolved,
    name: String,
    fingerprint: Option<String>,
    /// What the user should know about how the files were read, and about what the run will not show.
    notes: Vec<String>,
}

fn parts(
    aim: Aim,
    load: &Load,
    origins: &[Origin],
    resolved: &Resolved,
    mask: &Mask,
) -> Vec<PlanPart> {
    let endpoints: Vec<Vec<String>> = (0..aim.parts.len())
        .map(|part| aim.endpoints_of(part))
        .collect();
    let has_others = aim.parts.len() > 1;
    let parts = aim.parts.into_iter().zip(endpoints).zip(&load.demands);
    parts
        .map(|((part, endpoints), asked)| {
            let beside = has_others.then(|| part.name.clone());
            let scenario = part.into_scenario();
            let own = scenario.origins();
            let address_of = |origin: &Origin| {
                let known = origins.iter().position(|known| known == origin);
                resolved.addresses[known.expect("origins are those of all scenarios")].clone()
            };
            PlanPart {
                addresses: own.iter().map(address_of).collect(),
                origin_labels: own
                    .iter()
                    .map(|origin| mask.apply(&origin.to_string()))
                    .collect(),
                scenario,
                endpoints,
                beside,
                demand: asked.demand.clone(),
            }
        })
        .collect()
}

fn make_ready(
    intent: &Intent,
    crowd: &Crowd,
    mask: &Mask,
    now: Timestamp,
    results: Option<&ResultsDir>,
) -> Result<(Prepared, RunInfo), CommandError> {
    let prepared = prepare(plan(intent, crowd)).map_err(|error| CommandError {
        exit: if error.is_bad_input() {
            Exit::BadInput
        } else {
            Exit::CouldNotRun
        },
        text: format!("error: {error}"),
    })?;
    let info = run_info(intent, crowd, &prepared, mask, now);
    if let Some(dir) = results {
        dir.write_run_info(&info)
            .map_err(|error| could_not(&error))?;
    }
    Ok((prepared, info))
}

fn could_not(error: &impl std::fmt::Display) -> CommandError {
    CommandError::could_not_run(format!("error: {error}"))
}

fn plan(intent: &Intent, crowd: &Crowd) -> Plan {
    Plan {
        parts: crowd.parts.clone(),
        phases: intent.load.phases.clone(),
        thresholds: intent.thresholds.clone(),
        max_rate: intent.load.max_rate,
        duration: intent.load.duration,
        max_requests: intent.load.max_requests,
        cpus: intent.placement.workers.clone(),
        aggregator_cpu: intent.aggregator_cpu,
        source_ips: intent.source_ips.clone(),
        transport: intent.transport,
        wire: intent.wire,
        time_limit: intent.time_limit,
        graceful_stop: intent.graceful_stop,
        seed: intent.seed,
        may_spin: may_spin(
            intent.cpus_allowed,
            intent.placement.workers.len(),
            crowd.resolved.is_local(),
        ) && intent.cpu_quota.is_none(),
    }
}

/// Spinning takes the CPU from whoever shares it: the supervisor where there is one CPU alone, a local target where no
/// CPU is left to it by the workers. Under a CPU quota nobody spins: what spinning uses up is missing later.
fn may_spin(cpus_allowed: usize, workers: usize, target_is_local: bool) -> bool {
    cpus_allowed > 1 && (!target_is_local || workers < cpus_allowed)
}

fn run_info(
    intent: &Intent,
    crowd: &Crowd,
    prepared: &Prepared,
    mask: &Mask,
    now: Timestamp,
) -> RunInfo {
    let masked = |text: &str| mask.apply(text);
    let Crowd {
        resolved, notes, ..
    } = crowd;
    let mut notes: Vec<String> = notes.iter().chain(prepared.notes()).cloned().collect();
    if let Some(took) = resolved.took {
        notes.push(format!(
            "names were looked up once, before the run, in {:.1} ms",
            took.as_secs_f64() * 1e3
        ));
    }
    RunInfo {
        schema: RUN_SCHEMA.to_owned(),
        name: crowd.name.clone(),
        started_at: now.to_string(),
        loadforge_version: env!("CARGO_PKG_VERSION").to_owned(),
        source: masked(&intent.source),
        fingerprint: crowd.fingerprint.clone(),
        origins: crowd.origins.clone(),
        model: intent.load.model(),
        load: masked(&intent.load.words()),
        duration_s: intent.load.duration.as_secs_f64(),
        target_peak: intent.load.most_users(),
        rate_peak: intent.load.rate_peak(),
        max_rps: intent.load.max_rate.map(|bound| bound.per_s),
        parts: intent.load.part_infos(mask),
        phases: intent.load.phase_infos(),
        allow_invalid: intent.allow_invalid,
        max_requests: intent.load.max_requests,
        timeout_s: intent.time_limit.as_secs_f64(),
        graceful_stop_s: intent.graceful_stop.as_secs_f64(),
        seed: intent.seed,
        workers: intent.placement.workers.len() as u32,
        cpus: intent.placement.workers.clone(),
        transport: prepared.transport_word().to_owned(),
        wire: prepared.wire_word().to_owned(),
        target_is_local: resolved.is_local(),
        notes: notes.iter().map(|note| masked(note)).collect(),
        thresholds: intent.thresholds.iter().map(ToString::to_string).collect(),
        machine: machine::look(intent.cpus_allowed, intent.cpu_quota),
    }
}

/// Says what is about to happen.
fn introduce(intent: &Intent, resolved: &Resolved, info: &RunInfo, mask: &Mask) {
    if intent.display == Display::Quiet {
        return;
    }
    say!(
        "{}: {} for {}, {} to {}",
        printable(&info.name),
        printable(&info.load),
        time_words(intent.load.duration),
        match info.workers {
            1 => "1 worker".to_owned(),
            workers => format!("{workers} workers"),
        },
        info.origins.join(", ")
    );
    for note in &info.notes {
        say!("note: {}", printable(note));
    }
    if intent.display == Display::Verbose {
        say!(
            "workers on CPUs {}, records by {}, sockets by {}, seed {}",
            cpus::list(&info.cpus),
            info.transport,
            info.wire,
            info.seed
        );
        for (origin, addresses) in info.origins.iter().zip(&resolved.addresses) {
            let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            say!("{origin} is at {}", mask.apply(&addresses.join(", ")));
        }
    }
}

/// The file for every request, if it was asked for.
fn requests_file(
    intent: &Intent,
    info: &RunInfo,
    results: Option<&ResultsDir>,
) -> Result<Option<RequestsFile>, CommandError> {
    let dir = results.filter(|_| intent.record_requests);
    dir.map(|dir| RequestsFile::create(dir.path(), &info.name, &info.started_at))
        .transpose()
        .map_err(|error| could_not(&error))
}

/// A run that is over, and who watched it.
struct Measured {
    end: RunEnd,
    kept: Watched,
    page: Option<RunPage>,
}

/// Runs to the end. Threads of their own show and store snapshots, so that a slow terminal or disk never holds up the
/// aggregator.
fn measure(
    prepared: Prepared,
    info: &RunInfo,
    live: Live,
    results: Option<ResultsDir>,
    requests: Option<RequestsFile>,
    door: Option<(OpenDoor, Option<u32>)>,
) -> Result<Measured, CommandError> {
    let (mut watch, mut page) = (None, None);
    let end = prepared.run(|helm| {
        if let Some((door, cpu)) = door {
            let place = results.as_ref().map(ResultsDir::path);
            let steer = move |order| helm.order(order).map_err(|refused| refused.to_string());
            page = Some(door.start(info, place, cpu, Box::new(steer))?);
        }
        let feed = page.as_ref().map(RunPage::feed);
        let (started, watchers) = Watch::start(live, results, requests, feed)?;
        watch = Some(started);
        Ok(watchers)
    });
    let kept = watch.map(Watch::join);
    let end = end.map_err(|error| could_not(&error))?;
    let kept = kept.expect("the engine calls back before it runs");
    Ok(Measured { end, kept, page })
}

/// Writes what was asked for; what can be written is, even when something else cannot.
fn write_results(
    intent: &Intent,
    report: &Report<'_>,
    results: Option<&mut ResultsDir>,
    requests: Option<Result<u64, ResultsError>>,
) -> Result<(), CommandError> {
    let Some(dir) = results else {
        let json = serde_json::to_string_pretty(report.summary).expect("a summary is plain data");
        return writeln!(std::io::stdout(), "{json}").map_err(|error| {
            CommandError::could_not_run(Complaint::new(
                format!("the summary could not be written to standard output: {error}"),
                "run it again with --output DIR",
            ))
        });
    };
    // The summary comes first and always: without it, a run is taken for one that was cut off.
    let mut formats = vec![Format::Json];
    formats.extend(
        intent
            .formats
            .iter()
            .filter(|format| **format != Format::Json),
    );
    let reports = formats.iter().filter_map(|format| {
        // Whoever ends the program now finds each file whole or not there.
        let _whole = hold_signals();
        write_all(dir, std::slice::from_ref(format), report).err()
    });
    let reports: Vec<_> = reports.collect();
    let missed = dir.missed_seconds();
    let mut told: Vec<String> = Vec::new();
    if let Some(error) = dir.take_error() {
        told.push(format!(
            "error: {} missing from the results: {error}",
            match missed {
                1 => "1 second is".to_owned(),
                many => format!("{many} seconds are"),
            }
        ));
    }
    told.extend(requests.and_then(missing_requests));
    let missing = reports.iter();
    told.extend(missing.map(|error| format!("error: a report is missing: {error}")));
    if told.is_empty() {
        Ok(())
    } else {
        Err(CommandError::could_not_run(told.join("\n\n")))
    }
}

/// What is missing from the file of requests, in words.
fn missing_requests(kept: Result<u64, ResultsError>) -> Option<String> {
    match kept {
        Ok(0) => None,
        Ok(count) => Some(format!(
            "error: {count} records are missing from requests.bin: the disk was too slow for them; the figures have them: choose a \
             faster disk with --output DIR"
        )),
        Err(error) => Some(format!("error: requests.bin is not whole: {error}")),
    }
}

/// One line for whoever wants no more than that: a pipeline's log has to say why it stopped.
fn tell_missed(summary: &RunSummary) {
    let missed: Vec<&str> = summary
        .thresholds
        .iter()
        .filter(|threshold| !threshold.passed)
        .map(|threshold| threshold.expr.as_str())
        .collect();
    if !missed.is_empty() {
        say!("not met: {}", missed.join("; "));
    }
}

/// INVALID before thresholds: figures that say nothing cannot meet or miss one.
fn exit_of(summary: &RunSummary, allow_invalid: bool) -> Exit {
    if summary.verdict.level == VerdictLevel::Invalid && !allow_invalid {
        Exit::Invalid
    } else if summary.thresholds.iter().any(|threshold| !threshold.passed) {
        Exit::ThresholdsNotMet
    } else {
        Exit::Done
    }
}

#[cfg(test)]
mod tests {
    use super::may_spin;

    #[test]
    fn workers_spin_only_where_nobody_needs_their_cpu() {
        for (cpus, workers, local, spin) in [
            (1, 1, false, false),
            (2, 2, false, true),
            (2, 2, true, false),
            (2, 1, true, true),
            (1, 1, true, false),
        ] {
            assert_eq!(
                may_spin(cpus, workers, local),
                spin,
                "{cpus} {workers} {local}"
            );
        }
    }
}
