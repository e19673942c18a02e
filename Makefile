# Two commands do all the set-up: `make demo` and `make test`.
PYTHON ?= python3.11
BIN := .venv/bin

.PHONY: demo test check venv bench compat fashion clean

demo: venv
	$(BIN)/python -m lib.host.demo build/demo-input
	$(BIN)/python build.py run --input build/demo-input --output build/demo \
	  --weights random --minutes 4 --set train_minutes=0.5 --set curate=false

test: venv
	$(BIN)/python -m pytest -n 2 --dist loadfile -q; code=$$?; [ $$code -eq 5 ] || exit $$code

check: venv
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

venv: .venv/installed

.venv/installed: requirements.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

clean:
	rm -rf build .venv
