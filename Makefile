# A new machine needs only Python >= 3.11, git and make: `make run` and `make test` set up the rest.
.POSIX:
.SUFFIXES:
.PHONY: help run test test-quick test-emulator test-full lint bench docs image-rehearsal lock clean setup setup-dev

SHELL = /bin/sh
SAMPLE = tools/sample/three-topics.mp4
VIDEO ?=
PYTHON ?=
PYTEST_ARGS =
REHEARSAL_ARGS =
LOCK_ARGS =

# Passed on unchanged: make does not expand it, and the shell quotes it.
export RUN_VIDEO := $(value VIDEO)
export PYTHON
# The tests start many short processes. Without compiled modules each would compile them again.
unexport PYTHONDONTWRITEBYTECODE

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1|\2/p' Makefile | \
	while IFS='|' read -r target meaning; do printf '%-20s %s\n' "$$target" "$$meaning"; done

run: setup ## Find the moments of a video: make run VIDEO="my talk.mp4" (default: a sample)
	@PATH="$$PWD/.venv/bin:$$PATH" .venv/bin/videomoments run -- "$${RUN_VIDEO:-$(SAMPLE)}"

# Use more processes than a small machine has cores: many tests wait for another process.
test: setup-dev ## Run all tests
	@PATH="$$PWD/.venv/bin:$$PATH" .venv/bin/python -m pytest -n 4 --dist loadgroup $(PYTEST_ARGS)

test-quick: setup-dev ## Run the tests of single units, without a database or a Pub/Sub emulator
	@PATH="$$PWD/.venv/bin:$$PATH" .venv/bin/python -m pytest tests/unit tests/contract \
		-m "not full and not slow and not emulator" -n 4 --dist loadgroup $(PYTEST_ARGS)

test-emulator: setup-dev ## Run the tests on the official Pub/Sub emulator; fails without it
	@PATH="$$PWD/.venv/bin:$$PATH" VIDEOMOMENTS_TEST_REQUIRE=emulator \
		.venv/bin/python -m pytest -m emulator $(PYTEST_ARGS)

test-full: setup-dev ## Run the fault tests at full size: attempts, injected faults, lost and doubled runs
	@PATH="$$PWD/.venv/bin:$$PATH" \
		VIDEOMOMENTS_TEST_SEED=$${VIDEOMOMENTS_TEST_SEED:-$$(date +%Y%m%d)} \
		.venv/bin/python -m pytest tests/faults tests/infra/terraform/test_terraform.py -m "not quick" \
		-n auto --maxprocesses 4 --dist worksteal $(PYTEST_ARGS)

lint: setup-dev ## Check style, types and import rules
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports --no-cache

bench: setup-dev ## Run the benchmarks: ours, the baseline, and the ratio
	@for name in connect extractive throughput; do \
		echo "== $$name" && .venv/bin/python -m "tools.bench.$$name" || exit 1; \
	done

docs: setup ## Write the generated pages
	.venv/bin/python -m tools.docs.write

image-rehearsal: setup-dev ## Execute the Dockerfile's steps without Docker and test the result (needs root, debootstrap)
	.venv/bin/python -m infra.image.rehearse $(REHEARSAL_ARGS)

lock: ## Lock the packages of pyproject.toml; LOCK_ARGS=--upgrade takes newer versions
	@.ci/setup --lock $(LOCK_ARGS)

clean: ## Remove the files that make created; never your data
	rm -rf .venv .cache dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

setup:
	@.ci/setup

setup-dev:
	@.ci/setup --dev
