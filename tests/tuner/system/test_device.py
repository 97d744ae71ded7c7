"""Which GPU a process sees."""

import pytest

from tuner.system.device import visible


@pytest.mark.parametrize(
    ("environment", "index", "seen"),
    [({}, 1, "1"), ({"CUDA_VISIBLE_DEVICES": "2,3"}, 1, "3"), ({"CUDA_VISIBLE_DEVICES": "GPU-a,GPU-b"}, 2, "GPU-a")],
)
def test_the_gpus_that_a_process_may_use_are_shared_out(environment, index, seen):
    assert visible(index, environment) == seen
