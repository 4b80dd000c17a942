//! The programs of docs/recipes.md.
#![cfg(all(feature = "axum", feature = "actix-web"))]

mod both;
mod recipes {
    pub(crate) mod access;
    pub(crate) mod access_actix;
    pub(crate) mod access_axum;
}

use std::sync::Arc;
use std::time::{Duration, Instant};

use mixed_replace::{Hub, Part, hub};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use self::both::{answer, ask, servers};
use self::recipes::access::Access;
use self::recipes::{access_actix, access_axum};

#[test]
fn the_programs_are_those_of_the_documentation() {
    for program in [
        include_str!("recipes/access.rs"),
        include_str!("recipes/access_axum.rs"),
        include_str!("recipes/access_actix.rs"),
    ] {
        assert!(include_str!("../docs/recipes.md").contains(&format!("```rust\n{program}```\n")), "{program}");
    }
}

async fn cameras(hub: &Hub) -> (Arc<Access>, [String; 2]) {
    // printf ada:secret | base64
    let access = Arc::new(Access::new("Basic YWRhOnNlY3JldA==", b"32 bytes that only servers know."));
    let (of_actix, hub_of_actix) = (Arc::clone(&access), hub.clone());
    let app = access_axum::app(hub.clone(), Arc::clone(&access));
    let configure = move |app: &mut _| access_actix::configure(app, hub_of_actix.clone(), Arc::clone(&of_actix));
    let addresses = servers(app, configure).await;
    (access, addresses)
}

fn get(address: &str, more: &str) -> String {
    format!("GET {address} HTTP/1.1\r\nHost: x\r\n{more}\r\n")
}

#[tokio::test]
async fn only_the_login_gets_the_page_and_its_address_the_stream() {
    let (publisher, hub) = hub::channel();
    publisher.publish(Part::text("picture").unwrap()).unwrap();
    let (access, servers) = cameras(&hub).await;
    let signed = access.sign("/live", "ada", Duration::from_secs(60)).unwrap();
    for name in ["", "a b", "a&b", "\u{e4}da"] {
        assert_eq!(access.sign("/live", name, Duration::from_secs(60)), None, "{name:?}");
    }
    let elsewhere = access.sign("/other", "ada", Duration::from_secs(60)).unwrap().replace("/other", "/live");
    let expired = access.sign("/live", "ada", Duration::ZERO).unwrap();
    let until = signed.split("&until=").nth(1).unwrap().split('&').next().unwrap();
    let (cut, longer) = (&signed[..signed.len() - 1], format!("{signed}0"));
    let (eve, later) = (signed.replace("ada", "eve"), signed.replace(until, "9999999999"));
    let first = signed.replace("?user", "?user=eve&user");
    let rows = [
        ("/", "", 401, "www-authenticate: Basic realm=\"cameras\"\r\n"),
        ("/", "Authorization: Basic YWRhOndyb25n\r\n", 401, "www-authenticate: "),
        ("/", "Authorization: Basic YWRhOnNlY3JldA\r\n", 401, "www-authenticate: "),
        ("/", "Authorization: Basic YWRhOnNlY3JldA==\r\n", 200, "src=\"/live?user=ada&amp;until="),
        (&*signed, "", 200, "picture"),
        (&*format!("{signed}&fps=5&1764150000"), "", 200, "picture"),
        (&*format!("{signed}&user=eve&until=9999999999"), "", 200, "picture"),
        ("/live", "", 403, ""),
        ("/live", "Authorization: Basic YWRhOnNlY3JldA==\r\n", 403, ""),
        ("/live?user=ada&until=9999999999", "", 403, ""),
        ("/live?user=ada&until=9999999999&signature=", "", 403, ""),
        (&*expired, "", 403, ""),
        (&*elsewhere, "", 403, ""),
        (cut, "", 403, ""),
        (&*longer, "", 403, ""),
        (&*eve, "", 403, ""),
        (&*later, "", 403, ""),
        (&*first, "", 403, ""),
    ];
    for server in &servers {
        for (address, more, status, contains) in rows {
            // A refusal is read to its end.
            let (until, more) = match status {
                200 => (contains, more.to_owned()),
                _ => ("never", format!("{more}Connection: close\r\n")),
            };
            let answer = ask(server, get(address, &more), until).await;
            assert!(answer.contains(contains), "{address} {more}: {answer}");
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{address} {more}: {answer}");
            assert!(status == 200 || !answer.contains("picture"), "{answer}");
        }
    }
    assert_eq!(hub.stats().ended.expired, 0);
}

#[tokio::test]
async fn stream_ends_with_its_address_and_keeps_its_picture() {
    let (publisher, hub) = hub::channel();
    publisher.publish(Part::text("picture").unwrap()).unwrap();
    let (access, servers) = cameras(&hub).await;
    for server in &servers {
        let start = Instant::now();
        let signed = access.sign("/live", "ada", Duration::from_secs(2)).unwrap();
        // The close-delimiter, and the end of the chunks.
        let answer = ask(server, get(&signed, "Accept: image/*\r\n"), "--\r\n\r\n0\r\n\r\n").await;
        assert!(answer.contains("picture"), "{answer}");
        assert!(start.elapsed() > Duration::from_millis(900), "{:?}", start.elapsed());
        assert!(ask(server, get(&signed, ""), "\r\n\r\n").await.starts_with("HTTP/1.1 403 "));
    }
    assert_eq!(hub.stats().ended.expired, 2);
}

#[tokio::test]
async fn revoked_address_ends_its_stream_and_is_not_valid_again() {
    for nth in [0, 1] {
        let (publisher, hub) = hub::channel();
        publisher.publish(Part::text("picture").unwrap()).unwrap();
        let (access, servers) = cameras(&hub).await;
        let (ada, eve) = ["ada", "eve"].map(|user| access.sign("/live", user, Duration::from_secs(60)).unwrap()).into();
        let mut streams = Vec::new();
        for address in [&ada, &eve] {
            let mut stream = TcpStream::connect(&servers[nth]).await.unwrap();
            stream.write_all(get(address, "").as_bytes()).await.unwrap();
            answer(&mut stream, "picture").await;
            streams.push(stream);
        }
        access.revoke("ada");
        assert_eq!(hub.revoke("ada"), 1);
        answer(&mut streams[0], "\r\n0\r\n\r\n").await;
        publisher.publish(Part::text("another").unwrap()).unwrap();
        answer(&mut streams[1], "another").await;
        assert!(ask(&servers[nth], get(&ada, ""), "\r\n\r\n").await.starts_with("HTTP/1.1 403 "));
        assert!(ask(&servers[nth], get(&eve, ""), "another").await.starts_with("HTTP/1.1 200 "));
    }
}
