# astrid: this file only dispatches. extension/Makefile is PGXS, worker/Makefile builds the programs.
#
#   make demo          everything from nothing to a table of transients      (demo-stop, demo-clean)
#   make check         everything from nothing to 'N passed, N failed'       (check-long: the slow tests too)
#   make chaos         ten minutes of faults under load; make check runs a short form
PG_CONFIG ?= pg_config
export PG_CONFIG

EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" extension/astrid.control)

all: extension worker

extension worker:
	$(MAKE) -C $@

# Debian packages; names what is missing elsewhere. Run by demo and check.
deps:
	tests/deps.sh

install uninstall: all
	$(MAKE) -C extension $@
	$(MAKE) -C worker $@

# deps may bring pg_config itself, so what follows it runs in a make of its own.
check check-long: deps
	$(MAKE) all
	tests/run.sh $@

# Processes killed and stopped, network cut, disk full ... for CHAOS_SECONDS; CHAOS_SEED repeats an order of faults.
chaos: deps
	$(MAKE) all
	CHAOS_SECONDS=$${CHAOS_SECONDS:-600} ASTRID_TAP=300_chaos tests/run.sh check tap
	@cat build/test/50-tap.log

# DATA= is the demo's word and one of PGXS's too: it must not reach the makes below as an override.
demo: deps
	MAKEFLAGS= $(MAKE) all
	MAKEFLAGS= contrib/demo/demo.sh start

demo-stop:
	contrib/demo/demo.sh stop

demo-clean:
	contrib/demo/demo.sh clean

# Ratios against other PostgreSQL queues, on a private cluster. PGMQ= names pgmq's install script.
bench-queue: all
	bench/queue/run.sh

asan:
	$(MAKE) -C worker SAN=1 all unit

lint:
	tests/lint.sh

FORMATTED = $(shell git ls-files '*.c' '*.h')
format:
	clang-format -i $(FORMATTED)
format-check:
	clang-format --dry-run -Werror $(FORMATTED)

dist:
	git archive --format=tar.gz --prefix=astrid-$(EXTVERSION)/ -o astrid-$(EXTVERSION).tar.gz HEAD

clean:
	$(MAKE) -C extension clean
	$(MAKE) -C worker clean
	rm -rf build

.PHONY: all extension worker deps install uninstall check check-long chaos demo demo-stop demo-clean asan lint \
	bench-queue format format-check dist clean
