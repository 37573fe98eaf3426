terraform {
  required_version = ">= 1.9"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 8.7"
    }
  }

  # The bucket is given at `terraform init`: -backend-config=bucket=PROJECT-NAME-state
  backend "gcs" {
    prefix = "videomoments"
  }
}

provider "google" {
  project = var.project
  region  = var.region
  # Budgets are billed for by this project, and asked for in its name.
  user_project_override = true
  billing_project       = var.project
  default_labels        = local.labels
}
