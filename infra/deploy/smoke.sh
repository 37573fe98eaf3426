#!/bin/bash
# Drop the sample into the bucket and wait for its clips: the whole pipeline, as a user has it.
# Needs PROJECT, NAME and BUILD.
set -euo pipefail

if [[ ! -e .deployment/deployed ]]; then
    echo "The deployment failed: there is nothing to try." >&2
    exit 1
fi

uploads=gs://$PROJECT-$NAME-uploads derived=gs://$PROJECT-$NAME-derived
stem=smoke-$BUILD
patience_seconds=${SMOKE_PATIENCE_SECONDS:-900}
gcloud storage cp cli/sample/three-topics.mp4 "$uploads/$stem.mp4"

# The first deployment's grants take minutes to be known everywhere; until then messages wait.
for kind in clips thumbnails; do
    until gcloud storage ls "$derived/$kind/$stem-*/**" 2>/dev/null; do
        if ((SECONDS > patience_seconds)); then
            echo "No $kind of $uploads/$stem.mp4 after $patience_seconds s." >&2
            echo "What happened: gcloud run jobs execute $NAME-migrate --args=status --wait" >&2
            exit 1
        fi
        sleep 5
    done
done
touch .deployment/passed
gcloud storage rm "$uploads/$stem.mp4" "$derived/clips/$stem-*/**" "$derived/thumbnails/$stem-*/**"
