"""The Gradio door: a page that people can share. It starts without a network and keeps nothing it is shown."""

from __future__ import annotations

import atexit
import contextlib
import errno
import io
import os
import shutil
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from thumbnet.model import Classifier, InvalidArgument
from thumbnet.model.encoded import MAX_BYTES
from thumbnet.model.errors import MissingDependency
from thumbnet.model.weights import shipped_weights

if TYPE_CHECKING:
    import gradio as gr

PHOTOGRAPH = Path(__file__).parent / "examples" / "chelsea.jpg"
CACHE_SECONDS = (600, 3600)
"""Every ten minutes uploads older than an hour are deleted; all of them when the demo stops."""

VISITORS_WAITING = 64
COMPUTING_AT_ONCE = 4

NO_TUNNEL = """\
No share link: Gradio's tunnel cannot be reached from here. The demo goes on running on this machine. Instead you can
  - open it to your own network: thumbnet demo --host 0.0.0.0
  - run its container on a server: docker compose up demo"""


def build_demo(classifiers: Mapping[str, Classifier]) -> gr.Blocks:
    """The page, not yet served.

    classifiers   name shown to the visitor → model; the first one is chosen at the start

    Raises InvalidArgument where there is no classifier, and MissingDependency where Gradio is not installed.
    """
    if not classifiers:
        raise InvalidArgument("a demo needs at least one classifier; received none.")
    require_gradio()
    import gradio as gr

    from .tabs import TABS
    from .theme import header

    demo = gr.Blocks(title="thumbnet", analytics_enabled=False, delete_cache=CACHE_SECONDS)
    with demo:
        gr.HTML(header())
        with gr.Tabs():
            for title, tab in TABS.items():
                with gr.Tab(title):
                    tab.build_tab(classifiers)
    demo.queue(max_size=VISITORS_WAITING, default_concurrency_limit=COMPUTING_AT_ONCE)
    return demo


def launch_demo(
    weights: Sequence[str] = (),
    host: str = "127.0.0.1",
    port: int = 7860,
    *,
    share: bool = False,
    auth: str = "",
    mcp: bool = False,
) -> None:
    """Serve the demo, print its address, and block until Ctrl-C or SIGTERM. Call it from the main thread.

    weights   shipped models, weights folders or Hub repositories; the shipped models by default
    host      0.0.0.0 lets the whole network in
    port      1 … 65535
    share     also ask Gradio for a public link; without one the demo runs all the same
    auth      NAME:PASSWORD that visitors must give; several with commas between them
    mcp       also be a tool of the Model Context Protocol; not together with auth

    Raises InvalidArgument where address, auth or mcp cannot be used, MissingDependency without Gradio or, for mcp,
    without its library, and what Classifier.load and Classifier.check raise.
    """
    visitors = read_visitors(auth)
    if mcp and visitors:
        raise InvalidArgument("received both auth and mcp: assistants cannot log in, so the tool would answer nobody.")
    check_address(host, port)
    if mcp:
        require_mcp()
        keep_files_together()
    require_gradio()
    demo = build_demo(load_classifiers(weights or shipped_weights()))
    if share:
        print("Asking for a share link; this can take half a minute …", flush=True)
    try:
        address, share_url = serve(demo, host, port, share=share, visitors=visitors, mcp=mcp)
    except OSError:
        check_address(host, port)  # says it better, where another program took the port meanwhile
        raise
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as a container is stopped
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # as nohup has it
        signal.signal(signal.SIGHUP, signal.default_int_handler)  # as a terminal is closed
    with contextlib.suppress(KeyboardInterrupt):
        print(f"The demo runs on {address} (stop it with Ctrl-C)", flush=True)
        if host in ("0.0.0.0", "::"):  # noqa: S104
            print(f"Other machines in your network reach it under this machine's address, port {port}", flush=True)
        if share:
            print(f"Share this link, good for a week: {share_url}" if share_url else NO_TUNNEL, flush=True)
        if mcp:
            print(f"Assistants find its tool at {address}/gradio_api/mcp/", flush=True)
        threading.Event().wait()
    demo.close(verbose=False)


def serve(
    demo: gr.Blocks,
    host: str,
    port: int,
    *,
    share: bool = False,
    visitors: Sequence[tuple[str, str]] = (),
    mcp: bool = False,
) -> tuple[str, str | None]:
    """Start serving in a thread and return: the address, and the share link where one was wanted and made.

    visitors   names and passwords of who may come in; everybody where there are none
    """
    import gradio as gr

    from .tabs import TABS
    from .theme import LOGO, SPOKEN, STYLE, head, thumbnet_theme

    with contextlib.redirect_stdout(io.StringIO()):  # Gradio prints its own advice, which does not fit a command line
        _, address, share_url = demo.launch(
            server_name=f"[{host}]" if ":" in host else host,
            server_port=port,
            share=share,
            auth=list(visitors) or None,
            prevent_thread_lock=True,
            quiet=True,
            show_error=False,
            max_file_size=MAX_BYTES,
            enable_monitoring=False,
            run_history=False,
            ssr_mode=False,
            pwa=False,
            mcp_server=mcp,
            footer_links=["api", "settings"],
            favicon_path=LOGO,
            theme=thumbnet_theme(),
            css="".join((STYLE, *(tab.STYLE for tab in TABS.values()))),
            head=head(),
            i18n=gr.I18n(en=SPOKEN),
        )
    return address.rstrip("/"), share_url


def keep_files_together() -> None:
    """Give Gradio a folder of its own, for it forgets those that assistants send: removed with age, and at the end.

    To be called before Gradio is imported. Raises InvalidArgument where the folder cannot be made.
    """
    root = Path(os.environ.get("GRADIO_TEMP_DIR") or tempfile.gettempdir())
    try:
        root.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="thumbnet-demo-", dir=root))
    except OSError as error:
        raise InvalidArgument(f"no place for uploads: {error}. Set GRADIO_TEMP_DIR to a folder for them.") from error
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    every, age = CACHE_SECONDS

    def look_again_and_again() -> None:
        while True:
            time.sleep(every)
            remove_old(folder, age)

    threading.Thread(target=look_again_and_again, daemon=True).start()


def remove_old(folder: Path, age: float) -> None:
    """Remove the files of a folder that are older than so many seconds."""
    for place, _, names in os.walk(folder):
        for file in (Path(place, name) for name in names):
            with contextlib.suppress(OSError):  # Gradio removes them, too
                if time.time() - file.stat().st_mtime > age:
                    file.unlink()


def read_visitors(auth: str) -> list[tuple[str, str]]:
    """The names and passwords in NAME:PASSWORD,NAME:PASSWORD. Raises InvalidArgument, without repeating a password."""
    pairs = [pair.partition(":") for pair in auth.split(",")] if auth else []
    if not all(name.strip() and password for name, _, password in pairs):
        raise InvalidArgument("auth must be NAME:PASSWORD, several with commas between them; received something else.")
    return [(name.strip(), password) for name, _, password in pairs]


def load_classifiers(weights: Sequence[str]) -> dict[str, Classifier]:
    """Name → model, in the order given. Where two models have one name, the later is known by what was asked for, or
    by that and a number.

    Each has answered before, for the first answer is slow and no visitor should wait for it.
    """
    classifiers: dict[str, Classifier] = {}
    for wanted in weights:
        classifier = Classifier.load(wanted)
        classifier.check()
        classifier.predict(PHOTOGRAPH)
        names = (classifier.name, wanted, f"{wanted} ({len(classifiers) + 1})")
        classifiers[next(name for name in names if name not in classifiers)] = classifier
    return classifiers


def check_address(host: str, port: int) -> None:
    """Raise InvalidArgument where the demo could not listen, before anything is loaded."""
    if not 1 <= port <= 65_535:
        raise InvalidArgument(f"port must be 1 … 65535; received {port}.")
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as error:
        reason = str(error.strerror or error).partition(" (")[0]
        otherwise = "choose another with --port or --host."
        if error.errno == errno.EADDRINUSE:
            otherwise = f"stop what uses it, or {otherwise}"
        raise InvalidArgument(f"cannot listen on {host}, port {port}: {reason}; {otherwise}") from error


def require_gradio() -> None:
    """Import Gradio with its analytics off. Raises MissingDependency where it is not installed."""
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    try:
        import gradio  # noqa: F401
    except ImportError as error:
        raise MissingDependency("gradio", "demo", then="pip install --no-deps gradio==6.31.0") from error


def require_mcp() -> None:
    """Raise MissingDependency where the library of the Model Context Protocol is not installed."""
    try:
        import mcp  # noqa: F401
    except ImportError as error:
        raise MissingDependency("mcp", "mcp") from error
