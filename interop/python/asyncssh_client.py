"""An SSH client on asyncssh: one connection and one command for each job."""

import asyncio
import logging
import re

import asyncssh

import common
from asyncssh_algorithms import algorithms, options, supported


class Person(asyncssh.SSHClient):
    """Answers what a server may ask."""

    def __init__(self, job):
        self.job = job
        self.answers = list(job.get("answers", []))
        self.banner = None

    def auth_banner_received(self, msg, lang):
        self.banner = msg

    def kbdint_auth_requested(self):
        return "" if self.answers else None

    def kbdint_challenge_received(self, name, instructions, lang, prompts):
        given, self.answers = self.answers[: len(prompts)], self.answers[len(prompts) :]
        return given

    def password_change_requested(self, prompt, lang):
        new = self.job.get("new_password")
        return (self.job["password"], new) if new else NotImplemented


class KexName(logging.Handler):
    """Reads the name of the key exchange from asyncssh's log, the only place where it is kept."""

    def __init__(self):
        super().__init__()
        self.name = None
        self.count = 0

    def emit(self, record):
        found = re.search(r"Key exchange alg: (\S+)", record.getMessage())
        if found:
            self.name = found[1].removeprefix("b'").removesuffix("'")
            self.count += 1


def host_key_name(job, key):
    """asyncssh knows an RSA key's type only; what it was to sign with is known when one name was offered."""
    offered = common.offer(job, supported(), "host_key")
    return offered[0] if len(offered) == 1 else key.algorithm.decode()


def summary(data):
    result = common.Summary()
    result.add(data)
    return result.json()


async def connect_and_run(job):
    kex = KexName()
    logger = logging.getLogger("asyncssh")
    logger.handlers = [kex]
    logger.propagate = False
    logger.setLevel(logging.DEBUG)
    asyncssh.set_debug_level(2)
    host, _, port = job["addr"].rpartition(":")
    person = Person(job)
    connection, _ = await asyncssh.create_connection(
        lambda: person,
        host,
        int(port),
        username=job.get("user", "robey"),
        password=job.get("password"),
        client_keys=[job["key"]] if job.get("key") else None,
        passphrase=job.get("passphrase"),
        agent_path=None,
        gss_host=None,
        known_hosts=([asyncssh.import_public_key(job["host_key"])], [], []),
        server_host_key_algs=common.offer(job, supported(), "host_key"),
        kbdint_auth=bool(job.get("answers")),
        **options(job),
    )
    async with connection:
        negotiated = {
            "kex": kex.name,
            "host_key": host_key_name(job, connection.get_server_host_key()),
            "cipher": connection.get_extra_info("send_cipher"),
            "mac": connection.get_extra_info("send_mac"),
            "compression": connection.get_extra_info("send_compression"),
        }
        process = await connection.create_process(job.get("exec", "echo hello"), encoding=None)

        async def feed():
            try:
                for data in common.chunks(job.get("stdin_bytes", 0)):
                    process.stdin.write(data)
                    await process.stdin.drain()
                process.stdin.write_eof()
            except (OSError, asyncssh.Error):
                pass  # the command did not want all of it

        feeding = asyncio.create_task(feed())
        stdout, stderr = await asyncio.gather(process.stdout.read(), process.stderr.read())
        await process.wait_closed()
        feeding.cancel()
        signal = process.exit_signal
        return {
            "ok": True,
            "negotiated": negotiated,
            "key_exchanges": kex.count,
            "banner": person.banner,
            "exit_status": None if signal else process.exit_status,
            "exit_signal": signal[0] if signal else None,
            "stdout": summary(stdout),
            "stderr": summary(stderr),
        }


common.main(algorithms, client=lambda job: asyncio.run(connect_and_run(job)))
