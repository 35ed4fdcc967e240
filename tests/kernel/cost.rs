//! What a frame costs, by instructions executed and by lines of memory.

use crate::paths::paths;

#[test]
fn no_path_costs_more_than_it_may() {
    let mut dear = vec![];
    println!(
        "{:<28} {:>12} {:>8} {:>6}",
        "path", "instructions", "helpers", "lines"
    );
    for mut path in paths() {
        let run = path.run();
        println!(
            "{:<28} {:>12} {:>8} {:>6}",
            path.name, run.instructions, run.helpers, run.lines
        );
        assert_eq!(run.action, path.action, "{}", path.name);
        if run.instructions > path.most_instructions || run.lines > path.most_lines {
            dear.push(path.name);
        }
    }
    assert!(dear.is_empty(), "dearer than they may be: {dear:?}");
}
