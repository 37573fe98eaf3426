#!/bin/bash
# Drop the sample and its audio alone into the bucket, and wait for their clips. This runs the whole
# pipeline in both images, as for a user. Needs PROJECT, REGION, NAME and BUILD.
set -euo pipefail

if [[ ! -e .deployment/deployed ]]; then
    echo "The deployment failed, so there is nothing to test." >&2
    exit 1
fi

uploads=gs://$PROJECT-$NAME-uploads derived=gs://$PROJECT-$NAME-derived
patience_seconds=${SMOKE_PATIENCE_SECONDS:-900}
gcloud storage cp tools/sample/three-topics.mp4 "$uploads/smoke-$BUILD.mp4"
gcloud storage cp .deployment/spoken.m4a "$uploads/spoken-$BUILD.m4a"

# The grants of the first deployment take minutes to take effect; until then messages wait.
wanted=("clips/smoke-$BUILD-*" "thumbnails/smoke-$BUILD-*" "clips/spoken-$BUILD-*")
for kind in "${wanted[@]}"; do
    until gcloud storage ls "$derived/$kind/**" 2>/dev/null; do
        if ((SECONDS > patience_seconds)); then
            echo "There is no object at $derived/$kind after $patience_seconds s." >&2
            echo "See why: gcloud run jobs execute $NAME-migrate --region=$REGION --wait --args=status" >&2
            exit 1
        fi
        sleep "${SMOKE_INTERVAL_SECONDS:-5}"
    done
done
touch .deployment/passed
for kind in "${wanted[@]}"; do
    gcloud storage rm "$derived/$kind/**"
done
gcloud storage rm "$uploads/smoke-$BUILD.mp4" "$uploads/spoken-$BUILD.m4a"
