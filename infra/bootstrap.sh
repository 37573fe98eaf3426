#!/bin/bash
# Prepare a project for its first build. Run it once for each project.
#   infra/bootstrap.sh PROJECT REGION [NAME]
# It creates the bucket of Terraform's state and the account that deploys. You may run it again.
set -euo pipefail

if [[ $# -lt 2 ]]; then
    echo "Usage: infra/bootstrap.sh PROJECT REGION [NAME]" >&2
    exit 2
fi
project=$1 region=$2 name=${3:-vm}
account=$name-deployer@$project.iam.gserviceaccount.com
state=gs://$project-$name-state

gcloud services enable --project="$project" \
    artifactregistry.googleapis.com cloudbuild.googleapis.com cloudresourcemanager.googleapis.com \
    iam.googleapis.com ondemandscanning.googleapis.com pubsub.googleapis.com run.googleapis.com \
    serviceusage.googleapis.com storage.googleapis.com

# Terraform grants roles to Pub/Sub's agent, which does not exist before this request.
gcloud beta services identity create --project="$project" --service=pubsub.googleapis.com

if ! gcloud storage buckets describe "$state" --project="$project" >/dev/null 2>&1; then
    gcloud storage buckets create "$state" --project="$project" --location="$region" \
        --uniform-bucket-level-access --public-access-prevention
    gcloud storage buckets update "$state" --versioning
fi

if ! gcloud iam service-accounts describe "$account" --project="$project" >/dev/null 2>&1; then
    gcloud iam service-accounts create "$name-deployer" --project="$project" \
        --display-name="VideoMoments: deploys"
fi
for role in artifactregistry.admin cloudscheduler.admin cloudsql.admin iam.serviceAccountAdmin \
    iam.serviceAccountUser logging.configWriter logging.logWriter monitoring.alertPolicyEditor \
    monitoring.dashboardEditor monitoring.notificationChannelEditor ondemandscanning.admin \
    pubsub.admin resourcemanager.projectIamAdmin run.admin \
    secretmanager.admin serviceusage.serviceUsageAdmin storage.admin; do
    gcloud projects add-iam-policy-binding "$project" --member="serviceAccount:$account" \
        --role="roles/$role" --condition=None --format=none
done

echo "The project is ready. Next, run in this folder:"
echo "  gcloud builds submit --project=$project --substitutions=_ENVIRONMENT=dev,_REGION=$region,_NAME=$name"
