"""MLflow's server with its assistant's side panel closed at first; `tuner ui` asks for it by `--app-name`.

MLflow opens the panel by itself on the first visit to a local server, over the right columns of a study's table, and
has no setting against it. It notes in the browser that it did so; here that note is there beforehand. The panel's
button still opens it.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import FastAPI
    from flask import Response

NAME = "tuner"
"""Of the entry point in MLflow's group of server apps."""
NOTE = "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1"
"""Key in the browser's local storage; undocumented, so a test looks at the page."""
SCRIPT = f'<script>try{{localStorage.setItem("{NOTE}","true")}}catch{{}}</script>'


def flags() -> list[str]:
    """What `mlflow server` takes to serve this; nothing where the installation is older than the entry point."""
    return ["--app-name", NAME] if entry_points(group="mlflow.app", name=NAME) else []


def create_app() -> FastAPI:
    """The application for uvicorn: MLflow's own, with the note in its page."""
    from mlflow.server import app as pages
    from mlflow.server.fastapi_app import app

    pages.after_request(_noted)
    made: FastAPI = app
    return made


def _noted(response: Response) -> Response:
    from flask import request

    if request.endpoint == "serve" and response.status_code == 200 and response.mimetype == "text/html":
        response.direct_passthrough = False  # else its body is a file that cannot be read here
        response.set_data(response.get_data(as_text=True).replace("<head>", "<head>" + SCRIPT, 1))
    return response
