//! The pages.

use maud::{Markup, PreEscaped, html};
use shared::foreign::Foreign;
use shared::page::{self, Icon};
use shared::refusal::Refusal;
use time::OffsetDateTime;
use time::macros::format_description;

use crate::board::{Board, Change, NOTE, PAST, Service, State};

/// Renders the complete board: the document that is replaced.
pub(crate) fn board(board: &Board, address: &str) -> String {
    let (worst, summary) = (board.worst(), summary(board));
    let icon = Icon { ground: "#12333f", mark: colour(worst) };
    let body = html! {
        header.top.(worst.word()) {
            p.where { "Waterworks" }
            h1 { (mark(worst)) span #summary role="status" { (summary) } }
            p.when { "as of " (clock(board.as_of)) " UTC" }
        }
        main {
            div.stages { @for stage in board.services.chunk_by(|a, b| a.stage == b.stage) { (self::stage(stage)) } }
            div.below {
                section aria-labelledby="happened" {
                    h2 #happened { "Latest changes" }
                    @if board.changes.is_empty() { p.quiet { "No changes yet." } }
                    ol #changes role="log" { @for change in &board.changes { (self::change(change)) } }
                }
                (report_section(board, address))
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
    let named = |ids: &[&str], state: &str| match ids {
        [] => None,
        [one] => Some(format!("{one} is {state}")),
        [one, other] => Some(format!("{one} and {other} are {state}")),
        many => Some(format!("{} services are {state}", many.len())),
    };
    let bad: Vec<_> = named(&down, "down").into_iter().chain(named(&degraded, "degraded")).collect();
    match &*bad {
        [] if board.worst() == State::Up => "All services are up".to_owned(),
        [] => "Maintenance; all other services are up".to_owned(),
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
            p.what { (service.description) }
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

fn report_section(board: &Board, address: &str) -> Markup {
    html! {
        section aria-labelledby="report" {
            h2 #report { "Report a change" }
            p.apart { a href="/report" { "Open the form on a separate page" } ", which does not reload while you type." }
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
            input #note name="note" maxlength=(NOTE) autocomplete="off" placeholder="Details, for example: bearing too hot";
            button { "Send report" }
        }
    }
}

/// Renders the page that has only the form.
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

/// Renders the sign-in form, with the reason of a refused attempt.
#[must_use]
pub fn sign_in(refusal: Option<&Refusal>) -> String {
    page::small(
        "Waterworks",
        ICON,
        &html! {
            h1 { "Waterworks" }
            p { "Enter the password that the server printed at its start." }
            form action="/login" method="post" {
                label for="password" { "Password" }
                input #password name="password" type="password" autocomplete="current-password" required autofocus
                    aria-describedby=[refusal.map(|_| "why")];
                @if let Some(refusal) = refusal { p.why #why role="alert" { (Foreign(&refusal.message)) } }
                button { "Sign in" }
            }
        },
    )
}

/// Renders the refusal of a posted form.
#[must_use]
pub fn refused(refusal: &Refusal) -> String {
    page::small(
        "Report rejected",
        ICON,
        &html! {
            h1 { "Report rejected" }
            p.why role="alert" { (Foreign(&refusal.message)) }
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

/// Returns the symbol of a state, which differs in shape as well as in colour.
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
    fn summary_names_the_worst_services() {
        let mut all = Board::new();
        for (service, state, expected) in [
            ("uv", State::Up, "All services are up"),
            ("uv", State::Maintenance, "Maintenance; all other services are up"),
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
    fn escapes_notes() {
        let mut all = Board::new();
        let note = "</p><script>alert(1)</script>".to_owned();
        all.report(Report { service: "uv".to_owned(), state: State::Down, note }).unwrap();
        let page = board(&all, "127.0.0.1:3000");
        assert!(!page.contains("<script") && page.contains("&#60;script&#62;"), "{page}");
    }
}
