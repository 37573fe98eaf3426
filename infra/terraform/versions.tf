terraform {
  required_version = ">= 1.9"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 8.7"
    }
  }

  # `terraform init` gets the bucket: -backend-config=bucket=PROJECT-NAME-state
  backend "gcs" {
    prefix = "videomoments"
  }
}

provider "google" {
  project = var.project
  region  = var.region
  # The budget API needs a project to bill its requests to.
  user_project_override = true
  billing_project       = var.project
  default_labels        = local.labels
}
