//! Which methods come when, which keys are shown, and logins of several steps.

use super::*;
use feramiko::certificate::CertificateBuilder;
use feramiko::{
    Algorithms, Attempt, CertifiedKey, ClientConfig, KeySource, KnownHosts, PrivateKey, Restrictions,
    TrustedHosts,
};

/// What a server that was declared has been shown.
type Seen = Arc<std::sync::Mutex<Vec<String>>>;

fn seen(seen: &Seen) -> Vec<String> {
    std::mem::take(&mut *seen.lock().unwrap())
}

/// A house that knows this key, the password `foo` and the code 42, and writes down what it is shown.
async fn judging(driver: Driver, known: &PrivateKey) -> (House, Seen) {
    let shown = Seen::default();
    let (notes, known) = (Arc::clone(&shown), known.public_key().clone());
    let house = House::open(driver, move |connection| {
        let (notes, known) = (Arc::clone(&notes), known.clone());
        async move {
            while let Some(attempt) = connection.next_auth().await? {
                notes.lock().unwrap().push(name(&attempt));
                match attempt.proof() {
                    Proof::KeyOffer(key) if *key == known => attempt.accept()?,
                    Proof::Key(key) if *key.key() == known => attempt.accept()?,
                    Proof::Password(word) if word.matches("foo") => attempt.accept()?,
                    Proof::Interactive { .. } => {
                        attempt.ask("", "", vec![Prompt { text: "Code? ".to_owned(), echo: true }])?;
                    }
                    Proof::Answers(answers) if answers[0].matches("42") => attempt.accept()?,
                    _ => attempt.reject()?,
                }
            }
            run_programs(&connection).await
        }
    });
    (house.await, shown)
}

fn name(attempt: &Attempt) -> String {
    let word = match attempt.proof() {
        Proof::None => "none",
        Proof::Password(_) => "password",
        Proof::KeyOffer(_) => "offer",
        Proof::Key(_) => "key",
        Proof::Interactive { .. } => "interactive",
        Proof::Answers(_) => "answers",
        _ => "other",
    };
    word.to_owned()
}

fn code(prompts: &feramiko::Prompts) -> Option<Vec<Secret>> {
    Some(prompts.prompts().iter().map(|_| "42".into()).collect())
}

scenario!(three_steps_are_declared_in_a_line, |driver| {
    let ours = key();
    let (house, _) = judging(driver, &ours).await;
    let steps_of = "publickey,password,keyboard-interactive";
    let house = house.restart(driver, |server| server.steps(steps_of.parse().unwrap())).await;
    let done = |name: &str, outcome| (name.to_owned(), outcome);
    let three = [
        done("publickey", Outcome::Partial),
        done("password", Outcome::Partial),
        done("keyboard-interactive", Outcome::Success),
    ];
    let client = house.connect().key(ours.clone()).password("foo").keyboard_interactive(code).await.unwrap();
    assert_eq!(steps(client.login_steps()), three);
    // In whatever order they are declared here: the server's counts.
    let client = house.connect().keyboard_interactive(code).password("foo").key(ours.clone()).await.unwrap();
    assert_eq!(steps(client.login_steps()), three);

    let error = auth_error(house.connect().key(ours.clone()).password("foo").await);
    assert_eq!(steps(&error.tried), three[..2]);
    assert_eq!(error.remaining, ["keyboard-interactive"]);
    let error = auth_error(house.connect().key(ours).password("bar").keyboard_interactive(code).await);
    assert_eq!(error.remaining, ["password"]);
});

scenario!(defect_025_what_any_step_forbids_is_forbidden, |driver| {
    let ours = key();
    let known = ours.public_key().clone();
    let (sender, held) = mpsc::channel();
    let house = House::open(driver, move |connection| {
        let (known, sender) = (known.clone(), sender.clone());
        async move {
            while let Some(attempt) = connection.next_auth().await? {
                let mut restrictions = Restrictions::none();
                match attempt.proof() {
                    Proof::KeyOffer(key) if *key == known => attempt.accept()?,
                    Proof::Key(key) if *key.key() == known => {
                        restrictions.command = Some(b"only this".to_vec());
                        attempt.accept_with(restrictions)?;
                    }
                    Proof::Password(word) if word.matches("foo") => {
                        restrictions.permits.pty = false;
                        attempt.accept_with(restrictions)?;
                    }
                    _ => attempt.reject()?,
                }
            }
            sender.send(connection.restrictions()).unwrap();
            run_programs(&connection).await
        }
    });
    let house =
        house.await.restart(driver, |server| server.steps("publickey,password".parse().unwrap())).await;
    let client = house.connect().key(ours).password("foo").await.unwrap();
    let held = house::wait_for(driver, held).await;
    assert_eq!((held.command.as_deref(), held.permits.pty), (Some(&b"only this"[..]), false));
    let done = client.command("something else").output().await.unwrap();
    assert_eq!(String::from_utf8_lossy(&done.stdout), "only this");
});

scenario!(the_wanted_methods_are_tried_in_the_wanted_order, |driver| {
    let ours = key();
    let (house, shown) = judging(driver, &ours).await;
    let connect = || house.connect().key(ours.clone()).password("foo").keyboard_interactive(code);
    connect().methods(["keyboard-interactive", "publickey"]).await.unwrap();
    assert_eq!(seen(&shown), ["interactive", "answers"]);
    connect().methods(["password"]).await.unwrap();
    assert_eq!(seen(&shown), ["password"]);
    let error = auth_error(connect().methods(["hostbased"]).await);
    assert!(error.tried.is_empty());
    assert_eq!(error.skipped.len(), 3, "{error}");
});

scenario!(defect_045_many_keys_do_not_use_up_the_servers_patience, |driver| {
    let ours = key();
    let (house, shown) = judging(driver, &ours).await;
    // The first is shown at once; the others are asked about, which costs our server nothing.
    let many = |connect: feramiko::Connect| (0..9).fold(connect, |connect, _| connect.key(key()));
    let client = many(house.connect()).key(ours.clone()).await.unwrap();
    assert_eq!(client.login_steps().len(), 10);
    let offers = seen(&shown).iter().filter(|shown| *shown == "offer").count();
    assert_eq!(offers, 9);

    // A password is not kept waiting by more keys than servers commonly bear.
    let client = many(house.connect()).password("foo").await.unwrap();
    let tried = steps(client.login_steps());
    assert_eq!((tried.len(), tried[5].0.as_str()), (6, "password"));
    let client = many(house.connect()).password("foo").key_tries(2).await.unwrap();
    assert_eq!(client.login_steps().len(), 3);

    // What did not fit is named.
    let house = house.restart(driver, |server| server.max_attempts(1)).await;
    let error = auth_error(house.connect().key(key()).key(ours.clone()).password("foo").await);
    assert!(error.ended.is_some());
    let text = error.to_string();
    assert!(text.contains(&ours.public_key().fingerprint().to_string()), "{text}");
    assert!(text.contains("password (not tried any more)"), "{text}");
});

scenario!(a_key_that_the_server_cannot_verify_is_not_shown, |driver| {
    let rsa = PrivateKey::load(include_bytes!("../../../keys/tests/data/rsa"), None).unwrap();
    let ours = key();
    let (house, shown) = judging(driver, &ours).await;
    let narrow = Algorithms { user_key: vec!["ssh-ed25519".to_owned()], ..Algorithms::default() };
    let house = house.restart(driver, |server| server.algorithms(narrow)).await;
    let client = house.connect().key(rsa.clone()).key(ours.clone()).await.unwrap();
    assert_eq!(steps(client.login_steps()), [("publickey".to_owned(), Outcome::Success)]);
    seen(&shown);
    let error = auth_error(house.connect().key(rsa.clone()).await);
    assert!(error.tried.is_empty() && seen(&shown).is_empty());
    let text = error.to_string();
    assert!(text.contains(&rsa.public_key().fingerprint().to_string()), "{text}");
    assert!(text.contains("takes no signature algorithm"), "{text}");

    // Nor is one that this side does not allow.
    let mut config = ClientConfig::default();
    config.common.algorithms.user_key = vec!["ssh-ed25519".to_owned()];
    let client = house.connect().config(config).key(rsa).key(ours).await.unwrap();
    assert_eq!(client.login_steps().len(), 1);
});

scenario!(what_was_tried_names_the_key_and_where_it_came_from, |driver| {
    let ours = key();
    let (house, _) = judging(driver, &key()).await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("key");
    ours.write_file(&file, "", None).unwrap();
    let given = key();
    let error = auth_error(house.connect().key(given.clone()).key_file(&file).await);
    let told: Vec<_> = error.tried.iter().map(|one| (one.fingerprint, one.source.clone())).collect();
    assert_eq!(
        told,
        [
            (Some(given.public_key().fingerprint()), Some(KeySource::Program)),
            (Some(ours.public_key().fingerprint()), Some(KeySource::File(file.clone()))),
        ]
    );
    let text = error.to_string();
    for part in [file.display().to_string(), given.public_key().fingerprint().to_string()] {
        assert!(text.contains(&part), "{part} in {text}");
    }
});

scenario!(questions_in_three_rounds_and_one_that_only_tells, |driver| {
    let house = House::open(driver, async |connection| {
        let mut round = 0;
        while let Some(attempt) = connection.next_auth().await? {
            let ask = |text: &str| vec![Prompt { text: text.to_owned(), echo: false }];
            match (attempt.proof(), round) {
                (Proof::Interactive { .. }, _) => attempt.ask("First", "", ask("One? "))?,
                (Proof::Answers(answers), 0) if answers[0].matches("1") => {
                    round = 1;
                    attempt.ask("Wait", "A message was sent to you", Vec::new())?;
                }
                (Proof::Answers(answers), 1) if answers.is_empty() => {
                    round = 2;
                    attempt.ask("Last", "", ask("Two? "))?;
                }
                (Proof::Answers(answers), 2) if answers[0].matches("2") => attempt.accept()?,
                _ => attempt.reject()?,
            }
        }
        run_programs(&connection).await
    })
    .await;
    let (sender, asked) = mpsc::channel();
    let answers = move |prompts: &feramiko::Prompts| {
        sender.send((prompts.name().to_owned(), prompts.instruction().to_owned())).unwrap();
        let answer = |prompt: &Prompt| if prompt.text == "One? " { "1".into() } else { "2".into() };
        Some(prompts.prompts().iter().map(answer).collect())
    };
    let client = house.connect().keyboard_interactive(answers).await.unwrap();
    assert_eq!(client.login_steps().len(), 1);
    let expected = [("First", ""), ("Wait", "A message was sent to you"), ("Last", "")];
    let asked: Vec<_> = asked.iter().collect();
    assert_eq!(asked, expected.map(|(name, text)| (name.to_owned(), text.to_owned())));
});

/// A server that believes the hosts of these names by these lines of known_hosts.
async fn believing(driver: Driver, known: &str, names: &[&str]) -> House {
    let hosts = TrustedHosts::new(KnownHosts::parse(known.as_bytes()), names.iter().copied());
    let hosts = Arc::new(hosts);
    House::open(driver, move |connection| {
        let hosts = Arc::clone(&hosts);
        async move {
            while let Some(attempt) = connection.next_auth().await? {
                match attempt.proof() {
                    Proof::HostBased(host) if hosts.vouch(host, attempt.user()) => attempt.accept()?,
                    _ => attempt.reject()?,
                }
            }
            run_programs(&connection).await
        }
    })
    .await
}

scenario!(a_host_vouches_for_its_user_by_a_certificate, |driver| {
    let (authority, host, revoked, stranger) = (key(), key(), key(), key());
    let known = format!(
        "@cert-authority *.lag.net {}\n@revoked * {}\nplain.lag.net {}\n",
        authority.public_key().to_line(""),
        revoked.public_key().to_line(""),
        host.public_key().to_line("")
    );
    let names = ["build.lag.net", "plain.lag.net", "far.example"];
    let house = believing(driver, &known, &names).await;
    let house = house.restart(driver, |server| server.methods(["hostbased"])).await;
    let certified =
        |key: &PrivateKey, by: &PrivateKey, change: fn(CertificateBuilder) -> CertificateBuilder| {
            let builder = change(CertificateBuilder::host(key.public_key()).principal("build.lag.net"));
            CertifiedKey::new(key.clone(), builder.issue(by).unwrap()).unwrap()
        };
    let good = certified(&host, &authority, |it| it);
    let client = house.connect().host_based(good.clone(), "build.lag.net.", "robey").await.unwrap();
    assert_eq!(steps(client.login_steps()), [("hostbased".to_owned(), Outcome::Success)]);
    let user =
        CertificateBuilder::user(host.public_key()).principal("build.lag.net").issue(&authority).unwrap();
    for (what, signer, name) in [
        ("another name of its authority's", good.clone(), "plain.lag.net."),
        (
            "a name that is not its authority's",
            certified(&host, &authority, |it| it.principal("far.example")),
            "far.example.",
        ),
        ("another authority", certified(&host, &stranger, |it| it), "build.lag.net."),
        ("expired", certified(&host, &authority, |it| it.valid_for(Duration::ZERO)), "build.lag.net."),
        ("revoked", certified(&revoked, &authority, |it| it), "build.lag.net."),
        (
            "a critical option",
            certified(&host, &authority, |it| it.critical_option("x", Vec::new())),
            "build.lag.net.",
        ),
        ("for users", CertifiedKey::new(host.clone(), user).unwrap(), "build.lag.net."),
    ] {
        let error = auth_error(house.connect().host_based(signer, name, "robey").await);
        assert_eq!(steps(&error.tried), [("hostbased".to_owned(), Outcome::Refused)], "{what}");
    }
});

scenario!(a_host_vouches_for_its_user_where_it_is_trusted, |driver| {
    let (trusted, stranger) = (key(), key());
    let known = format!("build.lag.net {}\n", trusted.public_key().to_line(""));
    let house = believing(driver, &known, &["Build.lag.net"]).await;
    // Not enabled unless it is asked for.
    let error = auth_error(house.connect().host_based(trusted.clone(), "build.lag.net.", "robey").await);
    assert!(error.tried.is_empty() && error.to_string().contains("not taken"), "{error}");

    let house = house.restart(driver, |server| server.methods(["hostbased"])).await;
    let client = house.connect().host_based(trusted.clone(), "build.lag.net.", "robey").await.unwrap();
    assert_eq!(steps(client.login_steps()), [("hostbased".to_owned(), Outcome::Success)]);
    for (key, host, user) in [
        (&stranger, "build.lag.net.", "robey"),
        (&trusted, "other.lag.net.", "robey"),
        (&trusted, "build.lag.net.", "root"),
    ] {
        let error = auth_error(house.connect().host_based(key.clone(), host, user).await);
        assert_eq!(steps(&error.tried), [("hostbased".to_owned(), Outcome::Refused)], "{host} {user}");
        assert_eq!(error.tried[0].fingerprint, Some(key.public_key().fingerprint()));
    }
    // The same name is enough, but not for root.
    let as_root = house.connect().user("root").host_based(trusted.clone(), "build.lag.net.", "root").await;
    assert_eq!(steps(&auth_error(as_root).tried), [("hostbased".to_owned(), Outcome::Refused)]);
});

scenario!(a_login_has_succeeded_even_if_the_server_hangs_up_right_after_it, |driver| {
    let house = House::open(driver, async |connection| {
        while let Some(attempt) = connection.next_auth().await? {
            match attempt.proof() {
                Proof::Password(word) if word.matches("foo") => attempt.accept()?,
                Proof::Interactive { .. } => {
                    attempt.ask("", "", vec![Prompt { text: "Code? ".to_owned(), echo: true }])?;
                }
                Proof::Answers(answers) if answers[0].matches("42") => attempt.accept()?,
                _ => attempt.reject()?,
            }
        }
        Ok(())
    })
    .await;
    // It is a matter of which thread is first.
    for _ in 0..10 {
        let by_password = house.connect().password("foo").await;
        assert!(by_password.is_ok(), "{by_password:?}");
        let by_answers = house.connect().keyboard_interactive(|_| Some(vec!["42".into()])).await;
        assert!(by_answers.is_ok(), "{by_answers:?}");
    }
});
