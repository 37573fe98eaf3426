# `make run` and `make test` are the only set-up a fresh machine needs: Python >= 3.11, git, make.
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

# As given, whatever it contains: never expanded by make, and quoted by the shell.
export RUN_VIDEO := $(value VIDEO)
export PYTHON
# Many short processes start: without compiled modules each would compile them again.
unexport PYTHONDONTWRITEBYTECODE

help: ## What there is to make
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1|\2/p' Makefile | \
	while IFS='|' read -r target meaning; do printf '%-20s %s\n' "$$target" "$$meaning"; done

run: setup ## Find the moments of a video: make run VIDEO="my talk.mp4" (default: a sample)
	@PATH="$$PWD/.venv/bin:$$PATH" .venv/bin/videomoments run -- "$${RUN_VIDEO:-$(SAMPLE)}"

# More processes than a small machine has cores: many tests wait for another process.
test: setup-dev ## All tests
	@PATH="$$PWD/.venv/bin:$$PATH" .venv/bin/python -m pytest -n 4 --dist loadgroup $(PYTEST_ARGS)

test-quick: setup-dev ## The tests of single parts, without a database or an emulator of Pub/Sub
	@PATH="$$PWD/.venv/bin:$$PATH" .venv/bin/python -m pytest tests/unit tests/contract \
		-m "not full and not slow and not emulator" -n 4 --dist loadgroup $(PYTEST_ARGS)

test-emulator: setup-dev ## The tests on the official Pub/Sub emulator; fails where there is none
	@PATH="$$PWD/.venv/bin:$$PATH" VIDEOMOMENTS_TEST_REQUIRE=emulator \
		.venv/bin/python -m pytest -m emulator $(PYTEST_ARGS)

test-full: setup-dev ## The fault tests at full size: attempts, faults injected, lost, doubled
	@PATH="$$PWD/.venv/bin:$$PATH" \
		VIDEOMOMENTS_TEST_SEED=$${VIDEOMOMENTS_TEST_SEED:-$$(date +%Y%m%d)} \
		.venv/bin/python -m pytest tests/faults tests/infra/terraform/test_terraform.py -m "not quick" \
		-n auto --maxprocesses 4 --dist worksteal $(PYTEST_ARGS)

lint: setup-dev ## Style, types, and who may import whom
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports --no-cache

bench: setup-dev ## Benchmarks: ours, the baseline, and the ratio
	@for name in connect extractive throughput; do \
		echo "== $$name" && .venv/bin/python -m "tools.bench.$$name" || exit 1; \
	done

docs: setup ## Write the generated pages
	.venv/bin/python -m tools.docs.write

image-rehearsal: setup-dev ## Execute the Dockerfile's steps without Docker, and try the result (root, debootstrap)
	.venv/bin/python -m infra.image.rehearse $(REHEARSAL_ARGS)

lock: ## Lock what pyproject.toml asks for: make lock LOCK_ARGS=--upgrade for newer versions
	@.ci/setup --lock $(LOCK_ARGS)

clean: ## Remove what make made; never your data
	rm -rf .venv .cache dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

setup:
	@.ci/setup

setup-dev:
	@.ci/setup --dev
