"""An SSH client on paramiko: one connection and one command for each job."""

import socket
import threading

import paramiko

import common
from paramiko_algorithms import algorithms, load_key, restrict


class Transport(paramiko.Transport):
    """Keeps the name of the key exchange, which paramiko forgets once it is over."""

    kex_name = None

    def _log(self, level, message, *args):
        if isinstance(message, str) and message.startswith("Kex: "):
            self.kex_name = message.removeprefix("Kex: ")
        super()._log(level, message, *args)


def authenticate(transport, job):
    user = job.get("user", "robey")
    left = None
    if job.get("key"):
        left = transport.auth_publickey(user, load_key(job["key"], job.get("passphrase")))
        if not left:
            return
    if job.get("answers"):
        answers = list(job["answers"])

        def handler(title, instructions, prompts):
            return [answers.pop(0) for _ in prompts]

        left = transport.auth_interactive(user, handler)
        if not left:
            return
    if job.get("password"):
        left = transport.auth_password(user, job["password"], fallback=False)
    if left or not transport.is_authenticated():
        raise paramiko.AuthenticationException(f"not enough; the server still wants {left}")


def drain(receive, summary):
    while data := receive(65536):
        summary.add(data)


def feed(channel, count):
    try:
        for data in common.chunks(count):
            channel.sendall(data)
        channel.shutdown_write()
    except OSError:
        pass  # the command did not want all of it


def connect_and_run(job):
    host, _, port = job["addr"].rpartition(":")
    connection = socket.create_connection((host, int(port)), timeout=30)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    transport = Transport(connection)
    restrict(transport, job)
    try:
        transport.start_client(timeout=30)
        key = transport.get_remote_server_key()
        if f"{key.get_name()} {key.get_base64()}" != common.blob(job["host_key"]):
            raise paramiko.SSHException("unexpected host key")
        negotiated = {
            "kex": transport.kex_name,
            "host_key": transport.host_key_type,
            "cipher": transport.local_cipher,
            "mac": transport.local_mac,
            "compression": transport.local_compression,
        }
        authenticate(transport, job)
        channel = transport.open_session()
        channel.exec_command(job.get("exec", "echo hello"))
        stdout, stderr = common.Summary(), common.Summary()
        threads = [
            threading.Thread(target=feed, args=(channel, job.get("stdin_bytes", 0)), daemon=True),
            threading.Thread(target=drain, args=(channel.recv_stderr, stderr), daemon=True),
        ]
        for thread in threads:
            thread.start()
        drain(channel.recv, stdout)
        threads[1].join()
        status = channel.recv_exit_status()
        return {
            "ok": True,
            "negotiated": negotiated,
            "banner": (transport.get_banner() or b"").decode() or None,
            "exit_status": None if status < 0 else status,
            "exit_signal": None,
            "stdout": stdout.json(),
            "stderr": stderr.json(),
        }
    finally:
        transport.close()


common.main(algorithms, client=connect_and_run)
