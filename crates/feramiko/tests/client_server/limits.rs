//! Deadlines and limits, and those who run into them.

use std::net::SocketAddr;

use rustix::net::SocketType;

use super::*;

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

scenario!(defect_071_a_peer_that_stops_anywhere_in_the_handshake_meets_the_deadline, |driver| {
    let house = House::open(driver, guests).await;
    let whole = house::Dam::open(house.address, usize::MAX);
    drop(house.at(whole.address).password("foo").await.unwrap());
    let handshake = whole.passed();
    assert!(handshake > 500, "{handshake}");
    for stop_after in [0, 1, 10, 60, 300, handshake / 2, handshake * 3 / 4] {
        let dam = house::Dam::open(house.address, stop_after);
        let limit = Duration::from_millis(100);
        match house.at(dam.address).password("foo").deadline(limit).await {
            Err(Error::Timeout { during, limit: said }) => {
                assert_eq!(said, limit);
                assert!(stop_after > 0 || during == Stage::Identification, "{during}");
            }
            other => panic!("stopped after {stop_after} of {handshake} bytes: {other:?}"),
        }
        // The client has let go of its socket.
        dam.client_is_gone();
    }
});

scenario!(the_deadline_covers_people_who_are_asked, |driver| {
    let house = House::open(driver, guests).await;
    // Time enough to come so far.
    let limit = Duration::from_secs(1);
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

scenario!(defect_055_a_thousand_connections_that_drip_keep_nobody_out, |driver| {
    let house = House::open(driver, guests);
    let limit = |server: feramiko::ServerBuilder| server.max_startups(feramiko::MaxStartups::at_most(2000));
    let house = house.await.restart(driver, limit).await;
    let dripping = drip(house.address, 1000);
    for _ in 0..100 {
        house.connect().password("foo").await.unwrap();
    }
    drop(dripping);
});

scenario!(defect_055_by_default_a_source_that_drips_keeps_no_other_source_out, |driver| {
    let house = House::open(driver, guests).await;
    let dripping = drip(house.address, 1000);
    for _ in 0..100 {
        // Another address of this machine.
        let socket = rustix::net::socket(rustix::net::AddressFamily::INET, SocketType::STREAM, None).unwrap();
        rustix::net::bind(&socket, &SocketAddr::from(([127, 0, 0, 2], 0))).unwrap();
        rustix::net::connect(&socket, &house.address).unwrap();
        let stream = std::net::TcpStream::from(socket);
        let client = Client::connect_over(stream, "robey@elsewhere").host_key(house.key.public_key().clone());
        let client = client.driver(Driver::Thread).password("foo").await.unwrap();
        // By its answer the server has done with the login.
        assert_eq!(client.command("here").output().await.unwrap().stdout, b"here");
    }
    drop(dripping);
});

/// As many connections that say one byte of a version line and no more.
fn drip(address: SocketAddr, count: usize) -> Vec<std::net::TcpStream> {
    let open = |_| {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        // Those that were turned away may be closed already.
        let _ = stream.write_all(b"S");
        stream
    };
    (0..count).map(open).collect()
}

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

#[test]
fn a_server_without_a_host_key_and_a_port_that_is_taken_are_errors() {
    assert!(matches!(Server::builder().bind("127.0.0.1:0").wait(), Err(Error::Config(_))));
    let server = Server::builder().host_key(key()).bind("127.0.0.1:0").wait().unwrap();
    let taken = Server::builder().host_key(key()).bind(server.local_addr().unwrap()).wait();
    assert!(matches!(taken, Err(Error::Io { kind: std::io::ErrorKind::AddrInUse, .. })), "{taken:?}");
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
