//! Packets sealed by others: by OpenSSL's AES, ChaCha20, Poly1305 and HMAC, put together by a script after
//! the specifications. Keys, IVs and MAC keys count up from 1, 101 and 201; two packets in sequence, the first
//! with the number 0x80000001, with the payload `feramiko` and padding of zeros.

mod support;

use feramiko_crypto::cipher::CipherKeys;
use feramiko_crypto::{CryptoError, Provider};
use support::hex;

fn counting(from: u8, len: usize) -> Vec<u8> {
    (0..len).map(|i| from.wrapping_add(i as u8)).collect()
}

#[test]
fn every_mode_writes_and_reads_the_bytes_of_the_specifications() -> Result<(), CryptoError> {
    let provider = Provider::default();
    for (cipher, mac, packets) in PACKETS {
        let cipher = provider.cipher(cipher).unwrap();
        let mac = provider.mac(mac);
        let mac_key = counting(201, mac.map_or(0, |mac| mac.key_len()));
        let (key, iv) = (counting(1, cipher.key_len()), counting(101, cipher.iv_len()));
        let keys = CipherKeys { key: &key, iv: &iv, mac: mac.map(|mac| (mac, mac_key.as_slice())) };
        let (mut sealer, mut opener) = (cipher.sealer(keys)?, cipher.opener(keys)?);
        let layout = sealer.layout();
        for (sequence, expected) in (0x8000_0001..).zip(packets) {
            let plain = packet(layout.block, layout.length_is_padded);
            let mut packet = plain.clone();
            packet.resize(plain.len() + layout.tag, 0);
            sealer.seal(sequence, &mut packet)?;
            assert_eq!(packet, hex(expected), "{} {mac:?}", cipher.name());
            assert_eq!(opener.length(sequence, &packet[..layout.head])? as usize, plain.len() - 4);
            opener.open(sequence, &mut packet)?;
            assert_eq!(packet[..plain.len()], plain);
        }
    }
    Ok(())
}

fn packet(block: usize, length_is_padded: bool) -> Vec<u8> {
    let counted = 1 + 8 + if length_is_padded { 4 } else { 0 };
    let mut padding = block - counted % block;
    if padding < 4 {
        padding += block;
    }
    let mut packet = (1 + 8 + padding as u32).to_be_bytes().to_vec();
    packet.push(padding as u8);
    packet.extend(b"feramiko");
    packet.resize(packet.len() + padding, 0);
    packet
}

/// Cipher, MAC, the two packets.
#[rustfmt::skip]
const PACKETS: [(&str, &str, [&str; 2]); 15] = [
    (
        "chacha20-poly1305@openssh.com",
        "",
        [
            "f08bab74756b58cbdf61ce6a69fd64f8ad51a461362e71be8edcbff00a9e9a153a5d51c3",
            "f06c8e3d8315055f14444441b1ed47bd0f1540d20e84aeaac7480e4bec38940b5f8c2db4",
        ],
    ),
    (
        "aes128-gcm@openssh.com",
        "",
        [
            "00000010f432104577fdebe19939151a2ff00508aa305c2c246c3b51952e2c99f11886fe",
            "00000010447c8e7391eb18dd6840dd786ad21c9d46fa0c4d12bf4dd1a182e512389bbfa9",
        ],
    ),
    (
        "aes256-gcm@openssh.com",
        "",
        [
            "000000104103398d7dea84c0357113b6fd224ef40210e1cc81c76e845189e9511111da4a",
            "00000010863894735825f2c92a34cfe9112aa5888ee7addaeaac5344f98445251dca23ec",
        ],
    ),
    (
        "aes128-ctr",
        "hmac-sha2-256-etm@openssh.com",
        [
            "00000010a139219e4162236a9ba5d2a7c34f1c25b31cad3fa615e9976371018f6a8c7afda0f0c928
             cbce26f2ad8faf99c51b9973",
            "00000010bac36c6018a02b9006df58daf8c128a75cadfe097d91a938025eecd20735ded682f0ab0f
             776caf68646810937bb20359",
        ],
    ),
    (
        "aes128-ctr",
        "hmac-sha2-256",
        [
            "a65f44f033692f7395c8bbccac4f1c25bda5091279cd42fb69df58daf8c128a7c3285f0e539a96db
             27bf297e8c8f21b2dad0683fe32579ef8ee2919f6b9c55d2",
            "54bc20a78b8541a88ea864652c51ad510743e05c2a26591a89815db3f0a6343436af6aef5ef55458
             ec10bd775ef77d8976ccb7f9c7f2665ea83d3da70daf2e3f",
        ],
    ),
    (
        "aes128-ctr",
        "hmac-sha2-512-etm@openssh.com",
        [
            "00000010a139219e4162236a9ba5d2a7c34f1c25ebcc3ab9361021aba1acee98c903e13bf3bc7437
             c2eb93c659f60105dd1428bc76961cdbd7d8a35ab816f8b2082c0bfea3b6182280988c02ea0e0dfb
             020f5c83",
            "00000010bac36c6018a02b9006df58daf8c128a7740a21fe2a0798ed5c639b69f79ab815df0f08ef
             158540b1335d3466ceed0c9c21d29fc17943e27212ce8148344d8b5e6a7695a5c66b7055496729f2
             897dddc8",
        ],
    ),
    (
        "aes128-ctr",
        "hmac-sha2-512",
        [
            "a65f44f033692f7395c8bbccac4f1c25bda5091279cd42fb69df58daf8c128a79b15e4184c7e6675
             3e5d9db3100bd157996f8b25d74eb38305c4105387ebf65a35a1417d65262e127fc8a5029fc6d214
             0e5ad3562d4a25aef150ed2279934b0b",
            "54bc20a78b8541a88ea864652c51ad510743e05c2a26591a89815db3f0a63434f15ce3cac8712e22
             6576389fdec72440e53778c569f33d0a2d626f7f582458b34e2d793c67cecdba3fe0a3da6bdd6784
             b419e561e2be01d7c67568e01579cb78",
        ],
    ),
    (
        "aes192-ctr",
        "hmac-sha2-256-etm@openssh.com",
        [
            "000000101cd3c5c31e11c25bd55c64dbb17e68ced2093c2e50958c06696889dc12794b4d69f2b38c
             2109b255b279527fd499413e",
            "00000010f72b81a1340629841217f999298b96f8a2d940abffc8e1edcb1872e8c1457e06d86349ed
             c4c2c0db0a47a80a1416e1f1",
        ],
    ),
    (
        "aes192-ctr",
        "hmac-sha2-256",
        [
            "1bb5a0ad6c1ace42db310db0de7e68cef04de4d3556b40ef7d17f999298b96f8c3285f0e539a96db
             27bf297e8c8f21b2dad0683fe32579ef8ee2919f6b9c55d2",
            "9da8e24e6f8ea87a0597a32b58de3bef18d59dd098f740cd849734eb15dfeca936af6aef5ef55458
             ec10bd775ef77d8976ccb7f9c7f2665ea83d3da70daf2e3f",
        ],
    ),
    (
        "aes192-ctr",
        "hmac-sha2-512-etm@openssh.com",
        [
            "000000101cd3c5c31e11c25bd55c64dbb17e68ce8922e7b49d387276b0801a83b8f5f0f05722b3e3
             b3e7eddb5d63693daaca1cb2685001c8feec947eabfe6d2f2f9676b830f9eaec18b215cdc66760eb
             e0ea8bab",
            "00000010f72b81a1340629841217f999298b96f8c4eca9092a5215113e1e27fe54bea3b3ade361a0
             8bf8b536d2b8c82361d35ec10f2ee6733517ff135384f9a8d10de11e118aa9b055e4137192dffc25
             20ef2a81",
        ],
    ),
    (
        "aes192-ctr",
        "hmac-sha2-512",
        [
            "1bb5a0ad6c1ace42db310db0de7e68cef04de4d3556b40ef7d17f999298b96f89b15e4184c7e6675
             3e5d9db3100bd157996f8b25d74eb38305c4105387ebf65a35a1417d65262e127fc8a5029fc6d214
             0e5ad3562d4a25aef150ed2279934b0b",
            "9da8e24e6f8ea87a0597a32b58de3bef18d59dd098f740cd849734eb15dfeca9f15ce3cac8712e22
             6576389fdec72440e53778c569f33d0a2d626f7f582458b34e2d793c67cecdba3fe0a3da6bdd6784
             b419e561e2be01d7c67568e01579cb78",
        ],
    ),
    (
        "aes256-ctr",
        "hmac-sha2-256-etm@openssh.com",
        [
            "0000001050ba8ca1510898128fc2ef0d525624dd8f02168ab0287e53f282b002cf0153773e0571f4
             81ba684ce0ed3db7848e9686",
            "00000010c7b42b7f1da27514cb26ef067a350aa00e4d491c19a37b3a7ff0977dfbc2d6a91de36f97
             07d0d264b5c2cc263452568c",
        ],
    ),
    (
        "aes256-ctr",
        "hmac-sha2-256",
        [
            "57dce9cf2303940b81af86663d5624ddc0d24e0d7ccf1c7fa426ef067a350aa0c3285f0e539a96db
             27bf297e8c8f21b2dad0683fe32579ef8ee2919f6b9c55d2",
            "22c4f11fcb336b163ceeab40d20bbb2e3fb6d5f8da238b56201aca1b93eb8c3c36af6aef5ef55458
             ec10bd775ef77d8976ccb7f9c7f2665ea83d3da70daf2e3f",
        ],
    ),
    (
        "aes256-ctr",
        "hmac-sha2-512-etm@openssh.com",
        [
            "0000001050ba8ca1510898128fc2ef0d525624dddb0102a89b9e021e308d35f8e87878786d3c364b
             e20541ad6c3b1ecbbe26f0270772bb85c040a5abc79e5fd4d7f55b321fc22410f003986cbff8d946
             045350ec",
            "00000010c7b42b7f1da27514cb26ef067a350aa0fd4104693620c66712f78b67cd79c42b10ecffd7
             da3e0f2f0843f611b8041f733b5de03457d7430d37a8a3f72df5eb7d437d770cb1db71c18bc2daab
             d16058bd",
        ],
    ),
    (
        "aes256-ctr",
        "hmac-sha2-512",
        [
            "57dce9cf2303940b81af86663d5624ddc0d24e0d7ccf1c7fa426ef067a350aa09b15e4184c7e6675
             3e5d9db3100bd157996f8b25d74eb38305c4105387ebf65a35a1417d65262e127fc8a5029fc6d214
             0e5ad3562d4a25aef150ed2279934b0b",
            "22c4f11fcb336b163ceeab40d20bbb2e3fb6d5f8da238b56201aca1b93eb8c3cf15ce3cac8712e22
             6576389fdec72440e53778c569f33d0a2d626f7f582458b34e2d793c67cecdba3fe0a3da6bdd6784
             b419e561e2be01d7c67568e01579cb78",
        ],
    ),
];
