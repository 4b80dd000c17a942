//! Parts whose elements change places while somebody uses them: no keystroke is lost, and nothing plays or loads again.

use std::fmt::Write as _;

use interop_tests::browsers::{Board, Browser, Engine, Stack, each_engine};
use mixed_replace::Part;
use serde_json::json;
use tokio::time::{Instant, sleep_until};

use crate::{SECOND, go, html, until, until_state};

#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn reordered_elements_keep_what_somebody_uses() {
    each_engine(async |browser| {
        let board = Board::start(Stack::Axum);
        board.show(part(0));
        go(browser, &board.url("/trusted")).await;
        until_state(browser, "live").await;
        reorder(browser, &board, "document").await;
        board.show(part(0));
        go(browser, &board.url("/page")).await;
        until_state(browser, "live").await;
        reorder(browser, &board, "frames[0].document").await;

        let page = "<script>const { startViewTransition } = Document.prototype; changes = 0;
            if (startViewTransition) Document.prototype.startViewTransition = function (change) {
                changes++;
                return startViewTransition.call(this, change);
            }</script><div id=board></div><mixed-replace src=/page target='#board' trusted transition></mixed-replace>";
        board.show(html("<h1 id=number>0"));
        go(browser, &board.own(page)).await;
        for number in 0..3 {
            board.show(html(&format!("<h1 id=number>{number}")));
            until(browser, &format!("return document.getElementById('number')?.textContent === '{number}'")).await;
        }
        until(browser, "return typeof startViewTransition === 'undefined' || changes > 0").await;
    });
}

/// Uses each element of the page while parts reorder it once a second.
async fn reorder(browser: &Browser, board: &Board, document: &str) {
    let engine = browser.engine();
    let shows = |number: usize| format!("return {document}.getElementById('number')?.textContent === '{number}'");
    until(browser, &shows(0)).await;
    browser.run(&PREPARE.replace("{d}", document)).await;
    let mut number = 0;
    let mut next = async || {
        number += 1;
        board.show(part(number));
        until(browser, &shows(number)).await;
        assert_eq!(browser.run(ORDER).await, json!(order(number, ROWS)), "{engine}: order of part {number}");
    };

    // A page may play after a key only.
    browser.type_keys("z").await;
    browser.run("song.play(); word.focus()").await;
    let keys: Vec<_> = ('a'..='x').collect();
    let mut due = Instant::now();
    for keys in keys.chunks(6) {
        for key in keys {
            due += SECOND / 6;
            sleep_until(due).await;
            browser.type_keys(&key.to_string()).await;
        }
        next().await;
    }
    let typed = browser.run("return [word.value, page.activeElement === word, word.selectionStart]").await;
    assert_eq!(typed, json!(["abcdefghijklmnopqrstuvwx", true, 24]), "{engine}: what was typed");

    // As an input method does: text that is not final yet, in the middle of the word.
    browser.run("word.setSelectionRange(3, 5); word.dispatchEvent(new CompositionEvent('compositionstart'))").await;
    next().await;
    let composed = browser.run("return [page.activeElement === word, word.selectionStart, word.selectionEnd]").await;
    assert_eq!(composed, json!([true, 3, 5]), "{engine}: the composition");

    browser.run("pick.focus()").await;
    if engine != Engine::WebKit {
        // WebKitGTK's menu is a window, in which its driver cannot type.
        browser.type_keys(" ").await;
    }
    let open = browser.run(OPEN).await;
    next().await;
    next().await;
    assert_eq!(browser.run(OPEN).await, open, "{engine}: the menu");
    assert!(engine != Engine::Chromium || open == true, "{engine}: the menu is {open}");
    assert_eq!(browser.run("return page.activeElement === pick").await, true, "{engine}: the menu's focus");

    let kept = browser.run("return [song.paused, stops, frame.contentWindow.mine, loads, note.textContent]").await;
    assert_eq!(kept, json!([false, 0, true, 0, "mine"]), "{engine}: audio, frame, and what is to be kept");
    assert_eq!(browser.run("return moved").await, json!([]), "{engine}: what was in use and moved");
    until(browser, "return song.currentTime > 0").await;
}

/// Returns the numbers of so many rows in another order for each part.
fn order(number: usize, count: usize) -> Vec<usize> {
    // Multiples of a number that has no divisor in common with 500 and 7.
    let step = [1, 11, 499, 213, 3, 17].into_iter().cycle().nth(number).unwrap_or(1);
    (0..count).map(|at| (at * step + 31 * number) % count).collect()
}

fn part(number: usize) -> Part {
    let mut rows = String::new();
    for row in order(number, ROWS) {
        let inside = if row == 250 { "<input id=word>" } else { "text" };
        let _ = write!(rows, "<tr id=row{row}><td>Row {row}<td>{inside}");
    }
    let song = format!("<audio id=song muted loop src=\"data:audio/wav;base64,{}\"></audio>", wav());
    let others = [
        "<select id=pick><option>a<option>b<option>c</select>",
        "<iframe id=frame srcdoc='<p>A frame'></iframe>",
        &song,
        "<p id=note data-keep>theirs</p>",
        "text",
        "text",
        "text",
    ];
    let other = |at: usize| others.get(at).map(|other| format!("<li id=item{at}>{other}</li>"));
    let others: String = order(number, 7).into_iter().filter_map(other).collect();
    html(&format!("<h1 id=number>{number}</h1><ul>{others}</ul><table><tbody id=rows>{rows}</table>"))
}

/// Returns a second of silence.
fn wav() -> String {
    let samples = [128; 8_000];
    let mut file =
        b"RIFF\x64\x1f\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x40\x1f\0\0\x01\0\x08\0data\x40\x1f\0\0".to_vec();
    file.extend(samples);
    let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for bytes in file.chunks(3) {
        let bits = bytes.iter().fold(0, |bits, byte| bits << 8 | usize::from(*byte)) << (8 * (3 - bytes.len()));
        let digit = |at: usize| letters.chars().nth(bits >> (18 - 6 * at) & 63).filter(|_| at <= bytes.len());
        text.extend((0..4).map(|at| digit(at).unwrap_or('=')));
    }
    text
}

const ROWS: usize = 500;
const ORDER: &str = "return [...page.getElementById('rows').children].map(row => +row.id.slice(3))";
const OPEN: &str = "try { return pick.matches(':open') } catch { return null }";
/// Remembers the elements, and counts what befalls them. WebKit calls no listener in a sandboxed frame.
const PREPARE: &str = "window.page = {d};
    for (const id of ['word', 'pick', 'frame', 'song', 'note']) window[id] = page.getElementById(id);
    Object.assign(window, { stops: 0, loads: 0, moved: [] });
    song.addEventListener('pause', () => window.stops++);
    frame.addEventListener('load', () => window.loads++);
    frame.contentWindow.mine = true;
    note.textContent = 'mine';
    new MutationObserver(records => {
        const used = page.activeElement;
        for (const { removedNodes } of records) for (const node of removedNodes) if (node.contains(used)) moved.push(node.id);
    }).observe(page, { childList: true, subtree: true });";
