"""Serve an app on a Unix socket: ``serve.py CODE ENTRY KIND [ARGUMENT ...]``. The socket is named by REGISTRY_SOCKET,
since the sandbox has no network, not even one of its own."""

import os
import runpy
import sys


def main() -> None:
    """Become the app. Of ``streamlit`` and ``gradio`` a server is made here; a ``program`` listens by itself."""
    code, entry, kind, *arguments = sys.argv[1:]
    # A file is laid by itself, and then is all of the code.
    program = os.path.join(code, entry) if os.path.isdir(code) else code
    os.chdir(os.path.dirname(program))
    places = {name: os.environ[f"REGISTRY_{name.upper()}"] for name in ("inputs", "outputs", "params")}
    for name, path in places.items():
        arguments = [argument.replace(f"{{{name}}}", path) for argument in arguments]
    sys.argv = [program, *arguments]
    sys.path.insert(0, os.path.dirname(program))
    if kind == "program":
        runpy.run_path(program, run_name="__main__")
        return
    import uvicorn

    # Who may ask was looked at outside, and the page around the app has another name.
    app = streamlit(program) if kind == "streamlit" else gradio(program)
    uvicorn.run(app, uds=os.environ["REGISTRY_SOCKET"], access_log=False, log_level="warning", proxy_headers=False)


def streamlit(program: str):  # type: ignore[no-untyped-def]
    """The script as an ASGI app."""
    from streamlit import config
    from streamlit.starlette import App

    for name, value in (
        ("server.headless", True),
        ("server.fileWatcherType", "none"),
        ("browser.gatherUsageStats", False),
        ("client.toolbarMode", "viewer"),
    ):
        config.set_option(name, value)
    return App(program)


def gradio(program: str):  # type: ignore[no-untyped-def]
    """The one app that a program makes and does not launch itself."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ.setdefault("PATH", os.path.dirname(sys.executable))  # in which it looks for ffmpeg, and ends without one
    import gradio as gr
    from fastapi import FastAPI

    made = runpy.run_path(program, run_name="app")
    found = list({id(one): one for one in made.values() if isinstance(one, gr.Blocks)}.values())
    if len(found) != 1:
        sys.exit(f"{program} makes {len(found)} apps of Gradio at its top, and one is served.")
    return gr.mount_gradio_app(FastAPI(), found[0], path="/")


if __name__ == "__main__":
    main()
