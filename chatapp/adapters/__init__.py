"""Agents of other libraries as assistants. Import each from its own module, which needs the library:

from chatapp.adapters.pydantic_ai import PydanticAIAssistant
from chatapp.adapters.langchain import LangChainAssistant
from chatapp.adapters.chatlas import ChatlasAssistant
"""
