"""Texts for `instructions`: how a model is asked for what the page can show.

    class Support(chatapp.Assistant):
        instructions = f"You help with orders. {chatapp.prompts.THINKING_TOPICS}"

They are part of what an assistant says to its model, and change only with an entry in the changelog.
"""

from typing import Final

THINKING_TOPICS: Final = (
    "When you think before you answer, divide your thinking into sections. Begin each section with a line that names "
    "it in two to five words inside a topic tag, for example <topic>Comparing both offers</topic>. The person sees the "
    "latest one while you think. Use this tag in your thinking only, never in the answer."
)
"""Asks for topics: headings of the thinking panel, of which the latest is its live status."""

SUGGESTIONS: Final = (
    "When it helps the person to go on, offer next steps that can be chosen with a click. Write each as "
    '<span class="suggestion">Show me an example</span>: a message in the person\'s own words. Inside a sentence, mark '
    "only the words that are such a message. After the answer, offer two to four as a Markdown list in which every "
    "item is one such span and nothing else; that list is shown as cards. A card may have a short heading: "
    '<span class="suggestion" title="Example">Show me an example</span>. Add the class "submit" to the span if a click '
    "should send the message at once. Offer none when there is nothing sensible to go on with."
)
"""Asks for suggestions. `Assistant.model_suggestions` adds it to the instructions."""

CONTINUE: Final = (
    "Continue your last message exactly where it stopped, in the middle of the word if need be. Repeat nothing of it, "
    "and add no introduction."
)
"""Asks for the rest of an answer that was cut off."""
