//! The command line.

use std::process::exit;
use std::time::Duration;

use lexopt::prelude::*;

#[derive(Clone, Debug)]
pub(crate) struct Args {
    /// `HOST:PORT`.
    pub(crate) listen: String,
    /// How many rooms there may be.
    pub(crate) rooms: usize,
    /// How long a room stays in which nobody is and nothing is said.
    pub(crate) quiet: Duration,
}

impl Args {
    /// This process's arguments. Ends the process if they ask for help or make no sense.
    pub(crate) fn from_command_line() -> Self {
        Self::parse(lexopt::Parser::from_env()).unwrap_or_else(|mistake| {
            eprintln!("chat: {mistake} (--help lists what there is)");
            exit(2)
        })
    }

    fn parse(mut arguments: lexopt::Parser) -> Result<Self, lexopt::Error> {
        let mut args = Self { listen: "127.0.0.1:3000".to_owned(), rooms: 100, quiet: Duration::from_secs(600) };
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("listen") => args.listen = arguments.value()?.string()?,
                Long("quiet") => args.quiet = Duration::from_secs(arguments.value()?.parse::<u32>()?.into()),
                Long("rooms") => args.rooms = arguments.value()?.parse::<u16>()?.into(),
                Long("help") | Short('h') => {
                    println!("{HELP}");
                    exit(0)
                }
                _ => return Err(argument.unexpected()),
            }
        }
        Ok(args)
    }
}

const HELP: &str = "\
Rooms in which what one says reaches all the others.

usage: chat [--listen HOST:PORT] [--rooms N] [--quiet SECONDS]

  --listen HOST:PORT  where to serve it [127.0.0.1:3000]; port 0 takes a free one
  --rooms N           how many rooms there may be at a time [100]
  --quiet SECONDS     how long a room stays in which nobody is and nothing is said [600]";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Args, String> {
        Args::parse(lexopt::Parser::from_args(arguments)).map_err(|error| error.to_string())
    }

    #[test]
    fn takes_what_the_help_lists() {
        let args = parse(&["--listen=[::1]:0", "--rooms", "3", "--quiet", "20"]).unwrap();
        assert_eq!((&*args.listen, args.rooms, args.quiet), ("[::1]:0", 3, Duration::from_secs(20)));
    }

    #[test]
    fn names_what_makes_no_sense() {
        for (arguments, mistake) in [
            (&["--speed"][..], "invalid option '--speed'"),
            (&["--rooms", "many"], "cannot parse argument \"many\": invalid digit found in string"),
            (&["--quiet"], "missing argument for option '--quiet'"),
        ] {
            assert_eq!(parse(arguments).unwrap_err(), mistake);
        }
    }
}
