#!/bin/sh
# The contract of the FLARE challenges: every inputs/X_0000.nii.gz gives outputs/X.nii.gz.
# sh predict.sh [INPUTS OUTPUTS [options of flareseg segment-folder]]
set -eu
inputs=${1:-/workspace/inputs}
outputs=${2:-/workspace/outputs}
[ $# -ge 2 ] && shift 2 || shift $#
exec flareseg segment-folder "$inputs" "$outputs" "$@"
