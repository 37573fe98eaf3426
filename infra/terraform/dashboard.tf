locals {
  charts = [
    {
      title   = "Pipelines ended, by status"
      filter  = "resource.type=\"cloud_run_revision\" AND metric.type=\"logging.googleapis.com/user/${google_logging_metric.pipelines_ended.name}\""
      aligner = "ALIGN_SUM"
      reducer = "REDUCE_SUM"
      by      = ["metric.label.status"]
    },
    {
      title   = "Oldest message waiting, seconds"
      filter  = "${local.of_subscriptions} AND metric.type=\"pubsub.googleapis.com/subscription/oldest_unacked_message_age\""
      aligner = "ALIGN_MAX"
      reducer = "REDUCE_MAX"
      by      = ["resource.label.subscription_id"]
    },
    {
      title   = "Messages waiting"
      filter  = "${local.of_subscriptions} AND metric.type=\"pubsub.googleapis.com/subscription/num_undelivered_messages\""
      aligner = "ALIGN_MAX"
      reducer = "REDUCE_SUM"
      by      = ["resource.label.subscription_id"]
    },
    {
      title   = "Dead letters"
      filter  = "${local.of_subscriptions} AND metric.type=\"pubsub.googleapis.com/subscription/dead_letter_message_count\""
      aligner = "ALIGN_SUM"
      reducer = "REDUCE_SUM"
      by      = ["resource.label.subscription_id"]
    },
    {
      title   = "Requests by response class"
      filter  = "${local.of_services} AND metric.type=\"run.googleapis.com/request_count\""
      aligner = "ALIGN_RATE"
      reducer = "REDUCE_SUM"
      by      = ["metric.label.response_code_class"]
    },
    {
      title   = "Request latency in seconds, 95th percentile"
      filter  = "${local.of_services} AND metric.type=\"run.googleapis.com/request_latencies\""
      aligner = "ALIGN_PERCENTILE_95"
      reducer = "REDUCE_MAX"
      by      = ["resource.label.service_name"]
    },
    {
      title   = "Instances"
      filter  = "${local.of_services} AND metric.type=\"run.googleapis.com/container/instance_count\""
      aligner = "ALIGN_MAX"
      reducer = "REDUCE_SUM"
      by      = ["resource.label.service_name"]
    },
    {
      title   = "Memory in use, 99th percentile"
      filter  = "${local.of_services} AND metric.type=\"run.googleapis.com/container/memory/utilizations\""
      aligner = "ALIGN_PERCENTILE_99"
      reducer = "REDUCE_MAX"
      by      = ["resource.label.service_name"]
    },
    {
      title   = "Database connections"
      filter  = "${local.of_database} AND metric.type=\"cloudsql.googleapis.com/database/postgresql/num_backends\""
      aligner = "ALIGN_MAX"
      reducer = "REDUCE_SUM"
      by      = ["resource.label.database_id"]
    },
    {
      title   = "Database CPU"
      filter  = "${local.of_database} AND metric.type=\"cloudsql.googleapis.com/database/cpu/utilization\""
      aligner = "ALIGN_MAX"
      reducer = "REDUCE_MAX"
      by      = ["resource.label.database_id"]
    },
  ]
}

resource "google_monitoring_dashboard" "main" {
  dashboard_json = jsonencode({
    displayName = "VideoMoments ${var.environment}"
    mosaicLayout = {
      columns = 48
      tiles = [
        for index, chart in local.charts : {
          xPos   = index % 2 * 24
          yPos   = floor(index / 2) * 16
          width  = 24
          height = 16
          widget = {
            title = chart.title
            xyChart = {
              dataSets = [{
                plotType = "LINE"
                timeSeriesQuery = {
                  timeSeriesFilter = {
                    filter = chart.filter
                    aggregation = {
                      alignmentPeriod    = "60s"
                      perSeriesAligner   = chart.aligner
                      crossSeriesReducer = chart.reducer
                      groupByFields      = chart.by
                    }
                  }
                }
              }]
            }
          }
        }
      ]
    }
  })

  depends_on = [google_project_service.used]
}
