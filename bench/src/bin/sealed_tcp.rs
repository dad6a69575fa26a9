//! The physical limit: sealed packets over TCP between two processes, and nothing else. No SSH library can be faster.
//!
//! `sealed_tcp` prints a table of all seals; `sealed_tcp SEAL BATCH BYTES` measures one, and `sealed_tcp list` names them.

#[path = "sealed_tcp/seal.rs"]
mod seal;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use feramiko_bench::{Failure, process};
use rustix::time::{ClockId, clock_gettime};
use seal::{Seal, TAG};

/// Bytes of data in a packet, and what SSH puts in front and behind of them.
const PACKET: usize = 32 * 1024;
const HEADER: usize = 16;
const SEALED: usize = HEADER + PACKET + TAG;
/// Bytes that the receiver reads at once, at most.
const READ: usize = 512 * 1024;
const DEFAULT_BYTES: u64 = 1 << 30;

fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => table(),
        ["list"] => {
            seal::NAMES.iter().for_each(|name| println!("{name}"));
            Ok(())
        }
        ["send", address, seal, batch, bytes] => {
            send(address.parse()?, Seal::new(seal)?, batch.parse()?, bytes.parse()?)
        }
        [seal, batch, bytes] => {
            let (speed, cpu) = measure(seal, batch.parse()?, bytes.parse()?)?;
            println!("mb_per_s {speed:.0}\ncpu_s {cpu:.3}");
            Ok(())
        }
        _ => Err("usage: sealed_tcp [SEAL BATCH BYTES]".into()),
    }
}

fn table() -> Result<(), Failure> {
    println!("| seal | packets per write | MB/s | CPU s of both sides |\n|---|---|---|---|");
    for seal in seal::NAMES {
        for batch in [1, 8] {
            let (speed, cpu) = measure(seal, batch, DEFAULT_BYTES)?;
            println!("| {seal} | {batch} | {speed:.0} | {cpu:.2} |");
        }
    }
    Ok(())
}

/// MB/s, and the CPU time of both sides for all bytes. The receiver is this process, the sender another one.
fn measure(name: &str, batch: usize, bytes: u64) -> Result<(f64, f64), Failure> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("send").arg(listener.local_addr()?.to_string()).arg(name);
    command.arg(batch.to_string()).arg(bytes.to_string());
    let sender = command.spawn()?;
    let (mut socket, _) = listener.accept()?;
    let mut seal = Seal::new(name)?;
    let (start, cpu) = (Instant::now(), cpu_time());
    let received = receive(&mut socket, &mut seal)?;
    let (wall, cpu) = (start.elapsed(), cpu_time() - cpu);
    let usage = process::finish(sender, start)?;
    if received != bytes.next_multiple_of(PACKET as u64) {
        return Err(format!("{received} bytes came in place of {bytes}").into());
    }
    Ok((received as f64 / 1e6 / wall.as_secs_f64(), (cpu + usage.cpu).as_secs_f64()))
}

fn send(address: SocketAddr, mut seal: Seal, batch: usize, bytes: u64) -> Result<(), Failure> {
    let mut socket = TcpStream::connect(address)?;
    socket.set_nodelay(true)?;
    let mut buffer = vec![0; SEALED * batch];
    let mut left = bytes;
    while left > 0 {
        let mut packets = 0;
        for packet in buffer.chunks_exact_mut(SEALED) {
            if left > 0 {
                packet[..4].copy_from_slice(&((HEADER - 4 + PACKET) as u32).to_be_bytes());
                seal.seal(packet)?;
                left = left.saturating_sub(PACKET as u64);
                packets += 1;
            }
        }
        socket.write_all(&buffer[..SEALED * packets])?;
    }
    Ok(())
}

/// Reads as much as there is, and opens in place what is whole.
fn receive(socket: &mut TcpStream, seal: &mut Seal) -> Result<u64, Failure> {
    let mut buffer = vec![0; READ + SEALED];
    let (mut filled, mut received) = (0, 0);
    loop {
        let read = socket.read(&mut buffer[filled..filled + READ])?;
        if read == 0 {
            return if filled == 0 { Ok(received) } else { Err("the last packet is not whole".into()) };
        }
        filled += read;
        let mut packets = buffer[..filled].chunks_exact_mut(SEALED);
        for packet in &mut packets {
            seal.open(packet)?;
            received += PACKET as u64;
        }
        let rest = packets.into_remainder().len();
        buffer.copy_within(filled - rest..filled, 0);
        filled = rest;
    }
}

fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}
