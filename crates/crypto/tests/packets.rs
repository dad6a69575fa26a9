//! What every cipher does with whatever packet.

mod support;

use feramiko_crypto::cipher::{self, Cipher, CipherKeys, Layout, Mac, Opener, Sealer};
use feramiko_crypto::{CryptoError, Provider};
use support::hex;

struct Mode {
    cipher: &'static dyn Cipher,
    mac: Option<&'static dyn Mac>,
}

impl Mode {
    /// Every cipher, with every MAC where it needs one.
    fn all() -> Vec<Self> {
        let provider = Provider::default();
        let mut modes = Vec::new();
        for &cipher in &provider.ciphers {
            if cipher.is_aead() {
                modes.push(Self { cipher, mac: None });
            } else {
                modes.extend(provider.macs.iter().map(|&mac| Self { cipher, mac: Some(mac) }));
            }
        }
        modes
    }

    fn name(&self) -> String {
        format!("{} {}", self.cipher.name(), self.mac.map_or("", Mac::name))
    }

    fn sealer(&self) -> Box<dyn Sealer> {
        self.with_keys(|keys| self.cipher.sealer(keys).unwrap())
    }

    fn opener(&self) -> Box<dyn Opener> {
        self.with_keys(|keys| self.cipher.opener(keys).unwrap())
    }

    fn with_keys<T>(&self, make: impl FnOnce(CipherKeys<'_>) -> T) -> T {
        let (key, iv) = (vec![1; self.cipher.key_len()], vec![2; self.cipher.iv_len()]);
        let mac_key = vec![3; self.mac.map_or(0, Mac::key_len)];
        let mac = self.mac.map(|mac| (mac, mac_key.as_slice()));
        make(CipherKeys { key: &key, iv: &iv, mac })
    }
}

/// A packet as RFC 4253 section 6 wants it, with room for the tag.
fn packet(layout: Layout, payload: usize) -> Vec<u8> {
    let counted = 1 + payload + if layout.length_is_padded { 4 } else { 0 };
    let mut padding = layout.block - counted % layout.block;
    if padding < 4 {
        padding += layout.block;
    }
    let mut packet = ((1 + payload + padding) as u32).to_be_bytes().to_vec();
    packet.push(padding as u8);
    packet.resize(packet.len() + payload + padding, b'p');
    packet.resize(packet.len() + layout.tag, 0);
    packet
}

#[test]
fn every_mode_opens_what_it_sealed() {
    for mode in Mode::all() {
        let (mut sealer, mut opener) = (mode.sealer(), mode.opener());
        let layout = sealer.layout();
        assert_eq!(layout, opener.layout());
        for payload in (0..=100).chain([32 * 1024]) {
            for sequence in [0, 1, 0x7fff_ffff, u32::MAX] {
                let plain = packet(layout, payload);
                let body = plain.len() - layout.tag;
                let mut sealed = plain.clone();
                sealer.seal(sequence, &mut sealed).unwrap();
                assert_ne!(sealed[5..body], plain[5..body], "{}", mode.name());
                let head = &sealed[..layout.head];
                assert_eq!(opener.length(sequence, head), Ok(body as u32 - 4), "{}", mode.name());
                assert_eq!(opener.length(sequence, head), Ok(body as u32 - 4), "{}", mode.name());
                assert_eq!(opener.open(sequence, &mut sealed), Ok(()), "{}", mode.name());
                assert_eq!(sealed[..body], plain[..body], "{}", mode.name());
            }
        }
    }
}

#[test]
fn a_packet_opens_only_once_and_in_its_turn() {
    for mode in Mode::all() {
        let (mut sealer, mut opener) = (mode.sealer(), mode.opener());
        let mut packets = [0, 1, 2].map(|sequence| {
            let mut packet = packet(sealer.layout(), 20);
            sealer.seal(sequence, &mut packet).unwrap();
            packet
        });
        // The second in the first one's place, whatever the number said to be its.
        let mut early = packets[1].clone();
        let early = mode.opener().open(0, &mut early);
        assert_eq!(early, Err(CryptoError::Unauthentic), "{}", mode.name());
        let mut again = packets[0].clone();
        opener.open(0, &mut packets[0]).unwrap();
        assert_eq!(opener.open(1, &mut again), Err(CryptoError::Unauthentic), "{}", mode.name());
    }
}

#[test]
fn the_same_packet_never_looks_the_same_twice() {
    for mode in Mode::all() {
        let mut sealer = mode.sealer();
        let mut one = packet(sealer.layout(), 40);
        let mut other = one.clone();
        sealer.seal(0, &mut one).unwrap();
        sealer.seal(1, &mut other).unwrap();
        assert_ne!(one[5..], other[5..], "{}", mode.name());
    }
}

#[test]
fn defect_064_every_flipped_bit_is_refused() {
    for mode in Mode::all() {
        let mut sealed = packet(mode.sealer().layout(), 30);
        mode.sealer().seal(7, &mut sealed).unwrap();
        for bit in 0..sealed.len() * 8 {
            let mut packet = sealed.clone();
            packet[bit / 8] ^= 1 << (bit % 8);
            let opened = mode.opener().open(7, &mut packet);
            assert_eq!(opened, Err(CryptoError::Unauthentic), "{} bit {bit}", mode.name());
            let told = packet.windows(4).any(|window| window == b"pppp");
            assert!(!told, "{} bit {bit} leaves plaintext", mode.name());
        }
        assert_eq!(mode.opener().open(7, &mut sealed), Ok(()));
    }
}

#[test]
fn defect_048_no_length_of_slice_makes_an_opener_panic() {
    for mode in Mode::all() {
        for len in 0..=64 {
            for byte in [0x00, 0xff] {
                let mut opener = mode.opener();
                let _ = opener.length(0, &vec![byte; len]);
                let opened = opener.open(0, &mut vec![byte; len]);
                assert_eq!(opened, Err(CryptoError::Unauthentic), "{} {len}", mode.name());
            }
        }
    }
    for len in 0..=64 {
        let _ = cipher::plaintext_opener().length(0, &vec![0; len]);
        let opened = cipher::plaintext_opener().open(0, &mut vec![0xff; len]);
        assert_eq!(opened, Err(CryptoError::Unauthentic), "{len}");
    }
}

#[test]
fn defect_048_no_length_of_slice_makes_a_sealer_panic() {
    for mode in Mode::all() {
        let layout = mode.sealer().layout();
        for len in 0..=64 + layout.tag {
            let sealed = mode.sealer().seal(0, &mut vec![0; len]);
            // CBC cannot leave a rest; what follows the length in clear counts with EtM.
            let text = len.saturating_sub(layout.tag + if layout.length_is_padded { 0 } else { 4 });
            let whole = !mode.cipher.name().ends_with("-cbc") || text.is_multiple_of(layout.block);
            let fits = len >= layout.tag + layout.head.max(5) && whole;
            let expected = if fits { Ok(()) } else { Err(CryptoError::Unsupported) };
            assert_eq!(sealed, expected, "{} {len}", mode.name());
        }
    }
}

/// In the modes whose length is in clear a peer may write there what it likes; in the others the length is
/// what the wrong bytes decrypt to. No mode opens a slice that is not what its length says.
#[test]
fn defect_049_a_length_that_is_not_the_slices_is_refused() {
    for mode in Mode::all() {
        let layout = mode.sealer().layout();
        for length in [0, 1, 11, 12, 1 << 20, (1 << 31) - 1, 1 << 31, (1 << 31) + 1, u32::MAX] {
            let mut packet = packet(layout, 40);
            packet[..4].copy_from_slice(&length.to_be_bytes());
            mode.sealer().seal(0, &mut packet).unwrap();
            let mut opener = mode.opener();
            assert_eq!(opener.length(0, &packet[..layout.head]), Ok(length), "{}", mode.name());
            let opened = opener.open(0, &mut packet);
            assert_eq!(opened, Err(CryptoError::Unauthentic), "{} {length}", mode.name());
        }
    }
}

#[test]
fn defect_049_a_packet_that_is_no_whole_number_of_blocks_is_refused() {
    for mode in Mode::all() {
        let layout = mode.sealer().layout();
        for extra in 1..layout.block {
            let mut packet = packet(layout, 40);
            packet.resize(packet.len() + extra, 0);
            let length = (packet.len() - layout.tag - 4) as u32;
            packet[..4].copy_from_slice(&length.to_be_bytes());
            // CBC cannot even seal it.
            let sealed = mode.sealer().seal(0, &mut packet);
            assert_eq!(sealed.is_err(), mode.cipher.name().ends_with("-cbc"), "{}", mode.name());
            let opened = mode.opener().open(0, &mut packet);
            assert_eq!(opened, Err(CryptoError::Unauthentic), "{} {extra}", mode.name());
        }
    }
}

#[test]
fn keys_of_other_lengths_are_refused() {
    for mode in Mode::all() {
        let (key, iv) = (mode.cipher.key_len(), mode.cipher.iv_len());
        let mac = mode.mac.map_or(0, Mac::key_len);
        let mut wrong = vec![(key - 1, iv, mac), (key + 1, iv, mac), (0, iv, mac)];
        if iv > 0 {
            wrong.extend([(key, iv - 1, mac), (key, iv + 1, mac)]);
        }
        if mac > 0 {
            wrong.extend([(key, iv, mac - 1), (key, iv, mac + 1)]);
        }
        for (key, iv, mac_len) in wrong {
            let (key, iv, mac_key) = (vec![1; key], vec![2; iv], vec![3; mac_len]);
            let mac = mode.mac.map(|mac| (mac, mac_key.as_slice()));
            let keys = CipherKeys { key: &key, iv: &iv, mac };
            assert_eq!(mode.cipher.sealer(keys).err(), Some(CryptoError::BadKey));
            assert_eq!(mode.cipher.opener(keys).err(), Some(CryptoError::BadKey));
        }
    }
}

#[test]
fn a_cipher_without_its_mac_is_not_to_be_had() {
    for cipher in Provider::default().ciphers {
        let (key, iv) = (vec![1; cipher.key_len()], vec![2; cipher.iv_len()]);
        let keys = CipherKeys { key: &key, iv: &iv, mac: None };
        let expected = (!cipher.is_aead()).then_some(CryptoError::Unsupported);
        assert_eq!(cipher.sealer(keys).err(), expected);
        assert_eq!(cipher.opener(keys).err(), expected);
    }
}

/// RFC 4231: our MACs put the sequence number in front, which here takes the first 4 bytes of the text, and
/// want keys as long as their digests, which zeros behind a shorter one make it without a difference.
#[test]
fn rfc_4231_vectors() {
    let vectors = [
        (
            vec![0x0b; 20],
            b"Hi There".to_vec(),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde
             daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854",
        ),
        (
            b"Jefe".to_vec(),
            b"what do ya want for nothing?".to_vec(),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554
             9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
        ),
        (
            vec![0xaa; 20],
            vec![0xdd; 50],
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
            "fa73b0089d56a284efb0f0756c890be9b1b5dbdd8ee81a3655f83e33b2279d39
             bf3e848279a722c806b485a47e67c807b946a337bee8942674278859e13292fb",
        ),
    ];
    let provider = Provider::default();
    for (key, text, sha256, sha512) in vectors {
        for mac in provider.macs.iter().filter(|mac| mac.name().starts_with("hmac-sha2")) {
            let expected = hex(if mac.tag_len() == 32 { sha256 } else { sha512 });
            let mut key = key.clone();
            key.resize(mac.key_len(), 0);
            let keyed = mac.keyed(&key).unwrap();
            let (sequence, bytes) = text.split_first_chunk().unwrap();
            let sequence = u32::from_be_bytes(*sequence);
            let mut tag = vec![0; mac.tag_len()];
            keyed.sign(sequence, bytes, &mut tag).unwrap();
            assert_eq!(tag, expected, "{}", mac.name());
            assert_eq!(keyed.verify(sequence, bytes, &tag), Ok(()));
            tag.pop();
            assert_eq!(keyed.verify(sequence, bytes, &tag), Err(CryptoError::Unauthentic));
            assert_eq!(keyed.verify(sequence, bytes, &[]), Err(CryptoError::Unauthentic));
            assert_eq!(keyed.sign(sequence, bytes, &mut tag), Err(CryptoError::Unsupported));
        }
    }
}

/// RFC 2202 as the test above has RFC 4231; of the short tags the front is sent.
#[test]
fn rfc_2202_vectors_of_sha1() {
    let vectors = [
        (vec![0x0b; 20], b"Hi There".to_vec(), "b617318655057264e28bc0b6fb378c8ef146be00"),
        (
            b"Jefe".to_vec(),
            b"what do ya want for nothing?".to_vec(),
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
        ),
        (vec![0xaa; 20], vec![0xdd; 50], "125d7342b9ac11cd91a39af48aa17b4f63f175d3"),
        (vec![0x0c; 20], b"Test With Truncation".to_vec(), "4c1a03424b55e07fe7f27be1d58bb9324a9a5a04"),
    ];
    let provider = Provider::default();
    for (key, text, sha1) in vectors {
        let macs: Vec<_> = provider.macs.iter().filter(|mac| mac.name().starts_with("hmac-sha1")).collect();
        assert_eq!(macs.len(), 4);
        for mac in macs {
            let mut key = key.clone();
            key.resize(mac.key_len(), 0);
            let keyed = mac.keyed(&key).unwrap();
            let (sequence, bytes) = text.split_first_chunk().unwrap();
            let mut tag = vec![0; mac.tag_len()];
            keyed.sign(u32::from_be_bytes(*sequence), bytes, &mut tag).unwrap();
            assert_eq!(tag, hex(sha1)[..mac.tag_len()], "{}", mac.name());
            assert_eq!(mac.tag_len(), if mac.name().contains("-96") { 12 } else { 20 });
        }
    }
}

#[test]
fn plaintext_packets_pass_as_they_are() {
    let layout = cipher::plaintext_sealer().layout();
    assert_eq!(layout, cipher::plaintext_opener().layout());
    for payload in 0..=100 {
        let plain = packet(layout, payload);
        let mut sent = plain.clone();
        cipher::plaintext_sealer().seal(0, &mut sent).unwrap();
        let mut opener = cipher::plaintext_opener();
        assert_eq!(opener.length(0, &sent[..layout.head]), Ok(plain.len() as u32 - 4));
        assert_eq!(opener.open(0, &mut sent), Ok(()));
        assert_eq!(sent, plain);
    }
}

#[test]
fn the_provider_knows_its_algorithms_in_order() {
    let provider = Provider::default();
    let ciphers: Vec<_> = provider.ciphers.iter().map(|cipher| cipher.name()).collect();
    assert_eq!(
        ciphers,
        [
            "aes256-gcm@openssh.com",
            "aes128-gcm@openssh.com",
            "chacha20-poly1305@openssh.com",
            "aes256-ctr",
            "aes192-ctr",
            "aes128-ctr",
            "aes256-cbc",
            "aes192-cbc",
            "aes128-cbc",
            "blowfish-ctr",
            "blowfish-cbc",
            "3des-cbc",
        ]
    );
    let macs: Vec<_> = provider.macs.iter().map(|mac| mac.name()).collect();
    assert_eq!(
        macs,
        [
            "umac-64-etm@openssh.com",
            "umac-128-etm@openssh.com",
            "hmac-sha2-256-etm@openssh.com",
            "hmac-sha2-512-etm@openssh.com",
            "umac-64@openssh.com",
            "umac-128@openssh.com",
            "hmac-sha2-256",
            "hmac-sha2-512",
            "hmac-sha1-etm@openssh.com",
            "hmac-sha1",
            "hmac-sha1-96-etm@openssh.com",
            "hmac-sha1-96",
            "hmac-md5-etm@openssh.com",
            "hmac-md5",
            "hmac-md5-96-etm@openssh.com",
            "hmac-md5-96",
        ]
    );
    for mac in &provider.macs {
        assert_eq!(mac.is_etm(), mac.name().contains("-etm@"));
    }
    for cipher in &provider.ciphers {
        // CVE-2023-48795: the one whose nonce is the sequence number.
        assert_eq!(cipher.needs_strict_kex(), cipher.name().starts_with("chacha20"));
        assert_eq!(provider.cipher(cipher.name()).unwrap().name(), cipher.name());
    }
    assert!(provider.cipher("none").is_none());
}

#[test]
fn the_provider_has_randomness() {
    let (mut one, mut other) = ([0; 32], [0; 32]);
    let provider = Provider::default();
    (provider.random)(&mut one).unwrap();
    (provider.random)(&mut other).unwrap();
    assert_ne!(one, other);
    assert_ne!(one, [0; 32]);
}
