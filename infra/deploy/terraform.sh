#!/bin/sh
# The Terraform steps of cloudbuild.yaml: infra/deploy/terraform.sh STEP
#   prepare    registry and secrets
#   migration  the database, and the migration job with the new image
#   deploy     everything
# Needs PROJECT, REGION, NAME, ENVIRONMENT, REPOSITORY and BUILD.
set -eu

step=$1
state=$(pwd)/.deployment
mkdir -p "$state"
cd "$(dirname "$0")/../terraform"

images() {
    printf '{"media":"%s/media:%s","speech":"%s/speech:%s"}' "$REPOSITORY" "$1" "$REPOSITORY" "$1"
}

# Terraform handles an interrupt and frees its lock. If the build's time-out killed it, no step would
# roll back.
apply() {
    timeout -s INT "${APPLY_SECONDS:-1800}" terraform apply -input=false -auto-approve -lock-timeout=300s \
        -var-file="environments/$ENVIRONMENT.tfvars" "$@"
}

export TF_IN_AUTOMATION=1 TF_VAR_project="$PROJECT" TF_VAR_region="$REGION" TF_VAR_name="$NAME"
TF_VAR_images=$(images "$BUILD")
export TF_VAR_images

terraform init -input=false -backend-config="bucket=$PROJECT-$NAME-state"

case $step in
prepare)
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
*)
    echo "There is no step $step." >&2
    exit 2
    ;;
esac
