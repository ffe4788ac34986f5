"""Real processes for benchmarks and stories: the hosted site behind a server, people who are signed in, and what a
process costs as the kernel counts it."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[1]
START_SECONDS = 60.0

_PEOPLE = """
import json, sys
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from importlib import import_module
Store = import_module(settings.SESSION_ENGINE).SessionStore
keys = []
for name in json.loads({names!r}):
    user = get_user_model().objects.get_or_create(username=name)[0]
    session = Store()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    keys.append(session.session_key)
print("KEYS" + json.dumps(keys))
"""


def get_free_port() -> int:
    """A port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Process:
    """A process of ours, ended by its id at the end of the block."""

    def __init__(
        self, command: Sequence[str], *, env: Mapping[str, str] | None = None, log: Path | None = None
    ) -> None:
        self._log = log.open("ab") if log else None
        out: Any = self._log or subprocess.DEVNULL
        self._popen = subprocess.Popen(command, cwd=ROOT, env=dict(env or os.environ), stdout=out, stderr=out)
        self.pid = self._popen.pid

    @property
    def has_ended(self) -> bool:
        """Whether it is gone."""
        return self._popen.poll() is not None

    def get_cpu_seconds(self) -> float:
        """CPU time, user and system, since it started."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / float(os.sysconf("SC_CLK_TCK"))

    def get_memory_bytes(self) -> int:
        """Resident memory."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._popen.send_signal(number)

    def wait(self, seconds: float = 30.0) -> int:
        """Wait for its end; its exit code."""
        return self._popen.wait(seconds)

    def end(self) -> None:
        """Ask it to end, then make it."""
        if not self.has_ended:
            self._popen.terminate()
            try:
                self._popen.wait(10)
            except subprocess.TimeoutExpired:
                self._popen.kill()
                self._popen.wait(10)
        if self._log:
            self._log.close()


class Site:
    """The hosted site with production settings: one or more server processes on one database.

    `server` is "uvicorn" or "daphne"; `env` adds to the environment of contract and README; `chatapp` overrides keys of
    the setting CHATAPP, for which the environment has no words (see tests/site_settings.py).
    """

    def __init__(
        self,
        *,
        server: str = "uvicorn",
        processes: int = 1,
        env: Mapping[str, str] | None = None,
        chatapp: Mapping[str, Any] | None = None,
        folder: Path | None = None,
    ) -> None:
        self.folder = folder or Path(tempfile.mkdtemp(prefix="chatapp-site-"))
        self.ports = [get_free_port() for _ in range(processes)]
        self.server = server
        self.processes: list[Process] = []
        self.env = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "project.settings" if chatapp is None else "tests.site_settings",
            "SITE_CHATAPP": json.dumps(chatapp or {}),
            "SITE_PREFIX": self.folder.name,
            "SECRET_KEY": "only-for-this-run-" + "x" * 40,
            "DEBUG": "0",
            "SECURE": "0",
            "ALLOWED_HOSTS": "127.0.0.1",
            "CSRF_TRUSTED_ORIGINS": ",".join(self.urls),
            "DATABASE_URL": f"sqlite:///{self.folder}/db.sqlite3",
            "MEDIA_ROOT": str(self.folder / "media"),
            "CHATAPP_PROVIDER": "scripted",
            "CHATAPP_TITLES": "words",
            "CHATAPP_LIMITS": "off",
            "LOG_LEVEL": "INFO",
            **(env or {}),
        }

    @property
    def urls(self) -> list[str]:
        """Address of each process."""
        return [f"http://127.0.0.1:{port}" for port in self.ports]

    @property
    def url(self) -> str:
        """Address of the first process."""
        return self.urls[0]

    @property
    def log(self) -> str:
        """What all processes have logged."""
        return (self.folder / "site.log").read_text(errors="replace")

    def __enter__(self) -> Self:
        self.manage("migrate", "--noinput")
        self.manage("collectstatic", "--noinput")
        for place in range(len(self.ports)):
            self.start(place)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def end(self) -> None:
        """End all processes."""
        for process in self.processes:
            process.end()

    def manage(self, *arguments: str) -> str:
        """What `manage.py` prints. Raises CalledProcessError with its errors."""
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=self.env, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(arguments)[:60]}: {done.stderr[-2000:]}")
        return done.stdout

    def start(self, place: int = 0) -> Process:
        """Start the process at this place (again) and wait until it answers."""
        for former in self.processes[place : place + 1]:
            former.end()
        host, port = "127.0.0.1", str(self.ports[place])
        command = {
            "uvicorn": ["--ws", "websockets-sansio", "--log-level", "warning", "--host", host, "--port", port],
            "daphne": ["-v", "0", "-b", host, "-p", port],
        }[self.server]
        command = [sys.executable, "-m", self.server, *command, "project.asgi:application"]
        process = Process(command, env=self.env, log=self.folder / "site.log")
        self.processes[place : place + 1] = [process]
        wait_until_up(f"{self.urls[place]}/healthz", process)
        return process

    def sign_in(self, names: Sequence[str]) -> list[str]:
        """Session keys of these people, who are made if they do not exist."""
        out = self.manage("shell", "-c", _PEOPLE.format(names=json.dumps(list(names))))
        keys: list[str] = json.loads(out.partition("KEYS")[2])
        return keys


def wait_until_up(url: str, process: Process) -> None:
    """Wait until something answers there. Raises RuntimeError if the process ends first or START_SECONDS pass."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and not process.has_ended:
        with suppress(OSError):
            urllib.request.urlopen(url, timeout=2).close()  # noqa: S310  # our own address
            return
        time.sleep(0.05)
    raise RuntimeError(f"nothing answers at {url}")
