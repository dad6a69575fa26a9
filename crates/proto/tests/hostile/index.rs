//! `docs/DEFECTS.md` names tests that there are.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Everything of the form `defect_NNN_…` in `text`.
fn names(text: &str) -> impl Iterator<Item = String> {
    let name = |rest: &str| -> String {
        rest.chars().take_while(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '_').collect()
    };
    text.match_indices("defect_").map(move |(at, _)| name(&text[at..])).filter(|name| {
        let mut parts = name.splitn(3, '_').skip(1);
        parts.next().is_some_and(|row| row.len() == 3) && parts.next().is_some_and(|rest| !rest.is_empty())
    })
}

/// Hands every Rust source below `directory` to `read`.
fn sources(directory: &Path, read: &mut impl FnMut(&str)) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "target" && !name.starts_with('.') {
                sources(&path, read);
            }
        } else if name.ends_with(".rs") {
            read(&fs::read_to_string(&path).unwrap());
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn defect_008_the_tools_do_not_accept_any_host_key() {
    let mut found = 0;
    sources(&root().join("crates/cli"), &mut |text| found += text.matches("AcceptAnyHostKey").count());
    assert_eq!(found, 0);
}

/// A signal handler cannot be set without `unsafe`, which is forbidden everywhere: no code of ours runs in one.
#[test]
fn defect_046_no_code_of_ours_can_run_in_a_signal_handler() {
    let root = root();
    let manifest = |path: &str| fs::read_to_string(root.join(path)).unwrap();
    assert!(manifest("Cargo.toml").contains("unsafe_code = \"forbid\""));
    let mut crates: Vec<String> = fs::read_dir(root.join("crates"))
        .unwrap()
        .map(|entry| format!("crates/{}", entry.unwrap().file_name().to_string_lossy()))
        .collect();
    crates.extend(["testkit", "interop", "xtask"].map(str::to_owned));
    assert!(crates.len() > 6);
    for name in crates {
        let text = manifest(&format!("{name}/Cargo.toml"));
        assert!(text.contains("[lints]\nworkspace = true"), "{name} has lints of its own");
    }
}

#[test]
fn every_test_in_the_index_exists() {
    let root = root();
    let mut tests = BTreeSet::new();
    for directory in ["crates", "testkit", "interop", "xtask"] {
        sources(&root.join(directory), &mut |text| {
            // Functions, and scenarios that a macro makes functions of.
            for start in ["fn ", "scenario!("] {
                let functions = text.split(start).skip(1).filter(|rest| rest.starts_with("defect_"));
                tests.extend(functions.filter_map(|rest| names(rest).next()));
            }
        });
    }
    let index = fs::read_to_string(root.join("docs/DEFECTS.md")).unwrap();
    let gone: Vec<String> = names(&index).filter(|name| !tests.contains(name)).collect();
    assert!(gone.is_empty(), "docs/DEFECTS.md names tests that do not exist: {gone:?}");
    // And every row that has tests is in the index.
    let unlisted: BTreeSet<&str> = tests
        .iter()
        .map(|name| &name[7..10])
        .filter(|row| !index.contains(&format!("| {} |", row.trim_start_matches('0'))))
        .collect();
    assert!(unlisted.is_empty(), "docs/DEFECTS.md lacks the rows {unlisted:?}");
}
