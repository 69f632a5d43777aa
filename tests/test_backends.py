"""What must not depend on TensorFlow passes on the other engines of Keras, where they are installed."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
NEUTRAL = [
    "test_models.py", "test_losses.py", "test_metrics.py", "test_inference.py", "test_evaluation.py",
    "test_training.py::test_each_step_takes_the_learning_rate_of_its_place_in_the_schedule",
]  # fmt: skip


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_models_losses_metrics_and_inference_pass_on(backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *NEUTRAL]
    environment = os.environ | {"KERAS_BACKEND": backend}
    done = subprocess.run(command, cwd=TESTS, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


@pytest.mark.parametrize(
    "module", ["models", "losses", "metrics", "training", "inference", "evaluation", "augment", "compose", "data"]
)
def test_tensorflow_is_imported_only_where_its_own_api_is_the_subject(module):
    source = (TESTS.parent / "utils" / f"{module}.py").read_text()
    top = [line for line in source.splitlines() if line.startswith(("import ", "from "))]
    assert not any("tensorflow" in line for line in top)
    assert module == "augment" or "import tensorflow" not in source
