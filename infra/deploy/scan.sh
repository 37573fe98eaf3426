#!/bin/bash
# Refuse images with a critical vulnerability that has a fix. Needs REPOSITORY and BUILD.
set -euo pipefail

for image in media speech; do
    scan=$(gcloud artifacts docker images scan "$REPOSITORY/$image:$BUILD" --remote \
        --location=europe --format='value(response.scan)')
    found=$(gcloud artifacts docker images list-vulnerabilities "$scan" --location=europe \
        --format='csv[no-heading](vulnerability.effectiveSeverity,vulnerability.fixAvailable,noteName)')
    critical=$(grep -c '^CRITICAL,True,' <<<"$found" || true)
    echo "$image: $(grep -c . <<<"$found" || true) known vulnerabilities, $critical critical with a fix"
    if [[ $critical -gt 0 ]]; then
        grep '^CRITICAL,True,' <<<"$found" >&2
        echo "Build again: the newer packages of the distribution have the fix." >&2
        exit 1
    fi
done
