# `make demo` and `make test` make their own environment from requirements.lock; they need Python 3.11 or newer and make.

.PHONY: demo test lint types lock peers clean

demo: .venv/.made
	.venv/bin/gambol demo

# Two workers: each holds what it has compiled, some gigabytes.
test: .venv/.made .venv-openpi/.made
	.venv/bin/pytest -n 2 --dist loadfile

lint: .venv/.made
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .

types: .venv/.made
	.venv/bin/pyright --pythonpath .venv/bin/python

# Newest versions that pyproject.toml allows.
lock: .venv/.made
	.venv/bin/python benchmarks/lock.py > requirements.lock.new
	mv requirements.lock.new requirements.lock

# kinetix-env with the jax it pins, for `gambol bench`.
peers: .venv-peers/.made

clean:
	rm -rf .venv .venv-peers .venv-openpi .venv-lerobot build dist gambol.egg-info .pytest_cache .ruff_cache .hypothesis

# The environment $(@D) from the lock $<. The stamp comes last, so an interrupted one is made again.
define environment
	@for python in "$(PYTHON)" python3.11 python3.12 python3; do \
	  [ -n "$$python" ] && "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; python=; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "Gambol needs Python 3.11 or newer and found none; on Debian: apt-get install python3 python3-venv" >&2; exit 1; fi; \
	if ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
	  echo "$$python cannot make environments; on Debian: apt-get install" \
	    "$$("$$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')" >&2; exit 1; fi; \
	echo "Setting up $(@D) with $$("$$python" --version) (once; downloads the packages of $<)"; \
	rm -rf $(@D) && "$$python" -m venv $(@D) && $(@D)/bin/pip install --quiet --disable-pip-version-check --no-deps -r $<
endef

.venv/.made: requirements.lock pyproject.toml
	$(environment)
	@.venv/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv-peers/.made: benchmarks/peers.lock
	$(environment)
	@touch $@

# The real client of openpi, which tests of `gambol serve` speak to: it wants numpy<2.
.venv-openpi/.made: benchmarks/openpi.lock
	$(environment)
	@touch $@

# The real lerobot, and the PyTorch that it needs: 8 GB, for benchmarks/lerobot_agreement.py alone.
.venv-lerobot/.made: benchmarks/lerobot.lock
	$(environment)
	@touch $@
