//! Ends of streams, by a shutdown of the server and by a failed source.

use std::time::Duration;

use fault_tests::{End, Options, Server, Viewer, ask, both, row};

#[test]
fn sigterm_ends_streams_after_the_last_part() {
    let figures = both(|stack| {
        let mut server = Server::start(stack, &Options { fps: 20.0, size: 50_000, ..Options::default() });
        let address = server.address;
        std::thread::scope(|threads| {
            let reading: Vec<_> = (0..100).map(|_| threads.spawn(move || Viewer::come(address).to_end())).collect();
            let stalled: Vec<_> = (0..10).map(|_| ask(address)).collect();
            server.wait_until(Duration::from_secs(10), "110 viewers", |watched| watched.viewers == 110);
            // Until the stalled viewers have filled their buffers.
            std::thread::sleep(Duration::from_secs(2));
            let (last, took) = server.terminate();
            for thread in reading {
                let (pictures, end) = thread.join().unwrap();
                assert_eq!(end, End::Cleanly, "{stack}: the close-delimiter, and the end of the coding");
                let seen = pictures.last().unwrap().number;
                assert_eq!(seen, last, "{stack}: the last part");
            }
            drop(stalled);
            (took, last)
        })
    });
    row(
        "close and SIGTERM with 100 reading and 10 stalled",
        figures.map(|(took, last)| {
            assert!(took < Duration::from_secs(9), "{took:?}");
            format!("process ended in {:.2} s, bound 9 s; 100 readers had part {last}, --B--", took.as_secs_f64())
        }),
    );
}

#[test]
fn ended_or_panicked_source_delivers_every_part() {
    const PARTS: u64 = 5;
    for panics in [false, true] {
        let counts = both(|stack| {
            let options = Options { fps: 3.0, size: 100_000, fails_after: Some(PARTS), panics, ..Options::default() };
            let server = Server::start(stack, &options);
            let (pictures, end) = Viewer::come(server.address).to_end();
            assert_eq!(end, End::Cleanly, "{stack}");
            let mut numbers: Vec<_> = pictures.iter().map(|picture| picture.number).collect();
            // The last part is repeated with the close-delimiter.
            assert_eq!(numbers.pop(), Some(PARTS), "{stack}");
            assert_eq!(numbers, (1..=PARTS).collect::<Vec<_>>(), "{stack}");
            // A late viewer still gets the last part.
            let (late, end) = Viewer::come(server.address).to_end();
            assert_eq!((late.len(), late[0].number, end), (2, PARTS, End::Cleanly), "{stack}");
            numbers.len()
        });
        let how = if panics { "panics" } else { "ends" };
        row(
            &format!("a hub's source {how} after {PARTS} parts"),
            counts.map(|count| format!("{count} decoded, --B--, clean end")),
        );
    }
}
