//! Logging in: one method, several, none that fits.

use super::*;

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
        [("keyboard-interactive".to_owned(), Outcome::NoAnswer)],
        "and it is not sent as a password to a server that takes none"
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
    assert_eq!(steps(client.login_steps()), [("keyboard-interactive".to_owned(), Outcome::Success)]);
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

scenario!(defect_045_attempts_are_counted, |driver| {
    let house = House::open(driver, guests);
    let house = house.await.restart(driver, |server| server.max_attempts(2)).await;
    let error = auth_error(house.connect().ask_password(|_| Some("wrong".into())).tries(50).await);
    assert!(error.tried.len() <= 2 && error.ended.is_some(), "{error:?}");
});

scenario!(a_banner_is_there_before_the_login, |driver| {
    let house = House::open(driver, guests);
    let house = house.await.restart(driver, |server| server.banner("Welcome, stranger\n")).await;
    let client = house.connect().password("foo").await.unwrap();
    assert_eq!(client.transport().banner().as_deref(), Some("Welcome, stranger\n"));

    // Whoever wants to see it sees it before anything is asked.
    let (sender, heard) = mpsc::channel();
    let asked = sender.clone();
    let connect = house.connect().banner(move |text| sender.send(text.to_owned()).unwrap());
    let ask = move |_| {
        asked.send("a question".to_owned()).unwrap();
        Some(Secret::from("foo"))
    };
    connect.ask_password(ask).await.unwrap();
    assert_eq!(heard.iter().collect::<Vec<_>>(), ["Welcome, stranger\n", "a question"]);
});

scenario!(an_expired_password_is_changed_where_somebody_has_a_new_one, |driver| {
    let house = House::open(driver, async |connection| {
        while let Some(attempt) = connection.next_auth().await? {
            match attempt.proof() {
                Proof::Password(word) if word.matches("old") => attempt.change_password("Expired.")?,
                Proof::PasswordChange { old, new } if old.matches("old") && new.matches("new") => {
                    attempt.accept()?
                }
                _ => attempt.reject()?,
            }
        }
        run_programs(&connection).await
    })
    .await;
    let new = |prompt: &str| (prompt == "Expired.").then(|| Secret::from("new"));
    let client = house.connect().password("old").new_password(new).await.unwrap();
    assert_eq!(steps(client.login_steps()), [("password".to_owned(), Outcome::Success)]);
    let error = auth_error(house.connect().password("old").await);
    assert_eq!(steps(&error.tried), [("password".to_owned(), Outcome::Expired)]);
    let error = auth_error(house.connect().password("old").new_password(|_| Some("weak".into())).await);
    assert_eq!(steps(&error.tried), [("password".to_owned(), Outcome::Refused)]);
});
