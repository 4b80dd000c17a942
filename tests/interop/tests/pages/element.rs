//! The element as used by scripts: late changes of attributes and properties, removal, damaged pictures, denials.

use std::time::Instant;

use bytes::Bytes;
use interop_tests::browsers::picture::{PALETTE, files};
use interop_tests::browsers::raw::{Answer, Raw};
use interop_tests::browsers::{Browser, each_engine};
use tokio::time::sleep;

use crate::{AT_MOST, SECOND, go, sees, until, until_state};

#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn element_without_src_opens_no_connection() {
    each_engine(async |browser| {
        let site =
            Raw::start(&page("<mixed-replace></mixed-replace><mixed-replace src></mixed-replace>"), texts()).await;
        go(browser, &site.url()).await;
        until(browser, "return !!customElements.get('mixed-replace')").await;
        browser.run("document.body.append(document.createElement('mixed-replace'))").await;
        sleep(SECOND).await;
        assert_eq!(site.requests(), 0);
        let requests = site.heads().concat();
        assert!(!requests.contains("undefined") && !requests.contains("null"), "{requests}");
        assert_eq!(browser.run("return element.getAttribute('state')").await, serde_json::Value::Null);
    });
}

#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn changes_in_one_task_reconnect_once() {
    each_engine(async |browser| {
        let site = Raw::start(&page("<mixed-replace></mixed-replace>"), texts()).await;
        go(browser, &site.url()).await;
        until(browser, "return !!customElements.get('mixed-replace')").await;
        let connects = async |script: &str, requests: usize, path: &str| {
            browser.run(script).await;
            until(browser, &format!("return document.body.innerText.includes('text {requests}.')")).await;
            until_state(browser, "live").await;
            sleep(SECOND / 4).await;
            let last = site.heads().into_iter().rfind(|head| head.starts_with("GET /stream")).unwrap_or_default();
            assert!(last.starts_with(&format!("GET {path} ")), "{script}: {last}");
            is_open(&site, 1).await;
            assert_eq!(site.requests(), requests, "{script}");
        };
        connects("element.src = '/stream?a'", 1, "/stream?a").await;
        connects("element.setAttribute('src', '/stream?b')", 2, "/stream?b").await;
        let several = "element.src = '/stream'; element.setAttribute('timeout', 9); element.src = '/stream?c'; element.headers = {}";
        connects(several, 3, "/stream?c").await;
        connects("element.setAttribute('limit', 999)", 4, "/stream?c").await;
        connects("element.removeAttribute('limit')", 5, "/stream?c").await;
        // Setting an equal value is no change.
        connects("element.setAttribute('timeout', 9); element.src = element.src", 5, "/stream?c").await;
        assert_eq!(browser.run("return log.includes('ended')").await, false, "a change is no end");

        browser.run("element.removeAttribute('src')").await;
        is_open(&site, 0).await;
        until_state(browser, "ended").await;
        until(browser, "return element.innerText.includes('text 5.')").await;

        connects("element.src = '/stream?d'", 6, "/stream?d").await;
        connects("document.body.append(element)", 7, "/stream?d").await;
        browser.run("element.remove(); element.src = '/stream?e'").await;
        is_open(&site, 0).await;
        sleep(SECOND / 2).await;
        assert_eq!(site.requests(), 7, "an element outside the page has no connection");
        connects("document.body.append(element)", 8, "/stream?e").await;
    });
}

#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn properties_set_before_the_script_loads_apply() {
    each_engine(async |browser| {
        let body = "<mixed-replace></mixed-replace><script>
            const early = document.querySelector('mixed-replace');
            early.headers = { 'x-token': 'early' };
            early.src = '/stream?early';
        </script>";
        let site = Raw::start(&page(body), texts()).await;
        go(browser, &site.url()).await;
        until(browser, "return document.body.innerText.includes('text 1.')").await;
        assert_eq!(site.requests(), 1);
        let requests = site.heads().concat();
        assert!(requests.contains("GET /stream?early ") && requests.contains("x-token: early\r\n"), "{requests}");
    });
}

#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn cookies_go_to_another_origin_only_with_credentials() {
    each_engine(async |browser| {
        let site = Raw::start(&page("<mixed-replace></mixed-replace>"), texts()).await;
        let origin = site.url();
        let cors = format!(
            "Access-Control-Allow-Origin: {}\r\nAccess-Control-Allow-Credentials: true\r\n",
            origin.trim_end_matches('/')
        );
        let other = Raw::start("", vec![ok(&cors, &part("text/plain", b"from there"))]).await;
        go(browser, &origin).await;
        until(browser, "return !!customElements.get('mixed-replace')").await;
        let from = other.url();
        browser.run(&format!("document.cookie = 'who=me'; element.src = '{from}stream'")).await;
        until(browser, "return element.innerText.includes('from there')").await;
        browser.run("element.setAttribute('credentials', 'include')").await;
        let deadline = Instant::now() + AT_MOST;
        while other.requests() < 2 {
            assert!(Instant::now() < deadline, "{:?}", other.heads());
            sleep(SECOND / 20).await;
        }
        let cookies: Vec<_> = other.heads().iter().map(|head| head.to_lowercase().contains("cookie: who=me")).collect();
        assert_eq!(cookies, [false, true], "{:?}", other.heads());
    });
}

#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn undecodable_picture_keeps_the_previous_one() {
    each_engine(async |browser| {
        let files = files("refuse-");
        let [a, b, ..] = PALETTE;
        let good = part("image/jpeg", a.jpeg().body());
        let mut answers: Vec<_> = files
            .iter()
            .map(|(kind, _, file)| ok("", &[&good[..], &part(kind.essence_str(), file)].concat()))
            .collect();
        answers.push(ok("", &part("image/jpeg", b.jpeg().body())));
        let body = "<img id=camera alt=Camera width=300 height=300><mixed-replace target='#camera'></mixed-replace>";
        let site = Raw::start(&page(body), answers).await;
        go(browser, &site.url()).await;
        until(browser, "return !!customElements.get('mixed-replace')").await;
        for (number, (kind, name, file)) in files.iter().enumerate() {
            browser.run(&format!("element.src = '/stream?{name}'")).await;
            until(browser, &format!("return errors.length === {}", number + 1)).await;
            let error = browser.run("return errors.at(-1)").await;
            assert_eq!(error, serde_json::json!([kind.essence_str(), file.len(), "Error"]), "{name}");
            sees(browser, a).await;
            sleep(SECOND / 4).await;
            assert_eq!(browser.watch().now(), Some(a), "{name} in {}", browser.engine());
        }
        browser.run("element.src = '/stream'").await;
        sees(browser, b).await;
        assert_eq!(browser.run("return urls.size").await, 1, "only the address of the shown picture");
        browser.run("element.remove()").await;
        until(browser, "return urls.size === 0").await;
        assert_eq!(browser.watch().now(), Some(b));
    });
}

#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn replaced_picture_frees_its_memory() {
    each_engine(async |browser| {
        let parts = [part("image/png", PALETTE[0].png().body()), part("text/plain", b"text 2.")];
        let site =
            Raw::start(&page("<mixed-replace></mixed-replace>"), vec![ok("", &parts[0]), ok("", &parts[1])]).await;
        go(browser, &site.url()).await;
        until(browser, "return !!customElements.get('mixed-replace')").await;
        browser.run("element.src = '/stream?1'").await;
        sees(browser, PALETTE[0]).await;
        assert_eq!(browser.run("return urls.size").await, 1);
        browser.run("element.src = '/stream?2'").await;
        until(browser, "return document.body.innerText.includes('text 2.')").await;
        until(browser, "return urls.size === 0").await;
    });
}

#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn denied_element_does_not_retry_until_an_attribute_changes() {
    each_engine(async |browser| {
        let denied = |status: &str| Answer {
            bytes: Bytes::from(format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")),
            cut: true,
        };
        let answers = vec![
            denied("401 Unauthorized"),
            denied("403 Forbidden"),
            denied("403 Forbidden"),
            ok("", &text(4)),
            denied("403 Forbidden"),
        ];
        let body =
            "<div id=board></div><mixed-replace src=/stream target='#board' data-denied='Log in.'></mixed-replace>";
        let site = Raw::start(&page(body), answers).await;
        go(browser, &site.url()).await;
        until_state(browser, "denied").await;
        until(browser, "return element.innerText.trim() === 'Log in.'").await;
        stays_denied(browser, &site, 1).await;
        browser.run("element.headers = async () => ({ authorization: 'Bearer stale' })").await;
        stays_denied(browser, &site, 2).await;
        let cover = browser.cover().await;
        sleep(SECOND).await;
        browser.uncover(cover).await;
        stays_denied(browser, &site, 3).await;
        browser.run("element.headers = { authorization: 'Bearer good' }").await;
        until(browser, "return document.body.innerText.includes('text 4.')").await;
        until_state(browser, "live").await;
        let requests: Vec<_> = site.heads().into_iter().filter(|head| head.starts_with("GET /stream")).collect();
        let bearer =
            |at: usize, token: &str| requests[at].to_lowercase().contains(&format!("authorization: bearer {token}"));
        assert!(bearer(1, "stale") && bearer(2, "stale") && bearer(3, "good"), "{requests:?}");
    });
}

async fn stays_denied(browser: &Browser, site: &Raw, requests: usize) {
    let deadline = Instant::now() + AT_MOST;
    while site.requests() < requests {
        assert!(Instant::now() < deadline, "{}: {} requests", browser.engine(), site.requests());
        sleep(SECOND / 20).await;
    }
    until_state(browser, "denied").await;
    // Longer than the pause of the first retry after a loss.
    sleep(3 * SECOND).await;
    assert_eq!(site.requests(), requests, "{}", browser.engine());
    until_state(browser, "denied").await;
}

async fn is_open(site: &Raw, count: usize) {
    let deadline = Instant::now() + AT_MOST;
    while site.open() != count {
        assert!(Instant::now() < deadline, "{} streams are open and not {count}", site.open());
        sleep(SECOND / 20).await;
    }
}

/// Responses with a text that contains their number.
fn texts() -> Vec<Answer> {
    (1..=9).map(|number| ok("", &text(number))).collect()
}

fn text(number: usize) -> Vec<u8> {
    part("text/plain", format!("text {number}.").as_bytes())
}

fn ok(fields: &str, parts: &[u8]) -> Answer {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: multipart/mixed; boundary=B\r\nCache-Control: no-store\r\n{fields}Connection: close\r\n\r\n--B"
    );
    Answer { bytes: Bytes::from([head.as_bytes(), parts].concat()), cut: false }
}

fn part(kind: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body, b"\r\n--B"].concat()
}

/// A page that records states, errors, and the addresses of pictures that are not revoked. `element` is the stream's.
fn page(body: &str) -> String {
    format!(
        "<!doctype html><title>Mine</title><script>
        log = []; errors = []; urls = new Set();
        const {{ createObjectURL, revokeObjectURL }} = URL;
        URL.createObjectURL = blob => {{ const url = createObjectURL.call(URL, blob); urls.add(url); return url; }};
        URL.revokeObjectURL = url => {{ urls.delete(url); revokeObjectURL.call(URL, url); }};
        addEventListener('state', ({{ detail }}) => log.push(detail.state), true);
        addEventListener('error', ({{ detail }}) => detail && errors.push([detail.part.type, detail.part.body.length, detail.error.name]), true);
        addEventListener('DOMContentLoaded', () => element = document.querySelector('mixed-replace'));
        </script><script type=module src=/client.js></script><body>{body}"
    )
}
