"""Servers that speak the OpenAI protocol, by name: `{"preset": "ollama", "model": "llama3.2"}`.

To add one, add an entry, and its row in docs/providers.md. A preset only fills in what OPTIONS leave out. What is said
of thinking is for people: all ways in which servers send it are read, whoever they are.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from django.core.exceptions import ImproperlyConfigured

from .addresses import read_origin

_LONGEST: Final[Mapping[str, str]] = MappingProxyType({"max_tokens": "max_completion_tokens"})
_NO_PENALTIES: Final = frozenset({"frequency_penalty", "presence_penalty"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """Where a provider listens, where its key is found, and in what it differs from the others."""

    label: str
    """Who it is, for people."""

    base_url: str = ""
    """Up to and without "/chat/completions". Empty: each account has its own, which OPTIONS give as `base_url`."""

    example: str = ""
    """What such an address looks like."""

    base_url_env: str = ""
    """Environment variable in which it may stand instead."""

    hosts: str = ""
    """Regular expression for the whole host name of such an address."""

    api_key_env: str = ""
    """Environment variable that holds the key. Empty: it needs none."""

    key_optional: bool = False
    """Whether it may be asked without one."""

    key_header: str = ""
    """The header that the key goes in. Empty: Authorization, as a bearer."""

    option_names: Mapping[str, str] = field(default_factory=dict)
    """Options that are called otherwise there."""

    unknown_options: frozenset[str] = frozenset()
    """Options that are refused there, and so are never sent."""

    include_usage: bool = True
    """Whether `stream_options` is taken there, which asks for the token counts. Who refuses it counts anyway."""

    sees_images: bool = True
    """Whether its models take images, if OPTIONS do not say."""

    call_fields: Mapping[str, Any] = field(default_factory=dict)
    """What each call of a tool has to have beside its own when it is sent back."""

    note: str = ""
    """What else one should know, in Markdown."""

    def owns(self, url: str) -> bool:
        """Whether this is its address, so that its key may go there: the same origin, or one of its hosts by https."""
        origin = read_origin(url)
        if origin is None or self.base_url:
            return origin is not None and origin == read_origin(self.base_url)
        scheme, host, port = origin
        return (scheme, port) == ("https", 443) and re.fullmatch(self.hosts, host) is not None


def find_preset(name: str, base_url: str = "") -> tuple[str, Preset]:
    """The preset of this name. "openai" at another address is whoever is known to listen there, else COMPATIBLE.

    Raises ImproperlyConfigured for a name that is not known.
    """
    if name not in PRESETS:
        raise ImproperlyConfigured(f"preset {name!r} is not known; known are {', '.join(sorted(PRESETS))}")
    if name != "openai" or not base_url or PRESETS[name].owns(base_url):
        return name, PRESETS[name]
    # Only by https: anybody may listen at a port of this machine.
    found = (each for each in PRESETS.items() if base_url.startswith("https://") and each[1].owns(base_url))
    return next(found, (name, COMPATIBLE))


COMPATIBLE: Final = Preset(label="anybody else", key_optional=True)
"""Whoever speaks the protocol and has no preset."""

PRESETS: Final[Mapping[str, Preset]] = MappingProxyType(
    {
        "openai": Preset(
            label="OpenAI",
            base_url="https://api.openai.com/v1",
            api_key_env="OPENAI_API_KEY",
            option_names=_LONGEST,  # Its newer models refuse the old name.
            unknown_options=frozenset({"top_k"}),
            note="Thinking comes only from `ResponsesProvider`.",
        ),
        "azure": Preset(
            label="Azure OpenAI, Microsoft Foundry",
            example="https://RESOURCE.openai.azure.com",
            base_url_env="AZURE_OPENAI_ENDPOINT",
            hosts=r"[a-z0-9][a-z0-9-]*\.(?:openai|services\.ai|cognitiveservices)\.azure\.com",
            api_key_env="AZURE_OPENAI_API_KEY",
            key_header="api-key",
            option_names=_LONGEST,
            unknown_options=frozenset({"top_k"}),
            note="`model` is the name of the deployment; see [Azure](#azure).",
        ),
        "anthropic": Preset(
            label="Anthropic",
            base_url="https://api.anthropic.com/v1",
            api_key_env="ANTHROPIC_API_KEY",
            unknown_options=_NO_PENALTIES | {"seed", "top_k"},
            note="Its thoughts are not sent this way.",
        ),
        "bedrock": Preset(
            label="Amazon Bedrock",
            example="https://bedrock-runtime.REGION.amazonaws.com/openai/v1",
            hosts=r"bedrock-runtime\.[a-z0-9-]+\.amazonaws\.com",
            api_key_env="AWS_BEARER_TOKEN_BEDROCK",
            option_names=_LONGEST,
            unknown_options=frozenset({"top_k"}),
            note="Only the models that Bedrock serves in this protocol.",
        ),
        "cerebras": Preset(
            label="Cerebras",
            base_url="https://api.cerebras.ai/v1",
            api_key_env="CEREBRAS_API_KEY",
            option_names=_LONGEST,
            unknown_options=_NO_PENALTIES | {"logit_bias", "top_k"},
            sees_images=False,
            note="Thinks in `reasoning`.",
        ),
        "cloudflare": Preset(
            label="Cloudflare Workers AI",
            example="https://api.cloudflare.com/client/v4/accounts/ACCOUNT/ai/v1",
            hosts=r"api\.cloudflare\.com",
            api_key_env="CLOUDFLARE_API_KEY",
            sees_images=False,
        ),
        "databricks": Preset(
            label="Databricks",
            example="https://WORKSPACE.cloud.databricks.com/serving-endpoints",
            hosts=r"[a-z0-9][a-z0-9.-]*\.(?:cloud\.databricks\.com|gcp\.databricks\.com|azuredatabricks\.net)",
            api_key_env="DATABRICKS_TOKEN",
            unknown_options=_NO_PENALTIES | {"seed"},
            note="Thinks in lists of content.",
        ),
        "deepseek": Preset(
            label="DeepSeek",
            base_url="https://api.deepseek.com",
            api_key_env="DEEPSEEK_API_KEY",
            unknown_options=frozenset({"seed", "top_k"}),
            sees_images=False,
            note="Thinks in `reasoning_content`; counts cached tokens as `prompt_cache_hit_tokens`.",
        ),
        "github": Preset(
            label="GitHub Models",
            base_url="https://models.github.ai/inference",
            api_key_env="GITHUB_TOKEN",
            unknown_options=frozenset({"top_k"}),
            note="The token needs the permission `models: read`.",
        ),
        "google": Preset(
            label="Google Gemini",
            base_url="https://generativelanguage.googleapis.com/v1beta/openai",
            api_key_env="GEMINI_API_KEY",
            unknown_options=_NO_PENALTIES | {"seed", "top_k"},
            # Gemini 3 refuses a call that comes back without the signature of the thought that led to it. This is
            # its own word for "there was none".
            call_fields={"extra_content": {"google": {"thought_signature": "skip_thought_signature_validator"}}},
            note="Calls tools without an index and finishes with `stop`; its thoughts count in the total only.",
        ),
        "groq": Preset(
            label="Groq",
            base_url="https://api.groq.com/openai/v1",
            api_key_env="GROQ_API_KEY",
            option_names=_LONGEST,
            unknown_options=frozenset({"logit_bias", "logprobs", "top_k", "top_logprobs"}),
            note="Thinks in `reasoning`; counts in `x_groq`.",
        ),
        "huggingface": Preset(
            label="Hugging Face Inference Providers",
            base_url="https://router.huggingface.co/v1",
            api_key_env="HF_TOKEN",
            note="`model` may name who serves it, after a colon.",
        ),
        "lmstudio": Preset(
            label="LM Studio",
            base_url="http://127.0.0.1:1234/v1",
            note="Thinks in `reasoning_content`, or in tags.",
        ),
        "mistral": Preset(
            label="Mistral",
            base_url="https://api.mistral.ai/v1",
            api_key_env="MISTRAL_API_KEY",
            option_names={"seed": "random_seed"},
            unknown_options=frozenset({"logit_bias", "top_k"}),
            include_usage=False,
            note="Thinks in lists of content.",
        ),
        "ollama": Preset(
            label="Ollama",
            base_url="http://127.0.0.1:11434/v1",
            note="Thinks in `reasoning`.",
        ),
        "openrouter": Preset(
            label="OpenRouter",
            base_url="https://openrouter.ai/api/v1",
            api_key_env="OPENROUTER_API_KEY",
            note="Thinks in `reasoning`; sends comments while it waits.",
        ),
        "perplexity": Preset(
            label="Perplexity",
            base_url="https://api.perplexity.ai",
            api_key_env="PERPLEXITY_API_KEY",
            unknown_options=frozenset({"seed"}),
            note="Thinks in tags; has no tools.",
        ),
        "portkey": Preset(
            label="Portkey",
            base_url="https://api.portkey.ai/v1",
            api_key_env="PORTKEY_API_KEY",
            key_header="x-portkey-api-key",
            note="`model` is `@provider/model`.",
        ),
        "snowflake": Preset(
            label="Snowflake Cortex",
            example="https://ACCOUNT.snowflakecomputing.com/api/v2/cortex/v1",
            hosts=r"[a-z0-9][a-z0-9._-]*\.snowflakecomputing\.com",
            api_key_env="SNOWFLAKE_TOKEN",
            option_names=_LONGEST,
            unknown_options=_NO_PENALTIES | {"seed", "top_k"},
        ),
        "together": Preset(
            label="Together AI",
            base_url="https://api.together.xyz/v1",
            api_key_env="TOGETHER_API_KEY",
            note="Thinks in `reasoning`, or in tags.",
        ),
        "vllm": Preset(
            label="vLLM",
            base_url="http://127.0.0.1:8000/v1",
            api_key_env="VLLM_API_KEY",
            key_optional=True,
            note="Thinks in `reasoning` or `reasoning_content`.",
        ),
        "wandb": Preset(
            label="W&B Inference",
            base_url="https://api.inference.wandb.ai/v1",
            api_key_env="WANDB_API_KEY",
            sees_images=False,
            note="Thinks in `reasoning_content`.",
        ),
        "xai": Preset(
            label="xAI",
            base_url="https://api.x.ai/v1",
            api_key_env="XAI_API_KEY",
            option_names=_LONGEST,
            unknown_options=_NO_PENALTIES | {"stop", "top_k"},  # by the models that think
            note="Thinks in `reasoning_content`; its thoughts count beside `completion_tokens`.",
        ),
    }
)
