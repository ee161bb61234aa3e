"""Who asks, and which of a visitor's questions still matters."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr


def visitor(request: gr.Request) -> str:
    """Who asks: one for each open page."""
    return request.session_hash or uuid.uuid4().hex


def newest_only(answer: Callable[..., Any]) -> Callable[..., Iterator[Any]]:
    """A handler that drops what it would say to a visitor who has asked something newer meanwhile.

    A page sends two changes in a row as two questions, several are answered at once, and an answer may overtake an
    earlier one: without this a picture's answer could come after the picture was taken away, and stay.

    answer   the inputs → what the page shows, or an iterator over what it shows one after the other
    """
    newest: dict[str, object] = {}

    def answer_newest(request: gr.Request, *inputs: Any) -> Iterator[Any]:
        who, question = visitor(request), object()
        newest[who] = question
        try:
            steps = answer(*inputs)
            for shown in steps if isinstance(steps, Iterator) else [steps]:
                if newest.get(who) is not question:
                    break
                yield shown
                if newest.get(who) is not question:  # the next step would be computed for nobody
                    break
        finally:
            if newest.get(who) is question:
                del newest[who]
        yield gr.skip()  # Gradio sends the last step once more at the end, when something newer may be shown

    return answer_newest
