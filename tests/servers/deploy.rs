//! `config/deploy`, checked with schemas, parsers and the binary. Parts that cannot run here are at least well-formed
//! and consistent.

mod container;
mod guide;
mod kubernetes;
mod kustomize;
mod terraform;
mod tools;

/// The same source gives the same bytes. The allocator, a C program, contains the date and time of its build.
#[test]
fn the_program_does_not_hold_when_it_was_built() {
    let program = std::fs::read(costwarden_tests::binary()).expect("the program");
    let holds = |text: &[u8]| program.windows(text.len()).any(|bytes| bytes == text);
    assert!(holds(b"(built on %s, %s)"), "the allocator says it in other words: look for these");
    assert!(holds(b"Jan  1 1970\0"), "SOURCE_DATE_EPOCH is not heeded (.cargo/config.toml)");
}
