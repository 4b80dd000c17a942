//! Both status servers over sockets.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

use test_support::Program;
use test_support::client::{Server, text};

const AXUM: Program = Program::Package("status");
const ACTIX: Program = Program::Package("status_actix");
const FORM: &str = "service=pump-2&state=down&note=";

/// Makes a test of each function for each server.
macro_rules! both {
    ($($case:ident,)*) => {
        mod axum {
            $(#[tokio::test]
            async fn $case() {
                super::$case(super::AXUM).await;
            })*
        }

        mod actix {
            $(#[tokio::test]
            async fn $case() {
                super::$case(super::ACTIX).await;
            })*
        }
    };
}

both! {
    an_update_reaches_viewers_on_every_wire,
    revalidates_snapshots_and_pulled_pages,
    watching_needs_a_session,
    rejects_invalid_updates,
    escapes_a_boundary_in_a_note,
    a_posted_form_redirects_to_the_board,
    simulates_changes,
    an_update_reaches_a_thousand_viewers_in_time,
    closes_streams_on_shutdown,
}

fn start(program: Program, arguments: &[&str]) -> Server {
    Server::start(&program.path(), &[&["--password", "sesame", "--every", "0"], arguments].concat())
}

async fn an_update_reaches_viewers_on_every_wire(program: Program) {
    let server = start(program, &[]);
    let cookie = server.sign_in("password=sesame").await;
    let mut readers = Vec::new();
    for accept in ["*/*", "multipart/mixed", "image/*"] {
        let mut reader = server.read("/", accept, &cookie).await;
        assert!(reader.next().await.unwrap().contains("All services are up"));
        readers.push(reader);
    }
    let answer = server.post("/update", &[], format!("{FORM}%3Cb%3Ehot%3C/b%3E")).await;
    assert_eq!((answer.status, &*answer.body), (200, "pump-2 is down; viewers: 3\n"));
    for reader in &mut readers {
        let page = reader.sees("pump-2 is down").await;
        assert!(text(&page).contains("<p class=\"note\"><b>hot</b></p>") && !page.contains("<b>hot"), "{page}");
    }
    let json = r#"{"service": "pump-2", "state": "degraded"}"#;
    assert_eq!(server.post("/update", &["Content-Type: application/json; charset=utf-8"], json).await.status, 200);
    for reader in &mut readers {
        reader.sees("pump-2 is degraded").await;
    }
    let page = server.get("/", &["Accept: text/html", &cookie]).await;
    assert!(page.body.contains("pump-2 is degraded") && page.body.contains("<mixed-replace src=\"?\""), "{page:?}");
    assert!(page.field("content-security-policy").unwrap().contains("script-src 'nonce-"));
}

async fn revalidates_snapshots_and_pulled_pages(program: Program) {
    let server = start(program, &[]);
    let cookie = server.sign_in("password=sesame").await;
    for query in ["/?snapshot", "/?pull"] {
        let first = server.get(query, &[&cookie]).await;
        let known = format!("If-None-Match: {}", first.field("etag").unwrap());
        let second = server.get(query, &[&cookie, &known]).await;
        assert_eq!((second.status, &*second.body), (304, ""), "{query}");
        server.post("/update", &[], format!("{FORM}{}", &query[2..])).await;
        let third = server.get(query, &[&cookie, &known]).await;
        assert_eq!(third.status, 200, "{query}");
        assert!(third.body.contains("pump-2 is down"), "{query}");
    }
    assert_eq!(server.get("/?pull", &[&cookie]).await.field("refresh"), Some("5"));
}

async fn watching_needs_a_session(program: Program) {
    let server = start(program, &[]);
    for path in ["/", "/report"] {
        server.rejects_unknown_sessions(path, "status_session", "pump-2").await;
    }
    for (form, status, message) in [
        ("password=sesam", 401, "wrong password\n"),
        ("password=", 401, "wrong password\n"),
        ("word=sesame", 400, "invalid form: unknown field `word`, expected `password`\n"),
    ] {
        let answer = server.post("/login", &[], form).await;
        assert_eq!((answer.status, &*answer.body), (status, message));
        assert_eq!(answer.field("set-cookie"), None);
    }
    let foreign = server.post("/login", &["Origin: http://evil.example"], "password=sesame").await;
    assert_eq!((foreign.status, foreign.field("set-cookie")), (403, None));
    let page = server.post("/login", &["Accept: text/html"], "password=x").await;
    assert!(page.body.contains("wrong password") && page.body.contains("<form"), "{page:?}");
}

async fn rejects_invalid_updates(program: Program) {
    let server = start(program, &[]);
    let json = "Content-Type: application/json";
    let long = "é".repeat(201);
    let large = "x".repeat(1_000_000);
    for (fields, body, status, message) in [
        ("", "service=pump-9&state=up", 404, "unknown service \"pump-9\"; known services: intake, pump-1, pump-2"),
        ("", "service=uv&state=broken", 400, "invalid form: unknown variant `broken`, expected one of `up`"),
        ("", "service=uv", 400, "invalid form: missing field `state`"),
        ("", "service=uv&state=up&colour=red", 400, "invalid form: unknown field `colour`"),
        ("", "service=uv&state=up&note=a%07b", 400, "the note contains the control character U+0007; remove it"),
        ("", &format!("service=uv&state=up&note={long}"), 413, "the note has 201 characters; the limit is 200"),
        ("", &large, 413, "the body has 1000000 bytes; the limit is 4096"),
        (json, "{", 400, "invalid JSON: EOF while parsing"),
        (json, r#"{"service": "uv", "state": "up", "note": 5}"#, 400, "invalid JSON: invalid type: integer `5`"),
        ("Content-Type: text/xml", "<uv/>", 415, "unsupported Content-Type \"text/xml\"; send application/x-www"),
        (
            "Origin: http://evil.example",
            "service=uv&state=down",
            403,
            "cross-origin request from \"http://evil.example\"; post",
        ),
    ] {
        let answer = server.post("/update", &[fields], body).await;
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(answer.body.starts_with(message), "{answer:?}");
        assert!(answer.field("content-type").unwrap().starts_with("text/plain"), "{answer:?}");
        let page = server.post("/update", &[fields, "Accept: text/html"], body).await;
        assert_eq!(page.status, status, "{page:?}");
        assert!(text(&page.body).contains(message) && page.body.contains("<h1>"), "{page:?}");
    }
    let cookie = server.sign_in("password=sesame").await;
    assert!(server.get("/?snapshot", &[&cookie]).await.body.contains("All services are up"), "an update was applied");
}

async fn escapes_a_boundary_in_a_note(program: Program) {
    let server = start(program, &[]);
    let cookie = server.sign_in("password=sesame").await;
    for accept in ["*/*", "multipart/mixed", "image/*"] {
        let mut reader = server.read("/", accept, &cookie).await;
        reader.next().await.unwrap();
        let note = format!("--{}--", reader.boundary());
        assert_eq!(server.post("/update", &[], format!("{FORM}{note}")).await.status, 200);
        let page = reader.next().await.unwrap();
        assert!(text(&page).contains(&note) && !page.contains(&note), "{page}");
    }
}

async fn a_posted_form_redirects_to_the_board(program: Program) {
    let server = start(program, &[]);
    let origin = format!("Origin: http://{}", server.address);
    let answer = server.post("/update", &["Accept: text/html,*/*;q=0.8", &origin], format!("{FORM}hot")).await;
    assert_eq!((answer.status, answer.field("location")), (303, Some("/")));
    let cookie = server.sign_in("password=sesame").await;
    let form = server.get("/report", &["Accept: text/html", &cookie]).await;
    assert!(form.body.contains("<form action=\"/update\"") && form.field("refresh").is_none(), "{form:?}");
}

async fn simulates_changes(program: Program) {
    let server = start(program, &["--every", "0.02"]);
    let cookie = server.sign_in("password=sesame").await;
    let mut reader = server.read("/", "multipart/mixed", &cookie).await;
    let mut before = reader.next().await.unwrap();
    for _ in 0..20 {
        let page = reader.next().await.unwrap();
        assert_ne!(page, before);
        before = page;
    }
}

async fn an_update_reaches_a_thousand_viewers_in_time(program: Program) {
    rlimit::increase_nofile_limit(4096).unwrap();
    let server = start(program, &[]);
    let cookie = server.sign_in("password=sesame").await;
    let post = server.post("/update", &[], format!("{FORM}hot"));
    server.reaches_a_thousand("/", &cookie, "pump-2 is down", post).await;
}

async fn closes_streams_on_shutdown(program: Program) {
    for signal in ["INT", "TERM"] {
        let server = start(program, &[]);
        let cookie = server.sign_in("password=sesame").await;
        server.shuts_down("/", &cookie, signal).await;
    }
}
