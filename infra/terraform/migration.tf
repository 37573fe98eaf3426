# The build runs this job before the services change: old code runs on the new schema.

resource "google_cloud_run_v2_job" "migrate" {
  name                = "${var.name}-migrate"
  location            = var.region
  deletion_protection = false

  template {
    template {
      service_account = google_service_account.migrator.email
      timeout         = "900s"
      max_retries     = 0

      containers {
        image   = var.images.media
        command = ["videomoments"]
        args = concat(
          ["db", "upgrade"],
          flatten([for user in values(google_sql_user.function) : ["--grant-to", user.name]]),
        )

        resources {
          limits = {
            cpu    = "1"
            memory = "1Gi"
          }
        }

        env {
          name  = "VIDEOMOMENTS_CLOUD_SQL_INSTANCE"
          value = local.instance_connection
        }
        env {
          name  = "VIDEOMOMENTS_CLOUD_SQL_DATABASE"
          value = google_sql_database.main.name
        }
        env {
          name  = "VIDEOMOMENTS_CLOUD_SQL_USER"
          value = google_sql_user.migrator.name
        }
        env {
          name  = "VIDEOMOMENTS_LOG_FORMAT"
          value = "json"
        }
      }
    }
  }

  depends_on = [google_project_iam_member.connects, google_project_iam_member.logs_in]
}
