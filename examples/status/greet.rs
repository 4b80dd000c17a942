//! Output of the process on the terminal.

use std::net::SocketAddr;

use crate::args::Args;

/// Prints the address, the password and a few commands.
pub fn greet(args: &Args, address: SocketAddr) {
    let password = &args.password;
    println!(
        "\
The board is at http://{address}/  (password: {password})

  report   curl -d service=pump-2 -d state=down http://{address}/update
  sign in  curl -c cookies -d password={password} http://{address}/login
  watch    curl -b cookies -N http://{address}/
  once     curl -b cookies \"http://{address}/?snapshot\"

Ctrl-C stops the server; viewers keep the last board."
    );
}

/// The message for requests without a session.
pub const HOW_TO_SIGN_IN: &str =
    "sign in first: post the password to /login and send the cookie that it sets with each request";
