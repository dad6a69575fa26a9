"""An SSH server on asyncssh: one account, canned commands."""

import asyncio
import hashlib

import asyncssh

import common
from asyncssh_algorithms import algorithms, options


class Account(asyncssh.SSHServer):
    """robey may come in by password, key or questions; "old" must change his password first."""

    def __init__(self, spec):
        self.spec = spec
        self.keys = common.authorized(spec)
        self.changed = {}

    def begin_auth(self, username):
        return True

    def password_auth_supported(self):
        return True

    def public_key_auth_supported(self):
        return True

    def kbdint_auth_supported(self):
        return True

    def right_user(self, username):
        return username == self.spec.get("user", "robey")

    def validate_password(self, username, password):
        if username == "old" and password == self.spec.get("password", "foo"):
            raise asyncssh.PasswordChangeRequired("Your password has expired.")
        return self.right_user(username) and password == self.spec.get("password", "foo")

    def change_password(self, username, old_password, new_password):
        if old_password != self.spec.get("password", "foo"):
            return False
        if len(new_password) < 4:
            raise asyncssh.PasswordChangeRequired("Too short.")
        return username == "old"

    def validate_public_key(self, username, key):
        return self.right_user(username) and common.blob(key.export_public_key().decode()) in self.keys

    def get_kbdint_challenge(self, username, lang, submethods):
        return ("robey's door", "answer all", "", [("Password: ", False), ("Colour: ", True)])

    def validate_kbdint_response(self, username, responses):
        wanted = self.spec.get("answers")
        return bool(wanted) and self.right_user(username) and list(responses) == wanted


async def run(process):
    name, _, rest = (process.command or "").partition(" ")
    if name == "echo":
        process.stdout.write(f"{rest}\n".encode())
    elif name == "cat":
        while data := await process.stdin.read(65536):
            process.stdout.write(data)
            await process.stdout.drain()
    elif name == "exit":
        process.exit(int(rest))
        return
    elif name in ("bytes", "errors"):
        stream = process.stdout if name == "bytes" else process.stderr
        for data in common.chunks(int(rest)):
            stream.write(data)
            await stream.drain()
    elif name == "sink":
        count, digest = 0, hashlib.sha256()
        while data := await process.stdin.read(65536):
            count += len(data)
            digest.update(data)
        process.stdout.write(f"{count} {digest.hexdigest()}\n".encode())
    elif name == "signal":
        process.exit_with_signal(rest, False, "asked to")
        return
    elif name == "terminal":
        size = process.get_terminal_size()
        process.stdout.write(f"{process.get_terminal_type()} {size[0]} {size[1]}\n".encode())
        try:
            await process.stdin.read(1)
        except asyncssh.TerminalSizeChanged as change:
            process.stdout.write(f"resized {change.width} {change.height}\n".encode())
    else:
        process.stderr.write(f"unknown command {process.command!r}\n".encode())
        process.exit(127)
        return
    process.exit(0)


async def handle(process):
    try:
        await run(process)
    except (asyncssh.Error, OSError) as error:
        process.logger.info("command ended: %s", error)
        process.close()


def serve(spec):
    async def start():
        listener = await asyncssh.listen(
            "127.0.0.1",
            0,
            server_factory=lambda: Account(spec),
            server_host_keys=spec["host_keys"],
            process_factory=handle,
            encoding=None,
            line_editor=False,
            # PBES and bcrypt are not what these tests are about, and neither is GSSAPI.
            gss_host=None,
            **options(spec),
        )
        common.say({"port": listener.get_port(), "name": "asyncssh", "version": asyncssh.__version__})
        await asyncio.Event().wait()

    asyncio.run(start())


common.main(algorithms, server=serve)
