#!/bin/sh
# cppcheck over the library, the command line, and what makes the model for homes; vector kernels are beyond its preprocessor.
set -eu
cd "$(dirname "$0")/../.."
cppcheck --quiet --error-exitcode=1 --std=c11 --language=c --enable=warning,performance \
    --inline-suppr --suppress=missingIncludeSystem --suppress=unmatchedSuppression --suppress=pointerSize --suppress=arrayIndexOutOfBoundsCond \
    --suppress=invalidFunctionArg --suppress=zerodivcond --suppress=normalCheckLevelMaxBranches \
    -j "${JOBS:-2}" -D__x86_64__ -D__GNUC__=12 -I include -I src -i src/kernel/x86 -i src/kernel/arm src models
echo "cppcheck: ok"
