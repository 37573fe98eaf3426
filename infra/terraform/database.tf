# Clients reach it only through the Cloud SQL connector, with its certificate and an IAM token. No
# network is authorised, and no password exists.

resource "google_sql_database_instance" "main" {
  name                = "${var.name}-${var.environment}"
  region              = var.region
  database_version    = "POSTGRES_17"
  deletion_protection = var.database.deletion_protection

  settings {
    edition                     = "ENTERPRISE"
    tier                        = var.database.tier
    availability_type           = var.database.high_availability ? "REGIONAL" : "ZONAL"
    disk_type                   = "PD_SSD"
    disk_size                   = var.database.disk_gib
    disk_autoresize             = true
    connector_enforcement       = "REQUIRED"
    deletion_protection_enabled = var.database.deletion_protection

    ip_configuration {
      ipv4_enabled = true
      ssl_mode     = "TRUSTED_CLIENT_CERTIFICATE_REQUIRED"
    }

    backup_configuration {
      enabled                        = true
      point_in_time_recovery_enabled = true
      start_time                     = "03:00"
      transaction_log_retention_days = 7

      backup_retention_settings {
        retained_backups = var.database.retained_backups
      }
    }

    database_flags {
      name  = "cloudsql.iam_authentication"
      value = "on"
    }
    database_flags {
      name  = "max_connections"
      value = tostring(var.database.max_connections)
    }

    insights_config {
      query_insights_enabled = true
    }

    maintenance_window {
      day          = 7
      hour         = 3
      update_track = "stable"
    }
  }

  lifecycle {
    # Cloud SQL grows the disk.
    ignore_changes = [settings[0].disk_size]

    precondition {
      condition     = local.needed_connections <= var.database.max_connections
      error_message = "All instances together would hold ${local.needed_connections} connections: raise database.max_connections, or lower max_instances or pool_size."
    }
  }

  depends_on = [google_project_service.used]
}

locals {
  # The instance that the migration and all functions use.
  instance            = coalesce(var.restored_instance, google_sql_database_instance.main.name)
  instance_connection = var.restored_instance == null ? google_sql_database_instance.main.connection_name : "${var.project}:${var.region}:${var.restored_instance}"
}

resource "google_sql_database" "main" {
  name     = "videomoments"
  instance = google_sql_database_instance.main.name
  # The database is deleted with its instance. Alone it cannot be deleted while anybody is connected.
  deletion_policy = "ABANDON"
}

# The user is the account's e-mail without its suffix. It may log in; the migration grants it rights
# table by table.
resource "google_sql_user" "function" {
  for_each = var.functions
  name     = trimsuffix(google_service_account.function[each.key].email, ".gserviceaccount.com")
  instance = google_sql_database_instance.main.name
  type     = "CLOUD_IAM_SERVICE_ACCOUNT"
  # PostgreSQL cannot drop a role that holds grants. Without its account nobody can log in as it.
  deletion_policy = "ABANDON"
}

# The owner of the tables. No function owns any.
resource "google_sql_user" "migrator" {
  name           = trimsuffix(google_service_account.migrator.email, ".gserviceaccount.com")
  instance       = google_sql_database_instance.main.name
  type           = "CLOUD_IAM_SERVICE_ACCOUNT"
  database_roles = ["cloudsqlsuperuser"]
  # As above: it owns the tables.
  deletion_policy = "ABANDON"
}
