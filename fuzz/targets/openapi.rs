//! What `loadforge import openapi` takes: whatever comes in, what comes out is a scenario that can be read.

#![no_main]

use loadforge_import::{fuzzing::check, openapi};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check(openapi, bytes));
