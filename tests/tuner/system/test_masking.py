"""No password is ever shown."""

import subprocess
import sys

import pytest

from tuner.system.masking import has_password, masked

URLS = {
    "postgresql+psycopg://me:s3cret@host:5432/db": "postgresql+psycopg://me:***@host:5432/db",
    "postgresql://me:s3%40ss@host/db": "postgresql://me:***@host/db",
    "postgresql://me:s3@ss@host/db": "postgresql://me:***@host/db",
    "postgresql://me:s3/s3@host/db": "postgresql://me:***@host/db",  # SQLAlchemy takes the slash as part of it
    "postgresql://:s3cret@host/db": "postgresql://:***@host/db",
    "postgresql+psycopg://me@/db?host=/run/pg&password=s3cret": (
        "postgresql+psycopg://me@/db?host=/run/pg&password=***"
    ),
    "postgresql://host/db?sslpassword=s3cret&sslmode=require": "postgresql://host/db?sslpassword=***&sslmode=require",
    "mysql://me:s3@[::1]:3306/db": "mysql://me:***@[::1]:3306/db",
    "https://me:s3cret@mlflow.example.org:5000": "https://me:***@mlflow.example.org:5000",
    "http://host:5000/path?mail=a@b": "http://host:5000/path?mail=a@b",
    "postgresql//me:s3cret@host/db": "postgresql//me:***@host/db",  # mistyped
    "postgresql:me:s3cret@host": "postgresql:me:***@host",
    "postgresql://me@host/db": "postgresql://me@host/db",
    "sqlite:////tmp/x.db": "sqlite:////tmp/x.db",
    "grpc://127.0.0.1:13000": "grpc://127.0.0.1:13000",
}


@pytest.mark.parametrize("url", URLS)
def test_urls(url):
    assert masked(url) == URLS[url]
    assert masked(masked(url)) == masked(url)
    assert has_password(url) == (URLS[url] != url)


@pytest.mark.parametrize("url", [url for url in URLS if URLS[url] != url])
def test_urls_in_what_other_programs_write(url):
    text = f'File "x.py", line 3, in connect\n  could not parse "{url}" (see https://sqlalche.me/e/20/f405)'
    shown = masked(text)
    assert "s3" not in shown
    assert shown.startswith('File "x.py", line 3, in connect\n  could not parse "')
    assert shown.endswith("(see https://sqlalche.me/e/20/f405)")


def test_a_traceback_is_masked(cli_environment):
    code = (
        "import sys, tuner.cli, tuner.__main__ as m\n"
        "def broken(**_): raise KeyError('postgresql://me:s3cret@host/db')\n"
        "tuner.cli.app = broken\nm.main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=cli_environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "KeyError" in done.stderr and "***" in done.stderr and "s3cret" not in done.stderr
