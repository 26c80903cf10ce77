#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| registry_check_fuzz::targets::earlier(data));
