"""From the bytes of a stream of OpenAI's Responses API to what the model says."""

from collections.abc import Sequence
from typing import Any, Final

from .answer import AnswerDecoder, read_text, read_usage

_TEXT: Final = frozenset({"response.output_text.delta", "response.refusal.delta"})
_THINKING: Final = frozenset({"response.reasoning_summary_text.delta", "response.reasoning_text.delta"})
_ENDS: Final = frozenset({"response.completed", "response.incomplete", "response.failed", "response.cancelled"})
_PARAGRAPH: Final = "\n\n"


class ResponsesDecoder(AnswerDecoder):
    """Decodes one answer of the Responses API.

    What it says in pieces is said as it comes; what a server only says at the end, as a whole, is taken from there.
    """

    ending = "response.completed"

    def __init__(self, keys: Sequence[str] = ()) -> None:
        super().__init__(keys)
        self._has_pieces = False
        self._gaps: set[bool] = set()  # True: text that comes next is a new paragraph; False: thinking is
        self._places: dict[str, int] = {}  # of calls, by the ids of their items, where the server does not number them

    def _take_data(self, data: dict[str, Any]) -> None:
        kind = data.get("type")
        if not isinstance(kind, str):
            return
        if kind in _TEXT:
            self._say_piece(data.get("delta"), is_text=True)
        elif kind in _THINKING:
            self._say_piece(data.get("delta"), is_text=False)
        elif kind == "response.function_call_arguments.delta":
            function = {"arguments": data.get("delta")}
            self._calls.feed([{"index": self._get_place(data, {}), "function": function}])
        elif kind == "response.function_call_arguments.done":
            self._calls.put(self._get_place(data, {}), "", "", read_text(data.get("arguments")))
        elif kind == "response.output_item.added" or kind == "response.output_item.done":
            self._take_item(data, is_new=kind.endswith("added"))
        elif kind == "response.reasoning_summary_part.added":
            self._begin_part(is_text=False)
        elif kind in _ENDS:
            self._take_response(data.get("response"), kind.removeprefix("response."))
        elif kind == "error":
            self._break(data)

    def _take_answer(self, answer: dict[str, Any]) -> bool:
        if not isinstance(answer.get("output"), list):
            return False
        self._take_response(answer, "completed")
        return True

    # Pieces.

    def _say_piece(self, piece: Any, *, is_text: bool) -> None:
        text = read_text(piece)
        self._has_pieces = self._has_pieces or bool(text)
        if text and is_text in self._gaps:
            self._gaps.discard(is_text)
            text = _PARAGRAPH + text
        self._say(text, is_text=is_text)

    def _begin_part(self, *, is_text: bool) -> None:
        self._join_pieces()
        if self._has_text if is_text else self._has_thinking:
            self._gaps.add(is_text)

    def _take_item(self, data: dict[str, Any], *, is_new: bool) -> None:
        item = data.get("item")
        if not isinstance(item, dict):
            return
        kind = item.get("type")
        if kind == "function_call":
            self._put_call(item, self._get_place(data, item))
        elif kind == "message" and is_new:
            self._begin_part(is_text=True)

    def _put_call(self, item: dict[str, Any], place: int) -> None:
        self._calls.put(
            place, read_text(item.get("call_id")), read_text(item.get("name")), read_text(item.get("arguments"))
        )

    def _get_place(self, data: dict[str, Any], item: dict[str, Any]) -> int:
        index = data.get("output_index")
        if isinstance(index, int):
            return index
        return self._places.setdefault(str(data.get("item_id") or item.get("id") or ""), len(self._places))

    # The end.

    def _take_response(self, response: Any, ending: str) -> None:
        response = response if isinstance(response, dict) else {}
        status = response.get("status") or ending
        self._usage = read_usage(response.get("usage"), "input", "output") or self._usage
        if not (self._has_pieces or self._calls):
            self._take_output(response.get("output"))
        if status == "completed":
            self.finished = self.complete = True
        elif status == "incomplete":
            details = response.get("incomplete_details")
            reason = details.get("reason") if isinstance(details, dict) else None
            self._reason = "filtered" if reason == "content_filter" else "length"
            self.finished = self.complete = True
        elif status in ("failed", "cancelled"):
            self._break(response.get("error") or f"response {status}")

    def _take_output(self, output: Any) -> None:
        for place, item in enumerate(_list(output)):
            kind = item.get("type") if isinstance(item, dict) else None
            if kind == "function_call":
                self._put_call(item, place)
            elif kind in ("message", "reasoning"):
                self._begin_part(is_text=kind == "message")
                for part in _list(item.get("summary")) + _list(item.get("content")):
                    said = part.get("text") or part.get("refusal") if isinstance(part, dict) else None
                    self._say_piece(said, is_text=kind == "message")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
