//! Traces of load as CSV.

#![no_main]

use loadforge_scenarios::{TraceScale, parse_trace};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let _ = parse_trace(text, TraceScale::default());
});
