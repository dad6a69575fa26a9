//! The rules of `deny.toml` on what we depend on, held to without having to install cargo-deny: licences, sources,
//! banned crates.

use std::fs;

use serde_json::Value;

use crate::root;
use crate::step::{Failure, cargo, output, run, succeeds};

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Checks the main lock file.
pub(crate) fn check() -> Result<(), Failure> {
    if succeeds(cargo().args(["deny", "--version"])) {
        run(cargo().args(["deny", "check", "bans", "licenses", "sources"]))?;
    }
    let path = root().join("deny.toml");
    let rules = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let (allowed, banned) = (list(&rules, "allow"), list(&rules, "deny"));
    if allowed.is_empty() || banned.is_empty() {
        return Err("deny.toml must have a list `allow` and a list `deny`".to_owned());
    }
    let metadata = output(cargo().args(["metadata", "--locked", "--all-features", "--format-version", "1"]))?;
    let metadata: Value = serde_json::from_str(&metadata).map_err(|error| error.to_string())?;
    let packages = metadata["packages"].as_array().cloned().unwrap_or_default();
    let foreign: Vec<&Value> = packages.iter().filter(|package| !package["source"].is_null()).collect();
    let faults: Vec<String> =
        foreign.iter().filter_map(|package| fault(package, &allowed, &banned)).collect();
    println!("{} crates from elsewhere", foreign.len());
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n")) }
}

fn fault(package: &Value, allowed: &[String], banned: &[String]) -> Option<String> {
    let name = package["name"].as_str().unwrap_or_default();
    let licence = package["license"].as_str().unwrap_or_default();
    if banned.iter().any(|banned| banned == name) {
        return Some(format!("{name} is banned by deny.toml"));
    }
    if package["source"] != CRATES_IO {
        return Some(format!("{name} comes from {}", package["source"]));
    }
    if !permits(licence, allowed) {
        return Some(format!("{name}: licence {licence:?} is not in deny.toml"));
    }
    None
}

/// The quoted words of the list `name = […]`.
fn list(rules: &str, name: &str) -> Vec<String> {
    let open = format!("{name} = [");
    let Some(start) = rules.lines().position(|line| line.trim() == open) else { return Vec::new() };
    let lines = rules.lines().skip(start + 1).take_while(|line| line.trim() != "]");
    lines.filter_map(|line| line.split('"').nth(1).map(str::to_owned)).collect()
}

/// Whether one choice that the SPDX expression leaves is allowed. `/` is how `OR` used to be written.
fn permits(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    any(&mut rest, allowed) == Some(true) && rest.is_empty()
}

fn any(words: &mut &[&str], allowed: &[String]) -> Option<bool> {
    let mut result = every(words, allowed)?;
    while let ["OR", rest @ ..] = words {
        *words = rest;
        result |= every(words, allowed)?;
    }
    Some(result)
}

fn every(words: &mut &[&str], allowed: &[String]) -> Option<bool> {
    let mut result = single(words, allowed)?;
    while let ["AND", rest @ ..] = words {
        *words = rest;
        result &= single(words, allowed)?;
    }
    Some(result)
}

fn single(words: &mut &[&str], allowed: &[String]) -> Option<bool> {
    let (word, rest) = words.split_first()?;
    *words = rest;
    if *word == "(" {
        let result = any(words, allowed)?;
        let (")", rest) = words.split_first().map(|(word, rest)| (*word, rest))? else { return None };
        *words = rest;
        return Some(result);
    }
    let mut licence = (*word).to_owned();
    if let ["WITH", exception, rest @ ..] = *words {
        licence = format!("{licence} WITH {exception}");
        *words = rest;
    }
    Some(allowed.contains(&licence))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_allowed_choice_is_enough_and_every_demand_counts() {
        let allowed = ["MIT", "Apache-2.0", "ISC", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned);
        for good in [
            "MIT",
            "GPL-3.0 OR MIT",
            "MIT/GPL-2.0",
            "(GPL-3.0 OR ISC) AND MIT",
            "Apache-2.0 WITH LLVM-exception",
        ] {
            assert!(permits(good, &allowed), "{good}");
        }
        for bad in ["", "GPL-3.0", "MIT AND OpenSSL", "(MIT", "ISC AND (GPL-2.0 OR LGPL-3.0)", "MIT WITH x"] {
            assert!(!permits(bad, &allowed), "{bad}");
        }
    }

    /// The crate `rsa` leaks private keys by its timing (RUSTSEC-2023-0071, the Marvin attack), and there is no release
    /// of it that does not.
    #[test]
    fn defect_068_the_crate_that_leaks_private_keys_is_kept_out() {
        let rules = fs::read_to_string(root().join("deny.toml")).unwrap();
        let (allowed, banned) = (list(&rules, "allow"), list(&rules, "deny"));
        let package = |name: &str| serde_json::json!({ "name": name, "license": "MIT", "source": CRATES_IO });
        assert!(fault(&package("rsa"), &allowed, &banned).is_some_and(|why| why.contains("banned")));
        assert_eq!(fault(&package("zeroize"), &allowed, &banned), None);
    }

    #[test]
    fn lists_are_read_from_deny_toml() {
        let rules = "[licenses]\nallow = [\n    \"MIT\",\n    \"ISC\", # why\n]\n[bans]\ndeny = [\n    { crate = \"ssh2\" },\n]\n";
        assert_eq!(list(rules, "allow"), ["MIT", "ISC"]);
        assert_eq!(list(rules, "deny"), ["ssh2"]);
    }
}
