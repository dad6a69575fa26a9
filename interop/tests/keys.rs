//! Private key files made by `ssh-keygen`, `openssl` and `puttygen`, loaded; and those that we write, read by them. Every
//! type, format and cipher, with and without a passphrase; prints the two tables and what is in none of them, by name.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use feramiko_interop::{Finished, KeyType, run, user_key};
use feramiko_keys::{KeyCipher, KeyError, PpkVersion, PrivateKey, PublicKey, create_private_file};

const PASSPHRASE: &str = "open sesame";
/// `ssh-keygen -Q cipher` without what it says twice.
const OPENSSH_CIPHERS: [&str; 10] = [
    "3des-cbc",
    "aes128-cbc",
    "aes192-cbc",
    "aes256-cbc",
    "aes128-ctr",
    "aes192-ctr",
    "aes256-ctr",
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
];
const PEM_CIPHERS: [&str; 4] = ["des3", "aes128", "aes192", "aes256"];
const PKCS8_CIPHERS: [&str; 4] = ["des3", "aes-128-cbc", "aes-192-cbc", "aes-256-cbc"];
const PKCS8_HASHES: [&str; 3] = ["hmacWithSHA1", "hmacWithSHA256", "hmacWithSHA512"];
const ARGON2: [&str; 3] = ["argon2id", "argon2i", "argon2d"];

/// A directory for one table, with a file that holds the passphrase and one that holds none.
struct Place {
    directory: tempfile::TempDir,
    files: usize,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("passphrase"), PASSPHRASE).unwrap();
        fs::write(directory.path().join("nothing"), "").unwrap();
        Self { directory, files: 0 }
    }

    /// A path where nothing is yet.
    fn fresh(&mut self) -> PathBuf {
        self.files += 1;
        self.directory.path().join(format!("key{}", self.files))
    }

    fn passphrase_file(&self, sealed: bool) -> PathBuf {
        self.directory.path().join(if sealed { "passphrase" } else { "nothing" })
    }

    fn write(&mut self, text: &str) -> PathBuf {
        let path = self.fresh();
        create_private_file(&path, text.as_bytes()).unwrap();
        path
    }
}

/// Runs a tool, whose environment and home are not the user's.
fn tool<'a>(place: &Place, program: &str, arguments: impl IntoIterator<Item = &'a str>) -> Finished {
    let mut command = Command::new(program);
    command.args(arguments).env_remove("SSH_AUTH_SOCK").env("HOME", place.directory.path());
    run(command, b"")
}

/// A key of each type, as ssh-keygen made it; the one of DSA by openssl, because new ssh-keygens make none.
fn keys(place: &mut Place) -> Vec<(&'static str, PrivateKey)> {
    let mut keys: Vec<_> = [
        ("ed25519", KeyType::Ed25519),
        ("ecdsa256", KeyType::Ecdsa256),
        ("ecdsa384", KeyType::Ecdsa384),
        ("ecdsa521", KeyType::Ecdsa521),
        ("rsa", KeyType::Rsa),
    ]
    .into_iter()
    .map(|(name, kind)| {
        let file = user_key(kind);
        let key = PrivateKey::load_file(&file.path, None).unwrap();
        assert_eq!(key.public_key().to_line(""), file.public);
        (name, key)
    })
    .collect();
    let (group, dsa) = (place.fresh(), place.fresh());
    let (group, dsa) = (group.to_str().unwrap(), dsa.to_str().unwrap());
    let sizes = ["-pkeyopt", "dsa_paramgen_bits:1024", "-pkeyopt", "dsa_paramgen_q_bits:160"];
    let make = ["genpkey", "-genparam", "-algorithm", "DSA", "-out", group].into_iter().chain(sizes);
    tool(place, "openssl", make).expect_success("openssl");
    tool(place, "openssl", ["genpkey", "-paramfile", group, "-out", dsa]).expect_success("openssl");
    keys.push(("dsa", PrivateKey::load_file(dsa, None).unwrap()));
    keys
}

/// A table in the making: what went well, what cannot be, and what must not be.
struct Table {
    title: &'static str,
    cells: Vec<(String, &'static str, Cell)>,
}

enum Cell {
    Good,
    /// Nothing differs from the cell of the first row, which was tried.
    AsTheFirst,
    /// The tool cannot do that, in its own words.
    Unsupported(String),
    Wrong(String),
}

impl Table {
    fn new(title: &'static str) -> Self {
        Self { title, cells: Vec::new() }
    }

    fn add(&mut self, column: &str, row: &'static str, cell: Cell) {
        self.cells.push((column.to_owned(), row, cell));
    }

    /// Prints it; every cell that is not good must be one of `unsupported`, which are pairs of column and row.
    fn finish(self, unsupported: &[(&str, &str)]) {
        let rows = ["ed25519", "ecdsa256", "ecdsa384", "ecdsa521", "rsa", "dsa"];
        let mut columns: Vec<&String> = Vec::new();
        for (column, ..) in &self.cells {
            if !columns.contains(&column) {
                columns.push(column);
            }
        }
        println!("\n{}\n{:52}{}", self.title, "", rows.map(|row| format!("{row:>9}")).concat());
        let (mut wrong, mut named) = (Vec::new(), Vec::new());
        for column in &columns {
            print!("{column:52}");
            for row in rows {
                let cell = self.cells.iter().find(|(at, kind, _)| at == *column && *kind == row);
                let sign = match cell {
                    Some((.., Cell::Good)) => "yes",
                    Some((.., Cell::AsTheFirst)) => "=",
                    Some((.., Cell::Unsupported(why))) => {
                        named.push(format!("{row} in {column}: {why}"));
                        let known =
                            unsupported.iter().any(|(at, kind)| column.starts_with(at) && *kind == row);
                        if !known {
                            wrong.push(format!("{row} in {column}: unsupported, and not on the list: {why}"));
                        }
                        "-"
                    }
                    Some((.., Cell::Wrong(why))) => {
                        wrong.push(format!("{row} in {column}: {why}"));
                        "WRONG"
                    }
                    None => {
                        wrong.push(format!("{row} in {column}: empty"));
                        "?"
                    }
                };
                print!("{sign:>9}");
            }
            println!();
        }
        println!(
            "= is not tried: the format does not know the type, and the first row was tried\nnot supported:"
        );
        for line in &named {
            println!("  {line}");
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

/// Loads what a tool has made. A file under a passphrase must ask for it, and must not open with another.
fn loaded(made: Finished, path: &Path, expected: &PublicKey, sealed: bool) -> Cell {
    if !made.status.success() || !path.exists() {
        let said = String::from_utf8_lossy(&made.stderr);
        return Cell::Unsupported(said.lines().next().unwrap_or("it fails without a word").to_owned());
    }
    let load = |passphrase: Option<&str>| {
        let passphrase = passphrase.map(Into::into);
        PrivateKey::load_file(path, passphrase.as_ref()).map(|key| key.public_key().clone())
    };
    let checks = match sealed {
        false => vec![(None, Ok(expected.clone()))],
        true => vec![
            (Some(PASSPHRASE), Ok(expected.clone())),
            (None, Err(KeyError::PassphraseNeeded)),
            (Some("open barley"), Err(KeyError::WrongPassphrase)),
        ],
    };
    for (passphrase, expected) in checks {
        let found = load(passphrase);
        if found != expected {
            return Cell::Wrong(format!("with {passphrase:?}: {found:?}"));
        }
    }
    Cell::Good
}

#[test]
fn private_keys_of_ssh_keygen_openssl_and_puttygen_are_loaded() {
    let mut place = Place::new();
    let mut table = Table::new("Made by others, loaded by feramiko");
    let secret = format!("pass:{PASSPHRASE}");
    for (row, key) in keys(&mut place) {
        let public = key.public_key();
        let openssh = place.write(&key.to_openssh("a comment", None).unwrap());
        let pkcs8 = place.write(&key.to_pkcs8(None).unwrap());
        let (openssh, pkcs8) = (openssh.to_str().unwrap(), pkcs8.to_str().unwrap());

        for cipher in std::iter::once("none").chain(OPENSSH_CIPHERS) {
            let path = place.write(&key.to_openssh("a comment", None).unwrap());
            let sealed = cipher != "none";
            let passphrase = if sealed { PASSPHRASE } else { "" };
            let mut arguments = vec!["-q", "-p", "-a", "1", "-P", "", "-N", passphrase];
            if sealed {
                arguments.extend(["-Z", cipher]);
            }
            arguments.extend(["-f", path.to_str().unwrap()]);
            let made = tool(&place, "ssh-keygen", arguments);
            table.add(&format!("ssh-keygen OpenSSH {cipher}"), row, loaded(made, &path, public, sealed));
        }
        for (format, passphrase) in [("PEM", ""), ("PEM", PASSPHRASE), ("PKCS8", ""), ("PKCS8", PASSPHRASE)] {
            let path = place.write(&key.to_openssh("a comment", None).unwrap());
            let arguments =
                ["-q", "-p", "-m", format, "-P", "", "-N", passphrase, "-f", path.to_str().unwrap()];
            let made = tool(&place, "ssh-keygen", arguments);
            let sealed = !passphrase.is_empty();
            let locked = if sealed { ", locked" } else { "" };
            table.add(&format!("ssh-keygen -m {format}{locked}"), row, loaded(made, &path, public, sealed));
        }

        let mut openssl = |column: &str, sealed: bool, arguments: &[&str]| {
            let path = place.fresh();
            let mut all = arguments.to_vec();
            all.extend(["-in", pkcs8, "-out", path.to_str().unwrap()]);
            if sealed {
                all.extend(["-passout", secret.as_str()]);
            }
            let made = tool(&place, "openssl", all);
            table.add(column, row, loaded(made, &path, public, sealed));
        };
        openssl("openssl PEM", false, &["pkey", "-traditional"]);
        for cipher in PEM_CIPHERS {
            let flag = format!("-{cipher}");
            openssl(&format!("openssl PEM {cipher}"), true, &["pkey", "-traditional", &flag]);
        }
        openssl("openssl PKCS#8", false, &["pkcs8", "-topk8", "-nocrypt"]);
        for cipher in PKCS8_CIPHERS {
            for hash in PKCS8_HASHES {
                let column = format!("openssl PKCS#8 {cipher} {hash}");
                openssl(&column, true, &["pkcs8", "-topk8", "-v2", cipher, "-v2prf", hash]);
            }
            let scrypt = ["-scrypt", "-scrypt_N", "1024", "-scrypt_r", "8", "-scrypt_p", "1"];
            let arguments = [&["pkcs8", "-topk8", "-v2", cipher], &scrypt[..]].concat();
            openssl(&format!("openssl PKCS#8 {cipher} scrypt"), true, &arguments);
        }

        let mut putty = |column: &str, sealed: bool, parameters: &str| {
            let path = place.fresh();
            let phrase = place.passphrase_file(sealed);
            let arguments = [openssh, "-q", "-O", "private", "-o", path.to_str().unwrap()];
            let more = ["--ppk-param", parameters, "--new-passphrase", phrase.to_str().unwrap()];
            let made = tool(&place, "puttygen", arguments.into_iter().chain(more));
            table.add(column, row, loaded(made, &path, public, sealed));
        };
        for version in ["2", "3"] {
            putty(&format!("puttygen ppk {version}"), false, &format!("version={version}"));
        }
        putty("puttygen ppk 2 aes256-cbc", true, "version=2");
        for kdf in ARGON2 {
            let parameters = format!("version=3,kdf={kdf},memory=256,passes=2,parallelism=1");
            putty(&format!("puttygen ppk 3 aes256-cbc {kdf}"), true, &parameters);
        }
    }
    table.finish(&[
        // It has no such form; openssl writes PKCS#8 in its place, which is loaded where it does.
        ("openssl PEM", "ed25519"),
        ("ssh-keygen -m P", "ed25519"),
        // OpenSSH since 10.0 knows no DSA.
        ("ssh-keygen", "dsa"),
    ]);
}

/// What a tool says the public key is.
fn same(said: Finished, expected: &PublicKey) -> Cell {
    let text = said.text();
    match PublicKey::from_line(&text) {
        Ok((key, _)) if said.status.success() && key == *expected => Cell::Good,
        _ if !said.status.success() => {
            let error = String::from_utf8_lossy(&said.stderr);
            Cell::Unsupported(error.lines().next().unwrap_or("it fails without a word").to_owned())
        }
        _ => Cell::Wrong(format!("it read another key: {text}")),
    }
}

#[test]
fn private_keys_that_we_write_are_read_by_ssh_keygen_openssl_and_puttygen() {
    let mut place = Place::new();
    let mut table = Table::new("Written by feramiko, read by others");
    let secret = PASSPHRASE.into();
    for (row, key) in keys(&mut place) {
        let public = key.public_key();
        for cipher in std::iter::once(None).chain(KeyCipher::all().map(Some)) {
            // The cipher does not know what it hides: all of them for one type, the usual one for each.
            if row != "ed25519" && cipher.is_some_and(|cipher| cipher != KeyCipher::default()) {
                table.add(&format!("ssh-keygen OpenSSH {}", cipher.unwrap()), row, Cell::AsTheFirst);
                continue;
            }
            let passphrase = cipher.map(|_| &secret);
            let text = key.to_openssh_with("a comment", passphrase, cipher.unwrap_or_default()).unwrap();
            let path = place.write(&text);
            let phrase = if cipher.is_some() { PASSPHRASE } else { "" };
            let said = tool(&place, "ssh-keygen", ["-y", "-P", phrase, "-f", path.to_str().unwrap()]);
            let name = cipher.map_or("none", KeyCipher::name);
            table.add(&format!("ssh-keygen OpenSSH {name}"), row, same(said, public));
        }
        for sealed in [false, true] {
            let locked = if sealed { ", locked" } else { "" };
            let passphrase = sealed.then_some(&secret);
            let path = place.write(&key.to_pkcs8(passphrase).unwrap());
            let again = place.fresh();
            let phrase = format!("pass:{PASSPHRASE}");
            let files = ["-in", path.to_str().unwrap(), "-out", again.to_str().unwrap()];
            let arguments = ["pkey", "-passin", phrase.as_str()].into_iter().chain(files);
            let made = tool(&place, "openssl", arguments);
            table.add(&format!("openssl PKCS#8{locked}"), row, loaded(made, &again, public, false));
            for (name, version) in [("2", PpkVersion::V2), ("3", PpkVersion::V3)] {
                let path = place.write(&key.to_ppk("a comment", passphrase, version).unwrap());
                let phrase = place.passphrase_file(sealed);
                let arguments = [path.to_str().unwrap(), "-q", "-O", "public-openssh", "-o", "/dev/stdout"];
                let more = ["--old-passphrase", phrase.to_str().unwrap()];
                let said = tool(&place, "puttygen", arguments.into_iter().chain(more));
                table.add(&format!("puttygen ppk {name}{locked}"), row, same(said, public));
            }
        }
    }
    table.finish(&[("ssh-keygen", "dsa")]);
}

/// OpenSSH knows the composite since 10.5, and makes it only where it was built in.
#[test]
fn the_composite_of_ml_dsa_and_ed25519_goes_both_ways_where_ssh_keygen_knows_it() {
    let mut place = Place::new();
    let path = place.fresh();
    let path = path.to_str().unwrap();
    let made = tool(&place, "ssh-keygen", ["-q", "-t", "mldsa44-ed25519", "-N", "", "-f", path]);
    if !made.status.success() {
        let said = String::from_utf8_lossy(&made.stderr);
        assert!(said.contains("unknown key type"), "{said}");
        println!("not supported:\n  mldsa44-ed25519 in ssh-keygen: {}", said.trim());
        return;
    }
    let key = PrivateKey::load_file(path, None).unwrap();
    let (public, _) = PublicKey::load_file(format!("{path}.pub")).unwrap();
    assert_eq!(*key.public_key(), public);
    let ours = place.write(&key.to_openssh("a comment", Some(&PASSPHRASE.into())).unwrap());
    let said = tool(&place, "ssh-keygen", ["-y", "-P", PASSPHRASE, "-f", ours.to_str().unwrap()]);
    assert_eq!(PublicKey::from_line(&said.text()).unwrap().0, public);
}

#[test]
fn what_is_not_loaded_says_its_name() {
    let mut place = Place::new();
    let (rsa, made) = (user_key(KeyType::Rsa), place.fresh());
    let key = PrivateKey::load_file(&rsa.path, None).unwrap();
    let pkcs8 = place.write(&key.to_pkcs8(None).unwrap());
    let phrase = format!("pass:{PASSPHRASE}");
    let files = ["-in", pkcs8.to_str().unwrap(), "-out", made.to_str().unwrap(), "-passout", &phrase];
    let arguments = ["pkcs8", "-topk8", "-v1", "PBE-SHA1-3DES"].into_iter().chain(files);
    tool(&place, "openssl", arguments).expect_success("openssl");
    let error = PrivateKey::load_file(&made, Some(&PASSPHRASE.into())).unwrap_err();
    println!("openssl PKCS#8 -v1 PBE-SHA1-3DES: {error}");
    assert!(matches!(&error, KeyError::UnsupportedFormat { name } if name.contains("PBES1")), "{error}");

    for (arguments, name) in [
        (&["-algorithm", "ED448"][..], "Ed448"),
        (&["-algorithm", "X25519"], "X25519"),
        (&["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"], "ECDSA on secp256k1"),
        (&["-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"], "RSA-PSS"),
    ] {
        let made = place.fresh();
        let out = ["-out", made.to_str().unwrap()];
        let arguments = ["genpkey"].into_iter().chain(arguments.iter().copied()).chain(out);
        tool(&place, "openssl", arguments).expect_success("openssl");
        let error = PrivateKey::load_file(&made, None).unwrap_err();
        println!("openssl genpkey {name}: {error}");
        assert_eq!(error, KeyError::UnsupportedType { name: name.to_owned() });
    }

    let made = place.fresh();
    let openssh = place.write(&key.to_openssh("", None).unwrap());
    let phrase = place.passphrase_file(true);
    let arguments = [openssh.to_str().unwrap(), "-q", "-O", "private-sshcom", "-o", made.to_str().unwrap()];
    let more = ["--new-passphrase", phrase.to_str().unwrap()];
    tool(&place, "puttygen", arguments.into_iter().chain(more)).expect_success("puttygen");
    let error = PrivateKey::load_file(&made, Some(&PASSPHRASE.into())).unwrap_err();
    println!("puttygen -O private-sshcom: {error}");
    assert_eq!(error, KeyError::UnsupportedFormat { name: "ssh.com's key format".to_owned() });
}
