//! Output for the table of faults, one line per row.

use std::fmt::Display;
use std::io::Write as _;

use crate::server::Stack;

/// Runs a function for both frameworks at the same time.
///
/// # Panics
///
/// If one of the two panics.
pub fn both<T: Send>(test: impl Fn(Stack) -> T + Sync) -> [T; 2] {
    std::thread::scope(|threads| {
        let both = [Stack::Axum, Stack::Actix].map(|stack| {
            let (test, name) = (&test, stack.to_string());
            std::thread::Builder::new().name(name).spawn_scoped(threads, move || test(stack)).expect("a thread")
        });
        both.map(|thread| match thread.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    })
}

/// Prints a row: the fault, and the result on each framework. It writes to the output directly because the harness
/// captures macros in tests that pass.
pub fn row(fault: &str, [axum, actix]: [impl Display; 2]) {
    drop(writeln!(std::io::stdout(), "| {fault} | {axum} | {actix} |"));
}
