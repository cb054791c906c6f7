//! See `loadforge_scenarios::fuzzing::document`.

#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| loadforge_scenarios::fuzzing::document(text));
