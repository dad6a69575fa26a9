//! `feramiko bbs`: the house with its door to the street.

use std::fs;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use feramiko::{AuthorizedKeys, AuthorizedKeysPolicy, KeyType, PrivateKey};

use crate::args::BbsArgs;
use crate::bbs::{House, Store};
use crate::signals;
use crate::switchboard::{Guests, PASSWORD, Switchboard, USER};

/// How long callers get to read "good-bye" when the house closes.
const FAREWELL: Duration = Duration::from_secs(3);

/// Runs the server until a signal ends it.
///
/// # Errors
/// What is in the way: of the folder, of the books, of the host key, of the address.
pub(crate) fn run(arguments: &BbsArgs) -> io::Result<()> {
    let guests = arguments.authorized_keys.as_deref().map(guests).transpose()?;
    let folder = match &arguments.data {
        Some(folder) => folder.clone(),
        None => data_folder()?,
    };
    fs::create_dir_all(&folder).map_err(|error| about(&folder, &error))?;
    // The books first: whoever has them open has the folder to himself.
    let store = Store::open(&folder.join("bbs.redb")).map_err(io::Error::other)?;
    let host_key = host_key(&folder.join("host_key"))?;
    let board = Switchboard::new(open_house(store), Guests::default());
    let mut house = board.server().host_key(host_key.clone());
    let mut known_keys = 0;
    if let Some((path, count)) = guests {
        known_keys = count;
        // Who names a file by hand knows who may write to it.
        let policy = AuthorizedKeysPolicy::new(move |_| Some(path.clone())).any_owner();
        house = house.methods(["publickey", "password"]).authorized_keys(policy);
    }

    let mut signals = signals::endings()?;
    let bound = house.bind(arguments.listen).wait();
    let server = bound.map_err(|error| {
        let error = io::Error::from(error);
        let help = match error.kind() {
            ErrorKind::AddrInUse => "; something listens there already: choose another port with --listen",
            ErrorKind::PermissionDenied => {
                "; ports below 1024 are for root: choose another one with --listen"
            }
            _ => "",
        };
        io::Error::new(error.kind(), format!("{}: {error}{help}", arguments.listen))
    })?;
    let address = server.local_addr()?;
    greet(address, &host_key, &folder, known_keys)?;

    let door = signals.handle();
    let serving = {
        let (server, board) = (server.clone(), Arc::clone(&board));
        let name = "bbs door".to_owned();
        std::thread::Builder::new().name(name).spawn(move || {
            let served = server.serve(move |connection| board.serve(&connection));
            // If that was no signal's doing, whoever waits for one waits no more.
            door.close();
            served
        })?
    };
    let signal = signals.forever().next();
    tracing::info!(?signal, "the house closes");
    server.stop();
    board.house().close();
    board.wait_until_quiet(FAREWELL);
    match serving.join() {
        Ok(served) => served?,
        Err(_) => return Err(io::Error::other("the door has broken")),
    }
    println!("The house is closed.");
    Ok(())
}

/// A house by the clock on the wall.
pub(crate) fn open_house(store: Store) -> Arc<House> {
    // The hasher's keys are random, which is enough for a game.
    let seed = RandomState::new().build_hasher().finish();
    House::new(store, Box::new(SystemTime::now), seed)
}

fn greet(address: SocketAddr, host_key: &PrivateKey, folder: &Path, known_keys: usize) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let public = host_key.public_key();
    let host = match address.ip() {
        ip if ip.is_unspecified() => "HOST".to_owned(),
        ip => ip.to_string(),
    };
    let short = if host.contains(':') { format!("[{host}]") } else { host.clone() };
    let port = address.port();
    writeln!(out, "The Iron Friend BBS is open.")?;
    writeln!(out, "  listening on  {address}")?;
    writeln!(out, "  host key      {} {}", public.algorithm(), public.fingerprint())?;
    writeln!(out, "  data          {}", folder.display())?;
    match known_keys {
        0 => {}
        1 => writeln!(out, "  keys          1 may call, under any name")?,
        count => writeln!(out, "  keys          {count} may call, under any name")?,
    }
    writeln!(out)?;
    writeln!(out, "Call it with    ssh -p {port} {USER}@{host}")?;
    writeln!(out, "or with         feramiko ssh {USER}@{short}:{port}")?;
    writeln!(out, "The password is {PASSWORD}. Control-C closes the house.")?;
    if !address.ip().is_loopback() {
        writeln!(out)?;
        writeln!(out, "Everybody who reaches this address may call: the password is no secret.")?;
    }
    out.flush()
}

/// Where a user's programs keep what they are to remember (XDG Base Directory Specification).
fn data_folder() -> io::Result<PathBuf> {
    let named = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let own = || Some(std::env::home_dir()?.join(".local/share")).filter(|path| path.is_absolute());
    match named.or_else(own) {
        Some(folder) => Ok(folder.join("feramiko/bbs")),
        None => Err(io::Error::new(ErrorKind::NotFound, "you have no home: say --data FOLDER")),
    }
}

/// The key from that file; at the first time it is made, for its owner alone.
fn host_key(path: &Path) -> io::Result<PrivateKey> {
    if !path.try_exists().map_err(|error| about(path, &error))? {
        let key = PrivateKey::generate(KeyType::Ed25519)?;
        key.write_file(path, "feramiko bbs", None)?;
    }
    Ok(PrivateKey::load_file(path, None)?)
}

/// The file of those who may call, and how many keys and authorities are in it. A line that would let nobody in is told
/// before the house opens.
fn guests(path: &Path) -> io::Result<(PathBuf, usize)> {
    let keys = AuthorizedKeys::parse(&fs::read(path).map_err(|error| about(path, &error))?);
    if let Some((line, problem)) = keys.damaged().next() {
        let words = format!("{} line {line}: {problem}", path.display());
        return Err(io::Error::new(ErrorKind::InvalidData, words));
    }
    let path = path.canonicalize().map_err(|error| about(path, &error))?;
    Ok((path, keys.entries().len()))
}

fn about(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
