//! See `loadforge_scenarios::fuzzing::data`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| loadforge_scenarios::fuzzing::data(bytes));
