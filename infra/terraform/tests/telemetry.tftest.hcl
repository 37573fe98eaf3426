# Traces and metrics: exported by default, with two roles that only write. Both roles go when it is off.

mock_provider "google" {}

run "exported" {
  assert {
    condition = alltrue([
      for name in keys(var.functions) :
      google_project_iam_member.writes_traces[name].role == "roles/telemetry.tracesWriter" &&
      google_project_iam_member.writes_metrics[name].role == "roles/telemetry.metricsWriter" &&
      google_project_iam_member.writes_traces[name].member == google_service_account.function[name].member &&
      google_project_iam_member.writes_metrics[name].member == google_service_account.function[name].member
    ])
    error_message = "Each function's account must be allowed to write spans and metrics."
  }
  assert {
    condition     = contains(keys(google_project_service.used), "telemetry.googleapis.com")
    error_message = "The telemetry API must be enabled."
  }
}

run "off" {
  variables {
    settings = { TELEMETRY = "off" }
  }
  assert {
    condition     = length(google_project_iam_member.writes_traces) + length(google_project_iam_member.writes_metrics) == 0
    error_message = "Without export, no account may have the roles."
  }
  assert {
    condition = alltrue([
      for name, service in google_cloud_run_v2_service.function :
      one([for e in service.template[0].containers[0].env : e.value if e.name == "VIDEOMOMENTS_TELEMETRY"]) == "off"
    ])
    error_message = "The functions must get the environment's setting."
  }
}
