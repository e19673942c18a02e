# Two commands do all the set-up: `make demo` and `make test`.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || echo python3.11)
BIN := .venv/bin
FASHION := build/fashion
OLD := build/old-packages

.PHONY: help demo demo-old test test-bundle check venv release bench quality grids compat fashion \
  chaos chaos-kaggle fuzz trackio clean

# $(call beside_venv,FOLDER,PACKAGES): an environment that finds these first, then .venv's packages.
define beside_venv
$(PYTHON) -m venv $(1)
$(1)/bin/python -m pip install --quiet --disable-pip-version-check $(2)
echo "$(CURDIR)/$$(echo .venv/lib/python3*/site-packages)" > \
  $$(echo $(1)/lib/python3*/site-packages)/all-others.pth
touch $@
endef

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*  ## \(.*\)/  make \1\t\2/p' Makefile | expand -t 22

# The main job on an embedded default: shards, one-file kernel, a run as on Kaggle. Bounded by steps
# and sizes, so that a slow machine makes what a fast one does; made anew every time.
demo: venv build/demo-shards  ## the main job on 2,000 look-alike records: 2 to 5 minutes
	@echo "demo: cleans 2,000 look-alike records, trains 250 steps of recipe pixel, draws 1,000 images and writes"
	@echo "demo: a verified submission and a report; about 2 minutes on two free cores, 5 beside other work"
	rm -rf build/demo build/demo.scratch
	$(BIN)/python build.py run --input build/demo-shards --output build/demo --recipe pixel \
	  --weights random --set steps=250 --set real_limit=300 --set sweep=false --set curate=false

test: venv  ## the whole test suite, and its ten slowest tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile -q; code=$$?; [ $$code -eq 5 ] || exit $$code

# The tests of what ships once more, on the modules that the built bundle imports.
test-bundle: venv  ## the kernel's tests on the built bundle's own modules
	$(BIN)/python build.py --full
	KERNEL_BUNDLE=build/kernel.py OMP_NUM_THREADS=1 $(BIN)/python -m pytest -p tests.bundled_kernel -n 2 \
	  --dist loadfile -q -m ships
	$(BIN)/python build.py --full --competition images
	KERNEL_BUNDLE=build/kernel.py OMP_NUM_THREADS=1 $(BIN)/python -m pytest -p tests.bundled_kernel -n 2 \
	  --dist loadfile -q -m ships tests/kernel/competition/images
	$(BIN)/python build.py  # what a push would find is the default

check: venv  ## ruff and mypy
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

venv: .venv/installed  ## .venv with the pinned packages

.venv/installed: requirements.txt
	@echo "setting up .venv: 1.6 GB of packages, about two minutes"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

build/demo-shards: | venv
	$(BIN)/python build.py synth --records 2000 --output $@

build/small-input: | venv
	$(BIN)/python build.py synth --records 200 --output $@

# The same kernel with the oldest numpy and Pillow that Kaggle's images hold: they come first on
# the path of an environment of their own, all other packages from .venv.
demo-old: venv build/small-input $(OLD)/installed  ## the bundle with numpy 1.26 and Pillow 10.4
	$(BIN)/python build.py --weights random --set steps=10 --set samples=20 --set trial=20 \
	  --set sweep=false --set curate=false
	rm -rf build/demo-old build/demo-old.scratch
	KERNEL_INPUT=build/small-input KERNEL_OUTPUT=build/demo-old \
	  $(OLD)/bin/python -I build/kernel.py
	$(BIN)/python build.py  # what a push would find is no smoke test

$(OLD)/installed: requirements.txt
	$(call beside_venv,$(OLD),--no-deps numpy==1.26.4 pillow==10.4.0)

# One environment after another, several gigabytes each, deleted afterwards: PYTHON312=, PYTHON313=
# name interpreters that are not on the path; COMPAT="--only torch-2.10" runs one.
compat: venv  ## the bundle with torch 2.8, 2.10 and 2.11 on Python 3.12 and 3.13: COMPAT=...
	PYTHON312=$(PYTHON312) PYTHON313=$(PYTHON313) $(BIN)/python -m tests.compat $(COMPAT)

# Fashion-MNIST's 60,000 training images as 60 shards of the competition's format (Debian, Ubuntu).
fashion: venv  ## Fashion-MNIST as 60 shards (Debian, Ubuntu)
	mkdir -p $(FASHION)
	cd $(FASHION) && apt-get download dataset-fashion-mnist && dpkg -x dataset-fashion-mnist_*.deb .
	$(BIN)/python build.py synth --kind fashion --output $(FASHION)/shards \
	  --source $(FASHION)/usr/share/datasets/fashion-mnist

# The bundler by itself: it bundles its own command line, and the wheel holds that script alone.
release: venv  ## dist/: the bundler as one script, and the wheel that gives it to pip and uvx
	$(BIN)/python build.py bundle -m lib.commands.bundling.kernelpress -o dist/kernelpress.py --strict \
	  --include 'kernel_template/bundle_*' --exclude 'kernel_template/[!b]*' \
	  --exclude kernel_template/board.html --exclude lib.commands.bundling.rebuild_kernel \
	  --exclude lib.commands.bundling.kernel_words --exclude lib.commands.refuse_secrets
	$(BIN)/python -m hatchling build --target wheel --directory dist

bench: venv  ## ratios against other tools, each measured in one run
	$(BIN)/python -m tests.bench.bundlers --real  # some ten minutes; packages come from PyPI
	for name in curate decode features fid memory decode_memory start team train; do \
	  $(BIN)/python -m tests.bench.$$name || exit 1; done

# Hostile input, led by coverage; atheris comes into an environment of its own. Findings lie in
# build/fuzz/findings, and the exit code is 1 where there are any: make fuzz [FUZZ_CASES=...]
FUZZ_CASES ?= 1000000
FUZZ_SEED ?= 1
FUZZ := build/fuzz-env
fuzz: venv $(FUZZ)/installed  ## hostile input for all that reads from outside, an hour: FUZZ_CASES=...
	$(FUZZ)/bin/python -m tests.fuzz --cases $(FUZZ_CASES) --seed $(FUZZ_SEED)

$(FUZZ)/installed: requirements.txt
	$(call beside_venv,$(FUZZ),atheris==3.0.0)

# `runs --export trackio` into the real trackio, which brings an older Pillow: in an environment of
# its own that sees .venv's packages behind it.
TRACKIO := build/trackio-env
trackio: venv $(TRACKIO)/installed  ## runs --export trackio into the real trackio, 2 minutes
	OMP_NUM_THREADS=1 $(TRACKIO)/bin/python -m pytest -q tests/kaggle/test_trackio_itself.py

$(TRACKIO)/installed: requirements.txt
	$(call beside_venv,$(TRACKIO),trackio==0.43.0)

# FID of each recipe at equal minutes, hours on a CPU: make quality WEIGHTS=FILE [MINUTES=10] [RECIPES=...]
MINUTES ?= 10
RECIPES ?= auto,r3gan,pixel,edm,first-seed,second-seed
quality: venv  ## every recipe's FID at equal minutes, hours: WEIGHTS=FILE
	$(BIN)/python -m tests.bench.quality --weights $(WEIGHTS) --minutes $(MINUTES) --recipe $(RECIPES)

# The README's picture: each recipe's samples after equal minutes, nothing measured.
grids: venv  ## the README's picture
	$(BIN)/python -m tests.bench.grids

# Seeds and each kill's stage are printed; CHAOS="--seed 18" makes the same kills again.
CHAOS ?= --kills 100 --runs 10
chaos: venv  ## SIGKILL at 100 random moments of whole runs, half an hour or more
	$(BIN)/python -m tests.chaos $(CHAOS)

# The same for the commands that talk to Kaggle, against one on this machine.
CHAOS_KAGGLE ?= --kills 200
chaos-kaggle: venv  ## SIGKILL of push, fetch, submit, sweep, weights at 200 random moments, 10 minutes
	$(BIN)/python -m tests.kaggle_chaos $(CHAOS_KAGGLE)

clean:  ## remove build, dist and .venv
	rm -rf build dist .venv
