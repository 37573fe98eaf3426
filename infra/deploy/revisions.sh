#!/bin/bash
# Record the serving revisions, or route requests back to them: infra/deploy/revisions.sh STEP
#   note      record which revision of each service gets its requests
#   conclude  do nothing if the smoke test passed; else route every service back and exit with 1
# A revision has its own image, settings and account. It takes requests within seconds, in any state
# of Terraform. Needs PROJECT, REGION, NAME and BUILD.
set -euo pipefail

step=$1
noted=.deployment/revisions.csv
mkdir -p .deployment

case $step in
note)
    # Services of other software may have the same prefix.
    gcloud run services list --project="$PROJECT" --region="$REGION" \
        --filter="metadata.name~^$NAME- AND metadata.labels.app=videomoments" \
        --format='csv[no-heading](metadata.name,status.traffic[0].revisionName)' >"$noted"
    echo "$(grep -c . "$noted" || true) services run."
    ;;
conclude)
    if [[ -e .deployment/passed ]]; then
        echo "Deployed: $BUILD"
        exit 0
    fi
    if [[ ! -s $noted ]]; then
        echo "The first deployment failed. There is no earlier revision: see the steps above." >&2
        exit 1
    fi
    stuck=()
    while IFS=, read -r service revision; do
        echo "Rolling back: $service to $revision" >&2
        gcloud run services update-traffic "$service" --project="$PROJECT" --region="$REGION" \
            --to-revisions="$revision=100" --quiet </dev/null || stuck+=("$service")
    done <"$noted"
    if [[ ${#stuck[@]} -gt 0 ]]; then
        echo "This build failed, and ${#stuck[@]} of the services could not be rolled back: ${stuck[*]}." >&2
        echo "They may run the new revision: see videomoments doctor --cloud. The others run their previous revision." >&2
        exit 1
    fi
    echo "This build failed. The previous revisions serve again, on the new schema. The next build that passes takes over." >&2
    exit 1
    ;;
*)
    echo "There is no step $step." >&2
    exit 2
    ;;
esac
