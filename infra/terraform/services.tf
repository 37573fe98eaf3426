locals {
  environment = merge(
    {
      PROJECT            = var.project
      UPLOAD_URL         = "gs://${google_storage_bucket.uploads.name}"
      DERIVED_URL        = "gs://${google_storage_bucket.derived.name}"
      CLOUD_SQL_INSTANCE = local.instance_connection
      CLOUD_SQL_DATABASE = google_sql_database.main.name
      DATABASE_POOL_SIZE = tostring(var.pool_size)
      LOG_FORMAT         = "json"
      TELEMETRY          = "google"
      WHISPER_DOWNLOAD   = "false"
    },
    local.model_settings,
    var.settings,
  )

  # With `settings = { TELEMETRY = "off" }` no function needs these grants.
  traced = local.environment.TELEMETRY == "google" ? toset(keys(var.functions)) : toset([])

  # The variables of each function. Cloud Run itself checks the caller (run.invoker) and removes the
  # signature from the token before it forwards the request. So VIDEOMOMENTS_OIDC_AUDIENCE, which
  # makes a function check the token again, must stay unset here.
  function_environment = {
    for name, f in var.functions : name => merge(
      { for key, value in local.environment : "VIDEOMOMENTS_${key}" => value },
      {
        FUNCTION_TARGET             = name
        THREADS                     = tostring(f.concurrency + 1)
        VIDEOMOMENTS_CLOUD_SQL_USER = google_sql_user.function[name].name
        # The origin of a metric; Cloud Monitoring rejects a metric without it.
        OTEL_RESOURCE_ATTRIBUTES = "cloud.region=${var.region},deployment.environment.name=${var.environment}"
      },
    )
  }
}

resource "google_cloud_run_v2_service" "function" {
  for_each            = var.functions
  name                = local.service_names[each.key]
  location            = var.region
  ingress             = "INGRESS_TRAFFIC_INTERNAL_ONLY"
  deletion_protection = false

  template {
    service_account                  = google_service_account.function[each.key].email
    timeout                          = "${each.value.timeout_seconds + 30}s"
    max_instance_request_concurrency = each.value.concurrency
    execution_environment            = "EXECUTION_ENVIRONMENT_GEN2"

    scaling {
      min_instance_count = local.instances[each.key].min
      max_instance_count = local.instances[each.key].max
    }

    containers {
      image = var.images[each.value.image]

      resources {
        limits = {
          cpu    = tostring(each.value.cpu)
          memory = "${each.value.memory_mib}Mi"
        }
        startup_cpu_boost = true
      }

      ports {
        container_port = 8080
      }

      dynamic "env" {
        for_each = local.function_environment[each.key]
        content {
          name  = env.key
          value = env.value
        }
      }

      dynamic "env" {
        for_each = toset([for secret, names in local.secrets : secret if contains(names, each.key)])
        content {
          name = env.key
          value_source {
            secret_key_ref {
              secret  = google_secret_manager_secret.secret[env.key].secret_id
              version = "latest"
            }
          }
        }
      }

      # A GET has no effect. It succeeds once the functions are imported and the server listens.
      startup_probe {
        period_seconds    = 2
        timeout_seconds   = 2
        failure_threshold = 60
        http_get {
          path = "/"
        }
      }

      # The server has one thread more than concurrent requests, so it answers even when all are busy.
      liveness_probe {
        period_seconds    = 30
        timeout_seconds   = 10
        failure_threshold = 6
        http_get {
          path = "/"
        }
      }
    }
  }

  traffic {
    type    = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
    percent = 100
  }

  # Without these a service starts, and fails at its first message.
  depends_on = [
    google_project_iam_member.connects,
    google_project_iam_member.logs_in,
    google_secret_manager_secret_iam_member.reader,
  ]
}
