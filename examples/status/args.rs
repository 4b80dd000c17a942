//! The command line, the same for both status servers.

use std::process::exit;
use std::time::Duration;

use lexopt::prelude::*;

use crate::session;

#[derive(Clone, Debug)]
pub(crate) struct Args {
    /// `HOST:PORT`.
    pub(crate) listen: String,
    /// What lets a viewer in.
    pub(crate) password: String,
    /// How often one of the services changes by itself, if ever.
    pub(crate) every: Option<Duration>,
}

impl Args {
    /// This process's arguments. Ends the process if they ask for help or make no sense.
    pub(crate) fn from_command_line() -> Self {
        Self::parse(lexopt::Parser::from_env()).unwrap_or_else(|mistake| {
            eprintln!("{NAME}: {mistake} (--help lists what there is)");
            exit(2)
        })
    }

    fn parse(mut arguments: lexopt::Parser) -> Result<Self, lexopt::Error> {
        let mut args = Self {
            listen: "127.0.0.1:3000".to_owned(),
            password: session::random().split_off(12),
            every: Some(Duration::from_secs(5)),
        };
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("every") => args.every = arguments.value()?.parse_with(every)?,
                Long("listen") => args.listen = arguments.value()?.string()?,
                Long("password") => args.password = arguments.value()?.string()?,
                Long("help") | Short('h') => {
                    println!("A status board that changes as its services change.\n\nusage: {NAME} {HELP}");
                    exit(0)
                }
                _ => return Err(argument.unexpected()),
            }
        }
        Ok(args)
    }
}

fn every(seconds: &str) -> Result<Option<Duration>, &'static str> {
    match seconds.parse() {
        Ok(0.0) => Ok(None),
        Ok(seconds) if (0.01..=86_400.0).contains(&seconds) => Ok(Some(Duration::from_secs_f64(seconds))),
        _ => Err("not a number of seconds from 0.01 to 86400, or 0"),
    }
}

/// The program's: there are two of these servers.
pub(crate) const NAME: &str = env!("CARGO_PKG_NAME");

const HELP: &str = "\
[--listen HOST:PORT] [--password WORD] [--every SECONDS]

  --listen HOST:PORT  where to serve it [127.0.0.1:3000]; port 0 takes a free one
  --password WORD     what lets viewers in [a random one, printed at the start]
  --every SECONDS     how often a service changes by itself [5]; 0 for never";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Args, String> {
        Args::parse(lexopt::Parser::from_args(arguments)).map_err(|error| error.to_string())
    }

    #[test]
    fn takes_what_the_help_lists() {
        let args = parse(&["--listen=[::1]:0", "--password", "secret", "--every", "0.5"]).unwrap();
        assert_eq!((&*args.listen, &*args.password), ("[::1]:0", "secret"));
        assert_eq!(args.every, Some(Duration::from_millis(500)));
        assert_eq!(parse(&["--every=0"]).unwrap().every, None);
        assert_ne!(parse(&[]).unwrap().password, parse(&[]).unwrap().password);
    }

    #[test]
    fn names_what_makes_no_sense() {
        for (arguments, mistake) in [
            (&["--speed"][..], "invalid option '--speed'"),
            (&["board"], "unexpected argument \"board\""),
            (&["--listen"], "missing argument for option '--listen'"),
            (&["--every", "NaN"], "cannot parse argument \"NaN\": not a number of seconds from 0.01 to 86400, or 0"),
        ] {
            assert_eq!(parse(arguments).unwrap_err(), mistake);
        }
    }
}
