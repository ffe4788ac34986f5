"""Code with its tokens marked by CSS classes, for languages that are worth it.

A closed list of languages: lexers are regular expressions of very different quality, and the name of the language comes
from the model. Only classes, never styles. The text of the HTML is exactly the code.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from time import thread_time

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import STANDARD_TYPES, _TokenType
from pygments.util import ClassNotFound

from .source import escape

MAX_CODE = 20_000  # characters; lexers take 1 to 4 µs for each

MAX_SECONDS = 0.25
"""CPU time after which a lexer is abandoned. Ordinary code of MAX_CODE takes a quarter of that, but 20,000 empty lines
cost the lexer of C thirteen seconds."""

MAX_LINE = 2000  # characters; and blanks in a row. Some lexers look at all of them again for each.
_BLANKS = re.compile(rf"\s{{{MAX_LINE // 4}}}")
_LOOK_EVERY = 16  # tokens between two looks at the clock

LANGUAGES = frozenset(
    {
        *("bash", "c", "clojure", "cpp", "csharp", "css", "dart", "diff", "django", "docker", "elixir", "erlang"),
        *("fortran", "go", "graphql", "groovy", "haskell", "html", "ini", "java", "javascript", "json", "julia"),
        *("kotlin", "lua", "makefile", "matlab", "nginx", "objective-c", "ocaml", "perl", "php", "powershell"),
        *("python", "r", "ruby", "rust", "scala", "scss", "sql", "swift", "tex", "toml", "typescript", "xml"),
        *("yaml", "zig"),
    }
)
"""Names of Pygments lexers."""

_OTHER_NAMES = {
    "bash": "sh shell zsh console",
    "c": "h",
    "clojure": "clj",
    "cpp": "c++ cc hpp",
    "csharp": "cs c#",
    "diff": "patch",
    "django": "jinja jinja2 htmldjango",
    "docker": "dockerfile",
    "elixir": "ex exs",
    "erlang": "erl",
    "go": "golang",
    "graphql": "gql",
    "groovy": "gradle",
    "haskell": "hs",
    "html": "htm xhtml",
    "ini": "cfg conf env",
    "javascript": "js jsx mjs node",
    "json": "jsonc json5 jsonl",
    "julia": "jl",
    "kotlin": "kt",
    "makefile": "make mk",
    "objective-c": "objc",
    "ocaml": "ml",
    "perl": "pl",
    "powershell": "ps1 pwsh",
    "python": "py py3 python3",
    "ruby": "rb",
    "rust": "rs",
    "scss": "sass",
    "sql": "mysql postgres postgresql sqlite",
    "tex": "latex",
    "typescript": "ts tsx",
    "xml": "svg",
    "yaml": "yml",
}
_ALIASES = {name: lexer for lexer, names in _OTHER_NAMES.items() for name in names.split()}
_PLAIN = frozenset({"", "n", "p", "w", "o", "nx", "x", "esc", "l", "ld", "pm"})
"""Classes that nobody would colour; to leave them out makes the HTML of code a third smaller."""

CLASSES = frozenset(name for name in STANDARD_TYPES.values() if name not in _PLAIN)
"""Every class that may stand on a span of code: the short names of Pygments, without a prefix."""


def is_known(language: str) -> bool:
    """Whether code in that language is highlighted."""
    name = language.lower()
    return _ALIASES.get(name, name) in LANGUAGES


def highlight(code: str, language: str) -> str | None:
    """HTML of `code` with a span around each token that has a colour; None where it should stay plain.

    That is: unknown language, more than MAX_CODE, or a lexer that fails, takes too long or changes the text.
    """
    if len(code) > MAX_CODE or not is_known(language):
        return None
    if max(map(len, code.split("\n"))) > MAX_LINE or _BLANKS.search(code):
        return None
    return _highlight(code, _ALIASES.get(language.lower(), language.lower()))


@lru_cache(maxsize=64)
def _highlight(code: str, name: str) -> str | None:
    lexer = _get_lexer(name)
    if lexer is None:
        return None
    pieces: list[str] = []
    length = 0
    try:
        for css_class, text in _merge(lexer, code):
            length += len(text)
            escaped = escape(text)
            pieces.append(f'<span class="{css_class}">{escaped}</span>' if css_class and text.strip() else escaped)
    except Exception:
        # A lexer is somebody's regular expressions over a model's text; whatever it raises, the code is shown plain.
        return None
    return "".join(pieces) if length == len(code) else None


def _merge(lexer: Lexer, code: str) -> Iterator[tuple[str, str]]:
    """Class and text of the tokens; neighbours with the same class are one."""
    current, texts = "", [""]
    end = thread_time() + MAX_SECONDS
    # Not get_tokens: that one strips and replaces characters before it begins.
    for count, (_, token, text) in enumerate(lexer.get_tokens_unprocessed(code)):
        if not count % _LOOK_EVERY and thread_time() > end:
            raise TimeoutError
        css_class = _get_class(token)
        if css_class == current:
            texts.append(text)
        else:
            yield current, "".join(texts)
            current, texts = css_class, [text]
    yield current, "".join(texts)


@lru_cache(maxsize=512)
def _get_class(token: _TokenType) -> str:
    known: _TokenType | None = token
    while known is not None and known not in STANDARD_TYPES:
        known = known.parent
    name = STANDARD_TYPES.get(known, "") if known is not None else ""
    return name if name in CLASSES else ""


@lru_cache(maxsize=len(LANGUAGES))
def _get_lexer(name: str) -> Lexer | None:
    try:
        return get_lexer_by_name(name)
    except ClassNotFound:
        return None
