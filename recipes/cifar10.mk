# Every row of docs/compression.md, from the data to the report, one target each:
#
#   make -f recipes/cifar10.mk DATA=cifar10.npz            all of them, a day on two cores
#   make -f recipes/cifar10.mk DATA=cifar10.npz half-int8  one row, with what it is made from
#
# A run that was killed goes on where it stopped; what is finished is not made again. `python -m training.cifar10` makes
# the data. RUNS takes the runs and what they publish. Other seeds: SEED=1 RUNS=runs/seed-1.
# PRECISION=float32 for processors without bfloat16 instructions; XLA=true on a GPU.
# DENSE=shipped takes the dense network from the shipped model, which this recipe made, and so saves two hours.

PYTHON ?= .venv/train/bin/python
DATA ?= cifar10.npz
RUNS ?= runs/cifar10-rows
SEED ?= 0
PRECISION ?= mixed_bfloat16
XLA ?= false
DENSE ?= trained
# Files to compare with, such as mlperf-small=pretrainedResnet_quant.tflite.
REFERENCES ?=

REPOSITORY := $(RUNS)/repository
COMPUTING := --set precision=$(PRECISION) --set xla=$(XLA)
TRAIN = $(PYTHON) -m training --data $(DATA) --preset cifar10 --repository $(REPOSITORY) --set seed=$(SEED) $(COMPUTING)
PRUNE_CHANNELS = $(PYTHON) -m optimize prune channels --repository $(REPOSITORY) $(COMPUTING)
PRUNE_MAGNITUDE = $(PYTHON) -m optimize prune magnitude --repository $(REPOSITORY) $(COMPUTING)
QUANTIZE = $(PYTHON) -m optimize quantize --repository $(REPOSITORY)
QUANTIZE_AWARE = $(PYTHON) -m optimize quantize-aware --repository $(REPOSITORY)
# A row is printed whatever it costs: what a gate is for, docs/compression.md tells.
ANY_DROP := --max-accuracy-drop 100

# What is finished, a file says that is made when its command has ended well: `trained`, `quantized`.
.PHONY: all report
.SECONDARY:

ROWS := dense-int8 dense-aware half-int8 two-fifths-int8 third-int8 sparse-int8 tiny-int8
all: $(ROWS) report
.PHONY: $(ROWS)

# Quantized after training: ROW-int8 is made of the run ROW.
$(filter %-int8,$(ROWS)): %-int8: $(RUNS)/%/quantized
$(RUNS)/%/quantized: $(RUNS)/%/trained
	$(QUANTIZE) --workdir $(RUNS)/$* --name $*-int8 $(ANY_DROP)
	@touch $@

# Quantized during training: ROW-aware is made of the run ROW, too.
$(filter %-aware,$(ROWS)): %-aware: $(RUNS)/%-aware/quantized
$(RUNS)/%-aware/quantized: $(RUNS)/%/trained
	$(QUANTIZE_AWARE) --epochs 2 --workdir $(RUNS)/$* --output $(RUNS)/$*-aware --name $*-aware $(ANY_DROP)
	@touch $@

# Dense: ResNet-20-v2 of width 32.
ifeq ($(DENSE),shipped)
$(RUNS)/dense/trained:
	$(PYTHON) -m training.restore cifar10:11 --repository models/zoo --data $(DATA) --workdir $(RUNS)/dense
	@touch $@
BASELINE := --file dense=$(RUNS)/dense/float32.tflite
else
$(RUNS)/dense/trained:
	$(TRAIN) --workdir $(RUNS)/dense --name dense
	@touch $@
BASELINE := dense
endif

# Channels pruned, to parts of the multiply-accumulates. A network of half the work learns its training images by heart
# in a dozen epochs; it does not learn so those that show a part of another one, for the teacher to say what is there.
# LONG is a night on two cores for each, and minutes on a GPU.
LONG := --rounds 1 --epochs 100 --peak-lr 0.1 --teacher-weight 1 --hint-weight 1 --set batch_size=256 \
	--set augmentation.cutout_px=16 --set augmentation.cutout_fill=image
NARROWER := half two-fifths third
$(RUNS)/half/trained: PART = --macs 0.5 $(LONG)
$(RUNS)/two-fifths/trained: PART = --macs 0.4 $(LONG)
$(RUNS)/third/trained: PART = --macs 0.35 --rounds 1 --epochs 7
$(NARROWER:%=$(RUNS)/%/trained): $(RUNS)/%/trained: $(RUNS)/dense/trained
	$(PRUNE_CHANNELS) $(PART) --workdir $(RUNS)/dense --output $(RUNS)/$* --name $* $(ANY_DROP)
	@touch $@

# Four weights in five set to zero.
$(RUNS)/sparse/trained: $(RUNS)/dense/trained
	$(PRUNE_MAGNITUDE) --sparsity 0.8 --one-shot --epochs 4 --workdir $(RUNS)/dense --output $(RUNS)/sparse \
		--name sparse $(ANY_DROP)
	@touch $@

# At the size of MLPerf Tiny's ResNet-8: the ResNet-8-v2 would take as long; pruned, it takes less. So small a network
# needs less against overfitting, and its teacher, whose labels were not smoothed, is asked at a higher temperature.
SMALL := --set epochs=80 --set augmentation.cutout_px=0 --set label_smoothing=0 --set weight_decay=2e-4
$(RUNS)/tiny-whole/trained:
	$(TRAIN) --workdir $(RUNS)/tiny-whole --name tiny-whole --set variant=8 --set width=16 $(SMALL)
	@touch $@
$(RUNS)/tiny/trained: $(RUNS)/tiny-whole/trained
	$(PRUNE_CHANNELS) --latency 0.92 --teacher-weight 0.5 --temperature 4 --workdir $(RUNS)/tiny-whole \
		--output $(RUNS)/tiny --name tiny $(ANY_DROP)
	@touch $@

report: $(ROWS)
	$(PYTHON) -m optimize report --data $(DATA) --repository $(REPOSITORY) --baseline dense --output $(RUNS)/report \
		$(BASELINE) $(ROWS) $(addprefix --file ,$(REFERENCES))
