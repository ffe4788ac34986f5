"""A conversation in a terminal: a real thread of a real person, through the same actions and the same runner as a page.

The run is one of this process, and what it has said is read from where it is put together; see runs.live.
"""

from contextlib import suppress
from typing import Any
from uuid import UUID, uuid4

from django.utils.translation import gettext as _

from chatapp import actions, answering
from chatapp.approvals import ApprovalRequest
from chatapp.errors import Refused
from chatapp.models import Run
from chatapp.parts import Part
from chatapp.questions import InputRequest
from chatapp.runs.live import LiveRun
from chatapp.runs.results import wait_for_run
from chatapp.runs.runner import get_runner

from .printing import Printer
from .terminal import Interrupted, Terminal

_WORDS = {"y": "allow", "yes": "allow", "a": "allow_thread", "always": "allow_thread", "n": "deny", "no": "deny"}


class Conversation:
    """Asks one question after the other in one thread."""

    def __init__(
        self,
        user: Any,
        printer: Printer,
        terminal: Terminal,
        *,
        thread_id: UUID | None = None,
        assistant: str = "",
        model: str = "",
        is_temporary: bool = False,
    ) -> None:
        self.thread_id = thread_id or uuid4()
        self._user = user
        self._printer = printer
        self._terminal = terminal
        self._assistant = assistant
        self._model = model
        self._is_temporary = is_temporary

    async def ask(self, text: str, *, is_last: bool = False) -> Run | None:
        """Ask, print the answer as it comes, and give back its run; None if it was a command that gives no answer.

        `is_last`: nothing follows it, so that nobody waits for a title. Raises Refused as actions.post_message does.
        """
        posted = await actions.post_message(
            self._user,
            self.thread_id,
            text=text,
            client_id=uuid4(),
            assistant=self._assistant,
            temporary=self._is_temporary,
            model=self._model,
        )
        runner = get_runner()
        runner.is_draining = is_last
        self._printer.begin()
        if posted.notice:
            self._printer.note(posted.notice)
        if posted.run_id is None:
            if posted.is_shown:
                self._printer.note(_("Another answer is under way; this waits for its end."))
            return None
        live = runner.find(posted.run_id)
        parts: list[Part] = []
        if live is not None:
            await self._follow(live)
            parts = live.assembler.to_parts()
        run = await wait_for_run(posted.run_id)
        if live is None and run.reply is not None:
            parts = run.reply.load_parts()
        self._printer.end(run, parts)
        return run

    async def _follow(self, live: LiveRun) -> None:
        """Print what it says until it ends. Ctrl-C stops it, and so does an output that nobody reads any more."""
        news = self._terminal.news
        live.feed.attach(news.set)
        asked = ""
        try:
            while not live.feed.is_done:
                if self._terminal.is_interrupted:
                    self._terminal.is_interrupted = False
                    await self._stop()
                self._printer.show(live.assembler.to_parts(), live.assembler.status)
                request = live.desk.request
                if live.state == "waiting" and request is not None and request.id != asked:
                    asked = request.id
                    await self._answer(live, request)
                    continue
                await news.wait()
                news.clear()
        except BrokenPipeError:
            await self._stop()
            raise
        finally:
            live.feed.detach(news.set)

    async def _stop(self) -> None:
        with suppress(Refused):  # Somebody has deleted the conversation, which ends the answer as well.
            await actions.stop(self._user, self.thread_id)

    async def _answer(self, live: LiveRun, request: InputRequest) -> None:
        """Ask the person. Where nobody is there, what needs to be allowed is denied, and a question ends the answer."""
        if not self._terminal.has_person:
            if isinstance(request, ApprovalRequest):
                await self._send(request, "deny")
            else:
                self._printer.note(_("%(prompt)s Nobody is there who could answer that.") % {"prompt": request.prompt})
                await self._stop()
            return
        self._show(request)
        while live.desk.request is request:
            self._printer.ask("? ")
            try:
                line = await self._terminal.read(until=lambda: live.desk.request is not request)
            except Interrupted:
                line = None
            if line is None:
                if live.desk.request is request:
                    await self._stop()
                return
            problem = await self._send(request, _read(request, line))
            if not problem:
                return
            self._printer.note(problem)

    def _show(self, request: InputRequest) -> None:
        self._printer.note(request.prompt)
        if isinstance(request, ApprovalRequest):
            if request.arguments_text:
                self._printer.note(request.arguments_text)
            self._printer.note(_("y: once, a: always in this conversation, n: no"))
            return
        for number, option in enumerate(request.options, 1):
            self._printer.note(f"  {number}. {option}")

    async def _send(self, request: InputRequest, text: str) -> str:
        """Give this answer; why it was none, or nothing."""
        try:
            await answering.answer(self._user, self.thread_id, request.id, text)
        except Refused as refused:
            return str(refused)
        return ""


def _read(request: InputRequest, line: str) -> str:
    """What a line means: an option may be named by its number, a decision by its first letter."""
    line = line.strip()
    if isinstance(request, ApprovalRequest):
        return _WORDS.get(line.lower(), line)
    if line.isdecimal() and line not in request.options and 1 <= int(line) <= len(request.options):
        return request.options[int(line) - 1]
    return line
