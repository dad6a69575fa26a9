//! Prints how many MB (10^6 bytes of packet) every cipher seals in a second:
//! `cargo run --release -p feramiko-crypto --example seal_speed`.

use std::time::{Duration, Instant};

use feramiko_crypto::cipher::{Cipher, CipherKeys, Mac};
use feramiko_crypto::{CryptoError, Provider};

const SIZES: [usize; 2] = [32 * 1024, 1024];
const TIME: Duration = Duration::from_millis(400);
/// The best of so many counts: the machine has other work too.
const ROUNDS: usize = 3;

fn main() -> Result<(), CryptoError> {
    let provider = Provider::default();
    println!("{:<30} {:<30} {:>9} {:>9}", "cipher", "MAC", "32 KiB", "1 KiB");
    for &cipher in &provider.ciphers {
        if cipher.is_aead() {
            row(cipher, None)?;
        } else {
            for &mac in &provider.macs {
                row(cipher, Some(mac))?;
            }
        }
    }
    Ok(())
}

fn row(cipher: &dyn Cipher, mac: Option<&'static dyn Mac>) -> Result<(), CryptoError> {
    print!("{:<30} {:<30}", cipher.name(), mac.map_or("", Mac::name));
    for size in SIZES {
        let mut best = 0.0;
        for _ in 0..ROUNDS {
            best = f64::max(best, megabytes_per_second(cipher, mac, size)?);
        }
        print!(" {best:>9.0}");
    }
    println!();
    Ok(())
}

fn megabytes_per_second(
    cipher: &dyn Cipher,
    mac: Option<&'static dyn Mac>,
    size: usize,
) -> Result<f64, CryptoError> {
    let (key, iv) = (vec![1; cipher.key_len()], vec![2; cipher.iv_len()]);
    let mac_key = vec![3; mac.map_or(0, Mac::key_len)];
    let mac = mac.map(|mac| (mac, mac_key.as_slice()));
    let mut sealer = cipher.sealer(CipherKeys { key: &key, iv: &iv, mac })?;
    let mut packet = vec![0; size + sealer.layout().tag];
    let (mut sequence, start) = (0_u32, Instant::now());
    while start.elapsed() < TIME {
        // Reading the clock would count with the smallest packets.
        for _ in 0..32 {
            sealer.seal(sequence, &mut packet)?;
            sequence = sequence.wrapping_add(1);
        }
    }
    Ok(f64::from(sequence) * size as f64 / start.elapsed().as_secs_f64() / 1e6)
}
