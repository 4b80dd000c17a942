//! One line for each row of the table of faults.

use std::fmt::Display;
use std::io::Write as _;

use crate::server::Stack;

/// Does the same to a server of each kind at the same time.
///
/// # Panics
///
/// If one of the two does.
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

/// Prints a row: what was done, and what came of it on each. Also of a test that passes, of which the harness keeps what
/// is printed by macros.
pub fn row(fault: &str, [axum, actix]: [impl Display; 2]) {
    drop(writeln!(std::io::stdout(), "| {fault} | {axum} | {actix} |"));
}
