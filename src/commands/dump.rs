//! `loadforge dump`: every request of a run as a table or as lines of JSON, on standard output. Neighbours: the reporter reads the file,
//! `args/dump.rs` has the flags. Invariants: nothing is kept in memory, however long the run; words for people go to the error stream.

use crate::{
    args::{DumpArgs, DumpWord},
    commands::report::unreadable,
    complaint::CommandError,
    exit::Exit,
};
use loadforge_reporter::{Requests, ResultsError, StoredRecord};
use serde::Serialize;
use std::io::{self, BufWriter, Write};

/// Room of the buffer before standard output.
const BUFFER: usize = 256 * 1024;

/// What ends a dump early.
enum Ended {
    Unreadable(ResultsError),
    Unwritable(io::Error),
}

impl From<ResultsError> for Ended {
    fn from(error: ResultsError) -> Ended {
        Ended::Unreadable(error)
    }
}

/// Prints every request.
///
/// # Errors
/// When there is no file of requests or a spoilt one (bad input), or standard output takes nothing.
pub fn dump(args: &DumpArgs) -> Result<Exit, CommandError> {
    let mut requests = Requests::open(&args.dir).map_err(|error| unreadable(&error))?;
    let out = BufWriter::with_capacity(BUFFER, io::stdout().lock());
    let printed = match args.format {
        DumpWord::Csv => table(&mut requests, out),
        DumpWord::Jsonl => lines(&mut requests, out),
    };
    match printed {
        Ok(()) => {}
        // Whoever reads has seen enough, as `head` does.
        Err(Ended::Unwritable(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            return Ok(Exit::Done);
        }
        Err(Ended::Unwritable(error)) => {
            let text = format!("error: standard output takes nothing more: {error}");
            return Err(CommandError::could_not_run(text));
        }
        Err(Ended::Unreadable(error)) => return Err(unreadable(&error)),
    }
    if requests.left_out() > 0 {
        say!(
            "note: {} records are missing from requests.bin: the disk was too slow for them",
            requests.left_out()
        );
    }
    if !requests.is_whole() {
        say!("note: requests.bin has no end: the run was killed, or its disk was full");
    }
    Ok(Exit::Done)
}

/// One record as it is printed.
#[derive(Serialize)]
struct Printed<'a> {
    kind: &'a str,
    worker: u16,
    scenario: u8,
    user: u32,
    name: &'a str,
    method: &'a str,
    status: u16,
    error: &'a str,
    intended_ns: u64,
    sent_ns: Option<u64>,
    done_ns: u64,
    first_byte_us: u32,
    dns_us: u32,
    connect_us: u32,
    tls_us: u32,
    bytes_in: Option<u32>,
    bytes_out: u32,
    retried: bool,
    connected: bool,
    count: u32,
    value: Option<f64>,
}

impl<'a> Printed<'a> {
    fn of(stored: &StoredRecord<'a>) -> Printed<'a> {
        let record = stored.record;
        Printed {
            kind: stored.kind,
            worker: stored.worker,
            scenario: record.scenario,
            user: record.user,
            name: stored.name,
            method: stored.method,
            status: record.status,
            error: stored.error,
            intended_ns: record.intended_ns,
            sent_ns: stored.sent_ns(),
            done_ns: record.done_ns,
            first_byte_us: record.first_byte_us,
            dns_us: record.dns_us,
            connect_us: record.connect_us,
            tls_us: record.tls_us,
            bytes_in: stored.bytes_in(),
            bytes_out: record.bytes_out,
            retried: stored.is_retried(),
            connected: stored.is_connected(),
            count: stored.count(),
            value: stored.value(),
        }
    }
}

fn table(requests: &mut Requests, out: impl Write) -> Result<(), Ended> {
    let mut table = csv::Writer::from_writer(out);
    let unwritable = |error: csv::Error| match error.into_kind() {
        csv::ErrorKind::Io(error) => Ended::Unwritable(error),
        other => Ended::Unwritable(io::Error::other(format!("{other:?}"))),
    };
    requests.for_each(|stored| {
        let mut printed = Printed::of(&stored);
        let guarded = format!("'{}", printed.name);
        if is_formula(printed.name) {
            printed.name = &guarded;
        }
        table.serialize(printed).map_err(unwritable)
    })?;
    table.flush().map_err(Ended::Unwritable)
}

fn lines(requests: &mut Requests, mut out: impl Write) -> Result<(), Ended> {
    requests.for_each(|stored| {
        let line = serde_json::to_vec(&Printed::of(&stored)).expect("a record is plain data");
        let written = out.write_all(&line).and_then(|()| out.write_all(b"\n"));
        written.map_err(Ended::Unwritable)
    })?;
    out.flush().map_err(Ended::Unwritable)
}

/// Whether a spreadsheet would reckon with a cell of this text instead of showing it.
fn is_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r'])
}
