resource "google_monitoring_notification_channel" "email" {
  count        = var.alert_email == null ? 0 : 1
  display_name = "VideoMoments ${var.environment}"
  type         = "email"
  labels       = { email_address = var.alert_email }

  depends_on = [google_project_service.used]
}

# The runtime logs the end of each pipeline with its status.
resource "google_logging_metric" "pipelines_ended" {
  name        = "${var.name}/pipelines_ended"
  description = "Pipelines that ended, by status and by failed stage."
  filter      = "resource.type=\"cloud_run_revision\" AND jsonPayload.message=\"pipeline ended\""

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
    unit        = "1"

    labels { key = "status" }
    labels { key = "error_stage" }
  }

  label_extractors = {
    status      = "EXTRACT(jsonPayload.status)"
    error_stage = "EXTRACT(jsonPayload.error_stage)"
  }

  depends_on = [google_project_service.used]
}

locals {
  of_subscriptions = "resource.type=\"pubsub_subscription\" AND resource.label.subscription_id=monitoring.regex.full_match(\"${join("|", [for s in keys(var.subscriptions) : replace(s, ".", "\\\\.")])}\")"
  of_services      = "resource.type=\"cloud_run_revision\" AND resource.label.service_name=monitoring.regex.full_match(\"${join("|", values(local.service_names))}\")"
  of_database      = "resource.type=\"cloudsql_database\" AND resource.label.database_id=\"${var.project}:${local.instance}\""

  alerts = {
    dead_letters = {
      title     = "messages became dead letters"
      filter    = "${local.of_subscriptions} AND metric.type=\"pubsub.googleapis.com/subscription/dead_letter_message_count\""
      aligner   = "ALIGN_SUM"
      reducer   = "REDUCE_SUM"
      by        = ["resource.label.subscription_id"]
      threshold = 0
      seconds   = 0
      advice    = "A message could not be handled in ${var.max_delivery_attempts} deliveries. `videomoments status` lists it under failures, with the reason."
    }
    old_messages = {
      title     = "a message waits for more than 30 minutes"
      filter    = "${local.of_subscriptions} AND metric.type=\"pubsub.googleapis.com/subscription/oldest_unacked_message_age\""
      aligner   = "ALIGN_MAX"
      reducer   = "REDUCE_MAX"
      by        = ["resource.label.subscription_id"]
      threshold = 1800
      seconds   = 300
      advice    = "The function of that subscription (its name after the dot) cannot keep up or refuses the message. Check its logs; if it is busy, raise max_instances."
    }
    failed_pipelines = {
      title     = "a pipeline failed"
      filter    = "resource.type=\"cloud_run_revision\" AND metric.type=\"logging.googleapis.com/user/${google_logging_metric.pipelines_ended.name}\" AND metric.label.status=\"failed\""
      aligner   = "ALIGN_SUM"
      reducer   = "REDUCE_SUM"
      by        = ["metric.label.error_stage"]
      threshold = 0
      seconds   = 0
      advice    = "`videomoments status` shows the pipeline, the stage and the reason. Once the cause is fixed, publish a pipeline-requested message for the video: only the failed stages run again."
    }
    server_errors = {
      title     = "a function answers with 5xx again and again"
      filter    = "${local.of_services} AND metric.type=\"run.googleapis.com/request_count\" AND metric.label.response_code_class=\"5xx\""
      aligner   = "ALIGN_SUM"
      reducer   = "REDUCE_SUM"
      by        = ["resource.label.service_name"]
      threshold = 30
      seconds   = 600
      advice    = "A few are normal: a function answers with 5xx to get another delivery. So many mean that it cannot reach a database, bucket or model: check the function's logs."
    }
    connections = {
      title     = "the database is nearly out of connections"
      filter    = "${local.of_database} AND metric.type=\"cloudsql.googleapis.com/database/postgresql/num_backends\""
      aligner   = "ALIGN_MAX"
      reducer   = "REDUCE_SUM"
      by        = ["resource.label.database_id"]
      threshold = floor(var.database.max_connections * 0.8)
      seconds   = 300
      advice    = "Lower max_instances or pool_size. Or raise database.max_connections, with a tier that has enough memory."
    }
  }
}

resource "google_monitoring_alert_policy" "alert" {
  for_each              = local.alerts
  display_name          = "VideoMoments ${var.environment}: ${each.value.title}"
  combiner              = "OR"
  notification_channels = google_monitoring_notification_channel.email[*].id

  conditions {
    display_name = each.value.title

    condition_threshold {
      filter          = each.value.filter
      comparison      = "COMPARISON_GT"
      threshold_value = each.value.threshold
      duration        = "${each.value.seconds}s"

      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = each.value.aligner
        cross_series_reducer = each.value.reducer
        group_by_fields      = each.value.by
      }
    }
  }

  alert_strategy {
    auto_close = "86400s"
  }

  documentation {
    content   = each.value.advice
    mime_type = "text/markdown"
  }

  depends_on = [google_project_service.used]
}
