//! Threshold expressions: what is understood says the same when it is written out and read again.

#![no_main]

use loadforge_analysis::Threshold;

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(threshold) = Threshold::parse(text, None) {
        let written = threshold.to_string();
        let again = Threshold::parse(&written, None).expect("what is written can be read");
        assert_eq!(again.to_string(), written);
    }
});
