//! Commands: streams, terminals, exit status, refusals.

use super::*;

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
    let refused = client.transport().open_channel("chat@example.com", b"").await;
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

scenario!(a_program_that_is_refused_leaves_room_for_another, |driver| {
    let house = House::open(driver, async |connection| {
        password_only(&connection).await?;
        while let Some(session) = connection.next_session().await? {
            let Some(start) = session.program().await? else { continue };
            let told = format!("{:?}", start.program());
            let Some(again) = start.reject().program().await? else { continue };
            let told = format!("{told} {:?}", again.program());
            again.accept().finish(told, "", 0).await?;
        }
        Ok(())
    })
    .await;
    let client = house.connect().password("foo").await.unwrap();
    let channel = client.open_session().await.unwrap();
    assert!(matches!(channel.shell().await, Err(Error::RequestRefused(name)) if name == "shell"));
    channel.subsystem("sftp").await.unwrap();
    assert_eq!(channel.read_some(100).await.unwrap(), b"Shell Subsystem(\"sftp\")");
    // A second program on the same channel is refused.
    assert!(channel.exec("x").await.is_err());
    assert_eq!(channel.exit_status().await.unwrap(), Some(ExitStatus::Code(0)));
});
