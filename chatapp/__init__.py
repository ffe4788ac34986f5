"""A production chat with language models for any Django site."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from chatapp import prompts
from chatapp.activity import CitationPart, ToolCall, ToolCallPart, ToolDisplay, ToolProgress, ToolResult
from chatapp.approvals import ApprovalRequest
from chatapp.artifacts import (
    ChartArtifact,
    CodeArtifact,
    HtmlArtifact,
    ImageArtifact,
    JsonArtifact,
    MarkdownArtifact,
    TableArtifact,
)
from chatapp.assistants import Assistant
from chatapp.commands import Command, command, remove_command, slash_command
from chatapp.contexts import ContextPart, ContextSource, context_source
from chatapp.errors import ExtractionError, ProviderError, VisibleError
from chatapp.events import Finish, Icon, Mark, PartDelta, PartEnd, PartStart, Rewind, Status, ThinkingDelta, Usage
from chatapp.files.chatfile import ChatFile
from chatapp.files.context import CONTEXT_TOOL
from chatapp.files.parts import FilePart
from chatapp.greetings import Greeting
from chatapp.mappers import mapper
from chatapp.menu import SettingsItem
from chatapp.parts import (
    ErrorPart,
    HtmlPart,
    NoticePart,
    Part,
    RawPart,
    TemplatePart,
    TextPart,
    ThinkingPart,
    UnknownPart,
    part,
)
from chatapp.profiles import ChatConfig
from chatapp.prompts import Suggestion
from chatapp.questions import InputRequest
from chatapp.registry import register, unregister
from chatapp.retrieval import Passage, Retriever, retrieval_tool
from chatapp.sampling import ModelConfig
from chatapp.todos import TodoItem, TodoUpdate
from chatapp.tools import Tool, ToolRejected, tool
from chatapp.turn import ChatMessage, Turn

if TYPE_CHECKING:
    from chatapp.attaching import attach_path, attach_path_sync
    from chatapp.choosing import update_settings, update_settings_sync
    from chatapp.fulltext import FullTextRetriever
    from chatapp.opening import (
        clear_messages,
        clear_messages_sync,
        get_greeting,
        get_greeting_sync,
        set_greeting,
        set_greeting_sync,
    )
    from chatapp.posting import post, post_sync, update_input, update_input_sync
    from chatapp.reading import (
        get_messages,
        get_messages_sync,
        get_state,
        get_state_sync,
        get_tokens,
        get_tokens_sync,
        get_turns,
        get_turns_sync,
        set_state,
        set_state_sync,
        set_turns,
        set_turns_sync,
    )
    from chatapp.resetting import reset, reset_sync
    from chatapp.runs.todos import clear_todos, clear_todos_sync, update_todos, update_todos_sync
    from chatapp.speaking import message_stream
    from chatapp.streams import (
        cancel_stream,
        cancel_stream_sync,
        clear_stream,
        clear_stream_sync,
        get_stream,
        get_stream_sync,
        stream_to,
        stream_to_sync,
    )
    from chatapp.swapping import set_provider, set_provider_sync

__all__ = [
    "CONTEXT_TOOL",
    "ApprovalRequest",
    "Assistant",
    "ChartArtifact",
    "ChatConfig",
    "ChatFile",
    "ChatMessage",
    "CitationPart",
    "CodeArtifact",
    "Command",
    "ContextPart",
    "ContextSource",
    "ErrorPart",
    "ExtractionError",
    "FilePart",
    "Finish",
    "FullTextRetriever",
    "Greeting",
    "HtmlArtifact",
    "HtmlPart",
    "Icon",
    "ImageArtifact",
    "InputRequest",
    "JsonArtifact",
    "Mark",
    "MarkdownArtifact",
    "ModelConfig",
    "NoticePart",
    "Part",
    "PartDelta",
    "PartEnd",
    "PartStart",
    "Passage",
    "ProviderError",
    "RawPart",
    "Retriever",
    "Rewind",
    "SettingsItem",
    "Status",
    "Suggestion",
    "TableArtifact",
    "TemplatePart",
    "TextPart",
    "ThinkingDelta",
    "ThinkingPart",
    "TodoItem",
    "TodoUpdate",
    "Tool",
    "ToolCall",
    "ToolCallPart",
    "ToolDisplay",
    "ToolProgress",
    "ToolRejected",
    "ToolResult",
    "Turn",
    "UnknownPart",
    "Usage",
    "VisibleError",
    "attach_path",
    "attach_path_sync",
    "cancel_stream",
    "cancel_stream_sync",
    "clear_messages",
    "clear_messages_sync",
    "clear_stream",
    "clear_stream_sync",
    "clear_todos",
    "clear_todos_sync",
    "command",
    "context_source",
    "get_greeting",
    "get_greeting_sync",
    "get_messages",
    "get_messages_sync",
    "get_state",
    "get_state_sync",
    "get_stream",
    "get_stream_sync",
    "get_tokens",
    "get_tokens_sync",
    "get_turns",
    "get_turns_sync",
    "mapper",
    "message_stream",
    "part",
    "post",
    "post_sync",
    "prompts",
    "register",
    "remove_command",
    "reset",
    "reset_sync",
    "retrieval_tool",
    "set_greeting",
    "set_greeting_sync",
    "set_provider",
    "set_provider_sync",
    "set_state",
    "set_state_sync",
    "set_turns",
    "set_turns_sync",
    "slash_command",
    "stream_to",
    "stream_to_sync",
    "tool",
    "unregister",
    "update_input",
    "update_input_sync",
    "update_settings",
    "update_settings_sync",
    "update_todos",
    "update_todos_sync",
]
__version__ = "0.1.0"

_DOING = {
    "chatapp.attaching": ("attach_path",),
    "chatapp.choosing": ("update_settings",),
    "chatapp.fulltext": ("FullTextRetriever",),
    "chatapp.opening": ("clear_messages", "get_greeting", "set_greeting"),
    "chatapp.posting": ("post", "update_input"),
    "chatapp.reading": ("get_messages", "get_state", "get_tokens", "get_turns", "set_state", "set_turns"),
    "chatapp.resetting": ("reset",),
    "chatapp.runs.todos": ("clear_todos", "update_todos"),
    "chatapp.speaking": ("message_stream",),
    "chatapp.streams": ("cancel_stream", "clear_stream", "get_stream", "stream_to"),
    "chatapp.swapping": ("set_provider",),
}


def __getattr__(name: str) -> Any:
    """What uses models is fetched when it is asked for: `import chatapp` is safe before the apps are ready."""
    for module, names in _DOING.items():
        if name.removesuffix("_sync") in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
