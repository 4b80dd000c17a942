//! The document of each page: a head, an icon, a style.

use maud::{DOCTYPE, Markup, PreEscaped, html};

/// The colours of the icon in the browser's tab.
#[derive(Clone, Copy, Debug)]
pub struct Icon {
    /// The colour of the square.
    pub ground: &'static str,
    /// The colour of the dot on it.
    pub mark: &'static str,
}

impl Icon {
    fn address(self) -> String {
        let svg = format!(
            "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'><rect width='16' height='16' rx='4' \
             fill='{}'/><circle cx='8' cy='8' r='3.5' fill='{}'/></svg>",
            self.ground, self.mark,
        );
        format!("data:image/svg+xml,{}", svg.replace('<', "%3C").replace('>', "%3E").replace('#', "%23"))
    }
}

/// Renders a document with the common style and `style`.
#[must_use]
pub fn document(title: &str, icon: Icon, style: &str, body: &Markup) -> String {
    let document = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="icon" href=(icon.address());
                style { (PreEscaped(include_str!("base.css"))) (PreEscaped(style)) }
            }
            body { (body) }
        }
    };
    document.into_string()
}

/// Renders a small page with one message or form.
#[must_use]
pub fn small(title: &str, icon: Icon, body: &Markup) -> String {
    document(title, icon, include_str!("small.css"), &html! { main { (body) } })
}

/// The policy of pages other than [`mixed_replace::Page`], which sets its own: no scripts and no foreign content.
pub const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-src 'self'; \
                                 form-action 'self'; base-uri 'none'; frame-ancestors 'self'";

/// The value of `WWW-Authenticate` with a 401.
pub const CHALLENGE: &str = "Cookie realm=\"sign in\"";
