"""What must not depend on TensorFlow does not: `make test-backends` runs it on the other engines of Keras."""

from pathlib import Path

import pytest

UTILS = Path(__file__).resolve().parents[1] / "utils"


@pytest.mark.parametrize(
    "module", ["models", "losses", "metrics", "training", "inference", "evaluation", "augment", "compose", "data"]
)
def test_tensorflow_is_imported_only_where_its_own_api_is_the_subject(module):
    source = (UTILS / f"{module}.py").read_text()
    top = [line for line in source.splitlines() if line.startswith(("import ", "from "))]
    assert not any("tensorflow" in line for line in top)
    assert module == "augment" or "import tensorflow" not in source
