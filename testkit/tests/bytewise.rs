//! The same events, whether bytes come one at a time, in odd pieces or all at once.

use feramiko_proto::{ExitStatus, Method, Pty, Read, RekeyLimits, Request, Stream, WindowSize, Write};
use feramiko_testkit::{Mode, Pair, modes, open_channel, password_login, pattern};

/// A session with everything in it. Answers what each side saw and read.
fn session(chunk: usize, rekey_bytes: u64) -> [Vec<String>; 2] {
    let mut pair = Pair::fake(|client, server| {
        client.common.rekey = RekeyLimits { bytes: rekey_bytes, ..RekeyLimits::default() };
        server.common.algorithms.compression = vec!["zlib@openssh.com".to_owned(), "none".to_owned()];
        client.common.algorithms.compression = server.common.algorithms.compression.clone();
    });
    pair.set_chunk(chunk);
    pair.settle();
    let now = pair.now();
    pair.server.connection.send_banner("Hello.\r\n", now).unwrap();
    pair.client.connection.authenticate("robey", Method::Password("bad".into()), now).unwrap();
    pair.settle();
    password_login(&mut pair, "robey", "foo");
    let (ours, theirs) = open_channel(&mut pair);
    let now = pair.now();

    let mut channel = pair.client.connection.channel(ours, now).unwrap();
    let size = WindowSize { columns: 80, rows: 24, width: 0, height: 0 };
    let pty = Pty { term: "xterm".to_owned(), size, modes: vec![0] };
    channel.request(&Request::Pty(pty), true).unwrap();
    channel.request(&Request::Env { name: "LANG".to_owned(), value: b"eo.UTF-8".to_vec() }, false).unwrap();
    channel.request(&Request::Exec(b"cat".to_vec()), true).unwrap();
    let mut read = [Vec::new(), Vec::new()];
    for round in 0..20 {
        let data = pattern(round * 700, 700);
        let mut channel = pair.client.connection.channel(ours, now).unwrap();
        assert_eq!(channel.write(Stream::Data, data), Ok(Write::Taken(700)));
        pair.settle();
        let mut echo = [0; 1000];
        let mut channel = pair.server.connection.channel(theirs, now).unwrap();
        let Read::Data(count) = channel.read(Stream::Data, &mut echo) else { panic!("nothing came") };
        read[1].extend_from_slice(&echo[..count]);
        channel.write(Stream::Stderr, &echo[..count]).unwrap();
        pair.settle();
        let mut channel = pair.client.connection.channel(ours, now).unwrap();
        while let Read::Data(count) = channel.read(Stream::Stderr, &mut echo) {
            read[0].extend_from_slice(&echo[..count]);
        }
    }
    pair.client.connection.channel(ours, now).unwrap().finish().unwrap();
    pair.settle();
    let mut channel = pair.server.connection.channel(theirs, now).unwrap();
    assert_eq!(channel.read(Stream::Data, &mut [0; 1]), Read::Eof);
    channel.request(&Request::Exit(ExitStatus::Code(7)), false).unwrap();
    channel.finish().unwrap();
    channel.close();
    pair.settle();
    pair.client.connection.channel(ours, now).unwrap().close();
    pair.settle();
    assert_eq!((read[0].len(), read[1].len()), (14_000, 14_000));
    let exchanges = pair.client.connection.negotiated().unwrap().exchanges;
    assert!(exchanges > 3, "{exchanges}");
    let [client, server] = read;
    let mut logs = [pair.client.log, pair.server.log];
    logs[0].push(format!("{client:?}"));
    logs[1].push(format!("{server:?}"));
    logs
}

#[test]
fn the_events_do_not_depend_on_how_bytes_are_delivered() {
    let whole = session(usize::MAX, 4000);
    assert!(whole[0].iter().any(|line| line.contains("Exited")), "{:?}", whole[0]);
    for chunk in [1, 2, 3, 7, 64, 1021] {
        assert_eq!(session(chunk, 4000), whole, "{chunk} bytes at a time");
    }
}

#[test]
fn a_handshake_byte_by_byte_with_every_cipher() {
    for Mode { cipher, mac, .. } in modes() {
        let key = feramiko_testkit::host_key();
        let mut server = feramiko_proto::ServerConfig {
            host_keys: vec![key.public_key().clone()],
            ..feramiko_proto::ServerConfig::default()
        };
        server.common.algorithms.ciphers = vec![cipher.to_owned()];
        server.common.algorithms.macs = mac.into_iter().map(str::to_owned).collect();
        server.common.algorithms.kex = vec!["curve25519-sha256".to_owned()];
        let mut client = feramiko_proto::ClientConfig::default();
        client.common.algorithms = feramiko_proto::Algorithms::legacy();
        let mut pair = Pair::new(client, server);
        pair.server.auto.keys.push(key);
        pair.set_chunk(1);
        password_login(&mut pair, "robey", "foo");
        let negotiated = pair.client.connection.negotiated().unwrap();
        assert_eq!(negotiated.cipher_out, cipher);
        assert_eq!(negotiated.mac_in, mac);
    }
}
