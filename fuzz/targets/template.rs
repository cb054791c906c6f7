//! See `loadforge_scenarios::fuzzing::template`.

#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| loadforge_scenarios::fuzzing::template(text));
