//! The crates and their modules, and what each file names of the others.

use std::collections::{BTreeMap, BTreeSet};

use super::scan::{Path, Source};

/// A source file.
pub struct File {
    /// Path in the project.
    pub path: String,
    /// Name of its crate, as in `layers.toml`.
    pub krate: String,
    /// Module path in the crate; empty for its root.
    pub module: Vec<String>,
    /// Its text.
    pub source: Source,
    /// Paths that it names.
    pub paths: Vec<Path>,
}

/// All files of the crates, without tests.
pub struct Tree {
    pub files: Vec<File>,
    /// Place in `files` of each module, by crate and path.
    modules: BTreeMap<(String, Vec<String>), usize>,
}

/// What a path leads to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// Name of the crate.
    pub krate: String,
    /// The module in which the item is defined.
    pub module: Vec<String>,
}

impl Tree {
    /// Builds the tree from the files of the crates: (crate, path in the project, path in the crate's `src`, text).
    pub fn build<'a>(files: impl Iterator<Item = (&'a str, &'a str, &'a str, String)>) -> Self {
        let mut all = Vec::new();
        let mut modules = BTreeMap::new();
        for (krate, path, inside, text) in files {
            let Some(module) = module_of(inside) else {
                continue;
            };
            let source = Source::read(&text);
            modules.insert((krate.to_owned(), module.clone()), all.len());
            let paths = source.paths();
            all.push(File {
                path: path.to_owned(),
                krate: krate.to_owned(),
                module,
                source,
                paths,
            });
        }
        Self {
            files: all,
            modules,
        }
    }

    /// Resolves a path that a file names, through what modules pass on. `None`: it leads out of the project.
    pub fn resolve(&self, file: &File, path: &Path) -> Option<Target> {
        let (krate, start) = self.start(file, &path.segments)?;
        self.follow(&krate, &start, 0)
    }

    /// The crate and its top module that a path names as it is written.
    pub fn names(&self, file: &File, path: &Path) -> Option<(String, String)> {
        let (krate, path) = self.start(file, &path.segments)?;
        Some((krate, path.first().cloned().unwrap_or_default()))
    }

    /// The crate that a path leads to, and the whole path in it.
    fn start(&self, file: &File, segments: &[String]) -> Option<(String, Vec<String>)> {
        let mut at = file.module.clone();
        let mut rest = segments;
        match segments.first()?.as_str() {
            "crate" => {
                at.clear();
                rest = &rest[1..];
            }
            "self" => rest = &rest[1..],
            "super" => {
                while rest.first().is_some_and(|s| s == "super") {
                    at.pop();
                    rest = &rest[1..];
                }
            }
            other => {
                let krate = other.strip_prefix("rasline_")?.replace('_', "-");
                self.modules.get(&(krate.clone(), Vec::new()))?;
                return Some((krate, rest[1..].to_vec()));
            }
        }
        at.extend(rest.iter().filter(|s| *s != "self").cloned());
        Some((file.krate.clone(), at))
    }

    /// Finds the module where a path ends, and follows it if that module only passes the item on.
    fn follow(&self, krate: &str, path: &[String], depth: usize) -> Option<Target> {
        let known = |length: &usize| {
            self.modules
                .contains_key(&(krate.to_owned(), path[..*length].to_vec()))
        };
        let length = (0..=path.len()).rev().find(known)?;
        let module = path[..length].to_vec();
        let here = Target {
            krate: krate.to_owned(),
            module,
        };
        let Some(item) = path.get(length).filter(|_| depth < 8) else {
            return Some(here);
        };
        let file = &self.files[self.modules[&(here.krate.clone(), here.module.clone())]];
        let passed_on = file
            .paths
            .iter()
            .filter(|p| p.public)
            .find(|p| p.segments.last() == Some(item));
        let next = passed_on.and_then(|p| self.start(file, &p.segments));
        match next {
            Some((krate, next)) if next != path => self.follow(&krate, &next, depth + 1),
            _ => Some(here),
        }
    }

    /// The module in which a type is defined that a file names by its last segment.
    pub fn owner(&self, file: &File, name: &str) -> Target {
        let here = Target {
            krate: file.krate.clone(),
            module: file.module.clone(),
        };
        if file.source.types().contains(&name) {
            return here;
        }
        let named = file
            .paths
            .iter()
            .find(|p| p.segments.last().is_some_and(|s| s == name));
        let by_glob = || {
            file.paths
                .iter()
                .find(|p| p.segments.last().is_some_and(|s| s == "*"))
        };
        named
            .or_else(by_glob)
            .and_then(|path| self.resolve(file, path))
            .unwrap_or(here)
    }

    /// Edges between the children of each module folder, and to the folder's own file: folder -> (from -> to).
    pub fn folders(&self) -> BTreeMap<String, BTreeMap<String, BTreeSet<String>>> {
        let mut folders: BTreeMap<String, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
        for file in &self.files {
            for path in file.paths.iter().filter(|p| !p.public) {
                let Some(target) = self.resolve(file, path) else {
                    continue;
                };
                if target.krate != file.krate {
                    continue;
                }
                let common = file
                    .module
                    .iter()
                    .zip(&target.module)
                    .take_while(|(a, b)| a == b)
                    .count();
                // A parent may know its children; a child that knows its parent's items is an edge.
                let child =
                    |module: &[String]| module.get(common).map_or("mod", String::as_str).to_owned();
                let (from, to) = (child(&file.module), child(&target.module));
                if from != to {
                    let folder = [std::slice::from_ref(&file.krate), &file.module[..common]]
                        .concat()
                        .join("/");
                    folders
                        .entry(folder)
                        .or_default()
                        .entry(from)
                        .or_default()
                        .insert(to);
                }
            }
        }
        folders
    }
}

/// Module path of a file in `src`; `None` for tests.
fn module_of(inside: &str) -> Option<Vec<String>> {
    let mut module: Vec<String> = inside
        .strip_suffix(".rs")?
        .split('/')
        .map(str::to_owned)
        .collect();
    if module.iter().any(|m| m == "tests" || m.ends_with("_tests")) {
        return None;
    }
    if matches!(module.last().map(String::as_str), Some("mod"))
        || matches!(inside, "lib.rs" | "main.rs")
    {
        module.pop();
    }
    Some(module)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn tree(files: &[(&'static str, &str)]) -> Tree {
        Tree::build(
            files
                .iter()
                .map(|(path, text)| ("a", *path, *path, (*text).to_owned())),
        )
    }

    #[test]
    fn a_path_leads_to_where_the_item_is_defined() {
        let tree = tree(&[
            ("lib.rs", "mod x; mod y;"),
            ("x/mod.rs", "mod z; pub use self::z::Z;"),
            ("x/z.rs", "pub struct Z;"),
            ("y.rs", "use crate::x::Z; use crate::x::other;"),
        ]);
        let y = &tree.files[3];
        let found = |at: usize| tree.resolve(y, &y.paths[at]).unwrap().module.join("::");
        assert_eq!((found(0).as_str(), found(1).as_str()), ("x::z", "x"));
        assert_eq!(tree.owner(y, "Z").module.join("::"), "x::z");
        let edges = &tree.folders()["a"];
        assert_eq!(edges["y"].iter().collect::<Vec<_>>(), ["x"]);
    }
}
