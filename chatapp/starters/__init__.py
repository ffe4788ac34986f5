"""What `manage.py chatapp_startassistant` writes: who can answer, which examples there are, and the files of both.

The files stand in `files/`, as templates of Django's engine in which a line with nothing but a tag leaves no line.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal

from django.template import Context, Engine

FILES: Final = Path(__file__).parent / "files"

Kind = Literal["model", "pydantic_ai", "langchain"]
"""Who asks the model: chatapp by an address, or an agent of another library."""

_LONE_TAG: Final = re.compile(r"^[ \t]*(\{%[^\n]*?%\})[ \t]*\n", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """An environment variable."""

    name: str
    value: str = ""
    """Stands in .env.example. Empty: whoever runs the site has to know it."""

    comment: str = ""
    is_optional: bool = False
    """Whether it stands there as a comment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderStarter:
    """Somebody who can answer."""

    title: str
    kind: Kind = "model"
    prefix: str
    """With what its environment variables begin."""

    model: str
    """Which model answers, unless the environment names another."""

    models: Sequence[str]
    """Which ones a playground offers: such as take the sampling numbers."""

    key: Variable | None = None
    """Holds its key. None: it needs none of its own."""

    base_url: Variable
    """Another address, for a proxy or a test."""

    more: Sequence[Variable] = ()
    where: str
    """Where the key comes from."""

    install: str = ""
    """What has to be installed beside chatapp."""

    @property
    def variables(self) -> list[Variable]:
        """All of its environment variables, in order."""
        model = Variable(name=f"{self.prefix}_MODEL", value=self.model, comment="which model answers", is_optional=True)
        return [*([self.key] if self.key else ()), *self.more, model, self.base_url]


def _base_url(prefix: str) -> Variable:
    return Variable(name=f"{prefix}_BASE_URL", comment="another address than its own", is_optional=True)


PROVIDERS: Final[Mapping[str, ProviderStarter]] = MappingProxyType(
    {
        "ollama": ProviderStarter(
            title="Ollama",
            prefix="OLLAMA",
            model="llama3.2",
            models=["llama3.2", "qwen3"],
            base_url=Variable(
                name="OLLAMA_BASE_URL",
                value="http://127.0.0.1:11434/v1",
                comment="where it runs, if not here",
                is_optional=True,
            ),
            where="No key: Ollama runs on a machine of yours. Install it, then `ollama pull llama3.2`.",
        ),
        "anthropic": ProviderStarter(
            title="Anthropic",
            prefix="ANTHROPIC",
            model="claude-sonnet-4-5",
            models=["claude-sonnet-4-5", "claude-haiku-4-5"],
            key=Variable(name="ANTHROPIC_API_KEY"),
            base_url=_base_url("ANTHROPIC"),
            where="From the Claude Console, the developer site of Anthropic: Settings, API keys, Create key.",
        ),
        "openai": ProviderStarter(
            title="OpenAI",
            prefix="OPENAI",
            model="gpt-5-mini",
            models=["gpt-4.1-mini", "gpt-4.1"],
            key=Variable(name="OPENAI_API_KEY"),
            base_url=_base_url("OPENAI"),
            where="From the OpenAI platform: Settings, your project, API keys, Create new secret key.",
        ),
        "google": ProviderStarter(
            title="Google Gemini",
            prefix="GEMINI",
            model="gemini-2.5-flash",
            models=["gemini-2.5-flash", "gemini-2.5-pro"],
            key=Variable(name="GEMINI_API_KEY"),
            base_url=_base_url("GEMINI"),
            where="From Google AI Studio: Dashboard, API keys, Create API key.",
        ),
        "bedrock": ProviderStarter(
            title="Amazon Bedrock",
            kind="pydantic_ai",
            prefix="BEDROCK",
            model="bedrock:us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            models=[
                "bedrock:us.anthropic.claude-sonnet-4-5-20250929-v1:0",
                "bedrock:us.anthropic.claude-haiku-4-5-20251001-v1:0",
            ],
            key=Variable(name="AWS_ACCESS_KEY_ID", comment="or a profile, or the role of the machine"),
            more=(
                Variable(name="AWS_SECRET_ACCESS_KEY"),
                Variable(name="AWS_DEFAULT_REGION", value="us-east-1", comment="where the model may be used"),
            ),
            base_url=Variable(
                name="AWS_ENDPOINT_URL_BEDROCK_RUNTIME", comment="another address than its own", is_optional=True
            ),
            where=(
                "From the AWS console: IAM, Users, Security credentials, Create access key, for a user "
                "who may only InvokeModel and InvokeModelWithResponseStream. Allow the model under Amazon Bedrock, "
                "Model access. On a machine of AWS give the machine a role instead, and no key."
            ),
            install="'django-chatapp[pydantic-ai]' 'pydantic-ai-slim[bedrock]'",
        ),
        "azure": ProviderStarter(
            title="Azure OpenAI",
            prefix="AZURE_OPENAI",
            model="gpt-4.1-mini",
            models=["gpt-4.1-mini", "gpt-4.1"],
            key=Variable(name="AZURE_OPENAI_API_KEY"),
            base_url=Variable(
                name="AZURE_OPENAI_BASE_URL", comment="the endpoint of your resource: each account has its own"
            ),
            where=(
                "From the Azure portal: your Azure OpenAI resource, Resource Management, Keys and Endpoint; "
                "both the key and the endpoint stand there. The model is the name of your deployment."
            ),
        ),
        "langchain": ProviderStarter(
            title="LangChain",
            kind="langchain",
            prefix="LANGCHAIN",
            model="openai:gpt-5-mini",
            models=["gpt-4.1-mini", "gpt-4.1"],
            key=Variable(name="OPENAI_API_KEY", comment="of the provider that LANGCHAIN_MODEL names"),
            base_url=_base_url("LANGCHAIN"),
            where=(
                "From the provider that LANGCHAIN_MODEL names; for OpenAI from its platform: Settings, your "
                "project, API keys. Another provider needs its package of LangChain and its own key."
            ),
            install="'django-chatapp[langchain]' langchain langchain-openai",
        ),
    }
)
"""By the name that --provider takes. To add one, add an entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """An example."""

    description: str
    files: Mapping[str, str]
    """Where each file goes in the app, and what it is made of in `files/`. Empty: of nothing."""

    question: str = "Hello. What can you do?"
    """What its smoke test asks."""


_EACH: Final = {"assistants.py": "assistants-{template}.txt", "test_assistants.py": "tests.txt"}

TEMPLATES: Final[Mapping[str, Template]] = MappingProxyType(
    {
        "basic": Template(description="instructions, a greeting, suggestions", files=_EACH),
        "playground": Template(description="people choose the model and its sampling numbers", files=_EACH),
        "rag": Template(
            description="answers from pages of your database, with sources",
            question="How long does a refund take?",
            files={
                **_EACH,
                "models.py": "models.txt",
                "admin.py": "admin.txt",
                "migrations/__init__.py": "",
                "migrations/0001_initial.py": "migration.txt",
            },
        ),
        "tools": Template(description="one tool that runs at once, and one that people must allow", files=_EACH),
        "form": Template(
            description="a Django form in the chat, filled in from what was said",
            question="I am Ada. I want to send my shoes back.",
            files={**_EACH, "forms.py": "forms.txt"},
        ),
    }
)
"""By the name that --template takes."""


def render(name: str, context: Mapping[str, Any]) -> str:
    """One of the files, for a site."""
    engine = Engine(autoescape=False)
    source = _LONE_TAG.sub(r"\1", (FILES / name).read_text(encoding="utf-8"))
    return engine.from_string(source).render(Context(context))


def render_files(template: str, context: Mapping[str, Any]) -> dict[str, str]:
    """The files of an example, by where they go in the app."""
    return {
        path: render(name.format(template=template), context) if name else ""
        for path, name in TEMPLATES[template].files.items()
    }


def make_context(*, provider: str, template: str, app: str, class_name: str, title: str) -> dict[str, Any]:
    """What the files are made of. `app` is the dotted name of the app."""
    starter = PROVIDERS[provider]
    return {
        "alias": provider,
        "provider": starter,
        "kind": starter.kind,
        "template": template,
        "question": TEMPLATES[template].question,
        "app": app,
        "label": app.rpartition(".")[2],
        "class_name": class_name,
        "title": title,
    }
