//! What `loadforge import curl` takes: whatever comes in, what comes out is a scenario that can be read.

#![no_main]

use loadforge_import::{fuzzing::check, curl};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check(curl, bytes));
