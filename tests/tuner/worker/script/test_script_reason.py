"""The line of a log that says why a script failed."""

import pytest

from tuner.worker.script.reason import cause

TRACE = ["Traceback (most recent call last):", '  File "s.py", line 3, in <module>', "    main()"]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([*TRACE, "ValueError: no such file: x.pkl"], "ValueError: no such file: x.pkl"),
        (
            [
                *TRACE,
                "ValueError: bad",
                "",
                "Set the environment variable HYDRA_FULL_ERROR=1 for a complete stack trace.",
            ],
            "ValueError: bad",
        ),
        (
            [
                "[rank0]: Traceback (most recent call last):",
                "[rank0]:   File s.py",
                "[rank0]: KeyError: 'w'",
                *TRACE,
                "torch.distributed.elastic.multiprocessing.errors.ChildFailedError: ",
                "=" * 60,
                "s.py FAILED",
                "=" * 60,
            ],
            "KeyError: 'w'",
        ),
        ([*TRACE, "my.Unusual: what", "epoch 3: 100%|####|"], "my.Unusual: what"),
        (
            [*TRACE, "KeyError: 1", "During handling of the above exception:", *TRACE, "RuntimeError: 2"],
            "RuntimeError: 2",
        ),
        (
            ["usage: s.py [-h]", "s.py: error: argument --b: expected one argument"],
            "s.py: error: argument --b: expected one argument",
        ),
        (
            ["torch.OutOfMemoryError: CUDA out of memory.", "====", " 33%|###"],
            "torch.OutOfMemoryError: CUDA out of memory.",
        ),
        (["about to", "====", ""], "about to"),
        (["\x1b[31mValueError: red\x1b[0m"], "ValueError: red"),
        (["===="], "===="),
        ([], ""),
    ],
)
def test_cause(lines, expected):
    assert cause(lines) == expected
