"""Suggestions and cards: text that a click puts into the box or sends, and that never becomes anything else."""

from .marks import CANARY, RUN

_CARD = '- <span class="suggestion"{}>{}</span>'
_IMAGE = f"<img src=x onerror={RUN}>"

SUGGESTION = (
    _CARD.format(f" title='{_IMAGE}'", "x"),
    _CARD.format(f" title='&lt;img src=x onerror={RUN}&gt;'", "x"),
    _CARD.format(f" title='</strong></button></ul>{_IMAGE}'", "x"),
    _CARD.format(f" data-suggestion='{_IMAGE}'", "x"),
    _CARD.format(f" data-suggestion='\"><script>{RUN}</script>'", "x"),
    _CARD.format("", _IMAGE),
    _CARD.format("", f"<script>{RUN}</script>"),
    _CARD.format("", "</button></li></ul>out"),
    _CARD.format("", "<button>x</button>"),
    _CARD.format("", f"[x](javascript:{RUN})"),
    _CARD.format("", f"![x]({CANARY}.png)"),
    _CARD.format("", f"<details><summary>x</summary>{_IMAGE}</details>"),
    _CARD.format(f" onclick={RUN} onfocus={RUN} autofocus", "x"),
    _CARD.format(" tabindex=99 role=alert aria-label=pwned accesskey=x", "x"),
    _CARD.format(" id=chat-composer name=text form=chat-stop formaction=/canary type=submit", "x"),
    _CARD.format(" class='chat-send' data-chat-stop", "x"),
    _CARD.format(f" data-chat-module='{CANARY}.js' data-chat-dismiss data-chat-copy", "x"),
    _CARD.format(" hx-post=/canary hx-trigger=load ws-send", "x"),
    _CARD.format(" style='position:fixed;inset:0'", "x"),
    _CARD.format(" title='&#8238;&#0;&#1;' data-suggestion='&#8238;&#xE0041;'", "x"),
    '- <span class="suggestion">x</span>\n- <kbd class="suggestion"><span class="suggestion">y</span></kbd>',
    '- <span class="suggestion">x</span>\n- <kbd class="suggestion">y</span></kbd>',
    '- <span class="suggestion">a <kbd>b <sup>c</span>',
    '- <span class="suggestion">*a <span>b* c</span></span>',
    f'99999999999999999999. <span class="suggestion">{_IMAGE}</span>',
    '999999999. <span class="suggestion">x</span>\n1. <span class="suggestion">y</span>',
    "<ul class='chat-cards'><li><button class='chat-suggestion chat-card' data-submit>x</button></li></ul>",
    f"<kbd class='suggestion submit' data-suggestion='{_IMAGE}'>press</kbd>",
    f"<mark data-suggestion='javascript:{RUN}' data-suggestion-submit>press</mark>",
    "<sub class=suggestion></sub><sup data-suggestion></sup>",
    _CARD.format("", "&#8238;x&#xE0041;"),
    "a &#8238;b&#x202D;c[^1] <kbd class=suggestion>&#xE0041;d</kbd>\n\n[^1]: &#8238;note",
)
