//! See `loadforge_scenarios::fuzzing::json_path`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| loadforge_scenarios::fuzzing::json_path(bytes));
