//! The page endpoint on axum and on actix, which respond alike to the same requests.
#![cfg(all(feature = "axum", feature = "actix-web", feature = "page"))]
#![expect(clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

use std::time::{Duration, Instant};

use actix_web::web;
use axum::Router;
use mixed_replace::{ClientScript, Page, Part, Publisher, hub};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

async fn servers(page: &Page) -> [String; 2] {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let axum = listener.local_addr().unwrap().to_string();
    let app = Router::new().route_service("/status", page.clone()).route_service("/client.js", ClientScript);
    tokio::spawn(async move { axum::serve(listener, app).await });

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let actix = listener.local_addr().unwrap().to_string();
    let page = page.clone();
    std::thread::spawn(move || {
        let app = move || {
            let app = actix_web::App::new().route("/status", web::to(page.clone()));
            app.route("/client.js", web::to(ClientScript))
        };
        let server = actix_web::HttpServer::new(app).workers(1).listen(listener).unwrap().run();
        actix_web::rt::System::new().block_on(server)
    });
    [axum, actix]
}

/// Returns the response up to the end of the body, or until it contains a complete part.
async fn ask(address: &str, request: &str) -> String {
    let mut connection = TcpStream::connect(address).await.unwrap();
    let request = format!("{}|Host: x|Connection: close||", request).replace('|', "\r\n");
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = async {
        while connection.read_buf(&mut answer).await.unwrap() > 0 {
            let text = String::from_utf8_lossy(&answer);
            if text.contains("content-type: multipart/") && text.matches("\r\n--").count() >= 2 {
                break;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), read).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

async fn ask_both(page: &Page, request: &str, check: impl Fn(&str)) {
    for address in servers(page).await {
        check(&ask(&address, request).await);
    }
}

/// Creates a page with this part. It works as long as the publisher exists.
fn showing(part: Part) -> (Publisher, Page) {
    let (publisher, hub) = hub::channel();
    publisher.publish(part).unwrap();
    (publisher, Page::new(hub))
}

fn html(text: &'static str) -> Part {
    Part::html(text).unwrap()
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap().1
}

fn field<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let head = answer.split_once("\r\n\r\n").unwrap().0;
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

const CHROMIUM: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,\
                        application/signed-exchange;v=b3;q=0.7";
const FIREFOX: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
const IMAGE: &str = "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5";

#[tokio::test]
async fn response_depends_on_fetch_metadata_and_accept() {
    let (_publisher, page) = showing(html("<h1>on</h1>"));
    for (accept, more, content_type, length) in [
        (CHROMIUM, "", "text/html; charset=utf-8", None),
        (FIREFOX, "", "text/html; charset=utf-8", None),
        (FIREFOX, "|Sec-Fetch-Dest: iframe", "text/html; charset=utf-8", None),
        ("*/*", "|Sec-Fetch-Dest: document", "text/html; charset=utf-8", None),
        (IMAGE, "", "multipart/x-mixed-replace", Some(false)),
        (FIREFOX, "|Sec-Fetch-Dest: image", "multipart/x-mixed-replace", Some(false)),
        ("multipart/mixed", "", "multipart/mixed", Some(true)),
        ("multipart/mixed, text/html", "", "multipart/mixed", Some(true)),
        ("*/*", "", "multipart/x-mixed-replace", Some(true)),
        ("text/html;q=0, */*", "", "multipart/x-mixed-replace", Some(true)),
    ] {
        ask_both(&page, &format!("GET /status HTTP/1.1|Accept: {accept}{more}"), |answer| {
            assert!(answer.starts_with("HTTP/1.1 200"), "{accept}{more}: {answer}");
            assert!(field(answer, "content-type").unwrap().starts_with(content_type), "{accept}{more}: {answer}");
            assert!(field(answer, "vary").unwrap().contains("Accept"), "{answer}");
            assert!(field(answer, "cache-control").unwrap().contains("no-store"), "{answer}");
            if let Some(length) = length {
                assert_eq!(answer.contains("Content-Length: 11"), length, "{accept}{more}: {answer}");
            }
        })
        .await;
    }
}

#[tokio::test]
async fn native_replacement_is_available_to_browsers() {
    let (_publisher, page) = showing(html("<h1>on</h1>"));
    let page = page.native(true);
    for (accept, content_type) in [(CHROMIUM, "text/html"), (FIREFOX, "multipart/x-mixed-replace")] {
        ask_both(&page, &format!("GET /status HTTP/1.1|Accept: {accept}"), |answer| {
            assert!(field(answer, "content-type").unwrap().starts_with(content_type), "{accept}: {answer}");
        })
        .await;
    }
}

#[tokio::test]
async fn page_of_slow_hub_waits_long() {
    let (publisher, hub) = hub::builder().keep_alive_interval(Duration::MAX).build();
    publisher.publish(html("on")).unwrap();
    ask_both(&Page::new(hub), &format!("GET /status HTTP/1.1|Accept: {FIREFOX}"), |answer| {
        assert!(answer.contains(" timeout=\"86400\""), "{answer}");
    })
    .await;
}

#[tokio::test]
async fn page_embeds_the_part_and_allows_only_its_own_script() {
    let hostile = r#"</iframe><script>alert(1)</script>" onload="alert(2)&quot;"#;
    let (_publisher, page) = showing(html(hostile));
    let page = page.title("Is <it> \"up\"?").refresh(Duration::from_secs(7));
    ask_both(&page, &format!("GET /status?key=a%22b&x HTTP/1.1|Accept: {FIREFOX}"), |answer| {
        let policy = field(answer, "content-security-policy").unwrap();
        let nonce = policy.split_once("script-src 'nonce-").unwrap().1.split_once('\'').unwrap().0;
        assert!(policy.contains("default-src 'none'; script-src 'nonce-") && nonce.len() >= 20, "{policy}");
        let body = body(answer);
        let escaped =
            "srcdoc=\"&lt;/iframe&gt;&lt;script&gt;alert(1)&lt;/script&gt;&quot; onload=&quot;alert(2)&amp;quot;\"";
        assert!(
            body.contains(&format!(
                "<iframe sandbox=\"allow-same-origin\" title=\"Is &lt;it&gt; &quot;up&quot;?\" {escaped}>"
            )),
            "{body}"
        );
        assert_eq!(body.matches("<script").count(), 1, "{body}");
        assert!(
            body.contains(&format!("<script type=\"module\" nonce=\"{nonce}\" src=\"?key=a%22b&amp;x&amp;client=")),
            "{body}"
        );
        assert!(
            body.contains(
                "<noscript><meta http-equiv=\"refresh\" content=\"7; url=?key=a%22b&amp;x&amp;pull\"></noscript>"
            ),
            "{body}"
        );
        assert!(
            body.contains("<mixed-replace src=\"?key=a%22b&amp;x&amp;\" target=\"#part\" timeout=\"25\" again=\"10\" "),
            "{body}"
        );
    })
    .await;
}

#[tokio::test]
async fn page_names_the_sites_that_may_frame_it() {
    for (sources, policy) in [
        (None, "frame-ancestors 'self'"),
        (Some("'none'"), "frame-ancestors 'none'"),
        (Some("https://wiki.example:8443 'self'"), "frame-ancestors https://wiki.example:8443 'self'"),
    ] {
        let (_publisher, page) = showing(html("<h1>on</h1>"));
        let page = match sources {
            Some(sources) => page.frame_ancestors(sources).unwrap(),
            None => page,
        };
        for (query, more) in [("", ""), ("?pull", ""), ("?snapshot", "; sandbox")] {
            ask_both(&page, &format!("GET /status{query} HTTP/1.1|Accept: {FIREFOX}"), |answer| {
                let found = field(answer, "content-security-policy").unwrap();
                assert!(found.ends_with(&format!("{policy}{more}")), "{query}: {found}");
            })
            .await;
        }
    }
    for (bad, message) in [
        ("", "invalid frame ancestors: are empty, use 'none' to forbid all frames"),
        ("* ; script-src *", "invalid frame ancestors: contain ';'"),
        ("a,b", "invalid frame ancestors: contain ','"),
        ("a\r\nb: c", "invalid frame ancestors: contain '\\r'"),
        ("m\u{fc}ller.example", "invalid frame ancestors: contain '\u{fc}'"),
    ] {
        let (_publisher, page) = showing(html("<h1>on</h1>"));
        assert_eq!(page.frame_ancestors(bad).unwrap_err().to_string(), message);
    }
}

#[tokio::test]
async fn trusted_part_is_the_page() {
    let part = "<!doctype html><title>on</title><h1>on</h1>\n";
    let (_publisher, page) = showing(html(part));
    ask_both(&page.trusted(true), &format!("GET /status HTTP/1.1|Accept: {FIREFOX}"), |answer| {
        let tail = body(answer).strip_prefix(part).unwrap();
        assert!(tail.starts_with("<script type=\"module\" nonce="), "{tail}");
        assert!(
            tail.contains("<mixed-replace src=\"?\" target=\"html\" timeout=\"25\" again=\"10\" trusted "),
            "{tail}"
        );
    })
    .await;
}

#[tokio::test]
async fn page_shows_age_when_configured() {
    let start = Instant::now();
    let (_publisher, page) = showing(html("<h1>on</h1>"));
    let request = format!("GET /status HTTP/1.1|Accept: {FIREFOX}");
    ask_both(&page, &request, |answer| assert!(!answer.contains("age=\""), "{answer}")).await;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    ask_both(&page.show_age(true), &request, |answer| {
        let (_, after) = answer.split_once(" show-age age=\"").unwrap();
        let (age, _) = after.split_once("\" role=\"status\" ").unwrap();
        assert!((1..=start.elapsed().as_secs()).contains(&age.parse().unwrap()), "{answer}");
    })
    .await;
}

#[tokio::test]
async fn page_embeds_other_types_by_address() {
    let picture = Part::svg("<svg xmlns='http://www.w3.org/2000/svg'/>").unwrap();
    for (part, pull, inside) in [
        (Part::text("a < b").unwrap(), "", "<main id=\"part\"><pre>a &lt; b</pre></main>"),
        (Part::json("{\"a\":1}").unwrap(), "", "<main id=\"part\"><pre>{&quot;a&quot;:1}</pre></main>"),
        (picture.clone(), "", "<main id=\"part\"><img alt=\"Status\" src=\"?snapshot\"></main>"),
        (picture.clone(), "?pull", "<main id=\"part\"><img alt=\"Status\" src=\"?\"></main>"),
    ] {
        let (_publisher, page) = showing(part);
        ask_both(&page, &format!("GET /status{pull} HTTP/1.1|Accept: {CHROMIUM}"), |answer| {
            assert!(answer.contains(inside), "{answer}");
        })
        .await;
    }
    let (_publisher, page) = showing(picture);
    ask_both(&page.snapshot_param(false), &format!("GET /status HTTP/1.1|Accept: {CHROMIUM}"), |answer| {
        assert!(answer.contains("<img alt=\"Status\" src=\"?\">"), "a stream: {answer}");
    })
    .await;
}

#[tokio::test]
async fn unchanged_scriptless_page_responds_304() {
    let (publisher, page) = showing(html("<h1>on</h1>"));
    for address in servers(&page.refresh(Duration::from_secs(3))).await {
        let request = format!("GET /status?pull HTTP/1.1|Accept: {FIREFOX}");
        let first = ask(&address, &request).await;
        assert_eq!(field(&first, "refresh"), Some("3"));
        assert_eq!(field(&first, "cache-control"), Some("private, no-cache"));
        assert!(field(&first, "content-security-policy").unwrap().contains("script-src 'none'"));
        assert!(!first.contains("<script") && first.contains("&lt;h1&gt;on"), "{first}");

        let again = format!("{request}|If-None-Match: {}", field(&first, "etag").unwrap());
        let second = ask(&address, &again).await;
        assert!(second.starts_with("HTTP/1.1 304"), "{second}");
        assert_eq!((field(&second, "refresh"), body(&second)), (Some("3"), ""));
        assert!(second.len() < 700, "{} bytes", second.len());

        publisher.publish(html("<h1>off</h1>")).unwrap();
        assert!(ask(&address, &again).await.contains("&lt;h1&gt;off"));
        publisher.publish(html("<h1>on</h1>")).unwrap();
    }
}

#[tokio::test]
async fn snapshot_of_rarely_changing_hub_responds_at_once() {
    let (_publisher, page) = showing(Part::text("since May").unwrap());
    for address in servers(&page).await {
        tokio::time::sleep(Duration::from_millis(1100)).await;
        let began = std::time::Instant::now();
        let answer = ask(&address, "GET /status?snapshot HTTP/1.1").await;
        assert!(answer.ends_with("\r\n\r\nsince May"), "{answer}");
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    }
}

#[tokio::test]
async fn part_by_itself_runs_no_script() {
    for (trusted, sandboxed) in [(false, true), (true, false)] {
        let (_publisher, page) = showing(html("<script>alert(1)</script>"));
        for method in ["GET", "HEAD"] {
            ask_both(&page.clone().trusted(trusted), &format!("{method} /status?snapshot HTTP/1.1"), |answer| {
                let policy = field(answer, "content-security-policy").unwrap();
                assert!(policy.contains("script-src 'none';"), "{answer}");
                assert_eq!(policy.ends_with("; sandbox"), sandboxed, "{answer}");
            })
            .await;
        }
    }
}

#[tokio::test]
async fn page_responds_before_first_part() {
    let (_publisher, hub) = hub::channel();
    for trusted in [false, true] {
        let page = Page::new(hub.clone()).trusted(trusted);
        ask_both(&page, &format!("GET /status HTTP/1.1|Accept: {FIREFOX}"), |answer| {
            assert!(answer.contains("<p>Nothing yet.</p>") && answer.contains("<mixed-replace "), "{answer}");
        })
        .await;
    }
}

#[tokio::test]
async fn page_serves_the_client_script() {
    let (_publisher, page) = showing(html("<h1>on</h1>"));
    for address in servers(&page).await {
        let answer = ask(&address, &format!("GET /status HTTP/1.1|Accept: {FIREFOX}")).await;
        let query = answer.split_once("src=\"?client=").unwrap().1.split_once('"').unwrap().0;
        let by_page = ask(&address, &format!("GET /status?client={query} HTTP/1.1")).await;
        assert_eq!(field(&by_page, "cache-control"), Some("public, max-age=31536000, immutable"));
        assert_eq!(body(&by_page), ClientScript::source());
        // The modules that it imports, by an address that it makes from its own.
        for name in ["html", "wall"] {
            for (path, caching) in [
                (format!("/status?a=b&client={query}&client={name}"), "public, max-age=31536000, immutable"),
                (format!("/client.js?client={name}"), "no-cache"),
                (format!("/client.js?v=1&client={name}&"), "no-cache"),
            ] {
                let module = ask(&address, &format!("GET {path} HTTP/1.1")).await;
                assert_eq!(field(&module, "cache-control"), Some(caching), "{path}");
                assert_eq!(field(&module, "content-type"), Some("text/javascript; charset=utf-8"), "{path}");
                let export = body(&module).split_once("export").map(|(_, export)| export.contains("follow"));
                assert_eq!(export, Some(name == "wall"), "{path}");
            }
        }
        let old = ask(&address, "GET /status?client=old HTTP/1.1").await;
        assert_eq!(field(&old, "cache-control"), Some("no-cache"));

        let alone = ask(&address, "GET /client.js HTTP/1.1").await;
        assert_eq!(field(&alone, "content-type"), Some("text/javascript; charset=utf-8"));
        assert_eq!(body(&alone), ClientScript::source());
        let again = format!("GET /client.js HTTP/1.1|If-None-Match: {}", field(&alone, "etag").unwrap());
        assert!(ask(&address, &again).await.starts_with("HTTP/1.1 304"));
        assert!(ask(&address, "POST /client.js HTTP/1.1|Content-Length: 0").await.starts_with("HTTP/1.1 405"));
        assert!(ask(&address, "DELETE /status HTTP/1.1|Content-Length: 0").await.starts_with("HTTP/1.1 405"));
    }
}
