//! The chat server over sockets.
#![cfg(unix)]

use std::path::Path;
use std::time::Duration;

use test_support::client::{Answer, Server, text};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

fn start(arguments: &[&str]) -> Server {
    Server::start(Path::new(env!("CARGO_BIN_EXE_chat")), arguments)
}

async fn say(server: &Server, cookie: &str, text: impl AsRef<[u8]>) -> Answer {
    let coded: String = text.as_ref().iter().map(|byte| format!("%{byte:02x}")).collect();
    server.post("/r/tea/say", &[cookie], format!("text={coded}")).await
}

#[tokio::test]
async fn a_message_reaches_every_reader_of_its_room() {
    let server = start(&[]);
    let (ann, bob) = (server.sign_in("name=Ann").await, server.sign_in("name=Bob").await);
    let mut readers = Vec::new();
    for (accept, cookie) in [("*/*", &ann), ("multipart/mixed", &bob), ("image/*", &bob)] {
        let mut reader = server.read("/r/tea/said", accept, cookie).await;
        assert!(reader.next().await.unwrap().contains("No messages in"));
        readers.push(reader);
    }
    let sent = say(&server, &ann, "Milk & sugar?").await;
    assert_eq!((sent.status, &*sent.body), (200, "sent; readers: 3\n"));
    for reader in &mut readers {
        let page = text(&reader.sees("Milk").await);
        assert!(
            page.contains("<b dir=\"auto\">Ann</b>")
                && page.contains("<p class=\"text\" dir=\"auto\">Milk & sugar?</p>")
        );
    }
    let json = r#"{"text": "Neither, thanks."}"#;
    assert_eq!(server.post("/r/tea/say", &[&bob, "Content-Type: application/json"], json).await.status, 200);
    for reader in &mut readers {
        let page = reader.sees("Neither").await;
        assert!(page.contains("Bob</b>") && page.contains("sugar?"), "{page}");
    }
    let page = server.get("/r/tea/said", &[&ann, "Accept: text/html"]).await;
    assert!(page.body.contains("Neither") && page.body.contains("<mixed-replace"), "a later reader sees it too");
    assert!(!server.get("/r/coffee/said?snapshot", &[&ann]).await.body.contains("Neither"));
}

#[tokio::test]
async fn times_out_an_incomplete_body() {
    let server = start(&[]);
    let mut connection = TcpStream::connect(&server.address).await.unwrap();
    let head = "POST /login HTTP/1.1\r\nHost: chat\r\nContent-Length: 100\r\n\r\nname=A";
    connection.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    timeout(Duration::from_secs(20), connection.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
}

#[tokio::test]
async fn works_without_scripts() {
    let server = start(&[]);
    let ann = server.sign_in("name=Ann").await;
    let room = server.get("/r/tea", &[&ann, "Accept: text/html"]).await;
    for frame in ["<iframe class=\"said\" src=\"/r/tea/said\"", "<iframe class=\"say\" src=\"/r/tea/say\""] {
        assert!(room.body.contains(frame), "{room:?}");
    }
    let form = server.get("/r/tea/say", &[&ann, "Accept: text/html"]).await;
    for page in [&room, &form] {
        assert!(!page.body.contains("<script") && page.field("refresh").is_none(), "{page:?}");
        assert!(page.field("content-security-policy").unwrap().contains("default-src 'none'"), "{page:?}");
    }
    let answer = server.post("/r/tea/say", &[&ann, "Accept: text/html"], "text=Hello").await;
    assert_eq!((answer.status, answer.field("location")), (303, Some("/r/tea/say")));
    let pull = server.get("/r/tea/said?pull", &[&ann, "Accept: text/html"]).await;
    assert!(pull.body.contains("Hello") && !pull.body.contains("<script"), "{pull:?}");
    assert_eq!(pull.field("refresh"), Some("3"));
    let known = format!("If-None-Match: {}", pull.field("etag").unwrap());
    assert_eq!(server.get("/r/tea/said?pull", &[&ann, &known]).await.status, 304);
}

#[tokio::test]
async fn reading_and_writing_need_a_session() {
    let server = start(&[]);
    let ann = server.sign_in("name=Ann").await;
    say(&server, &ann, "secret").await;
    for path in ["/", "/r/tea", "/r/tea/said", "/r/tea/say", "/enter"] {
        server.rejects_unknown_sessions(path, "chat_session", "secret").await;
    }
    assert_eq!(say(&server, "Cookie: chat_session=x", "hello").await.status, 401);
    for (form, status, message) in [
        ("name=aNN", 409, "the name Ann is in use; choose another\n"),
        ("name=%00", 400, "the name contains U+0000; use letters, digits, spaces and - _ . '\n"),
        ("name=%3Cb%3E", 400, "the name contains U+003C; use letters, digits, spaces and - _ . '\n"),
        ("name=", 400, "the name is empty\n"),
        ("nick=Bob", 400, "invalid form: unknown field `nick`, expected `name` or `room`\n"),
    ] {
        let answer = server.post("/login", &[], form).await;
        assert_eq!((answer.status, &*answer.body), (status, message));
        assert_eq!(answer.field("set-cookie"), None);
    }
    for (room, location) in [("tea", "/r/tea"), ("//evil.example", "/"), ("%0d%0aSet-Cookie:%20a=b", "/")] {
        let answer = server.post("/login", &[], format!("name=To {}&room={room}", location.len() + room.len())).await;
        assert_eq!((answer.status, answer.field("location")), (303, Some(location)));
    }
}

#[tokio::test]
async fn escapes_or_rejects_hostile_text() {
    let server = start(&[]);
    let (eve, bob) = (server.sign_in("name=Eve").await, server.sign_in("name=Bob").await);
    let mut readers = Vec::new();
    for accept in ["*/*", "multipart/mixed", "image/*"] {
        let mut reader = server.read("/r/tea/said", accept, &bob).await;
        reader.next().await.unwrap();
        readers.push(reader);
    }
    let [one, other, third] = [&readers[0], &readers[1], &readers[2]].map(|reader| reader.boundary());
    let mut texts = vec![
        ("<script>alert(1)</script>".to_owned(), "<script>alert(1)</script>".to_owned()),
        ("</p></li></ol><iframe src=//evil>".to_owned(), "</p></li></ol><iframe src=//evil>".to_owned()),
        ("&lt;b&gt; &amp; \" '".to_owned(), "&lt;b&gt; &amp; \" '".to_owned()),
        ("a\0b\x1b[31mc\x7fd\u{85}e".to_owned(), "a␀b␛[31mc␡d\u{fffd}e".to_owned()),
        ("\u{202e}abc".to_owned(), "\u{202e}abc".to_owned()),
    ];
    for boundary in [one, other, third] {
        let part = format!("x\r\n--{boundary}\r\nContent-Type: text/html\r\n\r\n<h1>Eve's</h1>\r\n--{boundary}--\r\ny");
        texts.push((part.clone(), part.replace("\r\n", "\n")));
        texts.push((boundary.repeat(3), boundary.repeat(3)));
    }
    for (sent, expected) in texts {
        let answer = say(&server, &eve, &sent).await;
        assert_eq!(answer.status, 200, "{sent:?}: {answer:?}");
        for reader in &mut readers {
            // The next part of each reader holds the complete message.
            let page = reader.next().await.unwrap();
            let end = page.rfind("<p class=\"text\" dir=\"auto\">").unwrap();
            let last = page[end..].split_once('>').unwrap().1.split_once("</p>").unwrap().0;
            assert_eq!(text(last), expected);
            assert!(!last.contains('<') && !last.contains('>'), "{last}");
        }
    }
    for (sent, status, message) in [
        (vec![b'x'; 1_000_000], 413, "the body has 3000005 bytes; the limit is 32768\n"),
        (vec![b'x'; 2001], 413, "the message has 2001 characters; the limit is 2000\n"),
        (b" \n".to_vec(), 400, "the message is empty\n"),
    ] {
        let answer = say(&server, &eve, sent).await;
        assert_eq!((answer.status, &*answer.body), (status, message));
    }
    assert_eq!(say(&server, &eve, b"a\xff\xfeb").await.status, 200);
    for reader in &mut readers {
        assert!(reader.next().await.unwrap().contains("a\u{fffd}\u{fffd}b"), "a refused message was published");
    }
    let page = server.post("/r/tea/say", &[&eve, "Accept: text/html"], format!("text={}", "<".repeat(2001))).await;
    assert_eq!(page.status, 413);
    assert!(text(&page.body).contains("Not sent: the message has 2001 characters"), "{page:?}");
    assert!(text(&page.body).contains(&format!("value=\"{}\"", "<".repeat(2001))), "the typed text is lost");
    let foreign = server.post("/r/tea/say", &[&eve, "Origin: http://evil.example"], "text=x").await;
    assert_eq!(foreign.status, 403, "{foreign:?}");
}

#[tokio::test]
async fn history_keeps_the_newest_messages() {
    let server = start(&[]);
    let ann = server.sign_in("name=Ann").await;
    for i in 0..130 {
        assert_eq!(say(&server, &ann, format!("number {i}.")).await.status, 200);
    }
    let page = server.get("/r/tea/said?snapshot", &[&ann]).await.body;
    assert!(page.contains("number 129.") && page.contains("number 30.") && !page.contains("number 29."), "{page}");
    for i in 0..60 {
        assert_eq!(say(&server, &ann, format!("{i} {}", "x ".repeat(990))).await.status, 200);
    }
    let page = server.get("/r/tea/said?snapshot", &[&ann]).await.body;
    assert!(page.len() < 100_000, "{}", page.len());
}

#[tokio::test]
async fn limits_the_number_of_rooms_and_removes_empty_ones() {
    let server = start(&["--rooms", "2", "--quiet", "0"]);
    let ann = server.sign_in("name=Ann").await;
    let mut readers = Vec::new();
    for room in ["a", "b"] {
        let mut reader = server.read(&format!("/r/{room}/said"), "*/*", &ann).await;
        reader.next().await.unwrap();
        readers.push(reader);
    }
    let full = server.get("/enter?room=c", &[&ann]).await;
    assert_eq!((full.status, &full.body[..24]), (503, "all 2 rooms are in use; "));
    assert_eq!(server.get("/enter?room=a", &[&ann]).await.field("location"), Some("/r/a"));
    for (room, message) in [
        ("Tea", "the room's name contains U+0054"),
        ("a/b", "the room's name contains U+002F"),
        ("", "the room's name is empty"),
    ] {
        let answer = server.get(&format!("/enter?room={room}"), &[&ann]).await;
        assert_eq!(answer.status, 400, "{answer:?}");
        assert!(answer.body.starts_with(message), "{answer:?}");
    }
    readers.pop();
    let entered = async {
        while server.get("/enter?room=c", &[&ann]).await.status != 303 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(25), entered).await.expect("the empty room was not removed");
}

#[tokio::test]
async fn a_message_reaches_a_thousand_readers_in_time() {
    rlimit::increase_nofile_limit(4096).unwrap();
    let server = start(&[]);
    let ann = server.sign_in("name=Ann").await;
    server.reaches_a_thousand("/r/tea/said", &ann, "to all of you", say(&server, &ann, "to all of you")).await;
}

#[tokio::test]
async fn closes_streams_on_shutdown() {
    for signal in ["INT", "TERM"] {
        let server = start(&[]);
        let ann = server.sign_in("name=Ann").await;
        say(&server, &ann, "goodbye").await;
        server.shuts_down("/r/tea/said", &ann, signal).await;
    }
}
