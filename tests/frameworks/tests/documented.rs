//! The programs of docs/stacks.md and docs/recipes.md for stacks that have no adapter.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::thread::{sleep, spawn};
use std::time::Duration;

use mixed_replace::{Hub, Part, hub};
use test_support::Viewer;
use tokio::runtime::{Builder, Runtime};

mod axum_0_7_app {
    use axum_0_7 as axum;

    include!("documented/axum_0_7.rs");

    pub(super) async fn start(hub: Hub) -> std::net::SocketAddr {
        let listener = tokio::net::TcpListener::bind(super::ANY).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app(hub)).await });
        address
    }
}

mod hyper_0_14_service {
    use hyper_0_14 as hyper;
    use hyper_0_14::Server;
    use hyper_0_14::service::{make_service_fn, service_fn};

    include!("documented/hyper_0_14.rs");

    pub(super) async fn start(hub: Hub) -> std::net::SocketAddr {
        let service = make_service_fn(move |_| {
            let hub = hub.clone();
            async { Ok::<_, Infallible>(service_fn(move |request| live(hub.clone(), request))) }
        });
        let server = Server::bind(&super::ANY).serve(service);
        let address = server.local_addr();
        tokio::spawn(server);
        address
    }
}

mod warp_0_3_filter {
    use warp_0_3 as warp;

    include!("documented/warp_0_3.rs");

    pub(super) async fn start(hub: Hub) -> std::net::SocketAddr {
        let (address, server) = warp::serve(live(hub)).bind_ephemeral(super::ANY);
        tokio::spawn(server);
        address
    }
}

mod tiny_http_server {
    include!("documented/tiny_http.rs");

    pub(super) fn start(hub: Hub) -> std::net::SocketAddr {
        let server = tiny_http::Server::http(super::ANY).unwrap();
        let address = server.server_addr().to_ip().unwrap();
        std::thread::spawn(move || {
            for request in server.incoming_requests() {
                let hub = hub.clone();
                std::thread::spawn(move || live(request, &hub));
            }
        });
        address
    }
}

mod graphql_client {
    include!("documented/graphql.rs");

    pub(super) async fn run(address: &str) -> Result<(), Box<dyn Error>> {
        subscribe(address, "subscription { yard }").await
    }
}

#[test]
fn programs_are_those_of_the_documentation() {
    for (document, program) in [
        (include_str!("../../../docs/stacks.md"), include_str!("documented/axum_0_7.rs")),
        (include_str!("../../../docs/stacks.md"), include_str!("documented/hyper_0_14.rs")),
        (include_str!("../../../docs/stacks.md"), include_str!("documented/warp_0_3.rs")),
        (include_str!("../../../docs/recipes.md"), include_str!("documented/tiny_http.rs")),
        (include_str!("../../../docs/recipes.md"), include_str!("documented/graphql.rs")),
    ] {
        assert!(document.contains(&format!("```rust\n{program}```\n")), "{program}");
    }
}

#[test]
fn each_stack_sends_each_part_at_once_and_turns_viewers_away() {
    let runtime = runtime();
    type Start<'a> = &'a dyn Fn(Hub) -> SocketAddr;
    let stacks: [(&str, Start<'_>); 4] = [
        ("axum 0.7", &|hub| runtime.block_on(axum_0_7_app::start(hub))),
        ("hyper 0.14", &|hub| runtime.block_on(hyper_0_14_service::start(hub))),
        ("warp 0.3", &|hub| runtime.block_on(warp_0_3_filter::start(hub))),
        ("tiny_http", &tiny_http_server::start),
    ];
    for (stack, start) in stacks {
        let (publisher, hub) = hub::builder().max_subscribers(1).retry_after(Duration::from_secs(7)).build();
        let url = format!("http://{}/live", start(hub.clone()));
        publisher.publish(Part::text("one").unwrap()).unwrap();
        let mut viewer = Viewer::open(&url);
        for text in ["one", "two", "three"] {
            publisher.publish(Part::text(text).unwrap()).unwrap();
            let part = viewer.next_that(Duration::from_secs(10), |part| part.body() == text);
            assert!(part.is_some(), "{stack}: {text}");
        }
        // tiny_http answers an error of the function with 500.
        if stack != "tiny_http" {
            let full = test_support::get(&url).0;
            assert!(
                full.contains(" 503 ") && full.to_lowercase().contains("\r\nretry-after: 7\r\n"),
                "{stack}: {full}"
            );
        }
        drop(publisher);
        while viewer.next(Duration::from_secs(10)).is_some() {}
        let deadline = std::time::Instant::now() + Duration::from_secs(10);
        while hub.stats().viewers > 0 {
            assert!(std::time::Instant::now() < deadline, "{stack}: {:?}", hub.stats());
            sleep(Duration::from_millis(10));
        }
    }
}

#[test]
fn graphql_client_reads_events_to_their_end() {
    const OK: &str = "200 OK\r\nContent-Type: multipart/mixed;boundary=\"graphql\";subscriptionSpec=1.0\r\n\r\n";
    let part = |json: &str| format!("\r\n--graphql\r\nContent-Type: application/json\r\n\r\n{json}");
    let events = [r#"{"payload":{"data":{"yard":1}}}"#, "{}", r#"{"payload":{"data":{"yard":2}}}"#].map(part).concat();
    for (answer, succeeds) in [
        (format!("{OK}{events}\r\n--graphql--\r\n"), true),
        (format!("{OK}{events}"), false),
        ("401 Unauthorized\r\nContent-Length: 0\r\n\r\n".to_owned(), false),
    ] {
        let listener = TcpListener::bind(ANY).unwrap();
        let address = format!("http://{}/graphql", listener.local_addr().unwrap());
        let server = spawn(move || {
            let (mut client, _) = listener.accept().unwrap();
            let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
            while !String::from_utf8_lossy(&request).contains("subscription { yard }") {
                let len = client.read(&mut buffer).unwrap();
                assert!(len > 0, "{}", String::from_utf8_lossy(&request));
                request.extend_from_slice(buffer.get(..len).unwrap());
            }
            write!(client, "HTTP/1.1 {answer}").unwrap();
            String::from_utf8_lossy(&request).to_lowercase()
        });
        let result = runtime().block_on(graphql_client::run(&address));
        assert_eq!(result.is_ok(), succeeds, "{result:?}");
        let request = server.join().unwrap();
        assert!(request.contains("\r\naccept: multipart/mixed;subscriptionspec=1.0\r\n"), "{request}");
    }
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
