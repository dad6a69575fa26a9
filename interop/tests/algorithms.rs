//! Every algorithm, forced, between feramiko and each of the others, in both roles.

use feramiko::{Driver, Pending};
use feramiko_interop::{
    Category, Direction, Foreign, Job, Matrix, Offer, OurServer, Outcome, Seen, ServerSpec, our_client,
    test_data_sha256,
};

/// Several packets and windows' worth, but for what concerns the handshake only.
const BULK: u64 = 300_000;

/// A job that succeeds with that algorithm only. What works on packets gets many of them.
fn forcing(address: std::net::SocketAddr, category: Category, name: &str) -> Job {
    let job = Job::forcing(address, category, name);
    match category {
        Category::Cipher | Category::Mac | Category::Compression => {
            Job { stdin_bytes: BULK, ..job.exec("cat") }
        }
        _ => job,
    }
}

fn judge(outcome: &Outcome, job: &Job, category: Category, name: &str) -> Result<(), String> {
    if job.stdin_bytes == 0 {
        return outcome.check(category, name, "hello\n");
    }
    outcome.check(category, name, &outcome.stdout.text)?;
    match (outcome.stdout.count, outcome.stdout.sha256 == test_data_sha256(BULK)) {
        (BULK, true) => Ok(()),
        (count, _) => Err(format!("{count} bytes of {BULK} came back, or others")),
    }
}

/// What our own side says must agree, user keys included.
fn agrees(seen: &Seen, category: Category, name: &str) -> Result<(), String> {
    let used = match category {
        Category::UserKey => seen.key_algorithm.as_deref().unwrap_or("no key"),
        _ => seen.negotiated.get(category),
    };
    if used == name { Ok(()) } else { Err(format!("our server says {used}: {:?}", seen.failure)) }
}

fn our_client_at(matrix: &Matrix, peer: Foreign) {
    let running = peer.serve(&ServerSpec::default());
    for (category, name) in Matrix::wanted(peer, Direction::OurClient) {
        let job = forcing(running.address(), category, name);
        let outcome = Pending::new({
            let job = job.clone();
            async move { our_client(Driver::Thread, &job).await }
        })
        .wait();
        let used = match category {
            // Its only way in was the key, and the only algorithm was this.
            Category::UserKey => name,
            _ => outcome.negotiated.get(category),
        };
        let result = judge(&outcome, &job, category, name);
        let result = result.and_then(|()| if used == name { Ok(()) } else { Err(format!("we used {used}")) });
        matrix.record(peer, Direction::OurClient, category, name, result);
    }
}

fn our_server_for(matrix: &Matrix, peer: Foreign) {
    let wanted = Matrix::wanted(peer, Direction::OurServer);
    let (compression, others): (Vec<_>, Vec<_>) =
        wanted.into_iter().partition(|(category, _)| *category == Category::Compression);
    // `ssh` offers every compression whatever it is told: the server leaves one.
    for (category, name) in compression {
        serve(matrix, peer, Offer::only(category, name), &[(category, name)]);
    }
    for category in Category::ALL {
        let some: Vec<_> = others.iter().filter(|(one, _)| *one == category).copied().collect();
        serve(matrix, peer, Offer::default(), &some);
    }
}

fn serve(matrix: &Matrix, peer: Foreign, offer: Offer, wanted: &[(Category, &'static str)]) {
    if wanted.is_empty() {
        return;
    }
    let server = OurServer::start(&ServerSpec { offer, ..ServerSpec::default() });
    let jobs: Vec<Job> =
        wanted.iter().map(|(category, name)| forcing(server.address(), *category, name)).collect();
    let outcomes = peer.client(&jobs);
    let seen = server.seen();
    assert_eq!(seen.len(), jobs.len(), "one connection for each job of {}", peer.version());
    for (((category, name), job), (outcome, seen)) in wanted.iter().zip(&jobs).zip(outcomes.iter().zip(&seen))
    {
        let result = judge(outcome, job, *category, name).and_then(|()| agrees(seen, *category, name));
        matrix.record(peer, Direction::OurServer, *category, name, result);
    }
}

/// The table that is printed is the result.
#[test]
fn every_algorithm_works_with_everybody_who_has_it() {
    let matrix = Matrix::default();
    std::thread::scope(|scope| {
        for peer in Foreign::ALL {
            let matrix = &matrix;
            scope.spawn(move || {
                our_client_at(matrix, peer);
                our_server_for(matrix, peer);
            });
        }
    });
    matrix.finish();
}

/// Debian 12's OpenSSH has no ML-KEM; these have.
#[test]
fn ml_kem_has_peers_besides_openssh() {
    for peer in [Foreign::Asyncssh, Foreign::Paramiko, Foreign::Russh] {
        for direction in Direction::BOTH {
            assert!(peer.supports(direction, Category::Kex, "mlkem768x25519-sha256"), "{}", peer.version());
        }
    }
}

/// No algorithm in common: both sides are told so, and the error names both lists.
#[test]
fn offers_that_do_not_meet_are_explained() {
    let running = Foreign::OpenSsh.serve(&ServerSpec {
        offer: Offer::only(Category::Kex, "curve25519-sha256"),
        ..ServerSpec::default()
    });
    let job = Job::forcing(running.address(), Category::Kex, "ecdh-sha2-nistp256");
    let outcome = Pending::new(async move { our_client(Driver::Thread, &job).await }).wait();
    assert!(!outcome.ok);
    for name in ["curve25519-sha256", "ecdh-sha2-nistp256"] {
        assert!(outcome.error.contains(name), "{}", outcome.error);
    }
    let spec = ServerSpec { offer: Offer::only(Category::Kex, "curve25519-sha256"), ..ServerSpec::default() };
    let server = OurServer::start(&spec);
    let job = Job::forcing(server.address(), Category::Kex, "ecdh-sha2-nistp256");
    for peer in Foreign::ALL {
        let outcome = peer.client(std::slice::from_ref(&job)).pop().unwrap();
        assert!(!outcome.ok, "{}: {outcome:?}", peer.version());
    }
    let job = Job::new(server.address());
    let outcome = Foreign::OpenSsh.client(&[job]).pop().unwrap_or_else(|| panic!("one job, one outcome"));
    assert_eq!(outcome.check(Category::Kex, "curve25519-sha256", "hello\n"), Ok(()));
}
