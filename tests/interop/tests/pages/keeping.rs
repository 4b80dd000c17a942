//! A replacement keeps the state of a reader: focus, typed input, scroll position, open elements.

use interop_tests::browsers::{Board, Browser, Stack, each_engine};
use mixed_replace::Part;
use tokio::time::sleep;

use crate::{SECOND, go, html, until, until_state};

#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn replacement_keeps_scroll_position_and_typed_input() {
    each_engine(async |browser| {
        let board = Board::start(Stack::Axum);
        board.show(part(1));
        go(browser, &board.url("/trusted")).await;
        survives(browser, &board, "document").await;

        board.show(part(1));
        let style = "<style>iframe{width:100%}</style>";
        go(browser, &board.own(&format!("{style}<mixed-replace src=/page trusted></mixed-replace>"))).await;
        survives(browser, &board, "document").await;

        board.show(part(1));
        go(browser, &board.url("/page")).await;
        survives(browser, &board, "frames[0].document").await;
    });
}

/// Types, scrolls and opens elements while nine parts replace the first one.
async fn survives(browser: &Browser, board: &Board, document: &str) {
    let page = browser.engine();
    until_state(browser, "live").await;
    let shows = |number: usize| format!("return {document}.getElementById('number')?.textContent === '{number}'");
    until(browser, &shows(1)).await;
    browser.run(&format!("window.mine = {document}.getElementById('word'); mine.focus()")).await;
    browser.type_keys("half").await;
    until(browser, "return mine.value === 'half'").await;
    // A browser scrolls typed text into view at the next paint.
    sleep(SECOND / 2).await;
    let prepare = "{d}.querySelector('summary').click(); {d}.querySelector('select').value = 'b';
        {d}.querySelector('[name=id]').value = 'typed too'; {d}.getElementById('log').scrollTop = 120; scrollTo(0, 500)";
    browser.run(&prepare.replace("{d}", document)).await;
    until(browser, "return scrollY === 500").await;
    for number in 2..=10 {
        board.show(part(number));
        until(browser, &shows(number)).await;
    }
    let kept = "return [scrollY, {d}.getElementById('log').scrollTop, {d}.activeElement === mine,
        {d}.querySelector('details').open, {d}.querySelector('select').value, {d}.querySelector('[name=id]').value]";
    let kept = browser.run(&kept.replace("{d}", document)).await;
    let expected = serde_json::json!([500, 120, true, true, "b", "typed too"]);
    assert_eq!(kept, expected, "{page}: scroll, inner scroll, focus, open, choice, value of a field named id");
    browser.type_keys("-typed").await;
    until(browser, "return mine.value === 'half-typed'").await;
}

/// Creates a part with more elements around the kept ones each time, without moving the visible text.
fn part(number: usize) -> Part {
    let items: String = (0..number).map(|i| format!("<li id=item{i}>Item {i} of {number}</li>")).collect();
    let lines: String = (0..40 + number).map(|i| format!("<div>Line {i}</div>")).collect();
    let class = if number.is_multiple_of(2) { "even" } else { "odd" };
    let news = if number > 3 { "<p>News</p>" } else { "" };
    html(&format!(
        "<style>.odd {{ color: darkred }}</style><body class={class}><h1>Part <b id=number>{number}</b></h1>
         <div style='height:60px'>{news}</div><div id=log style='height:100px;overflow:auto'>{lines}</div>
         <form><input name=id><input id=word><select><option>a<option>b</select></form>
         <details><summary>More</summary>{number}</details><div style='height:3000px'>Long</div><ul>{items}</ul>"
    ))
}
