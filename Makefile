# make demo · make test · make bench · make train-smoke · make pictures: each prepares its own .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := build/demo
READY := $(VENV)/.ready

export QT_QPA_PLATFORM ?= offscreen

.PHONY: demo test lint bench soak train-smoke pictures clean

demo: $(DEMO)/phantom/labels.nii.gz  ## segment a synthetic CT and leave a picture
	$(BIN)/flareseg segment $(DEMO)/phantom/ct.nii.gz --output $(DEMO)/organs.seg.nrrd \
		--truth $(DEMO)/phantom/labels.nii.gz --report $(DEMO)/report.json --preview $(DEMO)/preview.png --table
	@echo "The picture: $(DEMO)/preview.png   The segmentation for Slicer: $(DEMO)/organs.seg.nrrd"

$(DEMO)/phantom/labels.nii.gz: $(READY)
	$(BIN)/flareseg phantom $(DEMO)/phantom

test: lint  ## ruff, mypy and all tests
	$(BIN)/python -m pytest

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

bench: $(READY)  ## speed and memory beside peers' networks on this machine (with the peers: pip install '.[bench]')
	$(BIN)/flareseg benchmark build/benchmark

soak: $(READY)  ## 1,000 jobs in one worker, in some minutes: memory, descriptors, threads and files stay flat
	$(BIN)/python -m pytest Testing/soak --soak-jobs 1000 --timeout 3600 -s

train-smoke: $(READY)  ## the whole training chain, small, in some minutes on a CPU; leaves its pictures
	PATH="$(CURDIR)/$(BIN):$$PATH" scripts/train_smoke.sh build/train-smoke

.PHONY: mutants
mutants: $(READY)  ## put faults into a copy of the code; tests must see each (MUTANTS="--shard 1/4", MUTANTS="-k preview")
	PYTHONPATH=Testing $(BIN)/python -m mutants $(MUTANTS)

pictures: $(READY)  ## make the README's pictures again
	$(BIN)/python -m pytest Testing/slicer -k picture --pictures Resources/Screenshots

$(READY): pyproject.toml constraints.txt
	@echo "Preparing $(VENV) (once; a few minutes where packages must be downloaded) ..."
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or later is needed.")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test]'
	@touch $(READY)

clean:
	rm -rf $(VENV) build
