# A variable names a restored database, which the deployment then uses

mock_provider "google" {}

run "restored" {
  variables {
    restored_instance = "vm-restored"
  }

  assert {
    condition = alltrue([
      for env in concat(
        [for service in google_cloud_run_v2_service.function : service.template[0].containers[0].env],
        [google_cloud_run_v2_job.migrate.template[0].template[0].containers[0].env],
      ) : one([for e in env : e.value if e.name == "VIDEOMOMENTS_CLOUD_SQL_INSTANCE"]) == "test-project:europe-west1:vm-restored"
    ])
    error_message = "Functions and the migration must use the restored instance."
  }
  assert {
    condition = alltrue([
      for g in concat(values(google_project_iam_member.connects), values(google_project_iam_member.logs_in)) :
      strcontains(g.condition[0].expression, "/instances/vm-restored\"")
    ])
    error_message = "They must be allowed to log in to it."
  }
  assert {
    condition     = output.deployment.database_instance == "vm-restored" && google_sql_database_instance.main.name != "vm-restored"
    error_message = "The doctor must check it, and the old instance must stay."
  }
}
