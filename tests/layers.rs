//! The layers of `src/`, as `ARCHITECTURE.md` draws them: imports go downward only, and in no circle.

#![expect(clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms of each layer, from the ground up. Some are still to be built.
const LAYERS: &[&[&str]] = &[
    &["boundary", "clock", "derive", "list", "missing", "part", "picture", "socket", "stats", "sync", "wire"],
    &["decode", "encode", "jpeg", "response", "scale"],
    &["body", "part_response", "write"],
    &["hub"],
    &["hubs", "ladder", "wall"],
    &["guide", "metrics", "serve", "source"],
];

/// The imports of each room, or of each file in a room, by name.
type Imports = BTreeMap<String, BTreeSet<String>>;

#[test]
fn imports_go_downward() {
    for (room, imports) in rooms() {
        for import in imports {
            assert!(layer(&import) <= layer(&room), "{room} imports {import}, which is above it");
        }
    }
}

#[test]
fn rooms_import_each_other_in_no_circle() {
    assert_eq!(circle(&rooms()), None);
}

#[test]
fn files_of_a_room_import_each_other_in_no_circle() {
    for room in ["body", "hub"] {
        let directory = source().join(room);
        let files: Imports = code_below(&directory)
            .map(|(path, code)| {
                let file = first(path.strip_prefix(&directory).unwrap());
                let imports =
                    paths(&code, "super::").filter(|import| directory.join(import).with_extension("rs").exists());
                (file, imports.collect())
            })
            .filter(|(file, _)| file != "mod")
            .collect();
        assert!(files.len() > 2, "{room}: {files:?}");
        assert_eq!(circle(&files), None, "{room}");
    }
}

/// `super::super::` could leave a room without naming the one that it enters.
#[test]
fn paths_go_up_one_module_at_most() {
    for (path, code) in code_below(&source()) {
        assert!(!code.contains("super::super::"), "{}: import by crate::", path.display());
    }
}

#[test]
fn architecture_names_each_room() {
    let text = fs::read_to_string(source().with_file_name("ARCHITECTURE.md")).unwrap();
    for room in rooms().keys() {
        assert!(text.contains(&format!("`{room}`")), "{room}");
    }
}

#[test]
fn finds_circles() {
    let imports = |pairs: &[(&str, &str)]| {
        let mut imports = Imports::new();
        for (from, to) in pairs {
            imports.entry((*from).to_owned()).or_default().insert((*to).to_owned());
        }
        imports
    };
    assert_eq!(circle(&imports(&[("a", "b"), ("b", "c"), ("a", "c")])), None);
    let found = circle(&imports(&[("a", "b"), ("b", "c"), ("c", "d"), ("d", "b")])).unwrap();
    assert_eq!(found, ["b", "c", "d"]);
    assert_eq!(
        paths("use crate::{hub::Hub, wire::{PerWire, Wire}, part};", "crate::").collect::<Vec<_>>(),
        ["hub", "wire", "part"]
    );
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn layer(room: &str) -> usize {
    let layer = LAYERS.iter().position(|rooms| rooms.contains(&room));
    layer.unwrap_or_else(|| panic!("{room} has no layer: import from a room, and give a new room its place here"))
}

fn rooms() -> Imports {
    let mut rooms = Imports::new();
    for (path, code) in code_below(&source()) {
        let room = first(path.strip_prefix(source()).unwrap());
        if room != "lib" {
            let imports = paths(&code, "crate::").filter(|import| *import != room);
            rooms.entry(room.clone()).or_default().extend(imports);
        }
    }
    rooms
}

/// Returns the code of each file, without comments and tests.
fn code_below(directory: &Path) -> Box<dyn Iterator<Item = (PathBuf, String)>> {
    let entries: Vec<PathBuf> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    Box::new(entries.into_iter().flat_map(|path| -> Box<dyn Iterator<Item = (PathBuf, String)>> {
        let name = path.file_stem().unwrap().to_str().unwrap();
        if ["models", "tests"].contains(&name) {
            return Box::new(std::iter::empty());
        }
        if path.is_dir() {
            return code_below(&path);
        }
        if path.extension().is_none_or(|extension| extension != "rs") {
            return Box::new(std::iter::empty());
        }
        let text = fs::read_to_string(&path).unwrap();
        let lines = text.lines().take_while(|line| !line.ends_with("mod tests {"));
        let code: Vec<&str> = lines.filter(|line| !line.trim_start().starts_with("//")).collect();
        Box::new(std::iter::once((path, code.join("\n"))))
    }))
}

/// Returns the first component without its extension.
fn first(path: &Path) -> String {
    Path::new(path.iter().next().unwrap()).file_stem().unwrap().to_str().unwrap().to_owned()
}

/// Returns the first name of each path that starts with `root`, also in `root{name, name}`.
fn paths<'a>(code: &'a str, root: &'a str) -> impl Iterator<Item = String> + 'a {
    let is_path = |at: usize| !code[..at].ends_with(|before: char| before.is_alphanumeric() || "_$:".contains(before));
    code.match_indices(root).filter(move |(at, _)| is_path(*at)).flat_map(move |(at, _)| {
        let rest = &code[at + root.len()..];
        let Some(group) = rest.strip_prefix('{') else { return vec![name(rest)] };
        let mut depth = 1;
        let mut names = vec![name(group)];
        for (at, byte) in group.bytes().enumerate() {
            match byte {
                b'{' => depth += 1,
                b'}' => depth -= 1,
                b',' if depth == 1 => names.push(name(&group[at + 1..])),
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
        names.retain(|name| !name.is_empty());
        names
    })
}

fn name(code: &str) -> String {
    code.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// Returns a circle of imports, if there is one.
fn circle(imports: &Imports) -> Option<Vec<String>> {
    fn visit(at: &str, imports: &Imports, way: &mut Vec<String>, done: &mut BTreeSet<String>) -> Option<Vec<String>> {
        if let Some(start) = way.iter().position(|before| before == at) {
            return Some(way.split_off(start));
        }
        if done.contains(at) {
            return None;
        }
        way.push(at.to_owned());
        let found = imports.get(at).into_iter().flatten().find_map(|next| visit(next, imports, way, done));
        way.pop();
        done.insert(at.to_owned());
        found
    }
    let mut done = BTreeSet::new();
    imports.keys().find_map(|start| visit(start, imports, &mut Vec::new(), &mut done))
}
