//! What ARCHITECTURE.md draws: which crate and module may know which, no circle between files, no type whose methods are
//! spread over many files. `layers.toml` has the tables; what it lists beyond the rules may only shrink.

mod scan;
mod style;
mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use self::tree::{Target, Tree};
use crate::paths;
use crate::process::say;

/// A type's methods stand in at most this many files.
const MOST_FILES: usize = 3;

/// `layers.toml`.
struct Rules {
    /// Folder of each crate's sources.
    crates: BTreeMap<String, String>,
    /// Crates that each crate may name.
    edges: BTreeMap<String, BTreeSet<String>>,
    /// Floors of a crate's modules, the lowest first. A module names only modules of lower floors.
    floors: BTreeMap<String, Vec<Vec<String>>>,
    /// Edges that break the floors: "crate: from -> to".
    upward: BTreeSet<String>,
    /// What a module must not name, whatever the floors say.
    never: BTreeMap<String, BTreeSet<String>>,
    /// Circles between files, by folder: the files of each.
    circles: BTreeMap<String, BTreeSet<String>>,
    /// Number of files with methods of a type, by type.
    spread: BTreeMap<String, usize>,
    /// Number of places that break a rule of style, by crate and rule.
    style: BTreeMap<String, usize>,
}

/// Fails if the sources break a rule of `layers.toml`, or if it lists what is no longer so.
pub fn run() -> Result<()> {
    let path = paths::root().join("layers.toml");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let rules = Rules::parse(&text).with_context(|| path.display().to_string())?;
    let tree = read_tree(&rules)?;
    let mut wrong = crate_edges(&rules, &tree);
    wrong.extend(module_edges(&rules, &tree));
    wrong.extend(circles(&rules, &tree));
    wrong.extend(compare("methods in files", &rules.spread, &spread(&tree)));
    wrong.extend(compare("places", &rules.style, &style::count(&tree)));
    if wrong.is_empty() {
        return Ok(());
    }
    bail!(
        "{}\nchange the code; layers.toml lists what is still allowed, and may only shrink",
        wrong.join("\n")
    )
}

impl Rules {
    fn parse(text: &str) -> Result<Self> {
        let value: Value = toml::from_str(text)?;
        let strings = |value: &Value| -> Vec<String> {
            let all = value.as_array().into_iter().flatten();
            all.filter_map(|v| v.as_str().map(str::to_owned)).collect()
        };
        let table = |key: &str| value[key].as_object().cloned().unwrap_or_default();
        let sets = |key: &str| {
            table(key)
                .iter()
                .map(|(k, v)| (k.clone(), strings(v).into_iter().collect()))
                .collect()
        };
        let counts = |key: &str| {
            let count = |v: &Value| {
                v.as_u64()
                    .and_then(|n| usize::try_from(n).ok())
                    .unwrap_or(0)
            };
            table(key)
                .iter()
                .map(|(k, v)| (k.clone(), count(v)))
                .collect()
        };
        let floors = |v: &Value| v.as_array().into_iter().flatten().map(strings).collect();
        Ok(Self {
            crates: table("crates")
                .iter()
                .filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned())))
                .collect(),
            edges: sets("edges"),
            floors: table("floors")
                .iter()
                .map(|(k, v)| (k.clone(), floors(v)))
                .collect(),
            upward: strings(&value["upward"]["edges"]).into_iter().collect(),
            never: sets("never"),
            circles: sets("circles"),
            spread: counts("spread"),
            style: counts("style"),
        })
    }
}

fn read_tree(rules: &Rules) -> Result<Tree> {
    let list = super::house::rust_files()?;
    let mut files = Vec::new();
    for path in list.lines() {
        let of = |(name, folder): (&String, &String)| {
            let inside = path.strip_prefix(folder.as_str())?.strip_prefix('/')?;
            Some((name.clone(), inside.to_owned()))
        };
        // A listed file may have been deleted.
        if let Some((krate, inside)) = rules.crates.iter().find_map(of)
            && let Ok(text) = fs::read_to_string(paths::root().join(path))
        {
            files.push((krate, path.to_owned(), inside, text));
        }
    }
    Ok(Tree::build(files.iter().map(|(k, p, i, t)| {
        (k.as_str(), p.as_str(), i.as_str(), t.clone())
    })))
}

/// Edges between crates that are not allowed.
fn crate_edges(rules: &Rules, tree: &Tree) -> Vec<String> {
    let mut wrong = BTreeSet::new();
    for file in &tree.files {
        let allowed = rules.edges.get(&file.krate);
        for target in file.paths.iter().filter_map(|p| tree.resolve(file, p)) {
            let known = target.krate == file.krate
                || allowed.is_some_and(|all| all.contains(&target.krate));
            if !known {
                wrong.insert(format!(
                    "{}: crate {} must not name crate {}",
                    file.path, file.krate, target.krate
                ));
            }
        }
    }
    wrong.into_iter().collect()
}

/// Edges between modules that run up or sideways, or that are forbidden, and listed ones that are gone.
fn module_edges(rules: &Rules, tree: &Tree) -> Vec<String> {
    let mut wrong = BTreeSet::new();
    let mut used = BTreeSet::new();
    for file in &tree.files {
        let from = file.module.first().map_or("", String::as_str);
        let whole = format!("{}/{from}", file.krate);
        if let Some(never) = rules.never.get(&whole) {
            for (krate, to) in file.paths.iter().filter_map(|p| tree.names(file, p)) {
                if never.contains(&krate) || never.contains(&format!("{krate}/{to}")) {
                    wrong.insert(format!("{}: {whole} must not name {krate}/{to}", file.path));
                }
            }
        }
        for target in file.paths.iter().filter_map(|p| tree.resolve(file, p)) {
            let Target { krate, module } = &target;
            let to = module.first().map_or("", String::as_str);
            if *krate != file.krate || from == to || from.is_empty() || to.is_empty() {
                continue;
            }
            if let Some(floors) = rules.floors.get(krate) {
                match goes_down(floors, from, to) {
                    Some(true) => {}
                    Some(false) => {
                        let edge = format!("{krate}: {from} -> {to}");
                        if !rules.upward.contains(&edge) {
                            wrong.insert(format!("{}: {edge} does not go down", file.path));
                        }
                        used.insert(edge);
                    }
                    None => {
                        wrong.insert(format!(
                            "{krate}: {from} or {to} stands on no floor; add it to layers.toml"
                        ));
                    }
                }
            }
        }
    }
    let stale = rules
        .upward
        .difference(&used)
        .map(|edge| format!("layers.toml: upward lists \"{edge}\", which is gone"));
    wrong.into_iter().chain(stale).collect()
}

/// Whether an edge leads to a lower floor; `None` if one of the modules stands on none.
fn goes_down(floors: &[Vec<String>], from: &str, to: &str) -> Option<bool> {
    let floor = |name: &str| {
        floors
            .iter()
            .position(|floor| floor.iter().any(|m| m == name))
    };
    Some(floor(to)? < floor(from)?)
}

/// Circles between files of a folder that are not listed, and listed ones that are gone.
fn circles(rules: &Rules, tree: &Tree) -> Vec<String> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (folder, edges) in tree.folders() {
        let members = in_circles(&edges);
        if !members.is_empty() {
            found.insert(folder, members);
        }
    }
    let mut wrong = Vec::new();
    for folder in found
        .keys()
        .chain(rules.circles.keys())
        .collect::<BTreeSet<_>>()
    {
        let none = BTreeSet::new();
        let (now, listed) = (
            found.get(folder).unwrap_or(&none),
            rules.circles.get(folder).unwrap_or(&none),
        );
        let join = |set: Vec<&String>| set.into_iter().cloned().collect::<Vec<_>>().join(", ");
        let (new, gone) = (
            join(now.difference(listed).collect()),
            join(listed.difference(now).collect()),
        );
        if !new.is_empty() {
            wrong.push(format!(
                "{folder}: files import each other in a circle: {new}"
            ));
        }
        if now.is_empty() {
            wrong.push(format!(
                "layers.toml: {folder} has no circle any longer; remove it"
            ));
        } else if !gone.is_empty() {
            say(format!(
                "layers.toml: circles of {folder} lists what is in none: {gone}"
            ));
        }
    }
    wrong
}

/// All nodes from which a way leads back to themselves.
fn in_circles(edges: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<String> {
    let leads_back = |start: &String| {
        let mut seen: BTreeSet<&String> = BTreeSet::new();
        let mut open: Vec<&String> = edges[start].iter().collect();
        while let Some(next) = open.pop() {
            if next == start {
                return true;
            }
            if seen.insert(next) {
                open.extend(edges.get(next).into_iter().flatten());
            }
        }
        false
    };
    edges
        .keys()
        .filter(|node| leads_back(node))
        .cloned()
        .collect()
}

/// Types whose inherent methods stand in more than [`MOST_FILES`] files, with the number of files.
fn spread(tree: &Tree) -> BTreeMap<String, usize> {
    let mut files: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for file in &tree.files {
        for name in file.source.inherent() {
            let owner = tree.owner(file, name);
            let whole = [&[owner.krate], owner.module.as_slice(), &[name.to_owned()]]
                .concat()
                .join("::");
            files.entry(whole).or_default().insert(&file.path);
        }
    }
    let counts = files.into_iter().map(|(name, files)| (name, files.len()));
    counts.filter(|(_, count)| *count > MOST_FILES).collect()
}

/// Counts that have grown, and entries of which nothing is left. What has only shrunk is pointed out.
fn compare(
    what: &str,
    allowed: &BTreeMap<String, usize>,
    found: &BTreeMap<String, usize>,
) -> Vec<String> {
    let mut wrong = Vec::new();
    for (key, now) in found {
        let most = allowed.get(key).copied().unwrap_or(0);
        if *now > most {
            wrong.push(format!("{key}: {now} {what}, {most} are allowed"));
        } else if *now < most {
            say(format!(
                "layers.toml: {key} = {most}, but {now} {what} are left; lower it"
            ));
        }
    }
    let gone = allowed.keys().filter(|key| !found.contains_key(*key));
    wrong.extend(gone.map(|key| format!("layers.toml: {key} is no longer so; remove it")));
    wrong
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const RULES: &str = "[crates]\na = \"a\"\nb = \"b\"\n[edges]\na = [\"b\"]\n[floors]\na = [[\"low\"], [\"x\", \"y\"], [\"top\"]]\n\
                         [upward]\nedges = [\"a: x -> y\"]\n[never]\n\"a/y\" = [\"b\"]\n[circles]\n\"a/top\" = [\"f\", \"g\"]\n";

    fn tree(files: &[(&'static str, &'static str, &str)]) -> Tree {
        Tree::build(
            files
                .iter()
                .map(|(krate, path, text)| (*krate, *path, *path, (*text).to_owned())),
        )
    }

    fn rules() -> Rules {
        Rules::parse(RULES).unwrap()
    }

    #[test]
    fn edges_go_down() {
        let floor = [
            ("a", "lib.rs", ""),
            ("b", "lib.rs", ""),
            ("a", "low.rs", ""),
        ];
        let with = |rest: &[(&'static str, &'static str, &str)]| {
            module_edges(&rules(), &tree(&[&floor, rest].concat()))
        };
        assert_eq!(
            with(&[
                ("a", "x.rs", "use crate::low::L; use super::y::Y;"),
                ("a", "y.rs", "")
            ]),
            [""; 0]
        );
        let wrong = with(&[
            ("a", "x.rs", "use crate::y::Y;"),
            ("a", "y.rs", "use crate::x::X; use rasline_b::B;"),
        ]);
        assert_eq!(
            wrong,
            [
                "y.rs: a/y must not name b/B",
                "y.rs: a: y -> x does not go down"
            ]
        );
        assert_eq!(
            with(&[]),
            ["layers.toml: upward lists \"a: x -> y\", which is gone"]
        );
        let wrong = with(&[
            ("a", "x.rs", "use crate::y::Y; use crate::new::N;"),
            ("a", "y.rs", ""),
            ("a", "new.rs", ""),
        ]);
        assert_eq!(
            wrong,
            ["a: x or new stands on no floor; add it to layers.toml"]
        );
    }

    #[test]
    fn crates_name_only_those_below() {
        let files = [
            ("a", "lib.rs", "use rasline_b::B;"),
            ("b", "lib.rs", "use rasline_a::A;"),
        ];
        assert_eq!(
            crate_edges(&rules(), &tree(&files)),
            ["lib.rs: crate b must not name crate a"]
        );
    }

    #[test]
    fn circles_are_listed_or_wrong() {
        let files = |f: &'static str, g: &'static str, h: &'static str| {
            tree(&[
                ("a", "lib.rs", ""),
                ("a", "top/mod.rs", "mod f; mod g; mod h;"),
                ("a", "top/f.rs", f),
                ("a", "top/g.rs", g),
                ("a", "top/h.rs", h),
            ])
        };
        let (f, g) = ("use super::g::G;", "use super::f::F;");
        assert_eq!(circles(&rules(), &files(f, g, "use super::f::F;")), [""; 0]);
        let wrong = circles(
            &rules(),
            &files("use super::g::G; use super::h::H;", g, "use super::f::F;"),
        );
        assert_eq!(wrong, ["a/top: files import each other in a circle: h"]);
        let wrong = circles(&rules(), &files(f, "", ""));
        assert_eq!(
            wrong,
            ["layers.toml: a/top has no circle any longer; remove it"]
        );
    }

    #[test]
    fn methods_stand_in_few_files() {
        let method = "use super::T; impl T {}";
        let all = [
            ("a", "lib.rs", "pub struct T; impl T {}"),
            ("a", "b.rs", method),
            ("a", "c.rs", method),
            ("a", "d.rs", method),
        ];
        assert_eq!(spread(&tree(&all[..3])), BTreeMap::new());
        let found = spread(&tree(&all));
        assert_eq!(found, BTreeMap::from([("a::T".to_owned(), 4)]));
        let listed = |n: usize| BTreeMap::from([("a::T".to_owned(), n)]);
        assert_eq!(compare("files", &listed(4), &found), [""; 0]);
        assert_eq!(
            compare("files", &listed(3), &found),
            ["a::T: 4 files, 3 are allowed"]
        );
        assert_eq!(compare("files", &listed(5), &found), [""; 0]);
        assert_eq!(
            compare("files", &listed(4), &BTreeMap::new()),
            ["layers.toml: a::T is no longer so; remove it"]
        );
    }
}
