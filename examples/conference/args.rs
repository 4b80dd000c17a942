//! The command line.

use std::str::FromStr as _;

use lexopt::{Arg, Parser, ValueExt as _};
use shared::server;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Args {
    /// The number of demo participants, which send a test picture.
    pub(crate) demo: usize,
    /// `HOST:PORT`.
    pub(crate) listen: String,
    /// The largest number of other participants.
    pub(crate) people: usize,
    /// Serves HTTPS, which includes HTTP/2.
    pub(crate) tls: bool,
}

impl Args {
    /// Parses the arguments of this process. Exits after `--help` and after an invalid argument.
    pub(crate) fn from_command_line() -> Self {
        server::parsed(Self::parse(Parser::from_env()), HELP)
    }

    /// Returns `None` for `--help`.
    fn parse(mut arguments: Parser) -> Result<Option<Self>, lexopt::Error> {
        let mut args = Self { demo: 1, listen: "127.0.0.1:3000".into(), people: 12, tls: false };
        while let Some(argument) = arguments.next()? {
            match argument {
                Arg::Long("demo") => args.demo = number(&mut arguments, 0, 12)?,
                Arg::Long("listen") => args.listen = arguments.value()?.string()?,
                Arg::Long("people") => args.people = number(&mut arguments, 1, 50)?,
                Arg::Long("tls") => args.tls = true,
                Arg::Long("help") | Arg::Short('h') => return Ok(None),
                _ => return Err(argument.unexpected()),
            }
        }
        Ok(Some(args))
    }
}

fn number(arguments: &mut Parser, min: usize, max: usize) -> Result<usize, lexopt::Error> {
    arguments.value()?.parse_with(|text| {
        let number = usize::from_str(text).ok().filter(|number| (min..=max).contains(number));
        number.ok_or_else(|| format!("must be a number from {min} to {max}"))
    })
}

const HELP: &str = "\
A video conference in a page: every participant sends pictures and sees all others.

usage: conference [--listen HOST:PORT] [--tls] [--people N] [--demo N]

  --listen HOST:PORT  address to listen on [127.0.0.1:3000]; port 0 picks a free port
  --tls               serve HTTPS and HTTP/2 with a certificate generated at the start; needed on other machines,
                      because browsers allow camera access only over HTTPS or from this machine
  --people N          largest number of participants, besides demo participants [12]
  --demo N            number of demo participants, which send a moving test picture [1]
";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Option<Args>, String> {
        Args::parse(Parser::from_args(arguments)).map_err(|error| error.to_string())
    }

    #[test]
    fn parses_every_option() {
        let args = Args { demo: 0, listen: "[::1]:0".into(), people: 3, tls: true };
        assert_eq!(parse(&["--demo=0", "--listen", "[::1]:0", "--people", "3", "--tls"]), Ok(Some(args)));
        assert_eq!(parse(&["--tls", "-h"]), Ok(None));
        assert_eq!(parse(&[]).unwrap().unwrap().demo, 1);
    }

    #[test]
    fn rejects_invalid_arguments() {
        for (arguments, message) in [
            (&["--speed"][..], "invalid option '--speed'"),
            (&["room"], "unexpected argument \"room\""),
            (&["--listen"], "missing argument for option '--listen'"),
            (&["--tls=yes"], "unexpected argument for option '--tls': \"yes\""),
            (&["--demo", "13"], "cannot parse argument \"13\": must be a number from 0 to 12"),
            (&["--people", "-1"], "cannot parse argument \"-1\": must be a number from 1 to 50"),
        ] {
            assert_eq!(parse(arguments), Err(message.to_owned()));
        }
    }
}
