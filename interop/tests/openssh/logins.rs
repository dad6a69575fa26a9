//! Our client logs in: at `sshd` among its test accounts, and where `sshd` lacks something, at others.

use std::sync::{Arc, Mutex};

use feramiko::{AuthError, Client, Driver, Error, KeyError, Outcome, Secret};
use feramiko_interop::{
    EXPIRED_USER, Foreign, Job, KeyType, PASSPHRASE, PASSWORD, ServerSpec, Sshd, connect, our_client,
    sealed_user_key, user_key,
};

use crate::with_both_drivers;

/// The steps of a login but for the question what the server would take.
fn steps(tried: &[feramiko::Tried]) -> Vec<(&str, Outcome)> {
    let asked = |tried: &&feramiko::Tried| tried.method != "none";
    tried.iter().filter(asked).map(|tried| (tried.method.as_str(), tried.outcome)).collect()
}

fn auth_error(result: Result<Client, Error>) -> AuthError {
    match result {
        Err(Error::Auth(error)) => *error,
        other => panic!("not refused: {other:?}"),
    }
}

async fn passwords(driver: Driver) {
    let sshd = Sshd::builder().accounts().start();
    let job = Job::new(sshd.address());
    let client = connect(&job).driver(driver).await.unwrap();
    assert_eq!(steps(client.login_steps()), [("password", Outcome::Success)]);
    let output = client.command("id -un").output().await.unwrap();
    assert_eq!(output.stdout, b"robey\n");

    let wrong = Job { password: Some("bar".to_owned()), ..job };
    let error = auth_error(connect(&wrong).driver(driver).await);
    assert_eq!(steps(&error.tried), [("password", Outcome::Refused)]);
    assert_eq!(error.remaining, ["publickey", "password", "keyboard-interactive"]);
    let told = Error::Auth(Box::new(error)).to_string();
    assert!(told.contains("robey") && told.contains("publickey, password, keyboard-interactive"), "{told}");
    assert!(!told.contains("bar"), "{told}");
    sshd.wait_for_log("Failed password for robey");
}

async fn keys_with_a_passphrase(driver: Driver) {
    let sshd = Sshd::start();
    let sealed = Job { user: sshd.user().to_owned(), ..Job::new(sshd.address()).key(&sealed_user_key()) };
    let right = Job { passphrase: Some(PASSPHRASE.to_owned()), ..sealed.clone() };
    let client = connect(&right).driver(driver).await.unwrap();
    assert_eq!(steps(client.login_steps()), [("publickey", Outcome::Success)]);
    sshd.wait_for_log("Accepted publickey");

    let wrong = Job { passphrase: Some("rusty friend".to_owned()), ..sealed.clone() };
    // The server would take the key, but nobody can sign with it.
    let error = auth_error(connect(&wrong).driver(driver).await);
    assert_eq!(steps(&error.tried), [("publickey", Outcome::NotSigned)]);
    let told = error.to_string();
    assert!(told.contains("passphrase") && !told.contains("rusty"), "{told}");
    let error = connect(&sealed).driver(driver).await.map(drop);
    assert!(matches!(error, Err(Error::Key { error: KeyError::PassphraseNeeded, .. })), "{error:?}");
}

/// What could not be signed says nothing about what else the server takes.
async fn after_a_wrong_passphrase_the_password_is_tried(driver: Driver) {
    let sshd = Sshd::builder().accounts().start();
    let job = Job {
        passphrase: Some("rusty friend".to_owned()),
        ..Job::new(sshd.address()).key(&sealed_user_key())
    };
    let client = connect(&Job { password: Some(PASSWORD.to_owned()), ..job }).driver(driver).await.unwrap();
    assert_eq!(
        steps(client.login_steps()),
        [("publickey", Outcome::NotSigned), ("password", Outcome::Success)]
    );
}

async fn a_key_and_then_the_password(driver: Driver) {
    let sshd = Sshd::builder().accounts().set("AuthenticationMethods", "publickey,password").start();
    let key = Job::new(sshd.address()).key(&user_key(KeyType::Ecdsa256));
    let both = Job { password: Some(PASSWORD.to_owned()), ..key.clone() };
    let client = connect(&both).driver(driver).await.unwrap();
    assert_eq!(
        steps(client.login_steps()),
        [("publickey", Outcome::Partial), ("password", Outcome::Success)]
    );
    let half = auth_error(connect(&key).driver(driver).await);
    assert_eq!(steps(&half.tried), [("publickey", Outcome::Partial)]);
    assert_eq!(half.remaining, ["password"]);
    let other_half = auth_error(connect(&Job::new(sshd.address())).driver(driver).await);
    assert_eq!(other_half.remaining, ["publickey"]);
}

async fn questions_of_pam(driver: Driver) {
    let sshd = Sshd::builder().accounts().start();
    let base = Job { password: None, ..Job::new(sshd.address()) };
    let asked = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&asked);
    let client = connect(&base)
        .keyboard_interactive(move |prompts| {
            let questions = prompts.prompts();
            notes.lock().unwrap().extend(questions.iter().map(|prompt| (prompt.text.clone(), prompt.echo)));
            Some(questions.iter().map(|_| Secret::from(PASSWORD)).collect())
        })
        .driver(driver)
        .await
        .unwrap();
    assert_eq!(steps(client.login_steps()), [("keyboard-interactive", Outcome::Success)]);
    let asked = asked.lock().unwrap().clone();
    assert!(matches!(&asked[..], [(text, false)] if text.contains("Password")), "{asked:?}");

    let wrong = Job { answers: vec!["bar".to_owned()], ..base };
    let error = auth_error(connect(&wrong).driver(driver).await);
    assert!(error.remaining.contains(&"keyboard-interactive".to_owned()), "{error}");
}

/// Many servers call it keyboard-interactive when they want a password and nothing else.
async fn a_password_answers_the_one_question(driver: Driver) {
    let sshd = Sshd::builder().accounts().set("PasswordAuthentication", "no").start();
    let client = connect(&Job::new(sshd.address())).driver(driver).await.unwrap();
    assert_eq!(steps(client.login_steps()).last(), Some(&("keyboard-interactive", Outcome::Success)));
}

/// PAM wants the old password again, then the new one twice.
async fn an_expired_password_is_renewed_through_pam(driver: Driver) {
    let sshd = Sshd::builder().accounts().start();
    let expired = Job { user: EXPIRED_USER.to_owned(), password: None, ..Job::new(sshd.address()) };
    let answers = [PASSWORD, PASSWORD, "Fresh-Start-77", "Fresh-Start-77"].map(str::to_owned).to_vec();
    let client = connect(&Job { answers, ..expired.clone() }).driver(driver).await.unwrap();
    assert_eq!(client.command("id -un").output().await.unwrap().stdout, b"expired\n");
    let renewed = Job { password: Some("Fresh-Start-77".to_owned()), ..expired };
    connect(&renewed).driver(driver).await.unwrap();
}

/// The change request of RFC 4252 section 8, which `sshd` never makes.
async fn an_expired_password_is_changed_on_request(driver: Driver) {
    let running = Foreign::Asyncssh.serve(&ServerSpec::default());
    let job = Job { user: "old".to_owned(), ..Job::new(running.address()) };
    let error = auth_error(connect(&job).driver(driver).await);
    assert_eq!(steps(&error.tried), [("password", Outcome::Expired)]);
    let changed = Job { new_password: Some("Fresh-Start-77".to_owned()), ..job };
    let outcome = our_client(driver, &changed).await;
    assert!(outcome.ok, "{}", outcome.error);
}

async fn questions_of_others(driver: Driver) {
    let answers = || vec![PASSWORD.to_owned(), "blue".to_owned()];
    for server in [Foreign::Asyncssh, Foreign::Paramiko, Foreign::Russh] {
        let running = server.serve(&ServerSpec { answers: answers(), ..ServerSpec::default() });
        let base = Job { password: None, ..Job::new(running.address()) };
        let right = our_client(driver, &Job { answers: answers(), ..base.clone() }).await;
        assert!(right.ok, "{server:?}: {}", right.error);
        let red = vec![PASSWORD.to_owned(), "red".to_owned()];
        auth_error(connect(&Job { answers: red, ..base }).driver(driver).await);
    }
    for server in [Foreign::Paramiko, Foreign::Russh] {
        let running = server.serve(&ServerSpec { multi_step: true, ..ServerSpec::default() });
        let key = Job::new(running.address()).key(&user_key(KeyType::Rsa));
        let both = our_client(driver, &Job { password: Some(PASSWORD.to_owned()), ..key.clone() }).await;
        assert!(both.ok, "{server:?}: {}", both.error);
        let half = auth_error(connect(&key).driver(driver).await);
        assert_eq!(steps(&half.tried), [("publickey", Outcome::Partial)], "{server:?}");
    }
}

with_both_drivers!(
    passwords,
    keys_with_a_passphrase,
    after_a_wrong_passphrase_the_password_is_tried,
    a_key_and_then_the_password,
    questions_of_pam,
    a_password_answers_the_one_question,
    an_expired_password_is_renewed_through_pam,
    an_expired_password_is_changed_on_request,
    questions_of_others,
);
