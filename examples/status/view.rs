//! The pages.

use maud::{Markup, PreEscaped, html};
use time::OffsetDateTime;
use time::macros::format_description;

use crate::board::{Board, Change, NOTE, PAST, Service, State};
use crate::foreign::Foreign;
use crate::page::{self, Icon};
use crate::refusal::Refusal;

/// The whole board: what each viewer is shown, in place of the one before.
pub(crate) fn board(board: &Board, address: &str) -> String {
    let (worst, summary) = (board.worst(), summary(board));
    let icon = Icon { ground: "#12333f", mark: colour(worst) };
    let body = html! {
        header.top.(worst.word()) {
            p.where { "Waterworks" }
            h1 { (mark(worst)) span #summary role="status" { (summary) } }
            p.when { "as of " (clock(board.now)) " UTC" }
        }
        main {
            div.stages { @for stage in board.services.chunk_by(|a, b| a.stage == b.stage) { (self::stage(stage)) } }
            div.below {
                section aria-labelledby="happened" {
                    h2 #happened { "What happened" }
                    @if board.changes.is_empty() { p.quiet { "Nothing yet." } }
                    ol #changes role="log" { @for change in &board.changes { (self::change(change)) } }
                }
                (news(board, address))
            }
        }
    };
    page::document(&format!("{summary} · Waterworks"), icon, include_str!("board.css"), &body)
}

fn summary(board: &Board) -> String {
    let of = |state| {
        let ids = board.services.iter().filter(move |service| service.state == state).map(|service| service.id);
        ids.collect::<Vec<_>>()
    };
    let (down, degraded) = (of(State::Down), of(State::Degraded));
    let named = |ids: &[&str], what: &str| match ids {
        [] => None,
        [one] => Some(format!("{one} is {what}")),
        [one, other] => Some(format!("{one} and {other} are {what}")),
        many => Some(format!("{} services are {what}", many.len())),
    };
    let bad: Vec<_> = named(&down, "down").into_iter().chain(named(&degraded, "degraded")).collect();
    match &*bad {
        [] if board.worst() == State::Up => "All services are up".to_owned(),
        [] => "Maintenance, otherwise all is well".to_owned(),
        bad => bad.join(", "),
    }
}

fn stage(services: &[Service]) -> Markup {
    let name = services.first().map_or("", |service| service.stage);
    html! {
        section.stage aria-label=(name) {
            h2 { (name) }
            ul { @for service in services { (self::service(service)) } }
        }
    }
}

fn service(service: &Service) -> Markup {
    let missing = PAST - service.past.len().min(PAST);
    html! {
        li.service.(service.state.word()) #(service.id) {
            p.state { (mark(service.state)) (name(service.state)) time { (clock(service.since)) } }
            h3 { (service.id) }
            p.what { (service.what) }
            @if !service.note.is_empty() { p.note { (Foreign(&service.note)) } }
            p.past aria-hidden="true" {
                @for _ in 0..missing { i {} }
                @for state in &service.past { i.(state.word()) {} }
            }
        }
    }
}

fn change(change: &Change) -> Markup {
    html! {
        li {
            time { (clock(change.at)) }
            p {
                b { (change.service) } " "
                @if change.from == change.to { "is still " } @else { (name(change.from)) " → " }
                span.(change.to.word()) { (name(change.to)) }
                @if !change.note.is_empty() { q { (Foreign(&change.note)) } }
            }
        }
    }
}

fn news(board: &Board, address: &str) -> Markup {
    html! {
        section aria-labelledby="report" {
            h2 #report { "Report a change" }
            p.apart { a href="/report" { "On a page of its own" } ", where nothing is replaced while you type." }
            (form(board))
            pre { code { "curl -d service=pump-2 -d state=down \\\n     -d note=\"bearing too hot\" http://" (address) "/update" } }
        }
    }
}

fn form(board: &Board) -> Markup {
    html! {
        form action="/update" method="post" {
            label for="which" { "Service" }
            select #which name="service" { @for service in &board.services { option { (service.id) } } }
            fieldset {
                legend { "State" }
                @for state in State::ALL {
                    label { input type="radio" name="state" value=(state.word()) required; span { (name(state)) } }
                }
            }
            label for="note" { "Note" }
            input #note name="note" maxlength=(NOTE) autocomplete="off" placeholder="What is to be known about it";
            button { "Tell everyone" }
        }
    }
}

/// The form alone.
pub(crate) fn report(board: &Board) -> String {
    let body = html! {
        main {
            header.top { p.where { "Waterworks" } h1 { "Report a change" } }
            (form(board))
            p.when { a href="/" { "Back to the board" } }
        }
    };
    page::document("Report a change · Waterworks", ICON, include_str!("board.css"), &body)
}

/// Who has to sign in first, and why if that did not go well.
pub(crate) fn sign_in(refusal: Option<&Refusal>) -> String {
    page::small(
        "Waterworks",
        ICON,
        &html! {
            h1 { "Waterworks" }
            p { "The board is for those who have the password, which the server printed when it started." }
            form action="/login" method="post" {
                label for="password" { "Password" }
                input #password name="password" type="password" autocomplete="current-password" required autofocus
                    aria-describedby=[refusal.map(|_| "why")];
                @if let Some(refusal) = refusal { p.why #why role="alert" { (Foreign(&refusal.what)) } }
                button { "Sign in" }
            }
        },
    )
}

/// What could not be done, for somebody who used a form.
pub(crate) fn refused(refusal: &Refusal) -> String {
    page::small(
        "Not taken",
        ICON,
        &html! {
            h1 { "Not taken" }
            p.why role="alert" { (Foreign(&refusal.what)) }
            p { a href="/" { "Back to the board" } }
        },
    )
}

fn name(state: State) -> &'static str {
    match state {
        State::Up => "Up",
        State::Maintenance => "Maintenance",
        State::Degraded => "Degraded",
        State::Down => "Down",
    }
}

/// By its shape as well as by its colour.
fn mark(state: State) -> PreEscaped<&'static str> {
    PreEscaped(match state {
        State::Up => {
            r#"<svg viewBox="0 0 16 16" aria-hidden="true"><circle cx="8" cy="8" r="7"/><path d="m4.8 8.2 2.2 2.2 4.2-4.6"/></svg>"#
        }
        State::Maintenance => {
            r#"<svg viewBox="0 0 16 16" aria-hidden="true"><circle cx="8" cy="8" r="7"/><path d="M6.2 5.2v5.6M9.8 5.2v5.6"/></svg>"#
        }
        State::Degraded => {
            r#"<svg viewBox="0 0 16 16" aria-hidden="true"><path class="f" d="M8 1.6 15.2 14.4H.8Z"/><path d="M8 6.4v3.6M8 12v.3"/></svg>"#
        }
        State::Down => {
            r#"<svg viewBox="0 0 16 16" aria-hidden="true"><rect x="1.5" y="1.5" width="13" height="13" rx="2.5"/><path d="m5.4 5.4 5.2 5.2m0-5.2-5.2 5.2"/></svg>"#
        }
    })
}

fn colour(state: State) -> &'static str {
    match state {
        State::Up => "#4fcf8f",
        State::Maintenance => "#8fa9ff",
        State::Degraded => "#f2b24c",
        State::Down => "#ff7a70",
    }
}

fn clock(at: OffsetDateTime) -> String {
    at.format(format_description!("[hour]:[minute]:[second]")).unwrap_or_default()
}

const ICON: Icon = Icon { ground: "#12333f", mark: "#4fcf8f" };

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::Report;

    #[test]
    fn the_first_line_says_what_to_look_at() {
        let mut all = Board::new();
        for (service, state, expected) in [
            ("uv", State::Up, "All services are up"),
            ("uv", State::Maintenance, "Maintenance, otherwise all is well"),
            ("uv", State::Degraded, "uv is degraded"),
            ("pump-1", State::Down, "pump-1 is down, uv is degraded"),
            ("pump-2", State::Down, "pump-1 and pump-2 are down, uv is degraded"),
            ("intake", State::Down, "3 services are down, uv is degraded"),
        ] {
            all.report(Report { service: service.to_owned(), state, note: String::new() }).unwrap();
            assert_eq!(summary(&all), expected);
        }
    }

    #[test]
    fn what_is_posted_is_text() {
        let mut all = Board::new();
        let note = "</p><script>alert(1)</script>".to_owned();
        all.report(Report { service: "uv".to_owned(), state: State::Down, note }).unwrap();
        let page = board(&all, "127.0.0.1:3000");
        assert!(!page.contains("<script") && page.contains("&#60;script&#62;"), "{page}");
    }
}
