//! Our client against our server over loopback, each scenario with both drivers.

mod house;

use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use feramiko::{
    AuthError, Client, Error, ExitStatus, HostKeyRefusal, Outcome, Prompt, Proof, Request, Secret, Server,
    Stage, Terminal,
};
use house::{Driver, House, answer_attempts, guests, key, password_only, run_programs};

/// What was tried, as words.
fn steps(tried: &[feramiko::Tried]) -> Vec<(String, Outcome)> {
    tried.iter().map(|one| (one.method.clone(), one.outcome)).collect()
}

fn auth_error(result: Result<Client, Error>) -> AuthError {
    match result {
        Err(Error::Auth(error)) => *error,
        other => panic!("{other:?}"),
    }
}

fn refusal(result: Result<Client, Error>) -> HostKeyRefusal {
    match result {
        Err(Error::HostKey(refusal)) => *refusal,
        other => panic!("{other:?}"),
    }
}

scenario!(a_password_logs_in_and_a_command_runs, |driver| {
    let house = House::open(driver, async |connection| {
        password_only(&connection).await?;
        run_programs(&connection).await
    })
    .await;
    let client = house.connect().password("foo").await.unwrap();
    assert_eq!(client.user(), "robey");
    assert_eq!(client.host_key(), house.key.public_key());
    let done = client.command("echo").arg("it's").arg("").arg("$HOME").output().await.unwrap();
    assert_eq!(String::from_utf8_lossy(&done.stdout), "echo 'it'\\''s' '' '$HOME'");
    assert_eq!((done.stderr.as_slice(), done.status.code()), (&b""[..], Some(0)));
    assert!(done.status.success());
    client.close().await;
    assert!(matches!(client.command("x").output().await, Err(Error::Connection(_))));
});

scenario!(a_key_logs_in_and_it_is_the_one_that_signed, |driver| {
    let ours = key();
    let public = ours.public_key().clone();
    let house = House::open(driver, move |connection| {
        let public = public.clone();
        async move {
            let knows = move |_: &str, proof: &Proof| match proof {
                Proof::KeyOffer(key) => *key == public,
                Proof::Key(key) => *key.key() == public,
                _ => false,
            };
            answer_attempts(&connection, knows).await?;
            run_programs(&connection).await
        }
    })
    .await;
    let client = house.connect().key(key()).key(ours.clone()).await.unwrap();
    assert_eq!(
        steps(client.login_steps()),
        [("publickey".to_owned(), Outcome::Refused), ("publickey".to_owned(), Outcome::Success)]
    );
    assert!(client.login_steps()[1].detail.contains(&ours.public_key().fingerprint().to_string()));

    // From a file, under a passphrase that is asked for.
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("key");
    ours.write_file(&file, "", Some(&"sesame".into())).unwrap();
    let locked = house.connect().key_file(&file).await;
    assert!(matches!(locked, Err(Error::Key { path: Some(path), .. }) if path == file));
    let client = house.connect().key_file(&file).passphrase(|_| Some("sesame".into())).await.unwrap();
    assert_eq!(steps(client.login_steps()).len(), 1);
});

scenario!(questions_are_answered, |driver| {
    let house = House::open(driver, async |connection| {
        while let Some(attempt) = connection.next_auth().await? {
            match attempt.proof() {
                Proof::Interactive { .. } => {
                    let prompt = |text: &str, echo| Prompt { text: text.to_owned(), echo };
                    attempt.ask(
                        "Two",
                        "Answer both",
                        vec![prompt("Name? ", true), prompt("Code? ", false)],
                    )?;
                }
                Proof::Answers(answers) => {
                    let right = answers.len() == 2 && answers[0].matches("robey") && answers[1].matches("42");
                    if right { attempt.accept()? } else { attempt.reject()? }
                }
                _ => attempt.reject()?,
            }
        }
        run_programs(&connection).await
    })
    .await;
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let answers = move |prompts: &feramiko::Prompts| {
        assert_eq!((prompts.name(), prompts.instruction()), ("Two", "Answer both"));
        assert_eq!(prompts.prompts()[1].text, "Code? ");
        // Wrong the first time.
        let code = if count.fetch_add(1, Ordering::SeqCst) == 0 { "41" } else { "42" };
        Some(vec![Secret::from("robey"), Secret::from(code)])
    };
    let client = house.connect().keyboard_interactive(answers).tries(2).await.unwrap();
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    assert_eq!(client.login_steps().len(), 2);

    let error = auth_error(house.connect().keyboard_interactive(|_| None).await);
    assert_eq!(steps(&error.tried), [("keyboard-interactive".to_owned(), Outcome::NoAnswer)]);
    // A password is no answer to two questions, and is not sent as one.
    let house = house.restart(driver, |server| server.methods(["keyboard-interactive"])).await;
    let error = auth_error(house.connect().password("foo").await);
    assert_eq!(
        steps(&error.tried),
        [("password".to_owned(), Outcome::Refused), ("keyboard-interactive".to_owned(), Outcome::NoAnswer)]
    );
});

scenario!(a_password_answers_a_server_that_only_asks, |driver| {
    let house = House::open(driver, async |connection| {
        while let Some(attempt) = connection.next_auth().await? {
            match attempt.proof() {
                Proof::Interactive { .. } => {
                    attempt.ask("", "", vec![Prompt { text: "Password: ".to_owned(), echo: false }])?;
                }
                Proof::Answers(answers) if answers.is_empty() => attempt.accept()?,
                // Then once more, without a question, as PAM does.
                Proof::Answers(answers) if answers[0].matches("foo") => attempt.ask("", "Welcome", vec![])?,
                _ => attempt.reject()?,
            }
        }
        run_programs(&connection).await
    });
    let house = house.await.restart(driver, |server| server.methods(["keyboard-interactive"])).await;
    let client = house.connect().password("foo").await.unwrap();
    assert_eq!(steps(client.login_steps())[1], ("keyboard-interactive".to_owned(), Outcome::Success));
    let error = auth_error(house.connect().password("bar").await);
    assert_eq!(steps(&error.tried).last().unwrap(), &("keyboard-interactive".to_owned(), Outcome::Refused));
});

scenario!(several_steps_in_whatever_order_they_are_declared, |driver| {
    let ours = key();
    let public = ours.public_key().clone();
    let house = House::open(driver, move |connection| {
        let public = public.clone();
        async move {
            let mut key_shown = false;
            while let Some(attempt) = connection.next_auth().await? {
                match attempt.proof() {
                    Proof::KeyOffer(key) if *key == public => attempt.accept()?,
                    Proof::Key(key) if *key.key() == public => {
                        key_shown = true;
                        attempt.partial(["password"])?;
                    }
                    Proof::Password(word) if key_shown && word.matches("foo") => attempt.accept()?,
                    _ => attempt.reject()?,
                }
            }
            run_programs(&connection).await
        }
    });
    let house = house.await.restart(driver, |server| server.methods(["publickey"])).await;
    for key_first in [true, false] {
        let connect = house.connect();
        let connect = match key_first {
            true => connect.key(ours.clone()).password("foo"),
            false => connect.password("foo").key(ours.clone()),
        };
        let client = connect.await.unwrap();
        let last_two: Vec<_> = steps(client.login_steps()).into_iter().rev().take(2).collect();
        assert_eq!(last_two[0], ("password".to_owned(), Outcome::Success));
        assert_eq!(last_two[1], ("publickey".to_owned(), Outcome::Partial));
    }
    let error = auth_error(house.connect().key(ours.clone()).await);
    assert_eq!(steps(&error.tried), [("publickey".to_owned(), Outcome::Partial)]);
    assert_eq!(error.remaining, ["password"]);
});

scenario!(a_wrong_password_tells_what_was_tried_and_what_is_left, |driver| {
    let house = House::open(driver, guests).await;
    let error = auth_error(house.connect().password("bar").await);
    assert_eq!(error.user, "robey");
    assert_eq!(steps(&error.tried)[0], ("password".to_owned(), Outcome::Refused));
    assert!(error.remaining.contains(&"publickey".to_owned()), "{:?}", error.remaining);
    let text = Error::from(error).to_string();
    assert!(text.contains("password (refused)") && text.contains("publickey"), "{text}");
    assert!(!text.contains("bar"), "{text}");
});

scenario!(defect_041_empty_users_and_passwords_get_nobody_in, |driver| {
    let house = House::open(driver, async |connection| {
        // An account without a password: nothing matches it.
        answer_attempts(&connection, |_, proof| matches!(proof, Proof::Password(word) if word.matches("")))
            .await
    })
    .await;
    auth_error(house.connect().password("").await);
    assert!(matches!(house.connect().user("").password("foo").await, Err(Error::Address { .. })));
    // Somebody who is not stopped by our own checks.
    let transport = house.transport(driver).await;
    let step = transport.authenticate("", feramiko::Credential::Password("".into())).await;
    assert!(!matches!(step, Ok(feramiko::AuthStep::Success)), "{step:?}");
    assert!(!transport.is_authenticated());
});

scenario!(another_host_key_than_the_expected_is_refused, |driver| {
    let house = House::open(driver, guests).await;
    let other = key().public_key().clone();
    let wrong = house.bare().password("foo").host_key(other.clone()).await;
    match refusal(wrong) {
        HostKeyRefusal::NotTheOne { expected, key } => {
            assert_eq!(expected, [other.fingerprint()]);
            assert_eq!(&key, house.key.public_key());
        }
        refusal => panic!("{refusal}"),
    }
    let wrong = house.bare().password("foo").fingerprint(&other.fingerprint().to_string()).await;
    assert!(matches!(refusal(wrong), HostKeyRefusal::NotTheOne { .. }));
    let right = house.key.public_key().fingerprint().to_string();
    assert!(house.bare().password("foo").fingerprint(&right).await.is_ok());
    let nonsense = house.bare().password("foo").fingerprint("MD5:00").await;
    assert!(matches!(nonsense, Err(Error::Key { .. })));
});

scenario!(known_hosts_files_know_learn_and_refuse, |driver| {
    let house = House::open(driver, guests).await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("known_hosts");
    let connect = || house.bare().password("foo").known_hosts(&file);
    match refusal(connect().await) {
        HostKeyRefusal::Unknown { host, key, files } => {
            assert_eq!((host.host.as_str(), host.port), ("127.0.0.1", house.address.port()));
            assert_eq!((&key, files), (house.key.public_key(), vec![file.clone()]));
        }
        refusal => panic!("{refusal}"),
    }
    assert!(!file.exists(), "a refusal writes nothing");
    assert!(connect().accept_new().await.is_ok());
    let line = format!("[127.0.0.1]:{} {}\n", house.address.port(), house.key.public_key().to_line(""));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), line);
    assert!(connect().await.is_ok());

    let other = line.replace(&house.key.public_key().to_line(""), &key().public_key().to_line(""));
    std::fs::write(&file, &other).unwrap();
    let changed = refusal(connect().accept_new().await);
    assert!(matches!(&changed, HostKeyRefusal::Changed { known, .. } if known[0].key.line == 1), "{changed}");
    std::fs::write(&file, format!("{line}@revoked * {}\n", house.key.public_key().to_line(""))).unwrap();
    assert!(matches!(refusal(connect().accept_new().await), HostKeyRefusal::Revoked { line: 2, .. }));

    let (asked, answers) = mpsc::channel();
    std::fs::write(&file, "").unwrap();
    let ask = move |question: &HostKeyRefusal| asked.send(question.to_string()).is_err();
    assert!(matches!(refusal(connect().ask_unknown(ask).await), HostKeyRefusal::Declined { .. }));
    assert!(answers.recv().unwrap().contains(&house.key.public_key().fingerprint().to_string()));
});

scenario!(defect_007_a_verifier_that_fails_or_panics_trusts_nobody, |driver| {
    struct Broken(bool);
    impl feramiko::HostKeyVerifier for Broken {
        fn verify(&mut self, _: &feramiko::PublicKey) -> Result<(), Error> {
            assert!(!self.0, "as planned");
            Err(std::io::Error::other("the database is down").into())
        }
    }
    let house = House::open(driver, guests).await;
    let failed = house.bare().password("foo").verifier(Broken(false)).await;
    assert!(matches!(&failed, Err(Error::Io { message, .. }) if message.contains("database")), "{failed:?}");
    let panicked = house.bare().password("foo").verifier(Broken(true)).await;
    assert!(matches!(refusal(panicked), HostKeyRefusal::Declined { .. }));
});

scenario!(output_drains_both_streams_whichever_comes_first, |driver| {
    const MUCH: usize = 4 << 20;
    let house = House::open(driver, async |connection| {
        password_only(&connection).await?;
        while let Some(session) = connection.next_session().await? {
            let Some(start) = session.program().await? else { continue };
            let channel = start.accept();
            channel.stderr().send(vec![b'e'; MUCH]).await?;
            channel.finish(vec![b'o'; MUCH], b"", 3).await?;
        }
        Ok(())
    })
    .await;
    let client = house.connect().password("foo").await.unwrap();
    let done = client.command("much").output().await.unwrap();
    assert!(done.stderr.len() == MUCH && done.stderr.iter().all(|byte| *byte == b'e'));
    assert!(done.stdout.len() == MUCH && done.stdout.iter().all(|byte| *byte == b'o'));
    assert_eq!(done.status.code(), Some(3));
    assert_eq!(client.command("much").status().await.unwrap().code(), Some(3));
    let process = client.command("much").spawn().await.unwrap();
    assert_eq!(process.wait().await.unwrap().code(), Some(3));
});

scenario!(input_terminal_variables_and_signals_reach_the_program, |driver| {
    let house = House::open(driver, async |connection| {
        password_only(&connection).await?;
        while let Some(session) = connection.next_session().await? {
            let Some(start) = session.program().await? else { continue };
            let told = format!(
                "{:?} {:?}",
                start.pty().map(|pty| (pty.term.clone(), pty.size.columns)),
                start.env()
            );
            let channel = start.accept();
            let mut input = Vec::new();
            loop {
                match channel.read_some(1024).await? {
                    piece if piece.is_empty() => break,
                    piece => input.extend(piece),
                }
            }
            while let Some(request) = match input.as_slice() {
                b"wait" => channel.next_request().await?,
                _ => None,
            } {
                if let Request::Signal(name) = request.request() {
                    let message = "on demand".to_owned();
                    channel.send_exit(ExitStatus::Signal {
                        name: name.clone(),
                        core_dumped: true,
                        message,
                    })?;
                    channel.close();
                    break;
                }
            }
            // Closed already where a signal came.
            let _ = channel.finish([told.as_bytes(), b"|", &input].concat(), b"", 0).await;
        }
        Ok(())
    })
    .await;
    let client = house.connect().password("foo").await.unwrap();
    let mut command = client.command("cat");
    command.env("LANG", "C").pty(Terminal::new("vt100").size(132, 43)).stdin(vec![b'x'; 3 << 20]);
    let done = command.output().await.unwrap();
    let told = "Some((\"vt100\", 132)) [(\"LANG\", [67])]|";
    assert!(done.stdout.starts_with(told.as_bytes()), "{}", String::from_utf8_lossy(&done.stdout[..60]));
    assert_eq!(done.stdout.len(), told.len() + (3 << 20));

    let process = client.shell().spawn().await.unwrap();
    process.channel().send("wait").await.unwrap();
    process.close_stdin().unwrap();
    process.signal("TERM").unwrap();
    let status = process.wait().await.unwrap();
    assert_eq!((status.signal(), status.code(), status.success()), (Some("TERM"), None, false));
    assert!(matches!(status.details(), Some(ExitStatus::Signal { core_dumped: true, .. })));

    assert!(matches!(client.command("x").arg("a\0b").output().await, Err(Error::Misuse(_))));
    assert!(matches!(client.shell().arg("x").output().await, Err(Error::Misuse(_))));
});

scenario!(what_the_server_refuses_is_said, |driver| {
    let house = House::open(driver, async |connection| {
        password_only(&connection).await?;
        while let Some(session) = connection.next_session().await? {
            let Some(start) = session.program().await? else { continue };
            drop(start);
        }
        Ok(())
    })
    .await;
    let client = house.connect().password("foo").await.unwrap();
    let refused = client.command("x").output().await;
    assert!(matches!(&refused, Err(Error::RequestRefused(name)) if name == "exec"), "{refused:?}");
    let refused = client.transport().open_channel("direct-tcpip", b"").await;
    assert!(matches!(&refused, Err(Error::Open(failure)) if failure.reason == 3), "{refused:?}");
});

scenario!(a_client_that_is_dropped_amid_a_command_leaves_nothing_behind, |driver| {
    let (told, end) = mpsc::channel();
    let house = House::open(driver, move |connection| {
        let told = told.clone();
        async move {
            password_only(&connection).await?;
            let Some(session) = connection.next_session().await? else { return Ok(()) };
            let Some(start) = session.program().await? else { return Ok(()) };
            let channel = start.accept();
            channel.send("begun").await?;
            let rest = channel.read_some(100).await;
            let next = connection.next_session().await;
            told.send((rest.is_ok_and(|rest| rest.is_empty()), matches!(next, Ok(None)))).unwrap();
            Ok(())
        }
    })
    .await;
    let client = house.connect().password("foo").await.unwrap();
    let process = client.command("endless").spawn().await.unwrap();
    assert_eq!(process.channel().read_some(5).await.unwrap(), b"begun");
    let closed = client.transport().closed();
    drop(client);
    drop(process);
    assert!(matches!(closed.await, Error::Connection(feramiko::ConnectionError::Closed)));
    let (_input_ended, said_goodbye) = house::wait_for(driver, end).await;
    assert!(said_goodbye);
});

scenario!(defect_100_a_handler_that_panics_ends_one_connection_only, |driver| {
    let house = House::open(driver, async |connection| {
        password_only(&connection).await?;
        while let Some(session) = connection.next_session().await? {
            let Some(start) = session.program().await? else { continue };
            let panics = matches!(start.program(), feramiko::Program::Exec(line) if line == b"panic");
            assert!(!panics, "as planned");
            start.accept().finish("still here", "", 0).await?;
        }
        Ok(())
    })
    .await;
    let (one, other) =
        (house.connect().password("foo").await.unwrap(), house.connect().password("foo").await.unwrap());
    assert!(one.command("panic").output().await.is_err());
    assert_eq!(other.command("x").output().await.unwrap().stdout, b"still here");
    assert!(house.connect().password("foo").await.is_ok());
});

scenario!(another_server_is_reached_through_the_first, |driver| {
    let inner = House::open(driver, async |connection| {
        password_only(&connection).await?;
        run_programs(&connection).await
    })
    .await;
    let target = inner.address;
    let outer = House::open(driver, move |connection| async move {
        password_only(&connection).await?;
        while let Some(open) = connection.next_channel().await? {
            assert_eq!(open.kind(), "direct-tcpip");
            let channel = open.accept()?;
            let stream = std::net::TcpStream::connect(target)?;
            let (mut up, mut down) = (stream.try_clone()?, stream);
            let back = channel.clone();
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut down, &mut &back);
                back.close();
            });
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut &channel, &mut up);
                let _ = up.shutdown(std::net::Shutdown::Both);
            });
        }
        Ok(())
    })
    .await;
    let first = outer.connect().password("foo").await.unwrap();
    let jump = first.jump(target.to_string()).user("robey").password("foo");
    let second = jump.driver(driver).host_key(inner.key.public_key().clone()).await.unwrap();
    // The first is kept open by the second.
    drop(first);
    assert_eq!(second.command("over two hops").output().await.unwrap().stdout, b"over two hops");
    let refused = house_is_closed(&outer).await;
    assert!(refused, "the deadline and the host key hold behind a jump too");
});

/// Behind a jump to where nobody is, the reason is the server's.
async fn house_is_closed(outer: &House) -> bool {
    let client = outer.connect().password("foo").await.unwrap();
    client.close().await;
    let jump = client.jump("127.0.0.1:1").user("robey").password("foo").accept_new().await;
    matches!(jump, Err(Error::Connection(_)))
}

scenario!(defect_071_a_peer_that_stops_anywhere_in_the_handshake_meets_the_deadline, |driver| {
    let house = House::open(driver, guests).await;
    let whole = house::Dam::open(house.address, usize::MAX);
    drop(house.at(whole.address).password("foo").await.unwrap());
    let handshake = whole.passed();
    assert!(handshake > 500, "{handshake}");
    let mut last = Stage::Identification;
    let points = [0, 1, 10, 60, 300, handshake / 2, handshake * 3 / 4, handshake - 40];
    for stop_after in points {
        let dam = house::Dam::open(house.address, stop_after);
        let limit = Duration::from_millis(if stop_after > 300 { 400 } else { 100 });
        let result = house.at(dam.address).password("foo").deadline(limit).await;
        match result {
            Err(Error::Timeout { during, limit: said }) => {
                assert!(during >= last, "{during} after {last}, stopped after {stop_after} bytes");
                assert_eq!(said, limit);
                last = during;
            }
            other => panic!("stopped after {stop_after} of {handshake} bytes: {other:?}"),
        }
        // The client has let go of its socket.
        dam.client_is_gone();
    }
    assert!(last > Stage::Identification);
});

scenario!(the_deadline_covers_people_who_are_asked, |driver| {
    let house = House::open(driver, guests).await;
    let limit = Duration::from_millis(300);
    let (release, held) = mpsc::channel::<()>();
    let slow = move |_: &HostKeyRefusal| held.recv().is_ok();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("known_hosts");
    let asked = house.bare().known_hosts(&file).ask_unknown(slow).password("foo").deadline(limit).await;
    assert!(matches!(asked, Err(Error::Timeout { during: Stage::HostKey, .. })), "{asked:?}");
    drop(release);

    let (release, held) = mpsc::channel::<()>();
    let slow = move |_| held.recv().ok().map(|()| Secret::from("foo"));
    let asked = house.connect().ask_password(slow).deadline(limit).await;
    assert!(matches!(asked, Err(Error::Timeout { during: Stage::Authentication, .. })), "{asked:?}");
    drop(release);
});

scenario!(defect_055_the_grace_time_ends_those_who_do_not_log_in, |driver| {
    let (told, end) = mpsc::channel();
    let house = House::open(driver, move |connection| {
        let told = told.clone();
        async move {
            let result = password_only(&connection).await;
            told.send(format!("{result:?}")).unwrap();
            result
        }
    });
    let house = house.await.restart(driver, |server| server.login_grace(Duration::from_millis(50))).await;
    let silent = std::net::TcpStream::connect(house.address).unwrap();
    let end = house::wait_for(driver, end).await;
    assert!(end.contains("TimedOut"), "{end}");
    drop(silent);
});

scenario!(defect_055_connections_that_drip_keep_nobody_out, |driver| {
    let house = House::open(driver, guests);
    let limit = |server: feramiko::ServerBuilder| server.max_startups(feramiko::MaxStartups::at_most(1000));
    let house = house.await.restart(driver, limit).await;
    let mut dripping = Vec::new();
    for _ in 0..100 {
        let mut stream = std::net::TcpStream::connect(house.address).unwrap();
        stream.write_all(b"S").unwrap();
        dripping.push(stream);
    }
    for _ in 0..10 {
        house.connect().password("foo").await.unwrap();
    }
});

scenario!(defect_043_a_login_without_proof_is_told, |driver| {
    let house = House::open(driver, async |connection| {
        while let Some(attempt) = connection.next_auth().await? {
            match attempt.proof() {
                Proof::Interactive { .. } => attempt.ask("", "no question", Vec::new())?,
                Proof::Answers(answers) if answers.is_empty() => attempt.accept()?,
                Proof::Password(word) if word.matches("foo") => attempt.accept()?,
                _ => attempt.reject()?,
            }
        }
        run_programs(&connection).await
    })
    .await;
    let client = house.connect().keyboard_interactive(|_| Some(Vec::new())).await.unwrap();
    assert!(client.login_steps().iter().all(|step| !step.proof));
    let client = house.connect().password("foo").await.unwrap();
    assert!(client.login_steps().iter().any(|step| step.proof));
});

scenario!(too_many_startups_are_turned_away_and_a_login_makes_room, |driver| {
    let house = House::open(driver, guests);
    let limit = |server: feramiko::ServerBuilder| server.max_startups(feramiko::MaxStartups::at_most(1));
    let house = house.await.restart(driver, limit).await;
    // One that does not log in takes the only place, and is told so by its version line.
    let idle = house::greeted(driver, house.address).await;
    let refused = house.connect().password("foo").await;
    assert!(refused.is_err(), "{refused:?}");
    drop(idle);
    // Its place is free as soon as the server has noticed.
    let mut client = house.connect().password("foo").await;
    while client.is_err() {
        client = house.connect().password("foo").await;
    }
    // Who is logged in takes no place.
    let second = house.connect().password("foo").await;
    assert!(second.is_ok(), "{second:?}");
});

scenario!(defect_045_attempts_are_counted, |driver| {
    let house = House::open(driver, guests);
    let house = house.await.restart(driver, |server| server.max_attempts(2)).await;
    let error = auth_error(house.connect().ask_password(|_| Some("wrong".into())).tries(50).await);
    assert!(error.tried.len() <= 2 && error.ended.is_some(), "{error:?}");
});

scenario!(a_stopped_server_takes_nobody_in_and_keeps_those_it_has, |driver| {
    let house = House::open(driver, async |connection| {
        password_only(&connection).await?;
        run_programs(&connection).await
    })
    .await;
    let client = house.connect().password("foo").await.unwrap();
    house.server.stop();
    assert!(matches!(house.server.accept().await, Err(Error::Io { .. })));
    assert_eq!(client.command("here").output().await.unwrap().stdout, b"here");
});

scenario!(a_banner_is_there_before_the_login, |driver| {
    let house = House::open(driver, guests);
    let house = house.await.restart(driver, |server| server.banner("Welcome, stranger\n")).await;
    let client = house.connect().password("foo").await.unwrap();
    assert_eq!(client.transport().banner().as_deref(), Some("Welcome, stranger\n"));
});

#[test]
fn a_server_without_a_host_key_and_a_port_that_is_taken_are_errors() {
    assert!(matches!(Server::builder().bind("127.0.0.1:0").wait(), Err(Error::Config(_))));
    let server = Server::builder().host_key(key()).bind("127.0.0.1:0").wait().unwrap();
    let taken = Server::builder().host_key(key()).bind(server.local_addr().unwrap()).wait();
    assert!(matches!(taken, Err(Error::Io { kind: std::io::ErrorKind::AddrInUse, .. })), "{taken:?}");
}

#[test]
fn a_name_without_an_address_is_said_to_be_one() {
    let result = Client::connect("robey@does-not-exist.invalid").password("foo").wait();
    assert!(
        matches!(&result, Err(Error::Lookup { host, .. }) if host == "does-not-exist.invalid"),
        "{result:?}"
    );
}

#[test]
fn a_connection_that_is_given_up_is_released_at_once() {
    let house = feramiko::Pending::new(House::open(Driver::Thread, guests)).wait();
    let dam = house::Dam::open(house.address, 30);
    let mut connecting = house.at(dam.address).password("foo").deadline(None).into_future();
    while dam.passed() < 30 {
        assert!(connecting.wait_timeout(Duration::from_millis(1)).is_none());
    }
    drop(connecting);
    dam.client_is_gone();
}
