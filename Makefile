# make demo · make test · make accuracy · make bench · make memory · make docs · make train-smoke · make pictures: each prepares its own environment first.
# make test-pythons · make test-lowest · make locks · make check-locks: other Pythons, other versions of the packages.
PYTHON ?= python3
PYTHONS := 3.10 3.11 3.12 3.13
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
LOCK := $(wildcard locks/python$(VERSION).txt)
# A Python named on the command line has an environment of its own, so that .venv keeps the Python it was made with.
VENV := $(if $(filter command line,$(origin PYTHON)),build/venv-$(VERSION),.venv)
BIN := $(VENV)/bin
DEMO := build/demo
MADE := $(VENV)/.made
ENGINE := $(VENV)/.engine
READY := $(VENV)/.ready
INSTALL = $(BIN)/python -m pip install --quiet $(addprefix --constraint ,$(LOCK)) --editable

TORCH := torch==2.13.0
UV := build/uv/bin/uv
RESOLVE = UV_CUSTOM_COMPILE_COMMAND='make locks' $(UV) pip compile pyproject.toml --quiet

export QT_QPA_PLATFORM ?= offscreen

.PHONY: demo test lint accuracy bench memory docs wheel soak train-smoke mutants refusals pictures architecture translations archive-demo archive-scale
.PHONY: rehearse-gpu test-pythons test-lowest locks check-locks clean

demo: $(DEMO)/phantom/labels.nii.gz  ## segment a synthetic CT and leave a picture
	$(BIN)/flareseg segment $(DEMO)/phantom/ct.nii.gz --output $(DEMO)/organs.seg.nrrd \
		--ground-truth $(DEMO)/phantom/labels.nii.gz --report $(DEMO)/report.json --preview $(DEMO)/preview.png --table
	@echo "The picture: $(DEMO)/preview.png   The segmentation for Slicer: $(DEMO)/organs.seg.nrrd"

$(DEMO)/phantom/labels.nii.gz: $(ENGINE)
	$(BIN)/flareseg phantom $(DEMO)/phantom

test: lint  ## ruff, mypy and all tests
	$(BIN)/python -m pytest

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	PYTHONPATH=FlareSegmentation:. $(BIN)/lint-imports

accuracy: $(READY)  ## the shipped weights on 64 synthetic patients and on labelled CTs (CTS=FOLDER), in ten minutes
	$(BIN)/python -m accuracy score build/accuracy $(if $(CTS),--cts "$(CTS)")

memory: $(READY)  ## memory of plain U-Net, DenseVNet, memory-efficient FCN (CTS=FOLDER MEMORY="--plain WEIGHTS --full-size WEIGHTS")
	$(BIN)/python -m benchmarks.memory build/memory $(if $(CTS),--cts "$(CTS)") $(MEMORY)

bench: $(READY)  ## speed and memory beside peers' networks on this machine (with the peers: pip install '.[bench]')
	$(BIN)/python -m benchmarks build/benchmark

soak: $(READY)  ## 1,000 jobs in one worker, in some minutes: memory, descriptors, threads and files stay flat
	$(BIN)/python -m pytest Testing/soak --soak-jobs 1000 --timeout 3600 -s

train-smoke: $(READY)  ## the whole training chain, small, in some minutes on a CPU; leaves its pictures
	PATH="$(CURDIR)/$(BIN):$$PATH" scripts/train_smoke.sh build/train-smoke

mutants: $(READY)  ## put faults into a copy of the code; tests must see each (MUTANTS="--shard 1/4", MUTANTS="-k preview")
	PYTHONPATH=Testing $(BIN)/python -m mutants $(MUTANTS)

archive-demo: $(READY)  ## an archive of 12 studies: a worker is killed, the run interrupted and resumed, the table shown
	PYTHONPATH=Testing $(BIN)/python scripts/archive_demo.py build/archive-demo

archive-scale: $(READY)  ## an archive of 100,000 simulated cases, in half an hour (SCALE="--cases 20000 --workers 4")
	$(BIN)/python -m benchmarks.archive_scale $(SCALE)

refusals: $(READY)  ## scans without an abdomen: how many are refused (REFUSALS="--cts FOLDER --bodies FILE.npz")
	PYTHONPATH=Testing $(BIN)/python -m refusals $(REFUSALS)

docs: $(READY)  ## the documentation as a site in build/site; a broken link is an error
	$(BIN)/python scripts/site_pages.py build/pages
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --strict
	@echo "Open build/site/index.html"

wheel: $(READY)  ## the package flareseg as a wheel in build/wheel
	$(BIN)/python -m hatchling build -t wheel -d build/wheel

architecture: $(READY)  ## draw docs/pictures/architecture.svg from the imports in the code
	PYTHONPATH=FlareSegmentation $(BIN)/python scripts/architecture.py

translations: $(READY)  ## collect the panel's texts in Resources/Translations, for translators
	$(BIN)/python scripts/translations.py

rehearse-gpu: $(READY)  ## the kit for a GPU machine, made and tried on a CPU, in ten minutes (network, ../shared/data)
	$(BIN)/python -m pytest Testing/setup/rehearse_gpu_kit.py --timeout 1800 -s

pictures: $(READY)  ## make the README's pictures again
	$(BIN)/python -m pytest Testing/slicer -k picture --pictures Resources/Screenshots

test-pythons:  ## make demo with each Python from 3.10 to 3.13 that is on this computer
	$(PYTHON) scripts/test_pythons.py $(PYTHONS)

test-lowest:  ## the main path with the lowest versions that pyproject.toml allows
	$(PYTHON) scripts/test_lowest.py

locks: $(UV)  ## resolve the versions again, the newest that each Python allows, with this release of PyTorch
	for python in $(PYTHONS); do \
		echo $(TORCH) | $(RESOLVE) --universal --fork-strategy fewest --upgrade --no-annotate --constraint - \
			--extra test --extra bench --python-version $$python --output-file locks/python$$python.txt || exit 1; \
	done
	$(RESOLVE) --universal --fork-strategy fewest --upgrade --no-annotate --resolution lowest-direct \
		--extra test --python-version $(firstword $(PYTHONS)) --output-file locks/lowest.txt

check-locks: export MACOSX_DEPLOYMENT_TARGET := 14.0
check-locks: $(UV)  ## each lock resolves on Linux (glibc 2.34 or later), macOS 14 and Windows
	@for python in $(PYTHONS); do for platform in x86_64-manylinux_2_34 macos windows; do \
		$(RESOLVE) --extra test --extra bench --python-version $$python --python-platform $$platform \
			--constraint locks/python$$python.txt --no-header > build/uv/resolved.txt || exit 1; \
		echo "Python $$python on $$platform: $$(grep -c == build/uv/resolved.txt) packages"; \
	done; done

$(MADE):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or later is needed; make demo PYTHON=python3.12 names another.")'
	@echo "Preparing $(VENV) (once; a few minutes where packages must be downloaded) ..."
	$(PYTHON) -m venv $(VENV)
	@touch $(MADE)

$(ENGINE): pyproject.toml $(LOCK) | $(MADE)
	@$(if $(LOCK),:,echo "No lock for Python $(VERSION) in locks/: the newest packages are installed, untested.")
	$(INSTALL) .
	@touch $(ENGINE)

$(READY): $(ENGINE)
	$(INSTALL) '.[test]'
	@touch $(READY)

$(UV):
	$(PYTHON) -m venv build/uv
	build/uv/bin/python -m pip install --quiet uv

clean:
	rm -rf .venv build
