# make course         set up .venv (once), run every notebook in order, write figures/     NB=05 runs one notebook
# make check          style and the quick unit tests, under two minutes
# make test           that, the slow unit tests, the site in a browser, and every notebook again with a small budget
# make test-backends  networks, losses, metrics, training and prediction on TensorFlow, JAX and PyTorch
# make bench          speed and quality beside what others use, about 27 minutes     NAME=rle runs one benchmark
# make site           the course as web pages, in site/_build/html: needs npm, too
# make clean          remove the environments and the caches; the Kaggle data and models/ stay
#
# PYTHON=python3.12 picks another Python, CARVANA_DATA=FOLDER another data set. CONSTRAINTS= installs the newest versions
# instead of those in constraints.txt, CONSTRAINTS=tests/colab-versions.txt Colab's; each has an environment of its own.

PYTHON ?= python3
CONSTRAINTS ?= constraints.txt
VENV := .venv$(subst -constraints,,-$(or $(basename $(notdir $(CONSTRAINTS))),newest))
BACKENDS_VENV := .venv-backends
SCRIPTS := $(if $(filter Windows_NT,$(OS)),Scripts,bin)
BIN := $(VENV)/$(SCRIPTS)
READY := $(VENV)/ready
PARALLEL = -n 2 --dist loadfile
PYTEST = $(BIN)/pytest $(PARALLEL)
NOTEBOOKS = $(wildcard notebooks/[0-9]*.ipynb notebooks/solutions/*.ipynb)
BACKENDS = tensorflow jax torch
NEUTRAL = $(wildcard $(patsubst %,tests/test_%.py,models losses metrics training inference evaluation))

export TF_CPP_MIN_LOG_LEVEL := 3
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help course check test test-backends bench site clean
.DELETE_ON_ERROR:

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile

course: $(READY) $(VENV)/ready-for-export
	@$(BIN)/python notebooks/run.py $(NB)

check: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(PYTEST) -m "not slow"

test: check $(VENV)/ready-for-export
	@if command -v npm > /dev/null; then $(MAKE) --no-print-directory site; \
		else echo "There is no npm here, so the site is not built, and its tests skip. On Debian: sudo apt install npm chromium"; fi
	$(PYTEST) -m slow
	$(if $(NOTEBOOKS),COURSE_BUDGET=quick CARVANA_DATA="$(CURDIR)/data/sample" FIGURES="$(CURDIR)/.pytest_cache/figures" CHECK_FIGURES=1 \
		PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pytest --nbval-lax --nbval-current-env --nbval-cell-timeout=600 \
		--nbval-sanitize-with=tests/sanitise.cfg --durations=10 $(NOTEBOOKS), \
		@echo "No notebook yet.")

test-backends: $(BACKENDS_VENV)/ready
	@failed=; for backend in $(BACKENDS); do \
		echo "== $$backend"; \
		KERAS_BACKEND=$$backend $(BACKENDS_VENV)/$(SCRIPTS)/pytest $(PARALLEL) $(NEUTRAL) || failed="$$failed $$backend"; \
	done; \
	test -z "$$failed" || { echo "Failed on:$$failed"; exit 1; }

bench: .venv-peers/ready
	@.venv-peers/$(SCRIPTS)/python -m benchmarks $(NAME)

site: $(VENV)/ready-for-site site/node_modules/ready
	@rm -rf site/_build
	@$(BIN)/sphinx-build -c site -d site/_build/doctrees -W -n --keep-going -q . site/_build/html
	@echo "The site is in site/_build/html. To look at it: $(BIN)/python -m http.server --directory site/_build/html"

clean:
	rm -rf site/_build site/node_modules .venv* data/cache .pytest_cache .ruff_cache .hypothesis
	find notebooks utils tests data/studio benchmarks -name __pycache__ -o -name .ipynb_checkpoints 2>/dev/null | xargs rm -rf

# The file `ready` says that an environment holds what the requirements ask for: made again only when they change.
$(READY): requirements.txt $(CONSTRAINTS)
	$(call environment,-r requirements.txt $(addprefix -c ,$(CONSTRAINTS)),3 GB)

$(BACKENDS_VENV)/ready: requirements.txt constraints.txt tests/backends.txt
	$(call environment,-r requirements.txt -c constraints.txt,4 GB)
	@$(@D)/$(SCRIPTS)/pip install -q -r tests/backends.txt

.venv-peers/ready: requirements.txt utils/export.txt benchmarks/requirements.txt
	$(call environment,-r benchmarks/requirements.txt,5 GB)

define environment
	@command -v $(PYTHON) >/dev/null || { \
		echo "There is no $(PYTHON) here. On Debian: sudo apt install python3 python3-venv"; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) -V 2>&1)." \
			"Install a newer one and name it: make PYTHON=python3.12"; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) cannot make environments. On Debian: sudo apt install python3-venv"; exit 2; }
	@echo "Setting up $(@D): about $(2), a few minutes, once."
	@test -x $(@D)/$(SCRIPTS)/pip || $(PYTHON) -m venv --clear $(@D)
	@$(@D)/$(SCRIPTS)/python -m pip install -q $(1) || { \
		echo "The packages could not be installed: pip says why above. Once mended, the same command goes on from here."; \
		exit 2; }
	@touch $@
endef

$(VENV)/ready-for-export: $(READY) utils/export.txt
	@$(BIN)/pip install -q -r utils/export.txt $(addprefix -c ,$(CONSTRAINTS))
	@touch $@

$(VENV)/ready-for-site: $(READY) site/requirements.txt
	$(BIN)/pip install -q -r site/requirements.txt $(if $(CONSTRAINTS),-c $(CONSTRAINTS))
	@touch $@

site/node_modules/ready: site/package-lock.json
	@command -v npm > /dev/null || { echo "The site needs npm, which is missing: apt install npm (Debian), brew install node (macOS)."; exit 1; }
	npm ci --prefix site --no-audit --no-fund --silent
	@touch $@
