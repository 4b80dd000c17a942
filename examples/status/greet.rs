//! What the process says to the person who started it.

use std::process::ExitCode;

use crate::args::{Args, NAME};

/// Says where it is, and what to try next.
pub(crate) fn greet(args: &Args, address: &str) {
    let password = &args.password;
    println!(
        "\
The board is at http://{address}/  (password: {password})

  report   curl -d service=pump-2 -d state=down http://{address}/update
  sign in  curl -c cookies -d password={password} http://{address}/login
  watch    curl -b cookies -N http://{address}/
  once     curl -b cookies \"http://{address}/?snapshot\"

Ctrl-C ends it; viewers keep the last board."
    );
}

/// What the process leaves behind: its result, and one line if it failed.
pub(crate) fn exit_code(result: Result<(), String>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{NAME}: {why}");
            ExitCode::FAILURE
        }
    }
}

/// For who has no session.
pub(crate) const HOW_TO_SIGN_IN: &str =
    "sign in first: post the password to /login, and send the cookie that it sets with each request";
