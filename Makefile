# A thin front to CMake: `make help` lists what there is. Everything built lands in build/<preset>.
.DEFAULT_GOAL := help
.PHONY: help build run home test bench kernels asan tsan fuzz lint format cross clean
MAKEFLAGS += --no-print-directory

JOBS ?= 2
FUZZ_SECONDS ?= 60
MODEL ?=
PROMPT ?=
TARGETS ?= aarch64 armhf riscv64
ARGS ?=

export JOBS FUZZ_SECONDS MODEL PROMPT

# $(call build,PRESET,TARGETS) configures and builds, quietly unless something goes wrong.
build = cmake --preset $(1) --log-level=WARNING >/dev/null && \
	cmake --build build/$(1) --parallel $(JOBS) $(if $(2),--target $(2))

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

build: ## Build the library and the binary into build/release
	@scripts/setup.sh build
	@$(call build,release)

run: ## The assistant for a home that is in the binary; or any model: make run MODEL=file.gguf [PROMPT=...] [ARGS=...]
	@test -n "$$MODEL" || test -z "$$PROMPT$(ARGS)" || { \
		echo 'PROMPT and ARGS are for a model: make run MODEL=file.gguf PROMPT="Once upon a time"'; exit 2; } >&2
	@scripts/setup.sh build
	@test -x build/release/inkling || echo 'Building Inkling, once...' >&2
	@log=$$($(call build,release,inkling) 2>&1) || { echo "$$log" >&2; exit 1; }
	@if test -n "$$MODEL"; then build/release/inkling run $(ARGS) -- "$$MODEL" $${PROMPT:+"$$PROMPT"}; \
		else scripts/run_home.sh build/release/inkling; fi

home: ## Train the model for homes from its recipe (two hours and more; goes on where it was stopped)
	@scripts/setup.sh build
	@$(call build,release,inkling home_sentences)
	@models/home/make.sh build/release

test: ## Build, run every test, and end with "N passed, N failed"
	@scripts/setup.sh build
	@$(call build,release)
	@scripts/run_tests.sh build/release $(ARGS)

bench: ## Speed of the kernels, and of MODEL when one is given [ARGS=...]
	@scripts/setup.sh build
	@$(call build,release)
	@$(if $(MODEL),build/release/inkling bench "$$MODEL" $(ARGS),build/release/kernels --bench $(ARGS))

kernels: ## Check every kernel against its C definition [ARGS="--op --isa --seed --bench --json"]
	@scripts/setup.sh build
	@$(call build,release,kernels)
	@build/release/kernels $(ARGS)

asan: ## Run every test under the address and undefined behavior sanitizers
	@scripts/setup.sh build
	@$(call build,asan)
	@scripts/run_tests.sh build/asan $(ARGS)

tsan: ## Run every test under the thread sanitizer
	@scripts/setup.sh build
	@$(call build,tsan)
	@scripts/run_tests.sh build/tsan $(ARGS)

fuzz: ## Run each fuzz target for FUZZ_SECONDS (60), keeping what it finds [ARGS="gguf ..."]
	@scripts/setup.sh build clang
	@$(call build,fuzz)
	@scripts/fuzz.sh build/fuzz $(ARGS)

lint: ## Layout, static analysis, floors, exported names, banned calls
	@scripts/setup.sh build lint
	@$(call build,release)
	@scripts/lint.sh build/release

format: ## Lay the code out with clang-format
	@scripts/setup.sh lint
	@scripts/lint/layout.sh --fix

cross: ## Build for TARGETS (64- and 32-bit ARM, RISC-V), run under qemu, compare bits with this machine's
	@scripts/setup.sh build $(TARGETS:%=cross-%)
	@$(call build,release,inkling)
	@$(foreach target,$(TARGETS),scripts/sysroot.sh $(target) && $(call build,cross-$(target)) && \
		scripts/cross.sh $(target) $(ARGS) &&) true

clean: ## Remove what was built (the fuzzers' findings in build/fuzz-corpus stay)
	@find build -mindepth 1 -maxdepth 1 ! -name fuzz-corpus -exec rm -rf {} + 2>/dev/null || true
