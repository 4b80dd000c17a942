//! The programs of docs/cameras.md.

#![cfg(all(feature = "actix-web", feature = "axum", feature = "client", feature = "page"))]

mod both;

use std::cell::Cell;
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use self::both::ask;

mod axum_program {
    include!("many_cameras/axum.rs");

    pub(super) fn run() -> Result<(), Box<dyn std::error::Error>> {
        main()
    }
}

mod actix_program {
    include!("many_cameras/actix.rs");

    pub(super) fn run() -> Result<(), Box<dyn std::error::Error>> {
        main()
    }
}

thread_local! {
    static PORT: Cell<u16> = const { Cell::new(0) };
}

/// In place of that of the documentation.
fn address() -> String {
    format!("127.0.0.1:{}", PORT.get())
}

#[test]
fn the_programs_are_those_of_the_documentation() {
    for program in [include_str!("many_cameras/axum.rs"), include_str!("many_cameras/actix.rs")] {
        let program = program.replace("super::address()", "\"127.0.0.1:3000\"");
        assert!(include_str!("../docs/cameras.md").contains(&format!("```rust\n{program}```\n")), "{program}");
    }
}

#[tokio::test]
async fn the_programs_serve_a_wall() {
    for run in [axum_program::run, actix_program::run] {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        // It ends with the process.
        thread::spawn(move || {
            PORT.set(port);
            run().map_err(|error| error.to_string())
        });
        let address = format!("127.0.0.1:{port}");
        let mut tries = 0..400;
        while tries.next().is_some() && tokio::net::TcpStream::connect(&address).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        for (path, contains) in [
            ("/client.js", "mixed-replace"),
            ("/wall", "{\"tracks\":{\"door\":\"waiting\",\"yard\":\"waiting\"}}"),
            ("/wall?of=yard", "{\"tracks\":{\"yard\":\"waiting\"}}"),
        ] {
            let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nAccept: multipart/mixed\r\n\r\n");
            assert!(ask(&address, request, contains).await.starts_with("HTTP/1.1 200 "), "{path}");
        }
    }
}
