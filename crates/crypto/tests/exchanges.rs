//! What every key exchange method does with whatever share.

mod support;

use feramiko_crypto::kex::{DhGroup, Kex, KexKind};
use feramiko_crypto::{CryptoError, HashAlgorithm, Provider, rfc3526_group};
use support::hex;

/// Every method; those of the group exchange with a group.
fn methods() -> Vec<(&'static dyn Kex, Option<&'static DhGroup>)> {
    let group = |kex: &dyn Kex| (kex.kind() == KexKind::GroupExchange).then(|| rfc3526_group(3072).unwrap());
    Provider::default().kex.into_iter().map(|kex| (kex, group(kex))).collect()
}

fn method(name: &str) -> &'static dyn Kex {
    Provider::default().kex(name).unwrap()
}

#[test]
fn the_methods_are_known_in_order_with_their_kinds_hashes_and_lengths() {
    use HashAlgorithm::{Sha1, Sha256, Sha384, Sha512};
    use KexKind::{Dh, Ecdh, GroupExchange, Hybrid};
    // Bytes of the client's share, of the server's and of the secret; those of numbers at most.
    let expected = [
        ("mlkem768x25519-sha256", Hybrid, Sha256, 1184 + 32, 1088 + 32, 32),
        ("sntrup761x25519-sha512", Hybrid, Sha512, 1158 + 32, 1039 + 32, 64),
        ("sntrup761x25519-sha512@openssh.com", Hybrid, Sha512, 1158 + 32, 1039 + 32, 64),
        ("curve25519-sha256", Ecdh, Sha256, 32, 32, 32),
        ("curve25519-sha256@libssh.org", Ecdh, Sha256, 32, 32, 32),
        ("ecdh-sha2-nistp256", Ecdh, Sha256, 65, 65, 32),
        ("ecdh-sha2-nistp384", Ecdh, Sha384, 97, 97, 48),
        ("ecdh-sha2-nistp521", Ecdh, Sha512, 133, 133, 66),
        ("diffie-hellman-group-exchange-sha256", GroupExchange, Sha256, 384, 384, 384),
        ("diffie-hellman-group16-sha512", Dh, Sha512, 512, 512, 512),
        ("diffie-hellman-group18-sha512", Dh, Sha512, 1024, 1024, 1024),
        ("diffie-hellman-group14-sha256", Dh, Sha256, 256, 256, 256),
        ("mlkem768nistp256-sha256", Hybrid, Sha256, 1249, 1153, 32),
        ("mlkem1024nistp384-sha384", Hybrid, Sha384, 1665, 1665, 48),
        ("diffie-hellman-group14-sha1", Dh, Sha1, 256, 256, 256),
        ("diffie-hellman-group-exchange-sha1", GroupExchange, Sha1, 384, 384, 384),
        ("diffie-hellman-group1-sha1", Dh, Sha1, 128, 128, 128),
    ];
    let methods = methods();
    assert_eq!(methods.len(), expected.len());
    for ((kex, group), (name, kind, hash, client_len, server_len, secret_len)) in
        methods.into_iter().zip(expected)
    {
        assert_eq!((kex.name(), kex.kind(), kex.hash()), (name, kind, hash));
        let started = kex.start(group).unwrap();
        let client = started.share().to_vec();
        let response = kex.respond(group, &client).unwrap();
        if matches!(kind, Dh | GroupExchange) {
            assert!(client.len() <= client_len && response.share.len() <= server_len, "{name}");
        } else {
            assert_eq!((client.len(), response.share.len()), (client_len, server_len), "{name}");
        }
        assert_eq!(response.secret.as_bytes().len(), secret_len, "{name}");
    }
}

#[test]
fn both_roles_have_the_same_secret_and_never_again() {
    for (kex, group) in methods() {
        let mut secrets = Vec::new();
        for _ in 0..2 {
            let started = kex.start(group).unwrap();
            let response = kex.respond(group, started.share()).unwrap();
            let secret = started.finish(&response.share).unwrap();
            assert_eq!(secret.as_bytes(), response.secret.as_bytes(), "{}", kex.name());
            secrets.push(secret);
        }
        assert_ne!(secrets[0].as_bytes(), secrets[1].as_bytes(), "{}", kex.name());
    }
}

/// Hands `share` to both roles, and expects both to refuse it.
#[track_caller]
fn refused(kex: &dyn Kex, group: Option<&DhGroup>, for_server: &[u8], for_client: &[u8]) {
    let name = kex.name();
    let answer = kex.respond(group, for_server).map(drop);
    assert_eq!(answer, Err(CryptoError::BadShare), "{name}, server, {for_server:02x?}");
    let answer = kex.start(group).unwrap().finish(for_client).map(drop);
    assert_eq!(answer, Err(CryptoError::BadShare), "{name}, client, {for_client:02x?}");
}

#[test]
fn defect_062_shares_of_other_lengths_are_refused() {
    for (kex, group) in methods() {
        if !matches!(kex.kind(), KexKind::Ecdh | KexKind::Hybrid) {
            continue;
        }
        let client = kex.start(group).unwrap().share().to_vec();
        let server = kex.respond(group, &client).unwrap().share;
        refused(kex, group, &[], &[]);
        for len in [1, 31, 33, 64] {
            refused(kex, group, &client[..len.min(client.len() - 1)], &server[..len.min(server.len() - 1)]);
        }
        refused(kex, group, &client[1..], &server[1..]);
        refused(kex, group, &client[..client.len() - 1], &server[..server.len() - 1]);
        refused(kex, group, &[&client[..], &[0]].concat(), &[&server[..], &[0]].concat());
        refused(kex, group, &[&[0], &client[..]].concat(), &[&[0], &server[..]].concat());
        // What belongs to the other role. ML-KEM-1024's keys and ciphertexts are equally long.
        if kex.kind() == KexKind::Hybrid && !kex.name().contains("mlkem1024") {
            refused(kex, group, &server, &client);
        }
    }
}

/// The points of small order on Curve25519 and on its twist, in every form that 255 bits have for them: they
/// make the secret zero, whatever our key (RFC 7748 section 6.1).
#[test]
fn defect_062_points_that_give_a_zero_secret_are_refused() {
    let points = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];
    for (kex, group) in methods() {
        let x25519 = kex.name().contains("25519");
        for point in points.map(hex).into_iter().filter(|_| x25519) {
            let mut client = kex.start(group).unwrap().share().to_vec();
            let mut server = kex.respond(group, &client).unwrap().share;
            for share in [&mut client, &mut server] {
                let place = share.len() - 32;
                share[place..].copy_from_slice(&point);
                // The highest bit does not count.
                share[place + 31] |= 0x80;
            }
            refused(kex, group, &client, &server);
        }
    }
}

#[test]
fn defect_062_points_that_are_none_are_refused() {
    for name in ["ecdh-sha2-nistp256", "ecdh-sha2-nistp384", "ecdh-sha2-nistp521"] {
        let kex = method(name);
        let good = kex.start(None).unwrap().share().to_vec();
        let width = (good.len() - 1) / 2;
        assert!(kex.respond(None, &good).is_ok());
        let mut shares = vec![
            vec![0],                                     // infinity
            [&[4][..], &vec![0; 2 * width]].concat(),    // (0, 0)
            [&[4][..], &vec![0xff; 2 * width]].concat(), // coordinates beyond the field
        ];
        for place in [1, width, width + 1, 2 * width] {
            let mut off_curve = good.clone();
            off_curve[place] ^= 1;
            shares.push(off_curve);
        }
        // Forms of the right point that are not ours: compressed, hybrid, and none.
        let odd = good.last().unwrap() & 1;
        shares.push([&[2 + odd][..], &good[1..=width]].concat());
        for form in [0, 2, 3, 5, 6 + odd, 7 - odd, 0xff] {
            shares.push([&[form][..], &good[1..]].concat());
        }
        for share in shares {
            refused(kex, None, &share, &share);
        }
    }
    // A point in the clothes of X.509 (RFC 5480), which the backend would take.
    let kex = method("ecdh-sha2-nistp256");
    let point = kex.start(None).unwrap().share().to_vec();
    let clothes = hex("3059301306072a8648ce3d020106082a8648ce3d030107034200");
    let share = [clothes, point].concat();
    refused(kex, None, &share, &share);
}

#[test]
fn defect_062_ml_kem_keys_with_coefficients_too_large_are_refused() {
    let kex = method("mlkem768x25519-sha256");
    let good = kex.start(None).unwrap().share().to_vec();
    assert!(kex.respond(None, &good).is_ok());
    for place in [0, 3, 600, 1149] {
        let mut share = good.clone();
        share[place..place + 3].copy_from_slice(&[0xff; 3]);
        assert_eq!(kex.respond(None, &share).err(), Some(CryptoError::BadShare));
    }
}

#[test]
fn defect_062_numbers_outside_the_group_are_refused() {
    for (kex, group) in methods() {
        let bits = match kex.name() {
            "diffie-hellman-group14-sha256" | "diffie-hellman-group14-sha1" => 2048,
            "diffie-hellman-group16-sha512" => 4096,
            "diffie-hellman-group-exchange-sha256" => 3072,
            // Group 18 goes the same way, slowly.
            _ => continue,
        };
        let p = &rfc3526_group(bits).unwrap().p;
        let with_last = |byte| {
            let mut number = p.clone();
            *number.last_mut().unwrap() = byte;
            number
        };
        let mut beyond = p.clone();
        beyond.push(0);
        for number in [
            vec![],
            vec![0],
            vec![0, 0],
            vec![1],
            vec![0, 1],
            with_last(0xfe),
            p.clone(),
            beyond,
            vec![0xff; 2000],
        ] {
            refused(kex, group, &number, &number);
        }
        for number in [vec![2], vec![0, 0, 2], with_last(0xfd)] {
            assert!(kex.respond(group, &number).is_ok(), "{number:02x?}");
            assert!(kex.start(group).unwrap().finish(&number).is_ok(), "{number:02x?}");
        }
    }
}

#[test]
fn defect_063_groups_that_are_too_small_too_large_or_none_are_refused() {
    let kex = method("diffie-hellman-group-exchange-sha256");
    let good = rfc3526_group(2048).unwrap();
    let of_len = |len, last| {
        let mut p = vec![0xff; len];
        p[len - 1] = last;
        p
    };
    let even = of_len(256, 0xfe);
    let mut just_too_small = of_len(256, 0xff);
    just_too_small[0] = 0x7f;
    let mut just_too_large = of_len(1025, 0xff);
    just_too_large[0] = 1;
    let mut below = good.p.clone();
    *below.last_mut().unwrap() = 0xfe;
    let bad = [
        (vec![], vec![2]),
        (vec![0; 256], vec![2]),
        (of_len(128, 0xff), vec![2]),
        (just_too_small, vec![2]),
        (just_too_large, vec![2]),
        (vec![0xff; 4000], vec![2]),
        (even, vec![2]),
        (good.p.clone(), vec![]),
        (good.p.clone(), vec![0]),
        (good.p.clone(), vec![1]),
        (good.p.clone(), below),
        (good.p.clone(), good.p.clone()),
        (good.p.clone(), vec![0xff; 257]),
    ];
    for (p, g) in bad {
        let group = DhGroup { p, g };
        let started = kex.start(Some(&group)).map(drop);
        assert_eq!(started, Err(CryptoError::BadShare), "{group:02x?}");
        let answer = kex.respond(Some(&group), &[5]).map(drop);
        assert_eq!(answer, Err(CryptoError::BadShare), "{group:02x?}");
    }
}

/// A modulus with a small factor, a generator of small order: what a server might choose to learn our secret
/// or to fix it. The range alone does not tell.
#[test]
fn defect_063_a_fixed_secret_is_refused() {
    let kex = method("diffie-hellman-group-exchange-sha256");
    // p = q^2 with g = q: every share is 0 but for the first power, and every secret is.
    let mut q = vec![0; 128];
    (q[0], q[127]) = (0xff, 1);
    let mut p = vec![0; 256];
    // (0xff * 2^1016 + 1)^2
    p[0] = 0xfe;
    p[1] = 0x01;
    p[128] = 0xfe;
    p[127] = 0x01;
    p[255] = 1;
    let group = DhGroup { p, g: vec![3] };
    let started = kex.start(Some(&group)).unwrap();
    assert_eq!(started.finish(&q).map(drop), Err(CryptoError::BadShare));
    assert_eq!(kex.respond(Some(&group), &q).map(drop), Err(CryptoError::BadShare));
}

#[test]
fn a_group_belongs_to_the_group_exchange_and_to_nothing_else() {
    let other = rfc3526_group(2048);
    for (kex, group) in methods() {
        let wrong = if group.is_some() { None } else { other };
        assert_eq!(kex.start(wrong).map(drop), Err(CryptoError::Unsupported), "{}", kex.name());
        let answer = kex.respond(wrong, &[2]).map(drop);
        assert_eq!(answer, Err(CryptoError::Unsupported), "{}", kex.name());
    }
}

#[test]
fn groups_of_every_size_and_with_leading_zeros_work() {
    let kex = method("diffie-hellman-group-exchange-sha256");
    for bits in [2048, 6144, 8192] {
        let group = rfc3526_group(bits).unwrap();
        let group = DhGroup { p: [&[0], &group.p[..]].concat(), g: vec![0, 2] };
        let started = kex.start(Some(&group)).unwrap();
        let response = kex.respond(Some(&group), started.share()).unwrap();
        let secret = started.finish(&response.share).unwrap();
        assert_eq!(secret.as_bytes(), response.secret.as_bytes());
    }
}
