//! Servers as senders, with the framing of their libraries or authors.

use std::process::Command;

use interop_tests::senders::{End, Pictures, Server, get};

#[test]
#[ignore = "needs Go"]
fn go() {
    let pictures = Pictures::new(60);
    let server = Server::telling(
        Command::new("go").args(["run"]).arg(Server::file("senders/go/main.go")).arg(pictures.folder()),
    );
    for path in ["/length", "/classic"] {
        let received = get(&server.address, path, None);
        received.are(pictures.bytes());
        assert_eq!(received.end, End::Closed, "{path}");
    }
}

#[test]
#[ignore = "needs Python with aiohttp"]
fn aiohttp() {
    let pictures = Pictures::new(60);
    let mut python = Server::python_with("aiohttp");
    let server = Server::telling(python.arg(Server::file("senders/python/aiohttp_sender.py")).arg(pictures.folder()));
    for (path, end) in [("/each", End::Truncated), ("/one", End::Closed)] {
        let received = get(&server.address, path, None);
        received.are(pictures.bytes());
        assert_eq!(received.end, end, "{path}");
    }
}

#[test]
#[ignore = "needs Node"]
fn node() {
    let pictures = Pictures::new(60);
    let server =
        Server::telling(Command::new("node").arg(Server::file("senders/node/sender.mjs")).arg(pictures.folder()));
    let received = get(&server.address, "/", None);
    received.are(pictures.bytes());
    assert_eq!(received.end, End::Truncated);
}

#[test]
#[ignore = "needs Python"]
fn by_hand() {
    let pictures = Pictures::new(60);
    let mut python = Server::python_with("http.server");
    let server = Server::telling(python.arg(Server::file("senders/python/by_hand.py")).arg(pictures.folder()));
    for path in
        ["/flask", "/flask-reversed", "/picamera", "/esp32cam", "/tasmota", "/mjpg-streamer", "/express", "/nph"]
    {
        println!("{path}");
        let received = get(&server.address, path, None);
        received.are(pictures.bytes());
        assert_eq!(received.end, End::Truncated, "{path}");
    }
}
