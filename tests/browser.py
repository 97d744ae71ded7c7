"""A real browser, spoken to over a pipe: it opens a page, waits for what should be there and notes every request."""

import json
import os
import selectors
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field

import pytest

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)
QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    "--remote-debugging-pipe",
]

PATIENCE = 240
"""Seconds until what does not come counts as missing; generous, since nothing waits for it where all is well."""


def readable(source, seconds):
    """Whether there is something to read; unlike select.select, also where the descriptor is a large number."""
    with selectors.DefaultSelector() as selector:
        selector.register(source, selectors.EVENT_READ)
        return bool(selector.select(seconds))


@dataclass
class Seen:
    """What a page shows and what it asked for."""

    text: str
    requests: list[str]
    errors: list[str] = field(default_factory=list)


class Browser:
    """Chromium over its debugging pipe: JSON messages that end with a zero byte."""

    def __init__(self, profile):
        ours, theirs = os.pipe(), os.pipe()
        # Chromium listens on file 3 and answers on file 4; copies first, since the ends may have these numbers.
        place = "import fcntl, os, sys; ends = [fcntl.fcntl(int(fd), fcntl.F_DUPFD, 10) for fd in sys.argv[1:3]]; "
        place += "os.dup2(ends[0], 3); os.dup2(ends[1], 4); os.execv(sys.argv[3], sys.argv[3:])"
        ends = [str(ours[0]), str(theirs[1])]
        self.process = subprocess.Popen(
            [sys.executable, "-c", place, *ends, CHROMIUM, *QUIET, f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(ours[0], theirs[1]),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(ours[0])
        os.close(theirs[1])
        self.to, self.source = ours[1], theirs[0]
        self.buffer, self.count, self.events = b"", 0, []

    def call(self, method, session=None, **params):
        self.count += 1
        message = {"id": self.count, "method": method, "params": params} | ({"sessionId": session} if session else {})
        os.write(self.to, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            for answer in self._messages():
                if answer.get("id") == self.count:
                    return answer.get("result", {})
                self.events.append(answer)
        raise AssertionError(f"Chromium did not answer {method}")

    def _messages(self):
        if readable(self.source, 0.2):
            chunk = os.read(self.source, 1 << 20)
            assert chunk, "Chromium ended"
            self.buffer += chunk
        *whole, self.buffer = self.buffer.split(b"\0")
        return [json.loads(one) for one in whole]

    def look(self, url, *wanted, seconds=PATIENCE, script="document.body.innerText"):
        """Open a page of its own and wait until everything wanted is there; fails with what is missing."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Network", "Runtime", "Page"):
            self.call(f"{domain}.enable", session)
        size = {"width": 2000, "height": 3000, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", session, **size)
        self.call("Page.bringToFront", session)
        self.events.clear()
        self.call("Page.navigate", session, url=url)
        deadline, text = time.monotonic() + seconds, ""
        while time.monotonic() < deadline and (not text or any(words not in text for words in wanted)):
            time.sleep(0.2)
            value = self.call("Runtime.evaluate", session, expression=script)["result"].get("value")
            text = " ".join(str(value or "").split())
        events = [e for e in self.events if e.get("sessionId") == session]
        requests = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
        errors = [e["params"]["exceptionDetails"]["text"] for e in events if e["method"] == "Runtime.exceptionThrown"]
        self.call("Target.closeTarget", targetId=target)
        missing = [words for words in wanted if words not in text]
        assert not missing, f"{url} does not show {missing}"
        return Seen(text, requests, errors)

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.to)
        os.close(self.source)


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """Chromium, or a skip that says that it is missing."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed: the pages cannot be looked at")
    opened = Browser(tmp_path_factory.mktemp("chromium"))
    yield opened
    opened.close()
