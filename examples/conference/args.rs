//! The command line.

use std::process::exit;
use std::str::FromStr as _;

use lexopt::{Arg, Parser, ValueExt as _};

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Args {
    /// How many participants there are that show a test picture.
    pub(crate) demo: usize,
    /// `HOST:PORT`.
    pub(crate) listen: String,
    /// How many people may join.
    pub(crate) people: usize,
    /// HTTPS, and with it HTTP/2.
    pub(crate) tls: bool,
}

impl Args {
    /// This process's arguments. Ends the process if they ask for help or make no sense.
    pub(crate) fn from_command_line() -> Self {
        match Self::parse(Parser::from_env()) {
            Ok(Some(args)) => args,
            Ok(None) => {
                println!("{HELP}");
                exit(0)
            }
            Err(mistake) => {
                eprintln!("conference: {mistake} (--help lists what there is)");
                exit(2)
            }
        }
    }

    /// `None` if they ask for help.
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

fn number(arguments: &mut Parser, least: usize, most: usize) -> Result<usize, lexopt::Error> {
    arguments.value()?.parse_with(|text| {
        let number = usize::from_str(text).ok().filter(|number| (least..=most).contains(number));
        number.ok_or_else(|| format!("not a number from {least} to {most}"))
    })
}

const HELP: &str = "\
A conference in a page: each sends pictures, everyone sees everyone.

usage: conference [--listen HOST:PORT] [--tls] [--people N] [--demo N]

  --listen HOST:PORT  where to serve it [127.0.0.1:3000]; port 0 takes a free one
  --tls               HTTPS and HTTP/2, with a certificate made at the start: a browser gives a page the camera
                      over HTTPS or from this machine only, so other machines need it
  --people N          how many may join, besides the demo ones [12]
  --demo N            participants that show a moving test picture [1]
";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Option<Args>, String> {
        Args::parse(Parser::from_args(arguments)).map_err(|error| error.to_string())
    }

    #[test]
    fn takes_what_the_help_lists() {
        let args = Args { demo: 0, listen: "[::1]:0".into(), people: 3, tls: true };
        assert_eq!(parse(&["--demo=0", "--listen", "[::1]:0", "--people", "3", "--tls"]), Ok(Some(args)));
        assert_eq!(parse(&["--tls", "-h"]), Ok(None));
        assert_eq!(parse(&[]).unwrap().unwrap().demo, 1);
    }

    #[test]
    fn names_what_makes_no_sense() {
        for (arguments, mistake) in [
            (&["--speed"][..], "invalid option '--speed'"),
            (&["room"], "unexpected argument \"room\""),
            (&["--listen"], "missing argument for option '--listen'"),
            (&["--tls=yes"], "unexpected argument for option '--tls': \"yes\""),
            (&["--demo", "13"], "cannot parse argument \"13\": not a number from 0 to 12"),
            (&["--people", "-1"], "cannot parse argument \"-1\": not a number from 1 to 50"),
        ] {
            assert_eq!(parse(arguments), Err(mistake.to_owned()));
        }
    }
}
