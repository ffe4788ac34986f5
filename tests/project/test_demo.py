"""`manage.py demo` in a terminal: what it prints, serves and leaves behind."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from tests.site import ROOT, get_free_port

LAST_LINE = "ends it"

PATIENCE_SECONDS = 60

COUNT = """
from chatapp.models import Message, Thread
print("threads", Thread.objects.filter(owner__username="demo").count(), Message.objects.count())
"""


class Demo:
    """The command in a terminal of its own, as far as signals go."""

    def __init__(self, folder: Path, *arguments: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "demo", *arguments],
            cwd=ROOT,
            env={
                "PATH": os.environ["PATH"],
                "DEBUG": "1",
                "DATABASE_URL": f"sqlite:///{folder / 'demo.sqlite3'}",
                "CHATAPP_PROVIDER": "scripted",
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        # What hangs is killed, and then the test fails by what it reads.
        self.watchdog = threading.Timer(PATIENCE_SECONDS, self.process.kill)
        self.watchdog.start()
        assert self.process.stdout is not None
        self.out: IO[str] = self.process.stdout

    def read_greeting(self) -> str:
        """What it prints until it serves, or until it ends."""
        lines = []
        for line in self.out:
            lines.append(line)
            if LAST_LINE in line:
                break
        return "".join(lines)

    def press_ctrl_c(self) -> tuple[int, str]:
        """Exit status, and what it printed since."""
        os.killpg(self.process.pid, signal.SIGINT)
        rest = self.out.read()
        return self.process.wait(20), rest


@pytest.fixture
def demos() -> Iterator[list[Demo]]:
    """Started demos, ended whatever happens."""
    started: list[Demo] = []
    yield started
    for demo in started:
        demo.watchdog.cancel()
        if demo.process.poll() is None:
            os.killpg(demo.process.pid, signal.SIGKILL)
        demo.process.wait()
        demo.out.close()


@pytest.mark.parametrize("reload", [[], ["--no-reload"]], ids=["reloading", "not-reloading"])
def test_its_address_answers_and_ctrl_c_ends_it_cleanly(tmp_path: Path, demos: list[Demo], reload: list[str]) -> None:
    demo = Demo(tmp_path, "--port", str(get_free_port()), *reload)
    demos.append(demo)

    greeting = demo.read_greeting()
    found = re.search(r"Open +(http://127\.0\.0\.1:\d+/)", greeting)
    assert found, greeting
    with urllib.request.urlopen(found[1] + "readyz", timeout=10) as answer:  # noqa: S310  # the demo's own address
        ready = answer.status
    status, rest = demo.press_ctrl_c()

    assert ready == 200
    assert "demo / demo" in greeting
    assert "admin / admin" in greeting
    assert "a scripted guide, not a model" in greeting
    assert (status, rest.count("Stopped.")) == (0, 1)
    assert "Traceback" not in rest


def test_it_loads_its_samples_once(tmp_path: Path, demos: list[Demo]) -> None:
    for _ in range(2):
        demo = Demo(tmp_path, "--no-reload", "--port", str(get_free_port()))
        demos.append(demo)
        demo.read_greeting()
        demo.press_ctrl_c()

    counted = subprocess.run(
        [sys.executable, "manage.py", "shell", "-c", COUNT],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "DEBUG": "1", "DATABASE_URL": f"sqlite:///{tmp_path / 'demo.sqlite3'}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "threads 3 8" in counted.stdout


def test_it_says_so_when_its_port_is_taken(tmp_path: Path, demos: list[Demo]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        demo = Demo(tmp_path, "--port", str(port))
        demos.append(demo)
        text = demo.read_greeting()

    assert demo.process.wait(20) == 1
    assert text == f"CommandError: Port {port} is not free. Choose another one: manage.py demo --port 8010\n"


def test_it_refuses_to_make_accounts_that_everybody_knows_in_production(tmp_path: Path, demos: list[Demo]) -> None:
    demo = Demo(tmp_path, DEBUG="0", SECRET_KEY="x" * 50)
    demos.append(demo)

    text = demo.read_greeting()

    assert demo.process.wait(20) == 1
    assert "it runs with DEBUG=1 only" in text
    assert not (tmp_path / "demo.sqlite3").exists()


def test_a_named_database_is_never_taken_for_the_demo_s_own(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "demo"],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "DATABASE_URL": f"sqlite:///{tmp_path / 'mine.sqlite3'}",
            "SECRET_KEY": "x" * 50,
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert not (tmp_path / "mine.sqlite3").exists()
