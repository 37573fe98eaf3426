#!/bin/sh
# The steps of cloudbuild.yaml that are Terraform's: infra/deploy/terraform.sh STEP
#   prepare    registry and secrets; writes down which images run now
#   migration  the database, and the migration job with the new image
#   deploy     everything
#   conclude   nothing if the smoke test passed; else back to the images of before, and exit code 1
# Needs PROJECT, REGION, NAME, ENVIRONMENT, REPOSITORY and BUILD.
set -eu

step=$1
state=$(pwd)/.deployment
mkdir -p "$state"
cd "$(dirname "$0")/../terraform"

images() {
    printf '{"media":"%s/media:%s","speech":"%s/speech:%s"}' "$REPOSITORY" "$1" "$REPOSITORY" "$1"
}

apply() {
    terraform apply -input=false -auto-approve -lock-timeout=300s \
        -var-file="environments/$ENVIRONMENT.tfvars" "$@"
}

export TF_IN_AUTOMATION=1 TF_VAR_project="$PROJECT" TF_VAR_region="$REGION" TF_VAR_name="$NAME"
TF_VAR_images=$(images "$BUILD")
export TF_VAR_images

terraform init -input=false -backend-config="bucket=$PROJECT-$NAME-state"

case $step in
prepare)
    # Nothing is deployed yet: then there is no such output.
    terraform output -json images >"$state/previous.json" 2>/dev/null || rm -f "$state/previous.json"
    apply -target=google_artifact_registry_repository.images \
        -target=google_secret_manager_secret.secret
    terraform output -json secrets >"$state/secrets.json" 2>/dev/null || echo '[]' >"$state/secrets.json"
    ;;
migration)
    apply -target=google_cloud_run_v2_job.migrate -target=google_sql_user.function
    ;;
deploy)
    apply
    touch "$state/deployed"
    ;;
conclude)
    if [ -e "$state/passed" ]; then
        echo "Deployed: $BUILD"
        exit 0
    fi
    if [ ! -s "$state/previous.json" ]; then
        echo "The first deployment failed, so there is nothing to go back to: see the steps above." >&2
        exit 1
    fi
    TF_VAR_images=$(cat "$state/previous.json")
    echo "Going back to $TF_VAR_images" >&2
    apply
    echo "This build failed; what ran before it runs again, on the new schema." >&2
    exit 1
    ;;
*)
    echo "There is no step $step." >&2
    exit 2
    ;;
esac
