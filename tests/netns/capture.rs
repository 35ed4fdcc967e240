//! `rasline capture`: what the data path saw and decided, read by tshark.

use std::{
    path::Path,
    process::{Child, Command},
};

use rasline_testkit::{Settings, wait};

use crate::scene::{SOON, Scene};

fn shown(file: &Path, filter: &str, field: &str) -> Vec<String> {
    let out = Command::new("tshark")
        .arg("-r")
        .arg(file)
        .args(["-Y", filter, "-T", "fields", "-e", field])
        .output()
        .unwrap();
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    let text = String::from_utf8_lossy(&out.stdout);
    text.lines().map(str::to_owned).collect()
}

fn start(scene: &Scene, words: &[&str]) -> Child {
    let config = scene.controller.place().config();
    let words = [&["--config", config.to_str().unwrap(), "capture"], words].concat();
    scene.controller.follow(&words).unwrap()
}

#[test]
fn keep_alives_with_their_verdicts() {
    let scene = Scene::new(&Settings::default());
    let mut endpoint = scene.learned(1);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ras.pcapng");
    let path = file.to_str().unwrap();
    let words = ["--write", path, "--zone", "site", "--count", "6"];
    let mut capture = start(&scene, &words);
    wait::until_true("a whole capture", SOON, || {
        endpoint.keep_alive(SOON)?;
        Ok(capture.try_wait()?.is_some())
    })
    .unwrap();
    assert!(capture.wait().unwrap().success());
    // Each keep-alive as it came, and as it left: as its confirm.
    let comments = shown(&file, "frame", "frame.comment");
    assert_eq!(comments.len(), 6);
    let like = |end: &str| {
        let all = comments.iter();
        all.filter(|c| c.starts_with("answer: ") && c.ends_with(end))
            .count()
    };
    assert_eq!(
        (like("(as it came in)"), like("(as it left)")),
        (3, 3),
        "{comments:?}"
    );
    assert_eq!(
        shown(&file, "h225.RasMessage == 3", "frame.interface_id"),
        ["0"; 3]
    );
    assert_eq!(
        shown(&file, "h225.RasMessage == 4", "frame.number").len(),
        3
    );
    // It is over: nothing more is copied.
    let mut again = start(
        &scene,
        &["--write", path, "--zone", "site", "--duration", "100ms"],
    );
    assert!(again.wait().unwrap().success());
    assert!(shown(&file, "frame", "frame.number").is_empty());
}

#[test]
fn one_that_is_killed_is_ended_by_the_controller() {
    let scene = Scene::new(&Settings::default());
    let mut endpoint = scene.learned(1);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ras.pcapng");
    let mut capture = start(&scene, &["--write", file.to_str().unwrap()]);
    wait::until_true("a captured frame", SOON, || {
        endpoint.keep_alive(SOON)?;
        Ok(file.exists() && std::fs::metadata(&file)?.len() > 500)
    })
    .unwrap();
    capture.kill().unwrap();
    capture.wait().unwrap();
    wait::until_true("its end", SOON, || {
        Ok(scene.controller.log().contains("a capture was killed"))
    })
    .unwrap();
}
