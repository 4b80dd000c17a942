//! Runs the tests of the browser client under Node, with its source and with the minified form that is served.

#![cfg(feature = "page")]

use std::process::Command;

use mixed_replace::ClientScript;

fn node(client: Option<&std::path::Path>) {
    let tests = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/client/");
    let mut command = Command::new("node");
    command.args(["--expose-gc", "--test", tests]);
    client.map(|path| command.env("CLIENT_JS", path));
    let output = command.output().expect("node 20 or later is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
#[ignore = "needs node"]
fn client_source_passes() {
    node(None);
}

#[test]
#[ignore = "needs node"]
fn minified_client_passes_and_is_small() {
    let path = std::env::temp_dir().join(format!("client-{}.js", std::process::id()));
    std::fs::write(&path, ClientScript::source()).unwrap();
    node(Some(&path));
    std::fs::remove_file(&path).unwrap();
}
