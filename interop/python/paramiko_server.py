"""An SSH server on paramiko: one account, canned commands."""

import hashlib
import socket
import sys
import threading

import paramiko

import common
from paramiko_algorithms import algorithms, load_key, restrict


class Transport(paramiko.Transport):
    """Starts a command only when the reply to its request is out: a quick one would close the channel before."""

    def __init__(self, client):
        super().__init__(client)
        self.waiting = []

    def _send_user_message(self, data):
        super()._send_user_message(data)
        if data.asbytes()[:1] == paramiko.common.cMSG_CHANNEL_SUCCESS:
            while self.waiting:
                threading.Thread(target=run, args=self.waiting.pop(), daemon=True).start()


class Account(paramiko.ServerInterface):
    def __init__(self, spec, transport):
        self.spec = spec
        self.transport = transport
        self.keys = common.authorized(spec)
        self.had_key = False

    def right_user(self, username):
        return username == self.spec.get("user", "robey")

    def get_allowed_auths(self, username):
        if self.spec.get("multi_step"):
            return "password" if self.had_key else "publickey"
        return "publickey,password,keyboard-interactive"

    def check_auth_password(self, username, password):
        right = self.right_user(username) and password == self.spec.get("password", "foo")
        enough = self.had_key or not self.spec.get("multi_step")
        return paramiko.AUTH_SUCCESSFUL if right and enough else paramiko.AUTH_FAILED

    def check_auth_publickey(self, username, key):
        if not self.right_user(username) or f"{key.get_name()} {key.get_base64()}" not in self.keys:
            return paramiko.AUTH_FAILED
        self.had_key = True
        return paramiko.AUTH_PARTIALLY_SUCCESSFUL if self.spec.get("multi_step") else paramiko.AUTH_SUCCESSFUL

    def check_auth_interactive(self, username, submethods):
        if not self.right_user(username) or self.spec.get("multi_step"):
            return paramiko.AUTH_FAILED
        return paramiko.InteractiveQuery("robey's door", "answer all", ("Password: ", False), ("Colour: ", True))

    def check_auth_interactive_response(self, responses):
        wanted = self.spec.get("answers")
        right = bool(wanted) and list(responses) == wanted
        return paramiko.AUTH_SUCCESSFUL if right else paramiko.AUTH_FAILED

    def check_channel_request(self, kind, chanid):
        return paramiko.OPEN_SUCCEEDED if kind == "session" else paramiko.OPEN_FAILED_UNKNOWN_CHANNEL_TYPE

    def check_channel_exec_request(self, channel, command):
        self.transport.waiting.append((channel, command.decode()))
        return True


def run(channel, command):
    name, _, rest = command.partition(" ")
    status = 0
    try:
        if name == "echo":
            channel.sendall(f"{rest}\n".encode())
        elif name == "cat":
            while data := channel.recv(65536):
                channel.sendall(data)
        elif name == "exit":
            status = int(rest)
        elif name in ("bytes", "errors"):
            for data in common.chunks(int(rest)):
                channel.sendall(data) if name == "bytes" else channel.sendall_stderr(data)
        elif name == "sink":
            count, digest = 0, hashlib.sha256()
            while data := channel.recv(65536):
                count += len(data)
                digest.update(data)
            channel.sendall(f"{count} {digest.hexdigest()}\n".encode())
        else:
            channel.sendall_stderr(f"unknown command {command!r}\n".encode())
            status = 127
        channel.send_exit_status(status)
    except OSError as error:
        print(f"{command}: {error}", file=sys.stderr, flush=True)
    finally:
        channel.close()


def talk(client, spec, keys):
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    transport = Transport(client)
    restrict(transport, spec)
    for key in keys:
        transport.add_server_key(key)
    try:
        transport.start_server(server=Account(spec, transport))
    except (paramiko.SSHException, EOFError) as error:
        print(f"connection ended: {error}", file=sys.stderr, flush=True)
        return
    # The interface hands over every channel by `accept`; it lives as long as somebody holds it.
    held = []
    while transport.is_active():
        channel = transport.accept(1)
        if channel is not None:
            held.append(channel)


def serve(spec):
    paramiko.Transport.load_server_moduli()
    keys = [load_key(path) for path in spec["host_keys"]]
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    common.say({"port": listener.getsockname()[1], "name": "paramiko", "version": paramiko.__version__})
    while True:
        client, _ = listener.accept()
        threading.Thread(target=talk, args=(client, spec, keys), daemon=True).start()


common.main(algorithms, server=serve)
