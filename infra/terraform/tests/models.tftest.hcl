# The readers of a model's key, and the values that Terraform refuses before it creates anything

mock_provider "google" {}

run "model_with_a_key" {
  variables {
    model = {
      name    = "some-model"
      url     = "https://models.example/v1"
      api_key = true
    }
  }

  assert {
    condition = alltrue([
      for name, service in google_cloud_run_v2_service.function :
      join(",", [for e in service.template[0].containers[0].env : e.value_source[0].secret_key_ref[0].secret if e.name == "VIDEOMOMENTS_LLM_API_KEY"])
      == (contains(var.functions[name].needs, "models") ? google_secret_manager_secret.secret["VIDEOMOMENTS_LLM_API_KEY"].secret_id : "")
    ])
    error_message = "Only the functions that call models must get the model's key, from its secret."
  }
  assert {
    condition = (
      toset([for g in google_secret_manager_secret_iam_member.reader : g.member]) ==
      toset([for name, f in var.functions : google_service_account.function[name].member if contains(f.needs, "models")]) &&
      alltrue([for g in google_secret_manager_secret_iam_member.reader : g.secret_id == google_secret_manager_secret.secret["VIDEOMOMENTS_LLM_API_KEY"].id])
    )
    error_message = "Only the accounts of those functions may read the secret."
  }
  assert {
    condition     = length(google_project_iam_member.vertex_ai) == 0 && !contains(keys(google_project_service.optional), "aiplatform.googleapis.com")
    error_message = "No account may call Vertex AI then."
  }
}

run "no_model" {
  assert {
    condition     = length(google_secret_manager_secret.secret) == 0 && length(google_project_iam_member.vertex_ai) == 0
    error_message = "Without a model there must be no key and no grant for one."
  }
}

run "secret_for_nobody" {
  command = plan

  variables {
    secrets = { PROXY_PASSWORD = ["no_such_function"] }
  }
  expect_failures = [var.secrets]
}

run "key_for_everybody" {
  command = plan

  variables {
    secrets = { VIDEOMOMENTS_LLM_API_KEY_FAST = ["*"] }
  }
  expect_failures = [var.secrets]
}

run "model_without_an_address" {
  command = plan

  variables {
    model = { name = "some-model" }
  }
  expect_failures = [var.model]
}
