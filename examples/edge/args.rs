//! The command line.

use lexopt::{Arg, Parser, ValueExt as _};
use shared::server;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Args {
    /// `HOST:PORT`.
    pub(crate) listen: String,
    /// The address of the cameras of another node. Without it, this one draws a camera.
    pub(crate) upstream: Option<String>,
}

impl Args {
    /// Parses the arguments of this process. Exits after `--help` and after an invalid argument.
    pub(crate) fn from_command_line() -> Self {
        server::parsed(Self::parse(Parser::from_env()), HELP)
    }

    /// Returns `None` for `--help`.
    fn parse(mut arguments: Parser) -> Result<Option<Self>, lexopt::Error> {
        let mut args = Self { listen: "127.0.0.1:3000".into(), upstream: None };
        while let Some(argument) = arguments.next()? {
            match argument {
                Arg::Long("listen") => args.listen = arguments.value()?.string()?,
                Arg::Long("upstream") => args.upstream = Some(arguments.value()?.parse_with(upstream)?),
                Arg::Long("help") | Arg::Short('h') => return Ok(None),
                _ => return Err(argument.unexpected()),
            }
        }
        Ok(Some(args))
    }
}

fn upstream(url: &str) -> Result<String, String> {
    let url = url.trim_end_matches('/');
    // The name of a camera is appended.
    if url.contains(['?', '#']) {
        return Err("must be an address without a query, such as http://HOST:PORT/cameras".to_owned());
    }
    match mixed_replace::source::http(url) {
        Ok(_) => Ok(url.to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

const HELP: &str = "\
A node in a tree of relays. It takes each camera from another node while it is watched, over one connection, and serves any
number of viewers and further nodes.

usage: edge [--listen HOST:PORT] [--upstream http://HOST:PORT/cameras]

  --listen HOST:PORT  address to listen on [127.0.0.1:3000]; port 0 picks a free port
  --upstream URL      address of the cameras of the other node; without it, this node draws the camera `test`

Try it on one machine, then open http://127.0.0.1:3001/cameras/test:

  edge
  edge --listen 127.0.0.1:3001 --upstream http://127.0.0.1:3000/cameras
";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Option<Args>, String> {
        Args::parse(Parser::from_args(arguments)).map_err(|error| error.to_string())
    }

    #[test]
    fn parses_every_option() {
        let args = Args { listen: "[::1]:0".into(), upstream: Some("http://a:1/cameras".into()) };
        assert_eq!(parse(&["--listen=[::1]:0", "--upstream", "http://a:1/cameras/"]), Ok(Some(args)));
        assert_eq!(parse(&["-h"]), Ok(None));
        assert_eq!(parse(&[]).unwrap().unwrap().upstream, None);
    }

    #[test]
    fn rejects_invalid_arguments() {
        for (arguments, message) in [
            (&["--speed"][..], "invalid option '--speed'"),
            (&["--listen"], "missing argument for option '--listen'"),
            (&["--upstream", "http://a/?b"], "must be an address without a query"),
            (&["--upstream", "rtsp://a/b"], "rtsp is not supported, only http"),
        ] {
            let error = parse(arguments).unwrap_err();
            assert!(error.contains(message), "{error}");
        }
    }
}
