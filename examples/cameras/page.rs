//! The page of the cameras, and their names.

/// Returns the names of so many cameras. Each is one path segment.
pub(crate) fn names(cameras: usize) -> Vec<String> {
    let name = |number: usize| {
        let (round, place) = (number / PLACES.len(), PLACES.get(number % PLACES.len()).copied().unwrap_or_default());
        if round == 0 { place.to_owned() } else { format!("{place}-{}", round + 1) }
    };
    (0..cameras).map(name).collect()
}

/// Returns the page for `/`.
pub(crate) fn page(names: &[String]) -> String {
    let tiles: String = names.iter().map(|name| tile(name)).collect();
    include_str!("index.html").replace("<!-- tiles -->", &tiles)
}

fn tile(name: &str) -> String {
    format!(
        r#"<figure>
  <mixed-replace src="/wall#{name}"><img alt="The camera {name}" width="320" height="240"></mixed-replace>
  <figcaption><a href="/wall/{name}">{name}</a> <span></span></figcaption>
</figure>
"#
    )
}

const PLACES: [&str; 12] =
    ["gate", "forest", "pier", "roof", "farm", "tunnel", "court", "summit", "tram", "mine", "port", "arena"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct() {
        let mut names = names(500);
        assert_eq!((names[0].as_str(), names[12].as_str(), names[25].as_str()), ("gate", "gate-2", "forest-3"));
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 500);
    }
}
