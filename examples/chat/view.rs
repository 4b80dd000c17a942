//! The pages.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use maud::{Markup, html};
use shared::foreign::Foreign;
use shared::page::{self, Icon};
use shared::refusal::Refusal;
use time::OffsetDateTime;
use time::macros::format_description;

use crate::room::{History, Message, Room};
use crate::words::TEXT;

/// Renders a room's messages: the document that is replaced.
pub(crate) fn history(room: &str, history: &History) -> String {
    let messages: Vec<_> = history.messages.iter().collect();
    let runs = messages.chunk_by(|a, b| a.author == b.author && (b.at - a.at).whole_seconds() < 300);
    let body = html! {
        // Filled from below, so that the newest message stays in view.
        main #said {
            ol role="log" {
                @if messages.is_empty() { li.nothing { "No messages in " b { (Foreign(room)) } " yet. Write the first!" } }
                @for run in runs { (self::run(run)) }
            }
        }
    };
    page::document(room, ICON, include_str!("said.css"), &body)
}

/// Renders consecutive messages of one author.
fn run(run: &[&Message]) -> Markup {
    let Some(first) = run.first() else { return html! {} };
    html! {
        li style={ "--hue:" (hue(&first.author)) } {
            span.initial aria-hidden="true" { (first.author.chars().find(|c| c.is_alphanumeric()).unwrap_or('?')) }
            p.who { b dir="auto" { (Foreign(&first.author)) } " " time { (clock(first.at)) } }
            @for message in run { p.text dir="auto" { (Foreign(&message.text)) } }
        }
    }
}

/// Renders a room: a frame with its messages, and a frame with the form, which is not replaced.
pub(crate) fn room(room: &str, user: &str) -> String {
    let body = html! {
        header {
            h1 { (Foreign(room)) }
            p { "You are " b dir="auto" { (Foreign(user)) } }
            a href="/" { "Rooms" }
        }
        iframe.said src={ "/r/" (room) "/said" } title="Messages" {}
        iframe.say src={ "/r/" (room) "/say" } title="Send a message" {}
    };
    page::document(&format!("{room} · Chat"), ICON, include_str!("room.css"), &body)
}

/// Renders the form of a room, with the text and the reason of a refused message.
pub(crate) fn say(room: &str, refused: Option<(&Refusal, &str)>) -> String {
    let (refusal, text) = refused.map_or((None, ""), |(refusal, text)| (Some(refusal), text));
    let body = html! {
        form method="post" action={ "/r/" (room) "/say" } {
            label.hidden for="text" { "Your message" }
            input #text name="text" value=(Foreign(text)) required maxlength=(TEXT) autocomplete="off" autofocus
                placeholder={ "Message to " (room) } aria-describedby=[refusal.map(|_| "why")];
            button { "Send" }
        }
        @if let Some(refusal) = refusal { p.why #why role="alert" { "Not sent: " (Foreign(&refusal.message)) } }
    };
    page::document("Send a message", ICON, include_str!("say.css"), &body)
}

/// Renders the list of rooms.
pub(crate) fn rooms(rooms: &[Arc<Room>], user: &str) -> String {
    page::small(
        "Chat",
        ICON,
        &html! {
            h1 { "Rooms" }
            p { "You are " b dir="auto" { (Foreign(user)) } ". An empty room is removed after a while." }
            ul.rooms {
                @for room in rooms {
                    li { a href={ "/r/" (room.name) } { (Foreign(&room.name)) } " " span { (readers(room.readers())) } }
                }
                @if rooms.is_empty() { li { a href="/r/lobby" { "lobby" } " " span { "no readers yet" } } }
            }
            form action="/enter" {
                label for="room" { "Another room" }
                input #room name="room" required pattern="[a-z0-9\\-]{1,32}" maxlength="32" autocomplete="off" autocapitalize="none"
                    placeholder="tea" title="lower-case letters a to z, digits and -";
                button { "Enter" }
            }
        },
    )
}

fn readers(readers: usize) -> String {
    match readers {
        0 => "no readers".to_owned(),
        1 => "1 reader".to_owned(),
        many => format!("{many} readers"),
    }
}

/// Renders the sign-in form, which leads to `room` if there is one.
pub(crate) fn sign_in(room: Option<&str>, refusal: Option<&Refusal>) -> String {
    page::small(
        "Chat",
        ICON,
        &html! {
            h1 { "Sign in" }
            p { "Others see this name beside your messages." }
            // Leaves the frame if it is in one.
            form action="/login" method="post" target="_top" {
                @if let Some(room) = room { input type="hidden" name="room" value=(Foreign(room)); }
                label for="name" { "Your name" }
                input #name name="name" required maxlength="24" autocomplete="nickname" autofocus
                    aria-describedby=[refusal.map(|_| "why")];
                @if let Some(refusal) = refusal { p.why #why role="alert" { (Foreign(&refusal.message)) } }
                button { "Sign in" }
            }
        },
    )
}

/// Renders a refusal.
pub(crate) fn refused(refusal: &Refusal) -> String {
    page::small(
        "Chat",
        ICON,
        &html! {
            h1 { "Request failed" }
            p.why role="alert" { (Foreign(&refusal.message)) }
            p { a href="/" target="_top" { "Back to the rooms" } }
        },
    )
}

/// Returns a user's colour, the same in all rooms.
fn hue(user: &str) -> u64 {
    let mut hash = DefaultHasher::new();
    user.hash(&mut hash);
    hash.finish() % 360
}

fn clock(at: OffsetDateTime) -> String {
    at.format(format_description!("[hour]:[minute]")).unwrap_or_default()
}

const ICON: Icon = Icon { ground: "#12333f", mark: "#f2b24c" };
