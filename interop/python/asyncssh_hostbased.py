"""`hostbased` (RFC 4252 section 9) by asyncssh: a server that believes the machine build.lag.net, and a client of such a machine."""

import asyncio
import sys

import asyncssh


class Believer(asyncssh.SSHServer):
    """Takes rob of build.lag.net for robey."""

    def begin_auth(self, username):
        return True

    def validate_host_based_user(self, username, client_host, client_username):
        return (username, client_host, client_username) == ("robey", "build.lag.net", "rob")


async def run(process):
    process.stdout.write(process.command or "")
    process.exit(0)


async def serve(host_key, known_hosts):
    listener = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_factory=Believer,
        server_host_keys=[host_key],
        known_client_hosts=known_hosts,
        trust_client_host=True,
        process_factory=run,
    )
    print(f"port {listener.get_port()}.", flush=True)
    await listener.wait_closed()


async def login(port, host, key, certificate=None):
    connection = await asyncssh.connect(
        "127.0.0.1",
        int(port),
        config=None,
        username="robey",
        known_hosts=None,
        client_keys=None,
        agent_path=None,
        client_host_keys=[key],
        client_host_certs=[certificate] if certificate else (),
        client_host=host,
        client_username="rob",
        preferred_auth="hostbased",
    )
    print((await connection.run("who")).stdout, end="")


mode, *arguments = sys.argv[1:]
try:
    asyncio.run({"serve": serve, "login": login}[mode](*arguments))
except asyncssh.PermissionDenied as error:
    sys.exit(f"denied: {error}")
