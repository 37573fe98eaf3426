#!/bin/bash
# Check that each secret has a value, then run the migration job.
# Needs PROJECT, REGION and NAME.
set -euo pipefail

for secret in $(python3 -c 'import json, sys; print(*json.load(sys.stdin))' <.deployment/secrets.json); do
    versions=$(gcloud secrets versions list "$secret" --project="$PROJECT" --filter='state=ENABLED' \
        --format='value(name)' --limit=1)
    if [[ -z $versions ]]; then
        echo "The secret $secret has no value. Add one, then build again:" >&2
        echo "  printf %s \"\$VALUE\" | gcloud secrets versions add $secret --data-file=-" >&2
        exit 1
    fi
done

gcloud run jobs execute "$NAME-migrate" --project="$PROJECT" --region="$REGION" --wait
