//! What `loadforge import har` takes: whatever comes in, what comes out is a scenario that can be read.

#![no_main]

use loadforge_import::{fuzzing::check, har};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check(har, bytes));
