"""Hosts of their own on one machine: Linux network namespaces on a virtual switch, with cables that can be pulled.

with Hosts("trainer", "node", "pool") as hosts:
    subprocess.run([*hosts.prefix("pool"), "ping", hosts.address("node")])
    hosts.unplug("pool")
"""

import os
import subprocess


def ip(*arguments: str) -> None:
    """Raises `CalledProcessError`."""
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


def missing() -> str:
    """Why there can be no such hosts here; empty if there can."""
    name = f"g1-{os.getpid()}-probe"
    try:
        ip("netns", "add", name)
        ip("netns", "del", name)
    except FileNotFoundError:
        return "the command ip is missing (Debian's iproute2)"
    except subprocess.CalledProcessError as error:
        return f"no network namespace can be made here: {error.stderr.strip()}"
    return ""


class Hosts:
    """Each host has one cable, to the switch; a pulled cable loses packets and tells nobody."""

    def __init__(self, *names: str) -> None:
        self._names, self._made = names, f"g1-{os.getpid()}"

    def address(self, name: str) -> str:
        return f"10.99.0.{1 + self._names.index(name)}"

    def prefix(self, name: str) -> tuple[str, ...]:
        """What a command begins with, to run on that host."""
        return ("ip", "netns", "exec", self._namespace(name))

    def unplug(self, name: str) -> None:
        ip("-n", self._namespace("switch"), "link", "set", name, "down")

    def plug(self, name: str) -> None:
        ip("-n", self._namespace("switch"), "link", "set", name, "up")

    def _namespace(self, name: str) -> str:
        return f"{self._made}-{name}"

    def __enter__(self) -> "Hosts":
        switch = self._namespace("switch")
        try:
            ip("netns", "add", switch)
            ip("-n", switch, "link", "add", "bridge", "type", "bridge")
            ip("-n", switch, "link", "set", "bridge", "up")
            for name in self._names:
                host = self._namespace(name)
                ip("netns", "add", host)
                ip("-n", host, "link", "add", "eth0", "type", "veth", "peer", "name", name, "netns", switch)
                ip("-n", switch, "link", "set", name, "master", "bridge", "up")
                ip("-n", host, "address", "add", f"{self.address(name)}/24", "dev", "eth0")
                ip("-n", host, "link", "set", "eth0", "up")
                ip("-n", host, "link", "set", "lo", "up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for name in (*self._names, "switch"):
            subprocess.run(["ip", "netns", "del", self._namespace(name)], check=False, capture_output=True)
