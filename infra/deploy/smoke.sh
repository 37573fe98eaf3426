#!/bin/bash
# Drop the sample into the bucket, and its voice alone, and wait for what is made of them: the whole
# pipeline in both images, as a user has it. Needs PROJECT, REGION, NAME and BUILD.
set -euo pipefail

if [[ ! -e .deployment/deployed ]]; then
    echo "The deployment failed: there is nothing to try." >&2
    exit 1
fi

uploads=gs://$PROJECT-$NAME-uploads derived=gs://$PROJECT-$NAME-derived
patience_seconds=${SMOKE_PATIENCE_SECONDS:-900}
gcloud storage cp tools/sample/three-topics.mp4 "$uploads/smoke-$BUILD.mp4"
gcloud storage cp .deployment/spoken.m4a "$uploads/spoken-$BUILD.m4a"

# The first deployment's grants take minutes to be known everywhere; until then messages wait.
wanted=("clips/smoke-$BUILD-*" "thumbnails/smoke-$BUILD-*" "clips/spoken-$BUILD-*")
for kind in "${wanted[@]}"; do
    until gcloud storage ls "$derived/$kind/**" 2>/dev/null; do
        if ((SECONDS > patience_seconds)); then
            echo "Nothing is at $derived/$kind after $patience_seconds s." >&2
            echo "What happened: gcloud run jobs execute $NAME-migrate --region=$REGION --wait --args=status" >&2
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
