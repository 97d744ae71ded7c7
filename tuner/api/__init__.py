"""The tuner from Python: what the command line does, with data frames, plots and tables in a notebook.

`from tuner import Study, studies, validate` gets what is here. Where the options leave it out, state lies where the
command line has it: in the folder `mlruns`, or where TUNER_STATE, TUNER_STORAGE and TUNER_TRACKING_URI say. What is
wrong raises `tuner.InputError`, what breaks under way `tuner.RunError`.
"""

import warnings

with warnings.catch_warnings():
    # Optuna's progress bars, which nobody uses here, miss a package in a notebook.
    warnings.filterwarnings("ignore", "IProgress not found")
    from tuner.api.study import Plot, Study, studies
    from tuner.api.validation import Validation, validate

__all__ = ["Plot", "Study", "Validation", "studies", "validate"]
